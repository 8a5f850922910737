"""What stands behind a figure of a training run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hccsurv_core.report.manifest import Manifest
    from hccsurv_core.systems.training_runs import TrainingRun


def run_manifest(
    run: TrainingRun, description: Mapping[str, Any], what: str, simulated: bool
) -> Manifest:
    """Name, patients and settings of a run, and what is shown of it."""
    from hccsurv_core.report.manifest import Manifest

    training = description["training"]
    source = {"name": training["source"], "n": training["n"], "n_events": training["n_events"]}
    asked = {
        "run": run.request.name, "seed": description["seed"],
        "settings_chosen": description["architecture"]["recipe"]["name"],
    }  # fmt: skip
    return Manifest(what, source, asked, simulated)
