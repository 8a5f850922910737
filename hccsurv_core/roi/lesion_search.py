"""The lesion at a click or in a box: ellipses of several sizes, each fitted to the image, the best kept.

A click does not say how large the lesion is, so several sizes are tried on the clicked slice. Each
starts from a disk; a random walker (:mod:`~hccsurv_core.roi.random_walk`) gives the region that
tissue, place and edges agree on; the ellipse of that region replaces the disk, the region's own
attenuation joins in, and so on a few times. Then, as for a box, only what lies in the region's
box counts, against what surrounds it (Rother C, Kolmogorov V, Blake A, "GrabCut", SIGGRAPH 2004,
[10.1145/1015706.1015720](https://doi.org/10.1145/1015706.1015720)). The best region is filled with
what is not parenchyma, is surrounded by parenchyma, and is shaped like an ellipse. In three
dimensions its ellipse starts the same on a block of voxels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.roi.lesion_grid import Block, Mm
from hccsurv_core.roi.lesion_shape import (
    Ellipse,
    distance_to,
    ellipse_of,
    lesion_shaped,
)
from hccsurv_core.roi.lesion_tissue import Tissue
from hccsurv_core.roi.random_walk import walk

#: Weight of a voxel's own evidence against its coupling to neighbors, 1/mm².
_DATA_WEIGHT = 0.05
#: Tails up to twice this thick are cut off (mm), for small lesions less (a share of the radius).
_OPENING_MM, _OPENING_SHARE = 5.0, 0.24
#: Nothing is looked for beyond this many radii of the ellipse.
REACH = 1.7
_ROUNDS, _BOX_ROUNDS = 3, 2
#: Surroundings that a region is compared with (mm).
_RING_MM = 8.0
#: Abdominal wall counts this much against the lesion (log odds).
_WALL_ODDS = 5.0
#: A box is drawn about a region with this room (mm).
_ROOM_MM = 3.0
#: A click marks this much as lesion (mm).
_SEED_MM = 2.0
#: Weights of a candidate's traits, learned by regression of Dice on 240 clicks into 40 simulated
#: patients (seed 777, which no test uses); see `_merit`.
_MERIT = {
    "foreign": 0.11, "surrounded": 0.10, "beside": -0.19, "wall": -0.07, "radius": 0.36,
    "radius_squared": -0.02, "ellipse": 0.30, "parenchyma_inside": -0.23,
}  # fmt: skip


#: Separation of a region about which there is no tissue that it could be part of.
_ALL_ELSE = 3.0


@dataclass(frozen=True, eq=False)
class Region:
    """A lesion on a block.

    Args:
        mask: boolean, of the block's shape.
        probability: of the random walker.
        merit: how much it looks like a lesion; compares regions of one image only.
        separation: mean log odds of the inside's attenuation, inside against a ring about it.
        open_border: share of the border beyond which the tissue goes on as inside.
    """

    mask: NDArray[np.bool_]
    probability: NDArray[np.float32]
    merit: float
    separation: float
    open_border: float


def log_ratio(
    image: NDArray[np.float32], inside: NDArray[np.bool_], outside: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Of every voxel's attenuation: logarithm of how much commoner it is inside than outside."""
    from scipy.ndimage import gaussian_filter1d

    low, high, bins = -60.0, 300.0, 90

    def density(where: NDArray[np.bool_]) -> NDArray[np.float64]:
        values = np.clip(image[where], low, high - 1e-3)
        counts = gaussian_filter1d(np.histogram(values, bins, (low, high))[0].astype(float), 1.5)
        return counts / max(counts.sum(), 1.0) + 2e-3

    ratio = np.log(density(inside) / density(outside)).astype(np.float32)
    return ratio[np.clip((image - low) * (bins / (high - low)), 0, bins - 1).astype(np.intp)]


def region_at(
    block: Block, tissue: Tissue, seed: Mm, ellipse: Ellipse, radius_mm: float
) -> Region | None:
    """The lesion about a place, of about the size of an ellipse; None where there is none."""
    mask = _fitted(block, tissue, seed, ellipse, radius_mm)
    if mask is None:
        return None
    places = np.argwhere(mask)
    room = block.step_mm / 2 + _ROOM_MM
    low, high = (places.min(0) * block.step_mm - room, places.max(0) * block.step_mm + room)
    boxed = region_in(block, tissue, low, high, block.inner_faces)
    if boxed is None or not _holds(boxed.mask, block, seed):
        return None
    return boxed


def _holds(mask: NDArray[np.bool_], block: Block, seed: Mm) -> bool:
    """Whether the region is the one that was clicked, if only beside it."""
    return bool((mask & (block.distance(seed) <= 4 + float(block.step_mm[1]))).any())


