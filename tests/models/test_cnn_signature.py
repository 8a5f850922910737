"""The image signature: from crops to a score for each arm, and nothing of a fold in its own score."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from cnn_cohorts import CROP, QUICK, tiny_network

from hccsurv_core.errors import CancelledError, InputError, StatisticsError
from hccsurv_core.models.checkpoint import Checkpoint
from hccsurv_core.models.cnn import run
from hccsurv_core.models.selection_chain import SelectionSettings
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.systems.treatment.cnn_signature import (
    ALL,
    ImageCohort,
    ImageSettings,
    cross_fit_images,
    fit_image_signature,
)

SETTINGS = ImageSettings(
    crop=CROP,
    network=replace(QUICK, max_epochs=4, learning_rate=1e-2),
    selection=SelectionSettings(n_folds=4, n_penalties=20),
)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A tiny network in the place of the real one: what is tested is what is made of it."""
    monkeypatch.setattr(run, "build_network", tiny_network)


def cohort(n=60, seed=0, arms=True) -> ImageCohort:
    """The brighter the square, the longer patients live; a third has TACE and lives half as long."""
    rng = np.random.default_rng(seed)
    bright = rng.normal(size=n)
    images = rng.normal(0, 0.3, (n, 1, 2, 32, 32)).astype(np.float32)
    images[:, :, :, 8:24, 8:24] += (1.5 + bright[:, None, None, None, None]).astype(np.float32)
    tace = np.arange(n) % 3 == 0
    time = 45 * np.where(tace, 0.5, 1.0) * rng.exponential(np.exp(1.2 * bright))
    follow_up = rng.uniform(15, 90, n)
    return ImageCohort(
        tuple(f"P{k}" for k in range(n)), images,
        SurvivalOutcome(np.minimum(time, follow_up), time <= follow_up),
        tuple(np.where(tace, "tace", "hepatectomy")) if arms else None,
    )  # fmt: skip


def brightness(made: ImageCohort) -> np.ndarray:
    return made.images[:, 0, :, 8:24, 8:24].mean((1, 2, 3))


@pytest.fixture
def fitted():
    return fit_image_signature(cohort(120), SETTINGS)


def test_every_patient_has_a_score_for_either_arm_and_higher_is_worse(fitted):
    new = cohort(40, seed=5)
    scores = fitted.scores(new.images)
    assert set(scores) == {"hepatectomy", "tace"}
    for arm, found in scores.items():
        assert found.shape == (40,)
        assert np.corrcoef(found, brightness(new))[0, 1] < -0.5, arm
    assert fitted.selections["tace"].n == 40
    assert fitted.selections["hepatectomy"].n == 80
    told = json.loads(json.dumps(fitted.describe(), allow_nan=False))
    assert told["labels"]["n_unknown"] == int((~fitted.labels.known).sum()) > 0
    assert told["cnn"]["patients"]["unknown, not trained on"] == told["labels"]["n_unknown"]
    assert set(told["selections"]) == {"hepatectomy", "tace"}


def test_scores_are_of_the_features_that_are_listed(fitted):
    new = cohort(10, seed=5)
    table = fitted.features(new.images)
    assert table.shape == (10, 256)
    result = fitted.selections["hepatectomy"]
    names = fitted.network.classifier.feature_names
    chosen = [names.index(name) for name in result.signature.names]
    np.testing.assert_array_equal(
        fitted.scores(new.images)["hepatectomy"],
        result.signature.linear_predictor(table[:, chosen]),
    )


def test_without_arms_there_is_one_signature():
    found = fit_image_signature(cohort(60, arms=False), SETTINGS)
    assert set(found.selections) == {ALL}
    assert found.selections[ALL].n == 60


def test_an_empty_signature_scores_nobody():
    strict = replace(SETTINGS, selection=SelectionSettings(p_value=1e-30))
    found = fit_image_signature(cohort(60, arms=False), strict)
    assert found.selections[ALL].signature.is_empty
    assert found.scores(cohort(5).images)[ALL].tolist() == [0.0] * 5


def test_a_folds_patients_leave_no_trace_in_what_scores_them():
    made = cohort(60)
    first = cross_fit_images(made, SETTINGS, n_folds=3, seed=2)
    out = first.part == 1
    images, time = made.images.copy(), made.outcome.time_months.copy()
    images[out] = np.random.default_rng(9).normal(size=images[out].shape)
    time[out] = time[out][::-1] + 1
    changed = replace(made, images=images, outcome=SurvivalOutcome(time, made.outcome.event))
    second = cross_fit_images(changed, SETTINGS, n_folds=3, seed=2)
    np.testing.assert_array_equal(first.part, second.part)
    assert first.folds[1] == second.folds[1]
    assert first.folds[0] != second.folds[0]
    assert not np.array_equal(first.probability_alive[out], second.probability_alive[out])
    own = fit_image_signature(made.subset(~out), SETTINGS, seed=2)
    for arm, found in own.scores(made.images[out]).items():
        np.testing.assert_array_equal(first.scores[arm][out], found)


def test_folds_spread_arms_and_events_and_scores_are_honest():
    made = cohort(90)
    found = cross_fit_images(made, SETTINGS, n_folds=3)
    groups = made.groups
    for arm in ("hepatectomy", "tace"):
        counts = [
            int((made.outcome.event & (groups == arm) & (found.part == k)).sum()) for k in range(3)
        ]
        assert max(counts) - min(counts) <= 1
        assert len(found.selected(arm)) == 3
    assert np.corrcoef(found.scores["hepatectomy"], brightness(made))[0, 1] < -0.4
    assert ((found.probability_alive > 0) & (found.probability_alive < 1)).all()


def test_a_stopped_cross_fitting_goes_on_where_it_was(tmp_path):
    made = cohort(60)
    whole = cross_fit_images(made, SETTINGS, n_folds=2)
    seen = []

    def stop(fraction, message):
        seen.append(fraction)
        if fraction > 0.6:
            raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        cross_fit_images(made, SETTINGS, n_folds=2, checkpoint=Checkpoint(tmp_path), progress=stop)
    again = cross_fit_images(made, SETTINGS, n_folds=2, checkpoint=Checkpoint(tmp_path))
    np.testing.assert_array_equal(whole.scores["tace"], again.scores["tace"])
    assert whole.folds == again.folds
    assert seen == sorted(seen)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            lambda m: replace(
                m, outcome=SurvivalOutcome(m.outcome.time_months[:9], m.outcome.event[:9])
            ),
            InputError,
            "60 patients but 60 crops, 9 outcomes and 60 arms",
        ),
        (lambda m: replace(m, arm=("tace",)), InputError, "outcomes and 1 arms"),
        (
            lambda m: replace(m, arm=("tace",) * 3 + ("hepatectomy",) * 57),
            StatisticsError,
            "image signature, tace: . events among 3 patients are too few",
        ),
    ],
)
def test_what_cannot_be_learned_from_is_refused(change, error, message):
    with pytest.raises(error, match=message):
        fit_image_signature(change(cohort()), SETTINGS)


def test_one_fold_leaves_nobody_out():
    with pytest.raises(InputError, match="1 folds cannot leave anybody out"):
        cross_fit_images(cohort(), SETTINGS, n_folds=1)
