"""Click-to-segment: the outline of a liver lesion from a click in it, or from a rough box about it.

Everything happens in a neighborhood of the click, so that the answer comes at once however large
the scan is. The result is a proposal for a reader to correct, and carries warnings about itself.
:mod:`~hccsurv_core.roi.lesion_search` tells how it works.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import SegmentationError
from hccsurv_core.progress import Progress, silent
from hccsurv_core.roi.lesion_grid import Block, block_about
from hccsurv_core.roi.lesion_request import Box, Index, Request, checked_request
from hccsurv_core.roi.lesion_search import REACH, Region, region_at, region_in
from hccsurv_core.roi.lesion_shape import Ellipse, ball, distance_to, ellipse_of
from hccsurv_core.roi.lesion_tissue import (
    Surroundings,
    Tissue,
    look_about,
    tissue_in_box,
    tissue_of,
)
from hccsurv_core.volume import Volume

#: Radii that are tried about a click, mm.
SCALES_MM = (6.0, 10.0, 16.0, 25.0, 40.0, 64.0)
#: Voxels along the longer in-plane axis of a block, about: a slice for a click, for a box, a solid.
_MOST_FLAT, _MOST_BOX_FLAT, _MOST_SOLID = 80, 160, 44
_LEAST_STEP_MM = 1.0
#: A click must differ from the liver by this many HU, and by this many spreads of it.
_LEAST_CONTRAST_HU, _LEAST_CONTRAST = 8.0, 1.2
#: A lesion's soft tissue is not darker or brighter than this (mean about the click, HU).
_TISSUE_HU = (-30.0, 260.0)
#: A region's attenuation sets it off from what lies about it by this (mean log odds), from a click
#: at least. Boxes in healthy liver come to 0.04 (median) and 0.37 (90th percentile), about lesions to 1.5.
_LEAST_SEPARATION = 0.4
#: A region looks as much like a lesion as this: 19 of 20 regions in lesions have a merit of 1.1 or
#: more, those grown in healthy liver mostly less than 1.
_LEAST_MERIT = 1.0
#: A box says that there is something; what it holds is refused only where nothing differs at all.
_NO_SEPARATION = 0.1
#: Beyond the box, this near to the region, tissue is looked at (mm); more than this share of it
#: like the region, and the box was too small.
_BEYOND_BOX_MM, _GOES_ON = 8.0, 0.2
#: More of the border than this without an edge is a leak.
_LEAK = 0.45
_ELSEWHERE = "click in the middle of a lesion that differs from the liver, or draw a box about it"


@dataclass(frozen=True, eq=False)
class GrownRegion:
    """A lesion that was grown from a click or a box.

    Args:
        mask: boolean, cut to the lesion's bounding box (slices, rows, columns).
        offset: volume index (slice, row, column) of the mask's first voxel.
        slice_index: the slice that was clicked, or the middle of the box.
        area_cm2: area on that slice.
        volume_ml: volume; None where one slice only was asked for.
        mean_hu: mean attenuation inside.
        method: "click" or "box".
        settings: what was asked for, and the tissue that was found about it.
        warnings: what a reader must check, in plain words.
    """

    mask: NDArray[np.bool_]
    offset: Index
    slice_index: int
    area_cm2: float
    volume_ml: float | None
    mean_hu: float
    method: str
    settings: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def on_grid(self, shape: tuple[int, int, int]) -> NDArray[np.bool_]:
        """The mask on the whole grid of the volume it was grown in."""
        whole = np.zeros(shape, dtype=bool)
        place = tuple(slice(o, o + n) for o, n in zip(self.offset, self.mask.shape, strict=True))
        whole[place] = self.mask
        return whole


def grow_lesion(
    volume: Volume,
    seed: Index | None,
    *,
    box: Box | None = None,
    dimensions: int = 3,
    max_diameter_mm: float = 150.0,
    within: NDArray[np.bool_] | None = None,
    low_hu: float | None = None,
    high_hu: float | None = None,
    progress: Progress = silent,
) -> GrownRegion:
    """Outline a lesion.

    Args:
        volume: CT, HU, axial slices; spacing may differ between axes.
        seed: the clicked voxel (slice, row, column). With a box it may be None, which is the box's
            middle; it then only tells which slice is measured.
        box: opposite corners of a rough box about the lesion, both included. In three dimensions
            a box drawn on one slice is taken to reach as far up and down as it is wide.
        dimensions: 2 for the clicked slice only, 3 for the whole lesion.
        max_diameter_mm: nothing larger is looked for from a click.
        within: boolean, of the volume's shape; the lesion lies in there (the liver).
        low_hu, high_hu: attenuation of the lesion, of voxels smoothed by 1.5 mm; None = any.
        progress: called with the fraction done; what it raises stops the work.

    Returns:
        The lesion. The same call always gives the same.

    Raises:
        SegmentationError: there is no lesion with an edge at the click or in the box; or seed,
            box, mask or limits do not fit the volume.
        InputError: a number is none.
    """
    request = checked_request(
        volume, seed, box, dimensions, max_diameter_mm, within, (low_hu, high_hu), progress
    )
    progress(0.0, "outlining the lesion")
    corners = request.corners
    found = _from_click(request) if corners is None else _from_box(request, *corners)
    result = _result(request, *found)
    progress(1.0, "outlined the lesion")
    return result


_Found = tuple[Block, Tissue, Region, tuple[str, ...]]


def _from_click(request: Request) -> _Found:
    about = look_about(request.volume, request.seed, request.within)
    if about is None:
        raise SegmentationError("there is no soft tissue about the click", remedy=_ELSEWHERE)
    block, tissue, region = _best_on_slice(request, about)
    if request.flat:
        return block, tissue, region, _leaks(region)
    request.progress(0.6, "outlining the lesion on the other slices")
    return _on_all_slices(request, about, block, region)


def _best_on_slice(request: Request, about: Surroundings) -> tuple[Block, Tissue, Region]:
    """The best of the regions of several sizes on the clicked slice."""
    spacing = np.array(request.volume.spacing_mm)
    best: tuple[Block, Tissue, Region] | None = None
    faint: Tissue | None = None
    scales = [r for r in SCALES_MM if 2 * r <= request.max_diameter_mm] or [SCALES_MM[0]]
    for n, radius in enumerate(scales):
        request.progress(0.6 * n / len(scales), f"trying a lesion of {2 * radius:g} mm")
        reach = np.ceil((REACH * radius + 12) / spacing).astype(np.intp)
        reach[0] = 0
        block = block_about(
            request.volume, request.seed - reach, request.seed + reach, _MOST_FLAT, _LEAST_STEP_MM
        )
        seed = block.to_mm(request.seed)
        tissue = tissue_of(block, about, seed, request.within, request.limits_hu)
        if n == 0:
            _check_clicked_tissue(tissue.seed_hu, request.limits_hu)
        if _is_faint(tissue):
            faint = tissue
            continue
        region = region_at(block, tissue, seed, ball(seed, radius), radius)
        if region is None or not _fits(block, region, request):
            continue
        if best is None or region.merit > best[2].merit:
            best = (block, tissue, region)
    if best is None:
        raise _nothing_there(faint)
    return best


def _is_faint(tissue: Tissue) -> bool:
    difference = abs(tissue.seed_hu - tissue.parenchyma_hu)
    return difference < max(_LEAST_CONTRAST_HU, _LEAST_CONTRAST * tissue.spread_hu)


def _fits(block: Block, region: Region, request: Request) -> bool:
    """Not cut off by the block, not larger than allowed, and set off from what lies about it."""
    # Limits make their own border, which need not look like that of a lesion.
    limited = bool(np.isfinite(request.limits_hu).any())
    if not limited and (region.separation < _LEAST_SEPARATION or region.merit < _LEAST_MERIT):
        return False
    if (region.mask & block.inner_faces).any():
        return False
    places = np.argwhere(region.mask)
    extent = (places.max(0) - places.min(0) + 1) * block.step_mm
    return bool(extent[1:].max() <= request.max_diameter_mm)


def _check_clicked_tissue(seed_hu: float, limits_hu: tuple[float, float]) -> None:
    if seed_hu < _TISSUE_HU[0]:
        raise SegmentationError(
            f"the click lies in fat or gas (below {_TISSUE_HU[0]:.0f} HU)", remedy=_ELSEWHERE
        )
    if seed_hu > _TISSUE_HU[1]:
        raise SegmentationError(
            "the click lies in bone, metal or a vessel full of contrast "
            f"(above {_TISSUE_HU[1]:.0f} HU)",
            remedy=_ELSEWHERE,
        )
    if not limits_hu[0] <= seed_hu <= limits_hu[1]:
        raise SegmentationError(
            f"the clicked tissue has {seed_hu:.0f} HU, outside of the limits "
            f"{limits_hu[0]:g} to {limits_hu[1]:g} HU",
            remedy="widen the limits, or click elsewhere",
        )


def _nothing_there(faint: Tissue | None) -> SegmentationError:
    if faint is None:
        return SegmentationError("no lesion with an edge is found at the click", remedy=_ELSEWHERE)
    return SegmentationError(
        f"the clicked tissue ({faint.seed_hu:.0f} HU) does not differ from what surrounds it "
        f"({faint.parenchyma_hu:.0f} HU)",
        remedy=_ELSEWHERE,
    )


def _on_all_slices(request: Request, about: Surroundings, plane: Block, region: Region) -> _Found:
    """Carry the region of one slice through the others; the block grows once if need be."""
    spacing = np.array(request.volume.spacing_mm)
    flat = ellipse_of(region.mask, plane)
    radius = float(np.sqrt(region.mask.sum() * np.prod(plane.step_mm[1:]) / np.pi))
    places = np.argwhere(region.mask)
    half = float(((places.max(0) - places.min(0) + 1) * plane.step_mm)[1:].max()) / 2
    center = plane.to_index(flat.center)
    center[0] = request.seed[0]
    matrix = flat.matrix.copy()
    matrix[0, 0] = 1 / radius**2
    found: tuple[Block, Tissue, Region] | None = None
    for room in (1.0, 1.5):
        reach = np.ceil((np.array([1.5, 1.35, 1.35]) * half * room + 10) / spacing)
        low, high = np.floor(center - reach).astype(int), np.ceil(center + reach).astype(int)
        block = block_about(request.volume, low, high, _MOST_SOLID, _LEAST_STEP_MM)
        seed = block.to_mm(request.seed)
        tissue = tissue_of(block, about, seed, request.within, request.limits_hu)
        start = Ellipse(block.to_mm(center), matrix)
        solid = region_at(block, tissue, seed, start, radius)
        if solid is None:
            break
        found = (block, tissue, solid)
        if not (solid.mask & block.inner_faces).any():
            return (*found, _leaks(solid))
    if found is None:
        raise SegmentationError(
            "the lesion cannot be followed to the slices above and below",
            remedy="outline it slice by slice, or draw a box about it",
        )
    return (*found, ("The region may go on beyond what was looked at: check its ends.",))


def _leaks(region: Region) -> tuple[str, ...]:
    if region.open_border <= _LEAK:
        return ()
    return (
        f"The region may have leaked: {100 * region.open_border:.0f} % of its border has no edge "
        "against the liver.",
    )


def _from_box(request: Request, low: NDArray[np.intp], high: NDArray[np.intp]) -> _Found:
    spacing, last = np.array(request.volume.spacing_mm), np.array(request.volume.shape) - 1
    sides = (high - low + 1) * spacing
    margin = np.ceil(np.maximum(8.0, 0.25 * sides[1:].mean()) / spacing).astype(np.intp)
    if request.flat:
        margin[0] = 0
    most = _MOST_BOX_FLAT if request.flat else _MOST_SOLID
    block = block_about(request.volume, low - margin, high + margin, most, _LEAST_STEP_MM)
    low_mm, high_mm = block.to_mm(low) - spacing / 2, block.to_mm(high) + spacing / 2
    z, y, x = block.axes
    inside = (z >= low_mm[0]) & (z <= high_mm[0]) & (y >= low_mm[1]) & (y <= high_mm[1])
    inside = inside & (x >= low_mm[2]) & (x <= high_mm[2])
    tissue = tissue_in_box(block, ~inside, request.within, request.limits_hu)
    if not request.flat:
        # A lesion that the scan's end cuts off has its middle nearer to that end.
        low_mm[0] -= sides[1:].mean() / 2 if low[0] == 0 else 0.0
        high_mm[0] += sides[1:].mean() / 2 if high[0] == last[0] else 0.0
    region = region_in(block, tissue, low_mm, high_mm, np.zeros_like(inside))
    if region is None or region.separation < _NO_SEPARATION:
        raise SegmentationError(
            "what lies in the box does not differ from what surrounds it",
            remedy="draw the box a little larger than the lesion, or outline it by hand",
        )
    warnings = _reaching(block, tissue, region, inside)
    if region.separation < _LEAST_SEPARATION:
        warnings = (
            *warnings,
            "The region hardly differs from what surrounds it: its outline is mostly the box's.",
        )
    return block, tissue, region, warnings


def _reaching(
    block: Block, tissue: Tissue, region: Region, inside: NDArray[np.bool_]
) -> tuple[str, ...]:
    """A warning where tissue like the region's goes on beyond the box."""
    beyond = ~inside & (distance_to(region.mask, block) <= _BEYOND_BOX_MM) & ~tissue.excluded
    n_beyond = int(np.count_nonzero(beyond))
    if n_beyond == 0:
        return ()
    own = float(np.median(tissue.smooth[region.mask]))
    values = tissue.smooth[beyond]
    alike = np.abs(values - own) < np.abs(values - tissue.parenchyma_hu)
    if int(np.count_nonzero(alike)) <= _GOES_ON * n_beyond:
        return ()
    return ("Tissue like the region's goes on beyond the box: the lesion may be larger.",)


