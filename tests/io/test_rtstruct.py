"""RT structure sets: contours in millimetres land on the pixels they enclose, or are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from grid_here import parse_here
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.dataelem import DataElement
from rt_factory import box, contour, on_slice, outline_of, save, structure_set
from skimage.measure import find_contours

from hccsurv_core.errors import (
    GeometryMismatchError,
    HccsurvError,
    InputError,
    UnreadableFileError,
    WrongModalityError,
)
from hccsurv_core.io import rtstruct
from hccsurv_core.io.polygons import fill_even_odd
from hccsurv_core.io.roi_files import ImageSource, RoiFile, read_roi_file
from hccsurv_core.roi.editing import polygon_mask
from hccsurv_core.volume import Volume

SHAPE = (8, 20, 24)


def turned(angles_deg: tuple[float, float, float], spacing: tuple[float, float, float]) -> NDArray:
    """An LPS affine: columns, rows, slices ``spacing`` mm apart, turned about x, y and z."""
    affine = np.eye(4)
    for axis, angle in enumerate(np.radians(angles_deg)):
        a, b = [n for n in range(3) if n != axis]
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        affine[:3, :3] = turn @ affine[:3, :3]
    affine[:3, :3] = affine[:3, :3] @ np.diag(spacing)
    affine[:3, 3] = (-31.7, 12.3, 100 / 3)
    return affine


AXIAL = turned((0, 0, 0), (0.8, 0.9, 2.5))
IMAGE = Volume(np.zeros(SHAPE, np.int16), AXIAL)


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse in this process."""
    parse_here(monkeypatch)


def read(ds: Any, folder: Path, image: Volume = IMAGE, **options: Any) -> RoiFile:
    return read_roi_file(save(ds, folder / "rs.dcm"), image, **options)


# -- polygons ----------------------------------------------------------------------------------
corner = st.one_of(st.floats(-4, 16), st.integers(-3, 15).map(float), st.just(4.5))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(corners=st.lists(st.tuples(corner, corner), min_size=3, max_size=12))
def test_filling_is_the_rule_of_the_correction_on_the_page(corners: list) -> None:
    rows, columns = np.array(corners).T
    np.testing.assert_array_equal(
        fill_even_odd(rows, columns, (11, 13)), polygon_mask(rows, columns, (11, 13))
    )


def test_a_rectangle_between_centers_and_one_through_them() -> None:
    filled = fill_even_odd(*np.array(box(0.5, 1.5, 3.5, 5.5)).T, (6, 8))
    assert np.argwhere(filled).min(axis=0).tolist() == [1, 2]
    assert np.argwhere(filled).max(axis=0).tolist() == [3, 5]
    assert filled.sum() == 12
    # Edges on centres: rectangles side by side share no pixel and leave none out.
    total = np.zeros((6, 8), int)
    for edges in ((0, 0, 2, 3), (0, 3, 2, 7), (2, 0, 5, 7)):
        total += fill_even_odd(*np.array(box(*edges), float).T, (6, 8))
    assert total.max() == 1 and total.sum() == 5 * 7


# -- onto the image ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    "affine",
    [
        AXIAL,
        turned((0, 0, 0), (0.6, 1.9, 5.0)),
        turned((12, -8, 20), (0.7, 0.8, 3.0)),
        turned((0, 0, 180), (0.8, 0.9, 2.5)),  # rows and columns the other way round
        turned((180, 0, 0), (0.8, 0.9, 2.5)),  # slices from the head down
        turned((90, 0, 0), (0.8, 0.9, 2.5)),  # coronal
    ],
    ids=["axial", "anisotropic", "oblique", "RAS-like", "head-first", "coronal"],
)
@pytest.mark.parametrize("canonical", [False, True])
def test_contours_land_on_the_pixels_they_enclose(
    tmp_path: Path, affine: NDArray, canonical: bool
) -> None:
    """Contours lie on the slices as acquired; the image may have been turned since."""
    acquired = Volume(np.zeros(SHAPE, np.int16), affine)
    masks = {
        "psoas": np.random.default_rng(1).random(SHAPE) < 0.06,
        "lesion": np.zeros(SHAPE, bool),
    }
    masks["lesion"][3:6, 4:9, 6:12] = True
    regions = {
        name: [c for k in range(SHAPE[0]) for c in outline_of(mask[k], acquired, k)]
        for name, mask in masks.items()
    }
    image = acquired.to_canonical() if canonical else acquired
    found = read(structure_set(regions, decimals=2), tmp_path, image)
    assert found.kind == "rtstruct" and list(found.regions) == list(masks)
    for name, mask in masks.items():
        expected = Volume(mask.astype(np.uint8), affine)
        expected = expected.to_canonical() if canonical else expected
        np.testing.assert_array_equal(found.mask(name), expected.voxels > 0)


