"""What surrounds a lesion: the parenchyma's attenuation, the abdominal wall, and what is no tissue of the liver.

A lesion may be brighter or darker than the liver, and several tissues at once (enhancing rim, dead
middle). What tells it apart is that it is *not parenchyma*, so the parenchyma is what is modeled:
the commonest even tissue about the place. Where a liver mask is given, it is looked for in there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.roi.lesion_grid import Block, Mm, averaged, interpolated
from hccsurv_core.volume import Volume

#: The parenchyma is looked for this far about the place: in the plane, and across slices (mm).
_FAR_MM, _FAR_SLICES_MM = 100.0, 10.0
#: Tissue this far away counts half (mm).
_HALF_WEIGHT_MM = 80.0
_COARSE_MM = 3.0
#: Even soft tissue: its attenuation, and the steepest slope (HU per mm) within it.
_SOFT_HU, _EVEN_HU_PER_MM = (0.0, 230.0), 6.0
#: Darker than this is more often dead tissue, bile or water than a liver.
_DARK_HU, _DARK_WEIGHT = 35.0, 0.2
#: The wall is what lies within this much of the fat under the skin; then it fades out (mm).
_WALL_MM, _WALL_FADES_MM = 10.0, 4.0
#: Strands of fat through the wall are thinner than twice this (mm).
_STRAND_MM = 5.0
_FAT_HU = -30.0
#: Smoothing before tissue is told by its attenuation (mm).
TISSUE_SIGMA_MM = 1.5
#: Spread of smoothed parenchyma, HU: noise and texture, never taken for less or more.
_SPREAD_HU = (3.0, 15.0)
#: Tissue this many spreads off is as likely parenchyma as not.
_EVEN_ODDS_SPREADS = 2.0
#: Bright vessels and bone exceed both parenchyma and the clicked tissue by this (HU).
_TOO_BRIGHT_HU = 90.0
#: The clicked tissue is the mean within this of the click (mm).
_CLICK_MM = 3.0


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What is known about the neighborhood of a place before any outline.

    Args:
        parenchyma_hu: attenuation of the parenchyma.
        wall: how much a pixel is abdominal wall, 0 to 1 (slices looked at, rows, columns); None
            where a liver mask says what is inside.
        wall_slices: volume index of those slices.
        wall_stride: volume pixels per pixel of ``wall``.
    """

    parenchyma_hu: float
    wall: NDArray[np.float32] | None
    wall_slices: NDArray[np.intp]
    wall_stride: int


@dataclass(frozen=True, eq=False)
class Tissue:
    """What the voxels of a block say.

    Args:
        smooth: the block's image, smoothed.
        fine: less so; its edges are the lesion's.
        edge_hu: difference between neighbors that noise does not make.
        parenchyma_hu, spread_hu: of the parenchyma in this block.
        seed_hu: mean about the click.
        foreign: evidence against parenchyma, natural logarithm of odds, −3 to 3.
        alike: how like the clicked tissue, 0 to 1.
        excluded: fat, gas, bright vessels, bone, and what lies outside of the liver mask.
        wall: how much abdominal wall, 0 to 1.
    """

    smooth: NDArray[np.float32]
    fine: NDArray[np.float32]
    edge_hu: float
    parenchyma_hu: float
    spread_hu: float
    seed_hu: float
    foreign: NDArray[np.float32]
    alike: NDArray[np.float32]
    excluded: NDArray[np.bool_]
    wall: NDArray[np.float32]

    @property
    def contrast(self) -> float:
        """Clicked tissue against parenchyma, in spreads of the parenchyma."""
        return abs(self.seed_hu - self.parenchyma_hu) / self.spread_hu


