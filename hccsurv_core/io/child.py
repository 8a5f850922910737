"""The parent's side of the decoder process: start it, listen to it, name the file it died of, kill it.

Nothing the decoder says is trusted: lines are bounded in length and number and
must be JSON objects; arrays come back as .npy files without pickles. The
parent never opens an uploaded file itself.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hccsurv_core
from hccsurv_core.errors import DecoderFailedError, HccsurvError
from hccsurv_core.io.faults import error_from_dict
from hccsurv_core.io.limits import IntakeLimits
from hccsurv_core.progress import Progress

#: How often progress is called while the decoder is silent, so that a cancel is noticed.
_POLL_S = 0.2
_MAX_LINE_BYTES = 16 << 20
_MAX_ALL_BYTES = 512 << 20
_READ_BYTES = 1 << 16


class DecoderDiedError(DecoderFailedError):
    """The decoder process died or was stopped; ``path`` is the file it was reading, if known."""

    def __init__(
        self,
        what: str,
        *,
        source: str | None = None,
        remedy: str | None = None,
        path: str | None = None,
    ) -> None:
        super().__init__(what, source=source, remedy=remedy)
        self.path = path


def worker_command() -> list[str]:
    """How the decoder is started."""
    return [sys.executable, "-P", "-m", "hccsurv_core.io.worker"]


def _environment() -> dict[str, str]:
    """A bare environment: no secrets of the server's, one thread per library."""
    package_root = str(Path(hccsurv_core.__file__).resolve().parents[1])
    kept = {k: os.environ[k] for k in ("PATH", "HOME", "LANG", "TMPDIR") if k in os.environ}
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {
        **kept,
        **dict.fromkeys(threads, "1"),
        "PYTHONPATH": package_root,
        "PYTHONDONTWRITEBYTECODE": "1",
    }


class Decoder:
    """One decoder process.

    Args:
        limits: its time bounds; the process sets its own memory bounds.
        command: how it is started; :func:`worker_command` where None. Any process does that
            speaks as :mod:`hccsurv_core.io.worker` does.
    """

    def __init__(self, limits: IntakeLimits, command: Sequence[str] | None = None) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._lines: collections.deque[bytes] = collections.deque()
        self._received = 0
        self._process = subprocess.Popen(
            list(command or worker_command()),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            start_new_session=True,
        )
        self.file: tuple[str, str] | None = None

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def is_alive(self) -> bool:
        """True until the process ended."""
        return self._process.poll() is None

    def ask(self, command: dict[str, Any], progress: Progress) -> dict[str, Any]:
        """Send one command and wait for its result.

        Args:
            command: JSON values.
            progress: called at least every 0.2 s; what it raises stops the process.

        Raises:
            DecoderDiedError: the process died, hung, or answered with garbage.
            HccsurvError: the error the process reported.
            Exception: whatever ``progress`` raises (:class:`CancelledError`).
        """
        self.file = None
        try:
            return self._ask(command, progress)
        except DecoderDiedError:
            self.kill()
            raise
        except BaseException as error:
            # An error the decoder reported leaves it fit for the next command; all else does not.
            if not getattr(error, "reported_by_decoder", False):
                self.kill()
            raise

    def _ask(self, command: dict[str, Any], progress: Progress) -> dict[str, Any]:
        self._send(command)
        started = last_sign = time.monotonic()
        fraction, text = 0.0, "starting"
        while True:
            message = self._next_message(_POLL_S)
            now = time.monotonic()
            if message is None:
                if now - last_sign > self._limits.file_seconds:
                    raise self._died(f"took longer than {self._limits.file_seconds:g} s to read")
            else:
                last_sign = now
                if "result" in message:
                    return self._result(message["result"])
                if "error" in message:
                    raise self._reported(message["error"])
                if "file" in message:
                    self._note_file(message["file"])
                else:
                    fraction, text = self._progress_of(message)
            if now - started > self._limits.decode_seconds:
                raise self._died(f"took longer than {self._limits.decode_seconds:g} s in all")
            if message is None or "file" not in message:
                progress(fraction, text)

    def _send(self, command: dict[str, Any]) -> None:
        stdin = self._process.stdin
        if stdin is None or stdin.closed:
            raise self._died("died before it began")
        try:
            stdin.write(json.dumps(command).encode() + b"\n")
            stdin.flush()
        except (BrokenPipeError, OSError) as error:
            raise self._died("died before it began") from error

    def _next_message(self, timeout_s: float) -> dict[str, Any] | None:
        """The next JSON object, or None if there is none in time."""
        end = time.monotonic() + timeout_s
        while not self._lines:
            if not self._wait_for_bytes(max(end - time.monotonic(), 0.0)):
                return None
        line = self._lines.popleft()
        try:
            message = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise self._died("answered with garbage") from error
        if not isinstance(message, dict):
            raise self._died("answered with garbage")
        return message

    def _wait_for_bytes(self, timeout_s: float) -> bool:
        stdout = self._process.stdout
        if stdout is None:
            raise self._died("cannot be heard")
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            if not selector.select(timeout_s):
                return False
        chunk = os.read(stdout.fileno(), _READ_BYTES)
        if not chunk:
            raise self._died(self._cause_of_death())
        self._received += len(chunk)
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            self._lines.append(bytes(self._buffer) + piece)
            self._buffer.clear()
        self._buffer += rest
        if len(self._buffer) > _MAX_LINE_BYTES or self._received > _MAX_ALL_BYTES:
            raise self._died("answered with garbage")
        return True

    def _cause_of_death(self) -> str:
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "stopped answering"
        if code < 0:
            name = signal.Signals(-code).name
            if -code in (signal.SIGXCPU, signal.SIGKILL):
                return f"used up its time or memory ({name})"
            return f"crashed ({name})"
        return f"failed (exit code {code})"

    def _died(self, why: str) -> DecoderDiedError:
        path, name = self.file if self.file else (None, None)
        what = f"the decoder {why}"
        if name is None:
            return DecoderDiedError(what, remedy="try again with fewer files")
        return DecoderDiedError(
            f"{what} while reading this file",
            source=name,
            remedy="export the file again, or leave it out",
            path=path,
        )

    def _result(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise self._died("answered with garbage")
        return data

    def _reported(self, data: Any) -> HccsurvError:
        if not isinstance(data, dict):
            return self._died("answered with garbage")
        error = error_from_dict(data)
        if isinstance(error, DecoderFailedError):
            path, name = self.file if self.file else (None, None)
            return DecoderDiedError(error.what, source=name, remedy=error.remedy, path=path)
        error.reported_by_decoder = True  # type: ignore[attr-defined]
        return error

    def _note_file(self, data: Any) -> None:
        if not (
            isinstance(data, list) and len(data) == 2 and all(isinstance(x, str) for x in data)
        ):
            raise self._died("answered with garbage")
        self.file = (data[0], data[1])

    def _progress_of(self, message: dict[str, Any]) -> tuple[float, str]:
        try:
            fraction, text = message["progress"]
            return min(max(float(fraction), 0.0), 1.0), str(text)[:200]
        except (KeyError, TypeError, ValueError) as error:
            raise self._died("answered with garbage") from error

    def kill(self) -> None:
        """End the process and all it started; safe to call twice."""
        if self.is_alive():
            # It leads a session of its own, so this reaches its children and nobody else.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self._process.wait()
