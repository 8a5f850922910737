"""What a radiologist sees in muscle at L3 beyond its area: attenuation, fat streaks, asymmetry.

All from a slab and an outline of muscle and psoas, each value with a meaning of its own:

* **Attenuation of the lean muscle**: the median of what is not visibly fatty, as the difference
  from the patient's own subcutaneous fat, which cancels a scanner's offset, and less what contrast
  adds (7.5 HU, see :data:`ENHANCEMENT_HU`). How much less dense the back's muscle is than the
  psoas tells of fat too fine to see: it gathers in the back first.
* **Fat streaks**: their fat, number, length and coherence (:mod:`~.muscle_streaks`).
* **Asymmetry**: the difference between left and right, of psoas and lateral wall.

Muscle is looked at in five parts (psoas, quadratus, erector spinae, lateral wall, rectus), which
are told apart by where they lie relative to the psoas; fat gathers in each to a different degree.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import InputError
from hccsurv_core.features.muscle_parts import (
    PARTS,
    SMALLEST_CM2,
    MuscleFrame,
    MusclePart,
    cut_part,
    has_both_psoas,
)
from hccsurv_core.features.muscle_streaks import (
    Slice,
    coherence,
    fat_share,
    lean_hu,
    log_streak_length,
    streaks_per_cm2,
)
from hccsurv_core.volume import Volume

#: Muscle enhances by 6 to 9 HU: +7.8 HU portal venous (van Vugt 2018, doi:10.1016/
#: j.clnu.2017.07.007); −7.5 HU brings enhanced muscle within 3 HU of unenhanced, whatever the
#: phase and the sex (a published and validated rule of thumb).
ENHANCEMENT_HU = 7.5
#: Above this the vessels before the spine are enhanced: blood measures 30 to 60 HU without.
_ENHANCED_VESSEL_HU = 85.0


def describe_muscle(
    volume: Volume,
    muscle: NDArray[np.bool_],
    psoas: NDArray[np.bool_],
    *,
    contrast: bool | None = None,
) -> dict[str, float]:
    """The features of a slab.

    Args:
        volume: canonical CT, HU.
        muscle: (slices, rows, columns) skeletal muscle, psoas included.
        psoas: (slices, rows, columns) both psoas.
        contrast: whether contrast was given, None where it is to be seen on the vessels.

    Returns:
        Name to value, always the same names; NaN where a part is not outlined.

    Raises:
        InputError: no slice has both psoas.
    """
    slices = [k for k in range(len(muscle)) if has_both_psoas(psoas[k])]
    if not slices:
        raise InputError(
            "no slice shows both psoas", source="outline", remedy="outline both psoas as 2"
        )
    # Of a thick stack every so many slices: neighbors say the same.
    chosen = slices[:: max(1, len(slices) // _ENOUGH_SLICES)]
    pixel_mm = math.sqrt(volume.pixel_area_cm2 * 100)
    found: dict[str, list[MusclePart]] = {name: [] for name in PARTS}
    fat, vessel, sides = [], [], []
    outside: list[Slice] = []
    wall: list[Slice] = []
    for k in chosen:
        frame = MuscleFrame.of(psoas[k])
        image = np.asarray(volume.voxels[k], dtype=np.float32)
        parts = frame.parts(muscle[k], psoas[k])
        for name, mask in parts.items():
            if np.count_nonzero(mask) * volume.pixel_area_cm2 >= SMALLEST_CM2:
                found[name].append(cut_part(image, mask, pixel_mm, name))
        fat.append(_subcutaneous_hu(image, muscle[k], pixel_mm))
        vessel.append(_vessel_hu(image, frame, pixel_mm))
        sides.append(frame.sides(parts))
        outside.append((image, muscle[k] & ~psoas[k]))
        wall.append((image, parts["lateral"]))
    reference = _median(fat)
    enhanced = contrast if contrast is not None else _median(vessel) > _ENHANCED_VESSEL_HU
    lean = {name: _lean_hu(parts) for name, parts in found.items()}
    streaky = {name: parts for name, parts in found.items() if name != "psoas"}
    return {
        "lean_hu_above_fat": _mean([lean[name] for name in _LEAN_PARTS])
        - reference
        - ENHANCEMENT_HU * enhanced,
        "back_hu_below_psoas": lean["psoas"] - lean["erector"],
        "envelope_cm2": _envelope_cm2(found, pixel_mm),
        "asymmetry": _asymmetry(sides),
        "fat_root": math.sqrt(fat_share(found, lean)),
        "log_streaks_per_cm2": math.log(streaks_per_cm2(streaky, lean, pixel_mm)),
        "log_streak_length_mm": log_streak_length(found["erector"], lean["erector"], pixel_mm),
        "coherence": coherence(outside, pixel_mm),
        "coherence_wall": coherence(wall, pixel_mm),
        "fat_hu": reference,
        "vessel_hu": _median(vessel),
        "enhanced": float(enhanced),
    }


#: Parts with few streaks and firm borders tell the attenuation of lean muscle best.
_LEAN_PARTS = ("psoas", "lateral", "rectus")
_ENOUGH_SLICES = 5


def _lean_hu(parts: list[MusclePart]) -> float:
    """Of a part over its slices, NaN where nothing is outlined."""
    return lean_hu(np.concatenate([p.hu[p.muscle] for p in parts])) if parts else math.nan


def _envelope_cm2(found: Mapping[str, list[MusclePart]], pixel_mm: float) -> float:
    """Area of muscle and the fat within it on a slice, all parts together."""
    pixels = sum(
        sum(int(p.envelope.sum()) for p in parts) / len(parts) for parts in found.values() if parts
    )
    return pixels * pixel_mm**2 / 100


def _subcutaneous_hu(
    image: NDArray[np.float32], muscle: NDArray[np.bool_], pixel_mm: float
) -> float:
    """Median attenuation of the fat outside the muscles' ring, NaN where there is too little."""
    from scipy import ndimage

    step = max(1, round(1.5 / pixel_mm))
    coarse, ring = image[::step, ::step], muscle[::step, ::step]
    mm = step * pixel_mm
    grown = ndimage.distance_transform_edt(~ring) * mm <= _RING_GAP_MM
    closed = ndimage.distance_transform_edt(np.pad(ndimage.binary_fill_holes(grown), 1))
    inside = closed[1:-1, 1:-1] * mm > _RING_GAP_MM
    outside = ndimage.distance_transform_edt(~inside) * mm
    depth = ndimage.distance_transform_edt(coarse > -300) * mm
    fat = (coarse > -150) & (coarse < -50) & (depth > 3.5) & (outside > 2.5) & (outside < 25)
    return float(coarse[fat].mean()) if np.count_nonzero(fat) * mm**2 > 60 else math.nan


