"""Write a virtual cohort as a folder: in parallel, from a seed, patient i the same whatever n is.

A system's simulator is a :class:`CohortSpec`, found by name as
``hccsurv_core.simulate.<system>.cohort.spec()``. The folder is that of
:mod:`hccsurv_core.cohort.folder`, plus ``truth.csv`` and ``truth.json``, which no pipeline reads.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import platform
import shutil
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from hccsurv_core import __version__
from hccsurv_core.cohort.folder import (
    IMAGES,
    ROIS,
    TABLE_FILE,
    TRUTH_FILE,
    TRUTH_TABLE_FILE,
    read_cohort_info,
    write_cohort,
)
from hccsurv_core.cohort.folder_schema import PATIENT_ID, SCHEMA_FILE, SYSTEMS, CohortInfo
from hccsurv_core.errors import HccsurvError, InputError, TableError
from hccsurv_core.progress import Progress, silent

if TYPE_CHECKING:
    from pandas import DataFrame

SYSTEM_NUMBERS = {name: number for number, name in enumerate(SYSTEMS, start=1)}
#: Everything a cohort folder may hold; anything else in it is somebody's own.
_OURS = (TABLE_FILE, SCHEMA_FILE, TRUTH_TABLE_FILE, TRUTH_FILE, IMAGES, ROIS)
_STAGING = ".writing"
_PATIENTS_A_TASK = 2


@dataclass(frozen=True)
class SimulatedPatient:
    """One patient without images.

    Args:
        row: the row of ``cohort.csv``; None is missing.
        truth: the row of ``truth.csv``: causes, true linear predictor, potential outcomes.
    """

    row: Mapping[str, Any]
    truth: Mapping[str, Any]


class CohortSpec(Protocol):
    """A system's simulator; instances are pickled to worker processes."""

    @property
    def name(self) -> str:
        """One of "muscle", "treatment", "ceus", "immunotherapy"."""

    @property
    def default_n(self) -> int:
        """How many patients the published cohorts have together."""

    def describe(self) -> CohortInfo:
        """The schema; seed and versions are filled in by the writer."""

    def draw_patient(self, seed: int, i: int) -> SimulatedPatient:
        """Patient ``i`` (from 0), without drawing images."""

    def write_images(self, folder: Path, seed: int, i: int) -> Mapping[str, Any] | None:
        """Draw patient ``i``'s images and outlines under the cohort folder.

        Returns:
            what was measured on the true masks, for ``truth.csv``; None for nothing.
        """

    def check(self, table: DataFrame, truth: DataFrame) -> Mapping[str, Any]:
        """Oracle, rivals and margins (see `truth_check.report`); must bear any n."""


def patient_rng(system: str, seed: int, i: int, stream: int) -> np.random.Generator:
    """The generator of one patient's one purpose: the same whatever n is and whoever draws."""
    return np.random.default_rng([seed, SYSTEM_NUMBERS[system], i, stream])


def cohort_spec(system: str) -> CohortSpec:
    """The simulator of ``system``.

    Raises:
        InputError: there is no such system.
    """
    if system not in SYSTEMS:
        raise InputError(
            f"no system is called {system!r}", remedy=f"choose one of {', '.join(SYSTEMS)}"
        )
    return importlib.import_module(f"hccsurv_core.simulate.{system}.cohort").spec()


def draw_tables(spec: CohortSpec, n: int, seed: int, first: int = 0) -> tuple[DataFrame, DataFrame]:
    """``cohort.csv`` and ``truth.csv`` of patients ``first`` to ``first + n - 1``, without images."""
    import pandas as pd

    patients = [spec.draw_patient(seed, i) for i in range(first, first + n)]
    table = pd.DataFrame([p.row for p in patients], columns=list(spec.describe().columns))
    for name, column in spec.describe().columns.items():
        numeric = column.kind in ("number", "boolean")
        table[name] = table[name].astype("float64" if numeric else object)
    truth = pd.DataFrame([{PATIENT_ID: p.row[PATIENT_ID], **p.truth} for p in patients])
    return table, truth


