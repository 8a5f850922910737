"""Worklist: the home page. Upload a scan, open a demo patient, find a patient again."""

from __future__ import annotations

from typing import Any

import streamlit as st

from hccsurv_core.errors import HccsurvError, MissingDependencyError
from pages._shared import (
    ceus_demo,
    components,
    followup_demo,
    formats,
    importing,
    job_strip,
    routes,
    treatment_demo,
    uploads,
    views,
)
from pages._shared.formats import html
from pages._shared.jobs import Job
from pages._shared.navigation import require_frame
from pages._shared.session import session

require_frame()


PAGE_LENGTH = 20
ORDERS = {"recent": "Last activity", "study_date": "Study date", "pseudonym": "Pseudonym"}
COLUMNS = (2.1, 1.7, 2.2, 2.6, 0.9, 1.7)

state = session()


def take_files(files: list[Any]) -> None:
    """Spool what was dropped, and go to the next step."""
    uploads.drop_draft(state)
    state.draft = uploads.spool(files)
    state.uploader_round += 1
    draft = state.draft
    job_strip.start_job(
        Job(
            "Looking through the upload",
            lambda progress: importing.inspect_upload(draft, progress),
            kind="inspect",
            page=routes.UPLOAD,
        ),
        wait_s=1.0,
    )
    st.switch_page(routes.UPLOAD)


def upload_card() -> None:
    """Files, a zip, a NIfTI, or a folder."""
    st.subheader(":material/upload: Upload a scan", anchor=False)
    st.caption(
        "Abdominal CT as DICOM files, a zip of them, or NIfTI; contrast ultrasound as DICOM, AVI, "
        "MP4 or MOV, stills also as PNG or JPEG. Names and identifiers are removed before anything "
        "is stored."
    )
    by_file, by_folder = st.tabs(["Files or zip", "Folder"])
    files = by_file.file_uploader(
        "Files or zip",
        accept_multiple_files=True,
        key=f"upload_files_{state.uploader_round}",
        label_visibility="collapsed",
    )
    folder = by_folder.file_uploader(
        "Folder",
        accept_multiple_files="directory",
        key=f"upload_folder_{state.uploader_round}",
        label_visibility="collapsed",
    )
    if files or folder:
        take_files([*(files or ()), *(folder or ())])


def demo_card() -> None:
    """The demo patients with their stories."""
    st.subheader(":material/science: Open a demo patient", anchor=False)
    st.caption("Simulated scans with a known truth: see everything within a minute.")
    try:
        from hccsurv_core.simulate.ceus.demo import DEMO_CLIPS
        from hccsurv_core.simulate.demo_patients import DEMO_PATIENTS
        from hccsurv_core.simulate.immunotherapy.demo import FOLLOWUP_DEMOS
        from hccsurv_core.simulate.treatment.demo import TREATMENT_DEMOS
    except ImportError as error:
        components.show_error(MissingDependencyError(f"the demo patients cannot be made: {error}"))
        return
    muscle, treatment, ceus, followup = st.tabs(
        ["Muscle and survival", "Hepatectomy or TACE", "Contrast ultrasound", "Immunotherapy"]
    )
    with muscle:
        demo_list(DEMO_PATIENTS, importing.open_demo)
    with treatment:
        demo_list(TREATMENT_DEMOS, treatment_demo.open_treatment_demo)
    with ceus:
        demo_list(DEMO_CLIPS, ceus_demo.open_ceus_demo)
    with followup:
        demo_list(FOLLOWUP_DEMOS, followup_demo.open_followup_demo)


def demo_list(demos: Any, opener: Any) -> None:
    """A button and a story for each."""
    busy = state.job is not None and state.job.active
    for demo in demos:
        with st.container(key=f"demo_{demo.key}"):
            title, story = st.columns([2, 3], vertical_alignment="center", gap="small")
            if title.button(
                demo.title,
                key=f"open_demo_{demo.key}",
                disabled=busy,
                icon=":material/play_arrow:",
                width="stretch",
            ):
                open_demo(demo, opener)
            story.html(f'<span class="hcc-quiet">{html(demo.story)}</span>')


