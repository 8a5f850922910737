"""Resampling keeps places and means, whatever the spacing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import GeometryError
from hccsurv_core.imaging.resampling import HU_RANGE, resample_grid, resample_isotropic
from hccsurv_core.volume import Volume

SPACING = st.floats(0.5, 6.0)


def volume(voxels: np.ndarray, spacing_mm: tuple[float, float, float]) -> Volume:
    dz, dy, dx = spacing_mm
    return Volume(voxels, np.diag([dx, dy, dz, 1.0]))


@settings(max_examples=30, deadline=None)
@given(SPACING, SPACING, SPACING, st.integers(1, 9), st.floats(0.8, 4.0))
def test_a_constant_stays_constant(dz, dy, dx, n, step):
    image = resample_isotropic(volume(np.full((n, 7, 8), 37, np.int16), (dz, dy, dx)), step)
    np.testing.assert_allclose(image.voxels, 37.0, rtol=1e-5)
    assert min(image.voxels.shape) >= 1


@settings(max_examples=30, deadline=None)
@given(SPACING, st.floats(0.8, 4.0), st.integers(0, 2))
def test_a_ramp_keeps_its_place(spacing, step, axis):
    n = 40
    shape = [3, 3, 3]
    shape[axis] = n
    ramp = np.arange(n, dtype=np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
    spacings = [2.0, 2.0, 2.0]
    spacings[axis] = spacing
    image = resample_isotropic(volume(np.broadcast_to(ramp, shape).copy(), tuple(spacings)), step)
    line = np.moveaxis(image.voxels, axis, 0)[:, 0, 0]
    expected = image.to_source(np.arange(len(line)), axis)
    margin = max(step / spacing, 1.0)
    inner = (expected > margin) & (expected < n - 1 - margin)
    # A sampled triangle is not quite centred: up to a seventh of a source voxel.
    np.testing.assert_allclose(line[inner], expected[inner], atol=0.15)


def test_fine_stripes_are_averaged_not_aliased():
    stripes = np.zeros((4, 4, 240), np.float32)
    stripes[:, :, ::2] = 100.0
    image = resample_isotropic(volume(stripes, (2.0, 2.0, 0.5)), 2.0)
    assert np.ptp(image.voxels[:, :, 2:-2]) < 10.0
    assert image.voxels[:, :, 2:-2].mean() == pytest.approx(50.0, abs=2.0)


@settings(max_examples=20, deadline=None)
@given(SPACING, st.floats(-5, 60), st.integers(0, 2))
def test_the_way_back_is_the_inverse(spacing, index, axis):
    image = resample_grid(volume(np.zeros((6, 6, 6), np.int16), (spacing,) * 3), (2.0, 3.0, 4.0))
    assert image.from_source(image.to_source(index, axis), axis) == pytest.approx(index, abs=1e-9)


def test_padding_and_nan_count_as_air():
    voxels = np.full((3, 6, 6), -3024.0, np.float32)
    voxels[1, 2, 2] = np.nan
    image = resample_isotropic(volume(voxels, (2.0, 2.0, 2.0)), 2.0)
    np.testing.assert_allclose(image.voxels, HU_RANGE[0])


def test_the_two_extents_share_their_center():
    image = resample_isotropic(volume(np.zeros((7, 9, 11), np.int16), (3.0, 0.7, 0.9)), 2.0)
    for axis, n in enumerate((7, 9, 11)):
        middle = image.to_source((image.voxels.shape[axis] - 1) / 2, axis)
        assert middle == pytest.approx((n - 1) / 2)


@pytest.mark.parametrize("step", [0.0, -1.0, float("nan")])
def test_a_step_must_be_positive(step):
    with pytest.raises(GeometryError, match="must be positive"):
        resample_isotropic(volume(np.zeros((2, 2, 2), np.int16), (1.0, 1.0, 1.0)), step)
