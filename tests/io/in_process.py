"""Read an upload in this process: quick, and a traceback shows where it failed.

The tests of the decoder process itself go through ``Upload``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hccsurv_core.io.archive import UnpackedFile
from hccsurv_core.io.inspection import Job
from hccsurv_core.io.intake import IntakeLimits, LoadedScan, list_inputs
from hccsurv_core.io.records import Inspection, inspection_from_dict
from hccsurv_core.progress import silent
from hccsurv_core.volume import Volume


def _job(paths: Sequence[Path], workspace: Path, limits: IntakeLimits | None) -> Job:
    limits = limits or IntakeLimits()
    inputs = [UnpackedFile(path, name) for path, name in list_inputs(list(paths), limits)]
    return Job(workspace, inputs, set(), limits, silent, lambda path, name: None)


def inspect_here(paths: Sequence[Path], limits: IntakeLimits | None = None) -> Inspection:
    with tempfile.TemporaryDirectory() as workspace:
        return inspection_from_dict(_job(paths, Path(workspace), limits).inspect())


def load_here(
    paths: Sequence[Path], key: str | None = None, limits: IntakeLimits | None = None
) -> LoadedScan:
    with tempfile.TemporaryDirectory() as workspace:
        job = _job(paths, Path(workspace), limits)
        job.inspect()
        result = job.load(key)
        voxels = np.load(Path(workspace) / result["npy"])
        summary = inspection_from_dict(
            {"series": [result["summary"]], "skipped": [], "preselected": None}
        ).series[0]
        return LoadedScan(
            Volume(voxels, np.array(result["affine"])),
            summary,
            summary.patient,
            summary.warnings,
            tuple(Path(f) for f in result["files"]),
        )
