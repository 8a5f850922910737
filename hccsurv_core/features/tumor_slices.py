"""What a few slices of an organ tell of its tumors: size, number, necrosis, edge, and the liver behind.

Everything is measured inside outlines. Outcomes play no part. Values that the slices do not show are
NaN: a scan without tumors has a load of 0, but no edge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.imaging.organ_slices import OrganSlices

#: Liver tissue is judged so far from tumors and from the liver's surface, mm.
_APART_MM = 6.0
#: What is darker than this share of the way from viable tumor down to fluid does not enhance.
_FLUID_HU, _NECROTIC_SHARE = 20.0, 0.5
#: Passage from tumor to liver: levels this far from the line on both sides, mm.
_INSIDE_MM, _BESIDE_MM, _NEAR_MM = (-9.0, -5.0), (5.0, 9.0), 5.0
_REACH_MM, _WIDEST_MM = 11, 20.0
#: Living tumor is judged so far from its edge, mm.
_FROM_EDGE_MM = 4.0
#: An edge or tissue is judged by at least so many pixels, a depth by so many.
_FEWEST_PIXELS, _FEWEST_AT_DEPTH = 40, 6
_LEAST_CONTRAST_HU = 6.0
#: Scales between which liver tissue is rough, mm: finer is noise, coarser is vessels and steatosis.
_ROUGH_MM = (2.5, 8.0)


@dataclass(frozen=True)
class LesionMeasure:
    """One tumor on the slices.

    Args:
        diameter_mm: longest in a slice.
        area_cm2: on the slice that shows most of it.
        necrosis: share of its pixels that do not enhance; NaN where it is too small to tell.
    """

    diameter_mm: float
    area_cm2: float
    necrosis: float


@dataclass(frozen=True, eq=False)
class OrganMeasure:
    """One organ at one time.

    Args:
        lesions: tumor's number → measure.
        tumor_cm2: largest total area on a slice. organ_cm2: mean area of the organ.
        organ_hu: median of tissue away from tumors and surface; NaN where there is too little.
        roughness_hu: spread of that tissue at the scale of nodules.
        contrast_hu: organ above viable tumor; mottle_hu: spread inside viable tumor.
        edge_mm: width of the passage from tumor to organ.
    """

    lesions: Mapping[int, LesionMeasure]
    tumor_cm2: float
    organ_cm2: float
    organ_hu: float = np.nan
    roughness_hu: float = np.nan
    contrast_hu: float = np.nan
    mottle_hu: float = np.nan
    edge_mm: float = np.nan
    notes: tuple[str, ...] = field(default=())

    @property
    def largest_mm(self) -> float:
        """Longest diameter of the largest tumor; 0 without tumors."""
        return max((one.diameter_mm for one in self.lesions.values()), default=0.0)

    @property
    def volume_ml(self) -> float:
        """Of all tumors, as spheres of their longest diameter."""
        return sum(np.pi / 6 * one.diameter_mm**3 for one in self.lesions.values()) / 1000

    @property
    def necrosis(self) -> float:
        """Share of all tumor that does not enhance, by area; NaN where none is large enough."""
        known = [one for one in self.lesions.values() if np.isfinite(one.necrosis)]
        area = sum(one.area_cm2 for one in known)
        return sum(one.necrosis * one.area_cm2 for one in known) / area if area else float("nan")


def measure_organ(slices: OrganSlices, *, tissue: bool = True) -> OrganMeasure:
    """Measure one organ.

    Args:
        slices: with outlines.
        tissue: whether densities are judged: not in lungs, whose nodules are solid against air.
    """
    numbers = [int(n) for n in np.unique(slices.lesions) if n > 0]
    tumor = slices.lesions > 0
    found = {n: _lesion(slices, n, np.nan) for n in numbers}
    sizes = float(slices.tumor_cm2.max()), float(slices.organ_cm2.mean())
    if not tissue:
        return OrganMeasure(found, *sizes)
    apart = _apart(slices, tumor)
    enough = int(apart.sum()) >= _FEWEST_PIXELS
    level = float(np.median(slices.intensity_hu[apart])) if enough else float("nan")
    rough = _roughness(slices, apart) if enough else float("nan")
    if not numbers:
        return OrganMeasure(found, *sizes, level, rough)
    smooth = _smooth(slices, 1.2)
    viable = _viable_level(smooth, tumor, level)
    bound = _FLUID_HU + _NECROTIC_SHARE * (viable - _FLUID_HU)
    measured = {n: _lesion(slices, n, bound, smooth) for n in numbers}
    living = (_signed(slices, tumor) < -_FROM_EDGE_MM) & (smooth > bound)
    mottle = float(np.std(smooth[living])) if living.sum() >= _FEWEST_PIXELS else float("nan")
    return OrganMeasure(
        measured, *sizes, level, rough, level - viable, mottle, _edge(slices, tumor, bound)
    )


def _lesion(
    slices: OrganSlices, number: int, bound_hu: float, smooth: NDArray | None = None
) -> LesionMeasure:
    own = slices.lesions == number
    areas = own.sum((1, 2)) * slices.pixel_mm[0] * slices.pixel_mm[1] / 100.0
    diameter = max(longest_diameter_mm(own[k], slices.pixel_mm) for k in np.flatnonzero(areas))
    necrosis = float("nan")
    if smooth is not None and own.sum() >= _FEWEST_PIXELS:
        necrosis = float((smooth[own] <= bound_hu).mean())
    return LesionMeasure(diameter, float(areas.max()), necrosis)


def longest_diameter_mm(mask: NDArray[np.bool_], pixel_mm: tuple[float, float]) -> float:
    """Longest distance within a mask, between the outer corners of its pixels; 0 where it is empty."""
    from scipy.spatial import ConvexHull
    from scipy.spatial.distance import pdist

    rows, columns = np.nonzero(mask)
    if not rows.size:
        return 0.0
    # The ends of each row's run are the only pixels that can lie on the hull.
    first = np.r_[True, rows[1:] != rows[:-1]]
    last = np.r_[rows[1:] != rows[:-1], True]
    ends = np.concatenate([np.c_[rows, columns][first], np.c_[rows, columns][last]])
    shifts = [np.array((a, b)) for a in (-0.5, 0.5) for b in (-0.5, 0.5)]
    corners = np.concatenate([ends + shift for shift in shifts])
    corners = corners * np.array(pixel_mm)
    return float(pdist(corners[ConvexHull(corners).vertices]).max())


def _smooth(slices: OrganSlices, sigma_mm: float) -> NDArray[np.float32]:
    from scipy.ndimage import gaussian_filter

    dy, dx = slices.pixel_mm
    return np.asarray(gaussian_filter(slices.intensity_hu, (0, sigma_mm / dy, sigma_mm / dx)))


def _distance(slices: OrganSlices, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance within each slice to where ``mask`` is not, mm."""
    from scipy.ndimage import distance_transform_edt

    return np.stack([distance_transform_edt(one, sampling=slices.pixel_mm) for one in mask]).astype(
        np.float32
    )


