"""The muscle page's model: risk, survival with interval, what moved it, and when not to believe it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from hccsurv_core.report.figures.palette import BLUE, VERMILION
from pages._shared import components, formats, routes
from pages._shared import muscle_model_parts as parts
from pages._shared.figures import ink
from pages._shared.formats import html
from pages._shared.muscle_model_files import model_downloads
from pages._shared.muscle_model_words import (
    doubts,
    how_predicted,
    outline_words,
    recomputed_words,
    survival_rows,
)
from pages._shared.muscle_prediction import (
    NotPredicted,
    Predicted,
    forget_prediction,
    predict_study,
)
from pages._shared.session import session
from pages._shared.views import StudyView

if TYPE_CHECKING:
    from hccsurv_core.report.figures.chart import Chart
    from hccsurv_core.systems.muscle.case_checks import CaseWarning

SIMULATED = "Trained on simulated patients"
_CHART_HEIGHT = 345
_TOOLBAR = {"displayModeBar": False}


def model_block(view: StudyView) -> Predicted | None:
    """The block; returns what was predicted, or None with the reason drawn.

    Raises:
        StoreError: the model library is damaged.
    """
    with st.container(key="model_block"):
        found = predict_study(view)
        if isinstance(found, NotPredicted):
            if found.why == "begun":
                st.rerun()  # the strip at the top shows how far it is
            _no_prediction(view, found)
            return None
        _note_change(view, found)
        _head(view, found)
        # A place of its own: what comes and goes here does not move what stands below, which would
        # leave the last run's numbers on the screen beside the new ones until the run has ended.
        with st.container():
            if found.simulated and not view.simulated:
                _no_answer()
            _doubts(found.case.warnings)
        with st.container(key="wide_layout_model"):
            left, right = st.columns([1, 1.3], gap="large")
            with left:
                _risk(found)
            with right:
                _curve(found)
        with st.container(key="wide_layout_moved"):
            left, right = st.columns([1.5, 1], gap="large", vertical_alignment="center")
            with left:
                st.html('<span class="hcc-kicker">What moved the risk</span>')
                st.html(
                    parts.contribution_bars(
                        found.case.contributions, found.leading, _small_mark(found)
                    )
                )
            with right:
                st.html(f'<p class="hcc-says">{html(found.case.sentence)}</p>')
                st.html(f'<span class="hcc-quiet">{html(_basis(found))}</span>')
    return found


def simulated_mark(found: Predicted) -> str:
    """The mark beside every number of a model that learned from simulated patients (HTML)."""
    if not found.simulated:
        return ""
    return f'<span class="hcc-mark"><i aria-hidden="true">◇</i> {SIMULATED.lower()}</span>'


def _small_mark(found: Predicted) -> str:
    """The same as a sign, for headings of numbers (HTML)."""
    return f' <i class="hcc-sim" title="{SIMULATED}">◇</i>' if found.simulated else ""


def glance(found: Predicted) -> str:
    """The prediction in a line, for the top of the page (HTML)."""
    word = "Higher risk" if found.case.high_risk else "Lower risk"
    doubt = ""
    if doubts(found.case.warnings):
        doubt = ' · <span class="hcc-missing">▲ unlike the training patients</span>'
    return (
        f'<div class="hcc-glance" data-testid="model_glance">{_risk_sign(found)}<b>{word}</b> by '
        f"the survival model, percentile {parts.rank(found.case.percentile)} "
        f"{simulated_mark(found)}{doubt}</div>"
    )


def _risk_sign(found: Predicted) -> str:
    kind, sign = ("high", "▲") if found.case.high_risk else ("low", "▼")
    return f'<i class="hcc-risk-sign {kind}" aria-hidden="true">{sign}</i>'


def _head(view: StudyView, found: Predicted) -> None:
    chips = [components.chip(f"Model: {found.entry.name}", title=found.entry.trained_on)]
    if found.simulated:
        chips.insert(0, components.chip(SIMULATED, kind="sim", sign="◇"))
    words, kind, sign = outline_words(view)
    chips.append(components.chip(words, kind=kind, sign=sign))
    if view.level_needs_a_look:
        chips.append(components.chip("L3 level not confirmed", kind="look", sign="▲"))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html('<div class="hcc-block-title">Survival model</div>', width="stretch")
        with st.popover("How was this computed?", icon=":material/help:", type="tertiary",
                        key="how_predicted"):  # fmt: skip
            st.markdown(how_predicted(view, found))
        model_downloads(view, found, survival_chart(found, color=None))
    st.html(components.chips(chips))


def _no_answer() -> None:
    """A model of simulated patients is asked about a real one."""
    st.warning(
        "**Do not use these numbers for this patient.** The model learned from patients drawn by a "
        "computer. It shows how this page works until a model of your own patients is published.",
        icon=":material/science:",
    )


def _doubts(warnings: Sequence[CaseWarning]) -> None:
    """Why not to believe it, with what to do, before the numbers."""
    found = doubts(warnings)
    if not found:
        return
    listed = "\n".join(
        f"- {formats.plain(formats.sentence(w.what))} *{formats.plain(formats.sentence(w.remedy))}*"
        for w in found
    )
    st.warning(
        f"**This patient or scan is unlike those the model learned from:**\n\n{listed}",
        icon=":material/warning:",
    )


def _risk(found: Predicted) -> None:
    import math

    case = found.case
    word = "Higher risk of death" if case.high_risk else "Lower risk of death"
    st.html(
        f'<div class="hcc-risk" data-testid="model_risk">{_risk_sign(found)}{word}'
        f"<small>{parts.rank_words(case.percentile)}<br>Hazard "
        f"<b>× {math.exp(case.risk_score):.2f}</b> against the average training patient "
        f"{simulated_mark(found)}</small></div>"
    )
    change = session().cache.get(("recomputed", *found.key))
    with st.container():
        if change:
            st.html(f'<div class="hcc-change" role="status">↻ {html(change)}</div>')
    st.html(
        parts.percentile_strip(
            case.risk_score,
            case.percentile,
            found.model.training_risk,
            found.model.cutoff,
            simulated=found.simulated,
        )
    )
    st.html(parts.survival_table(survival_rows(found), _small_mark(found)))
    st.html(
        '<span class="hcc-quiet">The interval says how sure the model is of its curve, not how '
        "long this patient lives.</span>"
    )


def survival_chart(found: Predicted, *, color: str | None) -> Chart:
    """The patient's curve before those of the training patients at high and low risk."""
    from hccsurv_core.report.figures.patient_survival import (
        PRINT_INK,
        PredictedCurve,
        ReferenceCurve,
        patient_survival_chart,
    )
    from hccsurv_core.systems.muscle.training_curves import followed_until, read_training_curves

    curve, groups = found.case.curve, read_training_curves(found.model.description)
    references = [
        ReferenceCurve(
            f"Training, {g.name}", g.months, g.survival,
            VERMILION if g.name.startswith("high") else BLUE,
        )
        for g in groups
    ]  # fmt: skip
    observed = "; ".join(f"{g.name} {g.n} patients, {g.n_events} died" for g in groups)
    said = [f"{_capital(observed)}."] if observed else []
    if found.simulated:
        said.append(f"{SIMULATED}: it says nothing about real ones.")
    return patient_survival_chart(
        PredictedCurve(curve.months, curve.survival, curve.low, curve.high, followed_until(groups)),
        references,
        title="Predicted overall survival",
        color=color or PRINT_INK,
        caption=" ".join(said),
    )


