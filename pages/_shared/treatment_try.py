"""Try values: sliders move the answer, both curves and both nomograms; what is stored stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from hccsurv_core.errors import InputError
from pages._shared import components, treatment_words
from pages._shared.figures import ink
from pages._shared.formats import html
from pages._shared.treatment_answer import Answered
from pages._shared.treatment_files import nomogram_downloads
from pages._shared.treatment_glance import answer_card, numbers_table
from pages._shared.treatment_reasons import reason_list

if TYPE_CHECKING:
    from hccsurv_core.systems.treatment.model import TreatmentAnswer
    from hccsurv_core.systems.treatment.trial import TrialValue
    from pages._shared.views import StudyView

_ROUND = "treatment_try_round"
_CHART_HEIGHT = 330
_TOOLBAR = {"displayModeBar": False}


@st.fragment
def try_values(view: StudyView, found: Answered) -> None:
    """The area; runs by itself when a value is moved."""
    from hccsurv_core.systems.treatment.trial import trial_values, tried_profile

    values = trial_values(found.model.covariates, found.profile)
    signs = _signs(found)
    with st.container(key="wide_layout_try"):
        left, right = st.columns([1, 2.5], gap="medium")
        with left, st.container(key="try_controls"):
            changes = _controls(view, values, signs)
        with right:
            try:
                answer = found.answer
                if changes:
                    moved = {v.name: changes[v.name] for v in signs if v.name in changes}
                    told = {name: v for name, v in changes.items() if name not in moved}
                    images = None if found.image_values is None else {**found.image_values, **moved}
                    answer = found.model.answer(tried_profile(found.profile, told), images)
            except InputError as error:
                components.show_error(error)
                return
            _outcome(view, found, answer, (*values, *signs), changes)


def _signs(found: Answered) -> tuple[TrialValue, ...]:
    """Signs of the lesion, where they count."""
    from hccsurv_core.systems.treatment.trial import sign_trials

    if found.image_values is None or found.answer.version == "clinical":
        return ()
    ranges = found.model.recommenders[found.answer.version].ranges
    return sign_trials(found.model.description["image_covariates"], ranges, found.image_values)


def _controls(
    view: StudyView, values: tuple[TrialValue, ...], signs: tuple[TrialValue, ...]
) -> dict[str, Any]:
    """The widgets; returns what was moved."""
    from hccsurv_core.systems.treatment.trial import GROUP_TITLES

    number = st.session_state.get(_ROUND, 0)
    revision = 0 if view.clinical is None else view.clinical.revision
    prefix = f"try_{view.study.id}_{revision}_{number}"
    changes: dict[str, Any] = {}
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html('<span class="hcc-quiet">Nothing here is stored.</span>', width="stretch")
        st.button(
            "Reset", key="try_reset", icon=":material/restart_alt:", type="tertiary",
            on_click=_reset, help="Back to the patient's own values",
        )  # fmt: skip
    for group, title in GROUP_TITLES.items():
        st.html(f'<span class="hcc-kicker">{title}</span>')
        for value in (v for v in values if v.group == group):
            moved = _widget(value, f"{prefix}_{value.name}")
            if moved != value.known:
                changes[value.name] = moved
    if signs:
        with st.expander("Lesion on CT"):
            for value in signs:
                moved = _widget(value, f"{prefix}_{value.name}")
                if moved != value.known:
                    changes[value.name] = moved
    return changes


def _reset() -> None:
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1


def _widget(value: TrialValue, key: str) -> Any:
    """One control, standing at the patient's value; empty where that is not known."""
    if value.kind == "yes_no":
        words = {True: "Yes", False: "No"}
        return st.segmented_control(
            value.title, [False, True], default=value.known, format_func=words.__getitem__, key=key
        )
    if value.levels is not None:
        levels = dict(value.levels)
        if max(len(word) for word in levels.values()) <= 10:
            return st.segmented_control(
                value.title, list(levels), default=value.known, format_func=levels.__getitem__,
                key=key,
            )  # fmt: skip
        codes = [*levels] if value.known is not None else ["", *levels]
        chosen = st.selectbox(
            value.title, codes, index=codes.index(value.known or ""), key=key,
            format_func=lambda code: levels.get(code, "Not known"),
        )  # fmt: skip
        return chosen or None
    if value.known is None:
        return st.number_input(value.title, value=None, key=key, placeholder="not known",
                               min_value=0.0, format="%g")  # fmt: skip
    if value.kind == "steps":
        return st.select_slider(
            value.title, value.steps, value=value.known, key=key,
            format_func=lambda number: f"{number:,.6g}",
        )  # fmt: skip
    digits = "%.3f" if value.step < 0.01 else "%.2f" if value.step < 0.1 else "%.1f"
    digits = "%g" if value.step >= 1 else digits
    return st.slider(
        value.title, value.low, value.high, float(value.known), value.step, format=digits, key=key
    )


