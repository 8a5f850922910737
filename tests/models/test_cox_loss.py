"""The loss of deep Cox networks against the Cox model that equals R's, and its own invariants."""

import numpy as np
import pytest
import torch

from hccsurv_core.models.cox_loss import order_risks, partial_likelihood_loss
from hccsurv_core.models.coxph import fit_cox
from hccsurv_core.models.risk_sets import (
    build_risk_sets,
    expected_events,
    log_likelihood,
    sum_risks,
)
from hccsurv_core.outcome import SurvivalOutcome

TIES = ("efron", "breslow")


def cohort(n=80, seed=0, distinct=12):
    rng = np.random.default_rng(seed)
    time = rng.integers(1, distinct + 1, n).astype(float)
    return time, rng.random(n) < 0.6, rng.normal(size=n)


def falling(time, event):
    return np.lexsort((event, -time))


def loss_of(time, event, score, ties, weight=None):
    order = falling(time, event)
    risks = order_risks(time[order][None], event[order][None], ties=ties)
    w = None if weight is None else torch.tensor(weight[order][None], dtype=torch.float32)
    return float(
        partial_likelihood_loss(torch.tensor(score[order][None], dtype=torch.float32), risks, w)[0]
    )


def reference(time, event, score, ties):
    sets = build_risk_sets(time, event, ties=ties)
    linear = score[sets.order]
    return -log_likelihood(sets, linear, sum_risks(sets, linear)) / event.sum()


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("distinct", [3, 12, 1000])
def test_the_loss_is_the_partial_likelihood_with_ties(ties, distinct):
    time, event, score = cohort(distinct=distinct)
    assert loss_of(time, event, score, ties) == pytest.approx(
        reference(time, event, score, ties), rel=2e-6
    )


@pytest.mark.parametrize("ties", TIES)
def test_its_gradient_is_minus_the_martingale_residual(ties):
    time, event, score = cohort()
    order = falling(time, event)
    risks = order_risks(time[order][None], event[order][None], ties=ties)
    hazard = torch.tensor(score[order][None], dtype=torch.float32, requires_grad=True)
    partial_likelihood_loss(hazard, risks).sum().backward()
    sets = build_risk_sets(time, event, ties=ties)
    ones = np.ones(sets.event_position.size)
    residual = np.empty(time.size)
    residual[sets.order] = sets.event - expected_events(
        sets, sum_risks(sets, score[sets.order]), ones
    )
    np.testing.assert_allclose(hazard.grad[0].numpy() * event.sum(), -residual[order], atol=3e-5)


def test_patients_of_weight_zero_are_not_there():
    time, event, score = cohort()
    kept = np.arange(80) % 3 > 0
    # Without ties: Efron's shares would be counted with those of weight zero.
    time = time + np.linspace(0, 0.5, 80)
    assert loss_of(time, event, score, "efron", kept.astype(float)) == pytest.approx(
        loss_of(time[kept], event[kept], score[kept], "efron"), rel=1e-6
    )


def test_counted_by_those_at_risk_an_event_weighs_as_many_pairs_as_it_makes():
    """Small hazards, no ties: the gradient is each patient's pairs lost minus pairs won, over 2."""
    rng = np.random.default_rng(0)
    time, event = rng.permutation(40).astype(float), rng.random(40) < 0.6
    order = falling(time, event)
    hazard = torch.zeros((1, 40), requires_grad=True)
    risks = order_risks(time[order][None], event[order][None])
    partial_likelihood_loss(hazard, risks, at_risk_power=1.0).sum().backward()
    t, e = time[order], event[order]
    longer = t[:, None] > t[None, :]
    lost = (longer & e[None, :]).sum(1) - e * longer.sum(0)
    gradient = hazard.grad[0].numpy()
    np.testing.assert_allclose(
        gradient / np.abs(gradient).sum(), lost / np.abs(lost).sum(), atol=1e-6
    )


def test_with_equal_weights_it_is_the_plain_loss():
    time, event, score = cohort()
    order = falling(time, event)
    risks = order_risks(time[order][None], event[order][None])
    hazard = torch.tensor(score[order][None], dtype=torch.float32)
    twice = torch.full((1, 80), 2.0)
    for power in (0.0, 1.0):
        np.testing.assert_allclose(
            partial_likelihood_loss(hazard, risks, at_risk_power=power),
            partial_likelihood_loss(hazard, risks, twice, at_risk_power=power) - (np.log(2)),
            rtol=1e-5,
        )


def test_adding_a_constant_changes_nothing_and_huge_hazards_stay_finite():
    time, event, score = cohort()
    assert loss_of(time, event, score + 50, "efron") == pytest.approx(
        loss_of(time, event, score, "efron"), rel=1e-5
    )
    assert np.isfinite(loss_of(time, event, score * 500, "efron"))


def test_groups_do_not_see_each_other():
    parts = [cohort(seed=s) for s in (1, 2)]
    orders = [falling(t, e) for t, e, _ in parts]
    stacked = [np.stack([p[i][o] for p, o in zip(parts, orders, strict=True)]) for i in range(3)]
    both = partial_likelihood_loss(
        torch.tensor(stacked[2], dtype=torch.float32), order_risks(stacked[0], stacked[1])
    )
    alone = [loss_of(*p, "efron") for p in parts]
    np.testing.assert_allclose(both.numpy(), alone, rtol=1e-6)


def test_a_group_without_events_has_no_loss():
    time, _, score = cohort()
    assert loss_of(time, np.zeros(80, bool), score, "efron") == 0.0


def test_a_linear_network_trained_long_enough_is_a_cox_model():
    from hccsurv_core.models.deep_cox import Member, NetworkSettings, fit_networks

    rng = np.random.default_rng(3)
    x = rng.normal(size=(150, 2))
    time = np.ceil(10 * rng.exponential(np.exp(-x @ [0.8, -0.5])))
    outcome = SurvivalOutcome(time, rng.random(150) < 0.7)
    everybody = Member(np.arange(150), np.zeros(0, dtype=int))
    settings = NetworkSettings(
        hidden=(),
        dropout=0,
        weight_decay=0,
        learning_rate=0.05,
        batch_size=0,
        max_epochs=300,
        at_risk_power=0,
    )
    found = fit_networks(x, outcome, [everybody], settings).networks.weights[0][0, :, 0]
    np.testing.assert_allclose(found, fit_cox(x, outcome).coef, atol=2e-3)
