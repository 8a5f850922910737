"""What of a table does not become part of the cohort, and why: nothing goes silently."""

from __future__ import annotations

import streamlit as st

from hccsurv_core.cohort.cell_values import plain_code
from hccsurv_core.wording import count_of
from pages._shared import table_import_words as words
from pages._shared.formats import html
from pages._shared.table_import_findings import exclusions_csv
from pages._shared.table_import_model import TableDraft
from pages._shared.table_import_parts import grid_height

ROWS_SHOWN = 50


def show_left_out(draft: TableDraft) -> None:
    """Rows with their reasons, visits, and columns that are not kept."""
    table = draft.now.table
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.subheader("Left out", anchor=False, width="content")
        st.space("stretch")
        if table.exclusions:
            st.download_button(
                "Rows left out as CSV", lambda: exclusions_csv(table),
                f"{words.file_stem(draft)}_left_out.csv", "text/csv", on_click="ignore",
                icon=":material/download:", type="tertiary", key="exclusions_csv",
            )  # fmt: skip
    lines = [*_rows(draft), *_columns(draft)]
    if not lines:
        st.html("<p class='hcc-lead'>✓ Nothing: every row and every column is in the cohort.</p>")
        return
    st.html("".join(f"<div class='hcc-left'>{line}</div>" for line in lines))
    if table.exclusions:
        _exclusions(draft)


def _rows(draft: TableDraft) -> list[str]:
    table = draft.now.table
    counts = table.report.counts
    lines = []
    if counts["visits_left_out"]:
        rule = draft.mapping.visit_rule
        lines.append(
            f"<b>{count_of(counts['visits_left_out'], 'visit')}</b>: each patient’s {rule} one is used."
        )
    if table.exclusions:
        lines.append(f"<b>{count_of(len(table.exclusions), 'row')}</b>, listed below.")
    return lines


def _columns(draft: TableDraft) -> list[str]:
    kept = {c.name for c in draft.now.table.columns}
    reasons: dict[str, list[str]] = {}
    for spec in draft.mapping.columns:
        if spec.role == "personal":
            reasons.setdefault("personal data, never stored", []).append(spec.name)
        elif spec.role == "ignored":
            reasons.setdefault("left out", []).append(spec.name)
        elif spec.role in ("visit", "patient_id", "outcome") or spec.name in kept:
            continue
        elif f"{spec.name} (variable)" not in kept:
            reasons.setdefault("left out by a decision", []).append(spec.name)
    return [
        f"<b>{count_of(len(names), 'column')}</b> ({html(why)}): "
        f"{html(', '.join(names[:12]))}{'…' if len(names) > 12 else ''}."
        for why, names in reasons.items()
    ]


def _exclusions(draft: TableDraft) -> None:
    import pandas as pd

    excluded = draft.now.table.exclusions
    frame = pd.DataFrame(
        [(e.row, plain_code(e.patient_id or ""), e.reason) for e in excluded[:ROWS_SHOWN]],
        columns=["Row", "Patient", "Reason"],
    )
    st.dataframe(
        frame, hide_index=True, height=grid_height(len(frame), 8),
        column_config={"Row": st.column_config.NumberColumn(format="%d", width="small")},
    )  # fmt: skip
    if len(excluded) > ROWS_SHOWN:
        st.caption(f"The first {ROWS_SHOWN} of {len(excluded):,}; the CSV has every one.")
