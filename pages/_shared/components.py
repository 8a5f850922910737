"""Small pieces that several pages draw: chips, verdicts, messages, empty states."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import streamlit as st

from hccsurv_core.errors import HccsurvError
from pages._shared import formats
from pages._shared.formats import html

if TYPE_CHECKING:
    from hccsurv_core.features.body import DefinitionResult

_ICONS = {"low": "▼", "ok": "✓", "unknown": "?"}
_WORDS = {"low": "Low", "ok": "Not low", "unknown": "Not known"}


def verdict_kind(result: DefinitionResult) -> str:
    """ "low", "ok" or "unknown"."""
    if result.positive is None:
        return "unknown"
    return "low" if result.positive else "ok"


def verdict(kind: str) -> str:
    """A verdict as shape and word (HTML)."""
    return (
        f'<span class="hcc-verdict {kind}"><i aria-hidden="true">{_ICONS[kind]}</i>'
        f"{_WORDS[kind]}</span>"
    )


def chip(text: str, *, kind: str = "", sign: str = "", title: str = "") -> str:
    """A chip: kind is "", "good", "look" or "sim"; ``sign`` is a small shape before the words."""
    mark = f'<i aria-hidden="true">{html(sign)}</i>' if sign else ""
    more = f' title="{html(title)}"' if title else ""
    return f'<span class="hcc-chip {kind}"{more}>{mark}{html(text)}</span>'


def chips(parts: Iterable[str]) -> str:
    """Chips in a row (HTML)."""
    return f'<div class="hcc-chips">{"".join(parts)}</div>'


def state_chip(what: str, state: str | None, who: str = "") -> str:
    """A chip that says how far a step is: not done, automatic, confirmed, edited by …"""
    if state is None:
        return chip(f"{what}: not done", sign="○")
    words = formats.STEP_NAMES.get(state, state)
    if state in ("edited", "moved") and who:
        words = f"{words} by {who}" if state == "edited" else f"moved by {who}"
    if state == "automatic":
        return chip(f"{what}: {words}", sign="◐")
    return chip(f"{what}: {words}", kind="good", sign="●")


def simulated_chip() -> str:
    """The mark that a patient is not real."""
    return chip("Simulated patient", kind="sim", sign="◇")


def show_error(error: HccsurvError) -> None:
    """One message: what, which file, what to do."""
    st.error(formats.error_text(error), icon=":material/error:")


def show_notice(notice: tuple[str, str]) -> None:
    """A message kept from the last run: (success, info, warning or error; Markdown).

    What went well goes away by itself; what did not stays until the next click.
    """
    kind, text = notice
    if kind == "success":
        st.toast(text, icon=":material/check_circle:")
        return
    icons = {
        "info": ":material/info:",
        "warning": ":material/warning:",
        "error": ":material/error:",
    }
    {"info": st.info, "warning": st.warning, "error": st.error}[kind](text, icon=icons[kind])


def empty_state(title: str, sentence: str, page: str, label: str) -> None:
    """What is missing, in one sentence, and one button."""
    with st.container(border=True):
        st.subheader(title, anchor=False)
        st.write(sentence)
        if st.button(label, type="primary", key=f"go_{page}"):
            st.switch_page(page)


def page_title(title: str, lead: str = "") -> None:
    """The page's heading and one sentence under it."""
    st.header(title, anchor=False)
    if lead:
        st.html(f'<p class="hcc-lead" style="margin:-0.4rem 0 0.2rem">{html(lead)}</p>')
