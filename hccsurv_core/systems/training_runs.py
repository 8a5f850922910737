"""Training runs of this server: started, watched, cancelled and resumed from any page or shell.

A run is a folder in the data folder (:mod:`~hccsurv_core.systems.training_record`) and a process
of its own (:mod:`~hccsurv_core.systems.training_runner`). Nothing is kept in memory: a server that
starts again finds its runs, and tells those that still train from those that were interrupted.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import hccsurv_core
from hccsurv_core.cohort.file_lock import HAS_LOCKS, is_locked, take_lock
from hccsurv_core.cohort.settings import data_folder
from hccsurv_core.errors import HccsurvError, InputError, NotFoundError, StoreError
from hccsurv_core.systems.process_signs import is_alive
from hccsurv_core.systems.training_record import (
    ALIVE,
    BUNDLE,
    CANCEL,
    LOG,
    ProgressStep,
    RunSettings,
    RunState,
    TrainingRequest,
    now,
    read_progress,
    read_settings,
    read_state,
    write_settings,
    write_state,
)

__all__ = ["STATES", "ProgressStep", "TrainingRequest", "TrainingRun", "TrainingRuns"]

FOLDER = "training"
#: "interrupted": it was waiting or training when its processes died or the machine stopped.
STATES = ("queued", "running", "done", "failed", "cancelled", "interrupted")
_LIVING = ("queued", "running")
_LOOK_S, _LAST_MOMENTS_S = 0.3, 30.0


@dataclass(frozen=True)
class TrainingRun:
    """A run as it stands.

    Args:
        id: its key.
        request: what was asked for.
        by: who asked first; the log says who resumed it.
        state: one of :data:`STATES`.
        message: how it ended, for people; "" while it has not, and for a good end.
        attempt: 1, and one more each time it was resumed.
        created_at, queued_at, started_at, ended_at: UTC; the last three of this attempt.
        progress: the last step, or None.
        n_before: while queued, how many runs come first.
        is_ending: somebody cancelled it and it has not ended yet.
        folder: its files.
    """

    id: str
    request: TrainingRequest
    by: str
    state: str
    message: str
    attempt: int
    created_at: datetime
    queued_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    progress: ProgressStep | None
    n_before: int
    is_ending: bool
    folder: Path

    @property
    def can_cancel(self) -> bool:
        """Whether there is something to stop."""
        return self.state in _LIVING and not self.is_ending

    @property
    def can_resume(self) -> bool:
        """Whether it can go on where it was."""
        return self.state in ("failed", "cancelled", "interrupted")

    @property
    def bundle(self) -> Path | None:
        """The model's folder, once it is done."""
        return self.folder / BUNDLE if self.state == "done" else None

    @property
    def log(self) -> Path:
        """What the training said, apart from progress."""
        return self.folder / LOG


