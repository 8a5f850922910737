"""Pictures of planes keep orientation, pixel size and the course of the spine."""

from __future__ import annotations

import numpy as np
import pytest

from hccsurv_core.errors import GeometryError
from hccsurv_core.imaging.slices import axial_slice, coronal_slice, sagittal_slice
from hccsurv_core.volume import Volume


@pytest.fixture
def volume() -> Volume:
    """Each voxel carries its own index: value = 100·slice + 10·row + column."""
    k, j, i = np.meshgrid(np.arange(4), np.arange(5), np.arange(6), indexing="ij")
    return Volume((100 * k + 10 * j + i).astype(np.int16), np.diag([0.7, 0.8, 3.0, 1.0]))


def test_axial_shows_rows_and_columns_with_their_spacing(volume):
    picture = axial_slice(volume, 2)
    assert picture.pixels[3, 4] == 234
    assert picture.pixel_mm == pytest.approx((0.8, 0.7))
    assert picture.aspect == pytest.approx(0.8 / 0.7)
    assert not picture.bottom_up


def test_sagittal_shows_slices_over_rows(volume):
    picture = sagittal_slice(volume, 5)
    assert picture.pixels.shape == (4, 5)
    assert picture.pixels[1, 2] == 125
    assert picture.pixel_mm == pytest.approx((3.0, 0.8))
    assert picture.size_mm == pytest.approx((12.0, 4.0))
    assert picture.bottom_up


def test_coronal_shows_slices_over_columns(volume):
    picture = coronal_slice(volume, 3)
    assert picture.pixels.shape == (4, 6)
    assert picture.pixels[1, 2] == 132
    assert picture.pixel_mm == pytest.approx((3.0, 0.7))


def test_a_curved_plane_follows_one_column_per_slice(volume):
    picture = sagittal_slice(volume, np.array([0.0, 1.0, np.nan, 3.0]))
    assert (picture.pixels[:, 0] % 10).tolist() == [0, 1, 2, 3]


def test_a_plane_outside_the_volume_stays_at_its_edge(volume):
    assert (coronal_slice(volume, 99).pixels == volume.voxels[:, -1, :]).all()


def test_a_path_without_any_number_falls_back_to_the_middle(volume):
    assert (sagittal_slice(volume, np.full(4, np.nan)).pixels == volume.voxels[:, :, 3]).all()


@pytest.mark.parametrize("index", [-1, 4])
def test_a_slice_outside_the_volume_is_refused(volume, index):
    with pytest.raises(GeometryError, match="outside the volume of 4 slices"):
        axial_slice(volume, index)


def test_a_volume_that_is_not_canonical_is_refused(volume):
    upside_down = Volume(volume.voxels, np.diag([0.7, 0.8, -3.0, 1.0]))
    with pytest.raises(GeometryError, match="canonical"):
        sagittal_slice(upside_down, 0)
