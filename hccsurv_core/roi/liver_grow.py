"""The liver inside its surroundings: parenchyma first, then what belongs to it.

The parenchyma is the largest solid piece of one attenuation in the right half of the trunk. All
other solid pieces take sides: what is mostly bordered by liver, the right wall and the right lung
is a lesion (or parenchyma behind one), what is bordered by other things, touches bowel gas, or lies
at the back of the left half is another organ. From these markers the rest is flooded along the
image's edges (a watershed: Meyer F, Signal Process 1994;38:113–125,
[10.1016/0165-1684(94)90060-4](https://doi.org/10.1016/0165-1684(94)90060-4)), and what is too
narrow for a liver is cut off.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from hccsurv_core.roi.liver_scene import LiverScene
from hccsurv_core.roi.solid_morphology import (
    Map,
    Mask,
    box_about,
    grown,
    labeled,
    largest,
    opened,
    shrunk,
    without_holes,
)

#: Solid tissue lies this deep in tissue, mm; it is where the attenuation is read.
_DEEP_MM = 8.0
#: Parenchyma is brighter than dead tumor, fluid and bowel wall: a peak of the histogram below
#: this attenuation counts for less, by a power of the ratio, and no less than this.
_BRIGHT_HU, _POWER, _LEAST_WEIGHT = 80.0, 1.5, 0.2
#: A brighter peak counts instead where it is as high as this share of the highest, and no brighter
#: than that by this, HU (kidneys are).
_RIVAL, _RIVAL_HU = 0.35, 40.0
#: How far to the left the attenuation is read at the front, mm.
_LEFT_LOBE_MM = 50.0
#: Parenchyma differs from its mode by no more than this after blurring, HU.
BAND_HU = 22.0
#: Bridges narrower than twice this do not join two solid pieces, mm.
_NECK_MM = 7.5
#: Parenchyma is not searched for within this distance of the spine: great vessels and crura, mm.
_NEAR_SPINE_MM = 25.0
#: Nor near the midline on the slices just below the dome, where the heart is, mm.
_HEART_MM, _HEART_LATERAL_MM = 30.0, -25.0
#: Pieces darker or brighter than the parenchyma by this, HU, and solid to this depth, mm.
_DARKER_HU, _BRIGHTER_HU, _PIECE_MM = 15.0, 18.0, 5.0
_LEAST_PIECE_ML = 0.5
#: Fluid and bowel are darker than any lesion that the wall may help to border, HU.
_FLUID_HU = 15.0
#: Share of a dark piece's border on liver, right wall and right lung …
_OTHER_SHARE, _LESION_SHARE = 0.30, 0.55
#: … below which it is another organ where it lies in the left half: the stomach's share is 0.57.
_LEFT_SHARE = 0.65
_GAS_SHARE = 0.05
#: Share of the border of a piece of parenchyma's attenuation on liver and lesions; one at the
#: front is liver, too, where a bridge wider than twice this joins it to the liver, mm.
_BRIDGE_MM = 4.0
_PART_SHARE, _APART_SHARE = 0.30, 0.12
#: How much of the scan below and above the parenchyma is looked at, mm: tumors may fill the upper
#: half of a liver.
_BELOW_MM, _ABOVE_MM = 45.0, 150.0
#: Pleura and diaphragm between the ribs and the liver, mm.
_DIAPHRAGM_MM = 2.0
#: Narrower than twice this is no liver: anywhere, near the wall (cartilage), near the spine (great
#: vessels), mm.
_THIN_MM, _THIN_AT_WALL_MM, _THIN_AT_SPINE_MM = 5.0, 8.0, 14.0
_AT_WALL_MM, _AT_SPINE_MM = 10.0, 50.0


@dataclass(frozen=True, eq=False)
class GrownLiver:
    """The liver on the coarse grid.

    Args:
        scene: the slices that were looked at.
        mask: the liver on them, tumors and vessels included.
        allowed: tissue that no other organ claims, and fat: where the rim may reach.
        hu: attenuation of the parenchyma (mode).
        lesions: solid pieces that were taken in though they differ from the parenchyma.
    """

    scene: LiverScene
    mask: Mask
    allowed: Mask
    hu: float
    lesions: Mask


def grow_liver(whole: LiverScene) -> GrownLiver | None:
    """The liver, or None where there is no solid organ on the right."""
    hu = parenchyma_hu(whole)
    if hu is None:
        return None
    pieces, main = _parenchyma(whole, hu)
    if main == 0:
        return None
    slices = np.flatnonzero((pieces == main).any(axis=(1, 2)))
    low = max(0, int(slices[0] - _BELOW_MM / whole.step_mm[0]))
    high = min(len(pieces), int(slices[-1] + _ABOVE_MM / whole.step_mm[0]) + 1)
    if whole.top is not None:
        high = min(high, int(whole.top + _NECK_MM / whole.step_mm[0]) + 3)
    scene, pieces = whole.between(low, high), pieces[low:high]
    like = _like(scene, hu)
    core = grown(pieces == main, _NECK_MM + 1.0, scene.step_mm) & like
    lesions, others = _take_sides(scene, hu, core, like)
    parts, apart = _other_parenchyma(scene, pieces, main, core | lesions, like)
    flooded = _flood(scene, core, lesions | parts, others | apart)
    inside = scene.from_wall_mm > _DIAPHRAGM_MM
    liver = flooded & inside
    allowed = inside & ~scene.lungs & ~(scene.tissue & ~liver)
    return GrownLiver(scene, _cleaned(scene, liver), allowed, hu, lesions)


def parenchyma_hu(scene: LiverScene) -> float | None:
    """The attenuation of the liver's parenchyma; None where there is no solid tissue.

    The mode of the solid tissue in the right half and at the front of the left one, where the left
    lobe is; or a brighter peak that is nearly as high, as large tumors are darker than the liver.
    """
    solid = shrunk(scene.tissue & (scene.smooth > 0), _DEEP_MM, scene.step_mm)
    front = np.arange(solid.shape[1])[None, :, None] < scene.middle[0]
    near = (scene.lateral_mm < 0) | (front & (scene.lateral_mm < _LEFT_LOBE_MM))
    values = scene.smooth[solid & near & _below_dome(scene)]
    if len(values) == 0:
        return None
    counts, edges = np.histogram(values, bins=np.arange(0, 251, 2))
    hu = (edges[:-1] + edges[1:]) / 2
    weight = np.clip((hu / _BRIGHT_HU) ** _POWER, _LEAST_WEIGHT, 1.0)
    height = ndi.gaussian_filter1d(counts.astype(float), 2.0) * weight
    best = int(height.argmax())
    peak = (height >= np.roll(height, 1)) & (height >= np.roll(height, -1))
    rivals = peak & (height > _RIVAL * height[best]) & (hu <= hu[best] + _RIVAL_HU)
    return float(hu[rivals].max()) if rivals.any() else float(hu[best])


def _below_dome(scene: LiverScene) -> Mask:
    """Where the liver may be for its height, shaped (slices, 1, columns): the heart's place is not."""
    if scene.top is None:
        return np.ones((len(scene.tissue), 1, scene.tissue.shape[2]), dtype=bool)
    slices = np.arange(len(scene.tissue))[:, None, None]
    near_dome = slices > scene.top - _HEART_MM / scene.step_mm[0]
    below: Mask = ~scene.above_dome & ~(near_dome & (scene.lateral_mm > _HEART_LATERAL_MM))
    return below


