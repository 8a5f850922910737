"""Patients who had hepatectomy or TACE: what was known of them, what was done, what became of them.

From a cohort folder of system "treatment", with images or without, or from a table alone
(:mod:`~hccsurv_core.systems.treatment.clinical_file`). Nothing here looks at ``truth.csv``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.cohort.folder import Cohort, read_cohort
from hccsurv_core.cohort.folder_schema import PATIENT_ID
from hccsurv_core.errors import InputError, TableError
from hccsurv_core.features.feature_table import LABELS, FeatureTable
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.systems.covariates import Covariate, covariate_matrix
from hccsurv_core.systems.patient_profile import Profile, profile_of
from hccsurv_core.systems.treatment.arm_table import ARMS, TreatmentTable

SYSTEM = "treatment"
TREATMENT = "treatment"
#: Role of each phase's series in a cohort folder, arterial first, and what is outlined in it.
ROLES = ("arterial", "portal_venous")
LESION, LIVER = "lesion", "liver"


@dataclass(frozen=True, eq=False)
class ImageValues:
    """What images tell of some of the patients.

    Args:
        names: (q,) of the covariates.
        by_patient: patient → (q,) values, NaN where one could not be measured.
        labels, units: by name, for people.
    """

    names: tuple[str, ...]
    by_patient: Mapping[str, np.ndarray]
    labels: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)

    def matrix(self, patient_ids: Sequence[str]) -> np.ndarray:
        """(n, q), NaN for patients without."""
        nothing = np.full(len(self.names), np.nan)
        return np.array([self.by_patient.get(p, nothing) for p in patient_ids]).reshape(
            len(patient_ids), len(self.names)
        )


@dataclass(frozen=True, eq=False)
class TreatmentCohort:
    """n patients.

    Args:
        patient_ids: n distinct names.
        profiles: n records with their scores.
        treatment: n names of :data:`~hccsurv_core.systems.treatment.arm_table.ARMS`.
        outcome: of the same patients, from treatment on.
        labels: "split" and "center" where there are any.
        source: of the study, for a model's card.
        endpoint: what the event is the end of.
        simulated: whether the patients were drawn by a computer.
        left_out: why → number of patients of the source who are not here.
        folder: of a cohort folder.
        images: what was measured on images; None where nothing was.
    """

    patient_ids: tuple[str, ...]
    profiles: tuple[Profile, ...]
    treatment: tuple[str, ...]
    outcome: SurvivalOutcome
    labels: Mapping[str, tuple[str, ...]]
    source: str
    endpoint: str = "overall survival"
    simulated: bool = False
    left_out: Mapping[str, int] = field(default_factory=dict)
    folder: Path | None = None
    images: ImageValues | None = None

    def __len__(self) -> int:
        return len(self.patient_ids)

    def table(self, covariates: Sequence[Covariate]) -> TreatmentTable:
        """What the models take: these covariates, then what was measured on images."""
        clinical = covariate_matrix(self.profiles, covariates)
        names: tuple[str, ...] = tuple(c.name for c in covariates)
        if self.images is not None:
            clinical = np.column_stack((clinical, self.images.matrix(self.patient_ids)))
            names = (*names, *self.images.names)
        features = FeatureTable(
            self.patient_ids, names, clinical, self.outcome, self.labels, self.source,
            simulated=self.simulated,
        )  # fmt: skip
        return TreatmentTable(features, self.treatment)

    def subset(self, rows: ArrayLike) -> TreatmentCohort:
        """Some patients, by distinct positions or by boolean mask."""
        chosen = np.arange(len(self))[np.asarray(rows)]
        return replace(
            self,
            patient_ids=tuple(self.patient_ids[i] for i in chosen),
            profiles=tuple(self.profiles[i] for i in chosen),
            treatment=tuple(self.treatment[i] for i in chosen),
            outcome=self.outcome.subset(chosen),
            labels={k: tuple(v[i] for i in chosen) for k, v in self.labels.items()},
        )

    def where(self, label: str, value: str) -> np.ndarray:
        """(n,) mask of the patients whose ``label`` is ``value``; nobody where there is none."""
        texts = self.labels.get(label, ("",) * len(self))
        return np.array([text == value for text in texts], dtype=bool)

    def split(self, name: str | None) -> TreatmentCohort:
        """The patients of one split, or all where ``name`` is None.

        Raises:
            TableError: nobody is in it.
        """
        if name is None:
            return self
        rows = self.where("split", name)
        if not rows.any():
            there = sorted(set(self.labels.get("split", ())) - {""})
            raise TableError(
                f"nobody is in split {name!r}", source=self.source,
                remedy=f"choose one of {', '.join(there)}" if there else "leave the split out",
            )  # fmt: skip
        return self.subset(rows)


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
    profiles = []
    for i in keep:
        try:
            profiles.append(profile_of({k: v for k, v in rows[i].items() if k != TREATMENT}))
        except InputError as error:
            error.source = f"{source}, patient {patient_ids[i]}, {error.source}"
            raise
    outcome = SurvivalOutcome(np.asarray(time_months, float)[keep], np.asarray(event, float)[keep])
    return TreatmentCohort(
        tuple(str(patient_ids[i]) for i in keep),
        tuple(profiles),
        tuple(str(given[i]) for i in keep),
        outcome,
        {
            label: tuple(_text(rows[i].get(label)) for i in keep)
            for label in LABELS
            if any(label in row for row in rows)
        },
        source, endpoint, simulated, told, folder,
    )  # fmt: skip


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


def _text(value: Any) -> str:
    return "" if value is None or value != value else str(value)