def test_a_traced_circle_has_the_circle_s_area(tmp_path: Path) -> None:
    """Traced by scikit-image at half height, as segmentation programs do."""
    y, x = np.mgrid[: SHAPE[1], : SHAPE[2]]
    ball = (y - 9.3) ** 2 + (x - 11.8) ** 2 < 49
    (line,) = find_contours(ball.astype(float), 0.5)
    found = read(structure_set({"ball": [on_slice(IMAGE, 4, line)]}, decimals=2), tmp_path)
    np.testing.assert_array_equal(found.mask("ball")[4], ball)
    assert found.regions["ball"].slices == (4, 4)


def test_holes_islands_and_keyholes(tmp_path: Path) -> None:
    outer, hole, island = (
        box(1.5, 1.5, 15.5, 17.5),
        box(4.5, 4.5, 11.5, 12.5),
        box(6.5, 6.5, 8.5, 9.5),
    )
    expected = np.zeros(SHAPE[1:], bool)
    expected[2:16, 2:18] = True
    expected[5:12, 5:13] = False
    ring = expected.copy()
    expected[7:9, 7:10] = True
    keyhole = [*outer, outer[0], hole[0], *hole[:0:-1], hole[0], outer[0]]
    regions = {
        "xor": [(on_slice(IMAGE, 2, c), "CLOSEDPLANAR_XOR") for c in (outer, hole, island)],
        "nested": [on_slice(IMAGE, 2, c) for c in (island, outer, hole)],
        "keyhole": [on_slice(IMAGE, 2, keyhole)],
        "apart": [
            on_slice(IMAGE, 2, box(0.5, 0.5, 2.5, 2.5)),
            on_slice(IMAGE, 2, box(8.5, 8.5, 9.5, 9.5)),
        ],
    }
    found = read(structure_set(regions), tmp_path)
    np.testing.assert_array_equal(found.mask("xor")[2], expected)
    np.testing.assert_array_equal(found.mask("nested")[2], expected)
    np.testing.assert_array_equal(found.mask("keyhole")[2], ring)
    assert found.regions["apart"].n_voxels == 5
    assert found.warnings == ()


def test_crossing_contours_are_told(tmp_path: Path) -> None:
    two = [on_slice(IMAGE, 2, box(1.5, 1.5, 6.5, 6.5)), on_slice(IMAGE, 2, box(4.5, 4.5, 9.5, 9.5))]
    found = read(structure_set({"GTV": two}), tmp_path)
    assert found.regions["GTV"].n_voxels == 25 + 25 - 2 * 4
    assert found.warnings == (
        "GTV: contours cross each other on 1 slice; what lies inside two of them was left out "
        "(even-odd)",
    )


def test_slices_that_were_not_drawn_stay_empty_and_are_counted(tmp_path: Path) -> None:
    lines = [on_slice(IMAGE, k, box(2.5, 2.5, 5.5, 5.5)) for k in (1, 3, 6)]
    found = read(structure_set({"Liver": lines}), tmp_path)
    assert np.flatnonzero(found.mask("Liver").any(axis=(1, 2))).tolist() == [1, 3, 6]
    assert found.warnings == ("Liver: 3 slices between its contours have none and stay empty",)


def test_points_and_open_lines_enclose_nothing(tmp_path: Path) -> None:
    square = on_slice(IMAGE, 1, box(2.5, 2.5, 5.5, 5.5))
    regions = {
        "iso": [(square[:1], "POINT")],
        "psoas": [square, (square, "OPEN_PLANAR"), square[:2]],
        "none": [],
    }
    found = read(structure_set(regions, kinds={"psoas": "ORGAN"}), tmp_path)
    assert list(found.regions) == ["psoas"] and found.regions["psoas"].n_voxels == 9
    assert found.hints == {"psoas": "ORGAN"}
    assert found.warnings == (
        "1 contour of iso is points or open lines, which enclose nothing: left out",
        "2 contours of psoas are points or open lines, which enclose nothing: left out",
        "none has no contour",
    )
    with pytest.raises(UnreadableFileError, match=r"rs\.dcm: holds no region on this image"):
        read(structure_set({"iso": [(square[:1], "POINT")]}), tmp_path)


