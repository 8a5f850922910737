"""What was found in a study: the level, the outlines as revisions, the numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hccsurv_core.cohort import codec, schema
from hccsurv_core.cohort.base import StoreBase, checked_state, last_revision, newest_child
from hccsurv_core.cohort.files import blake2_of, new_id
from hccsurv_core.cohort.patients import measures_are_current
from hccsurv_core.cohort.records import (
    LEVEL_STATES,
    SEGMENTATION_STATES,
    Revision,
    StoredLevel,
    StoredSegmentation,
)
from hccsurv_core.errors import InputError, NotFoundError, StoreError
from hccsurv_core.roi.results import BodySegmentation, L3Location


class Findings(StoreBase):
    """The findings' part of :class:`~hccsurv_core.cohort.store.PatientStore`."""

    # -- level ----------------------------------------------------------------------------
    def save_level(
        self, study_id: str, location: L3Location, *, state: str, actor: str = "local"
    ) -> StoredLevel:
        """Store where L3 is; earlier levels stay in the history.

        Args:
            state: "automatic", "confirmed" or "moved".

        Raises:
            NotFoundError: there is no such study.
            InputError: the slice lies outside of the study.
        """
        checked_state(state, LEVEL_STATES)
        with self._write() as session:
            study = self._study(session, study_id)
            if not 0 <= location.slice_index < study.shape[0]:
                raise InputError(
                    f"slice {location.slice_index} is not among the {study.shape[0]} of this study",
                    source="level",
                )
            told = f"Level {state}: slice {location.slice_index}"
            at = self._record(
                session, actor, f"level_{state}", study.patient_id, told, study_id=study_id
            )
            session.add(
                schema.Level(
                    study_id=study_id,
                    state=state,
                    location=codec.encode_location(location),
                    n_warnings=len(location.warnings),
                    actor=actor,
                    at=at,
                )
            )
            self._touch(session, study, at)
            return StoredLevel(location, state, actor, at)

    def load_level(self, study_id: str) -> StoredLevel | None:
        """The newest level of a study, or None.

        Raises:
            NotFoundError: there is no such study.
        """
        with self._read() as session:
            self._study(session, study_id)
            row = session.scalar(
                select(schema.Level)
                .where(schema.Level.study_id == study_id)
                .order_by(schema.Level.id.desc())
                .limit(1)
            )
            if row is None:
                return None
            return StoredLevel(codec.decode_location(row.location), row.state, row.actor, row.at)

    # -- outlines -------------------------------------------------------------------------
    def save_segmentation(
        self,
        study_id: str,
        seg: BodySegmentation,
        *,
        state: str,
        actor: str = "local",
        note: str = "",
    ) -> StoredSegmentation:
        """Store outlines as a new revision and make it the current one.

        Args:
            state: "automatic", "edited" or "confirmed".

        Raises:
            NotFoundError: there is no such study.
            InputError: the masks are not on the study's grid.
            StoreError: the disk is full; the revision before stays the current one.
        """
        checked_state(state, SEGMENTATION_STATES)
        data, names, shape = codec.pack_masks(seg)
        mask_id = new_id()
        with self._files.writing():
            with self._read() as session:
                _check_grid(self._study(session, study_id), seg, shape)
            self._files.write_masks(study_id, mask_id, data)
            try:
                with self._write() as session:
                    study = self._study(session, study_id)
                    row = schema.Segmentation(
                        id=mask_id,
                        study_id=study_id,
                        revision=last_revision(session, schema.Segmentation, study_id) + 1,
                        parent_id=study.segmentation_id,
                        state=state,
                        note=note,
                        method=seg.method,
                        warnings=[str(w) for w in seg.warnings],
                        first_slice=int(seg.first_slice),
                        slice_index=int(seg.slice_index),
                        structures=names,
                        shape=[int(n) for n in shape],
                        file_bytes=len(data),
                        file_blake2=blake2_of(data),
                        actor=actor,
                    )
                    told = f"Outline {state}, revision {row.revision}" + (note and f": {note}")
                    row.at = self._record(
                        session,
                        actor,
                        f"outline_{state}",
                        study.patient_id,
                        told,
                        study_id=study_id,
                    )
                    session.add(row)
                    study.segmentation_id = mask_id
                    self._touch(session, study, row.at)
            except BaseException:
                self._files.remove_mask(study_id, mask_id)
                raise
        return _stored(row, seg)

    def load_segmentation(self, study_id: str) -> StoredSegmentation | None:
        """The current revision of the outlines, or None.

        Raises:
            NotFoundError: there is no such study.
            StoreError: the file is missing or damaged; names the patient and what to do.
        """
        with self._read() as session:
            study = self._study(session, study_id)
            row = session.get(schema.Segmentation, study.segmentation_id or "")
            if row is None:
                return None
            found = self._open_segmentation(session, study, row)
            return replace(
                found,
                can_redo=newest_child(session, schema.Segmentation, study_id, row.id) is not None,
            )

    def undo_segmentation(self, study_id: str, actor: str = "local") -> StoredSegmentation:
        """Go back to the revision the current one was made from; nothing is removed.

        Raises:
            NotFoundError: there is no such study, or no earlier revision.
            StoreError: the earlier revision's file is missing or damaged.
        """
        with self._write() as session:
            study = self._study(session, study_id)
            current = session.get(schema.Segmentation, study.segmentation_id or "")
            row = session.get(schema.Segmentation, (current and current.parent_id) or "")
            if current is None or row is None:
                raise NotFoundError(
                    "there is no earlier outline", remedy="edit the outline, or make it anew"
                )
            return self._show_revision(session, study, current, row, "undone", actor)

    def redo_segmentation(self, study_id: str, actor: str = "local") -> StoredSegmentation:
        """Go forward again to the newest revision that was made from the current one.

        Raises:
            NotFoundError: there is no such study, or nothing was undone.
            StoreError: that revision's file is missing or damaged.
        """
        with self._write() as session:
            study = self._study(session, study_id)
            current = session.get(schema.Segmentation, study.segmentation_id or "")
            row = None
            if current is not None:
                row = newest_child(session, schema.Segmentation, study_id, current.id)
            if current is None or row is None:
                raise NotFoundError("there is nothing to do again")
            return self._show_revision(session, study, current, row, "redone", actor)

    def _show_revision(
        self,
        session: Session,
        study: schema.Study,
        current: schema.Segmentation,
        row: schema.Segmentation,
        verb: str,
        actor: str,
    ) -> StoredSegmentation:
        stored = self._open_segmentation(session, study, row)
        study.segmentation_id = row.id
        told = f"Outline {verb}: revision {current.revision} → {row.revision}"
        at = self._record(
            session, actor, f"outline_{verb}", study.patient_id, told, study_id=study.id
        )
        self._touch(session, study, at)
        return stored

    def automatic_segmentation(self, study_id: str) -> StoredSegmentation | None:
        """The automatic outline that the current one was made from; None where there is none.

        Raises:
            NotFoundError: there is no such study.
            StoreError: its file is missing or damaged.
        """
        with self._read() as session:
            study = self._study(session, study_id)
            row = session.get(schema.Segmentation, study.segmentation_id or "")
            while row is not None and row.state != "automatic":
                row = session.get(schema.Segmentation, row.parent_id or "")
            return None if row is None else self._open_segmentation(session, study, row)

    def revisions(self, study_id: str) -> list[Revision]:
        """Every revision of a study's outlines, newest first.

        Raises:
            NotFoundError: there is no such study.
        """
        with self._read() as session:
            study = self._study(session, study_id)
            rows = session.scalars(
                select(schema.Segmentation)
                .where(schema.Segmentation.study_id == study_id)
                .order_by(schema.Segmentation.revision.desc())
            )
            return [
                Revision(
                    r.revision, r.state, r.method, r.actor, r.at, r.note,
                    is_current=r.id == study.segmentation_id,
                )
                for r in rows
            ]  # fmt: skip

    def _open_segmentation(
        self, session: Session, study: schema.Study, row: schema.Segmentation
    ) -> StoredSegmentation:
        try:
            data = self._files.read_masks(study.id, row.id, row.file_bytes, row.file_blake2)
            masks = codec.unpack_masks(data, row.structures, tuple(row.shape))
        except StoreError as error:
            raise self._damaged(session, study, error) from error
        segmentation = BodySegmentation(
            row.first_slice, row.slice_index, masks, row.method, tuple(row.warnings)
        )
        return _stored(row, segmentation)

    # -- numbers --------------------------------------------------------------------------
    def save_measures(
        self, study_id: str, measures: dict[str, Any], *, actor: str = "local"
    ) -> None:
        """Store numbers measured in the current outline with the patient's current facts.

        Raises:
            NotFoundError: there is no such study.
            InputError: a value is not finite or has no JSON form.
        """
        values = codec.plain_json(measures)
        with self._write() as session:
            study = self._study(session, study_id)
            patient = self._patient(session, study.patient_id)
            at = self._record(
                session,
                actor,
                "measured",
                study.patient_id,
                f"{len(values)} measures stored",
                study_id=study_id,
            )
            session.add(
                schema.Measures(
                    study_id=study_id,
                    segmentation_id=study.segmentation_id,
                    sex=patient.sex,
                    height_m=patient.height_m,
                    values=values,
                    actor=actor,
                    at=at,
                )
            )
            self._touch(session, study, at)

    def load_measures(self, study_id: str) -> dict[str, Any] | None:
        """The numbers of the current outline and facts, or None.

        None also where the outline, the sex or the height changed since: measure again.

        Raises:
            NotFoundError: there is no such study.
        """
        with self._read() as session:
            self._study(session, study_id)
            return session.scalar(
                select(schema.Measures.values)
                .join(schema.Study, schema.Study.id == schema.Measures.study_id)
                .join(schema.Patient, schema.Patient.id == schema.Study.patient_id)
                .where(schema.Measures.study_id == study_id, measures_are_current())
                .order_by(schema.Measures.id.desc())
                .limit(1)
            )


def _stored(row: schema.Segmentation, segmentation: BodySegmentation) -> StoredSegmentation:
    return StoredSegmentation(
        segmentation, row.state, row.actor, row.at, row.revision, row.note,
        can_undo=row.parent_id is not None,
    )  # fmt: skip


def _check_grid(study: schema.Study, seg: BodySegmentation, shape: tuple[int, ...]) -> None:
    slices, rows, columns = study.shape
    last = seg.first_slice + shape[0] - 1
    if tuple(shape[1:]) != (rows, columns) or seg.first_slice < 0 or last >= slices:
        raise InputError(
            f"masks of shape {tuple(shape)} from slice {seg.first_slice} do not fit the study's "
            f"{slices}×{rows}×{columns} voxels",
            source="segmentation",
        )
    if not seg.first_slice <= seg.slice_index <= last:
        raise InputError(
            f"the measured slice {seg.slice_index} is not among {seg.first_slice} to {last}",
            source="segmentation",
        )
