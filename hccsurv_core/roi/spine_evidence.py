"""Measures every landmark of one scan and turns it into votes on the vertebrae's names."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.roi import anchors, labeling
from hccsurv_core.roi.canal import CanalPath
from hccsurv_core.roi.labeling import Vote
from hccsurv_core.roi.skeleton import BonePiece, bone_mask, bone_pieces, bone_threshold
from hccsurv_core.roi.vertebrae import Levels

#: Rib heads lie this far before the canal's centre, mm.
RIB_HEAD_AXIS_MM = 6.0
#: How far below the lowest disk one more would lie, mm.
NEXT_DISK_MM = (22, 44)


def gather_votes(
    voxels: NDArray[np.float32], body: NDArray[np.bool_], path: CanalPath, levels: Levels
) -> list[Vote]:
    """All landmarks of a scan.

    Args:
        voxels: HU on cubes of ``levels.step_mm``.
        body: the body on the same grid.
        path: the canal on the same grid.
        levels: levels along the spine.
    """
    step = levels.step_mm
    threshold = bone_threshold(voxels, path, step)
    bone = bone_mask(voxels, body, path, step)
    pieces = bone_pieces(voxels, bone, path, step)
    crests = anchors.find_crests(pieces, len(voxels), step)
    ribs = anchors.find_ribs(pieces, len(voxels), step)
    if crests:
        # What joins the spine below the crests' tops is the sacrum or a process, not a rib.
        crest_top = max(crest.slice_index for crest in crests)
        ribs = [rib for rib in ribs if rib.slice_index > crest_top]
    ribs = _without_gaps(ribs, levels)
    votes = _rib_votes(ribs, pieces, len(voxels), levels)
    votes += _pelvis_votes(crests, levels)
    wing = anchors.sacral_wing_top(voxels, bone, levels.frame, threshold, step)
    # Wings lie at the lower end of the chain, or what fills the place is something else.
    if wing is not None and wing < levels.chain.planes[1]:
        votes.append(labeling.vote_wing(float(levels.of_plane(wing))))
    clear = levels.chain.signs > 0.4
    if clear.sum() >= 3:
        at = np.arange(len(levels.chain.planes), dtype=np.float64)
        votes.append(labeling.vote_tilt(at[clear], levels.chain.tilts_deg[clear]))
    lung = anchors.lung_base_slice(voxels, body, path.row, step)
    if lung is not None and lung > 2:
        votes.append(labeling.vote_lung(levels.of_slice(lung, 0.0)))
    return votes


def _without_gaps(ribs: list[anchors.Rib], levels: Levels) -> list[anchors.Rib]:
    """Drop a lowest "rib" two or more vertebrae below the next: it is a long transverse process."""
    kept: list[anchors.Rib] = []
    for rib in reversed(ribs):
        at = levels.of_slice(rib.slice_index, RIB_HEAD_AXIS_MM)
        if kept and levels.of_slice(kept[-1].slice_index, RIB_HEAD_AXIS_MM) - at > 1.7:
            break
        kept.append(rib)
    return kept[::-1]


def _pelvis_votes(crests: list[anchors.Crest], levels: Levels) -> list[Vote]:
    votes = []
    if crests:
        at = [levels.of_slice(crest.slice_index) for crest in crests]
        votes.append(labeling.vote_crest(at, [crest.side for crest in crests]))
    else:
        votes.append(labeling.vote_no_crest(levels.of_slice(0.0)))
    if _next_disk_would_show(levels):
        votes.append(labeling.vote_chain_end())
    return votes


def _next_disk_would_show(levels: Levels) -> bool:
    """Whether the planes where one more disk would lie below the chain are all in view."""
    below = levels.chain.planes[0] - np.arange(*NEXT_DISK_MM)
    inside = below[below >= 0].astype(int)
    return len(inside) == len(below) and bool(np.isfinite(levels.chain.profile[inside]).all())


def _rib_votes(
    ribs: list[anchors.Rib], pieces: list[BonePiece], n_slices: int, levels: Levels
) -> list[Vote]:
    if not ribs:
        return [labeling.vote_no_ribs(levels.of_slice(n_slices - 3.0, RIB_HEAD_AXIS_MM))]
    lowest = {
        side: next(rib for rib in ribs if rib.side == side) for side in {r.side for r in ribs}
    }
    at = {
        side: levels.of_slice(lowest[side].slice_index, RIB_HEAD_AXIS_MM) for side in sorted(lowest)
    }
    reach = float(np.mean([rib.reach_mm for rib in lowest.values()]))
    widest = max(float(p.aside_mm.max()) for p in pieces)
    # Only ribs above tell how wide the chest is: without them the share means nothing.
    chest = [
        float(p.aside_mm.max())
        for p in pieces
        if p.slices.max() >= n_slices - 3 and p.aside_mm.max() > 80.0
    ]
    share = reach / max(chest) if chest and max(chest) >= 0.8 * widest else None
    n_pairs = max(sum(rib.side == side for rib in ribs) for side in ("left", "right"))
    return [labeling.vote_ribs(at, share, reach, n_pairs)]
