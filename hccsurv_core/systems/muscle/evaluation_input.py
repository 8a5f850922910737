"""What an evaluation of system 1 is given: predictions, definitions and outcomes, as plain arrays.

Nothing here looks at a picture or runs a model: whoever has predictions of patients with a known
outcome can have them judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError
from hccsurv_core.features.body import DEFINITIONS, BodyMeasures, apply_definitions
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.systems.muscle.feature_space import FeatureProjection

ModelKind = Literal["model", "rival", "oracle"]
#: How a model came by its predictions of patients it was trained on.
TrainingPrediction = Literal["none", "out-of-bag", "cross-validated", "apparent"]
#: (member of the ensemble, epoch, training loss, validation loss or NaN).
Epoch = tuple[int, int, float, float]

#: Months at which a model's survival curve is best given: every three, all usual horizons in it.
EVAL_TIMES = tuple(float(t) for t in range(3, 121, 3))
#: What the definitions are made of, besides sex and height.
MEASURES = ("sma_cm2", "pma_cm2", "pd_hu", "ma_hu")
#: The part that belongs to everybody where no split is given.
EVERYBODY = "all"
_SET_TITLES = {
    "train": "Training", "validation": "Validation", "internal": "Internal test",
    "test": "Test", "held_out": "Held-out patients", "external": "External test", "transplant": "Transplantation",
    EVERYBODY: "All patients",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class ModelScores:
    """What one model says about the n patients.

    Args:
        name: unique, as it will stand in tables ("Combined", "Radiomics", "Cox").
        risk_score: (n,) higher is worse; NaN for patients it has no honest prediction of.
        kind: "model" (judged), "rival" (a baseline it is held against), or "oracle" (the true
            hazard of simulated patients, which no model can be expected to beat).
        survival_probability: (n, k) at the input's ``eval_times``; None for a mere score.
        cutoff: above it a patient is at high risk; learned from training patients (their median).
        training: how the training patients' predictions were made.
        apparent_risk_score: (n,) of training patients by a model that had seen them, to show how
            much it flatters itself; NaN elsewhere.
    """

    name: str
    risk_score: np.ndarray
    kind: ModelKind = "model"
    survival_probability: np.ndarray | None = None
    cutoff: float | None = None
    training: TrainingPrediction = "none"
    apparent_risk_score: np.ndarray | None = None

    @property
    def high_risk(self) -> np.ndarray:
        """(n,) 1 above the cut-off, 0 not, NaN where there is no score or no cut-off."""
        if self.cutoff is None:
            return np.full(self.risk_score.shape, np.nan)
        return np.where(np.isnan(self.risk_score), np.nan, self.risk_score > self.cutoff)


@dataclass(frozen=True, eq=False)
class DefinitionScores:
    """One published definition applied to the n patients.

    Args:
        name, title, unit, source: of the definition.
        cutoffs: in words ("≤ 50 / ≤ 39 cm²/m²", male / female).
        value: (n,) measure, NaN where it is not known.
        positive: (n,) 1 low, 0 not low, NaN not known.
        relative: (n,) value divided by the cut-off of the patient's sex.
        reason: the commonest reason for a missing verdict, empty where none is missing.
    """

    name: str
    title: str
    unit: str
    cutoffs: str
    source: str
    value: np.ndarray
    positive: np.ndarray
    relative: np.ndarray
    reason: str = ""


@dataclass(frozen=True, eq=False)
class TrainingOrigin:
    """What a model remembers of its training patients, to recognize and to picture them.

    Args:
        patient_digests, row_digests: see :mod:`~hccsurv_core.systems.muscle.leakage`.
        projection: principal components of the training features, where the model kept them.
    """

    patient_digests: tuple[str, ...] = ()
    row_digests: tuple[str, ...] = ()
    projection: FeatureProjection | None = None


@dataclass(frozen=True, eq=False)
class EvaluationInput:
    """All that is judged.

    Args:
        patient_ids: (n,) pseudonyms.
        outcome: of the n patients.
        models: the first is the one a report opens with.
        eval_times: (k,) rising months of the models' survival probabilities.
        definitions: see :func:`read_definitions`; empty where muscle was not measured.
        split: (n,) part of the study; None is one part, "all".
        training_splits: the parts a model was trained on.
        groups: by name ("center", "scanner", "sex"), (n,) labels; None is not known.
        features: (n, p) what the models were given, for the principal components and to find
            duplicates; NaN is missing. feature_names: (p,).
        origin: of a model read from a bundle.
        histories: by step ("Autoencoder", "Cox network"), its epochs.
        source: name of the cohort; simulated: whether the patients are drawn by a computer.
        endpoint: what the event is the end of.

    Raises:
        InputError: something has another length, a name comes twice, or a value is impossible.
    """

    patient_ids: tuple[str, ...]
    outcome: SurvivalOutcome
    models: tuple[ModelScores, ...]
    eval_times: np.ndarray = field(default_factory=lambda: np.array(EVAL_TIMES))
    definitions: tuple[DefinitionScores, ...] = ()
    split: tuple[str, ...] | None = None
    training_splits: tuple[str, ...] = ("train",)
    groups: Mapping[str, Sequence[str | None]] = field(default_factory=dict)
    features: np.ndarray | None = None
    feature_names: tuple[str, ...] = ()
    origin: TrainingOrigin | None = None
    histories: Mapping[str, Sequence[Epoch]] = field(default_factory=dict)
    source: str = ""
    simulated: bool = False
    endpoint: str = "Overall survival"

    def __post_init__(self) -> None:
        n = len(self.outcome)
        lengths = {"patient_ids": len(self.patient_ids)}
        if self.split is not None:
            lengths["split"] = len(self.split)
        lengths |= {f"group {name}": len(labels) for name, labels in self.groups.items()}
        lengths |= {d.name: d.value.size for d in self.definitions}
        if self.features is not None:
            lengths["features"] = len(self.features)
        for what, size in lengths.items():
            if size != n:
                raise InputError(f"{n} patients have an outcome but {size} are given", source=what)
        _check_models(self.models, n, np.asarray(self.eval_times, float))

    def __len__(self) -> int:
        return len(self.outcome)

    @property
    def sets(self) -> tuple[str, ...]:
        """Parts of the study, training first, the usual order then, others by name."""
        if self.split is None:
            return (EVERYBODY,)
        usual = list(_SET_TITLES)
        found = set(self.split)
        known = [name for name in usual if name in found]
        ordered = [*known, *sorted(found - set(usual))]
        return tuple(sorted(ordered, key=lambda name: name not in self.training_splits))

    def rows_of(self, name: str) -> np.ndarray:
        """(n,) who belongs to a part."""
        if self.split is None:
            return np.ones(len(self), bool)
        return np.array([label == name for label in self.split])

    @property
    def training_rows(self) -> np.ndarray:
        """(n,) whom the models were trained on."""
        if self.split is None:
            return np.zeros(len(self), bool)
        return np.array([label in self.training_splits for label in self.split])


def set_title(name: str) -> str:
    """A part's name for people."""
    return _SET_TITLES.get(name, name)


