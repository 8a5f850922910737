"""What lies along the edge: an enhancing rim, and a dark halo without contrast agent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.features.ultrasound_signs.scene import StillScene

Mask = NDArray[np.bool_]

#: Layers by their distance from the outline, mm, positive inside: the rim, the halo, and the tissue
#: that they are compared with. Ours; a capsule is 1 to 2 mm thick, and an outline is as far off.
_RIM_MM, _HALO_MM, _INNER_MM = (0.0, 2.0), (-1.2, 0.0), (1.8, 8.0)
#: Without a halo the level just outside an outline has gone this far from liver to lesion.
_BLURRED_SHARE = 0.25


def rim_db(scene: StillScene, live: Mask) -> float:
    """How much brighter the layer at the outline is than the enhancing tissue farther in, dB.

    NaN where either has no pixel.
    """
    return _layer(scene, live, _RIM_MM) - _inner(scene, live)


def halo_db(scene: StillScene) -> float:
    """How much darker the layer about the outline is than a blurred edge would be, dB.

    Of a lesion brighter than liver the comparison is liver alone. NaN where either has no pixel.
    """
    expected = _BLURRED_SHARE * min(_inner(scene, scene.fan), 0.0)
    return expected - _layer(scene, scene.fan, _HALO_MM)


def _layer(scene: StillScene, region: Mask, between_mm: tuple[float, float]) -> float:
    """Mean level of a layer."""
    within = (scene.distance >= between_mm[0]) & (scene.distance <= between_mm[1])
    chosen = region & scene.fan & within
    return float(scene.decibels[chosen].mean()) if chosen.any() else float("nan")


def _inner(scene: StillScene, region: Mask) -> float:
    """Mean level farther in; of small lesions, of their innermost half."""
    first = min(_INNER_MM[0], 0.5 * float(scene.distance.max()))
    return _layer(scene, region, (first, _INNER_MM[1]))
