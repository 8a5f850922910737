"""An answer to take away: everything as JSON, nomograms as vector graphics, their points as a table."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages._shared import downloads
from pages._shared.downloads import RESEARCH_USE
from pages._shared.treatment_words import provenance_lines

if TYPE_CHECKING:
    from hccsurv_core.systems.treatment.model import TreatmentAnswer
    from pages._shared.treatment_answer import Answered
    from pages._shared.views import StudyView

_NOMOGRAMS = (
    ("svg", "Both nomograms (SVG)", "image/svg+xml"),
    ("pdf", "Both nomograms (PDF)", "application/pdf"),
    ("png", "Both nomograms (PNG, 300 dpi)", "image/png"),
)


def answer_download(view: StudyView, found: Answered) -> None:
    """The button with everything that was answered."""
    st.download_button(
        "Everything (JSON)",
        data=partial(answer_json, view, found),
        file_name=f"{downloads.file_stem(view)}_treatment.json",
        mime="application/json", key="get_treatment_json", on_click="ignore",
        icon=":material/download:",
    )  # fmt: skip


def nomogram_downloads(
    view: StudyView, found: Answered, answer: TreatmentAnswer, tried: str
) -> None:
    """The button with both nomograms, empty and with the patient, and their points.

    Args:
        answer: the one on view. tried: what was changed in it, in words; "" for nothing.
    """
    stem = f"{downloads.file_stem(view)}_nomograms"
    with st.popover("Download", icon=":material/download:", key="downloads_nomogram"):
        for file_format, label, mime in _NOMOGRAMS:
            st.download_button(
                label, data=partial(nomogram_pages, view, found, answer, tried, file_format),
                file_name=f"{stem}.{file_format}", mime=mime, key=f"get_nomogram_{file_format}",
                on_click="ignore", width="stretch",
            )  # fmt: skip
        st.download_button(
            "Without a patient (PDF)", data=partial(nomogram_pages, view, found, None, "", "pdf"),
            file_name="nomograms_empty.pdf", mime="application/pdf", key="get_nomogram_empty",
            on_click="ignore", width="stretch",
        )  # fmt: skip
        st.download_button(
            "Points of every value (CSV)", data=partial(points_csv, view, found, answer.version),
            file_name=f"{stem}_points.csv", mime="text/csv", key="get_nomogram_points",
            on_click="ignore", width="stretch",
        )  # fmt: skip


def nomogram_pages(
    view: StudyView, found: Answered, answer: TreatmentAnswer | None, tried: str, file_format: str
) -> bytes:
    """Both nomograms for print, below each other, on one scale of points.

    Args:
        answer: whose patient is marked; None for empty ones.
        tried: what was changed in the patient's values.
    """
    from hccsurv_core.report.figures.nomogram_print import (
        draw_nomograms_for_print,
        nomogram_file,
    )
    from hccsurv_core.report.figures.treatment_charts import arm_nomogram_charts

    version = found.answer.version if answer is None else answer.version
    charts = arm_nomogram_charts(found.model.nomograms[version], answer)
    lines = provenance_lines(view, found)
    if answer is None:
        # An empty one is nobody's: it does not say who was on view.
        lines = [line for line in lines if line != "Simulated patient"]
    else:
        who = f"{view.patient.pseudonym} · {view.study.study_date or 'no date'}"
        lines.insert(0, who if not tried else f"{who} · VALUES TRIED, not recorded: {tried}")
    return nomogram_file(draw_nomograms_for_print(charts, captions=lines), file_format)


def points_csv(view: StudyView, found: Answered, version: str) -> str:
    """Points of every value in both nomograms, on the scale they are drawn on."""
    import pandas as pd

    from hccsurv_core.models.nomogram import on_common_scale
    from hccsurv_core.models.nomogram_tables import points_table
    from hccsurv_core.systems.treatment.arm_table import ARMS

    nomograms = on_common_scale([found.model.nomograms[version][arm] for arm in ARMS])
    table = pd.concat(
        [
            pd.DataFrame(points_table(nomogram)).assign(treatment=arm)
            for arm, nomogram in zip(ARMS, nomograms, strict=True)
        ]
    )
    columns = ["treatment", *(c for c in table.columns if c != "treatment")]
    told = "".join(f"# {line}\n" for line in (*provenance_lines(view, found), RESEARCH_USE))
    return table[columns].to_csv(index=False) + told


def answer_json(view: StudyView, found: Answered) -> str:
    """Everything that was answered, and from what."""
    entry, d = found.entry, found.model.description
    signs = found.signs
    told: dict[str, Any] = {
        "patient": view.patient.pseudonym,
        "simulated_patient": view.simulated,
        "study_date": view.study.study_date,
        "trained_on_simulated_patients": found.simulated,
        "answer": found.answer.to_json(),
        "scores": {key: score.to_json() for key, score in found.profile.scores.items()},
        "inputs": {
            "record": dict(found.profile.record),
            "lesion_signs": None if signs is None else _plain(signs.values),
            "outlines": []
            if signs is None
            else [
                {"phase": phase, "study": str(p.study.id), "regions_revision": p.revision,
                 "lesion": p.lesion.name, "liver": p.liver.name}
                for phase, p in signs.scan.phases.items()
            ],
        },
        "model": {
            "id": entry.id,
            "name": entry.name,
            "sha256": entry.sha256,
            "trained_on": entry.trained_on,
            "settings": d["settings"],
            "seed": d["seed"],
            "versions": dict(d["versions"]),
        },
        "provenance": provenance_lines(view, found),
        "note": RESEARCH_USE,
    }  # fmt: skip
    return json.dumps(told, indent=2, ensure_ascii=False, default=str)


def _plain(values: Any) -> Any:
    """NaN is no JSON."""
    if values is None:
        return None
    return {name: float(v) if v == v else None for name, v in values.items()}
