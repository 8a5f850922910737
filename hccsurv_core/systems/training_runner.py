"""The process behind a training run: ``python -m hccsurv_core.systems.training_runner FOLDER FD …``.

It waits for its turn (one run trains at a time), starts the verb ``train``, writes down how far it
is, ends it when somebody asks for that, and says how it came out. The page that started it may be
long gone. It holds two locks, and so does the training process: whoever finds them free knows
that nobody is at it any more, however that came about. When this process is killed, the training
process finds its standard error closed at its next word, and ends.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from hccsurv_core.cohort.file_lock import is_locked, take_lock
from hccsurv_core.errors import HccsurvError
from hccsurv_core.systems.process_signs import mark_of
from hccsurv_core.systems.training_record import (
    ALIVE,
    ANSWER,
    BUNDLE,
    CANCEL,
    LOG,
    add_progress,
    now,
    read_settings,
    read_state,
    write_state,
)

TURN = "turn.lock"
_POLL_S = 0.2
#: How long a training process may take to clean up after itself before it is killed.
_GRACE_S = 60.0
#: More than this is not logged; progress goes elsewhere.
_MAX_LOG_BYTES = 8 << 20
_PROGRESS_LINE = re.compile(r"\s*(\d{1,3})%  (.*)")
_READ_BYTES = 1 << 16


class Supervisor:
    """Runs one training run from its turn to its end.

    Args:
        folder: the run's.
        alive: descriptor of the run's own lock, taken by whoever started this process.
        program: what is started with the verb's arguments.
    """

    def __init__(self, folder: Path, alive: int, program: Sequence[str]) -> None:
        self._folder = folder
        self._alive = alive
        self._program = list(program)
        self._settings = read_settings(folder)
        self._stopped = False
        self._last_error = ""
        self._told: tuple[float, str] | None = None

    def run(self) -> None:
        """Wait, train, and say how it came out."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        self._change(supervisor=mark_of(os.getpid()), trainer=None)
        turn = self._wait_for_turn()
        if turn is not None:
            self._change(state="running", started_at=now())
            self._train(turn)
        elif not self._stopped:
            self._end("cancelled", "cancelled before it began")
        # A run that was stopped from outside says nothing: whoever looks finds it interrupted.

    def _stop(self, number: int, frame: object) -> None:
        self._stopped = True

    def _change(self, **changes: Any) -> None:
        write_state(self._folder, replace(read_state(self._folder), **changes))

    def _end(self, state: str, message: str) -> None:
        self._change(state=state, ended_at=now(), message=message)

    def _is_cancelled(self) -> bool:
        return (self._folder / CANCEL).exists()

    # -- its turn -------------------------------------------------------------------------
    def _wait_for_turn(self) -> int | None:
        """The lock that only the training run holds, or None if it is no longer wanted."""
        while not (self._stopped or self._is_cancelled()):
            if not any(_runs_before(self._folder)):
                turn = take_lock(self._folder.parent / TURN)
                if turn is not None:
                    return turn
            time.sleep(_POLL_S)
        return None

    # -- training -------------------------------------------------------------------------
    def _train(self, turn: int) -> None:
        os.nice(5)  # The pages that clinicians are reading come first.
        command = [*self._program, *self._settings.request.arguments(self._folder)]
        with (self._folder / LOG).open("ab") as log, (self._folder / ANSWER).open("wb") as answer:
            log.write(f"{now()} {' '.join(command)}\n".encode())
            try:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=answer,
                    stderr=subprocess.PIPE,
                    pass_fds=(self._alive, turn),
                    start_new_session=True,
                    env={**os.environ, "PYTHONFAULTHANDLER": "1"},
                )
            except OSError as error:
                self._end("failed", f"{command[0]} cannot be started ({error.strerror})")
                return
            try:
                self._change(trainer=mark_of(process.pid))
                self._listen(process, log)
            finally:
                _kill_all(process)
        self._conclude(process.wait())

    def _listen(self, process: subprocess.Popen, log: IO[bytes]) -> None:
        """Take down what the process says until it has ended, or is not wanted and out of time."""
        asked_at: float | None = None
        for line in _lines(process):
            if line is not None:
                self._take_down(line, log)
            if asked_at is None and (self._stopped or self._is_cancelled()):
                asked_at = time.monotonic()
                # As if somebody had pressed Ctrl-C: the process ends its workers, then itself.
                process.send_signal(signal.SIGINT)
            if asked_at is not None and time.monotonic() - asked_at > _GRACE_S:
                return

    def _take_down(self, line: bytes, log: IO[bytes]) -> None:
        text = line.decode("utf-8", "replace").rstrip()
        found = _PROGRESS_LINE.fullmatch(text)
        if found is not None:
            step = min(int(found[1]) / 100, 1.0), found[2].strip()
            if step != self._told:
                self._told = step
                add_progress(self._folder, *step)
            return
        if text.startswith("error: "):
            self._last_error = text.removeprefix("error: ")
        if log.tell() < _MAX_LOG_BYTES:
            log.write(line)
            log.flush()

    def _conclude(self, code: int) -> None:
        if self._is_cancelled() and code != 0:
            self._end("cancelled", "cancelled")
        elif self._stopped and code != 0:
            return
        elif code == 0:
            self._conclude_success()
        elif code < 0:
            name = signal.Signals(-code).name
            hint = "; perhaps there was not enough memory" if -code == signal.SIGKILL else ""
            self._end("failed", f"the training process was ended by {name}{hint}; see the log")
        else:
            self._end("failed", self._last_error or f"ended with status {code}; see the log")

    def _conclude_success(self) -> None:
        from hccsurv_core.models.store import read_bundle

        try:
            read_bundle(self._folder / BUNDLE)
        except HccsurvError as error:
            self._end("failed", f"the training ended without a usable model ({error.what})")
        else:
            self._end("done", "")


def _runs_before(folder: Path) -> Iterator[Path]:
    """Runs that wait and came earlier."""
    own = read_state(folder)
    for other in folder.parent.glob("[!.]*/"):
        if other == folder:
            continue
        try:
            state = read_state(other)
        except HccsurvError:
            continue
        earlier = (state.queued_at, other.name) < (own.queued_at, folder.name)
        if state.state == "queued" and earlier and is_locked(other / ALIVE):
            yield other


def _lines(process: subprocess.Popen) -> Iterator[bytes | None]:
    """Lines of standard error as they come, None in between, until the process has ended."""
    stream = process.stderr
    if stream is None:
        return
    buffer = b""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while True:
            # Looked at before reading, so that no last word is missed; not reaped, so that its id
            # stays its own until all its children are dead.
            ended = _has_ended(process.pid)
            if selector.get_map() and selector.select(0.0 if ended else _POLL_S):
                chunk = os.read(stream.fileno(), _READ_BYTES)
                if not chunk:
                    selector.unregister(stream)
                *whole, buffer = (buffer + chunk).split(b"\n")
                yield from (line + b"\n" for line in whole)
                continue
            if ended:
                break
            if not selector.get_map():
                time.sleep(_POLL_S)
            yield None
    if buffer:
        yield buffer + b"\n"


def _has_ended(pid: int) -> bool:
    found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return found is not None


def _kill_all(process: subprocess.Popen) -> None:
    """End what is left of a process and its children; it leads a group of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def main(arguments: Sequence[str]) -> None:
    """Supervise one run: folder, descriptor of its lock, the program."""
    folder, alive, *program = arguments
    Supervisor(Path(folder), int(alive), program).run()


if __name__ == "__main__":
    main(sys.argv[1:])
