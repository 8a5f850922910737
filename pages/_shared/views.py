"""What the pages show of a study: one value with the patient, level, outline and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from hccsurv_core.errors import InputError
from pages._shared import formats
from pages._shared.session import session

if TYPE_CHECKING:
    from hccsurv_core.cohort.records import (
        PatientRecord,
        StoredClinicalValues,
        StoredLevel,
        StoredSegmentation,
        StudyRecord,
    )
    from hccsurv_core.cohort.store import PatientStore
    from hccsurv_core.features.body import BodyMeasures, DefinitionResult
    from hccsurv_core.volume import Volume


@st.cache_resource(show_spinner=False)
def open_store() -> PatientStore:
    """The one patient store of this server."""
    from hccsurv_core.cohort.store import PatientStore

    return PatientStore()


@dataclass(frozen=True)
class StudyView:
    """A study with everything the pages show of it.

    Args:
        patient, study, studies: who, which scan, and the patient's other scans (newest first).
        level: the L3 level, or None.
        outline: the current revision of the outlines, or None.
        measures: what was stored with that revision, or None.
        clinical: laboratory values and staging, or None where nothing was ever entered.
    """

    patient: PatientRecord
    study: StudyRecord
    studies: tuple[StudyRecord, ...]
    level: StoredLevel | None
    outline: StoredSegmentation | None
    measures: Mapping[str, Any] | None
    clinical: StoredClinicalValues | None = None

    @property
    def simulated(self) -> bool:
        """True for demo patients and demo scans."""
        return self.patient.simulated or self.study.simulated

    @property
    def is_clip(self) -> bool:
        """True for ultrasound: frames in time, no slices of a body."""
        return self.study.modality == "US"

    def require_level(self) -> StoredLevel:
        """The level.

        Raises:
            InputError: there is none yet.
        """
        if self.level is None:
            raise InputError("there is no L3 level yet", remedy="set it on the scan page")
        return self.level

    def require_outline(self) -> StoredSegmentation:
        """The outlines.

        Raises:
            InputError: there are none yet.
        """
        if self.outline is None:
            raise InputError("there is no outline yet", remedy="set the level on the scan page")
        return self.outline

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
            found += self.level.location.warnings
        if self.outline is not None:
            found += self.outline.segmentation.warnings
        return tuple(dict.fromkeys(formats.sentence(text) for text in found))

    @property
    def clinical_values(self) -> Mapping[str, float | bool | str]:
        """What is known of the patient besides the scan: name to value."""
        return {} if self.clinical is None else self.clinical.values

    @property
    def areas_cm2(self) -> Mapping[str, float]:
        """Area of each structure on the measured slice, cm²."""
        return {} if self.measures is None else self.measures.get("areas_cm2", {})

    @property
    def level_needs_a_look(self) -> bool:
        """True while the level is automatic and its evidence is thin."""
        if self.level is None:
            return True
        return self.level.state == "automatic" and self.level.location.is_uncertain

    @property
    def level_reasons(self) -> tuple[str, ...]:
        """Why the level may be wrong; the bare statement that it is uncertain is left out."""
        from hccsurv_core.roi.results import UNCERTAIN

        if self.level is None:
            return ()
        return tuple(w for w in self.level.location.warnings if not w.startswith(UNCERTAIN))

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
        clinical=store.load_clinical_values(study.patient_id),
    )


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
