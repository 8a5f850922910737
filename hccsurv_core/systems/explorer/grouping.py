"""Who belongs to which curve: by category, by cut-offs, by quantiles, or by a searched cut-off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.design import level_text, natural_order
from hccsurv_core.outcome import SurvivalOutcome

#: More curves than this cannot be told apart, on screen or in print.
MAX_GROUPS = 6


@dataclass(frozen=True, eq=False)
class Grouping:
    """Groups of patients.

    Args:
        variable: what they are made by.
        labels: (k,) in the order shown, 1 to 6.
        code: (n,) position in ``labels``; -1 where the variable is missing.
        origin: how the groups came about, for a caption.
        cutoffs: (k − 1,) rising, for numbers.
        searched_p: corrected p-value of a searched cut-off; it replaces the log-rank p-value,
            which would be too small. None where nothing was searched.
        details: more about a search (statistic, cut-offs tried), for a "how was this computed".
    """

    variable: str
    labels: tuple[str, ...]
    code: np.ndarray
    origin: str
    cutoffs: tuple[float, ...] = ()
    searched_p: float | None = None
    details: Mapping[str, object] = field(default_factory=dict)

    @property
    def known(self) -> np.ndarray:
        """(n,) who is in a group."""
        return self.code >= 0

    @property
    def n_missing(self) -> int:
        """How many are in none."""
        return int((self.code < 0).sum())


def everybody(n: int) -> Grouping:
    """One group."""
    return Grouping("", ("All patients",), np.zeros(n, np.int64), "all patients together")


def group_by_category(values: ArrayLike, variable: str, *, levels: Sequence[str] = ()) -> Grouping:
    """One group for each value.

    Args:
        values: (n,) anything; None and NaN are missing.
        variable: name, for labels and messages.
        levels: order wanted; others follow, sorted.

    Raises:
        StatisticsError: nobody has a value, or there are more than six.
    """
    raw = np.asarray(values, dtype=object)
    text = [None if v is None or v != v else level_text(v) for v in raw.tolist()]
    found = {t for t in text if t is not None}
    if not found:
        raise StatisticsError("is missing in everybody", source=variable)
    if len(found) > MAX_GROUPS:
        raise StatisticsError(
            f"has {len(found)} different values; at most {MAX_GROUPS} groups can be drawn",
            source=variable,
            remedy="set cut-offs if it is a number, or filter some values out",
        )
    ordered = [v for v in levels if v in found]
    ordered += sorted(found - set(ordered), key=natural_order)
    position: dict[str | None, int] = {label: i for i, label in enumerate(ordered)}
    code = np.array([position.get(t, -1) for t in text], np.int64)
    return Grouping(variable, tuple(ordered), code, f"by {variable}")


def group_by_levels(code: ArrayLike, levels: Sequence[str], variable: str) -> Grouping:
    """Groups of a coded category; levels that nobody has are left out.

    Args:
        code: (n,) position in ``levels``, -1 where missing.

    Raises:
        StatisticsError: as :func:`group_by_category`.
    """
    names = np.array([*levels, None], dtype=object)
    return group_by_category(names[np.asarray(code)], variable, levels=levels)


def group_by_cutoffs(
    values: ArrayLike,
    variable: str,
    cutoffs: Sequence[float],
    *,
    unit: str = "",
    origin: str = "cut-off chosen by hand",
) -> Grouping:
    """Groups of a number: at most the first cut-off, above it up to the second, and so on.

    Raises:
        InputError: the values are no numbers, or a cut-off is missing, not finite or repeated.
        StatisticsError: more than six groups, or a cut-off leaves a group empty.
    """
    numbers = _numbers(values, variable)
    cuts = np.sort(np.asarray(list(cutoffs), float))
    if cuts.size == 0 or not np.isfinite(cuts).all() or (np.diff(cuts) <= 0).any():
        raise InputError("cut-offs must be different numbers", source=variable)
    if cuts.size + 1 > MAX_GROUPS:
        raise StatisticsError(
            f"{cuts.size} cut-offs make {cuts.size + 1} groups; at most {MAX_GROUPS} can be drawn",
            source=variable,
        )
    code = np.where(np.isnan(numbers), -1, np.searchsorted(cuts, numbers, side="left"))
    labels = _interval_labels(cuts, unit)
    empty = [labels[k] for k in range(cuts.size + 1) if not (code == k).any()]
    if empty:
        seen = numbers[~np.isnan(numbers)]
        raise StatisticsError(
            f"nobody is in the group {empty[0]}",
            source=variable,
            remedy=f"choose cut-offs between {seen.min():g} and {seen.max():g}",
        )
    return Grouping(variable, labels, code.astype(np.int64), origin, tuple(map(float, cuts)))


def group_by_quantiles(
    values: ArrayLike, variable: str, n_groups: int = 2, *, unit: str = ""
) -> Grouping:
    """Groups of about equal size; 2 cuts at the median.

    Raises:
        InputError: no numbers, or not 2 to 6 groups.
        StatisticsError: too few different values.
    """
    if not 2 <= n_groups <= MAX_GROUPS:
        raise InputError(f"2 to {MAX_GROUPS} groups, not {n_groups}", source=variable)
    numbers = _numbers(values, variable)
    seen = numbers[~np.isnan(numbers)]
    cuts = np.unique(np.quantile(seen, np.arange(1, n_groups) / n_groups))
    cuts = cuts[(cuts < seen.max()) & (cuts >= seen.min())]
    if cuts.size == 0:
        raise StatisticsError("has too few different values to be cut", source=variable)
    names = {2: "median", 3: "tertiles", 4: "quartiles", 5: "quintiles", 6: "sextiles"}
    return group_by_cutoffs(
        numbers, variable, cuts.tolist(), unit=unit, origin=f"{names[n_groups]} of these patients"
    )


def group_by_search(
    values: ArrayLike,
    variable: str,
    outcome: SurvivalOutcome,
    *,
    unit: str = "",
    min_share: float = 0.1,
) -> Grouping:
    """Two groups at the cut-off with the largest log-rank statistic, its p-value corrected.

    Args:
        values: (n,) numbers; NaN is missing.
        outcome: of the same n patients.
        min_share: smallest share of patients in a group.

    Raises:
        StatisticsError: constant values, or too few patients or events.
    """
    from hccsurv_core.stats.cutpoints import optimal_cutpoint

    numbers = _numbers(values, variable)
    known = ~np.isnan(numbers)
    if not known.any():
        raise StatisticsError("is missing in everybody", source=variable)
    found = optimal_cutpoint(numbers[known], outcome.subset(known), min_share=min_share)
    grouped = group_by_cutoffs(
        numbers, variable, [found.cutpoint.value], unit=unit,
        origin=f"cut-off searched among {found.n_cuts} (largest {found.statistic_name})",
    )  # fmt: skip
    return Grouping(
        grouped.variable, grouped.labels, grouped.code, grouped.origin, grouped.cutoffs,
        searched_p=found.p_corrected, details=found.to_json(),
    )  # fmt: skip


def _numbers(values: ArrayLike, variable: str) -> np.ndarray:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            "holds text, so it cannot be cut", source=variable, remedy="group by its values"
        ) from error
    if np.isnan(numbers).all():
        raise StatisticsError("is missing in everybody", source=variable)
    return numbers


def _interval_labels(cuts: np.ndarray, unit: str) -> tuple[str, ...]:
    suffix = f" {unit}" if unit else ""
    text = [f"{c:.4g}" if len(f"{c:g}") > 7 else f"{c:g}" for c in cuts]
    middle = [f"> {a} to {b}{suffix}" for a, b in pairwise(text)]
    return (f"≤ {text[0]}{suffix}", *middle, f"> {text[-1]}{suffix}")