#: Gaps between the muscles of the wall that are closed to tell inside from outside.
_RING_GAP_MM = 12.0


def _vessel_hu(image: NDArray[np.float32], frame: MuscleFrame, pixel_mm: float) -> float:
    """Attenuation of the brightest tenth of what lies before the spine: aorta and vena cava."""
    from scipy import ndimage

    behind, aside = frame.places(image.shape)  # type: ignore[arg-type]
    rows = np.flatnonzero((behind[:, 0] > -0.80) & (behind[:, 0] < -0.32))
    columns = np.flatnonzero(aside[0] < 0.45)
    if not rows.size or not columns.size:
        return math.nan
    box = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    smooth = ndimage.gaussian_filter(box, 2.0 / pixel_mm)
    soft = smooth[(smooth > 0) & (smooth < 300)]
    return float(np.percentile(soft, 90)) if soft.size > 50 else math.nan


def _asymmetry(sides: list[dict[str, tuple[int, int]]]) -> float:
    """Difference between left and right as a share, mean of psoas and lateral wall."""
    found = []
    for name in ("psoas", "lateral"):
        right = sum(s[name][0] for s in sides)
        left = sum(s[name][1] for s in sides)
        found.append((left - right) / max(left + right, 1))
    return abs(sum(found) / len(found))


def _mean(values: list[float]) -> float:
    known = [v for v in values if not math.isnan(v)]
    return sum(known) / len(known) if known else math.nan


def _median(values: list[float]) -> float:
    known = [v for v in values if not math.isnan(v)]
    return float(np.median(known)) if known else math.nan


def to_names(values: Mapping[str, float], prefix: str) -> dict[str, float]:
    """The same with a prefix."""
    return {prefix + name: value for name, value in values.items()}
