"""From any scan with an outline to a slab like those that models are trained on.

Training slabs are five slices of 4 to 5 mm about the middle of L3. A scan of thin slices is
averaged to such slices, as a scanner would have made them: noise and partial volume, and with them
texture, then are what the model knows. In plane nothing is resampled.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import GeometryError, InputError
from hccsurv_core.systems.muscle.case_images import CaseImages
from hccsurv_core.volume import Volume

#: Distance of a training slab's slices, and how much of the patient it covers, mm.
SLICE_MM, EXTENT_MM = 5.0, 25.0
#: Slices this thick or thicker are taken as they are.
THICK_MM = 3.5
#: A Laplacian of Gaussian needs this many slices.
FEWEST_SLICES = 4
#: Slabs whose middle is farther from the level are told of; an even number of slices is half off.
_OFF_LEVEL_MM = 4.0
#: A slice of the slab is outlined where this share of its height is.
_OUTLINED = 0.6
#: What counts as muscle, HU (Mitsiopoulos 1998).
_MUSCLE_HU = (-29, 150)


def slab_from_scan(
    volume: Volume,
    masks: Mapping[str, NDArray[np.bool_]],
    *,
    slice_index: int,
    first_slice: int = 0,
    contrast: bool | None = None,
    fewest: int = FEWEST_SLICES,
) -> CaseImages:
    """Cut and average a slab about the measured level.

    Args:
        volume: canonical CT, HU.
        masks: ``muscle`` (psoas included) and either ``psoas`` or ``psoas_left`` and
            ``psoas_right``, each (outlined slices, rows, columns).
        slice_index: the measured slice, in the volume.
        first_slice: the volume's slice that the masks' first one lies on.
        contrast: whether contrast was given, None where it is to be seen on the vessels.
        fewest: slices that the features need.

    Returns:
        At most 25 mm about the level, fewer where the outline ends before, and a warning where the
        level is then not in the middle; the masks hold only pixels of −29 to 150 HU that most of
        the slice's height has.

    Raises:
        InputError: muscle or psoas is not outlined at the level, or on too few slices.
        GeometryError: the volume is not canonical, or the masks are not on its grid.
    """
    muscle, psoas = _outline(volume, masks, first_slice)
    outlined = np.asarray(muscle.any(axis=(1, 2)) & psoas.any(axis=(1, 2)))
    level = slice_index - first_slice
    if not (0 <= level < len(outlined) and outlined[level]):
        raise InputError(
            f"muscle and psoas are not outlined on slice {slice_index}, the measured one",
            source="outline",
            remedy="outline both there, or choose the level that is outlined",
        )
    slice_mm = volume.spacing_mm[0]
    ratio = 1.0 if slice_mm >= THICK_MM else SLICE_MM / slice_mm
    weights, centers = _slices(outlined, level, ratio, slice_mm, fewest)
    if len(centers) < fewest:
        height = int(outlined.sum()) * slice_mm
        raise InputError(
            f"the outline covers {height:.3g} mm about the level, {len(centers)} slices of "
            f"{ratio * slice_mm:.3g} mm; {fewest} are needed",
            source="outline",
            remedy=f"outline muscle and psoas on {fewest * ratio * slice_mm:.3g} mm about the "
            "level, on a scan that covers them",
        )
    images = _average(volume.voxels[first_slice : first_slice + len(outlined)], weights)
    counted = (images >= _MUSCLE_HU[0]) & (images <= _MUSCLE_HU[1])
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, 2] * (first_slice + centers[0])
    affine[:3, 2] *= ratio
    drawn = weights * outlined
    drawn /= drawn.sum(axis=1, keepdims=True)
    inner, whole = (_majority(mask, drawn) & counted for mask in (psoas, muscle))
    warnings = _off_level((centers.mean() - level) * slice_mm)
    return CaseImages(Volume(images, affine), whole | inner, inner, contrast, warnings)


def _off_level(distance_mm: float) -> tuple[str, ...]:
    """What a reader must know where the outline did not allow a slab about the level."""
    if abs(distance_mm) <= _OFF_LEVEL_MM:
        return ()
    side, end = ("above", "below") if distance_mm > 0 else ("below", "above")
    return (
        f"The slab's middle lies {abs(distance_mm):.0f} mm {side} the measured slice, because the "
        f"outline ends too soon {end} it; outline muscle and psoas {EXTENT_MM / 2:.3g} mm to each side",
    )


def _outline(
    volume: Volume, masks: Mapping[str, NDArray[np.bool_]], first_slice: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Muscle with psoas, and psoas, both as drawn."""
    if not volume.is_canonical:
        raise GeometryError(
            "the volume is not in canonical orientation", remedy="call to_canonical() first"
        )
    parts = [name for name in ("psoas", "psoas_left", "psoas_right") if name in masks]
    if "muscle" not in masks or parts not in (["psoas"], ["psoas_left", "psoas_right"]):
        raise InputError(
            "muscle or psoas is not outlined", source="outline",
            remedy="outline the muscle and both psoas",
        )  # fmt: skip
    psoas = np.logical_or.reduce([np.asarray(masks[name], bool) for name in parts])
    muscle = np.asarray(masks["muscle"], bool)
    fits = muscle.shape == psoas.shape and muscle.shape[1:] == volume.shape[1:]
    if not fits or first_slice < 0 or first_slice + len(muscle) > volume.shape[0]:
        raise GeometryError(
            f"masks of shape {muscle.shape} and {psoas.shape} from slice {first_slice} do not fit "
            f"a volume of shape {volume.shape}"
        )
    return np.asarray(muscle | psoas), np.asarray(psoas)


