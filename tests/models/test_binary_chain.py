"""The early-recurrence chain: each step against another package, its record, and no leakage."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import norm

from hccsurv_core.errors import BundleError, CancelledError, InputError, StatisticsError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.binary_chain import (
    BinarySignature,
    binary_chain_from_parts,
    cross_fit_binary_chain,
    fit_binary_chain,
)
from hccsurv_core.models.binary_chain_settings import BinaryChainSettings
from hccsurv_core.models.feature_gate import FeatureGate
from hccsurv_core.models.univariate_logistic import univariate_logistic

FEW = BinaryChainSettings(n_folds=4, n_penalties=20, n_features=3)


def cohort(n=120, p=14, effect=1.0, seed=0):
    """The first two features carry the outcome, the third is nearly the first, the rest is noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p))
    x[:, 2] = x[:, 0] + 0.2 * rng.normal(size=n)
    event = rng.random(n) < 1 / (1 + np.exp(-effect * (x[:, 0] - x[:, 1])))
    names = tuple(f"f{k}" for k in range(p))
    return FeatureTable(tuple(f"P{k}" for k in range(n)), names, x * 3.0 + 100.0), event


def test_univariate_results_are_those_of_maximum_likelihood():
    """Against a general optimizer, and a standard error from second differences."""
    table, event = cohort()
    z = (table.values - table.values.mean(0)) / table.values.std(0)
    found = univariate_logistic(z, event)
    for k in range(5):

        def loss(theta, k=k):
            eta = theta[0] + theta[1] * z[:, k]
            return float(np.logaddexp(0, eta).sum() - eta[event].sum())

        best = minimize(loss, [0.0, 0.0], tol=1e-12).x
        assert found.coef[k] == pytest.approx(best[1], abs=1e-5)
        step, hessian = 1e-3, np.empty((2, 2))
        axes = np.eye(2) * step
        for i in range(2):
            for j in range(2):
                hessian[i, j] = (
                    loss(best + axes[i] + axes[j]) - loss(best + axes[i] - axes[j])
                    - loss(best - axes[i] + axes[j]) + loss(best - axes[i] - axes[j])
                ) / (4 * step**2)  # fmt: skip
        error = np.sqrt(np.linalg.inv(hessian)[1, 1])
        assert found.std_error[k] == pytest.approx(error, rel=1e-4)
        p = 2 * norm.sf(abs(found.coef[k] / found.std_error[k]))
        assert found.p_value[k] == pytest.approx(p, rel=1e-9)


def test_a_feature_that_separates_is_found_and_has_the_score_tests_p():
    event = np.arange(40) < 20
    x = np.column_stack([np.where(event, -1.0, 1.0) + np.linspace(0, 0.5, 40), np.arange(40) % 7])
    z = (x - x.mean(0)) / x.std(0)
    found = univariate_logistic(z, event)
    assert found.infinite.tolist() == [True, False]
    assert np.isnan(found.coef[0])
    # The score test of a logistic regression is n r², chi-squared with one degree of freedom.
    r = np.corrcoef(z[:, 0], event)[0, 1]
    assert found.p_value[0] == pytest.approx(2 * norm.sf(np.sqrt(40) * abs(r)), rel=1e-9)
    # Quasi-separation (values on the threshold belong to both) has no finite estimate either.
    some = np.where(event, np.arange(40) % 2, 0)
    assert univariate_logistic(((some - some.mean()) / some.std())[:, None], event).infinite[0]


def test_every_feature_has_its_fate_and_every_step_its_count():
    table, event = cohort()
    result = fit_binary_chain(table, event, FEW)
    fate = {f.name: f for f in result.features}
    assert list(fate) == list(table.names)
    counts = {s.name: (s.before, s.after) for s in result.steps}
    assert counts["constant"] == (14, 14)
    assert counts["univariate"][0] == 14
    assert counts["mrmr"] == (counts["univariate"][1], 3)
    assert counts["lasso"] == (3, len(result.signature.names))
    assert result.steps[1].by_chance == pytest.approx(0.7)
    assert "about 1 would by chance" in result.steps[1].words
    ranked = sorted((f.mrmr_rank, f.name) for f in result.features if f.mrmr_rank)
    assert [rank for rank, _ in ranked] == [1, 2, 3]
    for f in result.features:
        assert (f.p_value < 0.05) == (f.left_at not in ("univariate", "constant"))
        assert (f.coef != 0) == (f.left_at == "selected") == (f.name in result.signature.names)
        assert f.ci_low < f.odds_ratio < f.ci_high
    assert fate["f1"].coef < 0
    assert result.words == (
        f"{len(result.signature.names)} of 14 features, from 120 patients with "
        f"{event.sum()} events."
    )


