"""An evaluation of a study's model with what a reader must know beside the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

#: Said at the head of every caption where it is so.
SIMULATED_LEAD = "Simulated patients."

SomeEvaluation = TypeVar("SomeEvaluation")


@dataclass(frozen=True, eq=False)
class StudyReport(Generic[SomeEvaluation]):
    """What figures, tables and files of an evaluation are made of.

    Args:
        evaluation: the numbers.
        model: its name for people.
        source: of the patients.
        endpoint: what the event is the end of.
        simulated: whether the patients were drawn by a computer.
        warnings: sentences about these patients and this model.
        settings: of the evaluation, as plain values.
    """

    evaluation: SomeEvaluation
    model: str
    source: str
    endpoint: str = "overall survival"
    simulated: bool = False
    warnings: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def led(self, *sentences: str) -> str:
        """A caption; where the patients are simulated it begins with that."""
        return led(self.simulated, *sentences)

    @property
    def endpoint_title(self) -> str:
        """ "Overall survival"."""
        return self.endpoint[:1].upper() + self.endpoint[1:]


def led(simulated: bool, *sentences: str) -> str:
    """A caption; where the patients are simulated it begins with that."""
    lead = (SIMULATED_LEAD,) if simulated else ()
    return " ".join(text for text in (*lead, *sentences) if text)
