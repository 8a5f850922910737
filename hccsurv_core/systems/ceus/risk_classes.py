"""Four classes of patients: likely or not to recur early, at high or low risk of death.

After Huang et al., World J Gastrointest Oncol 2022;14(12):2380-2392, who divide patients "into four
categories by dichotomizing predicted ER and OS". Their class 1 is high recurrence with low risk of
death, the one in which those whose recurrence was not retreated fared worse (hazard ratio 7.895);
which of the other three has which number we could not read: 2 to 4 are our numbers.

A class is a coarse word for two numbers: patients near a cut-off are in it by a hair. So
:meth:`RiskClassRule.chances` says how sure it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.kaplan_meier import fit_kaplan_meier
from hccsurv_core.stats.proportions import proportion
from hccsurv_core.systems.ceus.risk_classes_cutoffs import (
    PAPER,
    CutoffSettings,
    LearnedCutoff,
    cutoff_from_json,
    recurrence_cutoff,
    survival_cutoff,
)

_SOURCE = "risk classes"


@dataclass(frozen=True)
class RiskClass:
    """One of the four.

    Args:
        number: 1 to 4.
        high_recurrence, high_death: its two halves.
        words: what it is.
        published: what the paper says of it; None where nothing is known to us.
    """

    number: int
    high_recurrence: bool
    high_death: bool
    words: str
    published: str | None = None


CLASSES: tuple[RiskClass, ...] = (
    RiskClass(
        1, True, False, "likely to recur within a year, low risk of death",
        f"patients not retreated after recurrence fared worse than those retreated (hazard ratio "
        f"7.895, p = 0.005; not randomized; {PAPER})",
    ),
    RiskClass(2, True, True, "likely to recur within a year, high risk of death"),
    RiskClass(3, False, False, "not likely to recur within a year, low risk of death"),
    RiskClass(4, False, True, "not likely to recur within a year, high risk of death"),
)  # fmt: skip
NUMBERS = tuple(c.number for c in CLASSES)


def class_of(number: int) -> RiskClass:
    """One of :data:`CLASSES`.

    Raises:
        InputError: there is none of this number.
    """
    if number not in NUMBERS:
        raise InputError(f"there is no class {number}", source=_SOURCE, remedy="classes are 1 to 4")
    return CLASSES[number - 1]


def class_numbers(high_recurrence: ArrayLike, high_death: ArrayLike) -> np.ndarray:
    """(n,) class of each patient from the two halves, int64."""
    recurs, dies = np.asarray(high_recurrence, dtype=bool), np.asarray(high_death, dtype=bool)
    if recurs.shape != dies.shape:
        raise InputError(f"{recurs.size} and {dies.size} patients", source=_SOURCE)
    return np.where(recurs, np.where(dies, 2, 1), np.where(dies, 4, 3)).astype(np.int64)


@dataclass(frozen=True, eq=False)
class RiskClassRule:
    """How patients are put into classes.

    Args:
        recurrence: of the predicted probability of early recurrence.
        survival: of the risk score of death.
        n, n_events: training patients and deaths that the cut-offs were learned from.
    """

    recurrence: LearnedCutoff
    survival: LearnedCutoff
    n: int
    n_events: int

    def classify(self, probability: ArrayLike, risk: ArrayLike) -> np.ndarray:
        """(n,) class of each patient, 1 to 4.

        Args:
            probability: (n,) of early recurrence. risk: (n,) score of death, on the scale that
                the cut-off was learned on.

        Raises:
            InputError: a value is missing, or lengths differ.
        """
        recurs = self.recurrence.cutpoint.apply(np.atleast_1d(probability))
        return class_numbers(recurs, self.survival.cutpoint.apply(np.atleast_1d(risk)))

    def chances(self, probability_draws: ArrayLike, risk_draws: ArrayLike) -> np.ndarray:
        """How likely each class is, given how unsure both predictions are.

        The two models are fitted apart, so their errors count as independent. Cut-offs count as
        known.

        Args:
            probability_draws: (R, n) equally likely probabilities of early recurrence.
            risk_draws: (S, n) equally likely risk scores.

        Returns:
            (n, 4) by class number; rows sum to 1.
        """
        first, second = np.asarray(probability_draws), np.asarray(risk_draws)
        if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
            raise InputError(
                f"draws of the same patients are needed, got {first.shape} and {second.shape}",
                source=_SOURCE,
            )
        recurs = _share_high(first, self.recurrence)
        dies = _share_high(second, self.survival)
        return np.column_stack(
            [
                (recurs if c.high_recurrence else 1 - recurs) * (dies if c.high_death else 1 - dies)
                for c in CLASSES
            ]
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "recurrence": self.recurrence.to_json(),
            "survival": self.survival.to_json(),
            "n": self.n,
            "n_events": self.n_events,
        }


def rule_from_json(found: Mapping[str, Any]) -> RiskClassRule:
    """What :meth:`RiskClassRule.to_json` gave.

    Raises:
        InputError: it is not such a thing.
    """
    try:
        return RiskClassRule(
            cutoff_from_json(found["recurrence"]),
            cutoff_from_json(found["survival"]),
            int(found["n"]),
            int(found["n_events"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"describes no classes ({error!r})", source=_SOURCE) from error


def learn_classes(
    probability: ArrayLike,
    early: ArrayLike,
    risk: ArrayLike,
    outcome: SurvivalOutcome,
    settings: CutoffSettings | None = None,
    *,
    scale: str = "our own",
) -> RiskClassRule:
    """Learn both cut-offs from training patients, best from cross-fitted predictions.

    Args:
        probability: (n,) predicted probability of early recurrence.
        early: (n,) whether it recurred early: 1, 0, or NaN where that is not known; those count
            for the survival cut-off, and for the median of the probabilities.
        risk: (n,) score of death, higher is worse. outcome: of the same patients.
        settings: rules; default :class:`CutoffSettings`.
        scale: of ``risk``, see :func:`~hccsurv_core.systems.ceus.risk_classes_cutoffs.survival_cutoff`.

    Raises:
        InputError, StatisticsError: as for the two cut-offs.
    """
    settings = settings or CutoffSettings()
    p = np.asarray(probability, dtype=np.float64)
    known_early = np.asarray(early, dtype=np.float64)
    if not p.shape == known_early.shape == (len(outcome),):
        raise InputError(
            f"{len(outcome)} patients but {p.size} probabilities and {known_early.size} outcomes",
            source=_SOURCE,
        )
    known = np.isfinite(known_early)
    used = known if settings.recurrence == "youden" else np.ones(p.size, dtype=bool)
    return RiskClassRule(
        recurrence_cutoff(p[used], known_early[used], settings),
        survival_cutoff(risk, outcome, settings, scale=scale),
        len(outcome),
        outcome.n_events,
    )


@dataclass(frozen=True, eq=False)
class ClassSummary:
    """How the patients of a class fared.

    Args:
        number: of the class. n, n_events: patients and deaths.
        early_recurrence: share of those of whom it is known; NaN where there are none.
        survival: probability at each month that was asked for; NaN beyond the follow-up.
    """

    number: int
    n: int
    n_events: int
    early_recurrence: Estimate
    survival: tuple[Estimate, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "class": self.number,
            "words": class_of(self.number).words,
            "n": self.n,
            "n_events": self.n_events,
            "early_recurrence": self.early_recurrence.to_json(),
            "survival": [value.to_json() for value in self.survival],
        }


def summarize_classes(
    classes: ArrayLike,
    early: ArrayLike,
    outcome: SurvivalOutcome,
    *,
    horizons_months: tuple[float, ...] = (12.0, 36.0, 60.0),
    level: float = 0.95,
) -> tuple[ClassSummary, ...]:
    """What happened to the patients of each class; those of nobody are left out.

    Args:
        classes: (n,) 1 to 4. early: (n,) 1, 0, or NaN where not known. outcome: from surgery on.

    Raises:
        InputError: lengths differ. StatisticsError: nobody is in a class.
    """
    number = checked_classes(classes, len(outcome))
    known_early = np.asarray(early, dtype=np.float64)
    found = []
    for c in NUMBERS:
        rows = number == c
        if not rows.any():
            continue
        own = known_early[rows]
        own = own[np.isfinite(own)]
        curve = fit_kaplan_meier(outcome.subset(rows), level=level)
        value = curve.survival_at(horizons_months)
        low, high = curve.ci_at(horizons_months)
        found.append(
            ClassSummary(
                c, int(rows.sum()), curve.n_events,
                proportion(int(own.sum()), own.size, method="wilson", level=level),
                tuple(
                    Estimate(
                        float(v), float(a), float(b), level, "Kaplan-Meier, log-log interval",
                        curve.n, curve.n_events,
                    )
                    for v, a, b in zip(value, low, high, strict=True)
                ),
            )
        )  # fmt: skip
    if not found:
        raise StatisticsError("nobody is in a class", source=_SOURCE)
    return tuple(found)


def checked_classes(classes: ArrayLike, n: int) -> np.ndarray:
    """(n,) int64 class numbers.

    Raises:
        InputError: another number of patients, or a number that is no class.
    """
    found = np.asarray(classes)
    if found.shape != (n,):
        raise InputError(f"{n} patients but classes of shape {found.shape}", source=_SOURCE)
    if found.dtype.kind not in "iuf" or not np.isin(found, NUMBERS).all():
        raise InputError("classes are 1, 2, 3 or 4", source=_SOURCE)
    return found.astype(np.int64)


def _share_high(draws: np.ndarray, cutoff: LearnedCutoff) -> np.ndarray:
    return cutoff.cutpoint.apply(draws.ravel()).reshape(draws.shape).mean(axis=0)
