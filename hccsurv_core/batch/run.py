"""Make the features of a cohort's patients, one process beside the other.

Usage::

    result = extract_batch(tasks, extract_case, folder, progress=progress)
    result.values          # (n, p), one row for each patient that gave features
    result.failures        # everybody else, each with what is wrong

The folder keeps every patient's result as it comes. A run that was cancelled or killed goes on
where it was; a patient whose files, settings or code changed is worked on again.
"""

from __future__ import annotations

import importlib
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.batch.result_file import Failure, Features, ResultFile
from hccsurv_core.batch.settings import BatchSettings
from hccsurv_core.batch.work import Work
from hccsurv_core.cohort.patient_task import Extract, PatientTask
from hccsurv_core.errors import InputError
from hccsurv_core.progress import Progress, silent


@dataclass(frozen=True, eq=False)
class BatchResult:
    """The features of the patients, in the order of the tasks.

    Args:
        patient_ids: those who have features.
        names: of the p features.
        values: (n, p) float64, NaN where missing.
        failures: all other patients, in the order of the tasks.
        n_reused: how many were taken from an earlier run.
        seconds: this run, the start of the workers included.
    """

    patient_ids: tuple[str, ...]
    names: tuple[str, ...]
    values: NDArray[np.float64]
    failures: tuple[Failure, ...]
    n_reused: int
    seconds: float


def extract_batch(
    tasks: Sequence[PatientTask],
    extract: Extract,
    folder: Path,
    *,
    settings: BatchSettings | None = None,
    names: Sequence[str] | None = None,
    progress: Progress = silent,
) -> BatchResult:
    """Run a function on each patient, in parallel, keeping what is done.

    Args:
        tasks: the patients.
        extract: the function; see :data:`~hccsurv_core.cohort.patient_task.Extract`.
        folder: keeps the results; made if missing. One run at a time.
        settings: where it runs; by default on all cores of this machine.
        names: the features that every patient must have; by default those that most have. A
            patient with others is a failure, so that none goes missing in silence.
        progress: called at least every half second; it may raise to cancel. Processes on this
            machine are then gone at once; on a cluster, patients in work are finished and
            dropped. What was done before is kept.

    Raises:
        InputError: a patient occurs twice, the folder is in use, or no scheduler answers, or its
            workers run other code.
        StoreError: the folder cannot be written.
        HccsurvError: no worker can be started any more, or the scheduler is gone.
        ValueError: ``extract`` is not a module's function (a defect of the caller).
    """
    start = time.perf_counter()
    _check_function(extract)
    _check_identifiers(tasks)
    with ResultFile(folder) as file:
        work = Work(file, extract, settings or BatchSettings(), progress)
        work.do(tasks)
    order = [t.patient_id for t in tasks]
    found = {i: work.features[i] for i in order if i in work.features}
    listed = _common_names(found) if names is None else tuple(names)
    rows, others = _of_one_kind(found, listed)
    failures = work.failures | others
    return BatchResult(
        patient_ids=tuple(rows),
        names=listed,
        values=np.array(list(rows.values()), np.float64).reshape(len(rows), len(listed)),
        failures=tuple(failures[i] for i in order if i in failures),
        n_reused=work.n_reused,
        seconds=time.perf_counter() - start,
    )


def _check_function(extract: Extract) -> None:
    """Other processes find it by its name alone."""
    module, name = extract.__module__, extract.__qualname__
    if getattr(importlib.import_module(module), name, None) is not extract:
        raise ValueError(f"extract must be a function of a module, got {module}:{name}")


def _check_identifiers(tasks: Sequence[PatientTask]) -> None:
    twice = [i for i, n in Counter(t.patient_id for t in tasks).items() if n > 1]
    if twice:
        raise InputError(
            "the patient occurs more than once",
            source=twice[0],
            remedy="give every patient an identifier of their own",
        )


def _common_names(found: Mapping[str, Features]) -> tuple[str, ...]:
    """The names most patients have; of the earliest patient where as many have others."""
    counted = Counter(f.names for f in found.values())
    return max(counted, key=lambda names: counted[names]) if counted else ()


def _of_one_kind(
    found: Mapping[str, Features], names: tuple[str, ...]
) -> tuple[dict[str, NDArray[np.float64]], dict[str, Failure]]:
    """Each patient's values in the order of ``names``, and those who have other features."""
    rows, others = {}, {}
    wanted = set(names)
    for patient_id, features in found.items():
        if features.names == names:
            rows[patient_id] = features.values
        elif set(features.names) == wanted and len(features.names) == len(names):
            place = {name: k for k, name in enumerate(features.names)}
            rows[patient_id] = features.values[[place[name] for name in names]]
        else:
            others[patient_id] = Failure(
                patient_id, _difference(set(features.names), wanted), "features"
            )
    return rows, others


def _difference(has: set[str], wanted: set[str]) -> str:
    text = f"has {len(has)} features where {len(wanted)} are expected"
    missing, more = sorted(wanted - has), sorted(has - wanted)
    if missing:
        text += f"; {missing[0]} is missing"
    if more:
        text += f"; {more[0]} is not expected"
    return text
