"""Uploaded masks of any kind as named regions on the scan's grid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
from dicom_factory import ALL_TURNS, axial_affine, body_phantom, turn, write_series
from grid_here import parse_here
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rt_factory import box, on_slice, save, structure_set

from hccsurv_core.errors import (
    CancelledError,
    DecoderFailedError,
    GeometryMismatchError,
    InputError,
    IntensityError,
    UnreadableFileError,
    WrongModalityError,
)
from hccsurv_core.io import roi_files, roi_reader
from hccsurv_core.io.cropped_mask import CroppedMask
from hccsurv_core.io.export import label_map_from_masks, write_dicom_seg, write_nifti_labels
from hccsurv_core.io.label_names import read_label_names, unique
from hccsurv_core.io.limits import IntakeLimits
from hccsurv_core.io.roi_files import ImageSource, merge_roi_files, read_roi_file
from hccsurv_core.io.roi_names import harmless_name, match_structures
from hccsurv_core.volume import LabelMap, Volume

SHAPE = (5, 7, 9)
AFFINE = axial_affine((2.5, 0.9, 0.8))
IMAGE = Volume(np.zeros(SHAPE, np.int16), AFFINE)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse in this process."""
    parse_here(monkeypatch)


def labels(highest: int = 3) -> np.ndarray:
    return np.random.default_rng(1).integers(0, highest + 1, SHAPE).astype(np.uint8)


def write_nifti(path: Path, voxels: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    nibabel.save(nibabel.Nifti1Image(np.transpose(voxels, (2, 1, 0)), ras), path)
    return path


# -- cropped masks -----------------------------------------------------------------------------
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    seed=st.integers(0, 1000),
    density=st.sampled_from([0.0, 0.03, 0.5, 1.0]),
)
def test_a_mask_comes_back_from_its_box(shape: tuple, seed: int, density: float) -> None:
    mask = np.random.default_rng(seed).random(shape) < density
    cropped = CroppedMask.of(mask)
    np.testing.assert_array_equal(cropped.whole(shape), mask)
    assert cropped.n_voxels == mask.sum()
    if mask.any():
        ends = [np.take(cropped.box, end, axis) for axis in range(3) for end in (0, -1)]
        assert all(end.any() for end in ends)
        low, high = cropped.slices
        np.testing.assert_array_equal(cropped.slab(low, high, shape), mask[low : high + 1])
    moved = CroppedMask.of(mask, first=(2, 1, 3))
    larger = moved.whole((shape[0] + 2, shape[1] + 1, shape[2] + 3))
    np.testing.assert_array_equal(larger[2:, 1:, 3:], mask)


def test_bits_that_are_not_those_of_the_box_are_refused() -> None:
    for first, shape, bits in (
        ((0, 0, 0), (1, 1, 9), [255]),
        ((0, 0, 0), (1, 1, 4), [0b11110001]),
        ((0, 0, -1), (1, 1, 8), [255]),
    ):
        with pytest.raises(ValueError, match=r"bits|box"):
            CroppedMask(first, shape, np.array(bits, np.uint8))
    with pytest.raises(GeometryMismatchError, match="does not fit"):
        CroppedMask.of(np.ones((2, 2, 2), bool), (4, 0, 0)).whole(SHAPE)


# -- NIfTI -------------------------------------------------------------------------------------
@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("order", "flips"), ALL_TURNS[::5])
def test_labels_without_names(tmp_path: Path, order: tuple, flips: tuple) -> None:
    stored, affine = turn(labels(), AFFINE, order, flips)
    found = read_roi_file(write_nifti(tmp_path / "mask.nii.gz", stored, affine), IMAGE)
    assert (found.kind, found.kind_name, found.source) == ("nifti", "NIfTI", "mask.nii.gz")
    assert list(found.masks) == ["label 1", "label 2", "label 3"]
    for value in (1, 2, 3):
        np.testing.assert_array_equal(found.mask(f"label {value}"), labels() == value)
    assert found.hints == {} and found.warnings == ()


