"""Options of the verb train that decide who is learned from, and what the model says of itself."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hccsurv_core.__main__ import main
from hccsurv_core.features.feature_table import FeatureTable, write_feature_table
from hccsurv_core.models.store import read_bundle
from hccsurv_core.outcome import SurvivalOutcome

QUICK = {"n_members": 2, "n_folds": 2, "n_repeats": 1, "fold_members": 1, "rivals": []}


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(4)
    values = rng.normal(size=(120, 4))
    outcome = SurvivalOutcome(rng.exponential(20 * np.exp(-values[:, 0])), rng.random(120) < 0.8)
    given = FeatureTable(
        tuple(f"P{i}" for i in range(120)), tuple("abcd"), values, outcome,
        {"center": ("north",) * 80 + ("south",) * 40},
    )  # fmt: skip
    write_feature_table(tmp_path / "t.csv", given)
    return given


def train(tmp_path, *more, settings=QUICK):
    (tmp_path / "s.json").write_text(json.dumps(settings))
    return main(
        [
            "train", "muscle", "--features-table", str(tmp_path / "t.csv"),
            "--out", str(tmp_path / "bundle"), "--settings", str(tmp_path / "s.json"),
            "--json", str(tmp_path / "a.json"), *more,
        ]
    )  # fmt: skip


def test_a_center_is_held_out_and_simulated_patients_are_said(table, tmp_path):
    assert train(tmp_path, "--hold-out-center", "south", "--simulated") == 0
    bundle = read_bundle(tmp_path / "bundle")
    training = bundle.description["training"]
    assert training["n"] == 80
    assert training["n_events"] == table.outcome.event[:80].sum()
    assert training["labels"]["center"] == {"north": 80}
    assert training["simulated"] is True
    assert "Trained on simulated patients" in bundle.card
    assert bundle.description["settings"]["n_members"] == 2
    assert bundle.description["endpoint"] == "overall survival"


def test_a_share_is_held_out_by_chance_and_real_patients_are_the_rule(table, tmp_path):
    asked = ("--hold-out-share", "0.25", "--seed", "3", "--endpoint", "time to  recurrence")
    assert train(tmp_path, *asked) == 0
    bundle = read_bundle(tmp_path / "bundle")
    assert bundle.description["training"]["n"] == 90
    assert bundle.description["training"]["simulated"] is False
    assert "Trained on simulated patients" not in bundle.card
    assert "Outcome: time to recurrence" in bundle.card


@pytest.mark.parametrize(
    ("more", "settings", "words"),
    [
        (["--hold-out-center", "east"], QUICK, "nobody would be held out (east)"),
        (["--hold-out-share", "1"], QUICK, "must lie between 0 and 1"),
        ([], {"members": 3}, "no setting is called 'members'"),
        ([], [1], "holds no JSON object"),
    ],
)
def test_what_cannot_be_used_is_one_line(table, tmp_path, capsys, more, settings, words):
    assert train(tmp_path, *more, settings=settings) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1 and said[0].startswith("error: ") and words in said[0]
