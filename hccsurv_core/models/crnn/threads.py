"""Work that is done on one thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread(wanted: bool = True) -> Iterator[None]:
    """One thread inside, if that is wanted.

    The small network's operations take microseconds, and to read one patient with the large one
    takes a second. Threads that wait for each other save little of it, and cost many times as much
    where the machine does something else; on one thread the result is also the same to the last
    bit however many cores there are.
    """
    import torch

    before = torch.get_num_threads()
    if not wanted or before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
