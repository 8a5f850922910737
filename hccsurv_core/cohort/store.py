"""The patient store: one folder that keeps patients, scans, outlines, numbers and who did what.

SQLite (through SQLAlchemy) holds the rows, plain files the voxels and masks. A
store may be opened by several processes and used by several threads at once;
it survives being killed at any moment: what was reported as stored is there,
what was not leaves no trace.

Usage::

    with PatientStore() as store:
        patient = store.add_patient(facts=PatientFacts(sex="male", height_m=1.78))
        study = store.add_study(patient.id, volume, modality="CT", study_date="2024-05-03")
"""

from __future__ import annotations

from hccsurv_core.cohort.clinical_record import ClinicalRecord
from hccsurv_core.cohort.clips import Clips, StoredClip
from hccsurv_core.cohort.drawn_regions import DrawnRegions, StoredRegions
from hccsurv_core.cohort.findings import Findings
from hccsurv_core.cohort.followup_readings import FollowupReadings
from hccsurv_core.cohort.patients import ORDERS, UNCHANGED, Patients
from hccsurv_core.cohort.records import (
    LEVEL_STATES,
    SEGMENTATION_STATES,
    AuditEntry,
    DeidentificationKeys,
    PatientRecord,
    PatientRow,
    Revision,
    StoredClinicalValues,
    StoredLevel,
    StoredSegmentation,
    StudyRecord,
)

__all__ = [
    "LEVEL_STATES",
    "ORDERS",
    "SEGMENTATION_STATES",
    "UNCHANGED",
    "AuditEntry",
    "DeidentificationKeys",
    "PatientRecord",
    "PatientRow",
    "PatientStore",
    "Revision",
    "StoredClinicalValues",
    "StoredClip",
    "StoredLevel",
    "StoredRegions",
    "StoredSegmentation",
    "StudyRecord",
]


class PatientStore(Patients, ClinicalRecord, Clips, Findings, DrawnRegions, FollowupReadings):
    """Patients and everything known of them, under one data folder.

    Args:
        folder: the data folder; default ``$HCCSURV_DATA``, else the user's data directory.
        dates: "shifted" (default) or "original"; see
            :data:`~hccsurv_core.cohort.settings.DATE_POLICIES`.

    Raises:
        StoreError: the folder cannot be written, or its database is damaged, foreign, or newer.
    """
