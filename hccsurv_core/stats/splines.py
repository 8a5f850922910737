"""Restricted cubic splines: smooth curves that are straight beyond their outer knots.

Truncated power basis and default knots of Harrell, Regression Modeling Strategies (2nd ed. 2015),
section 2.4; the columns are those of R's Hmisc::rcspline.eval (norm = 2).
"""

from __future__ import annotations

import numpy as np

from hccsurv_core.errors import InputError

#: Where Harrell's table puts the knots, as quantiles of the variable.
_QUANTILES = {
    3: (0.10, 0.50, 0.90),
    4: (0.05, 0.35, 0.65, 0.95),
    5: (0.05, 0.275, 0.5, 0.725, 0.95),
    6: (0.05, 0.23, 0.41, 0.59, 0.77, 0.95),
    7: (0.025, 0.1833, 0.3417, 0.5, 0.6583, 0.8167, 0.975),
}


def spline_knots(x: np.ndarray, n_knots: int) -> np.ndarray:
    """Default knots: (n_knots,) quantiles of ``x``; fewer where quantiles coincide.

    Raises:
        InputError: the number of knots is not 3 to 7.
    """
    if n_knots not in _QUANTILES:
        raise InputError(f"a spline has 3 to 7 knots, not {n_knots}", source="n_knots")
    return np.unique(np.quantile(x, _QUANTILES[n_knots]))


def spline_basis(x: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """(n,) values → (n, len(knots) − 1): ``x`` itself, then the cubic parts.

    With fewer than three knots the basis is ``x`` alone: a straight line.
    """
    if knots.size < 3:
        return x[:, None]
    t, last, before = knots, knots[-1], knots[-2]

    def cube(knot: float) -> np.ndarray:
        return np.maximum(x - knot, 0.0) ** 3

    columns = [x]
    for knot in t[:-2]:
        tail = cube(before) * (last - knot) - cube(last) * (before - knot)
        columns.append((cube(knot) - tail / (last - before)) / (last - t[0]) ** 2)
    return np.stack(columns, axis=1)
