"""Do patients treated as was recommended live longer? Weighted, unweighted, and by treatment.

Nothing here proves that a recommendation is right: see :data:`CAVEAT`, which goes with every result.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from hccsurv_core.checks import checked_level
from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.coxph import fit_cox
from hccsurv_core.progress import Progress, part_of, silent
from hccsurv_core.stats.covariate_balance import BalanceTable, covariate_balance
from hccsurv_core.stats.e_value import EValue, e_value_of_hazard_ratio
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.kaplan_meier import KaplanMeier, fit_kaplan_meier
from hccsurv_core.stats.logrank import LogRankResult, log_rank_test
from hccsurv_core.stats.propensity_weights import PropensityWeights
from hccsurv_core.stats.resampling import describe, percentile_bounds, resample_indices
from hccsurv_core.stats.restricted_mean import restricted_mean
from hccsurv_core.systems.treatment.agreement import (
    SCHEMES,
    Judged,
    Scheme,
    judged_patients,
)
from hccsurv_core.systems.treatment.arm_table import ARM_WORDS, ARMS, NONE, TreatmentTable
from hccsurv_core.wording import count_of

CAVEAT = (
    "These patients were not randomized. Weights make them alike in what was measured; what was not "
    "measured can still be the reason for a difference, in either direction. Observational data "
    "cannot prove that following the recommendation makes patients live longer."
)
#: The groups, and what figures call them.
AGREED, OTHERS = "agreed", "others"
GROUP_WORDS = {AGREED: "treated as recommended", OTHERS: "treated otherwise"}


@dataclass(frozen=True)
class ValidationSettings:
    """Settings of a validation.

    Args:
        tau_months: up to which months lived are counted.
        trim: chances of agreement beyond these bounds get no inverse probability weight.
        n_resamples: of the bootstrap, in which the propensity is fitted again each time.
        level: of the intervals.
    """

    tau_months: float = 36.0
    trim: tuple[float, float] = (0.05, 0.95)
    n_resamples: int = 500
    level: float = 0.95

    def __post_init__(self) -> None:
        checked_level(self.level)
        if not self.tau_months > 0 or self.n_resamples < 20:
            raise InputError(
                "months are positive, and at least 20 resamples are needed", source="validation"
            )


@dataclass(frozen=True, eq=False)
class Comparison:
    """Those treated in agreement against the others.

    Args:
        curves: by group.
        months: by group, restricted mean survival; months_difference: agreed minus others.
        hazard_ratio: agreed against others; below 1 favors agreement.
        e_value: of the hazard ratio; None where the interval cannot be formed.
        log_rank: test of the curves; None where they are weighted.
        n: by group; n_events likewise.
    """

    curves: Mapping[str, KaplanMeier]
    months: Mapping[str, float]
    months_difference: Estimate
    hazard_ratio: Estimate
    e_value: EValue | None
    log_rank: LogRankResult | None
    n: Mapping[str, int]
    n_events: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "n": dict(self.n),
            "n_events": dict(self.n_events),
            "months": dict(self.months),
            "months_difference": self.months_difference.to_json(),
            "hazard_ratio": self.hazard_ratio.to_json(),
            "e_value": None if self.e_value is None else self.e_value.to_json(),
            "log_rank": None if self.log_rank is None else self.log_rank.to_json(),
            "curves": {group: curve.to_json() for group, curve in self.curves.items()},
        }


@dataclass(frozen=True, eq=False)
class Validation:
    """A cohort's validation.

    Args:
        comparisons: by scheme; those that have an answer.
        within: by treatment given: those for whom it was recommended against those for whom the
            other was; unweighted.
        not_compared: treatment → why there is no such comparison.
        balance: by scheme, of the covariates between those treated in agreement and the others.
        weights: by weighted scheme.
        n_none: patients without a recommendation, who are left out.
        settings: of the validation.
        caveat: what it cannot show.
        unanswered: scheme → why there is no such comparison.
    """

    comparisons: Mapping[Scheme, Comparison]
    within: Mapping[str, Comparison]
    not_compared: Mapping[str, str]
    balance: Mapping[Scheme, BalanceTable]
    weights: Mapping[Scheme, PropensityWeights]
    n_none: int
    settings: ValidationSettings
    caveat: str = CAVEAT
    unanswered: Mapping[Scheme, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "comparisons": {s: c.to_json() for s, c in self.comparisons.items()},
            "unanswered": dict(self.unanswered),
            "within": {arm: c.to_json() for arm, c in self.within.items()},
            "not_compared": dict(self.not_compared),
            "balance": {s: b.to_json() for s, b in self.balance.items()},
            "weights": {s: w.to_json() for s, w in self.weights.items()},
            "n_none": self.n_none,
            "tau_months": self.settings.tau_months,
            "caveat": self.caveat,
        }


def validate_recommendations(
    table: TreatmentTable,
    recommendation: Sequence[str],
    settings: ValidationSettings | None = None,
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> Validation:
    """Compare patients treated as was recommended with the others.

    Args:
        table: a cohort that the recommendation has not learned from, with the covariates that the
            choice of treatment may have depended on.
        recommendation: n of "hepatectomy", "tace" and "none"; patients without one are left out.
        settings: default ones where None.
        seed: of the bootstrap.
        progress: may cancel.

    Raises:
        InputError: recommendations cannot be used.
        StatisticsError: there is nobody to compare, no deaths, or follow-up is too short.
    """
    chosen = settings or ValidationSettings()
    judged = judged_patients(table, recommendation, chosen.trim)
    comparisons: dict[Scheme, Comparison] = {}
    balance: dict[Scheme, BalanceTable] = {}
    weights: dict[Scheme, PropensityWeights] = {}
    errors: dict[Scheme, StatisticsError] = {}
    for number, scheme in enumerate(SCHEMES):
        try:
            found = judged.weights(scheme)
            w = np.ones(len(judged)) if found is None else found.weights
            if found is not None:
                weights[scheme] = found
            balance[scheme] = covariate_balance(judged.values, judged.agreed, w, names=judged.names)
            report = part_of(progress, 0.3 * number, 0.3 * (number + 1))
            comparisons[scheme] = _compare(judged, scheme, chosen, seed, report)
        except StatisticsError as error:
            # One scheme without an answer is no reason to withhold the others.
            errors[scheme] = error
    if not comparisons:
        raise next(iter(errors.values()))
    within, not_compared = _within_arms(judged, chosen, seed)
    progress(1.0, "validated")
    n_none = sum(str(r) == NONE for r in recommendation)
    unanswered = {
        scheme: error.what + (f"; {error.remedy}" if error.remedy else "")
        for scheme, error in errors.items()
    }
    return Validation(
        comparisons, within, not_compared, balance, weights, n_none, chosen, unanswered=unanswered
    )


def _within_arms(
    judged: Judged, settings: ValidationSettings, seed: int
) -> tuple[dict[str, Comparison], dict[str, str]]:
    """Comparisons among those given the same treatment, and why some are not there."""
    within: dict[str, Comparison] = {}
    not_compared: dict[str, str] = {}
    for arm in ARMS:
        rows = judged.tace == (arm == "tace")
        agreed = int(judged.agreed[rows].sum())
        if agreed in (0, int(rows.sum())):
            not_compared[arm] = (
                f"{agreed} of {count_of(int(rows.sum()), 'patient')} given {ARM_WORDS[arm]} were "
                "treated as recommended"
            )
            continue
        try:
            within[arm] = _compare(judged.subset(rows), "unweighted", settings, seed, silent)
        except StatisticsError as error:
            # One small group is no reason to withhold the rest.
            not_compared[arm] = f"among those given {ARM_WORDS[arm]}: {error.what}"
    return within, not_compared


def _compare(
    judged: Judged, scheme: Scheme, settings: ValidationSettings, seed: int, progress: Progress
) -> Comparison:
    value = _numbers(judged, scheme, settings.tau_months)
    draws = _bootstrap(judged, scheme, settings, seed, progress)
    n = len(judged)
    events = judged.outcome.n_events

    def estimate(best: float, found: np.ndarray) -> Estimate:
        low, high = percentile_bounds(found, settings.level)
        words = describe("percentile", found, seed)
        if scheme != "unweighted":
            words += ", propensity fitted again in each"
        return Estimate(best, low, high, settings.level, words, n, events)

    months = estimate(value[0] - value[1], draws[:, 0] - draws[:, 1])
    logarithm = estimate(value[2], draws[:, 2])
    ratio = replace(
        logarithm,
        value=math.exp(logarithm.value),
        ci_low=math.exp(logarithm.ci_low),
        ci_high=math.exp(logarithm.ci_high),
    )
    found = judged.weights(scheme)
    curves, counts, deaths = {}, {}, {}
    for group, rows in ((AGREED, judged.agreed), (OTHERS, ~judged.agreed)):
        part = judged.outcome.subset(rows)
        w = None if found is None else found.weights[rows]
        curves[group] = fit_kaplan_meier(part, weights=w)
        counts[group], deaths[group] = len(part), part.n_events
    test = log_rank_test(judged.outcome, judged.agreed) if found is None else None
    return Comparison(
        curves, {AGREED: value[0], OTHERS: value[1]}, months, ratio,
        _e_value(ratio, events / n), test, counts, deaths,
    )  # fmt: skip


def _e_value(ratio: Estimate, share: float) -> EValue | None:
    low = min(ratio.ci_low, ratio.value)
    high = max(ratio.ci_high, ratio.value)
    if not (math.isfinite(low) and math.isfinite(high) and low > 0):
        return None
    return e_value_of_hazard_ratio(ratio.value, low, high, share_with_event=share)


def _numbers(judged: Judged, scheme: Scheme, tau: float) -> tuple[float, float, float]:
    """Months of those treated in agreement, of the others, and the log hazard ratio."""
    found = judged.weights(scheme)
    weights = np.ones(len(judged)) if found is None else found.weights
    months = []
    for rows in (judged.agreed, ~judged.agreed):
        part = None if found is None else weights[rows]
        months.append(restricted_mean(judged.outcome.subset(rows), tau, weights=part).value)
    kept = weights > 0
    agreed = judged.agreed[kept].astype(float)[:, None]
    model = fit_cox(agreed, judged.outcome.subset(kept), names=["agreed"], weights=weights[kept])
    return months[0], months[1], float(model.coef[0])


def _bootstrap(
    judged: Judged, scheme: Scheme, settings: ValidationSettings, seed: int, progress: Progress
) -> np.ndarray:
    """(R, 3) of :func:`_numbers`; NaN where a resample has no answer."""
    strata = 2 * judged.agreed.astype(int) + judged.tace
    rows = resample_indices(len(judged), settings.n_resamples, seed, strata)
    draws = np.full((settings.n_resamples, 3), np.nan)
    for i, drawn in enumerate(rows):
        if i % 20 == 0:
            progress(i / len(rows), f"{SCHEMES[scheme]}: resample {i} of {len(rows)}")
        try:
            draws[i] = _numbers(judged.subset(drawn), scheme, settings.tau_months)
        except StatisticsError:
            continue  # counted, and told in the estimate's method
    return draws
