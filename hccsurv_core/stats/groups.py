"""Group labels as codes: which group each patient is in, and in what order groups are shown."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError, StatisticsError


@dataclass(frozen=True, eq=False)
class Groups:
    """Who is in which group.

    Args:
        labels: (k,) group labels in order, plain Python values.
        code: (n,) position in ``labels`` of each patient's group.
    """

    labels: tuple[Hashable, ...]
    code: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def sizes(self) -> np.ndarray:
        """(k,) patients in each group."""
        return np.bincount(self.code, minlength=len(self.labels))


def read_groups(
    values: ArrayLike,
    n: int,
    *,
    order: Sequence[Hashable] | None = None,
    source: str = "groups",
    at_least: int = 1,
) -> Groups:
    """Sort patients into groups.

    Args:
        values: (n,) a label for each patient: text, numbers or booleans.
        n: how many patients there are.
        order: all labels in the order wanted (those that nobody has are passed over); without it
            they are sorted.
        source: what to name in messages.
        at_least: how many groups the question needs.

    Raises:
        InputError: not one label a patient, a label is missing or not in ``order``, or labels
            of different kinds are mixed. StatisticsError: fewer than ``at_least`` groups.
    """
    # An object array keeps 1 and "1" apart, which a plain array would silently join.
    raw = values if isinstance(values, np.ndarray) else np.asarray(values, dtype=object)
    if raw.shape != (n,):
        raise InputError(f"{n} patients but labels of shape {raw.shape}", source=source)
    # Plain Python values, so that results can be written as JSON.
    items = [item.item() if isinstance(item, np.generic) else item for item in raw.tolist()]
    missing = [i for i, item in enumerate(items) if _is_missing(item)]
    if missing:
        raise InputError(
            f"{len(missing)} of {n} labels are missing, the first at position {missing[0]}",
            source=source,
            remedy="leave these patients out or give them a group",
        )
    labels = _ordered(items, order, source)
    if len(labels) < at_least:
        raise StatisticsError(
            f"only {len(labels)} group: {labels[0]}" if labels else "no group",
            source=source,
            remedy=f"compare at least {at_least} groups",
        )
    position = {label: i for i, label in enumerate(labels)}
    return Groups(labels, np.array([position[item] for item in items], dtype=np.intp))


def _ordered(
    items: list[Hashable], order: Sequence[Hashable] | None, source: str
) -> tuple[Hashable, ...]:
    found = dict.fromkeys(items)
    if order is not None:
        unknown = [label for label in found if label not in order]
        if unknown:
            raise InputError(f"group {unknown[0]!r} is not in the given order", source=source)
        return tuple(label for label in order if label in found)
    try:
        return tuple(sorted(found))  # type: ignore[type-var]
    except TypeError as error:
        raise InputError("labels mix text and numbers", source=source) from error


def _is_missing(item: object) -> bool:
    """None, NaN, NaT or pandas' NA (which refuses to be true or false)."""
    try:
        return item is None or bool(item != item)
    except TypeError:
        return True