@pytest.mark.usefixtures("here")
def test_our_own_export_comes_back_with_its_names(tmp_path: Path) -> None:
    """Muscle holds the psoas again, though a voxel of the file has one label only."""
    values = labels(5)
    masks = {
        name: values == n for n, name in enumerate(("muscle", "psoas_left", "visceral_fat"), 1)
    }
    masks["muscle"] |= masks["psoas_left"]
    path = write_nifti_labels(tmp_path / "out.nii.gz", label_map_from_masks(IMAGE, masks))
    found = read_roi_file(path, IMAGE)
    assert list(found.regions) == list(masks)
    for name, mask in masks.items():
        np.testing.assert_array_equal(found.mask(name), mask)
    # The same names given apart from the mask, as an upload does.
    alone = write_nifti(tmp_path / "alone.nii.gz", label_map_from_masks(IMAGE, masks).voxels)
    again = read_roi_file(alone, IMAGE, sidecar=tmp_path / "out.json")
    assert {n: r.n_voxels for n, r in again.regions.items()} == {
        n: r.n_voxels for n, r in found.regions.items()
    }


SNAP = """################################################
# ITK-SnAP Label Description File
################################################
    0     0    0    0        0  0  0    "Clear Label"
    1   255    0    0        1  1  1    "Psoas left"
    2     0  255    0      0.5  1  1    "Psoas right"
    7     0    0  255        1  0  1    "Lesion"
"""


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "told",
    [
        SNAP,
        json.dumps({"1": "Psoas left", "2": "Psoas right", "7": "Lesion", "0": "background"}),
        json.dumps({"labels": {"Psoas left": 1, "Psoas right": 2, "Lesion": 7, "background": 0}}),
        json.dumps({"labels": {"1": "Psoas left", "2": "Psoas right", "7": "Lesion"}}),
    ],
)
def test_names_beside_a_mask(tmp_path: Path, told: str) -> None:
    (tmp_path / "names.txt").write_text(told)
    path = write_nifti(tmp_path / "mask.nii", labels())
    found = read_roi_file(path, IMAGE, sidecar=tmp_path / "names.txt")
    assert list(found.regions) == ["Psoas left", "Psoas right", "label 3"]
    assert found.warnings == ("named but not drawn: Lesion",)
    assert match_structures(found.regions) == {
        "Psoas left": "psoas_left",
        "Psoas right": "psoas_right",
    }


@pytest.mark.parametrize(
    "told",
    [
        "",
        "hello",
        "{",
        "[1, 2]",
        '{"labels": 3}',
        '{"labels": {"a": "b"}}',
        '{"1": "a", "70000": "b"}',
        '{"structures": {"muscle": "all"}}',
        '{"a": ' * 5000,
        '{"a": {}}',
    ],
)
def test_names_that_are_none(tmp_path: Path, told: str) -> None:
    path = tmp_path / "names.json"
    path.write_text(told)
    with pytest.raises(UnreadableFileError, match="does not name labels"):
        read_label_names(path)


@pytest.mark.usefixtures("here")
def test_a_bad_sidecar_is_named_not_the_mask(tmp_path: Path) -> None:
    (tmp_path / "names.json").write_text("no")
    path = write_nifti(tmp_path / "mask.nii", labels())
    with pytest.raises(UnreadableFileError, match=r"^names\.json: does not name labels"):
        read_roi_file(path, IMAGE, sidecar=tmp_path / "names.json")
    # What merely lies beside a mask may be something else: dcm2niix writes such files.
    (tmp_path / "mask.json").write_text('{"Modality": "CT", "EchoTime": 0.1}')
    found = read_roi_file(path, IMAGE)
    assert len(found.regions) == 3
    assert found.warnings == ("mask.json does not name labels and was not used",)


