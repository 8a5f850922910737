"""What the work of all studies' evaluations has in common: what came out, and on whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pages._shared.evaluation_study_choice import ALL, UNSEEN, StudyWish
from pages._shared.evaluation_work import as_held_out, note_of

if TYPE_CHECKING:
    from pandas import DataFrame

    from hccsurv_core.models.store import Bundle
    from hccsurv_core.report.figures.drawing import AnyFigure
    from hccsurv_core.report.manifest import Manifest
    from hccsurv_core.report.study_report import StudyReport
    from hccsurv_core.systems.study_cohort import StudyCohort

SomeReport = TypeVar("SomeReport", bound="StudyReport")
SomeCohort = TypeVar("SomeCohort", bound="StudyCohort")


@dataclass(frozen=True, eq=False, kw_only=True)
class DoneStudy(Generic[SomeReport]):
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
    report: SomeReport
    figures: Mapping[str, AnyFigure]
    tables: Mapping[str, DataFrame]
    manifest: Manifest
    card: str
    n_failures: int = 0
    system: str


def chosen_part(wish: StudyWish, cohort: SomeCohort, bundle: Bundle) -> SomeCohort:
    """The part of the patients that was asked for, held out as in the training.

    Args:
        cohort: all of them, with what was measured.

    Raises:
        HccsurvError: nobody is left.
    """
    from hccsurv_core.commands.evaluate import unseen_rows

    labeled = replace(cohort, labels=as_held_out(wish.patients.table, wish.hold_out).labels)
    if wish.part == UNSEEN:
        return labeled.subset(unseen_rows(bundle, labeled.patient_ids, labeled.source))
    return labeled if wish.part == ALL else labeled.split(wish.part)


def report_source(wish: StudyWish, bundle: Bundle, cohort: StudyCohort) -> dict[str, Any]:
    """Data and model; the name stands under every figure and table that is taken away."""
    judged, note = wish.judged, note_of(wish)
    said = f", {note[:1].lower()}{note[1:].rstrip('.')}" if note else ""
    return {
        "name": f"{cohort.source}; model: {judged.name}{said}", "cohort": cohort.source,
        "model_sha256": bundle.sha256, "model_note": note,
    }  # fmt: skip


def unmeasured_warning(n_failures: int) -> list[str]:
    """That some patients' images could not be measured; nothing where all could."""
    if not n_failures:
        return []
    patients = "1 patient" if n_failures == 1 else f"{n_failures} patients"
    return [f"the images of {patients} could not be measured"]
