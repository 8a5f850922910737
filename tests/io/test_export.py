"""Export: every voxel lands at the same place in the patient, read back by independent readers."""

from __future__ import annotations

import json
from pathlib import Path

import highdicom as hd
import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedCTImageStorage

from hccsurv_core.errors import (
    GeometryError,
    GeometryMismatchError,
    InputError,
    UnreadableFileError,
)
from hccsurv_core.io.export import (
    label_map_from_masks,
    masks_of,
    write_ct_series,
    write_dicom_seg,
    write_masks,
    write_nifti_labels,
    write_nifti_volume,
)
from hccsurv_core.volume import LabelMap, Volume

SHAPE = (7, 10, 12)
NAMES = ("muscle", "psoas_left", "psoas_right", "subcutaneous_fat", "visceral_fat")


def _affine(
    angles_deg: tuple[float, float, float] = (0, 0, 0),
    spacing: tuple[float, float, float] = (0.7, 0.8, 2.5),
    flips: tuple[int, int, int] = (1, 1, 1),
    origin: tuple[float, float, float] = (-180.4, -120.3, 1 / 3),
) -> NDArray[np.float64]:
    a, b, c = np.radians(angles_deg)
    turn_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    turn_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    turn_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn_z @ turn_y @ turn_x @ np.diag(np.multiply(spacing, flips))
    affine[:3, 3] = origin
    return affine


GRIDS = {
    "plain": _affine(),
    "anisotropic": _affine(spacing=(0.6, 1.9, 5.0)),
    "oblique": _affine(angles_deg=(11, -7, 23)),
    "flipped": _affine(flips=(-1, -1, 1)),
    "head first, downwards": _affine(flips=(1, 1, -1)),
    "oblique and flipped": _affine(angles_deg=(-14, 9, -20), flips=(-1, 1, -1)),
}


@pytest.fixture(params=GRIDS, ids=lambda name: name.replace(" ", "-"))
def grid(request: pytest.FixtureRequest) -> NDArray[np.float64]:
    return GRIDS[request.param]


def _volume(affine: NDArray[np.float64], shape: tuple[int, int, int] = SHAPE) -> Volume:
    rng = np.random.default_rng(3)
    return Volume(rng.integers(-1024, 1500, shape).astype(np.int16), affine)


def _masks(shape: tuple[int, int, int] = SHAPE, seed: int = 0) -> dict[str, NDArray[np.bool_]]:
    """Random structures of which muscle holds both psoas."""
    labels = np.random.default_rng(seed).integers(0, 6, shape)
    masks = {name: labels == value for value, name in enumerate(NAMES, start=1)}
    masks["muscle"] = masks["muscle"] | masks["psoas_left"] | masks["psoas_right"]
    return masks


def _places(mask: NDArray[np.bool_], to_world) -> NDArray[np.float64]:
    """World positions of a mask's voxels, sorted."""
    points = np.round(to_world(np.argwhere(mask)), 2)
    return points[np.lexsort(points.T)]


def _assert_same_places(a: NDArray[np.float64], b: NDArray[np.float64]) -> None:
    assert a.shape == b.shape
    np.testing.assert_allclose(a, b, atol=0.011)


def _segments(path: Path) -> dict[str, NDArray[np.float64]]:
    """Segment label to world positions, as highdicom reads them back."""
    seg = hd.seg.segread(path)
    found = {}
    for number in seg.segment_numbers:
        volume = seg.get_volume(segment_numbers=[number])
        mask = volume.array[..., 0] > 0
        description = seg.get_segment_description(number)
        found[description.tracking_id] = _places(mask, volume.map_indices_to_reference)
    return found


def _source_series(folder: Path, volume: Volume) -> tuple[Path, ...]:
    return write_ct_series(folder, volume, pseudonym="P-7K3F")