@pytest.mark.usefixtures("here")
def test_one_file_a_structure_as_totalsegmentator_writes(tmp_path: Path) -> None:
    files = []
    for name, value in (("iliopsoas_left", 1), ("iliopsoas_right", 2), ("liver", 3)):
        path = write_nifti(tmp_path / f"{name}.nii.gz", (labels() == value).astype(np.uint8))
        files.append(read_roi_file(path, IMAGE))
        assert files[-1].hints == {"label 1": name}
    merged = merge_roi_files(files)
    assert list(merged.regions) == ["iliopsoas_left", "iliopsoas_right", "liver"]
    np.testing.assert_array_equal(merged.mask("iliopsoas_right"), labels() == 2)
    assert merged.source == "iliopsoas_left.nii.gz, iliopsoas_right.nii.gz, liver.nii.gz"
    assert match_structures(merged.regions, merged.hints) == {
        "iliopsoas_left": "psoas_left",
        "iliopsoas_right": "psoas_right",
    }
    assert merge_roi_files(files[:1]) is files[0]
    with pytest.raises(InputError, match="no mask file"):
        merge_roi_files([])


@pytest.mark.usefixtures("here")
def test_nifti_that_is_no_mask_of_this_image(tmp_path: Path) -> None:
    hu = write_nifti(tmp_path / "ct.nii", np.full(SHAPE, -1000, np.int16))
    with pytest.raises(IntensityError, match=r"ct\.nii: its labels run from -1000 to -1000"):
        read_roi_file(hu, IMAGE)
    many = write_nifti(tmp_path / "b.nii", np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(roi_reader, "MAX_REGIONS", 100)
        with pytest.raises(UnreadableFileError, match="holds 314 labels, more than 100"):
            read_roi_file(many, IMAGE)
        patch.setattr(roi_reader, "MAX_BITS_BYTES", 3)
        with pytest.raises(UnreadableFileError, match="more regions than can be taken"):
            read_roi_file(write_nifti(tmp_path / "c.nii", labels()), IMAGE)
    empty = write_nifti(tmp_path / "d.nii", np.zeros(SHAPE, np.uint8))
    with pytest.raises(UnreadableFileError, match=r"d\.nii: holds no region on this image"):
        read_roi_file(empty, IMAGE)
    finer = write_nifti(tmp_path / "e.nii", labels(), AFFINE @ np.diag([0.5, 1, 1, 1]))
    with pytest.raises(
        GeometryMismatchError,
        match=r"e\.nii: the two grids do not coincide: 9×7×5 voxels of 0\.8×0\.9×2\.5 mm .* and "
        r"9×7×5 voxels of 0\.4×0\.9×2\.5 mm",
    ):
        read_roi_file(finer, IMAGE)


# -- DICOM SEG ---------------------------------------------------------------------------------
@pytest.fixture
def segmented(tmp_path: Path) -> tuple[Path, Volume, dict[str, np.ndarray]]:
    """A SEG of two overlapping structures, its image, and the structures."""
    hu = body_phantom(5)
    volume = Volume(hu, axial_affine())
    files = write_series(tmp_path / "ct", hu, FrameOfReferenceUID="1.2.3.4.9")
    muscle = (hu > 0) & (hu < 110)
    masks = {"muscle": muscle, "psoas_left": muscle & (np.indices(hu.shape)[2] > 60)}
    path = tmp_path / "seg.dcm"
    write_dicom_seg(path, masks, source_files=files, volume=volume, series_description="test")
    return path, volume, masks


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("axes", ["LPS", "RAI"])
def test_segments_that_overlap_stay_whole(
    segmented: tuple[Path, Volume, dict[str, np.ndarray]], axes: str
) -> None:
    path, volume, masks = segmented
    image = volume.to_axes(axes)
    found = read_roi_file(path, image, source=ImageSource(frame_uid="1.2.3.4.9"))
    assert (found.kind, list(found.regions)) == ("seg", ["Skeletal muscle", "Psoas muscle, left"])
    for mask, laid in zip(masks.values(), found.masks.values(), strict=True):
        expected = Volume(mask.astype(np.uint8), volume.affine).to_axes(axes).voxels > 0
        np.testing.assert_array_equal(laid, expected)
    assert found.hints == {
        "Skeletal muscle": "Skeletal muscle",
        "Psoas muscle, left": "Iliopsoas muscle, Left",
    }
    assert match_structures(found.regions, found.hints) == {
        "Skeletal muscle": "muscle",
        "Psoas muscle, left": "psoas_left",
    }
    assert found.warnings == ()
    other = read_roi_file(path, image, source=ImageSource(frame_uid="9.9"))
    assert "names another frame of reference" in other.warnings[0]


@pytest.mark.usefixtures("here")
def test_a_segmentation_of_another_grid_is_refused_with_both(
    segmented: tuple[Path, Volume, dict[str, np.ndarray]],
) -> None:
    path, volume, _ = segmented
    moved = volume.affine.copy()
    moved[0, 3] += 1.0
    with pytest.raises(
        GeometryMismatchError,
        match=r"seg\.dcm: .*its frame \d+ has 116×80 pixels of 3×3 mm at .*, the image 116×80×5 "
        r"voxels of 3×3×3 mm at",
    ):
        read_roi_file(path, Volume(volume.voxels, moved))


@pytest.mark.usefixtures("here")
def test_empty_and_unnamed_segments(segmented: tuple[Path, Volume, dict[str, np.ndarray]]) -> None:
    path, volume, masks = segmented
    ds = pydicom.dcmread(path)
    ds.SegmentSequence[0].SegmentLabel = ""
    extra = pydicom.Dataset()
    extra.SegmentNumber, extra.SegmentLabel = 3, "Liver"
    ds.SegmentSequence.append(extra)
    ds.save_as(path)
    found = read_roi_file(path, volume)
    assert list(found.regions) == ["segment 1", "Psoas muscle, left"]
    assert found.warnings == ("Liver is empty on this image",)
    assert found.regions["segment 1"].n_voxels == masks["muscle"].sum()


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("tags", "kind", "message"),
    [
        ({"SegmentationType": "FRACTIONAL"}, WrongModalityError, "holds probabilities"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}, WrongModalityError, "neither a segment"),
        ({"PixelData": b"\x00\x01"}, UnreadableFileError, "its pixels cannot be decoded"),
        ({"NumberOfFrames": 99}, UnreadableFileError, "has 99 frames but describes"),
        ({"NumberOfFrames": 1 << 20}, UnreadableFileError, "more than allowed"),
    ],
)
def test_a_segmentation_that_cannot_be_taken(
    segmented: tuple[Path, Volume, dict[str, np.ndarray]], tags: dict, kind: type, message: str
) -> None:
    path, volume, _ = segmented
    ds = pydicom.dcmread(path)
    for keyword, value in tags.items():
        setattr(ds, keyword, value)
    ds.save_as(path)
    with pytest.raises(kind, match=rf"seg\.dcm: .*{message}"):
        read_roi_file(path, volume)


