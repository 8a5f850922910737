"""Rivals: boosting equals scikit-survival's, and each finds what is there."""

import numpy as np
import pytest
from sksurv.ensemble import GradientBoostingSurvivalAnalysis
from sksurv.util import Surv

from hccsurv_core.errors import CancelledError, InputError
from hccsurv_core.models.rivals import RIVALS, boost_cox, fit_rival
from hccsurv_core.outcome import SurvivalOutcome


def cohort(n=200, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4)).astype(np.float32).astype(float)
    time = np.ceil(20 * rng.exponential(np.exp(-x[:, 0] - x[:, 1] ** 2)))
    return x, SurvivalOutcome(time, rng.random(n) < 0.7)


def test_boosting_equals_scikit_survivals():
    x, outcome = cohort()
    peer = GradientBoostingSurvivalAnalysis(n_estimators=30, random_state=0)
    peer.fit(x, Surv.from_arrays(outcome.event, outcome.time_months))
    found = boost_cox(x, outcome, n_trees=30)
    np.testing.assert_allclose(found(x), peer.predict(x), atol=1e-10)
    # Of two splits that are equally good on the training patients rounding may choose either.
    new, _ = cohort(seed=1)
    np.testing.assert_allclose(found(new), peer.predict(new), atol=1e-3)


@pytest.mark.parametrize("name", RIVALS)
def test_each_ranks_new_patients_and_the_same_seed_gives_the_same(name):
    x, outcome = cohort()
    new, later = cohort(seed=1)
    risk = fit_rival(name, x, outcome, seed=3).risk_score(new)
    died_early = later.event & (later.time_months < 5)
    lived_long = later.time_months > 25
    assert risk[died_early].mean() > risk[lived_long].mean()
    np.testing.assert_array_equal(risk, fit_rival(name, x, outcome, seed=3).risk_score(new))


def test_a_rival_can_be_cancelled_and_must_exist():
    def cancel(fraction, message):
        raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        fit_rival("gradient_boosting", *cohort(), progress=cancel)
    with pytest.raises(InputError, match="no rival is called 'svm'; use one of cox"):
        fit_rival("svm", *cohort())
