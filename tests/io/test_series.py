"""Several stacks in one upload are listed apart, ranked, and never mixed."""

from __future__ import annotations

from pathlib import Path

import dicom_factory as factory
import numpy as np
import pytest
from in_process import inspect_here, load_here

from hccsurv_core.errors import (
    GantryTiltError,
    GeometryError,
    InputError,
    IntensityError,
    NoUsableSeriesError,
    UnevenSpacingError,
    WrongBodyPartError,
    WrongModalityError,
)
from hccsurv_core.io.intake import Upload

HU = factory.body_phantom()
AFFINE = factory.axial_affine()
ARTERIAL = np.where((HU > 100) & (HU < 140), HU + 80, HU).astype(np.int16)


def write_two_phases(folder: Path, **second: object) -> None:
    factory.write_series(folder / "a", HU, AcquisitionNumber=None)
    factory.write_series(folder / "b", ARTERIAL, **{"AcquisitionNumber": None, **second})


# --- several series ---------------------------------------------------------------------------


def test_series_are_listed_best_first_and_the_best_is_preselected(tmp_path: Path) -> None:
    factory.write_series(tmp_path / "1", HU, SeriesInstanceUID="1.1", SeriesDescription="Arterial")
    factory.write_series(
        tmp_path / "2", HU, SeriesInstanceUID="1.2", SeriesDescription="PV abdomen"
    )
    factory.write_series(
        tmp_path / "3", HU, SeriesInstanceUID="1.3", Modality="MR", SeriesDescription="T2"
    )
    factory.write_series(
        tmp_path / "4",
        HU,
        SeriesInstanceUID="1.4",
        SeriesDescription="PV",
        ConvolutionKernel="BONE",
    )
    found = inspect_here([tmp_path])
    assert [s.description for s in found.series] == ["PV abdomen", "Arterial", "PV", "T2"]
    assert [s.phase for s in found.series] == ["portal_venous", "arterial", "portal_venous", None]
    assert found.preselected == found.series[0].key
    assert found.series[-1].refusal_code == WrongModalityError.code
    assert found.series[-1].score < 0


def test_keys_do_not_depend_on_the_order_or_names_of_files(tmp_path: Path) -> None:
    write_two_phases(tmp_path, SeriesInstanceUID="1.2.9")
    before = {s.key for s in inspect_here([tmp_path]).series}
    for n, path in enumerate(sorted(tmp_path.rglob("slice*"), reverse=True)):
        path.rename(tmp_path / f"z{n}")
    assert {s.key for s in inspect_here([tmp_path]).series} == before


def test_localizer_inside_a_series_is_set_apart(tmp_path: Path) -> None:
    factory.write_series(tmp_path, HU)
    scout_affine = factory.turn(HU, AFFINE, (1, 0, 2), (False, False, False))[1]
    scout = factory.dicom_slice(HU, scout_affine, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    factory.write(scout, tmp_path / "scout")
    found = inspect_here([tmp_path])
    assert [s.n_slices for s in found.series] == [len(HU), 1]
    assert "this is a localizer (scout)" in (found.series[1].refusal or "")
    assert np.array_equal(load_here([tmp_path]).volume.voxels, HU)


def test_every_series_can_be_loaded_by_its_key(tmp_path: Path) -> None:
    write_two_phases(tmp_path, SeriesInstanceUID="1.2.9", SeriesDescription="late arterial")
    by_phase = {s.phase: s.key for s in inspect_here([tmp_path]).series}
    assert np.array_equal(load_here([tmp_path], by_phase["arterial"]).volume.voxels, ARTERIAL)
    assert np.array_equal(load_here([tmp_path], by_phase[None]).volume.voxels, HU)
    with pytest.raises(NoUsableSeriesError, match="no series 'nothing' in this upload"):
        load_here([tmp_path], "nothing")


# --- one position, two slices -----------------------------------------------------------------


def test_copies_are_dropped_with_a_warning(tmp_path: Path) -> None:
    files = factory.write_series(tmp_path / "a", HU)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "again").write_bytes(files[2].read_bytes())
    factory.write(factory.dicom_slice(HU, AFFINE, 4), tmp_path / "b" / "new-uid")
    scan = load_here([tmp_path])
    assert np.array_equal(scan.volume.voxels, HU)
    assert {"1 copy of slices dropped"} <= set(scan.warnings)


