"""Images as stored and masks on an image's grid; parsed in this process, the last tests aside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
from dicom_factory import ALL_TURNS, axial_affine, body_phantom, turn, write_series

from hccsurv_core.errors import (
    CancelledError,
    DecoderFailedError,
    GeometryError,
    GeometryMismatchError,
    IntensityError,
    UnreadableFileError,
    WrongModalityError,
)
from hccsurv_core.io import grid_worker, grids
from hccsurv_core.io.export import write_dicom_seg
from hccsurv_core.io.grids import read_mask, read_nifti_as_stored
from hccsurv_core.io.limits import IntakeLimits
from hccsurv_core.volume import Volume

SHAPE = (5, 7, 9)
AFFINE = axial_affine((2.5, 0.9, 0.8))
AFFINE[:3, 3] = (-31.7, 12.3, 1 / 3)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse in this process."""

    def ask(what: str, path: Path, workspace: Path, limits: IntakeLimits, _: Any) -> dict:
        command = {"do": what, "path": str(path), "workspace": str(workspace)}
        return grid_worker.read({**command, "limits": limits.to_dict()})

    monkeypatch.setattr(grids, "ask_reader", ask)


def write_nifti(path: Path, voxels: np.ndarray, affine: np.ndarray, **header: Any) -> Path:
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    image = nibabel.Nifti1Image(np.transpose(voxels, (2, 1, 0)), ras, dtype=voxels.dtype)
    if header:
        image.header.set_slope_inter(header["slope"], header["intercept"])
    nibabel.save(image, path)
    return path


def labels(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, SHAPE).astype(np.uint8)


# -- images ------------------------------------------------------------------------------------
@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.int32, np.float32, np.float64])
def test_an_image_keeps_values_and_order(tmp_path: Path, dtype: type) -> None:
    values = np.random.default_rng(0).normal(40, 30, SHAPE).astype(dtype)
    stored, affine = turn(values, AFFINE, (1, 2, 0), (True, False, True))
    found = read_nifti_as_stored(write_nifti(tmp_path / "a.nii.gz", stored, affine))
    assert found is not None
    np.testing.assert_array_equal(found.voxels, stored)
    np.testing.assert_allclose(found.affine, affine, atol=1e-5)
    assert found.voxels.dtype == (dtype if np.dtype(dtype).kind == "f" else np.int32)


@pytest.mark.usefixtures("here")
def test_slope_and_intercept_as_itk_applies_them(tmp_path: Path) -> None:
    import SimpleITK as sitk

    stored = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)
    path = write_nifti(tmp_path / "a.nii", stored, AFFINE, slope=0.1, intercept=-3.3)
    found = read_nifti_as_stored(path)
    assert found is not None
    expected = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    assert found.voxels.dtype == expected.dtype == np.float32
    np.testing.assert_allclose(found.voxels, expected, rtol=2e-7)


@pytest.mark.usefixtures("here")
def test_whole_numbers_beyond_32_bits_and_infinities(tmp_path: Path) -> None:
    large = np.full(SHAPE, 2**32 - 1, dtype=np.uint32)
    found = read_nifti_as_stored(write_nifti(tmp_path / "a.nii", large, AFFINE))
    assert found is not None
    assert found.voxels.dtype == np.float64
    assert found.voxels.max() == 2**32 - 1
    odd = np.ones(SHAPE, dtype=np.float32)
    odd[0, 0, 0] = np.inf
    with pytest.raises(IntensityError, match="1 of its 315 values are not finite"):
        read_nifti_as_stored(write_nifti(tmp_path / "b.nii", odd, AFFINE))


@pytest.mark.usefixtures("here")
def test_what_is_no_nifti_is_left_to_the_intake(tmp_path: Path) -> None:
    file = write_series(tmp_path, body_phantom(2))[0]
    assert read_nifti_as_stored(file) is None


