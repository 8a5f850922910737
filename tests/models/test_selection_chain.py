"""The selection chain against lifelines and scikit-survival, and where it finds nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import CoxPHFitter

from hccsurv_core.errors import BundleError, CancelledError, InputError, StatisticsError, TableError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.selection_chain import (
    SelectionSettings,
    Signature,
    fit_selection,
    signature_from_parts,
)
from hccsurv_core.models.selection_chain_filters import filter_correlated, univariate_cox
from hccsurv_core.models.selection_chain_folds import cross_fit_selection
from hccsurv_core.outcome import SurvivalOutcome

FEW = SelectionSettings(n_folds=5, n_penalties=30)


def cohort(n=120, p=12, effect=0.9, seed=0, tied=False) -> FeatureTable:
    """The first two features carry the hazard, the third is nearly the first, the rest is noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p))
    x[:, 2] = x[:, 0] + 0.2 * rng.normal(size=n)
    time = 20 * rng.exponential(np.exp(-effect * x[:, 0] + effect * x[:, 1]))
    follow_up = rng.exponential(40, n)
    seen = np.minimum(time, follow_up)
    return FeatureTable(
        tuple(f"P{k}" for k in range(n)), tuple(f"f{k}" for k in range(p)), x * 3.0 + 100.0,
        SurvivalOutcome(np.ceil(seen) if tied else seen, time <= follow_up),
    )  # fmt: skip


@pytest.mark.parametrize("tied", [False, True])
def test_univariate_results_equal_lifelines(tied):
    table = cohort(tied=tied)
    found = {f.name: f for f in fit_selection(table, FEW).features}
    z = (table.values - table.values.mean(0)) / table.values.std(0)
    for k, name in enumerate(table.names):
        if found[name].p_value is None:
            continue
        peer = CoxPHFitter().fit(
            pd.DataFrame(
                {"x": z[:, k], "t": table.outcome.time_months, "e": table.outcome.event}
            ), "t", "e", fit_options={"precision": 1e-12, "r_precision": 1e-14},
        )  # fmt: skip
        row = peer.summary.loc["x"]
        assert found[name].p_value == pytest.approx(row["p"], rel=1e-4, abs=1e-12)
        assert found[name].hazard_ratio == pytest.approx(row["exp(coef)"], rel=1e-4)
        assert found[name].ci_low == pytest.approx(row["exp(coef) lower 95%"], rel=1e-4)
        assert found[name].ci_high == pytest.approx(row["exp(coef) upper 95%"], rel=1e-4)


def test_every_feature_has_its_fate_and_every_step_its_count():
    result = fit_selection(cohort(), FEW)
    fate = {f.name: f for f in result.features}
    assert list(fate) == list(cohort().names)
    twin = fate["f0"] if fate["f0"].left_at == "correlation" else fate["f2"]
    assert {twin.name, twin.stands_for} == {"f0", "f2"}
    assert twin.r == pytest.approx(np.corrcoef(cohort().values[:, [0, 2]].T)[0, 1], abs=1e-6)
    assert fate["f1"].left_at == "selected"
    assert fate["f1"].coef < 0
    selected = {n for n, f in fate.items() if f.left_at == "selected"}
    assert selected == set(result.signature.names) == {n for n, f in fate.items() if f.coef}
    counts = [(s.name, s.before, s.after) for s in result.steps]
    assert counts[:2] == [("constant", 12, 12), ("correlation", 12, 11)]
    assert counts[2][1] == 11
    assert counts[3][1] == counts[2][2]
    assert counts[3][2] == len(selected)
    for f in result.features:
        if f.left_at == "univariate":
            assert f.p_value >= 0.05
        if f.left_at in ("lasso", "selected"):
            assert f.p_value < 0.05
    assert (
        result.words
        == f"{len(selected)} of 12 features, from 120 patients with {result.n_events} events."
    )
    assert len(result.table()) == 12


