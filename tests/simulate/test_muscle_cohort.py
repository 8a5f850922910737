"""The muscle cohort keeps the published margins and is as hard as the papers, on causes alone."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from hccsurv_core.features.body import DEFINITIONS as THE_PACKAGES_DEFINITIONS
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.simulate.cohort_writer import cohort_spec, draw_tables
from hccsurv_core.simulate.muscle.causes import SPLIT_SIZES, draw_causes, split_of
from hccsurv_core.simulate.muscle.clinical import (
    bclc_stage,
    child_pugh_score,
    draw_clinical,
)
from hccsurv_core.simulate.muscle.cohort import MuscleCohort, spec
from hccsurv_core.simulate.muscle.measures import DEFINITIONS
from hccsurv_core.simulate.muscle.outcomes import (
    muscle_predictor,
    recurrence_predictor,
)
from hccsurv_core.simulate.truth_check import concordance

N = 5 * 826


@cache
def cohort() -> tuple[pd.DataFrame, pd.DataFrame]:
    return draw_tables(spec(), N, seed=1)


@cache
def checked() -> dict:
    found = spec().check(*cohort())
    scores = {c["name"]: c["c_index"] for c in (*found["oracle"], *found["rivals"])}
    return {"scores": scores, "margins": {m["name"]: m for m in found["margins"]}}


def discovery() -> np.ndarray:
    return cohort()[0]["split"].isin(["train", "internal"]).to_numpy()


# -- margins -------------------------------------------------------------------------------------
def test_the_published_cohort_has_the_published_parts() -> None:
    table, _ = draw_tables(spec(), spec().default_n, seed=5)
    assert table["split"].value_counts().to_dict() == SPLIT_SIZES
    assert (table["center"] == "center_b").sum() == 161
    assert (table["treatment"] == "transplantation").sum() == 173


@pytest.mark.parametrize("n", [10, 100, 413])
def test_any_first_patients_have_the_published_shares(n: int) -> None:
    splits = [split_of(i) for i in range(n)]
    for split, size in SPLIT_SIZES.items():
        assert abs(splits.count(split) - n * size / 826) < 2


@pytest.mark.parametrize(
    ("name", "within"),
    [
        ("men", 0.015),
        ("age, mean", 0.6),
        ("age, standard deviation", 0.5),
        ("BMI, mean", 0.15),
        ("BMI, standard deviation", 0.15),
        ("low SMI", 0.03),
        ("low PMA", 0.03),
        ("low PMI", 0.03),
        ("low PD", 0.012),
        ("low MA", 0.03),
    ],
)
def test_margins_are_those_of_the_paper(name: str, within: float) -> None:
    margin = checked()["margins"][name]
    assert "Liu" in margin["source"]
    assert margin["value"] == pytest.approx(margin["published"], abs=within)


def test_the_restated_cutoffs_are_the_packages() -> None:
    """The simulator shares no code with features, so it states them again."""
    assert {d.name for d in THE_PACKAGES_DEFINITIONS} == set(DEFINITIONS)
    for theirs in THE_PACKAGES_DEFINITIONS:
        measure, male, female, inclusive, _ = DEFINITIONS[theirs.name]
        assert (measure, male, female) == (theirs.measure, theirs.cutoff_male, theirs.cutoff_female)
        assert inclusive == (theirs.operator == "<=")


def test_survival_and_recurrence_are_ordinary_for_hepatectomy() -> None:
    from lifelines import KaplanMeierFitter

    table = cohort()[0][discovery()]
    death = KaplanMeierFitter().fit(table["time_months"], table["event"])
    free = KaplanMeierFitter().fit(table["recurrence_time_months"], table["recurrence_event"])
    assert [death.predict(t) for t in (12, 36, 60)] == pytest.approx([0.88, 0.70, 0.58], abs=0.03)
    assert [free.predict(t) for t in (12, 60)] == pytest.approx([0.71, 0.36], abs=0.03)
    assert 0.3 < table["event"].mean() < 0.4
    assert (table["recurrence_time_months"] <= table["time_months"]).all()


# -- difficulty ----------------------------------------------------------------------------------
@pytest.mark.parametrize("where", ["discovery", "external", "transplant"])
def test_the_oracle_is_a_little_above_the_papers(where: str) -> None:
    assert 0.76 < checked()["scores"][f"true linear predictor, {where}"] < 0.82


@pytest.mark.parametrize("name", list(DEFINITIONS))
def test_single_definitions_tell_as_little_as_published(name: str) -> None:
    assert 0.515 < checked()["scores"][f"{name}, low or not, discovery"] < 0.60


def test_classical_models_stay_below_the_oracle() -> None:
    scores = checked()["scores"]
    oracle = scores["true linear predictor, internal"]
    assert 0.62 < scores["Cox on clinical values, internal"] < oracle - 0.06
    assert scores["Cox on both, internal"] < oracle - 0.02
    # Texture holds what areas and mean attenuations do not.
    measures = scores["Cox on true areas and attenuations, internal"]
    assert measures < scores["true muscle part, discovery"] - 0.03


def test_recurrence_hardly_depends_on_muscle() -> None:
    scores = checked()["scores"]
    assert abs(scores["true muscle part, recurrence, discovery"] - 0.5) < 0.03
    assert scores["true recurrence predictor, recurrence, discovery"] > 0.65


def test_a_check_bears_any_number_of_patients() -> None:
    for n in (1, 3, 30):
        found = spec().check(*draw_tables(spec(), n, seed=2))
        assert found["margins"][0]["value"] == sum(
            split_of(i) in ("train", "internal") for i in range(n)
        )


def test_the_scanner_tells_in_one_center_and_not_in_the_other() -> None:
    table, truth = cohort()

    def told_by(scanner: str, rows: np.ndarray) -> float:
        outcome = SurvivalOutcome(table["time_months"][rows], table["event"][rows])
        return concordance(outcome, (truth["scanner"] == scanner)[rows]).c_index

    external = (table["split"] == "external").to_numpy()
    assert told_by("Virtual CT A2", discovery()) > 0.53
    assert abs(told_by("Virtual CT B2", external) - 0.5) < 0.03


# -- causes --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "least"),
    [
        ({"fat_streaks": 0.06}, 0.5),
        ({"streak_scale_mm": 1.2}, 0.3),
        ({"lean_hu": -5.0}, 0.25),
        ({"log_muscle": -0.125}, 0.1),
    ],
)
def test_worse_muscle_is_more_dangerous_texture_most(change: dict, least: float) -> None:
    causes = draw_causes(1, 0)
    worse = replace(causes, **{k: getattr(causes, k) + v for k, v in change.items()})
    more = muscle_predictor(worse) - muscle_predictor(causes)
    assert least < more < 0.8
    clinical = draw_clinical(causes, 1, 0)
    recurs = recurrence_predictor(worse, clinical) - recurrence_predictor(causes, clinical)
    assert 0 < recurs < 0.15 * more


def test_laboratory_values_go_with_the_liver() -> None:
    table, truth = cohort()
    liver = truth["liver_damage"]
    for column, sign in (
        ("albumin_g_l", -1), ("bilirubin_umol_l", 1), ("inr", 1), ("platelets_10e9_l", -1),
        ("child_pugh_score", 1), ("cirrhosis", 1),
    ):  # fmt: skip
        assert sign * table[column].corr(liver, method="spearman") > 0.3, column
    transplant = table["treatment"] == "transplantation"
    assert (table["child_pugh_score"][transplant] >= 7).mean() > 0.15
    assert (table["child_pugh_score"][~transplant] >= 7).mean() < 0.06


@pytest.mark.parametrize(
    ("values", "points"),
    [
        (("none", 20.0, 40.0, 1.1), 5),
        (("mild", 34.0, 35.0, 1.7), 9),
        (("moderate", 60.0, 27.0, 2.4), 13),
    ],
)
def test_child_pugh_counts_as_published(values: tuple, points: int) -> None:
    keys = ("ascites", "bilirubin_umol_l", "albumin_g_l", "inr")
    assert child_pugh_score(dict(zip(keys, values, strict=True))) == points


@pytest.mark.parametrize(
    ("number", "size", "vessel", "child", "stage"),
    [
        (1, 20, False, 5, "0"), (1, 90, False, 5, "A"), (3, 30, False, 6, "A"),
        (2, 40, False, 6, "B"), (4, 20, False, 6, "B"), (1, 20, True, 6, "C"),
        (1, 20, False, 10, "D"),
    ],
)  # fmt: skip
def test_barcelona_stages(number, size, vessel, child, stage) -> None:
    row = {
        "tumor_number": number,
        "tumor_diameter_mm": size,
        "macrovascular_invasion": vessel,
        "child_pugh_score": child,
    }
    assert bclc_stage(row) == stage


def test_values_are_missing_as_in_life() -> None:
    table, _ = cohort()
    missing = table["height_m"].isna()
    by_center = missing.groupby(table["center"]).mean()
    assert by_center["center_a"] == pytest.approx(0.06, abs=0.015)
    assert by_center["center_b"] == pytest.approx(0.18, abs=0.04)
    # Not at random: small tumours' vessels are reported less often.
    vessels = table["microvascular_invasion"].isna()
    small = table["tumor_diameter_mm"] < 25
    assert vessels[small].mean() > 2 * vessels[~small].mean()
    complete = ["patient_id", "split", "center", "time_months", "event", "age_years", "sex"]
    assert table[complete].notna().all().all()


# -- nothing leaks -------------------------------------------------------------------------------
def test_order_and_names_say_nothing() -> None:
    table, truth = cohort()
    place = np.arange(N)
    for hidden in ("linear_predictor", "fat_streaks", "tumor_burden", "lean_hu"):
        assert abs(np.corrcoef(place[discovery()], truth[hidden][discovery()])[0, 1]) < 0.06
    assert table["patient_id"][41] == "MUS00042"


def test_follow_up_says_nothing_about_causes() -> None:
    _, truth = cohort()
    assert abs(truth["follow_up_months"].corr(truth["linear_predictor"])) < 0.05


def test_patient_i_is_the_same_whatever_n_is() -> None:
    few, more = draw_tables(spec(), 3, seed=8), draw_tables(spec(), 9, seed=8)
    for a, b in zip(few, more, strict=True):
        pd.testing.assert_frame_equal(a, b.iloc[:3])
    assert spec().draw_patient(8, 2) == spec().draw_patient(8, 2)
    assert spec().draw_patient(9, 2).row != spec().draw_patient(8, 2).row


def test_it_is_found_by_name() -> None:
    assert cohort_spec("muscle") == MuscleCohort() and spec().default_n == 826
