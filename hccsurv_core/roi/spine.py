"""The spine's public face: the canal, and the L3 level by itself or by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import InputError, LevelNotFoundError
from hccsurv_core.imaging.resampling import ResampledImage, resample_isotropic
from hccsurv_core.progress import Progress, silent
from hccsurv_core.roi.body_mask import body_mask_grid
from hccsurv_core.roi.canal import CanalPath, trace_canal
from hccsurv_core.roi.discs import find_disks
from hccsurv_core.roi.labeling import NAMES, SHIFTS, Verdict, combine_votes
from hccsurv_core.roi.results import SURE_LEVEL, UNCERTAIN, L3Location, Vertebra
from hccsurv_core.roi.spine_evidence import gather_votes
from hccsurv_core.roi.spine_reformat import build_frame
from hccsurv_core.roi.vertebrae import Levels, build_vertebrae
from hccsurv_core.volume import Volume

#: Cubes on which the spine is sought, mm.
GRID_MM = 2.0
#: A likelier level than this is needed to propose one at all.
PROPOSE_ABOVE = 0.25
#: "L3 is not in view" is said only if it is likelier than this; else the likeliest L3 in view is
#: proposed, with a low confidence.
OUT_OF_VIEW_ABOVE = 0.6
#: Confidence is at most this where a landmark that could carry a label speaks for another one
#: (no one can tell a missing rib from an extra vertebra here) …
CONTESTED = 0.7
#: … where only ribs or only the pelvis are in view: a lumbar vertebra more or less, or a
#: transitional one, shows only where both ends of the lumbar spine are seen …
ONE_END_ONLY = 0.92
#: … and where L3 is cut off by the end of the scan.
AT_THE_EDGE = 0.6
#: The centroid of a whole L3 lies this far below the middle of its body (its spinous process and
#: lower facets hang down); published L3 methods and label centroids mean that slice, mm.
CENTROID_BELOW_BODY_MM = 2.0
#: A lumbar vertebra with its disk, mm: the step where no vertebrae are known.
VERTEBRA_MM = 34.0
BY_HAND = "scroll to the slice that shows the middle of L3 and mark it by hand"


def locate_l3(volume: Volume, *, progress: Progress = silent) -> L3Location:
    """Find the L3 level.

    The canal is followed, the spine straightened along it, its disks found, and the
    vertebrae named by ribs, iliac crests, sacrum, lordosis and lung base together.

    Args:
        volume: canonical CT in HU, of any spacing.
        progress: told what is being done.

    Returns:
        The location; ``confidence`` below 0.8 and ``warnings`` mean: ask the user.

    Raises:
        LevelNotFoundError: no spine can be followed, or L3 is not in view.
    """
    progress(0.0, "Resampling the scan")
    cubes = resample_isotropic(volume, GRID_MM)
    progress(0.35, "Following the spinal canal")
    body = _body(cubes)
    path = trace_canal(cubes.voxels, body, GRID_MM)
    progress(0.6, "Finding the disks")
    frame = build_frame(path, GRID_MM)
    chain = find_disks(cubes.voxels, frame, GRID_MM)
    if len(chain.planes) < 2:
        raise LevelNotFoundError(
            "too little of the spine is in view to tell its vertebrae apart", remedy=BY_HAND
        )
    progress(0.75, "Naming the vertebrae")
    levels = Levels(frame, chain, GRID_MM)
    votes = gather_votes(cubes.voxels, body, path, levels)
    verdict = combine_votes(votes)
    shift, vertebrae = _proposal(verdict, levels, cubes)
    progress(1.0, "L3 found")
    return _location(volume, levels, verdict, shift, vertebrae, _canal_of(cubes, path, volume))


def _proposal(
    verdict: Verdict, levels: Levels, cubes: ResampledImage
) -> tuple[int, tuple[Vertebra, ...]]:
    """The likeliest naming with L3 in view, unless it is likelier still that L3 is not."""
    vertebrae = build_vertebrae(levels, verdict.shift, cubes)
    in_view = any(vertebra.name == "L3" for vertebra in vertebrae)
    if not in_view and verdict.of(verdict.shift) >= OUT_OF_VIEW_ABOVE:
        raise LevelNotFoundError(
            f"L3 is not in view: the scan seems to show {vertebrae[0].name} to "
            f"{vertebrae[-1].name}",
            remedy=BY_HAND,
        )
    for shift in sorted((int(s) for s in SHIFTS), key=verdict.of, reverse=True):
        if verdict.of(shift) < PROPOSE_ABOVE:
            break
        vertebrae = build_vertebrae(levels, shift, cubes)
        if any(vertebra.name == "L3" for vertebra in vertebrae):
            return shift, vertebrae
    raise LevelNotFoundError(
        "too few landmarks are in view to tell which vertebra is L3", remedy=BY_HAND
    )


def _location(
    volume: Volume,
    levels: Levels,
    verdict: Verdict,
    shift: int,
    vertebrae: tuple[Vertebra, ...],
    canal: NDArray[np.float64],
) -> L3Location:
    l3 = next(vertebra for vertebra in vertebrae if vertebra.name == "L3")
    counting = _counting_reliability(levels)
    confidence = verdict.of(shift) * counting
    if len({vote.group for vote in verdict.votes if vote.strong}) < 2:
        confidence = min(confidence, ONE_END_ONLY)
    if any(vote.strong or vote.group == "ribs" for vote in verdict.against(shift)):
        confidence = min(confidence, CONTESTED)
    edge = not 0 <= l3.inferior_index <= l3.superior_index <= volume.shape[0] - 1
    if edge:
        confidence = min(confidence, AT_THE_EDGE)
    slice_index = _measured_slice(volume, l3.center_index)
    return L3Location(
        slice_index=slice_index,
        position_mm=volume.slice_position_mm(slice_index),
        confidence=confidence,
        method="automatic",
        vertebrae=vertebrae,
        alternatives=_alternatives(verdict, shift),
        evidence=tuple(vote.sentence(shift) for vote in verdict.votes),
        warnings=_warnings(verdict, shift, confidence, counting, edge),
        canal=canal,
    )


def _measured_slice(volume: Volume, body_center_index: float) -> int:
    index = body_center_index - CENTROID_BELOW_BODY_MM / volume.spacing_mm[0]
    return int(np.clip(round(index), 0, volume.shape[0] - 1))


def _counting_reliability(levels: Levels) -> float:
    """Chance that no disk between L3 and the chain's ends was missed or made up."""
    signs = levels.chain.signs
    doubt = np.interp(signs, [0.3, 0.8], [0.06, 0.003])
    pitches = levels.chain.pitches_mm
    uneven = np.abs(np.diff(np.log(pitches))) if len(pitches) > 1 else np.zeros(1)
    jump = float(np.interp(uneven.max(), [0.25, 0.5], [0.0, 0.25]))
    return float(np.prod(1.0 - doubt) * (1.0 - jump))