# -- NIfTI -------------------------------------------------------------------------------------
def test_nifti_volume_is_where_it_was(grid: NDArray[np.float64], tmp_path: Path) -> None:
    volume = _volume(grid)
    path = write_nifti_volume(tmp_path / "ct.nii.gz", volume)
    by_itk = sitk.ReadImage(str(path))
    by_nibabel = nibabel.load(path)
    assert by_nibabel.header.get_data_dtype() == np.int16
    np.testing.assert_array_equal(sitk.GetArrayFromImage(by_itk), volume.voxels)
    for index in ((0, 0, 0), (6, 9, 11), (3, 0, 7)):
        place = volume.index_to_world(np.array(index))
        i, j, k = index[2], index[1], index[0]
        np.testing.assert_allclose(
            by_itk.TransformIndexToPhysicalPoint((i, j, k)), place, atol=1e-3
        )
        for ras in (by_nibabel.get_sform(), by_nibabel.get_qform()):
            np.testing.assert_allclose((ras @ [i, j, k, 1])[:3], place * [-1, -1, 1], atol=1e-3)
        assert np.asarray(by_nibabel.dataobj)[i, j, k] == volume.voxels[index]
    assert by_nibabel.header.get_xyzt_units()[0] == "mm"


@pytest.mark.parametrize(
    ("given_dtype", "written"),
    [
        ("int16", "int16"),
        ("uint8", "int16"),
        ("float32", "float32"),
        ("float64", "float32"),
        ("int32", "int16"),
    ],
)
def test_nifti_types(tmp_path: Path, given_dtype: str, written: str) -> None:
    volume = Volume(np.arange(24).reshape(2, 3, 4).astype(given_dtype), np.eye(4))
    image = nibabel.load(write_nifti_volume(tmp_path / "a.nii", volume))
    assert image.header.get_data_dtype() == written
    np.testing.assert_array_equal(np.asarray(image.dataobj).T, volume.voxels)


def test_labels_and_their_names(grid: NDArray[np.float64], tmp_path: Path) -> None:
    volume, masks = _volume(grid), _masks()
    labels = label_map_from_masks(volume, masks)
    path = write_nifti_labels(tmp_path / "labels.nii.gz", labels)
    image = nibabel.load(path)
    assert image.header.get_data_dtype() == np.uint8
    told = json.loads((tmp_path / "labels.json").read_text())
    read = np.asarray(image.dataobj)
    for name, values in told["structures"].items():
        _assert_same_places(
            _places(
                np.isin(read, values),
                lambda p: nibabel.affines.apply_affine(image.affine, p) * [-1, -1, 1],
            ),
            _places(masks[name], volume.index_to_world),
        )
    assert told["labels"]["1"] == "muscle_without_psoas"
    assert told["structures"]["muscle"] == [1, 2, 3]
    assert told["voxels_per_label"]["2"] == masks["psoas_left"].sum()


def test_wide_labels_are_not_cut_off(tmp_path: Path) -> None:
    labels = LabelMap(np.array([[[0, 300]]]), np.eye(4), {300: "x"})
    image = nibabel.load(write_nifti_labels(tmp_path / "a.nii.gz", labels))
    assert np.asarray(image.dataobj).max() == 300
    with pytest.raises(InputError, match="labels from 0 to 70000 cannot be written"):
        write_nifti_labels(tmp_path / "b.nii.gz", LabelMap(np.array([[[0, 70000]]]), np.eye(4)))


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.mha: NIfTI files end in \.nii or \.nii\.gz"):
        write_nifti_volume(tmp_path / "a.mha", _volume(np.eye(4)))


def test_unwritable_place_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot be written .*choose another folder"):
        write_nifti_volume(tmp_path / "file" / "a.nii", _volume(np.eye(4)))


# -- label maps --------------------------------------------------------------------------------
@given(seed=st.integers(0, 2**31), first=st.integers(0, 5), slices=st.integers(1, 2))
def test_label_map_gives_the_masks_back(seed: int, first: int, slices: int) -> None:
    volume = Volume(np.zeros(SHAPE, np.int16), np.eye(4))
    masks = _masks((slices, *SHAPE[1:]), seed)
    back = masks_of(label_map_from_masks(volume, masks, first))
    assert list(back) == list(masks)
    for name, mask in masks.items():
        np.testing.assert_array_equal(back[name][first : first + slices], mask)
        assert back[name].sum() == mask.sum()


