"""What no covariate shows, and arms that are not linear."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from treatment_cohorts import draw

from hccsurv_core.errors import InputError
from hccsurv_core.models.network_settings import NetworkSettings
from hccsurv_core.models.recipe import Recipe
from hccsurv_core.systems.treatment.arm_settings import ArmSettings
from hccsurv_core.systems.treatment.arms import ArmModels, fit_arms
from hccsurv_core.systems.treatment.ensemble_arm import deep_arms
from hccsurv_core.systems.treatment.unexplained import UnexplainedSpread, unexplained_spread

SPREAD = UnexplainedSpread({"hepatectomy": 0.7, "tace": 0.9}, "a test")


@pytest.mark.parametrize("survival", [0.002, 0.2, 0.7, 0.98, 1 - 1e-9])
@pytest.mark.parametrize("arm", ["hepatectomy", "tace"])
def test_over_patients_the_average_stays(arm, survival):
    own = SPREAD.individual(arm, np.full((20000, 1, 1), survival))
    assert 1 - own.mean() == pytest.approx(1 - survival, rel=0.02)
    assert own.mean() == pytest.approx(survival, rel=0.02)
    assert own.min() < survival < own.max()


def test_certainty_stays_certain_and_no_spread_is_none():
    edges = np.array([0.0, 1.0, 1e-30]).reshape(1, 1, 3).repeat(50, axis=0)
    np.testing.assert_allclose(SPREAD.individual("tace", edges), edges, atol=1e-12)
    draws = np.random.default_rng(0).random((50, 3, 2))
    none = UnexplainedSpread({"hepatectomy": 0.0, "tace": 0.0}, "nothing is hidden")
    np.testing.assert_array_equal(none.individual("tace", draws), draws)


def test_in_a_draw_a_patient_is_off_by_the_same_at_all_times():
    draws = np.full((400, 1, 3), [0.9, 0.6, 0.2])
    own = SPREAD.individual("hepatectomy", draws)
    log_hazard = np.log(-np.log(own[:, 0, :]))
    apart = log_hazard - log_hazard.mean(axis=0)
    np.testing.assert_allclose(apart[:, 0], apart[:, 2], atol=1e-9)
    assert apart[:, 0].std() == pytest.approx(0.7, rel=0.02)


def test_intervals_of_single_patients_cover_what_was_hidden_from_the_model():
    """The model does not see "albi", which matters; intervals of the average are then too narrow."""
    plain, single, known = [], [], []
    for seed in range(8):
        drawn, fresh = draw(400, seed=50 + seed), draw(150, seed=500 + seed)
        seen = ["size", "invasion", "age"]
        models = fit_arms(drawn.table.columns(seen), ArmSettings(n_draws=400), seed=seed)
        spread = UnexplainedSpread({"hepatectomy": 0.5, "tace": 0.5}, "the effect of albi")
        found = replace(models, spread=spread).contrast(fresh.table.columns(seen).values)
        truth = fresh.survival("hepatectomy", 24.0) - fresh.survival("tace", 24.0)
        for band, into in ((found.survival_difference, plain), (found.individual, single)):
            into.append(((band.low[:, 1] <= truth) & (truth <= band.high[:, 1])).mean())
        # The same effect in both arms hardly moves the difference: independent deviations are wide.
        known.append((found.individual.high - found.individual.low)[:, 1].mean())
    assert np.mean(single) >= 0.93 > 0.5
    assert np.mean(single) > np.mean(plain)
    assert np.mean(known) < 1.2


def test_what_is_left_of_the_truth_is_the_spread():
    rng = np.random.default_rng(1)
    score = rng.standard_normal(4000)
    truth = {
        "hepatectomy": 1.3 * score + 0.2 + 0.6 * rng.standard_normal(4000),
        "tace": -0.5 * score + 0.3 * rng.standard_normal(4000),
    }
    found = unexplained_spread(truth, {"hepatectomy": score, "tace": score}, "simulated, seeds 1-5")
    assert found.log_hazard_sd["hepatectomy"] == pytest.approx(0.6, rel=0.05)
    assert found.log_hazard_sd["tace"] == pytest.approx(0.3, rel=0.05)
    assert json.loads(json.dumps(found.to_json()))["why"] == "simulated, seeds 1-5"
    known = {"hepatectomy": 0.4, "tace": 0.9}
    less = unexplained_spread(
        truth, {"hepatectomy": score, "tace": score}, "", score_error=known
    ).log_hazard_sd
    assert less["hepatectomy"] == pytest.approx(np.sqrt(0.36 - 0.16), rel=0.06)
    assert less["tace"] == 0.0


def test_the_error_of_a_score_is_that_of_its_coefficients():
    drawn = draw(500, seed=4)
    model = fit_arms(drawn.table, ArmSettings(precisions=(1e-4,)), seed=0).models["tace"]
    x = drawn.table.values
    z = model.standardizer.apply(x)
    covariance = np.cov(model.coef_draws, rowvar=False)
    centered = z - z.mean(axis=0)
    expected = np.sqrt(np.einsum("ni,ij,nj->n", centered, covariance, centered).mean())
    assert model.score_error(x) == pytest.approx(expected, rel=0.01)


def test_a_spread_that_cannot_be_is_refused():
    with pytest.raises(InputError, match="the unexplained spread of tace must be a number"):
        UnexplainedSpread({"hepatectomy": 0.5}, "")
    with pytest.raises(InputError, match="must be a number from 0 to 10, got -1"):
        UnexplainedSpread({"hepatectomy": -1, "tace": 0.5}, "")
    with pytest.raises(InputError, match="no treatment is called 'surgery'"):
        UnexplainedSpread({"surgery": 0.5, "tace": 0.5, "hepatectomy": 0.5}, "")
    with pytest.raises(InputError, match="there are no values of tace"):
        three = {"hepatectomy": [1.0, 2.0, 3.0]}
        unexplained_spread(three, three, "")
    with pytest.raises(InputError, match="3 true log hazards but 2 risk scores of hepatectomy"):
        both = {"hepatectomy": [1.0, 2.0, 3.0], "tace": [1.0, 2.0, 3.0]}
        unexplained_spread(both, {"hepatectomy": [1.0, 2.0], "tace": [1.0, 2.0]}, "")


def test_it_goes_with_the_models():
    models = replace(fit_arms(draw(250, seed=1).table, seed=0), spread=SPREAD)
    again = ArmModels.from_parts(json.loads(json.dumps(models.describe())), models.tensors())
    x = np.zeros((2, 4))
    assert again.contrast(x).to_json(1) == models.contrast(x).to_json(1)
    found = models.contrast(x)
    inside = (found.individual.low <= found.survival_difference.low) & (
        found.survival_difference.high <= found.individual.high
    )
    assert inside.all()
    np.testing.assert_array_equal(found.individual.value, found.survival_difference.value)


QUICK = Recipe(scaling="z-score", network=NetworkSettings(hidden=(8,), dropout=0.0, max_epochs=15))


@pytest.fixture(scope="module")
def deep():
    table = draw(300, seed=7).table
    return fit_arms(table, seed=1, fit_arm=deep_arms(QUICK, n_members=5, n_draws=300))


def test_networks_can_stand_in_an_arm(deep):
    x = np.array([[-1.5, 0.0, 0.0, 0.0], [1.5, 0.0, 0.0, 0.0]])
    found = deep.contrast(x)
    # Surgery loses by size more than TACE does.
    assert found.months_difference.value[0] > found.months_difference.value[1]
    for arm, model in deep.models.items():
        assert model.n + 0 > 0 and model.n_events <= model.n
        assert found.arms[arm].survival.value.shape == (2, 3)
        assert model.describe()["kind"] == "deep Cox ensemble"
    band = found.months_difference
    assert (band.low < band.value).all() and (band.value < band.high).all()


def test_draws_of_networks_are_curves_about_their_mean(deep):
    months = np.array([36.0, 0.0, 12.0, 24.0])
    model = deep.models["tace"]
    x = np.zeros((1, 4))
    draws = model.survival_draws(x, months)
    assert draws.shape == (300, 1, 4)
    np.testing.assert_array_equal(draws[:, 0, 1], 1.0)
    assert (np.diff(draws[:, 0, [1, 2, 3, 0]], axis=1) <= 0).all()
    log_hazard = np.log(-np.log(draws[:, 0, 2]))
    middle = np.log(-np.log(model.survival(x, [12.0])[0, 0]))
    assert log_hazard.mean() == pytest.approx(middle, abs=4 * log_hazard.std() / np.sqrt(300))
    members = np.log(-np.log(np.array([
        np.exp(-model.ensemble.member_hazard[k][np.searchsorted(model.step_months, 12.0, "right") - 1]
               * np.exp(model.ensemble.slope * model.ensemble.member_scores(x)[k, 0]))
        for k in range(5)
    ])))  # fmt: skip
    expected = model.ensemble.spread_factor * members.std(ddof=1)
    assert log_hazard.std() == pytest.approx(expected, rel=0.15)
    np.testing.assert_array_equal(draws, model.survival_draws(x, months))
