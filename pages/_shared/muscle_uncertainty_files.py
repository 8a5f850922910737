"""Ranges to take away: CSV, JSON, figure. Files are made when they are asked for."""

from __future__ import annotations

import csv
import io
import json
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from pages._shared import downloads
from pages._shared.downloads import RESEARCH_USE

if TYPE_CHECKING:
    from hccsurv_core.systems.uncertainty_results import OutlineUncertainty
    from pages._shared.views import StudyView

_MIMES = {"svg": "image/svg+xml", "png": "image/png"}


def uncertainty_downloads(view: StudyView, found: OutlineUncertainty) -> None:
    """The button with everything to take away."""
    stem = f"{downloads.file_stem(view)}_uncertainty"
    with st.popover("Download", icon=":material/download:", key="uncertainty_downloads"):
        for kind, label, make in (
            ("ranges", "Ranges (CSV)", ranges_csv),
            ("values", "Every move and value (CSV)", values_csv),
        ):
            st.download_button(
                label, data=partial(make, view, found), file_name=f"{stem}_{kind}.csv",
                mime="text/csv", key=f"get_uncertainty_{kind}", on_click="ignore", width="stretch",
            )  # fmt: skip
        st.download_button(
            "Everything (JSON)", data=partial(uncertainty_json, view, found),
            file_name=f"{stem}.json", mime="application/json", key="get_uncertainty_json",
            on_click="ignore", width="stretch",
        )  # fmt: skip
        for file_format, words in (("png", "Figure (PNG, 300 dpi)"), ("svg", "Figure (SVG)")):
            st.download_button(
                words, data=partial(uncertainty_figure, view, found, file_format),
                file_name=f"{stem}.{file_format}", mime=_MIMES[file_format],
                key=f"get_uncertainty_{file_format}", on_click="ignore", width="stretch",
            )  # fmt: skip


def ranges_csv(view: StudyView, found: OutlineUncertainty) -> str:
    """One definition a line (UTF-8, comma)."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        ["definition", "measure", "value", "low", "high", "unit", "operator", "cutoff", "margin",
         "margin_percent", "is_low", "stands", "smallest_flip", "reason"]
    )  # fmt: skip
    words = {True: "yes", False: "no", None: "not known"}
    for d in found.definitions:
        numbers = [_short(v) for v in (d.value, d.low, d.high)]
        writer.writerow(
            [d.name, d.measure, *numbers, d.unit, d.operator, _short(d.cutoff), _short(d.margin),
             _short(d.margin_percent), words[d.positive], words[d.stands],
             d.smallest.words if d.smallest else "", d.reason or ""]
        )  # fmt: skip
    return out.getvalue() + _foot(view)


def values_csv(view: StudyView, found: OutlineUncertainty) -> str:
    """One move a line, the first without any (UTF-8, comma)."""
    names = list(found.measured.to_json())
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["what", "kind", "outline", "size_mm", "direction", "slices", *names])
    measured = found.measured.to_json()
    writer.writerow(["as measured", "", "", 0, "", 0, *(_short(measured[n]) for n in names)])
    for p in found.perturbed:
        moved, values = p.perturbation, p.measures.to_json()
        writer.writerow(
            [moved.words, moved.kind, moved.outline, moved.size_mm, moved.direction, moved.slices,
             *(_short(values[n]) for n in names)]
        )  # fmt: skip
    return out.getvalue() + _foot(view)


def uncertainty_json(view: StudyView, found: OutlineUncertainty) -> str:
    """Everything, as JSON."""
    facts = view.patient.facts
    return json.dumps(
        {
            "patient": view.patient.pseudonym,
            "simulated": view.simulated,
            "study_date": view.study.study_date,
            "sex": facts.sex,
            "height_m": facts.height_m,
            **found.to_json(),
            "provenance": downloads.provenance_words(view),
            "note": RESEARCH_USE,
        },
        indent=2,
        ensure_ascii=False,
    )


def uncertainty_figure(view: StudyView, found: OutlineUncertainty, file_format: str) -> bytes:
    """The figure for print, with who and from what."""
    from hccsurv_core.report.figures.chart_print import draw_for_print
    from hccsurv_core.report.figures.ct_print import save_figure
    from hccsurv_core.report.figures.uncertainty_chart import uncertainty_chart

    chart = uncertainty_chart(found, simulated=view.simulated)
    who = f"{view.patient.pseudonym} · {view.study.study_date or 'no date'}"
    captions = [who, f"{downloads.provenance_words(view)}.", *found.notes]
    return save_figure(draw_for_print(chart, captions=captions), file_format)


def _short(value: float | None) -> str:
    return "" if value is None else repr(round(value, 6))


def _foot(view: StudyView) -> str:
    simulated = "simulated patient; " if view.simulated else ""
    return f"\n# {simulated}{downloads.provenance_words(view)}. {RESEARCH_USE}\n"