def _like(scene: LiverScene, hu: float) -> Mask:
    """Tissue of the parenchyma's attenuation where parenchyma may be."""
    like: Mask = scene.tissue & (np.abs(scene.smooth - hu) < BAND_HU)
    return like & (scene.from_spine_mm > _NEAR_SPINE_MM) & _below_dome(scene)


def _parenchyma(scene: LiverScene, hu: float) -> tuple[NDArray[np.intp], int]:
    """Solid pieces of the parenchyma's attenuation, and which is most to the right and large."""
    pieces, sizes = labeled(shrunk(_like(scene, hu), _NECK_MM, scene.step_mm))
    right = np.bincount(pieces[:, :, : round(scene.middle[1])].ravel(), minlength=len(sizes))
    right[0] = 0
    return pieces, int(right.argmax()) if right.any() else 0


def _pieces(scene: LiverScene, mask: Mask, depth_mm: float) -> Iterator[tuple[Mask, Mask, Mask]]:
    """Solid pieces: core, the piece with its rim, and the shell of 6 mm about it."""
    labels, sizes = labeled(shrunk(mask, depth_mm, scene.step_mm))
    for label in np.flatnonzero(sizes * scene.voxel_ml >= _LEAST_PIECE_ML):
        core = labels == label
        piece = grown(core, depth_mm + 0.5, scene.step_mm) & mask
        yield core, piece, grown(piece, 6.0, scene.step_mm) & ~piece


