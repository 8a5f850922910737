"""What the page Model evaluation does differently from system to system: one table, looked at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pages._shared.evaluation_ceus_choice import ask_ceus_wish, own_ceus_patients
from pages._shared.evaluation_ceus_result import show_ceus_evaluation
from pages._shared.evaluation_ceus_work import evaluate_ceus_wish
from pages._shared.evaluation_choice import Judged, ask_wish, own_muscle_patients
from pages._shared.evaluation_immunotherapy_choice import (
    ask_immunotherapy_wish,
    own_immunotherapy_patients,
)
from pages._shared.evaluation_immunotherapy_result import show_immunotherapy_evaluation
from pages._shared.evaluation_immunotherapy_work import evaluate_immunotherapy_wish
from pages._shared.evaluation_result import show_evaluation
from pages._shared.evaluation_treatment_choice import ask_treatment_wish, own_treatment_patients
from pages._shared.evaluation_treatment_result import show_treatment_evaluation
from pages._shared.evaluation_treatment_work import evaluate_wish
from pages._shared.evaluation_work import evaluate
from pages._shared.train_ceus_source import choose_ceus_folder
from pages._shared.train_immunotherapy_source import choose_immunotherapy_folder
from pages._shared.train_source import TABLE, choose_cohort, choose_table
from pages._shared.train_treatment_source import (
    CLINICAL_TABLE,
    choose_clinical_table,
    choose_treatment_folder,
)

if TYPE_CHECKING:
    from hccsurv_core.progress import Progress
    from hccsurv_core.systems.training_runs import TrainingRun
    from pages._shared.train_source import TrainingSource


@dataclass(frozen=True)
class EvaluationSystem:
    """One system's parts of the page.

    Args:
        ways: name → what draws the choice of that kind of patients.
        own_patients: those that a run learned from, the held-out ones included.
        ask_wish: draws what else can be chosen of (model, patients, whether they are its own).
        evaluate: the work, in the background; what comes out says its ``system``.
        show: draws what came out.
    """

    ways: Mapping[str, Callable[[], TrainingSource | None]]
    own_patients: Callable[[TrainingRun], TrainingSource]
    ask_wish: Callable[[Judged, Any, bool], Any]
    evaluate: Callable[[Any, Progress], Any]
    show: Callable[[Any], None]


SYSTEMS: Mapping[str, EvaluationSystem] = {
    "muscle": EvaluationSystem(
        {"Another cohort with images": choose_cohort, TABLE: choose_table},
        own_muscle_patients,
        ask_wish,
        evaluate,
        show_evaluation,
    ),
    "treatment": EvaluationSystem(
        {"Another cohort": choose_treatment_folder, CLINICAL_TABLE: choose_clinical_table},
        own_treatment_patients,
        ask_treatment_wish,
        evaluate_wish,
        show_treatment_evaluation,
    ),
    "ceus": EvaluationSystem(
        {"Another cohort": choose_ceus_folder},
        own_ceus_patients,
        ask_ceus_wish,
        evaluate_ceus_wish,
        show_ceus_evaluation,
    ),
    "immunotherapy": EvaluationSystem(
        {"Another cohort": choose_immunotherapy_folder},
        own_immunotherapy_patients,
        ask_immunotherapy_wish,
        evaluate_immunotherapy_wish,
        show_immunotherapy_evaluation,
    ),
}
