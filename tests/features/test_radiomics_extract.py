"""Presets and what :func:`extract_radiomics` promises: every feature or an error that says why not."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import radiomics

from hccsurv_core.errors import (
    CancelledError,
    GeometryMismatchError,
    InputError,
    IntensityError,
    RadiomicsError,
)
from hccsurv_core.features.radiomics.engine import extract_fast, thread_count
from hccsurv_core.features.radiomics.extract import RadiomicsResult, extract_radiomics
from hccsurv_core.features.radiomics.presets import (
    CLASS_FEATURES,
    PRESETS,
    choose_preset,
    feature_names,
)
from hccsurv_core.features.radiomics.reference import extract_with_pyradiomics
from hccsurv_core.features.radiomics.region import prepare_region
from hccsurv_core.volume import LabelMap, Volume

SHAPE = (6, 14, 16)
AFFINE = np.diag([0.8, 0.7, 4.0, 1.0])


def scan(kind: type = np.int16) -> Volume:
    voxels = np.random.default_rng(11).normal(45, 25, SHAPE).astype(kind)
    return Volume(voxels, AFFINE)


def muscle() -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[1:5, 3:11, 4:13] = True
    return mask


@pytest.fixture(scope="module")
def result() -> RadiomicsResult:
    return extract_radiomics(scan(), muscle(), "muscle-full")


# -- presets -----------------------------------------------------------------------------------
def test_presets_have_as_many_features_as_they_say() -> None:
    assert {name: len(feature_names(name)) for name in PRESETS} == {
        "muscle-1343": 17 * (18 + 24 + 16 + 16 + 5),
        "muscle-full": 17 * (18 + 24 + 16 + 16 + 5 + 14) + 14,
        "lesion": 17 * (18 + 24 + 16 + 16 + 5 + 14) + 14,
        "lesion-2d": 13 * (18 + 24 + 16 + 16 + 5 + 14) + 9,
        "ceus-2d": 14 * (18 + 24 + 16 + 16 + 5 + 14) + 9,
    }
    assert len(feature_names("muscle-1343")) == 1343
    assert all(len(set(feature_names(name))) == len(feature_names(name)) for name in PRESETS)


def test_names_are_pyradiomics() -> None:
    for family, kind in radiomics.getFeatureClasses().items():
        names = [name for name, deprecated in kind.getFeatureNames().items() if not deprecated]
        assert tuple(names) == CLASS_FEATURES[family]


@pytest.mark.parametrize("preset", ["muscle-full", "lesion-2d"])
def test_names_come_in_pyradiomics_order(preset: str) -> None:
    mask = muscle() if preset == "muscle-full" else muscle() & (np.arange(6) == 2)[:, None, None]
    chosen = choose_preset(preset)
    found = extract_with_pyradiomics(prepare_region(scan(), mask, chosen), chosen)
    assert tuple(found) == feature_names(preset)


def test_a_preset_spells_out_its_settings() -> None:
    settings = PRESETS["muscle-1343"].settings()
    assert settings["bin_width"] == 25
    assert settings["log_sigma_mm"] == [1.0, 2.0, 3.0]
    assert settings["wavelet"] == "coif1"
    assert settings["resampling"] is None
    assert "our reading of Liu et al. 2024" in settings["reading"]
    assert json.loads(json.dumps(settings)) == settings


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(RadiomicsError, match="no preset is called 'muscle'; use muscle-1343, mus"):
        extract_radiomics(scan(), muscle(), "muscle")


# -- the result --------------------------------------------------------------------------------
def test_a_result_is_complete_and_says_how_it_came_about(result: RadiomicsResult) -> None:
    assert tuple(result.features) == feature_names("muscle-full")
    vector = result.vector()
    assert vector.dtype == np.float64
    assert np.isfinite(vector).all()
    assert vector[20] == list(result.features.values())[20]
    assert result.n_voxels == 4 * 8 * 9
    assert result.settings["engine"] == "fast"
    assert {"hccsurv", "numpy", "numba"} <= set(result.versions)
    assert json.loads(json.dumps(result.to_json()))["n_voxels"] == result.n_voxels


def test_first_order_features_are_those_of_the_voxels(result: RadiomicsResult) -> None:
    values = scan().voxels[muscle()].astype(float)
    found = result.features
    assert found["original_firstorder_Mean"] == pytest.approx(values.mean(), rel=1e-12)
    assert found["original_firstorder_Variance"] == pytest.approx(values.var(), rel=1e-12)
    assert found["original_firstorder_90Percentile"] == np.percentile(values, 90)
    energy = found["original_firstorder_Energy"]
    assert found["original_firstorder_TotalEnergy"] == pytest.approx(energy * 0.8 * 0.7 * 4.0)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int32, np.int64, np.float64])
def test_the_number_type_of_whole_values_does_not_matter(kind: type) -> None:
    voxels = np.clip(scan().voxels, 0, 120)
    expected = extract_radiomics(Volume(voxels, AFFINE), muscle(), "muscle-1343")
    found = extract_radiomics(Volume(voxels.astype(kind), AFFINE), muscle(), "muscle-1343")
    np.testing.assert_allclose(found.vector(), expected.vector(), rtol=1e-12)


def test_one_label_or_all_that_is_not_background() -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:5, 3:7, 4:13], labels[1:5, 7:11, 4:13] = 1, 2
    grid = LabelMap(labels, AFFINE, {1: "muscle", 2: "psoas"})
    both = extract_radiomics(scan(), grid, "muscle-1343")
    one = extract_radiomics(scan(), grid, "muscle-1343", label=2)
    assert (both.n_voxels, one.n_voxels) == (288, 144)
    np.testing.assert_array_equal(
        one.vector(), extract_radiomics(scan(), labels == 2, "muscle-1343").vector()
    )


def test_a_view_of_an_array_is_read_as_it_is() -> None:
    flipped = Volume(scan().voxels[::-1, :, ::-1], AFFINE)
    copied = Volume(np.ascontiguousarray(flipped.voxels), AFFINE)
    np.testing.assert_array_equal(
        extract_radiomics(flipped, muscle()[:, ::-1][:, ::-1], "muscle-1343").vector(),
        extract_radiomics(copied, muscle(), "muscle-1343").vector(),
    )


# -- what is refused ---------------------------------------------------------------------------
def test_a_slab_too_thin_for_a_filter_is_an_error_not_a_missing_feature() -> None:
    thin = Volume(scan().voxels[:3], AFFINE)
    with pytest.raises(
        RadiomicsError,
        match=r"image: the features of log-sigma-1-0-mm-3D cannot be computed: the image has"
        r" 3×14×16 voxels, and a Laplacian of Gaussian of 1 mm needs 4×4×4; give more slices around"
        r" the region, or use the preset lesion-2d on one slice",
    ):
        extract_radiomics(thin, muscle()[:3], "muscle-1343")


def test_an_image_smaller_than_a_filter_is_refused() -> None:
    fine = Volume(scan().voxels, np.diag([0.1, 0.1, 4.0, 1.0]))
    with pytest.raises(RadiomicsError, match=r"log-sigma-2-0-mm-3D .* needs 4×21×21"):
        extract_radiomics(fine, muscle(), "muscle-1343")


def test_a_mask_on_another_grid_is_refused() -> None:
    with pytest.raises(GeometryMismatchError, match=r"the mask has shape \(3, 14, 16\)"):
        extract_radiomics(scan(), muscle()[:3], "muscle-1343")
    moved = LabelMap(muscle().astype(np.uint8), AFFINE @ np.diag([1.1, 1, 1, 1]))
    with pytest.raises(GeometryMismatchError, match="do not coincide"):
        extract_radiomics(scan(), moved, "muscle-1343")


def test_a_missing_label_is_named() -> None:
    grid = LabelMap(muscle().astype(np.uint8) * 4, AFFINE)
    with pytest.raises(RadiomicsError, match=r"the mask has no label 2 \(there are 4\)"):
        extract_radiomics(scan(), grid, "muscle-1343", label=2)


def test_numbers_without_labels_are_no_mask() -> None:
    with pytest.raises(RadiomicsError, match="a mask without labels must be bool, got float64"):
        extract_radiomics(scan(), muscle().astype(float), "muscle-1343")  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_numbers_are_refused(value: float) -> None:
    image = scan(np.float32)
    image.voxels[0, 0, 0] = value
    with pytest.raises(
        IntensityError, match="not finite numbers; replace them by the value of air"
    ):
        extract_radiomics(image, muscle(), "muscle-1343")


def test_a_sheared_grid_is_refused() -> None:
    sheared = AFFINE.copy()
    sheared[1, 2] = 0.8
    with pytest.raises(RadiomicsError, match=r"axes are not at right angles \(cosine 0.196\)"):
        extract_radiomics(Volume(scan().voxels, sheared), muscle(), "muscle-1343")


def test_a_plane_preset_takes_one_slice() -> None:
    with pytest.raises(RadiomicsError, match="describes one slice, the mask is drawn on 4; choose"):
        extract_radiomics(scan(), muscle(), "lesion-2d")


@pytest.mark.parametrize("engine", ["fast", "pyradiomics"])
def test_an_image_without_contrast_anywhere_is_refused(engine: str) -> None:
    black = Volume(np.zeros(SHAPE, np.int16), AFFINE)
    with pytest.raises(RadiomicsError, match=r"every voxel of the image is 0"):
        extract_radiomics(black, muscle(), "muscle-1343", engine=engine)


def test_an_unknown_engine_or_device_is_refused() -> None:
    with pytest.raises(RadiomicsError, match="no engine is called 'slow'; use fast or pyradiomics"):
        extract_radiomics(scan(), muscle(), "muscle-1343", engine="slow")
    with pytest.raises(InputError, match="no device is called 'tpu'"):
        extract_radiomics(scan(), muscle(), "muscle-1343", device="tpu")


# -- running -----------------------------------------------------------------------------------
def test_progress_is_told_and_can_cancel() -> None:
    told: list[float] = []
    extract_radiomics(
        scan(), muscle(), "muscle-1343", progress=lambda fraction, _: told.append(fraction)
    )
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) > 5

    def cancel(fraction: float, message: str) -> None:
        raise CancelledError("the extraction was cancelled")

    with pytest.raises(CancelledError):
        extract_radiomics(scan(), muscle(), "muscle-1343", progress=cancel)


def test_one_thread_and_several_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    preset = choose_preset("muscle-full")
    region = prepare_region(scan(), muscle(), preset)
    found = []
    for threads in ("1", "3"):
        monkeypatch.setattr(
            "hccsurv_core.features.radiomics.engine.thread_count", lambda n=int(threads): n
        )
        found.append(extract_fast(region, preset))
    assert found[0] == found[1]


def test_the_environment_limits_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert thread_count() == len(os.sched_getaffinity(0))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert thread_count() == 1


def test_the_warm_up_leaves_nothing_to_compile() -> None:
    from hccsurv_core.features.radiomics.matrices import _count_pairs
    from hccsurv_core.features.radiomics.warmup import warm_up

    assert warm_up() > 0
    compiled = len(_count_pairs.signatures)
    extract_radiomics(scan(), muscle(), "muscle-full")
    extract_radiomics(scan(np.float32), muscle(), "muscle-full")
    assert len(_count_pairs.signatures) == compiled == 1


def test_importing_the_contract_imports_no_engine() -> None:
    code = (
        "import sys; import hccsurv_core.features.radiomics.extract;"
        "print([m for m in ('numba', 'radiomics', 'SimpleITK', 'pywt', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
