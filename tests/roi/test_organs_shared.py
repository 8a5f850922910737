"""Lungs and liver on real scans, against a label that nobody here drew, and where there are none."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from organ_scans import slices_of

from hccsurv_core.io.intake import read_scan
from hccsurv_core.io.nifti import read_nifti
from hccsurv_core.roi.agreement import dice, hausdorff_95_mm
from hccsurv_core.roi.liver import segment_liver
from hccsurv_core.roi.lungs import segment_lungs
from hccsurv_core.volume import Volume

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def folder(shared_data):
    return shared_data / "ct_abdomen_pelvis"


@pytest.fixture(scope="module")
def scan(folder) -> Volume:
    return read_nifti(folder / "ct.nii.gz")[0].to_canonical()


@pytest.fixture(scope="module")
def label(folder):
    return lambda name: (
        read_nifti(folder / "labels" / f"{name}.nii.gz")[0].to_canonical().voxels > 0
    )


@pytest.fixture(scope="module")
def liver(scan):
    return segment_liver(scan)


def test_the_liver_agrees_with_the_label(scan, liver, label):
    truth = label("liver")
    assert dice(liver.mask, truth) >= 0.92
    assert hausdorff_95_mm(liver.mask, truth, scan.spacing_mm) <= 12.0
    assert liver.volume_ml == pytest.approx(truth.sum() * scan.voxel_volume_ml, rel=0.12)


def test_other_organs_are_not_in_it(liver, label):
    for organ in ("spleen", "kidney_left", "kidney_right", "autochthon_right", "vertebrae_L1"):
        assert (liver.mask & label(organ)).sum() <= 0.005 * liver.mask.sum()


def test_a_plain_scan_is_less_sure_and_says_so(liver):
    assert 0.5 <= liver.confidence <= 0.8
    assert any("hardly enhanced" in text for text in liver.warnings)
    assert any("cut off at the upper end" in text for text in liver.warnings)


@pytest.mark.parametrize(("low", "high", "least"), [(90, 112, 0.92), (104, 107, 0.92)])
def test_part_of_the_liver_in_view(scan, label, low, high, least):
    found = segment_liver(slices_of(scan, low, high))
    assert dice(found.mask, label("liver")[low:high]) >= least


def test_noise_hardly_matters(scan, label):
    noise = np.random.default_rng(0).normal(0, 30, scan.shape)
    found = segment_liver(Volume((scan.voxels + noise).astype(np.int16), scan.affine))
    assert dice(found.mask, label("liver")) >= 0.91


@pytest.mark.parametrize(("low", "high"), [(0, 45), (20, 66)], ids=["pelvis", "lower abdomen"])
def test_no_liver_below_it(scan, low, high):
    found = segment_liver(slices_of(scan, low, high))
    assert not found.found and found.confidence == 0
    assert found.warnings[0].startswith("No liver is in view")


def test_the_mirrored_scan_has_no_liver_on_the_right(scan):
    mirrored = Volume(np.ascontiguousarray(scan.voxels[:, :, ::-1]), scan.affine)
    assert not segment_liver(mirrored).found


def test_the_lungs_are_the_bases_and_not_the_bowel_gas(scan):
    found = segment_lungs(scan)
    slices = np.flatnonzero(found.mask.any(axis=(1, 2)))
    assert slices[0] >= 96 and slices[-1] == 111
    assert 60 <= found.right_ml <= 90 and 30 <= found.left_ml <= 60
    assert np.median(scan.voxels[found.mask]) < -700
    assert "The lungs are cut off at the upper end of the scan." in found.warnings


def test_an_upper_abdomen_with_arms_and_streaks(shared_data):
    """No label: the volume read off the pictures, and what must not be in it."""
    volume = read_scan([shared_data / "ct_jpeg2000_series"]).volume.to_canonical()
    found = segment_liver(volume)
    assert 690 <= found.volume_ml <= 850
    assert 90 <= found.parenchyma_hu <= 108
    # The darker back of the liver, under the streaks of the arms, belongs to it …
    assert found.mask[10, 328, 160] and found.mask[10, 260, 160]
    # … spleen, aorta and stomach do not, nor do the arms.
    assert not found.mask[:, :, 300:].any() and not found.mask[:, :, :95].any()
    assert not found.mask[:, 292:, 245:].any()
    assert not segment_lungs(volume).found


def test_a_head_has_neither(shared_data):
    """Decoded without the checks of an upload, which refuse it: tilted, uneven, another body part."""
    head = _head(shared_data / "ct_gantry_tilt" / "GE.zip")
    liver, lungs = segment_liver(head), segment_lungs(head)
    assert not liver.found and not lungs.found
    assert liver.warnings[0].startswith("No liver is in view")
    assert lungs.warnings[0].startswith("No lung is in view")


def _head(path) -> Volume:
    import pydicom

    with zipfile.ZipFile(path) as archive:
        names = [n for n in archive.namelist() if not n.endswith("/")]
        files = [pydicom.dcmread(io.BytesIO(archive.read(n)), force=True) for n in names]
    slices = sorted(
        (f for f in files if "ImagePositionPatient" in f),
        key=lambda f: float(f.ImagePositionPatient[2]),
    )
    slope, intercept = slices[0].RescaleSlope, slices[0].RescaleIntercept
    voxels = np.stack([f.pixel_array.astype(np.float32) * slope + intercept for f in slices])
    row, column = map(float, slices[0].PixelSpacing)
    return Volume(voxels.astype(np.int16), np.diag([column, row, 5.0, 1.0]))
