"""Do features come back when the lesion is outlined again? Intraclass correlation of each.

Two tables of the same features of the same patients, one an outline: by the same reader twice, or by
two readers. Two forms are given (McGraw & Wong, Psychol Methods 1996;1:30-46): ICC(A,1), absolute
agreement, which counts a shift between the outlines as error, and ICC(C,1), consistency, which does
not. Words for their size, and that the interval rather than the estimate be judged, are of Koo & Li, J
Chiropr Med 2016;15:155-163: above 0.75 good, above 0.9 excellent.

With two outlines a shift rests on one degree of freedom. Where it is large beside the scatter, the
interval of ICC(A,1) reaches far down, however many patients there are, because other readers may shift
otherwise; a gate by its lower bound then lets little through. :attr:`RoiAgreement.shift` shows where that is the reason.

A correlation is about the patients at hand: the more they differ, the higher it is. It says nothing
about other machines, other frames or another injection.

Whether a feature repeats is found without anybody's outcome, so it may be found before folds are made;
with few repeated outlines prefer those of training patients all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hccsurv_core.checks import checked_level
from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.feature_gate import FeatureGate
from hccsurv_core.stats.plain import plain_number

FORMS = {"ICC(A,1)": "absolute agreement", "ICC(C,1)": "consistency"}
#: Koo & Li 2016.
GOOD, EXCELLENT = 0.75, 0.9
#: With fewer patients an interval spans everything.
FEWEST_PATIENTS = 5
#: A spread below this share of the values' size is rounding error.
_NEGLIGIBLE = 1e-12
_SOURCE = "repeated outlines"


@dataclass(frozen=True, eq=False)
class Repeatability:
    """One form of the coefficient, for every feature; NaN where it is not defined.

    Args:
        form: of :data:`FORMS`.
        value, ci_low, ci_high: (p,) with F-based intervals.
    """

    form: str
    value: np.ndarray
    ci_low: np.ndarray
    ci_high: np.ndarray

    def n_above(self, threshold: float, *, by_bound: bool = False) -> int:
        """Features above a threshold, by estimate or by the interval's lower bound."""
        return int(((self.ci_low if by_bound else self.value) > threshold).sum())


