"""p-values of several tests, corrected for their number."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError

#: Method -> what it controls.
METHODS = {
    "holm": "family-wise error (Holm, Scandinavian Journal of Statistics 1979)",
    "bonferroni": "family-wise error (Bonferroni)",
    "benjamini-hochberg": "false discovery rate (Benjamini & Hochberg, JRSS B 1995)",
}


def adjust_p_values(p: ArrayLike, *, method: str = "holm") -> np.ndarray:
    """p-values that can each be compared with the same level, as R's p.adjust.

    Args:
        p: (m,) p-values; NaN (a test that could not be done) stays NaN and is not counted.
        method: "holm" and "bonferroni" control the chance of any false positive under any
            dependence, "benjamini-hochberg" the expected share of false ones among the
            positives (independent or positively dependent tests).

    Returns:
        (m,) adjusted p-values in the order given, at most 1.

    Raises:
        InputError: an unknown method, or a value outside 0 to 1.
    """
    if method not in METHODS:
        raise InputError(
            f"unknown correction {method!r}", source="method", remedy=f"one of {', '.join(METHODS)}"
        )
    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1:
        raise InputError(f"a list of p-values is needed, got shape {values.shape}", source="p")
    done = ~np.isnan(values)
    known = values[done]
    if ((known < 0) | (known > 1)).any():
        raise InputError("a p-value must be between 0 and 1", source="p")
    adjusted = np.full(values.shape, np.nan)
    adjusted[done] = _adjust(known, method)
    return adjusted


def _adjust(p: np.ndarray, method: str) -> np.ndarray:
    m = p.size
    order = np.argsort(p, kind="stable")
    rank = np.arange(1, m + 1)
    if method == "bonferroni":
        return np.minimum(1.0, m * p)
    if method == "holm":
        # Never smaller than the one before it.
        ordered = np.maximum.accumulate((m - rank + 1) * p[order])
    else:
        # Never larger than the one after it.
        ordered = np.minimum.accumulate((m / rank * p[order])[::-1])[::-1]
    adjusted = np.empty(m)
    adjusted[order] = np.minimum(1.0, ordered)
    return adjusted
