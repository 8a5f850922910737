"""From a scan just read to a study kept: de-identify its files in a child process, then store.

Nothing that names the patient enters the store: dates are shifted, descriptions
and warnings are cleaned, source files are de-identified with the patient's own keys.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hccsurv_core.clip import Panels
from hccsurv_core.cohort.records import PatientRecord, StudyRecord
from hccsurv_core.cohort.store import PatientStore
from hccsurv_core.errors import CancelledError, DecoderFailedError, UnreadableFileError
from hccsurv_core.io.deidentify_worker import ChildLimits, deidentify_in_child
from hccsurv_core.io.intake import LoadedScan
from hccsurv_core.patient import PatientFacts
from hccsurv_core.progress import Progress, part_of, silent

if TYPE_CHECKING:
    from hccsurv_core.io.ultrasound_clip import LoadedClip


@dataclass(frozen=True)
class KeptScan:
    """What became of a scan: the patient it belongs to, and the stored study."""

    patient: PatientRecord
    study: StudyRecord


def keep_scan(
    store: PatientStore,
    scan: LoadedScan,
    *,
    patient_id: str | None = None,
    pseudonym: str | None = None,
    actor: str = "local",
    limits: ChildLimits | None = None,
    progress: Progress = silent,
) -> KeptScan:
    """Store a scan under a patient, a new one unless ``patient_id`` names one.

    Facts that the store does not know yet are taken from the scan; known ones stay. Where the
    source files cannot be de-identified they are not kept, and the study says so in a warning.

    Args:
        store: where to.
        scan: as :meth:`hccsurv_core.io.intake.Upload.load` gives it; the upload must be open.
        patient_id: an existing patient.
        pseudonym: for a new patient; None makes one up.
        actor: who does it.
        limits: of the de-identifying child process.
        progress: called while files are written; may cancel, then nothing is left.

    Raises:
        InputError: the pseudonym is taken or cannot be used.
        NotFoundError: there is no such patient.
        StoreError: the disk is full.
        CancelledError: ``progress`` cancelled.
    """
    if patient_id is None:
        patient = store.add_patient(pseudonym, scan.patient, actor=actor)
    else:
        patient = store.get_patient(patient_id)
    try:
        study = _keep(store, patient, scan, actor, limits, progress)
    except BaseException:
        if patient_id is None:
            store.delete_patient(patient.id, actor)
        raise
    facts = _completed(patient.facts, scan.patient)
    if facts != patient.facts:
        patient = store.update_patient(patient.id, facts=facts, actor=actor)
    return KeptScan(patient, study)


def _keep(
    store: PatientStore,
    patient: PatientRecord,
    scan: LoadedScan,
    actor: str,
    limits: ChildLimits | None,
    progress: Progress,
) -> StudyRecord:
    keys = store.deidentification_keys(patient.id)
    warnings = [*_without_names(scan), *_contradictions(patient.facts, scan.patient)]
    with store.scratch() as folder:
        files: tuple[Path, ...] = ()
        try:
            if scan.dicom_files:
                files = deidentify_in_child(
                    scan.dicom_files,
                    folder,
                    pseudonym=keys.pseudonym,
                    date_shift_days=keys.date_shift_days,
                    uid_key=keys.uid_key,
                    limits=limits,
                    progress=part_of(progress, 0.0, 0.7),
                )
        except CancelledError:
            raise
        except (DecoderFailedError, UnreadableFileError):
            warnings.append(
                "the source images could not be de-identified and were not kept; an exported "
                "segmentation will refer to a series made from the volume"
            )
        return store.add_study(
            patient.id,
            scan.volume,
            # What can be measured in a NIfTI file is CT, too.
            modality="CT" if scan.series.modality == "NIFTI" else scan.series.modality,
            study_date=scan.series.study_date,
            description=scan.series.description,
            phase=scan.series.phase,
            warnings=warnings,
            dicom_files=files,
            actor=actor,
            progress=part_of(progress, 0.7, 1.0),
        )


def keep_clip(
    store: PatientStore,
    loaded: LoadedClip,
    *,
    panels: Panels,
    dynamic_range_db: float | None = None,
    patient_id: str | None = None,
    pseudonym: str | None = None,
    actor: str = "local",
    progress: Progress = silent,
) -> KeptScan:
    """Store an ultrasound clip under a patient, a new one unless ``patient_id`` names one.

    Facts that the store does not know yet are taken from the clip; known ones stay. The source file
    is not kept: its picture may name the patient.

    Args:
        store: where to.
        loaded: as `hccsurv_core.io.ultrasound_clip.read_clip` gives it.
        panels: which part of the screen shows what.
        dynamic_range_db: of the contrast picture, where it is known.
        patient_id: an existing patient.
        pseudonym: for a new patient; None makes one up.
        actor: who does it.
        progress: called per frame; may cancel, then nothing is left.

    Raises:
        InputError: the pseudonym is taken or cannot be used, or the dynamic range is not possible.
        GeometryError: the panels do not fit the screen, or hold no picture.
        NotFoundError: there is no such patient.
        StoreError: the disk is full.
        CancelledError: ``progress`` cancelled.
    """
    if patient_id is None:
        patient = store.add_patient(pseudonym, loaded.patient, actor=actor)
    else:
        patient = store.get_patient(patient_id)
    try:
        study = store.add_clip(
            patient.id,
            loaded,
            panels=panels,
            dynamic_range_db=dynamic_range_db,
            study_date=loaded.study_date,
            description=_clip_description(loaded, panels),
            warnings=_contradictions(patient.facts, loaded.patient),
            actor=actor,
            progress=progress,
        )
    except BaseException:
        if patient_id is None:
            store.delete_patient(patient.id, actor)
        raise
    facts = _completed(patient.facts, loaded.patient)
    if facts != patient.facts:
        patient = store.update_patient(patient.id, facts=facts, actor=actor)
    return KeptScan(patient, study)


def _clip_description(loaded: LoadedClip, panels: Panels) -> str:
    kind = "ultrasound" if panels.contrast is None else "contrast ultrasound"
    return f"{loaded.body_part.lower()} {kind}".strip().capitalize()


def _completed(known: PatientFacts, told: PatientFacts) -> PatientFacts:
    missing = {
        field: getattr(told, field)
        for field in ("sex", "age_years", "height_m", "weight_kg")
        if getattr(known, field) is None
    }
    return replace(known, **missing)


def _contradictions(known: PatientFacts, told: PatientFacts) -> list[str]:
    if known.sex and told.sex and known.sex != told.sex:
        return [
            f"the scan says {told.sex}, the patient is recorded as {known.sex}: "
            "check that it is the same person"
        ]
    return []


def _without_names(scan: LoadedScan) -> list[str]:
    """The scan's warnings without file names and dates of the upload, which may identify."""
    cleaned = []
    hidden = {file.name for file in scan.dicom_files} | {scan.series.description}
    if scan.series.study_date:
        hidden |= {scan.series.study_date, scan.series.study_date.replace("-", "")}
    for warning in scan.warnings:
        for name in sorted((n for n in hidden if len(n) > 3), key=len, reverse=True):
            warning = warning.replace(name, "(removed)")
        cleaned.append(warning)
    return cleaned
