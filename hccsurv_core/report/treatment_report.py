"""An evaluation of system 2 with what a reader must know beside the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hccsurv_core.systems.treatment.covariates import BY_NAME
from hccsurv_core.systems.treatment.evaluation import TreatmentEvaluation

#: Said at the head of every caption where it is so.
SIMULATED_LEAD = "Simulated patients."


@dataclass(frozen=True, eq=False)
class TreatmentReport:
    """What figures, tables and files of an evaluation are made of.

    Args:
        evaluation: the numbers.
        model: its name for people.
        source: of the patients.
        endpoint: what the event is the end of.
        simulated: whether the patients were drawn by a computer.
        warnings: sentences about these patients and this model.
        settings: of the evaluation, as plain values.
        labels: covariate → label, of those that are no clinical ones.
    """

    evaluation: TreatmentEvaluation
    model: str
    source: str
    endpoint: str = "overall survival"
    simulated: bool = False
    warnings: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    def led(self, *sentences: str) -> str:
        """A caption; where the patients are simulated it begins with that."""
        lead = (SIMULATED_LEAD,) if self.simulated else ()
        return " ".join(text for text in (*lead, *sentences) if text)

    def label(self, name: str) -> str:
        """What people call a covariate."""
        known = BY_NAME.get(name)
        return known.label if known is not None else self.labels.get(name, name)

    @property
    def endpoint_title(self) -> str:
        """ "Overall survival"."""
        return self.endpoint[:1].upper() + self.endpoint[1:]


def labels_of(description: Mapping[str, Any]) -> dict[str, str]:
    """What a bundle calls the covariates that are measured on images."""
    return {str(c["name"]): str(c["label"]) for c in description["image_covariates"]}
