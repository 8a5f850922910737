"""Studies in the store: a scan's voxels, its geometry, and its de-identified source files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, select, update

from hccsurv_core.cohort import schema
from hccsurv_core.cohort.base import StoreBase, now
from hccsurv_core.cohort.files import Stamp, new_id
from hccsurv_core.cohort.pseudonyms import date_shift_days
from hccsurv_core.cohort.records import StudyRecord
from hccsurv_core.errors import InputError, StoreError
from hccsurv_core.io.descriptors import clean_description
from hccsurv_core.progress import Progress, silent
from hccsurv_core.volume import Volume

#: Modality of a clip: its volume is the brightness of its frames.
ULTRASOUND = "US"


def study_record(row: schema.Study) -> StudyRecord:
    """The value of a study's row."""
    affine = np.array(row.affine)
    column, line, slice_ = np.linalg.norm(affine[:3, :3], axis=0)
    return StudyRecord(
        id=row.id,
        patient_id=row.patient_id,
        study_date=row.study_date,
        date_is_shifted=row.date_is_shifted,
        modality=row.modality,
        description=row.description,
        phase=row.phase,
        shape=(row.shape[0], row.shape[1], row.shape[2]),
        spacing_mm=(float(slice_), float(line), float(column)),
        warnings=tuple(row.warnings),
        simulated=row.simulated,
        n_dicom_files=row.n_dicom_files,
        created_at=row.created_at,
    )


def _extent(row: schema.Study) -> str:
    """How much there is of a study, in words."""
    return f"{row.shape[0]} {'frames' if row.modality == ULTRASOUND else 'slices'}"


def _storable(voxels: NDArray) -> NDArray:
    """Voxels as int16 where that loses nothing, else float32.

    Raises:
        InputError: integers outside of int16, or values that are no numbers.
    """
    if voxels.dtype == np.int16 or voxels.dtype == np.float32:
        return np.ascontiguousarray(voxels)
    if np.issubdtype(voxels.dtype, np.floating):
        return np.ascontiguousarray(voxels, dtype=np.float32)
    limits = np.iinfo(np.int16)
    if np.issubdtype(voxels.dtype, np.integer) or voxels.dtype == bool:
        if int(voxels.min()) < limits.min or int(voxels.max()) > limits.max:
            raise InputError("voxel values do not fit into 16 bits", source="scan")
        return np.ascontiguousarray(voxels, dtype=np.int16)
    raise InputError(f"voxels of type {voxels.dtype} cannot be stored", source="scan")


def _iso_date(text: str | None) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(
            f"{text!r} is not a date", source="study date", remedy="give it as YYYY-MM-DD"
        ) from error


