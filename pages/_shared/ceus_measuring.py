"""What is measured on the clip on view: begun when lesion and settings are there, kept by what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hccsurv_core.errors import HccsurvError, InputError
from hccsurv_core.progress import Progress, part_of
from pages._shared import job_strip, routes
from pages._shared.jobs import Job
from pages._shared.model_store import open_models
from pages._shared.session import Session, session
from pages._shared.views import StudyView, open_store

if TYPE_CHECKING:
    from hccsurv_core.cohort.clips import StoredClip
    from hccsurv_core.cohort.model_library import ModelEntry
    from hccsurv_core.features.perfusion.examination import Perfusion
    from hccsurv_core.systems.ceus.clip_case import OutlinedClip
    from hccsurv_core.systems.ceus.image_features import Stills
    from hccsurv_core.systems.ceus.model import CeusModel

SYSTEM = "ceus"
#: A measurement that takes no longer needs no strip.
_QUICK_S = 1.5
#: Of the progress, what the curves take.
_CURVES = 0.7


@dataclass(frozen=True, eq=False)
class MeasuredClip:
    """What a clip tells.

    Args:
        perfusion: curves and what follows from them.
        stills: at the peak frame, as the models take them; None where there are none.
        image_values: what the active model takes of them; None where it takes nothing or nothing
            could be measured.
        problem: why the pictures could not be measured.
    """

    perfusion: Perfusion
    stills: Stills | None = None
    image_values: Mapping[str, float] | None = None
    problem: InputError | None = None


@dataclass(frozen=True)
class NotMeasured:
    """Why there are no curves.

    Args:
        why: "outline" (nothing is drawn), "still" (one frame), "begun", "busy", "cancelled" or
            "failed".
        error: what is wrong, and what to do.
    """

    why: str
    error: HccsurvError | None = None

    @property
    def running(self) -> bool:
        """Whether they will be there in a while."""
        return self.why in ("begun", "busy")


@dataclass
class ClipJob(Job):
    """A job that knows where its answer is kept."""

    key: tuple[Any, ...] = ()


def active_model() -> tuple[ModelEntry, CeusModel] | HccsurvError | None:
    """The active model of system 3; what is wrong with it; None where none is active."""
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
def _read_model(model_id: str, sha256: str) -> CeusModel:
    """A model, read once; another one under the same key has another hash."""
    from hccsurv_core.systems.ceus.model import CeusModel

    return CeusModel.from_bundle(open_models().bundle(model_id))


def outlines_of(view: StudyView, stored: StoredClip) -> tuple[OutlinedClip, int]:
    """Lesion and reference as drawn, and the revision of the regions."""
    from hccsurv_core.systems.ceus.clip_case import outlined_clip

    regions = open_store().load_regions(view.study.id)
    return outlined_clip(regions.regions, view.study.shape), regions.revision


def measure_clip(
    view: StudyView, stored: StoredClip, model: CeusModel | None
) -> MeasuredClip | NotMeasured:
    """The measurement of the clip on view; begins the work where it is not done yet."""
    state = session()
    outlined, revision = outlines_of(view, stored)
    if len(stored.clip) < 2:
        return NotMeasured("still")
    if outlined.lesion is None:
        return NotMeasured("outline")
    key = (
        "clip", view.study.id, revision, stored.revision, None if model is None else model.sha256
    )  # fmt: skip
    found = state.cache.get(key)
    if found is not None:
        state.cache.move_to_end(key)
        return found
    if state.job is not None and state.job.active:
        return NotMeasured("busy")
    return _begin(state, outlined, stored, model, key)


def forget_measurement(view: StudyView) -> None:
    """Let it be measured anew."""
    state = session()
    for key in [k for k in state.cache if k[:2] == ("clip", view.study.id)]:
        state.cache.pop(key)


def _begin(
    state: Session,
    outlined: OutlinedClip,
    stored: StoredClip,
    model: CeusModel | None,
    key: tuple[Any, ...],
) -> MeasuredClip | NotMeasured:
    job = ClipJob(
        "Measuring the clip",
        lambda progress: _measure(outlined, stored, model, progress),
        kind="clip",
        page=routes.CEUS,
        key=key,
    )
    job_strip.start_job(job, wait_s=_QUICK_S)
    if job.active:
        return NotMeasured("begun")
    state.job = None
    keep_clip(state, job)
    return state.cache[key]


def keep_clip(state: Session, job: ClipJob) -> None:
    """Remember how a measurement ended, so that it is not begun again by itself."""
    if job.state == "cancelled":
        state.remember(job.key, NotMeasured("cancelled"))
    elif job.state == "failed":
        state.remember(job.key, NotMeasured("failed", job.error))
    else:
        state.remember(job.key, job.result)


def _measure(
    outlined: OutlinedClip, stored: StoredClip, model: CeusModel | None, progress: Progress
) -> MeasuredClip:
    """The work itself, in the job's thread."""
    from hccsurv_core.features.perfusion.examination import measure_perfusion

    if outlined.lesion is None or outlined.frame is None:
        raise InputError("no lesion is outlined", source="clip", remedy="draw it on the clip")
    panels = stored.panels if stored.panels.contrast is not None else stored.panels.swapped()
    perfusion = measure_perfusion(
        stored.clip, panels, outlined.lesion, outlined.frame,
        reference=outlined.reference, dynamic_range_db=stored.dynamic_range_db,
        injection_s=stored.injection_s, exclude=stored.excluded, peak_frame=stored.peak_frame, ignore=stored.marks,
        progress=part_of(progress, 0.0, _CURVES),
    )  # fmt: skip
    if outlined.reference is None:
        return MeasuredClip(perfusion)
    return _with_pictures(perfusion, outlined, stored, model, part_of(progress, _CURVES, 1.0))


def _with_pictures(
    perfusion: Perfusion,
    outlined: OutlinedClip,
    stored: StoredClip,
    model: CeusModel | None,
    progress: Progress,
) -> MeasuredClip:
    from hccsurv_core.systems.ceus.clip_case import stills_of_clip

    try:
        stills = stills_of_clip(
            stored.clip, stored.panels, outlined.lesion, outlined.reference,  # type: ignore[arg-type]
            perfusion, dynamic_range_db=stored.dynamic_range_db,
        )  # fmt: skip
        if model is None or not model.image_names:
            return MeasuredClip(perfusion, stills)
        progress(0.1, "Measuring the pictures at the peak")
        return MeasuredClip(perfusion, stills, model.measure(stills))
    except InputError as error:
        # The curves stand all the same; the models answer from clinical values.
        return MeasuredClip(perfusion, problem=error)
