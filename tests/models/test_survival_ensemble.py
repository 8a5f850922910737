"""Ensembles: whom members learn from, what they predict together, and how sure they are."""

import numpy as np
import pytest

from hccsurv_core.errors import CancelledError, InputError
from hccsurv_core.models.autoencoder_settings import AutoencoderSettings
from hccsurv_core.models.checkpoint import Checkpoint
from hccsurv_core.models.ensemble_training import fit_ensemble, rotate_parts
from hccsurv_core.models.network_settings import NetworkSettings
from hccsurv_core.models.parts import stratified_parts
from hccsurv_core.models.recipe import Recipe
from hccsurv_core.models.survival_ensemble import SurvivalEnsemble
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.concordance import harrell_c

NETWORK = NetworkSettings(hidden=(8,), batch_size=64, max_epochs=8, learning_rate=0.02)
AUTOENCODER = AutoencoderSettings(n_codes=2, hidden=(4,), max_epochs=3)
RECIPES = {
    "plain": Recipe(network=NETWORK),
    "linear": Recipe(network=NETWORK, head="linear", scaling="z-score"),
    "beside a line": Recipe(network=NETWORK, linear_start=True),
    "components": Recipe(network=NETWORK, representation="pca", n_codes=2, scaling="z-score"),
    "autoencoder": Recipe(
        network=NETWORK, representation="autoencoder", autoencoder=AUTOENCODER,
        scaling="normal-score", bypass=("f3",),
    ),
    "jointly": Recipe(
        network=NETWORK, representation="autoencoder", autoencoder=AUTOENCODER, joint=True,
        scaling="normal-score", bypass=("f3",),
    ),
}  # fmt: skip
NAMES = ("f0", "f1", "f2", "f3")


