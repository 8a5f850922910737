"""Clinical values: what a person types becomes a value in one unit, or a message that helps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hccsurv_core.cohort.clinical_values import (
    BY_NAME,
    CLINICAL_VALUES,
    check_clinical_values,
    number_text,
    parse_clinical_value,
    value_text,
)
from hccsurv_core.errors import InputError
from hccsurv_core.simulate.ceus.table import columns as ceus_columns
from hccsurv_core.simulate.immunotherapy.schema import describe as immunotherapy_schema
from hccsurv_core.simulate.muscle.cohort import COLUMNS
from hccsurv_core.simulate.treatment.schema import COLUMNS as TREATMENT_COLUMNS

NUMBERS = [v.name for v in CLINICAL_VALUES if v.kind == "number"]


#: Values that only the treatment cohort has, and those that no simulated cohort has.
OF_TREATMENT = {"encephalopathy", "tumor_location", "alt_u_l"}
OF_NONE = {"portal_invasion", "extrahepatic_spread", "ast_u_l"}
#: What only the report of a contrast-enhanced ultrasound tells.
OF_CEUS = {"portal_phase"}
#: Those of the clinical score CLN.
OF_IMMUNOTHERAPY = {v.name for v in CLINICAL_VALUES if v.group == "immunotherapy"}


def test_names_and_levels_are_those_of_the_cohort_tables() -> None:
    """A model trained on the cohort finds its inputs in a patient."""
    kinds = {"number": "number", "yes_no": "boolean", "choice": "category"}
    for value in CLINICAL_VALUES:
        if value.name in OF_NONE | {"ecog"}:
            continue
        columns = TREATMENT_COLUMNS if value.name in OF_TREATMENT else COLUMNS
        if value.name in OF_IMMUNOTHERAPY:
            columns = immunotherapy_schema().columns
        if value.name in OF_CEUS:
            columns = ceus_columns()
        column = columns[value.name]
        assert column.kind == kinds[value.kind], value.name
        assert tuple(value.levels or ()) == tuple(column.levels or ())
    facts = {"age_years", "sex", "height_m", "weight_kg"}
    outcome = {"time_months", "event", "recurrence_time_months", "recurrence_event"}
    known = {v.name for v in CLINICAL_VALUES} | facts | outcome
    elsewhere = OF_TREATMENT | OF_NONE | OF_IMMUNOTHERAPY | OF_CEUS | {"ecog"}
    assert (known | {"patient_id", "split", "center"}) - elsewhere == set(COLUMNS)


def test_the_clinical_score_finds_all_its_values_in_the_form() -> None:
    from hccsurv_core.features.clinical_scores.cln import COEFFICIENTS

    assert set(COEFFICIENTS) == OF_IMMUNOTHERAPY


def test_a_treatment_cohort_s_columns_are_read_under_the_names_of_the_form() -> None:
    """Its own names are aliases of the form's; what is left is not asked in the form."""
    from hccsurv_core.systems.patient_profile import ALIASES

    of_form = {v.name for v in CLINICAL_VALUES} | {"age_years", "sex", "height_m", "weight_kg"}
    given = {ALIASES.get(name, name) for name in TREATMENT_COLUMNS}
    not_asked = {
        "patient_id",
        "time_months",
        "event",
        "center",
        "split",
        "liver_segment",
    }
    assert given - not_asked <= of_form


@pytest.mark.parametrize(
    ("name", "typed", "kept"),
    [
        ("albumin_g_l", "41", 41.0),
        ("albumin_g_l", "4.1 g/dL", 41.0),
        ("albumin_g_l", "4,1 g/dl", 41.0),
        # 1 mg/dL of bilirubin is 17.104 µmol/L (584.66 g/mol).
        ("bilirubin_umol_l", "1 mg/dl", 17.104),
        ("bilirubin_umol_l", "17.1 µmol/L", 17.1),
        ("bilirubin_umol_l", "17.1 μmol/l", 17.1),  # the Greek letter
        ("inr", "1,15", 1.15),
        ("platelets_10e9_l", "150 G/l", 150.0),
        ("platelets_10e9_l", "150 ×10⁹/L", 150.0),
        ("platelets_10e9_l", "150 10^9/l", 150.0),
        ("platelets_10e9_l", "150x10^3/µL", 150.0),
        ("platelets_10e9_l", "150 000 /µl", 150.0),
        ("platelets_10e9_l", "150,000 /µL", 150.0),
        ("afp_ng_ml", "1 210", 1210.0),
        ("afp_ng_ml", "100 IU/mL", 121.0),
        ("afp_ng_ml", "56 µg/L", 56.0),
        ("tumor_diameter_mm", "4.3 cm", 43.0),
        ("tumor_diameter_mm", "43mm", 43.0),
        ("tumor_number", "2", 2.0),
        ("child_pugh_score", "7", 7.0),
    ],
)
def test_typed_numbers_are_kept_in_one_unit(name: str, typed: str, kept: float) -> None:
    assert parse_clinical_value(name, typed) == pytest.approx(kept, rel=1e-5)


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_nothing_typed_stays_unknown(nothing: str | None) -> None:
    assert [parse_clinical_value(name, nothing) for name in NUMBERS] == [None] * len(NUMBERS)