def test_the_score_ranks_new_patients_higher_is_worse():
    result = fit_selection(cohort(effect=1.2), FEW)
    new = cohort(effect=1.2, seed=1)
    truth = new.values[:, 0] - new.values[:, 1]
    assert np.corrcoef(result.signature.score(new), truth)[0, 1] > 0.8
    # Columns may come in any order, among others.
    shuffled = new.columns(tuple(reversed(new.names)))
    np.testing.assert_array_equal(result.signature.score(new), result.signature.score(shuffled))
    only = new.columns(result.signature.names)
    np.testing.assert_array_equal(
        result.signature.score(new), result.signature.linear_predictor(only.values)
    )


def test_the_score_is_the_sum_of_the_listed_coefficients():
    table = cohort()
    result = fit_selection(table, FEW)
    z = np.clip((table.values - table.values.mean(0)) / table.values.std(0), -5, 5)
    coef = np.array([f.coef for f in result.features])
    np.testing.assert_allclose(result.signature.score(table), z @ coef, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rule", ["min", "1se"])
def test_it_is_the_same_every_time_on_any_scale_and_in_any_order_of_columns(rule):
    table, chosen = cohort(), replace(FEW, penalty=rule)
    first = fit_selection(table, chosen)
    assert fit_selection(table, chosen).to_json() == first.to_json()
    scaled = replace(table, values=table.values * np.linspace(0.1, 9, 12) - 7)
    order = np.random.default_rng(0).permutation(12)
    turned = table.columns([table.names[k] for k in order])
    for other in (scaled, turned):
        again = fit_selection(other, chosen)
        assert set(again.signature.names) == set(first.signature.names)
        np.testing.assert_allclose(
            again.signature.score(other), first.signature.score(table), atol=1e-5
        )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 14), st.floats(0.3, 0.95))
def test_of_features_that_stay_no_two_correlate_and_those_that_go_have_one_that_stays(
    seed, p, limit
):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(40, 4)) @ rng.normal(size=(4, p)) + 0.3 * rng.normal(size=(40, p))
    found = filter_correlated(x, limit)
    r = np.corrcoef(x.T)
    among = np.abs(r[np.ix_(found.kept, found.kept)]) - np.eye(found.kept.sum())
    assert (among < limit + 1e-8).all()
    for k in np.flatnonzero(~found.kept):
        other = found.stands_for[k]
        assert found.kept[other]
        assert found.r[k] == pytest.approx(r[k, other], abs=1e-8)
        assert abs(found.r[k]) >= limit - 1e-8
    assert (found.stands_for[found.kept] == -1).all()


def test_of_a_pair_the_more_redundant_goes_and_of_twins_the_second():
    rng = np.random.default_rng(0)
    base = rng.normal(size=(400, 2))
    middle = base.sum(1)  # correlates with both, 0.71 each; they do not with each other
    found = filter_correlated(np.column_stack([middle, base]), 0.6)
    assert found.kept.tolist() == [False, True, True]
    twins = np.column_stack([base[:, 0], base[:, 1], base[:, 0], -base[:, 1]])
    found = filter_correlated(twins, 0.8)
    assert found.kept.tolist() == [True, True, False, False]
    assert found.stands_for.tolist() == [-1, -1, 0, 1]
    assert found.r[2:].tolist() == [1.0, -1.0]


def test_constant_missing_and_repeated_features_are_named():
    table = cohort()
    values = np.column_stack(
        [table.values, np.full(120, 4.0), np.full(120, np.nan), table.values[:, 1]]
    )
    values[3:40, 5] = np.nan
    result = fit_selection(
        replace(table, names=(*table.names, "flat", "none", "again"), values=values), FEW
    )
    fate = {f.name: f for f in result.features}
    assert fate["flat"].left_at == fate["none"].left_at == "constant"
    assert fate["again"].left_at == "correlation"
    assert (fate["again"].stands_for, fate["again"].r) == ("f1", 1.0)
    assert result.steps[0].words == "2 features never vary"
    assert fate["f5"].p_value is not None
    assert np.isfinite(
        result.signature.score(replace(table, values=np.full((120, 12), np.nan)))
    ).all()


