"""P-values that stay right when they are too small for a floating-point number."""

from __future__ import annotations

import math

#: Below this a p-value is shown as a bound: the approximation behind it is not better than that.
SMALLEST_SHOWN = 0.0001

#: The chi-squared tail is taken from its logarithm's expansion below this.
_NEAR_UNDERFLOW = 1e-290


def chi_squared_p(statistic: float, dof: int) -> tuple[float, float]:
    """Upper tail of the chi-squared distribution and its decimal logarithm.

    Args:
        statistic: >= 0.
        dof: degrees of freedom, >= 1.

    Returns:
        p, which is 0 below about 1e-308, and log10 p, which is finite all the same.
    """
    from scipy.special import chdtrc

    p = float(chdtrc(dof, statistic))
    if p > _NEAR_UNDERFLOW:
        return p, math.log10(p)
    # Γ(a, x) = x^(a−1)·e^(−x)·(1 + (a−1)/x + (a−1)(a−2)/x² + …), an asymptotic series.
    a, x = dof / 2, statistic / 2
    term = total = 1.0
    for k in range(1, 20):
        term *= (a - k) / x
        total += term
        if abs(term) < 1e-16:
            break
    logarithm = (a - 1) * math.log(x) - x - math.lgamma(a) + math.log(total)
    return p, logarithm / math.log(10)


def normal_p(z: float) -> tuple[float, float]:
    """Two-sided p-value of a standard normal statistic and its decimal logarithm."""
    return chi_squared_p(z * z, 1)


def format_p(p: float) -> str:
    """A p-value for a sentence or a table: ``0.034``, ``0.0004``, ``< 0.0001``, ``> 0.999``.

    Never "0.000" and never "p = 0": what is smaller than can be told apart is shown as a bound.
    """
    if math.isnan(p):
        return "not known"
    if p < SMALLEST_SHOWN:
        return f"< {SMALLEST_SHOWN}"
    if p > 0.999:
        return "> 0.999"
    return f"{p:.4f}" if p < 0.001 else f"{p:.3f}"
