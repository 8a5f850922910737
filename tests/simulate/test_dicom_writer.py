"""A written series reads back as the volume it was, and says that it is simulated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from hccsurv_core.patient import PatientFacts
from hccsurv_core.simulate.dicom_writer import CT_IMAGE_STORAGE, write_dicom_series
from hccsurv_core.volume import Volume


@pytest.fixture
def volume() -> Volume:
    voxels = np.random.default_rng(3).integers(-1024, 2000, (6, 12, 10)).astype(np.int16)
    affine = np.diag([0.75, 0.8, 2.5, 1.0])
    affine[:3, 3] = (-12.5, -140.25, -611.7)
    return Volume(voxels, affine)


def read_back(paths: tuple[Path, ...]) -> Volume:
    slices = [pydicom.dcmread(p) for p in paths]
    slices.sort(key=lambda d: float(d.ImagePositionPatient[2]))
    first, last = slices[0], slices[-1]
    hu = [d.pixel_array * float(d.RescaleSlope) + float(d.RescaleIntercept) for d in slices]
    step = (last.ImagePositionPatient[2] - first.ImagePositionPatient[2]) / (len(slices) - 1)
    affine = np.diag([*map(float, first.PixelSpacing[::-1]), step, 1.0])
    affine[:3, 3] = first.ImagePositionPatient
    return Volume(np.array(hu).astype(np.int16), affine)


def test_round_trip(volume: Volume, tmp_path: Path) -> None:
    back = read_back(write_dicom_series(volume, tmp_path / "series"))
    assert np.array_equal(back.voxels, volume.voxels)
    assert np.allclose(back.affine, volume.affine, atol=1e-4)


def test_shuffled_names_hide_the_order_but_not_the_slices(volume: Volume, tmp_path: Path) -> None:
    paths = write_dicom_series(volume, tmp_path, shuffle_seed=1)
    assert [p.name for p in paths] != sorted(p.name for p in paths)
    by_name = tuple(sorted(paths))
    assert np.array_equal(read_back(by_name).voxels, volume.voxels)


def test_header_is_a_valid_ct_marked_as_simulated(volume: Volume, tmp_path: Path) -> None:
    facts = PatientFacts("female", 71.0, 1.58, 55.5)
    paths = write_dicom_series(volume, tmp_path, facts=facts, study_date="2024-05-06")
    headers = [pydicom.dcmread(p, stop_before_pixels=True) for p in paths]
    assert {h.SOPClassUID for h in headers} == {CT_IMAGE_STORAGE}
    assert len({h.SeriesInstanceUID for h in headers}) == 1
    assert len({h.SOPInstanceUID for h in headers}) == len(headers)
    first = headers[0]
    assert first.file_meta.MediaStorageSOPInstanceUID == first.SOPInstanceUID
    assert (first.PatientSex, first.PatientAge, first.StudyDate) == ("F", "071Y", "20240506")
    assert (float(first.PatientSize), float(first.PatientWeight)) == (1.58, 55.5)
    assert "SIMULATED" in str(first.PatientName) and "SIMULATED" in first.ImageComments


def test_what_is_not_known_is_left_empty(volume: Volume, tmp_path: Path) -> None:
    path = write_dicom_series(volume, tmp_path, facts=PatientFacts(), slices=range(1))[0]
    header = pydicom.dcmread(path, stop_before_pixels=True)
    assert header.PatientSex == "" and header.PatientSize is None and header.PatientAge == ""


def test_the_same_call_writes_the_same_series(volume: Volume, tmp_path: Path) -> None:
    first = write_dicom_series(volume, tmp_path / "a", patient_id="SIM-7")
    again = write_dicom_series(volume, tmp_path / "b", patient_id="SIM-7")
    other = write_dicom_series(volume, tmp_path / "c", patient_id="SIM-8")
    uid = [pydicom.dcmread(p[0]).SeriesInstanceUID for p in (first, again, other)]
    assert uid[0] == uid[1] != uid[2]
    assert first[2].read_bytes() == again[2].read_bytes()
