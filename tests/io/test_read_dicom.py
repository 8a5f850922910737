"""A CT comes out as the same canonical Hounsfield units whatever the container, order or syntax."""

from __future__ import annotations

import random
import zipfile
from pathlib import Path

import dicom_factory as factory
import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from in_process import load_here
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from hccsurv_core.io.intake import LoadedScan, read_scan
from hccsurv_core.volume import Volume, check_same_geometry

HU = factory.body_phantom()
AFFINE = factory.axial_affine()


def assert_is_phantom(volume: Volume, hu: np.ndarray = HU, affine: np.ndarray = AFFINE) -> None:
    assert volume.is_canonical
    check_same_geometry(volume, Volume(hu, affine))
    np.testing.assert_array_equal(volume.voxels, hu)


def test_folder_comes_back_exactly(tmp_path: Path) -> None:
    files = factory.write_series(tmp_path / "scan", HU)
    scan = read_scan([tmp_path / "scan"])
    assert_is_phantom(scan.volume)
    assert scan.volume.voxels.dtype == np.int16
    assert scan.dicom_files == tuple(f.resolve() for f in files)
    assert scan.series.spacing_mm == (3.0, 3.0, 3.0)
    assert scan.series.study_date == "2024-01-31"
    assert scan.series.body_part == "ABDOMEN"
    assert scan.warnings == ()


def test_zip_equals_folder_and_keeps_its_source_files(tmp_path: Path) -> None:
    files = factory.write_series(tmp_path / "scan", HU)
    with zipfile.ZipFile(tmp_path / "scan.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, f"DICOM/S1/{file.name}")
    scan: LoadedScan = read_scan([tmp_path / "scan.zip"])
    assert_is_phantom(scan.volume)
    contents = [f.read_bytes() for f in scan.dicom_files]
    assert contents == [f.read_bytes() for f in files]
    unpacked = scan.dicom_files[0]
    del scan
    assert not unpacked.exists()


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 10_000))
def test_file_order_and_names_do_not_matter(
    seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("scan")
    paths = factory.write_series(folder, HU)
    random.Random(seed).shuffle(paths)
    renamed = [p.rename(folder / f"{n:05d}.ima") for n, p in enumerate(paths)]
    random.Random(seed + 1).shuffle(renamed)
    scan = load_here(renamed)
    assert_is_phantom(scan.volume)


@pytest.mark.parametrize(("order", "flips"), factory.SOME_TURNS)
def test_any_storage_orientation_gives_the_same_volume(
    order: tuple[int, int, int], flips: tuple[bool, bool, bool], tmp_path: Path
) -> None:
    factory.write_series(tmp_path, *factory.turn(HU, AFFINE, order, flips))
    scan = load_here([tmp_path])
    assert_is_phantom(scan.volume)
    assert ("the slices are not axial: axial ones were made of them" in scan.warnings) == (
        order[0] != 0
    )


@settings(max_examples=10, deadline=None)
@given(angle=st.floats(-7, 7), slice_mm=st.sampled_from([0.625, 1.25, 2.5, 5.0]))
def test_oblique_stacks_keep_their_geometry(
    angle: float, slice_mm: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    a = np.radians(angle)
    turned = np.eye(4)
    turned[1:3, 1:3] = [[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]
    affine = turned @ factory.axial_affine((slice_mm, 3.0, 3.0))
    folder = tmp_path_factory.mktemp("scan")
    factory.write_series(folder, HU, affine)
    assert_is_phantom(load_here([folder]).volume, affine=affine)


@pytest.mark.parametrize(
    "syntax",
    [JPEG2000Lossless, JPEGLSLossless, RLELossless, DeflatedExplicitVRLittleEndian,
     ImplicitVRLittleEndian, ExplicitVRBigEndian],
)  # fmt: skip
@pytest.mark.parametrize("dtype", ["uint16", "int16"])
def test_transfer_syntaxes(syntax: str, dtype: str, tmp_path: Path) -> None:
    intercept = -1024 if dtype == "uint16" else 0
    for n in range(len(HU)):
        ds = factory.dicom_slice(HU, AFFINE, n, dtype=dtype, intercept=intercept)
        if syntax in (JPEG2000Lossless, JPEGLSLossless, RLELossless):
            ds.compress(syntax, generate_instance_uid=False)
        else:
            if syntax == ExplicitVRBigEndian:
                ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
            ds.file_meta.TransferSyntaxUID = syntax
        factory.write(ds, tmp_path / f"{n}.dcm")
    assert_is_phantom(load_here([tmp_path]).volume)


def test_jpeg_lossless_reads(tmp_path: Path) -> None:
    from jpeg_lossless import encode

    for n in range(len(HU)):
        ds = factory.dicom_slice(HU, AFFINE, n)
        stored = np.frombuffer(ds.PixelData, "<u2").reshape(HU.shape[1:])
        ds.PixelData = pydicom.encaps.encapsulate([encode(stored)])
        ds["PixelData"].is_undefined_length = True
        ds.file_meta.TransferSyntaxUID = JPEGLosslessSV1
        factory.write(ds, tmp_path / f"{n}.dcm")
    assert_is_phantom(load_here([tmp_path]).volume)


@pytest.mark.parametrize("implicit", [True, False])
def test_missing_preamble_file_meta_and_sop_class(implicit: bool, tmp_path: Path) -> None:
    for n in range(len(HU)):
        ds = factory.dicom_slice(HU, AFFINE, n, SOPClassUID=None)
        factory.write_bare(ds, tmp_path / f"IM{n}", implicit=implicit)
    assert_is_phantom(load_here([tmp_path]).volume)


def test_enhanced_ct_frames_in_any_order_with_their_own_rescale(tmp_path: Path) -> None:
    ds = factory.enhanced_ct(
        HU, AFFINE, order=[3, 0, 5, 1, 4, 2], intercepts=[-1024, -1030, -1024, -2000, -1024, -1100]
    )
    path = factory.write(ds, tmp_path / "enhanced.dcm")
    scan = load_here([path])
    assert_is_phantom(scan.volume)
    assert scan.dicom_files == (path,)
    assert scan.series.n_slices == len(HU)


def test_slices_may_differ_in_slope_and_intercept(tmp_path: Path) -> None:
    even = HU // 2 * 2
    for n in range(len(HU)):
        slope, intercept = ((1, -1024), (2, -1024), (1, -1100))[n % 3]
        ds = factory.dicom_slice(even, AFFINE, n, slope=slope, intercept=intercept)
        factory.write(ds, tmp_path / str(n))
    assert_is_phantom(load_here([tmp_path]).volume, even)


def test_fractional_rescale_gives_float32(tmp_path: Path) -> None:
    factory.write_series(tmp_path, HU, slope=0.5, intercept=-1024.5)
    volume = load_here([tmp_path]).volume
    assert volume.voxels.dtype == np.float32
    np.testing.assert_allclose(volume.voxels, HU, atol=0.5)


def test_single_axial_slice_is_taken_as_l3(tmp_path: Path) -> None:
    path = factory.write(factory.dicom_slice(HU, AFFINE, 2), tmp_path / "L3.dcm")
    scan = load_here([path])
    assert scan.volume.shape == (1, *HU.shape[1:])
    assert "one slice only: taken as the level of L3" in scan.warnings
    assert scan.volume.slice_position_mm(0) == pytest.approx(46.0)