def _outcome(
    view: StudyView,
    found: Answered,
    answer: TreatmentAnswer,
    values: tuple[TrialValue, ...],
    changes: Mapping[str, Any],
) -> None:
    from hccsurv_core.report.figures.chart_screen import draw_on_screen
    from hccsurv_core.report.figures.treatment_charts import arm_curves_chart

    st.html(
        answer_card(
            answer.recommendation, simulated=found.simulated, test_id="treatment_tried",
            kicker="With the values tried" if changes else "With the patient's own values",
        )
    )  # fmt: skip
    st.html(_moved(values, changes))
    chart = arm_curves_chart(
        answer, found.training_arms, simulated=found.simulated,
        reference=found.answer if changes else None,
    )  # fmt: skip
    figure = draw_on_screen(chart, height=_CHART_HEIGHT, ink=ink())
    figure.update_layout(title={"text": None}, margin={"t": 46})
    st.plotly_chart(
        figure, key="chart_treatment_tried", config=_TOOLBAR,
        alt="Expected survival after hepatectomy and after TACE with the values tried",
    )  # fmt: skip
    st.html(f'<p class="hcc-quiet" style="margin:0">{html(chart.caption)}</p>')
    st.html(numbers_table(answer, simulated=found.simulated, test_id="treatment_tried_numbers"))
    if changes:
        with st.expander("All reasons, and what to mind, with the values tried"):
            recommendation = answer.recommendation
            st.html(reason_list(recommendation.reasons, "treatment_tried_reasons"))
            st.html(reason_list(recommendation.cautions, "treatment_tried_cautions"))
    _nomograms(view, found, answer, _tried_words(values, changes))


def _nomograms(view: StudyView, found: Answered, answer: TreatmentAnswer, tried: str) -> None:
    """Both nomograms below each other on one scale of points."""
    from hccsurv_core.report.figures.nomogram_parts import NARROW
    from hccsurv_core.report.figures.nomogram_screen import draw_nomogram_on_screen
    from hccsurv_core.report.figures.treatment_charts import arm_nomogram_charts

    # For the room beside the controls, and on a tablet.
    charts = arm_nomogram_charts(found.model.nomograms[answer.version], answer, widths=NARROW)
    with st.container(horizontal=True, vertical_alignment="center", key="figure_head_nomograms"):
        st.html(
            '<div class="hcc-block-title">Both nomograms, on one scale of points '
            f"{treatment_words.simulated_mark(found.simulated)}</div>",
            width="stretch",
        )
        nomogram_downloads(view, found, answer, tried)
    for number, chart in enumerate(charts):
        with st.container(key=f"nomogram_{number}"):
            st.plotly_chart(
                draw_nomogram_on_screen(chart, ink=ink()), key=f"chart_nomogram_{number}",
                config=_TOOLBAR, alt=chart.title,
            )  # fmt: skip
    with st.expander("How to read them, and whom they were trained on"):
        for chart in charts:
            st.html(f'<p class="hcc-quiet">{html(chart.title)}. {html(chart.caption)}</p>')


def _moved(values: tuple[TrialValue, ...], changes: Mapping[str, Any]) -> str:
    """What was moved, from where to where (HTML)."""
    if not changes:
        return (
            '<div class="hcc-change" role="status">Move a value: answer, curves and nomograms '
            "follow.</div>"
        )
    return (
        f'<div class="hcc-change" role="status" data-testid="treatment_changes">↻ '
        f"{html(_tried_words(values, changes))}</div>"
    )


def _tried_words(values: tuple[TrialValue, ...], changes: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{v.label} {v.text(v.known)} → {v.text(changes[v.name])}"
        for v in values
        if v.name in changes
    )
