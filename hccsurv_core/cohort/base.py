"""What the rooms of the patient store share: the folder, transactions, look-up and the audit trail."""

from __future__ import annotations

import os
import weakref
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hccsurv_core.cohort import database, schema
from hccsurv_core.cohort.files import FileVault
from hccsurv_core.cohort.settings import data_folder, date_policy
from hccsurv_core.errors import NotFoundError, StoreError


def now() -> datetime:
    """The time of a change, UTC."""
    return datetime.now(UTC)


def checked_state(state: str, allowed: tuple[str, ...]) -> str:
    """``state`` if it is allowed.

    Raises:
        ValueError: it is not (a defect of the caller, not of the user).
    """
    if state not in allowed:
        raise ValueError(f"state must be one of {allowed}, got {state!r}")
    return state


#: Tables of revisions: each row but the first says which one it was made from.
Revisions = type[schema.Segmentation] | type[schema.RegionSet]
Row = TypeVar("Row", schema.Segmentation, schema.RegionSet)


def last_revision(session: Session, table: Revisions, study_id: str) -> int:
    """Number of a study's newest revision, 0 where there is none."""
    return session.scalar(select(func.max(table.revision)).where(table.study_id == study_id)) or 0


def newest_child(
    session: Session, table: type[Row], study_id: str, parent_id: str | None
) -> Row | None:
    """The newest of the revisions that were made from this one (None: from nothing)."""
    return session.scalar(
        select(table)
        .where(table.study_id == study_id, table.parent_id.is_not_distinct_from(parent_id))
        .order_by(table.revision.desc())
        .limit(1)
    )


class StoreBase:
    """Open the store in a folder, made if missing.

    Args:
        folder: the data folder; default see :func:`~hccsurv_core.cohort.settings.data_folder`.
        dates: "shifted" or "original"; see :data:`~hccsurv_core.cohort.settings.DATE_POLICIES`.

    Raises:
        StoreError: the folder cannot be written, or its database is damaged, foreign, or newer.
    """

    def __init__(self, folder: Path | str | None = None, *, dates: str | None = None) -> None:
        self.folder = data_folder(folder)
        self.dates = date_policy(dates)
        self._files = FileVault(self.folder)
        self._engine = database.open_engine(self.folder)
        # Streamlit drops stores without closing them: give the connections back all the same.
        weakref.finalize(self, self._engine.dispose)
        with self._files.opening():
            self._make_private()
            database.prepare(self._engine)
        self._files.sweep(self._known_files)

    def close(self) -> None:
        """Give back the database connections. The store can be used again after."""
        self._engine.dispose()

    def __enter__(self):
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def scratch(self) -> AbstractContextManager[Path]:
        """A private folder for files on their way into the store; gone afterwards."""
        return self._files.scratch()

    def _make_private(self) -> None:
        path = self.folder / database.DATABASE_NAME
        try:
            # SQLite gives its write-ahead files the mode of the database.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            path.chmod(0o600)
        except OSError as error:
            raise database.store_error(error, str(path)) from error

    def _read(self) -> AbstractContextManager[Session]:
        return database.transaction(self._engine)

    def _write(self) -> AbstractContextManager[Session]:
        return database.transaction(self._engine, write=True)

    def _known_files(self) -> dict[str, set[str]]:
        with self._read() as session:
            known: dict[str, set[str]] = {
                k: set() for k in session.scalars(select(schema.Study.id))
            }
            for table in (schema.Segmentation, schema.RegionSet):
                for study_id, mask_id in session.execute(select(table.study_id, table.id)):
                    known[study_id].add(mask_id)
        return known

    @staticmethod
    def _patient(session: Session, patient_id: str) -> schema.Patient:
        row = session.get(schema.Patient, patient_id)
        if row is None:
            raise NotFoundError(
                "this patient is not in the store",
                remedy="it may have been deleted; go back to the worklist",
            )
        return row

    @staticmethod
    def _study(session: Session, study_id: str) -> schema.Study:
        row = session.get(schema.Study, study_id)
        if row is None:
            raise NotFoundError(
                "this study is not in the store",
                remedy="it may have been deleted; go back to the worklist",
            )
        return row

    @staticmethod
    def _record(
        session: Session,
        actor: str,
        action: str,
        patient_id: str,
        detail: str,
        *,
        study_id: str | None = None,
        changes: dict[str, Any] | None = None,
    ) -> datetime:
        """Add an audit entry in the transaction of the change itself; returns its time."""
        at = now()
        session.add(
            schema.Audit(
                at=at,
                actor=actor,
                action=action,
                patient_id=patient_id,
                study_id=study_id,
                detail=detail,
                changes=changes or {},
            )
        )
        return at

    def _touch(self, session: Session, study: schema.Study, at: datetime) -> None:
        self._patient(session, study.patient_id).updated_at = at

    @staticmethod
    def _damaged(session: Session, study: schema.Study, error: StoreError) -> StoreError:
        """``error`` naming whose study it is and what to do."""
        patient = session.get(schema.Patient, study.patient_id)
        who = patient.pseudonym if patient else "unknown patient"
        when = study.study_date or f"stored {study.created_at:%Y-%m-%d}"
        return StoreError(
            error.what,
            source=f"{who}, {study.modality} of {when}",
            remedy="delete this study and upload the scan again, or restore the data folder "
            "from a backup",
        )
