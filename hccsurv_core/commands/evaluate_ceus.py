"""The verb ``evaluate`` for system 3."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hccsurv_core.commands.ceus_source import read_ceus_source
from hccsurv_core.commands.cohort_source import failures_json
from hccsurv_core.commands.evaluate import unseen_rows
from hccsurv_core.commands.shared import write_answer
from hccsurv_core.commands.study_options import seen_warnings
from hccsurv_core.commands.train import progress_by_percent
from hccsurv_core.progress import Progress, part_of

if TYPE_CHECKING:
    from hccsurv_core.models.store import Bundle
    from hccsurv_core.systems.ceus.cohort import CeusCohort
    from hccsurv_core.systems.ceus.evaluation import CeusEvaluation


def run(arguments: argparse.Namespace, bundle: Bundle) -> None:
    """Hold the model against what happened, and write the measures.

    Raises:
        InputError: the bundle or the cohort cannot be used.
    """
    from hccsurv_core.systems.ceus.evaluation import evaluate_ceus
    from hccsurv_core.systems.ceus.model import CeusModel
    from hccsurv_core.systems.ceus.settings import CLINICAL

    model = CeusModel.from_bundle(bundle)
    progress = progress_by_percent()
    measured = None if model.versions == (CLINICAL,) else model.measured
    whole, features, failures = read_ceus_source(arguments, measured, part_of(progress, 0.0, 0.8))
    cohort = whole.split(arguments.split)
    if arguments.unseen:
        cohort = cohort.subset(unseen_rows(bundle, cohort.patient_ids, cohort.source))
    if cohort.images is not None:
        cohort = replace(cohort, images=model.image_values(cohort.images, features))
    ended = 0.85 if arguments.report else 1.0
    found = evaluate_ceus(
        model, cohort, seed=arguments.seed, progress=part_of(progress, 0.8, ended)
    )
    warnings = seen_warnings(model.description, cohort)
    for text in (*warnings, *found.notes):
        print(f"note: {text}", file=sys.stderr)
    if arguments.report:
        _write_report(arguments, bundle, cohort, found, warnings, part_of(progress, ended, 1.0))
    answer: dict[str, Any] = {
        "bundle": arguments.bundle,
        "sha256": bundle.sha256,
        "system": bundle.system,
        "table": cohort.source,
        **found.to_json(),
        "warnings": warnings,
        "failures": failures_json(failures),
        "versions_of_software": model.description["versions"],
    }
    write_answer(answer, arguments.json, report(found))


def _write_report(
    arguments: argparse.Namespace,
    bundle: Bundle,
    cohort: CeusCohort,
    found: CeusEvaluation,
    warnings: Sequence[str],
    progress: Progress,
) -> None:
    """Tables, figures, model card and all numbers, into the folder that was asked for."""
    from hccsurv_core.report.archive import write_contents
    from hccsurv_core.report.ceus_archive import ceus_contents
    from hccsurv_core.report.ceus_card import card_with_evaluation
    from hccsurv_core.report.ceus_report import CeusReport
    from hccsurv_core.systems.ceus.reader_study_cohort import cohort_calls, judge_readers

    calls = cohort_calls(cohort)
    readers, why = (
        (None, "") if calls is None else judge_readers(calls, cohort, seed=arguments.seed)
    )
    if why:
        print(f"note: the readers' calls are not judged: {why}", file=sys.stderr)
    told = CeusReport(
        found, bundle.folder.name, cohort.source, cohort.endpoint, cohort.simulated,
        tuple(warnings), {"seed": arguments.seed, "split": arguments.split or "all"}, readers,
        "" if readers is None else cohort.source,
    )  # fmt: skip
    contents = ceus_contents(
        told, source={"bundle": bundle.folder.name, "sha256": bundle.sha256},
        card=card_with_evaluation(bundle.card, told),
    )  # fmt: skip
    write_contents(Path(arguments.report), contents, progress=progress)


def report(found: CeusEvaluation) -> str:
    """The most important numbers, for people."""
    from hccsurv_core.systems.ceus.risk_classes import class_of
    from hccsurv_core.systems.ceus.settings import VERSION_WORDS

    lines = [
        f"{found.n} patients, {found.n_events} deaths; answered from: {VERSION_WORDS[found.version]}"
    ]
    for version, one in found.versions.items():
        area, c = one.early.area, one.death.metrics["c_index"]
        lines.append(
            f"  {VERSION_WORDS[version]}: early recurrence, AUC {area.value:.3f} "
            f"({area.ci_low:.3f} to {area.ci_high:.3f}; {one.early.n} patients, "
            f"{one.early.n_events} events); death, C-index {c.value:.3f} ({c.ci_low:.3f} to "
            f"{c.ci_high:.3f})"
        )
    for summary in found.classes.summaries:
        share = summary.early_recurrence
        lines.append(
            f"  class {summary.number}, {class_of(summary.number).words}: {summary.n} patients, "
            f"{summary.n_events} deaths, {100 * share.value:.0f} % recurred within a year"
        )
    if found.classes.retreatment is not None:
        lines += [f"  {words}" for words in found.classes.retreatment.words()]
    return "\n".join([*lines, *_oracle_lines(found.oracle)])


def _oracle_lines(oracle: Mapping[str, Any] | None) -> list[str]:
    if oracle is None:
        return []
    lines = ["Against the simulated truth:"]
    for name, what in (
        ("death", "C-index of death"),
        ("early_recurrence", "AUC of early recurrence"),
    ):
        shares = ", ".join(
            f"{version} {100 * share:.1f} %"
            for version, share in oracle[name]["share_of_margin"].items()
        )
        lines.append(
            f"  {what} of the truth itself {oracle[name]['oracle']:.3f}; share of its margin: {shares}"
        )
    return lines