@pytest.mark.parametrize("rest", ["muscle", "muscle_without_psoas"])
def test_muscle_includes_the_psoas_whatever_its_label_is_called(rest: str) -> None:
    labels = LabelMap(
        np.array([[[0, 1, 2, 3]]]), np.eye(4), {1: rest, 2: "psoas_left", 3: "psoas_right"}
    )
    masks = masks_of(labels)
    np.testing.assert_array_equal(masks["muscle"], [[[False, True, True, True]]])
    np.testing.assert_array_equal(masks["psoas_left"], [[[False, False, True, False]]])
    assert list(masks) == ["muscle", "psoas_left", "psoas_right"]


@pytest.mark.parametrize("first", [-1, 6, 7])
def test_masks_off_the_grid_are_refused(first: int) -> None:
    with pytest.raises(GeometryMismatchError, match="does not fit"):
        label_map_from_masks(_volume(np.eye(4)), _masks((2, 10, 12)), first)


# -- DICOM SEG ---------------------------------------------------------------------------------
def test_segments_land_where_the_masks_are(grid: NDArray[np.float64], tmp_path: Path) -> None:
    """The masks are canonical, the source series is in any orientation and in any order."""
    source = _volume(grid)
    files = _source_series(tmp_path / "ct", source)
    canonical = source.to_canonical()
    masks = _masks(canonical.shape)
    shuffled = [files[n] for n in (3, 0, 6, 5, 1, 4, 2)]
    path = write_dicom_seg(
        tmp_path / "seg.dcm",
        masks,
        source_files=shuffled,
        volume=canonical,
        series_description="Body composition",
    )
    segments = _segments(path)
    assert set(segments) == set(NAMES)
    for name, mask in masks.items():
        _assert_same_places(segments[name], _places(mask, canonical.index_to_world))


def test_segment_pixels_lie_on_the_source_pixels(grid: NDArray[np.float64], tmp_path: Path) -> None:
    """A viewer that only overlays frame on image shows the mask in place."""
    source = _volume(grid)
    files = _source_series(tmp_path / "ct", source)
    canonical = source.to_canonical()
    bright = {"muscle": canonical.voxels > 800}
    path = write_dicom_seg(
        tmp_path / "seg.dcm", bright, source_files=files, volume=canonical, series_description=""
    )
    seg = hd.seg.segread(path)
    by_uid = {pydicom.dcmread(f).SOPInstanceUID: pydicom.dcmread(f).pixel_array for f in files}
    for pixels, frame in zip(seg.pixel_array, seg.PerFrameFunctionalGroupsSequence, strict=True):
        image = frame.DerivationImageSequence[0].SourceImageSequence[0]
        np.testing.assert_array_equal(pixels > 0, by_uid[image.ReferencedSOPInstanceUID] > 800)


def test_without_source_the_series_made_from_the_volume_fits(
    grid: NDArray[np.float64], tmp_path: Path
) -> None:
    volume, masks = _volume(grid), _masks()
    written = write_masks(tmp_path, volume, masks, with_series=True)
    seg = pydicom.dcmread(written["dicom_seg"])
    series = [pydicom.dcmread(f) for f in sorted(written["ct_series"].iterdir())]
    uids = {ds.SOPInstanceUID for ds in series}
    referenced = {
        item.ReferencedSOPInstanceUID
        for item in seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    }
    assert referenced <= uids and len(series) == SHAPE[0]
    assert seg.FrameOfReferenceUID == series[0].FrameOfReferenceUID
    segments = _segments(written["dicom_seg"])
    for name, mask in masks.items():
        _assert_same_places(segments[name], _places(mask, volume.index_to_world))
        image = nibabel.load(written[name])
        assert np.asarray(image.dataobj).sum() == mask.sum()


