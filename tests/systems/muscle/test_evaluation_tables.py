"""Table 2, survival of the groups, and disagreement: counted by hand, and by lifelines."""

from __future__ import annotations

import math

import numpy as np
import pytest
from evaluation_cohorts import simulated_input

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.systems.muscle.answers import Answer
from hccsurv_core.systems.muscle.disagreement import disagreement_matrix
from hccsurv_core.systems.muscle.evaluation_input import (
    DefinitionScores,
    EvaluationInput,
    ModelScores,
    read_definitions,
)
from hccsurv_core.systems.muscle.risk_groups import (
    RiskGroups,
    definition_table,
    group_patients,
)


def definition(name: str, positive, *, value=None, reason: str = "") -> DefinitionScores:
    positive = np.asarray(positive, float)
    value = -positive if value is None else np.asarray(value, float)
    return DefinitionScores(name, name, "", "< 1", "nobody", value, positive, value, reason)


def table_of(outcome, definitions, models=()):
    groups = group_patients(outcome, definitions, models, horizons_months=(12.0,))
    return definition_table(outcome, groups, {})


def test_definitions_of_many_patients_are_those_of_each():
    scores = read_definitions(
        {"sma_cm2": [144.5, 144.6, 100.0, np.nan], "pd_hu": [38.5, 38.4, np.nan, 50.0]},
        ["male", "male", None, "female"],
        [1.70, 1.70, 1.70, 1.60],
    )
    by_name = {s.name: s for s in scores}
    # 144.5 / 1.70² is 50, which is low for a man (≤ 50); without a sex there is no cut-off.
    np.testing.assert_array_equal(by_name["SMI"].positive, [1, 0, np.nan, np.nan])
    assert by_name["SMI"].relative[0] == pytest.approx(1.0)
    assert by_name["SMI"].value[2] == pytest.approx(100 / 1.7**2)
    # The psoas density has one cut-off for both sexes.
    np.testing.assert_array_equal(by_name["PD"].positive, [0, 1, np.nan, 0])
    assert by_name["SMI"].cutoffs == "≤ 50 / ≤ 39 cm²/m²"
    assert by_name["PD"].cutoffs == "< 38.5 HU"
    assert np.isnan(by_name["MA"].positive).all()
    assert by_name["MA"].reason == "not known, because the muscle attenuation is not measured"


def test_impossible_measures_are_refused():
    with pytest.raises(InputError, match="sma_cm2: -1 cm² is not a positive number"):
        read_definitions({"sma_cm2": [-1.0]}, ["male"], [1.7])
    with pytest.raises(InputError, match=r"pd_hu: 2 patients but values of shape \(3,\)"):
        read_definitions({"pd_hu": [1.0, 2.0, 3.0]}, ["male", "male"])


def test_table_two_agrees_with_lifelines():
    lifelines = pytest.importorskip("lifelines")
    import pandas as pd

    given = simulated_input(200)
    smi = next(d for d in given.definitions if d.name == "SMI")
    row = table_of(given.outcome, [smi])[0]
    known = np.isfinite(smi.positive)
    frame = pd.DataFrame({
        "t": given.outcome.time_months[known], "e": given.outcome.event[known],
        "low": smi.positive[known],
    })  # fmt: skip
    model = lifelines.CoxPHFitter().fit(frame, "t", "e")
    assert row.hazard_ratio.value == pytest.approx(model.hazard_ratios_["low"], rel=1e-4)
    low, high = np.exp(model.confidence_intervals_.to_numpy()[0])
    assert (row.hazard_ratio.ci_low, row.hazard_ratio.ci_high) == pytest.approx(
        (low, high), rel=1e-4
    )
    assert row.p == pytest.approx(model.summary.loc["low", "p"], rel=1e-3)
    assert (row.n, row.n_missing) == (known.sum(), (~known).sum())
    assert row.n_low == frame.low.sum()
    assert row.events_low == frame.e[frame.low == 1].sum()
    assert row.prevalence.value == pytest.approx(frame.low.mean())
    # Clopper & Pearson's interval from the binomial distribution itself.
    from scipy.stats import binom

    assert binom.sf(row.n_low - 1, row.n, row.prevalence.ci_low) == pytest.approx(0.025)
    assert binom.cdf(row.n_low, row.n, row.prevalence.ci_high) == pytest.approx(0.025)


def test_p_values_are_corrected_for_the_definitions_and_apart_from_them_for_the_models():
    given = simulated_input(200)
    models = [m for m in given.models if m.kind == "model"]
    rows = table_of(given.outcome, given.definitions, models)
    definitions = sorted((r for r in rows if r.kind == "definition"), key=lambda r: r.p)
    assert definitions[0].p_adjusted == pytest.approx(min(1, 5 * definitions[0].p))
    assert definitions[1].p_adjusted == pytest.approx(
        max(definitions[0].p_adjusted, min(1, 4 * definitions[1].p))
    )
    judged = sorted((r for r in rows if r.kind == "model"), key=lambda r: r.p)
    assert judged[0].p_adjusted == pytest.approx(2 * judged[0].p)