def _alternatives(verdict: Verdict, chosen: int) -> dict[int, float]:
    """Probability that the true L3 lies so many vertebrae above the one labelled here."""
    # A greater shift names the same vertebra higher, so that the true L3 lies lower.
    out = {chosen - int(shift): verdict.of(int(shift)) for shift in SHIFTS}
    return {key: p for key, p in sorted(out.items()) if p >= 0.005}


def _warnings(
    verdict: Verdict, shift: int, confidence: float, counting: float, edge: bool
) -> tuple[str, ...]:
    warnings = []
    if confidence < SURE_LEVEL:
        warnings.append(
            f"{UNCERTAIN} ({confidence:.0%} that this is L3): "
            "check it on the sagittal view and move it if it is wrong."
        )
    if edge:
        warnings.append("L3 is only partly in view, at the end of the scan.")
    against = verdict.against(shift)
    if against:
        warnings.append(
            f"The landmarks disagree ({', '.join(vote.name for vote in against)}): "
            "there may be a missing rib or an extra vertebra; check the level."
        )
    strong = {vote.group for vote in verdict.votes if vote.strong}
    if not strong:
        warnings.append("Neither ribs nor pelvis are in view: the level is a guess; check it.")
    elif len(strong) == 1:
        seen, unseen = ("ribs", "pelvis") if "ribs" in strong else ("pelvis", "last ribs")
        warnings.append(
            f"Only the {seen} could be used, not the {unseen}: "
            "a variant of the spine would go unnoticed."
        )
    if counting < 0.85:
        warnings.append("Some disks are hard to see: a vertebra may have been miscounted.")
    return tuple(warnings)


