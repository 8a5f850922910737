"""The verb ``evaluate`` for system 2."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hccsurv_core.commands.cohort_source import failures_json
from hccsurv_core.commands.evaluate import unseen_rows
from hccsurv_core.commands.shared import write_answer
from hccsurv_core.commands.study_options import seen_warnings
from hccsurv_core.commands.train import progress_by_percent
from hccsurv_core.commands.treatment_source import read_source_crops, read_treatment_source
from hccsurv_core.progress import Progress, part_of

if TYPE_CHECKING:
    from hccsurv_core.models.store import Bundle
    from hccsurv_core.systems.treatment.cohort import TreatmentCohort
    from hccsurv_core.systems.treatment.evaluation import TreatmentEvaluation
    from hccsurv_core.systems.treatment.model import TreatmentModel


def run(arguments: argparse.Namespace, bundle: Bundle) -> None:
    """Hold the model against what happened, and write the measures.

    Raises:
        InputError: the bundle or the cohort cannot be used.
    """
    from hccsurv_core.systems.treatment.evaluation import evaluate_treatment
    from hccsurv_core.systems.treatment.model import CLINICAL, TreatmentModel

    model = TreatmentModel.from_bundle(bundle)
    progress = progress_by_percent()
    ended = 0.8 if arguments.report else 1.0
    images = model.versions != (CLINICAL,)
    whole, failures = read_treatment_source(
        arguments, images=images, progress=part_of(progress, 0.0, 0.4)
    )
    cohort = whole.split(arguments.split)
    if arguments.unseen:
        cohort = cohort.subset(unseen_rows(bundle, cohort.patient_ids, cohort.source))
    cohort = with_network(model, cohort, part_of(progress, 0.4, 0.5))
    found = evaluate_treatment(
        model, cohort, seed=arguments.seed, progress=part_of(progress, 0.5, ended)
    )
    warnings = seen_warnings(model.description, cohort)
    for text in (*warnings, *found.notes):
        print(f"note: {text}", file=sys.stderr)
    if arguments.report:
        _write_report(
            arguments, bundle, model, cohort, found, warnings, part_of(progress, 0.8, 1.0)
        )
    answer: dict[str, Any] = {
        "bundle": arguments.bundle,
        "sha256": bundle.sha256,
        "system": bundle.system,
        "table": cohort.source,
        **found.to_json(),
        "warnings": warnings,
        "failures": failures_json(failures),
        "versions": model.description["versions"],
    }
    write_answer(answer, arguments.json, report(found))


def with_network(
    model: TreatmentModel, cohort: TreatmentCohort, progress: Progress
) -> TreatmentCohort:
    """The cohort with the scores of the model's network, where it has one and there are images."""
    deep = model.deep
    if deep is None or cohort.folder is None:
        return cohort
    import numpy as np

    # Brings torch along, which a model without a network has no use for.
    from hccsurv_core.systems.study_cohort import joined
    from hccsurv_core.systems.treatment.deep_images import deep_values

    crops = read_source_crops(cohort, deep.classifier.crop, progress)
    scores = deep.values(np.stack(list(crops.values())))
    found = deep_values(dict(zip(crops, scores, strict=True)))
    return replace(cohort, images=joined(cohort.images, found))


def _write_report(
    arguments: argparse.Namespace,
    bundle: Bundle,
    model: TreatmentModel,
    cohort: TreatmentCohort,
    found: TreatmentEvaluation,
    warnings: Sequence[str],
    progress: Progress,
) -> None:
    """Tables, figures, model card and all numbers, into the folder that was asked for."""
    from hccsurv_core.report.treatment_archive import write_treatment
    from hccsurv_core.report.treatment_card import card_with_evaluation
    from hccsurv_core.report.treatment_report import TreatmentReport, labels_of

    report = TreatmentReport(
        found, bundle.folder.name, cohort.source, cohort.endpoint, cohort.simulated,
        tuple(warnings), {"seed": arguments.seed, "split": arguments.split or "all"},
        labels_of(model.description),
    )  # fmt: skip
    source = {"bundle": bundle.folder.name, "sha256": bundle.sha256}
    write_treatment(
        Path(arguments.report), report, source=source,
        card=card_with_evaluation(bundle.card, report), progress=progress,
    )  # fmt: skip


def report(found: TreatmentEvaluation) -> str:
    """The most important numbers, for people."""
    from hccsurv_core.systems.treatment.arm_table import ARM_WORDS

    c = found.c_index
    lines = [
        f"{found.n} patients, {found.n_events} deaths ({found.version} model); C-index over all, by "
        f"the months expected under the treatment given: {c.value:.3f} "
        f"({c.ci_low:.3f} to {c.ci_high:.3f})"
    ]
    for arm, one in found.arms.items():
        lines.append(f"{ARM_WORDS[arm]}: {one.n} patients, {one.n_events} deaths")
        for name, answer in one.rivals.scores.items():
            e = answer.estimate
            told = (
                answer.reason if e is None else f"{e.value:.3f} ({e.ci_low:.3f} to {e.ci_high:.3f})"
            )
            lines.append(f"  C-index {told}  {name}")
    told = ", ".join(f"{n} {name}" for name, n in found.recommended.items())
    lines.append(f"Recommended: {told}")
    if found.validation is not None:
        for scheme, compared in found.validation.comparisons.items():
            months, ratio = compared.months_difference, compared.hazard_ratio
            lines.append(
                f"  treated as recommended against otherwise, {scheme}: {months.value:+.1f} months "
                f"({months.ci_low:+.1f} to {months.ci_high:+.1f}), hazard ratio {ratio.value:.2f} "
                f"({ratio.ci_low:.2f} to {ratio.ci_high:.2f})"
            )
        lines.append(f"  {found.validation.caveat}")
    else:
        lines.append(f"  not validated: {found.why_not_validated}")
    return "\n".join([*lines, *_truth_lines(found)])


def _truth_lines(found: TreatmentEvaluation) -> list[str]:
    truth = found.truth
    if truth is None:
        return []
    lines = ["Against the simulated truth:"]
    for arm, share in truth.share_of_margin.items():
        e, oracle = share["share"], share["c_index_of_truth"]
        if e is not None and oracle is not None:
            lines.append(
                f"  {arm}: {100 * e['value']:.1f} % of the margin of the true hazard "
                f"(C {oracle['value']:.3f})"
            )
    covered = ", ".join(f"{name} {100 * s:.1f} %" for name, s in truth.covered.items())
    lines.append(f"  intervals of the survival difference cover the truth in {covered}")
    if truth.covered_individual is not None:
        wide = ", ".join(f"{n} {100 * s:.1f} %" for n, s in truth.covered_individual.items())
        lines.append(f"  those of single patients in {wide}")
    for name, months in truth.regret.months.items():
        lines.append(
            f"  months lost, {truth.regret.to_json()['strategies'][name]}: {months.value:.2f}"
        )
    for name, ratio in truth.regret.against_plain.items():
        lines.append(f"  {name} against the best plain strategy: {ratio.value:.2f}")
    return lines
