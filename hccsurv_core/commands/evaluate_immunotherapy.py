"""The verb ``evaluate`` for system 4."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hccsurv_core.commands.cohort_source import failures_json
from hccsurv_core.commands.evaluate import unseen_rows
from hccsurv_core.commands.immunotherapy_source import read_immunotherapy_source
from hccsurv_core.commands.shared import write_answer
from hccsurv_core.commands.study_options import seen_warnings
from hccsurv_core.commands.train import progress_by_percent
from hccsurv_core.progress import part_of

if TYPE_CHECKING:
    from hccsurv_core.models.store import Bundle
    from hccsurv_core.systems.immunotherapy.evaluation import ImmunotherapyEvaluation


def run(arguments: argparse.Namespace, bundle: Bundle) -> None:
    """Hold the models against what happened, and write the measures.

    Raises:
        InputError: the bundle or the cohort cannot be used.
    """
    from hccsurv_core.systems.immunotherapy.evaluation import evaluate_immunotherapy
    from hccsurv_core.systems.immunotherapy.model import ImmunotherapyModel
    from hccsurv_core.systems.immunotherapy.versions import CLN

    model = ImmunotherapyModel.from_bundle(bundle)
    progress = progress_by_percent()
    whole, pictures, failures = read_immunotherapy_source(
        arguments, images=model.versions != (CLN,), pixels=model.pixels,
        progress=part_of(progress, 0.0, 0.8),
    )  # fmt: skip
    cohort = whole.split(arguments.split)
    if arguments.unseen:
        cohort = cohort.subset(unseen_rows(bundle, cohort.patient_ids, cohort.source))
    if cohort.images is not None and pictures is not None:
        cohort = replace(cohort, images=model.image_values(cohort.images, pictures))
    ended = 0.9 if arguments.report else 1.0
    found = evaluate_immunotherapy(
        model, cohort, seed=arguments.seed, progress=part_of(progress, 0.8, ended)
    )
    warnings = seen_warnings(model.description, cohort)
    for text in (*warnings, *found.notes):
        print(f"note: {text}", file=sys.stderr)
    if arguments.report:
        from hccsurv_core.report.immunotherapy_archive import write_immunotherapy_report

        write_immunotherapy_report(
            Path(arguments.report), found, model, bundle, cohort, warnings,
            settings={"seed": arguments.seed, "split": arguments.split or "all"},
            progress=part_of(progress, ended, 1.0),
        )  # fmt: skip
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


def report(found: ImmunotherapyEvaluation) -> str:
    """The most important numbers, for people."""
    from hccsurv_core.systems.immunotherapy.versions import VERSION_WORDS, clock_words

    lines = [
        f"{found.n} patients, {found.n_events} deaths; the model that uses most: {found.version}"
    ]
    for version, one in found.versions.items():
        c = one.performance.metrics["c_index"]
        lines.append(
            f"  {version} ({VERSION_WORDS[version]}, {clock_words(version)}): C-index {c.value:.3f} "
            f"({c.ci_low:.3f} to {c.ci_high:.3f}; {one.n} patients, {one.n_events} deaths)"
        )
    lines.append(f"On the {found.n_compared} patients whom all answer:")
    for (a, b), answer in found.compared.differences.items():
        e = answer.estimate
        told = (
            answer.reason if e is None else f"{e.value:+.3f} ({e.ci_low:+.3f} to {e.ci_high:+.3f})"
        )
        lines.append(f"  {a} against {b}: {told}")
    return "\n".join([*lines, *_oracle_lines(found.oracle)])


def _oracle_lines(oracle: Mapping[str, Any] | None) -> list[str]:
    if oracle is None or oracle["c_index"] is None:
        return []
    shares = ", ".join(
        f"{version} {100 * share['value']:.1f} %"
        for version, share in oracle["share_of_margin"].items()
        if share is not None
    )
    return [
        f"Against the simulated truth, whose C-index is {oracle['c_index']['value']:.3f}; share of its "
        f"margin: {shares}"
    ]
