"""Small scans and outlines for the store's tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hccsurv_core.cohort.store import PatientStore
from hccsurv_core.roi.results import STRUCTURES, BodySegmentation, L3Location, Vertebra
from hccsurv_core.volume import Volume

AFFINE = np.array(
    [
        [0.7123456789012345, 0.0, 0.0, -180.1],
        [0.0, 0.7123456789012345, 0.01, -170.2],
        [0.0, -0.01, 1.6, 1 / 3],
        [0.0, 0.0, 0.0, 1.0],
    ]
)


@pytest.fixture
def store(tmp_path: Path):
    with PatientStore(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def volume() -> Volume:
    voxels = np.random.default_rng(7).integers(-1024, 1500, (9, 16, 12)).astype(np.int16)
    return Volume(voxels, AFFINE)


@pytest.fixture
def make_segmentation():
    def make(seed: int = 0, first_slice: int = 3, slices: int = 4) -> BodySegmentation:
        rng = np.random.default_rng(seed)
        masks = {name: rng.random((slices, 16, 12)) > 0.5 for name in STRUCTURES}
        return BodySegmentation(
            first_slice, first_slice + 1, masks, "classical", ("right side cut off",)
        )

    return make


@pytest.fixture
def location() -> L3Location:
    canal = np.full((9, 2), np.nan)
    canal[2:7] = np.random.default_rng(1).random((5, 2))
    return L3Location(
        slice_index=4,
        position_mm=6.733333333333333,
        confidence=0.87,
        method="automatic",
        vertebrae=(Vertebra("L3", 2.5, 4.1, 6.0, 8.0, 6.5),),
        alternatives={-1: 0.1, 0: 0.87, 1: 0.03},
        evidence=("left iliac crest top at 0.3 of L4",),
        warnings=("the sacrum is not in view",),
        canal=canal,
    )


@pytest.fixture
def patient(store: PatientStore):
    return store.add_patient()


@pytest.fixture
def study(store: PatientStore, patient, volume: Volume):
    return store.add_study(patient.id, volume, modality="CT", study_date="2024-05-03")
