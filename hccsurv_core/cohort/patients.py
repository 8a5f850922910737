"""Patients in the store: add, change, delete, list and search, history."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select, update
from sqlalchemy.orm import Session

from hccsurv_core.cohort import schema
from hccsurv_core.cohort.base import StoreBase, now
from hccsurv_core.cohort.files import new_id
from hccsurv_core.cohort.pseudonyms import (
    checked_pseudonym,
    date_shift_days,
    new_pseudonym,
    new_secret,
    pseudonym_key,
    uid_key,
)
from hccsurv_core.cohort.records import (
    AuditEntry,
    DeidentificationKeys,
    PatientRecord,
    PatientRow,
    StudyRecord,
)
from hccsurv_core.cohort.studies import study_record
from hccsurv_core.errors import InputError
from hccsurv_core.patient import PatientFacts, check_patient_facts

#: Orders of the worklist.
ORDERS = ("recent", "pseudonym", "study_date")
#: HIPAA's safe harbor: ages above 89 are one group.
OLDEST_AGE_YEARS = 90.0
_UNITS = {"age_years": "years", "height_m": "m", "weight_kg": "kg"}
_FACTS = ("sex", "age_years", "height_m", "weight_kg")


class _Unchanged:
    """Marks a field that :meth:`Patients.update_patient` leaves alone (None means *not known*)."""


UNCHANGED = _Unchanged()


def _checked_facts(facts: PatientFacts) -> PatientFacts:
    checked = check_patient_facts(facts)
    age = checked.age_years
    if age is not None and age > OLDEST_AGE_YEARS:
        age = OLDEST_AGE_YEARS
    return PatientFacts(checked.sex, age, checked.height_m, checked.weight_kg)


def _facts_of(row: schema.Patient) -> PatientFacts:
    return PatientFacts(row.sex, row.age_years, row.height_m, row.weight_kg)


def _patient_record(row: schema.Patient) -> PatientRecord:
    return PatientRecord(row.id, row.pseudonym, _facts_of(row), row.simulated, row.created_at)


def _shown(field: str, value: Any) -> str:
    if value is None:
        return "not known"
    if isinstance(value, float):
        return f"{value:g} {_UNITS.get(field, '')}".rstrip()
    return str(value)


class Patients(StoreBase):
    """The patients' part of :class:`~hccsurv_core.cohort.store.PatientStore`."""

    def add_patient(
        self,
        pseudonym: str | None = None,
        facts: PatientFacts | None = None,
        simulated: bool = False,
        actor: str = "local",
    ) -> PatientRecord:
        """Add a patient, under a pseudonym made up here unless one is given.

        Raises:
            InputError: the pseudonym is taken or cannot be used, or a fact is out of range.
        """
        wanted = None if pseudonym is None else checked_pseudonym(pseudonym)
        checked = _checked_facts(facts or PatientFacts())
        with self._write() as session:
            name = wanted or self._free_pseudonym(session)
            self._refuse_taken(session, name)
            at = now()
            row = schema.Patient(
                id=new_id(),
                pseudonym=name,
                pseudonym_key=pseudonym_key(name),
                sex=checked.sex,
                age_years=checked.age_years,
                height_m=checked.height_m,
                weight_kg=checked.weight_kg,
                simulated=simulated,
                secret=new_secret(),
                created_at=at,
                updated_at=at,
            )
            session.add(row)
            self._record(session, actor, "patient_added", row.id, f"Patient {name} added")
            return _patient_record(row)

    def get_patient(self, patient_id: str) -> PatientRecord:
        """The patient with this key.

        Raises:
            NotFoundError: there is none.
        """
        with self._read() as session:
            return _patient_record(self._patient(session, patient_id))

    def update_patient(
        self,
        patient_id: str,
        *,
        pseudonym: str | _Unchanged = UNCHANGED,
        facts: PatientFacts | _Unchanged = UNCHANGED,
        actor: str = "local",
    ) -> PatientRecord:
        """Change the pseudonym or the facts; each change is recorded with its old and new value.

        Source files stored earlier keep the pseudonym they were de-identified with.

        Raises:
            NotFoundError: there is no such patient.
            InputError: the pseudonym is taken or cannot be used, or a fact is out of range.
        """
        new: dict[str, Any] = {}
        if not isinstance(pseudonym, _Unchanged):
            new["pseudonym"] = checked_pseudonym(pseudonym)
        if not isinstance(facts, _Unchanged):
            checked = _checked_facts(facts)
            new.update({field: getattr(checked, field) for field in _FACTS})
        with self._write() as session:
            row = self._patient(session, patient_id)
            changes = {f: [getattr(row, f), v] for f, v in new.items() if getattr(row, f) != v}
            if "pseudonym" in changes:
                self._refuse_taken(session, new["pseudonym"], but=patient_id)
                row.pseudonym_key = pseudonym_key(new["pseudonym"])
            for field, (_, value) in changes.items():
                setattr(row, field, value)
            if changes:
                told = ", ".join(
                    f"{f.partition('_')[0]} {_shown(f, old)} → {_shown(f, value)}"
                    for f, (old, value) in changes.items()
                )
                row.updated_at = self._record(
                    session, actor, "facts_changed", patient_id, told, changes=changes
                )
            return _patient_record(row)

    def delete_patient(self, patient_id: str, actor: str = "local") -> None:
        """Remove the patient, all studies, and whatever in the audit trail could identify them.

        Raises:
            NotFoundError: there is no such patient.
        """
        with self._write() as session:
            row = self._patient(session, patient_id)
            ids = list(
                session.scalars(select(schema.Study.id).where(schema.Study.patient_id == row.id))
            )
            session.delete(row)
            session.execute(
                update(schema.Audit)
                .where(schema.Audit.patient_id == patient_id)
                .values(detail="", changes={})
            )
            self._record(
                session,
                actor,
                "patient_deleted",
                patient_id,
                f"Patient and {len(ids)} studies deleted",
            )
        for study_id in ids:
            self._files.remove_study(study_id)
        self._forget_deleted()

    def list_patients(self, search: str = "", order: str = "recent") -> list[PatientRow]:
        """The worklist: patients whose pseudonym contains ``search``, with their studies.

        Two queries, whatever the number of patients.

        Args:
            search: part of a pseudonym, case does not matter; "" for all.
            order: "recent" (last activity first), "pseudonym", or "study_date" (newest first).
        """
        if order not in ORDERS:
            raise ValueError(f"order must be one of {ORDERS}, got {order!r}")
        found = self._matching(search)
        with self._read() as session:
            patients = session.execute(
                select(schema.Patient).where(found).order_by(schema.Patient.updated_at.desc())
            ).scalars()
            studies: dict[str, list[_StudyLine]] = defaultdict(list)
            for line in session.execute(_study_lines().where(found)):
                studies[line.Study.patient_id].append(_study_line(line))
            rows = [_patient_row(p, studies.get(p.id, [])) for p in patients]
        if order == "pseudonym":
            rows.sort(key=lambda row: pseudonym_key(row.patient.pseudonym))
        if order == "study_date":
            rows.sort(
                key=lambda row: (row.latest_study and row.latest_study.study_date) or "",
                reverse=True,
            )
        return rows

    def history(self, patient_id: str) -> list[AuditEntry]:
        """What was done to a patient and their studies, newest first; also after deletion."""
        with self._read() as session:
            rows = session.scalars(
                select(schema.Audit)
                .where(schema.Audit.patient_id == patient_id)
                .order_by(schema.Audit.id.desc())
            )
            return [
                AuditEntry(r.at, r.actor, r.action, r.detail, r.study_id, r.changes) for r in rows
            ]

    def deidentification_keys(self, patient_id: str) -> DeidentificationKeys:
        """What :func:`~hccsurv_core.io.deidentify.deidentify_files` needs for this patient.

        The same for all studies of the patient, so that intervals and references hold. Whoever
        has the store can undo the date shift; the files alone do not tell it.

        Raises:
            NotFoundError: there is no such patient.
        """
        with self._read() as session:
            row = self._patient(session, patient_id)
            return DeidentificationKeys(
                row.pseudonym, date_shift_days(row.secret), uid_key(row.secret)
            )

    # -- inside ---------------------------------------------------------------------------
    @staticmethod
    def _free_pseudonym(session: Session) -> str:
        for attempt in range(64):
            name = new_pseudonym(attempt)
            taken = select(schema.Patient.id).where(
                schema.Patient.pseudonym_key == pseudonym_key(name)
            )
            if session.scalar(taken) is None:
                return name
        raise InputError("no free pseudonym was found", remedy="give one yourself")

    @staticmethod
    def _refuse_taken(session: Session, name: str, but: str = "") -> None:
        taken = select(schema.Patient.id).where(
            schema.Patient.pseudonym_key == pseudonym_key(name), schema.Patient.id != but
        )
        if session.scalar(taken) is not None:
            raise InputError(
                f"the pseudonym {name!r} is taken",
                source="pseudonym",
                remedy="choose another, or add the scan to that patient",
            )

    @staticmethod
    def _matching(search: str) -> ColumnElement[bool]:
        wanted = pseudonym_key(search.strip())
        return schema.Patient.pseudonym_key.contains(wanted, autoescape=True)

    def _forget_deleted(self) -> None:
        """Move deletions from the write-ahead log into the file, where they are overwritten."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


_StudyLine = tuple[StudyRecord, dict[str, Any], int]


def _study_lines() -> Select[Any]:
    """Every study with its patient, current level, current outline and current numbers."""
    newest_level = (
        select(func.max(schema.Level.id))
        .where(schema.Level.study_id == schema.Study.id)
        .correlate(schema.Study)
        .scalar_subquery()
    )
    current_numbers = (
        select(schema.Measures.id)
        .where(measures_are_current())
        .correlate(schema.Study, schema.Patient)
        .exists()
    )
    return (
        select(
            schema.Study,
            schema.Level.state.label("level_state"),
            func.coalesce(schema.Level.n_warnings, 0).label("level_warnings"),
            schema.Segmentation.state.label("segmentation_state"),
            schema.Segmentation.warnings.label("segmentation_warnings"),
            current_numbers.label("measured"),
            schema.RegionHead.region_set_id.is_not(None).label("drawn"),
        )
        .join(schema.Patient, schema.Patient.id == schema.Study.patient_id)
        .outerjoin(schema.Level, schema.Level.id == newest_level)
        .outerjoin(schema.Segmentation, schema.Segmentation.id == schema.Study.segmentation_id)
        .outerjoin(schema.RegionHead, schema.RegionHead.study_id == schema.Study.id)
    )


def measures_are_current() -> ColumnElement[bool]:
    """Numbers hold while the outline, the sex and the height they were made with are the same."""
    measures, study, patient = schema.Measures, schema.Study, schema.Patient
    return and_(
        measures.study_id == study.id,
        measures.segmentation_id.is_not_distinct_from(study.segmentation_id),
        measures.sex.is_not_distinct_from(patient.sex),
        measures.height_m.is_not_distinct_from(patient.height_m),
    )


def _study_line(line: Any) -> _StudyLine:
    done = {
        "level": line.level_state,
        "segmentation": line.segmentation_state,
        "measures": bool(line.measured),
        "regions": bool(line.drawn),
    }
    n_warnings = (
        len(line.Study.warnings) + line.level_warnings + len(line.segmentation_warnings or ())
    )
    return study_record(line.Study), done, n_warnings


def _patient_row(patient: schema.Patient, lines: list[_StudyLine]) -> PatientRow:
    nothing = {"level": None, "segmentation": None, "measures": False, "regions": False}
    lines.sort(key=lambda line: (line[0].study_date or "", line[0].created_at), reverse=True)
    latest, done, n_warnings = lines[0] if lines else (None, nothing, 0)
    return PatientRow(
        patient=_patient_record(patient),
        studies=tuple(line[0] for line in lines),
        latest_study=latest,
        done=dict(done),
        n_warnings=n_warnings,
        done_by_study={line[0].id: line[1] for line in lines},
        last_activity=patient.updated_at,
    )
