"""The question for another outcome: which, and which columns hold it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from hccsurv_core.cohort.column_mapping import EndpointSpec
from pages._shared import table_import_endpoints as outcomes
from pages._shared.table_import_model import TableDraft, attempt, propose, read

WHERE = "outcomes"
TIMES, DATES = "A time", "Two dates"


def set_adding(draft: TableDraft, now: bool) -> None:
    """Open or close the question."""
    # A page shows one dialog at a time.
    draft.adding, draft.detail = now, None


def ask_new(draft: TableDraft) -> None:
    """Which outcome, and which columns; the first guess is what no other outcome uses."""
    mapping, raw = draft.mapping, read(draft)
    usual = outcomes.usual_outcomes()
    taken = {e.label for e in mapping.endpoints}
    labels = [label for label in usual if label not in taken]
    label = st.selectbox(
        "Outcome", labels, accept_new_options=True, key="new_outcome_label",
        help="Choose one, or type another name.",
    )  # fmt: skip
    spec = usual.get(label) or EndpointSpec(_short_name(label or ""), label or "", "event")
    wish = _ask_columns(draft, label)
    if st.button("Add", type="primary", key="new_outcome_add", disabled=not label or wish is None):

        def change() -> None:
            new = outcomes.add_endpoint(mapping, spec)
            name = new.endpoints[-1].name
            new = outcomes.change_endpoint(new, raw, name, **(wish or {}))
            propose(draft, f"adding {name}", mapping=new)

        attempt(draft, WHERE, change)
        draft.adding = False
        st.rerun()


def _ask_columns(draft: TableDraft, label: str | None) -> dict[str, Any] | None:
    """The columns of time and event as fields of an outcome; None until enough is chosen."""
    mapping, raw = draft.mapping, read(draft)
    used = {name for e in mapping.endpoints for name in e.columns}
    dates, times = outcomes.date_columns(mapping), outcomes.time_columns(mapping)
    how = TIMES
    if len(dates) >= 2:
        how = st.segmented_control(
            "Measured by", [TIMES, DATES], default=TIMES, required=True, key="new_outcome_how"
        )
    wish: dict[str, Any] = {}
    likely_time, likely_event = outcomes.likely_columns(mapping, raw, label)
    if how == TIMES:
        wish["time"] = _ask_column("Time", times, used, likely_time, "time")
        complete = wish["time"] is not None
    else:
        wish["start"] = _ask_column("From", dates, set(), None, "start")
        wish["end"] = _ask_column("Last seen", dates, used, None, "end")
        wish["event_date"] = _ask_column(
            "Date of the event", dates, used, None, "event_date",
            help="Where there is one: empty for patients who did not have the event.",
        )  # fmt: skip
        wish["time_unit"] = "days"
        complete = wish["start"] is not None and (wish["end"] or wish["event_date"]) is not None
    event = _ask_column(
        "Event", outcomes.event_columns(raw), used, likely_event, "event",
        help="The column that says whether it happened; what each value means comes next.",
    )  # fmt: skip
    complete = complete and (event or wish.get("event_date")) is not None
    return {**wish, "event": event} if complete else None


def _ask_column(
    label: str,
    options: list[str],
    used: set[str],
    likely: str | None,
    key: str,
    help: str | None = None,
) -> str | None:
    """A column to choose, those of no other outcome first; nothing is chosen but by its name."""
    listed = sorted(options, key=lambda name: name in used)
    return st.selectbox(
        label, listed, index=listed.index(likely) if likely in listed else None,
        placeholder="Choose a column", key=f"new_outcome_{key}_{likely}", help=help,
    )  # fmt: skip


def _short_name(label: str) -> str:
    initials = "".join(word[0] for word in label.replace("-", " ").split())
    return initials.upper() if len(initials) > 1 else label[:12] or "Outcome"
