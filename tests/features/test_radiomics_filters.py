"""Every filter against the library that PyRadiomics takes it from, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
import pywt
import SimpleITK as sitk
from radiomics import imageoperations

from hccsurv_core.errors import RadiomicsError
from hccsurv_core.features.radiomics import engine
from hccsurv_core.features.radiomics.discretize import discretize, near_edge
from hccsurv_core.features.radiomics.filters import (
    POINTWISE,
    gradient_magnitude,
)
from hccsurv_core.features.radiomics.neighborhood import find_neighbors
from hccsurv_core.features.radiomics.presets import PRESETS
from hccsurv_core.features.radiomics.recursive_gaussian import (
    laplacian_of_gaussian,
    surroundings,
)
from hccsurv_core.features.radiomics.region import Region
from hccsurv_core.features.radiomics.wavelet import wavelet_bands

KINDS = (np.int32, np.float32, np.float64)
#: Even and odd sides, as short as the filters allow, and longer than a strip of lines.
SHAPES = ((4, 5, 6), (5, 18, 7), (13, 33, 40), (9, 23))


def noise(shape: tuple[int, ...], kind: type = np.int32) -> np.ndarray:
    return np.random.default_rng(7).normal(30, 120, shape).astype(kind)


def spacing_of(shape: tuple[int, ...]) -> tuple[float, ...]:
    return (3.0, 0.71, 0.83)[-len(shape) :]


def to_itk(image: np.ndarray) -> sitk.Image:
    grid = sitk.GetImageFromArray(image)
    grid.SetSpacing(spacing_of(image.shape)[::-1])
    return grid


def everywhere(shape: tuple[int, ...]) -> np.ndarray:
    return np.stack(np.nonzero(np.ones(shape, bool)))


# -- Laplacian of Gaussian ---------------------------------------------------------------------
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sigma", [1.0, 3.0])
def test_laplacian_of_gaussian_is_itks(shape: tuple[int, ...], kind: type, sigma: float) -> None:
    image = noise(shape, kind)
    filter_ = sitk.LaplacianRecursiveGaussianImageFilter()
    filter_.SetNormalizeAcrossScale(True)
    filter_.SetSigma(sigma)
    expected = sitk.GetArrayFromImage(filter_.Execute(to_itk(image)))
    for box in (
        tuple(slice(0, side) for side in shape),
        tuple(slice(side // 3, side // 3 + 2) for side in shape),
    ):
        found = laplacian_of_gaussian(image, spacing_of(shape), sigma, box)
        np.testing.assert_array_equal(found, expected[box])


def test_what_is_left_out_around_the_box_does_not_count() -> None:
    image, spacing = noise((6, 140, 150)), (3.0, 0.8, 0.8)
    box = (slice(2, 4), slice(60, 70), slice(55, 65))
    part = surroundings(image.shape, spacing, 1.0, box)
    assert part == (slice(0, 6), slice(30, 100), slice(25, 95))
    inner = (slice(2, 4), slice(30, 40), slice(30, 40))
    cropped = laplacian_of_gaussian(np.ascontiguousarray(image[part]), spacing, 1.0, inner)
    whole = laplacian_of_gaussian(image, spacing, 1.0, box)
    np.testing.assert_allclose(cropped, whole, rtol=0, atol=1e-10 * np.abs(image).max())


def test_flat_tissue_is_filtered_from_the_whole_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """There the filtered value is a rounding error, whose sign decides between two bins."""
    image = np.full((6, 140, 150), 40, np.int32)
    image[:, :5] = 900
    mask = np.zeros(image.shape, bool)
    mask[2:4, 80:90, 75:85] = True
    region = Region(image, mask, (3.0, 0.8, 0.8))
    around = find_neighbors(region)
    parts = []
    within = engine._log_within

    def watch(part: tuple[slice, ...], *rest: object) -> np.ndarray:
        parts.append(tuple(p.stop - p.start for p in part))
        return within(part, *rest)

    monkeypatch.setattr(engine, "_log_within", watch)
    found = engine._log("log", 1.0, region, PRESETS["muscle-1343"], around)["log"]
    assert parts == [(6, 70, 70), (6, 140, 150)]
    whole = laplacian_of_gaussian(image, region.spacing_mm, 1.0, region.box)
    np.testing.assert_array_equal(found, whole.ravel())
    parts.clear()
    noisy = Region(noise(image.shape), mask, region.spacing_mm)
    engine._log("log", 1.0, noisy, PRESETS["muscle-1343"], around)
    assert parts == [(6, 70, 70)]


# -- wavelets ----------------------------------------------------------------------------------
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wavelet", ["coif1", "haar", "db3"])
def test_wavelet_bands_are_pywavelets(shape: tuple[int, ...], kind: type, wavelet: str) -> None:
    image = noise(shape, kind)
    padded = np.pad(image, [(0, side % 2) for side in shape], "wrap")
    axes = tuple(range(len(shape)))[::-1]
    expected = pywt.swtn(padded, wavelet, level=1, axes=axes)[0]
    index = everywhere(shape)
    found = wavelet_bands(image, index, wavelet)
    assert set(found) == {key.replace("a", "L").replace("d", "H") for key in expected}
    for key, band in expected.items():
        ours = found[key.replace("a", "L").replace("d", "H")]
        assert ours.dtype == band.dtype
        np.testing.assert_array_equal(ours, band[tuple(index)], err_msg=key)


def test_wavelet_bands_at_some_voxels_are_those_of_all() -> None:
    image = noise((7, 21, 24))
    chosen = np.random.default_rng(1).random(image.shape) < 0.05
    every = wavelet_bands(image, everywhere(image.shape), "coif1")
    some = wavelet_bands(image, np.stack(np.nonzero(chosen)), "coif1")
    for band, values in some.items():
        np.testing.assert_array_equal(values, every[band][chosen.ravel()])


# -- gradient and pointwise --------------------------------------------------------------------
@pytest.mark.parametrize("shape", [*SHAPES, (1, 6, 7)])
@pytest.mark.parametrize("kind", KINDS)
def test_gradient_is_itks(shape: tuple[int, ...], kind: type) -> None:
    image = noise(shape, kind)
    filter_ = sitk.GradientMagnitudeImageFilter()
    filter_.SetUseImageSpacing(True)
    expected = sitk.GetArrayFromImage(filter_.Execute(to_itk(image)))
    region = Region(image, np.ones(shape, bool), spacing_of(shape))
    found = gradient_magnitude(region, everywhere(shape))
    np.testing.assert_array_equal(found, expected.ravel())


@pytest.mark.parametrize("name", POINTWISE)
@pytest.mark.parametrize("kind", KINDS)
def test_pointwise_filters_are_pyradiomics(name: str, kind: type) -> None:
    image = noise((5, 6, 7), kind)
    image[0, 0] = 0
    image[1, 1, 1] = -2500
    title = {"squareroot": "SquareRoot"}.get(name, name.capitalize())
    filtered, _, _ = next(getattr(imageoperations, f"get{title}Image")(to_itk(image), None))
    expected = sitk.GetArrayFromImage(filtered).ravel()
    chosen = slice(3, 90)
    found = POINTWISE[name](image.ravel()[chosen].astype(float), float(np.abs(image).max()))
    np.testing.assert_array_equal(found, expected[chosen])


# -- gray levels -------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("low", [-1000.0, -0.1, -1e-9, 0.0, 0.1, 24.999, 25.0, 313.7])
def test_gray_levels_are_pyradiomics(kind: type, low: float) -> None:
    values = np.append(noise((500,), kind), kind(low))
    values = values[values >= kind(low)]
    values = np.append(values, np.arange(0, 300, 25).astype(kind) + values.min() // 25 * 25)
    values = values.astype(kind)
    expected, _ = imageoperations.binImage(values, binWidth=25)
    levels = discretize(values, 25, "original")
    np.testing.assert_array_equal(levels.values[levels.rank], expected)
    np.testing.assert_array_equal(levels.counts, np.bincount(expected)[levels.values.astype(int)])


def test_a_value_on_an_edge_is_near_it() -> None:
    assert near_edge(np.array([3.0, 50.0 + 1e-9]), 25, 1e-8)
    assert near_edge(np.array([-25.0]), 25, 0.0)
    assert not near_edge(np.array([3.0, 50.1]), 25, 1e-2)


@pytest.mark.parametrize("values", [[0.0, 1e9], np.arange(0.0, 200_000.0, 25)])
def test_too_many_gray_levels_are_refused(values: list[float]) -> None:
    with pytest.raises(
        RadiomicsError, match=r"square run from 0 to .*: too many gray levels of 25"
    ):
        discretize(np.array(values), 25, "square")
