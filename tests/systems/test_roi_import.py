"""Masks from files into a stored study: revisions, numbers, and what the record says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hccsurv_core.cohort.store import PatientStore
from hccsurv_core.errors import InputError, SegmentationError
from hccsurv_core.io.cropped_mask import CroppedMask
from hccsurv_core.io.roi_files import RoiFile
from hccsurv_core.patient import PatientFacts
from hccsurv_core.roi.results import BodySegmentation, L3Location
from hccsurv_core.systems.roi_import import image_source, import_masks
from hccsurv_core.volume import Volume

SHAPE = (9, 40, 48)
MUSCLE = (slice(2, 7), slice(8, 30), slice(10, 38))
LEFT, RIGHT = (
    (slice(2, 7), slice(12, 18), slice(26, 32)),
    (slice(2, 7), slice(12, 18), slice(16, 22)),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PatientStore]:
    with PatientStore(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def study(store: PatientStore) -> str:
    """A scan of muscle with its level on slice 4; nothing is outlined."""
    hu = np.full(SHAPE, -100, np.int16)
    hu[MUSCLE] = 40
    patient = store.add_patient(facts=PatientFacts(sex="male", height_m=2.0))
    record = store.add_study(patient.id, Volume(hu, np.diag([5.0, 5.0, 4.0, 1.0])), modality="CT")
    store.save_level(record.id, L3Location(4, 16.0, 1.0, "manual"), state="moved")
    return record.id


def roi_file(source: str = "Doe_Jane_psoas.nii.gz", **boxes: tuple[slice, slice, slice]) -> RoiFile:
    regions = {}
    for name, place in boxes.items():
        mask = np.zeros(SHAPE, bool)
        mask[place] = True
        regions[name] = CroppedMask.of(mask)
    return RoiFile(source, "nifti", SHAPE, regions)


def test_an_outline_without_the_classical_one(store: PatientStore, study: str) -> None:
    roi = roi_file(m=MUSCLE, l=LEFT, r=RIGHT, liver=MUSCLE)
    told = import_masks(
        store, study, roi, {"m": "muscle", "l": "psoas_left", "r": "psoas_right"}, actor="Ada"
    )
    assert told.structures == ("muscle", "psoas_left", "psoas_right") and told.lesions == ()
    held = store.load_segmentation(study)
    assert (held.state, held.actor, held.revision) == ("edited", "Ada", 1)
    # The file's name may hold a patient's: the record keeps the words of the trade.
    assert held.note == "muscle, psoas left, psoas right imported from …_psoas.nii.gz (NIfTI)"
    measures = store.load_measures(study)["measures"]
    assert measures["sma_cm2"] == pytest.approx(22 * 28 * 0.25)
    assert measures["pma_cm2"] == pytest.approx(2 * 36 * 0.25)
    assert measures["smi"] == pytest.approx(22 * 28 * 0.25 / 4)


def test_an_outline_over_another_can_be_undone(store: PatientStore, study: str) -> None:
    import_masks(
        store, study, roi_file(m=MUSCLE, l=LEFT, r=RIGHT),
        {"m": "muscle", "l": "psoas_left", "r": "psoas_right"}, actor="Ada",
    )  # fmt: skip
    wider = (slice(2, 7), slice(12, 20), slice(26, 32))
    told = import_masks(store, study, roi_file(x=wider), {"x": "psoas_left"}, actor="Bo")
    assert told.structures == ("psoas_left",)
    assert store.load_segmentation(study).revision == 2
    assert store.load_measures(study)["measures"]["pma_cm2"] == pytest.approx((36 + 48) * 0.25)
    store.undo_segmentation(study)
    mask = store.load_segmentation(study).segmentation.mask_at("psoas_left")
    assert mask.sum() == 36


def test_lesions_become_regions_beside_those_there_are(store: PatientStore, study: str) -> None:
    roi = roi_file("lesions.dcm", Lesion=(slice(0, 2), slice(0, 3), slice(0, 4)), other=MUSCLE)
    for _ in range(2):
        told = import_masks(store, study, roi, {"Lesion": "lesion"}, actor="Ada")
    assert told.lesions == ("Lesion (2)",) and told.structures == ()
    held = store.load_regions(study)
    assert [region.name for region in held.regions] == ["Lesion", "Lesion (2)"]
    assert held.regions[0].n_voxels == 24 and held.regions[0].offset == (0, 0, 0)
    assert held.regions[1].method == "imported from lesions.dcm (NIfTI)"
    assert held.note == "Lesion (2) imported from lesions.dcm (NIfTI)"
    assert store.load_segmentation(study) is None


def test_nothing_is_stored_where_a_part_cannot_be(store: PatientStore, study: str) -> None:
    roi = roi_file(lesion=MUSCLE, m=(slice(0, 2), slice(8, 30), slice(10, 38)))
    with pytest.raises(
        SegmentationError, match=r"psoas\.nii\.gz: the mask has no pixel .* slice 5"
    ):
        import_masks(store, study, roi, {"lesion": "lesion", "m": "muscle"}, actor="Ada")
    assert store.load_segmentation(study) is None and store.load_regions(study).revision == 0
    with pytest.raises(InputError, match="nothing was chosen"):
        import_masks(store, study, roi, {"m": "", "unknown": "muscle"}, actor="Ada")
    other = RoiFile("a.nii", "nifti", (1, 2, 3), roi.regions)
    with pytest.raises(InputError, match="read for another scan"):
        import_masks(store, study, other, {"m": "muscle"}, actor="Ada")


def test_without_a_level_there_is_no_slice_to_measure(store: PatientStore) -> None:
    patient = store.add_patient()
    record = store.add_study(
        patient.id, Volume(np.zeros(SHAPE, np.int16), np.eye(4)), modality="CT"
    )
    with pytest.raises(SegmentationError, match="there is no L3 level to measure at"):
        import_masks(store, record.id, roi_file(m=MUSCLE), {"m": "muscle"}, actor="Ada")
    import_masks(store, record.id, roi_file(m=MUSCLE), {"m": "lesion"}, actor="Ada")
    assert image_source(store, record.id).frame_uid == ""


def test_an_old_outline_s_warnings_go_with_its_muscle(store: PatientStore, study: str) -> None:
    masks = {
        name: np.zeros((3, *SHAPE[1:]), bool)
        for name in ("muscle", "psoas_left", "psoas_right", "subcutaneous_fat", "visceral_fat")
    }
    masks["muscle"][:, 8:20, 10:38] = True
    store.save_segmentation(
        study, BodySegmentation(3, 4, masks, "classical", ("check the muscle",)), state="automatic"
    )
    import_masks(store, study, roi_file(x=LEFT), {"x": "psoas_left"}, actor="Ada")
    assert store.load_segmentation(study).segmentation.warnings == ("check the muscle",)
    import_masks(store, study, roi_file(m=MUSCLE), {"m": "muscle"}, actor="Ada")
    assert store.load_segmentation(study).segmentation.warnings == ()


@pytest.mark.shared
def test_the_uids_of_a_stored_scan_are_found_again(shared_data: Path, store: PatientStore) -> None:
    """A mask that names the original's UIDs belongs to the scan whose UIDs were replaced."""
    import pydicom

    from hccsurv_core.cohort.keep import keep_scan
    from hccsurv_core.io.intake import Upload

    originals = sorted((shared_data / "ct_jpeg2000_series").iterdir())
    first = pydicom.dcmread(originals[0], stop_before_pixels=True)
    with Upload(originals) as upload:
        kept = keep_scan(store, upload.load(), actor="Ada")
    source = image_source(store, kept.study.id)
    original = str(first.FrameOfReferenceUID)
    assert source.frame_uid and source.frame_uid != original
    assert source.is_frame([original])
    assert not source.is_frame([f"{original}.1"])
    assert source.series_uid and source.is_series([source.series_uid])
