"""A decoder that misbehaves when it reads a file named after the misdeed; run by test_decoder.py.

It stands in for a codec with a bug: what matters is what the parent makes of it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from hccsurv_core.io import inspection, worker


def misbehave(name: str) -> None:
    if "segfault" in name:
        os.kill(os.getpid(), signal.SIGSEGV)
    elif "fpe" in name:
        os.kill(os.getpid(), signal.SIGFPE)
    elif "exit" in name:
        os._exit(3)
    elif "hang" in name:
        time.sleep(600)
    elif "spin" in name:
        while True:
            pass
    elif "hoard" in name:
        hoard = [bytes(64 << 20) for _ in range(1000)]
        raise AssertionError(len(hoard))
    elif "raise" in name:
        raise BaseExceptionFromCodecError("a panic in a Rust plug-in")


class BaseExceptionFromCodecError(BaseException):
    """What a panic in a Rust plug-in becomes: no Exception, so nothing catches it."""


class Channel(worker.Channel):
    def on_file(self, path: Path, name: str) -> None:
        super().on_file(path, name)
        if "garbage" in name:
            self._out.write("}{ not JSON\n")
            self._out.flush()
        elif "flood" in name:
            while True:
                self._out.write("x" * (1 << 20))
        elif "liar" in name:
            self.send(result={"series": [{"key": 1}], "skipped": [], "preselected": None})
        misbehave(name)


def escape(self: inspection.Job, key: str | None) -> dict:
    return {"npy": "../../../etc/passwd", "files": ["/etc/passwd"], "shape": [1], "affine": []}


if __name__ == "__main__":
    worker.Channel = Channel  # type: ignore[misc]
    if "escape" in sys.argv:
        inspection.Job.load = escape  # type: ignore[method-assign]
    worker.main()
