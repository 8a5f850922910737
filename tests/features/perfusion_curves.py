"""Time-intensity curves written down by formula, for tests."""

from __future__ import annotations

import numpy as np

from hccsurv_core.features.perfusion.curve import TimeIntensity
from hccsurv_core.features.perfusion.floor import find_floor

#: One frame every half second to 40 s, then rarer, as ultrasound clips are kept.
TIMES = np.concatenate([np.arange(0, 40, 0.5), np.arange(40, 60, 1.0), np.arange(60, 361, 5.0)])


def lognormal(time_s, arrival_s=12.0, rise_s=10.0, peak=0.02, sigma=0.9):
    """The bolus of Strouthos et al. 2010, by its peak; written anew, not the package's."""
    x = np.maximum(np.asarray(time_s, float) - arrival_s, 1e-9)
    return np.where(
        np.asarray(time_s) > arrival_s, peak * np.exp(-0.5 * (np.log(x / rise_s) / sigma) ** 2), 0.0
    )


def seen(lesion, reference=None, time_s=TIMES, floor=1e-5, noise=0.0, seed=0):
    """The curves as a clip would show them: over a floor, with noise in proportion."""
    rng = np.random.default_rng(seed)

    def shown(values):
        if values is None:
            return None
        relative = 1 + noise * rng.standard_normal(len(values))
        return values * relative + floor * (1 + 0.02 * rng.standard_normal(len(values)))

    lesion, reference = shown(lesion), shown(reference)
    return TimeIntensity(
        time_s=np.asarray(time_s, float),
        lesion=lesion,
        reference=reference,
        lesion_floor=find_floor(lesion),
        reference_floor=None if reference is None else find_floor(reference),
        saturated=np.zeros(len(time_s)),
        inside=np.ones(len(time_s)),
        dynamic_range_db=50.0,
    )
