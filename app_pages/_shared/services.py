"""What the pages ask of the core: open, import, measure, correct. No widget is drawn here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from app_pages._shared import routes
from app_pages._shared.session import UploadDraft, session
from hccsurv_core.errors import CancelledError, InputError
from hccsurv_core.patient import PatientFacts, check_patient_facts
from hccsurv_core.progress import Progress, part_of, silent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hccsurv_core.cohort.records import (
        PatientRecord,
        StoredLevel,
        StoredSegmentation,
        StudyRecord,
    )
    from hccsurv_core.cohort.store import PatientStore
    from hccsurv_core.features.body import BodyMeasures, DefinitionResult
    from hccsurv_core.io.intake import Upload
    from hccsurv_core.roi.results import L3Location
    from hccsurv_core.volume import Volume

#: Below this the page asks a person to confirm the level before it shows a verdict.
CONFIDENT = 0.8


@st.cache_resource(show_spinner=False)
def open_store() -> PatientStore:
    """The one patient store of this server."""
    from hccsurv_core.cohort.store import PatientStore

    return PatientStore()


# --- what is on view ------------------------------------------------------------------------


@dataclass(frozen=True)
class StudyView:
    """A study with everything the pages show of it.

    Args:
        patient, study, studies: who, which scan, and the patient's other scans (newest first).
        level: the L3 level, or None.
        outline: the current revision of the outlines, or None.
        measures: what was stored with that revision, or None.
    """

    patient: PatientRecord
    study: StudyRecord
    studies: tuple[StudyRecord, ...]
    level: StoredLevel | None
    outline: StoredSegmentation | None
    measures: Mapping[str, Any] | None

    @property
    def simulated(self) -> bool:
        """True for demo patients and demo scans."""
        return self.patient.simulated or self.study.simulated

    @property
    def body_measures(self) -> BodyMeasures | None:
        """The measures with the patient's height as it is now."""
        from hccsurv_core.features.body import BodyMeasures

        if self.measures is None:
            return None
        known = self.measures["measures"]
        return BodyMeasures(
            sma_cm2=known.get("sma_cm2"),
            pma_cm2=known.get("pma_cm2"),
            pd_hu=known.get("pd_hu"),
            ma_hu=known.get("ma_hu"),
            height_m=self.patient.facts.height_m,
        )

    @property
    def definitions(self) -> tuple[DefinitionResult, ...]:
        """The five definitions with the patient's sex and height as they are now."""
        from hccsurv_core.features.body import apply_definitions

        measures = self.body_measures
        return () if measures is None else apply_definitions(measures, self.patient.facts.sex)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Everything to check: of the scan, the level, the outline and the numbers, each once."""
        found: list[str] = [*self.study.warnings]
        # A level that a person confirmed or gave leaves no doubt of ours.
        if self.level is not None and self.level.state == "automatic":
            if self.level_needs_a_look:
                found.append(
                    f"The level is uncertain ({self.level.location.confidence:.0%} that this is "
                    "L3): confirm it on the scan page, or move it."
                )
            found += self.level_reasons
        if self.outline is not None:
            found += self.outline.segmentation.warnings
        return tuple(dict.fromkeys(found))

    @property
    def areas_cm2(self) -> Mapping[str, float]:
        """Area of each structure on the measured slice, cm²."""
        return {} if self.measures is None else self.measures.get("areas_cm2", {})

    @property
    def level_needs_a_look(self) -> bool:
        """True while the level is automatic and its evidence is thin."""
        if self.level is None:
            return True
        location, state, *_ = self.level
        return state == "automatic" and location.confidence < CONFIDENT

    @property
    def level_reasons(self) -> tuple[str, ...]:
        """Why the level may be wrong; the bare statement that it is uncertain is left out."""
        if self.level is None:
            return ()
        return tuple(w for w in self.level.location.warnings if "uncertain" not in w)

    @property
    def edited(self) -> bool:
        """True where a person changed the outline."""
        return self.outline is not None and self.outline.state == "edited"


def load_view(study_id: Any) -> StudyView:
    """Everything the pages show of a study.

    Raises:
        NotFoundError: the study is gone.
    """
    store = open_store()
    study = store.get_study(study_id)
    outline = store.load_segmentation(study_id)
    return StudyView(
        patient=store.get_patient(study.patient_id),
        study=study,
        studies=tuple(store.studies(study.patient_id)),
        level=store.load_level(study_id),
        outline=outline,
        measures=store.load_measures(study_id) if outline is not None else None,
    )


# --- measuring ------------------------------------------------------------------------------


def measure_study(
    study_id: Any,
    *,
    location: L3Location | None = None,
    level_state: str = "automatic",
    backend: str = "classical",
    actor: str,
    progress: Progress = silent,
) -> None:
    """Find the level (unless given), outline, measure, and store all three.

    A scan of one slice is taken as L3, as the user's own choice of slice.

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
    store.save_segmentation(study_id, segmentation, state="automatic", actor=actor)
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
    from hccsurv_core.systems.sarcopenia import remeasure

    store = open_store()
    level, outline = store.load_level(study_id), store.load_segmentation(study_id)
    if level is None or outline is None:
        return
    facts = store.get_patient(store.get_study(study_id).patient_id).facts
    volume = store.load_volume(study_id)
    result = remeasure(volume, level[0], outline.segmentation, facts)
    store.save_measures(study_id, result.to_json(), actor=actor)


