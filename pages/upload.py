"""New scan: check what was uploaded, say whose it is, then read it: CT is measured, clips are kept."""

from __future__ import annotations

from typing import Any

import streamlit as st

from hccsurv_core.errors import HccsurvError
from hccsurv_core.io.ultrasound_clip import ClipSummary
from hccsurv_core.patient import PatientFacts
from pages._shared import (
    components,
    formats,
    importing,
    job_strip,
    routes,
    upload_clip_view,
    upload_clips,
    uploads,
    views,
)
from pages._shared.facts_form import facts_inputs, missing_facts
from pages._shared.formats import html
from pages._shared.jobs import Job
from pages._shared.navigation import require_frame
from pages._shared.session import UploadDraft, session

require_frame()


state = session()
#: Begins the keys of clips, beside those of series.
CLIP_KEY = "clip:"


def series_line(series: Any) -> str:
    """One line about a series, for choosing."""
    parts = ["NIfTI" if series.modality == "NIFTI" else series.modality]
    if series.body_part:
        parts.append(series.body_part.lower())
    if series.phase:
        parts.append(series.phase.replace("_", " "))
    parts.append(formats.plural(series.n_slices, "slice"))
    parts.append(f"{series.columns}×{series.rows}")
    if series.spacing_mm:
        dz, dy, dx = series.spacing_mm
        parts.append(f"{dx:.2g}×{dy:.2g}×{dz:.2g} mm")
    return " · ".join(parts)


def start_again() -> None:
    """Drop the upload and go home."""
    uploads.drop_draft(state)
    st.switch_page(routes.WORKLIST)


def refused_table(refused: list[Any], clip_rows: str) -> None:
    """What cannot be used, and why."""
    rows = "".join(
        f"<tr><td>{html(s.description or 'no description')}<span class='sub'>"
        f"{html(series_line(s))}</span></td><td>{html(s.refusal[:1].upper() + s.refusal[1:])}.</td></tr>"
        for s in refused
    )
    st.html(
        "<div class='hcc-scroll'><table class='hcc-table'><thead><tr><th>Series</th>"
        "<th>Why it cannot be measured, and what to do</th></tr></thead><tbody>"
        f"{rows}{clip_rows}</tbody></table></div>"
    )


def skipped_list(skipped: tuple[Any, ...], *, expanded: bool) -> None:
    """Files that were not used."""
    with st.expander(f"{formats.plural(len(skipped), 'file')} not used", expanded=expanded):
        for file in skipped[:100]:
            st.markdown(f"- **{formats.plain(file.name)}** — {formats.plain(file.reason)}")
        if len(skipped) > 100:
            st.caption(f"and {len(skipped) - 100} more")


def choose_series(draft: UploadDraft) -> Any | None:
    """The series or clip to read: the best CT is preselected, the others stay in reach."""
    inspection = draft.inspection
    clips = upload_clips.usable_clips(draft)
    usable = {s.key: s for s in inspection.series if s.refusal is None}
    by_key: dict[str, Any] = {**usable, **{f"{CLIP_KEY}{clip.name}": clip for clip in clips}}
    chosen = None
    st.subheader("1 · Which series", anchor=False)
    if by_key:
        keys = list(by_key)
        key = st.radio(
            "Series to measure",
            keys,
            index=keys.index(inspection.preselected) if inspection.preselected in keys else 0,
            format_func=lambda k: formats.plain(label_of(by_key[k])),
            captions=[formats.plain(line_of(item)) for item in by_key.values()],
            key="upload_series",
            label_visibility="collapsed",
        )
        chosen = by_key[key]
        if len(usable) > 1:
            st.caption("The best abdominal CT is preselected; series are never mixed.")
        for text in chosen.warnings if key in usable else ():
            st.warning(formats.plain(formats.sentence(text)), icon=":material/warning:")
    else:
        st.error(
            "Nothing in this upload can be measured. The list below says why, and what to do.",
            icon=":material/error:",
        )
    left_out(draft, {clip.name for clip in clips}, expanded=not by_key)
    return chosen


def left_out(draft: UploadDraft, clips: set[str], *, expanded: bool) -> None:
    """Series that cannot be used and files that were not, both with the reason."""
    refused = [
        s
        for s in draft.inspection.series
        if s.refusal is not None and not (draft.clips and upload_clips.is_ultrasound(s))
    ]
    clip_rows = upload_clip_view.refused_rows(draft.clips)
    n_refused = len(refused) + clip_rows.count("<tr>")
    if n_refused:
        with st.expander(f"{n_refused} series that cannot be used", expanded=expanded):
            refused_table(refused, clip_rows)
    skipped = tuple(file for file in draft.inspection.skipped if file.name not in clips)
    if skipped:
        skipped_list(skipped, expanded=expanded)


def label_of(item: Any) -> str:
    """What a series or clip is called."""
    return item.name if isinstance(item, ClipSummary) else item.description or item.modality


def line_of(item: Any) -> str:
    """One line about a series or clip."""
    if isinstance(item, ClipSummary):
        return upload_clip_view.clip_line(item)
    return series_line(item)