# -- NIfTI masks -------------------------------------------------------------------------------
@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("order", "flips"), ALL_TURNS)
def test_a_mask_stored_in_any_order_lies_where_it_was_drawn(
    tmp_path: Path, order: tuple[int, int, int], flips: tuple[bool, bool, bool]
) -> None:
    stored, affine = turn(labels(), AFFINE, order, flips)
    path = write_nifti(tmp_path / "mask.nii", stored, affine)
    image = Volume(np.zeros(SHAPE, np.int16), AFFINE)
    np.testing.assert_array_equal(read_mask(path, image).voxels, labels())


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("axis", range(3))
def test_a_shift_is_rounding_up_to_a_tenth_of_a_voxel(tmp_path: Path, axis: int) -> None:
    image = Volume(np.zeros(SHAPE, np.int16), AFFINE)
    for shift_mm, refused in ((0.07, False), (0.09, True)):
        moved = AFFINE.copy()
        moved[axis, 3] += shift_mm  # the smallest spacing is 0.8 mm
        path = write_nifti(tmp_path / "mask.nii", labels(), moved)
        if refused:
            with pytest.raises(GeometryMismatchError, match=r"mask\.nii: the two grids do not"):
                read_mask(path, image)
        else:
            found = read_mask(path, image)
            np.testing.assert_array_equal(found.voxels, labels())
            np.testing.assert_array_equal(found.affine, AFFINE)


@pytest.mark.usefixtures("here")
def test_a_grid_turned_by_45_degrees_is_compared_as_it_is(tmp_path: Path) -> None:
    affine = AFFINE.copy()
    c = np.sqrt(0.5)
    affine[:3, :3] = np.array([[c, -c, 0], [c, c, 0], [0, 0, 1]]) @ AFFINE[:3, :3]
    image = Volume(np.zeros(SHAPE, np.int16), affine)
    path = write_nifti(tmp_path / "mask.nii", labels(), affine)
    np.testing.assert_array_equal(read_mask(path, image).voxels, labels())
    with pytest.raises(GeometryMismatchError, match="do not coincide"):
        read_mask(write_nifti(tmp_path / "mask.nii", labels(), AFFINE), image)


# -- DICOM SEG ---------------------------------------------------------------------------------
@pytest.fixture
def segmented(tmp_path: Path) -> tuple[Path, Volume, dict[str, np.ndarray]]:
    """A SEG of two overlapping structures, its image, and the structures."""
    hu = body_phantom(5)
    volume = Volume(hu, axial_affine())
    files = write_series(tmp_path / "ct", hu)
    muscle = (hu > 0) & (hu < 110)
    masks = {"muscle": muscle, "psoas_left": muscle & (np.indices(hu.shape)[2] > 60)}
    path = tmp_path / "seg.dcm"
    write_dicom_seg(path, masks, source_files=files, volume=volume, series_description="test")
    return path, volume, masks


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("axes", ["LPS", "RAS", "SRP"])
def test_segments_lie_where_they_were_drawn(
    segmented: tuple[Path, Volume, dict[str, np.ndarray]], axes: str
) -> None:
    path, volume, masks = segmented
    turned = volume.to_axes(axes)
    for number, mask in enumerate(masks.values(), start=1):
        found = read_mask(path, turned, label=number)
        expected = Volume(mask.astype(np.uint8), volume.affine).to_axes(axes).voxels
        np.testing.assert_array_equal(found.voxels == number, expected)
        assert found.names == {1: "Skeletal muscle", 2: "Psoas muscle, left"}


