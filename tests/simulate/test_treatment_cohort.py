"""Hepatectomy or TACE: margins, difficulty and confounding of the virtual cohort, causes only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hccsurv_core.cohort.folder import read_cohort, write_cohort
from hccsurv_core.outcome import DAYS_PER_MONTH
from hccsurv_core.simulate.cohort_writer import cohort_spec, draw_tables
from hccsurv_core.simulate.treatment import hazards
from hccsurv_core.simulate.treatment.check import (
    check_cohort,
    km_median,
    restricted_km_mean,
)
from hccsurv_core.simulate.treatment.cohort import BLOCK, QUOTA, draw_treated

SPEC = cohort_spec("treatment")
ARMS = ("hepatectomy", "tace")


@pytest.fixture(scope="module")
def large() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Five cohorts of the published size."""
    return draw_tables(SPEC, 5 * BLOCK, seed=7)


@pytest.fixture(scope="module")
def checked(large) -> dict:
    return dict(check_cohort(*large))


def test_arms_and_split_have_the_published_numbers() -> None:
    table, _ = draw_tables(SPEC, SPEC.default_n, seed=1)
    found = table.groupby(["treatment", "split"]).size().to_dict()
    assert found == QUOTA
    assert table["treatment"].value_counts().to_dict() == {"hepatectomy": 278, "tace": 131}


def test_a_patient_is_the_same_whatever_n_is_and_in_whatever_order() -> None:
    few, few_truth = draw_tables(SPEC, 6, seed=3)
    many, many_truth = draw_tables(SPEC, 40, seed=3)
    pd.testing.assert_frame_equal(few, many.head(6))
    pd.testing.assert_frame_equal(few_truth, many_truth.head(6))
    alone, _ = draw_tables(SPEC, 1, seed=3, first=4)
    assert alone.iloc[0].equals(few.iloc[4])
    other, _ = draw_tables(SPEC, 6, seed=4)
    assert not other["albumin_g_l"].equals(few["albumin_g_l"])


def test_the_table_keeps_its_schema_when_written_and_read(tmp_path: Path) -> None:
    table, _ = draw_tables(SPEC, 30, seed=5)
    write_cohort(tmp_path, table, SPEC.describe())
    back = read_cohort(tmp_path)
    pd.testing.assert_frame_equal(back.table, table.where(table.notna(), None), check_dtype=False)
    assert back.info.rois.keys() == {
        f"{phase}_{structure}"
        for phase in ("arterial", "portal_venous")
        for structure in ("lesion", "liver")
    }


def test_median_survival_and_deaths_are_the_published_ones(large, checked: dict) -> None:
    """Expected survival at the published median is one half; what is drawn scatters about it."""
    table, truth = large
    margins = {m["name"]: (m["value"], m["published"]) for m in checked["margins"]}
    for arm, days, dead in (("hepatectomy", 517, 0.482), ("tace", 218, 0.824)):
        lp = truth.loc[table["treatment"] == arm, f"lp_{arm}"].to_numpy()
        expected = hazards.survival(arm, lp, days / DAYS_PER_MONTH).mean()
        assert expected == pytest.approx(0.5, abs=0.04)
        value, published = margins[f"{arm}: median survival, days"]
        assert published == days
        assert value == pytest.approx(days, rel=0.25)
        value, published = margins[f"{arm}: dead at end of follow-up"]
        assert published == dead
        assert value == pytest.approx(dead, abs=0.045)


def test_the_oracle_is_as_good_as_the_paper_and_the_clinic_is_not(checked: dict) -> None:
    oracle = {c["name"].split(":")[0]: c["c_index"] for c in checked["oracle"]}
    rivals = {c["name"]: c["c_index"] for c in checked["rivals"]}
    for arm in ARMS:
        assert 0.825 < oracle[arm] < 0.87
        assert rivals[f"{arm}: Cox on the paper's clinical variables"] < oracle[arm] - 0.10
        assert rivals[f"{arm}: Cox on all clinical variables"] < oracle[arm] - 0.08
        assert rivals[f"{arm}: Cox on all clinical variables"] > 0.62
        assert 0.55 < rivals[f"{arm}: BCLC stage"] < 0.66
        # Reading the causes off the images is what is to be gained.
        assert rivals[f"{arm}: Cox that also knows the true image causes"] > oracle[arm] - 0.04


