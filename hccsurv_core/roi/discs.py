"""The chain of intervertebral disks along the straightened spine.

Two signs, summed: a disk is a dark band between two bright endplates in front of
the canal (tilted as it may be), and the neural foramina beside the canal open at
its level while the pedicles close the canal above and below. The chain is the
series of planes with the best total sign whose spacing is that of vertebrae and
changes slowly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from hccsurv_core.roi.canal import bone_likeness
from hccsurv_core.roi.spine_reformat import SpineFrame, sample_planes

#: Where the vertebral body is sampled, mm before and beside the canal's centre.
BODY_FORWARD_MM = np.arange(12.0, 35.0)
BODY_LEFT_MM = np.arange(-9.0, 10.0, 3.0)
#: Where pedicles and foramina are, mm.
PEDICLE_FORWARD_MM = np.arange(0.0, 13.0, 3.0)
PEDICLE_LEFT_MM = np.array([-20.0, -17.0, -14.0, -11.0, 11.0, 14.0, 17.0, 20.0])
TILTS_DEG = np.arange(-28, 29, 4)
#: From the disk's centre to its endplates, mm.
ENDPLATE_MM = range(4, 10)
#: … and to the spongy bone beyond them, mm.
BEYOND_MM = range(11, 16)
#: Distance between neighbouring disks, mm: T8 of a small woman to L4 of a tall man.
PITCH_MM = np.arange(20, 49)
PITCH_MEAN_MM, PITCH_SIGMA_MM = 33.0, 6.0
#: A plane's sign must exceed this (1 = a clear disk) to gain from being called a disk.
SIGN_FLOOR = 0.4
#: Kept ends of the chain must have at least this sign.
END_SIGN = 0.3


@dataclass(frozen=True, eq=False)
class DiskChain:
    """Disks found, from inferior to superior.

    Args:
        planes: plane of the frame at each disk's centre.
        signs: how clear each disk is (about 1 = clear, below 0.35 = guessed from its neighbours).
        tilts_deg: how far each disk tips forward (anterior edge down) against the scanner's
            axial plane, degrees.
        profile: sign per plane; NaN outside the scan.
        midsagittal: (planes, forward) mean HU of the middle 18 mm, for showing.
    """

    planes: NDArray[np.float64]
    signs: NDArray[np.float64]
    tilts_deg: NDArray[np.float64]
    profile: NDArray[np.float64]
    midsagittal: NDArray[np.float32]

    @property
    def pitches_mm(self) -> NDArray[np.float64]:
        """Distances between neighbouring disks."""
        return np.diff(self.planes)


def _shifted(profile: NDArray[np.float64], offset: int) -> NDArray[np.float64]:
    """``profile`` read ``offset`` planes further up, NaN beyond the ends."""
    out = np.full_like(profile, np.nan)
    if offset >= 0:
        out[: len(out) - offset] = profile[offset:]
    else:
        out[-offset:] = profile[:offset]
    return out


def _band_contrast(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much darker the centre is than both endplates, and than the bone beyond them (HU)."""
    center = np.mean([_shifted(line, offset) for offset in range(-2, 3)], axis=0)
    thick = 0.5 * (line + _shifted(line, 1))
    above = np.max([_shifted(thick, offset) for offset in ENDPLATE_MM], axis=0)
    below = np.max([_shifted(thick, -offset - 1) for offset in ENDPLATE_MM], axis=0)
    # The middle of a vertebra also lies between bright endplates, but has disks beyond them.
    beyond = np.minimum(
        np.mean([_shifted(line, offset) for offset in BEYOND_MM], axis=0),
        np.mean([_shifted(line, -offset) for offset in BEYOND_MM], axis=0),
    )
    bonus = np.nan_to_num(0.5 * np.clip(beyond - center, -100, 100))
    return np.minimum(above, below) - center + bonus