def open_demo(demo: Any, opener: Any) -> None:
    """Simulate, measure and open a demo patient."""
    actor, key = state.actor, demo.key
    job_strip.start_job(
        Job(
            f"Preparing “{demo.title}”",
            lambda progress: opener(key, actor=actor, progress=progress),
            kind="demo",
            page=routes.WORKLIST,
        ),
        wait_s=0.5,
    )
    st.rerun()


def stop_asking() -> None:
    """The dialog was closed without an answer, or answered."""
    state.asked_to_delete = None


@st.dialog("Delete this patient?", on_dismiss=stop_asking)
def ask_delete(row: Any) -> None:
    """Ask before a patient and all scans go."""
    st.markdown(
        f"**{formats.plain(row.patient.pseudonym)}** with "
        f"{formats.plural(len(row.studies), 'study', 'studies')}, outlines and measurements "
        "will be removed from this data folder. This cannot be undone."
    )
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Keep", key="delete_no"):
            stop_asking()
            st.rerun()
        if st.button("Delete", type="primary", key="delete_yes", icon=":material/delete:"):
            delete(row)


def delete(row: Any) -> None:
    """Remove a patient, and forget the study on view if it was theirs."""
    stop_asking()
    views.open_store().delete_patient(row.patient.id, actor=state.actor)
    if state.study_id in [study.id for study in row.studies]:
        state.study_id = None
    state.notice = ("success", f"{formats.plain(row.patient.pseudonym)} was deleted.")
    st.rerun()


def patient_row(row: Any) -> None:
    """One patient: who, last study, what is done, warnings, open, delete."""
    study = row.latest_study
    with st.container(key=f"row_{row.patient.id}"):
        name, facts, last, done, warned, act = st.columns(COLUMNS, vertical_alignment="center")
        mark = components.simulated_chip() if row.patient.simulated else ""
        name.html(f"<b>{html(row.patient.pseudonym)}</b> {mark}")
        facts.html(f'<span class="hcc-quiet">{html(formats.facts_line(row.patient.facts))}</span>')
        if study is None:
            last.html('<span class="hcc-quiet">no study yet</span>')
        else:
            more = f" (+{len(row.studies) - 1})" if len(row.studies) > 1 else ""
            words = f"{study.study_date or 'no date'} · {study.modality}{more}"
            last.html(
                f"{html(words)}<br><span class='hcc-quiet'>{html(study.description or '')}</span>"
            )
        chips = [] if study is None else done_chips(row.done, study.modality)
        if is_followed(row):
            chips.append(
                components.chip("Follow-up", kind="good", sign="●", title="two scans read")
            )
        done.html(components.chips(chips) if chips else "–")
        warned.html(
            components.chip(str(row.n_warnings), kind="look", sign="▲") if row.n_warnings else "–"
        )
        with act, st.container(horizontal=True, horizontal_alignment="right", gap="xsmall"):
            if study is not None and st.button("Open", key=f"open_{row.patient.id}"):
                state.study_id = study.id
                st.switch_page(first_page(row))
            if st.button(
                "Delete",
                key=f"delete_{row.patient.id}",
                type="tertiary",
                help=f"Delete {row.patient.pseudonym}",
            ):
                state.asked_to_delete = row.patient.id


def first_page(row: Any) -> str:
    """Where a patient is opened: at what there is to see of the last study."""
    if row.latest_study.modality == "US":
        return routes.CEUS
    if is_followed(row):
        return routes.FOLLOWUP
    if row.done.get("measures"):
        return routes.MUSCLE
    # Lesions are outlined and no level was set: it is the choice of treatment that this is about.
    outlined = row.done.get("regions") and row.done.get("level") is None
    return routes.TREATMENT if outlined else routes.SCAN


def is_followed(row: Any) -> bool:
    """Whether lesions are outlined on CT of two dates that are no two phases of one examination."""
    from hccsurv_core.systems.immunotherapy.examinations import are_apart

    outlined = [
        study.study_date
        for study in row.studies
        if study.modality == "CT" and row.done_by_study.get(study.id, {}).get("regions")
    ]
    days = sorted(day for day in outlined if day)
    return len(days) > 1 and are_apart(days[0], days[-1])


