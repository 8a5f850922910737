"""What would be measured at L3: the causes' closed form, and five published definitions.

`expected_measures` tells, without drawing a picture, what the true masks of the drawn slab will
measure: regressions on 500 drawn slabs (``benchmarks/calibrate_muscle_cohort.py``) that leave
3 % of the muscle's area, 5 % of the psoas's, 0.8 HU and 1.1 HU unexplained. It serves checks on
many thousand patients. The definitions are restated here, because the simulator shares no code
with what is tested on it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.simulate.acquisition import Acquisition
from hccsurv_core.simulate.anatomy import Anatomy

if TYPE_CHECKING:
    from pandas import DataFrame

#: Name: (measure, male cut-off, female cut-off, low at the cut-off itself, prevalence published
#: by Liu et al. 2024 in the 492 discovery patients).
DEFINITIONS: dict[str, tuple[str, float, float, bool, float]] = {
    "SMI": ("smi", 50.0, 39.0, True, 0.589),  # Carey 2017, cm²/m²
    "PMA": ("pma_cm2", 15.61, 14.64, False, 0.439),  # Golse 2017, cm²
    "PMI": ("pmi", 6.36, 3.92, False, 0.535),  # Hamaguchi 2016, cm²/m²
    "PD": ("pd_hu", 38.5, 38.5, False, 0.041),  # Yoo 2017, HU
    "MA": ("ma_hu", 44.4, 39.3, True, 0.715),  # Fujiwara 2015, HU
}
MEASURES = ("sma_cm2", "pma_cm2", "smi", "pmi", "pd_hu", "ma_hu")

# Terms: intercept, log muscle, log height, female, streaks, streaks², log frame, log waist,
# log psoas, lean HU, contrast, four lumbar vertebrae, six.
_TERMS = {
    "log_sma": (4.808, 0.894, 1.946, -0.063, -0.898, -0.693, 0.443, 0.388, 0.109, 0.0006, 0.006,
                0.034, -0.122),
    "log_pma": (2.865, 0.977, 2.016, -0.167, -0.185, -1.191, -0.022, 0.046, 1.003, 0.0, -0.015,
                0.306, -0.473),
    "ma_hu": (40.85, 2.75, 6.26, 0.06, -32.04, 56.4, -3.33, -0.84, 1.37, 0.894, 9.27, 0.0, -1.32),
    "pd_hu": (48.74, 1.99, 3.12, -0.04, -16.48, 48.1, -4.39, -0.65, 1.52, 0.952, 9.61, -0.1, -0.3),
}  # fmt: skip


def expected_measures(anatomy: Anatomy, acquisition: Acquisition) -> dict[str, float]:
    """The six measures at L3 that a drawn slab would have, without drawing it."""
    streaks = anatomy.fat_streaks - 0.15
    terms = np.array(
        [
            1.0,
            math.log(anatomy.muscle),
            math.log(anatomy.height_m / 1.69),
            float(anatomy.sex == "female"),
            streaks,
            streaks**2,
            math.log(anatomy.frame),
            math.log(anatomy.waist_half_width_mm / 135),
            math.log(anatomy.psoas),
            anatomy.muscle_hu - 51,
            float(anatomy.phase != "noncontrast"),
            float(anatomy.n_lumbar == 4),
            float(anatomy.n_lumbar == 6),
        ]
    )
    found = {name: float(terms @ np.array(c)) for name, c in _TERMS.items()}
    scanner = acquisition.bias_hu + (acquisition.gain - 1) * 1000
    sma, pma = math.exp(found["log_sma"]), math.exp(found["log_pma"])
    return {
        "sma_cm2": sma,
        "pma_cm2": pma,
        "smi": sma / anatomy.height_m**2,
        "pmi": pma / anatomy.height_m**2,
        "pd_hu": found["pd_hu"] + scanner,
        "ma_hu": found["ma_hu"] + scanner,
    }


def low_muscle(measures: DataFrame, sex: NDArray[np.object_]) -> Mapping[str, NDArray[np.bool_]]:
    """Who is low by each definition: name to (n,) booleans.

    Args:
        measures: columns of :data:`MEASURES`.
        sex: (n,) "male" or "female".
    """
    male = np.asarray(sex) == "male"
    verdicts = {}
    for name, (measure, for_men, for_women, inclusive, _) in DEFINITIONS.items():
        value, cutoff = measures[measure].to_numpy(float), np.where(male, for_men, for_women)
        verdicts[name] = value <= cutoff if inclusive else value < cutoff
    return verdicts
