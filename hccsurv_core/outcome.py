"""What happened to patients, and when: right-censored and competing-risks endpoints.

Validated here, once: everything that takes an outcome may rely on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError

#: Days in a month (365.25 / 12), everywhere in this package.
DAYS_PER_MONTH = 30.4375


@dataclass(frozen=True, eq=False)
class SurvivalOutcome:
    """A right-censored endpoint.

    Args:
        time_months: (n,) time to the event or to the end of follow-up, months, >= 0.
        event: (n,) True where the event happened, False where follow-up ended without it.

    Raises:
        InputError: shapes differ, nobody is in it, a time is negative or not finite, or an
            event is neither true nor false. The message names the first offending position.
    """

    time_months: np.ndarray
    event: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "time_months", _checked_times(self.time_months))
        event = np.asarray(self.event)
        if event.dtype != bool:
            if event.dtype.kind not in "iuf" or not np.isin(event, (0, 1)).all():
                raise InputError("an event must be true or false (1 or 0)", source="event")
            event = event.astype(bool)
        object.__setattr__(self, "event", event)
        if self.event.shape != self.time_months.shape:
            raise InputError(
                f"{self.time_months.size} times but {self.event.size} events", source="outcome"
            )

    def __len__(self) -> int:
        return self.time_months.size

    @property
    def n_events(self) -> int:
        """How many had the event."""
        return int(self.event.sum())

    def subset(self, rows: ArrayLike) -> SurvivalOutcome:
        """The outcome of some patients, by index (with repetition) or boolean mask."""
        return SurvivalOutcome(self.time_months[np.asarray(rows)], self.event[np.asarray(rows)])

    def censored_at(self, horizon_months: float) -> SurvivalOutcome:
        """The same patients as if follow-up had ended at ``horizon_months``."""
        beyond = self.time_months > horizon_months
        return SurvivalOutcome(np.minimum(self.time_months, horizon_months), self.event & ~beyond)

    def landmark(self, landmark_months: float) -> tuple[SurvivalOutcome, np.ndarray]:
        """Those still followed after ``landmark_months``, with the clock restarted there.

        Returns:
            their outcome, and the (n,) mask that says who they are.

        Raises:
            InputError: nobody is left.
        """
        kept = self.time_months > landmark_months
        return SurvivalOutcome(self.time_months[kept] - landmark_months, self.event[kept]), kept


@dataclass(frozen=True, eq=False)
class CompetingOutcome:
    """An endpoint of which only the first of several causes can happen.

    Args:
        time_months: (n,) time to the first event or to the end of follow-up, months, >= 0.
        cause: (n,) 0 where follow-up ended without any, else 1, 2, … by ``cause_names``.
        cause_names: what cause 1, 2, … is.

    Raises:
        InputError: as for :class:`SurvivalOutcome`, or a cause has no name.
    """

    time_months: np.ndarray
    cause: np.ndarray
    cause_names: Sequence[str] = field(default=("event", "competing event"))

    def __post_init__(self) -> None:
        object.__setattr__(self, "time_months", _checked_times(self.time_months))
        cause = np.asarray(self.cause)
        if cause.shape != self.time_months.shape:
            raise InputError(
                f"{self.time_months.size} times but {cause.size} causes", source="outcome"
            )
        known = range(len(self.cause_names) + 1)
        if cause.dtype.kind not in "iufb" or not np.isin(cause, list(known)).all():
            raise InputError(
                f"a cause must be 0 (censored) to {len(self.cause_names)}", source="cause"
            )
        object.__setattr__(self, "cause", cause.astype(np.int64))
        object.__setattr__(self, "cause_names", tuple(self.cause_names))

    def __len__(self) -> int:
        return self.time_months.size

    def subset(self, rows: ArrayLike) -> CompetingOutcome:
        """The outcome of some patients, by index (with repetition) or boolean mask."""
        chosen = np.asarray(rows)
        return CompetingOutcome(self.time_months[chosen], self.cause[chosen], self.cause_names)

    def any_cause(self) -> SurvivalOutcome:
        """Time to whichever comes first."""
        return SurvivalOutcome(self.time_months, self.cause > 0)

    def cause_specific(self, cause: int = 1) -> SurvivalOutcome:
        """Time to ``cause``, every other cause counted as the end of follow-up."""
        return SurvivalOutcome(self.time_months, self.cause == cause)


def _checked_times(values: ArrayLike) -> np.ndarray:
    try:
        times = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("times must be numbers", source="time_months") from error
    if times.ndim != 1 or times.size == 0:
        raise InputError(
            f"times must be a list with at least one patient, got shape {times.shape}",
            source="time_months",
        )
    bad = ~np.isfinite(times) | (times < 0)
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise InputError(
            f"{int(bad.sum())} of {times.size} times are negative or missing, "
            f"the first at position {first} ({times[first]:g})",
            source="time_months",
            remedy="correct or leave out these patients",
        )
    return times
