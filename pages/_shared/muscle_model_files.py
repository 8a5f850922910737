"""A prediction to take away: JSON, CSV, figures. Files are made when they are asked for."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages._shared import downloads
from pages._shared.downloads import RESEARCH_USE
from pages._shared.muscle_model_parts import rank
from pages._shared.muscle_model_words import (
    PAPER,
    provenance_lines,
    survival_rows,
    survival_words,
)

if TYPE_CHECKING:
    from hccsurv_core.report.figures.chart import Chart
    from pages._shared.muscle_prediction import Predicted
    from pages._shared.views import StudyView

_MIMES = {"svg": "image/svg+xml", "png": "image/png"}


def model_downloads(view: StudyView, found: Predicted, curve: Chart) -> None:
    """The button with everything to take away."""
    stem = f"{downloads.file_stem(view)}_model"
    figures = {"survival": ("Survival curve", curve), "moved": ("What moved the risk", None)}
    with st.popover("Download", icon=":material/download:", key="model_downloads"):
        for name, (title, chart) in figures.items():
            for file_format, words in (("svg", "SVG"), ("png", "PNG, 300 dpi")):
                st.download_button(
                    f"{title} ({words})",
                    data=partial(figure_file, view, found, chart, file_format),
                    file_name=f"{stem}_{name}.{file_format}",
                    mime=_MIMES[file_format],
                    key=f"get_model_{name}_{file_format}",
                    on_click="ignore",
                    width="stretch",
                )
        st.download_button(
            "Numbers (CSV)", data=partial(prediction_csv, view, found),
            file_name=f"{stem}.csv", mime="text/csv", key="get_model_csv", on_click="ignore",
            width="stretch",
        )  # fmt: skip
        st.download_button(
            "Everything (JSON)", data=partial(prediction_json, view, found),
            file_name=f"{stem}.json", mime="application/json", key="get_model_json",
            on_click="ignore", width="stretch",
        )  # fmt: skip


def figure_file(view: StudyView, found: Predicted, chart: Chart | None, file_format: str) -> bytes:
    """A figure for print; without a chart, what moved the risk."""
    from hccsurv_core.report.figures.chart_print import draw_for_print
    from hccsurv_core.report.figures.ct_print import save_figure
    from hccsurv_core.report.figures.patient_charts import contributions_chart

    if chart is None:
        chart = contributions_chart(
            {c.title: c.log_hazard for c in found.case.contributions}, simulated=found.simulated
        )
    who = f"{view.patient.pseudonym} · {view.study.study_date or 'no date'}"
    word = "Higher" if found.case.high_risk else "Lower"
    told = f"{word} risk, percentile {rank(found.case.percentile)}. "
    told += survival_words(survival_rows(found))
    captions = [who, told, *provenance_lines(view, found)]
    return save_figure(draw_for_print(chart, captions=captions), file_format)


def prediction_csv(view: StudyView, found: Predicted) -> str:
    """Risk, survival and what moved it, one number a line (UTF-8, comma)."""
    case = found.case
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["what", "months", "value", "ci_low", "ci_high", "unit", "model"])
    model = "trained on simulated patients" if found.simulated else found.entry.name

    def line(
        what: str, value: float, months: Any = "", low: Any = "", high: Any = "", unit: str = ""
    ):
        numbers = [_short(v) for v in (value, low, high)]
        writer.writerow([what, months, *numbers, unit, model])

    line("risk percentile", case.percentile, unit="percent of training patients")
    line("risk score", case.risk_score, unit="log hazard against the average training patient")
    line("hazard ratio", math.exp(case.risk_score), unit="against the average training patient")
    for c in case.contributions:
        line(f"moved by {c.title.lower()}", c.factor, unit="factor of the hazard")
    curve = case.curve
    for months, s, low, high in zip(
        curve.months, curve.survival, curve.low, curve.high, strict=True
    ):
        line("survival", s, f"{months:g}", low, high, "probability")
    writer.writerow([])
    for text in (*provenance_lines(view, found), RESEARCH_USE):
        writer.writerow([f"# {text}"])
    return out.getvalue()


def _short(value: Any) -> str:
    return "" if value == "" or not math.isfinite(value) else f"{value:.6g}"


def prediction_json(view: StudyView, found: Predicted) -> str:
    """Everything that was predicted, and from what."""
    entry = found.entry
    return json.dumps(
        {
            "patient": view.patient.pseudonym,
            "simulated_patient": view.simulated,
            "study_date": view.study.study_date,
            "trained_on_simulated_patients": found.simulated,
            "prediction": found.case.to_json(),
            "leading_values": {group: asdict(value) for group, value in found.leading.items()},
            "inputs": {
                "record": dict(found.record),
                "slab": {"n_slices": found.images.n_slices, "slice_mm": found.images.slice_mm},
                "outline_revision": view.require_outline().revision,
                "outline_state": view.require_outline().state,
                "level_state": view.level.state if view.level else None,
                "features": {
                    name: value if math.isfinite(value) else None
                    for name, value in found.images.values.items()
                    if name in set(found.model.feature_names)
                },
            },
            "model": {
                "id": entry.id,
                "name": entry.name,
                "sha256": entry.sha256,
                "trained_on": entry.trained_on,
                "versions": dict(found.model.description.get("versions", {})),
            },
            "source": PAPER,
            "provenance": provenance_lines(view, found),
            "note": RESEARCH_USE,
        },
        indent=2,
        ensure_ascii=False,
    )
