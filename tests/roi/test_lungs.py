"""Both lungs: on a drawn chest whose parts are known, on simulated patients, and where there are none."""

from __future__ import annotations

import numpy as np
import pytest
from organ_scans import chest_and_abdomen, drawn_chest, slices_of, three_slices

from hccsurv_core.errors import CancelledError, GeometryError, InputError
from hccsurv_core.roi.agreement import dice, hausdorff_95_mm
from hccsurv_core.roi.lungs import segment_lungs
from hccsurv_core.volume import Volume


@pytest.fixture(scope="module")
def chest():
    volume, parts = drawn_chest()
    return volume, parts, segment_lungs(volume)


def test_right_and_left_on_the_drawn_chest(chest):
    _, parts, found = chest
    assert dice(found.labels.mask("lung_right"), parts["right"]) >= 0.97
    assert dice(found.labels.mask("lung_left"), parts["left"]) >= 0.97
    assert found.right_ml == pytest.approx(parts["right"].sum() * 0.016, rel=0.04)


def test_vessel_and_nodule_belong_to_the_lung_and_the_trachea_does_not(chest):
    _, parts, found = chest
    assert found.mask[parts["vessel"]].mean() >= 0.95
    assert found.mask[parts["nodule"]].mean() >= 0.95
    assert found.mask[parts["trachea"]].mean() == 0.0
    assert not found.mask[~parts["body"]].any()


def test_what_is_cut_off_is_said(chest):
    assert any("cut off at the lower end" in text for text in chest[2].warnings)
    assert any("cut off at the upper end" in text for text in chest[2].warnings)


@pytest.mark.parametrize("slice_mm", [1.0, 8.0])
def test_thin_and_thick_slices(slice_mm):
    volume, parts = drawn_chest(int(48 / slice_mm), slice_mm)
    found = segment_lungs(volume)
    assert dice(found.mask, parts["right"] | parts["left"]) >= 0.97
    assert found.mask[parts["trachea"]].mean() <= 0.05


def test_one_lung_only_is_doubted():
    volume, parts = drawn_chest()
    voxels = np.where(parts["left"], 30, volume.voxels).astype(np.int16)
    found = segment_lungs(Volume(voxels, volume.affine))
    assert found.left_ml == 0 and found.right_ml > 0
    assert "No left lung was found." in found.warnings
    assert found.confidence < 0.7


def test_lungs_that_touch_are_parted():
    volume, parts = drawn_chest()
    bridge = np.zeros(volume.shape, dtype=bool)
    bridge[:, 50:56, 70:120] = True
    found = segment_lungs(
        Volume(np.where(bridge, -850, volume.voxels).astype(np.int16), volume.affine)
    )
    assert found.labels.mask("lung_right")[parts["right"]].mean() >= 0.97
    assert found.labels.mask("lung_left")[parts["left"]].mean() >= 0.97


def test_a_simulated_patient_with_bowel_gas_and_bronchi():
    scan = chest_and_abdomen()
    truth = scan.organ.voxels == 2
    found = segment_lungs(scan.volume)
    assert dice(found.mask, truth) >= 0.98
    assert hausdorff_95_mm(found.mask, truth, scan.volume.spacing_mm) <= 5.0
    assert found.confidence >= 0.9
    assert found.right_ml > found.left_ml


@pytest.mark.parametrize("i", [0, 1, 2])
def test_three_slices_are_enough(i):
    scan = three_slices(i, "lung")
    found = segment_lungs(scan.volume)
    assert dice(found.mask, scan.organ.voxels > 0) >= 0.97
    tumors = scan.lesions.voxels > 0
    assert not tumors.any() or found.mask[tumors].mean() >= 0.8


def test_gas_without_ribs_about_it_is_no_lung():
    voxels = np.full((12, 120, 140), -1000, np.int16)
    voxels[:, 10:110, 10:130] = 40
    voxels[:, 30:60, 30:80] = -800
    found = segment_lungs(Volume(voxels, np.diag([2.5, 2.5, 5.0, 1.0])))
    assert not found.found and found.confidence == 0
    assert found.warnings == ("No lung is in view: no air lies against the ribs.",)


def test_the_abdomen_below_the_lungs_has_none():
    scan = chest_and_abdomen()
    lowest = int(np.flatnonzero((scan.organ.voxels == 2).any(axis=(1, 2)))[0])
    found = segment_lungs(slices_of(scan.volume, 0, lowest - 1))
    assert not found.mask.any()


def test_a_volume_that_is_not_canonical_is_refused():
    with pytest.raises(GeometryError, match="not in canonical orientation; call to_canonical"):
        segment_lungs(Volume(np.zeros((3, 9, 9), np.int16), np.diag([-1.0, 1.0, 1.0, 1.0])))


def test_an_unknown_backend_is_refused():
    with pytest.raises(InputError, match="no organ segmentation called 'x'; use one of classical"):
        segment_lungs(drawn_chest(4)[0], backend="x")


def test_it_can_be_cancelled(chest):
    def stop(fraction: float, message: str) -> None:
        raise CancelledError("stopped")

    with pytest.raises(CancelledError, match="stopped"):
        segment_lungs(chest[0], progress=stop)