class Studies(StoreBase):
    """The studies' part of :class:`~hccsurv_core.cohort.store.PatientStore`."""

    def add_study(
        self,
        patient_id: str,
        scan_volume: Volume,
        *,
        modality: str,
        study_date: str | None = None,
        description: str = "",
        phase: str | None = None,
        warnings: Sequence[str] = (),
        dicom_files: Sequence[Path] = (),
        simulated: bool = False,
        actor: str = "local",
        progress: Progress = silent,
    ) -> StudyRecord:
        """Store a scan for good: its files first, then, in one step, its row.

        Args:
            patient_id: whose scan it is.
            scan_volume: canonical voxels; kept as int16, or float32 where they are fractional.
            modality: "CT", "US", …
            study_date: the true ISO date; shifted here if the store's date policy is "shifted".
            description: series description; words that might identify are dropped here.
            phase: contrast phase or None.
            warnings: what was odd when the scan was read.
            dicom_files: **de-identified** source files in slice order; they are copied.
            simulated: True for demo scans: date and description are kept as they are.
            actor: who does it.
            progress: called while files are written; may cancel.

        Raises:
            NotFoundError: there is no such patient.
            InputError: the date or the voxels cannot be stored.
            StoreError: the disk is full; nothing is left behind.
        """
        voxels = _storable(scan_volume.voxels)
        row = self._new_study(
            patient_id,
            voxels.shape,
            str(voxels.dtype),
            scan_volume.affine,
            modality=modality,
            study_date=study_date,
            description=description,
            phase=phase,
            warnings=warnings,
            simulated=simulated,
        )
        return self._store_study(row, voxels, dicom_files, actor=actor, progress=progress)

    def _new_study(
        self,
        patient_id: str,
        shape: Sequence[int],
        dtype: str,
        affine: NDArray[np.floating],
        *,
        modality: str,
        study_date: str | None,
        description: str,
        phase: str | None,
        warnings: Sequence[str],
        simulated: bool,
    ) -> schema.Study:
        """The row of a study whose files are not written yet: date shifted, description cleaned."""
        day = _iso_date(study_date)
        shifted = self.dates == "shifted" and not simulated and day is not None
        with self._read() as session:
            secret = self._patient(session, patient_id).secret
        if day and shifted:
            day += timedelta(days=date_shift_days(secret))
        return schema.Study(
            id=new_id(),
            patient_id=patient_id,
            study_date=day.isoformat() if day else None,
            date_is_shifted=shifted,
            modality=modality,
            description=description if simulated else clean_description(description),
            phase=phase,
            warnings=[str(w) for w in warnings],
            simulated=simulated,
            shape=[int(n) for n in shape],
            dtype=dtype,
            affine=affine.tolist(),
            segmentation_id=None,
            created_at=now(),
        )

    def _store_study(
        self,
        row: schema.Study,
        voxels: NDArray,
        dicom_files: Sequence[Path] = (),
        more: Sequence[schema.Base] = (),
        *,
        actor: str,
        progress: Progress,
    ) -> StudyRecord:
        """Write a study's files, then, in one step, its row and those that belong to it."""
        row.n_dicom_files = len(dicom_files)
        with self._files.writing():
            volume, copies = self._files.add_study(row.id, voxels, dicom_files, progress)
            row.volume_bytes, row.volume_crc32 = volume.n_bytes, volume.crc32
            try:
                self._commit_study(row, copies, more, actor)
            except BaseException:
                self._files.remove_study(row.id)
                raise
        return study_record(row)

    def _commit_study(
        self, row: schema.Study, copies: Sequence[Stamp], more: Sequence[schema.Base], actor: str
    ) -> None:
        with self._write() as session:
            self._patient(session, row.patient_id)
            session.add(row)
            session.flush()
            session.add_all(
                schema.DicomFile(study_id=row.id, position=i, n_bytes=c.n_bytes, crc32=c.crc32)
                for i, c in enumerate(copies)
            )
            session.add_all(more)
            told = f"{row.modality} added: {_extent(row)}"
            at = self._record(session, actor, "study_added", row.patient_id, told, study_id=row.id)
            self._touch(session, row, at)

    def studies(self, patient_id: str) -> tuple[StudyRecord, ...]:
        """The patient's studies, newest first.

        Raises:
            NotFoundError: there is no such patient.
        """
        with self._read() as session:
            self._patient(session, patient_id)
            rows = session.scalars(
                select(schema.Study)
                .where(schema.Study.patient_id == patient_id)
                .order_by(schema.Study.study_date.desc(), schema.Study.created_at.desc())
            )
            return tuple(study_record(row) for row in rows)

    def get_study(self, study_id: str) -> StudyRecord:
        """The study with this key.

        Raises:
            NotFoundError: there is none.
        """
        with self._read() as session:
            return study_record(self._study(session, study_id))

    def load_volume(self, study_id: str) -> Volume:
        """The study's voxels, mapped into memory (read-only), with their affine.

        Raises:
            NotFoundError: there is no such study.
            StoreError: the file is missing or damaged; names the patient and what to do.
        """
        with self._read() as session:
            row = self._study(session, study_id)
            try:
                voxels = self._files.open_volume(
                    study_id, Stamp(row.volume_bytes, row.volume_crc32), tuple(row.shape), row.dtype
                )
            except StoreError as error:
                raise self._damaged(session, row, error) from error
            return Volume(voxels, np.array(row.affine))

    def dicom_files(self, study_id: str) -> tuple[Path, ...]:
        """Paths of the de-identified source files in slice order; empty if there are none.

        Raises:
            NotFoundError: there is no such study.
            StoreError: a file is missing or has another size.
        """
        with self._read() as session:
            row = self._study(session, study_id)
            try:
                return self._files.check_dicom(study_id, _stamps(session, study_id))
            except StoreError as error:
                raise self._damaged(session, row, error) from error

    def verify_study(self, study_id: str) -> None:
        """Compare every stored byte of a study with the checksums taken when it was written.

        Raises:
            NotFoundError: there is no such study.
            StoreError: something is missing or damaged.
        """
        self.load_volume(study_id)
        with self._read() as session:
            row = self._study(session, study_id)
            masks = session.scalars(
                select(schema.Segmentation).where(schema.Segmentation.study_id == study_id)
            )
            try:
                if not self._files.same_dicom(study_id, _stamps(session, study_id)):
                    raise StoreError("a source image is damaged")
                for mask in masks:
                    self._files.read_masks(study_id, mask.id, mask.file_bytes, mask.file_blake2)
            except StoreError as error:
                raise self._damaged(session, row, error) from error

    def delete_study(self, study_id: str, actor: str = "local") -> None:
        """Remove a study with everything measured in it.

        Raises:
            NotFoundError: there is no such study.
        """
        with self._write() as session:
            row = self._study(session, study_id)
            told = f"{row.modality} deleted: {_extent(row)}"
            session.execute(
                update(schema.Audit)
                .where(schema.Audit.study_id == study_id)
                .values(detail="", changes={})
            )
            at = self._record(
                session, actor, "study_deleted", row.patient_id, told, study_id=study_id
            )
            self._touch(session, row, at)
            session.execute(delete(schema.Study).where(schema.Study.id == study_id))
        self._files.remove_study(study_id)


def _stamps(session, study_id: str) -> list[Stamp]:
    rows = session.scalars(
        select(schema.DicomFile)
        .where(schema.DicomFile.study_id == study_id)
        .order_by(schema.DicomFile.position)
    )
    return [Stamp(row.n_bytes, row.crc32) for row in rows]
