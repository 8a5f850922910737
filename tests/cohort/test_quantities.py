"""Names, units and possible ranges of what a liver cancer cohort measures."""

from __future__ import annotations

import pytest

from hccsurv_core.cohort.quantities import (
    BY_KEY,
    QUANTITIES,
    TIME_UNITS,
    find_quantity,
    find_unit,
    spaced_name,
    time_unit_in_name,
    unit_by_median,
    unit_in_name,
)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Age", "age"), ("age_years", "age"), ("Age at diagnosis", "age"), ("年龄", "age"), ("Height (cm)", "height"),
        ("height_m", "height"), ("BMI", "bmi"), ("weight_kg", "weight"), ("tumorSize", "tumor_size"), ("Tumorsize", "tumor_size"),
        ("Largest.Diameter.of.Hepatic.Lesions", "tumor_size"), ("tumor_diameter_mm", "tumor_size"), ("max diameter cm", "tumor_size"),
        ("Amount.of.Hepatic.Lesions", "tumor_count"), ("tumor_number", "tumor_count"), ("AFP", "afp"), ("afp_ng_ml", "afp"),
        ("Albumin g/L", "albumin"), ("ALB", "albumin"), ("albumin_g_l", "albumin"), ("Total bilirubin", "bilirubin"), ("TBIL", "bilirubin"),
        ("bilirubin_umol_l", "bilirubin"), ("bili", "bilirubin"), ("Creatinine (mg/dL)", "creatinine"), ("PLT", "platelets"),
        ("ALT", "alt"), ("INR", "inr"), ("Child_pugh_score", "child_pugh"), ("甲胎蛋白(ng/mL)", "afp"), ("hgb", "hemoglobin"),
        # and what is none of them
        ("stage", None), ("Tumordifferentiation", None), ("albumin bilirubin grade", None), ("New.Lesion", None),
        ("OS", None), ("CD8T", None), ("language", None), ("Passage", None), ("child", "child_pugh"), ("BCLC", None),
    ],
)  # fmt: skip
def test_names(name, key):
    found = find_quantity(name)
    assert (found.key if found else None) == key


@pytest.mark.parametrize(
    ("name", "key", "unit"),
    [
        ("albumin (g/dL)", "albumin", "g/dL"), ("albumin_g_l", "albumin", "g/L"), ("ALB.g.dL", "albumin", "g/dL"),
        ("albumin", "albumin", None), ("bilirubin_umol_l", "bilirubin", "µmol/L"), ("Bilirubin µmol/L", "bilirubin", "µmol/L"),
        ("bili mg/dl", "bilirubin", "mg/dL"), ("tumor size (cm)", "tumor_size", "cm"), ("tumor_diameter_mm", "tumor_size", "mm"),
        ("heightcm", "height", None), ("height_m", "height", "m"), ("AFP IU/mL", "afp", "IU/mL"), ("afp_ng_ml", "afp", "ng/mL"),
    ],
)  # fmt: skip
def test_units_in_names(name, key, unit):
    assert unit_in_name(name, BY_KEY[key]) == unit


@pytest.mark.parametrize(
    ("key", "median", "unit"),
    [("albumin", 38, "g/L"), ("albumin", 3.8, "g/dL"), ("bilirubin", 14, "µmol/L"), ("bilirubin", 0.9, "mg/dL"),
     ("bilirubin", 4.7, None), ("height", 170, "cm"), ("height", 1.7, "m"), ("height", 67, "in"), ("tumor_size", 45, "mm"),
     ("tumor_size", 4.5, "cm"), ("creatinine", 0.9, "mg/dL"), ("platelets", 150_000, "/µL"), ("age", 55, None)],
)  # fmt: skip
def test_units_by_the_median(key, median, unit):
    assert unit_by_median(median, BY_KEY[key]) == unit


@pytest.mark.parametrize(
    ("key", "value", "unit", "canonical"),
    [
        ("albumin", 3.5, "g/dL", 35), ("height", 172, "cm", 1.72), ("tumor_size", 4.5, "cm", 45), ("height", 68, "in", 1.7272),
        # 1 mg/dL of bilirubin is 17.104 µmol/L, of creatinine 88.40 µmol/L (their molar masses).
        ("bilirubin", 1, "mg/dL", 17.104), ("creatinine", 1, "mg/dL", 88.402), ("afp", 100, "IU/mL", 121), ("weight", 150, "lb", 68.0389),
    ],
)  # fmt: skip
def test_conversions(key, value, unit, canonical):
    assert value * BY_KEY[key].factor(unit) == pytest.approx(canonical, rel=1e-4)


def test_every_usual_unit_is_a_unit_and_lies_within_what_is_possible():
    for quantity in QUANTITIES:
        for unit, (low, high) in quantity.usual.items():
            possible_low, possible_high = quantity.possible(unit)
            assert unit in quantity.all_units
            assert possible_low <= low < high <= possible_high, (quantity.key, unit)


def test_ranges_are_said_to_be_ours():
    text = BY_KEY["age"].range_text("years")
    assert text == "above 0 and up to 110 years (possible range: ours, wide on purpose)"
    assert BY_KEY["tumor_size"].range_text("cm").startswith("above 0 and up to 30 cm")


def test_units_as_people_write_them():
    assert find_unit("MM", BY_KEY["tumor_size"]) == "mm"
    assert find_unit("g/dl", BY_KEY["albumin"]) == "g/dL"
    assert find_unit("umol/l", BY_KEY["bilirubin"]) == "µmol/L"
    assert find_unit("furlong", BY_KEY["height"]) is None


@pytest.mark.parametrize(
    ("name", "unit"),
    [("OStime_day", "days"), ("OS (months)", "months"), ("os_mo", "months"), ("survival.years", "years"), ("OSdays", "days"),
     ("time_months", "months"), ("fu wks", "weeks"), ("OS", None), ("time", None), ("生存时间 月", "months"), ("OSmonths", "months")],
)  # fmt: skip
def test_units_of_time_in_names(name, unit):
    assert time_unit_in_name(name) == unit


def test_times_are_converted_by_the_month_of_this_package():
    assert 30.4375 * TIME_UNITS["days"] == pytest.approx(1)
    assert 1 * TIME_UNITS["years"] == 12
    assert spaced_name("OStime_day") == "ostime day"
