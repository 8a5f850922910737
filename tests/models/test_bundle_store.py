"""Bundles: what is written comes back, and what was changed in any byte is refused."""

import json

import numpy as np
import pytest

from hccsurv_core.errors import BundleError
from hccsurv_core.models.store import CARD, MODEL, WEIGHTS, read_bundle, write_bundle

TENSORS = {
    "networks.weight_0": np.arange(6, dtype=np.float32).reshape(2, 3),
    "networks.used": np.array([True, False]),
    "baseline": np.linspace(0, 1, 5),
}


def write(folder, **changes):
    given = {
        "system": "muscle",
        "description": {
            "seed": 3,
            "age": 0.1 + 0.2,
            "by_horizon": {12: 0.5, 9: "ü"},
            "pair": (1, 2),
        },
        "tensors": TENSORS,
        "card": "# Kärtchen\n",
    }
    return write_bundle(folder, **{**given, **changes})


def test_what_is_written_comes_back(tmp_path):
    written = write(tmp_path / "deep" / "bundle")
    found = read_bundle(tmp_path / "deep" / "bundle")
    assert sorted(p.name for p in found.folder.iterdir()) == sorted([CARD, MODEL, WEIGHTS])
    assert found.system == "muscle"
    assert found.card == "# Kärtchen\n"
    assert found.description["age"] == 0.1 + 0.2
    assert found.description["by_horizon"] == {"12": 0.5, "9": "ü"}
    assert found.sha256 == written.sha256
    for name, array in TENSORS.items():
        np.testing.assert_array_equal(found.tensors[name], array)
        assert found.tensors[name].dtype == array.dtype
    assert set(found.tensors_of("networks")) == {"weight_0", "used"}


def test_the_same_model_has_the_same_name_and_another_another(tmp_path):
    first = write(tmp_path / "a").sha256
    assert write(tmp_path / "b").sha256 == first
    assert write(tmp_path / "c", card="# Other\n").sha256 != first
    assert write(tmp_path / "d", tensors={"x": np.ones(2)}).sha256 != first
    assert write(tmp_path / "e", description={"seed": 4}).sha256 != first


@pytest.mark.parametrize("name", [WEIGHTS, MODEL, CARD])
@pytest.mark.parametrize("where", [0.1, 0.5, 0.95])
def test_a_single_changed_byte_is_refused(tmp_path, name, where):
    path = write(tmp_path / "b").folder / name
    data = bytearray(path.read_bytes())
    data[int(where * len(data))] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(BundleError):
        read_bundle(tmp_path / "b")


@pytest.mark.parametrize("name", [WEIGHTS, CARD])
def test_a_changed_file_is_named(tmp_path, name):
    path = write(tmp_path / "b").folder / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(BundleError, match=rf"{name} is not what was written: its hash") as caught:
        read_bundle(tmp_path / "b")
    assert "train it again" in str(caught.value)


def test_a_changed_number_in_the_description_is_refused(tmp_path):
    path = write(tmp_path / "b").folder / MODEL
    path.write_text(path.read_text().replace('"seed": 3', '"seed": 4'))
    with pytest.raises(BundleError, match=r"model\.json is not what was written"):
        read_bundle(tmp_path / "b")


def test_weights_of_another_bundle_are_refused(tmp_path):
    write(tmp_path / "a")
    write(tmp_path / "b", tensors={"x": np.ones(2)})
    (tmp_path / "a" / WEIGHTS).replace(tmp_path / "b" / WEIGHTS)
    with pytest.raises(BundleError, match="hash does not match"):
        read_bundle(tmp_path / "b")


@pytest.mark.parametrize("name", [WEIGHTS, MODEL, CARD])
def test_a_missing_file_is_named(tmp_path, name):
    (write(tmp_path / "b").folder / name).unlink()
    with pytest.raises(BundleError, match=f"has no {name}"):
        read_bundle(tmp_path / "b")


def test_what_is_no_bundle_is_refused(tmp_path):
    with pytest.raises(BundleError, match="there is no such folder"):
        read_bundle(tmp_path / "nowhere")
    folder = write(tmp_path / "b").folder
    for text, message in (
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "not of a model bundle"),
        (json.dumps({"format": "hccsurv model bundle", "version": 99}), "version 99"),
        (json.dumps({"format": "hccsurv model bundle", "version": 1}), "names no hashes"),
    ):
        (folder / MODEL).write_text(text)
        with pytest.raises(BundleError, match=message):
            read_bundle(folder)


def test_a_bundle_is_replaced_whole_and_nothing_else_is(tmp_path):
    write(tmp_path / "b")
    write(tmp_path / "b", tensors={"x": np.ones(2)})
    assert set(read_bundle(tmp_path / "b").tensors) == {"x"}
    assert [p.name for p in tmp_path.iterdir()] == ["b"]
    (tmp_path / "b" / "notes.txt").write_text("mine")
    with pytest.raises(BundleError, match=r"holds something else \(notes.txt\); choose a new"):
        write(tmp_path / "b")
    assert (tmp_path / "b" / "notes.txt").read_text() == "mine"
    (tmp_path / "file").write_text("mine")
    with pytest.raises(BundleError, match="is a file"):
        write(tmp_path / "file")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"description": {"c": float("nan")}}, "description is not JSON"),
        ({"description": {"c": np.ones(2)}}, "description is not JSON"),
        ({"tensors": {"x": np.array(["text"])}}, "'x' does not hold numbers"),
        ({"tensors": {"x": np.array([{}], dtype=object)}}, "'x' does not hold numbers"),
    ],
)
def test_what_cannot_be_stored_is_refused_and_leaves_nothing(tmp_path, changes, message):
    with pytest.raises(BundleError, match=message):
        write(tmp_path / "b", **changes)
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_of_another_system_is_not_taken_for_this_one(tmp_path):
    with pytest.raises(BundleError, match="holds a model of system ceus, not muscle"):
        write(tmp_path / "b", system="ceus").require_system("muscle")
