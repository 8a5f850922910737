"""The liver that a lesion is compared with: its level and noise in both phases, far from the lesion.

"Hyperenhancement", "washout" and "corona" are differences from liver. What is compared with is
parenchyma only: no vessels, no other lesions, no edge of the liver, and not the neighborhood of the
lesion, whose blood supply is its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import InputError
from hccsurv_core.features.lesion_scene import FAR_MM, STEP_MM, LesionScene, Map, Mask

#: Rings about the lesion (mm) to take the liver from, best first: beyond the reach of a corona
#: (coronas are seen within about 2 cm of a lesion), yet near enough to be perfused alike.
_RINGS_MM = ((25.0, 50.0), (15.0, 55.0), (8.0, 60.0), (2.0, 60.0))
#: So much liver (ml) has a level that noise does not move.
_ENOUGH_ML = 8.0
_FEWEST_VOXELS = 50
#: Nearer to the liver's outline than this its pixels hold what lies outside, mm.
_CAPSULE_MM = 3.0
#: Parenchyma is smoothed by this for its level: larger than the noise's grain, smaller than vessels.
_SMOOTH_MM = 2.0
#: Parenchyma lies within this of its level after smoothing; vessels and lesions do not (HU).
_PLAIN_HU = 18.0
#: Liver in the portal venous phase measures more than this and less than that, HU: bounds that only
#: keep a ring full of tumor or vessel from passing for liver.
_PORTAL_HU = (60.0, 180.0)
#: Other lesions: darker than liver by this over this width; their coronas reach this far at most.
#: Liver nearer to them counts only where there is no other.
_DARK_HU, _DARK_MM, _OTHERS_REACH_MM = 15.0, 3.0, 20.0
#: Window of the search for the most frequent level, HU.
_MODE_HU, _NEAR_HU = 3.0, 15.0


@dataclass(frozen=True, eq=False)
class LiverReference:
    """Liver about a lesion.

    Args:
        level_hu: of parenchyma, arterial and portal venous.
        noise_hu: standard deviation of a voxel's noise, arterial and portal venous.
        plain: (slices, rows, columns) parenchyma without vessels, other lesions and edges, at all
            distances from the lesion.
        from_mm: how far from the lesion the level was taken at least.
        others_mm: distance to the nearest other lesion, mm.
    """

    level_hu: tuple[float, float]
    noise_hu: tuple[float, float]
    plain: Mask
    from_mm: float
    others_mm: Map


def measure_liver(scene: LesionScene) -> LiverReference:
    """Find parenchyma and its level.

    Raises:
        InputError: hardly any liver is outlined about the lesion.
    """
    from scipy.ndimage import binary_dilation

    liver = scene.liver & ~scene.lesion & (scene.surface < -_CAPSULE_MM)
    smooth = [smoothed_within(image, liver, _SMOOTH_MM) for image in scene.images]
    plausible = liver & (smooth[1] > _PORTAL_HU[0]) & (smooth[1] < _PORTAL_HU[1])
    ring, from_mm = _ring(scene, plausible)
    others_mm = _to_other_lesions(scene, liver, _mode(smooth[1][ring]))
    alone = plausible & (others_mm > _OTHERS_REACH_MM)
    if np.count_nonzero(alone & (scene.apart > _RINGS_MM[2][0])) * scene.voxel_ml >= _ENOUGH_ML:
        ring, from_mm = _ring(scene, alone)
    near = ring & (np.abs(smooth[1] - _mode(smooth[1][ring])) < _NEAR_HU)
    levels = []
    for image in smooth:
        values = image[near]
        values = values[np.abs(values - _mode(values)) < _NEAR_HU]
        levels.append(float(np.median(values)))
    # Vessels and lesions are told by the portal venous phase: a corona is arterial.
    odd = liver & (np.abs(smooth[1] - levels[1]) > _PLAIN_HU)
    plain = liver & ~binary_dilation(odd, np.ones((1, 3, 3)))
    ring = plain & near if np.count_nonzero(plain & near) >= _FEWEST_VOXELS else near
    noise = [_noise(image, ring) for image in scene.images]
    return LiverReference((levels[0], levels[1]), (noise[0], noise[1]), plain, from_mm, others_mm)


def smoothed_within(image: Map, mask: Mask, sigma_mm: float) -> Map:
    """Gaussian mean in plane over a mask only; NaN where none of it is near."""
    from scipy.ndimage import gaussian_filter

    sigma = (0.0, sigma_mm, sigma_mm)
    weight = gaussian_filter(mask.astype(np.float32), sigma)
    total = gaussian_filter(np.where(mask, image, 0).astype(np.float32), sigma)
    return np.where(weight > 1e-4, total / np.maximum(weight, 1e-4), np.nan).astype(np.float32)


def robust_spread(values: NDArray[np.floating]) -> float:
    """Standard deviation as the median absolute deviation tells it; NaN for none."""
    if not values.size:
        return float("nan")
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def _ring(scene: LesionScene, liver: Mask) -> tuple[Mask, float]:
    for low, high in _RINGS_MM:
        ring = liver & (scene.apart > low) & (scene.apart < high)
        if np.count_nonzero(ring) * scene.voxel_ml >= _ENOUGH_ML:
            break
    if np.count_nonzero(ring) < _FEWEST_VOXELS:
        raise InputError(
            "hardly any liver with contrast is outlined about the lesion",
            source="liver outline",
            remedy="outline the whole liver in both phases, and check that contrast was given",
        )
    return ring, low


def _to_other_lesions(scene: LesionScene, liver: Mask, portal_hu: float) -> Map:
    """Distance to what is plainly darker than liver in the portal venous phase, mm."""
    from scipy.ndimage import binary_opening, distance_transform_edt

    dark = smoothed_within(scene.portal, liver, _DARK_MM) < portal_hu - _DARK_HU
    # What lies against the lesion is its own edge.
    dark &= liver & (scene.apart > 2 * _DARK_MM)
    dark = binary_opening(dark, np.ones((1, 3, 3)), iterations=2)
    if not dark.any():
        return np.full(dark.shape, FAR_MM, dtype=np.float32)
    apart = distance_transform_edt(~dark, sampling=(scene.slice_mm, STEP_MM, STEP_MM))
    return np.asarray(apart, dtype=np.float32)


def _mode(values: NDArray[np.floating]) -> float:
    """Most frequent value, HU."""
    from scipy.ndimage import gaussian_filter1d

    low, high = np.percentile(values, (2, 98))
    grid = np.arange(low, high + 1.0, 0.5)
    counts, _ = np.histogram(values, np.append(grid, grid[-1] + 0.5) - 0.25)
    return float(grid[gaussian_filter1d(counts.astype(float), _MODE_HU / 0.5).argmax()])


def _noise(image: Map, mask: Mask) -> float:
    """Spread about the neighborhood's mean, HU."""
    return robust_spread((image - smoothed_within(image, mask, _SMOOTH_MM))[mask])