def test_equal_names_are_told_apart(tmp_path: Path) -> None:
    ds = structure_set(
        {
            "a": outline_of(np.eye(3, dtype=bool), IMAGE, 0),
            "b": outline_of(np.eye(2, dtype=bool), IMAGE, 0),
        }
    )
    ds.StructureSetROISequence[1].ROIName = "a"
    found = read(ds, tmp_path)
    assert {name: r.n_voxels for name, r in found.regions.items()} == {"a": 3, "a (2)": 2}


# -- geometry that does not fit ------------------------------------------------------------------
def test_positions_jitter_up_to_a_quarter_of_a_slice(tmp_path: Path) -> None:
    square = box(2.5, 2.5, 5.5, 5.5)
    near = read(structure_set({"a": [on_slice(IMAGE, 2.2, square)]}), tmp_path)
    assert near.regions["a"].slices == (2, 2)
    with pytest.raises(
        GeometryMismatchError,
        match=r"rs\.dcm: the contours do not lie on the image's grid: contour 2 of a, about "
        r"\(-28\.5, 15\.9, 34\.6\) mm, lies between the image's slices; the structure set has 2 "
        r"contours within -29\.7 to -27\.3 × 14\.6 to 17\.2 × 34\.6 to 38\.3 mm, 3\.75 mm apart, "
        r"the image 24×20×8 voxels of 0\.8×0\.9×2\.5 mm at \(-31\.7, 12\.3, 33\.3\) mm",
    ):
        read(structure_set({"a": [on_slice(IMAGE, k, square) for k in (2, 0.5)]}), tmp_path)


@pytest.mark.parametrize(
    ("k", "corners", "reason"),
    [
        (8, box(2, 2, 5, 5), "lies outside of the image"),
        (-1, box(2, 2, 5, 5), "lies outside of the image"),
        (3, box(2, 2, 25, 5), "lies outside of the image"),
        (3, box(-3, 2, 5, 5), "lies outside of the image"),
        (3, box(1e9, 1e9, 1e10, 1e10), "lies outside of the image"),
    ],
)
def test_contours_outside_of_the_image_are_refused(
    tmp_path: Path, k: int, corners: list, reason: str
) -> None:
    with pytest.raises(GeometryMismatchError, match=reason):
        read(structure_set({"a": [on_slice(IMAGE, k, corners)]}), tmp_path)


def test_a_contour_of_another_orientation_is_refused(tmp_path: Path) -> None:
    tilted = on_slice(IMAGE, 3, box(2, 2, 15, 15))
    tilted[:, 2] += np.array([0, 0, 2, 2])
    axial = on_slice(IMAGE, 3, box(2, 2, 15, 15))
    with pytest.raises(GeometryMismatchError, match=r"contour 2 of a, .* is not parallel to the"):
        read(structure_set({"a": [axial, tilted]}), tmp_path)


def test_an_outline_round_the_whole_picture_is_not_outside_of_it(tmp_path: Path) -> None:
    whole = box(-0.5, -0.5, SHAPE[1] - 0.5, SHAPE[2] - 0.5)
    found = read(structure_set({"body": [on_slice(IMAGE, 0, whole)]}), tmp_path)
    assert found.regions["body"].n_voxels == SHAPE[1] * SHAPE[2]


def test_another_frame_of_reference_is_a_warning(tmp_path: Path) -> None:
    ds = structure_set({"a": [on_slice(IMAGE, 2, box(2, 2, 5, 5))]}, frame_uid="1.2.9")
    for source, told in (
        (ImageSource(), False),
        (ImageSource(frame_uid="1.2.9"), False),
        (ImageSource(frame_uid="1.2.8"), True),
        # A de-identified scan: its UIDs stand for those that the structure set names.
        (ImageSource(frame_uid="new 1.2.9", map_uid=lambda uid: f"new {uid}"), False),
        (ImageSource(frame_uid="new 1.2.8", map_uid=lambda uid: f"new {uid}"), True),
    ):
        found = read(ds, tmp_path, source=source)
        assert any("another frame of reference" in w for w in found.warnings) == told
    other = ImageSource(frame_uid="1.2.9", series_uid="7.7")
    assert "another series of the same examination" in read(ds, tmp_path, source=other).warnings[0]


