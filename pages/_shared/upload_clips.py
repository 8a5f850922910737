"""Ultrasound in an upload: which clips it holds, one of them read to be looked at, and stored."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hccsurv_core.errors import GeometryError, InputError
from hccsurv_core.patient import PatientFacts, check_patient_facts
from hccsurv_core.progress import Progress, part_of, silent
from pages._shared import formats, routes
from pages._shared.session import UploadDraft
from pages._shared.views import open_store

if TYPE_CHECKING:
    from hccsurv_core.clip import Panels
    from hccsurv_core.io.records import Inspection
    from hccsurv_core.io.ultrasound_clip import ClipSummary, LoadedClip

#: Files that CT does not come in.
_PICTURES = frozenset({".avi", ".mp4", ".m4v", ".mov", ".mkv", ".wmv", ".mpg", ".mpeg", ".png", ".jpg", ".jpeg"})  # fmt: skip
_ULTRASOUND = ("US", "IVUS")
#: "DR 50 dB", "DR60": how machines and people write the dynamic range.
_RANGE = re.compile(r"(?<![A-Za-z])DR[\s:=_-]*(\d{2,3})(?!\d)(?:\s*dB)?", re.IGNORECASE)
#: Ranges (dB) that a contrast picture has.
_USUAL_RANGES_DB = (20, 100)
#: For looking at a clip whose frame times are not known; never stored.
_FOR_LOOKING_S = 1.0


@dataclass(frozen=True, eq=False)
class SeenClip:
    """A clip of an upload that was read, so that a person can look at it.

    Args:
        loaded: the clip.
        panels: as they were found; None where they must be marked by hand.
        no_times: why the seconds between frames must be given; None where the file tells them.
        no_panels: why panels must be marked; None where they were found.
    """

    loaded: LoadedClip
    panels: Panels | None
    no_times: str | None = None
    no_panels: str | None = None


@dataclass(frozen=True)
class ClipWish:
    """What the user asked for on the upload page.

    Args:
        name: the chosen clip.
        others: stills that are stored with it.
        patient_id: an existing patient, or None for a new one.
        pseudonym: for a new patient; None = one is given.
        facts: sex, age, height, weight.
        dynamic_range_db: of the contrast picture, where it is known.
        interval_s: between frames; None takes the file's times.
        panels: of the chosen clip, where a person says so; None takes what was found.
    """

    name: str
    patient_id: Any | None
    pseudonym: str | None
    facts: PatientFacts
    others: tuple[str, ...] = ()
    dynamic_range_db: float | None = None
    interval_s: float | None = None
    panels: Panels | None = None


def may_hold_clips(inspection: Inspection) -> bool:
    """Whether an upload that was looked through for CT is worth looking through for ultrasound."""
    if any(series.modality in _ULTRASOUND for series in inspection.series):
        return True
    if any(Path(file.name).suffix.lower() in _PICTURES for file in inspection.skipped):
        return True
    # Copied screens are ultrasound only where nothing else can be.
    return inspection.preselected is None


def is_ultrasound(series: Any) -> bool:
    """Whether a series of the inspection is ultrasound."""
    return series.modality in _ULTRASOUND or str(series.refusal).startswith("this is ultrasound")


def find_clips(draft: UploadDraft, progress: Progress = silent) -> tuple[ClipSummary, ...]:
    """The clips and stills of an upload, also those that cannot be opened.

    Raises:
        InputError: the only file is damaged, or an archive is not safe.
    """
    from hccsurv_core.io.ultrasound_clip import list_clips

    return list_clips(_arrived(draft), progress=progress)


def usable_clips(draft: UploadDraft) -> tuple[ClipSummary, ...]:
    """Those that can be tried."""
    return tuple(clip for clip in draft.clips if clip.refusal is None)


def is_still(clip: ClipSummary) -> bool:
    """Whether it is one picture."""
    return clip.kind == "picture" or clip.description.startswith("still")


def look_at(
    draft: UploadDraft, name: str, interval_s: float | None = None, progress: Progress = silent
) -> None:
    """Read a clip to be looked at; fills ``draft.seen`` or, where it cannot be read, ``draft.unseen``."""
    draft.unseen.pop(name, None)
    try:
        draft.seen[name] = read_seen(draft, name, interval_s, progress)
    except InputError as error:
        draft.unseen[name] = formats.error_text(error)


def read_seen(
    draft: UploadDraft, name: str, interval_s: float | None = None, progress: Progress = silent
) -> SeenClip:
    """Read a clip and find its panels.

    Raises:
        InputError: it cannot be read; names the file.
    """
    from hccsurv_core.imaging.ultrasound_panels import find_panels
    from hccsurv_core.io.ultrasound_clip import read_clip
    from hccsurv_core.io.ultrasound_times import GIVE_INTERVAL

    paths, no_times = _arrived(draft), None
    try:
        loaded = read_clip(paths, choice=name, frame_interval_s=interval_s, progress=progress)
    except InputError as error:
        if interval_s is not None or error.remedy != GIVE_INTERVAL:
            raise
        no_times = error.what
        loaded = read_clip(paths, choice=name, frame_interval_s=_FOR_LOOKING_S, progress=progress)
    try:
        return SeenClip(loaded, find_panels(loaded.clip), no_times)
    except GeometryError as error:
        return SeenClip(loaded, None, no_times, error.what)


def told_range_db(texts: Sequence[str]) -> float | None:
    """The dynamic range that descriptions or file names tell, dB; None where they do not agree."""
    low, high = _USUAL_RANGES_DB
    found = {float(n) for text in texts for n in _RANGE.findall(text) if low <= float(n) <= high}
    return found.pop() if len(found) == 1 else None


def import_clips(draft: UploadDraft, wish: ClipWish, *, actor: str, progress: Progress) -> Any:
    """Store the chosen clip, and stills with it; a cancelled or failed import leaves nothing behind."""
    from pages._shared.importing import Imported

    store = open_store()
    check_patient_facts(wish.facts)
    names = (wish.name, *wish.others)
    patient_id, studies = wish.patient_id, []
    try:
        for n, name in enumerate(names):
            share = part_of(progress, n / len(names), (n + 1) / len(names))
            kept = _keep(draft, wish, name, patient_id, actor, share)
            patient_id = kept.patient.id
            studies.append(kept.study.id)
        if wish.patient_id is not None:
            store.update_patient(wish.patient_id, facts=wish.facts, actor=actor)
    except BaseException:
        # Also on cancel: nothing half-done stays in the worklist.
        for study_id in studies:
            store.delete_study(study_id, actor=actor)
        if wish.patient_id is None and patient_id is not None:
            store.delete_patient(patient_id, actor=actor)
        raise
    return Imported(studies[0], routes.CEUS, told="Read and stored")


def _keep(
    draft: UploadDraft,
    wish: ClipWish,
    name: str,
    patient_id: Any | None,
    actor: str,
    progress: Progress,
) -> Any:
    from hccsurv_core.cohort.keep import keep_clip

    chosen = name == wish.name
    interval_s = wish.interval_s if chosen else None
    seen = draft.seen.get(name)
    if seen is None or interval_s is not None or seen.no_times is not None:
        seen = read_seen(draft, name, interval_s, part_of(progress, 0.0, 0.5))
    if seen.no_times is not None:
        raise InputError(seen.no_times, source=name, remedy="give the seconds between frames")
    panels = wish.panels if chosen and wish.panels is not None else seen.panels
    if panels is None:
        raise InputError(
            seen.no_panels or "shows no panel", source=name,
            remedy="store it by itself, and mark its panels by hand",
        )  # fmt: skip
    try:
        return keep_clip(
            open_store(),
            replace(seen.loaded, patient=wish.facts),
            panels=panels,
            dynamic_range_db=wish.dynamic_range_db,
            patient_id=patient_id,
            pseudonym=wish.pseudonym,
            actor=actor,
            progress=part_of(progress, 0.5, 1.0),
        )
    except InputError as error:
        raise error.with_source(name) from error


def _arrived(draft: UploadDraft) -> list[Path]:
    return sorted((draft.folder / "files").iterdir())