@pytest.mark.parametrize("keyword", ["SOPInstanceUID", "ImagePositionPatient", "PixelSpacing"])
def test_source_that_a_segmentation_cannot_refer_to(tmp_path: Path, keyword: str) -> None:
    volume, masks = _volume(GRIDS["oblique"]), _masks()
    files = _source_series(tmp_path / "in", volume)
    lacking = pydicom.dcmread(files[2])
    del lacking[keyword]
    lacking.save_as(files[2])
    with pytest.raises(UnreadableFileError, match=r"00003\.dcm: a segmentation cannot refer to it"):
        write_dicom_seg(
            tmp_path / "a",
            masks,
            source_files=files,
            volume=volume,
            series_description="",
            strict=True,
        )
    lenient = write_dicom_seg(
        tmp_path / "a", masks, source_files=files, volume=volume, series_description=""
    )
    _assert_same_places(
        _segments(lenient)["muscle"], _places(masks["muscle"], volume.index_to_world)
    )
    written = write_masks(tmp_path / "out", volume, masks, source_files=files)
    assert len(list(written["ct_series"].iterdir())) == SHAPE[0]
    _assert_same_places(
        _segments(written["dicom_seg"])["muscle"], _places(masks["muscle"], volume.index_to_world)
    )


def test_jittering_slice_positions(tmp_path: Path) -> None:
    """Slices a tenth of a voxel off the even grid still belong to their voxels."""
    volume, masks = _volume(GRIDS["plain"]), _masks()
    files = _source_series(tmp_path / "ct", volume)
    for n, file in enumerate(files):
        ds = pydicom.dcmread(file)
        ds.ImagePositionPatient[2] += 0.2 * (-1) ** n
        ds.save_as(file)
    path = write_dicom_seg(
        tmp_path / "seg.dcm", masks, source_files=files, volume=volume, series_description=""
    )
    seg = pydicom.dcmread(path)
    assert sum(np.count_nonzero(p) for p in seg.pixel_array) == sum(m.sum() for m in masks.values())


def test_synthesized_series_is_the_volume(grid: NDArray[np.float64], tmp_path: Path) -> None:
    volume = _volume(grid)
    files = write_ct_series(tmp_path, volume)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(f) for f in files])
    image = reader.Execute()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), volume.voxels)
    for file, k in zip(files, range(SHAPE[0]), strict=True):
        ds = pydicom.dcmread(file)
        np.testing.assert_allclose(
            np.array(ds.ImagePositionPatient, float),
            volume.index_to_world(np.array([k, 0, 0])),
            atol=1e-6,
        )


def test_sheared_volume_cannot_be_a_series(tmp_path: Path) -> None:
    affine = np.eye(4)
    affine[1, 2] = 0.3
    with pytest.raises(GeometryError, match=r"not at right angles.*export as NIfTI"):
        write_ct_series(tmp_path, Volume(np.zeros((2, 2, 2), np.int16), affine))
    path = write_nifti_volume(tmp_path / "a.nii", Volume(np.zeros((2, 2, 2), np.int16), affine))
    np.testing.assert_allclose(
        nibabel.load(path).affine, np.diag([-1, -1, 1, 1]) @ affine, atol=1e-6
    )


def test_slab_of_a_scan(tmp_path: Path) -> None:
    volume = _volume(GRIDS["oblique"])
    files = _source_series(tmp_path / "ct", volume)
    masks = _masks((2, 10, 12))
    path = write_dicom_seg(
        tmp_path / "seg.dcm",
        masks,
        source_files=files,
        volume=volume,
        series_description="",
        first_slice=3,
    )
    whole = np.zeros(SHAPE, bool)
    whole[3:5] = masks["psoas_left"]
    _assert_same_places(_segments(path)["psoas_left"], _places(whole, volume.index_to_world))
    referenced = pydicom.dcmread(path).ReferencedSeriesSequence[0].ReferencedInstanceSequence
    assert len(referenced) == 2


