"""Nomograms: a Cox-like model as points that are added by hand, and what the sum means.

Kattan et al., J Natl Cancer Inst 1998;90:766-771, brought them to oncology; the points are those of
R's rms::nomogram. A value's points are its log hazard above that of the variable's most favorable
value, in units in which the variable with the largest effect over its axis spans 0 to 100. So

    linear predictor = intercept + Σ lowest effects + total points / points per unit,
    survival at a horizon = exp(−cumulative hazard · exp(linear predictor)),

which is the model itself, only written otherwise. Terms are added up: a model with interactions
has no nomogram of this kind.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

from hccsurv_core.checks import checked_number
from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.nomogram_variables import MIDDLE_QUANTILES, Variable, is_missing
from hccsurv_core.wording import agree

#: Points of the variable with the largest effect.
MAX_POINTS = 100.0
#: An effect over the axis that is smaller is rounding error.
_NO_EFFECT = 1e-10
#: So far may a training patient's own linear predictor lie beyond their range.
_ROUNDING = 1e-9

Beyond = Literal["compute", "refuse"]


@dataclass(frozen=True)
class Horizon:
    """A time at which survival is told.

    Args:
        months: after treatment.
        cumulative_hazard: of a patient whose linear predictor is 0, at that time.
    """

    months: float
    cumulative_hazard: float

    @classmethod
    def of_survival(cls, months: float, survival: float) -> Horizon:
        """From the survival probability of a patient whose linear predictor is 0.

        Raises:
            InputError: the probability is not between 0 and 1.
        """
        found = checked_number(survival, "baseline survival", low=0, high=1)
        if found in (0.0, 1.0):
            raise InputError(
                f"a baseline survival of {found:g} at {months:g} months cannot be scaled",
                source="nomogram", remedy="choose a horizon with deaths before and patients after",
            )  # fmt: skip
        return cls(months, -math.log(found))

    def survival(self, linear_predictor: float) -> float:
        """Probability of being alive."""
        try:
            return math.exp(-self.cumulative_hazard * math.exp(linear_predictor))
        except OverflowError:
            return 0.0

    def linear_predictor(self, survival: float) -> float:
        """The linear predictor of a patient with that probability."""
        return math.log(-math.log(survival)) - math.log(self.cumulative_hazard)


@dataclass(frozen=True)
class TrainingCohort:
    """Whom the model was fitted on.

    Args:
        name: of the cohort.
        n, n_events: patients and events.
        follow_up_months: longest; no horizon lies beyond it.
        simulated: drawn by a computer.
        linear_predictor: (5,) quantiles of the patients' linear predictors, of
            :data:`hccsurv_core.models.nomogram_variables.MIDDLE_QUANTILES`; empty when not known.
        linear_predictor_range: lowest and highest of the patients; None when not known.
    """

    name: str
    n: int
    n_events: int
    follow_up_months: float
    simulated: bool = False
    linear_predictor: tuple[float, ...] = ()
    linear_predictor_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.n_events <= self.n:
            raise InputError(f"{self.n} patients with {self.n_events} events", source=self.name)
        if len(self.linear_predictor) not in (0, len(MIDDLE_QUANTILES)):
            raise InputError(
                f"{len(MIDDLE_QUANTILES)} quantiles of the linear predictor are needed",
                source=self.name,
            )


@dataclass(frozen=True)
class NomogramPoints:
    """One patient's points, and what they mean.

    Args:
        points: variable's name → points; below 0 or above the axis for a value outside it.
        total: sum of the points.
        linear_predictor: log hazard as the model has it; higher is worse.
        horizons_months, survival: (h,) times and probabilities of being alive.
        outside: names of variables whose value lies beyond the training patients' axis.
        total_outside: no training patient had a linear predictor as low or as high.
        whole: each variable's points were rounded to whole numbers before adding.
    """

    points: Mapping[str, float]
    total: float
    linear_predictor: float
    horizons_months: tuple[float, ...]
    survival: tuple[float, ...]
    outside: tuple[str, ...] = ()
    total_outside: bool = False
    whole: bool = False


@dataclass(frozen=True)
class Nomogram:
    """Axes of points and their meaning; make one with :func:`build_nomogram`.

    Args:
        title: what it predicts, for whom ("Overall survival after hepatectomy").
        variables: in drawing order.
        intercept: linear predictor where every variable's effect is 0.
        horizons: rising times.
        training: whom the model was fitted on.
        points_per_unit: points of one unit of log hazard.
        without_effect: labels of variables of the model that change nothing and have no axis.
    """

    title: str
    variables: tuple[Variable, ...]
    intercept: float
    horizons: tuple[Horizon, ...]
    training: TrainingCohort
    points_per_unit: float
    without_effect: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        named = [v.name for v in self.variables]
        twice = [n for n in named if named.count(n) > 1]
        if twice:
            raise InputError("a variable is given twice", source=twice[0])
        if not (named and math.isfinite(self.intercept) and 0 < self.points_per_unit < math.inf):
            raise InputError(
                "variables, a finite intercept and points per unit above 0 are needed",
                source=self.title,
            )
        months = [h.months for h in self.horizons]
        if not months or months[0] <= 0 or any(b <= a for a, b in pairwise(months)):
            raise InputError(
                f"horizons must be rising times above 0, got {months}", source=self.title
            )
        for horizon in self.horizons:
            _check_horizon(horizon, self.training)

    @cached_property
    def origin(self) -> float:
        """Linear predictor at 0 total points: every variable at its most favorable value."""
        return self.intercept + math.fsum(v.effects[0] for v in self.variables)

    @cached_property
    def highest_total(self) -> float:
        """Total points with every variable at its least favorable value."""
        return math.fsum(self.points_span(v) for v in self.variables)

    def variable(self, name: str) -> Variable:
        """The variable of that name.

        Raises:
            InputError: there is none.
        """
        for found in self.variables:
            if found.name == name:
                return found
        raise InputError("the nomogram has no such variable", source=name)

    def points_span(self, variable: Variable) -> float:
        """Length of a variable's axis in points."""
        low, high = variable.effects
        return (high - low) * self.points_per_unit

    def points_of(self, variable: Variable, value: object) -> float:
        """Points of a value; beyond 0 to :meth:`points_span` where it lies outside the axis."""
        return (variable.effect(value) - variable.effects[0]) * self.points_per_unit

    def linear_predictor_at(self, total: float) -> float:
        """What a sum of points means in the model."""
        return self.origin + total / self.points_per_unit

    def total_at(self, linear_predictor: float) -> float:
        """The sum of points of a linear predictor."""
        return (linear_predictor - self.origin) * self.points_per_unit

    def survival_at(self, total: float) -> tuple[float, ...]:
        """(h,) survival probabilities at the horizons."""
        score = self.linear_predictor_at(total)
        return tuple(h.survival(score) for h in self.horizons)

    def points(
        self, patient: Mapping[str, Any], *, beyond: Beyond = "compute", whole: bool = False
    ) -> NomogramPoints:
        """Score one patient; equal to the model's prediction to rounding.

        Args:
            patient: value of every variable by name; others are not looked at.
            beyond: a value outside the training range is computed beyond its axis and named in
                ``outside``, or refused.
            whole: round each variable's points to whole numbers, as on paper;
                :func:`hccsurv_core.models.nomogram_tables.rounding_error` says what that costs.

        Raises:
            InputError: a value is missing, of an unknown level, impossible, or outside and refused.
        """
        if beyond not in ("compute", "refuse"):
            raise InputError(f"must be compute or refuse, not {beyond!r}", source="beyond")
        missing = [v.label for v in self.variables if is_missing(patient.get(v.name))]
        if missing:
            raise InputError(
                f"{agree(len(missing), 'a value is', 'values are')} missing: {', '.join(missing)}",
                source=self.title, remedy="a nomogram needs every variable; enter or impute it",
            )  # fmt: skip
        outside = [v for v in self.variables if v.outside(patient[v.name])]
        if outside and beyond == "refuse":
            raise InputError(
                f"{patient[outside[0].name]} lies outside what the training patients had "
                f"({outside[0].range_words})",
                source=outside[0].label,
                remedy="the model has not seen such patients; correct the value or do without it",
            )
        found = {v.name: self.points_of(v, patient[v.name]) for v in self.variables}
        if whole:
            found = {name: float(round(p)) for name, p in found.items()}
        total = math.fsum(found.values())
        score = self.linear_predictor_at(total)
        seen = self.training.linear_predictor_range
        return NomogramPoints(
            points=found,
            total=total,
            linear_predictor=score,
            horizons_months=tuple(h.months for h in self.horizons),
            survival=self.survival_at(total),
            outside=tuple(v.name for v in outside),
            total_outside=seen is not None
            and not seen[0] - _ROUNDING <= score <= seen[1] + _ROUNDING,
            whole=whole,
        )


