"""The verb ``train`` for system 3."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hccsurv_core.commands.ceus_source import read_ceus_source
from hccsurv_core.commands.cohort_source import failures_json
from hccsurv_core.commands.shared import write_answer
from hccsurv_core.commands.study_options import with_options
from hccsurv_core.commands.train import progress_by_percent, read_settings
from hccsurv_core.progress import Progress, part_of

if TYPE_CHECKING:
    from hccsurv_core.features.feature_table import FeatureTable
    from hccsurv_core.models.feature_gate import FeatureGate
    from hccsurv_core.systems.ceus.cohort import CeusCohort
    from hccsurv_core.systems.ceus.settings import CeusSettings


def run(arguments: argparse.Namespace) -> None:
    """Train, write the bundle, and say how good it is.

    Raises:
        InputError: the input cannot be trained on, or the bundle cannot be written.
    """
    from hccsurv_core.systems.ceus.settings import CeusSettings, settings_from_json
    from hccsurv_core.systems.ceus.training import train_ceus

    start = time.perf_counter()
    given = read_settings(arguments.settings)
    settings = CeusSettings() if given is None else settings_from_json(given)
    progress = progress_by_percent()
    cohort, features, failures = read_ceus_source(
        arguments, settings.measured if settings.images else None, part_of(progress, 0.0, 0.7)
    )
    cohort = with_options(cohort, arguments)
    gate = _gate(arguments, cohort, features, settings, part_of(progress, 0.7, 0.8))
    trained = train_ceus(
        cohort, settings, features=features, gate=gate, seed=arguments.seed,
        progress=part_of(progress, 0.8, 1.0),
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
        "n_early": d["training"]["n_early"],
        "n_recurrences": d["training"]["n_recurrences"],
        "n_features": d["training"]["n_features"],
        "signatures": None
        if d["signatures"] is None
        else {key: d["signatures"][key] for key in ("early", "death")}
        | {"n_features": d["signatures"]["report"]["n_features"]},
        "left_out": d["left_out"],
        "architecture": {k: v for k, v in d["architecture"].items() if k != "features"},
        "cross_validation": d["cross_validation"],
        "failures": failures_json(failures),
        "versions": d["versions"],
        "timings_s": {"total": round(time.perf_counter() - start, 3)},
    }
    write_answer(answer, arguments.json, _report(d, bundle.folder))


def _gate(
    arguments: argparse.Namespace,
    cohort: CeusCohort,
    features: FeatureTable | None,
    settings: CeusSettings,
    progress: Progress,
) -> FeatureGate | None:
    """What repeats when the lesion is outlined again, on training patients; None asks for nothing.

    Raises:
        InputError: the cohort folder cannot be read.
    """
    from hccsurv_core.batch import BatchSettings
    from hccsurv_core.commands.ceus_images import repeated_features
    from hccsurv_core.systems.ceus.roi_agreement import compare_outlines
    from hccsurv_core.systems.training_part import training_part

    if features is None or not settings.images or settings.least_icc is None:
        return None
    learned_from = set(training_part(cohort).cohort.patient_ids)
    first = features.subset([p in learned_from for p in features.patient_ids])
    second = repeated_features(
        Path(arguments.cohort), first, settings.measured, most=settings.n_repeats,
        work=Path(arguments.work) if arguments.work else None,
        batch=BatchSettings(workers=arguments.workers, scheduler=arguments.scheduler),
        progress=progress,
    )  # fmt: skip
    if second is None:
        return None
    agreement = compare_outlines(first, second)
    print(f"note: {agreement.words()}", file=sys.stderr)
    return agreement.gate(settings.least_icc)


def _report(d: Mapping[str, Any], folder: Path) -> str:
    t = d["training"]
    lines = [
        f"Trained on {t['n']} patients: {t['n_events']} deaths, {t['n_recurrences']} recurrences, "
        f"{t['n_early']} of them within {d['early_months']:g} months; {t['n_features']} covariates; "
        f"bundle in {folder}",
        f"By {d['cross_validation']['method']}:",
    ]
    for row in d["cross_validation"]["results"]:
        area, c = row["early_recurrence_auc"], row["c_index"]
        lines.append(
            f"  early recurrence, AUC {_told(area)}; death, C-index {_told(c)}  {row['name']}"
        )
    lines += [f"Not used: {name}, {why}" for name, why in d["left_out"].items()]
    lines.append(str(d["note"]))
    return "\n".join(lines)


def _told(e: Mapping[str, Any]) -> str:
    return f"{e['value']:.3f} ({e['ci_low']:.3f} to {e['ci_high']:.3f})"
