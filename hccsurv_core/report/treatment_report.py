"""An evaluation of system 2 with what a reader must know beside the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hccsurv_core.report.study_report import SIMULATED_LEAD, StudyReport
from hccsurv_core.systems.treatment.covariates import BY_NAME
from hccsurv_core.systems.treatment.evaluation import TreatmentEvaluation

__all__ = ["SIMULATED_LEAD", "TreatmentReport", "labels_of"]


@dataclass(frozen=True, eq=False)
class TreatmentReport(StudyReport[TreatmentEvaluation]):
    """What figures, tables and files of an evaluation are made of.

    Args:
        labels: covariate → label, of those that are no clinical ones.
    """

    labels: Mapping[str, str] = field(default_factory=dict)

    def label(self, name: str) -> str:
        """What people call a covariate."""
        known = BY_NAME.get(name)
        return known.label if known is not None else self.labels.get(name, name)


def labels_of(description: Mapping[str, Any]) -> dict[str, str]:
    """What a bundle calls the covariates that are measured on images."""
    return {str(c["name"]): str(c["label"]) for c in description["image_covariates"]}
