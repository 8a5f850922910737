"""The model library: what is active, who decided it, and that no model is lost, changed or mixed up."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hccsurv_core.cohort.model_entry import headline_metrics
from hccsurv_core.cohort.model_history import (
    HISTORY,
    ModelDecision,
    ShippedModel,
    add_decision,
    read_history,
    standing,
)
from hccsurv_core.cohort.model_library import ModelLibrary
from hccsurv_core.errors import BundleError, InputError, NotFoundError, StoreError
from hccsurv_core.models.store import write_bundle


def _bundle(
    folder: Path, number: int, *, system: str = "muscle", simulated: bool | None = None
) -> Path:
    """A bundle as training writes one, different for each number."""
    training = {"source": f"cohort {number}", "n": 344, "n_events": 1, "n_features": 1343}
    if simulated is not None:
        training["simulated"] = simulated
    rows = [
        {"name": "deep", "kind": "model",
         "c_index": {"value": 0.71, "ci_low": 0.66, "ci_high": 0.75}},
        {"name": "cox", "kind": "rival", "c_index": {"value": 0.7, "ci_low": 0.6, "ci_high": 0.8}},
    ]  # fmt: skip
    write_bundle(
        folder,
        system=system,
        description={
            "training": training,
            "cross_validation": {"method": "5-fold", "results": rows, "best": "deep"},
        },
        tensors={"weights": np.arange(number + 2.0)},
        card="# A model\n",
    )
    return folder


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """Two demonstration models, of two systems."""
    for system in ("muscle", "ceus"):
        _bundle(tmp_path / "assets" / system, 90, system=system)
    return tmp_path / "assets"


@pytest.fixture
def library(tmp_path: Path, shipped: Path) -> ModelLibrary:
    """A library in a data folder of its own."""
    return ModelLibrary(tmp_path / "data", shipped=shipped)


def test_a_new_server_uses_the_demonstration_model(library: ModelLibrary) -> None:
    active = library.active("muscle")
    assert (active.id, active.state, active.shipped) == ("demo-muscle", "active", True)
    assert active.simulated and active.published_at is None and active.by == ""
    assert active.name == "Demonstration model, muscle"
    assert active.trained_on == "344 simulated patients, 1 event (cohort 90)"
    assert library.active("treatment") is None
    assert [e.id for e in library.models()] == ["demo-ceus", "demo-muscle"]
    assert [e.id for e in library.models("ceus")] == ["demo-ceus"]
    assert not library.folder.exists(), "looking wrote something"


def test_publishing_copies_and_the_newest_real_model_is_used(
    library: ModelLibrary, tmp_path: Path
) -> None:
    source = _bundle(tmp_path / "run", 1)
    entry = library.publish(source, by=" Dr.  A ", note="first")
    shutil.rmtree(source)
    assert entry == library.active("muscle")
    assert (entry.name, entry.by, entry.n, entry.n_events) == (
        "344 patients, 1 event (cohort 1)", "Dr. A", 344, 1,
    )  # fmt: skip
    assert entry.trained_on == entry.name and not entry.simulated and entry.problem == ""
    # Its own number, not that of a rival.
    assert [(m.name, m.how, m.value, m.ci_low, m.ci_high) for m in entry.metrics] == [
        ("C-index", "5-fold", 0.71, 0.66, 0.75)
    ]
    bundle = library.bundle(entry.id)
    assert bundle.sha256 == entry.sha256
    np.testing.assert_array_equal(bundle.tensors["weights"], np.arange(3.0))
    newer = library.publish(_bundle(tmp_path / "run", 2), by="B", name="  The   new one ")
    assert library.active("muscle").id == newer.id and newer.name == "The new one"
    assert [e.state for e in library.models("muscle")] == ["active", "available", "available"]
    assert library.active("ceus").id == "demo-ceus"


def test_a_model_of_simulated_patients_is_used_only_by_decision(
    library: ModelLibrary, tmp_path: Path
) -> None:
    told = library.publish(_bundle(tmp_path / "told", 1), by="A", simulated=True)
    says = library.publish(_bundle(tmp_path / "says", 2, simulated=True), by="A")
    assert told.simulated and says.simulated
    assert told.trained_on.startswith("344 simulated patients")
    assert library.active("muscle").id == "demo-muscle"
    assert library.activate(says.id, by="A").state == "active"


def test_a_decision_holds_until_it_is_taken_back(library: ModelLibrary, tmp_path: Path) -> None:
    one, two, three = (library.publish(_bundle(tmp_path / str(k), k), by="A").id for k in (1, 2, 3))
    library.activate(one, by="B", note="better calibrated")
    later = library.publish(_bundle(tmp_path / "4", 4), by="A").id
    assert library.active("muscle").id == one, "a newer model took the place of the chosen one"
    assert library.retire(one, by="C").state == "retired"
    assert library.active("muscle").id == later
    library.retire(later, by="C")
    assert library.active("muscle").id == three
    library.activate(one, by="B")
    assert library.active("muscle").id == one
    for model_id in (one, two, three, "demo-muscle"):
        library.retire(model_id, by="C")
    assert library.active("muscle") is None
    with pytest.raises(InputError, match="retired already"):
        library.retire(one, by="C")
    # Nothing was deleted, and everything is on record.
    assert len(library.models("muscle")) == 5
    assert all(library.bundle(i) for i in (one, two, three, later))
    told = [(d.by, d.action, d.note) for d in library.history(one)]
    assert told == [
        ("A", "published", ""),
        ("B", "activated", "better calibrated"),
        ("C", "retired", ""),
        ("B", "activated", ""),
        ("C", "retired", ""),
    ]
    assert len(library.history()) == 4 + 2 + 2 + 4


def test_the_headline_is_the_models_own_and_without_the_luck_of_the_choice() -> None:
    model = {"kind": "model", "c_index": {"value": 0.71, "ci_low": 0.66, "ci_high": 0.75}}
    rival = {"kind": "rival", "c_index": {"value": 0.9, "ci_low": 0.8, "ci_high": 1.0}}
    judged = {"method": "5-fold", "results": [rival, model]}
    (plain,) = headline_metrics({"cross_validation": judged})
    assert (plain.value, plain.ci_low, plain.ci_high, plain.how) == (0.71, 0.66, 0.75, "5-fold")
    corrected = {"value": 0.69, "ci_low": 0.6, "ci_high": 0.74}
    (told,) = headline_metrics({"cross_validation": {**judged, "corrected": corrected}})
    assert (told.value, told.ci_low, told.ci_high) == (0.69, 0.6, 0.74)
    assert told.how == "5-fold; without the luck of having been chosen"
    (unknown,) = headline_metrics({"cross_validation": {**judged, "corrected": {"value": None}}})
    assert unknown == plain
    for nothing in ({}, {"cross_validation": None}, {"cross_validation": {"results": [None]}}):
        assert headline_metrics(nothing) == ()


def test_what_cannot_be_published(library: ModelLibrary, tmp_path: Path) -> None:
    source = _bundle(tmp_path / "run", 1)
    with pytest.raises(InputError, match="by: somebody must be named who decides"):
        library.publish(source, by="  ")
    with pytest.raises(BundleError, match="there is no such folder"):
        library.publish(tmp_path / "nowhere", by="A")
    library.publish(source, by="A")
    with pytest.raises(InputError, match="this model is published already; activate it"):
        library.publish(source, by="A")
    (source / "card.md").write_text("# Another card\n")
    with pytest.raises(BundleError, match=r"card\.md is not what was written"):
        library.publish(source, by="A")
    assert len(library.history()) == 1


@pytest.mark.parametrize("key", ["", "..", "../assets", "muscle-0000", "demo-"])
def test_keys_that_name_nothing(key: str, library: ModelLibrary) -> None:
    for act in (library.model, library.bundle, library.verify):
        with pytest.raises(NotFoundError, match="there is no model"):
            act(key)
    for decide in (library.activate, library.retire):
        with pytest.raises(NotFoundError, match="there is no model"):
            decide(key, by="A")


def test_a_damaged_model_keeps_its_place_and_is_not_used(
    library: ModelLibrary, tmp_path: Path
) -> None:
    """Another model in its place would be the worse mistake."""
    older = library.publish(_bundle(tmp_path / "1", 1), by="A")
    newer = library.publish(_bundle(tmp_path / "2", 2), by="A")
    weights = newer.folder / "weights.safetensors"
    before = weights.stat()
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    active = library.active("muscle")
    assert active.id == newer.id
    assert "weights.safetensors is not what was written" in active.problem
    assert active.name == newer.name and active.n is None
    with pytest.raises(BundleError, match=r"weights\.safetensors is not what was written"):
        library.bundle(newer.id)
    with pytest.raises(BundleError):
        library.activate(newer.id, by="A")
    assert library.verify(newer.id).problem == active.problem
    library.retire(newer.id, by="A")
    assert library.active("muscle").id == older.id
    shutil.rmtree(older.folder)
    assert "there is no such folder" in library.active("muscle").problem


def test_a_whole_other_model_in_a_models_place_is_noticed(
    library: ModelLibrary, tmp_path: Path
) -> None:
    entry = library.publish(_bundle(tmp_path / "1", 1), by="A")
    shutil.rmtree(entry.folder)
    _bundle(entry.folder, 2)
    assert "another model than the one that was published" in library.model(entry.id).problem
    with pytest.raises(BundleError, match="another model than the one that was published"):
        library.bundle(entry.id)


def test_a_damaged_demonstration_model_says_so(library: ModelLibrary, shipped: Path) -> None:
    (shipped / "muscle" / "model.json").write_text("{")
    active = library.active("muscle")
    assert active.id == "demo-muscle" and "is no JSON" in active.problem
    assert library.active("ceus").problem == ""


def test_a_damaged_history_is_not_guessed_at(library: ModelLibrary, tmp_path: Path) -> None:
    library.publish(_bundle(tmp_path / "1", 1), by="A")
    path = library.folder / HISTORY
    whole = path.read_text()
    for damage in ("{\n", "[1]\n", whole.replace("published", "promoted"), '{"at": "x"}\n'):
        path.write_text(damage + whole)
        with pytest.raises(StoreError, match="line 1 is damaged, so it is not known which"):
            library.models()
        with pytest.raises(StoreError, match="restore this file from a backup"):
            library.publish(_bundle(tmp_path / "2", 2), by="A")


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, shipped: Path) -> None:
    (tmp_path / "data").write_text("a file")
    library = ModelLibrary(tmp_path / "data", shipped=shipped)
    with pytest.raises(StoreError):
        library.publish(_bundle(tmp_path / "1", 1), by="A")


# -- properties ---------------------------------------------------------------------------
_SYSTEMS = ("muscle", "ceus")
_MODELS = [f"{s}-{k}" for s in _SYSTEMS for k in range(3)]
_SHIPPED = [ShippedModel("demo-muscle", "muscle"), ShippedModel("demo-ceus", "ceus")]


def _decision(action: str, model_id: str, simulated: bool = False) -> ModelDecision:
    system = model_id.removeprefix("demo-").split("-")[0]
    at = "2026-01-01T00:00:00+00:00"
    return ModelDecision(at, "A", action, model_id, system, sha256="x", simulated=simulated)


_DECISIONS = st.lists(
    st.builds(
        _decision,
        st.sampled_from(["published", "activated", "retired"]),
        st.sampled_from([*_MODELS, "demo-muscle", "demo-ceus"]),
        st.booleans(),
    ),
    max_size=25,
)


def _by_the_rule(history: list[ModelDecision], system: str) -> str | None:
    """The active model, read off the history's end: chosen, else newest real, else the demo."""
    mine = [d for d in history if d.system == system]
    retired = {i for i in {d.model_id for d in mine} | {f"demo-{system}"} if _is_out(mine, i)}
    for number in range(len(mine) - 1, -1, -1):
        if mine[number].action == "activated":
            chosen = mine[number].model_id
            later = [(d.action, d.model_id) for d in mine[number:]]
            if ("retired", chosen) not in later:
                return chosen
            break
    newest = {d.model_id: d for d in mine if d.action == "published"}
    order = [d.model_id for d in reversed(mine) if d.action == "published"]
    real = [i for i in order if not newest[i].simulated and i not in retired]
    demo = f"demo-{system}"
    return real[0] if real else None if demo in retired else demo


