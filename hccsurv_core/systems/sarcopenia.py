"""From a CT to the five definitions: level, outline, measures, verdicts, and what to check."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from hccsurv_core.features.body import (
    BodyMeasures,
    DefinitionResult,
    apply_definitions,
    measure_body,
)
from hccsurv_core.patient import PatientFacts, check_patient_facts
from hccsurv_core.progress import Progress, part_of, silent
from hccsurv_core.roi import spine
from hccsurv_core.roi.results import BodySegmentation, L3Location
from hccsurv_core.roi.segmentation import segment_body
from hccsurv_core.volume import Volume


@dataclass(frozen=True, eq=False)
class SarcopeniaResult:
    """Everything the muscle page and the command line show.

    Args:
        areas_cm2: area of each structure on the measured slice, cm².
        warnings: what to check, in plain words; level first, then outline.
        timings_s: seconds per step.
    """

    location: L3Location
    segmentation: BodySegmentation
    measures: BodyMeasures
    definitions: tuple[DefinitionResult, ...]
    areas_cm2: dict[str, float]
    warnings: tuple[str, ...]
    timings_s: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """The contract's object (see the README, command line)."""
        location = self.location
        return {
            "l3": {
                "slice_index": location.slice_index,
                "position_mm": location.position_mm,
                "confidence": location.confidence,
                "method": location.method,
                "evidence": list(location.evidence),
                "alternatives": {str(k): v for k, v in location.alternatives.items()},
            },
            "measures": self.measures.to_json(),
            "areas_cm2": self.areas_cm2,
            "definitions": [d.to_json() for d in self.definitions],
            "segmentation": self.segmentation.method,
            "warnings": list(self.warnings),
            "timings_s": self.timings_s,
        }


def analyze_scan(
    volume: Volume,
    facts: PatientFacts,
    *,
    slice_index: int | None = None,
    location: L3Location | None = None,
    backend: str = "classical",
    progress: Progress = silent,
) -> SarcopeniaResult:
    """Locate L3 unless it is given, outline, measure, and apply the five definitions.

    Args:
        volume: canonical CT, HU (slices, rows, columns).
        facts: sex and height; what is missing makes definitions *not known*.
        slice_index: the slice a person chose as L3.
        location: a level found or confirmed before; takes precedence over ``slice_index``.
        backend: see :func:`~hccsurv_core.roi.segmentation.backends`.

    Raises:
        LevelNotFoundError: L3 is not in view or cannot be told.
        SegmentationError: nothing credible can be outlined there.
        InputError: sex, height or the slice is impossible.
    """
    check_patient_facts(facts)
    timings: dict[str, float] = {}
    with _timed(timings, "level"):
        if location is None:
            if slice_index is not None or volume.shape[0] == 1:
                progress(0.0, "Finding the spine")
                location = spine.manual_location(volume, 0 if slice_index is None else slice_index)
            else:
                progress(0.0, "Finding L3")
                location = spine.locate_l3(volume, progress=part_of(progress, 0.0, 0.6))
    with _timed(timings, "segmentation"):
        progress(0.6, "Outlining muscle")
        segmentation = segment_body(
            volume, location, backend=backend, progress=part_of(progress, 0.6, 0.95)
        )
    with _timed(timings, "measures"):
        result = remeasure(volume, location, segmentation, facts)
    progress(1.0, "Done")
    return SarcopeniaResult(**{**result.__dict__, "timings_s": timings})


def remeasure(
    volume: Volume, location: L3Location, segmentation: BodySegmentation, facts: PatientFacts
) -> SarcopeniaResult:
    """Measure masks and apply the definitions: after an edit, or when sex or height is given.

    Raises:
        InputError: sex or height is impossible.
    """
    check_patient_facts(facts)
    measures = measure_body(volume, segmentation, facts)
    areas = {
        name: float(np.count_nonzero(segmentation.mask_at(name))) * volume.pixel_area_cm2
        for name in segmentation.masks
    }
    return SarcopeniaResult(
        location=location,
        segmentation=segmentation,
        measures=measures,
        definitions=apply_definitions(measures, facts.sex),
        areas_cm2=areas,
        warnings=location.warnings + segmentation.warnings,
    )


@contextmanager
def _timed(timings: dict[str, float], step: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    timings[step] = round(time.perf_counter() - start, 3)