def choose_patient(
    key: str, found: PatientFacts, step: int = 2
) -> tuple[Any | None, str | None, PatientFacts]:
    """A new patient, or one who is here already; facts prefilled from the headers."""
    st.subheader(f"{step} · Whose scan", anchor=False)
    rows = [row for row in views.open_store().list_patients() if not row.patient.simulated]
    whose = "new"
    if rows:
        whose = st.segmented_control(
            "Patient",
            ["new", "known"],
            default="new",
            required=True,
            format_func=lambda choice: "New patient" if choice == "new" else "Add to a patient",
            key="upload_whose",
            label_visibility="collapsed",
        )
    if whose == "known":
        patients = {row.patient.id: row.patient for row in rows}
        patient_id = st.selectbox(
            "Patient",
            list(patients),
            format_func=lambda i: (
                f"{patients[i].pseudonym} — {formats.facts_line(patients[i].facts)}"
            ),
            key="upload_patient",
        )
        known = patients[patient_id].facts
        st.caption("Check that this is the same person; facts can be corrected here.")
        merged = PatientFacts(
            sex=known.sex or found.sex,
            age_years=known.age_years if known.age_years is not None else found.age_years,
            height_m=known.height_m or found.height_m,
            weight_kg=known.weight_kg or found.weight_kg,
        )
        facts = facts_inputs(merged, f"upload_{key}_{patient_id}")
        return patient_id, None, facts
    pseudonym = st.text_input(
        "Pseudonym",
        key="upload_pseudonym",
        placeholder="one is made up if you leave this empty",
        help="Not the patient's name or number: everyone who opens the worklist reads it.",
        max_chars=32,
    )
    facts = facts_inputs(found, f"upload_{key}")
    return None, pseudonym.strip() or None, facts


def draw_draft(draft: UploadDraft) -> None:
    """What is asked, and the button that reads and stores."""
    if draft.inspection.preselected is None and not upload_clips.usable_clips(draft):
        choose_series(draft)
        return
    with st.container(key="wide_layout"):
        left, right = st.columns(2, gap="large")
        with left:
            chosen = choose_series(draft)
        if isinstance(chosen, ClipSummary):
            ask_about_clip(draft, chosen.name, left, right)
        elif chosen is not None:
            with right:
                ask_about_scan(draft, chosen)


def ask_about_scan(draft: UploadDraft, series: Any) -> None:
    """Whose CT it is, and the button."""
    patient_id, pseudonym, facts = choose_patient(series.key, series.patient)
    missing = missing_facts(facts)
    if missing:
        st.info(
            f"Without {' and '.join(missing)} some definitions stay “not known”. "
            "You can add it later.",
            icon=":material/info:",
        )
    if go_button("Read and measure"):
        start_import(draft, importing.ImportWish(series.key, patient_id, pseudonym, facts))


def ask_about_clip(draft: UploadDraft, name: str, left: Any, right: Any) -> None:
    """What the clip shows, whose it is, and the button."""
    with left:
        seen = upload_clip_view.look_first(draft, name)
        if seen is None:
            return
        asked = upload_clip_view.check_picture(draft, name, seen)
    with right:
        patient_id, pseudonym, facts = choose_patient(name, seen.loaded.patient, 3)
        others = upload_clip_view.other_stills(draft, name)
        if go_button("Read and store", disabled=asked is None) and asked is not None:
            wish = upload_clips.ClipWish(name, patient_id, pseudonym, facts, others=others, **asked)
            start_clip_import(draft, wish)


def go_button(label: str, *, disabled: bool = False) -> bool:
    """The button that starts the last step."""
    busy = state.job is not None and state.job.active
    return st.button(
        label,
        type="primary",
        icon=":material/play_arrow:",
        key="upload_go",
        disabled=busy or disabled,
    )


def start_import(draft: UploadDraft, wish: importing.ImportWish) -> None:
    """Read, de-identify, store and measure, in the background."""
    actor, backend = state.actor, state.backend
    job_strip.start_job(
        Job(
            "Reading and measuring",
            lambda progress: importing.import_series(
                draft, wish, backend=backend, actor=actor, progress=progress
            ),
            kind="import",
            page=routes.UPLOAD,
        )
    )
    st.rerun()


def start_clip_import(draft: UploadDraft, wish: upload_clips.ClipWish) -> None:
    """Read, black out what is written beside the picture, and store, in the background."""
    actor = state.actor
    job_strip.start_job(
        Job(
            "Reading and storing",
            lambda progress: upload_clips.import_clips(draft, wish, actor=actor, progress=progress),
            kind="import",
            page=routes.UPLOAD,
        )
    )
    st.rerun()


title, button = st.columns([3, 1], vertical_alignment="bottom")
with title:
    components.page_title("New scan")
draft = state.draft
if draft is not None and button.button("Another upload", key="upload_other", width="stretch"):
    start_again()
try:
    if draft is None:
        components.empty_state(
            "Nothing uploaded yet",
            "Drop a folder, a zip, DICOM files, a NIfTI or an ultrasound clip on the worklist page.",
            routes.WORKLIST,
            "Go to the worklist",
        )
    elif draft.error is not None:
        st.error(draft.error, icon=":material/error:")
        st.caption(f"Uploaded: {formats.plain(', '.join(draft.names[:5]))}")
    elif draft.inspection is None:
        st.caption(
            f"{formats.plural(len(draft.names), 'file')} arrived. Looking for series, their "
            "orientation and their patient…"
        )
    else:
        draw_draft(draft)
except HccsurvError as error:
    components.show_error(error)
