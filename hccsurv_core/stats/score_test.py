"""The chi-squared statistic of k scores that add up to nothing."""

from __future__ import annotations

import numpy as np

from hccsurv_core.errors import StatisticsError

#: Eigenvalues of the covariance below this share of the largest are zero but for rounding.
RANK_TOLERANCE = 1e-11


def score_chi_squared(score: np.ndarray, covariance: np.ndarray) -> tuple[float, int]:
    """u'·V⁻·u with the generalized inverse, and its degrees of freedom, the rank of V.

    Equal to leaving out any one group and inverting the rest, and still defined where some
    groups never meet.

    Args:
        score: (k,) observed − expected by group.
        covariance: (k, k) of the score under the null hypothesis.

    Raises:
        StatisticsError: the covariance is zero.
    """
    values, vectors = np.linalg.eigh(covariance)
    kept = values > RANK_TOLERANCE * max(float(values[-1]), 0.0)
    if values[-1] <= 0 or not kept.any():
        raise StatisticsError(
            "the groups are never under observation together while some have the event and "
            "others do not",
            source="groups",
            remedy="choose groups, strata or a weighting that overlap in time",
        )
    projected = vectors[:, kept].T @ score
    return float(np.sum(projected**2 / values[kept])), int(kept.sum())
