"""System 3: the work of an evaluation, in the background, with progress and cancel."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hccsurv_core.progress import Progress, part_of
from pages._shared.evaluation_ceus_choice import CeusWish
from pages._shared.evaluation_study_work import (
    DoneStudy,
    chosen_part,
    report_source,
    unmeasured_warning,
)
from pages._shared.evaluation_work import note_of

if TYPE_CHECKING:
    from hccsurv_core.models.store import Bundle
    from hccsurv_core.report.ceus_report import CeusReport  # noqa: F401 (named in a string)
    from hccsurv_core.systems.ceus.cohort import CeusCohort
    from hccsurv_core.systems.ceus.evaluation import CeusEvaluation
    from hccsurv_core.systems.ceus.model import CeusModel
    from hccsurv_core.systems.ceus.reader_study_result import ReaderStudy


@dataclass(frozen=True, eq=False, kw_only=True)
class DoneCeus(DoneStudy["CeusReport"]):
    """What came out.

    Args:
        cohort: the patients it was judged on, to judge readers on.
        bundle_card: of the model, without these results.
        why_no_readers: why calls that are there are not judged; "" otherwise.
    """

    cohort: CeusCohort
    bundle_card: str
    why_no_readers: str = ""


def evaluate_ceus_wish(wish: CeusWish, progress: Progress) -> DoneCeus:
    """Measure, predict, compare, draw.

    Raises:
        HccsurvError: the model or the patients cannot be used, or nobody is left.
    """
    from hccsurv_core.commands.study_options import seen_warnings
    from hccsurv_core.systems.ceus.evaluation import evaluate_ceus
    from hccsurv_core.systems.ceus.model import CeusModel

    progress(0.0, "Reading the model")
    bundle = wish.judged.read()
    model = CeusModel.from_bundle(bundle)
    cohort, n_failures = _patients(wish, model, bundle, part_of(progress, 0.02, 0.6))
    found = evaluate_ceus(model, cohort, seed=wish.seed, progress=part_of(progress, 0.6, 0.95))
    progress(0.95, "Drawing")
    warnings = [*seen_warnings(model.description, cohort), *unmeasured_warning(n_failures)]
    return described_ceus(wish, bundle, cohort, found, tuple(warnings), n_failures)


def described_ceus(
    wish: CeusWish,
    bundle: Bundle,
    cohort: CeusCohort,
    found: CeusEvaluation,
    warnings: tuple[str, ...],
    n_failures: int = 0,
) -> DoneCeus:
    """Figures, tables, card and manifest of an evaluation."""
    from hccsurv_core.report.ceus_archive import ceus_manifest
    from hccsurv_core.report.ceus_card import card_with_evaluation
    from hccsurv_core.report.ceus_figures import ceus_figures
    from hccsurv_core.report.ceus_report import CeusReport
    from hccsurv_core.report.ceus_tables import ceus_tables
    from hccsurv_core.systems.ceus.reader_study_cohort import cohort_calls, judge_readers

    calls = cohort_calls(cohort)
    readers, why = (None, "") if calls is None else judge_readers(calls, cohort, seed=wish.seed)
    report = CeusReport(
        found, wish.judged.name, cohort.source, cohort.endpoint, cohort.simulated, warnings,
        {"part": wish.part, "seed": wish.seed}, readers, "" if readers is None else cohort.source,
    )  # fmt: skip
    return DoneCeus(
        model_key=wish.judged.key,
        model_name=wish.judged.name,
        model_note=note_of(wish),
        report=report,
        figures=ceus_figures(report),
        tables=ceus_tables(report),
        manifest=ceus_manifest(report, report_source(wish, bundle, cohort)),
        card=card_with_evaluation(bundle.card, report),
        n_failures=n_failures,
        system="ceus",
        cohort=cohort,
        bundle_card=bundle.card,
        why_no_readers=why,
    )


def with_readers(done: DoneCeus, readers: ReaderStudy, source: str) -> DoneCeus:
    """The same evaluation with another reader study.

    Args:
        source: where the calls are from.
    """
    from hccsurv_core.report.ceus_card import card_with_evaluation
    from hccsurv_core.report.ceus_figures import ceus_figures
    from hccsurv_core.report.ceus_tables import ceus_tables

    report = replace(done.report, readers=readers, readers_source=source)
    return replace(
        done,
        report=report,
        figures=ceus_figures(report),
        tables=ceus_tables(report),
        card=card_with_evaluation(done.bundle_card, report),
        why_no_readers="",
    )


def _patients(
    wish: CeusWish, model: CeusModel, bundle: Bundle, progress: Progress
) -> tuple[CeusCohort, int]:
    """The part of the patients that was asked for, measured as the model needs it."""
    from hccsurv_core.commands.ceus_source import read_ceus_source
    from hccsurv_core.systems.ceus.settings import CLINICAL

    source = wish.patients
    if not source.has_images or model.versions == (CLINICAL,):
        return chosen_part(wish, source.cohort_of, bundle), 0
    # What was measured for a training is not measured again.
    asked = Namespace(
        cohort=str(source.cohort), features_table=None, work=None, workers=None, scheduler=None
    )
    read, features, failures = read_ceus_source(asked, model.measured, progress)
    cohort = replace(source.cohort_of, images=read.images)
    if cohort.images is not None:
        cohort = replace(cohort, images=model.image_values(cohort.images, features))
    return chosen_part(wish, cohort, bundle), len(failures)