def look_about(
    volume: Volume, seed: NDArray[np.intp], within: NDArray[np.bool_] | None
) -> Surroundings | None:
    """Find the parenchyma and the wall about a place; None where there is no soft tissue.

    Args:
        volume: CT, HU, axial slices.
        seed: (slice, row, column).
        within: boolean, of the volume's shape: the liver.
    """
    spacing, shape = np.array(volume.spacing_mm), np.array(volume.shape)
    parenchyma = _parenchyma(volume, seed, within)
    if parenchyma is None:
        return None
    if within is not None:
        return Surroundings(parenchyma, None, np.array([int(seed[0])]), 1)
    every = max(1, round(_COARSE_MM / spacing[0]))
    slices = np.arange(seed[0] % every, shape[0], every)
    slices = slices[np.abs(slices - seed[0]) * spacing[0] <= _FAR_MM]
    stride = max(1, round(_COARSE_MM / spacing[1]))
    return Surroundings(parenchyma, _wall(volume, slices, stride), slices, stride)


def _parenchyma(
    volume: Volume, seed: NDArray[np.intp], within: NDArray[np.bool_] | None
) -> float | None:
    """Attenuation of the commonest even soft tissue about a place, near tissue counting more."""
    from scipy.ndimage import gaussian_filter, gaussian_filter1d

    spacing, shape = np.array(volume.spacing_mm), np.array(volume.shape)
    reach = np.floor(np.array([_FAR_SLICES_MM, _FAR_MM, _FAR_MM]) / spacing).astype(np.intp)
    low, high = np.maximum(seed - reach, 0), np.minimum(seed + reach, shape - 1)
    factor = np.maximum(1, np.rint(_COARSE_MM / spacing)).astype(np.intp)
    coarse, step = averaged(volume.voxels, low, high, factor), spacing * factor
    smooth = gaussian_filter(coarse, [0, 2 / step[1], 2 / step[2]], mode="nearest")
    slope = np.zeros_like(smooth)
    for axis in (1, 2):
        if smooth.shape[axis] > 1:
            slope = np.hypot(slope, np.gradient(smooth, step[axis], axis=axis))
    even = (smooth > _SOFT_HU[0]) & (smooth < _SOFT_HU[1]) & (slope < _EVEN_HU_PER_MM)
    if within is not None:
        even &= averaged_mask(within, low, high, factor)
    if np.count_nonzero(even) < 30:
        return None
    center = (seed - low) // factor
    squares = [((np.arange(n) - center[a]) * step[a]) ** 2 for a, n in enumerate(even.shape)]
    z, y, x = np.ix_(*squares)
    weight = 1 / (1 + (z + y + x)[even] / _HALF_WEIGHT_MM**2)
    weight = weight * np.where(smooth[even] < _DARK_HU, _DARK_WEIGHT, 1.0)
    bins = np.arange(_SOFT_HU[0], _SOFT_HU[1] + 2, 2.0)
    counts = gaussian_filter1d(np.histogram(smooth[even], bins, weights=weight)[0], 1.5)
    commonest = bins[int(counts.argmax())] + 1.0
    return float(np.median(smooth[even & (np.abs(smooth - commonest) < 15)]))


def averaged_mask(
    mask: NDArray[np.bool_],
    low: NDArray[np.intp],
    high: NDArray[np.intp],
    factor: NDArray[np.intp],
) -> NDArray[np.bool_]:
    """Cells of which the mask covers more than half."""
    return averaged(mask.view(np.uint8), low, high, factor) > 0.5


def _wall(volume: Volume, slices: NDArray[np.intp], stride: int) -> NDArray[np.float32]:
    """The abdominal wall on the given slices: what lies close under the fat of the skin."""
    from scipy import ndimage as ndi

    step = (volume.spacing_mm[1] * stride, volume.spacing_mm[2] * stride)
    light = volume.voxels[slices][:, ::stride, ::stride] < _FAT_HU
    wall = np.zeros(light.shape, dtype=np.float32)
    for k, plane in enumerate(light):
        padded = np.pad(plane, 3, constant_values=True)
        # The frame is as thick as a strand, and so survives: what hangs on it is outside.
        depth = ndi.distance_transform_edt(np.pad(padded, 4, constant_values=True), sampling=step)
        labels, _ = ndi.label(depth[2:-2, 2:-2] > _STRAND_MM)
        outside = labels == labels[0, 0]
        fat = ndi.distance_transform_edt(~outside, sampling=step)[2:-2, 2:-2] <= 1.2 * _STRAND_MM
        under = ndi.distance_transform_edt(~(fat & padded), sampling=step)[3:-3, 3:-3]
        wall[k] = np.clip((_WALL_MM + _WALL_FADES_MM - under) / _WALL_FADES_MM, 0, 1)
    return wall


