"""The cohort explorer: survival of any group, what it depends on, and where a patient stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from hccsurv_core.errors import HccsurvError
from pages._shared import components, explorer_models
from pages._shared.explorer_cohort import choose_cohort
from pages._shared.explorer_controls import ask_question
from pages._shared.explorer_patient import show_patient
from pages._shared.explorer_survival import show_survival
from pages._shared.navigation import require_frame

if TYPE_CHECKING:
    from hccsurv_core.cohort.clinical_table import ClinicalTable
    from hccsurv_core.cohort.library import CohortEntry
    from hccsurv_core.systems.explorer.question import Question

require_frame()

SECTIONS = ("Survival", "Cox regression", "Scores", "Competing risks", "Table 1", "This patient")


def answer(entry: CohortEntry, table: ClinicalTable, question: Question) -> None:
    """The sections; only the open one is worked out."""
    from hccsurv_core.report.manifest import Manifest
    from hccsurv_core.systems.explorer.question import make_groups, select_patients

    section = st.segmented_control(
        "Section", SECTIONS, default=SECTIONS[0], required=True, key="explorer_section",
        label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    try:
        selection = select_patients(table, question)
        source = {"name": entry.name, "file": entry.source, "sha256": table.origin.get("sha256")}
        manifest = Manifest("Survival curves", source, question.settings(), entry.simulated)
        if section == "Cox regression":
            explorer_models.show_regression(selection, entry.id, manifest)
            return
        if section == "Scores":
            explorer_models.show_score(selection, question, entry.id, manifest)
            return
        grouping = make_groups(selection, question.group)
        if section == "Competing risks":
            explorer_models.show_competing(selection, question, grouping, manifest)
        elif section == "Table 1":
            explorer_models.show_table_one(selection, grouping, manifest)
        elif section == "This patient":
            show_patient(selection, question, grouping, manifest)
        else:
            show_survival(selection, question, grouping, manifest)
    except HccsurvError as error:
        components.show_error(error)


components.page_title("Cohort explorer")
chosen = choose_cohort()
if chosen is not None:
    cohort, clinical_table = chosen
    if not clinical_table.endpoints:
        components.show_notice(
            ("info", "This table has no outcome yet. Add one under Manage → Columns and decisions.")
        )
    else:
        with st.container(key="explorer_body"):
            controls, results = st.columns([1, 3.4], gap="medium")
        with controls:
            asked = ask_question(cohort.id, clinical_table)
        with results:
            answer(cohort, clinical_table, asked)
