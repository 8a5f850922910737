"""A data folder with a cohort of a study and a training run of it that was really made."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from treatment_folders import write_clinical_folder

from hccsurv_core.systems.training_runs import TrainingRequest, TrainingRun, TrainingRuns

_LONG_S = 180.0
#: Quick, and with recommendations for many, so that following them can be judged.
SETTINGS = {"n_rounds": 1, "limits": {"min_probability": 0.5, "min_months": 0.0}}


def train_treatment_run(data: Path, *, n: int = 300, name: str = "First choice") -> TrainingRun:
    """Draw the cohort "hospital" without images, train on it, and wait for the end."""
    return train_study_run(data, "treatment", SETTINGS, n=n, name=name)


def train_study_run(
    data: Path, system: str, settings: Mapping[str, Any], *, n: int, name: str
) -> TrainingRun:
    """The same for any study's system."""
    cohort = data / "cohorts" / "hospital"
    cohort.parent.mkdir(parents=True)
    write_clinical_folder(cohort, n, 5, system)
    runs = TrainingRuns(data)
    request = TrainingRequest(system, name, cohort, {"seed": 1}, settings)
    run = runs.start(request, by="Dr. Berg")
    end = time.monotonic() + _LONG_S
    while run.state in ("queued", "running") and time.monotonic() < end:
        time.sleep(0.1)
        run = runs.run(run.id)
    if run.state != "done":
        raise RuntimeError(f"{run.message}: {run.log.read_text()}")
    return run


def moved_run(trained: Path, data: Path) -> TrainingRun:
    """The run in another data folder, as if it had been made there; returns it."""
    import json
    import shutil

    shutil.copytree(trained, data, dirs_exist_ok=True)
    run = TrainingRuns(data).runs()[0]
    settings = run.folder / "settings.json"
    told = json.loads(settings.read_text())
    told["request"]["cohort"] = str(data / "cohorts" / "hospital")
    settings.write_text(json.dumps(told))
    return TrainingRuns(data).run(run.id)
