"""Training: it learns what is there, from whom it may, ends where it should, and can be taken up."""

from dataclasses import replace

import numpy as np
import pytest
from cnn_cohorts import CROP, QUICK, tiny_network, tiny_samples

from hccsurv_core.errors import CancelledError, InputError, StatisticsError
from hccsurv_core.models.checkpoint import Checkpoint
from hccsurv_core.models.cnn import run
from hccsurv_core.models.cnn.architectures import build_network
from hccsurv_core.models.cnn.samples import CnnSamples, stack_crops
from hccsurv_core.models.cnn.settings import Augmentation
from hccsurv_core.models.cnn.training import fit_cnn
from hccsurv_core.models.cnn.weights_file import PretrainedWeights


def same(a, b) -> bool:
    arrays = a.classifier.tensors(), b.classifier.tensors()
    return all(np.array_equal(v, arrays[1][k]) for k, v in arrays[0].items())


@pytest.fixture(autouse=True)
def small(request, monkeypatch):
    """A tiny network in the place of the real ones, but for tests marked with them."""
    if "real" not in request.node.name:
        monkeypatch.setattr(run, "build_network", tiny_network)


@pytest.fixture
def fitted():
    return fit_cnn(tiny_samples(), CROP, QUICK)


class _StopAt:
    """A progress that cancels at its n-th report of an epoch."""

    def __init__(self, epoch: int) -> None:
        self.words, self.seen = f"epoch {epoch} of", []

    def __call__(self, fraction, message):
        self.seen.append(fraction)
        if message.startswith(self.words):
            raise CancelledError("cancelled")


def test_it_learns_a_sign_that_is_there():
    chosen = replace(QUICK, max_epochs=40, learning_rate=1e-2, augmentation=Augmentation(offset=0))
    found = fit_cnn(tiny_samples(24), CROP, chosen, seed=1)
    new = tiny_samples(20, seed=7)
    odds = found.classifier.log_odds(new.images)
    assert odds[new.alive].min() > odds[~new.alive].max()
    assert found.train_loss[-1] < 0.5 * found.train_loss[0]
    np.testing.assert_array_equal(found.classifier.risk_score(new.images), -odds)
    np.testing.assert_allclose(
        found.classifier.probability_alive(new.images), 1 / (1 + np.exp(-odds)), rtol=1e-12
    )


def test_the_same_seed_gives_the_same_network_and_another_gives_another(fitted):
    assert same(fitted, fit_cnn(tiny_samples(), CROP, QUICK))
    assert not same(fitted, fit_cnn(tiny_samples(), CROP, QUICK, seed=1))


def test_who_is_unknown_at_the_horizon_takes_no_part():
    """Neither the pictures nor the labels of patients censored before the horizon are looked at."""
    samples = tiny_samples(16)
    weight = np.where(np.arange(16) < 12, 1.0, 0.0)
    first = fit_cnn(replace(samples, weight=weight), CROP, QUICK)
    images, alive = samples.images.copy(), samples.alive.copy()
    images[12:] = 50.0
    alive[12:] = ~alive[12:]
    second = fit_cnn(CnnSamples(images, alive, weight), CROP, QUICK)
    assert same(first, second)
    assert (first.n_alive, first.n_dead, first.n_unknown) == (6, 6, 4)
    assert set(first.train) | set(first.validation) == set(range(12))


def test_only_the_ratio_of_weights_matters_and_it_does_matter(fitted):
    samples = tiny_samples()
    assert same(fitted, fit_cnn(replace(samples, weight=samples.weight * 4), CROP, QUICK))
    heavy = fit_cnn(
        replace(samples, weight=np.where(samples.alive, 20.0, 1.0)), CROP,
        replace(QUICK, max_epochs=1),
    ).classifier.log_odds(samples.images)  # fmt: skip
    light = fit_cnn(
        replace(samples, weight=np.where(samples.alive, 0.05, 1.0)), CROP,
        replace(QUICK, max_epochs=1),
    ).classifier.log_odds(samples.images)  # fmt: skip
    assert heavy.min() > light.max()


def test_validation_patients_say_when_to_stop_and_nothing_else():
    samples = tiny_samples()
    first = fit_cnn(samples, CROP, replace(QUICK, max_epochs=1))
    assert first.validation.size == 3
    images = samples.images.copy()
    images[first.validation] = np.random.default_rng(1).normal(size=images[first.validation].shape)
    second = fit_cnn(replace(samples, images=images), CROP, replace(QUICK, max_epochs=1))
    assert same(first, second)
    assert first.validation_loss[0] != second.validation_loss[0]
    both = samples.alive[first.validation]
    assert both.any()
    assert not both.all()


def test_training_ends_when_the_validation_loss_no_longer_falls_and_keeps_the_best():
    samples = tiny_samples()
    noise = np.random.default_rng(0).normal(size=samples.images.shape)
    chosen = replace(QUICK, max_epochs=60, patience=4, learning_rate=1e-2)
    found = fit_cnn(replace(samples, images=noise), CROP, chosen)
    assert found.train_loss.size == found.best_epoch + 4 < 60
    assert found.best_epoch == int(np.argmin(found.validation_loss)) + 1
    patient = fit_cnn(
        replace(samples, images=noise), CROP, replace(chosen, patience=50, max_epochs=60)
    )
    assert patient.train_loss.size > found.train_loss.size


