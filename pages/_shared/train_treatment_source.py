"""System 2: who to learn from, a cohort folder or a clinical table without images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from hccsurv_core.errors import HccsurvError
from pages._shared import components, formats
from pages._shared.session import ClinicalUpload, session
from pages._shared.train_folders import TREATMENT, choose_folder
from pages._shared.train_study_source import StudySource, read_kept

if TYPE_CHECKING:
    from hccsurv_core.systems.treatment.cohort import TreatmentCohort

FOLDER, CLINICAL_TABLE = "Cohort folder", "Clinical table"
SOURCES = (FOLDER, CLINICAL_TABLE)
_MAX_TABLE_MB = 50
_COLUMNS = (
    "albumin_g_l", "bilirubin_umol_l", "child_pugh_score", "cirrhosis", "platelets_10e9_l",
    "tumor_diameter_mm", "tumor_number", "tumor_location", "macrovascular_invasion", "afp_ng_ml",
    "ecog", "age_years",
)  # fmt: skip


@dataclass(frozen=True)
class TreatmentSource(StudySource["TreatmentCohort"]):
    """Patients who had hepatectomy or TACE.

    Args:
        upload: the table as it was uploaded; None for a cohort folder or a kept file.
    """

    upload: ClinicalUpload | None = None


def choose_treatment_source() -> TreatmentSource | None:
    """Draw the choice; None where nothing is chosen yet, or it cannot be used (which is said)."""
    kind = st.segmented_control(
        "Source", SOURCES, default=FOLDER, required=True, key="train_source_treatment",
        label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    try:
        return choose_treatment_folder() if kind == FOLDER else choose_clinical_table()
    except HccsurvError as error:
        components.show_error(error)
        return None


def choose_treatment_folder() -> TreatmentSource | None:
    """Draw the choice of a cohort folder, and the ways to bring one in.

    Raises:
        HccsurvError: the chosen one is damaged.
    """
    folder = choose_folder(TREATMENT)
    return None if folder is None else read_treatment_place(folder)


def read_treatment_place(place: Path) -> TreatmentSource:
    """A cohort folder's or a kept table's patients, kept for the session while the file stays.

    Raises:
        HccsurvError: it is gone or damaged.
    """
    return read_kept("treatment", place, lambda: _read_place(place))


def _read_place(place: Path) -> TreatmentSource:
    from hccsurv_core.systems.treatment.clinical_file import read_clinical_file
    from hccsurv_core.systems.treatment.cohort import has_images, read_treatment_folder

    if place.is_file():
        return _source_of(place.stem, read_clinical_file(place))
    found, folder = read_treatment_folder(place)
    return replace(_source_of(place.name, found), cohort=place, has_images=has_images(folder))


def _source_of(name: str, patients: TreatmentCohort) -> TreatmentSource:
    return TreatmentSource(
        name, patients.table(()).features, None, patients.simulated, patients.endpoint, patients
    )


def choose_clinical_table() -> TreatmentSource | None:
    """Draw the upload of a clinical table, or the one that was uploaded.

    Raises:
        HccsurvError: it is no such table.
    """
    state = session()
    if state.training_clinical is not None:
        return _chosen_table(state.training_clinical)
    st.markdown(
        "One row a patient: `treatment` (hepatectomy or tace), `time_months` from treatment, `event` "
        "(1 = died), and what was known before. Optional: `patient_id`, `split` (those of split "
        "“train” are learned from), `center`."
    )
    st.html(
        f'<span class="hcc-quiet">Clinical columns that are understood: {", ".join(_COLUMNS)}. '
        "The visits of the open cohort of Zhang et al. (SurvivalPath) are read as they are: first "
        "visits, resection only or embolization only.</span>"
    )
    with st.container(key="card_clinical_table"):
        file = st.file_uploader(
            "Clinical table", type=["csv", "tsv", "txt", "xlsx"], max_upload_size=_MAX_TABLE_MB,
            key=f"train_clinical_{state.uploader_round}", label_visibility="collapsed",
        )  # fmt: skip
    if file is not None:
        state.uploader_round += 1
        with st.spinner("Reading the table …"):
            state.training_clinical = _read_upload(file)
        st.rerun()
    return None


def _chosen_table(upload: ClinicalUpload) -> TreatmentSource:
    """The table that was uploaded, and a way to another one."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(
            f":material/table_view: **{formats.plain(upload.name)}** · "
            f"{formats.plural(len(upload.patients), 'patient')}",
            width="content",
        )
        if st.button("Another table", key="train_clinical_remove", type="tertiary"):
            session().training_clinical = None
            st.rerun()
    simulated = st.checkbox(
        "The patients are simulated", key="train_clinical_simulated",
        help="The model will say so wherever it is shown.",
    )  # fmt: skip
    endpoint = st.text_input(
        "What the event is the end of", "overall survival", key="train_clinical_endpoint",
        max_chars=80, help="The model's card and every figure say so.",
    )  # fmt: skip
    patients = replace(
        upload.patients, simulated=simulated, endpoint=endpoint.strip() or "overall survival"
    )
    return replace(_source_of(Path(upload.name).stem, patients), upload=upload)


def _read_upload(file) -> ClinicalUpload:
    """Spool the upload and read it.

    Raises:
        HccsurvError: it is no table of patients who had hepatectomy or TACE.
    """
    import shutil

    from hccsurv_core.systems.treatment.clinical_file import read_clinical_file
    from pages._shared.uploads import spool

    draft = spool([file])
    try:
        (path,) = (p for p in (draft.folder / "files").rglob("*") if p.is_file())
        name = Path(draft.names[0]).name
        # The kept file is called like this one, and so is what a card says of it.
        named = path.with_name(name)
        path.rename(named)
        return ClinicalUpload(name, named.read_bytes(), read_clinical_file(named))
    finally:
        shutil.rmtree(draft.folder, ignore_errors=True)
