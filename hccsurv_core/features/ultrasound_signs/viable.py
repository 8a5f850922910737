"""Which part of a lesion takes up contrast agent, and how bright that part is.

Levels in a lesion, smoothed over a millimeter, are two kinds: enhancing tissue, spread about its
mean, and tissue without agent, about :data:`GAP_DB` below. Share, mean and spread are found
together, by averaging over everything that the levels allow; half of all lesions are expected to
have no dead part. A lesion holds few independent places, so the levels count for as many places as
there are cells of :data:`PLACE_MM2`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.features.ultrasound_signs.scene import StillScene

Mask = NDArray[np.bool_]

#: Ours. Tissue without agent shows a tenth of the power or less, and leakage of the beam from beside.
GAP_DB, GAP_SPREAD_DB = 11.0, 2.5
#: Levels within this area tell one thing, mm².
PLACE_MM2 = 8.0
#: How far levels are averaged, mm.
_SMOOTH_MM = 0.6
_MOST_LEVELS = 600
#: What is tried: share without agent, mean about the median (dB), spread (dB).
_SHARES = np.array([0, 0.01, 0.02, 0.04, 0.06, 0.09, 0.12, 0.16, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6])
_MEANS = np.linspace(-2.5, 5.0, 26)
_SPREADS = np.geomspace(0.8, 8.0, 22)
#: Belief about the share (half have none; else it falls off with e^(-share/0.1)) and the spread.
_NONE, _TYPICAL_SHARE = 0.5, 0.1
_SPREAD_DB, _SPREAD_WIDTH = 2.1, 0.6
#: A place is dead where that is likelier than not; its rim (mm) is a mixture and left out as well.
_RIM_MM = 0.6


@dataclass(frozen=True, eq=False)
class Viable:
    """A lesion's enhancing part.

    Args:
        dead_share: of the lesion's interior, 0 to 1.
        mean_db: mean level of the enhancing part, against liver.
        spread_db: its spread, speckle included.
        dead: (rows, columns) where there is no agent.
        live: (rows, columns) enhancing part of the lesion, its mixed rim left out.
    """

    dead_share: float
    mean_db: float
    spread_db: float
    dead: Mask
    live: Mask


def find_viable(scene: StillScene) -> Viable:
    """The enhancing part of the lesion of a contrast still."""
    from scipy.ndimage import distance_transform_edt

    smooth = scene.smoothed(scene.fan & (scene.distance > 0), _SMOOTH_MM)
    levels = smooth[scene.core]
    places = max(levels.size * scene.pixel_mm2 / PLACE_MM2, 3.0)
    share, mean, spread = _mixture(levels[:: max(1, levels.size // _MOST_LEVELS)], places)
    inside = scene.fan & (scene.distance > 0)
    dead = inside & (smooth < _threshold(share, mean, spread)) & (scene.distance > 0.6)
    live = inside
    if dead.any():
        apart = distance_transform_edt(~dead, sampling=scene.spacing_mm)
        live = inside & (apart > _RIM_MM)
    return Viable(share, mean, spread, dead, live)


def _log_normal(levels: NDArray, mean: NDArray, spread: NDArray) -> NDArray:
    return -0.5 * ((levels - mean) / spread) ** 2 - np.log(spread)


def _mixture(levels: NDArray, places: float) -> tuple[float, float, float]:
    """Share without agent, mean and spread of the rest: expectations over what is possible."""
    mean = (np.median(levels) + _MEANS)[:, None, None]
    spread = _SPREADS[None, :, None]
    live = np.exp(_log_normal(levels, mean, spread))
    dead = np.exp(_log_normal(levels, mean - GAP_DB, np.hypot(spread, GAP_SPREAD_DB)))
    fit = np.stack([np.log((1 - q) * live + q * dead + 1e-6).sum(-1) for q in _SHARES], -1) * (
        places / levels.size
    )
    some = np.exp(-_SHARES[1:] / _TYPICAL_SHARE)
    belief = np.concatenate([[_NONE], (1 - _NONE) * some / some.sum()])
    fit += np.log(belief)
    fit -= 0.5 * (np.log(_SPREADS / _SPREAD_DB) / _SPREAD_WIDTH)[None, :, None] ** 2
    weight = np.exp(fit - fit.max())
    weight /= weight.sum()
    return (
        float((weight * _SHARES).sum()),
        float((weight * mean).sum()),
        float(np.exp((weight * np.log(spread)).sum())),
    )


def _threshold(share: float, mean: float, spread: float) -> float:
    """Level below which a place is likelier dead than not."""
    if share < 0.01:
        return float("-inf")
    tried = np.linspace(mean - GAP_DB - 2 * spread, mean, 200)
    live = np.log(1 - share) + _log_normal(tried, np.array(mean), np.array(spread))
    dead = np.log(share) + _log_normal(
        tried, np.array(mean - GAP_DB), np.array(np.hypot(spread, GAP_SPREAD_DB))
    )
    likelier = np.flatnonzero(dead > live)
    # The wide tail of the dead beyond the live's lower end is what counts, not a crossing above.
    return float(tried[likelier[-1]]) if likelier.size else float("-inf")
