"""``train``: learn a survival model from a cohort or a feature table and write it as a bundle."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hccsurv_core.commands.cohort_source import (
    CohortTable,
    add_cohort_arguments,
    failures_json,
    preset_of,
    resolve_table,
)
from hccsurv_core.commands.shared import add_common_arguments, number, write_answer
from hccsurv_core.errors import InputError
from hccsurv_core.io.json_object import read_json_object
from hccsurv_core.progress import Progress, part_of

if TYPE_CHECKING:
    from hccsurv_core.features.feature_table import FeatureTable
    from hccsurv_core.systems.muscle.training import TrainedMuscle

SYSTEMS = ("muscle", "treatment", "ceus", "immunotherapy")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("system", metavar="SYSTEM", help=", ".join(SYSTEMS))
    parser.add_argument(
        "cohort", metavar="COHORT", nargs="?",
        help="a cohort folder; of system treatment also a table: treatment (hepatectomy or tace), "
        "time_months, event and clinical values",
    )  # fmt: skip
    parser.add_argument(
        "--features-table", metavar="T.csv",
        help="of system muscle, instead of a cohort: numeric columns, time_months, event (1 = happened); optional "
        "patient_id, split (those of split 'train' are learned from), center",
    )  # fmt: skip
    parser.add_argument(
        "--out", required=True, metavar="BUNDLE",
        help="a new or empty folder, or one with an older bundle, which is replaced",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="fixes everything that is drawn"
    )
    parser.add_argument(
        "--checkpoint", metavar="DIR",
        help="keep what is finished here; the same training goes on from there",
    )  # fmt: skip
    parser.add_argument(
        "--settings", metavar="FILE.json",
        help="settings that differ from the usual ones: a JSON object of names of MuscleSettings, "
        "TreatmentSettings, CeusSettings or ImmunotherapySettings",
    )  # fmt: skip
    parser.add_argument(
        "--simulated", action="store_true",
        help="the table's patients were drawn by a computer, and the model will say so",
    )  # fmt: skip
    parser.add_argument(
        "--endpoint", metavar="WORDS",
        help="what the event is the end of (default: what the cohort says, else overall survival)",
    )  # fmt: skip
    held_out = parser.add_mutually_exclusive_group()
    held_out.add_argument(
        "--hold-out-center", metavar="NAME", help="learn from all patients but this center's"
    )
    held_out.add_argument(
        "--hold-out-share", type=number, metavar="X",
        help="learn from all patients but this share, drawn by chance with --seed (0.3: 30 %%)",
    )  # fmt: skip
    add_cohort_arguments(parser)
    add_common_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Train, write the bundle, and say how good it is.

    Raises:
        InputError: the input cannot be trained on, or the bundle cannot be written.
    """
    refuse_other_systems(arguments.system)
    if arguments.system == "treatment":
        from hccsurv_core.commands import train_treatment

        train_treatment.run(arguments)
        return
    if arguments.system == "ceus":
        from hccsurv_core.commands import train_ceus

        train_ceus.run(arguments)
        return
    if arguments.system == "immunotherapy":
        from hccsurv_core.commands import train_immunotherapy

        train_immunotherapy.run(arguments)
        return
    _train_muscle(arguments)


def _train_muscle(arguments: argparse.Namespace) -> None:
    from hccsurv_core.systems.muscle import cohort as cohorts
    from hccsurv_core.systems.muscle.settings import settings_from_json
    from hccsurv_core.systems.muscle.training import train_muscle

    start = time.perf_counter()
    given = read_settings(arguments.settings)
    settings = None if given is None else settings_from_json(given)
    progress = progress_by_percent()
    table, cohort = resolve_table(
        arguments, with_outcome=True, preset=cohorts.PRESET, progress=part_of(progress, 0.0, 0.4)
    )
    learned, words = _learned_from(table, cohort)
    table = _held_out(learned, arguments)
    trained = train_muscle(
        table,
        settings,
        seed=arguments.seed,
        device=arguments.device,
        progress=progress if cohort is None else part_of(progress, 0.4, 1.0),
        checkpoint=Path(arguments.checkpoint) if arguments.checkpoint else None,
    )
    trained = _described(trained, table, cohort, arguments.endpoint)
    bundle = trained.write(Path(arguments.out))
    description = trained.description
    answer = {
        "system": arguments.system,
        "bundle": str(bundle.folder),
        "sha256": bundle.sha256,
        "simulated": description["training"]["simulated"],
        "learned_from": words,
        "n": description["training"]["n"],
        "n_events": description["training"]["n_events"],
        "n_features": description["training"]["n_features"],
        "architecture": {k: v for k, v in description["architecture"].items() if k != "features"},
        "cross_validation": description["cross_validation"],
        "failures": [] if cohort is None else failures_json(cohort.failures),
        "versions": description["versions"],
        "timings_s": {"total": round(time.perf_counter() - start, 3)},
    }
    write_answer(answer, arguments.json, _report(description, bundle.folder))


