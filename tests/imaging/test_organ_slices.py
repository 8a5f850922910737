"""Which slices stand for an organ, and what a network sees of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hccsurv_core.errors import GeometryMismatchError, InputError
from hccsurv_core.imaging.organ_slices import (
    N_SLICES,
    WINDOWS,
    choose_organ_slices,
    choose_slices,
    slice_outlines,
    slice_pictures,
    take_slices,
    to_5_mm,
)
from hccsurv_core.volume import LabelMap, Volume


def grid(spacing: tuple[float, float, float] = (5.0, 1.5, 2.0)) -> np.ndarray:
    dz, dy, dx = spacing
    return np.diag([dx, dy, dz, 1.0])


def scan(n: int = 6, spacing: tuple[float, float, float] = (5.0, 1.5, 2.0)) -> tuple:
    """A block of liver in every slice, with a tumor in slices 2 to 4."""
    affine = grid(spacing)
    hu = np.full((n, 40, 50), -50.0, dtype=np.float32)
    organ, lesions = np.zeros((n, 40, 50), np.uint8), np.zeros((n, 40, 50), np.int32)
    for k in range(n):
        organ[k, 5:35, 5 : 25 + 2 * k] = 1
    lesions[2, 10:14, 10:14], lesions[3, 10:20, 10:20], lesions[4, 10:16, 10:16] = 1, 1, 1
    hu[organ > 0], hu[lesions > 0] = 100.0, 60.0
    return Volume(hu, affine), LabelMap(organ, affine), LabelMap(lesions, affine)


class TestChoice:
    """Xia et al. 2024: the largest tumor area, else the largest organ area."""

    def test_most_tumor_goes_first_and_order_is_from_the_feet_up(self) -> None:
        assert choose_slices([0, 5, 1, 9, 2], [9, 9, 9, 9, 9]) == (1, 3, 4)

    def test_without_tumor_the_most_organ(self) -> None:
        assert choose_slices([0, 0, 0, 0], [1, 4, 3, 2]) == (1, 2, 3)

    def test_organ_fills_up_where_too_few_slices_show_tumor(self) -> None:
        assert choose_slices([0, 0, 3, 0], [5, 1, 2, 4]) == (0, 2, 3)

    def test_fewer_slices_than_wanted_are_all_taken(self) -> None:
        assert choose_slices([0, 1], [1, 1]) == (0, 1)

    @given(
        st.lists(st.tuples(st.floats(0, 50), st.floats(0, 300)), min_size=3, max_size=30),
    )
    def test_no_slice_left_out_shows_more_tumor(self, areas: list[tuple[float, float]]) -> None:
        tumor, organ = np.array(areas).T
        chosen = choose_slices(tumor, organ)
        left = [k for k in range(len(tumor)) if k not in chosen]
        assert len(chosen) == N_SLICES
        assert list(chosen) == sorted(set(chosen))
        assert all(tumor[k] <= min(tumor[list(chosen)]) for k in left)

    def test_areas_of_different_slices_are_refused(self) -> None:
        with pytest.raises(InputError, match="one number a slice"):
            choose_slices([1, 2], [1])

    def test_of_a_series(self) -> None:
        assert choose_organ_slices(*scan()) == (2, 3, 4)

    def test_another_grid_is_refused(self) -> None:
        volume, organ, lesions = scan()
        moved = LabelMap(lesions.voxels, grid((5.0, 1.5, 2.1)))
        with pytest.raises(GeometryMismatchError, match="do not coincide"):
            choose_organ_slices(volume, organ, moved)


class TestSlices:
    def test_tumor_counts_as_organ_and_areas_are_in_cm2(self) -> None:
        volume, organ, lesions = scan()
        bare = organ.voxels.copy()
        bare[lesions.voxels > 0] = 0
        taken = take_slices(volume, LabelMap(bare, organ.affine), lesions, (2, 3, 4))
        assert taken.tumor_cm2 == pytest.approx([0.48, 3.0, 1.08])
        assert taken.organ_cm2[0] == pytest.approx(30 * 24 * 3.0 / 100)
        assert taken.slice_index == (2, 3, 4)

    @pytest.mark.parametrize("chosen", [(), (0, 6)])
    def test_a_slice_that_is_not_there(self, chosen: tuple[int, ...]) -> None:
        with pytest.raises(InputError, match=r"no slice is chosen|slice 6 is not there"):
            take_slices(*scan(), chosen)

    def test_a_picture_is_z_scored_slice_by_slice(self) -> None:
        seen = slice_pictures(take_slices(*scan(), (2, 3, 4)), WINDOWS["liver"], 32)
        assert seen.shape == (3, 32, 32)
        np.testing.assert_allclose(seen.mean((1, 2)), 0, atol=1e-5)
        np.testing.assert_allclose(seen.std((1, 2)), 1, atol=1e-4)

    def test_what_lies_beyond_the_window_looks_alike(self) -> None:
        volume, organ, lesions = scan()
        hot = Volume(np.where(volume.voxels == 100, 220.0, volume.voxels), volume.affine)
        hotter = Volume(np.where(volume.voxels == 100, 900.0, volume.voxels), volume.affine)
        a, b = (
            slice_pictures(take_slices(v, organ, lesions, (2, 3, 4)), WINDOWS["liver"], 32)
            for v in (hot, hotter)
        )
        np.testing.assert_allclose(a, b)

    def test_fewer_slices_repeat_the_last(self) -> None:
        seen = slice_pictures(take_slices(*scan(), (2, 3)), WINDOWS["liver"], 32)
        np.testing.assert_array_equal(seen[1], seen[2])


class TestFiveMillimeters:
    def test_thin_slices_are_averaged_where_they_lie(self) -> None:
        affine = grid((1.25, 1.0, 1.0))
        ramp = np.arange(8, dtype=np.float32)[:, None, None] * np.ones((1, 4, 4), np.float32)
        thick, _ = to_5_mm(Volume(ramp, affine))
        np.testing.assert_allclose(thick.voxels[:, 0, 0], [1.5, 5.5])
        assert thick.spacing_mm[0] == pytest.approx(5.0)
        # The middle of the first slab lies at 1.5 thin slices.
        assert thick.slice_position_mm(0) == pytest.approx(1.5 * 1.25)

    def test_thick_slices_stay(self) -> None:
        volume, organ, _ = scan()
        same, (outline,) = to_5_mm(volume, (organ,))
        assert same is volume
        assert outline is organ


def test_outlines_lie_on_the_pictures() -> None:
    taken = take_slices(*scan(), (2, 3, 4))
    tumor, organ = slice_outlines(taken, 32)
    assert tumor.shape == organ.shape == (3, 32, 32)
    assert not (tumor & ~organ).any()
    area = taken.pixel_mm[0] * 40 * taken.pixel_mm[1] * 50 / 100
    np.testing.assert_allclose(organ.mean((1, 2)) * area, taken.organ_cm2, rtol=0.08)
