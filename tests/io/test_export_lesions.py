"""Lesions out and in again: where independent readers see them is where they were drawn."""

from __future__ import annotations

import json
from pathlib import Path

import highdicom as hd
import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dicom_factory import SOME_TURNS, axial_affine, turn, write_series
from grid_here import parse_here
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rt_factory import on_slice, save, structure_set
from skimage.measure import find_contours

from hccsurv_core.errors import GeometryMismatchError, InputError
from hccsurv_core.io.cropped_mask import CroppedMask
from hccsurv_core.io.deidentify import Deidentifier, deidentify_files
from hccsurv_core.io.export_lesions import (
    file_name,
    lesions_overlap,
    write_lesion_niftis,
    write_lesion_seg,
)
from hccsurv_core.io.intake import read_scan
from hccsurv_core.io.roi_files import ImageSource, read_roi_file
from hccsurv_core.volume import Volume

SHAPE = (7, 10, 12)


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse in this process."""
    parse_here(monkeypatch)


def affine_of(
    angles_deg: tuple[float, float, float] = (0, 0, 0),
    spacing: tuple[float, float, float] = (0.7, 0.8, 2.5),
    flips: tuple[int, int, int] = (1, 1, 1),
) -> NDArray[np.float64]:
    """LPS affine: (column, row, slice) spacing, turned about x, then y, then z."""
    affine = np.eye(4)
    affine[:3, :3] = np.diag(np.multiply(spacing, flips))
    for axis, angle in enumerate(np.radians(angles_deg)):
        a, b = [n for n in range(3) if n != axis]
        rotation = np.eye(3)
        rotation[a, a] = rotation[b, b] = np.cos(angle)
        rotation[a, b], rotation[b, a] = -np.sin(angle), np.sin(angle)
        affine[:3, :3] = rotation @ affine[:3, :3]
    affine[:3, 3] = (-180.4, -120.3, 1 / 3)
    return affine


GRIDS = {
    "plain": affine_of(),
    "anisotropic": affine_of(spacing=(0.6, 1.9, 5.0)),
    "oblique": affine_of((11, -7, 23)),
    "right-to-left": affine_of(flips=(-1, -1, 1)),
    "head-first": affine_of(flips=(1, 1, -1)),
    "oblique-and-flipped": affine_of((-14, 9, -20), flips=(-1, 1, -1)),
}


@pytest.fixture(params=GRIDS)
def source(request: pytest.FixtureRequest) -> Volume:
    """The scan as acquired."""
    rng = np.random.default_rng(3)
    return Volume(rng.integers(-1024, 1500, SHAPE).astype(np.int16), GRIDS[request.param])


def lesions_in(shape: tuple[int, int, int], *, overlap: bool) -> dict[str, CroppedMask]:
    masks = {"Lesion 1": np.zeros(shape, bool), "Segment 8/7": np.zeros(shape, bool)}
    masks["Lesion 1"][2:5, 3:6, 2:7] = True
    masks["Lesion 1"][3, 4, 4] = False
    masks["Segment 8/7"][4 if overlap else 5 :, 5:, 5:8] = True
    return {name: CroppedMask.of(mask) for name, mask in masks.items()}


def places(mask: NDArray[np.bool_], to_world) -> NDArray[np.float64]:
    points = np.round(to_world(np.argwhere(mask)), 2)
    return points[np.lexsort(points.T)]


def seen_by_itk(path: Path, value: int = 1) -> NDArray[np.float64]:
    """LPS positions of a label, as ITK-SNAP's library places them."""
    image = sitk.ReadImage(str(path))
    mask = sitk.GetArrayFromImage(image) == value

    def to_world(kji: NDArray) -> NDArray:
        return np.array(
            [image.TransformIndexToPhysicalPoint([int(n) for n in p[::-1]]) for p in kji]
        )

    return places(mask, to_world)


def seen_by_nibabel(path: Path, value: int = 1) -> NDArray[np.float64]:
    """LPS positions of a label, from nibabel's RAS."""
    image = nibabel.load(path)
    ijk = np.argwhere(np.asarray(image.dataobj) == value)
    ras = nibabel.affines.apply_affine(image.affine, ijk)
    points = np.round(ras * (-1, -1, 1), 2)
    return points[np.lexsort(points.T)]


