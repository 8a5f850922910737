"""Every figure of an evaluation of system 3, by file name."""

from __future__ import annotations

from hccsurv_core.report.ceus_report import CeusReport
from hccsurv_core.report.figures.ceus_class_charts import (
    class_incidence_chart,
    class_survival_chart,
    fine_gray_forest,
    retreatment_forest,
    retreatment_panels,
)
from hccsurv_core.report.figures.ceus_early_charts import (
    early_calibration_panels,
    early_decision_chart,
    early_roc_chart,
)
from hccsurv_core.report.figures.ceus_reader_charts import reader_change_forest, reader_places_chart
from hccsurv_core.report.figures.ceus_reclassification import (
    death_reclassification_forest,
    early_reclassification_forest,
)
from hccsurv_core.report.figures.ceus_survival_charts import (
    death_auc_chart,
    death_calibration_panels,
    death_concordance_forest,
    death_decision_panels,
    prediction_error_chart,
)
from hccsurv_core.report.figures.ceus_truth_charts import gap_forest, truth_chart
from hccsurv_core.report.figures.drawing import AnyFigure


def ceus_figures(report: CeusReport) -> dict[str, AnyFigure]:
    """What can be drawn of this evaluation, in the order of a report.

    Returns:
        by name, which is also that of its files: ``early_roc``, ``death_concordance``, …
    """
    figures: dict[str, AnyFigure | None] = {
        "early_roc": early_roc_chart(report),
        "early_calibration": early_calibration_panels(report),
        "early_decision": early_decision_chart(report),
        "early_reclassification": early_reclassification_forest(report),
        "death_concordance": death_concordance_forest(report),
        "death_auc": death_auc_chart(report),
        "death_calibration": death_calibration_panels(report),
        "prediction_error": prediction_error_chart(report),
        "death_decision": death_decision_panels(report),
        "death_reclassification": death_reclassification_forest(report),
        "recurrence_incidence": class_incidence_chart(report),
        "fine_gray": fine_gray_forest(report),
        "class_survival": class_survival_chart(report),
        "retreatment": retreatment_panels(report),
        "retreatment_ratios": retreatment_forest(report),
        "training_against_test": gap_forest(report),
        "truth": truth_chart(report),
        **reader_figures(report),
    }
    return {name: figure for name, figure in figures.items() if figure is not None}


def reader_figures(report: CeusReport) -> dict[str, AnyFigure]:
    """Of the reader study; nothing without one."""
    if report.readers is None:
        return {}
    return {
        "readers": reader_places_chart(report.readers, simulated=report.simulated),
        "reader_changes": reader_change_forest(report.readers, simulated=report.simulated),
    }
