"""What the active model says of the study on view: computed when it is asked for, kept by what it rests on.

Two steps are kept apart: the features of the images, which a correction of the outline changes,
and the prediction, which a clinical value changes too. So a new value gives a new prediction at
once, and a new outline in seconds.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hccsurv_core.errors import BundleError, HccsurvError, TableError
from hccsurv_core.progress import Progress
from pages._shared import job_strip, routes
from pages._shared.jobs import Job
from pages._shared.model_store import open_models
from pages._shared.session import Session, session
from pages._shared.views import StudyView, open_store

if TYPE_CHECKING:
    from hccsurv_core.cohort.model_library import ModelEntry
    from hccsurv_core.systems.muscle.case import CasePrediction
    from hccsurv_core.systems.muscle.leading_values import LeadingValue
    from hccsurv_core.systems.muscle.prediction import MuscleModel

#: A prediction that takes no longer needs no strip.
_QUICK_S = 1.0
_SYSTEM = "muscle"


@dataclass(frozen=True, eq=False)
class ImageFeatures:
    """What the images alone tell.

    Args:
        values: name to value.
        n_slices, slice_mm: of the slab that they were taken from.
        seconds: it took.
        warnings: about the slab, what and what to do, parted by a semicolon.
    """

    values: Mapping[str, float]
    n_slices: int
    slice_mm: float
    seconds: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Predicted:
    """A prediction with what it rests on.

    Args:
        case: what the model says.
        entry: the model, as the library has it.
        model: the model itself.
        images: what the images tell.
        record: facts and clinical values that went in.
        leading: by group, the value that weighs most.
        key: of everything that it rests on.
    """

    case: CasePrediction
    entry: ModelEntry
    model: MuscleModel
    images: ImageFeatures
    record: Mapping[str, Any]
    leading: Mapping[str, LeadingValue]
    key: tuple[Any, ...]

    @property
    def simulated(self) -> bool:
        """Whether the model learned from simulated patients."""
        return self.entry.simulated or self.case.model.simulated


@dataclass(frozen=True)
class NotPredicted:
    """Why there is no prediction.

    Args:
        why: "no_model", "model", "case", "begun" (just now), "busy" (other work, or this one, is
            under way) or "cancelled".
        error: what is wrong with the model or the case, and what to do.
        entry: the model, where there is one.
    """

    why: str
    error: HccsurvError | None = None
    entry: ModelEntry | None = None


@dataclass
class PredictionJob(Job):
    """A job that knows where its answer is kept, and which model gives it."""

    key: tuple[Any, ...] = ()
    model: str = ""


def predict_study(view: StudyView) -> Predicted | NotPredicted:
    """The prediction for the study on view; begins the work where it is not done yet.

    Raises:
        StoreError: the model library is damaged.
    """
    state = session()
    entry = open_models().active(_SYSTEM)
    if entry is None:
        return NotPredicted("no_model")
    if entry.problem:
        return NotPredicted("model", HccsurvError(entry.problem, source=entry.name), entry)
    key = prediction_key(view, entry)
    found = state.cache.get(key)
    if found is not None:
        state.cache.move_to_end(key)
        return found
    if state.job is not None and state.job.active:
        return NotPredicted("busy", entry=entry)
    return _begin(state, view, entry, key)


def prediction_key(view: StudyView, entry: ModelEntry) -> tuple[Any, ...]:
    """Everything that a prediction rests on."""
    record = record_of(view)
    return ("prediction", *_images_key(view, entry), tuple(sorted(record.items(), key=str)))


def _images_key(view: StudyView, entry: ModelEntry) -> tuple[Any, ...]:
    return (view.study.id, view.require_outline().revision, view.study.phase, entry.sha256)


def record_of(view: StudyView) -> dict[str, Any]:
    """Facts and clinical values by their names in a cohort table; what is not known is left out."""
    facts = view.patient.facts
    known = {
        "sex": facts.sex,
        "age_years": facts.age_years,
        "height_m": facts.height_m,
        "weight_kg": facts.weight_kg,
    }
    return {name: v for name, v in known.items() if v is not None} | dict(view.clinical_values)


def assumed_values(found: Predicted | None) -> frozenset[str]:
    """Clinical values in whose place the model took a typical one."""
    if found is None:
        return frozenset()
    from hccsurv_core.systems.muscle.clinical_block import CLINICAL_FEATURES, missing_columns

    takes = set(found.model.feature_names)
    used = {column for f in CLINICAL_FEATURES if f.name in takes for column in f.columns}
    return frozenset(missing_columns(found.record)) & used


def _begin(
    state: Session, view: StudyView, entry: ModelEntry, key: tuple[Any, ...]
) -> Predicted | NotPredicted:
    images = state.cache.get(("features", *_images_key(view, entry)))
    job = PredictionJob(
        "Predicting survival",
        lambda progress: _predict(view, entry, images, key, progress),
        kind="predict",
        page=routes.MUSCLE,
        key=key,
        model=entry.name,
    )
    # Only a new prediction for a known image is quick enough to be waited for in any case.
    job_strip.start_job(job, wait_s=_QUICK_S if images is None else 3 * _QUICK_S)
    if job.active:
        return NotPredicted("begun", entry=entry)
    state.job = None
    keep_prediction(state, job)
    return state.cache[key]


def keep_prediction(state: Session, job: PredictionJob) -> None:
    """Remember how a prediction ended, so that it is not begun again by itself."""
    if job.state == "cancelled":
        state.remember(job.key, NotPredicted("cancelled"))
    elif job.state == "failed":
        state.remember(job.key, _refused(job))
    else:
        state.remember(job.key, job.result)
        if isinstance(job.result, Predicted):
            state.remember(("features", *job.key[1:-1]), job.result.images)


def _refused(job: PredictionJob) -> NotPredicted:
    """A feature that the model takes and this version does not make is the model's fault."""
    error = job.error
    if isinstance(error, TableError | BundleError):
        # The model's name says more than the folder that it lies in.
        return NotPredicted(
            "model", HccsurvError(error.what, source=job.model, remedy=error.remedy)
        )
    return NotPredicted("case", error)


