"""The tensor operations of the GPU path, run on the CPU: they count and filter what compiled code does.

No GPU is needed: the same code runs on any device. What goes wrong on a GPU only, two tensors on two
devices, is looked for with torch's fake tensors; the last test runs where there is a GPU.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hccsurv_core.errors import InputError
from hccsurv_core.features.radiomics import extract, torch_matrices, torch_wavelet
from hccsurv_core.features.radiomics.discretize import GrayLevels, discretize
from hccsurv_core.features.radiomics.engine import extract_fast
from hccsurv_core.features.radiomics.extract import extract_radiomics
from hccsurv_core.features.radiomics.matrices import count_dependence, count_matrices
from hccsurv_core.features.radiomics.neighborhood import Neighborhood, find_neighbors
from hccsurv_core.features.radiomics.presets import PRESETS
from hccsurv_core.features.radiomics.region import Region
from hccsurv_core.features.radiomics.torch_matrices import DeviceCounter
from hccsurv_core.features.radiomics.torch_wavelet import wavelet_bands_on_device
from hccsurv_core.features.radiomics.wavelet import wavelet_bands
from hccsurv_core.volume import Volume


def assert_same_counts(levels: GrayLevels, around: Neighborhood) -> None:
    counter = DeviceCounter(around, "cpu")
    found, expected = counter.matrices(levels), count_matrices(levels, around)
    for name in expected._fields:
        ours, theirs = getattr(found, name), getattr(expected, name)
        assert ours.dtype == theirs.dtype, name
        if name == "ngtdm":
            np.testing.assert_allclose(ours, theirs, rtol=1e-12)
        else:
            np.testing.assert_array_equal(ours, theirs, err_msg=name)
    np.testing.assert_array_equal(counter.dependence(levels), count_dependence(levels, around))


def region_of(mask: np.ndarray, image: np.ndarray) -> Region:
    return Region(image, mask, (1.0,) * image.ndim)


# -- matrices ----------------------------------------------------------------------------------
@settings(max_examples=120, deadline=None)
@given(
    mask=hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=3, max_side=7)),
    spread=st.sampled_from([0.1, 20.0, 60.0, 2000.0]),
    seed=st.integers(0, 99),
)
def test_matrices_of_any_mask(mask: np.ndarray, spread: float, seed: int) -> None:
    if mask.sum() > 1:  # a single voxel is refused before anything is counted
        image = np.random.default_rng(seed).normal(0, spread, mask.shape)
        region = region_of(mask, image)
        levels = discretize(image[mask], 25, "test")
        assert_same_counts(levels, find_neighbors(region))


def test_matrices_of_flat_and_smooth_tissue() -> None:
    """Runs as long as the region, and one zone that fills it."""
    z, y, x = np.indices((7, 40, 45))
    mask = (y - 20) ** 2 + (x - 22) ** 2 < 19**2
    for image in (np.zeros(mask.shape), 60 * np.sin(y / 9) + 40 * np.cos(x / 8 + z)):
        levels = discretize(image[mask], 25, "test")
        assert_same_counts(levels, find_neighbors(region_of(mask, image)))


@pytest.mark.parametrize("reverse", [False, True])
def test_a_zone_that_winds_is_one_zone(reverse: bool) -> None:
    """A path of one level through another, as long as there is room: labels travel all the way."""
    image = np.zeros((41, 41))
    image[::2] = 100
    image[1::4, -1] = image[3::4, 0] = 100
    if reverse:
        image = image[::-1, ::-1].copy()
    mask = np.ones(image.shape, dtype=bool)
    levels = discretize(image[mask], 25, "test")
    around = find_neighbors(region_of(mask, image))
    found = DeviceCounter(around, "cpu").matrices(levels)
    path = found.zone_size[found.zone_rank == found.zone_rank.max()]
    assert path.tolist() == [int((image == 100).sum())]
    assert_same_counts(levels, around)


def test_no_two_voxels_touch() -> None:
    mask = np.zeros((7, 7, 7), dtype=bool)
    mask[::2, ::2, ::2] = True
    image = np.arange(343.0).reshape(7, 7, 7)
    around = find_neighbors(region_of(mask, image))
    levels = discretize(image[mask], 25, "test")
    assert not DeviceCounter(around, "cpu").matrices(levels).glcm[:, :, :-1].any()
    assert_same_counts(levels, around)


# -- wavelet -----------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", [np.int32, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(5, 12, 13), (6, 9, 8), (2, 30, 31), (14, 15), (9, 8)])
def test_bands_to_the_last_bit(dtype: type, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(4)
    image = rng.normal(40, 300, shape).astype(dtype)
    for share in (0.02, 0.5):
        mask = rng.random(shape) < share
        mask.flat[0] = mask.flat[-1] = True
        index = np.stack(np.nonzero(mask))
        expected = wavelet_bands(image, index, "coif1")
        found = wavelet_bands_on_device(image, index, "coif1", "cpu")
        assert list(found) == list(expected)
        for name, band in expected.items():
            assert found[name].dtype == band.dtype
            np.testing.assert_array_equal(found[name], band, err_msg=name)


def test_bands_of_flat_tissue_to_the_last_bit() -> None:
    """Nothing but rounding errors, whose signs decide the bins."""
    image = np.full((10, 20, 21), 57, dtype=np.int32)
    index = np.stack(np.nonzero(np.ones(image.shape, dtype=bool)))
    expected = wavelet_bands(image, index, "coif1")
    found = wavelet_bands_on_device(image, index, "coif1", "cpu")
    for name, band in expected.items():
        np.testing.assert_array_equal(found[name], band, err_msg=name)


# -- all features ------------------------------------------------------------------------------
def textured_region(shape: tuple[int, ...]) -> Region:
    rng = np.random.default_rng(9)
    grid = np.indices(shape)
    image = 50 + 70 * np.sin(grid[-1] / 3) + 40 * np.cos(grid[-2] / 4) + rng.normal(0, 25, shape)
    mask = sum((g - n / 2) ** 2 / (0.4 * n) ** 2 for g, n in zip(grid, shape, strict=True)) < 1
    return Region(image.round().astype(np.int32), mask, (3.0, 0.9, 0.8)[-len(shape) :])


@pytest.mark.parametrize(
    ("preset", "shape"),
    [("muscle-1343", (6, 30, 32)), ("lesion", (12, 20, 22)), ("lesion-2d", (30, 32))],
)
def test_features_are_those_of_compiled_code(preset: str, shape: tuple[int, ...]) -> None:
    region = textured_region(shape)
    expected = extract_fast(region, PRESETS[preset])
    found = extract_fast(region, PRESETS[preset], device="cpu")
    assert list(found) == list(expected) or set(found) == set(expected)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-11, abs=0), name


def test_no_tensor_is_left_on_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fake tensors on a GPU that is not there: torch refuses to mix them with the host's."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    fetched: list[str] = []

    def fetch(tensor: torch.Tensor) -> np.ndarray:
        fetched.append(tensor.device.type)
        return np.zeros(tuple(tensor.shape))

    def count(keys: torch.Tensor, shape: tuple[int, ...]) -> np.ndarray:
        # How many bins there are depends on the values, which fake tensors do not have.
        fetched.append(keys.device.type)
        return np.zeros(shape, np.int32)

    def spread_once(self: DeviceCounter, rank: torch.Tensor, alike: torch.Tensor) -> tuple:
        fetched.append(self._spread(rank, alike).device.type)
        return np.zeros(0), np.zeros(0)

    for module in (torch_matrices, torch_wavelet):
        monkeypatch.setattr(module, "on_host", fetch)
    monkeypatch.setattr(torch_matrices, "_counts", count)
    monkeypatch.setattr(DeviceCounter, "_zones", spread_once)
    region = textured_region((6, 12, 11))
    around = find_neighbors(region)
    levels = discretize(region.image[region.mask], 25, "test")
    with FakeTensorMode():
        counter = DeviceCounter(around, "cuda")
        counter.matrices(levels)
        counter.dependence(levels)
        wavelet_bands_on_device(region.image, around.index, "coif1", "cuda")
    assert fetched == ["cuda"] * (4 + 1 + 8)


# -- who runs where ----------------------------------------------------------------------------
def volume_and_mask() -> tuple[Volume, np.ndarray]:
    region = textured_region((6, 30, 32))
    return Volume(region.image, np.diag([0.8, 0.9, 3.0, 1.0])), region.mask


def test_a_gpu_gets_large_regions_and_what_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    volume, mask = volume_and_mask()
    asked: list[str | None] = []

    def fake(region: Region, preset: object, progress: object, device: str | None) -> dict:
        asked.append(device)
        return extract_fast(region, PRESETS["muscle-1343"])

    monkeypatch.setattr("hccsurv_core.features.radiomics.engine.extract_fast", fake)
    monkeypatch.setattr(extract, "choose_device", lambda wanted: {"cpu": "cpu"}.get(wanted, "cuda"))
    for device, limit in (("cuda", 10**9), ("auto", 10), ("auto", 10**9), ("cpu", 10)):
        monkeypatch.setattr(extract, "WORTH_A_GPU", limit)
        found = extract_radiomics(volume, mask, "muscle-1343", device=device)
        assert found.settings["device"] == (asked[-1] or "cpu")
        assert ("torch" in found.versions) == (asked[-1] == "cuda")
    assert asked == ["cuda", "cuda", None, None]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_missed() -> None:
    volume, mask = volume_and_mask()
    with pytest.raises(InputError, match="this machine has no GPU that torch can use"):
        extract_radiomics(volume, mask, "muscle-1343", device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU on this machine")
def test_features_on_a_gpu() -> None:
    volume, mask = volume_and_mask()
    expected = extract_radiomics(volume, mask, "lesion", device="cpu")
    found = extract_radiomics(volume, mask, "lesion", device="cuda")
    np.testing.assert_allclose(found.vector(), expected.vector(), rtol=1e-9)
