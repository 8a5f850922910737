"""The canal is followed on whole scans, slabs and single slices."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_spine import LOWEST_DISK_MM, Trunk, draw_trunk

from hccsurv_core.errors import LevelNotFoundError
from hccsurv_core.roi.canal import best_path
from hccsurv_core.roi.spine import find_canal
from hccsurv_core.volume import Volume

#: The drawn canal's row and column above the sacrum: 40 mm behind the middle.
ROW, COLUMN = (40 + 125) / 2.5, 180 / 2.5


def test_best_path_prefers_the_bright_track_and_bridges_a_gap():
    score = np.zeros((9, 20, 20))
    for k in range(9):
        score[k, 5 + k, 10] = 1.0
    score[4] = 0.0
    path = best_path(score, bend_penalty=(0.01, 0.1))
    np.testing.assert_allclose(path[:, 0], 5 + np.arange(9), atol=1)
    np.testing.assert_array_equal(path[:, 1], 10)


def test_best_path_of_one_slice_is_its_maximum():
    score = np.zeros((1, 6, 7))
    score[0, 4, 2] = 1
    np.testing.assert_array_equal(best_path(score, (0.1, 0.1)), [[4, 2]])


def test_canal_of_a_drawn_spine():
    volume = draw_trunk(Trunk(bottom_mm=LOWEST_DISK_MM, top_mm=280.0))
    canal = find_canal(volume)
    assert canal.shape == (volume.shape[0], 2)
    np.testing.assert_allclose(canal[2:-2, 0], ROW, atol=3.0)
    np.testing.assert_allclose(canal[:, 1], COLUMN, atol=2.0)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_short_slabs(n):
    low = LOWEST_DISK_MM + 2.6 * 35  # the pedicles of L3
    canal = find_canal(draw_trunk(Trunk(bottom_mm=low, top_mm=low + 3 * n - 1)))
    assert canal.shape == (n, 2)
    np.testing.assert_allclose(canal, [(ROW, COLUMN)] * n, atol=3.0)


def test_mirrored_scan_gives_the_mirrored_canal():
    volume = draw_trunk(Trunk(bottom_mm=150.0, top_mm=220.0))
    mirrored = Volume(np.ascontiguousarray(volume.voxels[:, :, ::-1]), volume.affine)
    expected = find_canal(volume)
    expected[:, 1] = volume.shape[2] - 1 - expected[:, 1]
    np.testing.assert_allclose(find_canal(mirrored), expected, atol=1.0)


def test_air_has_no_canal():
    empty = Volume(np.full((4, 50, 50), -1000, np.int16), np.diag([2.0, 2.0, 2.0, 1.0]))
    with pytest.raises(LevelNotFoundError, match=r"no body is in view; check that the series"):
        find_canal(empty)