@pytest.mark.parametrize(
    ("positive", "event", "reason"),
    [
        ([1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0], "everybody is low"),
        ([0, 0, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0], "nobody is low"),
        ([1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 0, 1], "no event in low"),
        ([1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], "no event in not low and low"),
        ([np.nan] * 6, [1, 1, 1, 0, 0, 0], "the height is missing"),
    ],
)
def test_what_has_no_hazard_ratio_says_why(positive, event, reason):
    outcome = SurvivalOutcome(np.arange(1.0, 7.0), np.array(event))
    row = table_of(outcome, [definition("X", positive, reason="the height is missing")])[0]
    assert row.hazard_ratio is None
    assert row.reason == reason
    assert math.isnan(row.p) and row.to_json()["p"] is None


def test_few_events_in_a_group_are_noted():
    rng = np.random.default_rng(0)
    outcome = SurvivalOutcome(rng.exponential(20, 60), rng.random(60) < 0.5)
    row = table_of(outcome, [definition("X", np.arange(60) < 4)])[0]
    assert row.hazard_ratio is not None
    assert row.note == f"{row.events_low} events in one group: the ratio is a guess"


def test_a_model_without_a_cutoff_has_no_groups():
    outcome = SurvivalOutcome([1.0, 2, 3, 4], [1, 1, 0, 1])
    row = table_of(outcome, [], [ModelScores("M", np.arange(4.0))])[0]
    assert row.n == 0
    assert row.reason == "no cut-off was learned in training"


def test_patients_followed_for_no_time_do_not_stop_the_table():
    outcome = SurvivalOutcome([0.0, 0.0, 5.0, 6.0], [1, 0, 1, 0])
    row = table_of(outcome, [definition("X", [1, 1, 0, 0])])[0]
    assert row.n_low == 2 and row.events_low == 1


def groups(name, verdict, kind="definition"):
    return RiskGroups(name, kind, np.asarray(verdict, float), Answer(None, "not asked"))


def test_disagreement_is_counted_among_patients_with_both_verdicts():
    found = disagreement_matrix(
        [
            groups("M", [1, 1, 0, 0, 0], "model"),
            groups("A", [1, 1, 0, 0, np.nan]),
            groups("B", [1, 0, 1, 0, 0]),
        ]
    )
    assert found.names == ("A", "B", "M")  # definitions first
    pair = found.pairs[0]
    assert (pair.first, pair.second, pair.n, pair.only_first, pair.only_second) == (
        "A",
        "B",
        4,
        1,
        1,
    )
    assert pair.share.value == 0.5
    assert pair.kappa.value.value == pytest.approx(0.0)  # (0.5 − 0.5) / (1 − 0.5)
    np.testing.assert_allclose(found.matrix(), [[0, 0.5, 0], [0.5, 0, 0.4], [0, 0.4, 0]])
    assert found.n_all_known == 4
    assert found.n_positive.tolist() == [1, 2, 1]


def test_disagreement_agrees_with_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    given = simulated_input(200)
    found = disagreement_matrix(
        group_patients(given.outcome, given.definitions, (), horizons_months=(12.0,))
    )
    for pair in found.pairs:
        a, b = (
            next(d.positive for d in given.definitions if d.name == name)
            for name in (pair.first, pair.second)
        )
        both = np.isfinite(a) & np.isfinite(b)
        assert pair.n == both.sum()
        assert pair.share.value == pytest.approx((a[both] != b[both]).mean())
        assert pair.kappa.value.value == pytest.approx(metrics.cohen_kappa_score(a[both], b[both]))


def test_verdicts_that_never_differ_have_no_kappa_and_say_why():
    found = disagreement_matrix([groups("A", [1, 1, 1]), groups("B", [1, 1, 1])])
    assert "kappa is not defined" in found.pairs[0].kappa.reason
    assert found.pairs[0].share.value == 0
    with pytest.raises(StatisticsError, match="fewer than two verdicts are known"):
        disagreement_matrix([groups("A", [1, 1, 1]), groups("B", [np.nan] * 3)])


def test_inputs_that_do_not_fit_are_refused():
    outcome = SurvivalOutcome([1.0, 2.0], [1, 0])
    with pytest.raises(InputError, match="2 patients have an outcome but 1 are given"):
        EvaluationInput(("a",), outcome, (ModelScores("M", np.zeros(2)),))
    with pytest.raises(InputError, match="two models are called 'M'"):
        EvaluationInput(("a", "b"), outcome, (ModelScores("M", np.zeros(2)),) * 2)
    with pytest.raises(InputError, match=r"need survival probabilities of shape \(2, 2\)"):
        model = ModelScores("M", np.zeros(2), survival_probability=np.ones((2, 3)))
        EvaluationInput(("a", "b"), outcome, (model,), eval_times=np.array([12.0, 24.0]))
    with pytest.raises(InputError, match="survival probabilities lie between 0 and 1"):
        model = ModelScores("M", np.zeros(2), survival_probability=np.full((2, 1), 40.0))
        EvaluationInput(("a", "b"), outcome, (model,), eval_times=np.array([12.0]))
    with pytest.raises(InputError, match="no model is given"):
        EvaluationInput(("a", "b"), outcome, ())
