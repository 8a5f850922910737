"""One outcome of a cohort, and what becomes of two that compete."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.cohort.column_mapping import EndpointSpec
from hccsurv_core.errors import StatisticsError
from hccsurv_core.outcome import CompetingOutcome
from hccsurv_core.wording import agree, count_of

#: Death so long after the last look for the event is not said to have come first (ours).
MAX_GAP_MONTHS = 6.0


@dataclass(frozen=True, eq=False)
class Endpoint:
    """One outcome of a :class:`ClinicalTable`.

    Args:
        name, label: short name and words; ``event_label`` is what happens ("death").
        time_months: (n,) NaN where not known.
        cause: (n,) −1 where not known, 0 censored, 1 event, 2, 3 … competing events.
        original_unit: unit of the times in the file.
        competing: names of causes 2, 3 …
        spec: the columns it was read from.
    """

    name: str
    label: str
    event_label: str
    time_months: NDArray[np.float64]
    cause: NDArray[np.int64]
    original_unit: str
    competing: tuple[str, ...]
    spec: EndpointSpec

    @property
    def known(self) -> NDArray[np.bool_]:
        """(n,) True for patients whose outcome is known."""
        return np.isfinite(self.time_months) & (self.cause >= 0)

    @property
    def event(self) -> NDArray[np.bool_]:
        """(n,) True where the event happened; competing events and the unknown are False."""
        return self.cause == 1

    @property
    def n_events(self) -> int:
        """Patients with a known outcome who had the event."""
        return int((self.known & self.event).sum())


def own_causes(endpoint: Endpoint) -> tuple[CompetingOutcome, NDArray[np.int64]]:
    """An endpoint with its own competing events (causes 2, 3 …), and the rows it is known for.

    Raises:
        StatisticsError: nobody has it.
    """
    rows = np.flatnonzero(endpoint.known)
    if not len(rows):
        raise StatisticsError("no patient has this outcome", source=endpoint.name)
    cause = endpoint.cause[rows]
    given = endpoint.competing
    extra = [
        given[k - 2] if k - 2 < len(given) else f"competing event {k}"
        for k in range(2, max(int(cause.max()), 1) + 1)
    ]
    names = (endpoint.event_label, *extra)
    return CompetingOutcome(endpoint.time_months[rows], cause, names), rows


def first_of_two(
    first: Endpoint, last: Endpoint, max_gap_months: float = MAX_GAP_MONTHS
) -> tuple[CompetingOutcome, NDArray[np.int64], tuple[str, ...]]:
    """What comes first of an event and death, see :meth:`ClinicalTable.competing`.

    Args:
        first: the event of interest; last: death.
        max_gap_months: a patient last seen free of the event longer than this before death is
            censored there.

    Returns:
        the outcome, (n,) rows of patients who have both, and what had to be assumed.

    Raises:
        StatisticsError: nobody has both.
    """
    rows = np.flatnonzero(first.known & last.known)
    if not len(rows):
        raise StatisticsError(
            f"no patient has both {first.name} and {last.name}", source=first.name
        )
    time, had, died = first.time_months[rows], first.event[rows], last.event[rows]
    gap = last.time_months[rows] - time
    dies_first = ~had & died & (gap <= max_gap_months)
    lost = int((~had & died & (gap > max_gap_months)).sum())
    same = int((had & died & (gap == 0)).sum())
    cause = np.where(had, 1, np.where(dies_first, 2, 0))
    # Death before the last look for the event would be a contradiction: the later time stands.
    time = np.where(dies_first, np.maximum(time, last.time_months[rows]), time)
    notes = []
    if same:
        notes.append(
            f"{count_of(same, 'patient has', 'patients have')} {first.event_label} and "
            f"{last.event_label} at the same time; {agree(same, 'it is', 'they are')} counted as "
            f"{first.event_label}."
        )
    if lost:
        notes.append(
            f"{count_of(lost, 'patient')} had {last.event_label} more than {max_gap_months:g} months "
            f"after {agree(lost, 'the patient was', 'they were')} last seen free of "
            f"{first.event_label}; {agree(lost, 'it is', 'they are')} censored then."
        )
    outcome = CompetingOutcome(time, cause, (first.event_label, last.event_label))
    return outcome, rows, tuple(notes)