def test_the_probability_is_that_of_the_listed_coefficients():
    table, event = cohort()
    signature = fit_binary_chain(table, event, FEW).signature
    z = (table.values - table.values.mean(0)) / table.values.std(0)
    at = [table.names.index(name) for name in signature.names]
    log_odds = signature.intercept + np.clip(z[:, at], -5, 5) @ signature.coef
    np.testing.assert_allclose(signature.score(table), log_odds, rtol=1e-9)
    np.testing.assert_allclose(signature.probability(table), 1 / (1 + np.exp(-log_odds)))
    # An intercept without a penalty makes the mean of the training patients' chances their share.
    assert signature.probability(table).mean() == pytest.approx(event.mean(), abs=1e-6)
    new, happened = cohort(seed=7, n=2000)
    high = signature.probability(new) > 0.5
    assert happened[high].mean() > 0.65 > 0.35 > happened[~high].mean()


def test_where_nothing_passes_everybody_has_the_training_patients_share():
    table, event = cohort()
    result = fit_binary_chain(table, event, replace(FEW, p_value=1e-12))
    assert result.signature.is_empty
    assert result.lasso is None
    assert result.words.startswith("The signature is empty: no feature has p < 1e-12 on its own")
    np.testing.assert_allclose(result.signature.probability(table), event.mean())


def test_a_gate_comes_first_and_what_it_stops_is_on_record():
    table, event = cohort()
    gate = FeatureGate("repeatability", "ICC 0.75 or more", frozenset({"f1", "f5", "unknown"}))
    result = fit_binary_chain(table, event, FEW, gate=gate)
    assert (result.steps[0].name, result.steps[0].before, result.steps[0].after) == (
        "repeatability", 14, 2,
    )  # fmt: skip
    assert {f.name for f in result.features if f.left_at != "repeatability"} == {"f1", "f5"}
    assert set(result.signature.names) <= {"f1", "f5"}
    nothing = FeatureGate("repeatability", "ICC 1", frozenset())
    with pytest.raises(InputError, match=r"none of 14 features passes \(ICC 1\); lower"):
        fit_binary_chain(table, event, FEW, gate=nothing)


def test_what_is_written_into_a_folds_patients_leaves_no_trace_in_its_signature():
    table, event = cohort(n=80)
    first = cross_fit_binary_chain(table, event, FEW, n_folds=3)
    for fold in range(3):
        out = first.part == fold
        values = table.values.copy()
        values[out] = np.random.default_rng(fold).normal(50, 1000, values[out].shape)
        second = cross_fit_binary_chain(replace(table, values=values), event, FEW, n_folds=3)
        assert second.results[fold].to_json() == first.results[fold].to_json()
        assert not np.array_equal(second.linear_predictor[out], first.linear_predictor[out])
        np.testing.assert_array_equal(
            first.linear_predictor[out],
            first.results[fold].signature.score(table.subset(out)),
        )
    assert first.frequency()["f1"] == 1


def area(score, event):
    return (score[event][:, None] > score[~event][None]).mean()


def test_noise_looks_good_on_its_own_patients_and_not_outside():
    """As in the paper: 0.819 in training, 0.568 outside."""
    settings = replace(FEW, n_features=8)
    inside, outside = [], []
    for seed in range(5):
        table, event = cohort(n=100, p=200, effect=0.0, seed=seed)
        inside.append(area(fit_binary_chain(table, event, settings).signature.score(table), event))
        fitted = cross_fit_binary_chain(table, event, settings, n_folds=4)
        outside += [
            area(fitted.linear_predictor[fitted.part == k], event[fitted.part == k])
            for k in range(4)
        ]
    assert np.mean(inside) > 0.75
    assert abs(np.mean(outside) - 0.5) < 0.08


def test_a_signature_comes_back_from_its_parts():
    table, event = cohort()
    result = fit_binary_chain(table, event, FEW)
    data = json.loads(json.dumps(result.to_json(), allow_nan=False))
    chosen, again = binary_chain_from_parts(data, result.signature.tensors())
    assert chosen == FEW
    np.testing.assert_array_equal(again.probability(table), result.signature.probability(table))
    without = {k: v for k, v in result.signature.tensors().items() if k != "intercept"}
    with pytest.raises(BundleError, match="there is no intercept"):
        BinarySignature.from_tensors(result.signature.names, without)
    with pytest.raises(BundleError, match="describes no signature"):
        binary_chain_from_parts({}, {})


def test_what_cannot_be_selected_from_is_refused():
    table, event = cohort()
    with pytest.raises(StatisticsError, match="4 of 120 patients have the event: of either kind"):
        fit_binary_chain(table, np.arange(120) < 4)
    with pytest.raises(InputError, match="leave out patients of whom it is not known"):
        fit_binary_chain(table, np.where(event, 1.0, np.nan))
    with pytest.raises(InputError, match=r"120 patients but events of shape \(7,\)"):
        fit_binary_chain(table, event[:7])
    with pytest.raises(InputError, match="mRMR takes one feature or more"):
        BinaryChainSettings(n_features=0)
    with pytest.raises(InputError, match="no mRMR scheme is called 'X'"):
        BinaryChainSettings(scheme="X")

    def cancel(fraction, message):
        raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        fit_binary_chain(table, event, FEW, progress=cancel)