@pytest.mark.parametrize(
    ("name", "typed", "message"),
    [
        ("albumin_g_l", "4.1", r"Albumin: 4.1 g/L is not possible.*8 to 70 g/L.*write “4.1 g/dL”"),
        ("albumin_g_l", "41 g/dL", r"41 g/dL is not possible.*0.8 to 7 g/dL.*write “41 g/L”"),
        ("platelets_10e9_l", "150000", r"if it is in /µL, write “150000 /µL”"),
        ("tumor_diameter_mm", "0", r"above 0 and up to 300 mm.*check the number"),
        ("child_pugh_score", "4", "must be 5 to 15"),
        ("child_pugh_score", "5.5", "5.5 is not a whole number; give a count"),
        ("afp_ng_ml", "<20", r"“<20” is not a number; a limit such as “<20” cannot be kept"),
        ("inr", "high", "“high” is not a number; write it like 1.1, or leave it empty"),
        ("inr", "1.1 s", "“s” is not a unit.*give the number alone"),
        ("albumin_g_l", "41 mmol/L", "“mmol/L” is not a unit.*give it in g/L or g/dL"),
        ("bilirubin_umol_l", "-3", "-3 µmol/L is not possible"),
        ("afp_ng_ml", "nan", "is not a number"),
        ("afp_ng_ml", "9" * 30, "not possible"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_what_to_do(
    name: str, typed: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        parse_clinical_value(name, typed)


@pytest.mark.parametrize(
    ("name", "typed", "likely", "kept"),
    [("bilirubin_umol_l", "0.8", "mg/dL", "µmol/L"), ("tumor_diameter_mm", "4", "cm", "mm")],
)
def test_a_bare_number_that_reads_like_another_unit_is_asked_about(
    name: str, typed: str, likely: str, kept: str
) -> None:
    """0.8 is possible in µmol/L, but who writes 0.8 means mg/dL: a silent 20-fold error."""
    with pytest.raises(
        InputError, match=f"may be in {likely} or in {kept}; write “{typed} {likely}”"
    ):
        parse_clinical_value(name, typed)
    assert parse_clinical_value(name, f"{typed} {kept}") == float(typed)


@pytest.mark.parametrize("name", NUMBERS)
def test_examples_are_readable_and_mean_about_the_same(name: str) -> None:
    texts = BY_NAME[name].example.split(" or ")
    kept = [parse_clinical_value(name, text) for text in texts]
    assert kept[0] == pytest.approx(kept[-1], rel=0.03)
    assert len(texts) == 1 + bool(BY_NAME[name].other_units)


@given(st.floats(min_value=0.01, max_value=7e6), st.sampled_from(NUMBERS))
def test_what_is_shown_reads_back_as_what_is_kept(number: float, name: str) -> None:
    """The form shows a kept value with its unit; saving it again changes nothing."""
    number = float(number_text(number))
    try:
        check_clinical_values({name: number})
    except InputError:
        return
    assert parse_clinical_value(name, value_text(name, number)) == pytest.approx(number, rel=1e-9)


def test_checked_values_keep_only_what_is_known() -> None:
    given_values = {"hbsag": None, "ascites": "mild", "cirrhosis": False, "albumin_g_l": 38}
    checked = check_clinical_values(given_values)
    assert checked == {"albumin_g_l": 38.0, "ascites": "mild", "cirrhosis": False}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"albumin": 38}, "'albumin' is no clinical value; choose among albumin_g_l"),
        ({"albumin_g_l": True}, "Albumin: True is not a number"),
        ({"albumin_g_l": "38"}, "Albumin: '38' is not a number"),
        ({"albumin_g_l": float("inf")}, "not possible"),
        ({"hbsag": 1}, "HBsAg: 1 is neither yes nor no"),
        ({"ascites": "severe"}, "Ascites: 'severe' is not possible; choose one of none, mild"),
    ],
)
def test_values_of_the_wrong_kind_are_refused(values: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_clinical_values(values)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("albumin_g_l", 41.0, "41 g/L"),
        ("afp_ng_ml", 121000.0, "121000 ng/mL"),
        ("inr", 1.1, "1.1"),
        ("hbsag", False, "no"),
        ("ascites", "moderate", "Moderate"),
        ("bclc_stage", None, "not known"),
    ],
)
def test_values_in_words(name: str, value: object, text: str) -> None:
    assert value_text(name, value) == text
