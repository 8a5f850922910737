"""Deep Cox networks: they learn what a linear model cannot, stop in time, and repeat by seed."""

import numpy as np
import pytest
import torch
from sksurv.metrics import concordance_index_censored

from hccsurv_core.errors import CancelledError, InputError, StatisticsError
from hccsurv_core.models.autoencoder import fit_autoencoder
from hccsurv_core.models.autoencoder_settings import AutoencoderSettings
from hccsurv_core.models.deep_cox import FittedNetworks, Member, fit_networks
from hccsurv_core.models.encoder_layers import EncoderStart
from hccsurv_core.models.network import ACTIVATIONS, Networks, join_networks
from hccsurv_core.models.network_settings import NetworkSettings
from hccsurv_core.outcome import SurvivalOutcome

SMALL = NetworkSettings(
    hidden=(16,), dropout=0.1, weight_decay=0.01, learning_rate=0.02, batch_size=64, max_epochs=25
)


def cohort(n=400, seed=0):
    """The hazard is lowest in the middle: no line ranks these patients."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    time = 20 * rng.exponential(np.exp(-(x[:, 0] ** 2)))
    end = rng.exponential(60, n)
    return x, SurvivalOutcome(np.minimum(time, end), time <= end)


def parts(n, k=2):
    rng = np.random.default_rng(1)
    members = []
    for _ in range(k):
        order = rng.permutation(n)
        members.append(Member(order[: n // 5 * 4], order[n // 5 * 4 :]))
    return members


def concordance(outcome, score):
    return concordance_index_censored(outcome.event, outcome.time_months, score)[0]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_network_learns_what_no_line_can(activation):
    x, outcome = cohort()
    settings = NetworkSettings(**{**SMALL.__dict__, "activation": activation})
    found = fit_networks(x, outcome, parts(400), settings).networks
    new, later = cohort(seed=1)
    score = found.log_hazard(new).mean(0)
    assert concordance(later, new[:, 0]) == pytest.approx(0.5, abs=0.05)
    assert concordance(later, score) > 0.62


def test_the_same_seed_gives_the_same_network_and_another_another():
    x, outcome = cohort(100)
    first, again, other = (fit_networks(x, outcome, parts(100), SMALL, seed=s) for s in (3, 3, 4))
    np.testing.assert_array_equal(first.networks.log_hazard(x), again.networks.log_hazard(x))
    np.testing.assert_array_equal(first.stop_loss, again.stop_loss)
    assert not np.allclose(first.networks.log_hazard(x), other.networks.log_hazard(x))


def test_every_network_is_kept_at_its_own_best_epoch():
    x, outcome = cohort(150)
    fitted = fit_networks(x, outcome, parts(150, 3), SMALL)
    assert fitted.stop_loss.shape == fitted.train_loss.shape == (len(fitted.stop_loss), 3)
    for member, epoch in enumerate(fitted.best_epoch):
        if epoch:
            assert fitted.stop_loss[epoch - 1, member] == fitted.stop_loss[:, member].min()


def test_networks_trained_side_by_side_have_nothing_to_do_with_each_other():
    """Another member's patients change nothing: not the weights, not the epoch."""
    x, outcome = cohort(150)
    mine, other, third = parts(150, 3)
    settings = NetworkSettings(
        **{**SMALL.__dict__, "patience": 1000, "max_epochs": 5, "dropout": 0}
    )
    with_other = fit_networks(x, outcome, [mine, other], settings)
    with_third = fit_networks(x, outcome, [mine, third], settings)
    np.testing.assert_allclose(
        with_other.networks.log_hazard(x)[0], with_third.networks.log_hazard(x)[0], atol=1e-5
    )


def test_those_left_out_of_a_member_do_not_teach_it():
    x, outcome = cohort(150)
    (member,) = parts(150, 1)
    changed = SurvivalOutcome(
        np.where(np.isin(np.arange(150), member.stop), 1.0, outcome.time_months), outcome.event
    )
    forever = NetworkSettings(**{**SMALL.__dict__, "max_epochs": 4})
    left_out = Member(member.train, np.zeros(0, dtype=int))
    one = fit_networks(x, outcome, [left_out], forever).networks.log_hazard(x)
    two = fit_networks(x, changed, [left_out], forever).networks.log_hazard(x)
    np.testing.assert_allclose(one, two, atol=1e-6)


def test_without_patients_to_stop_on_it_trains_to_the_end():
    x, outcome = cohort(100)
    fitted = fit_networks(x, outcome, [Member(np.arange(100), np.zeros(0, dtype=int))], SMALL)
    assert fitted.best_epoch.tolist() == [SMALL.max_epochs]
    assert np.isnan(fitted.stop_loss).all()


