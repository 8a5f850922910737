"""How sure is a verdict? Outline and level are moved a little, and everything is measured again.

One thing is moved at a time, by sizes in millimeters:

* the line round the muscle, and the lines round both psoas, outwards and inwards everywhere, and
  to eight sides as a whole;
* the level, slice by slice, as far as it is outlined.

A line is what was drawn, not the border of the pixels that count: see
:mod:`hccsurv_core.roi.moved_outline` for what a moved line takes in and gives up. SMA, SMI and MA
are read from the muscle's line, which goes round the psoas too; PMA, PMI and PD from those of the
psoas. A psoas that grows within the muscle leaves the muscle as it is; where it grows out of it,
the muscle's line grows as far when it is its turn.

**How far.** Of two readers, the 95 % limits of agreement of the muscle's area at L3 were −9.9 to
7.6 cm² (Ko 2022, doi:10.1186/s12891-022-05032-2); of both psoas the within-subject coefficient of
variation was 16.0 %, of all muscle 8.2 % (Park 2019, doi:10.1371/journal.pone.0222042). On the
simulated patients and the scan here, a line 0.5 mm further in takes 5 to 7 % of the muscle's area,
and one 1 mm further in 10 to 17 % of a psoas'. So the muscle's line is moved by up to 0.5 mm, those
of the psoas by up to 1 mm: the sizes are our choice, made to be of the order of what readers differ
by. For shifts, for the level, and for attenuations nothing was found to go by: our choice as well.
Everywhere at once is worse than what a reader does; a little here and a little there is not tried.
So this is a test of how much a verdict bears, not an interval with a probability.

**What is not covered:** a border that is wrong altogether (a bowel loop taken for muscle), the wrong
vertebra, contrast, scanner. For three simulated patients (those of ``tests/roi``) the true values
lay in the range of the automatic outline for PMA and PD in all three, for SMA in two, for MA in none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import GeometryError
from hccsurv_core.features.body import (
    BodyMeasures,
    DefinitionResult,
    apply_definitions,
    measure_body,
)
from hccsurv_core.patient import PatientFacts, check_patient_facts
from hccsurv_core.roi.moved_outline import Change, DrawnOutline, draw_outline
from hccsurv_core.roi.results import BodySegmentation
from hccsurv_core.systems.uncertainty_results import (
    MEASURE_UNITS,
    DefinitionUncertainty,
    MeasureRange,
    OutlineUncertainty,
    Perturbation,
    PerturbedMeasures,
)
from hccsurv_core.volume import Volume

#: How far a line is moved outwards and inwards, mm.
OUTLINE_STEPS_MM = {"muscle": (0.1, 0.2, 0.3, 0.4, 0.5), "psoas": (0.2, 0.4, 0.6, 0.8, 1.0)}
#: How far a line is moved as a whole, mm.
SHIFT_STEPS_MM = (0.5, 1.0)
#: The level is moved as far as this, mm, and by one slice in any case.
LEVEL_REACH_MM = 5.0
#: Where to, in the patient's terms: how far down the picture (posterior) and to its right (left).
DIRECTIONS = {
    "anterior": (-1.0, 0.0), "anterior left": (-1.0, 1.0), "left": (0.0, 1.0),
    "posterior left": (1.0, 1.0), "posterior": (1.0, 0.0), "posterior right": (1.0, -1.0),
    "right": (0.0, -1.0), "anterior right": (-1.0, -1.0),
}  # fmt: skip
#: A pixel's worth: less than this is no area.
_NOTHING_PIXELS = 1.0


def outline_uncertainty(
    volume: Volume,
    segmentation: BodySegmentation,
    facts: PatientFacts,
    *,
    automatic: BodySegmentation | None = None,
) -> OutlineUncertainty:
    """Move the outlines and the level, measure again, and see which verdicts flip.

    Args:
        volume: canonical CT, HU.
        segmentation: masks on a slab round the level.
        facts: sex and height; what is missing makes definitions *not known*.
        automatic: the outlines before anybody corrected them. Where the measured slice was
            corrected and another was not, the other's error would pass for an effect of the
            level; then the difference between the two slices is taken from these, which have the
            error on both, and added to the measured values.

    Raises:
        GeometryError: the volume is not in canonical orientation.
        InputError: sex or height is impossible.
    """
    check_patient_facts(facts)
    if not volume.is_canonical:
        raise GeometryError(
            "the volume is not in canonical orientation", remedy="call to_canonical() first"
        )
    measured = measure_body(volume, segmentation, facts)
    lines = _draw_lines(volume, segmentation)
    perturbed = [
        *_moved(lines, "muscle", measured),
        *_moved(lines, "psoas", measured),
        *_other_levels(volume, segmentation, facts, automatic),
    ]
    results = apply_definitions(measured, facts.sex)
    verdicts = [apply_definitions(p.measures, facts.sex) for p in perturbed]
    ranges = _ranges(measured, perturbed)
    definitions = tuple(
        _uncertainty_of(result, [v[i] for v in verdicts], perturbed, ranges)
        for i, result in enumerate(results)
    )
    notes = _notes(volume, segmentation, measured, automatic)
    return OutlineUncertainty(measured, tuple(perturbed), ranges, definitions, notes)


@dataclass(frozen=True, eq=False)
class _Lines:
    """The lines of one outline ("muscle", or both psoas), and what lies in them now."""

    lines: tuple[DrawnOutline, ...]
    pixels: float
    sum_hu: float
    pixel_area_cm2: float

    def measure(self, move: Callable[[DrawnOutline], Change]) -> tuple[float | None, float | None]:
        """Area, cm², and mean attenuation, HU, where every line is moved."""
        change = sum((move(line) for line in self.lines), Change(0.0, 0.0))
        pixels = self.pixels + change.pixels
        if pixels < _NOTHING_PIXELS:
            return None, None
        return pixels * self.pixel_area_cm2, (self.sum_hu + change.sum_hu) / pixels


def _draw_lines(volume: Volume, segmentation: BodySegmentation) -> dict[str, _Lines]:
    """By outline; one that has no pixels, or half a pair of psoas, is left out."""
    image = volume.voxels[segmentation.slice_index]
    muscle = segmentation.mask_at("muscle")
    left, right = segmentation.mask_at("psoas_left"), segmentation.mask_at("psoas_right")
    drawn = {
        "muscle": [_line(volume, image, muscle, "muscle", None)],
        "psoas": [
            _line(volume, image, left, "psoas_left", right),
            _line(volume, image, right & ~left, "psoas_right", left),
        ],
    }
    masks = {"muscle": muscle, "psoas": left | right}
    found = {}
    for name, lines in drawn.items():
        kept = tuple(line for line in lines if line is not None)
        if len(kept) == len(lines):
            inside = image[masks[name]]
            total = float(inside.sum(dtype=np.float64))
            found[name] = _Lines(kept, float(inside.size), total, volume.pixel_area_cm2)
    return found


def _line(
    volume: Volume,
    image: NDArray,
    mask: NDArray[np.bool_],
    structure: str,
    other: NDArray[np.bool_] | None,
) -> DrawnOutline | None:
    outline = structure.split("_")[0]
    reach = max(*OUTLINE_STEPS_MM[outline], *SHIFT_STEPS_MM)
    _, row_mm, column_mm = volume.spacing_mm
    return draw_outline(
        mask, image, (row_mm, column_mm), reach_mm=reach, structure=structure, closed_to=other
    )


def _moved(
    found: dict[str, _Lines], outline: str, measured: BodyMeasures
) -> Iterator[PerturbedMeasures]:
    """An outline wider, narrower and shifted."""
    lines = found.get(outline)
    if lines is None:
        return
    area, mean = ("sma_cm2", "ma_hu") if outline == "muscle" else ("pma_cm2", "pd_hu")
    for perturbation, move in _moves(outline):
        area_cm2, mean_hu = lines.measure(move)
        yield PerturbedMeasures(perturbation, replace(measured, **{area: area_cm2, mean: mean_hu}))


def _moves(outline: str) -> Iterator[tuple[Perturbation, Callable[[DrawnOutline], Change]]]:
    for kind, sign in (("dilate", 1.0), ("erode", -1.0)):
        for step in OUTLINE_STEPS_MM[outline]:
            yield Perturbation(kind, step, outline), _widen(sign * step)
    for step in SHIFT_STEPS_MM:
        for direction, (down, right) in DIRECTIONS.items():
            length = step / float(np.hypot(down, right))
            move = _shift(length * down, length * right)
            yield Perturbation("shift", step, outline, direction), move


def _widen(by_mm: float) -> Callable[[DrawnOutline], Change]:
    return lambda line: line.widened(by_mm)


def _shift(down_mm: float, right_mm: float) -> Callable[[DrawnOutline], Change]:
    return lambda line: line.shifted(down_mm, right_mm)


def _level_slices(volume: Volume, segmentation: BodySegmentation) -> tuple[list[int], list[int]]:
    """Slices that the level may as well be on: those that are outlined, and those that are not."""
    reach = max(1, int(np.floor(LEVEL_REACH_MM / volume.spacing_mm[0] + 1e-6)))
    here, first = segmentation.slice_index, segmentation.first_slice
    last = first + segmentation.n_slices - 1
    wanted = [here + k for k in range(-reach, reach + 1) if k]
    inside = [k for k in wanted if first <= k <= last]
    return inside, [k for k in wanted if k not in inside]


def _other_levels(
    volume: Volume,
    segmentation: BodySegmentation,
    facts: PatientFacts,
    automatic: BodySegmentation | None,
) -> Iterator[PerturbedMeasures]:
    here = segmentation.slice_index
    for index in sorted(_level_slices(volume, segmentation)[0], key=lambda k: abs(k - here)):
        steps = index - here
        size_mm = round(abs(steps) * volume.spacing_mm[0], 3)
        way = "higher" if steps > 0 else "lower"
        there = measure_body(volume, replace(segmentation, slice_index=index), facts)
        if automatic is not None and _corrected_here_only(segmentation, automatic, index):
            measured, before, beyond = (
                measure_body(volume, replace(outlines, slice_index=k), facts)
                for outlines, k in ((segmentation, here), (automatic, here), (automatic, index))
            )
            there = _moved_as(measured, before, beyond)
        yield PerturbedMeasures(Perturbation("level", size_mm, "both", way, steps), there)


def _corrected_here_only(
    segmentation: BodySegmentation, automatic: BodySegmentation, index: int
) -> bool:
    """Whether the measured slice was corrected, and slice ``index`` was not."""
    here = segmentation.slice_index
    last = automatic.first_slice + automatic.n_slices - 1
    if not all(automatic.first_slice <= k <= last for k in (here, index)):
        return False
    same = [
        all(
            np.array_equal(segmentation.mask_at(name, k), automatic.mask_at(name, k))
            for name in ("muscle", "psoas_left", "psoas_right")
        )
        for k in (here, index)
    ]
    return same == [False, True]


def _moved_as(measured: BodyMeasures, before: BodyMeasures, beyond: BodyMeasures) -> BodyMeasures:
    """The measured values, changed as ``before`` changes to ``beyond``."""
    changed: dict[str, float | None] = {}
    for name in ("sma_cm2", "pma_cm2", "pd_hu", "ma_hu"):
        values = [getattr(m, name) for m in (measured, before, beyond)]
        known = None not in values
        value = values[0] + values[2] - values[1] if known else None
        is_area = name.endswith("cm2")
        changed[name] = None if value is None or (is_area and value <= 0) else value
    return replace(measured, **changed)


def _ranges(measured: BodyMeasures, perturbed: list[PerturbedMeasures]) -> dict[str, MeasureRange]:
    found = {}
    for name, unit in MEASURE_UNITS.items():
        value = getattr(measured, name)
        if value is None:
            continue
        tried: list[tuple[float, Perturbation | None]] = [(value, None)]
        tried += [
            (v, p.perturbation) for p in perturbed if (v := getattr(p.measures, name)) is not None
        ]
        # The measured value comes first, and of two that are equal the first is taken.
        low, high = min(tried, key=_value), max(tried, key=_value)
        found[name] = MeasureRange(name, unit, value, low[0], high[0], low[1], high[1])
    return found


def _value(pair: tuple[float, Perturbation | None]) -> float:
    return pair[0]


def _uncertainty_of(
    result: DefinitionResult,
    others: list[DefinitionResult],
    perturbed: list[PerturbedMeasures],
    ranges: dict[str, MeasureRange],
) -> DefinitionUncertainty:
    flips = [
        p.perturbation
        for p, other in zip(perturbed, others, strict=True)
        if None not in (result.positive, other.positive) and other.positive != result.positive
    ]
    span = ranges.get(result.measure)
    return DefinitionUncertainty(
        name=result.name,
        measure=result.measure,
        unit=result.unit,
        value=result.value,
        cutoff=result.cutoff,
        operator=result.operator,
        positive=result.positive,
        reason=result.reason,
        low=span.low if span else None,
        high=span.high if span else None,
        flips=tuple(sorted(flips, key=lambda p: p.size_mm)),
    )


def _notes(
    volume: Volume,
    segmentation: BodySegmentation,
    measured: BodyMeasures,
    automatic: BodySegmentation | None,
) -> tuple[str, ...]:
    """What was not tried, and what is to be kept in mind."""
    notes = []
    slices, missing = _level_slices(volume, segmentation)
    if not slices:
        notes.append("The level was not moved: only the measured slice is outlined.")
    elif missing:
        names = ", ".join(str(k + 1) for k in missing)
        notes.append(f"The level was not moved to slice {names}: nothing is outlined there.")
    incomplete = [
        str(k + 1)
        for k in slices
        if not all(segmentation.mask_at(f"psoas_{side}", k).any() for side in ("left", "right"))
    ]
    if incomplete and measured.pma_cm2 is not None:
        notes.append(f"The psoas are not both outlined on slice {', '.join(incomplete)}.")
    if automatic is not None:
        if any(_corrected_here_only(segmentation, automatic, k) for k in slices):
            notes.append(
                "Only the measured slice was corrected: what another level changes is taken from "
                "the automatic outlines."
            )
    elif segmentation.method == "edited" and slices:
        notes.append(
            "The outline was edited: where only the measured slice was corrected, its neighbors "
            "differ by the correction too."
        )
    return tuple(notes)