@pytest.mark.usefixtures("here")
def test_segments_beyond_the_image_or_between_its_voxels_are_refused(
    segmented: tuple[Path, Volume, dict[str, np.ndarray]],
) -> None:
    path, volume, _ = segmented
    moved = volume.affine.copy()
    moved[0, 3] += 1.0
    finer = volume.affine @ np.diag([1, 1, 0.5, 1])
    for image in (
        Volume(volume.voxels[:3], volume.affine),
        Volume(volume.voxels, moved),
        Volume(volume.voxels[:, :, ::2], volume.affine @ np.diag([2, 1, 1, 1])),
    ):
        with pytest.raises(GeometryMismatchError, match=r"its frame \d+ has 116×80 pixels of 3×3"):
            read_mask(path, image)
    # Every second slice of a finer image: each pixel is a voxel, so that is what was drawn.
    found = read_mask(path, Volume(volume.voxels.repeat(2, axis=0), finer))
    assert not found.voxels[1::2].any()


def changed(path: Path, **tags: Any) -> Path:
    ds = pydicom.dcmread(path)
    for keyword, value in tags.items():
        setattr(ds, keyword, value)
    ds.save_as(path)
    return path


@pytest.mark.usefixtures("here")
def test_a_label_map_segmentation_holds_numbers_in_its_pixels(
    segmented: tuple[Path, Volume, dict[str, np.ndarray]],
) -> None:
    path, volume, masks = segmented
    ds = pydicom.dcmread(path)
    first = [
        n
        for n, group in enumerate(ds.PerFrameFunctionalGroupsSequence)
        if group.SegmentIdentificationSequence[0].ReferencedSegmentNumber == 1
    ]
    expected = masks["muscle"] + masks["psoas_left"].astype(np.uint8)
    planes = [
        round((g.PlanePositionSequence[0].ImagePositionPatient[2] - 40.0) / 3)
        for g in ds.PerFrameFunctionalGroupsSequence
    ]
    ds.PerFrameFunctionalGroupsSequence = [ds.PerFrameFunctionalGroupsSequence[n] for n in first]
    ds.PixelData = expected[[planes[n] for n in first]].tobytes()
    ds.NumberOfFrames = len(first)
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit = 7
    ds.SegmentationType = "LABELMAP"
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.66.7"
    ds.save_as(path)
    np.testing.assert_array_equal(read_mask(path, volume).voxels, expected)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("tags", "kind", "message"),
    [
        ({"SegmentationType": "FRACTIONAL"}, WrongModalityError, "holds probabilities"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}, WrongModalityError, "not a segmentation"),
        ({"Rows": 5000}, UnreadableFileError, r"frames of 116×5000 pixels, more than allowed"),
        ({"Rows": 0}, UnreadableFileError, "the segmentation is empty"),
        ({"PixelData": b"\x00\x01"}, UnreadableFileError, "its pixels cannot be decoded"),
        ({"PerFrameFunctionalGroupsSequence": []}, UnreadableFileError, "frames but describes 0"),
        (
            {"SharedFunctionalGroupsSequence": [pydicom.Dataset()]},
            GeometryError,
            "frame 1 does not say where it lies",
        ),
    ],
)
def test_a_segmentation_that_does_not_do(
    segmented: tuple[Path, Volume, dict[str, np.ndarray]],
    tags: dict[str, Any],
    kind: type[Exception],
    message: str,
) -> None:
    path, volume, _ = segmented
    with pytest.raises(kind, match=message):
        read_mask(changed(path, **tags), volume)


# -- the process -------------------------------------------------------------------------------
def test_a_reader_without_memory_is_reported(tmp_path: Path) -> None:
    values = np.zeros((300, 500, 500), dtype=np.uint8)
    path = write_nifti(tmp_path / "large.nii.gz", values, AFFINE)
    tight = IntakeLimits(decode_bytes=400 << 20)
    with pytest.raises(DecoderFailedError, match=r"large\.nii\.gz: .*more memory than one file"):
        read_nifti_as_stored(path, limits=tight)


def test_cancelling_ends_it(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "mask.nii", labels(), AFFINE)

    def cancel(fraction: float, text: str) -> None:
        raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        read_mask(path, Volume(np.zeros(SHAPE, np.int16), AFFINE), progress=cancel)
