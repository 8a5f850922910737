"""Small pieces of the import page: controlled widgets, refusals, severities."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages._shared import components
from pages._shared import table_import_words as words
from pages._shared.table_import_model import TableDraft

_ROW_PX, _HEAD_PX = 33, 33


def controlled(key: str, value: Any) -> None:
    """Let a widget show what is in force, also after an undo or a refused change."""
    st.session_state[key] = value


def grid_height(n: int, most: int) -> int:
    """Pixels of a table of cells that shows ``most`` of ``n`` rows; the next one peeps out."""
    return _HEAD_PX + int(_ROW_PX * (n if n <= most else most + 0.5)) + 3


def show_refusal(draft: TableDraft, where: str) -> None:
    """What was refused at this place by the last click, if it was."""
    if draft.refusal is not None and draft.refusal[0] == where:
        st.error(draft.refusal[1], icon=":material/block:")


def severity_chip(severity: str) -> str:
    """How serious, as a shape and a word (HTML)."""
    word, sign, kind = words.SEVERITIES[severity]
    return components.chip(word, kind=kind, sign=sign)
