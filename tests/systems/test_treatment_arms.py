"""The arms' models: equal to other software, to hand computation, and sure to the right degree."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from treatment_cohorts import NAMES, draw, swapped

from hccsurv_core.errors import BundleError, CancelledError, InputError, StatisticsError, TableError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.breslow import fit_baseline
from hccsurv_core.models.prior_ridge import Prior, PriorGroup
from hccsurv_core.models.ridge_cox import choose_penalty, fit_ridge_cox
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.systems.treatment.arm_model import restricted_mean_grid
from hccsurv_core.systems.treatment.arm_settings import ArmSettings, settings_from_json
from hccsurv_core.systems.treatment.arm_table import ARMS, TreatmentTable, other_arm
from hccsurv_core.systems.treatment.arms import ArmModels, fit_arms, row_of
from hccsurv_core.systems.treatment.contrast import restricted_means

#: One candidate that hardly pulls: the fit is that of ordinary Cox regression.
UNPENALIZED = ArmSettings(precisions=(1e-6,), n_draws=4000)
#: One candidate that lets nothing move: only the baseline is left.
NULL = ArmSettings(precisions=(1e9,), n_draws=4000)


@pytest.fixture(scope="module")
def cohort():
    return draw(320, seed=5)


@pytest.fixture(scope="module")
def models(cohort):
    return fit_arms(cohort.table, seed=3)


def arm_part(table: TreatmentTable, arm: str) -> tuple[np.ndarray, SurvivalOutcome]:
    rows = table.given(arm)
    return table.values[rows], table.outcome.subset(rows)


@pytest.mark.parametrize("arm", ARMS)
def test_without_a_penalty_it_is_the_cox_regression_of_lifelines(cohort, arm):
    from lifelines import CoxPHFitter

    model = fit_arms(cohort.table, UNPENALIZED, seed=1).models[arm].cox_model()
    x, outcome = arm_part(cohort.table, arm)
    frame = pd.DataFrame(x, columns=NAMES).assign(t=outcome.time_months, e=outcome.event)
    other = CoxPHFitter().fit(frame, "t", "e")
    np.testing.assert_allclose(model.coef, other.params_[list(NAMES)], rtol=1e-4, atol=1e-5)
    # 4000 draws give a standard error to about 1 %.
    np.testing.assert_allclose(model.std_error, other.standard_errors_[list(NAMES)], rtol=0.06)


@pytest.mark.parametrize("arm", ARMS)
def test_with_nothing_but_a_baseline_draws_are_those_of_the_nelson_aalen_estimate(cohort, arm):
    model = fit_arms(cohort.table, NULL, seed=1).models[arm]
    _, outcome = arm_part(cohort.table, arm)
    times = np.unique(outcome.time_months[outcome.event])
    at_risk = np.array([(outcome.time_months >= t).sum() for t in times])
    np.testing.assert_allclose(model.step_months, times)
    np.testing.assert_allclose(model.baseline.cumulative_hazard, np.cumsum(1 / at_risk), rtol=1e-5)
    some = slice(3, -3, 7)
    draws = model.hazard_draws[:, some]
    np.testing.assert_allclose(draws.mean(axis=0), np.cumsum(1 / at_risk)[some], rtol=0.04)
    np.testing.assert_allclose(draws.var(axis=0), np.cumsum(1 / at_risk**2)[some], rtol=0.15)


def test_the_penalty_is_the_ridge_and_its_weights_are_the_evidence(cohort):
    x, outcome = arm_part(cohort.table, "tace")
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    model = fit_arms(cohort.table, ArmSettings(precisions=(20.0,), borrow=0), seed=0).models["tace"]
    expected = fit_ridge_cox(z, outcome, 20.0 / outcome.n_events)
    np.testing.assert_allclose(model.coef, expected, rtol=1e-6)
    baseline = fit_baseline(z @ expected, outcome)
    np.testing.assert_allclose(
        model.baseline.cumulative_hazard, baseline.cumulative_hazard, rtol=1e-6
    )
    # With two candidates the coefficients are a mean of both fits.
    both = fit_arms(cohort.table, ArmSettings(precisions=(2.0, 20.0), borrow=0), seed=0).models[
        "tace"
    ]
    weight = both.notes.weight
    assert sum(weight) == pytest.approx(1) and min(weight) > 0
    other = fit_ridge_cox(z, outcome, 2.0 / outcome.n_events)
    np.testing.assert_allclose(both.coef, weight[0] * other + weight[1] * expected, rtol=1e-6)


def test_draws_can_be_spread_wider_than_the_posterior_says(cohort):
    plain, wide = (
        fit_arms(cohort.table, ArmSettings(n_draws=50, widening=w), seed=3).models["tace"]
        for w in (None, 1.5)
    )
    np.testing.assert_array_equal(wide.coef, plain.coef)
    np.testing.assert_allclose(wide.coef_draws - wide.coef, 1.5 * (plain.coef_draws - plain.coef))
    assert "spread 1.5 times as far" in wide.describe()["method"]
    assert "times as far" not in plain.describe()["method"]
    with pytest.raises(InputError, match="widening lies from 1 to 10"):
        ArmSettings(widening=0.5)


def test_a_single_covariates_evidence_is_that_of_numerical_integration():
    # The marginal likelihood of a precision, by brute force instead of Laplace's approximation.
    from hccsurv_core.models.risk_sets import build_risk_sets, log_likelihood, sum_risks

    found = draw(160, seed=8)
    table = found.table.columns(["size"])
    candidates = (0.5, 8.0, 200.0)
    model = fit_arms(table, ArmSettings(precisions=candidates, borrow=0), seed=0).models["tace"]
    x, outcome = arm_part(table, "tace")
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    sets = build_risk_sets(outcome.time_months, outcome.event)
    grid = np.linspace(-4, 4, 2001)
    likelihood = np.array(
        [log_likelihood(sets, s := z[sets.order, 0] * b, sum_risks(sets, s)) for b in grid]
    )
    evidence = np.array(
        [
            np.log(np.sum(np.exp(likelihood - likelihood.max() - c * grid**2 / 2)) * np.sqrt(c))
            for c in candidates
        ]
    )
    expected = np.exp(evidence - evidence.max())
    np.testing.assert_allclose(model.notes.weight, expected / expected.sum(), atol=0.02)


def test_the_cross_validated_penalty_is_that_of_choose_penalty(cohort):
    settings = ArmSettings(precisions=(1.0, 10.0, 100.0), penalty="cross-validated")
    model = fit_arms(cohort.table, settings, seed=4).models["hepatectomy"]
    assert sorted(model.notes.weight) == [0.0, 0.0, 1.0]
    x, outcome = arm_part(cohort.table, "hepatectomy")
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    chance = int(np.random.default_rng((4, 0)).integers(2**31))
    per_event = [c / outcome.n_events for c in settings.precisions]
    best = per_event.index(choose_penalty(z, outcome, per_event, n_folds=5, seed=chance))
    assert model.notes.weight[best] == 1.0


@pytest.mark.parametrize("arm", ARMS)
def test_the_nomograms_cox_model_says_the_same(cohort, models, arm):
    model = models.models[arm]
    times = [1.0, 12.0, 24.0, 36.0]
    expected = model.cox_model().predict_survival(cohort.table.values, times)
    np.testing.assert_allclose(model.survival(cohort.table.values, times), expected, rtol=1e-9)


def test_restricted_means_are_areas_under_the_curves(cohort, models):
    x = cohort.table.values[:5]
    fine = np.linspace(0, 36, 72001)
    middle = (fine[1:] + fine[:-1]) / 2
    contrast = models.contrast(x)
    for arm in ARMS:
        area = models.models[arm].survival(x, middle).mean(axis=1) * 36
        np.testing.assert_allclose(contrast.arms[arm].months.value, area, atol=2e-3)
        np.testing.assert_allclose(
            contrast.arms[arm].survival.value, models.models[arm].survival(x, [12, 24, 36])
        )
    first, second = (contrast.arms[arm] for arm in ARMS)
    np.testing.assert_allclose(
        contrast.months_difference.value, first.months.value - second.months.value
    )
    np.testing.assert_allclose(
        contrast.survival_difference.value, first.survival.value - second.survival.value
    )


def test_the_area_of_a_step_function_is_exact():
    begin, width = restricted_mean_grid(np.array([0.0, 2.0, 5.0, 40.0]), 36.0)
    np.testing.assert_array_equal(begin, [0.0, 2.0, 5.0])
    np.testing.assert_array_equal(width, [2.0, 3.0, 31.0])


def test_swapping_the_labels_flips_the_sign(cohort, models):
    x = cohort.table.values[:40]
    plain, turned = models.contrast(x), fit_arms(swapped(cohort.table), seed=3).contrast(x)
    np.testing.assert_allclose(
        turned.months_difference.value, -plain.months_difference.value, atol=1e-9
    )
    np.testing.assert_allclose(
        turned.survival_difference.value, -plain.survival_difference.value, atol=1e-9
    )
    # Intervals and probabilities to the error of a thousand draws.
    np.testing.assert_allclose(
        turned.months_difference.low, -plain.months_difference.high, atol=2.0
    )
    np.testing.assert_allclose(turned.probability, 1 - plain.probability, atol=0.08)


def test_the_order_of_patients_does_not_matter(cohort, models):
    order = np.random.default_rng(0).permutation(len(cohort.table))
    again = fit_arms(cohort.table.subset(order), seed=3)
    x = cohort.table.values[:10]
    np.testing.assert_allclose(
        again.contrast(x).months_difference.value, models.contrast(x).months_difference.value,
        atol=1e-6,
    )  # fmt: skip
    # Who else is asked about does not matter either.
    alone, together = models.contrast(x[:1]), models.contrast(x)
    np.testing.assert_allclose(alone.months_difference.low[0], together.months_difference.low[0])
    assert alone.probability[0] == together.probability[0]


def test_another_unit_of_time_changes_nothing_but_the_unit(cohort, models):
    table = cohort.table
    outcome = SurvivalOutcome(table.outcome.time_months * 2, table.outcome.event)
    features = FeatureTable(table.features.patient_ids, table.names, table.values, outcome)
    settings = ArmSettings(horizons_months=(24.0, 48.0, 72.0), rmst_months=72.0)
    slow = fit_arms(TreatmentTable(features, table.treatment), settings, seed=3)
    x = table.values[:6]
    np.testing.assert_allclose(
        slow.contrast(x).months_difference.value, 2 * models.contrast(x).months_difference.value,
        rtol=1e-9,
    )  # fmt: skip
    np.testing.assert_allclose(slow.contrast(x).probability, models.contrast(x).probability)


def test_a_column_in_another_unit_changes_nothing(cohort, models):
    table = cohort.table
    values = table.values * np.array([10.0, 1.0, 1.0, 0.1]) + np.array([50.0, 0.0, 0.0, 60.0])
    features = FeatureTable(table.features.patient_ids, table.names, values, table.outcome)
    again = fit_arms(TreatmentTable(features, table.treatment), seed=3)
    np.testing.assert_allclose(
        again.contrast(values[:5]).months_difference.low,
        models.contrast(table.values[:5]).months_difference.low,
        rtol=1e-6,
    )


def test_a_missing_value_is_the_same_in_both_arms():
    drawn = draw(300, seed=14)
    values = drawn.table.values.copy()
    values[::9, 1] = np.nan
    table = TreatmentTable(
        FeatureTable(drawn.table.features.patient_ids, NAMES, values, drawn.table.outcome),
        drawn.table.treatment,
    )
    models = fit_arms(table, seed=0)
    middle = np.nanmedian(values[:, 1])
    np.testing.assert_array_equal(models.n_missing, [0, len(values[::9]), 0, 0])
    assert models.median[1] == middle
    gap, filled = np.zeros((1, 4)), np.zeros((1, 4))
    gap[0, 1], filled[0, 1] = np.nan, middle
    assert models.contrast(gap).to_json() == models.contrast(filled).to_json()
    # It is as if the training table had been filled so beforehand.
    whole = np.where(np.isnan(values), middle, values)
    again = fit_arms(
        TreatmentTable(
            FeatureTable(drawn.table.features.patient_ids, NAMES, whole, drawn.table.outcome),
            drawn.table.treatment,
        ),
        seed=0,
    )
    assert again.contrast(filled).to_json() == models.contrast(filled).to_json()
    for band in models.curves(gap, [12.0]).values():
        assert np.isfinite(band.value).all()


def test_curves_enclose_themselves_and_fall(cohort, models):
    months = np.arange(0, 37.0)
    for band in models.curves(cohort.table.values[:4], months).values():
        assert band.value.shape == (4, 37)
        assert (band.low <= band.value + 1e-12).all() and (band.value <= band.high + 1e-12).all()
        for side in (band.low, band.value, band.high):
            assert (np.diff(side, axis=1) <= 1e-12).all()
            np.testing.assert_allclose(side[:, 0], 1.0)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    covered, wrong = [], []
    for seed in range(16):
        drawn = draw(240, seed=100 + seed)
        fresh = draw(60, seed=900 + seed)
        found = fit_arms(drawn.table, ArmSettings(n_draws=400), seed=seed).contrast(
            fresh.table.values
        )
        truth = fresh.survival("hepatectomy", 24.0) - fresh.survival("tace", 24.0)
        band = found.survival_difference
        covered.append(((band.low[:, 1] <= truth) & (truth <= band.high[:, 1])).mean())
        better = fresh.months["hepatectomy"] > fresh.months["tace"]
        sure = np.abs(found.probability - 0.5) > 0.45
        wrong.append(((found.probability[sure] > 0.5) != better[sure]).mean())
    assert 0.90 <= np.mean(covered) <= 0.985
    # Of those more than 95 % sure, few are wrong.
    assert np.mean(wrong) < 0.06


def test_resamples_are_each_their_own(cohort):
    settings = ArmSettings(uncertainty="bootstrap", n_draws=30)
    here = fit_arms(cohort.table, settings, seed=2)
    with ThreadPoolExecutor(2) as executor:
        beside = fit_arms(cohort.table, settings, seed=2, executor=executor)
    fewer = fit_arms(cohort.table, ArmSettings(uncertainty="bootstrap", n_draws=10), seed=2)
    for arm in ARMS:
        a, b, c = (m.models[arm] for m in (here, beside, fewer))
        np.testing.assert_array_equal(a.coef_draws, b.coef_draws)
        np.testing.assert_array_equal(a.hazard_draws[:10], c.hazard_draws)
        assert (np.diff(a.hazard_draws, axis=1) >= 0).all()
        assert "resamples" in a.describe()["method"]


def test_without_a_penalty_bootstrap_and_posterior_agree():
    drawn = draw(900, seed=21)
    spread = {}
    for kind in ("posterior", "bootstrap"):
        settings = ArmSettings(precisions=(1e-4,), uncertainty=kind, n_draws=300)
        model = fit_arms(drawn.table, settings, seed=0).models["tace"]
        at = np.searchsorted(model.step_months, 24.0)
        spread[kind] = (
            model.coef_draws.std(axis=0), np.log(model.hazard_draws[:, at]).std(),
            model.coef_draws.mean(axis=0),
        )  # fmt: skip
    np.testing.assert_allclose(spread["posterior"][0], spread["bootstrap"][0], rtol=0.25)
    np.testing.assert_allclose(spread["posterior"][1], spread["bootstrap"][1], rtol=0.25)
    np.testing.assert_allclose(spread["posterior"][2], spread["bootstrap"][2], atol=0.05)


@pytest.mark.parametrize("settings", [ArmSettings(), ArmSettings(uncertainty="bootstrap")])
def test_it_can_be_cancelled(cohort, settings):
    def stop(fraction: float, message: str) -> None:
        if fraction > 0.001:
            raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        fit_arms(cohort.table, settings, progress=stop)


def test_a_prior_draws_a_group_together():
    drawn = draw(200, seed=3)
    prior = Prior((PriorGroup({"size": 1.0, "albi": 1.0}),), own_scale=0.0, free_scale=0.0)
    model = fit_arms(drawn.table, ArmSettings(prior=prior), seed=0).models["hepatectomy"]
    assert model.coef[0] == pytest.approx(model.coef[1]) and model.coef[0] > 0
    np.testing.assert_array_equal(model.coef[2:], 0)
    np.testing.assert_allclose(model.coef_draws[:, 0], model.coef_draws[:, 1])
    again = settings_from_json(json.loads(json.dumps(ArmSettings(prior=prior).to_json())))
    assert again.prior == prior


def test_json_and_arrays_give_it_back_exactly(cohort, models):
    description = json.loads(json.dumps(models.describe()))
    again = ArmModels.from_parts(description, models.tensors())
    x = cohort.table.values[:3]
    assert again.contrast(x).to_json(2) == models.contrast(x).to_json(2)
    assert again.settings == models.settings
    assert description["arms"]["tace"]["coefficients"][0]["name"] == "size"
    for name, part in models.tensors().items():
        assert part.dtype.kind in "fiub", name


def test_a_bundle_that_lacks_something_is_refused(models):
    parts = models.tensors()
    del parts["tace.coef"]
    with pytest.raises(BundleError, match="arms: lacks a part of the arms' models"):
        ArmModels.from_parts(models.describe(), parts)
    parts = models.tensors()
    parts["tace.coef"] = parts["tace.coef"][:2]
    with pytest.raises(BundleError, match="do not go together"):
        ArmModels.from_parts(models.describe(), parts)
    told = models.describe()
    told["arms"]["tace"]["kind"] = "forest"
    with pytest.raises(BundleError, match="holds an arm of kind 'forest'"):
        ArmModels.from_parts(told, models.tensors())


def test_what_is_the_same_in_everyone_of_an_arm_has_no_effect_there():
    drawn = draw(260, seed=6)
    values = drawn.table.values.copy()
    values[drawn.table.given("hepatectomy"), 2] = 0.0
    features = FeatureTable(drawn.table.features.patient_ids, NAMES, values, drawn.table.outcome)
    models = fit_arms(TreatmentTable(features, drawn.table.treatment), seed=0)
    surgery = models.models["hepatectomy"]
    assert surgery.cox_model().names == ("size", "albi", "age")
    x = values[:1].copy()
    x[0, 2] = 1.0
    np.testing.assert_array_equal(
        surgery.survival(values[:1] * [1, 1, 0, 1], [12.0]), surgery.survival(x, [12.0])
    )
    assert models.models["tace"].cox_model().names == NAMES


def with_outcome(table: TreatmentTable, time: np.ndarray, event: np.ndarray) -> TreatmentTable:
    features = FeatureTable(
        table.features.patient_ids, table.names, table.values, SurvivalOutcome(time, event)
    )
    return TreatmentTable(features, table.treatment)


def test_an_arm_without_deaths_is_named(cohort):
    table = cohort.table
    nobody = with_outcome(table, table.outcome.time_months, table.outcome.event & ~table.tace)
    with pytest.raises(StatisticsError, match=r"^tace: 0 of \d+ patients died, 10 deaths"):
        fit_arms(nobody)


def test_an_arm_without_patients_is_named(cohort):
    only = cohort.table.subset(~cohort.table.tace)
    with pytest.raises(StatisticsError, match="tace: nobody was given TACE; both treatments"):
        fit_arms(only)


def test_follow_up_that_is_too_short_is_named(cohort):
    short = cohort.table.outcome.censored_at(30.0)
    table = with_outcome(cohort.table, short.time_months, short.event)
    with pytest.raises(StatisticsError, match=r"hepatectomy: follow-up ends at 30.0 months"):
        fit_arms(table)


def test_an_unknown_treatment_is_refused(cohort):
    names = ["surgery", *cohort.table.treatment[1:]]
    with pytest.raises(InputError, match="treatment: 'surgery' of patient P0 is no treatment"):
        TreatmentTable(cohort.table.features, tuple(names))
    with pytest.raises(InputError, match="no treatment is called 'TACE'; use hepatectomy or tace"):
        cohort.table.given("TACE")
    with pytest.raises(InputError, match="320 patients but 2 treatments"):
        TreatmentTable(cohort.table.features, ("tace", "hepatectomy"))
    with pytest.raises(TableError, match="there is no outcome"):
        TreatmentTable(FeatureTable(("a",), ("x",), np.ones((1, 1))), ("tace",))
    assert other_arm("tace") == "hepatectomy" and other_arm("hepatectomy") == "tace"


def test_covariates_that_do_not_fit_are_refused(cohort, models):
    with pytest.raises(InputError, match=r"covariates: 4 finite covariates .* shape \(1, 3\)"):
        models.contrast(np.ones((1, 3)))
    with pytest.raises(InputError, match="4 finite covariates"):
        models.contrast([[1.0, 2.0, np.inf, 0.0]])
    with pytest.raises(InputError, match="covariates: covariates must be numbers"):
        models.contrast([["a", 1.0, 1.0, 1.0]])
    with pytest.raises(InputError, match="a confidence level must lie between 0 and 1"):
        models.contrast(cohort.table.values[:1], level=95)
    with pytest.raises(InputError, match="size: 'large' is not a number; give a number"):
        row_of({"size": "large"}, NAMES)
    row = row_of({"size": 2, "age": None, "other": "text"}, NAMES)
    assert row[0] == 2 and np.isnan(row[1:]).all()


def test_arms_that_do_not_go_together_are_refused(cohort, models):
    with pytest.raises(InputError, match="arms: models of hepatectomy and tace are needed"):
        replace(models, models={"tace": models.models["tace"]})
    fewer = fit_arms(cohort.table, ArmSettings(n_draws=10))
    mixed = {"tace": models.models["tace"], "hepatectomy": fewer.models["hepatectomy"]}
    with pytest.raises(InputError, match="or have other numbers of draws"):
        replace(models, models=mixed)
    with pytest.raises(InputError, match="a median of each covariate is needed"):
        replace(models, median=np.array([1.0, np.nan, 0.0, 0.0]))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"horizons_months": ()}, "horizons are positive, rising months"),
        ({"horizons_months": (24.0, 12.0)}, "horizons are positive, rising months"),
        ({"rmst_months": 30.0}, "counted up to 30, but survival is told at 36 months"),
        ({"penalty": "none"}, "no penalty is called 'none'"),
        ({"uncertainty": "jackknife"}, "no uncertainty is called 'jackknife'"),
        ({"precisions": (0.0,)}, "precisions are positive"),
        ({"n_draws": 1}, "at least 2 draws"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(arguments, said):
    with pytest.raises(InputError, match=said):
        ArmSettings(**arguments)


def test_settings_come_back_from_json():
    settings = ArmSettings(n_draws=50, uncertainty="bootstrap")
    assert settings_from_json(json.loads(json.dumps(settings.to_json()))) == settings
    with pytest.raises(InputError, match="no setting is called 'draws'"):
        settings_from_json({"draws": 3})
    with pytest.raises(InputError, match="a setting cannot be used"):
        settings_from_json({"prior": {"nonsense": 1}})


def test_restricted_means_are_those_of_the_contrast(cohort, models):
    x = cohort.table.values[:7]
    found = restricted_means(models.models["tace"], x, 36.0)
    np.testing.assert_allclose(found, models.contrast(x).arms["tace"].months.value)
    np.testing.assert_allclose(found, models.restricted_means(x)["tace"])