def refuse_other_systems(system: str) -> None:
    """Say which systems can be trained.

    Raises:
        InputError: this one cannot.
    """
    if system in SYSTEMS:
        return
    raise InputError(f"{system} is no system", source="SYSTEM", remedy=f"use {', '.join(SYSTEMS)}")


def read_settings(path: str | None) -> dict[str, Any] | None:
    """The settings in a file, or None for the usual ones.

    Raises:
        InputError: it is no JSON object.
    """
    if path is None:
        return None
    return read_json_object(Path(path), '{"n_folds": 10}')


def _held_out(table: FeatureTable, arguments: argparse.Namespace) -> FeatureTable:
    """The table with those held out who are asked for, and marked where it is simulated.

    Raises:
        InputError: nobody or everybody would be.
    """
    from hccsurv_core.systems.training_sources import (
        hold_out_center,
        hold_out_share,
        joining_the_training,
    )

    if arguments.simulated:
        table = replace(table, simulated=True)
    if arguments.hold_out_center is not None:
        held_out = hold_out_center(table, arguments.hold_out_center)
    elif arguments.hold_out_share is not None:
        held_out = hold_out_share(table, arguments.hold_out_share, seed=arguments.seed)
    else:
        return table
    joined = joining_the_training(table, held_out)
    if joined:
        print(f"note: {joined}", file=sys.stderr)
    return held_out


def _learned_from(table: FeatureTable, cohort: CohortTable | None) -> tuple[FeatureTable, str]:
    """The features and the split that are learned from, and the latter in words."""
    from hccsurv_core.systems.muscle.cohort import choose_training_rows
    from hccsurv_core.systems.muscle.cohort_recipe import is_cohort_table, model_features

    if cohort is None:
        return table, ""
    if is_cohort_table(table.names):
        table = table.columns(model_features(table.names))
    rows = choose_training_rows(table)
    print(f"note: learning from {rows.words}", file=sys.stderr)
    if rows.split or "split" not in table.labels:
        return table, rows.words
    labels = {name: texts for name, texts in table.labels.items() if name != "split"}
    return replace(table, labels=labels), rows.words


def _described(
    trained: TrainedMuscle,
    table: FeatureTable,
    cohort: CohortTable | None,
    endpoint: str | None,
) -> TrainedMuscle:
    """With the endpoint, what a prediction is checked against, and the card."""
    import numpy as np

    from hccsurv_core.features.radiomics.presets import choose_preset
    from hccsurv_core.report.model_card import model_card
    from hccsurv_core.systems.muscle.case_checks import SCAN_RANGES, scan_ranges

    description = dict(trained.description)
    told_by_cohort = "overall survival" if cohort is None else cohort.cohort.info.endpoint.name
    description["endpoint"] = " ".join((endpoint or told_by_cohort).split())[:80]
    if cohort is not None:
        split = "split" in table.labels
        rows = table.where("split", "train") if split else np.ones(len(table), dtype=bool)
        description[SCAN_RANGES] = scan_ranges(cohort.scans.names, cohort.scans.values[rows])
        preset = preset_of(trained.model.feature_names)
        if preset is not None:
            settings = choose_preset(preset).settings()
            told = ("preset", "bin_width", "log_sigma_mm", "wavelet")
            description["radiomics"] = {name: settings[name] for name in told}
    card = model_card(description, simulated=bool(description["training"]["simulated"]))
    return replace(trained, description=description, card=card)


def progress_by_percent() -> Progress:
    """Progress on stderr, one line per percent."""
    shown = -1

    def report(fraction: float, message: str) -> None:
        nonlocal shown
        percent = int(100 * fraction)
        if percent > shown:
            shown = percent
            print(f"{percent:3d}%  {message}", file=sys.stderr, flush=True)

    return report


def _report(description: Mapping[str, Any], folder: Path) -> str:
    training = description["training"]
    lines = [
        f"Trained on {training['n']} patients, {training['n_events']} events, "
        f"{training['n_features']} features; bundle in {folder}",
        f"C-index by {description['cross_validation']['method']}:",
    ]
    for row in description["cross_validation"]["results"]:
        c = row["c_index"]
        lines.append(
            f"  {c['value']:.3f} ({c['ci_low']:.3f} to {c['ci_high']:.3f})  "
            f"{row['name']} ({row['kind']})"
        )
    lines.append(f"Best: {description['cross_validation']['best']}. {description['note']}")
    return "\n".join(lines)
