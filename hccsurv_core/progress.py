"""How long work reports where it is, and how it is cancelled."""

from __future__ import annotations

from collections.abc import Callable

#: Called with the fraction done (0 to 1) and what is happening. It may raise
#: :class:`~hccsurv_core.errors.CancelledError` to stop the work.
Progress = Callable[[float, str], None]


def silent(fraction: float, message: str) -> None:
    """Report nowhere."""


def part_of(progress: Progress, start: float, end: float) -> Progress:
    """A progress that fills ``start`` to ``end`` of ``progress``."""

    def report(fraction: float, message: str) -> None:
        progress(start + (end - start) * fraction, message)

    return report