def write_simulated_cohort(
    folder: Path,
    spec: CohortSpec,
    n: int | None = None,
    seed: int = 0,
    workers: int | None = None,
    progress: Progress = silent,
    *,
    images: bool = True,
) -> Mapping[str, Any]:
    """Draw a cohort and write its folder; an older simulated cohort there is replaced.

    Args:
        folder: made if missing.
        spec: the system's simulator.
        n: patients; None takes the published number.
        seed: fixes everything.
        workers: processes; None takes one per processor. The result does not depend on it.
        progress: may raise to cancel; what was written so far is removed.
        images: False draws the tables only, in a moment.

    Returns:
        what stands in ``truth.json``.

    Raises:
        InputError: n, seed or workers out of range, or the folder holds something else.
        CancelledError: ``progress`` raised it.
    """
    n = spec.default_n if n is None else n
    workers = min(os.cpu_count() or 1, 16) if workers is None else workers
    for name, value, low in (("n", n, 1), ("seed", seed, 0), ("workers", workers, 1)):
        if value < low:
            raise InputError(f"must be at least {low}, got {value}", source=name)
    _check_target(folder)
    made, staging = not folder.exists(), folder / _STAGING
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror})", source=str(folder), remedy="choose another"
        ) from error
    try:
        progress(0.0, f"drawing {n} patients")
        table, truth = draw_tables(spec, n, seed)
        info = replace(spec.describe(), seed=seed, versions=_versions(), simulated=True)
        if images:
            truth = _write_all_images(staging, spec, truth, seed, workers, progress)
        else:
            info = replace(info, images={}, rois={})
        write_cohort(staging, table, info)
        truth.to_csv(staging / TRUTH_TABLE_FILE, index=False, lineterminator="\n")
        found = _plain({"n": n, "seed": seed, **spec.check(table, truth)})
        text = json.dumps(found, ensure_ascii=False, indent=2, allow_nan=False)
        (staging / TRUTH_FILE).write_text(text + "\n", encoding="utf-8")
        _replace_contents(folder, staging)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if made and not any(folder.iterdir()):
            folder.rmdir()
    progress(1.0, f"wrote {n} patients")
    return found


def _check_target(folder: Path) -> None:
    """Refuse to write where anything lies that a simulated cohort may not replace."""
    if folder.exists() and not folder.is_dir():
        raise InputError("is a file", source=str(folder), remedy="give a folder")
    names = {p.name for p in folder.iterdir()} - {_STAGING} if folder.is_dir() else set()
    if not names:
        return
    remedy = "give a new or an empty folder"
    try:
        info = read_cohort_info(folder)
    except TableError as error:
        raise InputError(
            "is not empty and holds no cohort", source=str(folder), remedy=remedy
        ) from error
    if not info.simulated:
        raise InputError("holds a cohort of real patients", source=str(folder), remedy=remedy)
    foreign = sorted(names - set(_OURS))
    if foreign:
        raise InputError(
            f"holds {foreign[0]!r}, which is no part of a cohort",
            source=str(folder),
            remedy=remedy,
        )


def _replace_contents(folder: Path, staging: Path) -> None:
    for name in _OURS:
        old = folder / name
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink(missing_ok=True)
    for path in staging.iterdir():
        path.rename(folder / path.name)


def _write_all_images(
    staging: Path, spec: CohortSpec, truth: DataFrame, seed: int, workers: int, progress: Progress
) -> DataFrame:
    """Write every patient's images; returns ``truth`` with what was measured on them."""
    import pandas as pd

    n = len(truth)
    measured: dict[int, Mapping[str, Any]] = {}
    # Closed before the caller removes the folder: a cancelled pool may still be writing there.
    with closing(_images_in_turn(staging, spec, n, seed, workers)) as turns:
        for done in turns:
            measured.update(done)
            progress(0.02 + 0.94 * len(measured) / n, f"patient {len(measured)} of {n}")
    if not any(measured.values()):
        return truth
    return truth.join(pd.DataFrame([measured[i] for i in range(n)], index=truth.index))


def _images_in_turn(
    staging: Path, spec: CohortSpec, n: int, seed: int, workers: int
) -> Generator[dict[int, Mapping[str, Any]], None, None]:
    tasks = [range(i, min(i + _PATIENTS_A_TASK, n)) for i in range(0, n, _PATIENTS_A_TASK)]
    if workers == 1 or len(tasks) == 1:
        for task in tasks:
            yield _write_some(staging, spec, seed, task)
        return
    import multiprocessing

    pool = ProcessPoolExecutor(min(workers, len(tasks)), multiprocessing.get_context("spawn"))
    try:
        pending: set[Future] = {
            pool.submit(_write_some, staging, spec, seed, task) for task in tasks
        }
        while pending:
            finished, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in finished:
                yield future.result()
    except BrokenProcessPool as error:
        raise HccsurvError(
            "a worker process died", source="simulate", remedy="use fewer workers"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _write_some(
    folder: Path, spec: CohortSpec, seed: int, patients: Sequence[int]
) -> dict[int, Mapping[str, Any]]:
    return {i: spec.write_images(folder, seed, i) or {} for i in patients}


def _versions() -> dict[str, str]:
    return {"hccsurv": __version__, "numpy": np.__version__, "python": platform.python_version()}


def _plain(value: Any) -> Any:
    """Plain JSON values; what is not a number becomes None."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
