"""A batch in real worker processes: killed, poisoned, cancelled; nothing lost, nothing twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from batch_functions import THREADS, moments, moments_or_death, moments_or_error, process_facts

from hccsurv_core.batch import BatchSettings, cluster, extract_batch
from hccsurv_core.batch import work as batch_work
from hccsurv_core.cohort.patient_task import PatientTask
from hccsurv_core.errors import CancelledError, HccsurvError, InputError

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")

TWO = BatchSettings(workers=2)
#: For a machine that is loaded to the brim; none of these waits is expected to be long.
_LONG_S = 120


def _tasks(folder: Path, n: int, seconds: float = 0.02) -> list[PatientTask]:
    rng = np.random.default_rng(8)
    made = []
    for k in range(n):
        image = folder / f"{k}.bin"
        data = rng.bytes(200 + k)
        if not image.exists():
            image.write_bytes(data)
        settings = {"log": str(folder / "calls"), "seconds": seconds}
        made.append(PatientTask(f"P{k:02d}", {"image": image}, settings))
    return made


def _with(task: PatientTask, **more: object) -> PatientTask:
    return replace(task, settings={**task.settings, **more})


def _calls(folder: Path) -> list[tuple[str, int]]:
    """Who was worked on by which process, in order."""
    log = folder / "calls"
    lines = log.read_text().splitlines() if log.exists() else []
    return [(line.split()[0], int(line.split()[1])) for line in lines]


def _serial(tasks: list[PatientTask]) -> np.ndarray:
    return np.array([list(moments(_with(t, seconds=0.0, log=os.devnull)).values()) for t in tasks])


_BEFORE: set[psutil.Process] = set()


@pytest.fixture(autouse=True)
def _remember_processes() -> None:
    """Others' processes, such as the browser of the tests before, are none of the batch's."""
    _BEFORE.clear()
    _BEFORE.update(psutil.Process().children(recursive=True))


def _workers_left() -> list[psutil.Process]:
    """Child processes since the test began, but the one that cleans up after the others."""
    return [
        p
        for p in psutil.Process().children(recursive=True)
        if p not in _BEFORE
        and p.status() != psutil.STATUS_ZOMBIE
        and "resource_tracker" not in " ".join(p.cmdline())
    ]


def _wait_until_gone(pids: set[int]) -> None:
    _, alive = psutil.wait_procs([psutil.Process(p) for p in pids if psutil.pid_exists(p)], _LONG_S)
    assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]


def test_many_processes_give_what_one_gives(tmp_path: Path) -> None:
    tasks = _tasks(tmp_path, 12, seconds=0.1)
    result = extract_batch(tasks, moments, tmp_path / "run", settings=TWO)
    calls = _calls(tmp_path)
    assert Counter(i for i, _ in calls) == Counter(t.patient_id for t in tasks)
    assert len({pid for _, pid in calls}) == 2 and os.getpid() not in {pid for _, pid in calls}
    assert result.patient_ids == tuple(t.patient_id for t in tasks) and result.failures == ()
    np.testing.assert_array_equal(result.values, _serial(tasks))
    assert not _workers_left()


def test_a_worker_killed_in_mid_run_loses_nothing(tmp_path: Path) -> None:
    tasks = _tasks(tmp_path, 12, seconds=0.1)
    killed: set[int] = set()

    def kill_one(fraction: float, message: str) -> None:
        if fraction >= 0.25 and not killed:
            killed.add(_calls(tmp_path)[-1][1])
            os.kill(next(iter(killed)), signal.SIGKILL)

    result = extract_batch(tasks, moments, tmp_path / "run", settings=TWO, progress=kill_one)
    assert killed
    assert result.failures == ()
    assert result.patient_ids == tuple(t.patient_id for t in tasks)
    np.testing.assert_array_equal(result.values, _serial(tasks))
    # What was with the dead worker was done again, and nothing else.
    again = {i for i, n in Counter(i for i, _ in _calls(tmp_path)).items() if n > 1}
    assert len(again) <= 2
    assert again <= {i for i, pid in _calls(tmp_path) if pid in killed}
    assert not _workers_left()


def test_a_patient_that_kills_every_worker_is_given_up_and_nobody_else(tmp_path: Path) -> None:
    tasks = _tasks(tmp_path, 8)
    tasks[2] = _with(tasks[2], deadly="always")
    tasks[5] = _with(tasks[5], deadly="once")
    result = extract_batch(tasks, moments_or_death, tmp_path / "run", settings=TWO)
    assert [(f.patient_id, f.kind) for f in result.failures] == [("P02", "killed")]
    assert "every worker process that was given this patient died" in result.failures[0].message
    others = [t for t in tasks if t.patient_id != "P02"]
    assert result.patient_ids == tuple(t.patient_id for t in others)
    np.testing.assert_array_equal(result.values, _serial(others))
    assert Counter(i for i, _ in _calls(tmp_path))["P02"] <= 4
    # A single patient would be worked on in this process, but not one that kills it.
    again = extract_batch(tasks, moments_or_death, tmp_path / "run")
    assert again.failures == result.failures and again.n_reused == 7


def test_a_patient_that_never_ends_is_given_up(tmp_path: Path) -> None:
    tasks = _tasks(tmp_path, 6)
    tasks[1] = _with(tasks[1], seconds=3600.0)
    settings = BatchSettings(workers=2, limit_s=9.0)
    result = extract_batch(tasks, moments, tmp_path / "run", settings=settings)
    assert [(f.patient_id, f.message, f.kind) for f in result.failures] == [
        ("P01", "took longer than 0.15 min and was given up", "time")
    ]
    others = [t for t in tasks if t.patient_id != "P01"]
    np.testing.assert_array_equal(result.values, _serial(others))
    assert Counter(i for i, _ in _calls(tmp_path))["P01"] == 1
    assert not _workers_left()


def test_cancelling_ends_all_processes_and_keeps_what_is_done(tmp_path: Path) -> None:
    tasks = _tasks(tmp_path, 8)
    # Longer than anybody would wait: the workers are in the midst of it when they end.
    slow = [_with(t, seconds=3600.0) if k >= 4 else t for k, t in enumerate(tasks)]

    def cancel(fraction: float, message: str) -> None:
        if fraction >= 0.5 and len({i for i, _ in _calls(tmp_path)}) == 6:
            raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        extract_batch(slow, moments, tmp_path / "run", settings=TWO, progress=cancel)
    assert not _workers_left()
    finished = Counter(i for i, _ in _calls(tmp_path) if i in ("P00", "P01", "P02", "P03"))
    result = extract_batch(slow[:4] + tasks[4:], moments, tmp_path / "run", settings=TWO)
    assert result.n_reused == 4
    assert Counter(i for i, _ in _calls(tmp_path) if i in finished) == finished
    np.testing.assert_array_equal(result.values, _serial(tasks))


_RUN = """
import sys
from pathlib import Path
from hccsurv_core.batch import BatchSettings, extract_batch
from test_batch_workers import _tasks, _with
import batch_functions

