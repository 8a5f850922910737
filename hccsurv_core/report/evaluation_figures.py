"""Every figure of an evaluation of system 1, by file name."""

from __future__ import annotations

from hccsurv_core.report.figures.definition_charts import (
    component_clouds,
    component_panels,
    disagreement_map,
    hazard_forest,
    prevalence_chart,
    survival_panels,
)
from hccsurv_core.report.figures.drawing import AnyFigure
from hccsurv_core.report.figures.model_charts import (
    auc_panels,
    concordance_forest,
    group_forest,
    training_panels,
)
from hccsurv_core.report.figures.prediction_charts import (
    calibration_panels,
    decision_panels,
    prediction_error_panels,
)
from hccsurv_core.systems.muscle.evaluation import MuscleEvaluation


def evaluation_figures(evaluation: MuscleEvaluation) -> dict[str, AnyFigure]:
    """What can be drawn of this evaluation, in the order of a report.

    Returns:
        by name, which is also that of its files: ``survival_smi``, ``concordance_external``, …
    """
    figures: dict[str, AnyFigure | None] = {}
    if evaluation.histories:
        figures["training_curves"] = training_panels(
            evaluation.histories, simulated=evaluation.simulated
        )
    if evaluation.definitions:
        figures["prevalence"] = prevalence_chart(evaluation)
    figures["hazard_ratios"] = hazard_forest(evaluation)
    for group in evaluation.sets[0].groups:
        figures[f"survival_{file_name(group.name)}"] = survival_panels(evaluation, group.name)
    for form in evaluation.settings.definition_forms if evaluation.definitions else ("measure",):
        ending = "" if form == "measure" else f"_{form}"
        figures[f"auc{ending}"] = auc_panels(evaluation, form=form)
    for part in evaluation.sets:
        figures[f"concordance_{file_name(part.name)}"] = concordance_forest(evaluation, part)
    for part in evaluation.sets:
        figures[f"disagreement_{file_name(part.name)}"] = disagreement_map(evaluation, part)
    figures["prediction_error"] = prediction_error_panels(evaluation)
    for name, kind in evaluation.models:
        if kind == "model":
            figures[f"calibration_{file_name(name)}"] = calibration_panels(evaluation, name)
    for part in evaluation.test_sets:
        figures[f"decision_{file_name(part.name)}"] = decision_panels(evaluation, part)
    figures["groups"] = group_forest(evaluation)
    figures["components"] = component_panels(evaluation)
    for name, cloud in component_clouds(evaluation).items():
        figures[f"components_{file_name(name)}"] = cloud
    return {name: figure for name, figure in figures.items() if figure is not None}


def file_name(text: str) -> str:
    """A name that is safe in a path on every system."""
    return "".join(c if c.isalnum() else "_" for c in text.lower()).strip("_") or "unnamed"
