"""Shape features against PyRadiomics 3.0.1, the IBSI's published values, and plain geometry."""

from __future__ import annotations

from math import pi, sqrt
from pathlib import Path

import numpy as np
import pytest
import radiomics
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from radiomics.shape import RadiomicsShape
from radiomics.shape2D import RadiomicsShape2D

from hccsurv_core.errors import RadiomicsError
from hccsurv_core.features.radiomics.presets import CLASS_FEATURES
from hccsurv_core.features.radiomics.shape import shape_features
from hccsurv_core.features.radiomics.shape2d import shape2d_features

radiomics.setVerbosity(60)

OBLIQUE_SPACING = (5.0, 0.78, 0.91)


# -- what PyRadiomics says ---------------------------------------------------------------------
def by_pyradiomics(mask: np.ndarray, spacing: tuple[float, ...]) -> dict[str, float]:
    """All features of PyRadiomics' class, on the mask's bounding box as its extractor crops it."""
    drawn = np.argwhere(mask)
    box = tuple(slice(a, b) for a, b in zip(drawn.min(0), drawn.max(0) + 1, strict=True))
    image = sitk.GetImageFromArray(mask[box].astype(np.uint8))
    image.SetSpacing(spacing[::-1])
    kind = RadiomicsShape if mask.ndim == 3 else RadiomicsShape2D
    features = kind(image, image, label=1)
    features.enableAllFeatures()
    with np.errstate(all="ignore"):
        return {name: float(np.real(value)) for name, value in features.execute().items()}


def assert_same(mask: np.ndarray, spacing: tuple[float, ...]) -> None:
    """Equal to a millionth, except where PyRadiomics leaves rounding instead of 0, and 0/0."""
    ours = shape_features(mask, spacing) if mask.ndim == 3 else shape2d_features(mask, spacing)
    theirs = by_pyradiomics(mask, spacing)
    assert set(ours) == set(theirs)
    if np.count_nonzero(mask) == 1:
        for name in {"Elongation", "Flatness"} & set(theirs):
            assert np.isnan(theirs.pop(name))
            assert ours.pop(name) == 1.0
    for name, value in theirs.items():
        if ours[name] == 0.0:
            # What rounding leaves of an eigenvalue of 0 is below 1e-12 of the largest.
            assert value <= 1e-6 * theirs["MajorAxisLength"], name
        else:
            assert ours[name] == pytest.approx(value, rel=1e-9), name


# -- masks -------------------------------------------------------------------------------------
def ellipsoid(*radii: float) -> np.ndarray:
    """Voxels within an ellipsoid, off the grid's center."""
    grid = np.indices([int(2 * r) + 4 for r in radii], dtype=float)
    middle = [r + 1.3 for r in radii]
    return sum(((g - m) / r) ** 2 for g, m, r in zip(grid, middle, radii, strict=True)) <= 1


def masks() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    hollow = ellipsoid(8, 9, 10) & ~np.pad(ellipsoid(4, 5, 6), 4)
    shell = np.ones((6, 7, 8), dtype=bool)
    shell[1:-1, 1:-1, 1:-1] = False
    checkers = np.indices((5, 6, 7)).sum(axis=0) % 2 == 0
    single = np.zeros((5, 6, 7), dtype=bool)
    single[2, 3, 4] = True
    stairs = np.zeros((6, 6, 6), dtype=bool)
    stairs[np.arange(6), np.arange(6), np.arange(6)] = True
    tilted_plane = np.subtract.outer(np.arange(7), np.zeros((6, 1))) == np.arange(7)
    far_apart = np.zeros((4, 30, 9), dtype=bool)
    far_apart[0, 0, 0] = far_apart[1, 29, 8] = True
    slice_of_ring = ellipsoid(3, 12, 10)[3:4] & ~ellipsoid(3, 12, 10)[1:2]
    return {
        "ball": ellipsoid(11, 11, 11),
        "ellipsoid": ellipsoid(4, 9, 14),
        "hole": hollow,
        "shell": shell,
        "touches every edge": np.ones((3, 4, 5), dtype=bool),
        "two voxels across a corner": checkers[:2, :2, :2] & (np.indices((2, 2, 2))[0] == 0),
        "checkers": checkers,
        "many components": rng.random((12, 13, 14)) < 0.05,
        "noise": rng.random((12, 13, 14)) < 0.5,
        "dense noise": rng.random((12, 13, 14)) < 0.9,
        "single voxel": single,
        "line": np.pad(np.ones((1, 7, 1), dtype=bool), 1),
        "diagonal line": stairs,
        "tilted plane": tilted_plane,
        "one slice": slice_of_ring,
        "one row": rng.random((8, 1, 9)) < 0.6,
        "one column": rng.random((8, 9, 1)) < 0.6,
        "neighboring slices, far apart": far_apart,
    }


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), OBLIQUE_SPACING], ids=["cubic", "oblong"])
@pytest.mark.parametrize("name", masks())
def test_agrees_with_pyradiomics(name: str, spacing: tuple[float, float, float]) -> None:
    assert_same(masks()[name], spacing)


