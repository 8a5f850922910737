"""Cox regression where sums could drown in each other, or overflow: the answer must not change."""

import warnings

import numpy as np
import pytest

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.coxph import fit_cox
from hccsurv_core.models.proportional_hazards import check_proportional_hazards
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.fine_gray import fit_fine_gray


def two_strata(n=200, seed=5):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    time = np.round(rng.exponential(np.exp(-x)), 2) + 0.01
    return x, np.repeat([0, 1], n // 2), SurvivalOutcome(time, rng.random(n) < 0.7)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("shift", [20, 40, -40, 1000])
def test_strata_at_different_levels_of_a_covariate_change_nothing(shift, ties):
    # Patients are compared within their stratum only, so adding a number to a whole stratum is
    # nothing; but its relative risks are then e^20 or e^1000 times those of the other one.
    x, strata, outcome = two_strata()
    plain = fit_cox(x, outcome, strata=strata, ties=ties, robust=True)
    moved = fit_cox(x + shift * strata, outcome, strata=strata, ties=ties, robust=True)
    assert moved.infinite == ()
    assert moved.coef == pytest.approx(plain.coef, rel=1e-8)
    assert moved.std_error == pytest.approx(plain.std_error, rel=1e-8)
    assert moved.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-9)
    tests = [
        check_proportional_hazards(model, covariate, outcome, strata=strata).tests[0].statistic
        for model, covariate in ((plain, x), (moved, x + shift * strata))
    ]
    assert tests[1] == pytest.approx(tests[0], rel=1e-6)
    assert moved.predict_survival([[0.3 + shift]], [0.5, 1], strata=1) == pytest.approx(
        plain.predict_survival([[0.3]], [0.5, 1], strata=1), rel=1e-8
    )


def newton_by_hand(x, time, event):
    """One covariate, no ties: coefficient and error from sums over each risk set on its own."""
    coef = 0.0
    for _ in range(100):
        score = information = 0.0
        for i in np.flatnonzero(event):
            members = x[time >= time[i]]
            risk = np.exp(coef * (members - members.max()))
            mean = (risk * members).sum() / risk.sum()
            score += x[i] - mean
            information += (risk * (members - mean) ** 2).sum() / risk.sum()
        step = np.clip(score / information, -2, 2)
        coef += step
        if abs(step) < 1e-12:
            break
    return coef, information**-0.5


def test_a_covariate_that_almost_orders_the_times_has_its_estimate():
    # A hazard ratio of e^66 a unit: later risk sets are e^-300 of the first.
    rng = np.random.default_rng(5)
    x = rng.normal(size=200)
    time = np.argsort(np.argsort(-x + 0.02 * rng.normal(size=200))) + 1.0
    model = fit_cox(x, SurvivalOutcome(time, np.ones(200)))
    coef, error = newton_by_hand(x, time, np.ones(200, bool))
    assert model.infinite == ()
    assert model.coef[0] == pytest.approx(coef, rel=1e-8)
    assert model.std_error[0] == pytest.approx(error, rel=1e-6)


@pytest.mark.parametrize("offset", [1e4, -1e5, 1e6])
def test_covariates_far_from_zero_predict_as_if_they_were_near(offset):
    # A patient of zeros has e^(coefficient·offset) times the hazard of the mean one: 0 or infinite.
    rng = np.random.default_rng(1)
    x = rng.normal(size=(100, 1))
    outcome = SurvivalOutcome(rng.exponential(10 * np.exp(-x[:, 0])), rng.random(100) < 0.8)
    near, far = fit_cox(x, outcome), fit_cox(x + offset, outcome)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        predicted = far.predict_survival(x[:4] + offset, [2, 5, 20])
    assert predicted == pytest.approx(near.predict_survival(x[:4], [2, 5, 20]), rel=1e-6)


def test_fine_gray_predicts_far_from_zero_too():
    from hccsurv_core.outcome import CompetingOutcome

    rng = np.random.default_rng(2)
    x = rng.normal(size=(150, 1))
    time = rng.exponential(10 * np.exp(-x[:, 0]))
    outcome = CompetingOutcome(time, rng.choice(3, 150, p=[0.3, 0.4, 0.3]))
    near, far = fit_fine_gray(x, outcome), fit_fine_gray(x + 1e4, outcome)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        predicted = far.predict_cumulative_incidence(x[:4] + 1e4, [2, 5])
    assert predicted == pytest.approx(near.predict_cumulative_incidence(x[:4], [2, 5]), rel=1e-6)


