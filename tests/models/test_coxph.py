"""Cox regression against R's survival::coxph (tests/reference/cox.R) and against lifelines."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.coxph import fit_cox
from hccsurv_core.models.proportional_hazards import check_proportional_hazards
from hccsurv_core.outcome import SurvivalOutcome

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "cox.json").read_text())
WEIGHTS = np.array(R["weights"])
COLUMNS = ["age", "sex", "ph.karno"]
SAME = {"rtol": 1e-7, "atol": 1e-10}


def lung():
    frame = pd.read_csv(REFERENCE / "data" / "lung.csv")
    frame = frame.dropna(subset=["age", "sex", "ph.karno", "wt.loss", "inst"])
    return frame.assign(month=np.ceil(frame["time"] / 30.4375), dead=frame["status"] == 2)


def lung_model(tied=False, columns=COLUMNS, **options):
    frame = lung()
    outcome = SurvivalOutcome(frame["month" if tied else "time"], frame["dead"])
    return fit_cox(frame[columns], outcome, names=columns, **options)


def veteran():
    frame = pd.read_csv(REFERENCE / "data" / "veteran.csv")
    x = pd.DataFrame({"trt2": frame["trt"] == 2, "karno": frame["karno"]})
    for level in ("smallcell", "adeno", "large"):
        x[level] = frame["celltype"] == level
    return x.astype(float), SurvivalOutcome(frame["time"], frame["status"])


def assert_same_fit(model, expected):
    np.testing.assert_allclose(model.coef, expected["coef"], **SAME)
    np.testing.assert_allclose(model.std_error, expected["std_error"], **SAME)
    assert [model.log_likelihood_null, model.log_likelihood] == pytest.approx(
        expected["loglik"], rel=1e-9
    )
    np.testing.assert_allclose(model.p, expected["wald_p"], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("efron", {}),
        ("breslow", {"ties": "breslow"}),
        ("tied", {"tied": True}),
        ("tied_weighted", {"tied": True, "weights": WEIGHTS, "robust": False}),
    ],
)
def test_coefficients_errors_likelihood_and_survival_equal_r(name, options):
    model = lung_model(**options)
    assert_same_fit(model, R[name])
    if "weights" not in options:
        assert model.score_test == pytest.approx(R[name]["score"], rel=1e-8)
    times = [3, 10, 20] if options.get("tied") else [100, 300, 600]
    survival = model.predict_survival([[50, 1, 90], [70, 2, 60]], times)
    np.testing.assert_allclose(survival, R[name]["survival"], rtol=1e-7)


def test_robust_variance_with_weights_equals_r():
    model = lung_model(tied=True, weights=WEIGHTS)
    assert model.robust
    assert_same_fit(model, R["tied_robust"])


def test_clustered_variance_equals_r():
    assert_same_fit(lung_model(tied=True, cluster=lung()["inst"].to_numpy()), R["tied_cluster"])


def test_strata_equal_r():
    frame = lung()
    model = lung_model(tied=True, columns=["age", "ph.karno"], strata=frame["sex"].to_numpy(int))
    assert_same_fit(model, R["strata"])
    # One baseline per stratum, each from its own deaths.
    assert model.baselines[1].time_months[-1] == frame.query("sex == 1 and dead")["month"].max()


def test_wide_data_equal_lifelines_to_1e8():
    from lifelines import CoxPHFitter

    rng = np.random.default_rng(3)
    x = rng.normal(size=(800, 12))
    time = rng.exponential(20 * np.exp(-x @ rng.normal(0, 0.3, 12)))
    event = rng.random(800) < 0.6
    model = fit_cox(x, SurvivalOutcome(time, event))
    frame = pd.DataFrame(x).assign(time=time, event=event)
    peer = CoxPHFitter().fit(frame, "time", "event", fit_options={"precision": 1e-12})
    np.testing.assert_allclose(model.coef, peer.params_, atol=1e-8)
    np.testing.assert_allclose(model.std_error, peer.standard_errors_, atol=1e-8)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 50), st.floats(-100, 100))
def test_units_of_a_covariate_change_only_its_coefficient(seed, factor, shift):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, 2))
    outcome = SurvivalOutcome(np.ceil(rng.exponential(10, 60)), rng.random(60) < 0.7)
    model = fit_cox(x, outcome)
    scaled = fit_cox(x * [factor, 1] + [shift, 0], outcome)
    np.testing.assert_allclose(scaled.coef * [factor, 1], model.coef, rtol=1e-6, atol=1e-8)
    assert scaled.log_likelihood == pytest.approx(model.log_likelihood, rel=1e-9)
    moved = x[:5] * [factor, 1] + [shift, 0]
    np.testing.assert_allclose(
        scaled.predict_survival(moved, [5, 12]), model.predict_survival(x[:5], [5, 12]), rtol=1e-6
    )


def test_weights_of_two_are_the_same_patients_twice_under_breslow():
    frame = lung()
    twice = pd.concat([frame, frame])
    once = lung_model(ties="breslow", weights=np.full(len(frame), 2.0), robust=False)
    double = fit_cox(twice[COLUMNS], SurvivalOutcome(twice["time"], twice["dead"]), ties="breslow")
    np.testing.assert_allclose(once.coef, double.coef, rtol=1e-8)
    np.testing.assert_allclose(once.std_error, double.std_error, rtol=1e-8)


def test_covariates_far_from_zero_do_not_overflow():
    # Years around 2020 with a strong effect: a patient of the year 0 would have no finite hazard.
    rng = np.random.default_rng(1)
    year = rng.integers(2000, 2024, 120).astype(float)
    outcome = SurvivalOutcome(rng.exponential(20 * np.exp(-0.6 * (year - 2012))), np.ones(120))
    model = fit_cox(year, outcome)
    shifted = fit_cox(year - 2012, outcome)
    survival = model.predict_survival([[2001.0], [2023.0]], [0.001, 10, 1e4])
    np.testing.assert_allclose(
        survival, shifted.predict_survival([[-11.0], [11.0]], [0.001, 10, 1e4]), rtol=1e-7
    )
    assert model.linear_predictor([[year.mean()]])[0] == pytest.approx(0, abs=1e-9)
    with np.errstate(all="raise"):
        assert model.predict_survival([[9000.0]], [10])[0, 0] == 0


def test_a_group_without_events_is_named_not_estimated():
    group = np.repeat([0, 1], 40)
    time = np.arange(1, 81, dtype=float)
    model = fit_cox(group, SurvivalOutcome(time % 41 + 1, group == 0), names=["cirrhosis"])
    assert model.infinite == ("cirrhosis",)


def test_a_combination_without_a_finite_effect_is_named():
    # Stage C or D is invasion, and nobody in D had an event: C and invasion cannot be told apart.
    rng = np.random.default_rng(2)
    stage = rng.choice(3, 200, p=[0.7, 0.25, 0.05])
    x = np.column_stack([stage == 1, stage == 2, stage > 0, rng.normal(size=200)]).astype(float)
    x[:, 2][np.flatnonzero(stage == 2)[0]] = 0
    outcome = SurvivalOutcome(rng.exponential(10, 200), (rng.random(200) < 0.7) & (stage != 2))
    model = fit_cox(x, outcome, names=["C", "D", "invasion", "age"])
    assert "age" not in model.infinite
    assert {"D"} <= set(model.infinite)
    alone = fit_cox(x[:, [0, 3]], outcome, names=["C", "age"])
    assert model.coef[3] == pytest.approx(alone.coef[1], abs=0.1)
    assert np.isfinite(model.log_likelihood)


@pytest.mark.parametrize(
    ("x", "event", "error", "message"),
    [
        ([[1.0], [2], [3]], [0, 0, 0], StatisticsError, "there are no events"),
        ([[1.0], [1], [1]], [0, 1, 1], StatisticsError, "age: has the same value in every"),
        ([[1.0], [np.nan], [1]], [0, 1, 1], InputError, "age: 1 values are missing"),
        ([[1.0], [2.0]], [0, 1, 1], InputError, "must be 3 rows"),
    ],
)
def test_what_cannot_be_fitted_is_refused(x, event, error, message):
    with pytest.raises(error, match=message):
        fit_cox(x, SurvivalOutcome([1, 2, 3], event), names=["age"])


def test_covariates_that_determine_each_other_are_named():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 50))
    outcome = SurvivalOutcome(rng.exponential(5, 50), np.ones(50))
    with pytest.raises(StatisticsError, match="bmi: follows from height, weight"):
        fit_cox(np.column_stack([a, b, a - 2 * b]), outcome, names=["height", "weight", "bmi"])


def test_weights_must_be_positive():
    with pytest.raises(InputError, match="weights must be 3 positive numbers"):
        fit_cox([[1.0], [2], [3]], SurvivalOutcome([1, 2, 3], [1, 1, 1]), weights=[1, 0, 1])


@pytest.mark.parametrize("transform", ["km", "rank", "identity", "log"])
def test_proportional_hazards_tests_equal_cox_zph(transform):
    x, outcome = veteran()
    model = fit_cox(x, outcome, names=list(x))
    check = check_proportional_hazards(
        model, x, outcome, transform=transform,
        terms={"trt2": [0], "karno": [1], "celltype": [2, 3, 4]},
    )  # fmt: skip
    expected = R["zph_veteran"][transform]
    assert [t.dof for t in check.tests] == expected["df"]
    np.testing.assert_allclose([t.statistic for t in check.tests], expected["chisq"], rtol=1e-6)
    np.testing.assert_allclose([t.p for t in check.tests], expected["p"], rtol=1e-6)


def test_proportional_hazards_with_ties_and_strata_equal_cox_zph():
    frame = lung()
    outcome = SurvivalOutcome(frame["month"], frame["dead"])
    check = check_proportional_hazards(lung_model(tied=True), frame[COLUMNS], outcome)
    np.testing.assert_allclose(
        [t.statistic for t in check.tests], R["zph_tied"]["chisq"], rtol=1e-6
    )
    codes = frame["sex"].to_numpy(int)
    model = lung_model(tied=True, columns=["age", "ph.karno"], strata=codes)
    check = check_proportional_hazards(model, frame[["age", "ph.karno"]], outcome, strata=codes)
    np.testing.assert_allclose(
        [t.statistic for t in check.tests], R["zph_strata"]["chisq"], rtol=1e-6
    )


def test_an_unknown_transform_is_refused():
    x, outcome = veteran()
    model = fit_cox(x, outcome)
    with pytest.raises(InputError, match="no transform is called 'sqrt'; use one of km, rank"):
        check_proportional_hazards(model, x, outcome, transform="sqrt")


def test_the_real_cohort_gives_the_published_concordance(shared_data):
    from sksurv.metrics import concordance_index_censored

    frame = pd.read_csv(shared_data / "cohorts" / "hepatocellular_resected_227.csv")
    columns = ["Age", "AFP", "Tumorsize", "Vascularinvasion"]
    frame = frame.dropna(subset=columns)
    outcome = SurvivalOutcome(frame["OS"], frame["Death"])
    risk_score = fit_cox(frame[columns], outcome).linear_predictor(frame[columns])
    c = concordance_index_censored(outcome.event, outcome.time_months, risk_score)[0]
    assert c == pytest.approx(0.6628, abs=5e-5)