# --- importing ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Imported:
    """A study that was stored.

    Args:
        study_id: which.
        page: where to go now.
        problem: why it could not be measured by itself, if it could not.
        seconds: from the click to the numbers.
    """

    study_id: Any
    page: str
    problem: InputError | None = None


def _open_upload(draft: UploadDraft) -> Upload:
    """The draft's upload; opened anew where a cancelled job has closed it."""
    from hccsurv_core.io.intake import Upload

    if draft.upload is None or not draft.upload.workspace.is_dir():
        arrived = sorted((draft.folder / "files").iterdir())
        workspace = draft.folder / "work"
        draft.upload = Upload(arrived, workspace=workspace, progress=draft.relay)
    return draft.upload


def inspect_upload(draft: UploadDraft, progress: Progress) -> None:
    """Unpack and list what was uploaded; fills ``draft.inspection``."""
    draft.relay.listener = progress
    draft.inspection = _open_upload(draft).inspect()


@dataclass(frozen=True)
class ImportWish:
    """What the user asked for on the upload page.

    Args:
        key: the chosen series.
        patient_id: an existing patient, or None for a new one.
        pseudonym: for a new patient; None = one is given.
        facts: sex, age, height, weight.
    """

    key: str
    patient_id: Any | None
    pseudonym: str | None
    facts: PatientFacts


def import_series(
    draft: UploadDraft, wish: ImportWish, *, backend: str, actor: str, progress: Progress
) -> Imported:
    """Read, de-identify, store and measure one series of an upload.

    A cancelled or failed import leaves nothing behind; a series that is stored but cannot be
    measured by itself is kept, with the reason.
    """
    from hccsurv_core.cohort.keep import keep_scan

    store = open_store()
    check_patient_facts(wish.facts)
    draft.relay.listener = part_of(progress, 0.0, 0.35)
    scan = _open_upload(draft).load(wish.key)
    # What can be measured is CT, whatever file it came in; facts are as the user left them.
    modality = "CT" if scan.series.modality == "NIFTI" else scan.series.modality
    scan = replace(scan, patient=wish.facts, series=replace(scan.series, modality=modality))
    kept = keep_scan(
        store,
        scan,
        patient_id=wish.patient_id,
        pseudonym=wish.pseudonym,
        actor=actor,
        progress=part_of(progress, 0.35, 0.55),
    )
    try:
        if wish.patient_id is not None:
            store.update_patient(wish.patient_id, facts=wish.facts, actor=actor)
        return _measure_imported(kept.study.id, backend, actor, part_of(progress, 0.55, 1.0))
    except BaseException:
        # Also on cancel: nothing half-done stays in the worklist.
        store.delete_study(kept.study.id, actor=actor)
        if wish.patient_id is None:
            store.delete_patient(kept.patient.id, actor=actor)
        raise


def _measure_imported(study_id: Any, backend: str, actor: str, progress: Progress) -> Imported:
    try:
        measure_study(study_id, backend=backend, actor=actor, progress=progress)
    except CancelledError:
        raise
    except InputError as problem:
        return Imported(study_id, routes.SCAN, problem)
    view = load_view(study_id)
    return Imported(study_id, routes.SCAN if view.level_needs_a_look else routes.MUSCLE)


