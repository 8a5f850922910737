"""What callers may give: numbers, counts and confidence levels, or an error that says what is wrong.

Text is never read as a number here, and what is too large for arithmetic is refused, so that no
warning of the numerical libraries reaches a user.
"""

from __future__ import annotations

import math
import operator
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError

#: Beyond this a measurement is a mistake, and its square would overflow.
LARGEST = 1e100


def checked_numbers(values: ArrayLike, source: str, *, largest: float = math.inf) -> np.ndarray:
    """Floats of any shape; NaN and, unless ``largest`` is given, infinity may be among them.

    Raises:
        InputError: they are no numbers (text, dates, complex), lists of unequal lengths, or larger
            than ``largest`` without being missing.
    """
    try:
        raw = np.asarray(values)
        if raw.dtype.kind not in "biufO" or (raw.dtype.kind == "O" and _has_text(raw)):
            raise TypeError
        found = raw.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError("must be numbers", source=source) from error
    # Infinity is told by whoever refuses missing values, and may mean something elsewhere.
    if math.isfinite(largest) and (np.abs(found[np.isfinite(found)]) > largest).any():
        raise InputError(f"a value is beyond {largest:g}, which cannot be right", source=source)
    return found


def checked_number(
    value: object, source: str, *, low: float = -math.inf, high: float = math.inf
) -> float:
    """One finite number in ``low`` to ``high``, both included.

    Raises:
        InputError: it is not.
    """
    try:
        found = float("nan") if isinstance(value, str | bytes | bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise InputError(f"must be a number, got {_short(value)}", source=source) from error
    if not (math.isfinite(found) and low <= found <= high):
        bounds = {
            (True, True): "",
            (False, True): f" of {low:g} or more",
            (True, False): f" of {high:g} or less",
            (False, False): f" from {low:g} to {high:g}",
        }[math.isinf(low), math.isinf(high)]
        raise InputError(f"must be a number{bounds}, got {_short(value)}", source=source)
    return found


def checked_count(value: object, source: str, *, at_least: int = 0) -> int:
    """One whole number.

    Raises:
        InputError: it is not, or is below ``at_least``.
    """
    try:
        found = operator.index(value)  # type: ignore[arg-type]
    except TypeError as error:
        raise InputError(f"must be a whole number, got {_short(value)}", source=source) from error
    if found < at_least:
        raise InputError(
            f"must be a whole number of {at_least} or more, got {found}", source=source
        )
    return found


def normal_quantile(level: float) -> float:
    """How many standard errors to each side make a two-sided interval of ``level``.

    Raises:
        InputError: the level is not between 0 and 1.
    """
    checked_level(level)
    return NormalDist().inv_cdf(0.5 + level / 2)


def checked_level(level: float) -> float:
    """A confidence level.

    Raises:
        InputError: it is not a number between 0 and 1.
    """
    found = level if isinstance(level, int | float | np.number) else math.nan
    # A level that rounding takes to 1 has no quantile.
    if not 0 < found < 1 or 0.5 + found / 2 >= 1:
        raise InputError(
            f"a confidence level must lie between 0 and 1, got {_short(level)}",
            source="level",
            remedy="give 0.95 for 95 %",
        )
    return float(found)


def _has_text(raw: np.ndarray) -> bool:
    return any(isinstance(item, str | bytes) for item in raw.ravel().tolist())


def _short(value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
