"""Ribs, crests and lungs are told from what looks like them."""

from __future__ import annotations

import numpy as np
import pytest

from hccsurv_core.roi.anchors import find_crests, find_ribs, lung_base_slice
from hccsurv_core.roi.canal import CanalPath
from hccsurv_core.roi.skeleton import BonePiece, bone_threshold, enhanced_organs

N_SLICES = 150


def piece(slices, left, forward, volume_ml=3.0, bright_hu=350.0):
    slices, left, forward = np.broadcast_arrays(
        np.asarray(slices, dtype=np.intp), np.asarray(left, float), np.asarray(forward, float)
    )
    return BonePiece(
        slices.ravel().copy(),
        left.ravel().astype(np.float32),
        forward.ravel().astype(np.float32),
        volume_ml,
        bright_hu,
    )


def rib(head=120, reach=85.0, sign=1.0, fall=0.35, inner=26.0):
    aside = np.arange(inner, reach, 2.0)
    return piece(np.rint(head - fall * (aside - inner) / 2), sign * aside, -0.2 * aside)


def blade(top=60, sign=1.0, low=0):
    k, a, deep = np.meshgrid(
        np.arange(low, top + 1), np.arange(60.0, 130.0, 2.0), (0.0, 2.0, 4.0), indexing="ij"
    )
    return piece(k, sign * a, 0.3 * (a - 90) + deep, volume_ml=60.0)


def test_ribs_come_from_below_with_their_sides():
    ribs = find_ribs([rib(130), rib(112), rib(113, sign=-1.0)], N_SLICES, 2.0)
    assert [r.side for r in ribs] == ["left", "right", "left"]
    assert [round(r.slice_index) for r in ribs] == [111, 112, 129]
    assert ribs[0].reach_mm == pytest.approx(84.0)
    assert ribs[0].drop_mm > 10


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(rib(reach=50.0, fall=0.0), id="transverse process"),
        pytest.param(rib(inner=45.0), id="rib without its head"),
        pytest.param(piece(np.arange(40), 28 + np.arange(40.0), 60.0), id="kidney stone row"),
        pytest.param(blade(), id="ilium"),
    ],
)
def test_what_is_not_a_rib(other):
    assert find_ribs([other], N_SLICES, 2.0) == []


def test_a_short_rib_counts_if_it_falls_away():
    assert find_ribs([rib(reach=56.0, fall=0.0)], N_SLICES, 2.0) == []
    assert len(find_ribs([rib(reach=56.0, fall=0.7)], N_SLICES, 2.0)) == 1


def test_crest_tops_by_side():
    crests = find_crests([blade(60), blade(57, sign=-1.0)], N_SLICES, 2.0)
    assert [(c.side, c.slice_index) for c in crests] == [("left", 60.0), ("right", 57.0)]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(rib(60, reach=140.0, inner=70.0, fall=1.5), id="rib leaving the scan below"),
        pytest.param(blade(N_SLICES - 1), id="top not in view"),
        pytest.param(piece(np.arange(3), 90 + np.arange(3.0), 0.0, volume_ml=0.5), id="chip"),
    ],
)
def test_what_is_not_a_crest(other):
    assert find_crests([other], N_SLICES, 2.0) == []


def test_lung_hangs_from_the_top_and_bowel_gas_does_not():
    voxels = np.full((40, 60, 60), 40.0, np.float32)
    voxels[25:, 30:45, 10:25] = -850.0  # lung down to slice 25
    voxels[5:15, 30:45, 35:50] = -950.0  # gas further down
    base = lung_base_slice(voxels, np.ones_like(voxels, dtype=bool), np.full(40, 35.0), 2.0)
    assert base == pytest.approx(25, abs=1)


def test_no_lung_in_view():
    voxels = np.full((20, 30, 30), 40.0, np.float32)
    assert lung_base_slice(voxels, voxels > 0, np.full(20, 15.0), 2.0) is None


def test_enhanced_kidney_is_an_organ_and_bones_are_not():
    voxels = np.full((40, 60, 90), 40.0, np.float32)
    voxels[5:25, 5:30, 5:30] = 220.0  # kidney
    voxels[10:14, 40:44, 5:55] = 330.0  # rib
    voxels[5:35, 20:50, 60:85] = 400.0  # ilium: a shell …
    voxels[7:33, 22:48, 62:83] = 160.0  # … about spongy bone
    organ = enhanced_organs(voxels, 300.0, 2.0)
    assert organ[15, 17, 17]
    assert not organ[10:14, 40:44].any()
    assert not organ[:, :, 58:].any()


@pytest.mark.parametrize(("bone", "threshold"), [(900.0, 190.0), (350.0, 147.0), (150.0, 125.0)])
def test_bone_threshold_follows_the_patient_within_bounds(bone, threshold):
    voxels = np.full((12, 60, 60), 40.0, np.float32)
    voxels[:, 20:36, 20:40] = bone
    path = CanalPath(np.full(12, 40.0), np.full(12, 30.0), np.ones(12))
    assert bone_threshold(voxels, path, 2.0) == pytest.approx(threshold, abs=1)
