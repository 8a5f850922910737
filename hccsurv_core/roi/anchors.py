"""Landmarks that tell which vertebra is which: ribs, iliac crests, sacral wings, the
lower edge of the lungs. Each is measured here; :mod:`hccsurv_core.roi.labeling`
says what it means.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from hccsurv_core.roi.skeleton import BonePiece
from hccsurv_core.roi.spine_reformat import SpineFrame, sample_planes

#: A rib's head lies this near the canal's sagittal plane and level with it, mm …
RIB_HEAD_ASIDE_MM = 36.0
RIB_HEAD_FORWARD_MM = (-30.0, 24.0)
#: … and it reaches further out than a transverse process (half a span of up to 57 mm in the
#: largest men, level with its root), or at least falls away as no process does, mm.
RIB_REACH_MM = 62.0
SHORT_RIB_REACH_MM = 52.0
SHORT_RIB_DROP_MM = 8.0
#: A lone piece beyond this is not one rib, ml.
RIB_MAX_ML = 32.0
#: The top of the iliac crest: distance from the canal's plane and before the canal, mm.
CREST_ASIDE_MM = (60.0, 160.0)
CREST_FORWARD_MM = (-80.0, 70.0)
#: What is in view of a wing is at least this high, and this long in its lowest slice, mm.
CREST_HEIGHT_MM = 8.0
CREST_LENGTH_MM = 30.0
#: Mean area of a wing in axial slices near its top; a rib, even cut obliquely, stays below 1 cm².
CREST_AREA_CM2 = 1.6
#: Sacral wing: bone all the way between these distances from the midline, mm, …
WING_LEFT_MM = np.arange(28.0, 53.0, 3.0)
WING_FORWARD_MM = np.arange(2.0, 33.0, 3.0)
#: … over at least this height, mm; a transverse process of L5 is about half as high.
WING_HEIGHT_MM = 18
WING_FILL = 0.75
WING_SHELL = 0.35
#: Lung: below this HU, behind the front of the vertebral body.
LUNG_HU = -600.0
LUNG_MIN_CM2 = 4.0


@dataclass(frozen=True)
class Rib:
    """A rib whose head is in view.

    Args:
        side: "left" or "right".
        slice_index: slice of its head (cube grid, continuous).
        reach_mm: how far from the canal's plane it reaches in view.
        tip_forward_mm: how far before the canal its far end lies.
        drop_mm: how far its far end lies below its head.
    """

    side: str
    slice_index: float
    reach_mm: float
    tip_forward_mm: float
    drop_mm: float


@dataclass(frozen=True)
class Crest:
    """The top of an iliac crest (slice of the cube grid)."""

    side: str
    slice_index: float


def find_ribs(pieces: list[BonePiece], n_slices: int, step_mm: float) -> list[Rib]:
    """Ribs with their heads in view, from inferior to superior."""
    ribs = []
    for piece in pieces:
        aside = piece.aside_mm
        near, far = aside <= aside.min() + 8.0, aside >= aside.max() - 10.0
        head_forward = float(piece.forward_mm[near].mean())
        head_slice = float(piece.slices[near].mean())
        tip_slice = float(piece.slices[far].mean())
        drop_mm = (head_slice - tip_slice) * step_mm
        tip_forward = float(piece.forward_mm[far].mean())
        # A short rib runs down and back; what runs forward from a process is not one.
        falls_away = drop_mm >= SHORT_RIB_DROP_MM and tip_forward <= min(head_forward + 4.0, 4.0)
        reach_needed = SHORT_RIB_REACH_MM if falls_away else RIB_REACH_MM
        is_rib = (
            aside.min() <= RIB_HEAD_ASIDE_MM
            and aside.max() >= reach_needed
            and RIB_HEAD_FORWARD_MM[0] <= head_forward <= RIB_HEAD_FORWARD_MM[1]
            and piece.volume_ml <= RIB_MAX_ML
            and drop_mm >= -8.0
            and head_slice < n_slices - 2
        )
        if is_rib:
            ribs.append(
                Rib(
                    side=piece.side,
                    slice_index=head_slice,
                    reach_mm=float(aside.max()),
                    tip_forward_mm=tip_forward,
                    drop_mm=drop_mm,
                )
            )
    return sorted(ribs, key=lambda rib: rib.slice_index)


def find_crests(pieces: list[BonePiece], n_slices: int, step_mm: float) -> list[Crest]:
    """The tops of the iliac crests in view, at most one a side."""
    tops: dict[str, Crest] = {}
    for piece in pieces:
        low, high = int(piece.slices.min()), int(piece.slices.max())
        if not (low <= 2 or piece.volume_ml > 20.0) or high >= n_slices - 3:
            continue
        if (high - low) * step_mm < CREST_HEIGHT_MM or _length_mm(piece, low + 1) < CREST_LENGTH_MM:
            continue
        top = piece.slices >= high - 2
        aside, forward = np.median(piece.aside_mm[top]), np.median(piece.forward_mm[top])
        areas_cm2 = np.bincount(piece.slices - low) * step_mm**2 / 100
        is_crest = (
            CREST_ASIDE_MM[0] <= aside <= CREST_ASIDE_MM[1]
            and CREST_FORWARD_MM[0] <= forward <= CREST_FORWARD_MM[1]
            and piece.bright_hu >= 240.0
            and np.mean(areas_cm2[-round(60 / step_mm) :]) >= CREST_AREA_CM2
        )
        if is_crest and (piece.side not in tops or tops[piece.side].slice_index < high):
            tops[piece.side] = Crest(piece.side, float(high))
    return [tops[side] for side in sorted(tops)]


def _length_mm(piece: BonePiece, slice_index: int) -> float:
    """Diagonal of a piece's bounding box up to a slice."""
    there = piece.slices <= slice_index
    if not there.any():
        return 0.0
    return float(np.hypot(np.ptp(piece.left_mm[there]), np.ptp(piece.forward_mm[there])))


