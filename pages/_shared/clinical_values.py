"""Clinical values of the patient: read at a glance, changed in a form, the last change taken back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from hccsurv_core.errors import HccsurvError, InputError
from pages._shared import components, formats, views
from pages._shared.formats import html
from pages._shared.session import session
from pages._shared.views import StudyView

if TYPE_CHECKING:
    from hccsurv_core.cohort.clinical_values import ClinicalValue, Value

_EDITING = "clinical_editing"


def clinical_values_card(view: StudyView, assumed: Collection[str] = ()) -> None:
    """The card: what is known, or the form.

    Args:
        view: whose.
        assumed: names of unknown values in whose place the model takes a typical one.
    """
    with st.container(border=True, key="card_clinical"):
        editing = st.session_state.get(_EDITING) == view.patient.id
        _head(view, editing)
        if editing:
            _form(view)
        else:
            st.html(_overview(view, assumed))


def _head(view: StudyView, editing: bool) -> None:
    known = view.clinical
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html('<div class="hcc-block-title">Clinical values</div>', width="content")
        if known is not None:
            st.html(
                f'<span class="hcc-quiet">last changed by {html(known.actor)}, '
                f"{known.at:%Y-%m-%d %H:%M} UTC</span>",
                width="content",
            )
        st.space("stretch")
        if st.button(
            "Undo",
            key="clinical_undo",
            help="Take back the last change of these values",
            icon=":material/undo:",
            type="tertiary",
            disabled=known is None or not known.can_undo,
        ):
            _undo(view)
        if not editing:
            st.button(
                "Edit values",
                key="clinical_edit",
                icon=":material/edit:",
                on_click=_set_editing,
                args=(view.patient.id,),
            )


def _set_editing(patient_id: str | None) -> None:
    st.session_state[_EDITING] = patient_id


def _overview(view: StudyView, assumed: Collection[str]) -> str:
    """What is known, in groups (HTML)."""
    from hccsurv_core.cohort.clinical_values import CLINICAL_VALUES, GROUP_TITLES, value_text

    groups = []
    for group, title in GROUP_TITLES.items():
        entries = []
        for value in (v for v in CLINICAL_VALUES if v.group == group):
            known = view.clinical_values.get(value.name)
            if known is not None:
                shown = f"<b>{html(_capital(value_text(value.name, known)))}</b>"
            else:
                more = "<small>typical assumed</small>" if value.name in assumed else ""
                shown = f'<i class="hcc-unknown">not known{more}</i>'
            entries.append(f"<div><span>{html(value.label)}</span>{shown}</div>")
        groups.append(
            f'<section class="hcc-values"><h4>{html(title)}</h4>{"".join(entries)}</section>'
        )
    return f'<div class="hcc-value-groups">{"".join(groups)}</div>'


def _form(view: StudyView) -> None:
    from hccsurv_core.cohort.clinical_values import CLINICAL_VALUES, GROUP_TITLES

    prefix = form_prefix(view)
    typed: dict[str, Value | None] = {}
    with st.form(f"{prefix}_form", border=False, enter_to_submit=True):
        st.caption(
            "Numbers are in the unit beside their name; another unit may be written behind the "
            "number, as in “3.8 g/dL”. Leave empty what is not known."
        )
        for group, title in GROUP_TITLES.items():
            st.html(f'<span class="hcc-kicker">{html(title)}</span>')
            fields = [v for v in CLINICAL_VALUES if v.group == group]
            for start in range(0, len(fields), 4):
                for column, value in zip(
                    st.columns(4, gap="small"), fields[start : start + 4], strict=False
                ):
                    with column:
                        known = view.clinical_values.get(value.name)
                        typed[value.name] = _field(value, known, f"{prefix}_{value.name}")
        with st.container(horizontal=True, gap="small"):
            save = st.form_submit_button("Save values", type="primary", key=f"{prefix}_save")
            stop = st.form_submit_button("Cancel", key=f"{prefix}_cancel")
    if stop:
        _set_editing(None)
        st.rerun()
    if save:
        _save(view, typed)


def values_form(view: StudyView, names: Sequence[str], key: str) -> None:
    """A form of some values, to be filled in where they are asked for; the others stay as they are.

    Args:
        view: whose.
        names: of the values.
        key: begins the keys of its widgets.
    """
    from hccsurv_core.cohort.clinical_values import BY_NAME

    prefix = f"{key}_{form_prefix(view)}"
    typed: dict[str, Value | None] = {}
    with st.form(f"{prefix}_form", border=False, enter_to_submit=True):
        for start in range(0, len(names), 4):
            columns = st.columns(4, gap="small")
            for column, name in zip(columns, names[start : start + 4], strict=False):
                with column:
                    known = view.clinical_values.get(name)
                    typed[name] = _field(BY_NAME[name], known, f"{prefix}_{name}")
        save = st.form_submit_button("Save values", type="primary", key=f"{prefix}_save")
    if save:
        _save(view, {**view.clinical_values, **typed}, asked=names)


def form_prefix(view: StudyView) -> str:
    """Begins the keys of the form's widgets: new ones after each change, so that they show it."""
    revision = 0 if view.clinical is None else view.clinical.revision
    return f"clinical_{view.patient.id}_{revision}"