def _apart(slices: OrganSlices, tumor: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tissue of the organ away from tumors and surface."""
    return _distance(slices, slices.organ & ~tumor) > _APART_MM


def _viable_level(smooth: NDArray, tumor: NDArray[np.bool_], organ_hu: float) -> float:
    """Density of the tumor that enhances: the upper of its levels."""
    return float(np.quantile(smooth[tumor], 0.75))


def _roughness(slices: OrganSlices, apart: NDArray[np.bool_]) -> float:
    """Spread between two scales, of the darker half: vessels are bright."""
    fine, coarse = (_smooth_within(slices, apart, s) for s in _ROUGH_MM)
    off = (fine - coarse)[apart]
    middle = np.median(off)
    return float(np.sqrt(np.mean((off[off < middle] - middle) ** 2)))


def _smooth_within(
    slices: OrganSlices, mask: NDArray[np.bool_], sigma_mm: float
) -> NDArray[np.float64]:
    """A blur that looks at the mask alone."""
    from scipy.ndimage import gaussian_filter

    dy, dx = slices.pixel_mm
    sigma = (0, sigma_mm / dy, sigma_mm / dx)
    weight = gaussian_filter(mask.astype(np.float64), sigma)
    total = gaussian_filter(np.where(mask, slices.intensity_hu, 0.0).astype(np.float64), sigma)
    return np.asarray(total / np.maximum(weight, 1e-6))


def _edge(slices: OrganSlices, tumor: NDArray[np.bool_], bound_hu: float) -> float:
    """Contrast over the steepest slope of the mean passage from tumor to organ, mm."""
    away = _signed(slices, tumor)
    # Neither the organ's own surface nor the edge of a dead core is the edge of a tumor.
    use = (_distance(slices, slices.organ) > 3.0) & (np.abs(away) < _REACH_MM)
    use &= ~tumor | (slices.intensity_hu > bound_hu - 25)
    at = np.arange(-_REACH_MM, _REACH_MM + 1)
    bins = np.round(away[use] + _REACH_MM).astype(int)
    count = np.bincount(bins, minlength=at.size)
    seen = count >= _FEWEST_AT_DEPTH
    near = np.abs(at) <= _BESIDE_MM[1]
    if seen[near].sum() < near.sum() - 3:
        return float("nan")
    total = np.bincount(bins, slices.intensity_hu[use].astype(float), minlength=at.size)
    profile = np.interp(at, at[seen], total[seen] / count[seen])
    low = profile[(at >= _INSIDE_MM[0]) & (at <= _INSIDE_MM[1])].mean()
    high = profile[(at >= _BESIDE_MM[0]) & (at <= _BESIDE_MM[1])].mean()
    slope = np.abs(profile[2:] - profile[:-2])[np.abs(at[1:-1]) <= _NEAR_MM].max() / 2
    if abs(high - low) < _LEAST_CONTRAST_HU or slope == 0:
        return float("nan")
    return float(min(abs(high - low) / slope, _WIDEST_MM))


def _signed(slices: OrganSlices, tumor: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance within each slice to the outline between pixels, mm: negative inside."""
    half = 0.25 * sum(slices.pixel_mm)
    away = np.where(tumor, half - _distance(slices, tumor), _distance(slices, ~tumor) - half)
    return np.asarray(away, dtype=np.float32)
