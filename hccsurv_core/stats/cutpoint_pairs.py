"""Two cut-points at once: low, middle and high, as X-tile searches them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.progress import Progress, silent
from hccsurv_core.stats.cutpoint_pvalue import permutation_p
from hccsurv_core.stats.cutpoint_scan import (
    Splits,
    checked_marker,
    event_time_index,
    find_splits,
    hypergeometric_terms,
    thin_splits,
)
from hccsurv_core.stats.cutpoints import MIN_EVENTS, Cutpoint, check_events

#: A determinant below this share of its diagonal product is rounding error.
_NEGLIGIBLE = 1e-10


@dataclass(frozen=True, eq=False)
class OptimalCutpointPair:
    """The best two cut-points of a search.

    Args:
        lower, upper: the rules; low is not above ``lower``, high is above ``upper``.
        statistic: the largest log-rank chi-square of the three groups, two degrees of freedom.
        p_uncorrected: its p-value as if the cuts had been fixed beforehand.
        p_corrected: p-value of the largest of all tried pairs, from permutations.
        p_method: how it was corrected.
        scan_cutpoints: (k,) the cuts that were paired.
        scan_statistics: (k, k) chi-square of lower cut (row) and upper cut (column); NaN where a
            group would be too small.
        sizes, events: patients and events in low, middle, high.
        n_pairs: how many pairs were tried.
    """

    lower: Cutpoint
    upper: Cutpoint
    statistic: float
    p_uncorrected: float
    p_corrected: float
    p_method: str
    scan_cutpoints: np.ndarray
    scan_statistics: np.ndarray
    sizes: tuple[int, int, int]
    events: tuple[int, int, int]
    n_pairs: int

    def apply(self, marker: ArrayLike) -> np.ndarray:
        """(n,) 0 low, 1 middle, 2 high.

        Raises:
            InputError: a value is missing.
        """
        return self.lower.apply(marker).astype(np.int64) + self.upper.apply(marker)

    def to_json(self) -> dict[str, object]:
        """Plain values, without the grid."""
        return {
            "cutpoints": [self.lower.to_json(), self.upper.to_json()],
            "statistic": self.statistic,
            "p_uncorrected": self.p_uncorrected,
            "p_corrected": self.p_corrected,
            "p_method": self.p_method,
            "groups": {
                name: {"n": n, "events": events}
                for name, n, events in zip(
                    ("low", "middle", "high"), self.sizes, self.events, strict=True
                )
            },
            "n_pairs": self.n_pairs,
        }


def optimal_cutpoint_pair(
    marker: ArrayLike,
    outcome: SurvivalOutcome,
    *,
    min_share: float = 0.1,
    max_cuts: int = 100,
    n_permutations: int = 500,
    seed: int = 0,
    min_events: int = MIN_EVENTS,
    progress: Progress = silent,
) -> OptimalCutpointPair:
    """The two cut-points with the largest three-group log-rank chi-square (Camp et al. 2004).

    There is no closed form for the p-value of the best pair: the marker is dealt out to the
    patients at random ``n_permutations`` times and the whole search repeated.

    Args:
        marker: (n,) finite values, the training part's.
        outcome: what happened to these patients.
        min_share: smallest share of the patients in each of the three groups.
        max_cuts: a marker with more distinct values is cut only at this many of them, evenly
            spaced by rank.
        min_events: fewer events are refused.

    Raises:
        InputError: a value is missing.
        StatisticsError: as for :func:`~hccsurv_core.stats.cutpoints.optimal_cutpoint`, or no
            pair leaves enough patients in all three groups.
    """
    values = checked_marker(marker, len(outcome))
    check_events(outcome, min_events)
    splits = thin_splits(find_splits(values, min_share), max_cuts)
    middle = splits.n_low[None, :] - splits.n_low[:, None]
    tried = middle >= max(1, math.floor(values.size * min_share))
    if not tried.any():
        raise StatisticsError(
            f"no two cuts leave {min_share:.0%} of the patients in each of three groups",
            source="marker",
            remedy="lower the smallest group's share or use one cut-point",
        )
    search = _PairSearch(outcome, splits)
    grid = np.where(tried, search.statistics(splits.order), np.nan)
    row, column = np.unravel_index(np.nanargmax(grid), grid.shape)
    largest = float(grid[row, column])
    rng = np.random.default_rng(seed)
    maxima = np.empty(n_permutations)
    for i in range(n_permutations):
        maxima[i] = search.statistics(rng.permutation(values.size))[tried].max()
        progress((i + 1) / n_permutations, "permutations")
    lower, upper = (
        Cutpoint(float(splits.cutpoints[i]), "searched (training)") for i in (row, column)
    )
    group = lower.apply(values).astype(np.int64) + upper.apply(values)
    events = np.bincount(group, outcome.event, minlength=3).astype(int).tolist()
    return OptimalCutpointPair(
        lower,
        upper,
        largest,
        math.exp(-largest / 2),  # chi-square with two degrees of freedom
        permutation_p(largest, maxima),
        f"{n_permutations} permutations",
        splits.cutpoints,
        grid,
        tuple(np.bincount(group, minlength=3).tolist()),
        tuple(events),
        int(tried.sum()),
    )


class _PairSearch:
    """The chi-square of every pair of cuts for any order of the patients."""

    def __init__(self, outcome: SurvivalOutcome, splits: Splits) -> None:
        self._index, events, at_risk = event_time_index(outcome)
        self._at_risk = at_risk.astype(np.float64)
        hazard = np.concatenate(([0.0], np.cumsum(events / at_risk)))
        self._score = outcome.event - hazard[self._index]
        self._weight = hypergeometric_terms(events, at_risk) / self._at_risk**2
        self._n_low = splits.n_low
        self._block = np.repeat(
            np.arange(splits.n_low.size + 1), np.diff([0, *splits.n_low.tolist(), len(outcome)])
        )

    def statistics(self, order: np.ndarray) -> np.ndarray:
        """(k, k) chi-square of lower cut (row) and upper cut (column).

        With x the low group's and y the low and middle groups' numbers at risk, the variances
        and the covariance of low and high are weighted sums of x(n−x), y(n−y) and −x(n−y).
        """
        k, times = self._n_low.size, self._at_risk.size
        cells = self._block * (times + 1) + self._index[order]
        leaving = np.bincount(cells, minlength=(k + 1) * (times + 1)).reshape(k + 1, times + 1)
        # At risk at event time j are those whose time reaches it: a sum from the right.
        at_risk = np.cumsum(leaving[:k], axis=0)[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:]
        weighted = at_risk * self._weight
        full = weighted @ self._at_risk
        products = weighted @ at_risk.T.astype(np.float64)
        variance = full - np.diagonal(products)
        covariance = products - full[:, None]  # −Σ w x (n − y)
        low = np.cumsum(self._score[order])[self._n_low - 1]
        high = -low
        determinant = variance[:, None] * variance[None, :] - covariance**2
        useful = determinant > _NEGLIGIBLE * variance[:, None] * variance[None, :]
        numerator = (
            variance[None, :] * low[:, None] ** 2
            - 2.0 * covariance * low[:, None] * high[None, :]
            + variance[:, None] * high[None, :] ** 2
        )
        return np.divide(numerator, determinant, out=np.zeros_like(numerator), where=useful)
