"""Clinical values in the store: the newest row holds, what was before stays, the last change is undone."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from hccsurv_core.cohort import schema
from hccsurv_core.cohort.base import StoreBase
from hccsurv_core.cohort.clinical_values import (
    BY_NAME,
    CLINICAL_VALUES,
    Value,
    check_clinical_values,
    value_text,
)
from hccsurv_core.cohort.records import StoredClinicalValues
from hccsurv_core.errors import NotFoundError


class ClinicalRecord(StoreBase):
    """The clinical values' part of :class:`~hccsurv_core.cohort.store.PatientStore`."""

    def load_clinical_values(self, patient_id: str) -> StoredClinicalValues | None:
        """What is known of a patient now, or None where nothing was ever entered.

        Raises:
            NotFoundError: there is no such patient.
        """
        with self._read() as session:
            self._patient(session, patient_id)
            row = _newest(session, patient_id)
            return None if row is None else _stored(row)

    def save_clinical_values(
        self,
        patient_id: str,
        values: Mapping[str, Value | None],
        *,
        actor: str = "local",
        can_undo: bool = True,
    ) -> StoredClinicalValues | None:
        """Make ``values`` what is known: a name left out, or None, is not known any more.

        Nothing is stored where nothing changes.

        Args:
            patient_id: whose they are.
            values: all that is known.
            actor: who says so.
            can_undo: False for what came with the patient: an undo does not go back before it.

        Raises:
            NotFoundError: there is no such patient.
            InputError: a name is not known here, or a value is not possible.
        """
        new = check_clinical_values(values)
        with self._write() as session:
            patient = self._patient(session, patient_id)
            current = _newest(session, patient_id)
            changes = _changes({} if current is None else current.values, new)
            if not changes:
                return None if current is None else _stored(current)
            row = schema.ClinicalValues(
                patient_id=patient_id,
                values=new,
                before_id=None if current is None else current.id,
                can_undo=can_undo,
                actor=actor,
            )
            row.at = self._record(
                session, actor, "values_changed", patient_id, _told(changes), changes=changes
            )
            session.add(row)
            session.flush()
            patient.updated_at = row.at
            return _stored(row)

    def undo_clinical_values(self, patient_id: str, actor: str = "local") -> StoredClinicalValues:
        """Take back the last change; the history keeps both.

        Raises:
            NotFoundError: there is no such patient, or nothing to take back.
        """
        with self._write() as session:
            patient = self._patient(session, patient_id)
            current = _newest(session, patient_id)
            if current is None or not current.can_undo:
                raise NotFoundError(
                    "there is no change of the clinical values to take back",
                    remedy="change them in the form",
                )
            before = session.get(schema.ClinicalValues, current.before_id or 0)
            row = schema.ClinicalValues(
                patient_id=patient_id,
                values={} if before is None else before.values,
                before_id=None if before is None else before.before_id,
                can_undo=before is not None and before.can_undo,
                actor=actor,
            )
            changes = _changes(current.values, row.values)
            told = f"Taken back: {_told(changes)}"
            row.at = self._record(
                session, actor, "values_undone", patient_id, told, changes=changes
            )
            session.add(row)
            session.flush()
            patient.updated_at = row.at
            return _stored(row)


def _newest(session: Session, patient_id: str) -> schema.ClinicalValues | None:
    return session.scalar(
        select(schema.ClinicalValues)
        .where(schema.ClinicalValues.patient_id == patient_id)
        .order_by(schema.ClinicalValues.id.desc())
        .limit(1)
    )


def _stored(row: schema.ClinicalValues) -> StoredClinicalValues:
    # In the order of the form, not of the row.
    values = {v.name: row.values[v.name] for v in CLINICAL_VALUES if v.name in row.values}
    return StoredClinicalValues(values, row.id, row.actor, row.at, row.can_undo)


def _changes(old: Mapping[str, Value], new: Mapping[str, Value]) -> dict[str, list[Value | None]]:
    names = [v.name for v in CLINICAL_VALUES]
    return {n: [old.get(n), new.get(n)] for n in names if old.get(n) != new.get(n)}


def _told(changes: Mapping[str, list[Value | None]]) -> str:
    return ", ".join(
        f"{BY_NAME[name].label} {value_text(name, old)} → {value_text(name, new)}"
        for name, (old, new) in changes.items()
    )
