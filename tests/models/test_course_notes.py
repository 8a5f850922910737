"""What is written about a training while it runs, for those who watch it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hccsurv_core.models.autoencoder import AutoencoderSettings
from hccsurv_core.models.checkpoint import COURSE, Checkpoint
from hccsurv_core.models.deep_cox import NetworkSettings
from hccsurv_core.models.ensemble_training import Recipe, fit_ensemble
from hccsurv_core.outcome import SurvivalOutcome

RECIPE = Recipe(
    representation="autoencoder",
    n_codes=3,
    network=NetworkSettings(hidden=(4,), max_epochs=4, patience=4),
    autoencoder=AutoencoderSettings(hidden=(6,), n_codes=3, max_epochs=3),
)


@pytest.fixture
def patients():
    rng = np.random.default_rng(5)
    values = rng.normal(size=(60, 8))
    time = rng.exponential(20 * np.exp(-values[:, 0]))
    return values, SurvivalOutcome(time, rng.random(60) < 0.7)


def fit(patients, folder):
    values, outcome = patients
    return fit_ensemble(
        values, [f"f{i}" for i in range(8)], outcome, RECIPE, n_members=7, seed=3,
        checkpoint=Checkpoint(folder, "mine"),
    )  # fmt: skip


def read(folder, what):
    lines = (folder / COURSE).read_text(encoding="utf-8").splitlines()
    return [note for note in map(json.loads, lines) if note["what"] == what]


def test_every_epoch_is_noted_with_the_losses_that_the_model_keeps(patients, tmp_path):
    fitted = fit(patients, tmp_path)
    noted = read(tmp_path, "networks")
    for first, course in zip((0, 5), fitted.course.networks, strict=True):
        of_part = [n for n in noted if n["first"] == first]
        assert [n["epoch"] for n in of_part] == list(range(1, len(of_part) + 1))
        assert np.allclose([n["train"] for n in of_part], course.train_loss, atol=1e-5)
        assert np.allclose([n["stop"] for n in of_part], course.stop_loss, atol=1e-5)
    encoded = read(tmp_path, "autoencoder")
    assert np.allclose([n["stop"][0] for n in encoded], fitted.course.autoencoder[1], atol=1e-5)


def test_a_training_that_goes_on_repeats_no_finished_epoch(patients, tmp_path):
    fit(patients, tmp_path)
    before = (tmp_path / COURSE).read_text(encoding="utf-8")
    fit(patients, tmp_path)
    assert (tmp_path / COURSE).read_text(encoding="utf-8") == before


def test_without_a_folder_nothing_is_written_and_a_lost_one_stops_nothing(tmp_path):
    Checkpoint().note("fold", c_index=0.7)
    kept = Checkpoint(tmp_path / "work", "mine")
    (tmp_path / "work").rmdir()
    kept.note("fold", c_index=0.7)
    assert list(tmp_path.iterdir()) == []
