"""A still about its lesion: decibels against the liver at the same depth and on the same beam.

Machines leave three things in a picture that are not tissue: how much a depth is amplified, beams
with poorer contact, and the gain. All three are seen in the liver about the lesion and are taken
off, so that 0 dB is what liver would show at that very place.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import InputError
from hccsurv_core.imaging.ultrasound_still import Still

Mask = NDArray[np.bool_]
Map = NDArray[np.float64]

#: Liver this near to the outline may be the lesion's edge, and this far is another place, mm.
NEAR_MM, FAR_MM = 2.5, 45.0
#: Pictures are smoothed by this much where single speckles would mislead, mm.
SMOOTH_MM = 1.2
#: Below this an outline has no interior that is free of the edge's blur, mm across.
SMALLEST_MM = 5.0
#: What differs from its surroundings by more is a vessel, a nodule or a shadow, not liver, dB.
_LIVER_DB = 3.5
#: Liver about the lesion counts half at this distance, mm.
_HALF_WEIGHT_MM = 18.0
#: Beams are smoothed by this much, and pulled to the others as this much liver would, degrees, mm.
_BEAM_DEG, _BEAM_DOUBT_MM = 0.7, 12.0
#: As little liver as this (mm²) tells neither depth nor beams.
_FEWEST_MM2 = 150.0
#: Pixels farther from the lesion are left out of the work, mm.
_ROOM_MM = 48.0
_DB = 10 / np.log(10)


@dataclass(frozen=True, eq=False)
class StillScene:
    """What every sign of a still is measured on.

    Args:
        decibels: (rows, columns) level against liver at the same depth and beam, dB.
        fan: where it is picture.
        lesion: the outline, filled, its largest part.
        distance: signed distance to the outline, mm, positive inside.
        liver: what is taken for liver.
        spacing_mm: size of a pixel along (row, column).
        leveled: False where too little liver was seen to level by: then only the gain is off.
    """

    decibels: Map
    fan: Mask
    lesion: Mask
    distance: Map
    liver: Mask
    spacing_mm: tuple[float, float]
    leveled: bool

    @property
    def pixel_mm2(self) -> float:
        """Area of a pixel."""
        return self.spacing_mm[0] * self.spacing_mm[1]

    @property
    def area_mm2(self) -> float:
        """Area of the lesion."""
        return float(self.lesion.sum() * self.pixel_mm2)

    @cached_property
    def power(self) -> Map:
        """Linear, liver 1."""
        return 10 ** (self.decibels / 10)

    def smoothed(self, within: Mask, by_mm: float) -> Map:
        """Decibels of the power averaged over neighbors within a region."""
        return smoothed_db(self.power, within, by_mm, self.spacing_mm)

    @cached_property
    def core(self) -> Mask:
        """The lesion without its edge; of a small or thin lesion, more of the edge."""
        whole = self.fan & self.lesion
        for edge, least_mm2 in ((1.0, 60.0), (0.6, 60.0), (0.3, 10.0)):
            core = whole & (self.distance > edge)
            if core.sum() * self.pixel_mm2 > least_mm2:
                return core
        return whole


def smoothed_db(power: Map, within: Mask, by_mm: float, spacing_mm: tuple[float, float]) -> Map:
    """Decibels of the mean power of a region's pixels, weighed by a Gaussian.

    Args:
        power: (rows, columns).
        within: which pixels count.
        by_mm: the Gaussian's standard deviation.
        spacing_mm: size of a pixel.
    """
    from scipy.ndimage import gaussian_filter

    sigma = [by_mm / s for s in spacing_mm]
    share = gaussian_filter(within.astype(float), sigma)
    mean = gaussian_filter(np.where(within, power, 0.0), sigma) / np.maximum(share, 1e-6)
    return _DB * np.log(np.maximum(mean, 1e-9))


def build_scene(still: Still) -> StillScene:
    """Level a still.

    Raises:
        InputError: the lesion is smaller than :data:`SMALLEST_MM`.
    """
    lesion = _largest(still.lesion)
    rows, columns = _window(lesion, still.spacing_mm)
    lesion, fan = lesion[rows, columns], still.fan[rows, columns]
    across = 2 * np.sqrt(lesion.sum() * still.spacing_mm[0] * still.spacing_mm[1] / np.pi)
    if across < SMALLEST_MM:
        raise InputError(
            f"the lesion is about {across:.1f} mm across; below {SMALLEST_MM:g} mm none of its "
            "signs can be told from speckle",
            source=still.words,
            remedy="check the outline, or choose a larger lesion",
        )
    distance = signed_distance(lesion, still.spacing_mm)
    decibels = still.decibels[rows, columns].astype(np.float64)
    radius, angle = _polar(still)
    radius, angle = radius[rows, columns], angle[rows, columns]
    start = still.parenchyma[rows, columns]
    expected, liver, leveled = _liver_level(
        decibels, fan, distance, start, radius, angle, still.spacing_mm
    )
    return StillScene(decibels - expected, fan, lesion, distance, liver, still.spacing_mm, leveled)


def signed_distance(mask: Mask, spacing_mm: tuple[float, float]) -> Map:
    """Distance to the outline, mm, positive inside; half a pixel off the pixels' middles."""
    from scipy.ndimage import distance_transform_edt

    inside = distance_transform_edt(mask, sampling=spacing_mm)
    outside = distance_transform_edt(~mask, sampling=spacing_mm)
    found: Map = inside - outside
    return found - np.sign(found) * min(spacing_mm) / 2


