"""Discrimination of models and definitions, their paired tests, and predicted survival."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluation_cohorts import simulated_input, true_survival

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.concordance import compare_concordance
from hccsurv_core.stats.multiple_testing import adjust_p_values
from hccsurv_core.systems.muscle.comparison import assess_scores, sort_horizons
from hccsurv_core.systems.muscle.evaluation_input import EVAL_TIMES, ModelScores
from hccsurv_core.systems.muscle.evaluation_settings import EvaluationSettings
from hccsurv_core.systems.muscle.prediction_quality import NULL_MODEL, assess_predictions
from hccsurv_core.systems.muscle.scores import score_columns

QUICK = EvaluationSettings(n_resamples=200, decision_resamples=20)


@pytest.fixture(scope="module")
def given():
    """Without tied times: packages differ in whether a death or a censoring comes first."""
    drawn = simulated_input(240)
    later = np.argsort(np.argsort(drawn.outcome.time_months, kind="stable"))
    time = drawn.outcome.time_months + 1e-7 * later
    return replace(drawn, outcome=SurvivalOutcome(time, drawn.outcome.event))


@pytest.fixture(scope="module")
def discrimination(given):
    columns = score_columns(given.models, given.definitions, QUICK.definition_forms)
    return assess_scores(given.outcome, columns, QUICK)


@pytest.fixture(scope="module")
def predictions(given):
    return assess_predictions(given.outcome, given.models, given.eval_times, QUICK)


def test_every_definition_is_a_score_twice(given):
    columns = score_columns(given.models, given.definitions, ("measure", "verdict", "relative"))
    names = [c.name for c in columns]
    assert names[:4] == ["Combined", "Radiomics", "Cox", "True hazard"]
    assert {"SMI (measure)", "SMI (low or not)", "SMI (measure / cut-off)"} <= set(names)
    smi = given.definitions[0]
    by_name = {c.name: c for c in columns}
    np.testing.assert_array_equal(by_name["SMI (measure)"].risk_score, -smi.value)
    np.testing.assert_array_equal(by_name["SMI (low or not)"].risk_score, smi.positive)
    # Less muscle is worse, whichever form it takes.
    low = smi.positive == 1
    for form in ("measure", "low or not", "measure / cut-off"):
        score = by_name[f"SMI ({form})"].risk_score
        assert score[low].mean() > score[smi.positive == 0].mean()


def test_concordance_agrees_with_scikit_survival(given, discrimination):
    metrics = pytest.importorskip("sksurv.metrics")
    rows = {r.name: r for r in discrimination.concordance}
    for column in score_columns(given.models, given.definitions, QUICK.definition_forms):
        known = np.isfinite(column.risk_score)
        expected = metrics.concordance_index_censored(
            given.outcome.event[known], given.outcome.time_months[known],
            column.risk_score[known], tied_tol=0.0,
        )[0]  # fmt: skip
        row = rows[column.name]
        assert row.estimate.value == pytest.approx(expected, abs=1e-9)
        assert (row.n, row.n_events) == (known.sum(), given.outcome.event[known].sum())
        assert row.estimate.ci_low < row.estimate.value < row.estimate.ci_high


def test_differences_are_paired_on_patients_who_have_both(given, discrimination):
    smi = given.definitions[0]
    known = np.isfinite(smi.value)
    assert (~known).sum() > 0  # some have no height
    row = next(
        r for r in discrimination.concordance_differences
        if (r.model, r.rival) == ("Combined", "SMI (measure)")
    )  # fmt: skip
    expected, p = compare_concordance(
        given.outcome.subset(known), given.models[0].risk_score[known], -smi.value[known],
        n_resamples=200, seed=0,
    )  # fmt: skip
    assert row.estimate == expected and row.p == p
    assert row.n == known.sum()


def test_p_values_are_corrected_for_all_rivals_but_not_for_the_oracle(discrimination):
    rows = [r for r in discrimination.concordance_differences if r.model == "Combined"]
    assert len(rows) == 3 + 10
    oracle = [r for r in rows if r.rival_kind == "oracle"]
    assert len(oracle) == 1 and np.isnan(oracle[0].p_adjusted)
    others = [r for r in rows if r.rival_kind != "oracle"]
    np.testing.assert_allclose(
        [r.p_adjusted for r in others], adjust_p_values([r.p for r in others], method="holm")
    )
    auc = [r for r in discrimination.auc_differences if r.model == "Combined"]
    family = [r for r in auc if r.rival_kind != "oracle"]
    assert len(family) == 12 * len(discrimination.horizons_months)
    np.testing.assert_allclose(
        [r.p_adjusted for r in family], adjust_p_values([r.p for r in family], method="holm")
    )


def test_a_model_near_the_truth_beats_every_definition(discrimination):
    rows = [
        r for r in discrimination.concordance_differences
        if r.model == "Combined" and r.rival_kind == "definition"
    ]  # fmt: skip
    assert len(rows) == 10
    assert all(r.estimate.ci_low > 0 for r in rows)
    share = {r.name: r.estimate for r in discrimination.oracle_share}
    assert 0.7 < share["Combined"].value < 1.05
    assert share["Cox"].value < share["Combined"].value


def test_areas_agree_with_scikit_survival(given, discrimination):
    metrics = pytest.importorskip("sksurv.metrics")
    outcome = given.outcome
    surv = np.array(
        list(zip(outcome.event, outcome.time_months, strict=True)),
        dtype=[("e", bool), ("t", float)],
    )
    times = list(discrimination.horizons_months)
    expected, _ = metrics.cumulative_dynamic_auc(surv, surv, given.models[0].risk_score, times)
    found = [r for r in discrimination.auc if r.name == "Combined"]
    assert [r.horizon_months for r in found] == times == [12, 24, 36, 60]
    np.testing.assert_allclose([r.estimate.value for r in found], expected, atol=1e-9)
    for row in found:
        by_then = outcome.time_months <= row.horizon_months
        assert row.n_events == (by_then & outcome.event).sum()
        assert row.n_controls == (~by_then).sum()
    curve = next(c for c in discrimination.curves if c.name == "Combined")
    at_36 = np.flatnonzero(curve.eval_times == 36)
    assert curve.auc[at_36] == pytest.approx(found[2].estimate.value)


@pytest.mark.parametrize(
    ("months", "why"),
    [
        (2.0, "2 of 40 patients had the event by 2 months; at least 5 are needed"),
        (38.0, "2 of 40 patients are followed beyond 38 months; at least 5 are needed"),
    ],
)
def test_a_horizon_is_left_out_with_its_reason(months, why):
    outcome = SurvivalOutcome(np.arange(1.0, 41.0), np.ones(40))
    kept, left_out = sort_horizons(outcome, (months, 20.0), 5)
    assert kept == [20.0]
    assert left_out == [(months, why)]


def test_a_score_that_nobody_has_is_named_with_its_reason(given):
    nobody = replace(
        given.definitions[0], value=np.full(240, np.nan), positive=np.full(240, np.nan),
        reason="not known, because the height is missing",
    )  # fmt: skip
    columns = score_columns(given.models[:1], [nobody], ("measure",))
    found = assess_scores(given.outcome, columns, QUICK)
    row = found.concordance[1]
    assert row.estimate is None and row.n == 0
    assert row.reason == "not known, because the height is missing"
    assert found.concordance_differences[0].reason == row.reason
    assert {r.reason for r in found.auc if r.name == row.name} == {row.reason}
    assert {r.reason for r in found.auc_differences} == {row.reason}


def test_the_truth_is_calibrated_and_a_doubled_hazard_is_not(given):
    truth = given.models[3].risk_score
    times = np.array(EVAL_TIMES)
    honest = ModelScores("truth", truth, "model", true_survival(truth, times))
    gloomy = ModelScores("gloomy", truth, "model", true_survival(truth + np.log(2), times))
    found = assess_predictions(given.outcome, [honest, gloomy], times, QUICK)
    right, wrong = found.calibration["truth"][1].value, found.calibration["gloomy"][1].value
    assert right.horizon_months == 36
    assert right.observed_expected.ci_low < 1 < right.observed_expected.ci_high
    assert right.weak.slope.ci_low < 1 < right.weak.slope.ci_high
    assert wrong.observed_expected.ci_high < 1
    # Both rank alike, and have the same slope: only the level differs, by log 2.
    assert wrong.weak.intercept.value - right.weak.intercept.value == pytest.approx(
        -np.log(2), abs=1e-4
    )
    row = next(r for r in found.brier_differences if (r.model, r.rival) == ("truth", "gloomy"))
    assert row.estimate.value < 0


def test_prediction_error_is_scikit_survivals(given, predictions):
    metrics = pytest.importorskip("sksurv.metrics")
    outcome = given.outcome
    surv = np.array(
        list(zip(outcome.event, outcome.time_months, strict=True)),
        dtype=[("e", bool), ("t", float)],
    )
    found = predictions.errors["Combined"].value
    times = found.curve.eval_times
    columns = np.isin(given.eval_times, times)
    survival = given.models[0].survival_probability[:, columns]
    assert found.integrated.value == pytest.approx(
        metrics.integrated_brier_score(surv, surv, survival, times), abs=1e-9
    )
    assert 0 < found.integrated_ipa < 1
    steps = np.diff(times)
    null = (steps * (found.curve.null[1:] + found.curve.null[:-1]) / 2).sum() / steps.sum()
    assert found.integrated_ipa == pytest.approx(1 - found.integrated.value / null)


def test_the_null_model_is_the_kaplan_meier_curve(given, predictions):
    rows = [
        r for r in predictions.brier_differences
        if (r.model, r.rival) == ("Combined", NULL_MODEL)
    ]  # fmt: skip
    assert [r.horizon_months for r in rows] == [12, 36, 60]
    curve = predictions.errors["Combined"].value.curve
    for row in rows:
        at = list(curve.eval_times).index(row.horizon_months)
        assert row.estimate.value == pytest.approx(curve.brier[at] - curve.null[at], abs=1e-9)


def test_decision_curves_leave_the_oracle_out(predictions):
    curve = predictions.decision[0].value
    assert set(curve.net_benefit) == {"treat all", "Combined", "Radiomics", "Cox"}
    assert set(curve.ci_low) == set(curve.net_benefit)
    assert predictions.to_json()["decision_curves"][0]["n_resamples"] == 20


def test_a_horizon_without_predictions_is_left_out(given):
    found = assess_predictions(
        given.outcome,
        [replace(given.models[0], survival_probability=true_survival(np.zeros(240), [12.0, 30.0]))],
        np.array([12.0, 30.0]),
        QUICK,
    )
    assert found.horizons_months == (12.0,)
    assert (36.0, "the models' survival is not given at 36 months") in found.left_out


def test_without_predicted_survival_there_is_nothing_to_judge(given):
    with pytest.raises(StatisticsError, match="no model predicts these patients' survival"):
        assess_predictions(
            given.outcome, [ModelScores("M", np.zeros(240))], given.eval_times, QUICK
        )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"horizons_months": (12.0, 12.0)}, "horizons_months: must be rising positive months"),
        ({"calibration_months": ()}, "calibration_months: must be rising positive months"),
        ({"definition_forms": ("size",)}, "no form of a definition is called 'size'"),
        ({"n_resamples": 3}, "at least 20 resamples are needed"),
    ],
)
def test_impossible_settings_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        EvaluationSettings(**options)
