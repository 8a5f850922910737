"""System 4: an evaluation in sections, each with its downloads, and what it cannot show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages._shared import components, formats
from pages._shared import immunotherapy_tables as tables
from pages._shared.evaluation_study_parts import everything, figure, first_chips, table
from pages._shared.train_preview import caution

if TYPE_CHECKING:
    from pages._shared.evaluation_immunotherapy_work import DoneImmunotherapy

RANKING, RISK, RECIST = "Ranking", "Risk and survival", "RECIST"
IMPORTANCE, GAP, TRUTH = "What matters, and where", "Training against test", "Truth"
SECTIONS = (RANKING, RISK, RECIST, IMPORTANCE, GAP, TRUTH)


def show_immunotherapy_evaluation(done: DoneImmunotherapy) -> None:
    """Headline, what must be known, and the open section."""
    _headline(done)
    there = [s for s in SECTIONS if s != TRUTH or "truth" in done.figures]
    section = st.segmented_control(
        "Section", there, default=there[0], required=True, key="evaluation_section_4",
        label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    {
        RANKING: _ranking,
        RISK: _risk,
        RECIST: _recist,
        IMPORTANCE: _importance,
        GAP: _gap,
        TRUTH: _truth,
    }[section](done)


def _headline(done: DoneImmunotherapy) -> None:
    """C of the answering model, each model in a line, and everything as one file."""
    report = done.report
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html(tables.headline(report), width="stretch")
        everything(done, lambda: _zipped(done), "get_evaluation_4")
    st.html(components.chips(first_chips(done)))
    for text in (*report.warnings, *report.evaluation.notes):
        caution(formats.sentence(text))
    table(done, "measures", "Each model, from its own scan", tables.overview(report))
    st.html(
        '<p class="hcc-quiet" style="margin:0">Models of the follow-up scan count from it, of the '
        "patients still followed then. O/E: observed by expected deaths; 1 is right, above it the risk "
        "is underestimated. Brier scores and all other measures are in the download.</p>"
    )


def _zipped(done: DoneImmunotherapy) -> bytes:
    from hccsurv_core.report.archive import zip_contents
    from hccsurv_core.report.immunotherapy_archive import immunotherapy_contents

    return zip_contents(
        immunotherapy_contents(done.report, source=dict(done.manifest.source), card=done.card)
    )


def _ranking(done: DoneImmunotherapy) -> None:
    """All models on the same patients, what is added, and ROC curves."""
    figure(done, "concordance", tables=_more(done, Concordance="concordance"))
    figure(
        done, "concordance_differences",
        tables=_more(done, **{"Paired differences": "concordance_differences"}),
    )  # fmt: skip
    figure(done, "roc")


def _risk(done: DoneImmunotherapy) -> None:
    """Risks with their parts, groups, the nomogram, calibration, prediction error."""
    figure(done, "risk_strips")
    figure(done, "risk_groups", tables=_more(done, **{"Risk groups": "risk_groups"}))
    figure(done, "nomogram")
    figure(done, "calibration", tables=_more(done, Calibration="calibration"))
    figure(done, "prediction_error")


def _recist(done: DoneImmunotherapy) -> None:
    """Hazard ratios of both divisions, who is where, and survival by category."""
    if done.report.evaluation.recist is None:
        st.info(
            "**RECIST cannot be looked at:** no target lesion was read at both scans of any patient "
            "whom the model answers from both. The cohort's columns `target_1_baseline_mm`, "
            "`target_1_followup_mm` and so on hold what was read.",
            icon=":material/info:",
        )
        return
    figure(done, "recist_ratios", tables=_more(done, **{"Hazard ratios": "recist_ratios"}))
    table(
        done, "recist_against_risk", "Categories and risk groups of the same patients",
        tables.recist(done.report),
    )  # fmt: skip
    figure(done, "recist")


def _importance(done: DoneImmunotherapy) -> None:
    figure(done, "importance", tables=_more(done, Importance="importance"))
    figure(
        done, "by_scanner_and_center",
        tables=_more(done, **{"By scanner and center": "by_scanner_and_center"}),
    )  # fmt: skip


def _gap(done: DoneImmunotherapy) -> None:
    more = {"Training against test": "training_against_test"}
    figure(done, "training_against_test", tables=_more(done, **more))


def _truth(done: DoneImmunotherapy) -> None:
    """Simulated patients: share of the truth's own margin."""
    figure(done, "truth")
    table(done, "truth", "How near the models come", tables.truth(done.report))


def _more(done: DoneImmunotherapy, **names: str) -> dict:
    """Tables to download beside a figure: title → name, as far as they are there."""
    return {title: done.tables[name] for title, name in names.items() if name in done.tables}
