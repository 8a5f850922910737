"""Fine-Gray regression against cmprsk, Cox regression, and a direct reading of the paper."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.coxph import fit_cox
from hccsurv_core.outcome import CompetingOutcome, SurvivalOutcome
from hccsurv_core.stats import subdistribution
from hccsurv_core.stats.fine_gray import fit_fine_gray

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
R = json.loads((REFERENCE / "competing_risks.json").read_text(encoding="utf-8"))["fine_gray"]


def mgus2() -> tuple[np.ndarray, CompetingOutcome, pd.DataFrame]:
    """1 = malignancy, 2 = death without it; whole months, so many ties."""
    data = pd.read_csv(REFERENCE / "data" / "mgus2.csv")
    data = data.dropna(subset=["age", "hgb", "creat", "mspike"])
    time = np.where(data.pstat == 0, data.futime, data.ptime)
    cause = np.where(data.pstat == 0, 2 * data.death, 1)
    x = np.column_stack([data.age, data.sex == "M", data.hgb, data.creat, data.mspike])
    return x.astype(float), CompetingOutcome(time, cause, ("malignancy", "death")), data


def pbc() -> tuple[np.ndarray, CompetingOutcome]:
    """1 = transplantation (25 events), 2 = death."""
    data = pd.read_csv(REFERENCE / "data" / "pbc.csv")
    data = data.dropna(subset=["age", "bili", "albumin", "protime", "edema"])
    x = np.column_stack(
        [data.age - 50, np.log(data.bili), data.albumin - 3.5, data.protime - 10.5, data.edema]
    )
    return x, CompetingOutcome(data.time, data.status)


def simulated(seed: int, n: int, *, two_kinds_of_censoring: bool = False):
    """Untied times; with ``two_kinds_of_censoring`` group 1 is censored early."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 2, n)
    x = np.column_stack([rng.standard_normal(n) + 0.7 * group, rng.integers(0, 2, n)])
    time = rng.exponential(10 * np.exp(-0.4 * x[:, 0]))
    mean = np.where(group == 1, 5.0, 40.0) if two_kinds_of_censoring else 20.0
    censoring = rng.exponential(mean, n)
    cause = np.where(time < censoring, np.where(rng.random(n) < 0.4, 1, 2), 0)
    return x, CompetingOutcome(np.minimum(time, censoring), cause), group


def jumps_at_zero(model) -> np.ndarray:
    """Baseline jumps as crr has them: of a patient of zeros, not of the mean patient."""
    jumps = np.diff(np.concatenate(([0.0], model.baseline.cumulative_hazard)))
    return jumps * np.exp(-model.means @ model.coef)


@pytest.mark.parametrize(
    ("name", "cause"), [("mgus2_1", 1), ("mgus2_2", 2), ("pbc_1", 1), ("pbc_2", 2)]
)
def test_cmprsk_crr(name, cause):
    x, outcome = mgus2()[:2] if name.startswith("mgus2") else pbc()
    expected = R[name]
    model = fit_fine_gray(x, outcome, cause=cause)
    np.testing.assert_allclose(model.coef, expected["coef"], rtol=1e-9)
    np.testing.assert_allclose(model.std_error, expected["std_error"], rtol=1e-9)
    np.testing.assert_allclose(model.covariance, expected["variance"], rtol=1e-7)
    assert model.log_likelihood == pytest.approx(expected["log_likelihood"], rel=1e-12)
    assert model.log_likelihood_null == pytest.approx(expected["log_likelihood_null"], rel=1e-12)
    np.testing.assert_allclose(model.baseline.time_months, expected["time"])
    np.testing.assert_allclose(jumps_at_zero(model), expected["jump"], rtol=1e-9)


def test_cmprsk_predictions():
    x, outcome, _ = mgus2()
    expected = R["mgus2_1"]
    model = fit_fine_gray(x, outcome)
    predicted = model.predict_cumulative_incidence(expected["predict_x"], expected["time"])
    np.testing.assert_allclose(predicted, expected["predicted"], rtol=1e-9)


def test_cmprsk_censoring_groups():
    """Coefficients and baseline equal; of standard errors see the next test."""
    x, outcome, data = mgus2()
    expected = R["mgus2_groups"]
    model = fit_fine_gray(x, outcome, censoring_groups=data.sex)
    np.testing.assert_allclose(model.coef, expected["coef"], rtol=1e-9)
    np.testing.assert_allclose(jumps_at_zero(model), expected["jump"], rtol=1e-9)
    np.testing.assert_allclose(model.std_error, expected["std_error"], rtol=0.005)
    assert np.abs(model.coef / fit_fine_gray(x, outcome).coef - 1).max() > 1e-4


