"""Patients with contrast-enhanced ultrasound before a resection, and what became of them.

Three endpoints of the same patients: death; recurrence, with death before it as a competing
event; and early recurrence, within :data:`EARLY_MONTHS` (Huang et al., World J Gastrointest Oncol
2022;14(12):2380-2392, doi 10.4251/wjgo.v14.i12.2380). Columns of a cohort folder, besides the
main endpoint and the clinical values:

* ``recurrence_time_months``, ``recurrence_cause`` (0 followed to the end, 1 recurrence, 2 death
  without it), or ``recurrence_event`` in its place, with deaths taken from the main endpoint;
* ``retreated``: whether a recurrence was treated; empty without one;
* ``reader_…``: calls of a reader study, read elsewhere.

Early recurrence is derived from these, so that it cannot contradict them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hccsurv_core.cohort.folder import Cohort, read_cohort
from hccsurv_core.cohort.folder_schema import PATIENT_ID
from hccsurv_core.errors import TableError
from hccsurv_core.features.feature_table import LABELS
from hccsurv_core.outcome import CompetingOutcome, SurvivalOutcome
from hccsurv_core.systems.ceus.covariates import CLINICAL_COVARIATES
from hccsurv_core.systems.study_cohort import StudyCohort, labels_of, profiles_of

SYSTEM = "ceus"
#: Roles of the pictures in a cohort folder, and what is outlined on them.
GRAYSCALE, PEAK, CLIP = "grayscale", "peak", "clip"
LESION, PARENCHYMA = "lesion", "parenchyma"
#: The lesion outlined a second time, where somebody did: ``rois/<patient>/peak_lesion_repeat.nii.gz``.
REPEAT = "lesion_repeat"
#: A recurrence within so many months is an early one (the paper's definition).
EARLY_MONTHS = 12.0
RECURRENCE_TIME, RECURRENCE_CAUSE = "recurrence_time_months", "recurrence_cause"
RECURRENCE_EVENT, RETREATED = "recurrence_event", "retreated"
#: Dynamic range of the contrast picture, dB, where a table has it.
DYNAMIC_RANGE = "contrast_dynamic_range_db"
READER = "reader_"
CAUSES = ("recurrence", "death without recurrence")
#: No part of a patient's record: what happened later, or how the picture was taken.
_NOT_KNOWN_BEFORE = (
    RECURRENCE_TIME, RECURRENCE_CAUSE, RECURRENCE_EVENT, RETREATED, "early_recurrence",
    DYNAMIC_RANGE, "machine",
)  # fmt: skip


@dataclass(frozen=True, eq=False, kw_only=True)
class CeusCohort(StudyCohort):
    """n patients; ``outcome`` is death.

    Args:
        recurrence: first of recurrence (cause 1) and death without it (cause 2).
        retreated: (n,) 1 or 0, NaN without a recurrence or where it is not known.
        dynamic_range_db: (n,) of the contrast picture; NaN where it is not known.
    """

    recurrence: CompetingOutcome
    retreated: np.ndarray
    dynamic_range_db: np.ndarray

    @property
    def early(self) -> np.ndarray:
        """(n,) 1 recurred within :data:`EARLY_MONTHS`, 0 did not, NaN not followed so long.

        Death without recurrence counts as none: the patient never recurred.
        """
        return early_recurrence(self.recurrence)

    def _own(self, chosen: np.ndarray) -> dict[str, Any]:
        return {
            "recurrence": self.recurrence.subset(chosen),
            "retreated": self.retreated[chosen],
            "dynamic_range_db": self.dynamic_range_db[chosen],
        }


def early_recurrence(
    recurrence: CompetingOutcome, within_months: float = EARLY_MONTHS
) -> np.ndarray:
    """(n,) 1 recurred within so many months, 0 did not, NaN where follow-up is too short to tell.

    Death without recurrence counts as none.
    """
    soon = recurrence.time_months <= within_months
    recurred = (recurrence.cause == 1) & soon
    unknown = (recurrence.cause == 0) & (recurrence.time_months < within_months)
    return np.where(unknown, np.nan, recurred.astype(float))


def build_cohort(
    rows: Sequence[Mapping[str, Any]],
    *,
    patient_ids: Sequence[str],
    outcome: SurvivalOutcome,
    source: str,
    endpoint: str = "overall survival",
    simulated: bool = False,
    folder: Path | None = None,
) -> CeusCohort:
    """Patients from rows of a table.

    Args:
        rows: n records by column name, with the columns of recurrence.
        patient_ids, outcome: of the same n patients.

    Raises:
        InputError: a value is not possible; the message names the patient.
        TableError: a recurrence contradicts the main endpoint, or its columns are missing.
    """
    ids = tuple(str(p) for p in patient_ids)
    recurrence = _recurrence(rows, ids, outcome, source)
    known = [
        {k: v for k, v in row.items() if k not in _NOT_KNOWN_BEFORE and not k.startswith(READER)}
        for row in rows
    ]
    return CeusCohort(
        patient_ids=ids,
        profiles=profiles_of(known, ids, source, CLINICAL_COVARIATES),
        outcome=outcome,
        labels=labels_of(known, LABELS),
        source=source,
        endpoint=endpoint,
        simulated=simulated,
        folder=folder,
        recurrence=recurrence,
        retreated=np.where(recurrence.cause == 1, _numbers(rows, RETREATED), np.nan),
        dynamic_range_db=_numbers(rows, DYNAMIC_RANGE),
    )


def read_ceus_folder(folder: Path) -> tuple[CeusCohort, Cohort]:
    """Read a cohort folder for system 3; pictures are measured elsewhere.

    Raises:
        TableError: it is none, of another system, or does not say who recurred when.
    """
    cohort = read_cohort(folder)
    if cohort.info.system != SYSTEM:
        raise TableError(
            f"is a cohort of system {cohort.info.system}", source=str(folder),
            remedy="give a CEUS cohort",
        )  # fmt: skip
    endpoint = cohort.info.endpoint
    passed = {PATIENT_ID, endpoint.time, endpoint.event}
    rows = [
        {str(k): v for k, v in row.items() if k not in passed}
        for row in cohort.table.to_dict("records")
    ]
    found = build_cohort(
        rows,
        patient_ids=cohort.patient_ids,
        outcome=cohort.outcome(),
        # A model's card names the study; the path of a machine is nobody's business.
        source=f"{cohort.info.name} ({folder.resolve().name})",
        endpoint=endpoint.name,
        simulated=cohort.info.simulated,
        folder=folder,
    )
    return found, cohort


def has_images(cohort: Cohort) -> bool:
    """Whether a cohort folder has both stills with lesion and parenchyma outlined."""
    info = cohort.info
    return all(role in info.images for role in (GRAYSCALE, PEAK)) and all(
        f"{role}_{part}" in info.rois for role in (GRAYSCALE, PEAK) for part in (LESION, PARENCHYMA)
    )


def _numbers(rows: Sequence[Mapping[str, Any]], name: str) -> np.ndarray:
    found = [row.get(name) for row in rows]
    return np.array([np.nan if v is None else float(v) for v in found])


def _recurrence(
    rows: Sequence[Mapping[str, Any]], ids: tuple[str, ...], outcome: SurvivalOutcome, source: str
) -> CompetingOutcome:
    """Time to recurrence or death, checked against the main endpoint."""
    time, cause = _numbers(rows, RECURRENCE_TIME), _numbers(rows, RECURRENCE_CAUSE)
    event = _numbers(rows, RECURRENCE_EVENT)
    cause = np.where(np.isnan(cause), _cause_of(event, time, outcome), cause)
    for values, what in ((time, RECURRENCE_TIME), (cause, RECURRENCE_CAUSE)):
        unknown = np.flatnonzero(np.isnan(values))
        if unknown.size:
            raise TableError(
                f"{what} of patient {ids[unknown[0]]} is not known", source=source,
                remedy=f"fill {RECURRENCE_TIME} and {RECURRENCE_CAUSE} (0 followed to the end, "
                "1 recurrence, 2 death without it) of every patient",
            )  # fmt: skip
    contradicts = {
        "has a recurrence_time_months after the end of follow-up": time
        > outcome.time_months + _ROUNDING_MONTHS,
        "died without recurrence, but is alive by the main endpoint": (cause == 2) & ~outcome.event,
    }
    for what, rows_at in contradicts.items():
        if rows_at.any():
            raise TableError(
                f"patient {ids[int(np.argmax(rows_at))]} {what}", source=source,
                remedy="correct the row",
            )  # fmt: skip
    return CompetingOutcome(time, cause, CAUSES)


#: Dates are rounded to days, months to two decimals.
_ROUNDING_MONTHS = 0.05


def _cause_of(event: np.ndarray, time: np.ndarray, outcome: SurvivalOutcome) -> np.ndarray:
    """The cause where only the event of recurrence is known: who died then, died without it."""
    died_then = outcome.event & (time >= outcome.time_months - _ROUNDING_MONTHS)
    cause = np.where(event == 1, 1.0, np.where(died_then, 2.0, 0.0))
    return np.where(np.isnan(event), np.nan, cause)