def test_confounding_is_visible_and_adjusting_mends_it(checked: dict) -> None:
    effect = checked["treatment_effect"]
    assert effect["naive"] > effect["true_average"] + 3
    assert effect["weighted_by_true_propensity"] == pytest.approx(effect["true_average"], abs=2.5)


def test_weighting_by_the_propensity_leaves_no_bias(large) -> None:
    """In expected survival, without the luck of single patients and without censoring."""
    table, truth = large
    tace = (table["treatment"] == "tace").to_numpy()
    e = truth["propensity_tace"].to_numpy()
    true = truth["rmst_difference"].mean()

    def gain(weights: np.ndarray) -> float:
        hepatectomy = np.average(truth["rmst_hepatectomy"][~tace], weights=weights[~tace])
        return hepatectomy - np.average(truth["rmst_tace"][tace], weights=weights[tace])

    assert gain(np.ones(len(e))) > true + 3
    assert gain(np.where(tace, 1 / e, 1 / (1 - e))) == pytest.approx(true, abs=1.7)


def test_restricted_mean_against_quadrature() -> None:
    grid = np.linspace(0, hazards.RMST_MONTHS, 20_001)
    for lp in (-3.0, 0.0, 2.5):
        curve = hazards.survival("tace", lp, grid)[0]
        found = hazards.restricted_mean("tace", lp)[0]
        assert found == pytest.approx(np.trapezoid(curve, grid), rel=1e-6)


def test_the_better_treatment_differs_between_patients(checked: dict) -> None:
    best = checked["best_treatment"]
    assert best["share_tace"] > 0.3
    assert best["share_hepatectomy"] > 0.3
    assert best["share_more_than_3_months_apart"] > 0.4
    # Nobody knows it: neither fixed rule nor the choice made is near the best.
    assert min(checked["regret_months"].values()) > 2


def test_propensities_are_true_and_overlap_in_the_middle(large, checked: dict) -> None:
    table, truth = large
    tace = (table["treatment"] == "tace").astype(float)
    for split in ("train", "test"):
        rows = table["split"] == split
        thirds = pd.qcut(truth.loc[rows, "propensity_tace"], 5)
        seen = tace[rows].groupby(thirds, observed=True).mean()
        said = truth.loc[rows, "propensity_tace"].groupby(thirds, observed=True).mean()
        n = rows.sum() / 5
        assert np.all(np.abs(seen - said) < 3.5 * np.sqrt(said * (1 - said) / n))
    assert 0.7 < checked["overlap"]["share"] < 0.92
    assert 0.72 < checked["overlap"]["propensity_auc"] < 0.85


def test_treatment_depends_on_the_table_alone() -> None:
    causes = draw_treated(2, 0)[2]
    hidden = replace(
        causes, infiltration=0.9, corona=0.9, capsule=0.1, necrosis=0.5, vascularity=0.1,
        washout=0.1, fibrosis=0.9, diameter_mm=140.0, afp_ng_ml=9000.0,
    )  # fmt: skip
    assert hazards.tace_log_odds(hidden) == hazards.tace_log_odds(causes)
    assert hazards.linear_predictors(hidden) != hazards.linear_predictors(causes)
    for worse in (
        {"reported_diameter_mm": 150.0}, {"lesion_count": 7}, {"albumin_g_l": 26.0},
        {"platelets_10e9_l": 40.0}, {"ecog": 2},
    ):  # fmt: skip
        base = replace(causes, reported_diameter_mm=40.0, lesion_count=1, ecog=0,
                       platelets_10e9_l=200.0, albumin_g_l=42.0, ascites="slight",
                       bilirubin_umol_l=10.0, inr=1.0)  # fmt: skip
        assert hazards.tace_log_odds(replace(base, **worse)) > hazards.tace_log_odds(base)


