"""How patients of the four classes fared: survival, recurrence, and after retreatment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from hccsurv_core.errors import StatisticsError
from hccsurv_core.stats.cumulative_incidence import (
    CumulativeIncidence,
    cumulative_incidence_by_group,
)
from hccsurv_core.stats.fine_gray import FineGrayModel, fit_fine_gray
from hccsurv_core.stats.gray import GrayTestResult, gray_test
from hccsurv_core.stats.kaplan_meier import KaplanMeier, fit_kaplan_meier
from hccsurv_core.stats.logrank import LogRankResult, log_rank_test
from hccsurv_core.systems.ceus.cohort import CeusCohort
from hccsurv_core.systems.ceus.retreatment import after_recurrence, study_retreatment
from hccsurv_core.systems.ceus.retreatment_result import RetreatmentStudy
from hccsurv_core.systems.ceus.risk_classes import (
    NUMBERS,
    ClassSummary,
    RiskClassRule,
    summarize_classes,
)

#: Covariates of the Fine-Gray model.
LIKELY, SCORE = "likely to recur early", "log odds of early recurrence"


class Halves(Protocol):
    """What a version predicts of n patients."""

    @property
    def probability(self) -> np.ndarray: ...
    @property
    def risk(self) -> np.ndarray: ...
    @property
    def early_score(self) -> np.ndarray: ...
    @property
    def positive(self) -> np.ndarray: ...


@dataclass(frozen=True, eq=False)
class ClassesEvaluation:
    """The four classes.

    Args:
        numbers: (n,) class of each patient.
        summaries: one a class that has anybody.
        curves: survival by class; log_rank: of all; None where only one class has anybody.
        incidence: of recurrence by class, death before it competing; gray: likewise.
        fine_gray: subdistribution hazard ratios of recurrence, by covariate: of being above the
            cut-off, and per unit of the log odds; one that could not be fitted is left out.
        retreatment: after a recurrence, by class; None, and why, where it cannot be studied.
    """

    numbers: np.ndarray
    summaries: tuple[ClassSummary, ...]
    curves: Mapping[int, KaplanMeier]
    log_rank: LogRankResult | None
    incidence: Mapping[int, CumulativeIncidence]
    gray: GrayTestResult | None
    fine_gray: Mapping[str, FineGrayModel]
    retreatment: RetreatmentStudy | None
    why_no_retreatment: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "counts": {str(c): int((self.numbers == c).sum()) for c in NUMBERS},
            "summaries": [s.to_json() for s in self.summaries],
            "log_rank": None if self.log_rank is None else self.log_rank.to_json(),
            "gray": None if self.gray is None else self.gray.to_json(),
            "fine_gray": {name: f.to_json() for name, f in self.fine_gray.items()},
            "retreatment": None if self.retreatment is None else self.retreatment.to_json(),
            "why_no_retreatment": self.why_no_retreatment,
        }


def evaluate_classes(
    rule: RiskClassRule, predicted: Halves, cohort: CeusCohort, horizons_months: tuple[float, ...]
) -> ClassesEvaluation:
    """Put patients into classes by a rule learned elsewhere, and see.

    Args:
        rule: of the model.
        predicted: of the cohort's patients.
        horizons_months: survival is told there.
    """
    numbers = rule.classify(predicted.probability, predicted.risk)
    present = [c for c in NUMBERS if (numbers == c).any()]
    curves = {c: fit_kaplan_meier(cohort.outcome.subset(numbers == c)) for c in present}
    incidence = cumulative_incidence_by_group(cohort.recurrence, numbers, order=present)
    log_rank, gray = None, None
    if len(present) > 1:
        try:
            log_rank = log_rank_test(cohort.outcome, numbers)
            gray = gray_test(cohort.recurrence, numbers, order=present)
        except StatisticsError:
            # Too few events for a test; the curves are told all the same.
            pass
    retreatment, why = _retreatment(numbers, cohort)
    return ClassesEvaluation(
        numbers,
        summarize_classes(numbers, cohort.early, cohort.outcome, horizons_months=horizons_months),
        curves,
        log_rank,
        {c: incidence[c] for c in present},
        gray,
        _fine_gray(predicted, cohort),
        retreatment,
        why,
    )


def _fine_gray(predicted: Halves, cohort: CeusCohort) -> dict[str, FineGrayModel]:
    found = {}
    for name, values in (
        (LIKELY, predicted.positive.astype(float)),
        (SCORE, predicted.early_score),
    ):
        try:
            found[name] = fit_fine_gray(values[:, None], cohort.recurrence, names=[name])
        except StatisticsError:
            # Nobody recurred, or all patients are alike.
            continue
    return found


def _retreatment(numbers: np.ndarray, cohort: CeusCohort) -> tuple[RetreatmentStudy | None, str]:
    if not np.isfinite(cohort.retreated).any():
        return None, "whether recurrences were retreated is not known"
    try:
        after = after_recurrence(cohort.outcome, cohort.recurrence, cohort.retreated)
        return study_retreatment(after, numbers), ""
    except StatisticsError as error:
        return None, error.what