def test_numpy_and_torch_compute_the_same_activations():
    x = torch.linspace(-5, 5, 101, dtype=torch.float64)
    for name, function in ACTIVATIONS.items():
        theirs = getattr(torch.nn.functional, name)(x) if name != "tanh" else torch.tanh(x)
        np.testing.assert_allclose(function(x.numpy()), theirs.numpy(), atol=1e-12)


def test_a_linear_start_is_where_it_starts():
    x, outcome = cohort(100)
    start = np.tile([0.5, -0.2, 0.1], (2, 1))
    barely = NetworkSettings(**{**SMALL.__dict__, "learning_rate": 1e-9, "max_epochs": 1})
    fitted = fit_networks(x, outcome, parts(100), barely, start=start)
    np.testing.assert_allclose(fitted.networks.linear, start, atol=1e-6)
    untrained = fit_networks(x, outcome, parts(100), barely).networks.log_hazard(x)
    np.testing.assert_allclose(
        fitted.networks.log_hazard(x) - untrained, np.tile(x @ start[0], (2, 1)), atol=1e-5
    )


@pytest.mark.parametrize("encoded", [False, True])
def test_what_is_stored_predicts_alike(encoded):
    x, outcome = cohort(100)
    encoder = None
    if encoded:
        settings = AutoencoderSettings(n_codes=2, hidden=(4,), max_epochs=3)
        own = fit_autoencoder(x, np.array([True, True, False]), settings)
        encoder = EncoderStart(own.representation, own.decoder)
    fitted = fit_networks(
        x, outcome, parts(100), SMALL, start=None if encoded else np.ones((2, 3)), encoder=encoder
    )
    again = FittedNetworks.from_tensors(fitted.tensors(), SMALL.activation)
    inputs = again_inputs = x
    if encoded:
        inputs, again_inputs = fitted.representation.apply(x), again.representation.apply(x)
        assert inputs.shape == (2, 100, 3)
    np.testing.assert_allclose(
        again.networks.log_hazard(again_inputs), fitted.networks.log_hazard(inputs), atol=1e-6
    )
    np.testing.assert_array_equal(again.best_epoch, fitted.best_epoch)


def test_trained_jointly_the_encoder_moves_and_keeps_giving_features_back():
    x, outcome = cohort(150)
    settings = AutoencoderSettings(n_codes=2, hidden=(8,), max_epochs=10)
    own = fit_autoencoder(x, np.ones(3, bool), settings)

    def moved(weight):
        start = EncoderStart(own.representation, own.decoder, weight, learning_share=1.0)
        fitted = fit_networks(x, outcome, parts(150), SMALL, encoder=start)
        return np.abs(fitted.representation.direct - own.representation.direct).mean()

    assert 0 < moved(100.0) < moved(0.0)


def test_networks_of_one_shape_stand_side_by_side():
    x, outcome = cohort(60)
    one, two = (fit_networks(x, outcome, parts(60), SMALL, seed=s).networks for s in (1, 2))
    joined = join_networks([one, two])
    assert joined.n_members == 4
    np.testing.assert_array_equal(
        joined.log_hazard(x), np.concatenate([one.log_hazard(x), two.log_hazard(x)])
    )
    with pytest.raises(InputError, match="the network takes 3 inputs, got 5"):
        joined.log_hazard(np.ones((2, 5)))


def test_a_network_can_be_evaluated_without_torch():
    weights = (np.ones((1, 2, 1)), np.full((1, 1, 1), 2.0))
    network = Networks(weights, (np.array([[-1.0]]),), "relu", np.array([[10.0, 0.0]]))
    np.testing.assert_allclose(network.log_hazard(np.array([[1.0, 2.0], [0.0, 0.0]])), [[14, 0]])


def test_it_can_be_cancelled_between_epochs():
    def cancel(fraction, message):
        if "epoch 3" in message:
            raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        fit_networks(*cohort(60), parts(60), SMALL, progress=cancel)


def test_what_cannot_be_trained_is_refused():
    x, outcome = cohort(60)
    nobody = SurvivalOutcome(outcome.time_months, np.zeros(60, bool))
    with pytest.raises(StatisticsError, match="has no event"):
        fit_networks(x, nobody, parts(60), SMALL)
    wild = NetworkSettings(hidden=(), learning_rate=1e37, dropout=0)
    with pytest.raises(StatisticsError, match="diverged; lower the learning rate"):
        fit_networks(100 * x, outcome, parts(60), wild)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"activation": "sine"}, "no activation is called 'sine'; use one of selu"),
        ({"dropout": 1.0}, "dropout lies between 0 and 1"),
        ({"learning_rate": 0}, "learning rate are positive"),
        ({"max_epochs": 0}, "at least 1"),
        ({"hidden": (8, 0)}, "at least 1 unit"),
        ({"ties": "exact"}, "ties are handled by efron or breslow, not 'exact'"),
    ],
)
def test_impossible_settings_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        NetworkSettings(**changes)
