"""Ultrasound clips in the store: gray frames without burned-in text, and what people said about them.

A clip is a study of modality "US". Its volume is the brightness of its frames, 8 bits as on the
screen; its source file is not kept, because the picture may name the patient.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from hccsurv_core.checks import checked_number
from hccsurv_core.clip import Clip, Panels
from hccsurv_core.cohort import codec, schema
from hccsurv_core.cohort.clip_frames import check_panels, kept_pixels, write_brightness
from hccsurv_core.cohort.clip_words import (
    changes_between,
    machine_of,
    panels_from_json,
    panels_to_json,
    region_from_json,
    region_to_json,
    spacing_of,
    told_changes,
    warnings_of,
)
from hccsurv_core.cohort.files import Stamp
from hccsurv_core.cohort.patients import UNCHANGED, _Unchanged
from hccsurv_core.cohort.records import StudyRecord
from hccsurv_core.cohort.studies import ULTRASOUND, Studies
from hccsurv_core.errors import GeometryError, InputError, NotFoundError, StoreError
from hccsurv_core.progress import Progress, part_of, silent

if TYPE_CHECKING:
    from hccsurv_core.io.ultrasound_clip import LoadedClip

#: Dynamic ranges (dB) that a picture can have, as where it is undone.
DYNAMIC_RANGES_DB = (10.0, 120.0)
#: An injection farther from the clip's 0 s is none of this clip's, s.
_FARTHEST_S = 600.0


@dataclass(frozen=True, eq=False)
class StoredClip:
    """A clip of the store, and what people said about it last.

    Args:
        clip: gray frames, mapped from the disk (read-only); black outside the fans.
        panels: which part of the screen shows what.
        dynamic_range_db: of the contrast picture; None where nobody said.
        machine: manufacturer and model, as far as known.
        marks: (rows, columns) True on text and marks over the picture: to be neither matched nor
            measured. Found in color; the gray frames would not show all of them.
        excluded: frames, counted from 0, that a person left out; rising.
        peak_frame: a person's choice; None leaves it to the curve.
        outline_frame: the frame on which the regions were drawn; None where not said.
        injection_s: when the agent was injected, on the clip's clock; None takes its 0 s.
        revision: 1 as it was stored, another one after each change and each undo.
        actor, at: who changed it last, and when (UTC).
        can_undo: whether there is a change to take back.
    """

    clip: Clip
    panels: Panels
    dynamic_range_db: float | None
    machine: Mapping[str, str]
    marks: NDArray[np.bool_]
    excluded: tuple[int, ...]
    peak_frame: int | None
    outline_frame: int | None
    injection_s: float | None
    revision: int
    actor: str
    at: datetime
    can_undo: bool


class Clips(Studies):
    """The clips' part of :class:`~hccsurv_core.cohort.store.PatientStore`; a clip is a study."""

    def add_clip(
        self,
        patient_id: str,
        loaded: LoadedClip,
        *,
        panels: Panels,
        dynamic_range_db: float | None = None,
        study_date: str | None = None,
        description: str = "",
        warnings: Sequence[str] = (),
        outline_frame: int | None = None,
        simulated: bool = False,
        actor: str = "local",
        progress: Progress = silent,
    ) -> StudyRecord:
        """Store a clip's brightness, black outside the fans; the source file is not kept.

        Args:
            patient_id: whose clip it is.
            loaded: as `hccsurv_core.io.ultrasound_clip.read_clip` gives it.
            panels: which part of the screen shows what.
            dynamic_range_db: of the contrast picture, where it is known.
            study_date: the true ISO date; shifted here if the store's date policy is "shifted".
            description: words that might identify are dropped here.
            warnings: what is to be told besides what the clip and its picture tell.
            outline_frame: the frame on which regions are, or will be, drawn.
            simulated: True for demo clips: date and description are kept as they are.
            actor: who does it.
            progress: called per frame; may cancel, then nothing is left.

        Raises:
            NotFoundError: there is no such patient.
            GeometryError: the panels do not fit the screen, or nothing of the picture would be kept.
            InputError: a number is not possible.
            StoreError: the disk is full; nothing is left behind.
        """
        clip = loaded.clip
        values = _checked(
            {
                "panels": panels,
                "dynamic_range_db": dynamic_range_db,
                "excluded": (),
                "peak_frame": None,
                "outline_frame": outline_frame,
                "injection_s": None,
            },
            clip.frames.shape,
        )
        progress(0.0, "Looking for text in the picture")
        kept, marks = kept_pixels(clip, panels)
        if not kept.any():
            raise GeometryError(
                "no ultrasound picture was found in the panels", source=loaded.source,
                remedy="export the clip again",
            )  # fmt: skip
        spacing = spacing_of(panels)
        row, column = spacing or (1.0, 1.0)
        study = self._new_study(
            patient_id,
            clip.frames.shape[:3],
            "uint8",
            np.diag([column, row, 1.0, 1.0]),
            modality=ULTRASOUND,
            study_date=study_date,
            description=description,
            phase=None,
            warnings=warnings_of(clip, warnings, calibrated=spacing is not None),
            simulated=simulated,
        )
        settings = schema.ClipSettings(
            study_id=study.id, revision=1, values=values, before_id=None, can_undo=False,
            actor=actor, at=study.created_at,
        )  # fmt: skip
        with self.scratch() as folder:
            frames = write_brightness(
                folder / "frames.npy", clip, kept, part_of(progress, 0.1, 0.7)
            )
            return self._store_study(
                study, frames, more=(_clip_row(study.id, loaded, marks), settings),
                actor=actor, progress=part_of(progress, 0.7, 1.0),
            )  # fmt: skip

    def load_clip(self, study_id: str) -> StoredClip:
        """A clip with what people said about it last.

        Raises:
            NotFoundError: there is no such study, or it is no clip.
            StoreError: the frames are missing or damaged; names the patient and what to do.
        """
        with self._read() as session:
            study, row, current = self._clip(session, study_id)
            return self._opened(session, study, row, current)

    def change_clip(
        self,
        study_id: str,
        *,
        panels: Panels | _Unchanged = UNCHANGED,
        dynamic_range_db: float | _Unchanged | None = UNCHANGED,
        excluded: Iterable[int] | _Unchanged = UNCHANGED,
        peak_frame: int | _Unchanged | None = UNCHANGED,
        outline_frame: int | _Unchanged | None = UNCHANGED,
        injection_s: float | _Unchanged | None = UNCHANGED,
        actor: str = "local",
    ) -> StoredClip:
        """Say something else about a clip, as a new revision; nothing is stored where nothing changes.

        Args:
            study_id: which clip.
            panels: which part of the screen shows what.
            dynamic_range_db: of the contrast picture; None where it is not known.
            excluded: all frames, counted from 0, that are to be left out.
            peak_frame: a person's choice; None leaves it to the curve.
            outline_frame: the frame on which the regions are drawn.
            injection_s: when the agent was injected, on the clip's clock; None where its 0 s is that.
            actor: who says so.

        Raises:
            NotFoundError: there is no such study, or it is no clip.
            GeometryError: the panels do not fit the screen.
            InputError: no such frame, every frame or the peak frame left out, or a range that no
                picture has.
            StoreError: the frames are missing or damaged.
        """
        given = {
            "panels": panels,
            "dynamic_range_db": dynamic_range_db,
            "excluded": excluded,
            "peak_frame": peak_frame,
            "outline_frame": outline_frame,
            "injection_s": injection_s,
        }
        with self._write() as session:
            study, row, current = self._clip(session, study_id)
            known = {**current.values, "panels": panels_from_json(current.values["panels"])}
            wanted = {k: known[k] if v is UNCHANGED else v for k, v in given.items()}
            values = _checked(wanted, study.shape)
            changes = changes_between(current.values, values)
            if changes:
                current = self._add_settings(
                    session, study, current, values, "clip_changed", changes, actor,
                    before_id=current.id, can_undo=True,
                )  # fmt: skip
            return self._opened(session, study, row, current)

    def undo_clip(self, study_id: str, actor: str = "local") -> StoredClip:
        """Take back the last change; the history keeps both.

        Raises:
            NotFoundError: there is no such study, it is no clip, or there is nothing to take back.
            StoreError: the frames are missing or damaged.
        """
        with self._write() as session:
            study, row, current = self._clip(session, study_id)
            before = session.get(schema.ClipSettings, current.before_id or 0)
            if not current.can_undo or before is None:
                raise NotFoundError("there is no change of this clip to take back")
            changes = changes_between(current.values, before.values)
            current = self._add_settings(
                session, study, current, before.values, "clip_undone", changes, actor,
                before_id=before.before_id, can_undo=before.can_undo,
            )  # fmt: skip
            return self._opened(session, study, row, current)

    def _add_settings(
        self,
        session: Session,
        study: schema.Study,
        current: schema.ClipSettings,
        values: dict[str, Any],
        action: str,
        changes: dict[str, list[Any]],
        actor: str,
        *,
        before_id: int | None,
        can_undo: bool,
    ) -> schema.ClipSettings:
        told = told_changes(changes)
        told = f"Taken back: {told}" if action == "clip_undone" else told
        at = self._record(
            session, actor, action, study.patient_id, told, study_id=study.id, changes=changes
        )
        row = schema.ClipSettings(
            study_id=study.id, revision=current.revision + 1, values=values, before_id=before_id,
            can_undo=can_undo, actor=actor, at=at,
        )  # fmt: skip
        session.add(row)
        session.flush()
        self._touch(session, study, at)
        return row

    def _clip(
        self, session: Session, study_id: str
    ) -> tuple[schema.Study, schema.UltrasoundClip, schema.ClipSettings]:
        study = self._study(session, study_id)
        row = session.get(schema.UltrasoundClip, study_id)
        current = session.scalar(
            select(schema.ClipSettings)
            .where(schema.ClipSettings.study_id == study_id)
            .order_by(schema.ClipSettings.revision.desc())
            .limit(1)
        )
        if row is None or current is None:
            raise NotFoundError(
                "this study is no ultrasound clip",
                remedy="open a contrast-enhanced ultrasound clip from the worklist",
            )
        return study, row, current

    def _opened(
        self,
        session: Session,
        study: schema.Study,
        row: schema.UltrasoundClip,
        current: schema.ClipSettings,
    ) -> StoredClip:
        shape = tuple(study.shape)
        try:
            frames = self._files.open_volume(
                study.id, Stamp(study.volume_bytes, study.volume_crc32), shape, study.dtype
            )
            marks = codec.unpack_bits(row.marks, [shape[1:]])[0]
        except StoreError as error:
            raise self._damaged(session, study, error) from error
        values = current.values
        return StoredClip(
            clip=Clip(
                frames=frames,
                time_s=np.array(row.time_s, dtype=np.float64),
                regions=tuple(region_from_json(region) for region in row.regions),
                time_zero=row.time_zero,
                warnings=tuple(study.warnings),
            ),
            panels=panels_from_json(values["panels"]),
            dynamic_range_db=values["dynamic_range_db"],
            machine=dict(row.machine),
            marks=marks,
            excluded=tuple(values["excluded"]),
            peak_frame=values["peak_frame"],
            outline_frame=values["outline_frame"],
            injection_s=values["injection_s"],
            revision=current.revision,
            actor=current.actor,
            at=current.at,
            can_undo=current.can_undo,
        )


