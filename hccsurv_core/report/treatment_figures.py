"""Every figure of an evaluation of system 2, by file name."""

from __future__ import annotations

from hccsurv_core.report.figures.agreement_charts import (
    agreement_chart,
    balance_chart,
    recommended_chart,
    within_arm_chart,
)
from hccsurv_core.report.figures.arm_charts import (
    arm_auc_chart,
    arm_calibration_panels,
    arm_concordance_forest,
    risk_group_chart,
)
from hccsurv_core.report.figures.drawing import AnyFigure
from hccsurv_core.report.figures.regret_charts import regret_chart
from hccsurv_core.report.treatment_report import TreatmentReport


def treatment_figures(report: TreatmentReport) -> dict[str, AnyFigure]:
    """What can be drawn of this evaluation, in the order of a report.

    Returns:
        by name, which is also that of its files: ``concordance``, ``agreement_overlap``, …
    """
    found = report.evaluation
    figures: dict[str, AnyFigure | None] = {
        "concordance": arm_concordance_forest(report),
        "auc": arm_auc_chart(report),
        "calibration": arm_calibration_panels(report),
    }
    for arm in found.arms:
        figures[f"risk_groups_{arm}"] = risk_group_chart(report, arm)
    figures["recommended"] = recommended_chart(report)
    if found.validation is not None:
        for scheme in found.validation.comparisons:
            figures[f"agreement_{scheme}"] = agreement_chart(report, found.validation, scheme)
        for arm in found.arms:
            figures[f"within_{arm}"] = within_arm_chart(report, found.validation, arm)
        figures["balance"] = balance_chart(report, found.validation)
    if found.truth is not None:
        figures["regret"] = regret_chart(report, found.truth.regret)
    return {name: figure for name, figure in figures.items() if figure is not None}
