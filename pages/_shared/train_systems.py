"""What the page Train does differently from system to system: one table, looked at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pages._shared.train_ceus_preview import show_ceus_preview
from pages._shared.train_ceus_result import (
    show_ceus_course,
    show_ceus_figures,
    show_ceus_headline,
    show_ceus_models,
)
from pages._shared.train_ceus_settings import ask_ceus_settings
from pages._shared.train_ceus_source import choose_ceus_source
from pages._shared.train_immunotherapy_preview import show_immunotherapy_preview
from pages._shared.train_immunotherapy_result import (
    show_immunotherapy_course,
    show_immunotherapy_figures,
    show_immunotherapy_headline,
    show_immunotherapy_models,
)
from pages._shared.train_immunotherapy_settings import ask_immunotherapy_settings
from pages._shared.train_immunotherapy_source import choose_immunotherapy_source
from pages._shared.train_muscle_course import show_course
from pages._shared.train_muscle_result import show_figures, show_headline
from pages._shared.train_preview import show_what_is_used
from pages._shared.train_settings import ask_settings
from pages._shared.train_source import choose_source
from pages._shared.train_start import (
    start,
    start_ceus,
    start_immunotherapy,
    start_treatment,
)
from pages._shared.train_treatment_preview import show_treatment_preview
from pages._shared.train_treatment_result import (
    show_treatment_course,
    show_treatment_figures,
    show_treatment_headline,
    show_treatment_models,
)
from pages._shared.train_treatment_settings import ask_treatment_settings
from pages._shared.train_treatment_source import choose_treatment_source

if TYPE_CHECKING:
    from hccsurv_core.models.store import Bundle
    from hccsurv_core.systems.training_runs import TrainingRun
    from pages._shared.train_source import TrainingSource


@dataclass(frozen=True)
class TrainingSystem:
    """One system's parts of the page.

    Args:
        key: "muscle", …
        title: for people.
        steps: (title, text) of what happens, for who comes for the first time.
        choose_source: draws the choice of patients; None while nothing is chosen.
        ask_settings: draws the settings of a source; those of the model that differ, and options.
        show_preview: draws what will be used of a source's table; whether a training may begin.
        start: begins a run.
        show_course: draws how far a run is, beside its progress.
        show_headline: how good, on whom.
        show_figures: what came out, beside its publication.
        show_more: what needs the page's whole width, under it.
    """

    key: str
    title: str
    steps: tuple[tuple[str, str], ...]
    choose_source: Callable[[], TrainingSource | None]
    ask_settings: Callable[[Any], tuple[dict[str, Any], dict[str, Any]]]
    show_preview: Callable[[Any, Any, Mapping[str, Any]], bool]
    start: Callable[..., TrainingRun]
    show_course: Callable[[TrainingRun], None]
    show_headline: Callable[[Mapping[str, Any], bool], None]
    show_figures: Callable[[TrainingRun, Bundle, bool], None]
    show_more: Callable[[TrainingRun, Bundle, bool], None] = lambda run, bundle, simulated: None


_PUBLICATION = (
    "4 · Publication",
    "A model you publish can be activated in the library. The active one answers on every "
    "patient's page, with its name, its patients and its limits beside every number.",
)
MUSCLE = TrainingSystem(
    "muscle",
    "Muscle",
    (
        (
            "1 · Patients",
            "A cohort with CT slices and muscle outlines, or features that were measured elsewhere. "
            "You see who will be learned from and who is held out before anything begins.",
        ),
        (
            "2 · Training",
            "Features are measured, compressed, and given to an ensemble of deep Cox networks. Plain "
            "Cox, gradient boosting and a random forest learn on the same folds: the result says "
            "which won. Close the page if you like; the training goes on and can be resumed.",
        ),
        (
            "3 · Judgment",
            "Cross-validation, training curves and a model card; then the figures a reviewer asks "
            "for, on patients held out, under Model evaluation.",
        ),
        _PUBLICATION,
    ),
    choose_source,
    ask_settings,
    show_what_is_used,
    start,
    show_course,
    show_headline,
    show_figures,
)
TREATMENT = TrainingSystem(
    "treatment",
    "Hepatectomy or TACE",
    (
        (
            "1 · Patients",
            "Patients who had hepatectomy or TACE: a cohort with both phases of CT outlined, or a "
            "table of clinical values. You see patients and deaths of each arm, and which values "
            "will be used, before anything begins.",
        ),
        (
            "2 · Training",
            "A survival model of each arm and a model of who was given what, from clinical values "
            "and, where images are there, with signs of the lesion. Close the page if you like; the "
            "training goes on and can be resumed.",
        ),
        (
            "3 · Judgment",
            "Both arms are cross-validated; both nomograms and a model card are written. Whether "
            "following the recommendation goes with longer survival is judged on patients held out, "
            "under Model evaluation. Observational data cannot prove it.",
        ),
        _PUBLICATION,
    ),
    choose_treatment_source,
    ask_treatment_settings,
    show_treatment_preview,
    start_treatment,
    show_treatment_course,
    show_treatment_headline,
    show_treatment_figures,
    show_treatment_models,
)
CEUS = TrainingSystem(
    "ceus",
    "CEUS",
    (
        (
            "1 · Patients",
            "Patients with contrast-enhanced ultrasound before a resection: a cohort folder with the "
            "grayscale still and that of peak enhancement outlined, or its table alone. You see "
            "deaths, recurrences and early recurrences before anything begins.",
        ),
        (
            "2 · Training",
            "Models of early recurrence, of death and of recurrence with death competing, from "
            "clinical values, from the pictures, and from both; then four classes. Close the page if "
            "you like; the training goes on and can be resumed.",
        ),
        (
            "3 · Judgment",
            "All versions are cross-validated and a model card is written. ROC and decision curves, "
            "calibration, classes and readers are judged on patients held out, under Model "
            "evaluation.",
        ),
        _PUBLICATION,
    ),
    choose_ceus_source,
    ask_ceus_settings,
    show_ceus_preview,
    start_ceus,
    show_ceus_course,
    show_ceus_headline,
    show_ceus_figures,
    show_ceus_models,
)
IMMUNOTHERAPY = TrainingSystem(
    "immunotherapy",
    "Immunotherapy",
    (
        (
            "1 · Patients",
            "Patients under immunotherapy: the clinical score's seven values, CT before treatment and, "
            "where there is one, a follow-up CT, with liver, lungs and tumors outlined; or the table "
            "alone. You see patients, deaths and what is missing before anything begins.",
        ),
        (
            "2 · Training",
            "Up to five models: the clinical score, the baseline scan, both scans, and each with the "
            "score. Slices are chosen by the published rule and measured; networks look at them if you "
            "like. Close the page if you like; the training goes on and can be resumed.",
        ),
        (
            "3 · Judgment",
            "All models are cross-validated with a center's patients together, and a model card is "
            "written. ROC curves, calibration, scanners and RECIST beside risk groups are judged on "
            "patients held out, under Model evaluation.",
        ),
        _PUBLICATION,
    ),
    choose_immunotherapy_source,
    ask_immunotherapy_settings,
    show_immunotherapy_preview,
    start_immunotherapy,
    show_immunotherapy_course,
    show_immunotherapy_headline,
    show_immunotherapy_figures,
    show_immunotherapy_models,
)
SYSTEMS: Mapping[str, TrainingSystem] = {s.key: s for s in (MUSCLE, TREATMENT, CEUS, IMMUNOTHERAPY)}


def training_system(key: str) -> TrainingSystem:
    """The parts of a system; those of system 1 for a run of one that is not known here."""
    return SYSTEMS.get(key, MUSCLE)
