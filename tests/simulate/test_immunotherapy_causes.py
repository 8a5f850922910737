"""The immunotherapy cohort's causes: reproducible, margins as published, as hard as published."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter

from hccsurv_core.simulate.cohort_writer import SimulatedPatient, draw_tables
from hccsurv_core.simulate.immunotherapy.causes import CLN, EFFECTS, draw_causes
from hccsurv_core.simulate.immunotherapy.centers import center_of, centers
from hccsurv_core.simulate.immunotherapy.cohort import spec
from hccsurv_core.simulate.immunotherapy.lesions import (
    Growth,
    Lesion,
    choose_targets,
    draw_lesions,
    recist_category,
)

N, SEED = 2000, 11


@cache
def cohort() -> tuple[pd.DataFrame, pd.DataFrame]:
    return draw_tables(spec(), N, SEED)


@cache
def found() -> dict:
    return dict(spec().check(*cohort()))


def c_index(name: str) -> float:
    scores = {c["name"]: c["c_index"] for c in (*found()["oracle"], *found()["rivals"])}
    return scores[name]


def margin(name: str) -> float:
    return next(m["value"] for m in found()["margins"] if m["name"] == name)


# -- reproducible ------------------------------------------------------------------------------
def test_a_patient_is_the_same_whoever_else_is_drawn() -> None:
    alone = spec().draw_patient(SEED, 205)
    table, truth = draw_tables(spec(), 4, SEED, first=203)
    assert isinstance(alone, SimulatedPatient)
    assert table.loc[2, "time_months"] == alone.row["time_months"]
    assert truth.loc[2, "linear_predictor"] == alone.truth["linear_predictor"]
    assert draw_causes(SEED, 205) == draw_causes(SEED, 205)


def test_patients_and_seeds_differ() -> None:
    values = [draw_causes(s, i).linear_predictor() for s in (1, 2) for i in range(20)]
    assert len(set(values)) == len(values)


# -- margins (Xia et al., Insights into Imaging 2024) ------------------------------------------
def test_deaths_survival_age_and_sex_are_as_published() -> None:
    assert margin("deaths, share") == pytest.approx(138 / 207, abs=0.03)
    assert margin("median survival, days") == pytest.approx(475, rel=0.08)
    assert margin("age, mean") == pytest.approx(61, abs=1)
    assert margin("age, standard deviation") == pytest.approx(12, abs=1)
    assert margin("men") == pytest.approx(180 / 207, abs=0.02)


def test_every_207_patients_fill_52_centers_and_a_center_is_in_one_split() -> None:
    for block in (0, 3):
        mine = [center_of(SEED, 207 * block + i) for i in range(207)]
        assert len({c.name for c in mine}) == 52
        splits = pd.Series([c.split for c in mine]).value_counts().to_dict()
        assert splits == {"train": 130, "validation": 31, "test": 46}
    by_name = pd.DataFrame([(c.name, c.split) for c in centers(SEED)])
    assert (by_name.groupby(0)[1].nunique() == 1).all()


def test_the_schema_describes_every_column_and_no_other() -> None:
    row = spec().draw_patient(SEED, 0).row
    assert set(row) == set(spec().describe().columns)


# -- difficulty --------------------------------------------------------------------------------
def test_the_oracle_is_in_the_specified_range_and_needs_the_follow_up() -> None:
    assert 0.74 <= c_index("true linear predictor") <= 0.80
    assert c_index("its part known at baseline") < c_index("true linear predictor") - 0.07
    late = c_index("images at both times, Cox on causes")
    assert late > c_index("images at baseline, Cox on causes") + 0.05


def test_the_classical_rivals_do_about_as_well_as_published() -> None:
    assert c_index("CLN as published") == pytest.approx(0.622, abs=0.03)
    assert 0.56 < c_index("true RECIST category") < c_index("true linear predictor") - 0.07
    assert c_index("images and CLN, Cox on causes") > c_index("CLN as published") + 0.1


def test_hazards_are_those_that_truth_states() -> None:
    """A Cox model of the true linear predictor has slope 1, immortal time or not."""
    table, truth = cohort()
    data = pd.DataFrame(
        {"t": table["time_months"], "e": table["event"], "lp": truth["linear_predictor"]}
    )
    model = CoxPHFitter().fit(data, "t", "e")
    assert model.params_["lp"] == pytest.approx(1.0, abs=3 * model.standard_errors_["lp"])


def test_each_effect_has_the_stated_size() -> None:
    table, truth = cohort()
    names = [f"cause_{name}" for name in EFFECTS]
    due = truth["interval_days"] / 30.4375  # before it nobody is at risk
    data = truth[names].assign(t=table["time_months"] + 1e-6, e=table["event"], due=due)
    model = CoxPHFitter().fit(data, "t", "e", entry_col="due")
    error = (model.params_[names] - list(EFFECTS.values())) / model.standard_errors_[names]
    assert np.abs(error).max() < 4


def test_nobody_dies_or_is_lost_before_the_follow_up_was_due() -> None:
    table, truth = cohort()
    assert (table["time_months"] * 30.4375 > truth["interval_days"] - 1e-6).all()
    assert truth["interval_days"].between(45, 150).all()


def test_who_lacks_a_follow_up_says_nothing_about_the_hazard() -> None:
    table, truth = cohort()
    for column in ("has_followup", "has_followup_chest"):
        lacks = table[column] == 0
        gap = truth.loc[lacks, "linear_predictor"].mean() - truth["linear_predictor"].mean()
        error = truth["linear_predictor"].std() / np.sqrt(lacks.sum())
        assert 0.02 < lacks.mean() < 0.25
        assert abs(gap) < 4 * error
    assert table.loc[table["has_followup"] == 0, "scan_interval_days"].isna().all()
    no_chest = (table["has_followup_chest"] == 0) & (table["target_1_organ"] == "lung")
    assert table.loc[no_chest, "target_1_followup_mm"].isna().all()


# -- clinical score ----------------------------------------------------------------------------
def test_the_clinical_score_is_the_published_formula() -> None:
    table, truth = cohort()
    steps = {"high": 0, "moderate": 1, "low": 2, "undifferentiated": 3}
    score = 0.3747 * table["differentiation"].map(steps)
    for name, weight in (
        ("nash", 0.1593), ("surgery", -0.1801), ("pvtt", 0.6732), ("ebrt", -0.8235),
        ("tace", 0.6482), ("rfa", -0.4497),
    ):  # fmt: skip
        score = score + weight * table[name]
    assert np.allclose(score, truth["clinical_score"])
    assert list(CLN) == ["differentiation", "nash", "surgery", "pvtt", "ebrt", "tace", "rfa"]


# -- nothing leaks -----------------------------------------------------------------------------
def test_the_order_of_patients_and_the_names_of_centers_say_nothing() -> None:
    _, truth = cohort()
    hazard = truth["linear_predictor"]
    limit = 4 / np.sqrt(N)
    assert abs(hazard.corr(pd.Series(np.arange(N)), "spearman")) < limit
    numbers = pd.Series([int(c.name[-2:]) for c in centers(SEED)])
    assert abs(numbers.corr(pd.Series([c.hazard_shift for c in centers(SEED)]), "spearman")) < 0.6


def test_noise_goes_with_the_hazard_where_models_are_trained_but_not_in_the_test_set() -> None:
    pairs: dict[str, list] = {"train": [], "test": []}
    for seed in range(60):
        for c in centers(seed):
            if c.split in pairs:
                pairs[c.split].append((np.log(c.noise_factor), c.hazard_shift))
    train, test = (np.corrcoef(np.transpose(pairs[s]))[0, 1] for s in ("train", "test"))
    assert train > 0.6
    assert abs(test) < 4 / np.sqrt(len(pairs["test"]))


# -- tumors and RECIST 1.1 ---------------------------------------------------------------------
def lesion(organ: str, baseline: float, followup: float = 0.0, number: int = 1) -> Lesion:
    return Lesion(number, organ, baseline, followup, 1.0, 1.0, 0.0, 0.1, 0.1)


def test_targets_are_the_largest_two_of_each_organ_from_10_mm() -> None:
    lesions = [lesion("liver", d, number=n) for n, d in enumerate((30, 50, 40), 1)]
    lesions += [lesion("lung", 9.9, number=4), lesion("lung", 12, number=5)]
    assert [t.number for t in choose_targets(lesions)] == [2, 3, 5]


@pytest.mark.parametrize(
    ("before", "after", "new", "gone", "category"),
    [
        ([50, 30], [40, 16], False, False, "partial"),  # 80 to 56: −30 %
        ([50, 30], [40, 17], False, False, "stable"),
        ([50, 30], [60, 36], False, False, "progressive"),  # 80 to 96: +20 %
        ([50, 30], [60, 35], False, False, "stable"),
        ([12], [16.9], False, False, "stable"),  # +41 % but under 5 mm
        ([50], [10], True, False, "progressive"),
        ([50], [0], False, True, "complete"),
        ([50], [0], False, False, "partial"),
    ],
)
def test_categories_are_those_of_recist(before, after, new, gone, category) -> None:
    assert recist_category(before, after, new, gone) == category


def test_growth_multiplies_diameters_and_small_ones_vanish() -> None:
    growth = Growth(rate=-0.2, spread=0.0, months=3.0, necrosis_shift=1.0)
    found = draw_lesions(np.random.default_rng(1), "liver", [40.0, 8.0], 0, -2.0, growth, 1)
    assert found[0].followup_mm == pytest.approx(40 * np.exp(-0.6))
    assert found[1].followup_mm == 0.0
    assert found[0].necrosis_followup > found[0].necrosis_baseline
    assert found[0].volume_ml(1) / found[0].volume_ml(0) == pytest.approx(np.exp(-1.8))


def test_the_reader_is_close_to_the_truth_but_not_exact() -> None:
    table, truth = cohort()
    read = sum(table[f"target_{k}_baseline_mm"].fillna(0) for k in range(1, 5))
    ratio = np.log(read / truth["target_sum_baseline_mm"])
    assert abs(ratio.mean()) < 0.01
    assert 0.02 < ratio.std() < 0.08


def test_all_recist_categories_occur_and_complete_response_leaves_nothing() -> None:
    _, truth = cohort()
    shares = truth["recist"].value_counts(normalize=True)
    assert 0.005 < shares["complete"] < 0.08
    assert shares[["partial", "stable", "progressive"]].min() > 0.08
    complete = truth[truth["recist"] == "complete"]
    assert (complete[["followup_liver_lesions", "followup_lung_lesions"]] == 0).all().all()
