"""System 3: an evaluation in sections, each with its downloads, and what it cannot show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages._shared import ceus_tables as tables
from pages._shared import components, formats
from pages._shared.evaluation_ceus_readers import show_readers
from pages._shared.evaluation_study_parts import everything, figure, first_chips, table
from pages._shared.train_preview import caution

if TYPE_CHECKING:
    from pages._shared.evaluation_ceus_work import DoneCeus

EARLY, SURVIVAL, RECURRENCE = "Early recurrence", "Survival", "Recurrence"
CLASSES, GAP, TRUTH, READERS = "Four classes", "Training against test", "Truth", "Readers"
SECTIONS = (EARLY, SURVIVAL, RECURRENCE, CLASSES, GAP, TRUTH, READERS)


def show_ceus_evaluation(done: DoneCeus) -> None:
    """Headline, what must be known, and the open section."""
    _headline(done)
    there = [s for s in SECTIONS if s != TRUTH or done.report.evaluation.oracle is not None]
    section = st.segmented_control(
        "Section", there, default=there[0], required=True, key="evaluation_section_3",
        label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    {
        EARLY: _early,
        SURVIVAL: _survival,
        RECURRENCE: _recurrence,
        CLASSES: _classes,
        GAP: _gap,
        TRUTH: _truth,
        READERS: show_readers,
    }[section](done)


def _headline(done: DoneCeus) -> None:
    """AUC and C of the answering version, who was judged on, and everything as one file."""
    report = done.report
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html(tables.headline(report), width="stretch")
        everything(done, lambda: _zipped(done), "get_evaluation_3")
    version = tables.version_title(report.evaluation.version)
    st.html(
        components.chips([*first_chips(done), components.chip(f"Answered from {version.lower()}")])
    )
    for text in (*report.warnings, *report.evaluation.notes):
        caution(formats.sentence(text))
    table(done, "measures", "Each version", tables.overview(report))
    st.html(
        '<p class="hcc-quiet" style="margin:0">O/E: observed by expected deaths; 1 is right, above it '
        "the risk is underestimated. Brier scores and all other measures are in the download.</p>"
    )


def _zipped(done: DoneCeus) -> bytes:
    from hccsurv_core.report.archive import zip_contents
    from hccsurv_core.report.ceus_archive import ceus_contents

    return zip_contents(
        ceus_contents(done.report, source=dict(done.manifest.source), card=done.card)
    )


def _early(done: DoneCeus) -> None:
    """ROC by version, calibration, accuracy at the cut-off, decision curve, what pictures add."""
    figure(done, "early_roc")
    figure(done, "early_calibration", tables=_more(done, Calibration="early_calibration"))
    table(done, "accuracy", "Accuracy at the cut-off", tables.accuracy(done.report))
    st.html(
        '<p class="hcc-quiet" style="margin:0">The cut-off was learned in training and divides the '
        "classes. Predictive values hold for as many early recurrences as these patients had. "
        "Intervals: 95 %, exact.</p>"
    )
    figure(done, "early_decision")
    figure(done, "early_reclassification", tables=_more(done, Reclassification="reclassification"))


def _survival(done: DoneCeus) -> None:
    """Ranking, AUC, calibration, prediction error, decisions, what pictures add."""
    figure(
        done, "death_concordance",
        tables=_more(done, **{"Paired differences": "concordance_differences"}),
    )  # fmt: skip
    figure(done, "death_auc")
    figure(done, "death_calibration", tables=_more(done, Calibration="death_calibration"))
    figure(done, "prediction_error")
    figure(done, "death_decision")
    figure(done, "death_reclassification", tables=_more(done, Reclassification="reclassification"))


def _recurrence(done: DoneCeus) -> None:
    """Incidence by class with death competing, and Fine-Gray ratios."""
    figure(done, "recurrence_incidence")
    figure(done, "fine_gray", tables=_more(done, **{"Fine-Gray": "fine_gray"}))


def _classes(done: DoneCeus) -> None:
    """How each class fared, and after a recurrence by retreatment."""
    from hccsurv_core.systems.ceus.retreatment_result import CAVEAT

    found = done.report.evaluation.classes
    table(
        done, "classes", "The four classes, by the cut-offs learned in training",
        tables.classes(done.report),
    )  # fmt: skip
    figure(done, "class_survival")
    study = found.retreatment
    if study is None:
        st.info(
            f"**Retreatment cannot be looked at:** {formats.plain(found.why_no_retreatment)}.",
            icon=":material/info:",
        )
        return
    caution(CAVEAT)
    figure(done, "retreatment")
    figure(done, "retreatment_ratios")
    table(
        done, "retreatment", "Retreated against not retreated, class by class",
        tables.retreatment(study),
    )  # fmt: skip
    left_out = (
        (study.n_without, "without a recurrence"),
        (study.n_unknown, "of whom it is not known whether they were retreated"),
    )
    told = "; ".join(f"{formats.plural(n, 'patient')} {why}" for n, why in left_out if n)
    if told:
        st.html(f'<p class="hcc-quiet" style="margin:0">Left out: {formats.html(told)}.</p>')


def _gap(done: DoneCeus) -> None:
    more = {"Training against test": "training_against_test"}
    figure(done, "training_against_test", tables=_more(done, **more))


def _truth(done: DoneCeus) -> None:
    """Simulated patients: share of the truth's own margin."""
    figure(done, "truth")
    table(done, "truth", "How near the model comes", tables.truth(done.report))


def _more(done: DoneCeus, **names: str) -> dict:
    """Tables to download beside a figure: title → name, as far as they are there."""
    return {title: done.tables[name] for title, name in names.items() if name in done.tables}
