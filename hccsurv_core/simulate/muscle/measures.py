"""What would be measured at L3: the causes' closed form, and five published definitions.

`expected_measures` tells, without drawing a picture, what the true masks of the drawn slab will
measure: regressions on 826 drawn slabs (``benchmarks/calibrate_muscle_cohort.py``) that leave
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

from hccsurv_core.simulate.phantom.acquisition import Acquisition
from hccsurv_core.simulate.phantom.anatomy import Anatomy

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
    "log_sma": (4.806, 0.888, 1.917, -0.0635, -0.879, -0.49, 0.4915, 0.376, 0.101, 0.0007, 0.008,
                0.024, -0.114),
    "log_pma": (2.862, 1.003, 1.944, -0.159, -0.183, -1.09, -0.011, 0.037, 0.993, 0.0002, -0.01,
                0.292, -0.474),
    "ma_hu": (40.98, 2.45, 4.94, -0.06, -32.4, 47.5, -2.51, -0.93, 1.36, 0.886, 9.24, 0.23, -1.37),
    "pd_hu": (48.71, 1.89, 4.04, 0.0, -17.0, 57.5, -3.18, -0.6, 1.88, 0.942, 9.64, 0.17, -0.22),
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