def test_label_map_in_place_of_masks_and_a_single_slice(tmp_path: Path) -> None:
    volume = _volume(GRIDS["plain"], (1, 10, 12))
    masks = _masks((1, 10, 12))
    path = write_dicom_seg(
        tmp_path / "seg.dcm",
        label_map_from_masks(volume, masks),
        source_files=_source_series(tmp_path / "ct", volume),
        volume=volume,
        series_description="",
    )
    segments = _segments(path)
    for name, mask in masks.items():
        _assert_same_places(segments[name], _places(mask, volume.index_to_world))


def test_several_label_maps_may_overlap(tmp_path: Path) -> None:
    volume, masks = _volume(GRIDS["oblique"]), _masks()
    maps = [LabelMap(m.astype(np.uint8), volume.affine, {1: name}) for name, m in masks.items()]
    path = write_dicom_seg(
        tmp_path / "seg.dcm", maps, source_files=(), volume=volume, series_description=""
    )
    segments = _segments(path)
    for name, mask in masks.items():
        _assert_same_places(segments[name], _places(mask, volume.index_to_world))


def test_codes_sides_and_maker(tmp_path: Path) -> None:
    volume, masks = _volume(GRIDS["plain"]), _masks()
    masks["visceral_fat"] = np.zeros(SHAPE, bool)
    path = write_dicom_seg(
        tmp_path / "seg.dcm",
        masks,
        source_files=_source_series(tmp_path / "ct", volume),
        volume=volume,
        series_description="Body composition",
        edited=True,
    )
    ds = pydicom.dcmread(path)
    assert (ds.PatientID, ds.Modality, ds.SegmentationType) == ("P-7K3F", "SEG", "BINARY")
    assert str(ds.PatientName) == "P-7K3F"
    assert ds.SeriesDescription == "Body composition"
    assert [s.SegmentLabel for s in ds.SegmentSequence] == [
        "Skeletal muscle", "Psoas muscle, left", "Psoas muscle, right", "Subcutaneous fat",
    ]  # fmt: skip
    muscle, left, right, _ = ds.SegmentSequence
    kind = muscle.SegmentedPropertyTypeCodeSequence[0]
    assert (kind.CodeValue, kind.CodingSchemeDesignator) == ("127954009", "SCT")
    assert "SegmentedPropertyTypeModifierCodeSequence" not in kind
    for segment, side in ((left, "Left"), (right, "Right")):
        code = segment.SegmentedPropertyTypeCodeSequence[0]
        assert code.SegmentedPropertyTypeModifierCodeSequence[0].CodeMeaning == side
    assert muscle.SegmentAlgorithmType == "SEMIAUTOMATIC"
    assert muscle.SegmentAlgorithmName == "hccsurv classical"


def test_enhanced_multiframe_source(tmp_path: Path) -> None:
    volume = _volume(GRIDS["oblique and flipped"])
    file = _enhanced(tmp_path / "enhanced.dcm", volume, _source_series(tmp_path / "ct", volume))
    canonical = volume.to_canonical()
    masks = _masks(canonical.shape)
    for name in masks:
        masks[name][:2] = False
    path = write_dicom_seg(
        tmp_path / "seg.dcm", masks, source_files=[file], volume=canonical, series_description=""
    )
    segments = _segments(path)
    for name, mask in masks.items():
        _assert_same_places(segments[name], _places(mask, canonical.index_to_world))


