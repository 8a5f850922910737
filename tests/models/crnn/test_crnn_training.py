"""Training: it learns what is there, from whom it may, and the same again with the same seed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from crnn_cohorts import LEARNING, QUICK, disk_cohort
from hypothesis import given
from hypothesis import strategies as st

from hccsurv_core.errors import CancelledError, InputError, StatisticsError
from hccsurv_core.models.checkpoint import Checkpoint
from hccsurv_core.models.crnn.run import MemberRun, TrainingData, deal_batches
from hccsurv_core.models.crnn.training import train_crnn, validation_parts
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.concordance import harrell_c


@pytest.fixture(scope="module")
def some():
    """As many as the shortest training takes."""
    return disk_cohort(24, seed=4)


def train(cohort, settings=QUICK, **more):
    return train_crnn(
        cohort.samples, cohort.outcome, settings, **{"targets": cohort.targets, **more}
    )


def same(a, b) -> bool:
    arrays = a.crnn.tensors(), b.crnn.tensors()
    return all(np.array_equal(v, arrays[1][k]) for k, v in arrays[0].items())


def test_it_ranks_fresh_patients_by_size_and_growth(learned):
    fresh = disk_cohort(200, seed=99)
    assert harrell_c(fresh.outcome, learned.crnn.risk_score(fresh.samples)) > 0.75
    features = learned.pretraining[0]
    assert (features.explained > 0.6).all()
    assert features.validation_loss[-1] < 0.5 * features.validation_loss[0]


def test_from_shuffled_outcomes_nothing_is_learned(disks, learned):
    """What is left is chance: fresh patients are ranked well now, badly then, and not on average.

    Extractors are those that have learned what a disk is, so that only the outcomes are at fault.
    """
    fresh = disk_cohort(100, seed=99)
    short = replace(LEARNING, max_epochs=6, batch_size=16)
    start = {
        f"network.{name.removeprefix('0.')}": array
        for name, array in learned.crnn.tensors().items()
        if name.startswith("0.")
    }
    found = []
    for shuffle in range(6):
        order = np.random.default_rng(shuffle).permutation(60)
        run = run_of(replace(disks, outcome=disks.outcome.subset(order)), short)
        run.begin_at(start)
        run.learn_hazards(np.arange(48), np.arange(48, 60), lambda *_: None)
        with torch.inference_mode():
            hazard = run.network(torch.from_numpy(fresh.samples.pictures)).numpy()
        found.append(harrell_c(fresh.outcome, hazard))
    assert np.mean(found) == pytest.approx(0.5, abs=2 * np.std(found, ddof=1) / np.sqrt(6))
    assert np.mean(found) < 0.65


def test_the_same_seed_gives_the_same_networks_and_another_gives_others(some):
    first = train(some)
    assert same(first, train(some))
    assert not same(first, train(some, seed=1))
    arrays = first.crnn.tensors()
    assert not np.array_equal(arrays["0.cls_1.weight"], arrays["1.cls_1.weight"])


def test_while_targets_are_learned_no_outcome_is_looked_at(some):
    kept = {}
    for name, outcome in (
        ("a", some.outcome),
        ("b", SurvivalOutcome(some.outcome.time_months[::-1], some.outcome.event[::-1])),
    ):
        seen = {}
        short = replace(QUICK, n_members=1)
        checkpoint = _Watching(seen)
        train_crnn(some.samples, outcome, short, targets=some.targets, checkpoint=checkpoint)
        kept[name] = seen["pretraining 0"]
    for name, array in kept["a"].items():
        np.testing.assert_array_equal(array, kept["b"][name])


class _Watching(Checkpoint):
    """Remembers what is kept."""

    def __init__(self, seen: dict) -> None:
        super().__init__()
        self.seen = seen

    def under(self, *parts):
        return self

    def put(self, key, arrays):
        self.seen[key] = dict(arrays)


def test_missing_targets_are_left_out_and_those_that_do_not_vary_too(some):
    targets = np.column_stack([some.targets, np.full(24, 3.0), np.full(24, np.nan)])
    with_more = train(some, targets=targets)
    assert same(with_more, train(some))
    targets = some.targets.copy()
    targets[::2, 1] = np.nan
    found = train(some, targets=targets)
    assert all(np.isfinite(v).all() for v in found.crnn.tensors().values())
    assert not same(found, train(some))


def test_without_targets_hazards_are_learned_from_the_start(some):
    found = train(some, targets=None)
    assert found.pretraining == ()
    assert same(found, train(some, replace(QUICK, pretraining_epochs=0)))


def test_a_loss_is_the_partial_likelihood_of_the_patients_to_stop_on(some):
    """Efron's and Breslow's are the same without ties; the sum is written out."""
    found = train(some, replace(QUICK, n_members=1))
    left, course = found.validation[0], found.courses[0]
    hazard = found.crnn.log_hazards(some.samples.subset(left))[:, 0]
    outcome = some.outcome.subset(left)
    terms = [
        math.log(np.exp(hazard[outcome.time_months >= time]).sum()) - own
        for own, time, died in zip(hazard, outcome.time_months, outcome.event, strict=True)
        if died
    ]
    expected = np.mean(terms)
    assert course.validation_loss[course.best_epoch - 1] == pytest.approx(expected, abs=1e-4)
    c = course.validation_c[course.best_epoch - 1]
    assert c == pytest.approx(harrell_c(outcome, hazard))
    np.testing.assert_allclose(found.left_out[left], hazard, atol=1e-5)
    assert np.isnan(found.left_out[~left]).all()
    assert found.crnn.log_hazards(some.samples.subset(~left)).mean() == pytest.approx(0, abs=1e-5)


def test_everybody_says_once_when_to_stop(disks):
    parts = validation_parts(disks.outcome, replace(QUICK, n_members=5, validation_share=0.2), 0)
    assert (parts.sum(axis=0) == 1).all()
    events = [int(disks.outcome.event[part].sum()) for part in parts]
    assert max(events) - min(events) <= 1
    none = validation_parts(disks.outcome, replace(QUICK, validation_share=0.0), 0)
    assert not none.any()


@given(
    st.lists(st.booleans(), min_size=2, max_size=60).filter(any),
    st.integers(2, 20),
    st.integers(0, 99),
)
def test_every_batch_has_an_event_and_everybody_is_in_one(events, size, seed):
    event, rows = np.array(events), np.arange(len(events))
    batches = deal_batches(event, rows, size, seed)
    assert sorted(np.concatenate(batches)) == list(rows)
    assert all(event[batch].any() for batch in batches)
    sizes = [batch.size for batch in batches]
    assert max(sizes) - min(sizes) <= 1


def run_of(cohort, settings):
    spread = (cohort.targets - cohort.targets.mean(0)) / cohort.targets.std(0)
    data = TrainingData(cohort.samples.pictures, cohort.outcome, spread)
    return MemberRun(data, settings, seed=0, device="cpu")


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_extractors_rest_after_they_have_learned_to_measure_or_do_not(some, share):
    run = run_of(some, replace(QUICK, extractor_share=share))
    train, none = np.arange(20), np.arange(0)
    run.learn_targets(train, none, lambda *_: None)
    before = run.tensors()
    run.learn_hazards(train, none, lambda *_: None)
    after = run.tensors()
    moved = {k.split(".")[1] for k, v in after.items() if not np.array_equal(v, before[k])}
    assert ("extractor_liver" in moved) == (share > 0)
    assert {"LSTM_liver", "cls_1", "cls_2"} <= moved


def test_resting_extractors_see_what_they_would_see(some):
    """Flipped pictures too: what is kept of them is what the network makes of them."""
    run = run_of(some, replace(QUICK, extractor_share=0.0, max_epochs=1))
    rows, flips = np.arange(6), np.arange(6) % 2 == 0
    run.learn_targets(np.arange(20), np.arange(0), lambda *_: None)
    fresh = run._seen(rows, flips).detach()
    everybody = np.arange(24)
    run.resting = torch.stack([run._read(everybody), run._read(everybody, flip=True)])
    torch.testing.assert_close(run._seen(rows, flips).detach(), fresh, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(run._seen(rows, ~flips), fresh, atol=1e-5)


def test_training_ends_where_validation_does_not_get_better(some):
    settings = replace(
        QUICK, n_members=1, max_epochs=30, patience=3, learning_rate=2e-2, extractor_share=0.0
    )
    course = train(some, settings).courses[0]
    assert course.train_loss.size < 30
    assert course.train_loss.size - course.best_epoch == 3
    assert np.nanargmin(course.validation_loss) + 1 == course.best_epoch


def test_progress_rises_to_its_end_and_may_cancel(some):
    told = []
    train(some, progress=lambda fraction, _: told.append(fraction))
    assert told == sorted(told)
    assert told[-1] == 1

    def stop(fraction, message):
        if message.startswith("hazards"):
            raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        train(some, progress=stop)


def test_a_training_goes_on_after_the_members_it_finished(some, tmp_path):
    whole = train(some)
    checkpoint = Checkpoint(tmp_path)
    begun = []

    def stop_in_the_second(fraction, message):
        begun.append(message)
        if len(begun) > 1 and begun[-1].startswith("hazards, epoch 1") and fraction > 0.75:
            raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        train(some, checkpoint=checkpoint, progress=stop_in_the_second)
    told = []
    again = train(some, checkpoint=checkpoint, progress=lambda f, m: told.append(m))
    assert same(whole, again)
    assert not [m for m in told if m.startswith("measuring")]
    assert again.describe() == whole.describe()
    others = train(some, checkpoint=checkpoint, seed=1)
    assert not same(whole, others)


def test_members_may_be_pretrained_on_their_own(some):
    found = train(some, replace(QUICK, pretrain_each=True))
    assert len(found.pretraining) == 2
    assert len(train(some).pretraining) == 1


def test_the_published_network_is_trained_too():
    few = disk_cohort(10, seed=2)
    settings = replace(
        QUICK, extractor="efficientnet-b0", n_members=1, max_epochs=1, validation_share=0.0
    )
    found = train(few, settings, targets=None)
    assert found.courses[0].best_epoch == 1
    assert np.isfinite(found.crnn.log_hazards(few.samples)).all()


def test_baseline_alone_is_enough_for_the_network_that_reads_it(some):
    settings = replace(QUICK, times="baseline", n_members=1)
    both = train(some, settings)
    alone = replace(some, samples=disk_cohort(24, seed=4, times=1).samples)
    assert same(both, train(alone, settings))


def test_what_cannot_be_trained_on_is_refused(some):
    with pytest.raises(InputError, match="pictures of 24 patients but 23 outcomes"):
        train(replace(some, outcome=some.outcome.subset(np.arange(23))))
    with pytest.raises(InputError, match=r"shape \(24, q\).*got \(23, 2\)"):
        train(some, targets=some.targets[:23])
    with pytest.raises(InputError, match="96×96 pixels, got 32×32"):
        train(some, replace(QUICK, pixels=96))
    alive = SurvivalOutcome(some.outcome.time_months, np.zeros(24, bool))
    with pytest.raises(StatisticsError, match="0 events are too few"):
        train(replace(some, outcome=alive))
    few = np.flatnonzero(some.outcome.event)[:9]
    rare = SurvivalOutcome(some.outcome.time_months, np.isin(np.arange(24), few))
    with pytest.raises(StatisticsError, match="24 patients with 9 events are too few to stop on"):
        train(replace(some, outcome=rare))


def test_a_training_that_diverges_says_so(some):
    pictures = some.samples.pictures * np.float32(1e30)
    with pytest.raises(StatisticsError, match="diverged; lower the learning rate"):
        train(replace(some, samples=replace(some.samples, pictures=pictures)), targets=None)