@pytest.mark.parametrize(
    ("tags", "label"),
    [
        ({"AcquisitionNumber": 2}, "acquisition number"),
        ({"TemporalPositionIdentifier": 2}, "temporal position"),
        ({"ConvolutionKernel": "B60"}, "reconstruction kernel"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", "MONO_70KEV"]}, "image type"),
        ({"AcquisitionTime": "101500"}, "acquisition time"),
    ],
)
def test_phases_in_one_series_are_told_apart(tags: dict, label: str, tmp_path: Path) -> None:
    write_two_phases(tmp_path, **tags)
    found = inspect_here([tmp_path])
    assert len(found.series) == 2
    warning = f"the series held 2 stacks at the same positions; told apart by {label}"
    loaded = [load_here([tmp_path], s.key) for s in found.series]
    assert all(warning in scan.warnings for scan in loaded)
    volumes = {scan.volume.voxels.tobytes() for scan in loaded}
    assert volumes == {HU.tobytes(), ARTERIAL.tobytes()}


def test_phases_are_told_apart_by_running_instance_numbers(tmp_path: Path) -> None:
    for n in range(len(HU)):
        for phase, hu in enumerate((HU, ARTERIAL)):
            ds = factory.dicom_slice(hu, AFFINE, n, InstanceNumber=1 + n + phase * len(HU))
            factory.write(ds, tmp_path / f"{n}-{phase}")
    found = inspect_here([tmp_path])
    volumes = {load_here([tmp_path], s.key).volume.voxels.tobytes() for s in found.series}
    assert volumes == {HU.tobytes(), ARTERIAL.tobytes()}


def test_phases_that_nothing_tells_apart_are_refused_by_name(tmp_path: Path) -> None:
    write_two_phases(tmp_path)
    with pytest.raises(GeometryError, match=r"6 positions hold different images.*slice-000 and .*"):
        load_here([tmp_path])


def test_bolus_tracking_is_not_a_stack(tmp_path: Path) -> None:
    for n in range(4):
        ds = factory.dicom_slice(HU, AFFINE, n, ImagePositionPatient=[0, 0, 0], AcquisitionNumber=n)
        factory.write(ds, tmp_path / str(n))
    with pytest.raises(GeometryError, match="4 images lie at one position"):
        load_here([tmp_path])


# --- geometry ---------------------------------------------------------------------------------


def test_missing_slice_is_named_with_its_place(tmp_path: Path) -> None:
    files = factory.write_series(tmp_path, factory.body_phantom(9))
    files[4].unlink()
    with pytest.raises(
        UnevenSpacingError, match=r"1 slice is missing .*6\.0 mm lies between 49\.0"
    ):
        load_here([tmp_path])
    [series] = inspect_here([tmp_path]).series
    assert series.refusal_code == "uneven_spacing"
    assert series.spacing_mm is None


def test_uneven_spacing_gives_its_range(tmp_path: Path) -> None:
    for n in range(len(HU)):
        z = 40 + (3 * n if n < 3 else 3 * n + 1.4 * (n - 2))
        ds = factory.dicom_slice(HU, AFFINE, n, ImagePositionPatient=[-170, -120, z])
        factory.write(ds, tmp_path / str(n))
    with pytest.raises(UnevenSpacingError, match=r"unevenly spaced, 3\.00 to 4\.40 mm apart"):
        load_here([tmp_path])


def test_positions_rounded_to_a_tenth_are_even(tmp_path: Path) -> None:
    affine = factory.axial_affine((1.25, 3.0, 3.0))
    for n in range(len(HU)):
        ds = factory.dicom_slice(
            HU, affine, n, ImagePositionPatient=[-170, -120, round(1.25 * n, 1)]
        )
        factory.write(ds, tmp_path / str(n))
    assert load_here([tmp_path]).volume.spacing_mm[0] == pytest.approx(1.25, abs=0.03)


@pytest.mark.parametrize("degrees", [3.0, -12.0, 18.5])
def test_gantry_tilt_is_refused_with_its_angle(degrees: float, tmp_path: Path) -> None:
    affine = AFFINE.copy()
    affine[1, 2] = affine[2, 2] * np.tan(np.radians(degrees))
    factory.write_series(tmp_path, HU, affine)
    with pytest.raises(
        GantryTiltError, match=f"tilted by {abs(degrees):.1f}°.*without gantry tilt"
    ):
        load_here([tmp_path])


def test_gantry_tilt_tag_alone_is_believed(tmp_path: Path) -> None:
    factory.write_series(tmp_path / "a", HU, GantryDetectorTilt="-10")
    with pytest.raises(GantryTiltError, match=r"tilted by 10\.0°"):
        load_here([tmp_path / "a"])
    factory.write(factory.dicom_slice(HU, AFFINE, GantryDetectorTilt="7"), tmp_path / "b" / "one")
    with pytest.raises(GantryTiltError, match=r"tilted by 7\.0°"):
        load_here([tmp_path / "b"])


def test_derived_series_may_carry_the_tilt_of_its_source(tmp_path: Path) -> None:
    factory.write_series(
        tmp_path, HU, GantryDetectorTilt="10", ImageType=["DERIVED", "PRIMARY", "AXIAL"]
    )
    assert any("this derived series is straight" in w for w in load_here([tmp_path]).warnings)


def test_two_regions_filed_as_one_series_are_set_apart_by_acquisition(tmp_path: Path) -> None:
    low, high = AFFINE, factory.axial_affine(origin=(-150.0, -120.0, 200.0))
    factory.write_series(tmp_path / "a", HU, low, AcquisitionNumber=1)
    factory.write_series(tmp_path / "b", ARTERIAL, high, AcquisitionNumber=2)
    found = inspect_here([tmp_path])
    assert [s.refusal for s in found.series] == [None, None]
    volumes = {load_here([tmp_path], s.key).volume.voxels.tobytes() for s in found.series}
    assert volumes == {HU.tobytes(), ARTERIAL.tobytes()}
    assert all("one after the other" in s.warnings[0] for s in found.series)


def test_slices_shifted_sideways_are_not_called_tilt(tmp_path: Path) -> None:
    for n in range(len(HU)):
        position = [-170 + (25 if n > 3 else 0), -120, 40 + 3 * n]
        ds = factory.dicom_slice(HU, AFFINE, n, ImagePositionPatient=position)
        factory.write(ds, tmp_path / str(n))
    with pytest.raises(GeometryError, match="shifted sideways against each other") as caught:
        load_here([tmp_path])
    assert not isinstance(caught.value, GantryTiltError)


def test_thick_sagittal_slices_are_refused(tmp_path: Path) -> None:
    affine = factory.axial_affine((3.0, 3.0, 6.0))
    factory.write_series(tmp_path, *factory.turn(HU, affine, (2, 1, 0), (False, False, False)))
    with pytest.raises(GeometryError, match=r"not axial and too thick \(6\.0 mm\)"):
        load_here([tmp_path])


def test_strongly_oblique_slices_are_refused(tmp_path: Path) -> None:
    a = np.radians(30)
    turned = np.eye(4)
    turned[1:3, 1:3] = [[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]
    factory.write_series(tmp_path, HU, turned @ AFFINE)
    with pytest.raises(GeometryError, match="turned by 30° against the body's axes"):
        load_here([tmp_path])


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("PixelSpacing", "pixel spacing is missing"),
        ("ImagePositionPatient", "slice positions or orientations are missing"),
        ("ImageOrientationPatient", "slice positions or orientations are missing"),
    ],
)
def test_missing_geometry_is_named(missing: str, message: str, tmp_path: Path) -> None:
    factory.write_series(tmp_path, HU, **{missing: None})
    with pytest.raises(GeometryError, match=message):
        load_here([tmp_path])