def _result(
    request: Request, block: Block, tissue: Tissue, region: Region, warnings: tuple[str, ...]
) -> GrownRegion:
    held = np.where(
        region.mask, np.maximum(region.probability, 0.51), np.minimum(region.probability, 0.49)
    )
    mask = block.enlarge(held.astype(np.float32)) > 0.5
    part = tuple(slice(int(a), int(b) + 1) for a, b in zip(block.low, block.high, strict=True))
    if request.within is not None:
        mask &= request.within[part]
    if not mask.any():
        raise SegmentationError("no lesion with an edge is found there", remedy=_ELSEWHERE)
    places = np.argwhere(mask)
    first, last = places.min(0), places.max(0)
    box = tuple(slice(int(a), int(b) + 1) for a, b in zip(first, last, strict=True))
    values = request.volume.voxels[part][mask]
    volume, k = request.volume, int(request.seed[0] - block.low[0])
    if last[0] + block.low[0] == volume.shape[0] - 1 or first[0] + block.low[0] == 0:
        cut = () if request.flat else ("The region reaches the end of the scan.",)
        warnings = (*warnings, *cut)
    area = float(np.count_nonzero(mask[k])) * volume.pixel_area_cm2
    offset = first + block.low
    return GrownRegion(
        np.ascontiguousarray(mask[box]),
        (int(offset[0]), int(offset[1]), int(offset[2])),
        int(request.seed[0]),
        area,
        None if request.flat else len(places) * volume.voxel_volume_ml,
        float(values.mean()),
        "click" if request.corners is None else "box",
        _settings(request, block, tissue),
        warnings,
    )


def _settings(request: Request, block: Block, tissue: Tissue) -> dict[str, Any]:
    low, high = request.limits_hu
    box = None if request.corners is None else [c.tolist() for c in request.corners]
    return {
        "seed": request.seed.tolist(),
        "box": box,
        "dimensions": 2 if request.flat else 3,
        "max_diameter_mm": request.max_diameter_mm,
        "within_mask": request.within is not None,
        "low_hu": None if np.isinf(low) else low,
        "high_hu": None if np.isinf(high) else high,
        "surrounding_hu": round(tissue.parenchyma_hu, 1),
        "grid_mm": [round(step, 3) for step in block.steps],
    }
