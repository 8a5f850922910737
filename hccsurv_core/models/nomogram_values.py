"""Round values for axes and tables, coarse before fine, and how they are written."""

from __future__ import annotations

import math

#: Multiples of a power of ten on a logarithmic axis: the finest set comes first.
LOG_SETS: tuple[tuple[float, ...], ...] = (
    (1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9),
    (1, 1.5, 2, 3, 4, 5, 6, 7, 8),
    (1, 1.5, 2, 3, 4, 5, 7),
    (1, 2, 3, 5, 7),
    (1, 2, 5),
    (1, 3),
    (1,),
)
#: A logarithmic axis that spans less than this factor is divided evenly.
_LOG_FACTOR = 3.0


def has_decades(low: float, high: float) -> bool:
    """Whether a logarithmic axis is divided by powers of ten."""
    return low > 0 and high / low >= _LOG_FACTOR


def log_values(low: float, high: float, factors: tuple[float, ...]) -> list[float]:
    """``factors`` times powers of ten from ``low`` to ``high`` (both above 0), rising."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    # As text, so that 3 × 10⁻¹ is 0.3 and not 0.30000000000000004.
    found = [float(f"{factor:g}e{power}") for power in powers for factor in factors]
    return [v for v in found if low <= v <= high]


def nested_values(low: float, high: float) -> list[list[float]]:
    """Values of an axis by rank: multiples of steps that are each a half or a fifth of the last.

    From the coarsest step that has a multiple on the axis to about a hundredth of its length.
    """
    power = math.floor(math.log10(high - low))
    steps = [s * 10.0**p for p in range(power + 1, power - 2, -1) for s in (1.0, 0.5)]
    ranks: list[list[float]] = []
    known: set[float] = set()
    for step in steps:
        found = [v for v in multiples(low, high, step) if v not in known]
        known.update(found)
        if found:
            ranks.append(found)
    return ranks


def round_values(
    low: float, high: float, n: int, *, log: bool = False, whole: bool = False
) -> list[float]:
    """At most ``n`` round values from ``low`` to ``high``, rising, as many as there can be."""
    if not (log and has_decades(low, high)):
        return linear_values(low, high, n, whole=whole)
    for factors in LOG_SETS:
        found = [v for v in log_values(low, high, factors) if not whole or v == round(v)]
        if len(found) <= n:
            return found
    return found[:: -(-len(found) // n)]


def linear_values(low: float, high: float, n: int, *, whole: bool = False) -> list[float]:
    """Multiples of the smallest step of 1, 2, 2.5 or 5 times a power of ten that gives at most n."""
    power = 10.0 ** math.floor(math.log10((high - low) / max(n, 1)))
    for step in (power * m for m in (1, 2, 2.5, 5, 10, 20, 25, 50, 100)):
        if whole and step != round(step):
            continue
        found = multiples(low, high, step)
        if len(found) <= max(n, 1):
            return found
    return []


def multiples(low: float, high: float, step: float) -> list[float]:
    """Multiples of ``step`` from ``low`` to ``high``, both included."""
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    digits = max(0, 2 - math.floor(math.log10(step)))
    return [round(k * step, digits) + 0.0 for k in range(first, last + 1)]


def number_text(value: float) -> str:
    """A value for a tick: no trailing zeros, thousands with commas, a true minus sign."""
    size = abs(value)
    if size >= 1e6:
        power = math.floor(math.log10(size))
        factor = round(value / 10.0**power, 3)
        mantissa = "" if factor == 1 else f"{factor:g}×"
        text = f"{mantissa}10{str(power).translate(_SUPERSCRIPT)}"
    else:
        text = f"{value:,.6g}"
    return text.replace("-", "−")


_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