def test_a_feature_that_orders_the_deaths_perfectly_is_kept_and_told():
    rng = np.random.default_rng(0)
    x = np.column_stack([np.linspace(-1, 1, 40), rng.normal(size=(40, 3))])
    table = FeatureTable(
        tuple(map(str, range(40))), tuple("abcd"), x,
        SurvivalOutcome(np.arange(40.0, 0, -1), np.ones(40, bool)),
    )  # fmt: skip
    result = fit_selection(table, FEW)
    assert result.features[0].infinite
    assert result.features[0].hazard_ratio is None
    assert result.features[0].p_value < 1e-10
    assert result.signature.names == ("a",)
    assert result.signature.coef[0] > 0


def test_where_no_feature_passes_the_signature_is_empty_and_says_why():
    result = fit_selection(cohort(), replace(FEW, p_value=1e-12))
    assert result.signature.is_empty
    assert result.lasso is None
    assert result.words.startswith("The signature is empty: no feature has p < 1e-12 on its own")
    np.testing.assert_array_equal(result.signature.score(cohort(n=7)), np.zeros(7))
    assert result.signature.linear_predictor(np.empty((4, 0))).tolist() == [0, 0, 0, 0]


def test_where_the_lasso_keeps_nothing_the_signature_is_empty_and_says_why():
    noise = cohort(effect=0.0, p=30, seed=5)
    result = fit_selection(noise, replace(FEW, p_value=0.5, penalty="1se"))
    assert result.steps[-1].name == "lasso"
    assert result.signature.is_empty
    assert result.words == (
        "The signature is empty: cross-validation found no combination of features better than none."
    )
    assert {f.left_at for f in result.features} >= {"univariate", "lasso"}


def test_in_noise_as_many_pass_the_univariate_step_as_chance_says():
    rng = np.random.default_rng(1)
    table = cohort(n=150)
    found = univariate_cox(rng.normal(size=(150, 400)), table.outcome)
    passed = int((found.p_value < 0.05).sum())
    assert 6 <= passed <= 36  # 20 ± 16, nearly four standard deviations
    result = fit_selection(replace(table, values=rng.normal(size=(150, 12))), FEW)
    assert result.steps[2].by_chance == pytest.approx(0.05 * result.steps[2].before)


def test_test_rows_leave_no_trace_in_what_is_fitted():
    """Whatever is written into a fold's patients, that fold's signature stays the same."""
    table = cohort()
    first = cross_fit_selection(table, FEW, n_folds=4)
    for fold in range(4):
        out = first.part == fold
        values = table.values.copy()
        values[out] = np.random.default_rng(fold).normal(50, 1000, values[out].shape)
        time = table.outcome.time_months.copy()
        time[out] = time[out][::-1] * 3 + 1
        changed = replace(table, values=values, outcome=SurvivalOutcome(time, table.outcome.event))
        second = cross_fit_selection(changed, FEW, n_folds=4)
        np.testing.assert_array_equal(first.part, second.part)
        assert second.results[fold].to_json() == first.results[fold].to_json()
        for name, array in first.results[fold].signature.tensors().items():
            np.testing.assert_array_equal(second.results[fold].signature.tensors()[name], array)
        assert not np.array_equal(second.linear_predictor[out], first.linear_predictor[out])


def test_out_of_fold_scores_are_those_of_the_other_folds_signature():
    table = cohort()
    found = cross_fit_selection(table, FEW, n_folds=3, seed=4)
    for fold, result in enumerate(found.results):
        out = found.part == fold
        np.testing.assert_array_equal(
            found.linear_predictor[out], result.signature.score(table.subset(out))
        )
        assert result.n == (~out).sum()
    events = [table.outcome.event[found.part == k].sum() for k in range(3)]
    assert max(events) - min(events) <= 1
    assert list(found.frequency().values()) == sorted(found.frequency().values(), reverse=True)
    assert found.frequency()["f1"] == 1
    assert found.to_json()["n_folds"] == 3