def test_nearly_collinear_covariates_are_not_called_infinite():
    rng = np.random.default_rng(3)
    a = rng.normal(size=400)
    x = np.column_stack([a, a + 1e-4 * rng.normal(size=400)])
    outcome = SurvivalOutcome(rng.exponential(np.exp(-a)), rng.random(400) < 0.7)
    model = fit_cox(x, outcome)
    assert model.infinite == ()
    difference = fit_cox(np.column_stack([x[:, 0], 1e4 * (x[:, 1] - x[:, 0])]), outcome)
    assert model.coef[1] == pytest.approx(1e4 * difference.coef[1], rel=1e-5)


def test_cluster_codes_may_be_long_numbers():
    # Registry numbers as codes must not be taken for positions in an array of a billion rows.
    x, _, outcome = two_strata(60)
    cluster = np.repeat(np.arange(20), 3)
    far = fit_cox(x, outcome, cluster=cluster + 9_000_000_000)
    assert far.std_error == pytest.approx(fit_cox(x, outcome, cluster=cluster).std_error)


def test_a_covariate_that_never_differs_at_an_event_is_refused():
    # The only event happens when one patient is left; R answers NA, which is no estimate.
    with pytest.raises(StatisticsError, match=r"age: is the same in everybody at risk whenever"):
        fit_cox([1.0, 2, 3], SurvivalOutcome([1, 2, 3], [0, 0, 1]), names=["age"])
    # Stage is constant within each stratum.
    x, strata, outcome = two_strata(60)
    with pytest.raises(StatisticsError, match="stage: has the same value in every patient of each"):
        fit_cox(np.column_stack([x, strata]), outcome, strata=strata, names=["age", "stage"])


def test_a_stratum_without_events_predicts_survival():
    x, strata, outcome = two_strata(60)
    nobody = SurvivalOutcome(outcome.time_months, outcome.event & (strata == 0))
    model = fit_cox(x, nobody, strata=strata)
    assert model.predict_survival([[0.0]], [1.0], strata=1) == pytest.approx(1.0)
    with pytest.raises(InputError, match="the model has no stratum 2"):
        model.predict_survival([[0.0]], [1.0], strata=2)


def test_one_event_time_is_no_test_of_proportional_hazards():
    x, _, outcome = two_strata(60)
    once = SurvivalOutcome(outcome.time_months, np.arange(60) == 7)
    check = check_proportional_hazards(fit_cox(x, once), x, once)
    assert np.isnan([test.p for test in check.tests]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": ["a"] * 60}, "x: must be numbers"),
        ({"weights": ["a"] * 60}, "weights: must be numbers"),
        ({"strata": [None] * 60}, "strata: a code is missing"),
        ({"strata": np.array([1, "a"] * 30, dtype=object)}, "strata: codes mix text and numbers"),
        ({"cluster": [np.nan] * 60}, "cluster: a code is missing"),
        ({"cluster": [1, 2]}, r"cluster: 60 patients but codes of shape \(2,\)"),
    ],
)
def test_what_is_no_number_or_code_is_refused(change, message):
    x, _, outcome = two_strata(60)
    with pytest.raises(InputError, match=message):
        fit_cox(**{"x": x, "outcome": outcome, **change})


def test_predictions_check_what_they_are_asked():
    x, _, outcome = two_strata(60)
    model = fit_cox(np.column_stack([x, x**2]), outcome, names=["age", "age²"])
    for arguments, message in (
        (([[1.0, np.nan]], [1]), "age²: 1 values are missing"),
        (([[1.0]], [1]), "1 covariates given, the model has 2: age, age²"),
        (([[1.0, 2]], ["soon"]), "eval_times: must be numbers"),
        (([[1.0, 2]], [1], [0, 0]), r"1 patients but strata \(2,\)"),
    ):
        with pytest.raises(InputError, match=message):
            model.predict_survival(*arguments)
    with pytest.raises(InputError, match="a confidence level must lie between 0 and 1, got 95"):
        model.ci(95)