def _check_models(models: Sequence[ModelScores], n: int, eval_times: np.ndarray) -> None:
    if not models:
        raise InputError("no model is given", source="evaluation")
    names = [m.name for m in models]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"two models are called {twice!r}", source="models")
    if eval_times.ndim != 1 or (np.diff(eval_times) <= 0).any():
        raise InputError("evaluation times must rise", source="eval_times")
    for model in models:
        if np.shape(model.risk_score) != (n,):
            raise InputError(
                f"{n} patients but risk scores of shape {np.shape(model.risk_score)}",
                source=model.name,
            )
        survival = model.survival_probability
        if survival is None:
            continue
        if np.shape(survival) != (n, eval_times.size):
            raise InputError(
                f"{n} patients and {eval_times.size} times need survival probabilities of shape "
                f"({n}, {eval_times.size}), got {np.shape(survival)}",
                source=model.name,
            )
        if np.nanmin(survival, initial=1.0) < 0 or np.nanmax(survival, initial=0.0) > 1:
            raise InputError("survival probabilities lie between 0 and 1", source=model.name)


def read_definitions(
    measures: Mapping[str, ArrayLike], sex: Sequence[str | None], height_m: ArrayLike | None = None
) -> tuple[DefinitionScores, ...]:
    """The five definitions of every patient.

    Args:
        measures: (n,) each of :data:`MEASURES`; one that is left out is known of nobody. NaN is
            missing.
        sex: (n,) "male", "female" or None.
        height_m: (n,) metres, NaN is missing; without it indices are not known.

    Raises:
        InputError: a measure has another length or an impossible value.
    """
    n = len(sex)
    unknown = np.full(n, np.nan)
    columns = {
        name: np.asarray(unknown if given is None else given, dtype=np.float64)
        for name, given in (
            *((m, measures.get(m)) for m in MEASURES),
            ("height_m", height_m),
        )
    }
    for name, values in columns.items():
        if values.shape != (n,):
            raise InputError(f"{n} patients but values of shape {values.shape}", source=name)
    results = []
    for i in range(n):
        facts = {k: None if np.isnan(v[i]) else float(v[i]) for k, v in columns.items()}
        results.append(apply_definitions(BodyMeasures(**facts), sex[i]))
    found = []
    for k, definition in enumerate(DEFINITIONS):
        of_patients = [r[k] for r in results]
        value = np.array([np.nan if r.value is None else r.value for r in of_patients])
        cutoff = np.array([np.nan if r.cutoff is None else r.cutoff for r in of_patients])
        reasons = [r.reason for r in of_patients if r.reason]
        found.append(
            DefinitionScores(
                name=definition.name,
                title=definition.title,
                unit=definition.unit,
                cutoffs=_cutoff_words(definition),
                source=definition.source,
                value=value,
                positive=np.array(
                    [np.nan if r.positive is None else float(r.positive) for r in of_patients]
                ),
                relative=value / cutoff,
                reason=max(set(reasons), key=reasons.count) if reasons else "",
            )
        )
    return tuple(found)


def _cutoff_words(definition) -> str:
    sign = {"<": "<", "<=": "≤"}[definition.operator]
    if not definition.needs_sex:
        return f"{sign} {definition.cutoff_male:g} {definition.unit}"
    return (
        f"{sign} {definition.cutoff_male:g} / {sign} {definition.cutoff_female:g} {definition.unit}"
    )