# -- the process -------------------------------------------------------------------------------
def test_each_kind_in_its_own_process(
    tmp_path: Path, segmented: tuple[Path, Volume, dict[str, np.ndarray]]
) -> None:
    path, volume, masks = segmented
    assert read_roi_file(path, volume).regions["Skeletal muscle"].n_voxels == masks["muscle"].sum()
    square = {"a": [on_slice(IMAGE, 2, box(1.5, 1.5, 4.5, 4.5))]}
    structures = save(structure_set(square), tmp_path / "rs.dcm")
    assert read_roi_file(structures, IMAGE).regions["a"].n_voxels == 9
    mask = write_nifti(tmp_path / "mask.nii", labels())
    assert len(read_roi_file(mask, IMAGE).regions) == 3
    broken = tmp_path / "broken.dcm"
    broken.write_bytes(structures.read_bytes()[:700])
    with pytest.raises(InputError, match=r"^shown\.dcm: "):
        read_roi_file(broken, IMAGE, name="shown.dcm")
    with pytest.raises(UnreadableFileError, match="there is no such file"):
        read_roi_file(tmp_path / "gone.nii", IMAGE)


def test_a_reader_without_memory_and_a_cancelled_one(tmp_path: Path) -> None:
    large = np.zeros((300, 500, 500), np.uint8)
    large[0] = 1
    path = write_nifti(tmp_path / "large.nii.gz", large)
    image = LabelMap(np.broadcast_to(np.int8(0), large.shape), AFFINE)
    with pytest.raises(DecoderFailedError, match=r"large\.nii\.gz: .*more memory than one file"):
        read_roi_file(path, image, limits=IntakeLimits(decode_bytes=400 << 20))

    def cancel(fraction: float, text: str) -> None:
        raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        read_roi_file(path, image, progress=cancel)


