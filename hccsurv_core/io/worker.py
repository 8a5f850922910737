"""The decoder process: ``python -m hccsurv_core.io.worker``.

It limits itself before it reads anything: address space, CPU time, file size,
no core dump. It speaks JSON lines: commands come in on stdin, progress and
results go out on what was stdout (the libraries' own chatter goes nowhere).
When stdin closes, the parent is gone, and so is this process.

Commands: ``{"do": "inspect", …}`` once, then ``{"do": "load", "key": …}``.
Replies: ``{"file": [path, name]}`` before each file, ``{"progress": [x, text]}``,
and one ``{"result": …}`` or ``{"error": …}`` a command.
"""

from __future__ import annotations

import json
import os
import queue
import resource
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import IO, Any

from hccsurv_core.errors import DecoderFailedError, HccsurvError

_PROGRESS_INTERVAL_S = 0.1


def limit_process(address_bytes: int, cpu_seconds: float, file_bytes: int) -> None:
    """Set this process's limits; none can be raised again."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for kind, value in (
        (resource.RLIMIT_AS, address_bytes),
        (resource.RLIMIT_CPU, max(int(cpu_seconds), 1)),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_NOFILE, 256),
    ):
        _, hard = resource.getrlimit(kind)
        limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (limit, limit))


class Channel:
    """Writes JSON lines to the parent; progress is thinned out."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._last = 0.0

    def send(self, **message: Any) -> None:
        self._out.write(json.dumps(message) + "\n")
        self._out.flush()

    def on_file(self, path: Path, name: str) -> None:
        self.send(file=[str(path), name])

    def progress(self, fraction: float, text: str) -> None:
        now = time.monotonic()
        if fraction >= 1 or now - self._last >= _PROGRESS_INTERVAL_S:
            self._last = now
            self.send(progress=[fraction, text])


def private_stdout() -> IO[str]:
    """The pipe to the parent under a number of its own; stdout itself now leads nowhere."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return channel


def commands() -> queue.Queue[str]:
    """Lines of stdin, read by a thread that ends the process when the parent is gone."""
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return lines


def _start_job(command: dict[str, Any], channel: Channel) -> Any:
    from hccsurv_core.io.archive import UnpackedFile
    from hccsurv_core.io.inspection import Job
    from hccsurv_core.io.limits import IntakeLimits

    return Job(
        workspace=Path(command["workspace"]),
        inputs=[UnpackedFile(Path(path), name) for path, name in command["inputs"]],
        skip=set(command["skip"]),
        limits=IntakeLimits(**command["limits"]),
        progress=channel.progress,
        on_file=channel.on_file,
        chest=bool(command.get("chest", False)),
    )


def quieten() -> None:
    """Damaged values are judged by the rooms that need them; pydicom's warnings help nobody here."""
    import pydicom.config

    warnings.simplefilter("ignore")
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE


def _serve(channel: Channel, lines: queue.Queue[str]) -> None:
    job: Any = None
    while True:
        command = json.loads(lines.get())
        try:
            if command["do"] == "inspect":
                limits = command["limits"]
                limit_process(
                    int(limits["decode_bytes"]),
                    2 * limits["decode_seconds"],
                    int(limits["max_total_bytes"]),
                )
                job = _start_job(command, channel)
                result = job.inspect()
            else:
                result = job.load(command["key"])
            channel.send(result=result)
        except HccsurvError as error:
            from hccsurv_core.io.faults import error_to_dict

            channel.send(error=error_to_dict(error))
        except MemoryError:
            from hccsurv_core.io.faults import error_to_dict

            failed = DecoderFailedError(
                "decoding it needs more memory than one upload is allowed",
                remedy="upload the series of interest alone",
            )
            channel.send(error=error_to_dict(failed))


def main() -> None:
    """Serve one parent until it closes stdin."""
    channel = Channel(private_stdout())
    channel.progress(0.0, "starting")
    quieten()
    _serve(channel, commands())


if __name__ == "__main__":
    main()