def seen_by_highdicom(path: Path) -> dict[str, NDArray[np.float64]]:
    seg = hd.seg.segread(path)
    found = {}
    for number in seg.segment_numbers:
        volume = seg.get_volume(segment_numbers=[number])
        label = seg.get_segment_description(number).segment_label
        found[label] = places(volume.array[..., 0] > 0, volume.map_indices_to_reference)
    return found


def same(a: NDArray[np.float64], b: NDArray[np.float64]) -> None:
    assert a.shape == b.shape
    np.testing.assert_allclose(a, b, atol=0.011)


# -- NIfTI -------------------------------------------------------------------------------------
@pytest.mark.parametrize("axes", ["LPS", "RAS", "PSR"])
def test_itk_and_nibabel_see_lesions_where_they_are(
    tmp_path: Path, source: Volume, axes: str
) -> None:
    canonical = source.to_canonical()
    lesions = lesions_in(canonical.shape, overlap=False)
    (path,) = write_lesion_niftis(tmp_path, canonical, lesions, axes=axes)
    assert path.name == "lesions.nii.gz"
    for value, lesion in enumerate(lesions.values(), start=1):
        expected = places(lesion.whole(canonical.shape), canonical.index_to_world)
        same(seen_by_itk(path, value), expected)
        same(seen_by_nibabel(path, value), expected)
    told = json.loads((tmp_path / "lesions.json").read_text())
    assert told["labels"] == {"1": "Lesion 1", "2": "Segment 8/7"}


def test_lesions_that_overlap_get_a_file_each(tmp_path: Path, source: Volume) -> None:
    lesions = lesions_in(SHAPE, overlap=True)
    assert lesions_overlap(lesions.values())
    assert not lesions_overlap(lesions_in(SHAPE, overlap=False).values())
    paths = write_lesion_niftis(tmp_path, source, lesions)
    assert [path.name for path in paths] == ["Lesion_1.nii.gz", "Segment_8_7.nii.gz"]
    for path, (name, lesion) in zip(paths, lesions.items(), strict=True):
        same(seen_by_itk(path), places(lesion.whole(SHAPE), source.index_to_world))
        found = read_roi_file(path, source)
        assert list(found.regions) == [name]
        np.testing.assert_array_equal(found.mask(name), lesion.whole(SHAPE))


def test_boxes_that_touch_without_a_common_voxel_do_not_overlap() -> None:
    corner = np.zeros((2, 4, 4), bool)
    corner[:, 0, :] = corner[:, :, 0] = True
    assert not lesions_overlap([CroppedMask.of(corner), CroppedMask.of(~corner)])
    assert lesions_overlap([CroppedMask.of(corner), CroppedMask.of(corner)])
    assert not lesions_overlap([CroppedMask.of(corner), CroppedMask.of(np.zeros((2, 4, 4), bool))])


# -- DICOM SEG ---------------------------------------------------------------------------------
@pytest.mark.parametrize("downwards", [False, True])
def test_highdicom_sees_lesions_where_they_are(
    tmp_path: Path, source: Volume, downwards: bool
) -> None:
    """Files of the series in any order; the volume canonical."""
    files = write_series(tmp_path / "ct", source.voxels, source.affine)
    canonical = source.to_canonical()
    lesions = lesions_in(canonical.shape, overlap=True)
    path = write_lesion_seg(
        tmp_path / "seg.dcm",
        canonical,
        lesions,
        source_files=files[::-1] if downwards else files,
    )
    seen = seen_by_highdicom(path)
    assert list(seen) == list(lesions)
    found = read_roi_file(path, canonical)
    for name, lesion in lesions.items():
        whole = lesion.whole(canonical.shape)
        same(seen[name], places(whole, canonical.index_to_world))
        np.testing.assert_array_equal(found.mask(name), whole)