def test_multi_frame_without_positions_is_refused(tmp_path: Path) -> None:
    ds = factory.enhanced_ct(HU, AFFINE)
    del ds.PerFrameFunctionalGroupsSequence, ds.SharedFunctionalGroupsSequence
    factory.write(ds, tmp_path / "multi.dcm")
    with pytest.raises(GeometryError, match="does not say where each frame lies"):
        load_here([tmp_path])


# --- what it shows ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "error", "message"),
    [
        ({"Modality": "MR"}, WrongModalityError, "this is magnetic resonance, not CT"),
        ({"Modality": "PT"}, WrongModalityError, "this is PET, not CT"),
        (
            {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"},
            WrongModalityError,
            "this is a screenshot",
        ),
        ({"Modality": "US"}, WrongModalityError, "this is ultrasound"),
        ({"RescaleType": "Z_EFF"}, IntensityError, "values are Z_EFF, not Hounsfield units"),
    ],
)
def test_other_kinds_of_images_are_refused(
    tags: dict, error: type[InputError], message: str, tmp_path: Path
) -> None:
    factory.write_series(tmp_path, HU, **tags)
    with pytest.raises(error, match=message):
        load_here([tmp_path])


@pytest.mark.parametrize("kind", ["MIP", "CT_SOM5 MIP", "IODINE_MAP", "EFF_Z"])
def test_images_made_of_others_are_refused(kind: str, tmp_path: Path) -> None:
    factory.write_series(tmp_path, HU, ImageType=["DERIVED", "SECONDARY", "AXIAL", kind])
    with pytest.raises(IntensityError, match=rf"made of others \({kind}\), not densities"):
        load_here([tmp_path])


