"""Discrimination of a binary outcome: the ROC curve, its area, and comparisons of areas.

Area and standard error by DeLong, DeLong & Clarke-Pearson, Biometrics 1988;44:837-845, with the
midrank algorithm of Sun & Xu, IEEE Signal Process Lett 2014;21:1389-1393: O(n log n).
Comparisons are those of R's pROC::roc.test(method = "delong").
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.checks import normal_quantile
from hccsurv_core.errors import InputError
from hccsurv_core.stats.arguments import checked_event, checked_score
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.plain import plain_number, plain_numbers
from hccsurv_core.stats.resampling import Metric, bootstrap_difference


@dataclass(frozen=True, eq=False)
class RocCurve:
    """Sensitivity and specificity of "score >= threshold means event" at every threshold.

    Args:
        thresholds: (k,) falling; infinity (nobody is positive), then the distinct scores.
        sensitivity: (k,) rising from 0 to 1.
        specificity: (k,) falling from 1 to 0.
        n, n_events: patients, and those with the event.
    """

    thresholds: np.ndarray
    sensitivity: np.ndarray
    specificity: np.ndarray
    n: int
    n_events: int

    @property
    def area(self) -> float:
        """Area under the curve by trapezoids, which counts a tie of scores one half."""
        return float(np.trapezoid(self.sensitivity, 1.0 - self.specificity))

    def to_json(self) -> dict[str, object]:
        """Plain values; the infinite threshold becomes None."""
        return {
            "thresholds": plain_numbers(self.thresholds),
            "sensitivity": self.sensitivity.tolist(),
            "specificity": self.specificity.tolist(),
            "area": self.area,
            "n": self.n,
            "n_events": self.n_events,
        }


@dataclass(frozen=True)
class AreaComparison:
    """Two areas under ROC curves and the test of their equality.

    Args:
        area_a, area_b: the areas; difference: a minus b, with its interval.
        std_error: of the difference.
        statistic: difference / std_error.
        degrees_of_freedom: infinite for the normal test of paired curves.
        p: two-sided.
        method: in words for a footnote.
    """

    area_a: float
    area_b: float
    difference: Estimate
    std_error: float
    statistic: float
    degrees_of_freedom: float
    p: float
    method: str

    def to_json(self) -> dict[str, object]:
        """Plain values; what is not a number becomes None."""
        return {
            "area_a": self.area_a,
            "area_b": self.area_b,
            "difference": self.difference.to_json(),
            "std_error": plain_number(self.std_error),
            "statistic": plain_number(self.statistic),
            "degrees_of_freedom": plain_number(self.degrees_of_freedom),
            "p": plain_number(self.p),
            "method": self.method,
        }


@dataclass(frozen=True)
class YoudenThreshold:
    """The threshold with the largest sensitivity + specificity − 1 in the data it was learned on.

    Args:
        threshold: "score >= threshold" means event.
        sensitivity, specificity, index: there, in the learning data: too good for new patients.
    """

    threshold: float
    sensitivity: float
    specificity: float
    index: float


def roc_curve(event: ArrayLike, risk_score: ArrayLike) -> RocCurve:
    """The empirical ROC curve.

    Args:
        event: (n,) true where the event happened.
        risk_score: (n,) higher means the event is likelier.

    Raises:
        InputError: lengths differ, a score is missing. StatisticsError: events or non-events lack.
    """
    case = checked_event(event)
    score = checked_score(risk_score, case.size)
    return weighted_roc(
        score, case.astype(float), (~case).astype(float), case.size, int(case.sum())
    )


def weighted_roc(
    score: np.ndarray, case_weight: np.ndarray, control_weight: np.ndarray, n: int, n_events: int
) -> RocCurve:
    """The curve of patients who count with weights as cases and as controls, checked elsewhere."""
    distinct, group = np.unique(score, return_inverse=True)
    cases = np.bincount(group, case_weight)[::-1].cumsum()
    controls = np.bincount(group, control_weight)[::-1].cumsum()
    return RocCurve(
        thresholds=np.concatenate([[np.inf], distinct[::-1]]),
        sensitivity=np.concatenate([[0.0], cases / cases[-1]]),
        specificity=np.concatenate([[1.0], 1.0 - controls / controls[-1]]),
        n=n,
        n_events=n_events,
    )


def roc_area(
    event: ArrayLike, risk_score: ArrayLike, *, ci: str = "wald", level: float = 0.95
) -> Estimate:
    """Area under the ROC curve with DeLong's interval.

    Args:
        event: (n,) true where the event happened.
        risk_score: (n,) higher means the event is likelier; a tied pair counts one half.
        ci: "wald" (area ± z·se cut at 0 and 1, as pROC::ci.auc) or "logit" (the same on the log
            odds of the area: better near 1).
        level: confidence level.

    Returns:
        the area; without interval where the variance cannot be estimated: with a single event or
        non-event, or when the two are separated perfectly (the variance formula then gives 0).

    Raises:
        InputError: lengths differ, a score is missing, ``ci`` is unknown.
        StatisticsError: events or non-events lack.
    """
    if ci not in ("wald", "logit"):
        raise InputError(f"the interval is wald or logit, not {ci!r}", source="ci")
    case = checked_event(event)
    score = checked_score(risk_score, case.size)
    area, variance = _area_and_variance(case, score)
    low, high = _interval(area, math.sqrt(variance), ci, level) if variance > 0 else (np.nan,) * 2
    words = f"DeLong, {'Wald' if ci == 'wald' else 'logit'} interval"
    if not variance > 0:
        words = "DeLong; no interval: the variance cannot be estimated from these patients"
    return Estimate(area, low, high, level, words, case.size, int(case.sum()))


def compare_paired_areas(
    event: ArrayLike, score_a: ArrayLike, score_b: ArrayLike, *, level: float = 0.95
) -> AreaComparison:
    """Compare two scores of the same patients (DeLong's test for correlated curves).

    Args:
        event: (n,) true where the event happened.
        score_a, score_b: (n,) each; higher means the event is likelier.
        level: of the interval of the difference.

    Raises:
        InputError, StatisticsError: as for :func:`roc_area`.
    """
    case = checked_event(event)
    both = np.stack([checked_score(s, case.size) for s in (score_a, score_b)])
    normal_quantile(level)
    areas, positive, negative = _placements(case, both)
    # Differences first: two scores that rank the patients alike then have variance exactly 0.
    variance = _variance(positive[0] - positive[1]) + _variance(negative[0] - negative[1])
    return _compared(areas, variance, math.inf, "DeLong, paired", level, case)


def bootstrap_area_difference(
    event: ArrayLike,
    score_a: ArrayLike,
    score_b: ArrayLike,
    *,
    n_resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[Estimate, float]:
    """Area of a minus area of b by a paired bootstrap: an answer that DeLong's can be held against.

    Patients with and without the event are resampled apart, as in R's pROC, so that every
    resample has an answer.

    Returns:
        the difference with its percentile interval, and its two-sided p-value.

    Raises:
        InputError, StatisticsError: as for :func:`roc_area`.
    """
    case = checked_event(event)
    both = np.stack([checked_score(s, case.size) for s in (score_a, score_b)])

    def area(k: int) -> Metric:
        return lambda rows: _area_and_variance(case[rows], both[k, rows])[0]

    roc_area(case, both[0])
    return bootstrap_difference(
        area(0), area(1), case.size, n_resamples=n_resamples, seed=seed, strata=case,
        level=level, n_events=int(case.sum()),
    )  # fmt: skip


def compare_unpaired_areas(
    event_a: ArrayLike,
    score_a: ArrayLike,
    event_b: ArrayLike,
    score_b: ArrayLike,
    *,
    level: float = 0.95,
) -> AreaComparison:
    """Compare the areas in two groups of different patients.

    The statistic is referred to Student's t with Welch's degrees of freedom, as in pROC.

    Args:
        event_a, score_a: (n_a,) each; event_b, score_b: (n_b,) each.
        level: of the interval of the difference.

    Raises:
        InputError, StatisticsError: as for :func:`roc_area`.
    """
    normal_quantile(level)
    areas, variances, cases = [], [], []
    for event, score in ((event_a, score_a), (event_b, score_b)):
        case = checked_event(event)
        area, variance = _area_and_variance(case, checked_score(score, case.size))
        areas.append(area)
        variances.append(variance)
        cases.append(case)
    total = variances[0] + variances[1]
    spread = sum(v**2 / (case.size - 1) for v, case in zip(variances, cases, strict=True))
    freedom = total**2 / spread if total > 0 else math.nan
    joined = np.concatenate(cases)
    return _compared(np.array(areas), total, freedom, "DeLong, unpaired", level, joined)


def youden_threshold(event: ArrayLike, risk_score: ArrayLike) -> YoudenThreshold:
    """The threshold with the largest Youden index (Youden, Cancer 1950;3:32-35).

    It is learned from these very patients: sensitivity and specificity at it flatter the score.
    Learn it on the training part, and evaluate it on others. Of several equally good thresholds
    the highest is taken (fewest patients called positive).

    Args:
        event: (n,) true where the event happened.
        risk_score: (n,) higher means the event is likelier.

    Raises:
        InputError, StatisticsError: as for :func:`roc_curve`.
    """
    curve = roc_curve(event, risk_score)
    index = curve.sensitivity + curve.specificity - 1.0
    # Rounding must not decide between thresholds that are equally good.
    best = int(np.flatnonzero(index >= index.max() - 1e-12)[0])
    return YoudenThreshold(
        float(curve.thresholds[best]),
        float(curve.sensitivity[best]),
        float(curve.specificity[best]),
        float(index[best]),
    )


def _area_and_variance(case: np.ndarray, score: np.ndarray) -> tuple[float, float]:
    areas, positive, negative = _placements(case, score[None, :])
    return float(areas[0]), _variance(positive[0]) + _variance(negative[0])


def _placements(case: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Areas (s,) and placement values of cases (s, m) and of controls (s, n) for s scores."""
    from scipy.stats import rankdata

    positives, negatives = scores[:, case], scores[:, ~case]
    m, n = positives.shape[1], negatives.shape[1]
    overall = rankdata(np.concatenate([positives, negatives], axis=1), axis=1)
    among_positives = rankdata(positives, axis=1)
    among_negatives = rankdata(negatives, axis=1)
    of_positives = (overall[:, :m] - among_positives) / n
    of_negatives = 1.0 - (overall[:, m:] - among_negatives) / m
    return of_positives.mean(axis=1), of_positives, of_negatives


def _variance(placements: np.ndarray) -> float:
    """Variance of the mean of placement values; not a number with a single patient."""
    if placements.size < 2:
        return math.nan
    return float(placements.var(ddof=1)) / placements.size


def _interval(area: float, std_error: float, ci: str, level: float) -> tuple[float, float]:
    half = normal_quantile(level) * std_error
    if ci == "wald":
        return max(0.0, area - half), min(1.0, area + half)
    center, width = math.log(area / (1 - area)), half / (area * (1 - area))
    low, high = (1 / (1 + math.exp(-(center + side * width))) for side in (-1, 1))
    return low, high


def _compared(
    areas: np.ndarray, variance: float, freedom: float, method: str, level: float, case: np.ndarray
) -> AreaComparison:
    """The test with Student's t, which is the normal distribution where ``freedom`` is infinite."""
    from scipy.stats import norm, t

    law = norm if math.isinf(freedom) else t(freedom)
    quantile = float(law.ppf(0.5 + level / 2))
    difference = float(areas[0] - areas[1])
    std_error = math.sqrt(variance) if variance >= 0 else math.nan
    if std_error > 0:
        statistic = difference / std_error
        p = float(2 * law.sf(abs(statistic)))
        low, high = difference - quantile * std_error, difference + quantile * std_error
    elif std_error == 0 and difference == 0:
        # The same ranking twice: no difference, and nothing that could vary.
        statistic, p, low, high = 0.0, 1.0, 0.0, 0.0
    else:
        statistic = p = low = high = math.nan
    estimate = Estimate(difference, low, high, level, method, case.size, int(case.sum()))
    return AreaComparison(
        float(areas[0]), float(areas[1]), estimate, std_error, statistic, freedom, p, method
    )
