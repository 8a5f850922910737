"""Work through the patients of a batch: reuse what is stored, do the rest, store it as it comes."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotDoneError
from contextlib import closing, contextmanager

import numpy as np

from hccsurv_core.batch.code_version import code_version
from hccsurv_core.batch.result_file import Failure, Features, ResultFile
from hccsurv_core.batch.settings import FEW_PATIENTS, BatchSettings
from hccsurv_core.batch.task_key import task_key
from hccsurv_core.batch.worker import (
    Answer,
    Outcome,
    Outcomes,
    TookTooLongError,
    WorkerKilledError,
    work_on,
)
from hccsurv_core.cohort.patient_task import Extract, PatientTask
from hccsurv_core.errors import InputError
from hccsurv_core.progress import Progress
from hccsurv_core.wording import count_of

#: How long the workers on this machine may all be dead before the run gives up.
_PATIENCE_S = 600.0
_POLL_S = 0.2
#: Nothing is said of the time left before this.
_FIRST_ESTIMATE_S = 5.0


class Work:
    """One run over the patients; :meth:`do` fills ``features`` and ``failures``.

    Args:
        file: holds what earlier runs did, and takes what this one does.
        extract: the function.
        settings: where it runs.
        progress: see :func:`~hccsurv_core.batch.run.extract_batch`.
    """

    def __init__(
        self, file: ResultFile, extract: Extract, settings: BatchSettings, progress: Progress
    ) -> None:
        self.features: dict[str, Features] = {}
        self.failures: dict[str, Failure] = {}
        self.n_reused = 0
        self._file = file
        self._extract = extract
        self._settings = settings
        self._progress = progress
        self._code = code_version(extract)
        self._keys: dict[str, str] = {}
        self._n = 0
        self._started = time.monotonic()
        self._told_at = -math.inf

    def do(self, tasks: Sequence[PatientTask]) -> None:
        """Work through all patients.

        Raises:
            InputError, StoreError, HccsurvError, Exception: see
                :func:`~hccsurv_core.batch.run.extract_batch`.
        """
        self._n = len(tasks)
        todo = [task for task in tasks if not self._reuse(task)]
        self.n_reused = len(self.features)
        self._started = time.monotonic()
        if todo:
            with self._outcomes(todo) as outcomes, closing(outcomes):
                for task, outcome in outcomes:
                    self._keep(task, outcome)
        self._progress(1.0, self._message())

    def _reuse(self, task: PatientTask) -> bool:
        if time.monotonic() - self._told_at > _POLL_S:
            self._told_at = time.monotonic()
            self._progress(0.0, f"looking for what is known of {count_of(self._n, 'patient')}")
        key = task_key(task, self._extract, self._code)
        self._keys[task.patient_id] = key
        stored = self._file.features(task.patient_id, key)
        if stored is not None:
            self.features[task.patient_id] = stored
        return stored is not None

    # -- where the work is done -----------------------------------------------------------
    @contextmanager
    def _outcomes(self, todo: Sequence[PatientTask]) -> Iterator[Outcomes]:
        if self._settings.scheduler is None and self._stays_here(todo):
            yield self._here(todo)
            return
        from hccsurv_core.batch.cluster import local_workers, n_cores, workers_of
        from hccsurv_core.batch.dispatch import Dispatcher

        address, limit_s = self._settings.scheduler, self._settings.limit_s
        if address is not None:
            with workers_of(address) as client:
                self._refuse_other_code(client.run(code_version, self._extract).values())
                yield Dispatcher(client, self._extract, self._code, self._tick, limit_s).outcomes(
                    todo
                )
            return
        n = min(self._settings.workers or n_cores(), len(todo))
        self._progress(
            self._fraction(), f"starting {count_of(n, 'worker process', 'worker processes')}"
        )
        with local_workers(n) as client:
            yield Dispatcher(
                client, self._extract, self._code, self._tick, limit_s, patience_s=_PATIENCE_S
            ).outcomes(todo)

    def _stays_here(self, todo: Sequence[PatientTask]) -> bool:
        """Whether this process does the work; never if a process died of one of the patients."""
        if self._settings.workers is not None:
            return self._settings.workers == 0
        keys = ((t.patient_id, self._keys[t.patient_id]) for t in todo)
        return len(todo) <= FEW_PATIENTS and not any(self._file.is_deadly(*key) for key in keys)

    def _here(self, todo: Sequence[PatientTask]) -> Outcomes:
        with ThreadPoolExecutor(1) as thread:
            for task in todo:
                key = self._keys[task.patient_id]
                self._file.begin(task.patient_id, key)
                try:
                    yield task, self._in_thread(thread, task)
                finally:
                    self._file.end(task.patient_id, key)

    def _in_thread(self, thread: ThreadPoolExecutor, task: PatientTask) -> Outcome:
        future = thread.submit(work_on, task, self._extract, self._code)
        while True:
            self._tick(1)
            try:
                return future.exception(timeout=_POLL_S) or future.result()
            except NotDoneError:
                continue

    def _tick(self, n_workers: int) -> None:
        text = self._message() if n_workers else "waiting for a worker"
        self._progress(self._fraction(), text)

    # -- what came of it ------------------------------------------------------------------
    def _keep(self, task: PatientTask, outcome: Outcome) -> None:
        patient_id, key = task.patient_id, self._keys[task.patient_id]
        if isinstance(outcome, Answer) and outcome.other_code:
            self._refuse_other_code([""])
        elif isinstance(outcome, Answer) and outcome.error is None:
            values = np.array(outcome.values, np.float64)
            features = Features(outcome.names, values, outcome.seconds)
            self._file.add_features(patient_id, key, features)
            self.features[patient_id] = features
        else:
            failure = _failure(patient_id, outcome)
            self._file.add_failure(failure, key)
            self.failures[patient_id] = failure

    def _refuse_other_code(self, codes: Iterable[str]) -> None:
        if all(code == self._code for code in codes):
            return
        address = self._settings.scheduler
        if address is None:
            raise InputError(
                "hccsurv was changed on the disk while patients were worked on",
                source="batch",
                remedy="start again; what the changed code would make anew is worked on again",
            )
        raise InputError(
            "a worker runs another version of hccsurv, of Python or of a package",
            source=address,
            remedy="install on the workers what is installed here",
        )

    def _fraction(self) -> float:
        return (len(self.features) + len(self.failures)) / self._n

    def _message(self) -> str:
        done = len(self.features) + len(self.failures)
        text = f"{done:,} of {count_of(self._n, 'patient')}"
        if self.failures:
            text += f", {len(self.failures):,} failed"
        seconds = time.monotonic() - self._started
        fresh = done - self.n_reused
        if fresh and done < self._n and seconds > _FIRST_ESTIMATE_S:
            text += f", about {_duration(seconds / fresh * (self._n - done))} left"
        return text


def _failure(patient_id: str, outcome: Outcome) -> Failure:
    if isinstance(outcome, Answer):
        return Failure(patient_id, outcome.error or "", "input")
    if isinstance(outcome, WorkerKilledError):
        return Failure(patient_id, str(outcome), "killed")
    if isinstance(outcome, TookTooLongError):
        return Failure(patient_id, str(outcome), "time")
    text = " ".join(f"{type(outcome).__name__}: {outcome}".split())
    return Failure(patient_id, text[:500], "defect")


def _duration(seconds: float) -> str:
    """In words, no more exact than an estimate is."""
    if seconds < 90:
        return f"{max(5 * round(seconds / 5), 5)} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