def test_what_3d_slicer_goes_by(tmp_path: Path, source: Volume) -> None:
    """Its reader (dcmqi) takes orientation and spacing shared by all frames, a position for each,
    and finds the scan by the UIDs of the series."""
    files = write_series(
        tmp_path / "ct", source.voxels, source.affine, FrameOfReferenceUID="1.2.3.9"
    )
    lesions = lesions_in(SHAPE, overlap=True)
    path = write_lesion_seg(tmp_path / "seg.dcm", source, lesions, source_files=files)
    ds, first = pydicom.dcmread(path), pydicom.dcmread(files[0])
    assert (ds.Modality, ds.SegmentationType) == ("SEG", "BINARY")
    assert ds.StudyInstanceUID == first.StudyInstanceUID
    assert ds.SeriesInstanceUID != first.SeriesInstanceUID
    assert ds.FrameOfReferenceUID == "1.2.3.9"
    (shared,) = ds.SharedFunctionalGroupsSequence
    np.testing.assert_allclose(
        np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float),
        np.array(first.ImageOrientationPatient, float),
        atol=1e-6,
    )
    measures = shared.PixelMeasuresSequence[0]
    np.testing.assert_allclose(
        [float(measures.SpacingBetweenSlices), *map(float, measures.PixelSpacing)],
        source.spacing_mm,
        rtol=1e-6,
    )
    by_position = {
        tuple(
            np.round(np.array(pydicom.dcmread(f).ImagePositionPatient, float), 3)
        ): pydicom.dcmread(f)
        for f in files
    }
    for frame in ds.PerFrameFunctionalGroupsSequence:
        place = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float)
        image = by_position[tuple(np.round(place, 3))]
        derived = frame.DerivationImageSequence[0].SourceImageSequence[0]
        assert derived.ReferencedSOPInstanceUID == image.SOPInstanceUID
    (series,) = ds.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == first.SeriesInstanceUID
    # Lesions lie on slices 2 to 6 of seven.
    assert len(series.ReferencedInstanceSequence) == 5
    hd.seg.Segmentation.from_dataset(ds)


def test_codes_of_lesions(tmp_path: Path) -> None:
    volume = Volume(np.zeros(SHAPE, np.int16), GRIDS["plain"])
    lesions = lesions_in(SHAPE, overlap=False)
    # A lesion is coded as one whatever it is called.
    lesions["muscle"] = lesions.pop("Segment 8/7")
    path = write_lesion_seg(tmp_path / "a.dcm", volume, lesions, source_files=(), manual=["muscle"])
    ds = pydicom.dcmread(path)
    assert (ds.ContentLabel, ds.SeriesDescription) == ("LESIONS", "Lesions")
    for segment, label, kind in zip(
        ds.SegmentSequence, ("Lesion 1", "muscle"), ("SEMIAUTOMATIC", "MANUAL"), strict=True
    ):
        assert (segment.SegmentLabel, segment.SegmentAlgorithmType) == (label, kind)
        category = segment.SegmentedPropertyCategoryCodeSequence[0]
        meaning = segment.SegmentedPropertyTypeCodeSequence[0]
        assert (category.CodeValue, meaning.CodeValue) == ("49755003", "52988006")
        assert meaning.CodingSchemeDesignator == "SCT"


def test_refusals(tmp_path: Path) -> None:
    volume = Volume(np.zeros(SHAPE, np.int16), GRIDS["plain"])
    empty = {"a": CroppedMask.of(np.zeros(SHAPE, bool))}
    with pytest.raises(InputError, match="lesions: every lesion is empty"):
        write_lesion_niftis(tmp_path, volume, empty)
    with pytest.raises(InputError, match="lesions: every lesion is empty"):
        write_lesion_seg(tmp_path / "a.dcm", volume, empty, source_files=())
    beyond = {"a": CroppedMask.of(np.ones((2, 2, 2), bool), (6, 0, 0))}
    with pytest.raises(GeometryMismatchError, match=r"the lesion a, .* from \(6, 0, 0\), does not"):
        write_lesion_niftis(tmp_path, volume, beyond)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("Lesion 2 (seg. 8)", "Lesion_2_seg_8"),
        ("../../x", "x"),
        ("…", "lesion"),
        ("a" * 200, "a" * 80),
    ],
)
def test_names_of_files(name: str, file: str) -> None:
    assert file_name(name) == file


# -- round trips -------------------------------------------------------------------------------
@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    angles=st.tuples(*[st.floats(-25, 25)] * 3),
    spacing=st.tuples(st.floats(0.4, 2), st.floats(0.4, 2), st.floats(0.6, 6)),
    flips=st.tuples(*[st.sampled_from([-1, 1])] * 3),
    seed=st.integers(0, 99),
)
def test_any_grid_comes_back_as_it_went(
    tmp_path: Path, angles: tuple, spacing: tuple, flips: tuple, seed: int
) -> None:
    source = Volume(np.zeros((3, 5, 4), np.int16), affine_of(angles, spacing, flips))
    folder = tmp_path / f"{abs(hash((angles, spacing, flips, seed)))}"
    files = write_series(folder / "ct", source.voxels, source.affine)
    image = source.to_canonical()
    masks = np.random.default_rng(seed).random((2, *image.shape)) < 0.3
    masks[:, 0, 0, 0] = True
    lesions = {f"Lesion {n}": CroppedMask.of(mask) for n, mask in enumerate(masks)}
    seg = write_lesion_seg(folder / "seg.dcm", image, lesions, source_files=files)
    for path in (seg, *write_lesion_niftis(folder, image, lesions, axes=source.axes)):
        found = read_roi_file(path, image)
        for name in found.regions:
            np.testing.assert_array_equal(found.mask(name), lesions[name].whole(image.shape))