def _enhanced(path: Path, volume: Volume, files: tuple[Path, ...]) -> Path:
    """One multi-frame CT file of a series of single slices."""
    ds = pydicom.dcmread(files[0])
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    ds.NumberOfFrames = len(files)
    shared, orientation, measures = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = ds.ImageOrientationPatient
    measures.PixelSpacing, measures.SliceThickness = ds.PixelSpacing, ds.SliceThickness
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
    ds.SharedFunctionalGroupsSequence = [shared]
    frames = []
    for file in files:
        position, frame = Dataset(), Dataset()
        position.ImagePositionPatient = pydicom.dcmread(file).ImagePositionPatient
        frame.PlanePositionSequence = [position]
        frames.append(frame)
    ds.PerFrameFunctionalGroupsSequence = frames
    for keyword in ("ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing"):
        del ds[keyword]
    ds.PixelData = volume.voxels.tobytes()
    ds.save_as(path)
    return path


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    angles=st.tuples(*[st.floats(-25, 25)] * 3),
    spacing=st.tuples(st.floats(0.4, 2), st.floats(0.4, 2), st.floats(0.6, 6)),
    flips=st.tuples(*[st.sampled_from([-1, 1])] * 3),
    seed=st.integers(0, 99),
)
def test_any_grid(tmp_path: Path, angles, spacing, flips, seed: int) -> None:
    source = _volume(_affine(angles, spacing, flips), (3, 5, 4))
    folder = tmp_path / f"{abs(hash((angles, spacing, flips, seed)))}"
    canonical = source.to_canonical()
    masks = {"muscle": np.random.default_rng(seed).random(canonical.shape) < 0.3}
    masks["muscle"][0, 0, 0] = True
    path = write_dicom_seg(
        folder / "seg.dcm",
        masks,
        source_files=_source_series(folder / "ct", source),
        volume=canonical,
        series_description="",
    )
    _assert_same_places(
        _segments(path)["muscle"], _places(masks["muscle"], canonical.index_to_world)
    )


def test_refusals(tmp_path: Path) -> None:
    volume, masks = _volume(GRIDS["plain"]), _masks()
    files = _source_series(tmp_path / "ct", volume)

    def write(given_masks=masks, source_files=files, on: Volume = volume) -> Path:
        return write_dicom_seg(
            tmp_path / "seg.dcm",
            given_masks,
            source_files=source_files,
            volume=on,
            series_description="",
            strict=True,
        )

    with pytest.raises(InputError, match=r"seg\.dcm: every mask is empty"):
        write({"muscle": np.zeros(SHAPE, bool)})
    with pytest.raises(GeometryMismatchError, match="source images do not cover"):
        write(source_files=files[:3])
    moved = GRIDS["plain"].copy()
    moved[0, 3] += 0.3
    with pytest.raises(GeometryMismatchError, match="source images do not cover"):
        write(on=Volume(volume.voxels, moved))
    with pytest.raises(GeometryMismatchError, match="two grids do not coincide"):
        write(label_map_from_masks(volume, masks), on=Volume(volume.voxels, moved))
    anonymous = pydicom.dcmread(files[0])
    del anonymous.SeriesInstanceUID
    anonymous.save_as(files[0])
    with pytest.raises(UnreadableFileError, match=r"00001\.dcm: .*it has no SeriesInstanceUID"):
        write()
    files[0].write_bytes(b"no")
    with pytest.raises(UnreadableFileError, match=r"00001\.dcm: a segmentation cannot refer"):
        write()
    assert not (tmp_path / "seg.dcm").exists()


def test_real_series_after_deidentification(shared_data: Path, tmp_path: Path) -> None:
    from hccsurv_core.io.deidentify import deidentify_files

    originals = sorted((shared_data / "ct_jpeg2000_series").iterdir())[:4]
    files = deidentify_files(originals, tmp_path / "ct", pseudonym="P-7K3F")
    first, second = (pydicom.dcmread(f, stop_before_pixels=True) for f in files[:2])
    affine = np.eye(4)
    affine[:3, 3] = first.ImagePositionPatient
    affine[0, 0] = affine[1, 1] = first.PixelSpacing[0]
    affine[:3, 2] = np.subtract(second.ImagePositionPatient, first.ImagePositionPatient)
    volume = Volume(np.zeros((4, 512, 512), np.int16), affine)
    mask = np.zeros(volume.shape, bool)
    mask[1:3, 200:230, 100:140] = True
    path = write_dicom_seg(
        tmp_path / "seg.dcm",
        {"muscle": mask},
        source_files=files,
        volume=volume,
        series_description="Body composition",
    )
    _assert_same_places(_segments(path)["muscle"], _places(mask, volume.index_to_world))
    assert pydicom.dcmread(path).StudyInstanceUID == first.StudyInstanceUID
