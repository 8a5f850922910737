"""What the store hands out: plain values, detached from the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from hccsurv_core.patient import PatientFacts
from hccsurv_core.roi.results import BodySegmentation, L3Location

LEVEL_STATES = ("automatic", "confirmed", "moved")
SEGMENTATION_STATES = ("automatic", "edited", "confirmed")


@dataclass(frozen=True)
class PatientRecord:
    """A patient as the worklist knows them.

    Args:
        id: opaque key.
        pseudonym: what people call the patient here.
        facts: sex, age, height, weight.
        simulated: True for demo patients.
        created_at: when the patient was added (UTC).
    """

    id: str
    pseudonym: str
    facts: PatientFacts
    simulated: bool
    created_at: datetime


@dataclass(frozen=True)
class StudyRecord:
    """One stored scan, without its voxels.

    Args:
        id, patient_id: opaque keys.
        study_date: ISO date or None; ``date_is_shifted`` says that it was moved by the
            patient's secret number of days (intervals between a patient's studies hold).
        modality: "CT", "US", …
        description: series description, cleaned of words that might identify.
        phase: noncontrast, arterial, portal_venous, delayed or None.
        shape: (slices, rows, columns).
        spacing_mm: (slice, row, column).
        warnings: what was odd when the scan was read.
        simulated: True for demo scans.
        n_dicom_files: de-identified source files kept.
        created_at: when it was stored (UTC).
    """

    id: str
    patient_id: str
    study_date: str | None
    date_is_shifted: bool
    modality: str
    description: str
    phase: str | None
    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    warnings: tuple[str, ...]
    simulated: bool
    n_dicom_files: int
    created_at: datetime


@dataclass(frozen=True)
class PatientRow:
    """One line of the worklist.

    Args:
        patient: who.
        studies: newest first.
        latest_study: the newest, or None.
        done: of the latest study: ``level`` and ``segmentation`` (their state or None),
            ``measures`` (True if numbers of the current outline and facts are stored) and
            ``regions`` (True if a person drew any).
        n_warnings: of the latest study: of its scan, level and outline together.
        done_by_study: the same ``done`` for each study id.
        last_activity: when something was last changed (UTC).
    """

    patient: PatientRecord
    studies: tuple[StudyRecord, ...]
    latest_study: StudyRecord | None
    done: dict[str, Any]
    n_warnings: int
    done_by_study: dict[str, dict[str, Any]]
    last_activity: datetime


class StoredLevel(NamedTuple):
    """A level, whether a person confirmed it, who, and when (UTC)."""

    location: L3Location
    state: str
    actor: str
    at: datetime


@dataclass(frozen=True)
class StoredSegmentation:
    """One revision of the outlines.

    Args:
        segmentation: the masks.
        state: "automatic", "edited" or "confirmed".
        actor, at: who stored it, and when (UTC).
        revision: 1 for the first of a study, then counting up.
        note: what the actor said about it.
        can_undo, can_redo: whether there is an earlier revision to go back to, or one that was
            undone.
    """

    segmentation: BodySegmentation
    state: str
    actor: str
    at: datetime
    revision: int
    note: str
    can_undo: bool
    can_redo: bool = False


@dataclass(frozen=True)
class Revision:
    """One entry of a study's outline history, without its masks."""

    revision: int
    state: str
    method: str
    actor: str
    at: datetime
    note: str
    is_current: bool


@dataclass(frozen=True)
class StoredClinicalValues:
    """What is known of a patient besides the scan.

    Args:
        values: name to value, the known ones only; see
            :data:`~hccsurv_core.cohort.clinical_values.CLINICAL_VALUES`.
        revision: another one after each change and each undo.
        actor, at: who changed them last, and when (UTC).
        can_undo: whether there is a change to take back.
    """

    values: Mapping[str, float | bool | str]
    revision: int
    actor: str
    at: datetime
    can_undo: bool


@dataclass(frozen=True)
class AuditEntry:
    """Who did what when.

    Args:
        at, actor: when (UTC), who.
        action: short name ("facts_changed", "study_added" …).
        detail: the same in plain words.
        study_id: the study it is about, or None.
        changes: field to [old, new] where facts changed.
    """

    at: datetime
    actor: str
    action: str
    detail: str
    study_id: str | None = None
    changes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DeidentificationKeys:
    """What de-identifying a patient's files needs so that all their studies fit together.

    Args:
        pseudonym: goes where name and identifier were.
        date_shift_days: days added to every date (negative).
        uid_key: key of the one-way mapping of UIDs.
    """

    pseudonym: str
    date_shift_days: int
    uid_key: bytes = field(repr=False)
