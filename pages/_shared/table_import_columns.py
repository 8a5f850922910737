"""The columns of a table being imported: one table to edit, and the details of each column."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from hccsurv_core.cohort.cell_values import code_key, is_missing_text
from hccsurv_core.cohort.column_mapping import LAYOUTS, VISIT_RULES, ColumnSpec
from hccsurv_core.cohort.quantities import BY_KEY, QUANTITIES
from hccsurv_core.errors import TableError
from hccsurv_core.io.tables import RawColumn
from pages._shared import formats
from pages._shared import table_import_changes as changes
from pages._shared import table_import_endpoints as outcomes
from pages._shared import table_import_grid as grid
from pages._shared import table_import_words as words
from pages._shared.formats import html
from pages._shared.table_import_model import TableDraft, attempt, propose, read
from pages._shared.table_import_parts import controlled, grid_height, show_refusal

WHERE = "columns"
_ROWS_SHOWN = 12
_LAYOUT_WORDS = {"patients": "a patient", "visits": "a visit"}
_RULE_WORDS = {"first": "First visit", "last": "Last visit"}
_MOST_TEXTS = 300


def show_columns(draft: TableDraft) -> None:
    """What a row is, and what each column means."""
    # On the left: the table's own tools appear above its right end.
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.subheader("Columns", anchor=False, width="content")
        _show_layout(draft)
    show_refusal(draft, WHERE)
    frame = grid.column_frame(draft)
    key = _editor_key(draft)
    edits = (st.session_state.get(key) or {}).get("edited_rows", {})
    if not grid.overlay_agrees(frame, edits):
        # Something else changed a cell that was edited before: the table is drawn anew.
        draft.rounds[WHERE] = draft.rounds.get(WHERE, 0) + 1
        key = _editor_key(draft)
    st.data_editor(
        frame, key=key, hide_index=True, num_rows="fixed", column_config=_config(draft),
        height=grid_height(len(frame), _ROWS_SHOWN),
        placeholder=" ", on_change=_edited, args=(draft, key),
        alt="Columns of the table: how each is used, its kind, unit, and what is missing",
    )  # fmt: skip
    if draft.detail is not None:
        _show_detail(draft)


def _editor_key(draft: TableDraft) -> str:
    return f"columns_{draft.token}_{draft.rounds.get(WHERE, 0)}"


def _config(draft: TableDraft) -> dict[str, Any]:
    column = st.column_config
    units = ["", *words.units_of(draft)]
    return {
        grid.NAME: column.TextColumn(disabled=True, pinned=True, width=190),
        grid.EXAMPLES: column.TextColumn(disabled=True, width=165),
        grid.ROLE: column.SelectboxColumn(
            options=list(words.ROLES.values()), required=True, width=105,
            help="What the column is for. Personal columns are never kept.",
        ),
        grid.KIND: column.SelectboxColumn(
            options=list(words.KINDS.values()), required=True, width=85
        ),
        grid.UNIT: column.SelectboxColumn(
            options=units, width=75, help="The unit of the numbers in the file"
        ),
        grid.TARGET: column.SelectboxColumn(
            options=units, width=95, help="Convert to this unit; empty keeps the file’s"
        ),
        grid.LABEL: column.TextColumn(
            max_chars=60, width=105, help="How pages and figures call it; empty keeps its name"
        ),
        grid.MISSING: column.TextColumn(disabled=True, width=80, alignment="right"),
        grid.MORE: column.ButtonColumn(
            "More", type="tertiary", width=52, pinned=True,
            help="Levels and their labels, what is measured, codes for missing", key=f"{_editor_key(draft)}_detail",
            on_click=_open_detail, args=(draft, f"{_editor_key(draft)}_detail"),
        ),
    }  # fmt: skip


def _edited(draft: TableDraft, key: str) -> None:
    edits = st.session_state[key]["edited_rows"]

    def change() -> None:
        mapping, told = grid.apply_edits(draft, edits)
        propose(draft, told, mapping=mapping)

    attempt(draft, WHERE, change)


def _open_detail(draft: TableDraft, key: str) -> None:
    click = st.session_state[key]
    if click is not None:
        draft.detail, draft.adding = draft.mapping.columns[click["row"]].name, False


# --- rows --------------------------------------------------------------------------------------


def _show_layout(draft: TableDraft) -> None:
    key = f"{draft.token}_layout"
    with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
        st.html("<span class='hcc-quiet'>Each row is</span>", width="content")
        controlled(key, draft.mapping.layout)
        st.segmented_control(
            "Each row is", LAYOUTS, required=True, key=key, label_visibility="collapsed",
            format_func=_LAYOUT_WORDS.__getitem__, on_change=_set_layout, args=(draft, key),
        )  # fmt: skip
        if draft.mapping.layout == "visits":
            key = f"{draft.token}_visit_rule"
            controlled(key, draft.mapping.visit_rule)
            st.selectbox(
                "Which visit is used", VISIT_RULES, key=key, label_visibility="collapsed",
                format_func=_RULE_WORDS.__getitem__, width=130,
                on_change=_set_rule, args=(draft, key),
            )  # fmt: skip


def _set_layout(draft: TableDraft, key: str) -> None:
    wanted = st.session_state[key]
    attempt(
        draft, WHERE,
        lambda: propose(
            draft, "what a row is",
            mapping=changes.change_layout(draft.mapping, read(draft), wanted),
        ),
    )  # fmt: skip


def _set_rule(draft: TableDraft, key: str) -> None:
    wanted = st.session_state[key]
    mapping = replace(draft.mapping, visit_rule=wanted)
    attempt(draft, WHERE, lambda: propose(draft, "which visit is used", mapping=mapping))


# --- details of one column ---------------------------------------------------------------------


def _show_detail(draft: TableDraft) -> None:
    spec = draft.mapping.column(str(draft.detail))

    def closed() -> None:
        draft.detail = None

    st.dialog(spec.name, width="medium", icon=":material/tune:", on_dismiss=closed)(_detail)(
        draft, spec
    )


def _detail(draft: TableDraft, spec: ColumnSpec) -> None:
    """Everything about one column that the table has no room for."""
    column = read(draft).column(spec.name)
    prefix = f"detail_{draft.token}_{spec.name}"
    st.html(
        f"<span class='hcc-quiet'>{html(words.ROLES[spec.role])} · {html(words.KINDS[spec.kind])}"
        f" · {html(words.examples(column))}</span>"
    )
    wish = _kind_detail(draft, spec, column, prefix)
    texts = [t for t in column.texts[:_MOST_TEXTS] if not is_missing_text(t)]
    wish["missing"] = tuple(
        st.multiselect(
            "Also means “not known”", list(dict.fromkeys([*spec.missing, *texts])),
            default=list(spec.missing), accept_new_options=True, key=f"{prefix}_missing",
            placeholder="Choose or type values", help="NA, empty cells and the like always do.",
        )
    )  # fmt: skip
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key=f"{prefix}_cancel"):
            draft.detail = None
            st.rerun()
        if st.button("Apply", type="primary", key=f"{prefix}_apply"):
            try:
                mapping = changes.change_column(draft.mapping, read(draft), spec.name, **wish)
                propose(draft, f"details of {spec.name}", mapping=mapping)
            except TableError as error:
                st.error(formats.error_text(error), icon=":material/block:")
                return
            draft.detail, draft.refusal = None, None
            st.rerun()


def _kind_detail(
    draft: TableDraft, spec: ColumnSpec, column: RawColumn, prefix: str
) -> dict[str, Any]:
    """What columns of this kind need to have said."""
    if spec.kind == "number":
        return _number_detail(spec, prefix)
    if spec.kind == "category":
        return _level_detail(draft, spec, prefix)
    if spec.kind == "boolean":
        return _yes_no_detail(column, spec, prefix)
    if spec.kind != "date":
        return {}
    orders = list(words.DATE_ORDERS)
    order = st.selectbox(
        "Order of a date", orders, index=orders.index(spec.date_order),
        format_func=words.DATE_ORDERS.__getitem__, key=f"{prefix}_order",
    )  # fmt: skip
    return {"date_order": order}


def _number_detail(spec: ColumnSpec, prefix: str) -> dict[str, Any]:
    keys: list[str | None] = [None, *(q.key for q in QUANTITIES)]
    left, middle, right = st.columns(3)
    quantity = left.selectbox(
        "What it measures", keys, index=keys.index(spec.quantity), key=f"{prefix}_quantity",
        format_func=lambda key: BY_KEY[key].label.capitalize() if key else "Something else",
        help="Brings the possible range and the units.",
    )  # fmt: skip
    wish: dict[str, Any] = {"quantity": quantity}
    if quantity is None:
        wish["unit"] = middle.text_input("Unit", spec.unit or "", key=f"{prefix}_unit").strip()
    else:
        units = [unit or "—" for unit in BY_KEY[quantity].all_units]
        unit = middle.selectbox(
            "Unit in the file", units, key=f"{prefix}_unit_{quantity}",
            index=units.index(spec.unit) if spec.unit in units else 0,
        )  # fmt: skip
        target = right.selectbox(
            "Convert to", ["", *units], key=f"{prefix}_target_{quantity}",
            index=units.index(spec.target_unit) + 1 if spec.target_unit in units else 0,
            format_func=lambda name: name or "keep it",
        )  # fmt: skip
        wish["unit"] = None if unit == "—" else unit
        wish["target_unit"] = None if target in ("", "—") else target
        st.caption(f"Possible values: {BY_KEY[quantity].range_text(wish['unit'])}.")
    signs = [".", ","]
    wish["decimal"] = st.segmented_control(
        "Decimal sign", signs, default=spec.decimal, required=True, key=f"{prefix}_decimal",
        format_func={".": "1.5", ",": "1,5"}.__getitem__,
    )  # fmt: skip
    return wish


def _level_detail(draft: TableDraft, spec: ColumnSpec, prefix: str) -> dict[str, Any]:
    import pandas as pd

    lines = grid.level_lines(draft, spec)
    frame = pd.DataFrame(lines, columns=["Value", "Patients", "Shown as"])
    frame["Order"] = range(1, len(frame) + 1)
    config: dict[str, Any] = {
        "Value": st.column_config.TextColumn(disabled=True),
        "Patients": st.column_config.NumberColumn(disabled=True),
        "Order": st.column_config.NumberColumn(
            width="small", min_value=0, step=0.5, format="%g", help="Sorts the groups on every page"
        ),
    }
    if spec.role == "sex":
        config["Shown as"] = st.column_config.SelectboxColumn(
            options=list(dict.fromkeys(["male", "female", *frame["Shown as"]]))
        )
    edited = st.data_editor(
        frame, hide_index=True, key=f"{prefix}_levels", column_config=config,
        height=grid_height(len(frame), 8),
    )  # fmt: skip
    edited = edited.sort_values("Order", kind="stable")
    labels = {
        str(value): str(shown).strip()
        for value, shown in zip(edited["Value"], edited["Shown as"], strict=True)
        if shown and str(shown).strip() and str(shown).strip() != value
    }
    return {"levels": tuple(edited["Value"].astype(str)), "level_labels": labels}


def _yes_no_detail(column: RawColumn, spec: ColumnSpec, prefix: str) -> dict[str, Any]:
    meaning = {code_key(text): code for text, code in spec.codes.items()}
    choices: list[int | None] = [1, 0, None]
    names = {1: "Yes", 0: "No", None: "Neither"}
    codes: dict[str, int] = {}
    texts = list(outcomes.event_texts(column))
    for at in range(0, len(texts), 3):
        for place, text in zip(st.columns(3), texts[at : at + 3], strict=False):
            code = place.selectbox(
                f"“{text}”", choices, index=choices.index(meaning.get(code_key(text))),
                format_func=names.__getitem__, key=f"{prefix}_code_{text}",
            )  # fmt: skip
            if code is not None:
                codes[text] = code
    return {"codes": codes}
