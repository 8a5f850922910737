"""The fast engine against PyRadiomics: every feature of every preset, on easy and on awkward masks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from hccsurv_core.errors import RadiomicsError
from hccsurv_core.features.radiomics.agreement import allowed_difference, find_disagreements
from hccsurv_core.features.radiomics.engine import extract_fast
from hccsurv_core.features.radiomics.extract import extract_radiomics
from hccsurv_core.features.radiomics.presets import (
    RadiomicsPreset,
    choose_preset,
    feature_names,
)
from hccsurv_core.features.radiomics.reference import extract_with_pyradiomics
from hccsurv_core.features.radiomics.region import prepare_region
from hccsurv_core.volume import Volume

SHAPE = (9, 30, 34)
SLICE, ROW, COLUMN = np.indices(SHAPE)
_RNG = np.random.default_rng(3)
NOISE = _RNG.normal(50, 40, SHAPE).astype(np.int16)
SMOOTH = (ndimage.gaussian_filter(_RNG.normal(0, 1, SHAPE), 2) * 800).astype(np.int16)


def volume_of(voxels: np.ndarray, spacing: tuple[float, float, float] = (5.0, 0.7, 0.9)) -> Volume:
    dz, dy, dx = spacing
    return Volume(voxels, np.diag([dx, dy, dz, 1.0]))


def box(z: slice, y: slice, x: slice) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[z, y, x] = True
    return mask


BOX = box(slice(2, 7), slice(5, 20), slice(6, 25))


def assert_agree(volume: Volume, mask: np.ndarray, preset: RadiomicsPreset | str) -> None:
    """Both engines give every feature, and the same; or both miss the same."""
    chosen = choose_preset(preset)
    region = prepare_region(volume, mask, chosen)
    found = extract_fast(region, chosen)
    reference = extract_with_pyradiomics(region, chosen)
    assert set(found) == set(feature_names(preset)) == set(reference)
    assert find_disagreements(found, reference) == ()


def with_holes() -> np.ndarray:
    mask = BOX.copy()
    mask[4, 10:13, 10:15] = False
    mask[3:6, 8, 9] = False
    return mask


MASKS = {
    "box": BOX,
    "holes": with_holes(),
    "touches all edges": COLUMN < 33,
    "corner": box(slice(6, 9), slice(25, 30), slice(28, 34)),
    "one slice": box(slice(4, 5), slice(5, 20), slice(6, 25)),
    "one row thin": box(slice(2, 7), slice(5, 6), slice(6, 25)),
    "one column thin": box(slice(2, 7), slice(5, 20), slice(6, 7)),
    "diagonal line": (SLICE == ROW) & (ROW == COLUMN),
    "three voxels": box(slice(4, 5), slice(10, 11), slice(10, 12))
    | box(slice(4, 5), slice(11, 12), slice(10, 11)),
    "two voxels": box(slice(4, 5), slice(10, 11), slice(10, 11))
    | box(slice(5, 6), slice(11, 12), slice(11, 12)),
    "scattered": np.random.default_rng(5).random(SHAPE) < 0.05,
    "checkerboard": (SLICE + ROW + COLUMN) % 2 == 0,
    "isolated voxels": (SLICE % 3 == 0) & (ROW % 3 == 0) & (COLUMN % 3 == 0),
}
IMAGES: dict[str, np.ndarray] = {
    "smooth": SMOOTH,
    "constant": np.full(SHAPE, 40, np.int16),
    "constant negative": np.full(SHAPE, -1000, np.int16),
    "constant fraction": np.full(SHAPE, 0.1),
    "constant fraction, single precision": np.full(SHAPE, 37.3, np.float32),
    "constant in the mask": np.where(BOX, 40, NOISE).astype(np.int16),
    "half flat": np.where(COLUMN < 16, 40, NOISE).astype(np.int16),
    "two values": np.where(NOISE > 50, 60, 10).astype(np.int16),
    "steps": (COLUMN // 8 * 100).astype(np.int16),
    "on bin edges": (NOISE // 25 * 25).astype(np.int16),
    "metal": np.where(_RNG.random(SHAPE) < 0.01, 3071, NOISE).astype(np.int16),
    "flat with metal": np.where(_RNG.random(SHAPE) < 0.01, 3071, 60).astype(np.int16),
    "single precision": NOISE + _RNG.random(SHAPE, dtype=np.float32),
    "double precision": NOISE + _RNG.random(SHAPE),
    "bytes": np.clip(NOISE, 0, 255).astype(np.uint8),
}


@pytest.mark.parametrize("name", MASKS)
def test_engines_agree_on_any_mask(name: str) -> None:
    assert_agree(volume_of(NOISE), MASKS[name], "muscle-full")


@pytest.mark.parametrize("name", IMAGES)
def test_engines_agree_on_any_image(name: str) -> None:
    assert_agree(volume_of(IMAGES[name]), BOX, "muscle-full")


@pytest.mark.parametrize("name", ["box", "holes", "touches all edges", "three voxels", "scattered"])
def test_engines_agree_on_one_slice(name: str) -> None:
    assert_agree(volume_of(SMOOTH), MASKS[name] & (SLICE == 4), "lesion-2d")


def test_engines_agree_on_a_frame() -> None:
    """An ultrasound frame: bytes, one slice, nothing in the third dimension."""
    rng = np.random.default_rng(2)
    frame = np.clip(rng.gamma(2, 30, (1, 41, 52)), 0, 255).astype(np.uint8)
    mask = np.zeros(frame.shape, bool)
    mask[0, 9:33, 11:40] = True
    assert_agree(volume_of(frame, (1.0, 0.2, 0.2)), mask, "lesion-2d")


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (5.0, 0.68, 0.68), (0.6, 2.5, 1.1)])
@pytest.mark.parametrize("preset", ["muscle-1343", "lesion"])
def test_engines_agree_for_any_spacing(preset: str, spacing: tuple[float, float, float]) -> None:
    assert_agree(volume_of(SMOOTH, spacing), MASKS["holes"], preset)


def test_engines_agree_on_a_preset_of_ones_own() -> None:
    preset = RadiomicsPreset(
        "own", "finer bins", "a test", ("firstorder", "glcm", "ngtdm"),
        bin_width=5.5, log_sigma_mm=(1.5,), wavelet="db2",
    )  # fmt: skip
    assert "log-sigma-1-5-mm-3D_glcm_MCC" in feature_names(preset)
    assert_agree(volume_of(SMOOTH), BOX, preset)


def test_features_do_not_depend_on_orientation_and_origin() -> None:
    straight = volume_of(SMOOTH)
    turn = np.eye(4)
    angle = np.radians(17)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    turn[:3, 3] = (-120.0, 33.0, 810.0)
    oblique = Volume(SMOOTH, turn @ straight.affine)
    assert_agree(oblique, BOX, "muscle-full")
    found = extract_radiomics(oblique, BOX, "muscle-full").vector()
    expected = extract_radiomics(straight, BOX, "muscle-full").vector()
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("slices", [4, 5, 6, 13])
def test_engines_agree_on_slabs(slices: int) -> None:
    """Wavelets go round the end of a slab of an even or odd number of slices."""
    rng = np.random.default_rng(slices)
    image = rng.normal(40, 30, (slices, 41, 38)).astype(np.int16)
    mask = ndimage.gaussian_filter(rng.normal(0, 1, image.shape), (0.5, 3, 3)) > 0
    assert_agree(volume_of(image), mask, "muscle-1343")


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32 - 1))
def test_engines_agree_on_random_regions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(6, 14, 3))  # a LoG of 3 mm at 0.6 mm needs six voxels
    image = ndimage.gaussian_filter(rng.normal(0, 400, shape), rng.uniform(0, 2))
    image = image.astype(rng.choice(["int16", "float32", "float64"]))
    mask = rng.random(shape) < rng.uniform(0.02, 0.95)
    mask[0, 0, 0], mask[1, :2, :2] = False, True
    assert_agree(volume_of(image, tuple(rng.uniform(0.6, 5, 3))), mask, "muscle-full")


# -- where PyRadiomics refuses -----------------------------------------------------------------
def single_voxel() -> np.ndarray:
    return box(slice(4, 5), slice(10, 11), slice(10, 11))


@pytest.mark.parametrize("engine", ["fast", "pyradiomics"])
@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (single_voxel, r"mask: the mask is a single voxel \(box of 1×1×1 voxels\); texture needs"),
        (
            lambda: box(slice(4, 5), slice(10, 11), slice(3, 9)),
            r"the mask is a line one voxel thin \(box of 1×1×6 voxels\)",
        ),
        (lambda: np.zeros(SHAPE, bool), r"mask: the mask is empty; choose or draw a region"),
        (
            lambda: MASKS["isolated voxels"],
            r"408 of 1595 features have no value for this region: original_glcm_Autocorrelation,"
            r" .* and 403 more; draw a larger region whose voxels touch each other",
        ),
    ],
)
def test_both_engines_refuse_alike(
    mask: Callable[[], np.ndarray], message: str, engine: str
) -> None:
    with pytest.raises(RadiomicsError, match=message):
        extract_radiomics(volume_of(NOISE), mask(), "muscle-full", engine=engine)


def test_only_pyradiomics_needs_background() -> None:
    everything = np.ones(SHAPE, bool)
    assert len(extract_radiomics(volume_of(NOISE), everything, "muscle-1343").features) == 1343
    with pytest.raises(RadiomicsError, match="PyRadiomics refuses the region: No labels found"):
        extract_radiomics(volume_of(NOISE), everything, "muscle-1343", engine="pyradiomics")


# -- what agreement means ----------------------------------------------------------------------
def test_a_millionth_is_agreed_and_a_hair_more_is_not() -> None:
    name = "original_glcm_Contrast"
    reference = {name: 2.0}
    assert find_disagreements({name: 2.0 * (1 + 0.9e-6)}, reference) == ()
    (found,) = find_disagreements({name: 2.0 * (1 + 1.1e-6)}, reference)
    assert (found.name, found.reference, found.allowed) == (name, 2.0, 2e-6)
    assert find_disagreements({name: 1e-30}, {name: 0.0})[0].allowed == 0.0


def test_a_feature_that_one_side_lacks_disagrees() -> None:
    both = {"original_glcm_MCC": np.nan}
    assert find_disagreements(both, both) == ()
    assert [d.name for d in find_disagreements({}, {"original_glcm_Id": 0.5})] == [
        "original_glcm_Id"
    ]
    assert find_disagreements({"original_glcm_Id": 0.5}, {}) != ()


def test_rounding_is_allowed_in_parts_of_what_cancels() -> None:
    reference = {
        "original_shape_MajorAxisLength": 80.0,
        "original_shape_LeastAxisLength": 0.0,
        "original_firstorder_RootMeanSquared": 50.0,
        "original_firstorder_Mean": 0.0,
    }
    assert allowed_difference("original_shape_LeastAxisLength", reference) == pytest.approx(8e-6)
    assert allowed_difference("original_firstorder_Mean", reference) == pytest.approx(5e-11)


# -- the shared scan ---------------------------------------------------------------------------
@pytest.fixture(scope="module")
def scan(shared_data: Path) -> Volume:
    image = nib.load(shared_data / "ct_abdomen_pelvis" / "ct.nii.gz")
    voxels = np.ascontiguousarray(np.asanyarray(image.dataobj).transpose(2, 1, 0))
    return volume_of(voxels.astype(np.int16), (3.0, 3.0, 3.0))


def label(shared_data: Path, *names: str) -> np.ndarray:
    folder = shared_data / "ct_abdomen_pelvis" / "labels"
    stored = [np.asanyarray(nib.load(folder / f"{name}.nii.gz").dataobj) > 0 for name in names]
    return np.ascontiguousarray(np.logical_or.reduce(stored).transpose(2, 1, 0))


@pytest.mark.shared
@pytest.mark.parametrize(
    ("names", "preset"),
    [
        (("autochthon_left", "autochthon_right"), "muscle-1343"),
        (("iliopsoas_left", "iliopsoas_right"), "muscle-full"),
        (("liver",), "lesion"),
    ],
)
def test_engines_agree_on_the_shared_scan(
    shared_data: Path, scan: Volume, names: tuple[str, ...], preset: str
) -> None:
    assert_agree(scan, label(shared_data, *names), preset)


@pytest.mark.shared
def test_engines_agree_on_slices_of_the_shared_scan(shared_data: Path, scan: Volume) -> None:
    psoas = label(shared_data, "iliopsoas_left")
    slab = Volume(np.ascontiguousarray(scan.voxels[70:75]), scan.affine)
    assert_agree(slab, np.ascontiguousarray(psoas[70:75]), "muscle-full")
    one = psoas & (np.arange(len(psoas)) == 72)[:, None, None]
    assert_agree(scan, one, "lesion-2d")
