"""The straightened spine and its disks."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_spine import LOWEST_DISK_MM, PITCH_MM, Trunk, draw_trunk

from hccsurv_core.imaging.resampling import resample_isotropic
from hccsurv_core.roi.body_mask import body_mask_grid
from hccsurv_core.roi.canal import CanalPath, trace_canal
from hccsurv_core.roi.discs import chain_of_disks, find_disks
from hccsurv_core.roi.spine_reformat import EXTENSION_MM, build_frame


def peaks(at, n=260, height=1.0):
    plane = np.arange(n)
    return sum(height * np.exp(-0.5 * ((plane - p) / 2.0) ** 2) for p in at)


def test_chain_takes_evenly_spaced_peaks():
    at = [30, 66, 101, 135, 168, 200]
    np.testing.assert_array_equal(chain_of_disks(peaks(at)), at)


def test_chain_bridges_a_disk_that_is_not_seen():
    at = [30, 65, 100, 135, 170]
    profile = peaks([p for p in at if p != 100])
    chain = chain_of_disks(profile)
    assert len(chain) == 5
    np.testing.assert_allclose(chain, at, atol=4)


def test_chain_leaves_out_the_middles_of_vertebrae():
    at = np.array([30, 65, 100, 135, 170])
    profile = peaks(at) + peaks(at[:-1] + 17.5, height=0.6)
    np.testing.assert_array_equal(chain_of_disks(profile), at)


@pytest.mark.parametrize("profile", [np.full(100, np.nan), np.zeros(100), np.full(5, 1.0)])
def test_no_disks_no_chain(profile):
    assert len(chain_of_disks(profile)) == 0


def frame_of(row_of_slice):
    rows = np.asarray(row_of_slice, dtype=np.float64)
    return build_frame(CanalPath(rows, np.full(len(rows), 40.0), np.ones(len(rows))), 2.0)


def test_planes_of_a_straight_canal_are_axial():
    frame = frame_of(np.full(60, 50.0))
    assert len(frame.center) == pytest.approx(118 + 1 + 2 * EXTENSION_MM, abs=1)
    np.testing.assert_allclose(frame.tilt_deg(), 0.0, atol=1e-6)
    np.testing.assert_allclose(frame.forward, [[0.0, -1.0, 0.0]] * len(frame.forward), atol=1e-9)
    np.testing.assert_allclose(frame.left, [[0.0, 0.0, 1.0]] * len(frame.left), atol=1e-9)


def test_planes_tip_forward_where_the_canal_runs_back_and_down():
    # Rows grow backward: going up, the canal comes forward by 1 mm per mm (45°).
    frame = frame_of(90.0 - np.arange(60))
    assert frame.tilt_deg()[60] == pytest.approx(45.0, abs=1.0)


def test_plane_at_is_the_inverse_of_point():
    frame = frame_of(50.0 + 3 * np.sin(np.arange(80) / 15))
    for plane in (40.0, 77.5, 120.0):
        height = frame.point(plane, 24.0)[0]
        assert frame.plane_at(height, 24.0) == pytest.approx(plane, abs=0.5)


def test_disks_of_a_drawn_spine():
    volume = draw_trunk(Trunk(bottom_mm=60.0, top_mm=300.0))
    cubes = resample_isotropic(volume, 2.0)
    body = body_mask_grid(cubes.voxels, 2.0)
    frame = build_frame(trace_canal(cubes.voxels, body, 2.0), 2.0)
    chain = find_disks(cubes.voxels, frame, 2.0)
    heights = 60.0 + frame.point(chain.planes, 24.0)[:, 0]
    expected = LOWEST_DISK_MM + PITCH_MM * np.arange(7)
    # The disk L5–S1 lies where the canal bends; those above must be exact.
    np.testing.assert_allclose(heights[-5:], expected[-5:], atol=3.0)
    assert chain.signs[1:].min() > 0.5
    np.testing.assert_allclose(chain.pitches_mm[1:], PITCH_MM, atol=3.0)