def directly(x, outcome, group, weights) -> np.ndarray:
    """The weighted estimate by its definition, patient by patient; untied times, no shortcuts.

    Censoring is exp(−Nelson-Aalen) here: its derivative by case weights is exactly the
    martingale integral of Fine & Gray's ψ, which Kaplan-Meier's is up to 1/n.
    """
    order = np.argsort(outcome.time_months)
    time, cause = outcome.time_months[order], outcome.cause[order]
    z, group, w = x[order], group[order], weights[order]
    n = time.size
    g_before = np.ones((2, n))
    for k in (0, 1):
        current = 1.0
        for i in range(n):
            g_before[k, i] = current
            if cause[i] == 0 and group[i] == k:
                current *= np.exp(-w[i] / w[i:][group[i:] == k].sum())
    last = np.array([time[group == k].max(initial=0) for k in (0, 1)])
    events = np.flatnonzero(cause == 1)
    own_g = g_before[group, np.arange(n)]
    membership = np.array(
        [
            np.where(
                np.arange(n) >= i,
                1.0,
                (cause == 2) * (time[i] <= last[group]) * g_before[group, i] / own_g,
            )
            for i in events
        ]
    )
    coef = np.zeros(z.shape[1])
    for _ in range(25):
        risk = w * np.exp(z @ coef)
        share = membership * risk / (membership @ risk)[:, None]
        mean = share @ z
        score = w[events] @ (z[events] - mean)
        second = np.einsum("e,ei,ij,ik->jk", w[events], share, z, z)
        second -= (w[events][:, None] * mean).T @ mean
        coef = coef + np.linalg.solve(second, score)
    return coef


@pytest.mark.parametrize("grouped", [False, True])
def test_standard_errors_are_the_derivative_by_case_weights(monkeypatch, grouped):
    """Nudge each patient's weight, censoring estimate included."""

    def nelson_aalen(time, censored):
        times, first, counts = np.unique(time, return_index=True, return_counts=True)
        n_censored = np.add.reduceat(censored.astype(float), first)
        return times, np.exp(-np.cumsum(n_censored / np.cumsum(counts[::-1])[::-1]))

    monkeypatch.setattr(subdistribution, "_uncensored", nelson_aalen)
    x, outcome, group = simulated(1, 50, two_kinds_of_censoring=True)
    if not grouped:
        group = np.zeros_like(group)
    squares = np.zeros((2, 2))
    for i in range(50):
        nudge = 1e-4 * (np.arange(50) == i)
        up = directly(x, outcome, group, 1 + nudge)
        down = directly(x, outcome, group, 1 - nudge)
        derivative = (up - down) / 2e-4
        squares += np.outer(derivative, derivative)
    model = fit_fine_gray(x, outcome, censoring_groups=group)
    np.testing.assert_allclose(model.coef, directly(x, outcome, group, np.ones(50)), rtol=1e-8)
    np.testing.assert_allclose(model.covariance, squares, rtol=1e-5)


def test_without_competing_events_it_is_cox_with_robust_errors():
    x, outcome, _ = simulated(2, 200)
    only = CompetingOutcome(outcome.time_months, outcome.cause > 0)
    model = fit_fine_gray(x, only)
    cox = fit_cox(x, only.any_cause(), ties="breslow", robust=True)
    np.testing.assert_allclose(model.coef, cox.coef, rtol=1e-8)
    np.testing.assert_allclose(model.covariance, cox.covariance, rtol=1e-7)
    np.testing.assert_allclose(
        1 - model.predict_cumulative_incidence(x[:3], [1.0, 5.0]),
        cox.predict_survival(x[:3], [1.0, 5.0]),
        rtol=1e-8,
    )


def test_without_censoring_competing_events_never_leave():
    """Then it is a Cox model in which who had a competing event is followed to the end."""
    x, outcome, _ = simulated(3, 200)
    kept = outcome.cause > 0
    x, outcome = x[kept], outcome.subset(kept)
    forever = np.where(outcome.cause == 1, outcome.time_months, 1e6)
    cox = fit_cox(x, SurvivalOutcome(forever, outcome.cause == 1), ties="breslow", robust=True)
    model = fit_fine_gray(x, outcome)
    np.testing.assert_allclose(model.coef, cox.coef, rtol=1e-8)
    np.testing.assert_allclose(model.covariance, cox.covariance, rtol=1e-7)


