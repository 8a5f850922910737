"""Survival after a recurrence, retreated or not, within each of the four classes.

**When the clock starts.** At the recurrence, never at the operation. Nobody can be retreated before
recurring, so a retreated patient has, by definition, survived until then; counted from the operation,
that *immortal time* is credited to retreatment (Suissa, Am J Epidemiol 2008;167:492-499). It is worst
where those not retreated include patients who never recurred or died before. Here only patients with
a recurrence are compared, each from its day on.

**What is left of it.** Retreatment comes some time after the recurrence is found, and who dies within
days of it cannot be retreated. A table that says only whether, not when, cannot undo that. With
``landmark_months`` the clock starts so many months after the recurrence, for those still alive: a
check of how much early deaths matter.

**What it does not show.** Retreatment was not randomized: fitter patients and tamer recurrences are
retreated more often. Covariates take out what was measured. See :data:`CAVEAT`.

Hazard ratios are, as in Huang et al. (World J Gastrointest Oncol 2022;14(12):2380-2392), those of
patients *not* retreated against those retreated: above 1 those retreated lived longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.outcome import CompetingOutcome, SurvivalOutcome
from hccsurv_core.stats.multiple_testing import adjust_p_values
from hccsurv_core.systems.ceus.retreatment_effect import (
    ClassEffect,
    Interaction,
    RetreatmentSettings,
    adjusted_effects,
    class_effect,
    interaction_test,
)
from hccsurv_core.systems.ceus.retreatment_result import CAVEAT, RetreatmentStudy, with_adjusted
from hccsurv_core.systems.ceus.risk_classes import NUMBERS, checked_classes

__all__ = ["CAVEAT", "AfterRecurrence", "after_recurrence", "study_retreatment"]
#: Cause of a recurrence in the competing outcome.
_RECURRENCE = 1
#: Dates are rounded: a death this little before its own recurrence (months) is at it.
_ROUNDING_MONTHS = 0.05
_SOURCE = "retreatment"


@dataclass(frozen=True, eq=False)
class AfterRecurrence:
    """Patients with a recurrence, from its day (or the landmark) on.

    Args:
        outcome: of m patients, death, time from there.
        retreated: (m,) bool.
        rows: (m,) their positions among all patients.
        n_without, n_unknown, n_before_landmark: left out: no recurrence; retreatment not known;
            dead or lost before the landmark.
        landmark_months: after the recurrence.
    """

    outcome: SurvivalOutcome
    retreated: np.ndarray
    rows: np.ndarray
    n_without: int
    n_unknown: int
    n_before_landmark: int
    landmark_months: float


def after_recurrence(
    outcome: SurvivalOutcome,
    recurrence: CompetingOutcome,
    retreated: ArrayLike,
    *,
    landmark_months: float = 0.0,
) -> AfterRecurrence:
    """Start the clock at the recurrence.

    Args:
        outcome: death, from the operation on, of n patients.
        recurrence: of the same patients; cause 1 is recurrence.
        retreated: (n,) 1 or 0; NaN without a recurrence or where it is not known.
        landmark_months: start so long after the recurrence; see the module.

    Raises:
        InputError: lengths differ, a patient is retreated without a recurrence, or follow-up ends
            before the recurrence.
        StatisticsError: nobody is left.
    """
    given = _checked_retreated(retreated, len(outcome))
    if len(recurrence) != len(outcome):
        raise InputError(f"{len(outcome)} patients but {len(recurrence)}", source="recurrence")
    if not 0 <= landmark_months < np.inf:
        raise InputError("a landmark is 0 months or later", source=_SOURCE)
    recurred = recurrence.cause == _RECURRENCE
    _refuse(
        (given == 1) & ~recurred, "retreated without a recurrence",
        "give the recurrence, or leave retreatment empty",
    )  # fmt: skip
    since = outcome.time_months - recurrence.time_months
    _refuse(
        recurred & (since < -_ROUNDING_MONTHS), "followed for less long than until the recurrence",
        "check both times",
    )  # fmt: skip
    known = recurred & np.isfinite(given)
    since = np.maximum(since, 0.0)
    kept = known if not landmark_months else known & (since > landmark_months)
    if not kept.any():
        raise StatisticsError(
            "there is nobody with a recurrence of whom it is known whether it was retreated",
            source=_SOURCE,
        )
    return AfterRecurrence(
        SurvivalOutcome(since[kept] - landmark_months, outcome.event[kept]),
        given[kept] == 1,
        np.flatnonzero(kept),
        int((~recurred).sum()),
        int((recurred & ~np.isfinite(given)).sum()),
        int((known & ~kept).sum()),
        landmark_months,
    )


def study_retreatment(
    patients: AfterRecurrence,
    classes: ArrayLike,
    *,
    covariates: ArrayLike | None = None,
    names: Sequence[str] = (),
    settings: RetreatmentSettings | None = None,
) -> RetreatmentStudy:
    """Compare retreated with not retreated patients in each class.

    Per class: Kaplan-Meier curves, log-rank test and hazard ratio; ordinary Cox regression where
    both groups have deaths enough, Firth's where they have few, and "too few" below that. P-values
    are corrected for four classes by Holm's method. With covariates a Cox model stratified by class
    gives each class its own effect of retreatment, while a covariate acts alike in all classes:
    with so few deaths no class can carry its own.

    Args:
        patients: of m patients.
        classes: (n,) class of every patient of the cohort, or (m,) of these.
        covariates: (n, p) or (m, p) of what else decides who is retreated and who dies, known at
            the recurrence; NaN where missing: such patients are left out of the adjusted part.
        names: (p,) of them.
        settings: default :class:`RetreatmentSettings`.

    Raises:
        InputError: lengths differ or a class does not exist.
    """
    settings = settings or RetreatmentSettings()
    number = _of_patients(np.asarray(classes), patients, "classes")
    number = checked_classes(number, len(patients.outcome))
    effects = [
        class_effect(patients.outcome, patients.retreated, number == c, c, settings)
        for c in NUMBERS
    ]
    effects = _corrected(effects)
    plain = interaction_test(patients.outcome, patients.retreated, number, None, settings)
    adjusted: Interaction | None = None
    n_adjusted, reason = 0, "no covariates were given"
    if covariates is not None:
        x = _of_patients(np.asarray(covariates, dtype=np.float64), patients, "covariates")
        x = x.reshape(len(x), -1)
        if names and len(names) != x.shape[1]:
            raise InputError(f"{x.shape[1]} covariates but {len(names)} names", source=_SOURCE)
        found, adjusted, n_adjusted, reason = adjusted_effects(
            patients.outcome, patients.retreated, number, x, settings
        )
        effects = with_adjusted(effects, found)
    return RetreatmentStudy(
        effects=tuple(effects),
        interaction=plain,
        interaction_adjusted=adjusted,
        n=len(patients.outcome),
        n_events=patients.outcome.n_events,
        n_without=patients.n_without,
        n_unknown=patients.n_unknown,
        n_before_landmark=patients.n_before_landmark,
        landmark_months=patients.landmark_months,
        covariates=tuple(names),
        n_adjusted=n_adjusted,
        not_adjusted_because=reason,
    )


def _corrected(effects: list[ClassEffect]) -> list[ClassEffect]:
    """The same with p-values corrected over the classes that could be tested."""
    p = adjust_p_values([np.nan if e.p is None else e.p for e in effects])
    return [
        replace(e, p_corrected=None if np.isnan(v) else float(v))
        for e, v in zip(effects, p, strict=True)
    ]


def _of_patients(values: np.ndarray, patients: AfterRecurrence, what: str) -> np.ndarray:
    """The rows of these patients out of everybody's, or these rows themselves."""
    m = len(patients.outcome)
    if len(values) == m:
        return values
    n = m + patients.n_without + patients.n_unknown + patients.n_before_landmark
    if len(values) == n:
        return values[patients.rows]
    raise InputError(f"{m} of {n} patients are compared, got {len(values)}", source=what)


def _checked_retreated(values: ArrayLike, n: int) -> np.ndarray:
    found = np.asarray(values, dtype=np.float64)
    if found.shape != (n,):
        raise InputError(f"{n} patients but shape {found.shape}", source="retreated")
    if not np.isin(found[~np.isnan(found)], (0, 1)).all():
        raise InputError("must be 1, 0, or missing", source="retreated")
    return found


def _refuse(wrong: np.ndarray, what: str, remedy: str) -> None:
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"{int(wrong.sum())} of {wrong.size} patients are {what}, the first at position {first}",
            source=_SOURCE, remedy=remedy,
        )  # fmt: skip