# -- damaged files -------------------------------------------------------------------------------
def plain() -> pydicom.Dataset:
    return structure_set({"a": [on_slice(IMAGE, 2, box(2, 2, 5, 5))]})


def first_contour(ds: pydicom.Dataset) -> pydicom.Dataset:
    return ds.ROIContourSequence[0].ContourSequence[0]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"1\\2\\nan\\1\\2\\3\\2\\2\\3 ", "contour 1 of a has a point that is not a number"),
        (b"1\\2\\inf\\1\\2\\3\\2\\2\\3 ", "contour 1 of a has a point that is not a number"),
        (b"1\\2\\3\\4", "contour 1 of a holds 4 numbers, not three a point"),
        (b"1\\2\\\\4\\5\\6 ", "contour 1 of a holds no numbers"),
        (b"one\\two\\three ", "contour 1 of a holds no numbers"),
        (b"\\ ", "contour 1 of a holds no numbers"),
    ],
)
def test_points_that_are_none(tmp_path: Path, data: bytes, message: str) -> None:
    ds = plain()
    first_contour(ds)[0x30060050] = DataElement(0x30060050, "LT", data.decode())
    with pytest.raises(UnreadableFileError, match=rf"rs\.dcm: {message}"):
        read(ds, tmp_path)


def test_limits_on_regions_contours_and_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rtstruct, "MAX_POINTS", 3)
    with pytest.raises(UnreadableFileError, match="contour points; export the structure of"):
        read(plain(), tmp_path)
    monkeypatch.setattr(rtstruct, "MAX_CONTOURS", 0)
    with pytest.raises(UnreadableFileError, match="claims 1 contours"):
        read(plain(), tmp_path)
    monkeypatch.setattr(rtstruct, "MAX_REGIONS", 0)
    with pytest.raises(UnreadableFileError, match="claims 1 regions"):
        read(plain(), tmp_path)


@pytest.mark.parametrize(
    ("tag", "vr", "value"),
    [
        ("ROIContourSequence", "LO", "no sequence"),
        ("StructureSetROISequence", "LO", "no sequence"),
        ("RTROIObservationsSequence", "DS", "1"),
        ("ReferencedFrameOfReferenceSequence", "OB", b"\xff" * 8),
    ],
)
def test_wrong_value_representations_are_typed_errors_or_read(
    tmp_path: Path, tag: str, vr: str, value: Any
) -> None:
    ds = plain()
    ds[tag] = DataElement(pydicom.datadict.tag_for_keyword(tag), vr, value)
    try:
        assert read(ds, tmp_path).regions["a"].n_voxels == 9
    except InputError as error:
        assert "rs.dcm" in str(error)


def test_another_kind_of_dicom_is_named(tmp_path: Path) -> None:
    ds = plain()
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.481.2"
    ds.Modality = "RTDOSE"
    with pytest.raises(WrongModalityError, match=r"rs\.dcm: this is DICOM \(RTDOSE\), neither"):
        read(ds, tmp_path)


@pytest.mark.filterwarnings("ignore")
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    kept=st.floats(0.1, 1),
    changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=6),
)
def test_a_damaged_file_is_read_or_refused_by_name(
    tmp_path: Path, kept: float, changes: list
) -> None:
    whole = save(plain(), tmp_path / "whole.dcm").read_bytes()
    content = bytearray(whole[: 132 + int(kept * (len(whole) - 132))])
    for place, value in changes:
        content[132 + int(place * (len(content) - 132))] = value
    path = tmp_path / "damaged.dcm"
    path.write_bytes(bytes(content))
    try:
        found = read_roi_file(path, IMAGE)
    except HccsurvError as error:
        assert "damaged.dcm" in str(error)
    else:
        assert all(region.n_voxels for region in found.regions.values())


def test_the_factory_rounds_as_told() -> None:
    """The tests above lean on it."""
    item = contour(np.array([[1.23456, 2, 3]]), decimals=2)
    assert list(item.ContourData) == [1.23, 2.0, 3.0]
