"""A data folder with one training run that was really made, for the pages that show models."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.systems.training_record import (
    RunSettings,
    RunState,
    TrainingRequest,
    add_progress,
    write_settings,
    write_state,
)
from hccsurv_core.systems.training_runs import TrainingRun, TrainingRuns
from hccsurv_core.systems.training_sources import keep_table

#: As fast as a training can be.
QUICK = {
    "n_members": 2, "n_folds": 2, "n_repeats": 1, "fold_members": 1, "rivals": ["cox"],
    "network": {"hidden": [4], "max_epochs": 6},
}  # fmt: skip
_LONG_S = 180.0


def feature_table(n: int = 200, seed: int = 3) -> FeatureTable:
    """Patients of two centers whose death depends on two of five features."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 5))
    death = rng.exponential(30 * np.exp(-1.2 * values[:, 0] - 0.8 * values[:, 1]))
    lost = rng.uniform(20, 90, n)
    split = tuple("train" if i % 3 else "internal" for i in range(n))
    return FeatureTable(
        tuple(f"P{i:03d}" for i in range(n)), ("density", "texture", "age", "afp", "size"), values,
        SurvivalOutcome(np.minimum(death, lost).round(2), death <= lost),
        {"split": split, "center": tuple("north" if i % 2 else "south" for i in range(n))},
        "hospital.csv",
    )  # fmt: skip


def train(data: Path, name: str = "Hospital 2026", *, simulated: bool = False) -> TrainingRun:
    """Make one run and wait for its end."""
    runs = TrainingRuns(data)
    table = keep_table(feature_table(), "hospital.csv", data)
    options = {"features-table": str(table), "seed": 1, "simulated": simulated, "device": "cpu"}
    run = runs.start(TrainingRequest("muscle", name, None, options, QUICK), by="Dr. Berg")
    end = time.monotonic() + _LONG_S
    while run.state in ("queued", "running"):
        if time.monotonic() > end:
            raise RuntimeError(f"the training did not end: {run.log.read_text()}")
        time.sleep(0.2)
        run = runs.run(run.id)
    if run.state != "done":
        raise RuntimeError(f"{run.message}: {run.log.read_text()}")
    return run


def add_run(data: Path, state: str, *, name: str = "Another", message: str = "") -> str:
    """A run whose files say that it stands so, with no process behind it; returns its key."""
    at = datetime.now(UTC).isoformat(timespec="microseconds")
    run_id = f"{at[:19].replace('-', '').replace(':', '')}-{state[:6]}"
    folder = data / "training" / run_id
    folder.mkdir(parents=True)
    request = TrainingRequest("muscle", name, None, {"features-table": "/gone/hospital.csv"})
    write_settings(folder, RunSettings(request, "Dr. Berg", at))
    ended = None if state in ("queued", "running") else at
    write_state(folder, RunState(state, 1, at, at, ended, message))
    add_progress(folder, 0.4, "deep 32: fold 2 of 5")
    return run_id
