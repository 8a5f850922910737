"""System 2: the work of an evaluation, in the background, with progress and cancel."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hccsurv_core.progress import Progress, part_of
from pages._shared.evaluation_treatment_choice import ALL, UNSEEN, TreatmentWish
from pages._shared.evaluation_work import as_held_out, note_of

if TYPE_CHECKING:
    from pandas import DataFrame

    from hccsurv_core.models.store import Bundle
    from hccsurv_core.report.figures.drawing import AnyFigure
    from hccsurv_core.report.manifest import Manifest
    from hccsurv_core.report.treatment_report import TreatmentReport
    from hccsurv_core.systems.treatment.cohort import TreatmentCohort
    from hccsurv_core.systems.treatment.evaluation import TreatmentEvaluation
    from hccsurv_core.systems.treatment.model import TreatmentModel


@dataclass(frozen=True, eq=False)
class DoneTreatment:
    """What came out.

    Args:
        model_key: of the model that was judged.
        model_name: for people.
        model_note: what must stand beside every number of this model, or empty.
        report: the numbers, and on whom; figures, tables: by name.
        manifest: what stands behind them.
        card: the model card with these results in it, Markdown.
        n_failures: patients whose images could not be measured.
        system: of the model.
    """

    model_key: str
    model_name: str
    model_note: str
    report: TreatmentReport
    figures: Mapping[str, AnyFigure]
    tables: Mapping[str, DataFrame]
    manifest: Manifest
    card: str
    n_failures: int = 0
    system: str = "treatment"


def evaluate_wish(wish: TreatmentWish, progress: Progress) -> DoneTreatment:
    """Measure, recommend, compare, draw.

    Raises:
        HccsurvError: the model or the patients cannot be used, or nobody is left.
    """
    from hccsurv_core.commands.study_options import seen_warnings
    from hccsurv_core.systems.treatment.evaluation import evaluate_treatment
    from hccsurv_core.systems.treatment.model import TreatmentModel

    progress(0.0, "Reading the model")
    bundle = wish.judged.read()
    model = TreatmentModel.from_bundle(bundle)
    cohort, n_failures = _patients(wish, model, bundle, part_of(progress, 0.02, 0.45))
    found = evaluate_treatment(
        model, cohort, seed=wish.seed, n_resamples=wish.n_resamples,
        progress=part_of(progress, 0.45, 0.95),
    )  # fmt: skip
    progress(0.95, "Drawing")
    warnings = seen_warnings(model.description, cohort)
    if n_failures:
        warnings.append(f"the images of {n_failures} patients could not be measured")
    return described_treatment(wish, bundle, cohort, found, tuple(warnings), n_failures)


def described_treatment(
    wish: TreatmentWish,
    bundle: Bundle,
    cohort: TreatmentCohort,
    found: TreatmentEvaluation,
    warnings: tuple[str, ...],
    n_failures: int = 0,
) -> DoneTreatment:
    """Figures, tables, card and manifest of an evaluation."""
    from hccsurv_core.report.treatment_archive import treatment_manifest
    from hccsurv_core.report.treatment_card import card_with_evaluation
    from hccsurv_core.report.treatment_figures import treatment_figures
    from hccsurv_core.report.treatment_report import TreatmentReport, labels_of
    from hccsurv_core.report.treatment_tables import treatment_tables

    judged, note = wish.judged, note_of(wish)
    said = f", {note[:1].lower()}{note[1:].rstrip('.')}" if note else ""
    report = TreatmentReport(
        found, judged.name, cohort.source, cohort.endpoint, cohort.simulated, warnings,
        {"part": wish.part, "n_resamples": wish.n_resamples, "seed": wish.seed},
        labels_of(bundle.description),
    )  # fmt: skip
    # The name stands under every figure and table that is taken away.
    source = {
        "name": f"{cohort.source}; model: {judged.name}{said}", "cohort": cohort.source,
        "model_sha256": bundle.sha256, "model_note": note,
    }  # fmt: skip
    return DoneTreatment(
        judged.key, judged.name, note, report, treatment_figures(report), treatment_tables(report),
        treatment_manifest(report, source), card_with_evaluation(bundle.card, report), n_failures,
    )  # fmt: skip


def _patients(
    wish: TreatmentWish, model: TreatmentModel, bundle: Bundle, progress: Progress
) -> tuple[TreatmentCohort, int]:
    """The part of the patients that was asked for, measured as the model needs it."""
    from hccsurv_core.commands.evaluate import unseen_rows
    from hccsurv_core.commands.evaluate_treatment import with_network
    from hccsurv_core.commands.treatment_source import read_treatment_source
    from hccsurv_core.systems.treatment.training import CLINICAL

    source, n_failures = wish.patients, 0
    cohort = source.cohort_of
    if source.cohort is not None and model.versions != (CLINICAL,):
        # What was measured for a training is not measured again.
        asked = Namespace(
            cohort=str(source.cohort), features_table=None, work=None, workers=None, scheduler=None
        )
        cohort, failures = read_treatment_source(
            asked, images=True, progress=part_of(progress, 0.0, 0.8)
        )
        n_failures = len(failures)
    cohort = replace(cohort, labels=as_held_out(source.table, wish.hold_out).labels)
    if wish.part == UNSEEN:
        cohort = cohort.subset(unseen_rows(bundle, cohort.patient_ids, cohort.source))
    elif wish.part != ALL:
        cohort = cohort.split(wish.part)
    return with_network(model, cohort, part_of(progress, 0.8, 1.0)), n_failures
