"""Labels at the horizon: who is known, and who stands for those who are not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter
from sksurv.nonparametric import CensoringDistributionEstimator
from sksurv.util import Surv

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.systems.treatment.cnn_labels import horizon_labels


def cohort(n=80, seed=0) -> SurvivalOutcome:
    rng = np.random.default_rng(seed)
    time, follow_up = rng.exponential(40, n), rng.uniform(5, 90, n)
    return SurvivalOutcome(np.minimum(time, follow_up), time <= follow_up)


def test_censored_before_the_horizon_is_neither_alive_nor_dead():
    outcome = SurvivalOutcome([10, 36, 36, 36.1, 50, 60, 20], [1, 1, 0, 1, 0, 0, 0])
    found = horizon_labels(outcome)
    assert found.dead.tolist() == [True, True, False, False, False, False, False]
    assert found.alive.tolist() == [False, False, False, True, True, True, False]
    assert found.known.tolist() == [True, True, False, True, True, True, False]
    assert (found.weight > 0).tolist() == found.known.tolist()
    assert (
        "3 patients are known to be alive and 2 to have died; of 2 it is not known" in found.words
    )
    assert found.to_json()["n_unknown"] == 2


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([12.0, 24.0, 36.0]))
def test_the_weighted_share_alive_is_kaplan_meiers(seed, horizon):
    """So nobody is lost: the weights add up to the number of patients."""
    outcome = cohort(seed=seed)
    found = horizon_labels(outcome, horizon)
    assert found.weight.sum() == pytest.approx(len(outcome))
    curve = KaplanMeierFitter().fit(outcome.time_months, outcome.event)
    share = found.weight[found.alive].sum() / found.weight.sum()
    assert share == pytest.approx(float(curve.predict(horizon)), abs=1e-9)


def test_weights_are_scikit_survivals():
    outcome = cohort()
    found = horizon_labels(outcome)
    peer = CensoringDistributionEstimator().fit(
        Surv.from_arrays(outcome.event, outcome.time_months)
    )
    g = peer.predict_proba(np.where(found.alive, 36.0, outcome.time_months))
    np.testing.assert_allclose(found.weight[found.known], 1 / g[found.known])


def test_leaving_out_makes_deaths_look_more_frequent_and_says_so():
    outcome = cohort(n=4000)
    out, weighted = horizon_labels(outcome, scheme="left out"), horizon_labels(outcome)
    share = [f.weight[f.alive].sum() / f.weight.sum() for f in (out, weighted)]
    truth = np.exp(-36 / 40)
    assert share[0] < truth - 0.05
    assert share[1] == pytest.approx(truth, abs=0.03)
    assert set(out.weight.tolist()) == {0.0, 1.0}
    assert "are left out, the others count alike" in out.words


def test_censoring_is_learned_in_each_group_where_it_can_be():
    both = [cohort(60, 1), cohort(60, 2)]
    joined = SurvivalOutcome(
        np.concatenate([o.time_months for o in both]), np.concatenate([o.event for o in both])
    )
    found = horizon_labels(joined, group=["a"] * 60 + ["b"] * 60)
    apart = np.concatenate([horizon_labels(o).weight for o in both])
    np.testing.assert_allclose(found.weight, apart)
    assert found.borrowed == ()
    short = SurvivalOutcome(np.minimum(both[1].time_months, 30), both[1].event)
    joined = SurvivalOutcome(
        np.concatenate([both[0].time_months, short.time_months]),
        np.concatenate([both[0].event, short.event]),
    )
    found = horizon_labels(joined, group=["a"] * 60 + ["b"] * 60)
    assert found.borrowed == ("b",)
    np.testing.assert_allclose(found.weight[:60], horizon_labels(both[0]).weight)
    np.testing.assert_allclose(found.weight[60:], horizon_labels(joined).weight[60:])


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"horizon_months": 0}, InputError, "horizon_months: must be a number of 0.1 or more"),
        ({"horizon_months": 500.0}, StatisticsError, "nobody is followed beyond 500 months"),
        ({"scheme": "as alive"}, InputError, "no way of censoring is called 'as alive'; use ipcw"),
        ({"group": ["a", "b"]}, InputError, "80 patients but 2 groups"),
    ],
)
def test_what_cannot_be_labeled_is_refused(given, error, message):
    with pytest.raises(error, match=message):
        horizon_labels(cohort(), **given)
