"""Tables of the patient store, their version, and the steps from an older version to this one.

Findings (levels, segmentations, measures) are only ever added: the current one
is a pointer or the newest row, so undo and history cost nothing. Image data lie
in files; the rows hold what is needed to tell a whole file from a damaged one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Connection, ForeignKey, Index, String, Text, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

#: Version of the tables below, kept in SQLite's ``user_version``.
SCHEMA_VERSION = 5
#: Marks the file as ours in SQLite's ``application_id`` ("HCCS").
APPLICATION_ID = 0x48434353


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time, kept as ISO text because SQLite knows no time zones."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> str | None:
        """Write ISO 8601 in UTC."""
        return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: str | None, dialect: Any) -> datetime | None:
        """Read ISO 8601 in UTC."""
        return None if value is None else datetime.fromisoformat(value)


class Base(DeclarativeBase):
    """Common base: which Python type is which column."""

    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it as a class attribute
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[Any]: JSON,
    }


def _patient_key() -> Mapped[str]:
    return mapped_column(ForeignKey("patients.id", ondelete="CASCADE"), index=True)


def _study_key() -> Mapped[str]:
    return mapped_column(ForeignKey("studies.id", ondelete="CASCADE"), index=True)


class Patient(Base):
    """One person, known by a pseudonym only."""

    __tablename__ = "patients"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    pseudonym: Mapped[str] = mapped_column(String(64))
    #: Case-folded pseudonym: two that differ by case only would be confused.
    pseudonym_key: Mapped[str] = mapped_column(String(128), unique=True)
    sex: Mapped[str | None] = mapped_column(String(8))
    age_years: Mapped[float | None]
    height_m: Mapped[float | None]
    weight_kg: Mapped[float | None]
    simulated: Mapped[bool]
    #: Random bytes from which the date shift and the UID mapping follow; gone with the patient.
    secret: Mapped[bytes]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime] = mapped_column(index=True)


class Study(Base):
    """One volume of a patient, at one date."""

    __tablename__ = "studies"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    patient_id: Mapped[str] = _patient_key()
    study_date: Mapped[str | None] = mapped_column(String(10))
    date_is_shifted: Mapped[bool]
    modality: Mapped[str] = mapped_column(String(16))
    description: Mapped[str] = mapped_column(Text)
    phase: Mapped[str | None] = mapped_column(String(32))
    warnings: Mapped[list[Any]]
    simulated: Mapped[bool]
    shape: Mapped[list[Any]]
    dtype: Mapped[str] = mapped_column(String(8))
    affine: Mapped[list[Any]]
    volume_bytes: Mapped[int]
    volume_crc32: Mapped[int]
    n_dicom_files: Mapped[int]
    #: The segmentation shown now; undo moves it to that one's parent. No foreign key: the
    #: segmentation refers to the study already, and both go together.
    segmentation_id: Mapped[str | None] = mapped_column(String(32))
    created_at: Mapped[datetime]


class DicomFile(Base):
    """One de-identified source file of a study, in slice order."""

    __tablename__ = "dicom_files"

    study_id: Mapped[str] = mapped_column(
        ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True)
    n_bytes: Mapped[int]
    crc32: Mapped[int]


class Level(Base):
    """Where L3 is; the newest row of a study holds."""

    __tablename__ = "levels"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    study_id: Mapped[str] = _study_key()
    state: Mapped[str] = mapped_column(String(16))
    location: Mapped[dict[str, Any]]
    n_warnings: Mapped[int]
    actor: Mapped[str] = mapped_column(String(128))
    at: Mapped[datetime]


class Segmentation(Base):
    """One revision of a study's outlines."""

    __tablename__ = "segmentations"
    __table_args__ = (Index("one_revision", "study_id", "revision", unique=True),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id", ondelete="CASCADE"))
    revision: Mapped[int]
    parent_id: Mapped[str | None] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16))
    note: Mapped[str] = mapped_column(Text)
    method: Mapped[str] = mapped_column(String(64))
    warnings: Mapped[list[Any]]
    first_slice: Mapped[int]
    slice_index: Mapped[int]
    #: Structure names in the order of the packed file.
    structures: Mapped[list[Any]]
    shape: Mapped[list[Any]]
    file_bytes: Mapped[int]
    file_blake2: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(String(128))
    at: Mapped[datetime]