if __name__ == "__main__":
    folder, workers, function = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    tasks = _tasks(folder, int(sys.argv[4]))
    if function == "moments_or_death":
        tasks[1] = _with(tasks[1], deadly="always")
    extract_batch(tasks, getattr(batch_functions, function), folder / "run",
                  settings=BatchSettings(int(workers) if workers else None))
"""


def _in_another_process(folder: Path, workers: str, function: str, n: int) -> subprocess.Popen:
    script = folder / "run_it.py"
    script.write_text(_RUN)
    root = Path(cluster.__file__).resolve().parents[2]
    paths = os.pathsep.join((str(root), str(Path(__file__).parent)))
    return subprocess.Popen(
        [sys.executable, str(script), str(folder), workers, function, str(n)],
        env={**os.environ, "PYTHONPATH": paths},
    )


def test_a_run_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    process = _in_another_process(tmp_path, "2", "moments", 40)
    end = time.monotonic() + _LONG_S
    while len(_calls(tmp_path)) < 10 and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL, "it ended before it was killed"
    # Its workers notice that it is gone, and go.
    _wait_until_gone({pid for _, pid in _calls(tmp_path)})
    before = len(_calls(tmp_path))
    tasks = _tasks(tmp_path, 40)
    result = extract_batch(tasks, moments, tmp_path / "run", settings=TWO)
    # Two workers: when the tenth was sent out, eight had come back and were stored.
    assert 8 <= result.n_reused < 40
    assert len(_calls(tmp_path)) - before == 40 - result.n_reused
    assert result.failures == ()
    np.testing.assert_array_equal(result.values, _serial(tasks))


def test_a_patient_that_killed_the_only_process_goes_to_workers(tmp_path: Path) -> None:
    process = _in_another_process(tmp_path, "", "moments_or_death", 3)
    assert process.wait(_LONG_S) == -signal.SIGKILL
    assert {pid for _, pid in _calls(tmp_path)} == {process.pid}
    tasks = _tasks(tmp_path, 3)
    tasks[1] = _with(tasks[1], deadly="always")
    result = extract_batch(tasks, moments_or_death, tmp_path / "run")
    assert result.n_reused == 1
    assert result.patient_ids == ("P00", "P02")
    assert [(f.patient_id, f.kind) for f in result.failures] == [("P01", "killed")]


def test_workers_have_one_thread_each_and_this_process_keeps_its_own(tmp_path: Path) -> None:
    before = dict(os.environ)
    listening: set[str] = set()

    def look(fraction: float, message: str) -> None:
        for process in (psutil.Process(), *_workers_left()):
            listening.update(
                c.laddr.ip for c in process.net_connections("inet") if c.status == "LISTEN"
            )

    tasks = _tasks(tmp_path, 6, seconds=0.1)
    result = extract_batch(tasks, process_facts, tmp_path / "run", settings=TWO, progress=look)
    facts = dict(zip(result.names, result.values.T, strict=True))
    for name in (*THREADS, "numba"):
        assert set(facts[name]) == {1.0}, name
    assert os.getpid() not in facts["pid"]
    assert dict(os.environ) == before
    assert listening == {"127.0.0.1"}


def test_nobody_without_the_key_is_served(monkeypatch) -> None:
    """A Dask scheduler runs what it is told: others on this machine must not tell it anything."""
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 2)
    with cluster.local_workers(1) as client:
        address = client.scheduler.address
        assert address.startswith("tls://127.0.0.1:")
        for wrong in (address, address.replace("tls://", "tcp://")):
            with (
                pytest.raises(InputError, match="no Dask scheduler answers"),
                cluster.workers_of(wrong),
            ):
                pass


def test_failures_are_told_across_processes(tmp_path: Path, capfd) -> None:
    tasks = _tasks(tmp_path, 6)
    for k, how in ((0, "input"), (1, "defect"), (2, "talks"), (3, "less")):
        tasks[k] = _with(tasks[k], fails=how)
    result = extract_batch(tasks, moments_or_error, tmp_path / "run", settings=TWO)
    assert [(f.patient_id, f.message, f.kind) for f in result.failures] == [
        ("P00", "P00: has no outline; draw one", "input"),
        ("P01", "ZeroDivisionError: nothing to divide", "defect"),
        ("P03", "has 2 features where 3 are expected; spread is missing", "features"),
    ]
    found = capfd.readouterr()
    assert found.out == ""
    assert "what a library written in C says" in found.err


def test_a_worker_with_other_code_is_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(batch_work, "code_version", lambda extract: "other code")
    with pytest.raises(InputError, match="hccsurv was changed on the disk while"):
        extract_batch(_tasks(tmp_path, 3), moments, tmp_path / "run", settings=TWO)
    assert not _workers_left()


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen]]]:
    """Address and processes of a Dask scheduler with two workers, started as by hand."""
    root = Path(cluster.__file__).resolve().parents[2]
    paths = os.pathsep.join((str(root), str(Path(__file__).parent)))
    environment = {**os.environ, "PYTHONPATH": paths, **cluster.ONE_THREAD}
    place = tmp_path / "scheduler.json"
    common = ["--scheduler-file", str(place)]
    dask = [sys.executable, "-m", "dask"]
    started = [
        subprocess.Popen(
            [*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", *common],
            env=environment, stderr=subprocess.DEVNULL,
        )
    ]  # fmt: skip
    started += [
        subprocess.Popen(
            [*dask, "worker", "--nthreads", "1", "--no-dashboard", "--no-nanny", *common],
            env=environment, stderr=subprocess.DEVNULL, cwd=tmp_path,
        )
        for _ in range(2)
    ]  # fmt: skip
    try:
        end = time.monotonic() + _LONG_S
        while not place.exists() or not place.read_text().strip():
            assert time.monotonic() < end and started[0].poll() is None
            time.sleep(0.05)
        yield json.loads(place.read_text())["address"], started
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_workers_of_a_scheduler_are_used_by_its_address(tmp_path: Path, scheduler) -> None:
    address, started = scheduler
    settings = BatchSettings(scheduler=address)
    tasks = _tasks(tmp_path, 8, seconds=0.1)
    result = extract_batch(tasks, moments, tmp_path / "run", settings=settings)
    np.testing.assert_array_equal(result.values, _serial(tasks))
    assert {pid for _, pid in _calls(tmp_path)} <= {p.pid for p in started[1:]}
    assert all(p.poll() is None for p in started), "the cluster is not ours to close"

    def kill_scheduler(fraction: float, message: str) -> None:
        if fraction >= 0.25:
            started[0].kill()

    slower = [_with(t, seconds=0.5) for t in tasks]
    with pytest.raises(HccsurvError, match="the Dask scheduler is gone"):
        extract_batch(slower, moments, tmp_path / "run", settings=settings, progress=kill_scheduler)
    kept = extract_batch(slower, moments, tmp_path / "run", settings=BatchSettings(workers=0))
    assert kept.n_reused >= 2
    np.testing.assert_array_equal(kept.values, _serial(tasks))


def test_an_address_where_nobody_answers(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 1)
    nowhere = BatchSettings(scheduler="tcp://127.0.0.1:9")
    with pytest.raises(InputError, match=r"tcp://127\.0\.0\.1:9: no Dask scheduler answers"):
        extract_batch(_tasks(tmp_path, 3), moments, tmp_path / "run", settings=nowhere)
