"""One patient: a row of a cohort folder, a folder of one's own, or values alone.

A folder of one's own::

    case.json                                   what is known, by the names of a cohort table
    grayscale/, peak/                           the still without contrast, that of peak enhancement
    grayscale_lesion.nii.gz, grayscale_parenchyma.nii.gz, peak_…    outlines on the screen's pixels

``case.json`` may hold ``contrast_dynamic_range_db``, which the pictures' levels need.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from hccsurv_core.cohort.folder_schema import SCHEMA_FILE
from hccsurv_core.errors import InputError
from hccsurv_core.io.json_object import read_json_object
from hccsurv_core.systems.case_record import RECORD_FILE, record_of
from hccsurv_core.systems.ceus.cohort import (
    DYNAMIC_RANGE,
    LESION,
    PARENCHYMA,
    has_images,
    read_ceus_folder,
)
from hccsurv_core.systems.ceus.image_features import FRAMES, Stills, read_stills, still_files
from hccsurv_core.systems.patient_profile import Profile, profile_of


@dataclass(frozen=True, eq=False)
class CeusCase:
    """One patient.

    Args:
        name: for reports.
        profile: record and scores.
        stills: with lesion and parenchyma; None where there are no pictures.
    """

    name: str
    profile: Profile
    stills: Stills | None = None


def read_case(place: Path, patient: str | None = None, *, images: bool = True) -> CeusCase:
    """Read a patient.

    Args:
        place: a cohort folder, a folder with ``case.json``, or a JSON file.
        patient: of a cohort folder; None where it holds one only.
        images: whether to read pictures where they are there.

    Raises:
        InputError: there is no such patient, a value is not possible, or pictures that are there
            cannot be read.
    """
    if (place / SCHEMA_FILE).is_file():
        return _cohort_case(place, patient, images)
    if patient is not None:
        raise InputError(
            "--patient is of a cohort folder", source=str(place), remedy="leave it out"
        )
    record = place if place.is_file() else place / RECORD_FILE
    if not record.is_file():
        raise InputError(
            f"holds neither {RECORD_FILE} nor {SCHEMA_FILE}" if place.is_dir() else "is not there",
            source=str(place),
            remedy='write what is known into case.json: {"age_years": 61, "afp_ng_ml": 12, …}',
        )
    profile, range_db = _read_record(record)
    name = place.stem if place.is_file() else place.resolve().name
    files = {role: place / role for role in FRAMES} | {
        f"{role}_{part}": place / f"{role}_{part}.nii.gz"
        for role in FRAMES
        for part in (LESION, PARENCHYMA)
    }
    if place.is_file() or not images or not any(files[role].exists() for role in FRAMES):
        return CeusCase(name, profile)
    return CeusCase(name, profile, read_stills(files, range_db))


def _read_record(path: Path) -> tuple[Profile, float | None]:
    """The profile, and the dynamic range of the contrast picture where it is told."""
    found = dict(read_json_object(path, '{"age_years": 61, …}'))
    told = found.pop(DYNAMIC_RANGE, None)
    if told is not None and (isinstance(told, bool) or not isinstance(told, int | float)):
        raise InputError(
            f"{DYNAMIC_RANGE} is {told!r}, not a number", source=path.name, remedy="give it in dB"
        )
    return profile_of(record_of(found, path.name)), None if told is None else float(told)


def _cohort_case(folder: Path, patient: str | None, images: bool) -> CeusCase:
    patients, cohort = read_ceus_folder(folder)
    ids = patients.patient_ids
    if patient is None and len(ids) == 1:
        patient = ids[0]
    if patient not in ids:
        raise InputError(
            f"there is no patient {patient!r}" if patient else f"holds {len(ids)} patients",
            source=str(folder), remedy=f"give --patient, for example {ids[0]}",
        )  # fmt: skip
    at = ids.index(patient)
    profile = patients.profiles[at]
    if not images or not has_images(cohort):
        return CeusCase(patient, profile)
    span = float(patients.dynamic_range_db[at])
    stills = read_stills(still_files(folder, patient), None if math.isnan(span) else span)
    return CeusCase(patient, profile, stills)
