"""Variables of a nomogram: what each value of one adds to the log hazard, and where its axis ends.

The ends come from the training patients. What lies outside is told, never moved to the end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.checks import checked_number, checked_numbers
from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.design import level_text
from hccsurv_core.models.nomogram_curves import TRANSFORMS, Curve

#: Which training quantiles show where most patients are.
MIDDLE_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
#: A value this close to an axis end, as a share of the axis, is on it (rounding of units).
_ON_THE_END = 1e-9


@dataclass(frozen=True)
class AxisRange:
    """From where to where the axis of a number goes.

    Args:
        low, high: the ends, in the variable's unit.
        words: what they are, "training minimum to maximum".
        middle: (5,) training quantiles of :data:`MIDDLE_QUANTILES`; empty when not known.
    """

    low: float
    high: float
    words: str = "declared range"
    middle: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise InputError(
                f"an axis goes from a lower to a higher number, got {self.low:g} to {self.high:g}",
                source="nomogram",
            )
        if len(self.middle) not in (0, len(MIDDLE_QUANTILES)):
            raise InputError(
                f"{len(MIDDLE_QUANTILES)} quantiles are needed, got {len(self.middle)}",
                source="nomogram",
            )

    @classmethod
    def of_training(
        cls, values: ArrayLike, *, quantiles: tuple[float, float] = (0.0, 1.0), name: str = "values"
    ) -> AxisRange:
        """Ends of the training patients' values; missing ones are left out.

        Args:
            values: (n,) of the patients that the model was fitted on, and nobody else.
            quantiles: of the ends; (0, 1) is minimum to maximum.

        Raises:
            InputError: the quantiles are not rising shares.
            StatisticsError: nobody has a value, or all have the same.
        """
        if not 0 <= quantiles[0] < quantiles[1] <= 1:
            raise InputError(f"quantiles must rise within 0 to 1, got {quantiles}", source=name)
        known = checked_numbers(values, name).ravel()
        known = known[np.isfinite(known)]
        if known.size == 0 or known.min() == known.max():
            raise StatisticsError(
                "no training patient has a value" if known.size == 0 else
                f"every training patient has the value {known[0]:g}, so it has no axis",
                source=name, remedy="leave the variable out",
            )  # fmt: skip
        low, high = (float(q) for q in np.quantile(known, quantiles))
        if low == high:
            raise StatisticsError(
                f"the quantiles {quantiles[0]:g} and {quantiles[1]:g} are both {low:g}",
                source=name, remedy="use minimum to maximum, or a category",
            )  # fmt: skip
        words = "training minimum to maximum"
        if quantiles != (0.0, 1.0):
            words = f"{quantiles[0] * 100:g} to {quantiles[1] * 100:g} % quantile of training"
        return cls(low, high, words, tuple(float(q) for q in np.quantile(known, MIDDLE_QUANTILES)))


@dataclass(frozen=True)
class NumberVariable:
    """A number and its curve.

    The model sees u = (transform(value) − center) / scale and adds ``curve`` at u.

    Args:
        name: key in a patient's record.
        label: in words, for the axis.
        curve: log hazard of u.
        axis: its ends, in ``unit``.
        unit: of the values; empty for a pure number.
        transform: one of :data:`hccsurv_core.models.nomogram_curves.TRANSFORMS`.
        center, scale: of the model's column.
        whole: only whole numbers occur (a count, a score).
    """

    name: str
    label: str
    curve: Curve
    axis: AxisRange
    unit: str = ""
    transform: str = "identity"
    center: float = 0.0
    scale: float = 1.0
    whole: bool = False

    def __post_init__(self) -> None:
        if self.transform not in TRANSFORMS:
            raise InputError(
                f"no transform is called {self.transform!r}", source=self.label,
                remedy=f"use one of {', '.join(TRANSFORMS)}",
            )  # fmt: skip
        if not (math.isfinite(self.center) and math.isfinite(self.scale)) or self.scale == 0:
            raise InputError("center and scale must be numbers, scale not 0", source=self.label)
        for end in (self.axis.low, self.axis.high):
            self.effect(end)

    def number(self, value: object) -> float:
        """A patient's value as a number.

        Raises:
            InputError: it is none, or the transform does not exist there.
        """
        found = checked_number(value, self.label)
        transform = TRANSFORMS[self.transform]
        if not transform.accepts(found):
            edge = "at least" if transform.included else "above"
            raise InputError(
                f"must be {edge} {transform.above:g}{self._unit_words}, got {found:g}",
                source=self.label,
            )
        return found

    def effect(self, value: object) -> float:
        """Log hazard of a value, against the origin of the model's columns."""
        return self.curve.at(self._scaled(self.number(value)))

    def outside(self, value: object) -> bool:
        """Whether a value lies beyond the ends of the axis."""
        slack = _ON_THE_END * (self.axis.high - self.axis.low)
        return not self.axis.low - slack <= self.number(value) <= self.axis.high + slack

    @cached_property
    def effects(self) -> tuple[float, float]:
        """Lowest and highest log hazard on the axis."""
        found = [self.effect(v) for v in self._bends]
        return min(found), max(found)

    @property
    def range_words(self) -> str:
        """The axis in words, "12 to 150 mm"."""
        return f"{self.axis.low:.4g} to {self.axis.high:.4g}{self._unit_words}"

    def stretches(self, smallest: float = 0.0) -> tuple[tuple[float, float], ...]:
        """The axis in parts that only rise or only fall, from its low to its high end.

        Args:
            smallest: turns of less than this log hazard are not told apart.
        """
        ends = [self._bends[0]]
        direction = 0.0
        for value in self._bends[1:]:
            step = self.effect(value) - self.effect(ends[-1])
            if step * direction > 0:  # on in the same direction
                ends[-1] = value
            elif abs(step) > smallest:
                ends.append(value)
                direction = step
        ends = [*ends[:-1], self._bends[-1]] if len(ends) > 1 else [ends[0], self._bends[-1]]
        return tuple(pairwise(ends))

    @cached_property
    def _bends(self) -> tuple[float, ...]:
        """The ends and between them where the curve may turn, in ``unit``, rising."""
        transform = TRANSFORMS[self.transform]
        ends = sorted(self._scaled(v) for v in (self.axis.low, self.axis.high))
        inner = (transform.inverse(u * self.scale + self.center) for u in self.curve.turns(*ends))
        inside = sorted(v for v in inner if self.axis.low < v < self.axis.high)
        return (self.axis.low, *inside, self.axis.high)

    def _scaled(self, number: float) -> float:
        return (TRANSFORMS[self.transform].forward(number) - self.center) / self.scale

    @property
    def _unit_words(self) -> str:
        return f" {self.unit}" if self.unit else ""


