"""Harrell's C of every feature on its own, thousands at once, and what chance does to it.

A pair is comparable when it is known who had the event first (a death counts before a censoring at
the same time; two deaths at the same time are not compared), as in
:mod:`hccsurv_core.stats.concordance`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hccsurv_core.errors import StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.progress import Progress, silent

#: Features at a time: bounds the memory.
_CHUNK = 512


@dataclass(frozen=True, eq=False)
class UnivariateConcordance:
    """The C-index of each feature.

    Args:
        c_index: (p,) above 0.5 where high values go with early deaths.
        null_sd: standard deviation of the C-index of a feature without ties that has nothing to
            do with these patients' outcomes.
        n_pairs: comparable pairs.
    """

    c_index: np.ndarray
    null_sd: float
    n_pairs: int

    @property
    def p_value(self) -> np.ndarray:
        """(p,) two-sided, of no association, in the normal limit."""
        from scipy.special import erfc

        return erfc(np.abs(self.c_index - 0.5) / self.null_sd / math.sqrt(2))

    def share_by_chance(self, distance: float) -> float:
        """Share of features without meaning that lie further than this from 0.5."""
        return math.erfc(distance / self.null_sd / math.sqrt(2))


def univariate_concordance(
    values: np.ndarray, outcome: SurvivalOutcome, *, progress: Progress = silent
) -> UnivariateConcordance:
    """C-index of each feature.

    Args:
        values: (n, p) finite; of any scale, for only their order counts.
        outcome: of the same patients.

    Raises:
        StatisticsError: no two patients can be compared.
    """
    order = np.lexsort((~outcome.event, outcome.time_months))
    time, event = outcome.time_months[order], outcome.event[order]
    position = np.flatnonzero(event)
    deaths_until = np.searchsorted(time[event], time[position], side="right")
    # Deaths at one time are neighbors: what follows the last of them is comparable.
    first_later = position[deaths_until - 1] + 1 if position.size else position
    n, p = values.shape
    n_pairs = int((n - first_later).sum())
    if n_pairs == 0:
        raise StatisticsError(
            "no two patients can be compared: nobody was followed beyond an event",
            source="concordance", remedy="more patients or events are needed",
        )  # fmt: skip
    excess = np.empty(p)
    for begin in range(0, p, _CHUNK):
        progress(begin / p, f"C-index of feature {begin + 1} of {p}")
        part = values[order, begin : begin + _CHUNK]
        total = np.zeros(part.shape[1])
        for own, later in zip(position, first_later, strict=True):
            total += np.sign(part[own] - part[later:]).sum(axis=0)
        excess[begin : begin + _CHUNK] = total
    spread = _null_sd(position, first_later, n)
    return UnivariateConcordance(0.5 + 0.5 * excess / n_pairs, spread, n_pairs)


def _null_sd(position: np.ndarray, first_later: np.ndarray, n: int) -> float:
    """Standard deviation of C when all orders of the feature's values are equally likely.

    C − ½ is the sum over comparable pairs of sign(x_i − x_j) / (2 · pairs). Two such signs have
    covariance 1 where the pairs are the same, 1/3 where they share the earlier or the later
    patient, −1/3 where the later patient of one is the earlier of the other, and 0 otherwise.
    With b the number of pairs in which a patient is the earlier less those in which it is the
    later, the variance of the sum is (pairs + Σ b²) / 3.
    """
    balance = np.zeros(n)
    balance[position] += n - first_later
    balance -= np.cumsum(np.bincount(first_later, minlength=n + 1))[:n]
    pairs = float((n - first_later).sum())
    return math.sqrt((pairs + float((balance**2).sum())) / 3.0) / (2.0 * pairs)
