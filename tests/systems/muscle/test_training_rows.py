"""Who is learned from: a split of real patients holds, however small."""

from __future__ import annotations

import numpy as np
import pytest

from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.systems.muscle.cohort import FEWEST_IN_SPLIT, choose_training_rows


def table(n_train: int, n_test: int, *, simulated: bool, split: bool = True) -> FeatureTable:
    n = n_train + n_test
    labels = {"split": ("train",) * n_train + ("internal",) * n_test} if split else {}
    return FeatureTable(
        tuple(f"P{i}" for i in range(n)), ("a",), np.zeros((n, 1)),
        SurvivalOutcome(np.ones(n), np.ones(n, dtype=bool)), labels, simulated=simulated,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("n_train", "simulated", "split"),
    [
        (40, False, "train"),
        (FEWEST_IN_SPLIT - 1, False, "train"),
        (FEWEST_IN_SPLIT, True, "train"),
        (FEWEST_IN_SPLIT - 1, True, ""),
        (40, True, ""),
    ],
)
def test_a_split_of_real_patients_is_never_given_up(n_train, simulated, split):
    found = choose_training_rows(table(n_train, 30, simulated=simulated))
    assert found.split == split
    if not split:
        assert f"all {n_train + 30} patients: split “train” has {n_train} patients" in found.words


def test_without_a_split_everybody_is_learned_from():
    for simulated in (True, False):
        found = choose_training_rows(table(30, 10, simulated=simulated, split=False))
        assert (found.split, found.words) == ("", "all 40 patients: there is no split “train”")
