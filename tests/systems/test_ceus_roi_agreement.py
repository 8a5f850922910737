"""Repeated outlines: every feature's ICC is that of stats, and only what repeats passes the gate."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import InputError, StatisticsError, TableError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.survival_chain import fit_survival_chain
from hccsurv_core.models.survival_chain_settings import SurvivalChainSettings
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.intraclass import intraclass_correlations
from hccsurv_core.systems.ceus.roi_agreement import compare_outlines


def table(values, ids=None, names=None):
    n, p = values.shape
    return FeatureTable(
        tuple(ids or (f"P{k}" for k in range(n))), tuple(names or (f"f{k}" for k in range(p))),
        values,
    )  # fmt: skip


def outlines(n=60, p=6, seed=0):
    """Features that repeat ever less, with large means, some shifted by the second outline."""
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(n, p)) + 1000.0
    noise = np.linspace(0.1, 2.0, p)
    first = own + noise * rng.normal(size=(n, p))
    second = own + noise * rng.normal(size=(n, p)) + np.where(np.arange(p) % 2, 0.8, 0.0)
    return first, second


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 9999), st.integers(5, 40), st.floats(0, 0.2))
def test_each_feature_has_the_coefficients_and_intervals_of_stats(seed, n, lost):
    first, second = outlines(n, seed=seed)
    rng = np.random.default_rng(seed)
    first[rng.random(first.shape) < lost] = np.nan
    found = compare_outlines(table(first), table(second))
    for k in range(6):
        both = np.isfinite(first[:, k])
        assert found.n[k] == both.sum()
        if both.sum() < 5:
            assert np.isnan(found.absolute.value[k])
            continue
        peer = intraclass_correlations(np.column_stack([first[both, k], second[both, k]]))
        for form, ours in (("ICC(2,1)", found.absolute), ("ICC(3,1)", found.consistency)):
            e = peer[form].estimate
            expected = [e.value, e.ci_low, e.ci_high]
            got = [ours.value[k], ours.ci_low[k], ours.ci_high[k]]
            np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-9)


def test_patients_and_features_are_matched_by_name():
    first, second = outlines()
    whole = compare_outlines(table(first), table(second))
    order = np.random.default_rng(0).permutation(60)
    turned = table(
        second[order][:, ::-1], [f"P{k}" for k in order], [f"f{k}" for k in range(5, -1, -1)]
    )
    again = compare_outlines(table(first), turned)
    np.testing.assert_allclose(again.absolute.value, whole.absolute.value, rtol=1e-9)
    part = compare_outlines(table(first), table(second).subset(np.arange(40)))
    assert (part.n_patients, part.n_left_out) == (40, 20)


def test_a_shift_counts_against_absolute_agreement_alone():
    first, _ = outlines()
    second = first + 0.5
    found = compare_outlines(table(first), table(second))
    np.testing.assert_allclose(found.consistency.value, 1.0)
    assert (found.absolute.value < 0.98).all()
    # With two outlines a shift rests on one degree of freedom: the interval says so.
    assert (found.absolute.ci_low < 0.1).all()
    np.testing.assert_allclose(found.shift, 0.5 / first.std(axis=0, ddof=1), rtol=1e-6)


def test_complete_agreement_constant_and_missing_features():
    first, second = outlines()
    second[:, 0] = first[:, 0]
    first[:, 1] = second[:, 1] = 7.3
    first[:, 2] = np.nan
    found = compare_outlines(table(first), table(second))
    assert found.absolute.value[0] == found.absolute.ci_low[0] == found.absolute.ci_high[0] == 1
    assert np.isnan(found.absolute.value[1:3]).all()
    assert found.n_undefined == 2
    assert found.table()[1]["icc_a1"] is None
    assert found.words().endswith("2 features have none.")
    json.dumps(found.to_json(), allow_nan=False)
    assert not {"f1", "f2"} & found.gate(-1.0).kept


def test_counts_and_the_gate_judge_by_the_lower_bound():
    first, second = outlines(n=80, p=40)
    found = compare_outlines(table(first), table(second))
    row = found.summary()[0]
    assert (row["form"], row["above"]) == ("ICC(A,1)", 0.75)
    assert row["n"] == (found.absolute.value > 0.75).sum() > row["n_by_bound"] > 0
    gate = found.gate(0.75)
    assert len(gate.kept) == row["n_by_bound"]
    assert gate.kept < found.gate(0.75, form="ICC(C,1)").kept
    assert gate.rule == (
        "ICC(A,1) of 80 patients outlined twice, lower bound of the 95 % interval 0.75 or more"
    )
    for name in gate.kept:
        assert found.absolute.ci_low[found.names.index(name)] >= 0.75


def test_a_chain_starts_with_what_repeats():
    rng = np.random.default_rng(2)
    first, second = outlines(n=80, p=8)
    gate = compare_outlines(table(first), table(second)).gate(0.6)
    outcome = SurvivalOutcome(rng.exponential(np.exp(-(first[:, 7] - 1000) / 2)), np.ones(80, bool))
    given_ = FeatureTable(table(first).patient_ids, table(first).names, first, outcome)
    settings_ = SurvivalChainSettings(n_folds=4, n_penalties=10)
    assert "f7" in fit_survival_chain(given_, settings_).signature.names
    result = fit_survival_chain(given_, settings_, gate=gate)
    assert result.steps[0].after == len(gate.kept) < 8
    assert next(f for f in result.features if f.name == "f7").left_at == "repeatability"


def test_what_cannot_be_compared_is_refused():
    first, second = outlines()
    with pytest.raises(StatisticsError, match="0 patients are outlined twice, at least 5"):
        compare_outlines(table(first), table(second, [f"Q{k}" for k in range(60)]))
    with pytest.raises(TableError, match="1 of 6 features are not in the table: f5"):
        compare_outlines(table(first), table(second[:, :5]))
    found = compare_outlines(table(first), table(second))
    with pytest.raises(InputError, match=r"no form is called 'ICC\(1\)'"):
        found.gate(form="ICC(1)")
    with pytest.raises(InputError, match="an ICC lies between −1 and 1, got 75"):
        found.gate(75)
