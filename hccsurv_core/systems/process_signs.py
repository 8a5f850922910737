"""Signs of life of processes that others started: locks that die with them, and who has which id."""

from __future__ import annotations

import os
from pathlib import Path

from hccsurv_core.errors import HccsurvError

#: A process id is given to another process only after more than this; clocks are set by less.
_SAME_START_S = 2.0


def take_lock(path: Path) -> int | None:
    """Take a lock that the system holds while any process has the returned descriptor open.

    Returns:
        the descriptor, to be passed on to children and closed here; None if the lock is taken.

    Raises:
        HccsurvError: this system has no such locks.
    """
    return _lock(path, shared=False)


def is_locked(path: Path) -> bool:
    """Whether some process holds the lock. Asking does not make others believe so."""
    if not path.exists():
        return False
    descriptor = _lock(path, shared=True)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def _lock(path: Path, *, shared: bool) -> int | None:
    if _fcntl is None:
        raise HccsurvError(
            "training in the background needs Linux or macOS",
            remedy="run python -m hccsurv_core train in a terminal",
        )
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    kind = _fcntl.LOCK_SH if shared else _fcntl.LOCK_EX
    try:
        _fcntl.flock(descriptor, kind | _fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


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


try:
    import fcntl as _fcntl
except ImportError:  # Windows
    _fcntl = None  # type: ignore[assignment]