@settings(max_examples=150, deadline=None)
@given(
    mask=hnp.arrays(bool, hnp.array_shapes(min_dims=3, max_dims=3, max_side=6)),
    spacing=st.tuples(*[st.floats(0.3, 8)] * 3),
)
def test_agrees_with_pyradiomics_on_any_small_mask(
    mask: np.ndarray, spacing: tuple[float, float, float]
) -> None:
    if mask.any():
        assert_same(mask, spacing)


@pytest.mark.parametrize("pattern", range(1, 256))
def test_every_pattern_of_eight_voxels(pattern: int) -> None:
    corners = np.array([pattern >> c & 1 for c in range(8)], dtype=bool).reshape(2, 2, 2)
    assert_same(corners, (3.1, 1.7, 0.6))


@pytest.mark.shared
@pytest.mark.parametrize("label", ["liver", "iliopsoas_left", "kidney_right", "vertebrae_L3"])
def test_agrees_with_pyradiomics_on_organs(shared_data: Path, label: str) -> None:
    image = sitk.ReadImage(str(shared_data / "ct_abdomen_pelvis" / "labels" / f"{label}.nii.gz"))
    mask = sitk.GetArrayFromImage(image) > 0
    # Every second voxel: the same organ, and PyRadiomics compares 16 times fewer pairs.
    assert_same(mask[::2, ::2, ::2], (6.0, 6.0, 6.0))


@settings(max_examples=150, deadline=None)
@given(
    mask=hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)),
    spacing=st.tuples(*[st.floats(0.05, 3)] * 2),
)
def test_an_area_agrees_with_pyradiomics(mask: np.ndarray, spacing: tuple[float, float]) -> None:
    if mask.any():
        assert_same(mask, spacing)


def test_a_large_area_agrees_with_pyradiomics() -> None:
    disk = np.add.outer(np.arange(-40, 41) ** 2, np.arange(-40, 41) ** 2) < 39**2
    disk[30:38, 30:38] = False
    assert_same(disk, (0.31, 0.27))


def test_names_are_those_of_the_presets() -> None:
    assert set(shape_features(np.ones((2, 2, 2), bool), (1, 1, 1))) == set(CLASS_FEATURES["shape"])
    assert set(shape2d_features(np.ones((2, 2), bool), (1, 1))) == set(CLASS_FEATURES["shape2D"])


# -- published values --------------------------------------------------------------------------
def ibsi_phantom() -> np.ndarray:
    """The mask of the IBSI's digital phantom (4×4×5 voxels of 2 mm, CC BY 4.0)."""
    mask = np.ones((4, 4, 5), dtype=bool)
    mask[1, 1, 0] = mask[1, 2, 2] = False
    mask[3, 2:, 3:] = False
    return mask


def test_the_ibsi_phantom_has_its_published_shape() -> None:
    """Reference values of Zwanenburg et al., Radiology 2020 (doi:10.1148/radiol.2020191145)."""
    found = shape_features(ibsi_phantom(), (2.0, 2.0, 2.0))
    # The IBSI's variances are those of a sample (n − 1), PyRadiomics' divide by n.
    for axis in ("MajorAxisLength", "MinorAxisLength", "LeastAxisLength"):
        found[axis] *= sqrt(74 / 73)
    published = {
        "MeshVolume": 556,
        "VoxelVolume": 592,
        "SurfaceArea": 388,
        "SurfaceVolumeRatio": 0.698,
        "Sphericity": 0.843,
        "Maximum3DDiameter": 13.1,
        "MajorAxisLength": 11.4,
        "MinorAxisLength": 9.31,
        "LeastAxisLength": 8.54,
        "Elongation": 0.816,
        "Flatness": 0.749,
    }
    assert {name: float(f"{found[name]:.3g}") for name in published} == published


