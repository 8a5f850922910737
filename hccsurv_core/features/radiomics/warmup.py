"""Compile the radiomics engine once, so that no patient waits for it.

``python -m hccsurv_core.features.radiomics.warmup``. Numba keeps what it
compiles beside the source (or in ``NUMBA_CACHE_DIR``), for every later process
on this kind of processor.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.features.radiomics.extract import extract_radiomics
from hccsurv_core.volume import Volume


def warm_up() -> float:
    """Run every compiled function on a tiny phantom, for whole numbers and for single precision.

    Returns:
        Seconds it took: about 20 the first time, one afterwards.
    """
    began = time.perf_counter()
    for kind in (np.int16, np.float32):
        volume, mask = _phantom(kind)
        one_slice = mask & (np.arange(5) == 2)[:, None, None]
        extract_radiomics(volume, mask, "muscle-full")
        extract_radiomics(volume, one_slice, "lesion-2d")
    return time.perf_counter() - began


def load_compiled() -> None:
    """Load what ``muscle-1343`` of a CT runs, while something else is waited for."""
    volume, mask = _phantom(np.int16)
    extract_radiomics(volume, mask, "muscle-1343")


def _phantom(kind: type) -> tuple[Volume, NDArray[np.bool_]]:
    noise = np.random.default_rng(0).normal(40, 60, (5, 12, 12))
    mask = np.zeros(noise.shape, bool)
    mask[1:4, 3:10, 2:9] = True
    return Volume(noise.astype(kind), np.diag([0.8, 0.8, 3.0, 1.0])), mask


if __name__ == "__main__":
    print(f"radiomics engine ready after {warm_up():.1f} s", file=sys.stderr)