@dataclass(frozen=True, eq=False)
class RoiAgreement:
    """How well features of two outlines agree.

    Args:
        names: (p,) features.
        n: (p,) patients with both values.
        absolute, consistency: the two forms.
        shift: (p,) mean of second − first in standard deviations between patients; NaN where there
            are none.
        n_patients: with both outlines; n_left_out: with one.
        level: of the intervals.
    """

    names: tuple[str, ...]
    n: np.ndarray
    absolute: Repeatability
    consistency: Repeatability
    shift: np.ndarray
    n_patients: int
    n_left_out: int
    level: float

    def form(self, name: str) -> Repeatability:
        """One of the two.

        Raises:
            InputError: an unknown form.
        """
        if name not in FORMS:
            raise InputError(
                f"no form is called {name!r}", source=_SOURCE, remedy=f"use {' or '.join(FORMS)}"
            )
        return self.absolute if name == self.absolute.form else self.consistency

    @property
    def n_undefined(self) -> int:
        """Features that are the same in everybody, or that fewer than five patients have twice."""
        return int(np.isnan(self.absolute.value).sum())

    def gate(self, lowest: float = GOOD, *, form: str = "ICC(A,1)") -> FeatureGate:
        """A first step of a selection chain: keep what repeats.

        Args:
            lowest: the interval's lower bound must be this or more.
            form: of :data:`FORMS`.

        Raises:
            InputError: an unknown form, or a threshold that is none.
        """
        chosen = self.form(form)
        if not -1 <= lowest <= 1:
            raise InputError(f"an ICC lies between −1 and 1, got {lowest:g}", source=_SOURCE)
        kept = np.flatnonzero(chosen.ci_low >= lowest)
        rule = (
            f"{form} of {self.n_patients} patients outlined twice, lower bound of the "
            f"{100 * self.level:g} % interval {lowest:g} or more"
        )
        return FeatureGate("repeatability", rule, frozenset(self.names[k] for k in kept))

    def words(self) -> str:
        """How many features repeat, in a sentence."""
        p, found = len(self.names) - self.n_undefined, self.absolute
        text = (
            f"Of {p:,} features of {self.n_patients} patients outlined twice, "
            f"{found.n_above(GOOD):,} ({_percent(found.n_above(GOOD), p)}) have an ICC(A,1) above "
            f"{GOOD} and {found.n_above(EXCELLENT):,} ({_percent(found.n_above(EXCELLENT), p)}) above "
            f"{EXCELLENT}; the lower bound of the interval is for "
            f"{found.n_above(GOOD, by_bound=True):,} and "
            f"{found.n_above(EXCELLENT, by_bound=True):,}."
        )
        if self.n_undefined:
            text += f" {self.n_undefined:,} features have none."
        return text

    def summary(self) -> list[dict[str, Any]]:
        """A row for each form and threshold: counts and shares by estimate and by lower bound."""
        p = len(self.names) - self.n_undefined
        rows = []
        for chosen in (self.absolute, self.consistency):
            for threshold in (GOOD, EXCELLENT):
                by_value = chosen.n_above(threshold)
                by_bound = chosen.n_above(threshold, by_bound=True)
                rows.append(
                    {
                        "form": chosen.form, "meaning": FORMS[chosen.form], "above": threshold,
                        "n_features": p, "n": by_value, "share": by_value / p if p else None,
                        "n_by_bound": by_bound, "share_by_bound": by_bound / p if p else None,
                    }
                )  # fmt: skip
        return rows

    def table(self) -> list[dict[str, Any]]:
        """A row a feature."""
        a, c = self.absolute, self.consistency
        return [
            {
                "name": name,
                "n": int(self.n[k]),
                "icc_a1": plain_number(a.value[k]),
                "icc_a1_ci_low": plain_number(a.ci_low[k]),
                "icc_a1_ci_high": plain_number(a.ci_high[k]),
                "icc_c1": plain_number(c.value[k]),
                "icc_c1_ci_low": plain_number(c.ci_low[k]),
                "icc_c1_ci_high": plain_number(c.ci_high[k]),
                "shift_sd": plain_number(self.shift[k]),
            }
            for k, name in enumerate(self.names)
        ]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "n_patients": self.n_patients,
            "n_left_out": self.n_left_out,
            "level": self.level,
            "words": self.words(),
            "summary": self.summary(),
            "features": self.table(),
        }


def compare_outlines(
    first: FeatureTable, second: FeatureTable, *, level: float = 0.95
) -> RoiAgreement:
    """Compare the features of two outlines, thousands at once.

    Patients are matched by name, features by name. A patient without a value in either table does
    not count for that feature.

    Args:
        first: its features are the ones compared.
        second: with at least these features.
        level: of the intervals.

    Raises:
        TableError: ``second`` lacks a feature.
        StatisticsError: fewer than five patients are in both.
    """
    checked_level(level)
    at = {name: i for i, name in enumerate(second.patient_ids)}
    shared = [(i, at[name]) for i, name in enumerate(first.patient_ids) if name in at]
    left_out = len(first) + len(second) - 2 * len(shared)
    if len(shared) < FEWEST_PATIENTS:
        raise StatisticsError(
            f"{len(shared)} patients are outlined twice, at least {FEWEST_PATIENTS} are needed",
            source=_SOURCE, remedy="check that both tables name patients alike",
        )  # fmt: skip
    rows = np.array(shared)
    a = first.values[rows[:, 0]]
    b = second.columns(first.names).values[rows[:, 1]]
    squares = _mean_squares(a, b)
    absolute, consistency = _values(squares)
    return RoiAgreement(
        first.names,
        squares.n.astype(np.int64),
        Repeatability("ICC(A,1)", absolute, *_absolute_bounds(squares, absolute, level)),
        Repeatability("ICC(C,1)", consistency, *_consistency_bounds(squares, level)),
        squares.shift,
        len(shared),
        left_out,
        level,
    )