# -- plain geometry ----------------------------------------------------------------------------
def test_a_single_voxel_is_an_octahedron() -> None:
    found = shape_features(np.ones((1, 1, 1), dtype=bool), (2.0, 2.0, 2.0))
    assert found["MeshVolume"] == pytest.approx(8 / 6)
    assert found["SurfaceArea"] == pytest.approx(8 * sqrt(3) / 4 * 2)
    assert found["Maximum3DDiameter"] == pytest.approx(2.0)
    assert found["MajorAxisLength"] == found["LeastAxisLength"] == 0.0
    assert found["Elongation"] == found["Flatness"] == 1.0


def test_a_mask_in_a_plane_has_no_thickness_and_a_line_no_width() -> None:
    plane = np.ones((1, 8, 9), dtype=bool)
    assert shape_features(plane, (3.0, 1.1, 1.3))["LeastAxisLength"] == 0.0
    line = shape_features(masks()["diagonal line"], (3.0, 1.1, 1.3))
    assert line["MinorAxisLength"] == line["Elongation"] == line["Flatness"] == 0.0
    assert line["MajorAxisLength"] > 0


def test_a_fine_ball_has_the_volume_diameter_and_axes_of_a_ball() -> None:
    radius_mm, step_mm = 20.0, 0.5
    steps = np.arange(-42, 43) * step_mm
    ball = np.add.outer(np.add.outer(steps**2, steps**2), steps**2) <= radius_mm**2
    found = shape_features(ball, (step_mm,) * 3)
    assert found["MeshVolume"] == pytest.approx(4 / 3 * pi * radius_mm**3, rel=0.002)
    assert found["Maximum3DDiameter"] == pytest.approx(2 * radius_mm + step_mm, rel=0.002)
    # A solid ball's variance along any axis is r²/5.
    assert found["LeastAxisLength"] == pytest.approx(4 * radius_mm / sqrt(5), rel=0.002)
    assert found["Flatness"] == pytest.approx(1.0, abs=1e-9)
    # Steps of the grid remain on the surface however fine it is: nearly, never quite, a ball.
    assert 0.9 < found["Sphericity"] < 1.0


@settings(max_examples=60, deadline=None)
@given(
    mask=hnp.arrays(bool, hnp.array_shapes(min_dims=3, max_dims=3, max_side=6)),
    order=st.permutations(range(3)),
    padding=st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 3),
    scale=st.sampled_from([0.5, 2.0, 4.0]),
)
def test_turned_moved_and_scaled(
    mask: np.ndarray,
    order: list[int],
    padding: tuple[tuple[int, int], ...],
    scale: float,
) -> None:
    """Axes change places, empty space changes nothing, millimeters scale."""
    if not mask.any():
        return
    spacing = np.array([3.0, 1.7, 0.6])
    found = shape_features(mask, tuple(spacing))
    moved = np.pad(mask, padding).transpose(order)
    turned = shape_features(moved, tuple(scale * spacing[order]))
    planes = ("Maximum2DDiameterSlice", "Maximum2DDiameterColumn", "Maximum2DDiameterRow")
    for axis, name in enumerate(planes):
        assert turned[name] == pytest.approx(scale * found[planes[order[axis]]])
    powers = {"MeshVolume": 3, "VoxelVolume": 3, "SurfaceArea": 2, "SurfaceVolumeRatio": -1}
    powers |= dict.fromkeys(("Sphericity", "Elongation", "Flatness"), 0)
    # How PyRadiomics joins corners across a checkered face, and cuts faces into triangles, depends on
    # the order of the axes; so do area and volume of its surface.
    by_surface = {"SurfaceArea", "SurfaceVolumeRatio", "Sphericity", "MeshVolume"}
    for name in set(found) - set(planes):
        if order == [0, 1, 2] or name not in by_surface:
            expected = found[name] * scale ** powers.get(name, 1)
            assert turned[name] == pytest.approx(expected, rel=1e-9), name


# -- what is refused ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("mask", "spacing", "message"),
    [
        (np.zeros((3, 3, 3), bool), (1, 1, 1), "the mask is empty; choose or draw a region"),
        (np.ones((3, 3), bool), (1, 1, 1), "bool with 3 axes, got bool with 2"),
        (np.ones((3, 3, 3)), (1, 1, 1), "bool with 3 axes, got float64 with 3"),
        (np.ones((3, 3, 3), bool), (1, 0, 1), r"3 positive numbers \(mm\), got \(1, 0, 1\)"),
        (np.ones((3, 3, 3), bool), (1, 1), "3 positive numbers"),
        (np.ones((3, 3, 3), bool), (1, 1, float("nan")), "3 positive numbers"),
    ],
)
def test_refuses(mask: np.ndarray, spacing: tuple[float, float, float], message: str) -> None:
    with pytest.raises(RadiomicsError, match=message):
        shape_features(mask, spacing)
