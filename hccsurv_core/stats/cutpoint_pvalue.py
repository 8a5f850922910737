"""p-values of a statistic that was selected as the largest over many cut-points.

The p-value of the best of k cuts, read off as if the cut had been fixed beforehand, is far too
small. Five corrections, for the largest absolute standardized statistic ``b`` under the
hypothesis that marker and outcome are independent:

- ``lausen92``: limit for all cuts between two quantiles (Lausen & Schumacher, Biometrics 1992).
- ``lausen94``: improved Bonferroni inequality for the cuts really tried, good for few cuts and
  very conservative for hundreds (Lausen, Sauerbrei & Schumacher 1994, as in R's maxstat).
- ``gauss``: exact for the Gaussian limit at the cuts really tried. The limit is a Markov chain,
  so that the probability is a chain of one-dimensional integrals, without simulation.
- ``hothorn_lausen``: bound from the exact permutation distribution of integer scores, small
  samples (Hothorn & Lausen, Computational Statistics & Data Analysis 2003).
- permutations: in :mod:`hccsurv_core.stats.cutpoint_scan` and here, :func:`permutation_p`.
"""

from __future__ import annotations

import math

import numpy as np

from hccsurv_core.errors import StatisticsError

#: Above this many patients the exact permutation distribution takes too long and too much memory.
MAX_EXACT_PATIENTS = 200
#: Above this many patients neighboring cuts are so much alike that the quadrature is not exact.
MAX_GAUSS_PATIENTS = 2000
#: Two statistics closer than this are the same number, computed in another order.
_SAME = 1e-9


def lausen92(b: float, min_share: float) -> float:
    """P(largest |standardized statistic| ≥ b), Lausen & Schumacher 1992.

    The limit is taken over all cuts between the quantiles ``min_share`` and 1 − ``min_share``;
    below b = 1 the approximation says nothing and 1 is returned.

    Raises:
        StatisticsError: ``min_share`` is 0, where the limit is infinite.
    """
    if min_share <= 0.0:
        raise StatisticsError(
            "the limit of Lausen & Schumacher needs a smallest group",
            source="min_share",
            remedy="ask for another correction, or a share above 0",
        )
    if b < 1.0:
        return 1.0
    density = _density(b)
    spread = math.log(((1.0 - min_share) / min_share) ** 2)
    return min(1.0, max(0.0, 4.0 * density / b + density * (b - 1.0 / b) * spread))


def lausen94(b: float, n: int, n_low: np.ndarray) -> float:
    """P(largest |standardized statistic| ≥ b) ≤ this, for the cuts that leave ``n_low`` of ``n``.

    The two-sided normal p-value plus a bound for each further cut that shrinks as neighboring
    cuts are alike; capped at 1.
    """
    fewer, more = n_low[:-1].astype(np.float64), n_low[1:].astype(np.float64)
    step = np.sqrt(1.0 - fewer * (n - more) / ((n - fewer) * more))
    further = np.exp(-(b**2) / 2) / np.pi * (step - (b**2 / 4 - 1) * step**3 / 6)
    return float(min(1.0, max(0.0, _two_sided(b) + further.sum())))


def gauss(b: float, n: int, n_low: np.ndarray) -> float:
    """P(largest |standardized statistic| ≥ b) for jointly normal statistics at these cuts.

    Statistics at m < m' have correlation √(m(n−m')/(m'(n−m))), which makes them a Markov chain:
    the density that stays within ±b is carried from cut to cut by Gauss-Legendre quadrature.

    Raises:
        StatisticsError: more patients than the quadrature is exact for.
    """
    if n > MAX_GAUSS_PATIENTS:
        raise StatisticsError(
            f"{n} patients are more than the {MAX_GAUSS_PATIENTS} this correction is made for",
            source="p_method",
            remedy='ask for "lausen92", which is close to it there',
        )
    if b <= 0.0:
        return 1.0
    # Neighboring cuts differ by about 2/√n: at least five nodes within that width.
    nodes, weights = np.polynomial.legendre.leggauss(20 + math.ceil(3.0 * b * math.sqrt(n)))
    nodes, weights = nodes * b, weights * b
    inside = np.exp(-(nodes**2) / 2) / math.sqrt(2 * math.pi)
    for fewer, more in zip(n_low[:-1].tolist(), n_low[1:].tolist(), strict=True):
        square = fewer * (n - more) / ((n - fewer) * more)
        width = math.sqrt(1.0 - square)
        kernel = np.exp(-(((nodes[:, None] - math.sqrt(square) * nodes) / width) ** 2) / 2)
        inside = kernel @ (inside * weights) / (width * math.sqrt(2 * math.pi))
    return float(min(1.0, max(0.0, 1.0 - float(inside @ weights))))