def test_without_validation_patients_it_trains_to_the_end():
    found = fit_cnn(tiny_samples(), CROP, replace(QUICK, validation_share=0.0))
    assert found.best_epoch == 3
    assert np.isnan(found.validation_loss).all()
    assert found.validation.size == 0
    assert found.describe()["validation_loss"] == [None, None, None]


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_a_training_that_was_stopped_ends_where_it_would_have_ended(tmp_path, dropout):
    chosen = replace(QUICK, dropout=dropout)
    whole = fit_cnn(tiny_samples(), CROP, chosen)
    with pytest.raises(CancelledError):
        fit_cnn(tiny_samples(), CROP, chosen, checkpoint=Checkpoint(tmp_path), progress=_StopAt(3))
    seen = _StopAt(99)
    again = fit_cnn(tiny_samples(), CROP, chosen, checkpoint=Checkpoint(tmp_path), progress=seen)
    assert same(whole, again)
    np.testing.assert_array_equal(whole.train_loss, again.train_loss)
    np.testing.assert_array_equal(whole.validation_loss, again.validation_loss)
    assert min(seen.seen) >= 2 / 3
    assert seen.seen == sorted(seen.seen)
    assert seen.seen[-1] == 1


def test_a_finished_training_is_not_done_again_and_other_data_start_anew(tmp_path):
    kept = Checkpoint(tmp_path)
    first = fit_cnn(tiny_samples(), CROP, QUICK, checkpoint=kept)
    seen = _StopAt(1)  # would stop any epoch
    assert same(first, fit_cnn(tiny_samples(), CROP, QUICK, checkpoint=kept, progress=seen))
    assert seen.seen == [1.0]
    for change in (
        {"samples": tiny_samples(seed=1)}, {"settings": replace(QUICK, learning_rate=2e-3)},
        {"seed": 2},
    ):  # fmt: skip
        given = {"samples": tiny_samples(), "settings": QUICK, "seed": 0} | change
        with pytest.raises(CancelledError):
            fit_cnn(
                given["samples"], CROP, given["settings"], seed=given["seed"], checkpoint=kept,
                progress=_StopAt(1),
            )  # fmt: skip
    notes = (tmp_path / "course.jsonl").read_text().splitlines()
    assert len(notes) == 3
    assert '"what": "cnn epoch"' in notes[0]


def test_a_real_network_learns_too_and_can_be_taken_up(tmp_path):
    chosen = replace(QUICK, max_epochs=2)
    found = fit_cnn(tiny_samples(), CROP, chosen)
    assert found.train_loss[1] < found.train_loss[0]
    with pytest.raises(CancelledError):
        fit_cnn(tiny_samples(), CROP, chosen, checkpoint=Checkpoint(tmp_path), progress=_StopAt(2))
    assert same(found, fit_cnn(tiny_samples(), CROP, chosen, checkpoint=Checkpoint(tmp_path)))


def test_real_pretrained_weights_are_where_it_begins():
    start = build_network("resnet18", 2, seed=77)
    weights = PretrainedWeights(start.state_dict(), "mine.pth", "0" * 64)
    slow = replace(QUICK, max_epochs=1, learning_rate=1e-9, weight_decay=0.0)
    found = fit_cnn(tiny_samples(), CROP, slow, pretrained=weights, seed=5)
    kernel = found.classifier.tensors()["layer2.0.conv1.weight"]
    np.testing.assert_allclose(
        kernel, start.state_dict()["layer2.0.conv1.weight"].numpy(), atol=1e-6
    )
    assert found.describe()["pretrained"] == {"file": "mine.pth", "sha256": "0" * 64}


def test_the_description_counts_patients():
    samples = replace(tiny_samples(14), weight=np.where(np.arange(14) < 2, 0.0, 1.0))
    told = fit_cnn(samples, CROP, replace(QUICK, max_epochs=1)).describe()
    assert told["patients"] == {
        "alive": 6, "dead": 6, "unknown, not trained on": 2, "of them to stop on": 3,
    }  # fmt: skip
    assert told["answers"] == "log odds of being alive beyond 36 months"
    assert told["pretrained"] is None


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            lambda s: replace(s, alive=np.ones(12, bool)),
            StatisticsError,
            "known to be alive at the horizon and 0 to have died",
        ),
        (lambda s: replace(s, weight=np.zeros(12)), StatisticsError, "0 are known to be alive"),
        (
            lambda s: replace(s, images=s.images[:, :, :1]),
            InputError,
            r"have shape \(1, 2, 32, 32\), got \(1, 1, 32, 32\)",
        ),
        (lambda s: replace(s, images=s.images * np.nan), InputError, "a pixel is missing"),
        (lambda s: replace(s, images=s.images[:5]), InputError, "crops of 5 patients but 12"),
        (lambda s: replace(s, weight=-s.weight), InputError, "a weight is missing or negative"),
        (lambda s: replace(s, alive=np.ones(12)), InputError, "a label must be true or false"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(change, error, message):
    with pytest.raises(error, match=message):
        fit_cnn(change(tiny_samples()), CROP, QUICK)


def test_a_training_that_diverges_says_so():
    samples = tiny_samples()
    huge = replace(samples, images=samples.images * np.float32(1e38))
    with pytest.raises(StatisticsError, match="the training diverged; lower the learning rate"):
        fit_cnn(huge, CROP, replace(QUICK, learning_rate=0.9))


def test_no_crops_cannot_be_stacked():
    with pytest.raises(InputError, match="there are no crops"):
        stack_crops([])
