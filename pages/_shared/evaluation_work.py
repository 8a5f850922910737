"""The work of an evaluation: predict, compare, draw; in the background, with progress and cancel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hccsurv_core.progress import Progress, part_of
from pages._shared import routes
from pages._shared.evaluation_choice import EvaluationWish, Judged
from pages._shared.jobs import Job

if TYPE_CHECKING:
    from pandas import DataFrame

    from hccsurv_core.features.feature_table import FeatureTable
    from hccsurv_core.models.store import Bundle
    from hccsurv_core.report.figures.drawing import AnyFigure
    from hccsurv_core.report.manifest import Manifest
    from hccsurv_core.systems.muscle.evaluation import MuscleEvaluation
    from hccsurv_core.systems.muscle.evaluation_input import EvaluationInput

KIND = "evaluate"


@dataclass(frozen=True, eq=False)
class DoneEvaluation:
    """What came out.

    Args:
        model_key: of the model that was judged.
        model_name: for people.
        model_note: what must stand beside every number of this model, or empty.
        evaluation: the numbers; figures, tables: by name.
        manifest: what stands behind them.
        card: the model card with these results in it, Markdown.
        system: of the model.
    """

    model_key: str
    model_name: str
    model_note: str
    evaluation: MuscleEvaluation
    figures: Mapping[str, AnyFigure]
    tables: Mapping[str, DataFrame]
    manifest: Manifest
    card: str
    system: str = "muscle"


def evaluation_job(judged: Judged, work: Callable[[Progress], Any]) -> Job:
    """Evaluate in the background.

    Args:
        judged: which model.
        work: does it; the job's result is what it returns, with a ``system``.
    """
    return Job(f"Evaluating {judged.name}", work, kind=KIND, page=routes.MODEL_EVALUATION)


def evaluate(wish: EvaluationWish, progress: Progress) -> DoneEvaluation:
    """Predict, compare, draw, for a model of system 1.

    Raises:
        HccsurvError: the model, the table or the cohort cannot be used.
    """
    from hccsurv_core.systems.muscle.evaluation import evaluate_muscle
    from hccsurv_core.systems.muscle.evaluation_settings import EvaluationSettings

    progress(0.0, "Reading the model")
    bundle = wish.judged.read()
    given = _given(wish, bundle, part_of(progress, 0.02, 0.4))
    settings = EvaluationSettings(**wish.settings)
    evaluation = evaluate_muscle(given, settings, progress=part_of(progress, 0.4, 0.9))
    progress(0.9, "Drawing")
    return described(wish, bundle.description, bundle.sha256, evaluation)


def described(
    wish: EvaluationWish, description: Mapping[str, Any], sha256: str, evaluation: MuscleEvaluation
) -> DoneEvaluation:
    """Figures, tables, card and manifest of an evaluation."""
    from hccsurv_core.report.evaluation_archive import evaluation_manifest
    from hccsurv_core.report.evaluation_figures import evaluation_figures
    from hccsurv_core.report.evaluation_tables import evaluation_tables
    from hccsurv_core.report.model_card import model_card

    judged, note = wish.judged, note_of(wish)
    said = f", {note[:1].lower()}{note[1:].rstrip('.')}" if note else ""
    # The name stands under every figure and table that is taken away.
    source = {
        "name": f"{evaluation.source}; model: {judged.name}{said}",
        "cohort": evaluation.source, "model": judged.name, "model_sha256": sha256,
        "model_note": note,
    }  # fmt: skip
    manifest = evaluation_manifest(evaluation, source)
    return DoneEvaluation(
        model_key=judged.key,
        model_name=judged.name,
        model_note=note,
        evaluation=evaluation,
        figures=evaluation_figures(evaluation),
        tables=evaluation_tables(evaluation),
        manifest=manifest,
        card=model_card(
            description, evaluation=evaluation, title=judged.name, simulated=judged.simulated
        ),
    )


def note_of(wish: Any) -> str:
    """What must stand beside every number of a wish's model."""
    if wish.judged.demo:
        return "Demonstration model, trained on simulated patients."
    return "Model trained on simulated patients." if wish.judged.simulated else ""


def _given(wish: EvaluationWish, bundle: Bundle, progress: Progress) -> EvaluationInput:
    """Predictions, definitions and outcomes of the patients."""
    from hccsurv_core.systems.muscle.model_evaluation import Study, evaluation_input
    from hccsurv_core.systems.muscle.prediction import MuscleModel
    from hccsurv_core.systems.muscle.simulated_truth import true_hazard

    patients, model = wish.patients, MuscleModel.from_bundle(bundle)
    table, oracle = patients.table, None
    if patients.cohort is not None:
        table = _measured(patients.cohort, model.feature_names, part_of(progress, 0.0, 0.8))
        if wish.oracle:
            oracle = true_hazard(patients.cohort, table.patient_ids)
    table = as_held_out(table, wish.hold_out)
    study = Study(
        groups=_sexes(table), oracle=oracle, source=patients.name,
        simulated=bool(patients.simulated), endpoint=patients.endpoint.capitalize(),
    )  # fmt: skip
    return evaluation_input(
        model, table, study, name=wish.judged.name, rivals=wish.rivals,
        progress=part_of(progress, 0.8, 1.0),
    )  # fmt: skip


def _measured(cohort: Path, feature_names: Sequence[str], progress: Progress) -> FeatureTable:
    """Features of a cohort's images; what was measured for a training is not measured again."""
    from argparse import Namespace

    from hccsurv_core.commands.cohort_source import preset_of, read_cohort_table

    asked = Namespace(cohort=str(cohort), work=None, workers=None, scheduler=None)
    return read_cohort_table(asked, preset_of(feature_names), progress).table


def as_held_out(table: FeatureTable, hold_out: Mapping[str, Any]) -> FeatureTable:
    """The parts of the study as the training run had them."""
    from hccsurv_core.systems.training_sources import hold_out_center, hold_out_share

    if hold_out.get("hold-out-center"):
        return hold_out_center(table, str(hold_out["hold-out-center"]))
    if hold_out.get("hold-out-share"):
        share, seed = float(hold_out["hold-out-share"]), int(hold_out.get("seed") or 0)
        return hold_out_share(table, share, seed=seed)
    return table


def _sexes(table: FeatureTable) -> dict[str, list[str | None]]:
    """Sex as a group in which the model may do worse; nothing where the table does not say it."""
    if "male" not in table.names:
        return {}
    male = table.values[:, table.names.index("male")]
    return {"sex": [{1.0: "male", 0.0: "female"}.get(float(m)) for m in male]}
