"""The body without table and arms."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_spine import Trunk, draw_trunk

from hccsurv_core.roi.body_mask import body_mask
from hccsurv_core.volume import Volume


def ellipse(shape, row, column, half_height, half_width):
    y, x = np.ogrid[: shape[0], : shape[1]]
    return ((y - row) / half_height) ** 2 + ((x - column) / half_width) ** 2 <= 1


@pytest.fixture
def slab():
    """Trunk, two arms pressed to it, a table, bowel gas; 2 mm pixels."""
    trunk = ellipse((160, 240), 80, 120, 55, 75)
    arms = ellipse((160, 240), 90, 25, 22, 20) | ellipse((160, 240), 90, 215, 22, 20)
    gas = ellipse((160, 240), 60, 120, 12, 15)
    hu = np.where(trunk | arms, 40, -1000)
    hu = np.where(gas, -900, hu)
    hu[142:144, 20:220] = 300
    volume = Volume(np.stack([hu] * 4).astype(np.int16), np.diag([2.0, 2.0, 5.0, 1.0]))
    return volume, trunk, arms


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def test_trunk_alone_is_kept(slab):
    volume, trunk, arms = slab
    mask = body_mask(volume)
    assert mask.shape == volume.shape
    for plane in mask:
        assert dice(plane, trunk) > 0.98
        assert not plane[142:144].any()
        assert (plane & arms & ~trunk).sum() < 0.05 * arms.sum()


def test_gas_inside_is_body(slab):
    volume, _, _ = slab
    assert body_mask(volume)[0, 60, 120]


def test_one_slice_gives_the_same_outline(slab):
    volume, _, _ = slab
    alone = body_mask(Volume(volume.voxels[1:2], volume.affine))
    assert dice(alone[0], body_mask(volume)[1]) > 0.99


def test_a_body_cut_off_by_the_image_keeps_its_edge(slab):
    volume, _, _ = slab
    cropped = Volume(volume.voxels[:, 40:130, 70:170], volume.affine)
    assert body_mask(cropped)[:, 5:75, [0, -1]].all()


def test_air_has_no_body():
    empty = Volume(np.full((3, 40, 40), -1000, np.int16), np.diag([2.0, 2.0, 2.0, 1.0]))
    assert not body_mask(empty).any()


def test_both_thighs_are_kept():
    thighs = ellipse((120, 240), 60, 70, 45, 45) | ellipse((120, 240), 60, 170, 45, 45)
    volume = Volume(
        np.where(np.stack([thighs] * 3), 40, -1000).astype(np.int16),
        np.diag([2.0, 2.0, 3.0, 1.0]),
    )
    # The first slice joins them, as a pelvis does.
    volume.voxels[0, 40:80, 70:170] = 40
    mask = body_mask(volume)
    assert dice(mask[2], thighs) > 0.95


def test_a_drawn_trunk_is_found_without_its_table():
    volume = draw_trunk(Trunk(top_mm=60.0))
    mask = body_mask(volume)
    assert mask[:, 50, 72].all()
    assert not mask[:, -4:].any()
