"""Agreement of raters on categories: Cohen's and Fleiss' kappa, percent agreement."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.checks import normal_quantile
from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.plain import plain_number
from hccsurv_core.stats.proportions import check_level, proportion


@dataclass(frozen=True)
class FleissKappa:
    """Agreement of several raters beyond chance.

    Args:
        estimate: kappa with its interval; n is the number of subjects.
        z, p: test of no agreement beyond chance (Fleiss, Nee & Landis 1979).
        by_category: kappa of each category against all others; NaN for one never given.
        n_raters: ratings a subject.
    """

    estimate: Estimate
    z: float
    p: float
    by_category: dict[str, float]
    n_raters: int

    def to_json(self) -> dict[str, object]:
        """Plain values; a category never given has None."""
        return {
            **self.estimate.to_json(),
            "z": self.z,
            "p": self.p,
            "by_category": {name: plain_number(value) for name, value in self.by_category.items()},
            "n_raters": self.n_raters,
        }


def rating_table(
    first: ArrayLike, second: ArrayLike, categories: Sequence[object] | None = None
) -> tuple[np.ndarray, list[object]]:
    """Counts of (first rater's, second rater's) category.

    Args:
        first, second: (n,) categories, numbers or text.
        categories: all possible ones in their order; without it those that occur, sorted.

    Returns:
        (c, c) counts and the c categories.

    Raises:
        InputError: lengths differ, nobody is rated, or a category is not among ``categories``.
    """
    a, b = np.asarray(first), np.asarray(second)
    if a.ndim != 1 or a.shape != b.shape or a.size == 0:
        raise InputError(
            f"two lists of ratings of the same subjects are needed, got {a.shape} and {b.shape}",
            source="ratings",
        )
    known = _known_categories(np.concatenate((a.astype(object), b.astype(object))), categories)
    place = {category: i for i, category in enumerate(known)}
    table = np.zeros((len(known), len(known)), dtype=np.int64)
    np.add.at(table, ([place[x] for x in a.tolist()], [place[x] for x in b.tolist()]), 1)
    return table, known


def cohen_kappa(
    first: ArrayLike,
    second: ArrayLike,
    *,
    weights: str | None = None,
    categories: Sequence[object] | None = None,
    level: float = 0.95,
) -> Estimate:
    """Cohen's kappa of two raters; see :func:`cohen_kappa_of_table`.

    Args:
        first, second: (n,) the two raters' categories.
        categories: in their order; must be given for weighted kappa of text, where the
            alphabet is no order.

    Raises:
        InputError: unequal lengths, unknown weights, or text without an order.
        StatisticsError: both raters gave one and the same category only.
    """
    if weights and categories is None and np.asarray(first).dtype.kind not in "biuf":
        raise InputError(
            "weighted kappa needs the order of the categories",
            source="categories",
            remedy="give them from lowest to highest",
        )
    table, _ = rating_table(first, second, categories)
    return cohen_kappa_of_table(table, weights=weights, level=level)


def cohen_kappa_of_table(
    table: ArrayLike, *, weights: str | None = None, level: float = 0.95
) -> Estimate:
    """Cohen's kappa from a table of counts, plain, linearly or quadratically weighted.

    Weights are 1 − |i−j|/(c−1) or 1 − (i−j)²/(c−1)². The interval is normal with the asymptotic
    standard error of Fleiss, Cohen & Everitt (Psychological Bulletin 1969), cut off at ±1.

    Args:
        table: (c, c) counts, first rater in rows.

    Raises:
        InputError: not such a table, or unknown weights.
        StatisticsError: both raters gave one and the same category only.
    """
    counts = np.asarray(table, dtype=np.float64)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or (counts < 0).any():
        raise InputError("a square table of counts is needed", source="table")
    n = counts.sum()
    if n == 0:
        raise InputError("the table is empty", source="table")
    weight = _agreement_weights(counts.shape[0], weights)
    share = counts / n
    rows, columns = share.sum(axis=1), share.sum(axis=0)
    observed = float((weight * share).sum())
    expected = float(rows @ weight @ columns)
    if expected > 1.0 - 1e-12:
        raise StatisticsError(
            "both raters gave one and the same category to everyone: kappa is not defined",
            source="ratings",
            remedy="report the percent agreement",
        )
    kappa = (observed - expected) / (1.0 - expected)
    lean = (weight @ columns)[:, None] + (rows @ weight)[None, :]
    spread = (share * (weight * (1 - expected) - lean * (1 - observed)) ** 2).sum()
    variance = (spread - (observed * expected - 2 * expected + observed) ** 2) / (
        n * (1 - expected) ** 4
    )
    half = normal_quantile(level) * math.sqrt(max(0.0, float(variance)))
    name = f"{weights} weights" if weights else "no weights"
    return Estimate(
        kappa,
        max(-1.0, kappa - half),
        min(1.0, kappa + half),
        level,
        f"Cohen's kappa, {name}, asymptotic (Fleiss, Cohen & Everitt 1969)",
        int(n),
    )


def fleiss_kappa(
    ratings: ArrayLike, *, categories: Sequence[object] | None = None, level: float = 0.95
) -> FleissKappa:
    """Fleiss' kappa of several raters; see :func:`fleiss_kappa_of_counts`.

    Args:
        ratings: (n_subjects, n_raters) categories, numbers or text.

    Raises:
        InputError: not such a table. StatisticsError: as below.
    """
    table = np.asarray(ratings, dtype=object)
    if table.ndim != 2:
        raise InputError(
            f"ratings need a row a subject and a column a rater, got shape {table.shape}",
            source="ratings",
        )
    known = _known_categories(table.ravel(), categories)
    counts = np.stack([(table == category).sum(axis=1) for category in known], axis=1)
    return fleiss_kappa_of_counts(counts, categories=[str(c) for c in known], level=level)


def fleiss_kappa_of_counts(
    counts: ArrayLike, *, categories: Sequence[str] | None = None, level: float = 0.95
) -> FleissKappa:
    """Fleiss' kappa (Psychological Bulletin 1971) from how often each subject got each category.

    The test of no agreement uses the standard error of Fleiss, Nee & Landis (Psychological
    Bulletin 1979), which holds without agreement only. The interval therefore uses another one:
    the variance over subjects of Gwet (British Journal of Mathematical and Statistical
    Psychology 2008) with n − 1 degrees of freedom.

    Args:
        counts: (n_subjects, n_categories); every row has the same sum, the number of raters.

    Raises:
        InputError: not such a table, or numbers of raters differ.
        StatisticsError: fewer than two subjects or raters, or one category only.
    """
    check_level(level)
    table = np.asarray(counts, dtype=np.float64)
    if table.ndim != 2 or (table < 0).any():
        raise InputError("a table of counts is needed", source="counts")
    n, raters = table.shape[0], table[0].sum()
    if (table.sum(axis=1) != raters).any():
        raise InputError(
            "subjects have different numbers of ratings",
            source="counts",
            remedy="leave out subjects that not everybody rated",
        )
    if n < 2 or raters < 2:
        raise StatisticsError(
            f"{n} subjects and {raters:g} raters cannot show agreement", source="counts"
        )
    share = table.sum(axis=0) / (n * raters)
    chance = share @ share
    if chance > 1.0 - 1e-12:
        raise StatisticsError(
            "everyone got one and the same category: kappa is not defined", source="counts"
        )
    agreement = (table * (table - 1)).sum(axis=1) / (raters * (raters - 1))
    kappa = (agreement.mean() - chance) / (1 - chance)
    # Gwet's linearization: how much each subject moves kappa, its share of chance included.
    own = (agreement - chance) / (1 - chance)
    own_chance = (table @ share) / raters
    own = own - 2 * (1 - kappa) * (own_chance - chance) / (1 - chance)
    error = math.sqrt(((own - kappa) ** 2).sum() / (n * (n - 1)))
    return _fleiss_result(table, share, float(kappa), error, categories, level)


def _fleiss_result(
    table: np.ndarray,
    share: np.ndarray,
    kappa: float,
    error: float,
    categories: Sequence[str] | None,
    level: float,
) -> FleissKappa:
    from scipy import stats

    n, raters = table.shape[0], float(table[0].sum())
    rest = share * (1 - share)
    total = rest.sum()
    null_variance = 2 * (total**2 - (rest * (1 - 2 * share)).sum())
    null_variance /= total**2 * n * raters * (raters - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        by_category = 1 - (table * (raters - table)).sum(axis=0) / (
            n * raters * (raters - 1) * rest
        )
    z = kappa / math.sqrt(null_variance)
    half = float(stats.t.isf((1 - level) / 2, n - 1)) * error
    names = categories or [str(i) for i in range(share.size)]
    return FleissKappa(
        Estimate(
            kappa,
            max(-1.0, kappa - half),
            min(1.0, kappa + half),
            level,
            "Fleiss' kappa, variance over subjects (Gwet 2008)",
            n,
        ),
        z,
        math.erfc(abs(z) / math.sqrt(2)),
        dict(zip(names, by_category.tolist(), strict=True)),
        int(raters),
    )


def percent_agreement(ratings: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Share of pairs of raters that agree, averaged over subjects (0 to 1).

    For two raters the interval is Wilson's; for more it is normal with the standard error over
    subjects, cut off at 0 and 1.

    Args:
        ratings: (n_subjects, n_raters) categories.

    Raises:
        InputError: not such a table. StatisticsError: fewer than two raters, or one subject.
    """
    table = np.asarray(ratings, dtype=object)
    if table.ndim != 2:
        raise InputError("ratings need a row a subject and a column a rater", source="ratings")
    n, raters = table.shape
    if raters < 2 or n < 2:
        raise StatisticsError(
            f"{n} subjects and {raters} raters cannot show agreement", source="ratings"
        )
    _known_categories(table.ravel(), None)
    first, second = np.triu_indices(raters, 1)
    shares = (table[:, first] == table[:, second]).mean(axis=1).astype(np.float64)
    if raters == 2:
        return proportion(int(shares.sum()), n, method="wilson", level=level)
    half = normal_quantile(level) * float(shares.std(ddof=1)) / math.sqrt(n)
    value = float(shares.mean())
    return Estimate(
        value, max(0.0, value - half), min(1.0, value + half), level, "normal over subjects", n
    )


def _agreement_weights(c: int, weights: str | None) -> np.ndarray:
    if weights is None or c == 1:
        return np.eye(c)
    distance = np.abs(np.subtract.outer(np.arange(c), np.arange(c))) / (c - 1)
    if weights == "linear":
        return 1.0 - distance
    if weights == "quadratic":
        return 1.0 - distance**2
    raise InputError(
        f"unknown weights {weights!r}", source="weights", remedy="linear, quadratic, or none"
    )


def _known_categories(values: np.ndarray, categories: Sequence[object] | None) -> list[object]:
    """The categories in order, after checking that every value is one of them."""
    occurring = set(values.tolist())
    if any(x is None or x != x for x in occurring):
        raise InputError(
            "a rating is missing", source="ratings", remedy="leave out subjects without all of them"
        )
    if categories is None:
        try:
            return sorted(occurring)  # type: ignore[type-var]
        except TypeError as error:
            raise InputError("ratings mix text and numbers", source="ratings") from error
    unknown = occurring - set(categories)
    if unknown:
        raise InputError(
            f"{sorted(map(str, unknown))[0]!r} is not one of the categories", source="ratings"
        )
    return list(categories)