def _slices(
    outlined: NDArray[np.bool_], level: int, ratio: float, slice_mm: float, fewest: int
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """(slab slices, outlined slices) weights that sum to 1, and the centers, in source slices.

    A slab's slice is the mean of what lies in its height: source slices count by their overlap.
    """
    wanted = max(round(EXTENT_MM / (ratio * slice_mm)), fewest)
    steps = np.arange(-wanted, wanted + 1)
    centers = level + ratio * steps
    places = np.arange(len(outlined))
    high = np.minimum(centers[:, None] + ratio / 2, places + 0.5)
    low = np.maximum(centers[:, None] - ratio / 2, places - 0.5)
    overlap = np.clip(high - low, 0.0, None)
    good = (overlap * outlined).sum(axis=1) / ratio >= _OUTLINED
    below, above = wanted, wanted
    if not good[wanted]:
        return overlap[:0], centers[:0]
    # From the level outwards, in turn, below first: the level stays in the middle.
    while above - below + 1 < wanted:
        room = [
            good[below - 1] if below else False,
            good[above + 1] if above + 1 < len(good) else False,
        ]
        if not any(room):
            break
        down = room[0] and (not room[1] or wanted - below <= above - wanted)
        below, above = (below - 1, above) if down else (below, above + 1)
    chosen = overlap[below : above + 1]
    return chosen / chosen.sum(axis=1, keepdims=True), centers[below : above + 1]


def _average(voxels: NDArray, weights: NDArray[np.floating]) -> NDArray:
    """Weighted means of slices, whole HU like a scanner's."""
    if (weights.max(axis=1) == 1).all():
        return np.asarray(voxels[np.argmax(weights, axis=1)])
    found = [
        np.tensordot(row[row > 0], np.asarray(voxels[row > 0], dtype=np.float64), 1)
        for row in weights
    ]
    return np.rint(np.clip(found, -32768, 32767)).astype(np.int16)


def _majority(mask: NDArray[np.bool_], weights: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Pixels that at least half of a slice's outlined height has."""
    return np.asarray(
        [np.tensordot(row[row > 0], mask[row > 0].astype(np.float64), 1) >= 0.5 for row in weights]
    )