def test_columns_that_decide_the_treatment_are_never_missing(large) -> None:
    table, truth = large
    deciding = [
        "center", "age_years", "ecog", "platelets_10e9_l", "child_pugh_score", "tumor_diameter_mm",
        "lesion_count", "tumor_location", "vascular_invasion", "treatment", "split",
    ]  # fmt: skip
    assert table[deciding].notna().all().all()
    # Alpha-fetoprotein is missing where it would have been low; that is not at random.
    low = truth["cause_afp_ng_ml"] < 20
    gone = table["afp_ng_ml"].isna()
    assert gone[low].mean() > 2 * gone[~low].mean()
    share = table["albumin_g_l"].isna().mean()
    assert share == pytest.approx(0.03, abs=0.01)


def test_potential_times_share_their_luck(large) -> None:
    _, truth = large
    luck = [
        (truth[f"t_{arm}"] / hazards.SCALE_MONTHS[arm]) ** hazards.SHAPE
        * np.exp(truth[f"lp_{arm}"])
        for arm in ARMS
    ]  # fmt: skip
    # Nobody's time is shorter than a day, which hides the luck of a few.
    free = (truth[[f"t_{arm}" for arm in ARMS]] > 0.034).all(axis=1)
    assert free.mean() > 0.9
    np.testing.assert_allclose(luck[0][free], luck[1][free], rtol=1e-9)


def test_what_is_observed_is_the_given_treatment_until_follow_up_ends(large) -> None:
    table, truth = large
    tace = table["treatment"] == "tace"
    death = truth["t_hepatectomy"].where(~tace, truth["t_tace"])
    expected = np.minimum(death, truth["follow_up_months"])
    np.testing.assert_allclose(table["time_months"], expected, atol=6e-4)
    assert (table["event"].astype(bool) == (death <= truth["follow_up_months"])).all()
    # Enough are followed beyond three years to ask who lives that long.
    assert ((table["time_months"] > 36) & ~tace).mean() > 0.06


def test_true_survival_is_that_of_the_potential_times(large) -> None:
    _, truth = large
    n = len(truth)
    for arm in ARMS:
        for months in (12, 24, 36):
            said = truth[f"survival_{months}_{arm}"]
            seen = (truth[f"t_{arm}"] > months).mean()
            assert seen == pytest.approx(said.mean(), abs=3.5 * 0.5 / np.sqrt(n))
        mean = np.minimum(truth[f"t_{arm}"], hazards.RMST_MONTHS).mean()
        assert truth[f"rmst_{arm}"].mean() == pytest.approx(mean, abs=3.5 * 15 / np.sqrt(n))
    difference = truth["rmst_hepatectomy"] - truth["rmst_tace"]
    np.testing.assert_allclose(truth["rmst_difference"], difference)
    assert ((truth["best_treatment"] == "tace") == (difference < 0)).all()


def test_the_new_center_is_in_no_training_patient(large) -> None:
    table, truth = large
    assert set(table.loc[table["split"] == "train", "center"]) == {"north", "south"}
    assert (table.loc[table["split"] == "test", "center"] == "east").mean() > 0.25
    # South's patients are sicker: its scanner looks like a risk factor in training.
    lp = truth["lp_hepatectomy"]
    assert lp[table["center"] == "south"].mean() > lp[table["center"] == "north"].mean() + 0.4
    assert lp[table["center"] == "east"].mean() < lp[table["center"] == "south"].mean() - 0.4


def test_the_check_bears_a_cohort_of_one() -> None:
    found = check_cohort(*draw_tables(SPEC, 1, seed=2))
    assert found["margins"][0]["name"].startswith("hepatectomy")
    assert found["oracle"]


def test_kaplan_meier_of_the_check_against_lifelines(large) -> None:
    from lifelines import KaplanMeierFitter
    from lifelines.utils import restricted_mean_survival_time

    table = large[0].head(300)
    time, event = table["time_months"].to_numpy().round(1), table["event"].to_numpy() > 0
    weights = np.linspace(0.5, 2, len(table)).round(1)
    fitted = KaplanMeierFitter().fit(time, event)
    assert km_median(time, event) == pytest.approx(fitted.median_survival_time_)
    with pytest.warns(match="weights"):
        weighted = KaplanMeierFitter().fit(time, event, weights=weights)
    assert restricted_km_mean(time, event, weights) == pytest.approx(
        restricted_mean_survival_time(weighted, t=hazards.RMST_MONTHS), rel=1e-9
    )
