"""How large the difference between retreated and not retreated patients is, class by class."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hccsurv_core.checks import checked_level, normal_quantile
from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.coxph import CoxModel, fit_cox
from hccsurv_core.models.firth_cox import firth_hazard_ratio
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.kaplan_meier import KaplanMeier, fit_kaplan_meier
from hccsurv_core.stats.logrank import LogRankResult, log_rank_test
from hccsurv_core.systems.ceus.risk_classes import NUMBERS

#: What figures call the groups.
RETREATED, NOT_RETREATED = "retreated", "not retreated"


@dataclass(frozen=True)
class RetreatmentSettings:
    """What is compared.

    Args:
        min_deaths: in a class, both groups together; with fewer there are curves and counts only.
            Ours: Firth's estimate exists with one death, but its interval then spans everything.
            An adjusted ratio needs as many in the smaller group: Wald's interval is not to be
            trusted with fewer.
        firth_below: deaths in the smaller group; with fewer Firth's penalized regression is used.
        deaths_per_term: in the adjusted model, for each covariate and each class (the rule of ten
            events a variable, Peduzzi et al., J Clin Epidemiol 1995;48:1503-1510, halved after
            Vittinghoff & McCulloch, Am J Epidemiol 2007;165:710-718).
        level: of the intervals.
    """

    min_deaths: int = 5
    firth_below: int = 10
    deaths_per_term: float = 5.0
    level: float = 0.95

    def __post_init__(self) -> None:
        checked_level(self.level)
        if self.min_deaths < 1 or self.firth_below < 1 or not self.deaths_per_term > 0:
            raise InputError("numbers of deaths are positive", source="retreatment settings")


@dataclass(frozen=True, eq=False)
class ClassEffect:
    """Retreated against not retreated patients of one class.

    Args:
        number: of the class.
        n_retreated, n_not, deaths_retreated, deaths_not: counts.
        curve_retreated, curve_not: survival after the recurrence; None without patients.
        log_rank: None where it cannot be done.
        hazard_ratio: not retreated against retreated, above 1 favors retreatment; None where
            ``reason`` says why.
        p: of the hazard ratio; p_corrected: for the number of classes (Holm).
        adjusted, p_adjusted, p_adjusted_corrected: the same with covariates; None without.
        reason: why there is no hazard ratio, or how it was made other than usual; "" otherwise.
    """

    number: int
    n_retreated: int
    n_not: int
    deaths_retreated: int
    deaths_not: int
    curve_retreated: KaplanMeier | None
    curve_not: KaplanMeier | None
    log_rank: LogRankResult | None = None
    hazard_ratio: Estimate | None = None
    p: float | None = None
    p_corrected: float | None = None
    adjusted: Estimate | None = None
    p_adjusted: float | None = None
    p_adjusted_corrected: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Interaction:
    """Whether the effect of retreatment differs between the classes.

    Args:
        statistic, dof, p: likelihood-ratio test; NaN and 0 where ``reason`` says why.
        classes: that were compared: those with both groups and deaths.
        n, n_events: patients and deaths of these.
        reason: why there is no test; "" otherwise.
    """

    statistic: float
    dof: int
    p: float
    classes: tuple[int, ...]
    n: int
    n_events: int
    reason: str = ""


def class_effect(
    outcome: SurvivalOutcome,
    retreated: np.ndarray,
    member: np.ndarray,
    number: int,
    settings: RetreatmentSettings,
) -> ClassEffect:
    """Curves, log-rank test and hazard ratio of one class.

    Args:
        outcome: of m patients, from the recurrence on. retreated, member: (m,) bool.
    """
    groups = member & retreated, member & ~retreated
    n = [int(rows.sum()) for rows in groups]
    deaths = [int(outcome.event[rows].sum()) for rows in groups]
    curves = [
        fit_kaplan_meier(outcome.subset(rows), level=settings.level) if rows.any() else None
        for rows in groups
    ]
    counts = (number, n[0], n[1], deaths[0], deaths[1], curves[0], curves[1])
    if not min(n):
        missing = RETREATED if not n[0] else NOT_RETREATED
        return ClassEffect(*counts, reason=f"nobody of this class is {missing}")
    own, treated = outcome.subset(member), retreated[member]
    try:
        tested = log_rank_test(own, np.where(treated, RETREATED, NOT_RETREATED))
    except StatisticsError as error:
        return ClassEffect(*counts, reason=error.what)
    if sum(deaths) < settings.min_deaths:
        reason = f"{sum(deaths)} deaths are too few for a hazard ratio"
        return ClassEffect(*counts, log_rank=tested, reason=reason)
    if min(deaths) < settings.firth_below:
        ratio, p, reason = _by_firth(own, treated, min(deaths), settings.level)
    else:
        model = fit_cox((~treated).astype(float)[:, None], own, names=[NOT_RETREATED])
        ratio, p, reason = _ratio(model, 0, settings.level, "Cox regression, Wald"), model.p[0], ""
    return ClassEffect(*counts, log_rank=tested, hazard_ratio=ratio, p=float(p), reason=reason)


def interaction_test(
    outcome: SurvivalOutcome,
    retreated: np.ndarray,
    number: np.ndarray,
    covariates: np.ndarray | None,
    settings: RetreatmentSettings,
) -> Interaction:
    """Likelihood-ratio test of class × retreatment.

    Two Cox models stratified by class: one effect of retreatment for all classes, or one each.

    Args:
        outcome: of m patients. retreated: (m,) bool. number: (m,) class.
        covariates: (m, p) finite, or None.
    """
    from scipy.stats import chi2

    kept = _comparable(outcome, retreated, number)
    rows = np.isin(number, kept)
    n, n_events = int(rows.sum()), int(outcome.event[rows].sum())
    if len(kept) < 2:
        reason = "fewer than two classes have retreated and not retreated patients who died"
        return Interaction(math.nan, 0, math.nan, kept, n, n_events, reason)
    terms = len(kept) + (0 if covariates is None else covariates.shape[1])
    if n_events < settings.deaths_per_term * terms:
        reason = f"{n_events} deaths are too few for {terms} terms"
        return Interaction(math.nan, 0, math.nan, kept, n, n_events, reason)
    own, strata = outcome.subset(rows), number[rows]
    treated = retreated[rows].astype(float)
    by_class = np.column_stack([treated * (strata == c) for c in kept])
    rest = [] if covariates is None else [covariates[rows]]
    try:
        one = fit_cox(np.column_stack([treated, *rest]), own, strata=strata)
        each = fit_cox(np.column_stack([by_class, *rest]), own, strata=strata)
    except StatisticsError as error:
        return Interaction(math.nan, 0, math.nan, kept, n, n_events, error.what)
    statistic = max(0.0, 2 * (each.log_likelihood - one.log_likelihood))
    dof = len(kept) - 1
    return Interaction(statistic, dof, float(chi2.sf(statistic, dof)), kept, n, n_events)


def adjusted_effects(
    outcome: SurvivalOutcome,
    retreated: np.ndarray,
    number: np.ndarray,
    covariates: np.ndarray,
    settings: RetreatmentSettings,
) -> tuple[dict[int, tuple[Estimate, float]], Interaction | None, int, str]:
    """Effects by class with covariates that act alike in all classes.

    Args:
        covariates: (m, p), NaN where missing; such patients are left out.

    Returns:
        class → (hazard ratio, p), the interaction, how many patients it rests on, and why there is
        nothing, or "".
    """
    whole = np.isfinite(covariates).all(axis=1)
    n = int(whole.sum())
    if not n or not outcome.event[whole].any():
        return {}, None, n, "nobody who died has all covariates"
    own, treated, strata = outcome.subset(whole), retreated[whole], number[whole]
    x = covariates[whole]
    x = x[:, np.ptp(x, axis=0) > 0]
    kept = _comparable(own, treated, strata, settings.min_deaths)
    rows = np.isin(strata, kept)
    terms, deaths = len(kept) + x.shape[1], int(own.event[rows].sum())
    if not kept:
        few = settings.min_deaths
        return {}, None, n, f"in no class {few} retreated and {few} not retreated patients died"
    if deaths < settings.deaths_per_term * terms:
        return {}, None, n, f"{deaths} deaths are too few for {terms} terms"
    waiting = np.column_stack([(~treated)[rows] * (strata[rows] == c) for c in kept])
    try:
        model = fit_cox(
            np.column_stack([waiting.astype(float), x[rows]]), own.subset(rows),
            strata=strata[rows],
        )  # fmt: skip
        tested = interaction_test(own, treated, strata, x, settings)
    except StatisticsError as error:
        return {}, None, n, error.what
    how = f"Cox regression stratified by class, {x.shape[1]} covariates, Wald"
    found = {
        c: (_ratio(model, k, settings.level, how, own.subset(strata == c)), float(model.p[k]))
        for k, c in enumerate(kept)
        if f"x{k + 1}" not in model.infinite
    }
    return found, tested, n, ""


def _comparable(
    outcome: SurvivalOutcome, retreated: np.ndarray, number: np.ndarray, deaths: int = 1
) -> tuple[int, ...]:
    """Classes in which either group has so many deaths: without any, no estimate is finite."""
    return tuple(
        c
        for c in NUMBERS
        if all(
            outcome.event[(number == c) & (retreated == side)].sum() >= deaths
            for side in (True, False)
        )
    )


def _by_firth(
    own: SurvivalOutcome, treated: np.ndarray, fewest: int, level: float
) -> tuple[Estimate | None, float, str]:
    try:
        found = firth_hazard_ratio(own, ~treated, level=level)
    except StatisticsError as error:
        return None, math.nan, error.what
    ratio = Estimate(
        math.exp(found.coef), math.exp(found.ci_low), math.exp(found.ci_high), level,
        "Firth's penalized Cox regression, profile interval", found.n, found.n_events,
    )  # fmt: skip
    few = "death" if fewest == 1 else "deaths"
    return ratio, found.p, f"{fewest} {few} in the smaller group: Firth's penalized regression"


def _ratio(
    model: CoxModel, k: int, level: float, how: str, own: SurvivalOutcome | None = None
) -> Estimate:
    """Hazard ratio of one coefficient."""
    half = normal_quantile(level) * float(model.std_error[k])
    center = float(model.coef[k])
    n = model.n if own is None else len(own)
    n_events = model.n_events if own is None else own.n_events
    return Estimate(
        math.exp(center), math.exp(center - half), math.exp(center + half), level, how, n, n_events
    )
