"""Functions that worker processes run in tests of the batch; they are found by their names."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np

from hccsurv_core.cohort.patient_task import PatientTask
from hccsurv_core.errors import TableError

THREADS = (
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
)


def moments(task: PatientTask) -> dict[str, float]:
    """Three numbers from the bytes of a file; every call is written down with its process."""
    _write_down(task)
    time.sleep(task.settings.get("seconds", 0.0))
    data = np.frombuffer(task.files["image"].read_bytes(), np.uint8).astype(float)
    return {"mean": data.mean(), "spread": data.std() / 3, "power": float((data**1.5).sum())}


def moments_or_death(task: PatientTask) -> dict[str, float]:
    """As :func:`moments`, but the process dies of some patients, always or the first time."""
    how = task.settings.get("deadly")
    mark = task.files["image"].with_suffix(".died")
    if how == "always" or (how == "once" and not mark.exists()):
        mark.touch()
        _write_down(task)
        os.kill(os.getpid(), signal.SIGKILL)
    return moments(task)


def moments_or_error(task: PatientTask) -> dict[str, float]:
    """As :func:`moments`, but some patients fail in the way their settings say."""
    match task.settings.get("fails"):
        case "input":
            raise TableError("has no outline", source=task.patient_id, remedy="draw one")
        case "defect":
            raise ZeroDivisionError("nothing\nto divide")
        case "infinite":
            return {"mean": float("inf"), "spread": 0.0, "power": 0.0}
        case "less":
            return {"mean": 1.0, "power": 0.0}
        case "turned":
            return dict(reversed(moments(task).items()))
        case "missing value":
            return {"mean": float("nan"), "spread": 0.0, "power": 0.0}
        case "talks":
            print("what a library says on standard output")
            os.write(1, b"what a library written in C says\n")
    return moments(task)


def process_facts(task: PatientTask) -> dict[str, float]:
    """Threads that the libraries may use, and the process."""
    import numba

    _write_down(task)
    time.sleep(task.settings.get("seconds", 0.0))
    facts = {name: float(os.environ.get(name, "nan")) for name in THREADS}
    return {**facts, "numba": float(numba.get_num_threads()), "pid": float(os.getpid())}


def _write_down(task: PatientTask) -> None:
    line = f"{task.patient_id} {os.getpid()}\n".encode()
    log = os.open(Path(task.settings["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(log, line)
    os.close(log)