def _wall_in(block: Block, about: Surroundings) -> NDArray[np.float32]:
    if about.wall is None:
        return np.zeros(block.image.shape, dtype=np.float32)
    centers = [
        block.low[axis] + (np.arange(n) + 0.5) * block.factor[axis] - 0.5
        for axis, n in enumerate(block.image.shape)
    ]
    nearest = np.abs(centers[0][:, None] - about.wall_slices[None]).argmin(axis=1)
    wall = about.wall[nearest]
    for axis in (1, 2):
        at = np.clip(centers[axis] / about.wall_stride, 0, wall.shape[axis] - 1)
        wall = interpolated(wall, at, axis)
    return wall


def tissue_of(
    block: Block,
    about: Surroundings,
    seed: Mm,
    within: NDArray[np.bool_] | None,
    limits_hu: tuple[float, float],
) -> Tissue:
    """Judge the voxels of a block.

    Args:
        limits_hu: attenuation that the lesion may have, of smoothed voxels.
    """
    smooth, fine = block.smooth(TISSUE_SIGMA_MM), block.smooth(0.8 * TISSUE_SIGMA_MM)
    level, spread = about.parenchyma_hu, 6.0
    near = smooth[np.abs(smooth - level) < 15]
    if near.size > 50:
        level = float(np.median(near))
        spread = float(np.clip(1.4826 * np.median(np.abs(near - level)), *_SPREAD_HU))
    distance = block.distance(seed)
    seed_hu = float(block.image[distance <= max(_CLICK_MM, float(distance.min()))].mean())
    away = np.minimum(((smooth - level) / spread) ** 2, 25)
    foreign = np.clip(0.5 * (away - _EVEN_ODDS_SPREADS**2), -3, 3).astype(np.float32)
    alike = np.exp(-0.5 * ((smooth - seed_hu) / (2 * spread)) ** 2)
    excluded = (smooth < _FAT_HU) | (smooth > max(seed_hu, level) + _TOO_BRIGHT_HU)
    excluded |= (smooth < limits_hu[0]) | (smooth > limits_hu[1])
    if within is not None:
        excluded |= ~averaged_mask(within, block.low, block.high, block.factor)
    return Tissue(
        smooth, fine, edge_of(fine), level, spread, seed_hu, foreign, alike, excluded,
        _wall_in(block, about),
    )  # fmt: skip


def edge_of(image: NDArray[np.float32]) -> float:
    """A difference between neighbors along rows that is twice what noise makes, HU."""
    if image.shape[2] < 2:
        return 4.0
    return 2.0 * max(2.0, 1.4826 * float(np.median(np.abs(np.diff(image, axis=2)))))


def tissue_in_box(
    block: Block,
    outside: NDArray[np.bool_],
    within: NDArray[np.bool_] | None,
    limits_hu: tuple[float, float],
) -> Tissue:
    """Judge the voxels of a block of which a box holds the lesion: what lies outside surrounds it."""
    smooth, fine = block.smooth(TISSUE_SIGMA_MM), block.smooth(0.8 * TISSUE_SIGMA_MM)
    soft = smooth[outside & (smooth > _SOFT_HU[0]) & (smooth < _SOFT_HU[1])]
    level, spread = (float(np.median(soft)), 6.0) if soft.size else (0.0, 6.0)
    if soft.size:
        spread = float(np.clip(1.4826 * np.median(np.abs(soft - level)), *_SPREAD_HU))
    away = np.minimum(((smooth - level) / spread) ** 2, 25)
    foreign = np.clip(0.5 * (away - _EVEN_ODDS_SPREADS**2), -3, 3).astype(np.float32)
    excluded = (smooth < _FAT_HU) | (smooth < limits_hu[0]) | (smooth > limits_hu[1])
    if within is not None:
        excluded |= ~averaged_mask(within, block.low, block.high, block.factor)
    nothing = np.zeros_like(smooth)
    return Tissue(
        smooth, fine, edge_of(fine), level, spread, level, foreign, nothing, excluded, nothing
    )
