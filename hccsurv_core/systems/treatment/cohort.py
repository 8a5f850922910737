"""Patients who had hepatectomy or TACE: what was known of them, what was done, what became of them.

From a cohort folder of system "treatment", with images or without, or from a table alone
(:mod:`~hccsurv_core.systems.treatment.clinical_file`). Nothing here looks at ``truth.csv``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.cohort.folder import Cohort, read_cohort
from hccsurv_core.cohort.folder_schema import PATIENT_ID
from hccsurv_core.errors import TableError
from hccsurv_core.features.feature_table import LABELS
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.systems.covariates import Covariate
from hccsurv_core.systems.study_cohort import StudyCohort, labels_of, profiles_of
from hccsurv_core.systems.treatment.arm_table import ARMS, TreatmentTable

SYSTEM = "treatment"
TREATMENT = "treatment"
#: Role of each phase's series in a cohort folder, arterial first, and what is outlined in it.
ROLES = ("arterial", "portal_venous")
LESION, LIVER = "lesion", "liver"


@dataclass(frozen=True, eq=False, kw_only=True)
class TreatmentCohort(StudyCohort):
    """n patients.

    Args:
        treatment: n names of :data:`~hccsurv_core.systems.treatment.arm_table.ARMS`.
    """

    treatment: tuple[str, ...]

    def table(self, covariates: Sequence[Covariate]) -> TreatmentTable:
        """What the models take: these covariates, then what was measured on images."""
        return TreatmentTable(self.features(covariates), self.treatment)

    def _own(self, chosen: np.ndarray) -> dict[str, Any]:
        return {"treatment": tuple(self.treatment[i] for i in chosen)}


def build_cohort(
    rows: Sequence[Mapping[str, Any]],
    *,
    patient_ids: Sequence[str],
    time_months: ArrayLike,
    event: ArrayLike,
    source: str,
    endpoint: str = "overall survival",
    simulated: bool = False,
    left_out: Mapping[str, int] | None = None,
    folder: Path | None = None,
) -> TreatmentCohort:
    """Patients from rows of a table; those who had neither treatment are left out and counted.

    Args:
        rows: n records by column name, "treatment" among them.
        patient_ids, time_months, event: of the same n patients.

    Raises:
        InputError: a value is not possible (names the patient), or nobody is left.
    """
    told = dict(left_out or {})
    given = [row.get(TREATMENT) for row in rows]
    keep = [i for i, name in enumerate(given) if name in ARMS]
    if len(keep) < len(rows):
        told["neither hepatectomy nor TACE alone"] = len(rows) - len(keep)
    if not keep:
        raise TableError(
            "nobody had hepatectomy or TACE", source=source,
            remedy=f"column {TREATMENT!r} says {' or '.join(ARMS)}",
        )  # fmt: skip
    kept = [{k: v for k, v in rows[i].items() if k != TREATMENT} for i in keep]
    ids = tuple(str(patient_ids[i]) for i in keep)
    return TreatmentCohort(
        patient_ids=ids,
        profiles=profiles_of(kept, ids, source),
        treatment=tuple(str(given[i]) for i in keep),
        outcome=SurvivalOutcome(
            np.asarray(time_months, float)[keep], np.asarray(event, float)[keep]
        ),
        labels=labels_of(kept, LABELS),
        source=source,
        endpoint=endpoint,
        simulated=simulated,
        left_out=told,
        folder=folder,
    )


def read_treatment_folder(folder: Path) -> tuple[TreatmentCohort, Cohort]:
    """Read a cohort folder for system 2; images are measured elsewhere.

    Raises:
        TableError: it is none, of another system, or does not say who was treated how.
    """
    cohort = read_cohort(folder)
    if cohort.info.system != SYSTEM:
        raise TableError(
            f"is a cohort of system {cohort.info.system}", source=str(folder),
            remedy="give a treatment cohort",
        )  # fmt: skip
    if TREATMENT not in cohort.table:
        raise TableError(
            f"has no column {TREATMENT!r}", source=str(folder),
            remedy=f"add it: {' or '.join(ARMS)}",
        )  # fmt: skip
    outcome = cohort.outcome()
    endpoint = cohort.info.endpoint
    passed = {PATIENT_ID, endpoint.time, endpoint.event}
    rows = [
        {k: v for k, v in row.items() if k not in passed} for row in cohort.table.to_dict("records")
    ]
    found = build_cohort(
        rows,
        patient_ids=cohort.patient_ids,
        time_months=outcome.time_months,
        event=outcome.event,
        # A model's card names the study; the path of a machine is nobody's business.
        source=f"{cohort.info.name} ({folder.resolve().name})",
        endpoint=endpoint.name,
        simulated=cohort.info.simulated,
        folder=folder,
    )
    return found, cohort


def has_images(cohort: Cohort) -> bool:
    """Whether a cohort folder has both phases with the lesion and the liver outlined."""
    info = cohort.info
    return all(role in info.images for role in ROLES) and all(
        f"{role}_{part}" in info.rois for role in ROLES for part in (LESION, LIVER)
    )
