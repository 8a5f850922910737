"""From an upload, or a demo patient, to a stored and measured study."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hccsurv_core.errors import CancelledError, InputError
from hccsurv_core.io.records import Inspection
from hccsurv_core.patient import PatientFacts, check_patient_facts
from hccsurv_core.progress import Progress, part_of
from pages._shared import routes, upload_clips
from pages._shared.measuring import measure_study
from pages._shared.session import UploadDraft
from pages._shared.views import load_view, open_store

if TYPE_CHECKING:
    from hccsurv_core.io.intake import Upload


@dataclass(frozen=True)
class Imported:
    """A study that was stored.

    Args:
        study_id: which.
        page: where to go now.
        problem: why it could not be measured by itself, if it could not.
        told: what was done, for the message.
    """

    study_id: Any
    page: str
    problem: InputError | None = None
    told: str = "Read, stored and measured"


def _open_upload(draft: UploadDraft) -> Upload:
    """The draft's upload; opened anew where a cancelled job has closed it."""
    from hccsurv_core.io.intake import Upload

    if draft.upload is None or not draft.upload.workspace.is_dir():
        arrived = sorted((draft.folder / "files").iterdir())
        workspace = draft.folder / "work"
        draft.upload = Upload(arrived, workspace=workspace, progress=draft.relay, chest=True)
    return draft.upload


def inspect_upload(draft: UploadDraft, progress: Progress) -> None:
    """Unpack and list what was uploaded; fills ``draft.inspection`` and ``draft.clips``.

    Where there is no CT, the first clip is read, too: then it is there to be looked at.

    Raises:
        InputError: the only file of the upload is neither a scan nor ultrasound, or is damaged.
    """
    draft.relay.listener = part_of(progress, 0.0, 0.4)
    no_scan: InputError | None = None
    try:
        draft.inspection = _open_upload(draft).inspect()
    except InputError as error:
        no_scan = error
    if no_scan is None and not upload_clips.may_hold_clips(draft.inspection):
        return
    try:
        draft.clips = upload_clips.find_clips(draft, part_of(progress, 0.4, 0.6))
    except InputError:
        # What is wrong with the files was told when they were looked through for CT.
        draft.clips = ()
    usable = upload_clips.usable_clips(draft)
    if no_scan is not None:
        if not usable:
            raise no_scan
        draft.inspection = Inspection((), (), None)
    if usable and draft.inspection.preselected is None:
        upload_clips.look_at(draft, usable[0].name, progress=part_of(progress, 0.6, 1.0))


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
        store.save_clinical_values(patient.id, demo.clinical_values(), actor=actor, can_undo=False)
        study = store.add_study(
            patient.id,
            scan.volume,
            modality="CT",
            study_date=demo.study_date,
            description=demo.title,
            phase=demo.anatomy.phase,
            warnings=(),
            simulated=True,
            actor=actor,
        )
        return _measure_imported(study.id, "classical", actor, part_of(progress, 0.4, 1.0))
    except BaseException:
        store.delete_patient(patient.id, actor=actor)
        raise