def _field(value: ClinicalValue, known: Value | None, key: str) -> Value | None:
    from hccsurv_core.cohort.clinical_values import number_text

    more = ". ".join(part for part in (_capital(value.about), value.source) if part)
    if value.kind == "number":
        units = " or ".join(unit for unit in (value.unit, *value.other_units) if unit)
        return st.text_input(
            f"{value.label} ({value.unit})" if value.unit else value.label,
            "" if known is None else number_text(float(known)),
            key=key,
            placeholder=f"not known · {units}" if units else "not known",
            help=f"{more}. " * bool(more) + f"For example {value.example}.",
        )
    if value.kind == "yes_no":
        chosen = st.segmented_control(
            value.label,
            ["Yes", "No"],
            default=None if known is None else "Yes" if known else "No",
            key=key,
            help=f"{more}. None chosen: not known.".removeprefix(". "),
        )
        return None if chosen is None else chosen == "Yes"
    # A selectbox that starts with a choice cannot be emptied: "not known" is a choice of its own.
    words = {"": "Not known", **(value.levels or {})}
    chosen = st.selectbox(
        value.label,
        list(words),
        index=list(words).index("" if known is None else str(known)),
        format_func=lambda code: words[code],
        key=key,
        help=more or None,
    )
    return chosen or None


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _read(name: str, typed: Value | None, known: Value | None) -> Value | None:
    """The value a field holds; a number that was left as it stood is what it was."""
    from hccsurv_core.cohort.clinical_values import BY_NAME, number_text, parse_clinical_value

    if BY_NAME[name].kind != "number":
        return typed
    if known is not None and typed == number_text(float(known)):
        return known
    return parse_clinical_value(name, str(typed or ""))


def _save(
    view: StudyView, typed: dict[str, Value | None], *, asked: Sequence[str] | None = None
) -> None:
    """Store what was typed, or say what cannot be kept and store nothing.

    Args:
        asked: names that were asked for, of which the others are kept as they are; None for all.
    """
    values: dict[str, Value | None] = {}
    problems = []
    for name, given in typed.items():
        if asked is not None and name not in asked:
            values[name] = given
            continue
        try:
            values[name] = _read(name, given, view.clinical_values.get(name))
        except InputError as error:
            problems.append(error)
    try:
        if not problems:
            views.open_store().save_clinical_values(view.patient.id, values, actor=session().actor)
    except HccsurvError as error:
        components.show_error(error)
        return
    if problems:
        told = "\n".join(f"- {formats.error_text(problem)}" for problem in problems)
        st.error(f"Nothing was saved yet:\n\n{told}", icon=":material/error:")
        return
    _set_editing(None)
    st.rerun()


def _undo(view: StudyView) -> None:
    state = session()
    try:
        views.open_store().undo_clinical_values(view.patient.id, actor=state.actor)
    except HccsurvError as error:
        components.show_error(error)
        return
    state.notice = ("success", "The last change of the clinical values was taken back.")
    st.rerun()
