"""A model of system 3 on patients it has not seen: each endpoint, each version, the four classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hccsurv_core.errors import StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.progress import Progress, silent
from hccsurv_core.stats.concordance import estimate_concordance
from hccsurv_core.stats.concordance_comparison import ConcordanceComparison, compare_concordances
from hccsurv_core.stats.decision_curve import (
    DecisionCurve,
    decision_curve,
    decision_curve_at_horizon,
)
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.prediction_error import BrierScore, prediction_error_curve
from hccsurv_core.stats.reclassification import (
    Reclassification,
    reclassification,
    reclassification_at_horizon,
)
from hccsurv_core.stats.survival_performance import SurvivalPerformance, assess_survival_model
from hccsurv_core.systems.ceus.cohort import CeusCohort
from hccsurv_core.systems.ceus.evaluation_classes import ClassesEvaluation, evaluate_classes
from hccsurv_core.systems.ceus.evaluation_early import EarlyEvaluation, evaluate_early
from hccsurv_core.systems.ceus.model import CeusModel
from hccsurv_core.systems.ceus.settings import CLINICAL, VERSION_WORDS
from hccsurv_core.systems.explorer.performance import CalibrationAt
from hccsurv_core.systems.horizon_calibration import calibrate_at_horizons, calibration_json


@dataclass(frozen=True, eq=False)
class VersionEvaluation:
    """One version.

    Args:
        early: of early recurrence.
        death: discrimination, calibration and accuracy of survival.
        calibration: of survival at each horizon that can be answered.
        error_curve: prediction error over time; None where nobody died.
        recurrence: C-index of the time to recurrence, deaths before it censored.
    """

    early: EarlyEvaluation
    death: SurvivalPerformance
    calibration: tuple[CalibrationAt, ...]
    error_curve: BrierScore | None
    recurrence: Estimate

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "early_recurrence": self.early.to_json(),
            "death": {
                "metrics": {name: e.to_json() for name, e in self.death.metrics.items()},
                "left_out": self.death.left_out,
                "calibration": [calibration_json(c) for c in self.calibration],
                "prediction_error": None
                if self.error_curve is None
                else self.error_curve.to_json(),
            },
            "recurrence_c_index": self.recurrence.to_json(),
        }


@dataclass(frozen=True, eq=False)
class Added:
    """What pictures add to clinical values; None where it could not be told.

    Args:
        early, death: changes of predicted risk by who had the event; death by horizon.
    """

    early: Reclassification | None
    death: Mapping[float, Reclassification]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "early_recurrence": None if self.early is None else self.early.to_json(),
            "death": {f"{h:g}": found.to_json() for h, found in self.death.items()},
        }


@dataclass(frozen=True, eq=False)
class CeusEvaluation:
    """Everything.

    Args:
        version: the one that answers for patients with pictures, the last of ``versions``.
        n, n_events: patients and deaths.
        versions: by name.
        c_index: of all versions for death, the answering one against each.
        decision_early, decision_death: net benefit by version; the second by horizon.
        added: by pictures over clinical values; None without pictures.
        classes: the four.
        oracle: of simulated patients, "death" and "early_recurrence": how well the truth itself
            ranks them, and the share of that above chance which each version reaches; None of others.
        training_fit: the same model's C-index of death and area of early recurrence in its
            cross-validation, for the gap.
        notes: what a reader should know.
        horizons_months: at which survival of the classes is told.
    """

    version: str
    n: int
    n_events: int
    versions: Mapping[str, VersionEvaluation]
    c_index: ConcordanceComparison
    decision_early: DecisionCurve | None
    decision_death: Mapping[float, DecisionCurve]
    added: Added | None
    classes: ClassesEvaluation
    oracle: Mapping[str, Any] | None
    training_fit: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...] = ()
    horizons_months: tuple[float, ...] = ()

    @property
    def metrics(self) -> dict[str, Estimate]:
        """Of the answering version, by name."""
        own = self.versions[self.version]
        return {
            **own.death.metrics,
            "early_recurrence_auc": own.early.area,
            "early_recurrence_brier": own.early.brier,
            "recurrence_c_index": own.recurrence,
        }

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "version": self.version,
            "n": self.n,
            "n_events": self.n_events,
            "metrics": {name: e.to_json() for name, e in self.metrics.items()},
            "versions": {name: v.to_json() for name, v in self.versions.items()},
            "c_index": {
                name: a.estimate.to_json() if a.estimate else {"reason": a.reason}
                for name, a in self.c_index.scores.items()
            },
            "model_against": {
                b: {
                    "difference": a.estimate.to_json() if a.estimate else None,
                    "p": a.p if a.p == a.p else None,
                    "reason": a.reason,
                }
                for (_, b), a in self.c_index.differences.items()
            },
            "decision_early": None
            if self.decision_early is None
            else self.decision_early.to_json(),
            "decision_death": {f"{h:g}": d.to_json() for h, d in self.decision_death.items()},
            "added": None if self.added is None else self.added.to_json(),
            "classes": self.classes.to_json(),
            "oracle": None if self.oracle is None else dict(self.oracle),
            "training_fit": [dict(row) for row in self.training_fit],
            "notes": list(self.notes),
        }


def evaluate_ceus(
    model: CeusModel,
    cohort: CeusCohort,
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> CeusEvaluation:
    """Judge a model.

    Args:
        model: as read.
        cohort: patients that it has not learned from, with what was measured on their pictures
            (:meth:`CeusModel.image_values`), where they have any.
        seed: of the bootstrap.
        progress: may cancel.

    Raises:
        StatisticsError: nobody died, or nobody recurred early.
    """
    versions = model.versions if cohort.images is not None else (CLINICAL,)
    predicted = {version: _predict(model, version, cohort) for version in versions}
    horizons = tuple(float(h) for h in model.description["horizons_months"])
    judged = {}
    for number, version in enumerate(versions):
        progress(0.7 * number / len(versions), f"evaluating: {VERSION_WORDS[version]}")
        judged[version] = _judge(model, version, predicted[version], cohort, horizons, seed)
    last = versions[-1]
    answerable = judged[last].death.horizons_months
    progress(0.7, "comparing versions, decision curves and classes")
    scores = {VERSION_WORDS[v]: predicted[v].risk for v in versions}
    evaluation = CeusEvaluation(
        last,
        len(cohort),
        cohort.outcome.n_events,
        judged,
        compare_concordances(
            cohort.outcome, scores, [(VERSION_WORDS[last], VERSION_WORDS[v]) for v in versions[:-1]],
            seed=seed,
        ),
        _decide_early(cohort, predicted),
        {h: _decide_death(cohort.outcome, predicted, h) for h in answerable},
        _added(cohort, predicted, last, answerable),
        evaluate_classes(model.rules[last], predicted[last], cohort, horizons),
        _oracle(cohort, predicted),
        tuple(model.description["cross_validation"]["results"]),
        horizons_months=horizons,
    )  # fmt: skip
    progress(1.0, "evaluated")
    return evaluation


@dataclass(frozen=True, eq=False)
class Predicted:
    """One version's predictions of n patients.

    Args:
        probability: (n,) of early recurrence. risk: (n,) log hazard of death.
        positive, high: (n,) above the cut-offs of the classes.
        survival: (t,) months → (n, t).
    """

    probability: np.ndarray
    risk: np.ndarray
    early_score: np.ndarray
    positive: np.ndarray
    high: np.ndarray
    survival: Any


def _predict(model: CeusModel, version: str, cohort: CeusCohort) -> Predicted:
    models, rule = model.models[version], model.rules[version]
    table = cohort.features(model.covariates, images=version != CLINICAL)
    values = table.columns(models.names).values
    probability, scores = models.early.probability(values), models.scores(values)
    return Predicted(
        probability,
        scores[:, 1],
        scores[:, 0],
        rule.recurrence.cutpoint.apply(probability),
        rule.survival.cutpoint.apply(scores[:, 1]),
        lambda times: models.death.survival(values, times),
    )


def _judge(
    model: CeusModel,
    version: str,
    predicted: Predicted,
    cohort: CeusCohort,
    horizons: tuple[float, ...],
    seed: int,
) -> VersionEvaluation:
    death = assess_survival_model(
        cohort.outcome, predicted.risk, predicted.survival, horizons, seed=seed
    )
    try:
        errors = prediction_error_curve(
            cohort.outcome, predicted.survival, until_months=horizons[-1]
        )
    except StatisticsError:
        errors = None
    return VersionEvaluation(
        evaluate_early(cohort.early, predicted.probability, predicted.positive),
        death,
        calibrate_at_horizons(cohort.outcome, predicted.survival, death.horizons_months),
        errors,
        estimate_concordance(cohort.recurrence.cause_specific(1), predicted.early_score, seed=seed),
    )


def _decide_early(cohort: CeusCohort, predicted: Mapping[str, Predicted]) -> DecisionCurve | None:
    known = np.isfinite(cohort.early)
    risks = {VERSION_WORDS[v]: p.probability[known] for v, p in predicted.items()}
    try:
        return decision_curve(cohort.early[known].astype(bool), risks)
    except StatisticsError:
        return None


def _decide_death(
    outcome: SurvivalOutcome, predicted: Mapping[str, Predicted], horizon: float
) -> DecisionCurve:
    risks = {
        VERSION_WORDS[v]: 1 - p.survival(np.array([horizon]))[:, 0] for v, p in predicted.items()
    }
    return decision_curve_at_horizon(outcome, risks, horizon)


def _added(
    cohort: CeusCohort,
    predicted: Mapping[str, Predicted],
    last: str,
    horizons: tuple[float, ...],
) -> Added | None:
    """Net reclassification from clinical values to the answering version."""
    if last == CLINICAL:
        return None
    old, new = predicted[CLINICAL], predicted[last]
    known = np.isfinite(cohort.early)
    death = {}
    for h in horizons:
        at = np.array([h])
        death[h] = reclassification_at_horizon(
            cohort.outcome, 1 - old.survival(at)[:, 0], 1 - new.survival(at)[:, 0], h
        )
    try:
        early = reclassification(
            cohort.early[known].astype(bool), old.probability[known], new.probability[known]
        )
    except StatisticsError:
        return Added(None, death)
    return Added(early, death)


def _oracle(cohort: CeusCohort, predicted: Mapping[str, Predicted]) -> dict[str, Any] | None:
    """How near each version comes to the simulator's own knowledge; None of real patients."""
    if not cohort.simulated or cohort.folder is None:
        return None
    from hccsurv_core.systems.ceus.simulated_truth import compare_with_truth, read_truth

    truth = read_truth(cohort.folder, cohort.patient_ids)
    if truth is None:
        return None
    return compare_with_truth(
        truth, cohort,
        {v: (p.probability, p.risk) for v, p in predicted.items()},
    )  # fmt: skip
