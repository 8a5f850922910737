"""The liver on simulated patients, and the refusal of what is none."""

from __future__ import annotations

import numpy as np
import pytest
from organ_scans import chest_and_abdomen, disk, drawn_chest, slices_of, three_slices

from hccsurv_core.errors import CancelledError, GeometryError, InputError
from hccsurv_core.roi.agreement import dice
from hccsurv_core.roi.liver import segment_liver
from hccsurv_core.volume import Volume


@pytest.fixture(scope="module")
def outlined():
    scan = chest_and_abdomen()
    return scan, segment_liver(scan.volume)


def test_the_liver_of_a_full_scan(outlined):
    scan, found = outlined
    truth = scan.organ.voxels == 1
    assert dice(found.mask, truth) >= 0.89
    assert found.volume_ml == pytest.approx(truth.sum() * scan.volume.voxel_volume_ml, rel=0.15)
    parenchyma = scan.volume.voxels[truth & (scan.lesions.voxels == 0)]
    assert found.parenchyma_hu == pytest.approx(float(np.median(parenchyma)), abs=8)
    assert found.confidence >= 0.6


def test_tumors_belong_to_it(outlined):
    scan, found = outlined
    tumors = (scan.lesions.voxels > 0) & (scan.organ.voxels == 1)
    assert tumors.any()
    assert found.mask[tumors].mean() >= 0.85


def test_heart_lungs_and_spleen_do_not(outlined):
    scan, found = outlined
    truth = scan.organ.voxels
    top = int(np.flatnonzero((truth == 1).any(axis=(1, 2)))[-1])
    assert not found.mask[top + 3 :].any()
    assert (found.mask & (truth == 2)).sum() <= 0.01 * found.mask.sum()
    middle = scan.volume.shape[2] // 2
    back_left = found.mask[:, scan.volume.shape[1] // 2 :, middle + 25 :]
    assert back_left.sum() <= 0.01 * found.mask.sum()


@pytest.mark.parametrize("i", [0, 1, 2])
def test_three_slices_show_it_with_less_certainty(i):
    scan = three_slices(i, "liver")
    found = segment_liver(scan.volume)
    assert dice(found.mask, scan.organ.voxels > 0) >= 0.85
    assert found.confidence <= 0.75
    assert "Only 3 slices show the liver: check its outline." in found.warnings
    assert any("cut off at the upper end" in text for text in found.warnings)


def test_the_chest_above_the_dome_has_no_liver():
    scan = chest_and_abdomen()
    top = int(np.flatnonzero((scan.organ.voxels == 1).any(axis=(1, 2)))[-1])
    found = segment_liver(slices_of(scan.volume, top + 2, scan.volume.shape[0]))
    assert not found.found and found.confidence == 0 and found.parenchyma_hu is None
    assert found.warnings == (
        "No liver is in view: the scan shows the chest above the dome of the liver only.",
    )


def test_the_drawn_chest_has_no_liver():
    found = segment_liver(drawn_chest()[0])
    assert not found.found
    assert found.warnings[0].startswith("No liver is in view")


@pytest.mark.parametrize("hu", [0, 50, 110])
def test_a_cylinder_is_no_liver(hu):
    plane = np.where(disk((128, 128), (64, 64), (50, 50)), hu, -1000)
    found = segment_liver(
        Volume(np.repeat(plane[None], 20, axis=0).astype(np.int16), np.diag([3.0, 3.0, 5.0, 1.0]))
    )
    assert not found.found and not found.mask.any()
    assert found.warnings[0].startswith("No liver is in view")


def test_air_is_no_liver():
    air = Volume(np.full((10, 64, 64), -1000, np.int16), np.diag([3.0, 3.0, 5.0, 1.0]))
    assert segment_liver(air).warnings == (
        "No liver is in view: there is no body in the pictures.",
    )


def test_a_liver_on_the_left_is_doubted(outlined):
    scan, found = outlined
    mirrored = Volume(np.ascontiguousarray(scan.volume.voxels[:, :, ::-1]), scan.volume.affine)
    again = segment_liver(mirrored)
    assert any("Most of it lies on the left" in text for text in again.warnings)
    assert again.confidence <= found.confidence - 0.3


def test_wrong_arguments_are_refused():
    with pytest.raises(GeometryError, match="not in canonical orientation"):
        segment_liver(Volume(np.zeros((3, 9, 9), np.int16), np.diag([-1.0, 1.0, 1.0, 1.0])))
    with pytest.raises(InputError, match="no organ segmentation called 'x'; use one of classical"):
        segment_liver(drawn_chest(4)[0], backend="x")


def test_it_can_be_cancelled():
    def stop(fraction: float, message: str) -> None:
        if fraction > 0.2:
            raise CancelledError("stopped")

    with pytest.raises(CancelledError, match="stopped"):
        segment_liver(drawn_chest(6)[0], progress=stop)
