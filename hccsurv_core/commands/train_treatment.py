"""The verb ``train`` for system 2."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hccsurv_core.commands.cohort_source import failures_json
from hccsurv_core.commands.shared import write_answer
from hccsurv_core.commands.study_options import with_options
from hccsurv_core.commands.train import progress_by_percent, read_settings
from hccsurv_core.commands.treatment_source import read_source_crops, read_treatment_source
from hccsurv_core.progress import part_of


def run(arguments: argparse.Namespace) -> None:
    """Train, write the bundle, and say how good it is.

    Raises:
        InputError: the input cannot be trained on, or the bundle cannot be written.
    """
    from hccsurv_core.device import choose_device
    from hccsurv_core.models.checkpoint import Checkpoint, fingerprint
    from hccsurv_core.systems.training_part import training_part
    from hccsurv_core.systems.treatment.settings import TreatmentSettings, settings_from_json
    from hccsurv_core.systems.treatment.training import train_treatment

    start = time.perf_counter()
    given = read_settings(arguments.settings)
    settings = TreatmentSettings() if given is None else settings_from_json(given)
    progress = progress_by_percent()
    measured = 0.6 if settings.cnn is None else 0.2
    cohort, failures = read_treatment_source(
        arguments, images=settings.images, progress=part_of(progress, 0.0, measured)
    )
    cohort = with_options(cohort, arguments)
    crops = None
    if settings.cnn is not None:
        learned = training_part(cohort).cohort
        crops = read_source_crops(learned, settings.cnn.crop, part_of(progress, measured, 0.3))
        measured = 0.3
    print_of_data = fingerprint(
        settings.to_json(), arguments.seed, list(cohort.patient_ids), cohort.outcome.time_months,
        cohort.outcome.event, *([] if crops is None else list(crops.values())),
    )  # fmt: skip
    folder = Path(arguments.checkpoint) if arguments.checkpoint else None
    trained = train_treatment(
        cohort, settings, seed=arguments.seed, crops=crops,
        device=choose_device(arguments.device) if settings.cnn else "cpu",
        checkpoint=Checkpoint(folder, print_of_data), progress=part_of(progress, measured, 1.0),
    )  # fmt: skip
    bundle = trained.write(Path(arguments.out))
    d = trained.description
    answer = {
        "system": arguments.system,
        "bundle": str(bundle.folder),
        "sha256": bundle.sha256,
        "simulated": d["training"]["simulated"],
        "learned_from": d["training"]["words"],
        "n": d["training"]["n"],
        "n_events": d["training"]["n_events"],
        "n_features": d["training"]["n_features"],
        "arms": d["training"]["arms"],
        "left_out": d["left_out"],
        "architecture": {k: v for k, v in d["architecture"].items() if k != "features"},
        "cross_validation": d["cross_validation"],
        "failures": failures_json(failures),
        "versions": d["versions"],
        "timings_s": {"total": round(time.perf_counter() - start, 3)},
    }
    write_answer(answer, arguments.json, _report(d, bundle.folder))


def _report(d: Mapping[str, Any], folder: Path) -> str:
    arms = d["training"]["arms"]
    told = ", ".join(f"{a['n']} {arm} ({a['n_events']} deaths)" for arm, a in arms.items())
    lines = [
        f"Trained on {told}; {d['training']['n_features']} covariates; bundle in {folder}",
        f"C-index by {d['cross_validation']['method']}:",
    ]
    for row in d["cross_validation"]["results"]:
        c = row["c_index"]
        lines.append(f"  {c['value']:.3f} ({c['ci_low']:.3f} to {c['ci_high']:.3f})  {row['name']}")
    lines += [f"Not used: {name}, {why}" for name, why in d["left_out"].items()]
    lines.append(str(d["note"]))
    return "\n".join(lines)
