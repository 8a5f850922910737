"""A reader study whose calls stand in the cohort's own table, or of patients that are judged on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hccsurv_core.errors import StatisticsError, TableError
from hccsurv_core.systems.ceus.cohort import READER, CeusCohort
from hccsurv_core.systems.ceus.reader_study import ReaderStudySettings, study_readers
from hccsurv_core.systems.ceus.reader_study_result import ReaderStudy
from hccsurv_core.systems.ceus.reader_study_table import ReaderCalls, reader_calls_from_columns


def cohort_calls(cohort: CeusCohort) -> ReaderCalls | None:
    """Calls in the columns ``reader_…`` of a cohort folder's table; None where it has none.

    Raises:
        TableError: a call cannot be read.
    """
    from hccsurv_core.cohort.folder import read_cohort
    from hccsurv_core.cohort.folder_schema import PATIENT_ID

    if cohort.folder is None:
        return None
    table = read_cohort(cohort.folder).table
    names = [str(name) for name in table.columns if str(name).startswith(READER)]
    if not names:
        return None
    chosen = table.set_index(PATIENT_ID).loc[list(cohort.patient_ids), names]
    columns = {PATIENT_ID: list(cohort.patient_ids)} | {
        name: [None if v is None or v != v else v for v in chosen[name].tolist()] for name in names
    }
    return reader_calls_from_columns(columns, source=cohort.source)


def judge_readers(
    calls: ReaderCalls, cohort: CeusCohort, *, seed: int = 0
) -> tuple[ReaderStudy | None, str]:
    """The study on the patients of a cohort, and why there is none.

    Args:
        calls: of these and perhaps other patients. Where they say what happened, that counts;
            otherwise the cohort's follow-up does.
        cohort: the patients that a model is judged on.
        seed: of the bootstrap.

    Returns:
        the study, or None with a sentence's part.

    Raises:
        TableError: calls and cohort have no patient in common.
    """
    early = dict(zip(cohort.patient_ids, cohort.early.tolist(), strict=True))
    known = np.array([name in early for name in calls.patient_ids], dtype=bool)
    told = np.isfinite(calls.truth)
    if not told.any():
        if not known.any():
            raise TableError(
                "names no patient of this evaluation", source=calls.source,
                remedy="name patients as the cohort does, or give the column early_recurrence",
            )  # fmt: skip
        calls = _of(calls, known).with_truth(early)
    try:
        return study_readers(calls, replace(ReaderStudySettings(), seed=seed)), ""
    except StatisticsError as error:
        return None, error.what


def _of(calls: ReaderCalls, rows: np.ndarray) -> ReaderCalls:
    """The same readers on some of the patients."""
    return replace(
        calls,
        patient_ids=tuple(p for p, mine in zip(calls.patient_ids, rows, strict=True) if mine),
        before=calls.before[rows],
        after=calls.after[rows],
        truth=calls.truth[rows],
    )
