"""Every figure of an evaluation of system 4, by file name."""

from __future__ import annotations

from hccsurv_core.report.figures.drawing import AnyFigure
from hccsurv_core.report.figures.immunotherapy_ranking_charts import (
    concordance_forest,
    difference_forest,
    gap_forest,
    importance_forest,
    label_forest,
    roc_panels,
)
from hccsurv_core.report.figures.immunotherapy_survival_charts import (
    calibration_panels,
    groups_chart,
    nomogram_figure,
    prediction_error_chart,
    recist_chart,
    recist_forest,
    strips_figure,
    truth_chart,
)
from hccsurv_core.report.immunotherapy_report import ImmunotherapyReport


def immunotherapy_figures(report: ImmunotherapyReport) -> dict[str, AnyFigure]:
    """What can be drawn of this evaluation, in the order of a report.

    Returns:
        by name, which is also that of its files: ``risk_strips``, ``roc``, …
    """
    figures: dict[str, AnyFigure | None] = {
        "concordance": concordance_forest(report),
        "concordance_differences": difference_forest(report),
        "roc": roc_panels(report),
        "risk_strips": strips_figure(report),
        "risk_groups": groups_chart(report),
        "nomogram": nomogram_figure(report),
        "calibration": calibration_panels(report),
        "prediction_error": prediction_error_chart(report),
        "recist_ratios": recist_forest(report),
        "recist": recist_chart(report),
        "importance": importance_forest(report),
        "by_scanner_and_center": label_forest(report),
        "training_against_test": gap_forest(report),
        "truth": truth_chart(report),
    }
    return {name: figure for name, figure in figures.items() if figure is not None}
