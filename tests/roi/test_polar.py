"""Closed outlines: the best curve is the best, a drawn curve is the curve, the frame maps both ways."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hccsurv_core.roi import polar
from hccsurv_core.roi.patient_frame import build_frame
from hccsurv_core.roi.vertebra_geometry import estimate_rotation
from hccsurv_core.volume import Volume

SCORES = hnp.arrays(np.float32, (2, 5, 4), elements=st.floats(-5, 5, width=16))


@settings(deadline=None)
@given(SCORES, st.integers(1, 3), st.sampled_from([0.0, 0.3, 1.0]))
def test_the_open_curve_is_the_best_of_all(score, max_step, penalty):
    found = polar.best_open_curve(score, max_step, penalty)

    def total(k, path):
        steps = np.abs(np.diff(path))
        if steps.max() > max_step:
            return -np.inf
        return score[k, np.arange(len(path)), list(path)].sum() - penalty * steps.sum()

    for k in range(len(score)):
        best = max(total(k, path) for path in itertools.product(range(4), repeat=5))
        assert total(k, found[k]) == pytest.approx(best, abs=1e-4)


def test_a_closed_curve_closes_and_follows_a_noisy_circle():
    rng = np.random.default_rng(1)
    score = rng.normal(0, 0.4, (1, 90, 40)).astype(np.float32)
    true = np.rint(20 + 6 * np.sin(2 * np.pi * np.arange(90) / 90)).astype(int)
    score[0, np.arange(90), true] += 3
    curve = polar.best_closed_curve(score, max_step=2, step_penalty=0.2)
    assert curve.shape == (1, 90)
    assert np.mean(curve[0] == true) > 0.9
    assert abs(int(curve[0, 0]) - int(curve[0, -1])) <= 2


@given(st.floats(5, 30), st.floats(-200, 200), st.floats(-200, 200))
def test_a_circle_holds_what_is_nearer_than_its_radius(radius, post, lat):
    curve = np.full(72, radius)
    inside = polar.inside_curve(curve, np.array(post), np.array(lat))
    distance = np.hypot(post, lat)
    if abs(distance - radius) > 1e-6:
        assert bool(inside) == (distance < radius)


def test_directions_are_left_and_back():
    curve = np.full(72, 10.0)
    curve[:9] = 30  # towards the patient's left
    assert polar.inside_curve(curve, np.array(0.0), np.array(25.0))
    assert not polar.inside_curve(curve, np.array(0.0), np.array(-25.0))
    assert polar.ray_angles(4)[1] == pytest.approx(np.pi / 2)


def test_rays_sample_the_image_along_their_direction():
    image = np.zeros((1, 41, 41), np.float32)
    image[0, 20, 30] = 7
    rays = polar.sample_rays(
        image, np.array([[20.0, 20.0]]), polar.ray_angles(4), np.arange(21.0), fill=-1
    )
    assert rays[0, 0, 10] == pytest.approx(7)
    assert rays[0, 1:].max() == pytest.approx(0, abs=1e-5)


@settings(deadline=None)
@given(
    st.floats(-0.25, 0.25),
    st.floats(0.5, 2.0),
    st.floats(-150, 150),
    st.floats(-150, 150),
)
def test_the_patient_frame_maps_both_ways(rotation, pixel_mm, post, lat):
    volume = Volume(np.zeros((3, 64, 64), np.int16), np.diag([pixel_mm, pixel_mm, 4.0, 1.0]))
    canal = np.array([[30.0, 31.0], [30.5, 31.5], [31.0, 32.0]])
    frame = build_frame(volume, canal, 0, 2, rotation)
    row, column = frame.to_pixels(1, np.array(post), np.array(lat))
    back = frame.from_pixels(1, row, column)
    np.testing.assert_allclose(back, (post, lat), atol=1e-6)


def test_the_canal_is_the_frames_origin_and_left_is_left():
    volume = Volume(np.zeros((1, 64, 64), np.int16), np.diag([2.0, 2.0, 4.0, 1.0]))
    frame = build_frame(volume, np.array([[30.0, 31.0]]), 0, 0, 0.0)
    post, lat = frame.pixel_coordinates(0)
    assert post[30, 31] == pytest.approx(0) and lat[30, 31] == pytest.approx(0)
    assert lat[30, 41] == pytest.approx(20) and post[40, 31] == pytest.approx(20)


@pytest.mark.parametrize("degrees", [-8, 0, 6])
def test_the_turn_of_a_spine_is_found(degrees):
    row, column = np.mgrid[:128, :128] - 64.0
    angle = np.radians(degrees)
    post = row * np.cos(angle) - column * np.sin(angle)
    lat = column * np.cos(angle) + row * np.sin(angle)
    body = (np.abs(lat) < 22) & (post < -9) & (post > -42)
    processes = (np.abs(post - 4) < 3) & (np.abs(lat) < 45)
    spine = (np.abs(lat) < 4) & (post > 8) & (post < 45)
    image = np.where(body | processes | spine, 350.0, 40.0)
    found = estimate_rotation(image[None], np.array([[64.0, 64.0]]), (1.0, 1.0))
    assert np.degrees(found) == pytest.approx(degrees, abs=2)
