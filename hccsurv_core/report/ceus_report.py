"""An evaluation of system 3 with what a reader must know beside the numbers."""

from __future__ import annotations

from dataclasses import dataclass

from hccsurv_core.report.study_report import StudyReport
from hccsurv_core.systems.ceus.evaluation import CeusEvaluation
from hccsurv_core.systems.ceus.reader_study_result import ReaderStudy


@dataclass(frozen=True, eq=False)
class CeusReport(StudyReport[CeusEvaluation]):
    """What figures, tables and files of an evaluation are made of.

    Args:
        readers: calls of readers before and after they saw a model; None without.
        readers_source: where these calls are from.
    """

    readers: ReaderStudy | None = None
    readers_source: str = ""
