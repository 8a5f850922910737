"""Training runs are real processes here: watched, queued, cancelled, killed and resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from hccsurv_core.cohort.file_lock import is_locked, take_lock
from hccsurv_core.errors import InputError, NotFoundError, StoreError
from hccsurv_core.models.store import read_bundle
from hccsurv_core.systems.process_signs import is_alive, mark_of
from hccsurv_core.systems.training_record import (
    ALIVE,
    ANSWER,
    PROGRESS,
    TrainingRequest,
    add_progress,
    read_progress,
    read_state,
)
from hccsurv_core.systems.training_runs import TrainingRun, TrainingRuns

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")

FAKE = (sys.executable, str(Path(__file__).with_name("fake_train.py")))
#: For a machine that is loaded to the brim; none of these waits is expected to be long.
_LONG_S = 120.0


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[TrainingRuns]:
    """Runs in a data folder of their own; whatever still lives afterwards is ended."""
    made = TrainingRuns(tmp_path / "data", program=FAKE)
    yield made
    for run in made.runs():
        state = read_state(run.folder)
        for mark in (state.supervisor, state.trainer):
            if mark is not None and is_alive(mark):
                with suppress(ProcessLookupError):
                    os.killpg(mark[0], signal.SIGKILL)


def _request(behavior: str = "good", name: str = "a run", **options) -> TrainingRequest:
    return TrainingRequest("muscle", name, None, {"behavior": behavior, **options})


def _until(runs: TrainingRuns, run_id: str, wanted: Callable[[TrainingRun], bool]) -> TrainingRun:
    end = time.monotonic() + _LONG_S
    while True:
        run = runs.run(run_id)
        if wanted(run):
            return run
        assert time.monotonic() < end, f"still {run.state}: {run.message}"
        time.sleep(0.02)


def _ended(run: TrainingRun) -> bool:
    return run.state not in ("queued", "running")


def _trains(run: TrainingRun) -> bool:
    return run.state == "running" and run.progress is not None


def _gone(mark: tuple[int, float] | None) -> bool:
    """Whether a process is no more; a zombie is none."""
    if mark is None or not is_alive(mark):
        return True
    return psutil.Process(mark[0]).status() == psutil.STATUS_ZOMBIE


def _wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + _LONG_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_run_from_its_start_to_its_model(runs: TrainingRuns, tmp_path: Path) -> None:
    request = TrainingRequest(
        "muscle", "  first   run ", tmp_path / "cohort", {"behavior": "good", "note": "-x y"},
        {"n_members": 2},
    )  # fmt: skip
    started = runs.start(request, by="Dr. A")
    assert started.state in ("queued", "running") and started.bundle is None
    run = _until(runs, started.id, _ended)
    assert run.state == "done" and run.message == ""
    assert run.request.name == "first run" and run.by == "Dr. A" and run.attempt == 1
    assert run.created_at <= run.queued_at <= run.started_at <= run.ended_at
    assert (run.progress.fraction, run.progress.message) == (1.0, "step 3")
    assert not run.can_cancel and not run.can_resume
    bundle = read_bundle(run.bundle)
    # What was asked for reached the verb, a value that begins with a dash included.
    assert bundle.description["note"] == "-x y"
    assert bundle.description["cohort"] == str(tmp_path / "cohort")
    assert bundle.description["settings"] == {"n_members": 2}
    assert json.loads((run.folder / ANSWER).read_text()) == {"answer": True}
    assert [s.message for s in runs.steps(run.id)] == ["step 1", "step 2", "step 3"]
    log = run.log.read_text()
    assert "a library talks" in log and "step 1" not in log


@pytest.mark.parametrize(
    ("behavior", "message"),
    [
        ("error", "cohort.csv: has no events; use another cohort"),
        ("defect", "ended with status 1; see the log"),
        ("crash", "the training process was ended by SIGSEGV; see the log"),
        ("no memory", "ended by SIGKILL; perhaps there was not enough memory; see the log"),
        ("no bundle", "the training ended without a usable model"),
    ],
)
def test_how_it_failed_is_said(behavior: str, message: str, runs: TrainingRuns) -> None:
    run = _until(runs, runs.start(_request(behavior)).id, _ended)
    assert run.state == "failed" and run.bundle is None and run.can_resume
    assert message in run.message
    if behavior == "defect":
        assert "ZeroDivisionError: a defect" in run.log.read_text()


def test_a_program_that_cannot_be_started_is_a_failure(tmp_path: Path) -> None:
    runs = TrainingRuns(tmp_path, program=["/no/such/program"])
    run = _until(runs, runs.start(_request()).id, _ended)
    assert run.state == "failed"
    assert "cannot be started" in run.message


def test_one_trains_and_the_others_wait_in_order(runs: TrainingRuns, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    first = runs.start(_request(name="first", gate=str(gate)))
    _until(runs, first.id, _trains)
    second = runs.start(_request(name="second"))
    third = runs.start(_request(name="third"))
    assert [(r.request.name, r.state, r.n_before) for r in runs.runs()] == [
        ("third", "queued", 2),
        ("second", "queued", 1),
        ("first", "running", 0),
    ]
    # One that no longer wants to does not hold up those behind it.
    runs.cancel(second.id)
    assert _until(runs, second.id, _ended).message == "cancelled before it began"
    gate.touch()
    done = [_until(runs, r.id, _ended) for r in (first, third)]
    assert [r.state for r in done] == ["done", "done"]
    assert done[0].ended_at <= done[1].started_at


def test_cancelling_ends_the_process_and_its_children(runs: TrainingRuns, tmp_path: Path) -> None:
    run = runs.start(_request("child", gate=str(tmp_path / "never")))
    _until(runs, run.id, _trains)
    child = mark_of(int((run.folder / "child").read_text()))
    trainer = read_state(run.folder).trainer
    assert is_alive(child) and is_alive(trainer)
    assert not runs.cancel(run.id).can_cancel
    ended = _until(runs, run.id, _ended)
    assert (ended.state, ended.message) == ("cancelled", "cancelled")
    _wait_until(lambda: _gone(child) and _gone(trainer))
    with pytest.raises(InputError, match=r"this run has ended \(cancelled\)"):
        runs.cancel(run.id)


def test_one_that_does_not_listen_is_killed(runs: TrainingRuns, tmp_path: Path) -> None:
    run = runs.start(_request("deaf", gate=str(tmp_path / "never")))
    _until(runs, run.id, _trains)
    # The same again, by hand, with less patience: the first supervisor leaves, the lock with it.
    os.kill(read_state(run.folder).supervisor[0], signal.SIGKILL)
    _until(runs, run.id, lambda r: r.state == "interrupted")
    lock = take_lock(run.folder / ALIVE)
    impatient = (
        "import sys; from hccsurv_core.systems import training_runner as t; "
        "t._GRACE_S = 0.5; t.main(sys.argv[1:])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", impatient, str(run.folder), str(lock), *FAKE], pass_fds=(lock,)
    )
    os.close(lock)
    _wait_until(lambda: (t := read_state(run.folder).trainer) is not None and is_alive(t))
    trainer = read_state(run.folder).trainer
    _wait_until(lambda: "waiting" in [s.message for s in runs.steps(run.id)])
    runs.cancel(run.id)
    assert process.wait(_LONG_S) == 0
    assert runs.run(run.id).state == "cancelled"
    _wait_until(lambda: _gone(trainer))


def test_a_cancelled_run_goes_on_where_it_was(runs: TrainingRuns, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    run = runs.start(_request(gate=str(gate)))
    _until(runs, run.id, _trains)
    runs.cancel(run.id)
    _until(runs, run.id, _ended)
    gate.touch()
    again = runs.resume(run.id, by="Dr. B")
    assert again.attempt == 2 and again.id == run.id
    done = _until(runs, run.id, _ended)
    assert done.state == "done"
    steps = Counter(x.split()[0] for x in (run.folder / "steps").read_text().splitlines())
    assert steps == {"0": 1, "1": 1, "2": 1}, "what was done was done again"
    assert "resumed by Dr. B" in done.log.read_text()
    with pytest.raises(InputError, match="this run is done; start another one"):
        runs.resume(run.id)


@pytest.mark.parametrize("victim", ["supervisor", "trainer", "both"])
def test_killed_processes_leave_a_run_that_can_go_on(
    victim: str, runs: TrainingRuns, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    run = runs.start(_request(gate=str(gate)))
    _until(runs, run.id, _trains)
    state = read_state(run.folder)
    for name in ("supervisor", "trainer"):
        if victim in (name, "both"):
            os.kill(getattr(state, name)[0], signal.SIGKILL)
    found = _until(runs, run.id, _ended)
    assert found.state == ("failed" if victim == "trainer" else "interrupted")
    if victim != "trainer":
        assert found.message == "its processes died while it was training"
    # The training process does not go on behind everybody's back.
    _wait_until(lambda: _gone(state.trainer))
    gate.touch()
    runs.resume(run.id)
    assert _until(runs, run.id, _ended).state == "done"
    steps = Counter(x.split()[0] for x in (run.folder / "steps").read_text().splitlines())
    assert steps == {"0": 1, "1": 1, "2": 1}


def test_a_server_that_starts_again_finds_its_runs(runs: TrainingRuns, tmp_path: Path) -> None:
    """The process that started a run is killed; the run goes on, and another process sees it."""
    gate = tmp_path / "gate"
    code = (
        "import sys; from hccsurv_core.systems.training_runs import *\n"
        "runs = TrainingRuns(sys.argv[1], program=sys.argv[3:])\n"
        "options = {'behavior': 'good', 'gate': sys.argv[2]}\n"
        "print(runs.start(TrainingRequest('muscle', 'x', None, options)).id, flush=True)\n"
        "sys.stdin.read()"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "data"), str(gate), *FAKE],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    run_id = server.stdout.readline().strip()
    os.killpg(server.pid, signal.SIGKILL)
    server.communicate()
    _until(runs, run_id, _trains)
    gate.touch()
    assert _until(runs, run_id, _ended).state == "done"


def test_a_stopped_service_interrupts_and_does_not_fail(runs: TrainingRuns, tmp_path: Path) -> None:
    """A service manager sends SIGTERM to every process of the service at once."""
    run = runs.start(_request(gate=str(tmp_path / "never")))
    waiting = runs.start(_request())
    _until(runs, run.id, _trains)
    _wait_until(lambda: read_state(waiting.folder).supervisor is not None)
    marks = [read_state(waiting.folder).supervisor]
    marks += [read_state(run.folder).supervisor, read_state(run.folder).trainer]
    for pid, _ in marks:
        os.kill(pid, signal.SIGTERM)
    assert _until(runs, run.id, _ended).state == "interrupted"
    found = _until(runs, waiting.id, _ended)
    assert found.state == "interrupted"
    assert found.message == "its processes died while it was waiting for its turn"


def _feature_table(path: Path, n: int = 60) -> Path:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(n, 3))
    times = rng.exponential(20 * np.exp(-values[:, 0])) + 0.5
    lines = ["a,b,c,time_months,event"]
    lines += [
        ",".join(map(str, [*v, t, int(k % 4 > 0)]))
        for k, (v, t) in enumerate(zip(values, times, strict=True))
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_verb_understands_what_a_run_asks_for(tmp_path: Path) -> None:
    table = _feature_table(tmp_path / "table.csv")
    small = {
        "n_members": 2, "n_folds": 2, "n_repeats": 1, "fold_members": 1, "rivals": ["cox"],
        "network": {"max_epochs": 3},
    }  # fmt: skip
    request = TrainingRequest(
        "muscle", "x", None, {"features-table": str(table), "seed": 3, "device": "cpu"}, small
    )
    runs = TrainingRuns(tmp_path / "data")
    run = _until(runs, runs.start(request).id, _ended)
    assert run.state == "done", run.log.read_text()
    answer = json.loads((run.folder / ANSWER).read_text())
    assert answer["n"] == 60 and answer["sha256"] == read_bundle(run.bundle).sha256
    assert read_bundle(run.bundle).description["seed"] == 3
    assert run.progress.fraction == 1.0 and len(runs.steps(run.id)) > 3


def test_ctrl_c_ends_the_verb_with_one_line(tmp_path: Path) -> None:
    table = _feature_table(tmp_path / "table.csv")
    (tmp_path / "settings.json").write_text('{"n_members": 1000}')
    process = subprocess.Popen(
        [sys.executable, "-m", "hccsurv_core", "train", "muscle", "--features-table", str(table),
         "--out", str(tmp_path / "bundle"), "--settings", str(tmp_path / "settings.json")],
        stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert "%" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=_LONG_S)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "error: cancelled" and "Traceback" not in said
    assert not (tmp_path / "bundle").exists()


def test_deleting_and_what_is_at_work(runs: TrainingRuns, tmp_path: Path) -> None:
    run = runs.start(_request(gate=str(tmp_path / "never")))
    for act in (runs.delete, runs.resume):
        with pytest.raises(InputError, match="this run is at work; cancel it"):
            act(run.id)
    runs.cancel(run.id)
    _until(runs, run.id, _ended)
    _wait_until(lambda: not is_locked(run.folder / ALIVE))
    runs.delete(run.id)
    assert runs.runs() == () and list(runs.folder.glob("*/")) == []
    for key in (run.id, "..", "a/b", "", ".new-x"):
        with pytest.raises(NotFoundError, match="there is no training run"):
            runs.run(key)


def test_damaged_runs_do_not_hide_the_others(runs: TrainingRuns) -> None:
    run = _until(runs, runs.start(_request()).id, _ended)
    bad = runs.folder / "20240101T000000-abcdef"
    bad.mkdir()
    (bad / "settings.json").write_text("{")
    assert [r.id for r in runs.runs()] == [run.id]
    with pytest.raises(StoreError, match="missing or damaged"):
        runs.run(bad.name)


def test_progress_survives_a_line_that_was_cut_off(tmp_path: Path) -> None:
    add_progress(tmp_path, 0.25, "übung")
    add_progress(tmp_path, 0.5, "x" * 100)
    with (tmp_path / PROGRESS).open("a") as file:
        file.write('{"at": "2024')
    assert [s.fraction for s in read_progress(tmp_path)] == [0.25, 0.5]
    assert [s.fraction for s in read_progress(tmp_path, last=True)] == [0.5]
    assert read_progress(tmp_path / "nowhere") == []


def test_requests_are_checked() -> None:
    with pytest.raises(InputError, match="name: a training run needs a name"):
        TrainingRequest("muscle", " ")
    with pytest.raises(ValueError, match="is no option of the verb train"):
        TrainingRequest("muscle", "x", None, {"--out": "/etc"})
    request = TrainingRequest("muscle", "x", Path("c"), {"a": True, "b": False, "d": None, "e": 0})
    told = request.arguments(Path("/run"))
    assert told[:3] == ["train", "muscle", str(Path("c").absolute())]
    assert "--a" in told and "--e=0" in told
    assert not [x for x in told if x.startswith(("--b", "--d"))]
    assert TrainingRequest.from_json(request.to_json()) == request


def test_another_process_with_the_same_id_is_another_process() -> None:
    mark = mark_of(os.getpid())
    assert is_alive(mark)
    assert not is_alive((mark[0], mark[1] - 60))
    assert not is_alive(None)
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert mark_of(child.pid) is None


def test_asking_for_a_lock_does_not_take_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_locked(path)
    lock = take_lock(path)
    assert is_locked(path) and is_locked(path) and take_lock(path) is None
    os.close(lock)
    assert not is_locked(path)
