"""A muscle cohort's features in one process, in worker processes, and after a kill.

`python -m benchmarks.batch [--patients N] [--workers W]`. The cohort is simulated (5 slices of
512×512 and an outline a patient). Worker processes are counted from nothing: their start and their
imports are part of the time. The same features must come out of both, bit by bit. A last run finds
half of the patients done, as after a kill, and does the rest.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
from pathlib import Path

import numpy as np

from hccsurv_core.batch import BatchResult, BatchSettings, extract_batch
from hccsurv_core.batch.cluster import n_cores
from hccsurv_core.features.radiomics.warmup import warm_up
from hccsurv_core.simulate.cohort_writer import cohort_spec, write_simulated_cohort
from hccsurv_core.systems.muscle.cohort import case_tasks, extract_case, read_muscle_cohort


def measure(n: int, workers: int) -> dict[str, BatchResult]:
    """What each way of working gave, with its time."""
    warm_up()
    here, many = BatchSettings(workers=0), BatchSettings(workers=workers)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write_simulated_cohort(place / "cohort", cohort_spec("muscle"), n, seed=11)
        tasks = case_tasks(read_muscle_cohort(place / "cohort"))
        found = {
            "one process": extract_batch(tasks, extract_case, place / "a", settings=here),
            f"{workers} workers": extract_batch(tasks, extract_case, place / "b", settings=many),
        }
        extract_batch(tasks[: n // 2], extract_case, place / "c", settings=many)
        found["the second half"] = extract_batch(tasks, extract_case, place / "c", settings=many)
        found["nothing to do"] = extract_batch(tasks, extract_case, place / "c", settings=many)
    first = found["one process"]
    for name, result in found.items():
        if result.failures or not np.array_equal(result.values, first.values, equal_nan=True):
            raise RuntimeError(f"{name} gave other features")
    return found


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=60)
    parser.add_argument("--workers", type=int, default=n_cores())
    asked = parser.parse_args()
    found = measure(asked.patients, asked.workers)
    print(f"{platform.processor() or platform.machine()}, {n_cores()} cores")
    for name, result in found.items():
        fresh = len(result.patient_ids) - result.n_reused
        each = f", {result.seconds / fresh:.2f} s each" if fresh else ""
        print(f"{name:>16}: {result.seconds:7.2f} s for {fresh} of {asked.patients}{each}")
    one, many = (found[name].seconds for name in list(found)[:2])
    print(f"{asked.workers} workers are {one / many:.2f} times as fast as one process")


if __name__ == "__main__":
    main()
