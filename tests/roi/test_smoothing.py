"""Tidied outlines: the area stays, specks and pinholes go, what is smooth already stays as it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage as ndi

from hccsurv_core.errors import InputError, SegmentationError
from hccsurv_core.roi.smoothing import fill_holes, keep_largest, smooth_outline

ROWS, COLUMNS = np.mgrid[:96, :96].astype(float)


def disk(row: float, column: float, radius: float) -> np.ndarray:
    return (ROWS - row) ** 2 + (COLUMNS - column) ** 2 <= radius**2


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))


def ragged(seed: int, radius: float = 28.0, roughness: float = 2.5) -> np.ndarray:
    """A disk with an outline as a shaky hand draws it."""
    noise = np.random.default_rng(seed).standard_normal(ROWS.shape)
    return (
        np.hypot(ROWS - 48, COLUMNS - 48) + roughness * ndi.gaussian_filter(noise, 1) * 4 < radius
    )


def perimeter(mask: np.ndarray) -> int:
    """Steps along the outline between pixels."""
    padded = np.pad(mask, 1)
    return sum(np.count_nonzero(np.diff(padded.astype(int), axis=axis)) for axis in (0, 1))


@pytest.mark.parametrize("seed", range(5))
def test_a_shaky_outline_gets_smooth_and_keeps_its_area(seed) -> None:
    rough = ragged(seed)
    smooth = smooth_outline(rough, (1.0, 1.0), 5.0)
    cleaned = ndi.binary_fill_holes(keep_largest(rough))
    assert np.count_nonzero(smooth) == pytest.approx(np.count_nonzero(cleaned), rel=0.01)
    assert perimeter(smooth) < 0.8 * perimeter(rough)
    meant = disk(48, 48, np.sqrt(np.count_nonzero(smooth) / np.pi))
    assert 1 - dice(smooth, meant) < 0.75 * (1 - dice(rough, meant))


def test_a_disk_stays_the_disk_it_is() -> None:
    assert dice(smooth_outline(disk(48, 48, 25), (1.0, 1.0), 6.0), disk(48, 48, 25)) > 0.99


def test_the_radius_is_in_millimeters_on_pixels_of_any_shape() -> None:
    # A dent of 8 by 8 pixels: 8 mm or 2 mm.
    dented = disk(48, 48, 30)
    dented[:26, 44:52] = False
    fine = smooth_outline(dented, (0.25, 0.25), 3.0)
    coarse = smooth_outline(dented, (1.0, 1.0), 3.0)
    assert np.count_nonzero(fine[20:26, 44:52]) > 28
    assert np.count_nonzero(coarse[20:26, 44:52]) < 15
    # On stretched pixels the blur reaches as many millimeters along rows as along columns.
    square = np.zeros((96, 96), dtype=bool)
    square[40:56, 32:64] = True  # 32 mm × 32 mm
    smooth = smooth_outline(square, (2.0, 1.0), 12.0)
    assert np.count_nonzero(smooth[48]) == pytest.approx(2 * np.count_nonzero(smooth[:, 48]), abs=2)


def test_specks_go_pinholes_are_filled_and_large_pieces_and_holes_stay() -> None:
    mask = (disk(40, 40, 26) & ~disk(40, 40, 10)) | disk(80, 80, 8)
    spotted = mask.copy()
    spotted[40, 20] = spotted[25, 48] = False
    spotted[90, 4] = spotted[4, 90] = True
    smooth = smooth_outline(spotted, (1.0, 1.0), 3.0)
    assert smooth[40, 20] and smooth[25, 48]
    assert not smooth[90, 4] and not smooth[4, 90]
    assert smooth[80, 80] and not smooth[40, 40]
    assert dice(smooth, mask) > 0.98


def test_a_region_smaller_than_the_radius_is_not_lost() -> None:
    tiny = disk(20, 30, 2)
    smooth = smooth_outline(tiny, (1.0, 1.0), 9.0)
    assert np.count_nonzero(smooth) == pytest.approx(np.count_nonzero(tiny), abs=4)
    assert smooth[20, 30]


def test_a_region_that_the_picture_cuts_off_stays_at_the_edge() -> None:
    cut = disk(0, 48, 30)
    smooth = smooth_outline(cut, (1.0, 1.0), 6.0)
    assert dice(smooth, cut) > 0.98
    assert np.count_nonzero(smooth[0]) >= 0.95 * np.count_nonzero(cut[0])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), radius=st.floats(0.5, 8.0), spacing=st.floats(0.5, 2.0))
def test_smoothing_again_changes_little_and_mirrors_agree(seed, radius, spacing) -> None:
    rough = ragged(seed)
    once = smooth_outline(rough, (spacing, spacing), radius)
    twice = smooth_outline(once, (spacing, spacing), radius)
    assert dice(once, twice) > 0.985
    assert abs(np.count_nonzero(twice) - np.count_nonzero(once)) <= 0.01 * np.count_nonzero(once)
    mirrored = smooth_outline(rough[:, ::-1], (spacing, spacing), radius)[:, ::-1]
    assert np.array_equal(mirrored, once)
    assert perimeter(once) <= perimeter(rough)


def test_nothing_stays_nothing_and_radius_zero_changes_nothing() -> None:
    empty = np.zeros((12, 12), dtype=bool)
    assert not smooth_outline(empty, (1.0, 1.0), 4.0).any()
    assert not fill_holes(empty).any()
    assert not keep_largest(empty).any()
    rough = ragged(1)
    same = smooth_outline(rough, (1.0, 1.0), 0.0)
    assert np.array_equal(same, rough)
    assert same is not rough
    assert smooth_outline(np.ones((9, 9), bool), (1.0, 1.0), 2.0).all()


def test_holes_are_filled_and_a_bay_is_not() -> None:
    mask = disk(48, 48, 30) & ~disk(48, 48, 12)
    assert np.array_equal(fill_holes(mask), disk(48, 48, 30))
    bay = disk(48, 48, 30)
    bay[48, 48:] = False
    assert np.array_equal(fill_holes(bay), bay)
    # A ring that meets at corners only is closed.
    diamond = np.abs(ROWS - 48) + np.abs(COLUMNS - 48) == 10
    assert np.count_nonzero(fill_holes(diamond)) == np.count_nonzero(
        np.abs(ROWS - 48) + np.abs(COLUMNS - 48) <= 10
    )


def test_the_largest_piece_is_kept_in_two_and_three_axes() -> None:
    mask = disk(30, 30, 12) | disk(70, 70, 11)
    assert np.array_equal(keep_largest(mask), disk(30, 30, 12))
    corner = np.zeros((6, 6), dtype=bool)
    corner[1, 1] = corner[2, 2] = corner[3, 3] = corner[5, 0] = True
    assert np.count_nonzero(keep_largest(corner)) == 3
    solid = np.zeros((4, 6, 6), dtype=bool)
    solid[0, 0, :3] = True
    solid[2:, 3:, 3:] = True
    assert np.array_equal(keep_largest(solid), solid & (np.arange(4) >= 2)[:, None, None])


@pytest.mark.parametrize("mask", [np.zeros((3, 8, 8), bool), np.zeros((8, 8), np.uint8)])
def test_only_a_plane_of_true_and_false_is_taken(mask) -> None:
    for tool in (lambda m: smooth_outline(m, (1.0, 1.0), 1.0), fill_holes):
        with pytest.raises(SegmentationError, match="a 2-D mask of true and false is needed"):
            tool(mask)


@pytest.mark.parametrize(("spacing", "radius"), [((0.0, 1.0), 1.0), ((1.0, 1.0), -1.0)])
def test_sizes_must_make_sense(spacing, radius) -> None:
    with pytest.raises(InputError, match="must be a number"):
        smooth_outline(disk(9, 9, 4), spacing, radius)
