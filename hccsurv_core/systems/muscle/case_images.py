"""A patient's slab at L3 and its outline, from a cohort folder's own files.

The files are the hospital's own, not an upload: they are read in this process, by the readers that
the decoder process uses (pydicom and numpy, no other decoder), with the same limits. A batch reads
each patient in a worker process of its own anyway.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import InputError
from hccsurv_core.io.archive import UnpackedFile
from hccsurv_core.io.limits import IntakeLimits
from hccsurv_core.io.nifti import read_nifti
from hccsurv_core.progress import silent
from hccsurv_core.volume import Volume, check_same_geometry

#: What the outline's labels are called in a cohort's schema.
MUSCLE, PSOAS = "muscle_without_psoas", "psoas"
#: A series folder holds slices; more files than this are no slab.
_MOST_FILES = 2000


@dataclass(frozen=True, eq=False)
class CaseImages:
    """What a patient's features are made of.

    Args:
        volume: canonical CT, HU (slices, rows, columns): a slab about the middle of L3.
        muscle: (slices, rows, columns) skeletal muscle, psoas included.
        psoas: (slices, rows, columns) both psoas.
        contrast: True where the header names a contrast agent, False where it denies one, None
            where it says nothing.
        warnings: what a reader must check.
    """

    volume: Volume
    muscle: NDArray[np.bool_]
    psoas: NDArray[np.bool_]
    contrast: bool | None = None
    warnings: tuple[str, ...] = ()


def read_case_images(
    series: Path, outline: Path, labels: Mapping[str, str] | None = None
) -> CaseImages:
    """Read a slab and its outline.

    Args:
        series: folder with the DICOM files of one series.
        outline: NIfTI label map on the same grid.
        labels: label value (as text) to structure, as a cohort's schema has it; by default 1 is
            muscle without psoas, 2 psoas.

    Raises:
        InputError: a file cannot be read, the grids differ, or a structure is not outlined.
    """
    volume, contrast, warnings = read_series(series)
    drawn, more = read_nifti(outline)
    try:
        check_same_geometry(volume, drawn)
    except InputError as error:
        raise error.with_source(outline.name) from error
    masks = split_outline(drawn.voxels, labels, outline.name)
    return CaseImages(volume, *masks, contrast, (*warnings, *more))


def split_outline(
    voxels: NDArray, labels: Mapping[str, str] | None, source: str
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Muscle (psoas included) and psoas of a label map.

    Raises:
        InputError: one of them is not outlined.
    """
    names = {"1": MUSCLE, "2": PSOAS} if labels is None else labels
    values = {name: int(value) for value, name in names.items()}
    for name in (MUSCLE, PSOAS):
        if name not in values or not (voxels == values[name]).any():
            raise InputError(
                f"{name.replace('_', ' ')} is not outlined",
                source=source,
                remedy="outline muscle without psoas as 1 and both psoas as 2",
            )
    psoas = np.asarray(voxels == values[PSOAS])
    return np.asarray(voxels == values[MUSCLE]) | psoas, psoas


def read_series(
    folder: Path, *, chest: bool = False
) -> tuple[Volume, bool | None, tuple[str, ...]]:
    """The one CT series in a folder, whether contrast was given, and warnings.

    Args:
        folder: with its files.
        chest: whether it may be of the chest.

    Raises:
        InputError: the folder holds no series that can be measured, or too many files.
    """
    # An uploaded scan comes decoded, and needs no DICOM reader in this process.
    from hccsurv_core.io.inspection import Job

    files = sorted(path for path in folder.iterdir() if path.is_file())
    if len(files) > _MOST_FILES:
        raise InputError(
            f"holds {len(files)} files", source=folder.name, remedy="keep one series in a folder"
        )
    inputs = [UnpackedFile(path, path.name) for path in files]
    with tempfile.TemporaryDirectory(prefix="hccsurv-series-") as name:
        workspace = Path(name)
        job = Job(workspace, inputs, set(), IntakeLimits(), silent, lambda path, name: None, chest)
        job.inspect()
        found = job.load(None)
        voxels = np.load(workspace / found["npy"], allow_pickle=False)
    volume = Volume(voxels, np.array(found["affine"], dtype=np.float64))
    summary = job.summaries[found["key"]]
    agent = job.series[found["key"]].header.contrast_agent if found["key"] in job.series else ""
    return volume, _contrast(summary.phase, agent), tuple(summary.warnings)


def _contrast(phase: str | None, agent: str) -> bool | None:
    """Whether contrast was given, as far as the header goes."""
    if phase is not None:
        return phase != "noncontrast"
    return True if agent.strip() else None
