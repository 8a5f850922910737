"""What the active model of system 2 says of the patient on view: asked at once, kept by what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import streamlit as st

from hccsurv_core.errors import HccsurvError, InputError
from pages._shared.model_store import open_models
from pages._shared.session import session
from pages._shared.views import StudyView, open_store

if TYPE_CHECKING:
    from hccsurv_core.cohort.model_library import ModelEntry
    from hccsurv_core.systems.patient_profile import Profile
    from hccsurv_core.systems.treatment.model import TreatmentAnswer, TreatmentModel
    from hccsurv_core.systems.treatment.stored_patient import OutlinedScan

SYSTEM = "treatment"


@dataclass(frozen=True, eq=False)
class LesionSigns:
    """What images tell, or why they tell nothing.

    Args:
        values: covariate → value; None where nothing could be measured.
        scan: which scans were looked at.
        problem: why nothing could be measured though lesion and liver are outlined.
        warnings: of the measurement.
    """

    values: Mapping[str, float] | None
    scan: OutlinedScan
    problem: HccsurvError | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Answered:
    """An answer with what it rests on.

    Args:
        answer: what the model says.
        model, entry: the model, and as the library has it.
        profile: record and scores.
        signs: what the images tell; None where the model does not look at images.
    """

    answer: TreatmentAnswer
    model: TreatmentModel
    entry: ModelEntry
    profile: Profile
    signs: LesionSigns | None

    @property
    def simulated(self) -> bool:
        """Whether the model learned from simulated patients."""
        return self.entry.simulated or self.model.simulated

    @property
    def image_values(self) -> Mapping[str, float] | None:
        """What the images tell, as the model takes it."""
        return None if self.signs is None else self.signs.values

    @property
    def training_arms(self) -> Mapping[str, Any]:
        """By treatment: number and deaths of the patients it was learned from."""
        return self.model.description["training"]["arms"]


@dataclass(frozen=True)
class NotAnswered:
    """Why there is no answer.

    Args:
        why: "no_model", "model" (it cannot be used) or "case" (a value is not possible).
        error: what is wrong, and what to do.
    """

    why: str
    error: HccsurvError | None = None


def answer_patient(view: StudyView) -> Answered | NotAnswered:
    """The answer for the patient on view.

    Raises:
        StoreError: the model library or an outline's file is damaged.
    """
    from hccsurv_core.systems.patient_profile import profile_of
    from hccsurv_core.systems.treatment.stored_patient import record_of_patient

    entry = open_models().active(SYSTEM)
    if entry is None:
        return NotAnswered("no_model")
    if entry.problem:
        return NotAnswered("model", HccsurvError(entry.problem, source=entry.name))
    try:
        model = read_model(entry.id, entry.sha256)
    except HccsurvError as error:
        return NotAnswered("model", error)
    signs = _lesion_signs(view, model) if model.image_names else None
    try:
        profile = profile_of(record_of_patient(view.patient.facts, view.clinical_values))
        answer = model.answer(profile, None if signs is None else signs.values)
    except InputError as error:
        return NotAnswered("case", error)
    return Answered(answer, model, entry, profile, signs)


@lru_cache(maxsize=4)
def read_model(model_id: str, sha256: str) -> TreatmentModel:
    """A model, read once; another one under the same key has another hash."""
    from hccsurv_core.systems.treatment.model import TreatmentModel

    return TreatmentModel.from_bundle(open_models().bundle(model_id))


def _lesion_signs(view: StudyView, model: TreatmentModel) -> LesionSigns:
    """Measured once for each pair of outlines and each model."""
    from hccsurv_core.systems.treatment.stored_patient import find_outlines

    store, state = open_store(), session()
    scan = find_outlines(view.studies, store.load_regions)
    if not scan.complete:
        return LesionSigns(None, scan)
    key = ("lesion signs", model.sha256, *scan.key)
    if key not in state.cache:
        with st.spinner("Measuring the lesion on both phases"):
            state.remember(key, _measure(scan, model))
    return state.cache[key]


def _measure(scan: OutlinedScan, model: TreatmentModel) -> LesionSigns:
    from hccsurv_core.systems.treatment.stored_patient import lesion_phases

    try:
        values, warnings = model.measure(lesion_phases(scan, open_store().load_volume))
    except InputError as error:
        return LesionSigns(None, scan, error)
    return LesionSigns(values, scan, warnings=warnings)
