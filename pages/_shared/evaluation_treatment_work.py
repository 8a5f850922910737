"""System 2: the work of an evaluation, in the background, with progress and cancel."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from hccsurv_core.progress import Progress, part_of
from pages._shared.evaluation_study_work import (
    DoneStudy,
    chosen_part,
    report_source,
    unmeasured_warning,
)
from pages._shared.evaluation_treatment_choice import TreatmentWish
from pages._shared.evaluation_work import note_of

if TYPE_CHECKING:
    from hccsurv_core.models.store import Bundle
    from hccsurv_core.report.treatment_report import TreatmentReport  # noqa: F401 (in a string)
    from hccsurv_core.systems.treatment.cohort import TreatmentCohort
    from hccsurv_core.systems.treatment.evaluation import TreatmentEvaluation
    from hccsurv_core.systems.treatment.model import TreatmentModel


DoneTreatment = DoneStudy["TreatmentReport"]


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
    warnings = [*seen_warnings(model.description, cohort), *unmeasured_warning(n_failures)]
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

    report = TreatmentReport(
        found, wish.judged.name, cohort.source, cohort.endpoint, cohort.simulated, warnings,
        {"part": wish.part, "n_resamples": wish.n_resamples, "seed": wish.seed},
        labels_of(bundle.description),
    )  # fmt: skip
    return DoneStudy(
        model_key=wish.judged.key,
        model_name=wish.judged.name,
        model_note=note_of(wish),
        report=report,
        figures=treatment_figures(report),
        tables=treatment_tables(report),
        manifest=treatment_manifest(report, report_source(wish, bundle, cohort)),
        card=card_with_evaluation(bundle.card, report),
        n_failures=n_failures,
        system="treatment",
    )


def _patients(
    wish: TreatmentWish, model: TreatmentModel, bundle: Bundle, progress: Progress
) -> tuple[TreatmentCohort, int]:
    """The part of the patients that was asked for, measured as the model needs it."""
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
    cohort = chosen_part(wish, cohort, bundle)
    return with_network(model, cohort, part_of(progress, 0.8, 1.0)), n_failures