def _clip_row(study_id: str, loaded: LoadedClip, marks: NDArray[np.bool_]) -> schema.UltrasoundClip:
    clip = loaded.clip
    return schema.UltrasoundClip(
        study_id=study_id,
        time_s=[float(t) for t in clip.time_s],
        time_zero=clip.time_zero,
        regions=[region_to_json(region) for region in clip.regions],
        machine=machine_of(loaded.manufacturer, loaded.model),
        marks=codec.pack_bits([marks]),
    )


def _checked(given: Mapping[str, Any], shape: Sequence[int]) -> dict[str, Any]:
    """What people say about a clip as JSON values.

    Raises:
        GeometryError: the panels do not fit the screen.
        InputError: a number is not possible.
    """
    panels, span, n = given["panels"], given["dynamic_range_db"], shape[0]
    check_panels(panels, (shape[1], shape[2]))
    if span is not None:
        low, high = DYNAMIC_RANGES_DB
        span = checked_number(span, "dynamic range (dB)", low=low, high=high)
    excluded = sorted({_frame(k, n) for k in given["excluded"]})
    if len(excluded) == n:
        raise InputError(
            f"all {n} frames are left out", source="frames", remedy="take at least one in"
        )
    peak, outline = (
        None if given[name] is None else _frame(given[name], n)
        for name in ("peak_frame", "outline_frame")
    )
    if peak in excluded:
        raise InputError(
            f"frame {peak} is the peak frame and left out", source="frames",
            remedy="take it in, or choose another peak frame",
        )  # fmt: skip
    injection = given["injection_s"]
    if injection is not None:
        injection = checked_number(injection, "injection (s)", low=-_FARTHEST_S, high=_FARTHEST_S)
    return {
        "panels": panels_to_json(panels),
        "dynamic_range_db": span,
        "excluded": excluded,
        "peak_frame": peak,
        "outline_frame": outline,
        "injection_s": injection,
    }


def _frame(value: Any, n: int) -> int:
    number = checked_number(value, "frames", low=0, high=n - 1)
    if number != int(number):
        raise InputError(f"{value} is no frame", source="frames")
    return int(number)
