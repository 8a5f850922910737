"""Muscle on the shared real scan, against labels and a reading that nobody here drew to fit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage as ndi
from simulated_patients import dice

from hccsurv_core.io.nifti import read_nifti
from hccsurv_core.roi.muscle import MUSCLE_HU, within
from hccsurv_core.roi.results import L3Location, Vertebra
from hccsurv_core.roi.segmentation import segment_body
from hccsurv_core.roi.spine import find_canal
from hccsurv_core.volume import Volume

pytestmark = pytest.mark.shared
L3 = slice(64, 80)
CENTROID = 73


@pytest.fixture(scope="module")
def scan(shared_data) -> Volume:
    return read_nifti(shared_data / "ct_abdomen_pelvis" / "ct.nii.gz")[0].to_canonical()


@pytest.fixture(scope="module")
def label(shared_data):
    folder = shared_data / "ct_abdomen_pelvis" / "labels"
    return lambda name: read_nifti(folder / f"{name}.nii.gz")[0].to_canonical().voxels > 0


@pytest.fixture(scope="module")
def reference(shared_data):
    stored = np.load(shared_data / "ct_abdomen_pelvis" / "muscle_reference.npz")
    return {name: stored[name] for name in stored.files}


def at_l3(volume: Volume, index: int = CENTROID, span: tuple[float, float] = (64, 79)):
    vertebra = Vertebra("L3", span[0], index, span[1], 0, 0)
    location = L3Location(
        index, 0.0, 1.0, "manual", vertebrae=(vertebra,), canal=find_canal(volume)
    )
    return segment_body(volume, location)


@pytest.fixture(scope="module")
def outlined(scan):
    return at_l3(scan)


def in_l3(outlined, name):
    first = outlined.first_slice
    return outlined.masks[name][L3.start - first : L3.stop - first]


@pytest.mark.parametrize("side", ["left", "right"])
def test_psoas_overlaps_the_iliopsoas_labels_over_l3(outlined, label, side):
    assert dice(in_l3(outlined, f"psoas_{side}"), label(f"iliopsoas_{side}")[L3]) >= 0.89


def test_psoas_area_at_the_centroid_lies_between_label_and_reading(scan, outlined):
    area = (outlined.mask_at("psoas_left") | outlined.mask_at("psoas_right")).sum()
    assert 14.1 * 0.93 <= area * scan.pixel_area_cm2 <= 15.7 * 1.07


def test_total_muscle_agrees_with_the_reading(outlined, reference):
    for index, muscle in zip(reference["z_index"], reference["muscle"] > 0, strict=True):
        found = outlined.mask_at("muscle", int(index))
        assert found.sum() == pytest.approx(muscle.sum(), rel=0.06)
        assert dice(found, muscle) >= 0.92


def test_erector_spinae_is_counted_and_organs_are_not(scan, outlined, label):
    muscle = in_l3(outlined, "muscle")
    erector = label("autochthon_left")[L3] | label("autochthon_right")[L3]
    erector &= within(scan.voxels[L3], MUSCLE_HU)
    assert (muscle & erector).sum() / erector.sum() >= 0.97
    for organ in ("liver", "spleen", "kidney_left", "kidney_right"):
        assert (muscle & label(organ)[L3]).sum() <= 0.01 * muscle.sum()


def noisy(scan):
    noise = np.random.default_rng(3).normal(0, 20, scan.shape)
    return Volume((scan.voxels + noise).astype(np.int16), scan.affine), (64, 79), CENTROID


def turned(scan):
    voxels = ndi.rotate(scan.voxels, 7, axes=(1, 2), reshape=False, order=1, cval=-1024)
    return Volume(voxels, scan.affine), (64, 79), CENTROID


def mirrored(scan):
    return Volume(scan.voxels[:, :, ::-1].copy(), scan.affine), (64, 79), CENTROID


def fine(scan):
    crop = scan.voxels[58:86].astype(np.float32)
    voxels = ndi.zoom(crop, (3 / 1.6, 3 / 0.9, 3 / 0.9), order=1)
    per_slice = (voxels.shape[0] - 1) / (len(crop) - 1)
    spacing = np.diag([0.9, 0.9, 3 / per_slice, 1.0])
    low, high, middle = (per_slice * (z - 58) for z in (64, 79, CENTROID))
    return Volume(voxels.astype(np.int16), spacing), (low, high), round(middle)


def padded(scan):
    voxels = np.pad(scan.voxels, ((0, 0), (25, 5), (10, 30)), constant_values=-1024)
    return Volume(voxels, scan.affine), (64, 79), CENTROID


@pytest.mark.parametrize("change", [noisy, turned, mirrored, fine, padded])
def test_areas_hold_when_the_scan_is_changed(scan, outlined, change):
    volume, span, index = change(scan)
    again = at_l3(volume, index, span)
    for names, tolerance in ((("muscle",), 0.05), (("psoas_left", "psoas_right"), 0.13)):
        before, after = (
            sum(s.mask_at(name).sum() for name in names) * v.pixel_area_cm2
            for s, v in ((outlined, scan), (again, volume))
        )
        assert after == pytest.approx(before, rel=tolerance)


def test_scaled_patients_have_scaled_areas(scan, outlined):
    for scale in (0.85, 1.15):
        affine = scan.affine @ np.diag([scale, scale, scale, 1.0])
        again = at_l3(Volume(scan.voxels, affine))
        assert again.mask_at("muscle").sum() == pytest.approx(
            outlined.mask_at("muscle").sum(), rel=0.05
        )


def test_this_body_is_cut_off_in_the_fat_on_its_left(outlined):
    assert any("cut off" in text and "left" in text for text in outlined.warnings)