def integer_scores(scores: np.ndarray) -> np.ndarray:
    """Scores stretched to 0 … n and rounded, as R's maxstat does for the exact distribution."""
    shifted = scores - scores.min()
    return np.rint(shifted * scores.size / shifted.max()).astype(np.int64)


def hothorn_lausen(
    b: float, scores: np.ndarray, n_low: np.ndarray, *, strict: bool = False
) -> float:
    """P(largest |standardized score statistic| ≥ b) ≤ this, from exact permutation distributions.

    Boole's sum over the cuts, less what is counted twice for certain: whoever is so far in the
    tail at one cut that no further patients can bring him out of it before the next.

    Args:
        b: the statistic, computed from these integer scores.
        scores: (n,) integers ≥ 0 with the smallest 0, see :func:`integer_scores`.
        n_low: (k,) how many patients each cut puts into the low group, increasing.
        strict: P(… > b), which is what R's maxstat computes; a p-value counts b itself too. With
            a tied marker maxstat also subtracts for cuts that are not tried; this does not.

    Raises:
        StatisticsError: too many patients for the exact distribution.
    """
    n = scores.size
    if n > MAX_EXACT_PATIENTS:
        raise StatisticsError(
            f"{n} patients are more than the {MAX_EXACT_PATIENTS} of the exact distribution",
            source="p_method",
            remedy='ask for "permutation"',
        )
    distribution = _subset_sums(scores, n_low)
    threshold = b + _SAME if strict else b - _SAME
    sums = np.arange(distribution.shape[1])
    low, high, probability = None, None, 0.0
    previous = 0
    for row, m in enumerate(n_low.tolist()):
        mean, deviation = score_moments(scores, m)
        below, above = mean - threshold * deviation, mean + threshold * deviation
        chance = distribution[row]
        probability += chance[sums <= below].sum() + chance[sums >= above].sum()
        if low is not None and high is not None:
            before = distribution[row - 1]
            stays_low = (sums <= low) & (sums + (m - previous) * scores.max() <= below)
            stays_high = (sums >= high) & (sums >= above)
            probability -= before[stays_low | stays_high].sum()
        low, high, previous = below, above, m
    return float(min(1.0, max(0.0, probability)))


def score_moments(scores: np.ndarray, m: int | np.ndarray) -> tuple:
    """Mean and standard deviation of the sum of ``m`` scores drawn without replacement."""
    n = scores.size
    total, squares = scores.sum(), (scores.astype(np.float64) ** 2).sum()
    mean = m / n * total
    return mean, np.sqrt(m * (n - m) / (n**2 * (n - 1.0)) * (n * squares - total**2))


def permutation_p(b: float, maxima: np.ndarray) -> float:
    """(1 + how many permuted maxima reach b) / (1 + permutations): never 0."""
    reached = int((maxima >= b - _SAME).sum())
    return (1 + reached) / (1 + maxima.size)


def permuted_score_maxima(
    scores: np.ndarray, n_low: np.ndarray, n_permutations: int, rng: np.random.Generator
) -> np.ndarray:
    """(n_permutations,) largest |standardized score statistic| of a randomly dealt marker."""
    mean, deviation = score_moments(scores, n_low)
    chunk = max(1, 2_000_000 // scores.size)
    maxima = []
    for start in range(0, n_permutations, chunk):
        rows = min(chunk, n_permutations - start)
        dealt = rng.permuted(np.tile(scores, (rows, 1)), axis=1)
        sums = np.cumsum(dealt, axis=1)[:, n_low - 1]
        maxima.append((np.abs(sums - mean) / deviation).max(axis=1))
    return np.concatenate(maxima)


def _subset_sums(scores: np.ndarray, n_low: np.ndarray) -> np.ndarray:
    """(k, total + 1) probability of every sum of ``n_low[k]`` scores (Streitberg & Röhmel 1986)."""
    n, total = scores.size, int(scores.sum())
    counts = np.zeros((n + 1, total + 1))
    counts[0, 0] = 1.0
    reached = 0
    for drawn, score in enumerate(scores.tolist()):
        # From the largest subsets down, so that no score is used twice.
        counts[1 : drawn + 2, score : reached + score + 1] += counts[: drawn + 1, : reached + 1]
        reached += score
    return counts[n_low] / np.array([math.comb(n, m) for m in n_low.tolist()], float)[:, None]


def _density(x: float) -> float:
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def _two_sided(b: float) -> float:
    return math.erfc(b / math.sqrt(2))
