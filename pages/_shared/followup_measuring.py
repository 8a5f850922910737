"""What is measured on both scans of the patient on view: begun by itself, kept by what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hccsurv_core.errors import HccsurvError
from hccsurv_core.progress import Progress, part_of
from pages._shared import job_strip, routes
from pages._shared.jobs import Job
from pages._shared.model_store import open_models
from pages._shared.session import Session, session
from pages._shared.views import StudyView, open_store

if TYPE_CHECKING:
    from hccsurv_core.cohort.followup_readings import FollowupReading, StoredReading
    from hccsurv_core.cohort.model_library import ModelEntry
    from hccsurv_core.systems.immunotherapy.examinations import Examinations
    from hccsurv_core.systems.immunotherapy.model import ImmunotherapyModel
    from hccsurv_core.systems.immunotherapy.stored_outlines import OutlinedStudy
    from hccsurv_core.systems.immunotherapy.stored_patient import FollowedPatient

SYSTEM = "immunotherapy"
#: Work that takes no longer needs no strip.
_QUICK_S = 2.0
#: Of the progress, what outlining the organs takes.
_ORGANS = 0.7


@dataclass(frozen=True, eq=False)
class Measured:
    """Both scans, measured.

    Args:
        patient: slices, lesions, volumes.
        outlines: scan's key → what was outlined in it.
        stored: what a person said.
        key: of all that it rests on.
    """

    patient: FollowedPatient
    outlines: Mapping[str, OutlinedStudy]
    stored: StoredReading
    key: tuple[Any, ...]


@dataclass(frozen=True)
class NotMeasured:
    """Why there is nothing measured.

    Args:
        why: "begun", "busy", "cancelled" or "failed".
        error: what is wrong, and what to do.
    """

    why: str
    error: HccsurvError | None = None

    @property
    def running(self) -> bool:
        """Whether it will be there in a while."""
        return self.why in ("begun", "busy")


@dataclass
class FollowupJob(Job):
    """A job that knows where its answer is kept; the work tells a better place when it has ended."""

    key: tuple[Any, ...] = ()


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be measured.

    Args:
        patient_id, stored, examinations: whose, what was said, which scans.
        outlines: as they are now.
        lacking: scan's key → organs that nobody outlined.
    """

    patient_id: Any
    stored: StoredReading
    examinations: Examinations
    outlines: Mapping[str, OutlinedStudy]
    lacking: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def active_model() -> tuple[ModelEntry, ImmunotherapyModel] | HccsurvError | None:
    """The active model of system 4; what is wrong with it; None where none is active."""
    entry = open_models().active(SYSTEM)
    if entry is None:
        return None
    if entry.problem:
        return HccsurvError(entry.problem, source=entry.name)
    try:
        return entry, _read_model(entry.id, entry.sha256)
    except HccsurvError as error:
        return error


@lru_cache(maxsize=4)
def _read_model(model_id: str, sha256: str) -> ImmunotherapyModel:
    """A model, read once; another one under the same key has another hash."""
    from hccsurv_core.systems.immunotherapy.model import ImmunotherapyModel

    return ImmunotherapyModel.from_bundle(open_models().bundle(model_id))


def task_of(view: StudyView) -> Task:
    """What there is to measure of the patient on view.

    Raises:
        InputError: no CT shows the liver, or a choice of scans is not possible.
    """
    from hccsurv_core.systems.immunotherapy.examinations import find_examinations
    from hccsurv_core.systems.immunotherapy.stored_outlines import read_outlines

    store = open_store()
    stored = store.load_followup_reading(view.patient.id)
    scans = [study for study in view.studies if study.modality == "CT"]
    drawn = {study.id: store.load_regions(study.id) for study in scans}
    names = {key: [r.name for r in found.regions if r.n_voxels] for key, found in drawn.items()}
    known = {s.id for s in scans}
    # A scan that was chosen and is deleted now is chosen no longer.
    chosen = {r: s for r, s in stored.reading.studies.items() if s is None or s in known}
    examinations = find_examinations(scans, names, chosen)
    outlines = {s.id: read_outlines(s.id, drawn[s.id]) for s in examinations.scans()}
    return Task(view.patient.id, stored, examinations, outlines, _lacking(examinations, outlines))


def _lacking(
    examinations: Examinations, outlines: Mapping[str, OutlinedStudy]
) -> dict[str, tuple[str, ...]]:
    """Organs that are to be outlined by the program, and were not looked for before."""
    seen = session().cache.get(_LOOKED, frozenset())
    found: dict[str, tuple[str, ...]] = {}
    for role, study in examinations.studies.items():
        organ = role.split("_")[1]
        if organ not in outlines[study.id].organs and (study.id, organ) not in seen:
            found[study.id] = (*found.get(study.id, ()), organ)
    return found


#: Under it the session keeps in which scans an organ was looked for and is not in view.
_LOOKED = ("followup organs",)


