"""Patients in parts of equal size, events spread evenly: for folds and for early stopping."""

from __future__ import annotations

import numpy as np


def stratified_parts(event: np.ndarray, n_parts: int, seed: int) -> np.ndarray:
    """(n,) part 0 … n_parts − 1 of each patient, events and censored spread evenly."""
    rng = np.random.default_rng(seed)
    part = np.empty(event.size, dtype=np.int64)
    begin = 0
    for kind in (True, False):
        chosen = rng.permutation(np.flatnonzero(event == kind))
        # Where one kind ends the next goes on, so that parts have equal size too.
        part[chosen] = (begin + np.arange(chosen.size)) % n_parts
        begin += chosen.size
    return part
