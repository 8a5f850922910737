"""Locks between processes that the system lets go when their holder dies, however it dies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl as _fcntl
except ImportError:  # Windows
    _fcntl = None  # type: ignore[assignment]

#: Whether this system has them. Where it has not, a lock is always free.
HAS_LOCKS = _fcntl is not None


def take_lock(path: Path) -> int | None:
    """Take a lock, held for as long as any process has the returned descriptor open.

    Args:
        path: of the lock's file, made if missing, empty, and left where it is.

    Returns:
        the descriptor: children may be given it, and whoever closes the last one lets go; None
        if the lock is taken.
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


@contextmanager
def holding(path: Path) -> Iterator[None]:
    """Wait for a lock and hold it in the block."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if _fcntl is not None:
            _fcntl.flock(descriptor, _fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _lock(path: Path, *, shared: bool) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if _fcntl is None:
        return descriptor
    kind = _fcntl.LOCK_SH if shared else _fcntl.LOCK_EX
    try:
        _fcntl.flock(descriptor, kind | _fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
