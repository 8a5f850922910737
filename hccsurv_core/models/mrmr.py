"""mRMR: few features that say much about the outcome and little about each other.

Peng, Long & Ding, IEEE Trans Pattern Anal Mach Intell 2005;27:1226-1238, and Ding & Peng, J Bioinform
Comput Biol 2005;3:185-205: the first feature is the most relevant one; then, one at a time, that of
highest relevance against its mean redundancy with those already taken. Each step is greedy: the set
is good, not proven best. It is no test: it returns as many features as are asked for from noise too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hccsurv_core.errors import InputError, StatisticsError

#: How relevance and redundancy are measured and put together.
SCHEMES = {
    "FCQ": "F statistic divided by mean |correlation|",
    "FCD": "F statistic minus mean |correlation|",
    "MID": "mutual information with the outcome minus mean mutual information with the features "
    "taken, each −½·ln(1 − r²) as of normal variables",
}
#: Mean |correlation| counts as at least this, or a feature by chance uncorrelated with those taken
#: would go before every other (as in the package mrmr-selection).
_LEAST_CORRELATION = 1e-3
#: Correlations end here: an infinite mutual information leaves nothing to compare.
_LARGEST_R2 = 1.0 - 1e-12


@dataclass(frozen=True, eq=False)
class MrmrRanking:
    """Features in the order in which they were taken.

    Args:
        order: (k,) positions.
        score: (k,) of each when it was taken: the relevance for the first, then as
            :data:`SCHEMES` says.
        relevance: (p,) of every feature.
        redundancy: (k,) with those taken before it; NaN for the first.
    """

    order: np.ndarray
    score: np.ndarray
    relevance: np.ndarray
    redundancy: np.ndarray


def rank_features(
    values: np.ndarray, event: np.ndarray, n_features: int, scheme: str = "FCQ"
) -> MrmrRanking:
    """Take up to ``n_features``.

    Of equal candidates the first in the table's order is taken.

    Args:
        values: (n, p) finite, no column constant.
        event: (n,) bool, both kinds among them.
        n_features: 1 or more; all where there are no more.
        scheme: of :data:`SCHEMES`. FCQ is the default because its two parts need no common unit;
            in FCD the F statistic, which grows with n, soon leaves redundancy without a say.

    Raises:
        InputError: an unknown scheme, a feature is constant, or a number below 1.
        StatisticsError: nobody, or everybody, has the event.
    """
    if scheme not in SCHEMES:
        raise InputError(
            f"no mRMR scheme is called {scheme!r}", source="mRMR",
            remedy=f"use {', '.join(SCHEMES)}",
        )  # fmt: skip
    if n_features < 1:
        raise InputError(f"{n_features} features cannot be taken", source="mRMR")
    z = _unit_columns(values)
    r_outcome = _correlation_with_event(z, event)
    shared = np.zeros(z.shape[1])
    relevance = _relevance(r_outcome, z.shape[0], scheme)
    left = np.ones(z.shape[1], dtype=bool)
    order, scores, redundancies = [], [], []
    for taken in range(min(n_features, z.shape[1])):
        redundancy = shared / max(taken, 1)
        merit = relevance if not taken else _merit(relevance, redundancy, scheme)
        best = int(np.argmax(np.where(left, merit, -np.inf)))
        left[best] = False
        order.append(best)
        scores.append(float(merit[best]))
        redundancies.append(float(redundancy[best]) if taken else np.nan)
        r = z.T @ z[:, best]
        shared += _information(r) if scheme == "MID" else np.abs(r)
    return MrmrRanking(np.array(order), np.array(scores), relevance, np.array(redundancies))


def _unit_columns(values: np.ndarray) -> np.ndarray:
    """Centered columns of length 1, so that products are correlations."""
    z = values - values.mean(axis=0)
    length = np.sqrt((z**2).sum(axis=0))
    if (length == 0).any():
        raise InputError("a feature is the same in everybody", source="mRMR")
    return z / length


def _correlation_with_event(z: np.ndarray, event: np.ndarray) -> np.ndarray:
    """(p,) point-biserial correlations."""
    y = event.astype(np.float64) - event.mean()
    length = np.sqrt((y**2).sum())
    if length == 0:
        raise StatisticsError("both outcomes must occur", source="mRMR")
    return z.T @ (y / length)


def _relevance(r: np.ndarray, n: int, scheme: str) -> np.ndarray:
    if scheme == "MID":
        return _information(r)
    # The F statistic of a one-way analysis of variance of two groups.
    r2 = np.minimum(r**2, _LARGEST_R2)
    return (n - 2) * r2 / (1.0 - r2)


def _merit(relevance: np.ndarray, redundancy: np.ndarray, scheme: str) -> np.ndarray:
    if scheme == "FCQ":
        return relevance / np.maximum(redundancy, _LEAST_CORRELATION)
    return relevance - redundancy


def _information(r: np.ndarray) -> np.ndarray:
    """Mutual information of two normal variables with correlation r, nats."""
    return -0.5 * np.log1p(-np.minimum(r**2, _LARGEST_R2))
