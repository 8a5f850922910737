"""Shapes of a number's effect on the log hazard: straight, a spline, or straight in pieces.

A value is first transformed (logarithm of a diameter), then shifted and scaled as the model's
columns were, then read off the curve. All of it is plain data, so that it goes into JSON and back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from hccsurv_core.errors import InputError


@dataclass(frozen=True)
class Transform:
    """A rising or falling function of a value.

    Args:
        forward, inverse: the function and its inverse.
        above: values must be larger than this (or equal, with ``included``); None takes any.
        words: on an axis, "log scale"; empty for none.
    """

    forward: Callable[[float], float]
    inverse: Callable[[float], float]
    above: float | None = None
    included: bool = False
    words: str = ""

    def accepts(self, value: float) -> bool:
        """Whether the function exists there."""
        return self.above is None or value > self.above or (self.included and value == self.above)


#: What a variable may be transformed by before it enters the model.
TRANSFORMS: dict[str, Transform] = {
    "identity": Transform(float, float),
    "log": Transform(math.log, math.exp, 0.0, words="log scale"),
    "log2": Transform(math.log2, math.exp2, 0.0, words="log scale"),
    "log10": Transform(math.log10, lambda u: 10.0**u, 0.0, words="log scale"),
    "log1p": Transform(math.log1p, math.expm1, -1.0, words="log scale"),
    "sqrt": Transform(math.sqrt, lambda u: u * u, 0.0, included=True, words="root scale"),
}


@dataclass(frozen=True)
class Line:
    """A straight effect: ``slope`` per unit of the scaled value."""

    slope: float

    def at(self, u: float) -> float:
        """Log hazard at ``u``, 0 at 0."""
        return self.slope * u

    def turns(self, low: float, high: float) -> tuple[float, ...]:
        """Where the curve may turn between two values: nowhere."""
        return ()


@dataclass(frozen=True)
class Spline:
    """A restricted cubic spline, straight beyond its outer knots.

    The columns are those of :func:`hccsurv_core.stats.splines.spline_basis` (truncated powers,
    Harrell, Regression Modeling Strategies, 2nd ed. 2015, section 2.4).

    Args:
        knots: (k,) rising, three or more.
        coef: (k − 1,) of the value itself, then of the cubic parts.
    """

    knots: tuple[float, ...]
    coef: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.knots) < 3 or any(b <= a for a, b in pairwise(self.knots)):
            raise InputError("a spline needs three or more rising knots", source="nomogram")
        if len(self.coef) != len(self.knots) - 1:
            raise InputError(
                f"{len(self.knots)} knots need {len(self.knots) - 1} coefficients, "
                f"got {len(self.coef)}",
                source="nomogram",
            )  # fmt: skip

    def at(self, u: float) -> float:
        """Log hazard at ``u``, 0 at the origin of the columns."""
        return self._sum(u, lambda knot: max(u - knot, 0.0) ** 3, self.coef[0] * u)

    def turns(self, low: float, high: float) -> tuple[float, ...]:
        """Where the slope is 0 between two values; between knots it is a parabola."""
        ends = [low, *(k for k in self.knots if low < k < high), high]
        found: list[float] = []
        for a, b in pairwise(ends):
            first, middle, last = (self._slope(a + share * (b - a)) for share in (0.0, 0.5, 1.0))
            quadratic = 2 * (first - 2 * middle + last)
            linear = 4 * middle - 3 * first - last
            found += [a + t * (b - a) for t in _roots(quadratic, linear, first) if 0 < t < 1]
            found.append(b)
        return tuple(u for u in found if low < u < high)

    def _slope(self, u: float) -> float:
        return self._sum(u, lambda knot: 3 * max(u - knot, 0.0) ** 2, self.coef[0])

    def _sum(self, u: float, cube: Callable[[float], float], first: float) -> float:
        t, last, before = self.knots, self.knots[-1], self.knots[-2]
        total = first
        for knot, coef in zip(t[:-2], self.coef[1:], strict=True):
            tail = cube(before) * (last - knot) - cube(last) * (before - knot)
            total += coef * (cube(knot) - tail / (last - before)) / (last - t[0]) ** 2
        return total


@dataclass(frozen=True)
class Pieces:
    """Straight between given points, flat before the first and after the last.

    Args:
        u: (m,) rising scaled values, two or more.
        effect: (m,) log hazards there.
    """

    u: tuple[float, ...]
    effect: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.u) < 2 or any(b <= a for a, b in pairwise(self.u)):
            raise InputError("a curve in pieces needs two or more rising points", source="nomogram")
        if len(self.effect) != len(self.u):
            raise InputError(
                f"{len(self.u)} points need as many effects, got {len(self.effect)}",
                source="nomogram",
            )

    def at(self, u: float) -> float:
        """Log hazard at ``u``."""
        return float(np.interp(u, self.u, self.effect))

    def turns(self, low: float, high: float) -> tuple[float, ...]:
        """The points between two values."""
        return tuple(u for u in self.u if low < u < high)


Curve = Line | Spline | Pieces


def _roots(a: float, b: float, c: float) -> list[float]:
    """Real roots of a t² + b t + c, without loss of digits where a is small."""
    inside = b * b - 4 * a * c
    if inside < 0:
        return []
    q = -(b + math.copysign(math.sqrt(inside), b)) / 2
    return [top / bottom for top, bottom in ((q, a), (c, q)) if bottom != 0]