def forget_prediction(view: StudyView) -> None:
    """Let it be computed anew."""
    entry = open_models().active(_SYSTEM)
    if entry is not None:
        session().cache.pop(prediction_key(view, entry), None)


def _predict(
    view: StudyView,
    entry: ModelEntry,
    images: ImageFeatures | None,
    key: tuple[Any, ...],
    progress: Progress,
) -> Predicted | NotPredicted:
    """The work itself, in the job's thread."""
    from hccsurv_core.systems.muscle.case import predict_case
    from hccsurv_core.systems.muscle.case_checks import CaseWarning
    from hccsurv_core.systems.muscle.case_features import measure_with_record
    from hccsurv_core.systems.muscle.clinical_block import left_out
    from hccsurv_core.systems.muscle.leading_values import leading_values

    progress(0.02, "Reading the model")
    model = _read_model(entry.id, entry.sha256)
    if images is None:
        images = _image_features(view, model, progress)
    progress(0.95, "Predicting")
    record = record_of(view)
    features = measure_with_record(images.values, record)
    case = predict_case(model, features, left_out=left_out(record))
    told = tuple(CaseWarning("scan", *text.split("; ", 1)) for text in images.warnings)
    case = replace(case, warnings=(*told, *case.warnings))
    leading = leading_values(model, features, case.contributions)
    return Predicted(case, entry, model, images, record, leading, key)


def _image_features(view: StudyView, model: MuscleModel, progress: Progress) -> ImageFeatures:
    from hccsurv_core.systems.muscle.case_features import image_features
    from hccsurv_core.systems.muscle.case_slab import FEWEST_SLICES, slab_from_scan
    from hccsurv_core.systems.muscle.cohort import PRESET
    from hccsurv_core.systems.muscle.feature_groups import is_radiomic

    start = time.perf_counter()
    segmentation = view.require_outline().segmentation
    phase = view.study.phase
    radiomics = any(is_radiomic(name) for name in model.feature_names)
    progress(0.1, "Cutting the slab at L3")
    slab = slab_from_scan(
        open_store().load_volume(view.study.id),
        segmentation.masks,
        slice_index=segmentation.slice_index,
        first_slice=segmentation.first_slice,
        contrast=None if phase is None else phase != "noncontrast",
        fewest=FEWEST_SLICES if radiomics else 1,
    )
    progress(0.25, "Measuring texture" if radiomics else "Measuring the muscle")
    values = image_features(slab, PRESET if radiomics else None)
    seconds = time.perf_counter() - start
    shape, spacing_mm = slab.volume.shape, slab.volume.spacing_mm
    return ImageFeatures(values, shape[0], spacing_mm[0], seconds, slab.warnings)


@lru_cache(maxsize=4)
def _read_model(model_id: str, sha256: str) -> MuscleModel:
    """A model, read once; another one under the same key has another hash."""
    from hccsurv_core.systems.muscle.prediction import MuscleModel

    return MuscleModel.from_bundle(open_models().bundle(model_id))
