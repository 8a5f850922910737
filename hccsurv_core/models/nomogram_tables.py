"""A nomogram as tables for print: points of each value, survival of each sum of points.

Points are added by hand in whole numbers; :func:`rounding_error` says how far that can lead astray.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from hccsurv_core.checks import checked_count
from hccsurv_core.models.nomogram import Horizon, Nomogram
from hccsurv_core.models.nomogram_values import number_text, round_values
from hccsurv_core.models.nomogram_variables import CategoryVariable, Variable

#: Values of a number that the table lists, about.
_VALUES = 12


@dataclass(frozen=True)
class RoundingError:
    """The most that whole points can be off.

    Args:
        points: of the sum.
        linear_predictor: of the log hazard.
        survival: (h,) of the probability at each horizon, for any patient within the axes.
    """

    points: float
    linear_predictor: float
    survival: tuple[float, ...]


def points_table(nomogram: Nomogram) -> list[dict[str, Any]]:
    """Rows variable, value, unit, points (whole), exact_points.

    Numbers are listed at round values within their axis and at its ends; between them, interpolate
    or compute.
    """
    rows = []
    for variable in nomogram.variables:
        for value, text in _listed(variable):
            exact = nomogram.points_of(variable, value)
            rows.append(
                {"variable": variable.label, "value": text, "unit": variable.unit,
                 "points": round(exact), "exact_points": exact}
            )  # fmt: skip
    return rows


def survival_table(nomogram: Nomogram, *, step: int = 5) -> list[dict[str, Any]]:
    """Rows total_points, linear_predictor, and survival at each horizon.

    Args:
        step: points from row to row; the last row is the highest total, rounded up.

    Raises:
        InputError: the step is not a whole number of 1 or more.
    """
    checked_count(step, "step", at_least=1)
    last = math.ceil(nomogram.highest_total / step - 1e-9) * step
    rows: list[dict[str, Any]] = []
    for total in range(0, last + 1, step):
        row: dict[str, Any] = {
            "total_points": total, "linear_predictor": nomogram.linear_predictor_at(total)
        }  # fmt: skip
        for horizon, survival in zip(nomogram.horizons, nomogram.survival_at(total), strict=True):
            row[f"survival_{horizon.months:g}_months"] = survival
        rows.append(row)
    return rows


def rounding_error(nomogram: Nomogram) -> RoundingError:
    """The worst case of whole points, for values within the axes.

    A number's points can be off by half a point, a level's by what rounding does to it. The log
    hazard is off by the sum d of these; survival exp(−u) moves to exp(−u·e^d) at most, which is
    farthest where u = d / (e^d − 1), if the patients reach there.
    """
    points = math.fsum(_most_off(nomogram, v) for v in nomogram.variables)
    off = points / nomogram.points_per_unit
    ends = [nomogram.linear_predictor_at(t) for t in (0.0, nomogram.highest_total)]
    return RoundingError(
        points, off, tuple(_survival_off(h, off, *ends) for h in nomogram.horizons)
    )


def _most_off(nomogram: Nomogram, variable: Variable) -> float:
    if isinstance(variable, CategoryVariable):
        exact = [nomogram.points_of(variable, level) for level in variable.levels]
        return max(abs(p - round(p)) for p in exact)
    return min(0.5, nomogram.points_span(variable))


def _survival_off(horizon: Horizon, off: float, lowest: float, highest: float) -> float:
    """Largest change of survival when the log hazard moves by ``off`` from within the ends."""
    if off == 0:
        return 0.0
    # From the lower to the higher of the two, either of which may be the exact one: neither sum
    # falls below 0 points.
    farthest = math.log(off / math.expm1(off)) - math.log(horizon.cumulative_hazard)
    start = min(max(farthest, lowest), highest)
    return horizon.survival(start) - horizon.survival(start + off)


def _listed(variable: Variable) -> list[tuple[Any, str]]:
    if isinstance(variable, CategoryVariable):
        return [(level, variable.title_of(level)) for level in variable.levels]
    low, high = variable.axis.low, variable.axis.high
    inside = round_values(low, high, _VALUES, whole=variable.whole, log=_is_log(variable.transform))
    inner = [v for v in inside if low < v < high]
    return [(v, number_text(v)) for v in (low, *inner, high)]


def _is_log(transform: str) -> bool:
    return transform.startswith("log")