class TrainingRuns:
    """The runs under one data folder.

    Args:
        folder: the data folder; default as for the patient store.
        program: what is started with ``train …`` as arguments; default is this package.
    """

    def __init__(
        self, folder: Path | str | None = None, *, program: Sequence[str] | None = None
    ) -> None:
        self.folder = data_folder(folder) / FOLDER
        self._program = list(program or (sys.executable, "-P", "-m", "hccsurv_core"))

    def start(self, request: TrainingRequest, *, by: str = "local") -> TrainingRun:
        """Begin a run, or queue it behind the one that trains. It outlives this process.

        Raises:
            StoreError: the folder cannot be written.
            HccsurvError: this system cannot train in the background.
        """
        _refuse_without_locks()
        at = now()
        run_id = f"{at[:19].replace('-', '').replace(':', '')}-{secrets.token_hex(3)}"
        draft, target = self.folder / f".new-{run_id}", self.folder / run_id
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.mkdir(mode=0o700)
            write_settings(draft, RunSettings(request, by, at))
            write_state(draft, RunState("queued", 1, at))
            alive = _taken(draft)
            # The lock moves with its file: at no time is the run there and seems dead.
            draft.rename(target)
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        self._launch(target, alive)
        return self.run(run_id)

    def resume(self, run_id: str, *, by: str = "local") -> TrainingRun:
        """Go on with a run that failed, was cancelled or interrupted; queued like a new one.

        Raises:
            NotFoundError: there is none of this key. InputError: it is at work, or done.
            StoreError: the folder cannot be written.
            HccsurvError: this system cannot train in the background.
        """
        _refuse_without_locks()
        folder = self._place(run_id)
        alive = _taken(folder)
        try:
            state = read_state(folder)
            if state.state == "done":
                raise InputError("this run is done", source=run_id, remedy="start another one")
            (folder / CANCEL).unlink(missing_ok=True)
            with (folder / LOG).open("a", encoding="utf-8") as log:
                log.write(f"{now()} resumed by {by}\n")
            write_state(folder, RunState("queued", state.attempt + 1, now()))
        except OSError as error:
            os.close(alive)
            raise _unwritable(folder, error) from error
        except BaseException:
            os.close(alive)
            raise
        self._launch(folder, alive)
        return self.run(run_id)

    def cancel(self, run_id: str) -> TrainingRun:
        """Ask a run to stop; it ends its processes and is "cancelled" soon after.

        Raises:
            NotFoundError: there is none of this key. InputError: it has ended.
        """
        run = self.run(run_id)
        if run.state not in _LIVING:
            raise InputError(f"this run has ended ({run.state})", source=run.request.name)
        (run.folder / CANCEL).touch()
        state = read_state(run.folder)
        if not is_alive(state.supervisor) and is_alive(state.trainer) and state.trainer:
            # Nobody reads the mark any more. The training process leads a group of its own.
            with suppress(ProcessLookupError):
                os.killpg(state.trainer[0], signal.SIGKILL)
        return self.run(run_id)

    def delete(self, run_id: str) -> None:
        """Remove a run with its files; published models stay.

        Raises:
            NotFoundError: there is none of this key. InputError: it is at work.
        """
        folder = self._place(run_id)
        alive = _taken(folder)
        try:
            gone = self.folder / f".gone-{run_id}"
            folder.rename(gone)
            shutil.rmtree(gone)
        except OSError as error:
            raise _unwritable(folder, error) from error
        finally:
            os.close(alive)

    def runs(self) -> tuple[TrainingRun, ...]:
        """All runs, the newest first; one whose files are damaged is left out."""
        found = []
        for folder in self.folder.glob("[!.]*/"):
            with suppress(StoreError):
                found.append(_read(folder))
        found.sort(key=lambda r: (r.created_at, r.id), reverse=True)
        waiting = sorted((r.queued_at, r.id) for r in found if r.state == "queued")
        n_running = sum(r.state == "running" for r in found)
        return tuple(
            replace(r, n_before=n_running + waiting.index((r.queued_at, r.id)))
            if r.state == "queued"
            else r
            for r in found
        )

    def run(self, run_id: str) -> TrainingRun:
        """One run.

        Raises:
            NotFoundError: there is none of this key. StoreError: its files are damaged.
        """
        self._place(run_id)
        for run in self.runs():
            if run.id == run_id:
                return run
        return _read(self._place(run_id))

    def steps(self, run_id: str) -> list[ProgressStep]:
        """Everything the run said about how far it is, oldest first.

        Raises:
            NotFoundError: there is none of this key.
        """
        return read_progress(self._place(run_id))

    def _launch(self, folder: Path, alive: int) -> None:
        command = [
            sys.executable, "-P", "-m", "hccsurv_core.systems.training_runner",
            str(folder), str(alive), *self._program,
        ]  # fmt: skip
        try:
            with (folder / LOG).open("ab") as log:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(alive,),
                    start_new_session=True,
                    env=_environment(),
                )
        except OSError as error:
            raise _unwritable(folder, error) from error
        finally:
            os.close(alive)
        # It is this process's child for as long as both live; when it ends, somebody must ask.
        threading.Thread(target=process.wait, daemon=True).start()

    def _place(self, run_id: str) -> Path:
        # A key from an address bar must not lead anywhere else.
        folder = self.folder / run_id
        if not run_id.replace("-", "").isalnum() or not folder.is_dir():
            raise NotFoundError(f"there is no training run {run_id!r}", source="training")
        return folder


def _refuse_without_locks() -> None:
    if not HAS_LOCKS:
        raise HccsurvError(
            "training in the background needs Linux or macOS",
            remedy="run python -m hccsurv_core train in a terminal",
        )


def _taken(folder: Path) -> int:
    """The run's lock; the last moments of a run that has ended are waited for.

    Raises:
        InputError: a process of the run holds it. StoreError: the run's files are damaged.
    """
    start = time.monotonic()
    while True:
        lock = take_lock(folder / ALIVE)
        if lock is not None:
            return lock
        # A look at the lock holds it for an instant; a process writes its end before it goes.
        lives = read_state(folder).state in _LIVING
        if time.monotonic() - start > (_LOOK_S if lives else _LAST_MOMENTS_S):
            raise InputError(
                "this run is at work", source=folder.name, remedy="cancel it, or wait for its end"
            )
        time.sleep(0.02)


def _read(folder: Path) -> TrainingRun:
    # First the lock, then the state: a run that ends between the two is seen as it ended.
    lives = is_locked(folder / ALIVE)
    settings, state = read_settings(folder), read_state(folder)
    told = state.state
    message = state.message
    if told in _LIVING and not lives:
        told, message = "interrupted", f"its processes died while it was {_DOING[told]}"
    steps = read_progress(folder, last=True)
    return TrainingRun(
        id=folder.name,
        request=settings.request,
        by=settings.by,
        state=told,
        message=message,
        attempt=state.attempt,
        created_at=datetime.fromisoformat(settings.created_at),
        queued_at=datetime.fromisoformat(state.queued_at),
        started_at=_time(state.started_at),
        ended_at=_time(state.ended_at),
        progress=steps[0] if steps else None,
        n_before=0,
        is_ending=told in _LIVING and (folder / CANCEL).exists(),
        folder=folder,
    )


_DOING = {"queued": "waiting for its turn", "running": "training"}


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _environment() -> dict[str, str]:
    """This process's own, in which the package is found from any folder."""
    root = str(Path(hccsurv_core.__file__).resolve().parents[1])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _unwritable(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"cannot be written ({error.strerror})", source=str(path), remedy="check the data folder"
    )
