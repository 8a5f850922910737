"""The beginning of an import: drop a table, and say how it is read where that went wrong."""

from __future__ import annotations

import streamlit as st

from hccsurv_core.errors import HccsurvError
from hccsurv_core.io.tables import RawTable, ReadOptions, TableLimits
from pages._shared import components, job_strip, routes
from pages._shared import table_import_words as words
from pages._shared.cohorts import open_library
from pages._shared.formats import html
from pages._shared.session import session
from pages._shared.table_import_model import TableDraft
from pages._shared.table_import_reading import draft_from_upload, drop_table, reading_job

FIND_OUT = "find out"
ENCODINGS = ("utf-8", "utf-16", "cp1252", "latin-1", "gb18030", "big5", "shift_jis", "euc_kr")
_WORKBOOKS = (".xlsx", ".xlsm")
_STEPS = (
    (
        "1 · It is read",
        "Outcomes, units, event codes, dates and visits are recognized and shown; you correct "
        "what is wrong.",
    ),
    (
        "2 · You decide",
        "Duplicates, impossible values and times of zero are listed by row and column. Nothing is "
        "dropped silently.",
    ),
    (
        "3 · It is explored",
        "The cohort opens in the explorer. Mapping and decisions stay changeable, and every "
        "change can be undone.",
    ),
)
#: The page waits so long before it shows a progress bar instead.
_WAIT_S = 1.5


def show_upload() -> None:
    """The empty state: one sentence, and where to drop the table."""
    state = session()
    with st.container(key="card_table"):
        st.subheader(":material/table_view: Drop a clinical table", anchor=False)
        st.caption(
            "CSV, TSV or Excel (.xlsx), one row a patient or one row a visit, with any column "
            "names. It stays on this machine; names and telephone numbers are not kept."
        )
        file = st.file_uploader(
            "Clinical table", key=f"table_file_{state.uploader_round}",
            label_visibility="collapsed", max_upload_size=TableLimits().max_bytes >> 20,
        )  # fmt: skip
        if file is not None:
            state.uploader_round += 1
            drop_table(state)
            draft = state.table_drafts[None] = draft_from_upload(file)
            start_reading(draft, draft.options)
    _show_what_is_done()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html("<span class='hcc-quiet'>No table at hand?</span>", width="content")
        if st.button("Open a simulated cohort", icon=":material/science:", key="import_demo"):
            _open_demo()


def _show_what_is_done() -> None:
    """Three things to know before the first table."""
    with st.container(key="wide_layout_steps"):
        for place, (title, text) in zip(st.columns(len(_STEPS)), _STEPS, strict=True):
            place.html(f"<div class='hcc-step'><b>{html(title)}</b><span>{html(text)}</span></div>")


def _open_demo() -> None:
    from hccsurv_core.systems.explorer.demo import add_demo_cohort

    state = session()
    try:
        with st.spinner("Drawing patients…"):
            state.cohort_id = add_demo_cohort(open_library(), "muscle", actor=state.actor).id
    except HccsurvError as error:
        components.show_error(error)
        return
    st.switch_page(routes.EXPLORER)


def start_reading(draft: TableDraft, options: ReadOptions) -> None:
    """Read the file in the background, and draw the page again."""
    job_strip.start_job(reading_job(draft, options), wait_s=_WAIT_S)
    st.rerun()


def show_how_read(draft: TableDraft) -> None:
    """How the file was read, quietly; options to read it differently."""
    raw = draft.raw
    line = words.how_read(raw) if raw is not None else "Read it differently"
    label = f"{draft.source} · {line}" if raw is not None else line
    label = "".join(f"\\{c}" if c in "\\`*_[]<>$#:~|" else c for c in label)
    with st.expander(label, type="compact", key=f"{draft.token}_how_read"):
        if raw is not None:
            notes = [*raw.notes, *draft.now.table.report.notes]
            for note in dict.fromkeys(notes):
                st.html(f"<span class='hcc-quiet'>{html(note)}</span>")
        if draft.file is None:
            return
        options = _options(draft, raw)
        same = options == draft.options
        if st.button(
            "Read again", key=f"{draft.token}_again", icon=":material/refresh:",
            disabled=same and draft.error is None,
        ):  # fmt: skip
            start_reading(draft, options)
        if draft.changed:
            st.caption("Reading it again starts the mapping and the decisions anew.")


def _options(draft: TableDraft, raw: RawTable | None) -> ReadOptions:
    """The widgets, and what they say."""
    chosen, prefix = draft.options, f"{draft.token}_read"
    first, second, third = st.columns(3)
    sheet = delimiter = encoding = None
    if raw is not None and raw.format == "xlsx":
        sheets = [FIND_OUT, *raw.sheet_names]
        now = chosen.sheet if chosen.sheet in sheets else FIND_OUT
        sheet = first.selectbox("Sheet", sheets, index=sheets.index(now), key=f"{prefix}_sheet")
    elif raw is None and draft.source.lower().endswith(_WORKBOOKS):
        # Which sheets there are is not known yet: a wrong name is answered with the right ones.
        sheet = (
            first.text_input(
                "Sheet", chosen.sheet or "", placeholder=FIND_OUT, key=f"{prefix}_sheet_name"
            ).strip()
            or None
        )
    else:
        signs = [FIND_OUT, *words.DELIMITERS]
        delimiter = first.selectbox(
            "Separated by", signs, key=f"{prefix}_delimiter",
            index=signs.index(chosen.delimiter or FIND_OUT),
            format_func=lambda sign: words.DELIMITERS.get(sign, sign),
        )  # fmt: skip
        codes = [FIND_OUT, *ENCODINGS]
        encoding = second.selectbox(
            "Encoding", codes, index=codes.index(chosen.encoding or FIND_OUT),
            key=f"{prefix}_encoding",
        )  # fmt: skip
    header = third.number_input(
        "Row of the column names", min_value=0, max_value=1000, value=chosen.header_row,
        placeholder=FIND_OUT, key=f"{prefix}_header", help="0: there is none",
    )  # fmt: skip

    def said(text: str | None) -> str | None:
        return None if text in (None, FIND_OUT) else text

    return ReadOptions(
        said(sheet), said(delimiter), said(encoding), None if header is None else int(header)
    )
