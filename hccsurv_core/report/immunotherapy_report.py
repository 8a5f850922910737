"""An evaluation of system 4 with what a reader must know beside the numbers."""

from __future__ import annotations

from dataclasses import dataclass

from hccsurv_core.models.nomogram import Nomogram
from hccsurv_core.report.study_report import StudyReport
from hccsurv_core.systems.immunotherapy.evaluation import ImmunotherapyEvaluation, VersionEvaluation


@dataclass(frozen=True, eq=False)
class ImmunotherapyReport(StudyReport[ImmunotherapyEvaluation]):
    """What figures, tables and files of an evaluation are made of.

    Args:
        nomogram: of the answering version; None where there is none.
    """

    nomogram: Nomogram | None = None

    @property
    def own(self) -> VersionEvaluation:
        """The answering version's numbers."""
        return self.evaluation.versions[self.evaluation.version]

    @property
    def own_words(self) -> str:
        """ "RadCLN-D · 88 patients, 53 deaths"."""
        return f"{self.own.version} · {self.own.n} patients, {self.own.n_events} deaths"
