"""System 4: the work of an evaluation, in the background, with progress and cancel."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hccsurv_core.progress import Progress, part_of
from pages._shared.evaluation_immunotherapy_choice import ImmunotherapyWish
from pages._shared.evaluation_study_work import (
    DoneStudy,
    chosen_part,
    report_source,
    unmeasured_warning,
)
from pages._shared.evaluation_work import note_of

if TYPE_CHECKING:
    from hccsurv_core.models.store import Bundle
    from hccsurv_core.report.immunotherapy_report import (  # noqa: F401 (named in a string)
        ImmunotherapyReport,
    )
    from hccsurv_core.systems.immunotherapy.cohort import ImmunotherapyCohort
    from hccsurv_core.systems.immunotherapy.evaluation import ImmunotherapyEvaluation
    from hccsurv_core.systems.immunotherapy.model import ImmunotherapyModel


@dataclass(frozen=True, eq=False, kw_only=True)
class DoneImmunotherapy(DoneStudy["ImmunotherapyReport"]):
    """What came out."""


def evaluate_immunotherapy_wish(wish: ImmunotherapyWish, progress: Progress) -> DoneImmunotherapy:
    """Measure, predict, compare, draw.

    Raises:
        HccsurvError: the model or the patients cannot be used, or nobody is left.
    """
    from hccsurv_core.commands.study_options import seen_warnings
    from hccsurv_core.systems.immunotherapy.evaluation import evaluate_immunotherapy
    from hccsurv_core.systems.immunotherapy.model import ImmunotherapyModel

    progress(0.0, "Reading the model")
    bundle = wish.judged.read()
    model = ImmunotherapyModel.from_bundle(bundle)
    cohort, n_failures = _patients(wish, model, bundle, part_of(progress, 0.02, 0.6))
    found = evaluate_immunotherapy(
        model, cohort, seed=wish.seed, progress=part_of(progress, 0.6, 0.95)
    )
    progress(0.95, "Drawing")
    warnings = [*seen_warnings(model.description, cohort), *unmeasured_warning(n_failures)]
    return described_immunotherapy(
        wish, bundle, model, cohort, found, tuple(warnings), n_failures
    )  # fmt: skip


def described_immunotherapy(
    wish: ImmunotherapyWish,
    bundle: Bundle,
    model: ImmunotherapyModel,
    cohort: ImmunotherapyCohort,
    found: ImmunotherapyEvaluation,
    warnings: tuple[str, ...],
    n_failures: int = 0,
) -> DoneImmunotherapy:
    """Figures, tables, card and manifest of an evaluation."""
    from hccsurv_core.report.immunotherapy_archive import (
        immunotherapy_manifest,
        immunotherapy_report,
    )
    from hccsurv_core.report.immunotherapy_card import card_with_evaluation
    from hccsurv_core.report.immunotherapy_figures import immunotherapy_figures
    from hccsurv_core.report.immunotherapy_tables import immunotherapy_tables

    report = immunotherapy_report(
        found, model, cohort, name=wish.judged.name, warnings=warnings,
        settings={"part": wish.part, "seed": wish.seed},
    )  # fmt: skip
    return DoneImmunotherapy(
        model_key=wish.judged.key,
        model_name=wish.judged.name,
        model_note=note_of(wish),
        report=report,
        figures=immunotherapy_figures(report),
        tables=immunotherapy_tables(report),
        manifest=immunotherapy_manifest(report, report_source(wish, bundle, cohort)),
        card=card_with_evaluation(bundle.card, report),
        n_failures=n_failures,
        system="immunotherapy",
    )


def _patients(
    wish: ImmunotherapyWish, model: ImmunotherapyModel, bundle: Bundle, progress: Progress
) -> tuple[ImmunotherapyCohort, int]:
    """The part of the patients that was asked for, measured as the model needs it."""
    from hccsurv_core.commands.immunotherapy_source import read_immunotherapy_source
    from hccsurv_core.systems.immunotherapy.versions import CLN

    source = wish.patients
    if not source.has_images or model.versions == (CLN,):
        return chosen_part(wish, source.cohort_of, bundle), 0
    # What was measured for a training is not measured again.
    asked = Namespace(
        cohort=str(source.cohort), features_table=None, work=None, workers=None, scheduler=None
    )
    read, pictures, failures = read_immunotherapy_source(
        asked, images=True, pixels=model.pixels, progress=progress
    )
    images = read.images
    if images is not None and pictures is not None:
        images = model.image_values(images, pictures)
    return chosen_part(wish, replace(source.cohort_of, images=images), bundle), len(failures)
