"""Every feature of one patient: what the slab measures, how its muscle looks, what the record says.

Names say where a feature is from: the definitions' measures by their own names (``sma_cm2``,
``pd_hu`` …), ``muscle.`` for what a radiologist sees (:mod:`hccsurv_core.features.muscle_texture`),
PyRadiomics' own names for the radiomics, ``clinical.`` for the record. ``scan.`` says how the
patient was scanned: no model may take it, but a prediction is checked against it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from hccsurv_core.features.body import BodyMeasures
from hccsurv_core.features.muscle_texture import describe_muscle, to_names
from hccsurv_core.features.radiomics.extract import extract_radiomics
from hccsurv_core.systems.muscle.case_checks import SCAN
from hccsurv_core.systems.muscle.case_images import CaseImages
from hccsurv_core.systems.muscle.clinical_block import clinical_block

MUSCLE = "muscle."
#: Measures that the images give alone, and those that the patient's height or sex adds.
MEASURES = ("sma_cm2", "pma_cm2", "pd_hu", "ma_hu")
RECORD = ("smi", "pmi", "male", "height_m")
#: What counts as muscle, HU (Mitsiopoulos 1998).
_MUSCLE_HU = (-29, 150)


def measure_case(images: CaseImages) -> dict[str, float]:
    """The definitions' measures on the slab's middle slice; NaN where a muscle is not outlined."""
    k = len(images.muscle) // 2
    image = np.asarray(images.volume.voxels[k])
    counted = (image >= _MUSCLE_HU[0]) & (image <= _MUSCLE_HU[1])
    muscle, psoas = images.muscle[k] & counted, images.psoas[k] & counted
    area = images.volume.pixel_area_cm2

    def mean(mask: np.ndarray) -> float:
        return float(image[mask].mean(dtype=np.float64)) if mask.any() else math.nan

    def size(mask: np.ndarray) -> float:
        return float(np.count_nonzero(mask)) * area if mask.any() else math.nan

    return {
        "sma_cm2": size(muscle),
        "pma_cm2": size(psoas),
        "pd_hu": mean(psoas),
        "ma_hu": mean(muscle),
    }


def scan_facts(images: CaseImages) -> dict[str, float]:
    """How the patient was scanned: distance of slices and of pixels in mm, slices of the slab."""
    slice_mm, row_mm, column_mm = images.volume.spacing_mm
    return {
        f"{SCAN}slice_mm": slice_mm,
        f"{SCAN}pixel_mm": math.sqrt(row_mm * column_mm),
        f"{SCAN}n_slices": float(images.volume.shape[0]),
    }


def image_features(images: CaseImages, preset: str | None) -> dict[str, float]:
    """What the images alone tell.

    Args:
        images: slab and outline.
        preset: of the radiomics; None leaves them out.

    Raises:
        InputError: the slab or the outline has not what the features need.
    """
    found = measure_case(images) | to_names(
        describe_muscle(images.volume, images.muscle, images.psoas, contrast=images.contrast),
        MUSCLE,
    )
    found |= scan_facts(images)
    found[f"{SCAN}enhanced"] = found.get(f"{MUSCLE}enhanced", math.nan)
    if preset is not None:
        found |= extract_radiomics(images.volume, images.muscle, preset, device="cpu").features
    return found


def measure_with_record(features: Mapping[str, float], row: Mapping[str, Any]) -> dict[str, float]:
    """Features of the images together with those of the patient's record.

    Args:
        features: from :func:`image_features`.
        row: columns of a cohort table; what is missing or None is NaN.
    """
    height, sex = _number(row.get("height_m")), row.get("sex")
    male = {"male": 1.0, "female": 0.0}.get(sex, math.nan) if isinstance(sex, str) else math.nan
    measures = BodyMeasures(
        features["sma_cm2"], features["pma_cm2"], height_m=height if height > 0 else None
    )
    return {
        **features,
        f"{MUSCLE}size_index": _log_index(features.get(f"{MUSCLE}envelope_cm2", math.nan), height),
        "smi": _or_nan(measures.smi),
        "pmi": _or_nan(measures.pmi),
        "male": male,
        "height_m": height,
        **clinical_block(row),
    }


def _log_index(area_cm2: float, height_m: float) -> float:
    """Logarithm of the muscle's envelope by height² (cm²/m²): streaks of fat do not make it smaller."""
    known = area_cm2 > 0 and height_m > 0
    return math.log(area_cm2 / height_m**2) if known else math.nan


def _number(value: Any) -> float:
    try:
        return math.nan if value is None else float(value)
    except (TypeError, ValueError):
        return math.nan


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
