"""Patients under immunotherapy: clinical score, two scans, and what became of them.

Columns of a cohort folder, besides the main endpoint (from the baseline scan):

* ``differentiation`` (high, moderate, low, undifferentiated), ``nash``, ``surgery``, ``pvtt``, ``ebrt``,
  ``tace``, ``rfa``: the variables of the clinical score CLN;
* ``scan_interval_days``: from baseline to follow-up scan, empty without one;
* ``target_k_organ``, ``target_k_baseline_mm``, ``target_k_followup_mm``, ``new_lesion_seen``: RECIST, read;
* ``center``, ``manufacturer``, ``split``.

Nothing here looks at ``truth.csv``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hccsurv_core.cohort.folder import Cohort, read_cohort
from hccsurv_core.cohort.folder_schema import PATIENT_ID
from hccsurv_core.errors import TableError
from hccsurv_core.features.feature_table import LABELS
from hccsurv_core.imaging.organ_slices import ORGANS
from hccsurv_core.outcome import DAYS_PER_MONTH, SurvivalOutcome
from hccsurv_core.systems.study_cohort import StudyCohort, labels_of, profiles_of

SYSTEM = "immunotherapy"
TIMES = ("baseline", "followup")
ROLES = tuple(f"{time}_{organ}" for time in TIMES for organ in ORGANS)
ORGAN, LESIONS = "organ", "lesions"
INTERVAL, NEW_LESION = "scan_interval_days", "new_lesion_seen"
MANUFACTURER = "manufacturer"
_TARGET = "target_"
#: No part of the record that a model looks at: how the pictures were taken, and what was read on them.
_NOT_RECORD = (INTERVAL, NEW_LESION, "has_followup", "has_followup_chest")


@dataclass(frozen=True, eq=False, kw_only=True)
class ImmunotherapyCohort(StudyCohort):
    """n patients; ``outcome`` counts from the baseline scan.

    Args:
        interval_months: (n,) from baseline to follow-up scan; NaN without one.
        readings: n rows of what was read on the scans (RECIST), by column; what is not known is absent.
    """

    interval_months: np.ndarray
    readings: tuple[Mapping[str, Any], ...]

    @property
    def has_followup(self) -> np.ndarray:
        """(n,) mask of those with a follow-up scan."""
        return np.isfinite(self.interval_months)

    def from_followup(self) -> tuple[ImmunotherapyCohort, np.ndarray]:
        """Those still followed when their follow-up scan was made, with the clock restarted there.

        Who has no follow-up scan is not among them: whatever says why (death, loss, another hospital)
        is no part of what two scans can tell.

        Returns:
            the patients, and the (n,) mask that says who they are.

        Raises:
            TableError: nobody has a follow-up scan.
        """
        start = np.where(self.has_followup, self.interval_months, np.inf)
        kept = self.outcome.time_months > start
        if not kept.any():
            raise TableError(
                "nobody has a follow-up scan", source=self.source,
                remedy=f"fill {INTERVAL} (days from baseline to follow-up scan)",
            )  # fmt: skip
        part = self.subset(kept)
        later = SurvivalOutcome(part.outcome.time_months - part.interval_months, part.outcome.event)
        return replace(part, outcome=later), kept

    def _own(self, chosen: np.ndarray) -> dict[str, Any]:
        return {
            "interval_months": self.interval_months[chosen],
            "readings": tuple(self.readings[i] for i in chosen),
        }


def build_cohort(
    rows: Sequence[Mapping[str, Any]],
    *,
    patient_ids: Sequence[str],
    outcome: SurvivalOutcome,
    source: str,
    endpoint: str = "overall survival",
    simulated: bool = False,
    folder: Path | None = None,
) -> ImmunotherapyCohort:
    """Patients from rows of a table.

    Args:
        rows: n records by column name.
        patient_ids, outcome: of the same n patients.

    Raises:
        InputError: a value is not possible; the message names the patient.
        TableError: an interval between scans is not positive.
    """
    ids = tuple(str(p) for p in patient_ids)
    read = [{k: v for k, v in row.items() if is_reading(k)} for row in rows]
    known = [{k: v for k, v in row.items() if not is_reading(k)} for row in rows]
    days = np.array([_number(row.get(INTERVAL)) for row in rows])
    wrong = np.flatnonzero(days <= 0)
    if wrong.size:
        raise TableError(
            f"{INTERVAL} of patient {ids[wrong[0]]} is {days[wrong[0]]:g}", source=source,
            remedy="give the days from the baseline to the follow-up scan, or leave it empty",
        )  # fmt: skip
    return ImmunotherapyCohort(
        patient_ids=ids,
        profiles=profiles_of(known, ids, source),
        outcome=outcome,
        labels=labels_of(rows, (*LABELS, MANUFACTURER)),
        source=source,
        endpoint=endpoint,
        simulated=simulated,
        folder=folder,
        interval_months=days / DAYS_PER_MONTH,
        readings=tuple({k: v for k, v in row.items() if v is not None and v == v} for row in read),
    )


def read_immunotherapy_folder(folder: Path) -> tuple[ImmunotherapyCohort, Cohort]:
    """Read a cohort folder for system 4; pictures are measured elsewhere.

    Raises:
        TableError: it is none, or of another system.
    """
    cohort = read_cohort(folder)
    if cohort.info.system != SYSTEM:
        raise TableError(
            f"is a cohort of system {cohort.info.system}", source=str(folder),
            remedy="give an immunotherapy cohort",
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
    """Whether a cohort folder has the baseline liver with its tumors outlined."""
    info = cohort.info
    first = ROLES[0]
    return first in info.images and all(f"{first}_{p}" in info.rois for p in (ORGAN, LESIONS))


def is_reading(name: str) -> bool:
    """Whether a column tells what was read on the scans, and is no part of the record."""
    return name in _NOT_RECORD or name.startswith(_TARGET)


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
