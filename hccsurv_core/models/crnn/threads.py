"""How many threads a network runs on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def threads_for(extractor: str) -> Iterator[None]:
    """One thread inside for "small", all of them for a large extractor.

    The small network's operations take microseconds. Threads that wait for each other cost more
    than they save, many times as much where the machine does something else; and on one thread the
    result is the same to the last bit however many cores there are.
    """
    import torch

    before = torch.get_num_threads()
    if extractor != "small" or before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
