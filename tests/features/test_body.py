"""The five definitions: published cut-offs, boundaries, and what is missing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hccsurv_core.errors import InputError
from hccsurv_core.features.body import (
    DEFINITIONS,
    BodyMeasures,
    apply_definitions,
    format_value,
    measure_body,
)
from hccsurv_core.patient import PatientFacts
from hccsurv_core.roi.results import BodySegmentation
from hccsurv_core.volume import Volume


def verdicts(sex, **measures):
    return {r.name: r.positive for r in apply_definitions(BodyMeasures(**measures), sex)}


# name, measure, sex, value at the cut-off, is the cut-off itself low?
BOUNDARIES = [
    ("SMI", "smi", "male", 50.0, True),
    ("SMI", "smi", "female", 39.0, True),
    ("PMA", "pma_cm2", "male", 15.61, False),
    ("PMA", "pma_cm2", "female", 14.64, False),
    ("PMI", "pmi", "male", 6.36, False),
    ("PMI", "pmi", "female", 3.92, False),
    ("PD", "pd_hu", "male", 38.5, False),
    ("PD", "pd_hu", "female", 38.5, False),
    ("MA", "ma_hu", "male", 44.4, True),
    ("MA", "ma_hu", "female", 39.3, True),
]


@pytest.mark.parametrize(("name", "measure", "sex", "cutoff", "low_at_cutoff"), BOUNDARIES)
def test_each_published_cutoff_and_what_happens_exactly_on_it(
    name, measure, sex, cutoff, low_at_cutoff
):
    def verdict(value):
        field = {"smi": "sma_cm2", "pmi": "pma_cm2"}.get(measure, measure)
        return verdicts(sex, height_m=1.0, **{field: value})[name]

    assert verdict(cutoff) is low_at_cutoff
    assert verdict(cutoff - 0.001) is True
    assert verdict(cutoff + 0.001) is False


@pytest.mark.parametrize("height_m", [1.5, 1.6, 1.7, 1.75, 1.83, 1.9])
def test_an_index_that_is_the_cutoff_on_paper_is_the_cutoff_here(height_m):
    # 50 · 1.7² / 1.7² is 50.00000000000001 in binary; on paper it is 50, and 50 is low.
    area = round(50 * height_m**2, 6)
    assert verdicts("male", sma_cm2=area, height_m=height_m)["SMI"] is True


def test_missing_height_leaves_both_indices_unknown_and_says_why():
    results = {
        r.name: r
        for r in apply_definitions(
            BodyMeasures(sma_cm2=140, pma_cm2=15, pd_hu=40, ma_hu=40), "male"
        )
    }
    for name in ("SMI", "PMI"):
        assert results[name].value is None
        assert results[name].positive is None
        assert results[name].reason == "not known, because the height is missing"
    assert results["PMA"].positive is True
    assert results["PMA"].reason is None


def test_missing_sex_leaves_sex_specific_cutoffs_unknown_but_not_psoas_density():
    measures = BodyMeasures(sma_cm2=140, pma_cm2=15, pd_hu=30, ma_hu=40, height_m=1.7)
    results = {r.name: r for r in apply_definitions(measures, None)}
    assert results["PD"].positive is True
    assert results["PD"].cutoff == 38.5
    for name in ("SMI", "PMA", "PMI", "MA"):
        assert results[name].positive is None
        assert results[name].cutoff is None
        assert results[name].value is not None
        assert "the sex is missing" in results[name].reason


def test_everything_missing_is_said_in_one_sentence():
    smi = apply_definitions(BodyMeasures(), None)[0]
    assert smi.reason == (
        "not known, because the skeletal muscle area is not measured and the height is missing "
        "and the sex is missing"
    )


def test_every_definition_names_its_source_with_a_doi():
    assert [d.name for d in DEFINITIONS] == ["SMI", "PMA", "PMI", "PD", "MA"]
    assert all(d.doi in d.source for d in DEFINITIONS)


@pytest.mark.parametrize(
    ("measures", "message"),
    [
        ({"sma_cm2": -1.0}, "sma_cm2: -1 cm² is not a positive number"),
        ({"pma_cm2": 0.0}, "pma_cm2: 0 cm² is not a positive number"),
        ({"ma_hu": float("nan")}, "ma_hu: nan HU is not a finite number"),
        ({"height_m": float("inf")}, "height_m: inf m is not a positive number"),
    ],
)
def test_impossible_measures_are_refused(measures, message):
    with pytest.raises(InputError, match=message):
        apply_definitions(BodyMeasures(**measures), "male")


def test_an_unknown_sex_is_refused():
    with pytest.raises(InputError, match="sex must be male or female, got 'm'"):
        apply_definitions(BodyMeasures(), "m")


@given(st.floats(0.001, 400), st.sampled_from([15.61, 14.64, 6.36, 50.0, 38.5]))
def test_a_written_value_stays_on_its_side_of_the_cutoff(value, cutoff):
    written, exact = float(format_value(value, cutoff)), round(value, 6)
    assert (written < cutoff) == (exact < cutoff)
    assert (written > cutoff) == (exact > cutoff)


def test_values_near_a_cutoff_get_the_digits_they_need():
    assert format_value(15.6098, 15.61) == "15.6"
    assert format_value(15.6098, 15.61, decimals=2) == "15.6098"
    assert format_value(38.46, 38.5) == "38.46"
    assert format_value(15.61, 15.61) == "15.61"
    assert format_value(12.345, 15.61) == "12.3"
    assert format_value(50.0, 50.0) == "50.0"


@given(st.floats(0.3, 3.0), st.integers(1, 40), st.floats(1.0, 2.2))
def test_area_and_attenuation_of_a_mask_of_known_size(pixel_mm, n_pixels, height_m):
    voxels = np.full((3, 8, 10), -100, np.int16)
    mask = np.zeros((1, 8, 10), bool)
    mask.ravel()[:n_pixels] = True
    voxels[1][mask[0]] = 47
    psoas_right = np.zeros_like(mask)
    psoas_right.ravel()[0] = True
    psoas_left = mask & ~psoas_right
    masks = {"muscle": mask, "psoas_left": psoas_left, "psoas_right": psoas_right}
    volume = Volume(voxels, np.diag([pixel_mm, pixel_mm, 5.0, 1.0]))
    measures = measure_body(
        volume, BodySegmentation(1, 1, masks, "test"), PatientFacts(height_m=height_m)
    )
    assert measures.sma_cm2 == pytest.approx(n_pixels * pixel_mm**2 / 100)
    assert measures.smi == pytest.approx(measures.sma_cm2 / height_m**2)
    assert measures.ma_hu == 47
    if n_pixels == 1:
        # One psoas only: half a pair is not a psoas area.
        assert measures.pma_cm2 is None and measures.pd_hu is None and measures.pmi is None
    else:
        assert measures.pma_cm2 == pytest.approx(n_pixels * pixel_mm**2 / 100)


def test_an_empty_mask_is_not_measured_rather_than_zero():
    empty = np.zeros((1, 4, 4), bool)
    masks = {"muscle": empty, "psoas_left": empty, "psoas_right": empty}
    volume = Volume(np.zeros((1, 4, 4), np.int16), np.eye(4))
    measures = measure_body(volume, BodySegmentation(0, 0, masks, "test"), PatientFacts())
    assert measures == BodyMeasures()