def shift_level(volume: Volume, location: L3Location, n_vertebrae: int) -> L3Location:
    """Move the level by whole vertebrae: the one ``n_vertebrae`` above is now L3.

    All labels move with it. Where no vertebrae are known the step is 34 mm each.

    Args:
        volume: the canonical CT the location belongs to.
        location: from :func:`locate_l3`, :func:`manual_location` or this.
        n_vertebrae: positive is upward.

    Returns:
        A location given by hand (confidence 1); its ``alternatives`` keep the evidence.

    Raises:
        InputError: that vertebra is not in view.
    """
    target, vertebrae = _shifted_target(volume, location, n_vertebrae)
    if not 0 <= target <= volume.shape[0] - 1:
        raise InputError(
            f"there is no vertebra in view {abs(n_vertebrae)} "
            f"{'above' if n_vertebrae > 0 else 'below'} this one",
            source="level",
            remedy="choose a slice instead",
        )
    if n_vertebrae == 0:
        return location
    slice_index = _measured_slice(volume, target) if vertebrae else round(target)
    return L3Location(
        slice_index=slice_index,
        position_mm=volume.slice_position_mm(slice_index),
        confidence=1.0,
        method="manual",
        vertebrae=vertebrae,
        alternatives={key - n_vertebrae: p for key, p in location.alternatives.items()},
        evidence=("The level was moved by hand.",),
        canal=location.canal,
    )


def _shifted_target(
    volume: Volume, location: L3Location, n_vertebrae: int
) -> tuple[float, tuple[Vertebra, ...]]:
    names = [v.name for v in location.vertebrae]
    if "L3" not in names:
        return location.slice_index + n_vertebrae * VERTEBRA_MM / volume.spacing_mm[0], ()
    place = names.index("L3") + n_vertebrae
    if not 0 <= place < len(names):
        return -1.0, ()
    renamed = []
    for vertebra in location.vertebrae:
        index = NAMES.index(vertebra.name) - n_vertebrae
        if 0 <= index < len(NAMES):
            renamed.append(replace(vertebra, name=NAMES[index]))
    return location.vertebrae[place].center_index, tuple(renamed)


def find_canal(volume: Volume) -> NDArray[np.float64]:
    """Row and column of the spinal canal's centre on each slice.

    Args:
        volume: canonical CT in HU; one slice, a short slab or a whole scan.

    Returns:
        (slices, 2) continuous row and column indices.

    Raises:
        LevelNotFoundError: there is no body or no bone to follow.
    """
    cubes = resample_isotropic(volume, GRID_MM)
    return _canal_of(cubes, trace_canal(cubes.voxels, _body(cubes), GRID_MM), volume)


def _body(cubes: ResampledImage) -> NDArray[np.bool_]:
    body = body_mask_grid(cubes.voxels, GRID_MM)
    if not body.any():
        raise LevelNotFoundError(
            "no body is in view", remedy="check that the series is an axial CT of the abdomen"
        )
    return body


def _canal_of(cubes: ResampledImage, path: CanalPath, volume: Volume) -> NDArray[np.float64]:
    slices = cubes.from_source(np.arange(volume.shape[0]), 0)
    rows = np.interp(slices, np.arange(len(path.row)), path.row)
    columns = np.interp(slices, np.arange(len(path.row)), path.column)
    return np.stack([cubes.to_source(rows, 1), cubes.to_source(columns, 2)], axis=1)


def manual_location(
    volume: Volume, slice_index: int, automatic: L3Location | None = None
) -> L3Location:
    """The level a person chose.

    Args:
        volume: canonical CT in HU.
        slice_index: the slice that shows L3.
        automatic: an earlier location, whose canal and vertebrae are kept.

    Returns:
        A location of confidence 1; method "single_slice" for a volume of one slice.

    Raises:
        InputError: the volume has no such slice.
    """
    n_slices = volume.shape[0]
    if not 0 <= slice_index < n_slices:
        raise InputError(
            f"slice {slice_index} is not in the scan",
            source="slice_index",
            remedy=f"give a slice from 0 to {n_slices - 1}",
        )
    canal, warnings = _canal_or_warning(volume, automatic)
    return L3Location(
        slice_index=int(slice_index),
        position_mm=volume.slice_position_mm(slice_index),
        confidence=1.0,
        method="single_slice" if n_slices == 1 else "manual",
        vertebrae=automatic.vertebrae if automatic else (),
        evidence=("The level was given by hand.",),
        warnings=warnings,
        canal=canal,
    )


def _canal_or_warning(
    volume: Volume, automatic: L3Location | None
) -> tuple[NDArray[np.float64] | None, tuple[str, ...]]:
    if automatic is not None and automatic.canal is not None:
        return automatic.canal, ()
    try:
        return find_canal(volume), ()
    except LevelNotFoundError as error:
        return None, (f"The spinal canal was not found: {error.what}.",)
