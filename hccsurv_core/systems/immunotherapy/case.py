"""One patient: a row of a cohort folder, a folder of one's own, or values alone.

A folder of one's own::

    case.json                           what is known, by the names of a cohort table
    baseline/, followup/                DICOM files of a scan of chest and abdomen (or .nii.gz files)
    baseline_lesions.nii.gz, …          tumors by number, the same number at both times
    baseline_organs.nii.gz, …           1 liver, 2 lungs; found without weights where it is missing

``case.json`` holds ``scan_interval_days`` where there is a follow-up scan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hccsurv_core.cohort.folder_schema import SCHEMA_FILE
from hccsurv_core.errors import InputError
from hccsurv_core.imaging.organ_slices import OrganSlices
from hccsurv_core.io.json_object import read_json_object
from hccsurv_core.outcome import DAYS_PER_MONTH
from hccsurv_core.progress import Progress, part_of, silent
from hccsurv_core.systems.case_record import RECORD_FILE, record_of
from hccsurv_core.systems.immunotherapy.cohort import (
    INTERVAL,
    NEW_LESION,
    TIMES,
    is_reading,
    read_immunotherapy_folder,
)
from hccsurv_core.systems.immunotherapy.pictures import ScannedPatient, read_patient, scan_tasks
from hccsurv_core.systems.immunotherapy.whole_scan import (
    WholeScan,
    find_organs,
    require_liver,
    slices_of_scan,
)
from hccsurv_core.systems.patient_profile import Profile, profile_of
from hccsurv_core.volume import LabelMap, Volume, check_same_geometry

_ORGANS = {1: "liver", 2: "lung"}


@dataclass(frozen=True, eq=False)
class ImmunotherapyCase:
    """One patient.

    Args:
        name: for reports.
        profile: record and scores.
        scans: the chosen slices; None where there are no scans.
        readings: what was read on the scans (RECIST), by column.
        warnings: what to check about the scans.
    """

    name: str
    profile: Profile
    scans: ScannedPatient | None = None
    readings: Mapping[str, Any] | None = None
    warnings: tuple[str, ...] = ()


def read_case(
    place: Path, patient: str | None = None, *, images: bool = True, progress: Progress = silent
) -> ImmunotherapyCase:
    """Read a patient.

    Args:
        place: a cohort folder, a folder with ``case.json``, or a JSON file.
        patient: of a cohort folder; None where it holds one only.
        images: whether to read scans where they are there.

    Raises:
        InputError: there is no such patient, a value is not possible, or scans that are there cannot
            be read.
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
            remedy='write what is known into case.json: {"differentiation": "moderate", "pvtt": 1, …}',
        )
    found = dict(read_json_object(record, '{"pvtt": 1, …}'))
    readings = {k: found.pop(k) for k in list(found) if is_reading(k)}
    name = place.stem if place.is_file() else place.resolve().name
    case = ImmunotherapyCase(name, profile_of(record_of(found, record.name)), None, readings)
    if not images or place.is_file():
        return case
    return _with_scans(case, place, readings, progress)


def _with_scans(
    case: ImmunotherapyCase, place: Path, readings: Mapping[str, Any], progress: Progress
) -> ImmunotherapyCase:
    slices: dict[str, OrganSlices] = {}
    warnings: list[str] = []
    sources = {time: _scan_source(place, time) for time in TIMES}
    if sources["baseline"] is None:
        return case
    # What lacks is told before scans are read, which takes a while.
    months = None if sources["followup"] is None else _interval_months(readings.get(INTERVAL))
    for number, (time, source) in enumerate(sources.items()):
        if source is None:
            continue
        scan = _read_scan(
            place, time, source, part_of(progress, number / len(TIMES), (number + 1) / len(TIMES))
        )
        if time == "baseline":
            require_liver(scan, source.name)
        slices |= {f"{time}_{organ}": s for organ, s in slices_of_scan(scan).items()}
        warnings += [f"{time}: {text}" for text in scan.notes]
    seen = readings.get(NEW_LESION)
    scans = ScannedPatient(slices, months, None if seen is None else bool(seen))
    return ImmunotherapyCase(case.name, case.profile, scans, readings, tuple(warnings))


def _interval_months(days: Any) -> float:
    if days is None:
        raise InputError(
            f"{INTERVAL} is missing", source=RECORD_FILE,
            remedy="give the days from the baseline to the follow-up scan",
        )  # fmt: skip
    try:
        found = float(days)
    except (TypeError, ValueError) as error:
        raise InputError(f"{days!r} is no number of days", source=INTERVAL) from error
    if not 0 < found < 3700:
        raise InputError(f"{found:g} is no number of days between two scans", source=INTERVAL)
    return found / DAYS_PER_MONTH


def _scan_source(place: Path, time: str) -> Path | None:
    for path in (place / time, place / f"{time}.nii.gz"):
        if path.exists():
            return path
    return None


def _read_scan(place: Path, time: str, source: Path, progress: Progress) -> WholeScan:
    from hccsurv_core.io.intake import read_scan

    volume = read_scan([source]).volume.to_canonical()
    drawn = place / f"{time}_lesions.nii.gz"
    if not drawn.is_file():
        raise InputError(
            "is missing", source=drawn.name, remedy="outline each tumor by a number of its own"
        )
    lesions = _labels(drawn, volume)
    outlines = place / f"{time}_organs.nii.gz"
    if outlines.is_file():
        labels = _labels(outlines, volume).voxels
        organs = {name: labels == k for k, name in _ORGANS.items() if (labels == k).any()}
        return WholeScan(volume, organs, lesions)
    organs, warnings = find_organs(volume, progress=progress)
    return WholeScan(volume, organs, lesions, warnings)


def _labels(path: Path, volume: Volume) -> LabelMap:
    from hccsurv_core.io.nifti import read_nifti

    drawn, _ = read_nifti(path)
    found = LabelMap(np.round(drawn.voxels).astype(np.int32), drawn.affine).to_canonical()
    try:
        check_same_geometry(volume, found)
    except InputError as error:
        raise error.with_source(path.name) from error
    return found


def _cohort_case(folder: Path, patient: str | None, images: bool) -> ImmunotherapyCase:
    cohort, read = read_immunotherapy_folder(folder)
    ids = list(cohort.patient_ids)
    if patient is None and len(ids) == 1:
        patient = ids[0]
    if patient not in ids:
        raise InputError(
            f"there is no patient {patient!r}" if patient else f"holds {len(ids)} patients",
            source=str(folder), remedy=f"give --patient, for example {ids[0]}",
        )  # fmt: skip
    at = ids.index(str(patient))
    scans = None
    task = scan_tasks(read)[at]
    if images and task.files["baseline_liver"].is_dir():
        scans = read_patient(task)
    return ImmunotherapyCase(str(patient), cohort.profiles[at], scans, cohort.readings[at])
