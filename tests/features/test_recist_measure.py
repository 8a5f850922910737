"""Longest axial diameters of outlines: geometry known in advance, end points, viable rings."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from hccsurv_core.errors import InputError
from hccsurv_core.features.recist_measure import axial_diameters, measure_lesions
from hccsurv_core.volume import LabelMap

SPACING = (5.0, 0.8, 0.7)  # slice, row, column


def label_map(voxels, spacing=SPACING, names=None):
    dz, dy, dx = spacing
    affine = np.diag([dx, dy, dz, 1.0])
    affine[:3, 3] = (-40.0, 12.0, 300.0)
    return LabelMap(np.asarray(voxels, dtype=np.int16), affine, names)


def empty(shape=(6, 40, 50)):
    return np.zeros(shape, dtype=np.int16)


def disk(radius_mm, spacing, size=120, inner_mm=0.0):
    y, x = (np.indices((size, size)) - size / 2) * np.array(spacing)[:, None, None]
    distance = np.hypot(y, x)
    return ((distance <= radius_mm) & (distance >= inner_mm)).astype(np.int16)


def test_a_single_pixel_measures_its_diagonal():
    voxels = empty()
    voxels[2, 10, 20] = 3
    for inside in (False, True):
        (found,) = axial_diameters(label_map(voxels), inside=inside).values()
        assert found.length_mm == pytest.approx(math.hypot(0.8, 0.7))
        assert (found.label, found.slice_index) == (3, 2)
        ends = sorted(found.ends)
        assert {abs(r - 10) for r, _ in ends} == {abs(c - 20) for _, c in ends} == {0.5}


def test_a_rectangle_measures_from_outer_corner_to_outer_corner():
    voxels = empty()
    voxels[1, 5:15, 10:40] = 1  # 10 rows, 30 columns
    voxels[4, 5:10, 10:20] = 1
    (found,) = axial_diameters(label_map(voxels)).values()
    assert found.length_mm == pytest.approx(math.hypot(10 * 0.8, 30 * 0.7))
    assert found.slice_index == 1
    rows, columns = zip(*found.ends, strict=True)
    assert sorted(rows) == [4.5, 14.5] and sorted(columns) == [9.5, 39.5]


def test_ends_in_mm_are_as_far_apart_as_the_diameter_is_long():
    voxels = empty()
    voxels[3, 7:20, 8:11] = 2
    (found,) = axial_diameters(label_map(voxels)).values()
    a, b = np.array(found.ends_mm)
    assert np.linalg.norm(a - b) == pytest.approx(found.length_mm)
    assert a[2] == b[2] == 300.0 + 3 * 5.0
    assert found.ends_mm[0][0] == pytest.approx(-40.0 + found.ends[0][1] * 0.7)
    assert found.ends_mm[0][1] == pytest.approx(12.0 + found.ends[0][0] * 0.8)
    assert found.to_json()["ends_mm"] == [list(a), list(b)]


@pytest.mark.parametrize("radius", [6.0, 15.0, 40.0])
@pytest.mark.parametrize("spacing", [(0.7, 0.7), (1.0, 0.5)])
def test_a_round_lesion_is_a_little_longer_than_its_circle(radius, spacing):
    plane = disk(radius, spacing, size=200)
    (found,) = axial_diameters(label_map(plane[None], (5.0, *spacing))).values()
    assert 0 < found.length_mm - 2 * radius < math.hypot(*spacing) * 1.05


@settings(max_examples=60, deadline=None)
@given(arrays(np.bool_, (3, 7, 6)))
def test_no_two_corners_of_a_slice_lie_farther_apart(mask):
    """All pairs of all corners of all pixels, without any hull."""
    found = axial_diameters(label_map(mask))
    if not mask.any():
        assert found == {}
        return
    longest = 0.0
    for plane in mask:
        corners = np.array([p + d for p in np.argwhere(plane) for d in
                            ((-0.5, -0.5), (-0.5, 0.5), (0.5, -0.5), (0.5, 0.5))])  # fmt: skip
        if len(corners):
            gaps = (corners[:, None] - corners[None]) * (0.8, 0.7)
            longest = max(longest, float(np.linalg.norm(gaps, axis=-1).max()))
    assert found[1].length_mm == pytest.approx(longest)
    inside = axial_diameters(label_map(mask), inside=True)[1]
    assert inside.length_mm <= found[1].length_mm + 1e-9


def test_axes_of_the_file_make_no_difference():
    rng = np.random.default_rng(4)
    grid = label_map(rng.integers(0, 3, (5, 9, 8)))
    expected = axial_diameters(grid)
    for axes in ("RAS", "PIR", "SLA"):
        found = axial_diameters(grid.to_axes(axes))
        assert {n: round(d.length_mm, 9) for n, d in found.items()} == {
            n: round(d.length_mm, 9) for n, d in expected.items()
        }
        assert found[1].slice_index == expected[1].slice_index


def test_a_viable_ring_is_not_measured_across_its_necrosis():
    ring = disk(20.0, (0.5, 0.5), inner_mm=14.0)[None]
    grid = label_map(ring, (5.0, 0.5, 0.5))
    across, within = (axial_diameters(grid, inside=i)[1].length_mm for i in (False, True))
    assert across == pytest.approx(40.0, abs=1.0)
    # The longest way that stays in a ring touches the hole.
    assert within == pytest.approx(2 * math.sqrt(20.0**2 - 14.0**2), abs=2.0)
    full = label_map(disk(20.0, (0.5, 0.5))[None], (5.0, 0.5, 0.5))
    assert axial_diameters(full, inside=True)[1].length_mm == pytest.approx(across)


def test_a_viable_way_crosses_gaps_of_two_pixels_and_no_wider_ones():
    voxels = empty()
    voxels[0, 20:22, 5:45] = 1
    whole = axial_diameters(label_map(voxels))[1].length_mm
    for gap, expected in ((2, whole), (4, None)):
        cut = voxels.copy()
        cut[0, :, 20 : 20 + gap] = 0
        found = axial_diameters(label_map(cut), inside=True)[1].length_mm
        # With the wide gap the right part is left, 21 of 40 columns.
        assert found == pytest.approx(expected or math.hypot(2 * 0.8, 21 * 0.7))


def test_lesions_are_matched_by_number():
    before, after = empty(), empty((4, 30, 30))
    before[1, 5:15, 5:15] = 1
    before[2, 20:25, 5:15] = 2
    after[1, 5:10, 5:10] = 1
    after[3, 20:28, 20:28] = 7
    found = measure_lesions(
        label_map(before), label_map(after, (2.5, 1.0, 1.0)), organs={2: "Lung"}
    )
    one, two, new = found.lesions
    assert (one.name, one.label, one.organ) == ("lesion 1", 1, "liver")
    assert one.baseline_mm == pytest.approx(math.hypot(8.0, 7.0))
    assert one.followup_mm == pytest.approx(math.hypot(5.0, 5.0))
    assert (two.organ, two.followup_mm) == ("lung", 0.0)
    assert (new.label, new.baseline_mm, new.is_new) == (7, 0.0, True)
    assert one.viable_baseline_mm is None
    assert set(found.diameters) == {"baseline_mm", "followup_mm"}
    assert found.diameters["followup_mm"][7].slice_index == 3


def test_without_a_followup_nothing_is_known_of_it():
    voxels = empty()
    voxels[1, 5:15, 5:15] = 1
    (one,) = measure_lesions(label_map(voxels, names={1: "segment 4"})).lesions
    assert (one.name, one.followup_mm) == ("segment 4", None)


def test_a_lesion_without_a_viable_label_does_not_enhance():
    before, viable = empty(), empty()
    before[1, 5:15, 5:15] = 1
    before[1, 20:30, 5:15] = 2
    viable[1, 5:10, 5:15] = 1
    one, two = measure_lesions(label_map(before), viable_baseline=label_map(viable)).lesions
    assert one.viable_baseline_mm == pytest.approx(math.hypot(5 * 0.8, 10 * 0.7))
    assert two.viable_baseline_mm == 0.0


def test_what_is_no_map_of_lesions_is_refused():
    voxels = empty()
    voxels[1, 5, 5] = -1
    with pytest.raises(InputError, match="label -1 is no lesion's number; number lesions from 1"):
        axial_diameters(label_map(voxels))
    voxels[1, 5, 5] = 20_000
    with pytest.raises(InputError, match="label 20000 is no lesion's number"):
        axial_diameters(label_map(voxels))
    voxels[1, 5, 5] = 1
    stray = voxels * 4
    with pytest.raises(
        InputError, match="mask of viable tumor at baseline: label 4 is on no lesion"
    ):
        measure_lesions(label_map(voxels), viable_baseline=label_map(stray))
    with pytest.raises(InputError, match="lesion 1: a lymph node is measured in its short axis"):
        measure_lesions(label_map(voxels), organ="lymph node")