@dataclass(frozen=True)
class CategoryVariable:
    """A category, yes or no among them.

    Args:
        name: key in a patient's record.
        label: in words, for the axis.
        levels: (k,) in order, two or more.
        level_effects: (k,) log hazards; the reference level has 0.
        shares: (k,) of the training patients; empty when not known.
        titles: (k,) what the axis shows; default the levels.
    """

    name: str
    label: str
    levels: tuple[str, ...]
    level_effects: tuple[float, ...]
    shares: tuple[float, ...] = ()
    titles: tuple[str, ...] = ()
    unit: str = field(default="", init=False)

    def __post_init__(self) -> None:
        if len(self.levels) < 2:
            only = f"has only the level {self.levels[0]!r}" if self.levels else "has no levels"
            raise StatisticsError(
                f"{only}, so nothing can be compared", source=self.label, remedy="leave it out"
            )
        if len(set(self.levels)) != len(self.levels):
            raise InputError(f"a level occurs twice in {self.levels}", source=self.label)
        for what, given in (
            ("effects", self.level_effects),
            ("shares", self.shares),
            ("titles", self.titles),
        ):
            if len(given) != len(self.levels) and (given or what == "effects"):
                raise InputError(
                    f"{len(self.levels)} levels but {len(given)} {what}", source=self.label
                )  # fmt: skip
        if not all(math.isfinite(e) for e in self.level_effects):
            raise InputError("every level needs a finite effect", source=self.label)

    def level(self, value: object) -> str:
        """The level that a patient's value is.

        Raises:
            InputError: no training patient had it, so it has no points.
        """
        for text in _level_texts(value):
            if text in self.levels:
                return text
        raise InputError(
            f"{_level_texts(value)[0]!r} is no level of the model", source=self.label,
            remedy=f"use one of {', '.join(self.levels)}",
        )  # fmt: skip

    def effect(self, value: object) -> float:
        """Log hazard of a level."""
        return self.level_effects[self.levels.index(self.level(value))]

    def outside(self, value: object) -> bool:
        """A level is never beyond its axis; an unknown one is an error."""
        self.level(value)
        return False

    @property
    def effects(self) -> tuple[float, float]:
        """Lowest and highest log hazard on the axis."""
        return min(self.level_effects), max(self.level_effects)

    @property
    def range_words(self) -> str:
        """The levels in words."""
        return ", ".join(self.levels)

    def title_of(self, level: str) -> str:
        """What the axis shows of a level."""
        return self.titles[self.levels.index(level)] if self.titles else level


Variable = NumberVariable | CategoryVariable


def is_missing(value: object) -> bool:
    """Whether a patient's value is not known: None, NaN, pandas' NA, or blank text."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, str):
        return not value.strip()
    return isinstance(value, float | np.floating) and math.isnan(value)


def _level_texts(value: object) -> Sequence[str]:
    """How a value may be written as a level: True is "yes", and "1" where levels are numbers."""
    if isinstance(value, bool | np.bool_):
        return ("yes", "1", "True", "true") if value else ("no", "0", "False", "false")
    text = level_text(value).strip()
    return (text, *{"1": ("yes",), "0": ("no",)}.get(text, ()))