@dataclass(frozen=True, eq=False)
class _MeanSquares:
    """Of a two-way analysis of variance with two outlines, (p,) each.

    Args:
        n: patients. subjects, outlines, error: mean squares. shift: see :class:`RoiAgreement`.
    """

    n: np.ndarray
    subjects: np.ndarray
    outlines: np.ndarray
    error: np.ndarray
    shift: np.ndarray


def _mean_squares(a: np.ndarray, b: np.ndarray) -> _MeanSquares:
    """(n, p) values of both outlines; NaN for features that cannot be compared."""
    both = np.isfinite(a) & np.isfinite(b)
    n = both.sum(axis=0).astype(np.float64)
    n_used = np.where(n >= FEWEST_PATIENTS, n, np.nan)
    # Centered first: large means would cost digits in the sums of squares.
    level = np.where(both, a, 0.0).sum(axis=0) / np.maximum(n, 1)
    first, second = np.where(both, a - level, 0.0), np.where(both, b - level, 0.0)
    size = np.maximum(np.abs(np.where(both, a, 0.0)).max(axis=0), np.abs(first).max(axis=0))
    middle, gap = (first + second) / 2, second - first
    mean_middle, mean_gap = middle.sum(axis=0) / n_used, gap.sum(axis=0) / n_used
    middle = np.where(both, middle - mean_middle, 0.0)
    rest = np.where(both, gap - mean_gap, 0.0)
    # Outlines that agree completely leave only rounding error: it is none.
    rest[np.abs(rest) < _NEGLIGIBLE * size] = 0.0
    mean_gap = np.where(np.abs(mean_gap) < _NEGLIGIBLE * size, 0.0, mean_gap)
    subjects = 2 * (middle**2).sum(axis=0) / (n_used - 1)
    constant = np.sqrt(subjects) <= _NEGLIGIBLE * size
    subjects[constant] = np.nan
    with np.errstate(invalid="ignore"):
        return _MeanSquares(
            n,
            subjects,
            n_used * mean_gap**2 / 2,
            (rest**2).sum(axis=0) / 2 / (n_used - 1),
            mean_gap / np.sqrt(subjects / 2),
        )


def _values(s: _MeanSquares) -> tuple[np.ndarray, np.ndarray]:
    """(p,) ICC(A,1) and ICC(C,1)."""
    between = s.subjects - s.error
    both = s.subjects + s.error
    return between / (both + 2 * (s.outlines - s.error) / s.n), between / both


def _consistency_bounds(s: _MeanSquares, level: float) -> tuple[np.ndarray, np.ndarray]:
    """F-based (McGraw & Wong 1996); both degrees of freedom are n − 1 with two outlines."""
    reach = _f_quantile(level, s.n - 1, s.n - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        f = s.subjects / s.error
        bounds = [np.where(np.isinf(f), 1.0, (x - 1) / (x + 1)) for x in (f / reach, f * reach)]
    return bounds[0], bounds[1]


def _absolute_bounds(
    s: _MeanSquares, rho: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fleiss & Shrout, Psychometrika 1978;43:259-262, with Satterthwaite's degrees of freedom."""
    outlines = 2 * rho / s.n * s.outlines
    error = (1 - rho + 2 * rho * (s.n - 1) / s.n) * s.error
    spread = outlines**2 + error**2 / (s.n - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = (outlines + error) ** 2 / spread
        low_f, high_f = _f_quantile(level, s.n - 1, df), _f_quantile(level, df, s.n - 1)
        rest = 2 * s.outlines + (s.n - 2) * s.error
        low = s.n * (s.subjects - low_f * s.error) / (low_f * rest + s.n * s.subjects)
        high = s.n * (high_f * s.subjects - s.error) / (rest + s.n * high_f * s.subjects)
    exact = spread == 0
    return np.where(exact, rho, low), np.where(exact, rho, high)


def _f_quantile(level: float, above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Upper quantile of F, NaN where degrees of freedom are not numbers."""
    from scipy.stats import f

    return f.isf((1 - level) / 2, above, below)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "none"
