"""One patient in a worker process: run the function, check what it gives, tell our errors by value."""

from __future__ import annotations

import contextlib
import math
import os
import sys
import time
from collections.abc import Generator
from dataclasses import dataclass
from functools import lru_cache

from hccsurv_core.batch.code_version import code_version
from hccsurv_core.cohort.patient_task import Extract, PatientTask
from hccsurv_core.errors import HccsurvError


@dataclass(frozen=True)
class Answer:
    """What came of one patient: features, or what is wrong with the patient or with the worker.

    Args:
        names, values: the features; empty where there are none.
        error: what is wrong with the patient.
        other_code: this worker runs other code than the process that asked.
        seconds: how long it took.
        pid: the worker's process.
    """

    names: tuple[str, ...] = ()
    values: tuple[float, ...] = ()
    error: str | None = None
    other_code: bool = False
    seconds: float = 0.0
    pid: int = 0


class WorkerKilledError(HccsurvError):
    """Every worker that was given this patient died."""

    code = "worker_killed"


class TookTooLongError(HccsurvError):
    """The patient was given up after the time that one may take."""

    code = "took_too_long"


#: A patient's answer, or the exception that came instead.
Outcome = Answer | BaseException
#: Patients with their outcomes, as they come.
Outcomes = Generator[tuple[PatientTask, Outcome], None, None]


def work_on(task: PatientTask, extract: Extract, code: str) -> Answer:
    """Run the function on one patient.

    Args:
        code: the version that the result is to be stored under.

    Returns:
        the answer; errors of :class:`~hccsurv_core.errors.HccsurvError` are part of it.

    Raises:
        Exception: whatever else the function raises.
        TypeError, ValueError: it gave something that is no mapping of names to numbers.
    """
    start = time.perf_counter()
    if code_version(extract) != code:
        return Answer(other_code=True, pid=os.getpid())
    try:
        # Standard output may be a JSON object for another program.
        with contextlib.redirect_stdout(sys.stderr):
            found = extract(task)
    except HccsurvError as error:
        return Answer(error=str(error), seconds=time.perf_counter() - start, pid=os.getpid())
    names = tuple(found)
    values = tuple(_number(name, value) for name, value in found.items())
    return Answer(names, values, seconds=time.perf_counter() - start, pid=os.getpid())


def work_in_worker(task: PatientTask, extract: Extract, code: str) -> Answer:
    """:func:`work_on` in a process of its own, whose libraries' chatter goes to standard error."""
    _own_stdout_leads_to_stderr()
    return work_on(task, extract, code)


@lru_cache(maxsize=1)
def _own_stdout_leads_to_stderr() -> None:
    # Below Python: some image libraries print from C.
    sys.stdout.flush()
    os.dup2(2, 1)


def _number(name: object, value: object) -> float:
    if not isinstance(name, str):
        raise TypeError(f"the name of a feature must be text, got {name!r}")
    number = float(value)  # type: ignore[arg-type]
    if math.isinf(number):
        raise ValueError(f"feature {name} is infinite")
    return number