def measure_followup(task: Task) -> Measured | NotMeasured:
    """The measurement; begins the work where it is not done yet."""
    state, key = session(), _key_of(task)
    found = state.cache.get(key)
    if found is not None:
        state.cache.move_to_end(key)
        # Typed diameters and new lesions are no part of what is measured.
        return replace(found, stored=task.stored) if isinstance(found, Measured) else found
    if state.job is not None and state.job.active:
        return NotMeasured("busy")
    return _begin(state, task, key)


def forget_measurement() -> None:
    """Let it be measured anew."""
    state = session()
    for key in [k for k in state.cache if k[0] in ("followup", _LOOKED[0])]:
        state.cache.pop(key)


def _key_of(task: Task) -> tuple[Any, ...]:
    said = task.stored.reading
    return (
        "followup", task.patient_id,
        tuple((role, s.id, task.outlines[s.id].revision) for role, s in task.examinations.studies.items()),
        tuple(sorted(said.slices.items())), said.all_gone, tuple(sorted(task.lacking)),
    )  # fmt: skip


def _begin(state: Session, task: Task, key: tuple[Any, ...]) -> Measured | NotMeasured:
    scans = _prepared(state, task)
    actor, backend = state.actor, state.backend
    job = FollowupJob(
        "Measuring both scans" if task.examinations.has_followup else "Measuring the scan",
        lambda progress: _measure(task, scans, actor, backend, progress),
        kind="followup",
        page=routes.FOLLOWUP,
        key=key,
    )
    job_strip.start_job(job, wait_s=_QUICK_S)
    if job.active:
        return NotMeasured("begun")
    state.job = None
    keep_followup(state, job)
    return state.cache.get(job.key) or NotMeasured("begun")


def _prepared(state: Session, task: Task) -> Any:
    """Scans that were prepared before, of the same outlines: another slice needs no new ones."""
    for found in state.cache.values():
        if isinstance(found, Measured) and not task.lacking:
            same = {s: o.revision for s, o in found.outlines.items()}
            if same == {s: o.revision for s, o in task.outlines.items()}:
                return found.patient.scans
    return None


def keep_followup(state: Session, job: FollowupJob) -> None:
    """Remember how a measurement ended, so that it is not begun again by itself."""
    if job.state == "cancelled":
        state.remember(job.key, NotMeasured("cancelled"))
    elif job.state == "failed":
        state.remember(job.key, NotMeasured("failed", job.error))
    else:
        measured, missing = job.result
        if missing:
            state.remember(_LOOKED, state.cache.get(_LOOKED, frozenset()) | missing)
        job.key = measured.key
        state.remember(measured.key, measured)


def _measure(
    task: Task, scans: Any, actor: str, backend: str, progress: Progress
) -> tuple[Measured, frozenset[tuple[str, str]]]:
    """The work itself, in the job's thread: the measurement, and organs that are not in view."""
    from hccsurv_core.systems.immunotherapy.stored_patient import build_patient

    share = _ORGANS if task.lacking else 0.0
    outlines, missing = _outline_organs(task, actor, backend, part_of(progress, 0.0, share))
    done = replace(task, outlines=outlines, lacking={})
    patient = build_patient(
        task.examinations, outlines, open_store().load_volume, task.stored.reading,
        scans=scans, progress=part_of(progress, share, 1.0),
    )  # fmt: skip
    return Measured(patient, outlines, task.stored, _key_of(done)), missing


def _outline_organs(
    task: Task, actor: str, backend: str, progress: Progress
) -> tuple[dict[str, OutlinedStudy], frozenset[tuple[str, str]]]:
    """Outline what nobody outlined, and store it as a region that a person can correct."""
    from hccsurv_core.systems.immunotherapy.stored_outlines import (
        ORGAN_TITLES,
        outline_organ,
        read_outlines,
    )
    from hccsurv_core.systems.roi_edits import study_lock

    store, outlines = open_store(), dict(task.outlines)
    wanted = [(study, organ) for study, organs in task.lacking.items() for organ in organs]
    missing = set()
    for k, (study, organ) in enumerate(wanted):
        part = part_of(progress, k / len(wanted), (k + 1) / len(wanted))
        title = ORGAN_TITLES[organ].lower()
        part(0.0, f"outlining the {title}, {k + 1} of {len(wanted)}")
        region, _ = outline_organ(organ, store.load_volume(study), part, backend=backend)
        if region is None:
            missing.add((study, organ))
            continue
        with study_lock(study):
            kept = store.load_regions(study).regions
            if not any(r.id == region.id for r in kept):
                note = f"{title} outlined automatically"
                store.save_regions(study, (*kept, region), actor=actor, note=note)
        outlines[study] = read_outlines(study, store.load_regions(study))
    return outlines, frozenset(missing)


def image_values(
    measured: Measured, model: ImmunotherapyModel, reading: FollowupReading
) -> Mapping[str, float]:
    """What the model takes of the scans; measured once for each model.

    Raises:
        InputError: no lesion is outlined at baseline, or the scans cannot be measured.
    """
    state = session()
    key = ("followup values", model.sha256, reading.new_lesion, *measured.key)
    if key not in state.cache:
        state.remember(key, model.measure(measured.patient.scanned(reading.new_lesion)))
    return state.cache[key]
