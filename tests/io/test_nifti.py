"""NIfTI gives the same canonical volume whatever its axes, type and scaling; doubts are named."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import dicom_factory as factory
import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_process import inspect_here, load_here

from hccsurv_core.errors import (
    GantryTiltError,
    GeometryError,
    InputError,
    IntensityError,
    UnreadableFileError,
    WrongBodyPartError,
)
from hccsurv_core.io.limits import IntakeLimits
from hccsurv_core.io.nifti import read_nifti, read_nifti_header
from hccsurv_core.volume import Volume, check_same_geometry

HU = factory.body_phantom()
AFFINE = factory.axial_affine()
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def write_nifti(
    path: Path,
    voxels: np.ndarray = HU,
    affine: np.ndarray = AFFINE,
    *,
    cls: type = nib.Nifti1Image,
    **header: object,
) -> Path:
    image = cls(np.asarray(voxels).T, LPS_TO_RAS @ affine)
    for field, value in header.items():
        image.header[field] = value
    nib.save(image, path)
    return path


def assert_is_phantom(volume: Volume) -> None:
    assert volume.is_canonical
    check_same_geometry(volume, Volume(HU, AFFINE))
    np.testing.assert_array_equal(volume.voxels, HU)


@pytest.mark.parametrize(("order", "flips"), factory.ALL_TURNS)
def test_any_storage_orientation_gives_the_same_volume(
    order: tuple[int, int, int], flips: tuple[bool, bool, bool], tmp_path: Path
) -> None:
    path = write_nifti(tmp_path / "ct.nii", *factory.turn(HU, AFFINE, order, flips))
    assert_is_phantom(read_nifti(path)[0])


@pytest.mark.parametrize("name", ["ct.nii", "ct.nii.gz"])
@pytest.mark.parametrize("cls", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("dtype", ["int16", "int32", "float32", "float64", "<i2", ">i2"])
def test_containers_and_types(name: str, cls: type, dtype: str, tmp_path: Path) -> None:
    scan = load_here([write_nifti(tmp_path / name, HU.astype(dtype), cls=cls)])
    assert_is_phantom(scan.volume)
    assert scan.volume.voxels.dtype == np.int16
    assert scan.series.modality == "NIFTI"
    assert scan.dicom_files == ()


def test_scl_slope_and_inter_are_applied(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "ct.nii", (HU + 1024).astype(np.uint16))
    raw = bytearray(path.read_bytes())
    raw[112:120] = np.array([1.0, -1024.0], "<f4").tobytes()
    path.write_bytes(bytes(raw))
    assert_is_phantom(load_here([path]).volume)


def test_fractions_stay_float32(tmp_path: Path) -> None:
    volume = load_here([write_nifti(tmp_path / "ct.nii", HU + np.float32(0.25))]).volume
    assert volume.voxels.dtype == np.float32
    np.testing.assert_allclose(volume.voxels, HU + 0.25, atol=0.01)


def test_a_trailing_frame_axis_of_one_is_dropped(tmp_path: Path) -> None:
    image = nib.Nifti1Image(HU.T[..., None], LPS_TO_RAS @ AFFINE)
    nib.save(image, tmp_path / "ct.nii")
    assert_is_phantom(load_here([tmp_path / "ct.nii"]).volume)


def test_not_a_number_becomes_air_with_a_warning(tmp_path: Path) -> None:
    voxels = HU.astype(np.float32)
    voxels[:, :4] = np.nan
    scan = load_here([write_nifti(tmp_path / "ct.nii", voxels)])
    assert (scan.volume.voxels[:, :4] == -1024).all()
    assert f"{6 * 4 * 116} voxels were not numbers: set to air" in scan.warnings


def test_padding_below_air_becomes_air(tmp_path: Path) -> None:
    voxels = HU.copy()
    voxels[:, :4] = -3024
    volume = load_here([write_nifti(tmp_path / "ct.nii", voxels)]).volume
    assert volume.voxels.min() == -1024


def test_a_slice_is_taken_as_l3(tmp_path: Path) -> None:
    scan = load_here([write_nifti(tmp_path / "l3.nii.gz", HU[2:3])])
    assert scan.volume.shape == (1, 80, 116)
    assert "one slice only: taken as the level of L3" in scan.warnings


def test_forms_that_disagree_are_pointed_out(tmp_path: Path) -> None:
    image = nib.Nifti1Image(HU.T, LPS_TO_RAS @ AFFINE)
    image.set_qform(np.diag([3.0, 3.0, 3.0, 1.0]), code=1)
    nib.save(image, tmp_path / "ct.nii")
    scan = load_here([tmp_path / "ct.nii"])
    assert any("sform and qform place the image up to" in w for w in scan.warnings)
    assert_is_phantom(scan.volume)


def test_units_of_metres_are_converted(tmp_path: Path) -> None:
    metres = np.diag([0.001, 0.001, 0.001, 1.0]) @ AFFINE
    path = write_nifti(tmp_path / "ct.nii", HU, metres, xyzt_units=1)
    check_same_geometry(load_here([path]).volume, Volume(HU, AFFINE))


def no_forms(path: Path) -> Path:
    image = nib.Nifti1Image(HU.T, None)
    image.header["pixdim"][1:4] = 3.0
    nib.save(image, path)
    return path


def sheared(path: Path) -> Path:
    affine = AFFINE.copy()
    affine[1, 2] = 1.0
    return write_nifti(path, HU, affine)


def two_frames(path: Path) -> Path:
    nib.save(nib.Nifti1Image(np.stack([HU.T, HU.T], -1), np.eye(4)), path)
    return path


def truncated(path: Path) -> Path:
    write_nifti(path)
    path.write_bytes(path.read_bytes()[:-5000])
    return path


def color(path: Path) -> Path:
    rgb = np.zeros((5, 5, 5), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(rgb, np.eye(4)), path)
    return path


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (no_forms, GeometryError, r"does not say how the patient lies \(no qform, no sform\)"),
        (sheared, GantryTiltError, r"sheared by 18\.4°"),
        (two_frames, UnreadableFileError, r"has 4 dimensions \(116×80×6×2\), not 3"),
        (truncated, UnreadableFileError, "is cut short: .* bytes of voxels; copy the file again"),
        (color, UnreadableFileError, "holds color or complex values"),
        (
            lambda p: write_nifti(p, HU, factory.axial_affine((3.0, 0.004, 0.004))),
            GeometryError,
            r"spacing of 0\.004 mm is not that of a body CT",
        ),
        (lambda p: write_nifti(p, (HU > 0).astype(np.uint8)), IntensityError, "a mask instead"),
        (
            lambda p: write_nifti(p, factory.body_phantom(spacing_mm=7.0)),
            WrongBodyPartError,
            "too small for an adult's abdomen",
        ),
    ],
)
def test_refusals_name_the_file(
    make, error: type[InputError], message: str, tmp_path: Path
) -> None:
    path = make(tmp_path / "upload.nii")
    with pytest.raises(error, match=rf"upload\.nii: .*{message}"):
        load_here([path])


def test_size_is_bounded_before_anything_is_decompressed(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.zeros((2, 2, 2), np.uint8), np.eye(4))
    raw = bytearray(image.to_bytes())
    raw[40:48] = np.array([3, 30000, 30000, 30000], "<i2").tobytes()
    path = tmp_path / "bomb.nii.gz"
    path.write_bytes(gzip.compress(bytes(raw)))
    with pytest.raises(GeometryError, match="30000×30000×30000 voxels, more than 600 million"):
        read_nifti_header(path)
    with pytest.raises(GeometryError, match="more than 0 million"):
        read_nifti_header(write_nifti(tmp_path / "ct.nii"), IntakeLimits(max_voxels=1000))


def test_each_nifti_is_a_series_of_its_own(tmp_path: Path) -> None:
    write_nifti(tmp_path / "ct_portal.nii.gz")
    write_nifti(tmp_path / "mask.nii.gz", (HU > 0).astype(np.uint8))
    found = inspect_here([tmp_path])
    assert [s.description.rpartition("/")[2] for s in found.series] == [
        "ct_portal.nii.gz",
        "mask.nii.gz",
    ]
    assert [s.refusal_code for s in found.series] == [None, "intensity"]
    assert found.series[0].phase == "portal_venous"


def test_a_gzipped_nifti_inside_a_zip_reads(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "ct.nii.gz")
    with zipfile.ZipFile(tmp_path / "up.zip", "w") as archive:
        archive.write(path, "study/ct.nii.gz")
    scan = load_here([tmp_path / "up.zip"])
    assert_is_phantom(scan.volume)
    assert scan.series.description == "up.zip/study/ct.nii.gz"


SMALL = np.full((3, 4, 5), 50, np.int16)


@settings(max_examples=200, deadline=None)
@given(flips=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=5))
def test_flipped_header_bytes_give_a_volume_or_a_named_error(
    flips: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    raw = bytearray(nib.Nifti1Image(SMALL.T, np.diag([3.0, 3, 3, 1])).to_bytes())
    for place, value in flips:
        raw[place] = value
    path = tmp_path_factory.mktemp("fuzz") / "ct.nii"
    path.write_bytes(bytes(raw))
    limits = IntakeLimits(max_voxels=10_000_000)
    try:
        volume, _ = read_nifti(path, limits)
    except InputError as error:
        assert str(error)
    else:
        assert volume.is_canonical