def test_order_of_patients_and_units_do_not_matter():
    x, outcome, data = mgus2()
    order = np.random.default_rng(0).permutation(len(outcome))
    factor = np.array([0.1, 1, 10, 88.4, 1])
    moved = CompetingOutcome(outcome.time_months[order] / 12, outcome.cause[order])
    one, other = fit_fine_gray(x, outcome), fit_fine_gray(x[order] * factor, moved)
    np.testing.assert_allclose(other.coef * factor, one.coef, rtol=1e-8)
    np.testing.assert_allclose(other.p, one.p, rtol=1e-7)
    some = x[:4]
    np.testing.assert_allclose(
        other.predict_cumulative_incidence(some * factor, [5.0, 10.0]),
        one.predict_cumulative_incidence(some, [60.0, 120.0]),
        rtol=1e-8,
    )
    both = np.where(data.sex == "M", "b", "a")
    np.testing.assert_allclose(
        fit_fine_gray(x, outcome, censoring_groups=both).coef,
        fit_fine_gray(x, outcome, censoring_groups=both == "a").coef,
        rtol=1e-9,
    )


def test_predictions_rise_from_zero_and_stop_with_follow_up():
    x, outcome, _ = mgus2()
    model = fit_fine_gray(x, outcome, names=["age", "male", "hgb", "creat", "mspike"])
    last = outcome.time_months.max()
    curve = model.predict_cumulative_incidence(x[:5], [0.0, 12.0, 120.0, last, last + 1])
    assert (curve[:, 0] == 0).all()
    assert (np.diff(curve[:, :4], axis=1) >= 0).all() and (curve[:, 3] < 1).all()
    assert np.isnan(curve[:, 4]).all()


def test_report_is_plain_json():
    x, outcome, _ = mgus2()
    names = ["age", "male", "hgb", "creat", "mspike"]
    model = fit_fine_gray(x, outcome, names=names)
    report = json.loads(json.dumps(model.to_json(), allow_nan=False))
    assert [row["name"] for row in report["covariates"]] == names
    spike = report["covariates"][4]
    assert spike["ci_low"] < spike["hr"] < spike["ci_high"] and spike["p_text"] == "< 0.0001"
    assert report["n_events"] + report["n_competing"] == int((outcome.cause > 0).sum())
    np.testing.assert_allclose(model.hazard_ratio, np.exp(model.coef))


def test_a_group_without_events_has_no_finite_ratio_and_says_so():
    x, outcome, group = simulated(4, 120)
    spared = (group == 1) & (outcome.cause == 1)
    outcome = CompetingOutcome(outcome.time_months, np.where(spared, 2, outcome.cause))
    model = fit_fine_gray(np.column_stack([x, group]), outcome, names=["a", "b", "spared"])
    assert model.infinite == ("spared",)
    assert model.hazard_ratio[2] < 1e-6
    others = fit_fine_gray(x[group == 0], outcome.subset(group == 0))
    assert others.infinite == ()


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        (lambda x: x[:-1], {}, InputError, "must be 120 rows and at least one column, got .119"),
        (lambda x: x * np.nan, {}, InputError, "x1: 120 values are missing"),
        (lambda x: x[:, :0], {}, InputError, r"at least one column, got \(120, 0\)"),
        (lambda x: x.astype(str) + "?", {}, InputError, "x: must be numbers"),
        (lambda x: x * [1, 0], {}, StatisticsError, "x2: has the same value in every patient"),
        (lambda x: x[:, [0, 0]], {}, StatisticsError, "x2: follows from x1"),
        (lambda x: x, {"names": ["a"]}, InputError, "2 covariates but 1 names"),
        (lambda x: x, {"cause": 3}, InputError, "there is no cause 3; use 1 to 2"),
        (lambda x: x, {"censoring_groups": [1]}, InputError, "censoring_groups: 120 patients"),
    ],
)
def test_what_is_refused(change, options, error, message):
    x, outcome, _ = simulated(5, 120)
    with pytest.raises(error, match=message):
        fit_fine_gray(change(x), outcome, **options)


def test_no_events_of_the_cause_is_refused():
    with pytest.raises(StatisticsError, match="nobody had relapse; choose an endpoint"):
        fit_fine_gray(
            [[1.0], [2.0], [3.0]], CompetingOutcome([1, 2, 3], [2, 0, 2], ("relapse", "death"))
        )


def test_predictions_need_the_same_covariates():
    x, outcome, _ = simulated(6, 80)
    model = fit_fine_gray(x, outcome)
    with pytest.raises(InputError, match="3 covariates given, the model has 2: x1, x2"):
        model.predict_cumulative_incidence([[1, 2, 3]], [12])
