"""Measuring a study, and measuring it again after the level, outline or facts changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hccsurv_core.errors import InputError
from hccsurv_core.patient import PatientFacts, check_patient_facts
from hccsurv_core.progress import Progress, part_of, silent
from pages._shared.views import open_store

if TYPE_CHECKING:
    from hccsurv_core.cohort.records import PatientRecord
    from hccsurv_core.roi.results import L3Location
    from hccsurv_core.volume import Volume


def measure_study(
    study_id: Any,
    *,
    location: L3Location | None = None,
    level_state: str = "automatic",
    backend: str = "classical",
    actor: str,
    note: str = "",
    progress: Progress = silent,
) -> None:
    """Find the level (unless given), outline, measure, and store all three.

    A scan of one slice is taken as L3, as the user's own choice of slice. ``note`` stays with the
    revision of the outline.

    Raises:
        LevelNotFoundError: nothing is stored.
        SegmentationError: a level found here is stored, so that a person can move it; where
            the level was given, everything stays as it was.
    """
    from hccsurv_core.roi.segmentation import segment_body
    from hccsurv_core.systems.sarcopenia import remeasure

    store = open_store()
    volume = store.load_volume(study_id)
    facts = store.get_patient(store.get_study(study_id).patient_id).facts
    if location is None:
        location = _find_level(volume, part_of(progress, 0.0, 0.6))
        store.save_level(study_id, location, state="automatic", actor=actor)
    progress(0.6, "Outlining muscle, psoas and fat")
    segmentation = segment_body(
        volume, location, backend=backend, progress=part_of(progress, 0.6, 0.9)
    )
    progress(0.9, "Measuring")
    result = remeasure(volume, location, segmentation, facts)
    if level_state == "moved":
        store.save_level(study_id, location, state=level_state, actor=actor)
    store.save_segmentation(study_id, segmentation, state="automatic", actor=actor, note=note)
    store.save_measures(study_id, result.to_json(), actor=actor)
    progress(1.0, "Done")


def _find_level(volume: Volume, progress: Progress) -> L3Location:
    from hccsurv_core.roi.spine import locate_l3, manual_location

    if volume.shape[0] == 1:
        return manual_location(volume, 0)
    progress(0.0, "Finding L3")
    return locate_l3(volume, progress=progress)


def refresh_measures(study_id: Any, *, actor: str) -> None:
    """Measure again after the outline or the patient's facts changed."""
    from hccsurv_core.systems.roi_edits import measure_again

    measure_again(open_store(), study_id, actor=actor)


def confirm_level(study_id: Any, *, actor: str) -> None:
    """A person agrees with the level."""
    store = open_store()
    level = store.load_level(study_id)
    if level is not None:
        store.save_level(study_id, level[0], state="confirmed", actor=actor)


def moved_level(
    study_id: Any, *, vertebrae: int = 0, slices: int = 0, to: int | None = None
) -> L3Location:
    """The level moved by vertebrae or slices, or put on slice ``to``.

    Raises:
        InputError: the move leaves the scan.
    """
    from hccsurv_core.roi.spine import manual_location, shift_level

    store = open_store()
    volume = store.load_volume(study_id)
    level = store.load_level(study_id)
    if vertebrae:
        if level is None:
            raise InputError("there is no level to move", remedy="put it on a slice first")
        return shift_level(volume, level[0], vertebrae)
    index = to if to is not None else (level[0].slice_index if level else 0) + slices
    if not 0 <= index < volume.shape[0]:
        raise InputError(
            f"slice {index + 1} is outside the scan of {volume.shape[0]} slices",
            remedy="move the other way",
        )
    return manual_location(volume, index, automatic=level[0] if level else None)


def change_facts(
    patient: PatientRecord, study_id: Any, facts: PatientFacts, *, actor: str, pseudonym: str
) -> None:
    """Save the patient's facts, and measure again with them."""
    store = open_store()
    store.update_patient(
        patient.id, pseudonym=pseudonym, facts=check_patient_facts(facts), actor=actor
    )
    if study_id is not None:
        refresh_measures(study_id, actor=actor)
