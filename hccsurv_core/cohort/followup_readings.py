"""What a person said about a patient's two scans: which they are, their slices, diameters, new lesions.

As clinical values: the newest row holds, what was before stays, and every change can be undone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hccsurv_core.checks import checked_number
from hccsurv_core.cohort import schema
from hccsurv_core.cohort.base import StoreBase
from hccsurv_core.errors import InputError, NotFoundError

#: Beyond this a diameter is a slip of the keyboard, mm.
_LARGEST_MM = 500.0
_SOURCE = "follow-up reading"


@dataclass(frozen=True)
class FollowupReading:
    """What a person said, in place of what the program would find.

    Args:
        studies: role ("baseline_liver", …) → scan, None leaves the role out; roles that nobody chose
            are absent.
        slices: role → positions on slices of 5 mm.
        diameters: lesion's name → size ("baseline_mm", "followup_mm", "viable_baseline_mm",
            "viable_followup_mm") → mm.
        new_lesion: a new lesion was seen that is not outlined.
        all_gone: nothing is left at follow-up, so that there is nothing to outline.
    """

    studies: Mapping[str, str | None] = field(default_factory=dict)
    slices: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    diameters: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    new_lesion: bool = False
    all_gone: bool = False

    def with_study(self, role: str, study_id: str | None) -> FollowupReading:
        """The same with another scan for a role; slices chosen on the earlier one are dropped."""
        kept = {r: s for r, s in self.slices.items() if r != role}
        return replace(self, studies={**self.studies, role: study_id}, slices=kept)

    def with_slices(self, role: str, positions: tuple[int, ...] | None) -> FollowupReading:
        """The same with slices for a role; None leaves them to the rule again."""
        kept = {r: s for r, s in self.slices.items() if r != role}
        return replace(self, slices=kept if positions is None else {**kept, role: positions})

    def with_diameter(self, lesion: str, size: str, mm: float | None) -> FollowupReading:
        """The same with a diameter; None leaves it to the outline again.

        Raises:
            InputError: it is no number of 0 to 500 mm.
        """
        own = {k: v for k, v in self.diameters.get(lesion, {}).items() if k != size}
        if mm is not None:
            own[size] = checked_number(mm, f"{size} of {lesion}", low=0.0, high=_LARGEST_MM)
        others = {k: v for k, v in self.diameters.items() if k != lesion}
        return replace(self, diameters={**others, lesion: own} if own else others)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "studies": dict(self.studies),
            "slices": {role: list(found) for role, found in self.slices.items()},
            "diameters": {name: dict(found) for name, found in self.diameters.items()},
            "new_lesion": self.new_lesion,
            "all_gone": self.all_gone,
        }


def reading_from_json(found: Mapping[str, Any]) -> FollowupReading:
    """Back from plain values.

    Raises:
        InputError: a name is not known.
    """
    unknown = set(found) - {f.name for f in fields(FollowupReading)}
    if unknown:
        raise InputError(f"{sorted(unknown)[0]!r} is not known", source=_SOURCE)
    slices = {role: tuple(int(k) for k in part) for role, part in found.get("slices", {}).items()}
    return FollowupReading(**{**found, "slices": slices})


@dataclass(frozen=True)
class StoredReading:
    """A reading as the store keeps it.

    Args:
        reading: what was said. revision: another one after each change and each undo; 0 for none.
        actor, at: who said it last, and when (UTC); "" and None at revision 0.
        can_undo: whether there is a change to take back.
    """

    reading: FollowupReading = FollowupReading()
    revision: int = 0
    actor: str = ""
    at: datetime | None = None
    can_undo: bool = False


class FollowupReadings(StoreBase):
    """The part of :class:`~hccsurv_core.cohort.store.PatientStore` for readings of two scans."""

    def load_followup_reading(self, patient_id: str) -> StoredReading:
        """What was said of a patient's scans; the empty reading where nothing was.

        Raises:
            NotFoundError: there is no such patient.
        """
        with self._read() as session:
            self._patient(session, patient_id)
            row = _newest(session, patient_id)
            return StoredReading() if row is None else _stored(row)

    def save_followup_reading(
        self, patient_id: str, reading: FollowupReading, *, told: str, actor: str = "local"
    ) -> StoredReading:
        """Make a reading what holds; nothing is stored where nothing changes.

        Args:
            told: what was changed, in words, for the history.

        Raises:
            NotFoundError: there is no such patient.
        """
        with self._write() as session:
            patient = self._patient(session, patient_id)
            current = _newest(session, patient_id)
            before = FollowupReading() if current is None else reading_from_json(current.values)
            if reading == before:
                return StoredReading() if current is None else _stored(current)
            row = schema.FollowupReadingRow(
                patient_id=patient_id, values=reading.to_json(),
                before_id=None if current is None else current.id, can_undo=True, actor=actor,
            )  # fmt: skip
            detail = f"Follow-up: {told}"
            row.at = self._record(session, actor, "followup_read", patient_id, detail)
            session.add(row)
            session.flush()
            patient.updated_at = row.at
            return _stored(row)

    def undo_followup_reading(self, patient_id: str, actor: str = "local") -> StoredReading:
        """Take back the last change; the history keeps both.

        Raises:
            NotFoundError: there is no such patient, or nothing to take back.
        """
        with self._write() as session:
            patient = self._patient(session, patient_id)
            current = _newest(session, patient_id)
            if current is None or not current.can_undo:
                raise NotFoundError("there is no change of the follow-up to take back")
            before = session.get(schema.FollowupReadingRow, current.before_id or 0)
            row = schema.FollowupReadingRow(
                patient_id=patient_id,
                values=FollowupReading().to_json() if before is None else before.values,
                before_id=None if before is None else before.before_id,
                can_undo=before is not None and before.can_undo,
                actor=actor,
            )
            detail = "Follow-up: the last change was taken back"
            row.at = self._record(session, actor, "followup_undone", patient_id, detail)
            session.add(row)
            session.flush()
            patient.updated_at = row.at
            return _stored(row)


def _newest(session: Session, patient_id: str) -> schema.FollowupReadingRow | None:
    return session.scalar(
        select(schema.FollowupReadingRow)
        .where(schema.FollowupReadingRow.patient_id == patient_id)
        .order_by(schema.FollowupReadingRow.id.desc())
        .limit(1)
    )


def _stored(row: schema.FollowupReadingRow) -> StoredReading:
    return StoredReading(reading_from_json(row.values), row.id, row.actor, row.at, row.can_undo)
