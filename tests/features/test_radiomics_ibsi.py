"""Texture features against the IBSI's published values, and invariants that follow from their definitions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.features.radiomics.discretize import discretize
from hccsurv_core.features.radiomics.first_order import first_order_features
from hccsurv_core.features.radiomics.glcm import co_occurrence_features
from hccsurv_core.features.radiomics.matrices import count_dependence, count_matrices
from hccsurv_core.features.radiomics.neighborhood import find_neighbors
from hccsurv_core.features.radiomics.ngtdm import tone_difference_features
from hccsurv_core.features.radiomics.region import Region
from hccsurv_core.features.radiomics.size_matrices import (
    dependence_features,
    run_length_features,
    size_zone_features,
)

Features = Mapping[str, Mapping[str, float]]


def describe(image: np.ndarray, mask: np.ndarray, bin_width: float = 25) -> Features:
    """All texture classes of one unfiltered image."""
    around = find_neighbors(Region(image, mask, (2.0,) * image.ndim))
    values = image[tuple(around.index)]
    levels = discretize(values, bin_width, "original")
    counted = count_matrices(levels, around)
    dependence = count_dependence(levels, around)
    return {
        "firstorder": first_order_features(values, levels, 8.0),
        "glcm": co_occurrence_features(counted.glcm, levels),
        "glrlm": run_length_features(counted.glrlm, levels.values, around.has_line),
        "glszm": size_zone_features(counted.zone_rank, counted.zone_size, levels.values),
        "gldm": dependence_features(dependence, levels.values),
        "ngtdm": tone_difference_features(counted.ngtdm, levels),
    }


# -- the IBSI's digital phantom ----------------------------------------------------------------
#: Slices of the phantom (CC BY 4.0), 0 outside the mask.
PHANTOM = """
1 4 4 1 1   1 4 4 1 1   1 4 4 0 0   1 4 4 0 0
1 4 6 1 1   1 1 6 1 1   1 1 1 1 1   1 1 1 1 1
4 1 6 4 1   0 1 3 1 1   1 1 0 1 1   1 1 1 1 1
4 4 6 4 1   4 4 6 1 1   1 1 6 1 1   1 1 6 1 1
"""
#: Reference values of the image biomarker standardisation initiative (Zwanenburg et al., Radiology
#: 2020, doi:10.1148/radiol.2020191145; reference manual, arXiv:1612.07003), three digits, textures
#: in 3-D averaged over directions. Kurtosis there is in excess of 3.
PUBLISHED = {
    "firstorder": {
        "Mean": 2.15, "Variance": 3.05, "Skewness": 1.08, "Median": 1.0, "Minimum": 1.0,
        "10Percentile": 1.0, "90Percentile": 4.0, "Maximum": 6.0, "InterquartileRange": 3.0,
        "Range": 5.0, "MeanAbsoluteDeviation": 1.55, "RobustMeanAbsoluteDeviation": 1.11,
        "Energy": 567.0, "RootMeanSquared": 2.77, "Entropy": 1.27, "Uniformity": 0.512,
    },
    "glcm": {
        "MaximumProbability": 0.503, "JointAverage": 2.14, "SumSquares": 3.1, "JointEntropy": 2.4,
        "DifferenceAverage": 1.43, "DifferenceVariance": 3.06, "DifferenceEntropy": 1.56,
        "SumAverage": 4.29, "SumEntropy": 1.92, "JointEnergy": 0.303, "Contrast": 5.32, "Id": 0.677,
        "Idn": 0.851, "Idm": 0.618, "Idmn": 0.898, "InverseVariance": 0.0604, "Correlation": 0.157,
        "Autocorrelation": 5.06, "ClusterTendency": 7.07, "ClusterShade": 16.6,
        "ClusterProminence": 145.0, "Imc1": -0.157, "Imc2": 0.52,
    },
    "glrlm": {
        "ShortRunEmphasis": 0.705, "LongRunEmphasis": 3.06, "LowGrayLevelRunEmphasis": 0.603,
        "HighGrayLevelRunEmphasis": 9.7, "ShortRunLowGrayLevelEmphasis": 0.352,
        "ShortRunHighGrayLevelEmphasis": 8.54, "LongRunLowGrayLevelEmphasis": 2.39,
        "LongRunHighGrayLevelEmphasis": 17.6, "GrayLevelNonUniformity": 21.8,
        "RunLengthNonUniformity": 26.9, "RunLengthNonUniformityNormalized": 0.513,
        "RunPercentage": 0.68, "RunVariance": 0.574, "RunEntropy": 2.43,
    },
    "glszm": {
        "SmallAreaEmphasis": 0.255, "LargeAreaEmphasis": 550.0, "LowGrayLevelZoneEmphasis": 0.253,
        "HighGrayLevelZoneEmphasis": 15.6, "SmallAreaLowGrayLevelEmphasis": 0.0256,
        "SmallAreaHighGrayLevelEmphasis": 2.76, "LargeAreaLowGrayLevelEmphasis": 503.0,
        "LargeAreaHighGrayLevelEmphasis": 1490.0, "GrayLevelNonUniformity": 1.4,
        "GrayLevelNonUniformityNormalized": 0.28, "SizeZoneNonUniformity": 1.0,
        "SizeZoneNonUniformityNormalized": 0.2, "ZonePercentage": 0.0676,
        "GrayLevelVariance": 2.64, "ZoneVariance": 331.0, "ZoneEntropy": 2.32,
    },
    "ngtdm": {
        "Coarseness": 0.0296, "Contrast": 0.584, "Busyness": 6.54, "Complexity": 13.5,
        "Strength": 0.763,
    },
    "gldm": {
        "SmallDependenceEmphasis": 0.045, "LargeDependenceEmphasis": 109.0,
        "LowGrayLevelEmphasis": 0.693, "HighGrayLevelEmphasis": 7.66,
        "SmallDependenceLowGrayLevelEmphasis": 0.00963,
        "SmallDependenceHighGrayLevelEmphasis": 0.736,
        "LargeDependenceLowGrayLevelEmphasis": 102.0, "LargeDependenceHighGrayLevelEmphasis": 235.0,
        "GrayLevelNonUniformity": 37.9, "DependenceNonUniformity": 4.86,
        "DependenceNonUniformityNormalized": 0.0657, "GrayLevelVariance": 3.05,
        "DependenceVariance": 22.1, "DependenceEntropy": 4.4,
    },
}  # fmt: skip


def phantom() -> np.ndarray:
    rows = np.array(PHANTOM.split(), dtype=np.int32).reshape(4, 4, 5)
    return np.ascontiguousarray(rows.transpose(1, 0, 2))


@pytest.mark.parametrize("family", PUBLISHED)
def test_the_ibsi_phantom_has_its_published_texture(family: str) -> None:
    image = phantom()
    found = describe(image, image > 0, bin_width=1)[family]
    for name, value in PUBLISHED[family].items():
        # Half a unit of the third digit.
        assert found[name] == pytest.approx(value, rel=0.005), name


def test_kurtosis_is_three_above_the_ibsis() -> None:
    image = phantom()
    found = describe(image, image > 0, bin_width=1)["firstorder"]
    assert found["Kurtosis"] == pytest.approx(3 - 0.355, abs=5e-4)


# -- counted by hand ---------------------------------------------------------------------------
def test_matrices_of_four_pixels() -> None:
    """Two rows: 1 1 / 1 2. Directions right-down, down, left-down, right."""
    image = np.array([[1, 1], [1, 2]], dtype=np.int32)
    around = find_neighbors(Region(image, np.ones((2, 2), bool), (1.0, 1.0)))
    levels = discretize(image.ravel(), 1, "original")
    counted = count_matrices(levels, around)
    assert counted.glcm[:, :, :2].tolist() == [
        [[0, 1], [0, 0]], [[1, 1], [0, 0]], [[1, 0], [0, 0]], [[1, 1], [0, 0]],
    ]  # fmt: skip
    assert counted.glrlm.tolist() == [
        [[3, 0], [1, 0]], [[1, 1], [1, 0]], [[1, 1], [1, 0]], [[1, 1], [1, 0]],
    ]  # fmt: skip
    assert count_dependence(levels, around)[:, :4].tolist() == [[0, 0, 3, 0], [1, 0, 0, 0]]
    assert sorted(zip(counted.zone_rank, counted.zone_size, strict=True)) == [(0, 3), (1, 1)]
    # Each of the three 1s has neighbors 1, 1, 2 (mean 4/3); the 2 has three 1s.
    assert counted.ngtdm.tolist() == pytest.approx([3 * (1 / 3), 1.0])


def test_zones_touch_at_corners_and_separate_levels() -> None:
    image = np.zeros((3, 3, 3), dtype=np.int32)
    image[0, 0, 0] = image[1, 1, 1] = image[2, 2, 2] = 30
    zones = describe(image, np.ones((3, 3, 3), bool))["glszm"]
    # One zone of three 30s across corners, one of the 24 others.
    assert zones["LargeAreaEmphasis"] == pytest.approx((3**2 + 24**2) / 2)


# -- invariants --------------------------------------------------------------------------------
@st.composite
def regions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """A noisy image of a few levels and a mask of any form that has neighbors."""
    seed = draw(st.integers(0, 2**32 - 1))
    shape = tuple(draw(st.integers(2, 6)) for _ in range(3))
    rng = np.random.default_rng(seed)
    image = rng.integers(-60, 60, shape).astype(np.int32)
    mask = rng.random(shape) < draw(st.floats(0.3, 1.0))
    mask[:2, :2, :2] = True
    return image, mask


def assert_equal(one: Features, other: Features, *, without: tuple[str, ...] = ()) -> None:
    for family in one:
        if family not in without:
            assert one[family] == pytest.approx(other[family], rel=1e-9, abs=1e-9), family


@settings(max_examples=25, deadline=None)
@given(regions(), st.permutations([0, 1, 2]), st.tuples(*[st.sampled_from([1, -1])] * 3))
def test_turning_the_patient_changes_nothing(
    region: tuple[np.ndarray, np.ndarray], axes: list[int], flips: tuple[int, ...]
) -> None:
    steps = tuple(slice(None, None, f) for f in flips)
    image, mask = region
    turned = (np.ascontiguousarray(part.transpose(axes)[steps]) for part in region)
    assert_equal(describe(image, mask), describe(*turned))


@settings(max_examples=25, deadline=None)
@given(regions(), st.integers(-40, 40))
def test_a_shift_by_whole_bins_leaves_texture(
    region: tuple[np.ndarray, np.ndarray], bins: int
) -> None:
    image, mask = region
    shifted = (image + 25 * bins).astype(np.int32)
    assert_equal(describe(image, mask), describe(shifted, mask), without=("firstorder",))


@settings(max_examples=25, deadline=None)
@given(regions())
def test_what_lies_outside_the_mask_does_not_count(
    region: tuple[np.ndarray, np.ndarray],
) -> None:
    image, mask = region
    assert_equal(describe(image, mask), describe(np.where(mask, image, 9999), mask))


@settings(max_examples=25, deadline=None)
@given(regions())
def test_matrices_count_every_voxel(region: tuple[np.ndarray, np.ndarray]) -> None:
    image, mask = region
    around = find_neighbors(Region(image, mask, (1.0, 1.0, 1.0)))
    levels = discretize(image[mask], 25, "original")
    counted = count_matrices(levels, around)
    n = int(mask.sum())
    lengths = np.arange(1, counted.glrlm.shape[2] + 1)
    assert (counted.glrlm.sum(axis=1) @ lengths == n).all()
    assert counted.zone_size.sum() == n
    assert count_dependence(levels, around).sum() == n
    assert counted.glcm[:, :, :-1].sum() == around.degree.sum() // 2