def cohort(n=160, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    x[rng.random((n, 4)) < 0.05] = np.nan
    time = 20 * rng.exponential(np.exp(-np.nan_to_num(x[:, 0]) - np.nan_to_num(x[:, 3])))
    end = rng.exponential(60, n)
    return x, SurvivalOutcome(np.minimum(time, end), time <= end)


def fit(recipe=RECIPES["plain"], n_members=5, **options):
    x, outcome = cohort()
    return fit_ensemble(x, NAMES, outcome, recipe, n_members=n_members, **options)


def test_after_five_members_everybody_was_left_out_once():
    event = np.random.default_rng(0).random(103) < 0.3
    members = rotate_parts(event, 12, seed=4)
    for begin in (0, 5):
        left_out = np.concatenate([m.stop for m in members[begin : begin + 5]])
        assert sorted(left_out) == list(range(103))
    for member in members:
        assert not set(member.train) & set(member.stop)
        assert event[member.stop].mean() == pytest.approx(event.mean(), abs=0.05)
    assert not np.array_equal(members[0].stop, members[5].stop)


def test_parts_are_equal_in_size_and_in_events():
    event = np.arange(50) < 13
    part = stratified_parts(event, 5, seed=1)
    assert set(np.bincount(part)) == {10}
    assert set(np.bincount(part[event], minlength=5)) == {2, 3}


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_ranks_new_patients_and_repeats_by_seed(name):
    new, later = cohort(seed=1)
    first, again = (fit(RECIPES[name], seed=2).ensemble for _ in range(2))
    score = first.risk_score(new)
    assert harrell_c(later, score) > 0.6
    np.testing.assert_array_equal(score, again.risk_score(new))


@pytest.mark.parametrize("name", RECIPES)
def test_what_is_stored_predicts_alike(name):
    ensemble = fit(RECIPES[name]).ensemble
    parts: dict = {}
    for key, array in ensemble.tensors().items():
        part, _, rest = key.partition(".")
        parts.setdefault(part, {})[rest] = array
    architecture = {
        "features": list(NAMES),
        "representation": ensemble.representation.kind,
        "activation": ensemble.networks.activation,
    }
    again = SurvivalEnsemble.from_tensors(parts, architecture)
    new, _ = cohort(seed=1)
    np.testing.assert_allclose(again.risk_score(new), ensemble.risk_score(new), atol=1e-5)
    for bound, other in zip(
        again.survival_interval(again.member_scores(new), [6, 24]),
        ensemble.survival_interval(ensemble.member_scores(new), [6, 24]),
        strict=True,
    ):
        np.testing.assert_allclose(bound, other, atol=1e-5)


def test_survival_falls_with_time_and_risk_within_its_interval():
    ensemble = fit().ensemble
    new, _ = cohort(seed=1)
    times = np.array([0.0, 1, 6, 24, 60])
    risk = ensemble.risk_score(new)
    survival = ensemble.survival(risk, times)
    low, high = ensemble.survival_interval(ensemble.member_scores(new), times)
    assert (survival[:, 0] == 1).all()
    assert (np.diff(survival, axis=1) <= 0).all()
    assert (np.diff(survival[np.argsort(risk)], axis=0) <= 1e-12).all()
    assert ((low <= survival) & (survival <= high)).all()
    assert (high - low)[:, 3].min() > 0
    wide = ensemble.survival_interval(ensemble.member_scores(new), times, level=0.99)
    assert ((wide[0] <= low) & (high <= wide[1])).all()


def test_members_are_centered_on_the_training_patients():
    ensemble = fit().ensemble
    x, _ = cohort()
    np.testing.assert_allclose(ensemble.member_scores(x).mean(axis=1), 0, atol=1e-5)


def test_calibrated_on_unseen_scores_as_many_die_as_are_expected():
    fitted = fit()
    x, outcome = cohort()
    calibrated = fitted.calibrated(0.5, fitted.left_out_score, outcome, "breslow")
    expected = calibrated.baseline.at(outcome.time_months) * np.exp(0.5 * fitted.left_out_score)
    assert expected.sum() == pytest.approx(outcome.n_events)
    np.testing.assert_allclose(calibrated.risk_score(x), 0.5 * fitted.ensemble.risk_score(x))


def test_scores_of_those_left_out_are_worth_less_than_of_those_learned_from():
    x, outcome = cohort()
    grown = NetworkSettings(
        hidden=(64,), dropout=0, weight_decay=0, batch_size=64, max_epochs=40, patience=40,
        learning_rate=0.02,
    )  # fmt: skip
    fitted = fit(Recipe(network=grown))
    assert harrell_c(outcome, fitted.left_out_score) < harrell_c(
        outcome, fitted.ensemble.risk_score(x)
    )


class Stop:
    """Cancels at the n-th report after training began with members 5 to 9."""

    def __init__(self, at):
        self.at = at

    def __call__(self, fraction, message):
        if fraction >= self.at:
            raise CancelledError("cancelled")


def test_a_cancelled_training_goes_on_to_the_same_model(tmp_path, monkeypatch):
    import hccsurv_core.models.ensemble_training as module

    whole = fit(n_members=10, seed=3).ensemble
    kept = Checkpoint(tmp_path, "same")
    with pytest.raises(CancelledError):
        fit(n_members=10, seed=3, checkpoint=kept, progress=Stop(0.6))
    trained = []
    original = module.fit_networks

    def count(inputs, outcome, members, *arguments, **options):
        trained.append(len(members))
        return original(inputs, outcome, members, *arguments, **options)

    monkeypatch.setattr(module, "fit_networks", count)
    resumed = fit(n_members=10, seed=3, checkpoint=kept).ensemble
    assert trained == [5]
    new, _ = cohort(seed=1)
    np.testing.assert_allclose(resumed.risk_score(new), whole.risk_score(new), atol=1e-6)
    fit(n_members=10, seed=4, checkpoint=kept)
    assert trained == [5, 5, 5]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scaling": "rank"}, "no scaling is called 'rank'"),
        ({"representation": "umap"}, "no representation is called 'umap'"),
        ({"head": "forest"}, "no head is called 'forest'"),
        ({"joint": True}, "only an autoencoder and a deep head can be trained jointly"),
        ({"penalty": 0}, "penalty and codes are positive"),
    ],
)
def test_an_impossible_recipe_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        Recipe(**changes)
