"""One patient: a row of a cohort folder, a folder of one's own, or values alone.

A folder of one's own::

    case.json                                   what is known, by the names of a cohort table
    arterial/, portal_venous/                   DICOM files of either phase
    arterial_lesion.nii.gz, arterial_liver.nii.gz, portal_venous_…    outlines on its grid
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hccsurv_core.cohort.folder_schema import PATIENT_ID, SCHEMA_FILE
from hccsurv_core.errors import InputError, TableError
from hccsurv_core.systems.case_record import NOT_ASKED, RECORD_FILE, read_record
from hccsurv_core.systems.patient_profile import Profile, profile_of
from hccsurv_core.systems.treatment.cohort import LESION, LIVER, ROLES, SYSTEM, has_images

if TYPE_CHECKING:
    from hccsurv_core.imaging.lesion_crops import LesionPhase


@dataclass(frozen=True, eq=False)
class Case:
    """One patient.

    Args:
        name: for reports.
        profile: record and scores.
        phases: arterial and portal venous with lesion and liver; None where there are no images.
    """

    name: str
    profile: Profile
    phases: tuple[LesionPhase, LesionPhase] | None = None


def read_case(place: Path, patient: str | None = None, *, images: bool = True) -> Case:
    """Read a patient.

    Args:
        place: a cohort folder, a folder with ``case.json``, or a JSON file.
        patient: of a cohort folder; None where it holds one only.
        images: whether to read them where they are there.

    Raises:
        InputError: there is no such patient, a value is not possible, or images that are there
            cannot be read.
    """
    if (place / SCHEMA_FILE).is_file():
        return _cohort_case(place, patient, images)
    if patient is not None:
        raise InputError(
            "--patient is of a cohort folder", source=str(place), remedy="leave it out"
        )
    if place.is_file():
        return Case(place.stem, profile_of(read_record(place)))
    record = place / RECORD_FILE
    if not record.is_file():
        raise InputError(
            f"holds neither {RECORD_FILE} nor {SCHEMA_FILE}" if place.is_dir() else "is not there",
            source=str(place),
            remedy='write what is known into case.json: {"age_years": 61, "albumin_g_l": 38, …}',
        )
    profile = profile_of(read_record(record))
    files = {role: place / role for role in ROLES} | {
        f"{role}_{part}": place / f"{role}_{part}.nii.gz"
        for role in ROLES
        for part in (LESION, LIVER)
    }
    if not images or not any(files[role].is_dir() for role in ROLES):
        return Case(place.resolve().name, profile)
    return Case(place.resolve().name, profile, _phases(files))


def _cohort_case(folder: Path, patient: str | None, images: bool) -> Case:
    from hccsurv_core.cohort.folder import read_cohort

    cohort = read_cohort(folder)
    if cohort.info.system != SYSTEM:
        raise TableError(
            f"is a cohort of system {cohort.info.system}", source=str(folder),
            remedy="give a treatment cohort",
        )  # fmt: skip
    ids = cohort.patient_ids
    if patient is None and len(ids) == 1:
        patient = ids[0]
    if patient not in ids:
        raise InputError(
            f"there is no patient {patient!r}" if patient else f"holds {len(ids)} patients",
            source=str(folder), remedy=f"give --patient, for example {ids[0]}",
        )  # fmt: skip
    at = ids.index(patient)
    endpoint = cohort.info.endpoint
    passed = [PATIENT_ID, endpoint.time, endpoint.event, *NOT_ASKED]
    row = cohort.table.drop(columns=[c for c in passed if c in cohort.table]).iloc[at].to_dict()
    profile = profile_of(row)
    if not images or not has_images(cohort):
        return Case(str(patient), profile)
    from hccsurv_core.systems.treatment.signs import sign_tasks

    return Case(str(patient), profile, _phases(sign_tasks(cohort)[at].files))


def _phases(files: Mapping[str, Path]) -> tuple[LesionPhase, LesionPhase]:
    from hccsurv_core.systems.treatment.signs import read_phases

    return read_phases(files)
