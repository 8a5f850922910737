"""Windows map Hounsfield units to gray as DICOM's LINEAR_EXACT does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hccsurv_core.errors import InputError
from hccsurv_core.imaging.windows import WINDOW_PRESETS, IntensityWindow, apply_window


def test_ends_and_middle_of_a_window():
    window = IntensityWindow(50, 400)
    gray = apply_window([-2000, -150, 50, 250, 3000], window)
    assert gray.tolist() == [0, 0, 128, 255, 255]
    assert gray.dtype == np.uint8


@given(
    center=st.floats(-1000, 1000),
    width=st.floats(1, 4000),
    hu=st.lists(st.floats(-3024, 3071), min_size=2, max_size=20),
)
def test_gray_never_falls_as_hu_rises(center, width, hu):
    gray = apply_window(np.sort(hu), IntensityWindow(center, width)).astype(int)
    assert (np.diff(gray) >= 0).all()


def test_values_that_are_not_numbers_are_black_and_infinity_is_an_end():
    gray = apply_window([np.nan, np.inf, -np.inf], IntensityWindow(0, 100))
    assert gray.tolist() == [0, 255, 0]


@pytest.mark.parametrize("width", [0, -1, float("nan")])
def test_a_window_needs_a_positive_width(width):
    with pytest.raises(InputError, match="width must be positive"):
        IntensityWindow(0, width)


def test_presets_are_the_four_a_reader_expects():
    assert list(WINDOW_PRESETS) == ["Soft tissue", "Liver", "Lung", "Bone"]
    assert WINDOW_PRESETS["Lung"].high_hu < WINDOW_PRESETS["Bone"].high_hu
