"""Intraclass correlation: how alike several raters' measurements of the same subjects are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.plain import plain_number
from hccsurv_core.stats.proportions import check_level

#: Shrout & Fleiss 1979 -> McGraw & Wong 1996, and what it answers.
FORMS = {
    "ICC(1,1)": ("ICC(1)", "one rating, other raters for every subject"),
    "ICC(2,1)": ("ICC(A,1)", "one rating, absolute agreement, raters drawn at random"),
    "ICC(3,1)": ("ICC(C,1)", "one rating, consistency, these raters only"),
    "ICC(1,k)": ("ICC(k)", "mean of the ratings, other raters for every subject"),
    "ICC(2,k)": ("ICC(A,k)", "mean of the ratings, absolute agreement, raters drawn at random"),
    "ICC(3,k)": ("ICC(C,k)", "mean of the ratings, consistency, these raters only"),
}


@dataclass(frozen=True)
class IntraclassCorrelation:
    """One form of the coefficient.

    Args:
        form: Shrout & Fleiss's name. mcgraw_wong: McGraw & Wong's. meaning: in words.
        estimate: value and F-based interval; n is the number of subjects.
        n_raters: ratings a subject.
        f, df_between, df_within, p: test of no correlation.
    """

    form: str
    mcgraw_wong: str
    meaning: str
    estimate: Estimate
    n_raters: int
    f: float
    df_between: int
    df_within: int
    p: float

    def to_json(self) -> dict[str, object]:
        """Plain values; an infinite F (ratings without any error) becomes None."""
        return {
            "form": self.form,
            "mcgraw_wong": self.mcgraw_wong,
            "meaning": self.meaning,
            **self.estimate.to_json(),
            "n_raters": self.n_raters,
            "f": plain_number(self.f),
            "df_between": self.df_between,
            "df_within": self.df_within,
            "p": self.p,
        }


@dataclass(frozen=True)
class _MeanSquares:
    n: int
    k: int
    subjects: float
    raters: float
    within: float  # inside subjects, whoever rated
    error: float  # what subjects and raters leave unexplained


def intraclass_correlation(
    ratings: ArrayLike, form: str = "ICC(2,1)", *, level: float = 0.95
) -> IntraclassCorrelation:
    """One of the six intraclass correlations, by either naming.

    Args:
        ratings: (n_subjects, n_raters) measurements without gaps.
        form: "ICC(1,1)" … "ICC(3,k)" (Shrout & Fleiss, Psychological Bulletin 1979), or
            "ICC(1)", "ICC(A,1)", "ICC(C,1)", "ICC(k)", "ICC(A,k)", "ICC(C,k)" (McGraw & Wong,
            Psychological Methods 1996).

    Raises:
        InputError, StatisticsError: as for :func:`intraclass_correlations`, or an unknown form.
    """
    for name, (other, _) in FORMS.items():
        if form in (name, other):
            return intraclass_correlations(ratings, level=level)[name]
    raise InputError(
        f"unknown intraclass correlation {form!r}",
        source="form",
        remedy=f"one of {', '.join(FORMS)}",
    )


def intraclass_correlations(
    ratings: ArrayLike, *, level: float = 0.95
) -> dict[str, IntraclassCorrelation]:
    """All six intraclass correlations with F-based intervals.

    For ICC(2,1) and ICC(2,k) the interval is that of Fleiss & Shrout (Psychometrika 1978), with
    Satterthwaite's degrees of freedom. Ratings that agree completely give 1 with the interval
    1 to 1.

    Args:
        ratings: (n_subjects, n_raters) measurements without gaps.

    Raises:
        InputError: not such a table, or a value is missing.
        StatisticsError: fewer than two subjects or raters, or all values are the same.
    """
    check_level(level)
    squares = _mean_squares(ratings)
    values, bounds, tests = _values(squares), _bounds(squares, level), _tests(squares)
    result = {}
    for form, (other, meaning) in FORMS.items():
        f, df_within, p = tests[form[4]]
        result[form] = IntraclassCorrelation(
            form,
            other,
            meaning,
            Estimate(values[form], *bounds[form], level, "F distribution", squares.n),
            squares.k,
            f,
            squares.n - 1,
            df_within,
            p,
        )
    return result


def checked_ratings(ratings: ArrayLike) -> np.ndarray:
    """(n_subjects, n_raters) finite numbers.

    Raises:
        InputError: not a table of numbers, or a value is missing.
        StatisticsError: fewer than two subjects or raters.
    """
    try:
        table = np.asarray(ratings, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("ratings must be numbers", source="ratings") from error
    if table.ndim != 2:
        raise InputError(
            f"ratings need a row a subject and a column a rater, got shape {table.shape}",
            source="ratings",
        )
    missing = ~np.isfinite(table)
    if missing.any():
        raise InputError(
            f"{int(missing.any(axis=1).sum())} subjects lack a rating",
            source="ratings",
            remedy="leave out these subjects",
        )
    if table.shape[0] < 2 or table.shape[1] < 2:
        raise StatisticsError(
            f"{table.shape[0]} subjects and {table.shape[1]} raters cannot show agreement",
            source="ratings",
            remedy="at least two of each are needed",
        )
    return table


def _mean_squares(ratings: ArrayLike) -> _MeanSquares:
    table = checked_ratings(ratings)
    n, k = table.shape
    # Centered first: large means would cost digits in the sums of squares.
    table = table - table.mean()
    largest = np.abs(table).max()
    if largest == 0.0 or np.ptp(table) == 0.0:
        raise StatisticsError(
            "all ratings are the same: there is nothing to agree on", source="ratings"
        )
    subject, rater = table.mean(axis=1), table.mean(axis=0)
    residual = table - subject[:, None] - rater[None, :]
    within = table - subject[:, None]
    # Ratings that agree completely leave only rounding error: it is none.
    residual[np.abs(residual) < 1e-13 * largest] = 0.0
    within[np.abs(within) < 1e-13 * largest] = 0.0
    return _MeanSquares(
        n,
        k,
        k * float((subject**2).sum()) / (n - 1),
        n * float((rater**2).sum()) / (k - 1),
        float((within**2).sum()) / (n * (k - 1)),
        float((residual**2).sum()) / ((n - 1) * (k - 1)),
    )


def _ratio(numerator: float, denominator: float) -> float:
    if denominator == 0.0:
        return math.inf if numerator > 0 else math.nan
    return numerator / denominator


def _values(s: _MeanSquares) -> dict[str, float]:
    one = s.subjects - s.within
    two = s.subjects - s.error
    return {
        "ICC(1,1)": one / (s.subjects + (s.k - 1) * s.within),
        "ICC(2,1)": two / (s.subjects + (s.k - 1) * s.error + s.k * (s.raters - s.error) / s.n),
        "ICC(3,1)": _ratio(two, s.subjects + (s.k - 1) * s.error),
        "ICC(1,k)": _ratio(one, s.subjects),
        "ICC(2,k)": _ratio(two, s.subjects + (s.raters - s.error) / s.n),
        "ICC(3,k)": _ratio(two, s.subjects),
    }


def _tests(s: _MeanSquares) -> dict[str, tuple[float, int, float]]:
    """F, degrees of freedom within and p of the one-way (1) and two-way (2, 3) models."""
    from scipy import stats

    answers = {}
    for model, mean_square, df in (
        ("1", s.within, s.n * (s.k - 1)),
        ("2", s.error, (s.n - 1) * (s.k - 1)),
    ):
        f = _ratio(s.subjects, mean_square)
        p = 0.0 if f == math.inf else float(stats.f.sf(f, s.n - 1, df))
        answers[model] = (f, df, p)
    answers["3"] = answers["2"]
    return answers


def _bounds(s: _MeanSquares, level: float) -> dict[str, tuple[float, float]]:
    from scipy import stats

    upper_tail = (1.0 - level) / 2.0
    bounds = {}
    for model, mean_square, df in (
        ("1", s.within, s.n * (s.k - 1)),
        ("3", s.error, (s.n - 1) * (s.k - 1)),
    ):
        f = _ratio(s.subjects, mean_square)
        low = f / float(stats.f.isf(upper_tail, s.n - 1, df))
        high = f * float(stats.f.isf(upper_tail, df, s.n - 1))
        bounds[f"ICC({model},1)"] = tuple(
            1.0 if x == math.inf else (x - 1.0) / (x + s.k - 1.0) for x in (low, high)
        )
        bounds[f"ICC({model},k)"] = tuple(
            1.0 if x == math.inf else 1.0 - _ratio(1.0, x) for x in (low, high)
        )
    single = _absolute_agreement_bounds(s, upper_tail)
    bounds["ICC(2,1)"] = single
    bounds["ICC(2,k)"] = tuple(s.k * x / (1.0 + (s.k - 1) * x) for x in single)
    return bounds  # type: ignore[return-value]


def _absolute_agreement_bounds(s: _MeanSquares, upper_tail: float) -> tuple[float, float]:
    """Fleiss & Shrout 1978, with both weights multiplied by 1 − ρ so that ρ = 1 is no exception."""
    from scipy import stats

    rho = _values(s)["ICC(2,1)"]
    raters = s.k * rho / s.n * s.raters
    error = (1.0 - rho + s.k * rho * (s.n - 1) / s.n) * s.error
    spread = raters**2 / (s.k - 1) + error**2 / ((s.n - 1) * (s.k - 1))
    if spread == 0.0:
        return rho, rho
    df = (raters + error) ** 2 / spread
    rest = s.k * s.raters + (s.k * s.n - s.k - s.n) * s.error
    f_low = float(stats.f.isf(upper_tail, s.n - 1, df))
    f_high = float(stats.f.isf(upper_tail, df, s.n - 1))
    low = s.n * (s.subjects - f_low * s.error) / (f_low * rest + s.n * s.subjects)
    high = s.n * (f_high * s.subjects - s.error) / (rest + s.n * f_high * s.subjects)
    return low, high
