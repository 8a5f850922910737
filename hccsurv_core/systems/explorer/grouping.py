"""Who belongs to which curve: by category, by cut-offs, by quantiles, or by a searched cut-off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
        slots: (k,) which color a group has: its place among all groups there could be, so that a
            filter that empties one does not recolor the others.
        n_not_shown: of those in no group, how many have a value that is not among the labels.
    """

    variable: str
    labels: tuple[str, ...]
    code: np.ndarray
    origin: str
    cutoffs: tuple[float, ...] = ()
    searched_p: float | None = None
    details: Mapping[str, object] = field(default_factory=dict)
    slots: tuple[int, ...] = ()
    n_not_shown: int = 0

    def __post_init__(self) -> None:
        if not self.slots:
            object.__setattr__(self, "slots", tuple(range(len(self.labels))))

    @property
    def known(self) -> np.ndarray:
        """(n,) who is in a group."""
        return self.code >= 0

    @property
    def n_missing(self) -> int:
        """How many are in none because they have no value."""
        return int((self.code < 0).sum()) - self.n_not_shown

    def only(self, rows: np.ndarray) -> Grouping:
        """The same groups of some of the patients (positions or mask)."""
        return replace(self, code=self.code[rows], n_not_shown=0)


def everybody(n: int) -> Grouping:
    """One group."""
    return Grouping("", ("All patients",), np.zeros(n, np.int64), "all patients together")


def group_by_category(
    values: ArrayLike,
    variable: str,
    *,
    levels: Sequence[str] = (),
    shown: Sequence[str] = (),
) -> Grouping:
    """One group for each value.

    Args:
        values: (n,) anything; None and NaN are missing.
        variable: name, for labels and messages.
        levels: order wanted; others follow, sorted.
        shown: the only values to make groups of; default all.

    Raises:
        StatisticsError: nobody has a value, or there are more than six.
    """
    raw = np.asarray(values, dtype=object)
    text = [None if v is None or v != v else level_text(v) for v in raw.tolist()]
    found = {t for t in text if t is not None}
    if not found:
        raise StatisticsError(
            "is missing in everybody", source=variable, remedy="choose another variable"
        )
    every = [*levels, *sorted(found - set(levels), key=natural_order)]
    drawn = [v for v in every if not shown or v in shown]
    ordered = [v for v in drawn if v in found]
    if not ordered:
        raise StatisticsError(
            f"nobody of these patients is {' or '.join(drawn) or 'any of the values chosen'}",
            source=variable, remedy="choose other groups or filters",
        )  # fmt: skip
    if len(ordered) > MAX_GROUPS:
        raise StatisticsError(
            f"has {len(ordered)} different values; at most {MAX_GROUPS} groups can be drawn",
            source=variable,
            remedy="set cut-offs if it is a number, or filter some values out",
        )
    position: dict[str | None, int] = {label: i for i, label in enumerate(ordered)}
    code = np.array([position.get(t, -1) for t in text], np.int64)
    not_shown = sum(t is not None and t not in position for t in text)
    places = drawn if len(drawn) <= MAX_GROUPS else ordered
    return Grouping(
        variable, tuple(ordered), code, f"by {variable}",
        slots=tuple(places.index(v) for v in ordered), n_not_shown=not_shown,
    )  # fmt: skip


def group_by_levels(
    code: ArrayLike, levels: Sequence[str], variable: str, *, shown: Sequence[str] = ()
) -> Grouping:
    """Groups of a coded category; levels that nobody has are left out.

    Args:
        code: (n,) position in ``levels``, -1 where missing.
        shown: the only levels to make groups of; default all.

    Raises:
        StatisticsError: as :func:`group_by_category`.
    """
    names = np.array([*levels, None], dtype=object)
    return group_by_category(names[np.asarray(code)], variable, levels=levels, shown=shown)


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

    A quantile that is the largest value would leave nobody above it: the next smaller value takes
    its place (median 3 of scores 0 to 3: "≤ 2" and "> 2").

    Raises:
        InputError: no numbers, or not 2 to 6 groups.
        StatisticsError: too few different values.
    """
    if not 2 <= n_groups <= MAX_GROUPS:
        raise InputError(f"2 to {MAX_GROUPS} groups, not {n_groups}", source=variable)
    numbers = _numbers(values, variable)
    seen = numbers[~np.isnan(numbers)]
    below = seen[seen < seen.max()]
    if below.size == 0:
        raise StatisticsError(
            f"is {seen[0]:g} in everybody, so it cannot be cut", source=variable,
            remedy="choose another variable",
        )  # fmt: skip
    cuts = np.quantile(seen, np.arange(1, n_groups) / n_groups)
    cuts = np.unique(np.where(cuts < seen.max(), cuts, below.max()))
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
    try:
        found = optimal_cutpoint(numbers[known], outcome.subset(known), min_share=min_share)
    except StatisticsError as error:
        raise StatisticsError(
            f"no cut-off can be searched: {error.what}", source=variable,
            remedy="cut at the median or at a published value",
        ) from error  # fmt: skip
    grouped = group_by_cutoffs(
        numbers, variable, [found.cutpoint.value], unit=unit,
        origin=f"cut-off searched among {found.n_cuts} (largest {found.statistic_name})",
    )  # fmt: skip
    return replace(grouped, searched_p=found.p_corrected, details=found.to_json())


def _numbers(values: ArrayLike, variable: str) -> np.ndarray:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            "holds text, so it cannot be cut", source=variable, remedy="group by its values"
        ) from error
    if np.isnan(numbers).all():
        raise StatisticsError(
            "is missing in everybody", source=variable, remedy="choose another variable"
        )
    return numbers


def _interval_labels(cuts: np.ndarray, unit: str) -> tuple[str, ...]:
    suffix = f" {unit}" if unit else ""
    digits = 4
    text = [_cut_text(c, digits) for c in cuts]
    while len(set(text)) < len(text) and digits < 17:
        digits += 1
        text = [f"{c:.{digits}g}" for c in cuts]
    middle = [f"> {a} to {b}{suffix}" for a, b in pairwise(text)]
    return (f"≤ {text[0]}{suffix}", *middle, f"> {text[-1]}{suffix}")


def _cut_text(cut: float, digits: int) -> str:
    """As it was given where that is short (42.4, 1234.5, 200000), else rounded."""
    text = f"{cut:g}"
    if len(text) <= 7:
        return text
    return f"{cut:.0f}" if 1e6 <= abs(cut) < 1e9 else f"{cut:.{digits}g}"