class RegionSet(Base):
    """One revision of the regions that people drew in a study (lesions, reference regions)."""

    __tablename__ = "region_sets"
    __table_args__ = (Index("one_region_revision", "study_id", "revision", unique=True),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id", ondelete="CASCADE"))
    revision: Mapped[int]
    parent_id: Mapped[str | None] = mapped_column(String(32))
    note: Mapped[str] = mapped_column(Text)
    #: Id, name, method, offset and shape of each region, in the order of the packed file.
    regions: Mapped[list[Any]]
    file_bytes: Mapped[int]
    file_blake2: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(String(128))
    at: Mapped[datetime]


class RegionHead(Base):
    """Which revision of a study's regions holds now; None after everything was undone."""

    __tablename__ = "region_heads"

    study_id: Mapped[str] = mapped_column(
        ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True
    )
    region_set_id: Mapped[str | None] = mapped_column(String(32))


class UltrasoundClip(Base):
    """What was read of an ultrasound clip besides its frames, which are the study's volume."""

    __tablename__ = "clips"

    study_id: Mapped[str] = mapped_column(
        ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True
    )
    time_s: Mapped[list[Any]]
    #: What 0 s is: "first frame" or "injection".
    time_zero: Mapped[str] = mapped_column(String(16))
    #: Calibrated parts of the screen.
    regions: Mapped[list[Any]]
    #: Manufacturer and model.
    machine: Mapped[dict[str, Any]]
    #: Packed bits of the screen: text and marks, which nothing may measure.
    marks: Mapped[bytes]


class ClipSettings(Base):
    """What people said about a clip; the newest row of a study holds.

    A row is added for each change and each undo, as for :class:`ClinicalValues`.
    """

    __tablename__ = "clip_settings"
    __table_args__ = (Index("one_clip_revision", "study_id", "revision", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id", ondelete="CASCADE"))
    revision: Mapped[int]
    #: Panels, dynamic range, excluded frames, peak frame, frame of the outlines.
    values: Mapped[dict[str, Any]]
    before_id: Mapped[int | None]
    can_undo: Mapped[bool]
    actor: Mapped[str] = mapped_column(String(128))
    at: Mapped[datetime]


class Measures(Base):
    """Numbers measured in one revision, with the facts that went into them."""

    __tablename__ = "measures"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    study_id: Mapped[str] = _study_key()
    segmentation_id: Mapped[str | None] = mapped_column(String(32))
    sex: Mapped[str | None] = mapped_column(String(8))
    height_m: Mapped[float | None]
    values: Mapped[dict[str, Any]]
    actor: Mapped[str] = mapped_column(String(128))
    at: Mapped[datetime]


class ClinicalValues(Base):
    """What is known of a patient besides the scan; the newest row of a patient holds.

    A row is added for each change and each undo. ``before_id`` is the row whose values an undo
    brings back (None: nothing was known), ``can_undo`` whether there is a change to take back.
    """

    __tablename__ = "clinical_values"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    patient_id: Mapped[str] = _patient_key()
    values: Mapped[dict[str, Any]]
    before_id: Mapped[int | None]
    can_undo: Mapped[bool]
    actor: Mapped[str] = mapped_column(String(128))
    at: Mapped[datetime]


class FollowupReadingRow(Base):
    """What a person said about a patient's two scans; the newest row of a patient holds.

    A row is added for each change and each undo, as for :class:`ClinicalValues`.
    """

    __tablename__ = "followup_readings"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    patient_id: Mapped[str] = _patient_key()
    values: Mapped[dict[str, Any]]
    before_id: Mapped[int | None]
    can_undo: Mapped[bool]
    actor: Mapped[str] = mapped_column(String(128))
    at: Mapped[datetime]


class Audit(Base):
    """Who did what when. No foreign keys: an entry outlives what it tells of."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(128))
    action: Mapped[str] = mapped_column(String(32))
    patient_id: Mapped[str] = mapped_column(String(32), index=True)
    study_id: Mapped[str | None] = mapped_column(String(32))
    detail: Mapped[str] = mapped_column(Text)
    changes: Mapped[dict[str, Any]]


def _add_clinical_values(connection: Connection) -> None:
    """Version 2: clinical values of a patient. Written out, so that later tables leave it alone."""
    connection.exec_driver_sql(
        "CREATE TABLE clinical_values (id INTEGER NOT NULL, patient_id VARCHAR(32) NOT NULL, "
        '"values" JSON NOT NULL, before_id INTEGER, can_undo BOOLEAN NOT NULL, '
        "actor VARCHAR(128) NOT NULL, at VARCHAR(32) NOT NULL, PRIMARY KEY (id), "
        "FOREIGN KEY(patient_id) REFERENCES patients (id) ON DELETE CASCADE)"
    )
    connection.exec_driver_sql(
        "CREATE INDEX ix_clinical_values_patient_id ON clinical_values (patient_id)"
    )


def _add_regions(connection: Connection) -> None:
    """Version 3: regions that people draw."""
    connection.exec_driver_sql(
        "CREATE TABLE region_sets (id VARCHAR(32) NOT NULL, study_id VARCHAR(32) NOT NULL, "
        "revision INTEGER NOT NULL, parent_id VARCHAR(32), note TEXT NOT NULL, "
        "regions JSON NOT NULL, file_bytes INTEGER NOT NULL, file_blake2 VARCHAR(32) NOT NULL, "
        "actor VARCHAR(128) NOT NULL, at VARCHAR(32) NOT NULL, PRIMARY KEY (id), "
        "FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE)"
    )
    connection.exec_driver_sql(
        "CREATE UNIQUE INDEX one_region_revision ON region_sets (study_id, revision)"
    )
    connection.exec_driver_sql(
        "CREATE TABLE region_heads (study_id VARCHAR(32) NOT NULL, region_set_id VARCHAR(32), "
        "PRIMARY KEY (study_id), FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE)"
    )


def _add_clips(connection: Connection) -> None:
    """Version 4: ultrasound clips."""
    connection.exec_driver_sql(
        "CREATE TABLE clips (study_id VARCHAR(32) NOT NULL, time_s JSON NOT NULL, "
        "time_zero VARCHAR(16) NOT NULL, regions JSON NOT NULL, machine JSON NOT NULL, "
        "marks BLOB NOT NULL, PRIMARY KEY (study_id), "
        "FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE)"
    )
    connection.exec_driver_sql(
        "CREATE TABLE clip_settings (id INTEGER NOT NULL, study_id VARCHAR(32) NOT NULL, "
        'revision INTEGER NOT NULL, "values" JSON NOT NULL, before_id INTEGER, '
        "can_undo BOOLEAN NOT NULL, actor VARCHAR(128) NOT NULL, at VARCHAR(32) NOT NULL, "
        "PRIMARY KEY (id), FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE)"
    )
    connection.exec_driver_sql(
        "CREATE UNIQUE INDEX one_clip_revision ON clip_settings (study_id, revision)"
    )


def _add_followup_readings(connection: Connection) -> None:
    """Version 5: what people say about two scans."""
    connection.exec_driver_sql(
        "CREATE TABLE followup_readings (id INTEGER NOT NULL, patient_id VARCHAR(32) NOT NULL, "
        '"values" JSON NOT NULL, before_id INTEGER, can_undo BOOLEAN NOT NULL, '
        "actor VARCHAR(128) NOT NULL, at VARCHAR(32) NOT NULL, PRIMARY KEY (id), "
        "FOREIGN KEY(patient_id) REFERENCES patients (id) ON DELETE CASCADE)"
    )
    connection.exec_driver_sql(
        "CREATE INDEX ix_followup_readings_patient_id ON followup_readings (patient_id)"
    )


#: Step from version n (the key) to n + 1. Each runs in one transaction with the version's change.
MIGRATIONS: dict[int, Callable[[Connection], None]] = {
    1: _add_clinical_values,
    2: _add_regions,
    3: _add_clips,
    4: _add_followup_readings,
}
