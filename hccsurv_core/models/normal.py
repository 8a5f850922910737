"""The normal quantile behind every Wald interval."""

from __future__ import annotations

from statistics import NormalDist

from hccsurv_core.errors import InputError


def normal_quantile(level: float) -> float:
    """How many standard errors to each side make a two-sided interval of ``level``.

    Raises:
        InputError: the level is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise InputError(
            f"a confidence level must lie between 0 and 1, got {level:g}",
            source="level",
            remedy="give 0.95 for 95 %",
        )
    return NormalDist().inv_cdf(0.5 + level / 2)
