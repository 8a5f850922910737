"""Parse uploaded masks in the test's own process: a process for each file takes a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hccsurv_core.io import grid_worker
from hccsurv_core.io.limits import IntakeLimits


def ask_here(
    what: str, path: Path, workspace: Path, limits: IntakeLimits, progress: Callable, more: dict
) -> dict[str, Any]:
    """Stands for :func:`hccsurv_core.io.grids.ask_reader`."""
    command = {"do": what, "path": str(path), "workspace": str(workspace), **more}
    return grid_worker.read({**command, "limits": limits.to_dict()})


def parse_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let :func:`hccsurv_core.io.roi_files.read_roi_file` parse in this process."""
    monkeypatch.setattr("hccsurv_core.io.roi_files.ask_reader", ask_here)