def build_nomogram(
    variables: Sequence[Variable],
    *,
    title: str,
    horizons: Sequence[Horizon],
    training: TrainingCohort,
    intercept: float = 0.0,
    leave_out: bool = False,
) -> Nomogram:
    """Make a nomogram of any model that adds up effects on a log hazard.

    Args:
        variables: at least one.
        title: what is predicted, for whom.
        horizons: times with the baseline's cumulative hazard (or :meth:`Horizon.of_survival`).
        training: whom the model was fitted on.
        intercept: linear predictor where every effect is 0 (−means · coefficients of a centered
            model).
        leave_out: leave out variables without any effect and name them; default refuses them.

    Raises:
        InputError: names repeat, a horizon lies beyond the follow-up or has no hazard.
        StatisticsError: a variable, or the whole model, has no effect.
    """
    if not variables:
        raise InputError("there are no variables", source="nomogram")
    spans = {v.name: v.effects[1] - v.effects[0] for v in variables}
    flat = [v for v in variables if spans[v.name] <= _NO_EFFECT]
    if len(flat) == len(variables):
        raise StatisticsError(
            "no variable has an effect, so there is nothing to give points for", source=title
        )
    if flat and not leave_out:
        raise StatisticsError(
            "has no effect in this model (every coefficient is 0), so it has no axis",
            source=flat[0].label, remedy="leave it out of the nomogram",
        )  # fmt: skip
    kept = tuple(v for v in variables if v not in flat)
    return Nomogram(
        title=title,
        variables=kept,
        # What a flat variable adds is the same for everybody.
        intercept=checked_number(intercept, "intercept") + math.fsum(v.effects[0] for v in flat),
        horizons=tuple(horizons),
        training=training,
        points_per_unit=MAX_POINTS / max(spans.values()),
        without_effect=tuple(v.label for v in flat),
    )


def on_common_scale(nomograms: Sequence[Nomogram]) -> tuple[Nomogram, ...]:
    """Nomograms whose points mean the same log hazard, so that they can be read side by side.

    The largest effect among all of them spans 100 points; predictions do not change.
    """
    least = min(n.points_per_unit for n in nomograms)
    return tuple(replace(n, points_per_unit=least) for n in nomograms)


def _check_horizon(horizon: Horizon, training: TrainingCohort) -> None:
    if horizon.months > training.follow_up_months:
        raise InputError(
            f"{horizon.months:g} months lie beyond the follow-up of the training patients "
            f"({training.follow_up_months:.1f} months)",
            source="nomogram", remedy="choose an earlier horizon",
        )  # fmt: skip
    if not 0 < horizon.cumulative_hazard < math.inf:
        raise InputError(
            f"at {horizon.months:g} months the cumulative hazard is "
            f"{horizon.cumulative_hazard:g}, so survival has no axis",
            source="nomogram", remedy="choose a horizon by which some patients had died",
        )  # fmt: skip
