"""The five models of system 4 on patients they have not seen, beside RECIST."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.progress import Progress, part_of, silent
from hccsurv_core.stats.concordance_comparison import ConcordanceComparison, compare_concordances
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.prediction_error import BrierScore, prediction_error_curve
from hccsurv_core.stats.roc import RocCurve
from hccsurv_core.stats.survival_performance import SurvivalPerformance, assess_survival_model
from hccsurv_core.stats.time_dependent_roc import time_dependent_roc
from hccsurv_core.systems.explorer.curves import GroupComparison
from hccsurv_core.systems.explorer.performance import CalibrationAt
from hccsurv_core.systems.horizon_calibration import calibrate_at_horizons, calibration_json
from hccsurv_core.systems.immunotherapy.cohort import ImmunotherapyCohort
from hccsurv_core.systems.immunotherapy.evaluation_parts import (
    Importance,
    RiskStrips,
    c_index_by_label,
    permutation_importance,
    risk_strips,
)
from hccsurv_core.systems.immunotherapy.evaluation_recist import RecistComparison, compare_recist
from hccsurv_core.systems.immunotherapy.model import ImmunotherapyModel
from hccsurv_core.systems.immunotherapy.tables import VersionTable, version_tables
from hccsurv_core.systems.immunotherapy.versions import (
    CLN,
    RAD_D,
    RAD_S,
    RADCLN_D,
    VERSION_WORDS,
    clock_words,
)
from hccsurv_core.systems.muscle.answers import Answer, attempt
from hccsurv_core.systems.muscle.evaluation_input import ModelScores
from hccsurv_core.systems.muscle.risk_groups import comparison_json, group_patients
from hccsurv_core.systems.muscle.simulated_truth import true_hazard

#: Pairs whose difference is told: each two-scan model against the one-scan model that lacks the second
#: scan, and against the clinical score.
PAIRS = ((RAD_D, RAD_S), (RADCLN_D, CLN), (RADCLN_D, RAD_D))
ORACLE = "true hazard"


@dataclass(frozen=True, eq=False)
class VersionEvaluation:
    """One version, from its own scan on.

    Args:
        version: which. n, n_events: its patients and their deaths.
        risk_score: (n,) of these patients. patient_ids: of them.
        performance: discrimination, calibration and accuracy.
        calibration: of survival at each horizon that can be answered.
        error_curve: prediction error over time.
        roc: ROC curve by horizon.
        groups: survival above and below the training median.
    """

    version: str
    n: int
    n_events: int
    patient_ids: tuple[str, ...]
    risk_score: np.ndarray
    performance: SurvivalPerformance
    calibration: tuple[CalibrationAt, ...]
    error_curve: Answer[BrierScore]
    roc: Mapping[float, RocCurve]
    groups: Answer[GroupComparison]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "version": self.version,
            "words": VERSION_WORDS[self.version],
            "clock": clock_words(self.version),
            "n": self.n,
            "n_events": self.n_events,
            "metrics": {name: e.to_json() for name, e in self.performance.metrics.items()},
            "left_out": self.performance.left_out,
            "calibration": [calibration_json(c) for c in self.calibration],
            "prediction_error": self.error_curve.to_json(),
            "roc": {f"{h:g}": curve.to_json() for h, curve in self.roc.items()},
            "risk_groups": comparison_json(self.groups),
        }


@dataclass(frozen=True, eq=False)
class ImmunotherapyEvaluation:
    """Everything.

    Args:
        version: the last of ``versions``: it uses most.
        n, n_events: patients of the cohort, and deaths from the baseline scan on.
        versions: by name.
        compared: C-index of all versions on the patients who have all, from the last scan that one of
            them looks at, and paired differences.
        n_compared: those patients. n_compared_events: their deaths.
        recist: beside the risk groups, on the same patients; None without readings or two scans.
        by_label: C-index of the answering version by center and by manufacturer.
        importance: what the answering version loses where a covariate is shuffled.
        strips: risk of each patient and what it is made of.
        oracle: of simulated patients, how well the truth ranks them, and the share of its margin over
            0.5 that each version reaches on the same patients; None of others.
        training_fit: C-index by cross-validation in training, for the gap.
        horizons_months: at which survival is told.
    """

    version: str
    n: int
    n_events: int
    versions: Mapping[str, VersionEvaluation]
    compared: ConcordanceComparison
    n_compared: int
    n_compared_events: int
    recist: RecistComparison | None
    by_label: Mapping[str, Mapping[str, Any]]
    importance: tuple[Importance, ...]
    strips: RiskStrips
    oracle: Mapping[str, Any] | None
    training_fit: tuple[Mapping[str, Any], ...]
    horizons_months: tuple[float, ...]
    notes: tuple[str, ...] = ()

    @property
    def metrics(self) -> dict[str, Estimate]:
        """Of the answering version, by name."""
        return self.versions[self.version].performance.metrics

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "version": self.version,
            "n": self.n,
            "n_events": self.n_events,
            "metrics": {name: e.to_json() for name, e in self.metrics.items()},
            "versions": {name: v.to_json() for name, v in self.versions.items()},
            "compared": {
                "n": self.n_compared,
                "n_events": self.n_compared_events,
                "c_index": {
                    name: a.estimate.to_json() if a.estimate else {"reason": a.reason}
                    for name, a in self.compared.scores.items()
                },
                "differences": [
                    {
                        "first": a, "second": b,
                        "difference": answer.estimate.to_json() if answer.estimate else None,
                        "p": answer.p if answer.p == answer.p else None,
                        "reason": answer.reason,
                    }
                    for (a, b), answer in self.compared.differences.items()
                ],
            },
            "recist": None if self.recist is None else self.recist.to_json(),
            "c_index_by": {label: dict(found) for label, found in self.by_label.items()},
            "importance": [one.to_json() for one in self.importance],
            "oracle": None if self.oracle is None else dict(self.oracle),
            "training_fit": [dict(row) for row in self.training_fit],
            "notes": list(self.notes),
        }  # fmt: skip


def evaluate_immunotherapy(
    model: ImmunotherapyModel,
    cohort: ImmunotherapyCohort,
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> ImmunotherapyEvaluation:
    """Judge a model.

    Args:
        model: as read.
        cohort: patients that it has not learned from, with what was measured on their scans (signs and
            network scores), where they have any.
        seed: of bootstrap and shuffles.
        progress: may cancel.

    Raises:
        StatisticsError: nobody died.
    """
    tables = {v: t for v, t in version_tables(cohort).items() if v in model.models}
    horizons = tuple(float(h) for h in model.description["horizons_months"])
    judged = {}
    for number, (version, table) in enumerate(tables.items()):
        progress(0.7 * number / len(tables), f"evaluating {version}")
        judged[version] = _judge(model, version, table, horizons, seed)
    last = list(tables)[-1]
    progress(0.7, "comparing the models")
    common = _common(cohort, judged, last)
    truth = _truth(cohort)
    compared, oracle = _compare(common, judged, truth, seed, part_of(progress, 0.7, 0.9))
    progress(0.9, "RECIST, centers and importance")
    own = judged[last]
    table = tables[last]
    answer = ImmunotherapyEvaluation(
        last, len(cohort), cohort.outcome.n_events, judged, compared,
        len(common), common.outcome.n_events,
        compare_recist(common, own, model.description["versions_of"][last]["cutoff"], horizons),
        c_index_by_label(table, cohort, own.risk_score, seed),
        permutation_importance(model.models[last], table, seed),
        risk_strips(model, last, table),
        oracle,
        tuple(model.description["cross_validation"]["results"]),
        horizons,
    )  # fmt: skip
    progress(1.0, "evaluated")
    return answer


def _judge(
    model: ImmunotherapyModel,
    version: str,
    table: VersionTable,
    horizons: tuple[float, ...],
    seed: int,
) -> VersionEvaluation:
    fitted = model.models[version]
    values = table.table.columns(fitted.names).values
    risk, outcome = fitted.risk_score(values), table.outcome

    def survival(times: np.ndarray) -> np.ndarray:
        return fitted.survival(values, times)

    found = assess_survival_model(outcome, risk, survival, horizons, seed=seed)
    cutoff = float(model.description["versions_of"][version]["cutoff"])
    scores = ModelScores(version, risk, cutoff=cutoff)
    return VersionEvaluation(
        version, len(table.rows), outcome.n_events, table.table.patient_ids, risk, found,
        calibrate_at_horizons(outcome, survival, found.horizons_months),
        attempt(prediction_error_curve, outcome, survival, until_months=horizons[-1]),
        {h: time_dependent_roc(outcome, risk, h) for h in found.horizons_months},
        group_patients(outcome, (), (scores,), horizons_months=horizons)[0].comparison,
    )  # fmt: skip


def _common(
    cohort: ImmunotherapyCohort, judged: Mapping[str, VersionEvaluation], last: str
) -> ImmunotherapyCohort:
    """The patients whom all versions answer, with the clock of the last one."""
    names = set(judged[last].patient_ids)
    if len(names) == len(cohort) and RAD_D not in judged:
        return cohort
    return cohort.from_followup()[0] if RAD_D in judged else cohort


def _compare(
    common: ImmunotherapyCohort,
    judged: Mapping[str, VersionEvaluation],
    truth: Callable[[tuple[str, ...]], np.ndarray] | None,
    seed: int,
    progress: Progress,
) -> tuple[ConcordanceComparison, Mapping[str, Any] | None]:
    scores = {v: _scores_of(found, common.patient_ids) for v, found in judged.items()}
    pairs = [pair for pair in PAIRS if set(pair) <= set(scores)]
    if truth is None:
        return compare_concordances(
            common.outcome, scores, pairs, seed=seed, progress=progress
        ), None
    scores[ORACLE] = truth(common.patient_ids)
    found = compare_concordances(
        common.outcome, scores, pairs, margins=[(v, ORACLE) for v in judged], seed=seed,
        progress=progress,
    )  # fmt: skip
    best = found.scores.pop(ORACLE).estimate
    oracle = {
        "source": "simulated truth: each patient's log hazard, which no hospital could know",
        "c_index": None if best is None else best.to_json(),
        "share_of_margin": {
            v: answer.estimate.to_json() if answer.estimate else None
            for (v, _), answer in found.margins.items()
        },
    }
    return found, oracle


def _scores_of(found: VersionEvaluation, patient_ids: tuple[str, ...]) -> np.ndarray:
    """A version's scores in another order; NaN of patients it does not answer."""
    known = dict(zip(found.patient_ids, found.risk_score, strict=True))
    return np.array([known.get(p, np.nan) for p in patient_ids])


def _truth(cohort: ImmunotherapyCohort) -> Callable[[tuple[str, ...]], np.ndarray] | None:
    """Each patient's true hazard by name; None of real patients."""
    if not cohort.simulated or cohort.folder is None:
        return None
    found = true_hazard(cohort.folder, cohort.patient_ids)
    if found is None:
        return None
    known = dict(zip(cohort.patient_ids, found, strict=True))
    return lambda patients: np.array([known[p] for p in patients])


def outcome_at(cohort: ImmunotherapyCohort, version: str) -> SurvivalOutcome:
    """The outcome that a version is judged by."""
    return version_tables(cohort)[version].outcome
