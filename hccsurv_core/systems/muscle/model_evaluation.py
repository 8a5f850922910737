"""From a trained model and a feature table to what an evaluation is given.

Whom the model was trained on is told by the bundle's digests, not by a table's column "split": a
table of another hospital has a "train" too, and its patients are all new to the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.rivals import RIVALS, fit_rival
from hccsurv_core.models.standardize import fit_standardizer
from hccsurv_core.progress import Progress, part_of, silent
from hccsurv_core.systems.muscle.evaluation_input import (
    EVAL_TIMES,
    MEASURES,
    DefinitionScores,
    Epoch,
    EvaluationInput,
    ModelScores,
    TrainingOrigin,
    read_definitions,
)
from hccsurv_core.systems.muscle.feature_space import FeatureProjection
from hccsurv_core.systems.muscle.leakage import row_digests
from hccsurv_core.systems.muscle.prediction import MuscleModel

if TYPE_CHECKING:
    from hccsurv_core.systems.muscle.training import TrainedMuscle

#: The steps of a training, as its curves are called.
AUTOENCODER, NETWORKS = "Autoencoder (reconstruction error)", "Cox networks (partial likelihood)"


@dataclass(frozen=True, eq=False)
class Study:
    """What is known of the patients beside their features and outcome.

    Args:
        definitions: of the n patients; where there are none, those that the table's own columns
            allow (see :func:`definitions_of_table`).
        groups: further labels, (n,) each ("scanner"); the table's "center" is always one.
        oracle: (n,) true log hazard of simulated patients.
        source: name of the cohort; default the table's.
        simulated: whether the patients are drawn by a computer.
        endpoint: what the event is the end of.
    """

    definitions: Sequence[DefinitionScores] = ()
    groups: Mapping[str, Sequence[str | None]] = field(default_factory=dict)
    oracle: ArrayLike | None = None
    source: str = ""
    simulated: bool = False
    endpoint: str = "Overall survival"


def evaluation_input(
    model: MuscleModel,
    table: FeatureTable,
    study: Study | None = None,
    *,
    name: str = "Model",
    unseen: Mapping[str, ArrayLike] | None = None,
    rivals: Sequence[str] = (),
    projection: FeatureProjection | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> EvaluationInput:
    """Predict the table's patients and put together what :func:`evaluate_muscle` takes.

    Args:
        model: from a bundle or a training.
        table: features and outcome of n patients, with the model's training patients among them
            or not; labels "split" and "center" are used.
        study: what else is known of the patients.
        name: of the model in tables and figures.
        unseen: by model or rival name, (n,) scores of training patients by models that had not
            seen them, NaN elsewhere (see :func:`unseen_scores`). Without them the training
            patients are predicted by the model that had seen them, and that is said.
        rivals: baselines (keys of :data:`~hccsurv_core.models.rivals.RIVALS`) to fit to the
            training patients; they must be in the table.
        projection: principal components of the training features, where they were kept.
        seed: of the rivals' trees.

    Raises:
        TableError: a feature or the outcome is missing.
        InputError: rivals are asked for but no training patient is in the table.
    """
    about, honest = study or Study(), unseen or {}
    known = table.columns(model.feature_names)
    trained = trained_rows(model, known)
    split = table.labels.get("split")
    if split is None and trained.any():
        split = tuple("train" if was else "test" for was in trained)
    times = np.array(sorted({*EVAL_TIMES, *model.horizons_months}))
    progress(0.0, "predicting")
    models = [_scores_of(model, known, trained, name, times, honest.get(name))]
    for i, rival in enumerate(rivals):
        report = part_of(progress, i / len(rivals), (i + 1) / len(rivals))
        models.append(_rival(rival, known, trained, honest, seed, report))
    if about.oracle is not None:
        models.append(ModelScores("True hazard", np.asarray(about.oracle, float), "oracle"))
    center = {"center": table.labels["center"]} if "center" in table.labels else {}
    return EvaluationInput(
        patient_ids=table.patient_ids, outcome=table.require_outcome(), models=tuple(models),
        eval_times=times, split=split,
        definitions=tuple(about.definitions) or definitions_of_table(table),
        training_splits=_training_splits(split, trained), groups={**center, **about.groups},
        features=known.values, feature_names=known.names,
        origin=_origin(model, table, projection), histories=training_histories(model.description),
        source=about.source or table.source, simulated=about.simulated, endpoint=about.endpoint,
    )  # fmt: skip


def trained_rows(model: MuscleModel, table: FeatureTable) -> np.ndarray:
    """(n,) whose features are exactly those of a training patient.

    Args:
        table: with the model's features as its columns.
    """
    digests = set(model.description.get("training", {}).get("row_digests", ())) - {""}
    return np.array([d in digests for d in row_digests(table.values)], dtype=bool)


def definitions_of_table(table: FeatureTable) -> tuple[DefinitionScores, ...]:
    """The five definitions from columns that are called as the measures are.

    Args:
        table: with some of ``sma_cm2``, ``pma_cm2``, ``pd_hu``, ``ma_hu``, and with ``male`` (1 or
            0) and ``height_m`` where a definition needs them.

    Returns:
        empty where no measure is in the table.

    Raises:
        InputError: a measure is impossible, or ``male`` is neither 1 nor 0.
    """
    columns = {name: table.values[:, i] for i, name in enumerate(table.names)}
    measures = {name: columns[name] for name in MEASURES if name in columns}
    if not measures:
        return ()
    male = columns.get("male", np.full(len(table), np.nan))
    known = np.isfinite(male)
    if not np.isin(male[known], (0, 1)).all():
        raise InputError("must be 1 (male) or 0 (female)", source="male")
    sex = [None if not k else "male" if m else "female" for m, k in zip(male, known, strict=True)]
    return read_definitions(measures, sex, columns.get("height_m"))


def unseen_scores(trained: TrainedMuscle, table: FeatureTable, name: str) -> dict[str, np.ndarray]:
    """Cross-validated scores of the training patients, right after a training.

    Args:
        table: that it was trained on.
        name: what the model is to be called.

    Returns:
        by the model's name and every rival's, (n,); NaN for patients not trained on.
    """
    from hccsurv_core.systems.muscle.training import TRAIN

    rows = table.where("split", TRAIN) if "split" in table.labels else np.ones(len(table), bool)
    found = {}
    for title, scores in trained.cross_validation.items():
        full = np.full(len(table), np.nan)
        if title == trained.recipe.name:
            full[rows] = trained.model.ensemble.slope * scores.mean_score
            found[name] = full
        elif title in RIVALS.values():
            full[rows] = scores.mean_score
            found[title] = full
    return found


def training_histories(description: Mapping[str, Any]) -> dict[str, tuple[Epoch, ...]]:
    """Losses by step, member and epoch from a bundle's description; steps without any are left out."""
    course = description.get("course", {})
    encoder = course.get("autoencoder", {})
    found = {
        AUTOENCODER: tuple(
            (0, epoch, _loss(train), _loss(stop))
            for epoch, (train, stop) in enumerate(
                zip(encoder.get("train_loss", ()), encoder.get("stop_loss", ()), strict=True), 1
            )
        )
    }
    epochs: list[Epoch] = []
    first = 0
    for part in course.get("networks", ()):
        rows = list(zip(part["train_loss"], part["stop_loss"], strict=True))
        for epoch, (train, stop) in enumerate(rows, 1):
            epochs += [
                (first + m, epoch, _loss(a), _loss(b))
                for m, (a, b) in enumerate(zip(train, stop, strict=True))
                if a is not None
            ]
        first += len(rows[0][0]) if rows else 0
    found[NETWORKS] = tuple(epochs)
    return {step: rows for step, rows in found.items() if rows}