def sacral_wing_top(
    voxels: NDArray[np.floating],
    bone: NDArray[np.bool_],
    frame: SpineFrame,
    threshold_hu: float,
    step_mm: float,
) -> float | None:
    """The plane where the sacral wings begin, or None.

    Below the last disk bone fills the whole stretch from the vertebra to the ilium on
    both sides, over more height than a transverse process has.

    Args:
        voxels: HU on cubes of ``step_mm``.
        bone: the bone mask on the same grid, which leaves out organs bright with contrast
            (and, at times, spongy bone, but not its shell).
        frame: the moving frame.
        threshold_hu: bone is brighter.
        step_mm: edge of the cubes, mm.
    """
    solid = bone.astype(np.float32)
    filled = np.ones(len(frame.center), dtype=bool)
    for sign in (-1.0, 1.0):
        aside = sign * WING_LEFT_MM
        samples, inside = sample_planes(voxels, frame, WING_FORWARD_MM, aside, step_mm)
        shells, _ = sample_planes(solid, frame, WING_FORWARD_MM, aside, step_mm)
        filled &= (samples.max(axis=1) > threshold_hu).mean(axis=1) >= WING_FILL
        filled &= (shells.max(axis=1) > 0.5).mean(axis=1) >= WING_SHELL
        filled &= inside.any(axis=(1, 2))
    filled = ndi.binary_closing(np.pad(filled, 5), np.ones(7, dtype=bool))[5:-5]
    labels, n = ndi.label(filled)
    runs = [np.nonzero(labels == i)[0] for i in range(1, n + 1)]
    tall = [run for run in runs if len(run) >= WING_HEIGHT_MM]
    return float(max(run[-1] for run in tall)) if tall else None


def lung_base_slice(
    voxels: NDArray[np.floating],
    body: NDArray[np.bool_],
    canal_row: NDArray[np.floating],
    step_mm: float,
) -> float | None:
    """The lowest slice (cube grid) with lung behind the vertebral bodies' front, or None.

    Lung is what hangs together with the air at the scan's top; bowel gas does not.
    """
    rows = np.arange(voxels.shape[1])[None, :, None]
    air = (voxels < LUNG_HU) & body & (rows > canal_row[:, None, None] - 45.0 / step_mm)
    labels, n = ndi.label(air[:, ::2, ::2])
    if n == 0:
        return None
    at_top = np.unique(labels[-3:])
    at_top = at_top[at_top > 0]
    if not len(at_top):
        return None
    area_cm2 = np.isin(labels, at_top).sum(axis=(1, 2)) * (2 * step_mm) ** 2 / 100
    below = np.nonzero(area_cm2 >= LUNG_MIN_CM2)[0]
    return float(below[0]) if len(below) else None
