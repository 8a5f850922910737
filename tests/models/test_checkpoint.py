"""Finished pieces of a training: found by the same training, by no other, and never half."""

import numpy as np
import pytest

from hccsurv_core.errors import InputError
from hccsurv_core.models.checkpoint import Checkpoint, fingerprint


def test_a_piece_is_found_again_by_the_same_training_only(tmp_path):
    Checkpoint(tmp_path / "new", "a").put("fold 1", {"score": np.arange(3.0)})
    found = Checkpoint(tmp_path / "new", "a").get("fold 1")
    np.testing.assert_array_equal(found["score"], [0, 1, 2])
    assert Checkpoint(tmp_path / "new", "a").get("fold 2") is None
    assert Checkpoint(tmp_path / "new", "b").get("fold 1") is None
    assert Checkpoint(tmp_path / "new", "a").under("recipe").get("fold 1") is None


def test_a_damaged_piece_was_not_finished(tmp_path):
    kept = Checkpoint(tmp_path, "a")
    kept.put("fold 1", {"score": np.arange(3.0)})
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-4])
    assert kept.get("fold 1") is None
    kept.put("fold 1", {"score": np.ones(1)})
    assert kept.get("fold 1")["score"].tolist() == [1]


def test_without_a_folder_nothing_is_kept():
    kept = Checkpoint()
    kept.put("fold 1", {"score": np.ones(1)})
    assert kept.get("fold 1") is None


def test_a_fingerprint_tells_data_settings_and_shapes_apart():
    parts = [np.zeros((2, 3)), np.zeros((3, 2)), np.zeros(6), np.zeros((2, 3), np.float32)]
    assert len({fingerprint(p, 1) for p in parts} | {fingerprint(parts[0], 2)}) == 5
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1})


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="cannot be made"):
        Checkpoint(tmp_path / "file" / "below", "a")