def _fitted(
    block: Block, tissue: Tissue, seed: Mm, ellipse: Ellipse, radius_mm: float
) -> NDArray[np.bool_] | None:
    """The region after some rounds of fitting ellipse and attenuation to it."""
    marked = (block.distance(seed) <= _SEED_MM) & ~tissue.excluded
    opening = min(_OPENING_MM, _OPENING_SHARE * radius_mm)
    own: NDArray[np.float32] | float = 0.0
    radius = ellipse.radius_of(block)
    probability = mask = None
    for _ in range(_ROUNDS):
        odds = 0.35 * tissue.foreign + 0.8 * tissue.alike - _WALL_ODDS * tissue.wall
        odds = odds + np.clip(6 * (1.05 - radius), -4, 0.7) + own
        fixed = tissue.excluded | block.inner_faces | (radius > REACH) | marked
        probability = _walked(block, tissue, odds, fixed, marked, probability)
        mask = lesion_shaped(probability > 0.5, block, opening, seed)
        if mask is None or np.count_nonzero(mask) < 4:
            return None
        radius = ellipse_of(mask, block).radius_of(block)
        gap = distance_to(mask, block)
        ring = (gap > 0) & (gap <= _RING_MM) & ~tissue.excluded
        if np.count_nonzero(ring) < 10:
            break
        own = np.clip(log_ratio(tissue.smooth, mask, ring), -2, 2)
    return mask


def _walked(
    block: Block,
    tissue: Tissue,
    odds: NDArray[np.float32],
    fixed: NDArray[np.bool_],
    marked: NDArray[np.bool_],
    start: NDArray[np.float32] | None,
) -> NDArray[np.float32]:
    prior = (1 / (1 + np.exp(-np.clip(odds, -4, 4)))).astype(np.float32)
    return walk(
        tissue.fine, block.steps, prior, edge=tissue.edge_hu, data_weight=_DATA_WEIGHT,
        fixed=fixed, value=marked.astype(np.float32), start=start,
    )  # fmt: skip


def region_in(
    block: Block, tissue: Tissue, low: Mm, high: Mm, closed: NDArray[np.bool_]
) -> Region | None:
    """The lesion in a box.

    Args:
        low, high: edges of the box, mm of the block; they may lie outside of it, where the lesion
            goes on beyond the scan.
        closed: voxels that are not lesion for another reason.

    Returns:
        The largest region that differs from what surrounds the box, or None.
    """
    z, y, x = block.axes
    inside = (z >= low[0]) & (z <= high[0]) & (y >= low[1]) & (y <= high[1])
    inside = inside & (x >= low[2]) & (x <= high[2])
    radius = _inscribed(block, low, high)
    # Whoever draws a box leaves some room, and no lesion fills its corners.
    place = np.clip(5 * (0.85 - radius), -1.5, 1.5) - _WALL_ODDS * tissue.wall
    outside = (~inside | (radius > 1.05)) & ~tissue.excluded & (radius < 2.2)
    mask = inside & (radius < 0.75)
    fixed = tissue.excluded | ~inside | closed
    nothing = np.zeros_like(inside)
    probability = np.zeros(inside.shape, np.float32)
    for turn in range(_BOX_ROUNDS):
        allowed = mask & ~tissue.excluded
        if not allowed.any():
            return None
        # Where all about is excluded, whatever is left in the box is the lesion.
        apart = log_ratio(tissue.smooth, allowed, outside) if outside.any() else np.float32(2.0)
        odds = np.clip(apart, -4, 4) + place
        probability = _walked(block, tissue, odds, fixed, nothing, probability if turn else None)
        found = lesion_shaped(probability > 0.5, block, _OPENING_MM, None)
        if found is None or np.count_nonzero(found) < 4:
            return None
        mask = found
    return _judged(block, tissue, mask, probability)


def _inscribed(block: Block, low: Mm, high: Mm) -> NDArray[np.float32]:
    """Radius relative to the ellipse that the box holds."""
    half = np.maximum((high - low) / 2, 1e-3)
    matrix = np.diag(1 / half**2)
    if block.flat:
        matrix[0, 0] = 0.0
    return Ellipse((low + high) / 2, matrix).radius_of(block)


def _judged(
    block: Block, tissue: Tissue, mask: NDArray[np.bool_], probability: NDArray[np.float32]
) -> Region:
    """How good a region is, from its inside and a ring of 1 to 6 mm about it."""
    gap = distance_to(mask, block)
    ring = (gap > 1) & (gap <= 6)
    wall = ring & (tissue.wall > 0.5) & ~tissue.excluded
    tissue_beside = ring & ~wall & ~tissue.excluded
    around = tissue.foreign[tissue_beside]
    n_ring = max(1, int(np.count_nonzero(ring)))
    inside = tissue.foreign[mask]
    ellipse = ellipse_of(mask, block).radius_of(block) <= 1
    overlap = 2 * np.count_nonzero(ellipse & mask)
    size = np.prod(block.step_mm[1:]) * mask.sum(axis=(1, 2)).max()
    radius = float(np.log(np.sqrt(size / np.pi)))
    traits = {
        "foreign": float(inside.mean()),
        "surrounded": float(-around.mean()) if around.size else 0.0,
        "beside": np.count_nonzero(ring & tissue.excluded) / n_ring,
        "wall": np.count_nonzero(wall) / n_ring,
        "radius": radius,
        "radius_squared": radius**2,
        "ellipse": overlap / (np.count_nonzero(ellipse) + np.count_nonzero(mask)),
        "parenchyma_inside": float((inside < -1).mean()),
    }
    merit = sum(_MERIT[name] * value for name, value in traits.items())
    going_on = np.count_nonzero(around > 1) / n_ring
    separation = _ALL_ELSE
    if around.size:
        separation = float(log_ratio(tissue.smooth, mask, tissue_beside)[mask].mean())
    return Region(mask, probability, float(merit), separation, going_on)
