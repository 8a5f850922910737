"""Everything of the page Follow-up to take away: JSON, lesions as CSV, a report as PDF and HTML."""

from __future__ import annotations

import csv
import io
import json
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages._shared import downloads
from pages._shared.downloads import RESEARCH_USE
from pages._shared.followup_words import provenance_lines

if TYPE_CHECKING:
    from hccsurv_core.report.followup_report import FollowupReport
    from hccsurv_core.systems.immunotherapy.response import PatientResponse
    from pages._shared.followup_answer import Answered
    from pages._shared.followup_measuring import Measured
    from pages._shared.views import StudyView


def followup_downloads(
    view: StudyView, measured: Measured, found: Answered | None, response: PatientResponse | None
) -> None:
    """The button with all files; each is made when it is asked for."""
    from pages._shared.followup_films import film_pictures

    stem = f"{view.patient.pseudonym}_followup"
    # Files are made outside of the session: what they need of it is taken beforehand.
    pictures = film_pictures(measured)
    report = partial(_report, view, measured, found, response, pictures)
    files = (
        ("Report (PDF)", "pdf", "application/pdf", lambda: _pdf(report())),
        ("Report (HTML)", "html", "text/html", lambda: _html(report())),
        ("Lesions (CSV)", "csv", "text/csv", partial(lesions_csv, view, measured, found, response)),
        ("Everything (JSON)", "json", "application/json",
         partial(followup_json, view, measured, found, response)),
    )  # fmt: skip
    with st.popover("Download", icon=":material/download:", key="followup_downloads"):
        for label, ending, mime, make in files:
            downloads.file_button(label, f"{stem}.{ending}", mime, make, f"get_followup_{ending}")


def _pdf(report: FollowupReport) -> bytes:
    from hccsurv_core.report.followup_report import report_pdf

    return report_pdf(report)


def _html(report: FollowupReport) -> str:
    from hccsurv_core.report.followup_report import report_html

    return report_html(report)


def _report(
    view: StudyView, measured: Measured, found: Answered | None, response: PatientResponse | None,
    pictures: Any,
) -> FollowupReport:  # fmt: skip
    from hccsurv_core.report.followup_report import FollowupReport

    patient = measured.patient
    return FollowupReport(
        title=f"Follow-up of {view.patient.pseudonym}",
        dates={t: patient.examinations.date_of(t) or "no date" for t in ("baseline", "followup")},
        interval_days=patient.examinations.interval_days,
        pictures=pictures,
        positions_mm={
            role: tuple(patient.position_mm(role, k) for k in found_slices.slice_index)
            for role, found_slices in patient.slices.items()
        },
        answer=None if found is None else found.answer,
        response=response,
        volumes_ml=patient.volumes_ml,
        notes=(*patient.notes, *(() if found is None else found.answer.notes)),
        provenance=(*provenance_lines(view, found), RESEARCH_USE),
    )


def followup_json(
    view: StudyView, measured: Measured, found: Answered | None, response: PatientResponse | None
) -> str:
    """Everything measured, said and answered."""
    patient, said = measured.patient, measured.stored
    told: dict[str, Any] = {
        "patient": view.patient.pseudonym,
        "simulated_patient": view.simulated,
        "trained_on_simulated_patients": None if found is None else found.simulated,
        "scans": {
            role: {
                "study": str(study.id), "date": study.study_date, "phase": study.phase,
                "regions_revision": measured.outlines[study.id].revision,
                "slices": _slices(measured, role),
                "chosen_by_hand": role in patient.by_hand,
            }
            for role, study in patient.examinations.studies.items()
        },
        "interval_days": patient.examinations.interval_days,
        "lesions": [one.to_json() for one in patient.sizes],
        "volumes_ml": {t: {str(n): ml for n, ml in v.items()} for t, v in patient.volumes_ml.items()},
        "reading": {**said.reading.to_json(), "by": said.actor},
        "response": None if response is None else response.to_json(),
        "answer": None if found is None else found.answer.to_json(),
        "model": None if found is None else {
            "id": found.entry.id, "name": found.entry.name, "sha256": found.entry.sha256,
            "trained_on": found.entry.trained_on,
        },
        "notes": list(patient.notes),
        "provenance": provenance_lines(view, found),
        "note": RESEARCH_USE,
    }  # fmt: skip
    return json.dumps(told, indent=2, ensure_ascii=False, default=str) + "\n"


def _slices(measured: Measured, role: str) -> list[dict[str, float]]:
    slices = measured.patient.slices.get(role)
    if slices is None:
        return []
    return [
        {"slice": int(k) + 1, "position_mm": measured.patient.position_mm(role, k),
         "tumor_cm2": float(area)}
        for k, area in zip(slices.slice_index, slices.tumor_cm2, strict=True)
    ]  # fmt: skip


def lesions_csv(
    view: StudyView, measured: Measured, found: Answered | None, response: PatientResponse | None
) -> str:
    """One row a lesion, as the verb ``recist`` reads them, with volumes and growth."""
    out = io.StringIO()
    writer = csv.writer(out)
    sizes = ("baseline_mm", "followup_mm", "viable_baseline_mm", "viable_followup_mm")
    writer.writerow(
        ["lesion", "organ", *sizes, "by_hand", "role", "baseline_ml", "followup_ml",
         "growth_percent_per_month"]
    )  # fmt: skip
    volumes = measured.patient.volumes_ml
    for one in measured.patient.sizes if response is None else response.lesions:
        label = one.label or 0
        growth = None if response is None or response.growth is None else response.growth
        rate = None if growth is None else growth.lesions.get(label)
        writer.writerow(
            [
                one.name, one.organ, *(_plain(getattr(one, size)) for size in sizes),
                " ".join(one.by_hand), "" if response is None else response.target_of(one.name),
                _plain(volumes["baseline"].get(label)), _plain(volumes["followup"].get(label)),
                _plain(None if rate is None else rate.rate_percent_per_month),
            ]
        )  # fmt: skip
    told = "".join(f"# {line}\n" for line in (*provenance_lines(view, found), RESEARCH_USE))
    return out.getvalue() + told


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