def concordance(score: np.ndarray, outcome: SurvivalOutcome) -> float:
    """Harrell's C, pair by pair."""
    pairs = (outcome.time_months[:, None] < outcome.time_months[None]) & outcome.event[:, None]
    higher, equal = score[:, None] > score[None], score[:, None] == score[None]
    return float((higher + 0.5 * equal)[pairs].mean())


def test_noise_looks_good_on_its_own_patients_and_not_outside():
    inside, outside = [], []
    for seed in range(8):
        noise = cohort(n=100, p=200, effect=0.0, seed=seed)
        own = fit_selection(noise, FEW).signature.score(noise)
        inside.append(concordance(own, noise.outcome))
        left_out = cross_fit_selection(noise, FEW, n_folds=4).linear_predictor
        outside.append(concordance(left_out, noise.outcome))
    assert np.mean(inside) > 0.7
    assert abs(np.mean(outside) - 0.5) < 0.05


def test_a_signature_comes_back_from_its_parts():
    table = cohort()
    result = fit_selection(table, FEW)
    data = json.loads(json.dumps(result.to_json(), allow_nan=False))
    chosen, again = signature_from_parts(data, result.signature.tensors())
    assert chosen == FEW
    assert again.names == result.signature.names
    np.testing.assert_array_equal(again.score(table), result.signature.score(table))
    empty = fit_selection(table, replace(FEW, p_value=1e-12))
    assert signature_from_parts(empty.to_json(), empty.signature.tensors())[1].is_empty
    with pytest.raises(BundleError, match="describes no signature"):
        signature_from_parts({"selected": []}, {})
    with pytest.raises(BundleError, match="array 'coef' is missing"):
        Signature.from_tensors((), {})
    with pytest.raises(BundleError, match="2 features but 3 weights"):
        Signature.from_tensors(
            result.signature.names[:2], {**result.signature.tensors(), "coef": np.ones(3)}
        )


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            lambda t: replace(
                t, outcome=SurvivalOutcome(t.outcome.time_months, np.arange(120) < 4)
            ),
            StatisticsError,
            "4 events among 120 patients are too few to select by; give more patients",
        ),
        (lambda t: replace(t, outcome=None), TableError, "there is no outcome"),
        (
            lambda t: replace(t, values=np.ones((120, 12))),
            StatisticsError,
            "no feature differs between the training patients",
        ),
    ],
)
def test_what_cannot_be_selected_from_is_refused(change, error, message):
    with pytest.raises(error, match=message):
        fit_selection(change(cohort()), FEW)


def test_one_fold_is_no_cross_fitting_and_work_can_be_cancelled():
    with pytest.raises(InputError, match="1 folds cannot leave anybody out"):
        cross_fit_selection(cohort(), FEW, n_folds=1)

    def cancel(fraction, message):
        raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        fit_selection(cohort(), FEW, progress=cancel)


def test_a_missing_column_is_named_when_scoring():
    result = fit_selection(cohort(), FEW)
    lacking = cohort().columns(("f3", "f4"))
    with pytest.raises(
        TableError, match=f"features are not in the table: {result.signature.names[0]}"
    ):
        result.signature.score(lacking)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"correlation": 0.0}, "correlation and p-value lie between 0 and 1"),
        ({"p_value": 1.5}, "correlation and p-value lie between 0 and 1"),
        ({"n_folds": 2}, "there are 3 folds and 2 penalties or more"),
        ({"smallest_penalty": 1.0}, "smallest penalty is 0.0001 of the largest or more"),
        ({"penalty": "2se"}, "no rule for the penalty is called '2se'; use min or 1se"),
    ],
)
def test_impossible_settings_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        SelectionSettings(**values)