def done_chips(done: dict[str, Any], modality: str) -> list[str]:
    """How far a study is: a shape and a word each."""
    if modality == "US":
        drawn = bool(done.get("regions"))
        kind, sign = ("good", "●") if drawn else ("", "○")
        title = "lesion and reference are drawn" if drawn else "not done"
        return [components.chip("Regions", kind=kind, sign=sign, title=title)]
    parts = []
    for name, step in (("L3", done.get("level")), ("Outline", done.get("segmentation"))):
        sign = "○" if step is None else "◐" if step == "automatic" else "●"
        kind = "good" if sign == "●" else ""
        parts.append(components.chip(name, kind=kind, sign=sign, title=step or "not done"))
    measured = bool(done.get("measures"))
    parts.append(
        components.chip(
            "Muscle",
            kind="good" if measured else "",
            sign="●" if measured else "○",
            title="measured" if measured else "not done",
        )
    )
    if done.get("regions"):
        parts.append(components.chip("Regions", kind="good", sign="●", title="lesions are drawn"))
    return parts


def worklist() -> None:
    """Search, sort, and the patients."""
    title, find, sort = st.columns([2, 2, 1.2], vertical_alignment="bottom")
    title.subheader("Patients", anchor=False)
    search = find.text_input(
        "Search",
        key="worklist_search",
        placeholder="Search by pseudonym",
        label_visibility="collapsed",
        icon=":material/search:",
    )
    order = sort.selectbox(
        "Sort by",
        list(ORDERS),
        format_func=lambda name: f"Sort: {ORDERS[name].lower()}",
        key="worklist_order",
        label_visibility="collapsed",
    )
    rows = views.open_store().list_patients(search.strip(), order)
    if not rows:
        empty_worklist(bool(search.strip()))
        return
    header = st.columns(COLUMNS)
    for column, text in zip(
        header, ("Patient", "Sex, age, body", "Last study", "Done", "Check", ""), strict=True
    ):
        column.html(f'<span class="hcc-kicker">{text}</span>')
    n_pages = -(-len(rows) // PAGE_LENGTH)
    page = 1
    if n_pages > 1:
        page = min(st.session_state.get("worklist_page", 1), n_pages)
    for row in rows[(page - 1) * PAGE_LENGTH : page * PAGE_LENGTH]:
        patient_row(row)
    for row in rows:
        if row.patient.id == state.asked_to_delete:
            ask_delete(row)
    if n_pages > 1:
        st.pagination(n_pages, key="worklist_page")
    st.caption(
        f"{formats.plural(len(rows), 'patient')} &nbsp;·&nbsp; ○ not done, ◐ automatic, "
        "● confirmed, edited or measured"
    )


def empty_worklist(searched: bool) -> None:
    """Nobody here: say what to do."""
    with st.container(border=True):
        if searched:
            st.markdown("No patient has this pseudonym. Clear the search to see everyone.")
        else:
            st.markdown(
                "**No patients yet.** Upload a scan, or open a demo patient above: it takes a few "
                "seconds and shows the level, the outlines and all five definitions."
            )


components.page_title(
    "Muscle, treatment, ultrasound and follow-up in hepatocellular carcinoma",
    "Upload an abdominal CT: the third lumbar vertebra is found, muscle and psoas are outlined, "
    "and five published definitions of sarcopenia stand side by side with their cut-offs and "
    "sources. With lesion and liver outlined on two contrast phases, hepatectomy and TACE are "
    "compared. Contrast ultrasound clips are split into their panels. Two CT of a patient under "
    "immunotherapy are held against each other. You confirm the level and "
    "correct the outlines; every number follows.",
)
with st.container(key="wide_layout"):
    left, right = st.columns([2, 3], gap="medium")
    with left, st.container(key="card_upload"):
        upload_card()
    with right, st.container(key="card_demo"):
        demo_card()
try:
    worklist()
except HccsurvError as error:
    components.show_error(error)
