"""Simulated patients for tests of outlines: a few slices around L3, made once a session."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from hccsurv_core.simulate.phantom.abdomen import SimulatedScan, simulate_abdomen
from hccsurv_core.simulate.phantom.acquisition import Acquisition
from hccsurv_core.simulate.phantom.anatomy import draw_anatomy


@lru_cache(maxsize=8)
def simulated_patient(kind: str) -> SimulatedScan:
    """A patient scanned from L2 to L4 (levels are counted from the vertebra above the sacrum)."""
    usual = {"n_lumbar": 5, "arms_down": False, "metal_hip": False, "ascites_mm": 0.0}
    made = {
        "average": {"sex": "male", "height_m": 1.75, "weight_kg": 75.0, "phase": "portal_venous"},
        "thin": {"sex": "female", "height_m": 1.60, "weight_kg": 46.0, "phase": "portal_venous"},
        "heavy": {"sex": "male", "height_m": 1.74, "weight_kg": 108.0, "phase": "arterial"},
    }[kind]
    anatomy = draw_anatomy(17, **usual, **made)
    acquisition = Acquisition(
        rows=288, slice_mm=3.0, bottom_level=-0.7, top_level=0.9, noise_hu=12.0
    )
    return simulate_abdomen(anatomy, acquisition, seed=17)


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """Dice overlap of two masks."""
    return 2 * float((a & b).sum()) / max(1.0, float(a.sum() + b.sum()))
