"""The evaluation of system 1: the paper's tables and figures as numbers, for any cohort.

:func:`evaluate_muscle` takes predictions, definitions and outcomes (see
:mod:`~hccsurv_core.systems.muscle.evaluation_input`) and answers for every part of the study:
Table 2, survival by each definition and by the model's risk, discrimination against all
definitions with paired tests, disagreement, prediction error, calibration, net benefit; and for
all of them together the principal components and what a reviewer asks about leakage. Drawing is
another room's work (:mod:`hccsurv_core.report.evaluation_figures`). What too few patients cannot
answer has a reason instead of a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hccsurv_core import __version__
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.progress import Progress, part_of, silent
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.kaplan_meier import median_follow_up
from hccsurv_core.systems.muscle.answers import Answer, attempt
from hccsurv_core.systems.muscle.comparison import Discrimination, assess_scores
from hccsurv_core.systems.muscle.disagreement import DisagreementMatrix, disagreement_matrix
from hccsurv_core.systems.muscle.evaluation_input import (
    DefinitionScores,
    Epoch,
    EvaluationInput,
    ModelScores,
    set_title,
)
from hccsurv_core.systems.muscle.evaluation_settings import EvaluationSettings
from hccsurv_core.systems.muscle.feature_space import FeatureSpace, place_features
from hccsurv_core.systems.muscle.leakage import Duplicates, find_duplicates
from hccsurv_core.systems.muscle.prediction_quality import PredictionQuality, assess_predictions
from hccsurv_core.systems.muscle.risk_groups import (
    DefinitionRow,
    RiskGroups,
    definition_table,
    group_patients,
)
from hccsurv_core.systems.muscle.robustness import (
    GroupPerformance,
    TrainingGap,
    performance_by_group,
    training_gap,
)
from hccsurv_core.systems.muscle.scores import score_columns


@dataclass(frozen=True, eq=False)
class SetEvaluation:
    """One part of the study.

    Args:
        name, title: of the part; training: whether models were trained on it.
        n, n_events: patients, and their events.
        follow_up: median, reverse Kaplan-Meier, months.
        groups: low and not low by each definition, high and low risk by each model.
        definition_table: Table 2.
        discrimination: C, AUC, and paired comparisons.
        disagreement: of definitions and models' risk groups.
        predictions: prediction error, calibration, net benefit.
        notes: what a reader of this part must know.
    """

    name: str
    title: str
    training: bool
    n: int
    n_events: int
    follow_up: Estimate
    groups: tuple[RiskGroups, ...]
    definition_table: tuple[DefinitionRow, ...]
    discrimination: Discrimination
    disagreement: Answer[DisagreementMatrix]
    predictions: Answer[PredictionQuality]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "name": self.name,
            "title": self.title,
            "training": self.training,
            "n": self.n,
            "n_events": self.n_events,
            "median_follow_up_months": self.follow_up.to_json(),
            "definition_table": [r.to_json() for r in self.definition_table],
            "survival_by_group": [g.to_json() for g in self.groups],
            "discrimination": self.discrimination.to_json(),
            "disagreement": self.disagreement.to_json(),
            "predictions": self.predictions.to_json(),
            "notes": list(self.notes),
        }


@dataclass(frozen=True, eq=False)
class MuscleEvaluation:
    """Everything that is known about the models on these patients.

    Args:
        source: name of the cohort; simulated: whether its patients are drawn by a computer.
        endpoint: what is predicted.
        models: (name, kind) in the order given; the first opens the report.
        definitions: as given.
        sets: parts of the study, training first.
        feature_space: principal components of the features.
        verdicts: by definition and model, (n,) of all patients, to color the components.
        set_of_patient: (n,) name of each patient's part.
        gaps: training against test, by model.
        by_group: C of the first model in every group of the test patients, by grouping.
        duplicates: None where nothing could be compared.
        histories: training curves, by step.
        settings: of the evaluation.
        notes: what a reader must know.
    """

    source: str
    simulated: bool
    endpoint: str
    models: tuple[tuple[str, str], ...]
    definitions: tuple[DefinitionScores, ...]
    sets: tuple[SetEvaluation, ...]
    feature_space: Answer[FeatureSpace]
    verdicts: Mapping[str, np.ndarray]
    set_of_patient: tuple[str, ...]
    gaps: tuple[TrainingGap, ...]
    by_group: Mapping[str, Answer[GroupPerformance]]
    duplicates: Duplicates | None
    histories: Mapping[str, Sequence[Epoch]]
    settings: EvaluationSettings
    notes: tuple[str, ...]

    @property
    def main_model(self) -> str:
        """The model that opens the report."""
        return self.models[0][0]

    @property
    def test_sets(self) -> tuple[SetEvaluation, ...]:
        """Parts that no model was trained on."""
        return tuple(s for s in self.sets if not s.training)

    def to_json(self) -> dict[str, object]:
        """Plain values; points of curves and patients' places stand in the figures' tables."""
        return {
            "system": "muscle",
            "source": self.source,
            "simulated": self.simulated,
            "endpoint": self.endpoint,
            "hccsurv": __version__,
            "models": [{"name": name, "kind": kind} for name, kind in self.models],
            "definitions": [
                {"name": d.name, "title": d.title, "cutoffs": d.cutoffs, "source": d.source}
                for d in self.definitions
            ],
            "settings": self.settings.to_json(),
            "sets": [s.to_json() for s in self.sets],
            "feature_space": self.feature_space.to_json(),
            "training_gap": [g.to_json() for g in self.gaps],
            "by_group": {name: g.to_json() for name, g in self.by_group.items()},
            "duplicates": None if self.duplicates is None else self.duplicates.to_json(),
            "notes": list(self.notes),
        }


def evaluate_muscle(
    given: EvaluationInput,
    settings: EvaluationSettings | None = None,
    *,
    progress: Progress = silent,
) -> MuscleEvaluation:
    """Judge the models on every part of the study.

    Args:
        given: predictions, definitions, outcomes.
        settings: what is asked; default as the paper does.
        progress: told how far it is; may cancel.
    """
    asked = settings or EvaluationSettings()
    names = given.sets
    sets = []
    for i, name in enumerate(names):
        part = part_of(progress, 0.9 * i / len(names), 0.9 * (i + 1) / len(names))
        sets.append(_evaluate_set(given, name, asked, part))
    progress(0.9, "principal components and duplicates")
    space, duplicates = _feature_space(given), _duplicates(given)
    progress(0.94, "training and test, centres and scanners")
    gaps, by_group = _robustness(given, asked)
    progress(1.0, "done")
    return MuscleEvaluation(
        source=given.source,
        simulated=given.simulated,
        endpoint=given.endpoint,
        models=tuple((m.name, m.kind) for m in given.models),
        definitions=given.definitions,
        sets=tuple(sets),
        feature_space=space,
        verdicts={
            **{d.name: d.positive for d in given.definitions},
            **{m.name: m.high_risk for m in given.models if m.kind == "model"},
        },
        set_of_patient=given.split or (given.sets[0],) * len(given),
        gaps=gaps,
        by_group=by_group,
        duplicates=duplicates,
        histories=given.histories,
        settings=asked,
        notes=_notes(given, duplicates),
    )


def _feature_space(given: EvaluationInput) -> Answer[FeatureSpace]:
    if given.features is None:
        return Answer(None, "no features are given")
    projection = given.origin.projection if given.origin else None
    return attempt(place_features, given.features, given.training_rows, projection)


def _duplicates(given: EvaluationInput) -> Duplicates | None:
    origin = given.origin
    return find_duplicates(
        given.training_rows, given.patient_ids, given.features,
        known_patients=origin.patient_digests if origin else (),
        known_rows=origin.row_digests if origin else (),
    )  # fmt: skip


def _robustness(
    given: EvaluationInput, settings: EvaluationSettings
) -> tuple[tuple[TrainingGap, ...], dict[str, Answer[GroupPerformance]]]:
    """Training against test of every model, and the first judged model by group."""
    trained = given.training_rows
    gaps = [
        training_gap(given.outcome, m, trained, settings)
        for m in given.models
        if trained.any() and m.kind != "oracle"
    ]
    judged = next((m for m in given.models if m.kind == "model"), given.models[0])
    by_group = {
        name: attempt(
            performance_by_group, given.outcome, judged, name, labels, ~trained, settings
        )
        for name, labels in given.groups.items()
    }  # fmt: skip
    return tuple(gaps), by_group


def _evaluate_set(
    given: EvaluationInput, name: str, settings: EvaluationSettings, progress: Progress
) -> SetEvaluation:
    rows = given.rows_of(name)
    outcome = given.outcome.subset(rows)
    definitions = tuple(_definition_rows(d, rows) for d in given.definitions)
    models = tuple(_model_rows(m, rows) for m in given.models)
    progress(0.0, f"{set_title(name)}: survival by definition and by risk")
    groups = group_patients(
        outcome, definitions, [m for m in models if m.kind == "model"],
        horizons_months=settings.horizons_months, level=settings.level,
    )  # fmt: skip
    columns = score_columns(models, definitions, settings.definition_forms)
    discrimination = assess_scores(
        outcome, columns, settings, progress=part_of(progress, 0.15, 0.6)
    )
    progress(0.6, f"{set_title(name)}: predicted survival")
    predictions = attempt(
        assess_predictions, outcome, models, given.eval_times, settings,
        progress=part_of(progress, 0.6, 1.0),
    )  # fmt: skip
    training = name in given.training_splits and given.split is not None
    return SetEvaluation(
        name=name,
        title=set_title(name),
        training=training,
        n=len(outcome),
        n_events=outcome.n_events,
        follow_up=median_follow_up(outcome, level=settings.level),
        groups=groups,
        definition_table=definition_table(
            outcome, groups, {d.name: d.cutoffs for d in definitions},
            level=settings.level, correction=settings.correction,
        ),
        discrimination=discrimination,
        disagreement=attempt(disagreement_matrix, groups, level=settings.level),
        predictions=predictions,
        notes=_set_notes(outcome, models, training),
    )  # fmt: skip


def _definition_rows(definition: DefinitionScores, rows: np.ndarray) -> DefinitionScores:
    return replace(
        definition, value=definition.value[rows], positive=definition.positive[rows],
        relative=definition.relative[rows],
    )  # fmt: skip


def _model_rows(model: ModelScores, rows: np.ndarray) -> ModelScores:
    survival, apparent = model.survival_probability, model.apparent_risk_score
    return replace(
        model,
        risk_score=np.asarray(model.risk_score, float)[rows],
        survival_probability=None if survival is None else np.asarray(survival, float)[rows],
        apparent_risk_score=None if apparent is None else np.asarray(apparent, float)[rows],
    )


def _set_notes(
    outcome: SurvivalOutcome, models: Sequence[ModelScores], training: bool
) -> tuple[str, ...]:
    notes = []
    if outcome.n_events < 10:
        notes.append(
            f"Only {outcome.n_events} events among {len(outcome)} patients: intervals are wide, "
            "and a p-value says little."
        )
    for model in models if training else ():
        if model.kind == "oracle" or not np.isfinite(model.risk_score).any():
            continue
        if model.training == "apparent":
            notes.append(
                f"{model.name} had seen these patients: its results on them flatter it and are "
                "no evidence."
            )
        elif model.training == "none":
            notes.append(
                f"It is not said how {model.name} predicted the patients it was trained on: take "
                "its results on them for flattering."
            )
        else:
            notes.append(
                f"{model.name}: {model.training} predictions, made without having seen the patient."
            )
    return tuple(notes)


def _notes(given: EvaluationInput, duplicates: Duplicates | None) -> tuple[str, ...]:
    notes = []
    if given.simulated:
        notes.append(
            "Simulated patients, drawn by a computer: the results show whether the method finds "
            "what is there, never how patients fare."
        )
    if duplicates is None:
        notes.append(
            "Whether test patients were among the training patients could not be checked: neither "
            "names nor features of training patients are known."
        )
    elif duplicates.found:
        notes.append(duplicates.words())
    if not given.definitions:
        notes.append("Muscle was not measured, so that there are no definitions to compare with.")
    if any(m.kind == "oracle" for m in given.models):
        notes.append(
            "The oracle is the simulator's true hazard, which is known for simulated patients "
            "only; no model can be expected to rank better."
        )
    return tuple(notes)
