"""The outcomes of a table being imported: one card each, every choice in force at once."""

from __future__ import annotations

from typing import Any

import streamlit as st

from hccsurv_core.cohort.cell_values import code_key
from hccsurv_core.cohort.column_mapping import EndpointSpec
from hccsurv_core.cohort.quantities import TIME_UNITS
from hccsurv_core.wording import count_of
from pages._shared import table_import_endpoints as outcomes
from pages._shared import table_import_words as words
from pages._shared.formats import html
from pages._shared.table_import_model import TableDraft, attempt, propose, read
from pages._shared.table_import_new_outcome import DATES, TIMES, WHERE, ask_new, set_adding
from pages._shared.table_import_parts import controlled, show_refusal

_NONE = "—"
_NAME_LENGTH = 30


def show_outcomes(draft: TableDraft) -> None:
    """All outcomes, two side by side, and the button that adds one."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Outcomes", anchor=False, width="content")
        st.space("stretch")
        st.button(
            "Add an outcome", icon=":material/add:", key="add_outcome",
            on_click=set_adding, args=(draft, True),
        )  # fmt: skip
    if draft.adding:
        st.dialog(
            "Add an outcome", icon=":material/add:", on_dismiss=lambda: set_adding(draft, False)
        )(ask_new)(draft)
    show_refusal(draft, WHERE)
    endpoints = draft.mapping.endpoints
    if not endpoints:
        st.info(
            "No outcome was recognized. Add one: the column of times (or two dates) and the "
            "column that says whether the event happened.",
            icon=":material/info:",
        )
    for at in range(0, len(endpoints), 2):
        with st.container(key=f"wide_layout_outcomes_{at}"):
            for place, endpoint in zip(st.columns(2), endpoints[at : at + 2], strict=False):
                with place, st.container(border=True, height="stretch"):
                    _card(draft, endpoint, main=endpoint is endpoints[0])


def _card(draft: TableDraft, endpoint: EndpointSpec, *, main: bool) -> None:
    prefix = f"{draft.token}_{endpoint.name}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        chip = '<span class="hcc-chip">Main outcome</span>' if main else ""
        st.html(
            f"<b class='hcc-outcome'>{html(endpoint.shown)}</b> "
            f"<span class='hcc-quiet'>{html(endpoint.name)}</span> {chip}",
            width="content",
        )
        st.space("stretch")
        _more(draft, endpoint, main=main)
    st.html(f"<span class='hcc-counts'>{html(_counts(draft, endpoint))}</span>")
    _when(draft, endpoint, prefix)
    _whether(draft, endpoint, prefix)


def _counts(draft: TableDraft, endpoint: EndpointSpec) -> str:
    read_as = draft.now.table.endpoint(endpoint.name)
    times = read_as.time_months[read_as.known]
    n, of = read_as.n_events, len(times)
    parts = [f"{words.happened(n, endpoint.event_label)} among {count_of(of, 'patient')}"]
    others = int((read_as.known & (read_as.cause > 1)).sum())
    if others:
        parts.append(words.happened(others, "competing event"))
    if of:  # the range shows at a glance whether the unit is right
        low, high = float(times.min()), float(times.max())
        parts.append(f"times from {low:.2g} to {high:.3g} months")
    return " · ".join(parts)


# --- when --------------------------------------------------------------------------------------


def _when(draft: TableDraft, endpoint: EndpointSpec, prefix: str) -> None:
    """A column of times with its unit, or dates."""
    dates = outcomes.date_columns(draft.mapping)
    by_dates = endpoint.time is None
    if by_dates or len(dates) >= 2:
        controlled(f"{prefix}_how", DATES if by_dates else TIMES)
        st.segmented_control(
            "Measured by", [TIMES, DATES], required=True, key=f"{prefix}_how",
            on_change=_set_how, args=(draft, endpoint.name, f"{prefix}_how"),
            label_visibility="collapsed",
        )  # fmt: skip
    if by_dates:
        _dates(draft, endpoint, dates, prefix)
        return
    column, unit = st.columns([2, 1])
    with column:
        _choose(draft, endpoint, prefix, "time", "Time", outcomes.time_columns(draft.mapping))
    with unit:
        _choose(
            draft, endpoint, prefix, "time_unit", "Unit", list(TIME_UNITS),
            help=f"Read in {endpoint.time_unit}, {words.unit_source(endpoint)}.",
        )  # fmt: skip
    if endpoint.time_unit_from in ("assumed", "range"):
        st.html(
            f"<span class='hcc-under'>{html(endpoint.time_unit.capitalize())}, "
            f"{html(words.unit_source(endpoint))}.</span>"
        )


def _dates(draft: TableDraft, endpoint: EndpointSpec, dates: list[str], prefix: str) -> None:
    start, end, happened = st.columns(3)
    with start:
        _choose(draft, endpoint, prefix, "start", "From", dates)
    with end:
        _choose(draft, endpoint, prefix, "end", "Last seen", dates, optional=True)
    with happened:
        _choose(
            draft, endpoint, prefix, "event_date", f"Date of {endpoint.event_label}", dates,
            optional=True, help="Empty where it did not happen.",
        )  # fmt: skip


def _set_how(draft: TableDraft, name: str, key: str) -> None:
    wanted = st.session_state[key]

    def change() -> None:
        mapping, raw = draft.mapping, read(draft)
        if wanted == TIMES:
            first = next(iter(outcomes.time_columns(mapping)), None)
            wish: dict[str, Any] = {"time": first, "start": None, "end": None, "event_date": None}
        else:
            first, second, *_ = outcomes.date_columns(mapping)
            wish = {"time": None, "time_unit": "days", "start": first, "end": second}
        new = outcomes.change_endpoint(mapping, raw, name, **wish)
        propose(draft, f"how {name} is measured", mapping=new)

    attempt(draft, WHERE, change)


# --- whether -----------------------------------------------------------------------------------


def _whether(draft: TableDraft, endpoint: EndpointSpec, prefix: str) -> None:
    """The column of the event, and what each of its values means."""
    raw = read(draft)
    options = outcomes.event_columns(raw)
    optional = endpoint.event_date is not None
    _choose(draft, endpoint, prefix, "event", "Event", options, optional=optional)
    if endpoint.event is None:
        st.html("<span class='hcc-under'>It happened where its date is given.</span>")
        return
    column = raw.column(endpoint.event)
    texts = outcomes.event_texts(column)
    meaning = {code_key(text): code for text, code in endpoint.event_codes.items()}
    rows = column.codes[draft.now.rows]
    choices = words.meanings(endpoint)
    entries = list(texts.items())
    for at in range(0, len(entries), 3):
        for place, (text, codes) in zip(st.columns(3), entries[at : at + 3], strict=False):
            n = sum(int((rows == code).sum()) for code in codes)
            key = f"{prefix}_means_{code_key(text)}"
            controlled(key, meaning.get(code_key(text), words.NOT_KNOWN))
            place.selectbox(
                f"{_short(text)} · {count_of(n, 'patient')}", list(choices), key=key,
                format_func=choices.__getitem__,
                on_change=_set_meaning, args=(draft, endpoint.name, text, key),
            )  # fmt: skip
    _competing_names(draft, endpoint, prefix)


def _short(text: str) -> str:
    cut = text if len(text) <= _NAME_LENGTH else text[: _NAME_LENGTH - 1] + "…"
    return f"“{cut}”"


def _set_meaning(draft: TableDraft, name: str, text: str, key: str) -> None:
    code = st.session_state[key]
    known = None if code == words.NOT_KNOWN else code

    def change() -> None:
        endpoint = outcomes.endpoint_called(draft.mapping, name)
        new = outcomes.change_meaning(endpoint, text, known)
        mapping = outcomes.change_endpoint(
            draft.mapping, read(draft), name,
            event_codes=new.event_codes, competing=new.competing,
        )  # fmt: skip
        propose(draft, f"what “{text}” means for {name}", mapping=mapping)

    attempt(draft, WHERE, change)


def _competing_names(draft: TableDraft, endpoint: EndpointSpec, prefix: str) -> None:
    if not endpoint.competing:
        return
    for at, place in enumerate(st.columns(max(len(endpoint.competing), 2))):
        if at < len(endpoint.competing):
            key = f"{prefix}_competing_{at}"
            controlled(key, endpoint.competing[at])
            place.text_input(
                "Name of the competing event", key=key, max_chars=40,
                on_change=_set_competing, args=(draft, endpoint.name, at, key),
            )  # fmt: skip


def _set_competing(draft: TableDraft, name: str, at: int, key: str) -> None:
    text = " ".join(st.session_state[key].split()) or "competing event"

    def change() -> None:
        names = list(outcomes.endpoint_called(draft.mapping, name).competing)
        names[at] = text
        mapping = outcomes.change_endpoint(draft.mapping, read(draft), name, competing=tuple(names))
        propose(draft, f"name of a competing event of {name}", mapping=mapping)

    attempt(draft, WHERE, change)


# --- choosing a field --------------------------------------------------------------------------


def _choose(
    draft: TableDraft,
    endpoint: EndpointSpec,
    prefix: str,
    field: str,
    label: str,
    options: list[str],
    *,
    optional: bool = False,
    help: str | None = None,
) -> None:
    """One field of an outcome as a list to choose from."""
    now = getattr(endpoint, field)
    listed: list[str | None] = [None, *options] if optional or now is None else [*options]
    if now not in listed:
        listed.append(now)
    key = f"{prefix}_{field}"
    controlled(key, now)
    st.selectbox(
        label, listed, key=key, help=help, placeholder=_NONE,
        format_func=lambda name: _NONE if name is None else name,
        on_change=_set_field, args=(draft, endpoint.name, field, label, key),
    )  # fmt: skip


def _set_field(draft: TableDraft, name: str, field: str, label: str, key: str) -> None:
    value = st.session_state[key]

    def change() -> None:
        mapping = outcomes.change_endpoint(draft.mapping, read(draft), name, **{field: value})
        propose(draft, f"{label.lower()} of {name}", mapping=mapping)

    attempt(draft, WHERE, change)


# --- name, order, adding, removing -------------------------------------------------------------


def _more(draft: TableDraft, endpoint: EndpointSpec, *, main: bool) -> None:
    """What is rarely needed: other words, another order, removing."""
    prefix = f"{draft.token}_{endpoint.name}"
    with st.popover("More", icon=":material/more_horiz:", type="tertiary", key=f"{prefix}_more"):
        for field, label in (
            ("label", "In words"),
            ("name", "Short name"),
            ("event_label", "What happens"),
        ):
            key = f"{prefix}_{field}_text"
            controlled(key, getattr(endpoint, field))
            st.text_input(
                label, key=key, max_chars=40,
                on_change=_set_text, args=(draft, endpoint.name, field, label, key),
            )  # fmt: skip
        if not main:
            st.button(
                "Make it the main outcome", icon=":material/vertical_align_top:", width="stretch",
                key=f"{prefix}_main", on_click=_reorder, args=(draft, endpoint.name),
            )  # fmt: skip
        st.button(
            "Remove this outcome", icon=":material/delete:", width="stretch",
            key=f"{prefix}_remove", on_click=_remove, args=(draft, endpoint.name),
        )  # fmt: skip


def _set_text(draft: TableDraft, name: str, field: str, label: str, key: str) -> None:
    text = " ".join(st.session_state[key].split())

    def change() -> None:
        if text or field == "label":
            mapping = outcomes.change_endpoint(draft.mapping, read(draft), name, **{field: text})
            propose(draft, f"{label.lower()} of {name}", mapping=mapping)

    attempt(draft, WHERE, change)


def _remove(draft: TableDraft, name: str) -> None:
    attempt(
        draft, WHERE,
        lambda: propose(
            draft, f"removing {name}", mapping=outcomes.remove_endpoint(draft.mapping, name)
        ),
    )  # fmt: skip


def _reorder(draft: TableDraft, name: str) -> None:
    attempt(
        draft, WHERE,
        lambda: propose(
            draft, f"{name} as main outcome", mapping=outcomes.make_main(draft.mapping, name)
        ),
    )  # fmt: skip