def endplate_sign(
    midsagittal: NDArray[np.float32], inside: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Contrast of a dark band between two bright ones (HU) and its best tilt (degrees), per plane.

    Args:
        midsagittal: (planes, forward) HU over :data:`BODY_FORWARD_MM`.
        inside: the same shape, False outside the scan.
    """
    planes = np.arange(len(midsagittal), dtype=np.float64)
    lever = BODY_FORWARD_MM - BODY_FORWARD_MM.mean()
    columns = np.arange(midsagittal.shape[1])
    clipped = np.clip(midsagittal, -50, 600).astype(np.float64)
    contrasts = []
    for tilt in np.radians(TILTS_DEG):
        at = [planes[:, None] - np.tan(tilt) * lever[None, :], np.tile(columns, (len(planes), 1))]
        line = ndi.map_coordinates(clipped, at, order=1, mode="nearest").mean(axis=1)
        seen = ndi.map_coordinates(inside.astype(np.float32), at, order=1, mode="nearest")
        line[seen.mean(axis=1) < 0.75] = np.nan
        contrasts.append(_band_contrast(line))
    stack = np.array(contrasts)
    filled = np.where(np.isnan(stack), -np.inf, stack)
    best = filled.argmax(axis=0)
    contrast = np.take_along_axis(stack, best[None], axis=0)[0]
    return contrast, TILTS_DEG[best].astype(np.float64)


def foramen_sign(beside: NDArray[np.float32]) -> NDArray[np.float64]:
    """How much more bone closes the canal's sides 8 to 17 mm above and below a plane than at it.

    Args:
        beside: (planes, forward, left) HU at the pedicles' place.

    Returns:
        Per plane; about 0.3 to 0.7 at a foramen.
    """
    bone = bone_likeness(beside)
    half = bone.shape[2] // 2
    both = np.minimum(bone[:, :, :half].mean(axis=(1, 2)), bone[:, :, half:].mean(axis=(1, 2)))
    smooth = ndi.gaussian_filter1d(both.astype(np.float64), 3.0, mode="nearest")
    # The foramen opens a little above the disk's middle plane: its roof is the pedicle above.
    above = np.max([_shifted(smooth, offset) for offset in range(12, 21)], axis=0)
    below = np.max([_shifted(smooth, -offset) for offset in range(8, 17)], axis=0)
    center = np.min([_shifted(smooth, offset) for offset in range(0, 6)], axis=0)
    return np.minimum(above, below) - center


def _normalized(values: NDArray[np.float64], floor: float) -> NDArray[np.float64]:
    """Divide by the 95th percentile, or by ``floor`` where that is larger."""
    known = values[np.isfinite(values)]
    top = float(np.percentile(known, 95)) if len(known) else floor
    return np.clip(values / max(top, floor), -0.5, 1.3)


def find_disks(voxels: NDArray[np.floating], frame: SpineFrame, step_mm: float) -> DiskChain:
    """Find the chain of disks.

    Args:
        voxels: HU on cubes of ``step_mm``.
        frame: the moving frame of the canal.
        step_mm: edge of the cubes, mm.

    Returns:
        The chain; fewer than two disks where no spine can be followed.
    """
    body, inside = sample_planes(voxels, frame, BODY_FORWARD_MM, BODY_LEFT_MM, step_mm)
    middle = len(BODY_LEFT_MM) // 2
    midsagittal = body.mean(axis=2)
    contrast, tilt = endplate_sign(midsagittal, inside[:, :, middle])
    beside, _ = sample_planes(voxels, frame, PEDICLE_FORWARD_MM, PEDICLE_LEFT_MM, step_mm)
    band = _normalized(contrast, 60.0)
    foramen = np.nan_to_num(_normalized(foramen_sign(beside), 0.2))
    profile = 0.75 * band + 0.35 * foramen
    planes = _refined(chain_of_disks(profile), profile)
    nearest = np.rint(planes).astype(int)
    return DiskChain(
        planes=planes,
        signs=profile[nearest],
        tilts_deg=frame.tilt_deg()[nearest] + tilt[nearest],
        profile=profile,
        midsagittal=midsagittal,
    )


def chain_of_disks(profile: NDArray[np.float64]) -> NDArray[np.intp]:
    """Planes of the best chain: clear signs, vertebral spacing, slow change of the spacing.

    Args:
        profile: sign per plane (1 mm apart), NaN where no disk can be.

    Returns:
        Planes in rising order; empty where the profile never exceeds the floor.
    """
    known = np.isfinite(profile)
    if not known.any():
        return np.zeros(0, dtype=np.intp)
    gain = np.where(known, np.clip(np.nan_to_num(profile), -0.5, 1.3) - SIGN_FLOOR, -1e6)
    prior = -0.12 * ((PITCH_MM - PITCH_MEAN_MM) / PITCH_SIGMA_MM) ** 2
    # change[new, old]: the spacing varies by a tenth from disk to disk, and shrinks going up.
    change = -0.125 * ((PITCH_MM[:, None] - PITCH_MM[None, :]) / (0.1 * PITCH_MM[None, :])) ** 2
    change -= 0.02 * np.clip(PITCH_MM[:, None] - PITCH_MM[None, :] - 2, 0, None)
    total = np.full((len(profile), len(PITCH_MM)), -1e9)
    came_from = np.full(total.shape, -1, dtype=np.intp)
    for plane in np.nonzero(known)[0]:
        for j, pitch in enumerate(PITCH_MM):
            before = plane - pitch
            if before < 0 or not known[before]:
                continue
            # Either the disk below starts the chain, or it continues one.
            options = total[before] + change[j]
            best = int(options.argmax())
            start = gain[before]
            value, origin = (options[best], best) if options[best] > start else (start, -1)
            total[plane, j] = value + prior[j] + gain[plane]
            came_from[plane, j] = origin
    return _trimmed(_backtrack(total, came_from), profile)


def _backtrack(total: NDArray[np.float64], came_from: NDArray[np.intp]) -> list[int]:
    if total.max() <= 0:
        return []
    plane, j = (int(i) for i in np.unravel_index(int(total.argmax()), total.shape))
    chain = [plane]
    while True:
        before, origin = plane - int(PITCH_MM[j]), int(came_from[plane, j])
        chain.append(before)
        if origin < 0:
            return chain[::-1]
        plane, j = before, origin


def _trimmed(chain: list[int], profile: NDArray[np.float64]) -> NDArray[np.intp]:
    """Drop guessed disks from both ends."""
    while chain and profile[chain[-1]] < END_SIGN:
        chain = chain[:-1]
    while chain and profile[chain[0]] < END_SIGN:
        chain = chain[1:]
    return np.array(chain, dtype=np.intp)


def _refined(planes: NDArray[np.intp], profile: NDArray[np.float64]) -> NDArray[np.float64]:
    """Move each disk to the centre of gravity of its sign's peak."""
    refined = planes.astype(np.float64)
    for i, plane in enumerate(planes):
        near = np.arange(max(0, plane - 3), min(len(profile), plane + 4))
        weight = np.clip(np.nan_to_num(profile[near]) - 0.3, 0, None)
        if weight.sum() > 0:
            refined[i] = float((near * weight).sum() / weight.sum())
    return refined
