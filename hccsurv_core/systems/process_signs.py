"""Which process has which id: signs of life of processes that others started."""

from __future__ import annotations

#: A process id is given to another process only after more than this; clocks are set by less.
_SAME_START_S = 2.0


def mark_of(pid: int) -> tuple[int, float] | None:
    """A process's id and start: together they name one process only. None if there is none."""
    import psutil

    try:
        return pid, psutil.Process(pid).create_time()
    except psutil.Error:
        return None


def is_alive(mark: tuple[int, float] | None) -> bool:
    """Whether this very process, and not another that got its id, is still running."""
    if mark is None:
        return False
    found = mark_of(mark[0])
    return found is not None and abs(found[1] - mark[1]) < _SAME_START_S
