"""Hand patients to worker processes, one at a time each, and tell who a dead worker died of.

No more patients are handed out than there are worker threads. So a worker that dies takes one
patient with it in nearly every case, cancelling leaves nothing queued, and a cluster that grows
or shrinks is filled as it is. Dask repeats what was lost with a worker. A patient that it gives up
is tried once more with nobody beside: only who is alone when the workers die is to blame.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import queue
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hccsurv_core.batch.worker import (
    Outcome,
    Outcomes,
    TookTooLongError,
    WorkerKilledError,
    work_in_worker,
)
from hccsurv_core.cohort.patient_task import Extract, PatientTask
from hccsurv_core.errors import HccsurvError

if TYPE_CHECKING:
    from distributed import Client, Future

#: How often ``tick`` is called while nothing happens.
_POLL_S = 0.2
#: How often the workers are counted.
_COUNT_S = 2.0


@dataclass
class _Sent:
    """A patient that was handed out, the one who waits for it, and when it was."""

    future: Future
    asked: concurrent.futures.Future
    task: PatientTask
    at: float


class Dispatcher:
    """Works through patients on the workers of one Dask client.

    Args:
        client: connected to a scheduler.
        extract: the function.
        code: see :func:`~hccsurv_core.batch.code_version.code_version`.
        tick: called at least five times a second with the number of workers; it may raise to
            stop everything.
        limit_s: how long one patient may take.
        patience_s: how long there may be no worker at all; None for as long as it takes.
    """

    def __init__(
        self,
        client: Client,
        extract: Extract,
        code: str,
        tick: Callable[[int], None],
        limit_s: float,
        *,
        patience_s: float | None = None,
    ) -> None:
        self._client = client
        self._extract = extract
        self._code = code
        self._tick = tick
        self._limit_s = limit_s
        self._patience_s = patience_s
        self._alive_at = time.monotonic()
        self._finished: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._in_flight: dict[str, _Sent] = {}
        self._n_sent = 0
        self._n_threads = 0
        self._counted_at = -_COUNT_S

    def outcomes(self, tasks: Sequence[PatientTask]) -> Outcomes:
        """Each patient's outcome as it comes.

        Raises:
            HccsurvError: the scheduler is gone, or no worker comes up again.
            Exception: whatever ``tick`` raises.
        """
        waiting, suspects = deque(tasks), []
        try:
            while waiting or self._in_flight:
                while waiting and len(self._in_flight) < self._count_threads():
                    self._send(waiting.popleft())
                task, outcome = self._next() or (None, None)
                if task is not None and _is_killed_worker(outcome):
                    suspects.append(task)
                elif task is not None and outcome is not None:
                    yield task, outcome
            for task in suspects:
                yield task, self._alone(task)
        finally:
            for sent in self._in_flight.values():
                sent.asked.cancel()

    def _alone(self, task: PatientTask) -> Outcome:
        self._send(task)
        found = None
        while found is None:
            found = self._next()
        outcome = found[1]
        if _is_killed_worker(outcome):
            return WorkerKilledError(
                "every worker process that was given this patient died: it crashed, or ran out "
                "of memory"
            )
        return outcome

    def _send(self, task: PatientTask) -> None:
        # A new key each time: Dask keeps what it knows of a key, deaths included.
        key = f"patient-{self._n_sent}-{time.time_ns()}"
        self._n_sent += 1
        future = self._client.submit(
            work_in_worker, task, self._extract, self._code, key=key, pure=False
        )
        self._in_flight[key] = _Sent(future, self._ask_for(key, future), task, time.monotonic())

    def _ask_for(self, key: str, future: Future) -> concurrent.futures.Future:
        """Wait for the result and fetch it, in the client's own thread.

        For as long as it takes: a transfer with a time-out, begun again and again, may never end
        on a machine that is busy.
        """
        asked = asyncio.run_coroutine_threadsafe(
            self._client.gather([future], errors="skip", asynchronous=True),
            self._client.loop.asyncio_loop,  # type: ignore[union-attr]
        )
        asked.add_done_callback(lambda done: self._finished.put(key))
        return asked

    def _next(self) -> tuple[PatientTask, Outcome] | None:
        """The next patient that is done, or None if there is none in time."""
        self._tick(self._count_threads())
        try:
            key = self._finished.get(timeout=_POLL_S)
        except queue.Empty:
            return self._give_up_one()
        sent = self._in_flight.get(key)
        if sent is None:
            # One that was given up.
            return None
        outcome = self._outcome(sent)
        if outcome is None:
            time.sleep(_POLL_S)
            sent.asked = self._ask_for(key, sent.future)
            return None
        del self._in_flight[key]
        return sent.task, outcome

    @staticmethod
    def _outcome(sent: _Sent) -> Outcome | None:
        """What came of a patient, or None where it was lost on the way and Dask is at it again."""
        try:
            found = sent.asked.result()
        except OSError:
            # Between two workers, or the scheduler is gone: counting the workers will tell.
            return None
        if found:
            return found[0]
        if sent.future.status == "error":
            return sent.future.exception()
        if sent.future.status == "cancelled":
            raise _scheduler_is_gone()
        return None

    def _give_up_one(self) -> tuple[PatientTask, Outcome] | None:
        """Stop a patient that takes too long, if there is one, and the worker with it."""
        now = time.monotonic()
        late = [k for k, sent in self._in_flight.items() if now - sent.at > self._limit_s]
        if not late:
            return None
        places = {k: a for a, keys in self._client.processing().items() for k in keys}
        for key in late:
            if key not in places:
                # It waits for a worker, and none has begun.
                self._in_flight[key].at = now
        at_work = [k for k in late if k in places]
        if not at_work:
            return None
        key = min(at_work, key=lambda k: self._in_flight[k].at)
        sent = self._in_flight.pop(key)
        sent.future.cancel(force=True)
        self._client.restart_workers([places[key]], raise_for_error=False)
        for other, place in places.items():
            if place == places[key] and other in self._in_flight:
                # It stood behind this one.
                self._in_flight[other].at = time.monotonic()
        minutes = self._limit_s / 60
        return sent.task, TookTooLongError(f"took longer than {minutes:.3g} min and was given up")

    def _count_threads(self) -> int:
        now = time.monotonic()
        if now - self._counted_at >= _COUNT_S:
            self._counted_at = now
            try:
                self._n_threads = sum(self._client.nthreads().values())
            except OSError as error:
                raise _scheduler_is_gone() from error
            if self._n_threads:
                self._alive_at = now
            elif self._patience_s is not None and now - self._alive_at > self._patience_s:
                raise HccsurvError(
                    "the worker processes died and cannot be started again",
                    remedy="use fewer workers; what was extracted so far is kept",
                )
        return self._n_threads


def _scheduler_is_gone() -> HccsurvError:
    return HccsurvError(
        "the Dask scheduler is gone",
        remedy="start it and try again: what was extracted so far is kept",
    )


def _is_killed_worker(outcome: Outcome | None) -> bool:
    from distributed import KilledWorker

    return isinstance(outcome, KilledWorker)