def _is_out(decisions: list[ModelDecision], model_id: str) -> bool:
    last = [d.action for d in decisions if d.model_id == model_id]
    return bool(last) and last[-1] == "retired"


@given(_DECISIONS)
def test_at_most_one_model_is_active_and_it_is_the_right_one(history) -> None:
    now = standing(history, _SHIPPED)
    for system in _SYSTEMS:
        assert now.active.get(system) == _by_the_rule(history, system)
    assert not set(now.active.values()) & now.retired


@given(_DECISIONS, st.sampled_from([*_MODELS]))
def test_retiring_a_model_that_is_not_active_changes_nothing_else(history, model_id) -> None:
    before = standing(history, _SHIPPED)
    after = standing([*history, _decision("retired", model_id)], _SHIPPED)
    if model_id not in before.active.values():
        assert after.active == before.active
    assert after.published == before.published
    assert after.retired == before.retired | {model_id}


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(history=_DECISIONS, data=st.data())
def test_a_history_cut_off_anywhere_is_an_earlier_history(history, data, tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("history") / HISTORY
    for decision in history:
        add_decision(path, decision)
    assert read_history(path) == history
    if not history:
        return
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    kept = read_history(path)
    assert kept == history[: len(kept)]
    # The next decision does not stick to what is left of a line.
    more = _decision("retired", "muscle-1")
    add_decision(path, more)
    assert read_history(path) == [*kept, more]


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(st.tuples(st.sampled_from("par"), st.integers(0, 3)), max_size=14))
def test_any_order_of_decisions_keeps_the_library_whole(steps, tmp_path_factory) -> None:
    place = tmp_path_factory.mktemp("library")
    _bundle(place / "assets" / "muscle", 90)
    library = ModelLibrary(place / "data", shipped=place / "assets")
    sources = [_bundle(place / str(k), k, simulated=k == 3) for k in range(4)]
    ids: dict[int, str] = {}
    accepted = 0
    for what, k in steps:
        try:
            if what == "p":
                ids[k] = library.publish(sources[k], by="A").id
            elif what == "a":
                library.activate(ids.get(k, "demo-muscle"), by="A")
            else:
                library.retire(ids.get(k, "demo-muscle"), by="A")
            accepted += 1
        except InputError:
            pass
        states = [e.state for e in library.models("muscle")]
        assert states.count("active") <= 1
        active = library.active("muscle")
        assert (active is None) == ("active" not in states)
    entries = library.models("muscle")
    assert {e.id for e in entries} == {"demo-muscle", *ids.values()}
    assert all(e.problem == "" and library.bundle(e.id) for e in entries)
    assert len(library.history()) == accepted
    # Another process sees the same.
    again = ModelLibrary(place / "data", shipped=place / "assets")
    assert again.models() == library.models()


