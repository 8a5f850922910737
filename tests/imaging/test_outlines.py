"""Outlines enclose exactly the pixels of their mask."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from hccsurv_core.errors import GeometryError
from hccsurv_core.imaging.outlines import mask_outlines, outline_area
from hccsurv_core.roi.editing import polygon_mask


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_areas_add_up_to_the_number_of_pixels(mask):
    outlines = mask_outlines(mask)
    assert sum(outline_area(o) for o in outlines) == pytest.approx(mask.sum())
    assert all((o[0] == o[-1]).all() for o in outlines)


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=10)))
def test_filling_the_outlines_gives_the_mask_back(mask):
    filled = np.zeros(mask.shape, dtype=bool)
    for outline in mask_outlines(mask):
        filled ^= polygon_mask(outline[:, 0], outline[:, 1], mask.shape)
    assert (filled == mask).all()


def test_a_hole_runs_the_other_way_round():
    mask = np.ones((5, 5), dtype=bool)
    mask[2, 2] = False
    assert sorted(outline_area(o) for o in mask_outlines(mask)) == [-1, 25]


def test_pixels_touching_at_a_corner_are_separate_pieces():
    assert len(mask_outlines(np.eye(3, dtype=bool))) == 3


def test_straight_edges_are_kept_as_two_corners():
    (outline,) = mask_outlines(np.ones((40, 60), dtype=bool))
    assert len(outline) == 5


def test_an_empty_mask_has_no_outline():
    assert mask_outlines(np.zeros((4, 4), dtype=bool)) == []


@given(st.sampled_from([(3,), (2, 3, 4)]))
def test_only_pictures_have_outlines(shape):
    with pytest.raises(GeometryError, match="2-D mask"):
        mask_outlines(np.zeros(shape, dtype=bool))
