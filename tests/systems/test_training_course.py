"""The course of a training is read from its notes as from the finished bundle."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from hccsurv_core.models.checkpoint import COURSE, Checkpoint
from hccsurv_core.systems.muscle.model_evaluation import (
    AUTOENCODER,
    NETWORKS,
    training_histories,
)
from hccsurv_core.systems.training_course import FoldResult, read_course


def test_folds_and_losses_come_back_in_the_order_of_the_training(tmp_path):
    kept = Checkpoint(tmp_path, "mine")
    kept.note("networks", epoch=1, first=0, train=[3.0, 2.5], stop=[1.0, None])
    kept.note("autoencoder", epoch=1, first=0, train=[0.9], stop=[0.8])
    kept.note("fold", name="deep", repeat=0, fold=1, n=20, n_events=9, c_index=0.71)
    kept.note("fold", name="cox", repeat=0, fold=1, n=20, n_events=0, c_index=None)
    found = read_course(tmp_path)
    assert found.folds[0] == FoldResult("deep", 0, 1, 20, 9, 0.71)
    assert math.isnan(found.folds[1].c_index)
    assert list(found.histories) == [AUTOENCODER, NETWORKS]
    assert found.histories[AUTOENCODER] == [(0, 1, 0.9, 0.8)]
    (first, second) = found.histories[NETWORKS]
    assert first == (0, 1, 3.0, 1.0)
    assert second[:3] == (1, 1, 2.5) and math.isnan(second[3])


def test_what_is_repeated_after_a_stop_counts_once(tmp_path):
    kept = Checkpoint(tmp_path, "mine")
    for c, loss in ((0.60, 3.0), (0.61, 2.9)):
        kept.note("fold", name="deep", repeat=0, fold=0, n=9, n_events=4, c_index=c)
        kept.note("networks", epoch=1, first=5, train=[loss], stop=[loss])
    found = read_course(tmp_path)
    assert [f.c_index for f in found.folds] == [0.61]
    assert found.histories == {NETWORKS: [(5, 1, 2.9, 2.9)]}


@pytest.mark.parametrize(
    "line", ["{", '{"what": "fold"}', "[1]", '{"what": "networks", "train": 3}', "\x00\xff", ""]
)
def test_a_damaged_line_costs_only_itself(tmp_path, line):
    kept = Checkpoint(tmp_path, "mine")
    with (tmp_path / COURSE).open("w", encoding="utf-8") as file:
        file.write(line + "\n")
    kept.note("fold", name="deep", repeat=0, fold=0, n=9, n_events=4, c_index=0.6)
    with (tmp_path / COURSE).open("a", encoding="utf-8") as file:
        file.write('{"what": "fold", "name": "de')
    assert [f.candidate for f in read_course(tmp_path).folds] == ["deep"]


def test_before_the_first_note_nothing_is_known(tmp_path):
    assert read_course(tmp_path / "nowhere").folds == ()


def test_a_bundle_keeps_the_curves_that_were_noted(tmp_path):
    import numpy as np

    from hccsurv_core.features.feature_table import FeatureTable
    from hccsurv_core.outcome import SurvivalOutcome
    from hccsurv_core.systems.muscle.settings import resolve_recipes, settings_from_json
    from hccsurv_core.systems.muscle.training import train_muscle

    rng = np.random.default_rng(2)
    values = rng.normal(size=(80, 5))
    outcome = SurvivalOutcome(rng.exponential(20 * np.exp(-values[:, 0])), rng.random(80) < 0.8)
    given = FeatureTable(
        tuple(f"P{i}" for i in range(80)), tuple("abcde"), values, outcome
    )  # fmt: skip
    quick = settings_from_json(
        {
            "representation": "autoencoder", "n_codes": 2, "n_members": 6, "n_folds": 2,
            "n_repeats": 1, "fold_members": 1, "rivals": ["cox"],
            "network": {"hidden": [3], "max_epochs": 5},
            "autoencoder": {"hidden": [4], "n_codes": 2, "max_epochs": 4},
        }
    )  # fmt: skip
    # A line may be chosen too, and has no curves to keep.
    deep = tuple(r for r in resolve_recipes(quick, given.names) if r.head == "deep")
    trained = train_muscle(given, replace(quick, recipes=deep), checkpoint=tmp_path)
    noted = read_course(tmp_path)
    kept = training_histories(json.loads(json.dumps(trained.description)))
    assert list(kept) == list(noted.histories) == [AUTOENCODER, NETWORKS]
    for step, rows in kept.items():
        same = {row[:2]: row[2:] for row in noted.histories[step]}
        # Members that had stopped are not noted any more; what is noted is the same.
        assert same.keys() <= {row[:2] for row in rows}
        for row in rows:
            assert same[row[:2]] == pytest.approx(row[2:], abs=2e-5, nan_ok=True)
    shown = {f.candidate for f in noted.folds}
    assert shown == {row["name"] for row in trained.description["cross_validation"]["results"]}
    assert sum(f.n for f in noted.folds if f.candidate == "ridge Cox regression") == 80
