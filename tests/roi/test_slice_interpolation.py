"""Slices between drawn ones: volumes of solids that are known, moving shapes, and what must never change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import InputError, SegmentationError
from hccsurv_core.roi.slice_interpolation import interpolate_slices

ROWS, COLUMNS = np.mgrid[:64, :64].astype(float)


def disk(row: float, column: float, radius: float, stretch: float = 1.0) -> np.ndarray:
    return ((ROWS - row) / stretch) ** 2 + (COLUMNS - column) ** 2 <= radius**2


def keep_every(solid: np.ndarray, step: int) -> np.ndarray:
    """The solid as a person draws it: every ``step``-th slice, and the last one."""
    drawn = np.zeros_like(solid)
    inside = np.flatnonzero(solid.any(axis=(1, 2)))
    chosen = [*inside[::step], inside[-1]]
    drawn[chosen] = solid[chosen]
    return drawn


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))


@pytest.mark.parametrize(
    ("semi_axes", "step", "error"),
    [((24, 24, 24), 4, 0.03), ((24, 24, 24), 8, 0.08), ((28, 14, 22), 4, 0.03)],
)
def test_a_solid_of_which_few_slices_are_drawn_keeps_its_volume(semi_axes, step, error) -> None:
    k, i, j = np.mgrid[:64, :64, :64].astype(float) - 31.5
    a, b, c = semi_axes
    solid = (k / a) ** 2 + (i / b) ** 2 + (j / c) ** 2 <= 1
    filled = interpolate_slices(keep_every(solid, step))
    volume = 4 / 3 * np.pi * a * b * c
    # A convex solid lies outside of what is drawn straight between its slices, never inside.
    assert (1 - error) * volume < np.count_nonzero(filled) <= 1.005 * volume
    assert dice(filled, solid) > 1 - error


def test_an_oblique_tube_whose_outlines_do_not_overlap_is_filled_along_its_axis() -> None:
    tube = np.stack([disk(12 + 2 * k, 50 - 1.5 * k, 5) for k in range(21)])
    assert not (tube[0] & tube[10]).any()
    filled = interpolate_slices(keep_every(tube, 10))
    assert dice(filled, tube) > 0.95
    assert np.count_nonzero(filled) == pytest.approx(21 * np.pi * 25, rel=0.04)
    for k in range(21):
        center = np.argwhere(filled[k]).mean(axis=0)
        assert center == pytest.approx([12 + 2 * k, 50 - 1.5 * k], abs=0.5)


def test_the_radius_of_a_cone_changes_linearly() -> None:
    ends = np.zeros((9, 64, 64), dtype=bool)
    ends[0], ends[8] = disk(32, 32, 6), disk(32, 32, 22)
    filled = interpolate_slices(ends)
    radii = np.sqrt(filled.sum(axis=(1, 2)) / np.pi)
    assert radii == pytest.approx(6 + 2 * np.arange(9), abs=0.4)


def test_pixels_that_are_not_square_are_measured_in_millimeters() -> None:
    # Rows 3 mm apart: a ball of 24 mm is 8 rows high and 24 columns wide.
    ends = np.zeros((3, 64, 64), dtype=bool)
    ends[0] = (3 * (ROWS - 32)) ** 2 + (COLUMNS - 32) ** 2 <= 12**2
    ends[2] = (3 * (ROWS - 32)) ** 2 + (COLUMNS - 32) ** 2 <= 24**2
    middle = interpolate_slices(ends, pixel_mm=(3.0, 1.0))[1]
    assert np.count_nonzero(middle) * 3 == pytest.approx(np.pi * 18**2, rel=0.06)
    wide = np.count_nonzero(middle[32])
    assert wide == pytest.approx(36, abs=2)


def test_two_pieces_stay_two_and_each_moves_its_own_way() -> None:
    ends = np.zeros((5, 64, 64), dtype=bool)
    ends[0] = disk(14, 14, 6) | disk(48, 48, 6)
    ends[4] = disk(14, 30, 6) | disk(48, 32, 6)
    middle = interpolate_slices(ends)[2]
    assert dice(middle, disk(14, 22, 6) | disk(48, 40, 6)) > 0.93


def test_a_piece_that_ends_tapers_off_and_does_not_disturb_the_other() -> None:
    ends = np.zeros((5, 64, 64), dtype=bool)
    ends[0] = disk(16, 16, 8) | disk(48, 48, 8)
    ends[4] = disk(16, 16, 8)
    filled = interpolate_slices(ends)
    assert np.array_equal(filled[2][:32], disk(16, 16, 8)[:32])
    tail = filled[:, 32:].sum(axis=(1, 2))
    assert tail[0] > tail[1] > tail[2] > tail[3] > 0 == tail[4]
    assert np.sqrt(tail[2] / np.pi) == pytest.approx(4, abs=0.6)


def test_an_outline_that_divides_is_followed_into_both_branches() -> None:
    ends = np.zeros((7, 64, 64), dtype=bool)
    ends[0] = disk(32, 32, 12)
    ends[6] = disk(32, 24, 6) | disk(32, 42, 6)
    filled = interpolate_slices(ends)
    sizes = filled.sum(axis=(1, 2))
    assert (np.diff(sizes) <= 0).all()
    assert sizes[3] > 0.5 * sizes[6]


def test_a_ring_stays_a_ring() -> None:
    ends = np.zeros((3, 64, 64), dtype=bool)
    ends[0] = disk(32, 32, 20) & ~disk(32, 32, 8)
    ends[2] = disk(32, 32, 24) & ~disk(32, 32, 12)
    middle = interpolate_slices(ends)[1]
    assert not middle[32, 32]
    assert dice(middle, disk(32, 32, 22) & ~disk(32, 32, 10)) > 0.96


def test_an_outline_at_the_edge_of_the_picture_is_cut_there() -> None:
    ends = np.zeros((3, 64, 64), dtype=bool)
    ends[0], ends[2] = disk(2, 32, 8), disk(60, 32, 8)
    middle = interpolate_slices(ends)[1]
    assert 100 < np.count_nonzero(middle) < 220
    assert np.argwhere(middle).mean(axis=0) == pytest.approx([31, 32], abs=2.5)


ellipses = st.tuples(st.floats(12, 50), st.floats(12, 50), st.floats(1.5, 10), st.floats(0.6, 1.6))


@settings(max_examples=60, deadline=None)
# A piece that tapers off: its distances fall on the line, where rounding must not decide.
@example(
    drawn={9: (12.0, 21.0, 2.5, 1.5), 4: (12.0, 12.0, 1.5, 0.75)},
    second=True,
)
@given(
    drawn=st.dictionaries(st.integers(0, 9), ellipses, min_size=2, max_size=4),
    second=st.booleans(),
)
def test_what_was_drawn_never_changes_and_the_gaps_alone_are_filled(drawn, second) -> None:
    masks = np.zeros((10, 64, 64), dtype=bool)
    for k, (row, column, radius, stretch) in drawn.items():
        masks[k] = disk(row, column, radius, stretch)
        if second:
            masks[k] |= disk(63 - row, 63 - column, radius / 2 + 1)
    given_masks = masks.copy()
    filled = interpolate_slices(masks)
    assert np.array_equal(masks, given_masks)
    for k in drawn:
        assert np.array_equal(filled[k], masks[k])
    occupied = filled.any(axis=(1, 2))
    assert occupied[min(drawn) : max(drawn) + 1].all()
    assert not occupied[: min(drawn)].any()
    assert not occupied[max(drawn) + 1 :].any()
    # Nothing is left to fill, and neither direction of the slices nor of the rows matters.
    assert np.array_equal(interpolate_slices(filled), filled)
    for axis in (0, 1, 2):
        turned = np.flip(interpolate_slices(np.flip(masks, axis)), axis)
        assert np.count_nonzero(turned ^ filled) <= 4


@settings(max_examples=40, deadline=None)
@given(shape=ellipses, move=st.tuples(st.integers(-8, 8), st.integers(-8, 8)))
def test_one_outline_moved_is_carried_along_unchanged(shape, move) -> None:
    row, column, radius, stretch = shape
    outline = disk(row, column, radius, stretch)
    ends = np.zeros((3, 80, 80), dtype=bool)
    ends[0, 8:72, 8:72] = outline
    ends[2, 8 + 2 * (move[0] // 2) : 72 + 2 * (move[0] // 2), 8 + 2 * (move[1] // 2) :][:, :64] = (
        outline
    )
    middle = interpolate_slices(ends)[1]
    expected = np.zeros((80, 80), dtype=bool)
    expected[8 + move[0] // 2 : 72 + move[0] // 2, 8 + move[1] // 2 :][:, :64] = outline
    assert np.array_equal(middle, expected)


def test_one_drawn_slice_is_not_enough() -> None:
    masks = np.zeros((4, 8, 8), dtype=bool)
    masks[1, 2:5, 2:5] = True
    with pytest.raises(SegmentationError, match=r"two drawn slices .* got 1; draw the region"):
        interpolate_slices(masks)


@pytest.mark.parametrize("masks", [np.zeros((8, 8), bool), np.zeros((3, 8, 8), np.uint8)])
def test_only_a_stack_of_true_and_false_is_taken(masks) -> None:
    with pytest.raises(SegmentationError, match="a 3-D mask of true and false is needed"):
        interpolate_slices(masks)


def test_a_pixel_size_must_be_positive() -> None:
    with pytest.raises(InputError, match="pixel_mm: must be a number"):
        interpolate_slices(np.ones((2, 4, 4), dtype=bool), pixel_mm=(0.0, 1.0))