def test_a_scout_only_named_so_is_recognised(tmp_path: Path) -> None:
    factory.write(factory.dicom_slice(HU, AFFINE, SeriesDescription="Topogram 0.6"), tmp_path / "1")
    with pytest.raises(WrongModalityError, match="this is a localizer"):
        load_here([tmp_path])


def test_modality_is_taken_from_the_sop_class_where_missing(tmp_path: Path) -> None:
    factory.write_series(tmp_path, HU, Modality=None)
    assert load_here([tmp_path]).series.modality == "CT"


def test_a_dicomdir_under_another_name_is_passed_over(tmp_path: Path) -> None:
    factory.write_series(tmp_path, HU)
    index = factory.dicom_slice(HU, AFFINE, SOPClassUID="1.2.840.10008.1.3.10", Modality=None)
    del index.PixelData, index.Rows, index.Columns
    factory.write(index, tmp_path / "INDEX")
    found = inspect_here([tmp_path])
    assert len(found.series) == 1
    assert found.skipped == ()


def test_contrast_agent_none_means_noncontrast(tmp_path: Path) -> None:
    factory.write_series(tmp_path, HU, ContrastBolusAgent="NO CONTRAST")
    assert inspect_here([tmp_path]).series[0].phase == "noncontrast"


def test_a_dose_report_is_listed_and_refused(tmp_path: Path) -> None:
    factory.write_series(tmp_path / "ct", HU)
    report = factory.dicom_slice(HU, AFFINE, Modality="SR", SeriesInstanceUID="1.9")
    del report.PixelData, report.Rows, report.Columns
    factory.write(report, tmp_path / "report")
    found = inspect_here([tmp_path])
    assert "this is a report" in (found.series[1].refusal or "")
    assert found.preselected == found.series[0].key