@pytest.mark.parametrize(("order", "flips"), SOME_TURNS[::9])
def test_axes_in_any_order(tmp_path: Path, order: tuple, flips: tuple) -> None:
    """A scan stored in any order of its axes, the mask written in that order."""
    _, affine = turn(np.zeros(SHAPE), axial_affine((2.5, 0.9, 0.8)), order, flips)
    shape = tuple(np.transpose(np.zeros(SHAPE), order).shape)
    stored = Volume(np.zeros(shape, np.int16), affine)
    canonical = stored.to_canonical()
    lesions = lesions_in(canonical.shape, overlap=False)
    (path,) = write_lesion_niftis(tmp_path, canonical, lesions, axes=stored.axes)
    image = sitk.ReadImage(str(path))
    assert image.GetSize() == shape[::-1]
    np.testing.assert_allclose(image.GetOrigin(), stored.index_to_world(np.zeros(3)), atol=1e-3)


# -- real scans --------------------------------------------------------------------------------
@pytest.mark.shared
def test_a_real_series_with_original_and_with_deidentified_files(
    shared_data: Path, tmp_path: Path
) -> None:
    originals = sorted((shared_data / "ct_jpeg2000_series").iterdir())
    scan = read_scan(originals)
    key = b"k" * 32
    files = deidentify_files(
        scan.dicom_files[4:12], tmp_path / "ct", pseudonym="P-7K3F", uid_key=key
    )
    first = pydicom.dcmread(files[0], stop_before_pixels=True)
    mask = np.zeros(scan.volume.shape, bool)
    mask[6:10, 200:240, 100:150] = scan.volume.voxels[6:10, 200:240, 100:150] > 40
    lesions = {"Lesion": CroppedMask.of(mask)}
    path = write_lesion_seg(tmp_path / "seg.dcm", scan.volume, lesions, source_files=files)
    same(seen_by_highdicom(path)["Lesion"], places(mask, scan.volume.index_to_world))
    source = ImageSource(
        str(first.get("FrameOfReferenceUID", "")),
        str(first.SeriesInstanceUID),
        Deidentifier("P-7K3F", -1, key).map_uid,
    )
    found = read_roi_file(path, scan.volume, source=source)
    np.testing.assert_array_equal(found.mask("Lesion"), mask)
    assert found.warnings == ()
    (nifti,) = write_lesion_niftis(tmp_path, scan.volume, lesions)
    same(seen_by_itk(nifti), places(mask, scan.volume.index_to_world))


@pytest.mark.shared
def test_a_real_nifti_its_labels_and_contours_traced_round_them(
    shared_data: Path, tmp_path: Path
) -> None:
    folder = shared_data / "ct_abdomen_pelvis"
    volume = read_scan([folder / "ct.nii.gz"]).volume
    found = read_roi_file(folder / "labels" / "iliopsoas_left.nii.gz", volume)
    assert found.hints == {"label 1": "iliopsoas_left"}
    psoas = found.regions["label 1"]
    mask = psoas.whole(volume.shape)
    # The patient's left is at high columns in canonical orientation; 14 cm² of both at slice 74.
    assert np.argwhere(mask)[:, 2].mean() > volume.shape[2] / 2
    assert 6.0 < mask[74].sum() * volume.pixel_area_cm2 < 9.0
    lines = [
        on_slice(volume, k, line)
        for k in range(*(psoas.first[0], psoas.slices[1] + 1))
        for line in find_contours(np.pad(mask[k], 0).astype(float), 0.5)
    ]
    traced = save(structure_set({"Psoas li.": lines}, decimals=2), tmp_path / "rs.dcm")
    np.testing.assert_array_equal(read_roi_file(traced, volume).mask("Psoas li."), mask)
    again = write_lesion_niftis(tmp_path, volume, {"psoas": psoas}, axes="RAS")[0]
    same(seen_by_itk(again), seen_by_itk(folder / "labels" / "iliopsoas_left.nii.gz"))