def _origin(
    model: MuscleModel, table: FeatureTable, projection: FeatureProjection | None
) -> TrainingOrigin:
    """What the model remembers; names count only where the table's are its own."""
    training = model.description.get("training", {})
    names = training.get("patient_digests", ()) if table.named else ()
    return TrainingOrigin(tuple(names), tuple(training.get("row_digests", ())), projection)


def _loss(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _training_splits(split: Sequence[str] | None, trained: np.ndarray) -> tuple[str, ...]:
    """Parts of which most patients were trained on."""
    if split is None:
        return ()
    labels = np.array(split, dtype=object)
    return tuple(
        name for name in sorted(set(split)) if trained[labels == name].mean() > 0.5
    )  # fmt: skip


def _scores_of(
    model: MuscleModel,
    table: FeatureTable,
    trained: np.ndarray,
    name: str,
    times: np.ndarray,
    unseen: ArrayLike | None,
) -> ModelScores:
    """Of the model; of training patients what it says unseen, where that is known."""
    prediction = model.predict_table(table, times)
    risk, survival = prediction.risk_score, prediction.survival_probability
    if unseen is None:
        return ModelScores(
            name, risk, "model", survival, model.cutoff, "apparent" if trained.any() else "none"
        )
    honest = np.asarray(unseen, dtype=np.float64)
    rows = np.isfinite(honest)
    apparent = np.where(rows, risk, np.nan)
    risk = np.where(rows, honest, risk)
    survival = np.where(rows[:, None], model.ensemble.survival(risk, times), survival)
    return ModelScores(name, risk, "model", survival, model.cutoff, "cross-validated", apparent)


def _rival(
    name: str,
    table: FeatureTable,
    trained: np.ndarray,
    honest: Mapping[str, ArrayLike],
    seed: int,
    progress: Progress,
) -> ModelScores:
    if trained.sum() < 2:
        raise InputError(
            "no training patient is in the table, so that rivals cannot be fitted",
            source="rivals",
            remedy="leave the rivals out, or give the table that the model was trained on",
        )
    title = RIVALS.get(name, name)
    progress(0.0, f"fitting {title}")
    part = table.subset(trained)
    standardizer = fit_standardizer(part.values, part.names)
    rival = fit_rival(
        name, standardizer.apply(part.values), part.require_outcome(), seed=seed, progress=progress
    )
    risk = np.asarray(rival.risk_score(standardizer.apply(table.values)), dtype=np.float64)
    apparent = np.where(trained, risk, np.nan)
    unseen = np.asarray(honest.get(title, np.full(len(table), np.nan)), dtype=np.float64)
    return ModelScores(
        title, np.where(trained, unseen, risk), "rival",
        training="cross-validated" if title in honest else "none", apparent_risk_score=apparent,
    )  # fmt: skip
