"""Signs of two scans: what they mean, and what is not said where a scan is missing."""

from __future__ import annotations

import math

import pytest

from hccsurv_core.features.tumor_slices import LesionMeasure, OrganMeasure
from hccsurv_core.systems.immunotherapy.signs import BASELINE_NAMES, SIGN, SIGN_NAMES, measure_signs


def organ(diameters: dict[int, float], necrosis: float = 0.1, **more: float) -> OrganMeasure:
    lesions = {n: LesionMeasure(d, math.pi / 400 * d * d, necrosis) for n, d in diameters.items()}
    area = sum(one.area_cm2 for one in lesions.values())
    return OrganMeasure(lesions, area, 150.0, **more)


def test_sizes_are_logarithms() -> None:
    found = measure_signs({"baseline_liver": organ({1: 64.0, 2: 10.0})})
    assert found[f"{SIGN}liver_diameter"] == pytest.approx(6.0)
    assert found[f"{SIGN}liver_number"] == pytest.approx(math.log2(3))


def test_without_a_second_scan_nothing_is_said_of_change() -> None:
    found = measure_signs({"baseline_liver": organ({1: 64.0})})
    late = set(SIGN_NAMES) - set(BASELINE_NAMES)
    assert all(math.isnan(found[name]) for name in late)
    assert math.isnan(found[f"{SIGN}lung_load"])


def test_no_metastases_are_a_load_of_zero_and_not_unknown() -> None:
    found = measure_signs({"baseline_liver": organ({1: 30.0}), "baseline_lung": organ({})})
    assert found[f"{SIGN}lung_load"] == 0.0


def test_growth_is_per_month_whatever_the_interval() -> None:
    for months in (1.0, 2.0, 4.0):
        before, after = organ({1: 40.0}), organ({1: 40.0 * math.exp(0.1 * months)})
        found = measure_signs({"baseline_liver": before, "followup_liver": after}, months)
        assert found[f"{SIGN}growth"] == pytest.approx(0.1)
        assert found[f"{SIGN}area_growth"] == pytest.approx(0.1)


def test_large_tumors_count_more() -> None:
    before, after = organ({1: 80.0, 2: 20.0}), organ({1: 88.0, 2: 20.0})
    found = measure_signs({"baseline_liver": before, "followup_liver": after}, 1.0)
    assert found[f"{SIGN}growth"] == pytest.approx(0.8 * math.log(1.1))


def test_all_tumors_gone_is_the_fastest_shrinking_that_counts() -> None:
    found = measure_signs({"baseline_liver": organ({1: 80.0}), "followup_liver": organ({})}, 2.0)
    assert found[f"{SIGN}growth"] == pytest.approx(-0.35)


def test_a_tumor_beside_the_later_slices_is_not_taken_for_gone() -> None:
    before, after = organ({1: 50.0, 2: 30.0}), organ({1: 50.0})
    found = measure_signs({"baseline_liver": before, "followup_liver": after}, 2.0)
    assert found[f"{SIGN}growth"] == pytest.approx(0.0)


def test_a_new_tumor_is_seen_in_the_outlines_or_by_the_reader() -> None:
    old, more = organ({1: 40.0}), organ({1: 40.0, 7: 9.0})
    name = f"{SIGN}new_lesion"
    assert measure_signs({"baseline_liver": old, "followup_liver": more}, 2.0)[name] == 1.0
    assert measure_signs({"baseline_liver": old, "followup_liver": old}, 2.0)[name] == 0.0
    assert measure_signs({"baseline_liver": old, "followup_liver": old}, 2.0, True)[name] == 1.0
    # Lungs that were not scanned again show no new metastasis, whatever they held before.
    pair = {"baseline_liver": old, "followup_liver": old, "baseline_lung": organ({3: 9.0})}
    assert measure_signs(pair, 2.0)[name] == 0.0


def test_a_rising_dead_share() -> None:
    before, after = organ({1: 60.0}, necrosis=0.2), organ({1: 60.0}, necrosis=0.5)
    found = measure_signs({"baseline_liver": before, "followup_liver": after}, 2.0)
    assert found[f"{SIGN}necrosis"] == pytest.approx(math.log(4))
