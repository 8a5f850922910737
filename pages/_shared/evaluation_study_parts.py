"""What the results of all studies' evaluations show alike: figures, tables, everything as one file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from pages._shared import components
from pages._shared.figures import show_figure, show_table

if TYPE_CHECKING:
    from pages._shared.evaluation_study_work import DoneStudy


def mark(done: DoneStudy) -> str:
    """What must stand by every number of this model, as a chip (HTML)."""
    if not done.model_note:
        return ""
    return components.chip(done.model_note.rstrip("."), kind="sim", sign="◇")


def figure(done: DoneStudy, name: str, **more) -> None:
    """One of the figures; nothing where it could not be drawn."""
    if name in done.figures:
        show_figure(
            done.figures[name], done.manifest, f"evaluation_{name}", mark=mark(done), **more
        )


def table(done: DoneStudy, name: str, title: str, shown: str) -> None:
    """One of the tables; nothing where it has no row."""
    if name in done.tables:
        show_table(
            shown, done.tables[name], done.manifest, f"evaluation_table_{name}", title=title,
            mark=mark(done),
        )  # fmt: skip


def first_chips(done: DoneStudy) -> list[str]:
    """Whether model and patients are simulated, and who they are (HTML)."""
    report = done.report
    parts = [mark(done)] if done.model_note else []
    if report.simulated:
        parts.append(components.chip("Judged on simulated patients", kind="sim", sign="◇"))
    return [*parts, components.chip(report.source), components.chip(report.endpoint_title)]


def everything(done: DoneStudy, make: Callable[[], bytes], key: str) -> None:
    """All figures and tables as one zip; made when it is asked for."""
    stem = "".join(c if c.isalnum() else "-" for c in f"{done.model_name}-{done.report.source}")
    st.download_button(
        "Everything (zip)", data=make, file_name=f"hccsurv_evaluation_{stem[:60]}.zip",
        mime="application/zip", key=key, on_click="ignore", type="primary",
        icon=":material/folder_zip:",
        help="All figures (SVG, PNG), tables (CSV), every number (JSON), settings and the model "
        "card. Drawing them takes half a minute.",
    )  # fmt: skip
