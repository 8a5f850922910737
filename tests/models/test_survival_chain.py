"""The survival chain: the C-index step against stats and permutations, its record, no leakage."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import InputError, StatisticsError, TableError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.feature_gate import FeatureGate
from hccsurv_core.models.survival_chain import (
    cross_fit_survival_chain,
    fit_survival_chain,
    survival_chain_from_parts,
)
from hccsurv_core.models.survival_chain_settings import SurvivalChainSettings
from hccsurv_core.models.univariate_concordance import univariate_concordance
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.concordance import harrell_c

FEW = SurvivalChainSettings(n_folds=4, n_penalties=20, n_best=4)


def cohort(n=120, p=12, effect=0.9, seed=0):
    """High values of the first and low values of the second feature are bad; the rest is noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p))
    time = 20 * rng.exponential(np.exp(-effect * x[:, 0] + effect * x[:, 1]))
    follow_up = rng.exponential(40, n)
    return FeatureTable(
        tuple(f"P{k}" for k in range(n)), tuple(f"f{k}" for k in range(p)), x,
        SurvivalOutcome(np.minimum(time, follow_up), time <= follow_up),
    )  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 9999), st.integers(8, 40), st.booleans())
def test_each_c_index_is_harrells_of_stats_with_ties_and_without(seed, n, ties):
    rng = np.random.default_rng(seed)
    time, x = rng.exponential(10, n) + 0.1, rng.normal(size=(n, 4))
    if ties:
        time, x = np.ceil(time / 4), np.round(x)
    event = rng.random(n) < 0.6
    event[0], time[0] = True, 0.05
    outcome = SurvivalOutcome(time, event)
    found = univariate_concordance(x, outcome)
    expected = [harrell_c(outcome, x[:, k]) for k in range(4)]
    np.testing.assert_allclose(found.c_index, expected, atol=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_chance_spreads_a_c_index_as_permutations_do(ties):
    outcome = cohort(n=90).outcome
    if ties:
        outcome = SurvivalOutcome(np.ceil(outcome.time_months / 5), outcome.event)
    rng = np.random.default_rng(1)
    noise = np.array([rng.permutation(90) for _ in range(4000)]).T.astype(float)
    found = univariate_concordance(noise, outcome)
    assert found.c_index.std() == pytest.approx(found.null_sd, rel=0.04)
    beyond = (np.abs(found.c_index - 0.5) > 0.08).mean()
    assert found.share_by_chance(0.08) == pytest.approx(beyond, rel=0.25)
    assert (found.p_value < 0.05).mean() == pytest.approx(0.05, abs=0.012)


def test_every_feature_has_its_fate_and_every_step_its_count():
    result = fit_survival_chain(cohort(), FEW)
    fate = {f.name: f for f in result.features}
    counts = {s.name: (s.before, s.after) for s in result.steps}
    far = [f for f in result.features if abs(f.c_index - 0.5) > 0.08]
    assert counts["concordance"] == (12, len(far))
    assert counts["best"] == (len(far), min(4, len(far)))
    assert counts["lasso"] == (counts["best"][1], len(result.signature.names))
    assert fate["f0"].c_index > 0.58 > 0.42 > fate["f1"].c_index
    assert fate["f0"].coef > 0 > fate["f1"].coef
    for f in result.features:
        assert (abs(f.c_index - 0.5) <= 0.08) == (f.left_at == "concordance")
        assert (f.coef != 0) == (f.left_at == "selected") == (f.name in result.signature.names)
    kept = [abs(f.c_index - 0.5) for f in far if f.left_at != "best"]
    left = [abs(f.c_index - 0.5) for f in far if f.left_at == "best"]
    assert not left or min(kept) >= max(left)


def test_only_the_best_stay():
    result = fit_survival_chain(cohort(), replace(FEW, n_best=1))
    best = max(result.features, key=lambda f: abs(f.c_index - 0.5))
    assert [f.name for f in result.features if f.left_at in ("lasso", "selected")] == [best.name]


def test_by_chance_is_how_many_pass_in_noise():
    passed, told = 0, 0.0
    for seed in range(6):
        noise = cohort(n=80, p=60, effect=0.0, seed=seed)
        step = next(
            s for s in fit_survival_chain(noise, FEW).steps if s.name == "concordance"
        )  # fmt: skip
        passed, told = passed + step.after, told + step.by_chance
    assert passed == pytest.approx(told, abs=4 * np.sqrt(told))
    assert told > 5


def test_a_gate_comes_first():
    gate = FeatureGate("repeatability", "ICC 0.75 or more", frozenset({"f1", "f3"}))
    result = fit_survival_chain(cohort(), FEW, gate=gate)
    assert result.steps[0].after == 2
    assert set(result.signature.names) <= {"f1", "f3"}
    assert result.features[0].left_at == "repeatability"
    assert result.to_json()["gate"] == {
        "name": "repeatability", "rule": "ICC 0.75 or more", "n_kept": 2,
    }  # fmt: skip


def test_what_is_written_into_a_folds_patients_leaves_no_trace_in_its_signature():
    table = cohort(n=80)
    first = cross_fit_survival_chain(table, FEW, n_folds=3)
    for fold in range(3):
        out = first.part == fold
        values = table.values.copy()
        values[out] = np.random.default_rng(fold).normal(50, 1000, values[out].shape)
        time = table.outcome.time_months.copy()
        time[out] = time[out][::-1] * 3 + 1
        changed = replace(table, values=values, outcome=SurvivalOutcome(time, table.outcome.event))
        second = cross_fit_survival_chain(changed, FEW, n_folds=3)
        assert second.results[fold].to_json() == first.results[fold].to_json()
        assert not np.array_equal(second.linear_predictor[out], first.linear_predictor[out])


def test_a_signature_comes_back_from_its_parts():
    table = cohort()
    result = fit_survival_chain(table, FEW)
    data = json.loads(json.dumps(result.to_json(), allow_nan=False))
    chosen, again = survival_chain_from_parts(data, result.signature.tensors())
    assert chosen == FEW
    np.testing.assert_array_equal(again.score(table), result.signature.score(table))


def test_where_nothing_passes_the_signature_is_empty_and_says_why():
    result = fit_survival_chain(cohort(), replace(FEW, concordance=0.95))
    assert result.signature.is_empty
    assert result.words.startswith(
        "The signature is empty: no feature has a C-index above 0.95 or below 0.05 on its own"
    )
    np.testing.assert_array_equal(result.signature.score(cohort(n=9)), np.zeros(9))


def test_what_cannot_be_selected_from_is_refused():
    table = cohort()
    few = SurvivalOutcome(table.outcome.time_months, np.arange(120) < 4)
    with pytest.raises(StatisticsError, match="4 events among 120 patients are too few"):
        fit_survival_chain(replace(table, outcome=few))
    with pytest.raises(TableError, match="there is no outcome"):
        fit_survival_chain(replace(table, outcome=None))
    with pytest.raises(InputError, match=r"lies between 0.5 and 1, got 0.4"):
        SurvivalChainSettings(concordance=0.4)
    last = SurvivalOutcome([1.0, 2.0], [False, True])
    with pytest.raises(StatisticsError, match="no two patients can be compared"):
        univariate_concordance(np.array([[1.0], [2.0]]), last)