def head_phantom() -> np.ndarray:
    """A ring of bone of 160×200 mm around brain."""
    y, x = np.mgrid[:80, :80] * 3.0 - 120
    r = np.hypot(x / 80, y / 100)
    hu = np.full((4, 80, 80), -1000)
    hu[:, r < 1] = 30
    hu[:, (r < 1) & (r > 0.9)] = 900
    return hu.astype(np.int16)


@pytest.mark.parametrize(
    ("hu", "part", "message"),
    [
        (head_phantom(), "HEAD", r"this is a head CT \(HEAD\)"),
        (head_phantom(), None, "this looks like a head CT"),
        (head_phantom(), "ABDOMEN", "this looks like a head CT"),
        (factory.body_phantom(spacing_mm=7.0), "", "too small for an adult's abdomen"),
        (factory.body_phantom(spacing_mm=7.0), "KNEE", r"limb \(extremity\) CT \(KNEE\)"),
    ],
)
def test_wrong_body_part(hu: np.ndarray, part: str | None, message: str, tmp_path: Path) -> None:
    factory.write_series(tmp_path, hu, BodyPartExamined=part, SeriesDescription=None)
    with pytest.raises(WrongBodyPartError, match=message):
        load_here([tmp_path])


def test_a_header_that_lies_is_overruled_by_a_body_as_wide_as_a_trunk(tmp_path: Path) -> None:
    factory.write_series(tmp_path, HU, BodyPartExamined="HEAD", SeriesDescription="std")
    assert any("as wide as a trunk" in w for w in load_here([tmp_path]).warnings)


def test_chest_is_refused_where_lung_reaches_the_lowest_slice(tmp_path: Path) -> None:
    chest = HU.copy()
    chest[:, 25:50, 30:85] = -850
    factory.write_series(tmp_path / "a", chest, BodyPartExamined="CHEST", SeriesDescription="std")
    with pytest.raises(WrongBodyPartError, match=r"chest CT \(CHEST\)"):
        load_here([tmp_path / "a"])
    chest[:4] = HU[:4]
    factory.write_series(tmp_path / "b", chest, BodyPartExamined="CHEST", SeriesDescription="std")
    assert any("check that L3 is in view" in w for w in load_here([tmp_path / "b"]).warnings)


def test_where_a_chest_is_taken_too_it_comes_with_a_warning(tmp_path: Path) -> None:
    chest = HU.copy()
    chest[:, 25:50, 30:85] = -850
    factory.write_series(tmp_path / "a", chest, BodyPartExamined="CHEST", SeriesDescription="std")
    with Upload([tmp_path / "a"], chest=True) as upload:
        warnings = upload.load().warnings
    assert any("this is a chest CT (CHEST): muscle at L3 cannot be measured" in w for w in warnings)


def test_all_reasons_are_named_at_once(tmp_path: Path) -> None:
    affine = AFFINE.copy()
    affine[1, 2] = 1.0
    tags = {"BodyPartExamined": "HEAD", "SeriesDescription": None}
    files = factory.write_series(tmp_path, head_phantom(), affine, **tags)
    files[2].unlink()
    reasons = (
        r"head CT \(HEAD\), and also the gantry was tilted by 18\.4°, and also 1 slice is missing"
    )
    with pytest.raises(WrongBodyPartError, match=reasons):
        load_here([tmp_path])


def test_the_only_ct_names_the_refusal_whatever_lies_beside_it(tmp_path: Path) -> None:
    files = factory.write_series(tmp_path, HU)
    files[2].unlink()
    scout = factory.dicom_slice(HU, AFFINE, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    factory.write(scout, tmp_path / "scout")
    with pytest.raises(UnevenSpacingError, match="1 slice is missing"):
        load_here([tmp_path])


def test_scans_of_two_patients_are_pointed_out(tmp_path: Path) -> None:
    write_two_phases(tmp_path, SeriesInstanceUID="1.2.9", PatientID="P2")
    for series in inspect_here([tmp_path]).series:
        assert "the upload holds scans of 2 patients: check which this is" in series.warnings
