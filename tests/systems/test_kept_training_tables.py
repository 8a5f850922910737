"""Tables that are kept for training runs as they were uploaded, and who joins a training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hccsurv_core.errors import StoreError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.systems.training_sources import joining_the_training, keep_file


def test_a_file_is_kept_byte_for_byte_under_its_own_name(tmp_path):
    first = keep_file(b"a,b\n1,2\n", "our table (2).csv", tmp_path)
    second = keep_file(b"other", "our table (2).csv", tmp_path)
    assert first.read_bytes() == b"a,b\n1,2\n" and second.read_bytes() == b"other"
    assert first.name == "our-table--2-.csv" and first.parent != second.parent


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd.csv", "a/../../b.xlsx"])
def test_no_name_leads_out_of_the_data_folder(tmp_path, name):
    kept = keep_file(b"x", name, tmp_path)
    assert kept.resolve().is_relative_to(tmp_path.resolve())


def test_a_data_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "training_tables").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        keep_file(b"x", "t.csv", tmp_path)


def test_without_a_split_those_that_it_held_out_join():
    table = FeatureTable(
        ("a", "b", "c"), (), np.empty((3, 0)), SurvivalOutcome([1.0, 2.0, 3.0], [1, 0, 1]),
        {"split": ("train", "test", "test")}, "t.csv",
    )  # fmt: skip
    assert joining_the_training(table, table) == ""
    words = joining_the_training(table, replace(table, labels={}))
    assert "2 patients" in words and "2 of test" in words