def _curve(found: Predicted) -> None:
    from hccsurv_core.report.figures.chart_screen import draw_on_screen

    chart = survival_chart(found, color=ink())
    figure = draw_on_screen(chart, height=_CHART_HEIGHT, ink=ink())
    # The block's heading is the figure's; what is left is room for the legend.
    figure.update_layout(title={"text": None}, margin={"t": 34}, legend={"traceorder": "reversed"})
    st.plotly_chart(
        figure, key="chart_model_survival", config=_TOOLBAR,
        alt="Predicted survival of this patient with its interval, before the training patients' "
        "curves at high and low risk",
    )  # fmt: skip
    st.html(f'<span class="hcc-quiet">{html(chart.caption)}</span>')


def _basis(found: Predicted) -> str:
    """What the factors are against, and what was assumed."""
    told = "Factors multiply the hazard of a patient with the training median of everything."
    if found.case.missing:
        missing = ", ".join(found.case.missing)
        told += f" Not known, taken as in a typical training patient: {missing}."
    return f"{told} They say what the model uses, not what causes death."


def _note_change(view: StudyView, found: Predicted) -> None:
    """Say what changed since the prediction that was shown before."""
    state, place = session(), ("shown", view.study.id)
    before = state.cache.get(place)
    if before is not None and before.key != found.key:
        state.remember(("recomputed", *found.key), recomputed_words(before, found))
    state.remember(place, found)


def _no_prediction(view: StudyView, found: NotPredicted) -> None:
    st.html('<div class="hcc-block-title">Survival model</div>')
    if found.why == "no_model":
        st.markdown(
            "No model answers on this server yet. Train one on your own patients and publish it, "
            "or activate one in the model library."
        )
        _go(routes.MODEL_LIBRARY, "Open the model library")
    elif found.why == "model" and found.error is not None:
        st.error(
            f"**The active model cannot be used.** {formats.error_text(found.error)}",
            icon=":material/gpp_bad:",
        )
        _go(routes.MODEL_LIBRARY, "Open the model library")
    elif found.why == "case" and found.error is not None:
        st.markdown(f"**No prediction for this scan.** {formats.error_text(found.error)}")
        _go(routes.SCAN, "Go to Scan & ROIs")
    elif found.why == "cancelled":
        st.markdown("The prediction was cancelled.")
        st.button(
            "Predict", key="predict_again", type="primary", on_click=forget_prediction, args=(view,)
        )
    else:
        st.markdown(
            "The prediction follows as soon as the work under way (top of the page) is done."
        )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _go(page: str, label: str) -> None:
    if st.button(label, key=f"model_to_{page}"):
        st.switch_page(page)
