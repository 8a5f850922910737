"""Folders in the temporary folder that hold what is uploaded, and the sweep of abandoned ones."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

_PREFIX = "hccsurv-upload-"


def workspace_prefix() -> str:
    """How names of this process's workspaces begin: with its id, so that others can tell it lives."""
    return f"{_PREFIX}{os.getpid()}-"


def sweep_abandoned() -> None:
    """Remove workspaces of processes that were killed: patients' files must not lie about."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdecimal() and not _is_running(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
