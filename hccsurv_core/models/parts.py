"""Patients in parts of equal size, kinds spread evenly: for folds and for early stopping."""

from __future__ import annotations

import numpy as np


def stratified_parts(event: np.ndarray, n_parts: int, seed: int) -> np.ndarray:
    """(n,) part 0 … n_parts − 1 of each patient, each kind of them spread evenly.

    Args:
        event: (n,) whether it happened, or any number that tells kinds of patients apart.
    """
    rng = np.random.default_rng(seed)
    part = np.empty(event.size, dtype=np.int64)
    begin = 0
    for kind in np.unique(event)[::-1]:
        chosen = rng.permutation(np.flatnonzero(event == kind))
        # Where one kind ends the next goes on, so that parts have equal size too.
        part[chosen] = (begin + np.arange(chosen.size)) % n_parts
        begin += chosen.size
    return part
