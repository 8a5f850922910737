"""What a radiologist sees in muscle at L3 beyond its area: attenuation, fat streaks, asymmetry.

All from a slab and an outline of muscle and psoas, each value with a meaning of its own:

* **Attenuation of the lean muscle**: the median of what is not visibly fatty, as the difference
  from the patient's own subcutaneous fat, which cancels a scanner's offset, and less what contrast
  adds (7.5 HU, see :data:`ENHANCEMENT_HU`).
* **Fat within muscle**: the mean fat fraction inside the muscle's envelope (the outline with the
  gaps closed that its HU limits cut out). A pixel counts once it lies further below lean muscle
  than noise reaches, so that kernels and doses count alike.
* **Fineness of the streaks**: how much the fat fraction changes between neighbors (front to
  back), relative to how much fat there is, the madogram of geostatistics at a fixed distance in mm:
  many fine streaks change often, few coarse ones seldom.
* **Asymmetry**: the difference between left and right.

Muscle is looked at in five parts (psoas, quadratus, erector spinae, lateral wall, rectus), which
are told apart by where they lie relative to the psoas; fat gathers in each to a different degree.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

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
from hccsurv_core.volume import Volume

#: Muscle enhances by 6 to 9 HU: +7.8 HU portal venous (van Vugt 2018, doi:10.1016/
#: j.clnu.2017.07.007); −7.5 HU brings enhanced muscle within 3 HU of unenhanced, whatever the
#: phase and the sex (a published and validated rule of thumb).
ENHANCEMENT_HU = 7.5
#: Attenuation of fat, for fractions.
FAT_HU = -105.0
#: A pixel this far below lean muscle counts as partly fat: the first reaches into what a streak
#: thinner than a pixel leaves, the second lies above all noise (8 to 15 HU).
FAINT_HU, CLEAR_HU = 15.0, 45.0
#: For crossings a pixel is on a streak when it is this much lower again.
_STREAK_HU = 30.0
#: Distance of neighbors for the fineness of streaks.
LAG_MM = 0.9
#: Distance of neighbors along rows and columns for the coherence; √2 times that on diagonals.
COHERENCE_MM = 1.0
#: Lower limit of what an outline counts as muscle.
_OUTLINE_HU = -29.0
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
    for k in chosen:
        frame = MuscleFrame.of(psoas[k])
        image = np.asarray(volume.voxels[k], dtype=np.float32)
        for name, mask in frame.parts(muscle[k], psoas[k]).items():
            if np.count_nonzero(mask) * volume.pixel_area_cm2 >= SMALLEST_CM2:
                found[name].append(cut_part(image, mask, pixel_mm, name))
        fat.append(_subcutaneous_hu(image, muscle[k], pixel_mm))
        vessel.append(_vessel_hu(image, frame, pixel_mm))
        sides.append(frame.sides(muscle[k], psoas[k]))
    reference = _median(fat)
    enhanced = contrast if contrast is not None else _median(vessel) > _ENHANCED_VESSEL_HU
    lean = {name: _lean_hu(parts) for name, parts in found.items()}
    return {
        "lean_hu_above_fat": _mean([lean[name] for name in _LEAN_PARTS])
        - reference
        - ENHANCEMENT_HU * enhanced,
        "envelope_cm2": _envelope_cm2(found, pixel_mm),
        "asymmetry": _asymmetry(sides),
        **_textures(found, lean, pixel_mm),
        "coherence_faint": _coherence(
            [(np.asarray(volume.voxels[k], np.float32), muscle[k] & ~psoas[k]) for k in chosen],
            pixel_mm,
        ),
        "fat_hu": reference,
        "vessel_hu": _median(vessel),
        "enhanced": float(enhanced),
    }


#: Parts with few streaks and firm borders tell the attenuation of lean muscle best.
_LEAN_PARTS = ("psoas", "lateral", "rectus")
_ENOUGH_SLICES = 5


def _lean_hu(parts: list[MusclePart]) -> float:
    """Median attenuation of what is not visibly fatty, NaN where nothing is outlined."""
    if not parts:
        return math.nan
    drawn = np.concatenate([p.hu[p.muscle] for p in parts])
    return float(np.median(drawn[drawn > np.median(drawn) - 25]))


def _envelope_cm2(found: Mapping[str, list[MusclePart]], pixel_mm: float) -> float:
    """Area of muscle and the fat within it on a slice, all parts together."""
    pixels = sum(
        sum(int(p.envelope.sum()) for p in parts) / len(parts) for parts in found.values() if parts
    )
    return pixels * pixel_mm**2 / 100


def _textures(
    found: Mapping[str, list[MusclePart]], lean: Mapping[str, float], pixel_mm: float
) -> dict[str, float]:
    """Fat within muscle and the fineness of its streaks, over all parts.

    The share of fat is a mean over area. Fineness is the mean over parts of its logarithm,
    without the psoas, which has too few streaks.
    """
    values: dict[str, float] = {}
    for word, below in (("faint", FAINT_HU), ("clear", CLEAR_HU)):
        parts = {
            name: _streaks(part, lean[name] - below, pixel_mm)
            for name, part in found.items()
            if part
        }
        known = {name: s for name, s in parts.items() if s is not None}
        area = sum(s.pixels for s in known.values())
        share = sum(s.fat * s.pixels for s in known.values()) / area if area else math.nan
        values[f"fat_root_{word}"] = math.sqrt(share)
        fine = [s for name, s in known.items() if name != "psoas"]
        for measure in _FINENESS[word]:
            logs = [math.log(max(getattr(s, measure), 1e-3)) for s in fine]
            values[f"{measure}_{word}"] = _mean(logs)
    return values


#: Which measures of fineness are told at which level; crossings have a level of their own.
_FINENESS = {"faint": ("crossings", "steps", "squares"), "clear": ("steps", "steps_across")}


@dataclass(frozen=True)
class _Streaks:
    """Fat streaks of one part.

    Args:
        pixels: of the core, over slices.
        fat: mean fat fraction.
        crossings: streaks that a line from front to back enters, per mm and per share of fat.
        steps: mean difference of the fat fraction between neighbors front to back, per share.
        steps_across: the same from side to side.
        squares: mean squared difference front to back, per variance (a variogram).
    """

    pixels: float
    fat: float
    crossings: float
    steps: float
    steps_across: float
    squares: float


def _streaks(parts: list[MusclePart], top_hu: float, pixel_mm: float) -> _Streaks | None:
    """Streaks of pixels below ``top_hu``; None where the core is too small to tell."""
    sums = np.zeros(7)
    for part in parts:
        fat = np.clip((top_hu - part.hu) / (top_hu - FAT_HU), 0.0, 1.0)
        core = part.core
        inside = fat[core].astype(np.float64)
        down, across = _steps(fat, core, pixel_mm), _steps(fat.T, core.T, pixel_mm)
        on = (part.hu < top_hu - _STREAK_HU) & core
        entered = np.count_nonzero(on[1:] & ~on[:-1] & core[:-1])
        sums += np.array(
            [inside.size, inside.sum(), (inside**2).sum(), *down, across[0], entered], np.float64
        )
    if sums[0] < _FEWEST_PIXELS:
        return None
    mean, square, steps, squares, across_, entered_ = sums[1:] / sums[0]
    share = max(mean, 1e-4)
    return _Streaks(
        pixels=float(sums[0]),
        fat=float(mean),
        crossings=float(entered_ / pixel_mm / share),
        steps=float(steps / share),
        steps_across=float(across_ / share),
        squares=float(squares / max(square - mean**2, 1e-6)),
    )


_FEWEST_PIXELS = 50


def _coherence(
    slices: list[tuple[NDArray[np.float32], NDArray[np.bool_]]], pixel_mm: float
) -> float:
    """How alike neighbors are in faint fat, inside the outline of all muscle but the psoas.

    The correlation of GLCM, at a fixed distance in mm and of the fat fraction between lean muscle
    and the outline's lower limit: high where streaks are coarse. Mean over rows, columns and both
    diagonals; NaN where nothing varies.
    """
    drawn = np.concatenate([image[mask] for image, mask in slices])
    if drawn.size < _FEWEST_PIXELS:
        return math.nan
    top = float(np.median(drawn[drawn > np.median(drawn) - 25])) - FAINT_HU
    faint = [(np.clip((top - image) / (top - _OUTLINE_HU), 0, 1), m) for image, m in slices]
    found = []
    for direction in ((1, 0), (0, 1), (1, 1), (1, -1)):
        # On a diagonal both the step and the distance are √2 times as long.
        weight = min(max(COHERENCE_MM / pixel_mm - 1, 0.0), 1.0)
        near, far = (_correlation(faint, direction, n) for n in (1, 2))
        found.append((1 - weight) * near + weight * far)
    return _mean(found)


def _correlation(
    slices: list[tuple[NDArray[np.float32], NDArray[np.bool_]]], direction: tuple[int, int], n: int
) -> float:
    """Of pixels ``n`` steps apart, both inside."""
    pairs: list[tuple[NDArray, NDArray]] = []
    down, aside = direction[0] * n, direction[1] * n
    for image, mask in slices:
        rows, columns = image.shape
        a = (slice(down, rows), slice(max(aside, 0), columns + min(aside, 0)))
        b = (slice(0, rows - down), slice(max(-aside, 0), columns - max(aside, 0)))
        both = mask[a] & mask[b]
        pairs.append((image[a][both], image[b][both]))
    x, y = (np.concatenate([pair[side] for pair in pairs]).astype(np.float64) for side in (0, 1))
    if x.size < _FEWEST_PIXELS or x.std() == 0 or y.std() == 0:
        return math.nan
    return float(np.corrcoef(x, y)[0, 1])


def _steps(
    fat: NDArray[np.float32], core: NDArray[np.bool_], pixel_mm: float
) -> tuple[float, float]:
    """Sums of absolute and of squared differences at :data:`LAG_MM` along the rows' axis.

    Between one and two pixels, whichever the distance lies between.
    """
    weight = min(max(LAG_MM / pixel_mm - 1, 0.0), 1.0)
    found = np.zeros(2)
    for pixels, share in ((1, 1 - weight), (2, weight)):
        pairs = core[pixels:] & core[:-pixels]
        step = (fat[pixels:] - fat[:-pixels])[pairs].astype(np.float64)
        scale = share * np.count_nonzero(core) / max(step.size, 1)
        found += scale * np.abs(step).sum(), scale * (step**2).sum()
    return float(found[0]), float(found[1])


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
    """Difference between left and right as a share, mean of psoas and of all other muscle."""
    found = []
    for name in ("psoas", "wall"):
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