def open_demo(key: str, *, actor: str, progress: Progress) -> Imported:
    """Open a demo patient; the first time it is simulated, stored and measured."""
    from hccsurv_core.simulate.demo_patients import DEMO_PATIENTS, build_demo_patient

    store = open_store()
    number, demo = next((n, p) for n, p in enumerate(DEMO_PATIENTS, 1) if p.key == key)
    pseudonym = f"DEMO-{number}"
    for row in store.list_patients(pseudonym):
        if row.patient.simulated and row.patient.pseudonym == pseudonym and row.latest_study:
            return Imported(row.latest_study.id, routes.MUSCLE)
    progress(0.02, "Simulating the scan")
    scan = build_demo_patient(key, part_of(progress, 0.02, 0.35))
    progress(0.35, "Storing the scan")
    patient = store.add_patient(pseudonym, demo.facts, simulated=True, actor=actor)
    try:
        study = store.add_study(
            patient.id,
            scan.volume,
            modality="CT",
            study_date=demo.study_date,
            description=demo.title,
            phase=None,
            warnings=(),
            simulated=True,
            actor=actor,
        )
        return _measure_imported(study.id, "classical", actor, part_of(progress, 0.4, 1.0))
    except BaseException:
        store.delete_patient(patient.id, actor=actor)
        raise


# --- changing -------------------------------------------------------------------------------


def confirm_level(study_id: Any, *, actor: str) -> None:
    """A person agrees with the level."""
    store = open_store()
    level = store.load_level(study_id)
    if level is not None:
        store.save_level(study_id, level[0], state="confirmed", actor=actor)


def moved_level(study_id: Any, *, vertebrae: int = 0, slices: int = 0, to: int | None = None):
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


def lasso_region(selection: Mapping[str, Any], shape: tuple[int, int]) -> NDArray | None:
    """Pixels inside what was drawn on the axial picture (lassos and boxes), or None."""
    import numpy as np

    from hccsurv_core.roi.editing import polygon_mask

    region = np.zeros(shape, dtype=bool)
    for lasso in selection.get("lasso", ()):
        region |= polygon_mask(lasso["y"], lasso["x"], shape)
    for box in selection.get("box", ()):
        (x0, x1), (y0, y1) = box["x"], box["y"]
        region |= polygon_mask((y0, y0, y1, y1), (x0, x1, x1, x0), shape)
    return region if selection.get("lasso") or selection.get("box") else None


def correct_outline(
    study_id: Any, structure: str, region: NDArray, *, action: str, slice_index: int, actor: str
):
    """Apply a drawn correction as a new revision, and measure again."""
    from hccsurv_core.roi.editing import edit_structure

    store = open_store()
    outline = store.load_segmentation(study_id)
    if outline is None:
        raise InputError("there is no outline to correct", remedy="set the level first")
    outcome = edit_structure(
        outline.segmentation,
        store.load_volume(study_id),
        structure,
        region,
        action=action,
        slice_index=slice_index,
    )
    words = structure.replace("_", " ")
    note = (
        f"{'added to' if action == 'add' else 'removed from'} {words}: {outcome.n_changed} pixels"
    )
    store.save_segmentation(study_id, outcome.segmentation, state="edited", actor=actor, note=note)
    refresh_measures(study_id, actor=actor)
    return outcome


def undo_correction(study_id: Any, *, actor: str) -> None:
    """Go back one revision, and measure again."""
    open_store().undo_segmentation(study_id, actor=actor)
    refresh_measures(study_id, actor=actor)


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


# --- taking away ----------------------------------------------------------------------------


def volume_of(study_id: Any) -> Volume:
    """The study's volume, memory-mapped; kept open while the study is on view."""
    state = session()
    key = ("volume", study_id)
    if key not in state.cache:
        state.remember(key, open_store().load_volume(study_id))
    return state.cache[key]


def view_box(study_id: Any) -> tuple[float, float, float, float]:
    """Where the body lies in the axial pictures of a study."""
    from hccsurv_core.report.figures.ct_screen import body_box

    state = session()
    key = ("box", study_id)
    if key not in state.cache:
        state.remember(key, body_box(volume_of(study_id)))
    return state.cache[key]
