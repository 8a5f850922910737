"""The level on a real scan, and on what happens to real scans: crops, grids, noise, turns."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage as ndi

from hccsurv_core.errors import LevelNotFoundError
from hccsurv_core.roi.spine import find_canal, locate_l3
from hccsurv_core.volume import Volume

pytestmark = pytest.mark.shared

#: Centroid of the reference label of L3, slices (inferior to superior) of 3 mm.
REFERENCE_SLICE = 73
TOLERANCE_MM = 3.0


@pytest.fixture(scope="module")
def scan(shared_data) -> Volume:
    import nibabel

    image = nibabel.load(shared_data / "ct_abdomen_pelvis" / "ct.nii.gz")
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine
    voxels = np.asarray(image.dataobj).transpose(2, 1, 0)
    return Volume(voxels.astype(np.float32), affine).to_canonical()


@pytest.fixture(scope="module")
def reference_mm(scan) -> float:
    return scan.slice_position_mm(REFERENCE_SLICE)


def crop(scan, slices=slice(None), rows=slice(None), columns=slice(None)):
    affine = scan.affine.copy()
    start = [s.start or 0 for s in (columns, rows, slices)]
    affine[:3, 3] += affine[:3, :3] @ np.array(start, dtype=float)
    return Volume(np.ascontiguousarray(scan.voxels[slices, rows, columns]), affine)


def regrid(scan, spacing_mm):
    factors = np.array(scan.spacing_mm) / spacing_mm
    voxels = scan.voxels
    if spacing_mm[0] > scan.spacing_mm[0]:
        voxels = ndi.uniform_filter1d(voxels, 2, axis=0)
    counts = np.rint(np.array(scan.shape) * factors).astype(int)
    grid = np.ix_(*[(np.arange(n) + 0.5) / f - 0.5 for n, f in zip(counts, factors, strict=True)])
    grid = np.broadcast_arrays(*grid)
    voxels = ndi.map_coordinates(voxels, grid, order=1, mode="nearest", output=np.float32)
    affine = scan.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ (0.5 / factors[::-1] - 0.5)
    affine[:3, :3] /= factors[::-1]
    return Volume(voxels, affine)


def turned(scan, degrees, axes):
    voxels = ndi.rotate(scan.voxels, degrees, axes=axes, reshape=False, order=1, cval=-1024)
    return Volume(voxels, scan.affine)


def noisy(scan, sigma_hu):
    noise = np.random.default_rng(0).normal(0, sigma_hu, scan.shape)
    return Volume((scan.voxels + noise).astype(np.float32), scan.affine)


def half_bone(scan):
    v = scan.voxels
    return Volume(np.where(v > 100, 100 + (v - 100) / 2, v), scan.affine)


def mirrored(scan):
    return Volume(np.ascontiguousarray(scan.voxels[:, :, ::-1]), scan.affine)


PERTURBATIONS = {
    "as it is": lambda s: s,
    "mirrored": mirrored,
    "pelvis removed": lambda s: crop(s, slice(60, None)),
    "ribs removed": lambda s: crop(s, slice(0, 95)),
    "cropped in plane": lambda s: crop(s, rows=slice(15, 90), columns=slice(22, 100)),
    "noise of 40 HU": lambda s: noisy(s, 40),
    "bone contrast halved": half_bone,
    "0.8 × 0.8 × 1.6 mm": lambda s: regrid(s, (1.6, 0.8, 0.8)),
    "5 mm slices": lambda s: regrid(s, (5.0, 1.5, 1.5)),
    "turned in the axial plane": lambda s: turned(s, 8, (1, 2)),
}


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_l3_within_a_slice_of_the_reference(scan, reference_mm, name):
    found = locate_l3(PERTURBATIONS[name](scan))
    assert abs(found.position_mm - reference_mm) <= TOLERANCE_MM
    assert found.confidence >= 0.8
    l3 = found.vertebra("L3")
    assert l3.inferior_index < found.slice_index < l3.superior_index


@pytest.mark.parametrize("scale", [0.85, 1.15])
def test_smaller_and_larger_patients(scan, scale):
    affine = scan.affine.copy()
    affine[:3, :3] *= scale
    found = locate_l3(Volume(scan.voxels, affine))
    assert abs(found.slice_index - REFERENCE_SLICE) <= 1
    assert found.confidence >= 0.8


def test_a_short_stretch_about_l3_asks_the_user(scan, reference_mm):
    """Neither ribs nor pelvis: whatever is proposed, it is not proposed as sure."""
    found = locate_l3(crop(scan, slice(62, 94)))
    assert found.confidence < 0.8
    assert any("Neither ribs nor pelvis" in warning for warning in found.warnings)


@pytest.mark.parametrize("slices", [slice(0, 45), slice(78, None)], ids=["pelvis", "upper abdomen"])
def test_scans_without_l3_are_refused(scan, slices):
    with pytest.raises(LevelNotFoundError, match="mark it by hand"):
        locate_l3(crop(scan, slices))


def test_single_slices_of_l3_show_the_same_canal(scan):
    whole = find_canal(scan)
    for k in (68, 71, 73, 75):
        alone = find_canal(crop(scan, slice(k, k + 1)))[0]
        assert np.hypot(*(alone - whole[k])) * 3.0 < 8.0


def test_twenty_slices_of_upper_abdomen_give_no_level(shared_data):
    import pydicom

    files = [pydicom.dcmread(f, force=True) for f in (shared_data / "ct_jpeg2000_series").iterdir()]
    files.sort(key=lambda f: float(f.ImagePositionPatient[2]))
    voxels = np.stack([f.pixel_array * 1.0 + float(f.RescaleIntercept) for f in files])
    height = float(files[1].ImagePositionPatient[2]) - float(files[0].ImagePositionPatient[2])
    row, column = (float(v) for v in files[0].PixelSpacing)
    volume = Volume(voxels.astype(np.float32), np.diag([column, row, height, 1.0]))
    with pytest.raises(LevelNotFoundError, match="too little of the spine"):
        locate_l3(volume)