def _largest(mask: Mask) -> Mask:
    from scipy.ndimage import binary_fill_holes, label

    parts, count = label(mask)
    if count > 1:
        sizes = np.bincount(parts.ravel())[1:]
        mask = parts == 1 + int(sizes.argmax())
    filled: Mask = binary_fill_holes(mask)
    return filled


def _window(lesion: Mask, spacing_mm: tuple[float, float]) -> tuple[slice, slice]:
    found = []
    for axis, step in enumerate(spacing_mm):
        hit = np.flatnonzero(lesion.any(axis=1 - axis))
        room = int(np.ceil(_ROOM_MM / step))
        found.append(slice(max(0, int(hit[0]) - room), int(hit[-1]) + room + 1))
    return found[0], found[1]


def _polar(still: Still) -> tuple[Map, Map]:
    """Depth (mm) and angle (degrees) of each pixel; of a picture that is no sector, rows and columns.

    Columns of such a picture count a degree per 2 mm: about what a degree of a fan is.
    """
    from hccsurv_core.imaging.ultrasound_sector import fit_sector

    high, wide = still.spacing_mm
    grid: Map = np.indices(still.fan.shape, dtype=np.float64)
    row: Map = grid[0]
    column: Map = grid[1]
    sector = fit_sector(still.fan, high / wide)
    if sector is None:
        return row * high, column * wide / 2
    down, across = (row - sector.apex_row) * high, (column - sector.apex_column) * wide
    radius: Map = np.hypot(down, across)
    angle: Map = np.degrees(np.arctan2(across, down))
    return radius, angle


def _liver_level(
    decibels: Map,
    fan: Mask,
    distance: Map,
    start: Mask,
    radius: Map,
    angle: Map,
    spacing_mm: tuple[float, float],
) -> tuple[Map, Mask, bool]:
    """Level that liver would show (dB), what was taken for liver, and whether there was enough."""
    beside = fan & (distance < -NEAR_MM) & (distance > -FAR_MM)
    smooth = smoothed_db(10 ** (decibels / 10), beside, SMOOTH_MM, spacing_mm)
    weight = 1 / (1 + (distance / _HALF_WEIGHT_MM) ** 2)
    middle = radius[distance > 0].mean()
    terms = np.stack([np.ones_like(radius), (radius - middle) / 30, ((radius - middle) / 30) ** 2])
    model = np.full_like(
        decibels, np.median(smooth[start & beside]) if (start & beside).any() else 0
    )
    liver = beside & (np.abs(smooth - model) < 2 * _LIVER_DB)
    few = _FEWEST_MM2 / (spacing_mm[0] * spacing_mm[1])
    if liver.sum() < few:
        return np.zeros_like(decibels), beside & start, False
    for _ in range(4):
        a = terms[:, liver] * weight[liver]
        # A weak pull keeps curvature out where the liver seen spans little depth.
        pull = np.diag([0.0, 0.02, 0.1]) * (weight[liver] ** 2).sum() / 100
        found = np.linalg.solve(a @ a.T + pull, a @ (smooth[liver] * weight[liver]))
        model = np.tensordot(found, terms, axes=1)
        model = model + _beams(smooth - model, liver, angle, spacing_mm)
        liver = beside & (np.abs(smooth - model) < _LIVER_DB)
        if liver.sum() < few:
            return np.zeros_like(decibels), beside & start, False
    # The mean of decibels lies below the decibels of the mean, the more the sparser the agent is.
    share = np.average(10 ** ((decibels - model)[liver] / 10), weights=weight[liver])
    return model + _DB * np.log(share), liver, True


def _beams(residual: Map, liver: Mask, angle: Map, spacing_mm: tuple[float, float]) -> Map:
    """How much brighter each beam is than the others, dB, by the liver along it."""
    from scipy.ndimage import gaussian_filter1d

    step = 0.25
    first = float(angle.min())
    at = ((angle - first) / step).astype(int)
    n = int(at.max()) + 1
    # Millimeters of liver along a beam: what neighbors share counts once.
    area = spacing_mm[0] * spacing_mm[1]
    count = np.bincount(at[liver], minlength=n) * area
    total = np.bincount(at[liver], residual[liver], minlength=n) * area
    sigma = _BEAM_DEG / step
    count, total = (
        gaussian_filter1d(v.astype(float), sigma, mode="constant") for v in (count, total)
    )
    width = np.radians(step) * 110.0
    gain = total / (count + _BEAM_DOUBT_MM * width)
    found: Map = gain[at]
    return found
