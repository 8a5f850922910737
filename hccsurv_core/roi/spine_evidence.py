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
#: If the scan goes on this far below the lowest disk, another one would have been seen, mm.
ROOM_FOR_A_DISK_MM = 42.0


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
    pieces = bone_pieces(voxels, bone_mask(voxels, body, path, step), path, step)
    votes = _rib_votes(pieces, len(voxels), levels)
    votes += _pelvis_votes(voxels, pieces, threshold, levels)
    clear = levels.chain.signs > 0.4
    if clear.sum() >= 3:
        at = np.arange(len(levels.chain.planes), dtype=np.float64)
        votes.append(labeling.vote_tilt(at[clear], levels.chain.tilts_deg[clear]))
    lung = anchors.lung_base_slice(voxels, body, path.row, step)
    if lung is not None and lung > 2:
        votes.append(labeling.vote_lung(levels.of_slice(lung, 0.0)))
    return votes


def _pelvis_votes(
    voxels: NDArray[np.float32], pieces: list[BonePiece], threshold: float, levels: Levels
) -> list[Vote]:
    step = levels.step_mm
    votes = []
    crests = anchors.find_crests(pieces, len(voxels), step)
    if crests:
        at = [levels.of_slice(crest.slice_index) for crest in crests]
        votes.append(labeling.vote_crest(at, [crest.side for crest in crests]))
    else:
        votes.append(labeling.vote_no_crest(levels.of_slice(0.0)))
    wing = anchors.sacral_wing_top(voxels, levels.frame, threshold, step)
    if wing is not None and wing < levels.chain.planes[-1]:
        votes.append(labeling.vote_wing(float(levels.of_plane(wing))))
    bottom = float(levels.frame.plane_at(0.0, 12.0))
    if levels.chain.planes[0] - bottom > ROOM_FOR_A_DISK_MM:
        votes.append(labeling.vote_chain_end())
    return votes


def _rib_votes(pieces: list[BonePiece], n_slices: int, levels: Levels) -> list[Vote]:
    ribs = anchors.find_ribs(pieces, n_slices)
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
