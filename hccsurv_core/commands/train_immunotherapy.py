"""The verb ``train`` for system 4."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hccsurv_core.commands.cohort_source import failures_json
from hccsurv_core.commands.immunotherapy_source import read_immunotherapy_source
from hccsurv_core.commands.shared import write_answer
from hccsurv_core.commands.study_options import with_options
from hccsurv_core.commands.train import progress_by_percent, read_settings
from hccsurv_core.progress import part_of


def run(arguments: argparse.Namespace) -> None:
    """Train, write the bundle, and say how good it is.

    Raises:
        InputError: the input cannot be trained on, or the bundle cannot be written.
    """
    from hccsurv_core.systems.immunotherapy.settings import (
        ImmunotherapySettings,
        settings_from_json,
    )
    from hccsurv_core.systems.immunotherapy.training import train_immunotherapy

    start = time.perf_counter()
    given = read_settings(arguments.settings)
    settings = ImmunotherapySettings() if given is None else settings_from_json(given)
    progress = progress_by_percent()
    network = settings.network if settings.images else None
    cohort, pictures, failures = read_immunotherapy_source(
        arguments, images=settings.images, pixels=None if network is None else network.pixels,
        progress=part_of(progress, 0.0, 0.4),
    )  # fmt: skip
    cohort = with_options(cohort, arguments)
    trained = train_immunotherapy(
        cohort, settings, pictures=pictures, seed=arguments.seed, device=arguments.device,
        progress=part_of(progress, 0.4, 1.0),
        checkpoint=Path(arguments.checkpoint) if arguments.checkpoint else None,
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
        "n_followup": d["training"]["n_followup"],
        "n_features": d["training"]["n_features"],
        "architecture": {k: v for k, v in d["architecture"].items() if k != "features"},
        "cross_validation": d["cross_validation"],
        "failures": failures_json(failures),
        "versions": d["versions"],
        "timings_s": {"total": round(time.perf_counter() - start, 3)},
    }
    write_answer(answer, arguments.json, _report(d, bundle.folder))


def _report(d: Mapping[str, Any], folder: Path) -> str:
    t = d["training"]
    lines = [
        f"Trained on {t['n']} patients, {t['n_events']} deaths, {t['n_followup']} with a follow-up scan; "
        f"bundle in {folder}",
        f"Death, C-index by {d['cross_validation']['method']}:",
    ]
    for row in d["cross_validation"]["results"]:
        c = row["c_index"]
        lines.append(
            f"  {c['value']:.3f} ({c['ci_low']:.3f} to {c['ci_high']:.3f})  {row['name']}: {row['words']}"
        )
    return "\n".join([*lines, str(d["note"])])