def _take_sides(scene: LiverScene, hu: float, core: Mask, like: Mask) -> tuple[Mask, Mask]:
    """Solid pieces of another attenuation: lesions of the liver, and other organs."""
    step = scene.step_mm
    liver = grown(core, 4.0, step)
    outside = ((scene.from_wall_mm < 8.0) | grown(scene.right_lung, 8.0, step)) & (
        scene.lateral_mm < _HEART_LATERAL_MM
    )
    border = grown(opened(like, 3.0, step), 4.0, step) | outside
    gas = grown(scene.gas, 3.0, step)
    lesions, others = np.zeros_like(core), np.zeros_like(core)
    rest = scene.tissue & ~liver
    for tone in (
        rest & (scene.smooth < hu - _DARKER_HU),
        rest & (scene.smooth > hu + _BRIGHTER_HU),
    ):
        for inner, _, shell in _pieces(scene, tone, _PIECE_MM):
            median = float(np.median(scene.smooth[inner]))
            counted = shell & ~scene.above_dome
            # Bright pieces are vessels, kidneys and heart: the wall says nothing about them.
            dark = _FLUID_HU < median < hu
            share = float((counted & (border if dark else liver)).sum()) / max(1, counted.sum())
            left = np.nonzero(inner)[2].mean() > scene.middle[1]
            bowel = (shell & gas).sum() > _GAS_SHARE * shell.sum()
            if bowel or share < (_LEFT_SHARE if left else _OTHER_SHARE):
                others |= inner
            elif share > _LESION_SHARE and median < hu:
                lesions |= inner
    return lesions, others


def _other_parenchyma(
    scene: LiverScene, pieces: NDArray[np.intp], main: int, liver: Mask, like: Mask
) -> tuple[Mask, Mask]:
    """Pieces like parenchyma but apart from it: behind a lesion or a fissure, or the spleen."""
    near = grown(liver, 5.0, scene.step_mm)
    joined, _ = labeled(shrunk(like, _BRIDGE_MM, scene.step_mm))
    bridged = np.isin(joined, np.unique(joined[(pieces == main) & (joined > 0)]))
    parts, apart = np.zeros_like(liver), np.zeros_like(liver)
    for label in np.unique(pieces[(pieces > 0) & (pieces != main)]):
        inner = pieces == label
        piece = grown(inner, _NECK_MM + 1.0, scene.step_mm) & like
        shell = grown(piece, 6.0, scene.step_mm) & ~piece
        share = (shell & near).sum() / max(1, shell.sum())
        _, row, column = (float(axis.mean()) for axis in np.nonzero(inner))
        left, front = column > scene.middle[1], row < scene.middle[0]
        if (share > _PART_SHARE and (front or not left)) or (front and bridged[inner].any()):
            parts |= inner
        elif left and (share < _APART_SHARE or not front):
            apart |= inner
    return parts, apart


def _flood(scene: LiverScene, core: Mask, lesions: Mask, others: Mask) -> Mask:
    """From the markers along the edges of the image."""
    from skimage.segmentation import watershed

    step = scene.step_mm
    wall = scene.wall & (scene.from_wall_mm < -3.0)
    other = others | wall | (scene.from_spine_mm < 8.0) | (scene.tissue & scene.above_dome)
    markers = np.where(other, 2, 0)
    markers[(shrunk(core, 3.0, step) | lesions) & ~other] = 1
    box = box_about(core | lesions, 60.0, step)
    space = (scene.tissue | scene.wall | other)[box]
    liver = np.zeros_like(core)
    liver[box] = watershed(_slope(scene.edges[box], step), markers[box], mask=space) == 1
    return liver


def _slope(image: Map, step_mm: tuple[float, float, float]) -> Map:
    """Magnitude of the gradient, HU/mm; along axes of more than one voxel."""
    axes = [a for a in range(3) if image.shape[a] > 1]
    slopes = [np.gradient(image, step_mm[a], axis=a) for a in axes]
    return np.sqrt(sum((s * s for s in slopes), start=np.zeros_like(image)))


def _cleaned(scene: LiverScene, liver: Mask) -> Mask:
    """Without what is too narrow for its place; the largest piece, its holes filled."""
    step = scene.step_mm
    at_spine = scene.from_spine_mm <= _AT_SPINE_MM
    at_wall = scene.from_wall_mm <= _AT_WALL_MM
    kept = opened(liver, _THIN_MM, step)
    kept &= opened(liver, _THIN_AT_SPINE_MM, step) | ~at_spine
    kept &= opened(liver, _THIN_AT_WALL_MM, step) | ~at_wall
    main = largest(shrunk(kept, _THIN_MM, step))
    if not main.any():
        return main
    return without_holes(grown(main, _THIN_MM + 1.5, step) & liver)
