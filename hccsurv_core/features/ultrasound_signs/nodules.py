"""Satellites: small round nodules beside the lesion that enhance nearly as it does."""

from __future__ import annotations

import numpy as np

from hccsurv_core.features.ultrasound_signs.scene import StillScene

#: Where satellites are looked for: this far from the outline, mm. Microsatellites within 2 cm are
#: what pathology counts.
_FROM_MM, _TO_MM = 1.5, 24.0
#: Areas that a satellite seen on a still can have, mm²: about 3 to 12 mm across.
_AREA_MM2 = (8.0, 110.0)
#: Levels are averaged this far, mm; a nodule reaches this share of the lesion's own enhancement (dB),
#: and at least so much.
_SMOOTH_MM, _SHARE, _LEAST_DB = 1.3, 0.65, 3.0
#: A nodule fills this share of the circle about its longest axis, and of its convex hull: vessels,
#: which enhance as well, do not.
_ROUND, _SOLID = 0.6, 0.8
#: A nodule brighter than the lesion by more is as clear as this.
_CLEAREST = 1.5


def find_satellites(scene: StillScene, enhancement_db: float) -> tuple[float, float]:
    """How many satellites there are, and how clear the clearest is.

    Args:
        scene: of a contrast still.
        enhancement_db: of the lesion against liver.

    Returns:
        Count; and the largest mean level of a nodule over the lesion's own (0 without a nodule, at
        most 1.5).
    """
    from skimage.measure import label, regionprops

    least = max(_LEAST_DB, enhancement_db)
    smooth = scene.smoothed(scene.fan, _SMOOTH_MM)
    where = scene.fan & (scene.distance < -_FROM_MM) & (scene.distance > -_TO_MM)
    bright = where & (smooth > max(_LEAST_DB, _SHARE * enhancement_db))
    count, clearest = 0, 0.0
    step_mm = float(np.sqrt(scene.pixel_mm2))
    for part in regionprops(label(bright), intensity_image=smooth):
        area = float(part.area) * scene.pixel_mm2
        longest = float(part.axis_major_length) * step_mm
        if not _AREA_MM2[0] <= area <= _AREA_MM2[1] or part.solidity < _SOLID:
            continue
        if area < _ROUND * np.pi / 4 * longest**2:
            continue
        count += 1
        clearest = max(clearest, float(part.intensity_mean) / least)
    return float(count), min(clearest, _CLEAREST)