# -- several processes --------------------------------------------------------------------
_PUBLISHER = """
import sys
from pathlib import Path
from hccsurv_core.cohort.model_library import ModelLibrary
from test_model_library import _bundle

place, first, n = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
library = ModelLibrary(place / "data", shipped=place / "assets")
print("ready", flush=True)
for number in range(first, first + n):
    entry = library.publish(_bundle(place / f"run-{number}", number), by="A")
    print("published", entry.id, flush=True)
    library.activate(entry.id, by="A")
    print("activated", entry.id, flush=True)
"""


def _publisher(place: Path, first: int, n: int) -> subprocess.Popen:
    here = Path(__file__).parent
    paths = os.pathsep.join((str(here.parents[1]), str(here)))
    return subprocess.Popen(
        [sys.executable, "-c", _PUBLISHER, str(place), str(first), str(n)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
    )


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_kill_at_any_moment_leaves_whole_models(library: ModelLibrary, tmp_path: Path) -> None:
    moments = random.Random(20240503)
    told: list[str] = []
    for attempt in range(5):
        process = _publisher(tmp_path, 100 * attempt, 1000)
        lines = [process.stdout.readline() for _ in range(moments.randrange(2, 6))]
        time.sleep(moments.uniform(0.0, 0.05))
        process.kill()
        lines += process.communicate()[0].splitlines(keepends=True)
        # The last line may be cut off by the kill.
        told += [line for line in lines[1:] if line.endswith("\n")]
        for entry in library.models():
            assert entry.problem == ""
        assert [e.state for e in library.models("muscle")].count("active") == 1
    assert len(told) >= 5
    # What had been reported as decided is on record.
    known = {(d.action, d.model_id) for d in library.history()}
    assert {tuple(line.split()) for line in told} <= known
    # A bundle whose publication was cut off can be published.
    left = {p.name for p in library.folder.glob("muscle-*")} - {m for _, m in known}
    assert len(left) <= 5
    assert library.publish(_bundle(tmp_path / "last", 99), by="A").problem == ""


def test_processes_that_decide_at_once_wait_for_each_other(
    library: ModelLibrary, tmp_path: Path
) -> None:
    processes = [_publisher(tmp_path, 100 * k, 6) for k in range(3)]
    said = [p.communicate(timeout=300)[0] for p in processes]
    assert [p.returncode for p in processes] == [0, 0, 0]
    history = library.history()
    assert len(history) == 3 * 6 * 2
    assert sorted(d.model_id for d in history) == sorted(
        line.split()[1] for text in said for line in text.splitlines() if line != "ready"
    )
    assert len(library.models("muscle")) == 18 + 1
    activated = [d.model_id for d in history if d.action == "activated"]
    assert library.active("muscle").id == activated[-1]


def test_the_history_is_plain_json_lines(library: ModelLibrary, tmp_path: Path) -> None:
    library.publish(_bundle(tmp_path / "1", 1), by="Dr. Müller\nx", note="für die Klinik")
    (line,) = (library.folder / HISTORY).read_text(encoding="utf-8").splitlines()
    data = json.loads(line)
    assert data["by"] == "Dr. Müller x" and data["note"] == "für die Klinik"
    assert data["action"] == "published" and data["at"].endswith("+00:00")
