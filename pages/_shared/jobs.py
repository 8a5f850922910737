"""Long work in a thread: it reports where it is, can be cancelled, and one runs at a time.

No widget is drawn here and no Streamlit call is made from the worker's thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hccsurv_core.errors import CancelledError, HccsurvError

logger = logging.getLogger("hccsurv.jobs")

#: One heavy job at a time for the whole server: a second waits, and says so.
_HEAVY_WORK = threading.BoundedSemaphore(1)
WAITING = "Waiting for another scan to finish"


@dataclass
class Job:
    """One piece of long work.

    Args:
        title: what is done, for the user ("Measuring").
        work: called with the job as its progress; returns the result.
        kind: what the pages do with the result ("inspect", "import", "demo", "measure").
        page: the page that waits for it.
    """

    title: str
    work: Callable[[Callable[[float, str], None]], Any]
    kind: str
    page: str
    fraction: float = 0.0
    message: str = "Starting"
    state: str = "waiting"  # waiting, running, done, failed, cancelled
    result: Any = None
    error: HccsurvError | None = None
    started_at: float = field(default_factory=time.monotonic)
    finished_at: float | None = None
    _cancel: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    @property
    def active(self) -> bool:
        """True until the work has ended, one way or another."""
        return self.state in ("waiting", "running")

    @property
    def cancelling(self) -> bool:
        """True between the user's wish and the work's next report."""
        return self.active and self._cancel.is_set()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start, until the end."""
        return (self.finished_at or time.monotonic()) - self.started_at

    def start(self) -> Job:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name=f"job-{self.kind}", daemon=True)
        self._thread.start()
        return self

    def cancel(self) -> None:
        """Ask the work to stop at its next report."""
        self._cancel.set()

    def join(self, timeout_s: float | None = None) -> None:
        """Wait for the end (tests)."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def report(self, fraction: float, message: str) -> None:
        """The :data:`~hccsurv_core.progress.Progress` given to the work.

        Raises:
            CancelledError: the user has cancelled.
        """
        if self._cancel.is_set():
            raise CancelledError("cancelled by the user")
        self.fraction = min(1.0, max(0.0, fraction))
        self.message = message

    def time_left_s(self) -> float | None:
        """A rough guess of the seconds left; None while there is nothing to go by."""
        if self.state != "running" or self.fraction < 0.15 or self.elapsed_s < 1.0:
            return None
        return self.elapsed_s * (1 - self.fraction) / self.fraction

    def _run(self) -> None:
        try:
            self._wait_for_turn()
            self.state = "running"
            try:
                self.result = self.work(self.report)
            finally:
                _HEAVY_WORK.release()
            self._end("done")
        except CancelledError:
            self._end("cancelled")
        except HccsurvError as error:
            self.error = error
            self._end("failed")
        except Exception:  # a thread's last stop: logged, and told to the user
            logger.exception("the job %r failed unexpectedly", self.title)
            self.error = HccsurvError(
                f"{self.title.lower()} failed for a reason we did not foresee",
                remedy="try again; the server's log holds the details",
            )
            self._end("failed")

    def _wait_for_turn(self) -> None:
        while not _HEAVY_WORK.acquire(timeout=0.25):
            self.report(0.0, WAITING)

    def _end(self, state: str) -> None:
        self.finished_at = time.monotonic()
        self.state = state
