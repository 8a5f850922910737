"""When frames were taken, by the order of DICOM PS3.3 C.7.6.5."""

from __future__ import annotations

import re

import numpy as np
import pytest
from pydicom.dataset import Dataset

from hccsurv_core.errors import GeometryError, InputError
from hccsurv_core.io.ultrasound_times import even_times, frame_times


def header(**tags) -> Dataset:
    ds = Dataset()
    for keyword, value in tags.items():
        setattr(ds, keyword, value)
    return ds


def test_a_vector_holds_increments_and_its_first_does_not_count():
    warnings: list[str] = []
    for first in (0, 33.3):
        ds = header(FrameTimeVector=[first, 40, 10, 50])
        np.testing.assert_allclose(frame_times(ds, 4, warnings), [0, 0.04, 0.05, 0.1])
    assert warnings == []


def test_the_vector_counts_before_the_frame_time_unless_the_pointer_says_otherwise():
    both = {"FrameTimeVector": [0, 40, 10], "FrameTime": 100}
    np.testing.assert_allclose(frame_times(header(**both), 3, []), [0, 0.04, 0.05])
    named = header(**both, FrameIncrementPointer=0x00181063)
    np.testing.assert_allclose(frame_times(named, 3, []), [0, 0.1, 0.2])
    vector = header(**both, FrameIncrementPointer=0x00181065)
    np.testing.assert_allclose(frame_times(vector, 3, []), [0, 0.04, 0.05])


@pytest.mark.parametrize("n", [2, 4, 65])
def test_a_vector_of_another_length_is_an_error_that_names_both(n):
    ds = header(FrameTimeVector=[0, 40, 10], FrameTime=100)
    with pytest.raises(GeometryError, match=rf"holds 3 values for {n} frames"):
        frame_times(ds, n, [])


@pytest.mark.parametrize(
    ("vector", "words"),
    [([0, 0, 0], "only zeros"), ([0, 40, 0], "not above zero"), ([0, -5, 10], "not above zero")],
)
def test_a_vector_that_does_not_rise_gives_way_to_what_follows_with_a_warning(vector, words):
    warnings: list[str] = []
    times = frame_times(header(FrameTimeVector=vector, FrameTime=50), 3, warnings)
    np.testing.assert_allclose(times, [0, 0.05, 0.1])
    assert len(warnings) == 1
    assert words in warnings[0]
    with pytest.raises(InputError, match=r"when the 3 frames were taken .*does not rise.*; give"):
        frame_times(header(FrameTimeVector=vector), 3, [])


@pytest.mark.parametrize(
    ("keyword", "name"),
    [("CineRate", "Cine Rate"), ("RecommendedDisplayFrameRate", "Recommended Display Frame Rate")],
)
def test_a_display_rate_is_taken_with_a_warning_that_says_so(keyword, name):
    warnings: list[str] = []
    times = frame_times(header(**{keyword: 20}), 3, warnings)
    np.testing.assert_allclose(times, [0, 0.05, 0.1])
    assert re.search(rf"display times: .* 20 frames a second \({name}\)", warnings[0])


def test_nothing_in_the_header_is_an_error_with_a_remedy():
    with pytest.raises(InputError, match="give the time between frames in seconds"):
        frame_times(header(FrameTime=0, CineRate=0), 5, [])


def test_a_still_needs_no_time():
    assert frame_times(header(FrameTimeVector=[3, 4]), 1, []).tolist() == [0]


def test_frames_a_person_says_are_even():
    assert even_times(3, 0.5).tolist() == [0, 0.5, 1.0]
    for wrong in (0.0, -1.0, float("nan"), 1e9):
        with pytest.raises(InputError, match="cannot be"):
            even_times(3, wrong)