@pytest.mark.parametrize(
    "told",
    [
        {"regions": [{"name": "a", "hint": "", "first": [0, 0, 0], "shape": [9, 9, 9]}]},
        {"regions": [{"name": "a", "hint": "", "first": [0, 0, -1], "shape": [1, 1, 8]}]},
        {"regions": [{"name": "a", "hint": "", "first": [0, 0], "shape": [1, 1, 8]}]},
        {"regions": [{"name": "a"}]},
        {"regions": 3},
        {},
    ],
)
def test_an_answer_that_makes_no_sense(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: dict
) -> None:
    def ask(what: str, path: Path, workspace: Path, *_: Any, **__: Any) -> dict:
        (workspace / "regions.bits").write_bytes(b"\xff" * 4)
        return {"kind": "nifti", "warnings": [], "frame_uids": [], "series_uids": [], **told}

    monkeypatch.setattr(roi_files, "ask_reader", ask)
    with pytest.raises(DecoderFailedError, match=r"a\.nii: .*answered with garbage"):
        read_roi_file(tmp_path / "a.nii", IMAGE)


# -- names -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "structure"),
    [
        ("iliopsoas_left", "psoas_left"),  # TotalSegmentator, task total
        ("iliopsoas_right", "psoas_right"),
        ("skeletal_muscle", "muscle"),  # TotalSegmentator, task tissue_types
        ("subcutaneous_fat", "subcutaneous_fat"),
        ("torso_fat", "visceral_fat"),
        ("intermuscular_fat", None),
        ("autochthon_left", None),
        ("gluteus_maximus_left", None),
        ("vertebrae_L3", None),
        ("liver", None),
        ("liver_tumor", "lesion"),  # TotalSegmentator, task liver_vessels
        ("Skeletal muscle", "muscle"),  # our own DICOM SEG
        ("Psoas muscle, left", "psoas_left"),
        ("Subcutaneous fatty tissue", "subcutaneous_fat"),  # SNOMED CT meanings
        ("Adipose tissue of abdomen", "visceral_fat"),
        ("Iliopsoas muscle, Right", "psoas_right"),
        ("Neoplasm, Primary", "lesion"),
        ("muscle_without_psoas", "muscle"),
        ("PsoasLeft", "psoas_left"),
        ("psoas_R", "psoas_right"),
        ("psoas", None),
        ("psoas left and right", None),
        ("L3 muscle", "muscle"),
        ("erector spinae muscle", None),
        ("SMA", None),
        ("SAT", "subcutaneous_fat"),
        ("VAT", "visceral_fat"),
        ("GTV1", "lesion"),
        ("HCC 2", "lesion"),
        ("liver without tumor", None),
        ("tumor-free liver", None),
        ("label 1", None),
        ("", None),
    ],
)
def test_names_of_others(name: str, structure: str | None) -> None:
    assert match_structures([name]).get(name) == structure


def test_hints_count_where_the_name_says_nothing() -> None:
    hints = {"label 1": "psoas_left", "Segment_2": "Skeletal muscle", "psoas": "Psoas, Right"}
    assert match_structures(["label 1", "Segment_2", "psoas", "liver"], hints) == {
        "label 1": "psoas_left",
        "Segment_2": "muscle",
        "psoas": "psoas_right",
    }


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Doe_Jane_psoas_left.nii.gz", "…_psoas_left.nii.gz"),
        ("Mueller Hans 12031950.nii", "….nii"),
        ("01.02.1950 liver.dcm", "…_liver.dcm"),
        ("folder\\seg.dcm", "seg.dcm"),
    ],
)
def test_names_of_people_do_not_go_into_the_record(name: str, kept: str) -> None:
    assert harmless_name(name) == kept


def test_unique_names() -> None:
    assert unique(["a", "a", "", "a (2)", "a"]) == ["a", "a (2)", "unnamed", "a (2) (2)", "a (3)"]
