"""The explorer's last section: put this patient on the curve."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from pages._shared.figures import show_chart
from pages._shared.formats import html

if TYPE_CHECKING:
    from hccsurv_core.report.manifest import Manifest
    from hccsurv_core.systems.explorer.grouping import Grouping
    from hccsurv_core.systems.explorer.placement import Placement
    from hccsurv_core.systems.explorer.question import Question, Selection


def show_patient(
    selection: Selection, question: Question, grouping: Grouping, manifest: Manifest
) -> None:
    """A value of one patient among the cohort's, and the curve of the group it falls into."""
    from hccsurv_core.report.figures.performance_charts import distribution_chart
    from hccsurv_core.systems.explorer.placement import place_patient

    variable = question.group.variable
    if variable is None:
        st.info("Choose a variable to compare by first.", icon=":material/info:")
        return
    column = selection.table.column(variable)
    if column.kind == "number":
        values = selection.numbers(variable)
        unit = f" ({column.unit})" if column.unit else ""
        value: float | str | None = st.number_input(
            f"This patient's {column.label}{unit}", value=None, format="%g", width=300,
            placeholder="enter a value", key=f"patient_{variable}", persist_state="session",
        )  # fmt: skip
    else:
        values = None
        value = st.selectbox(
            f"This patient's {column.label}", list(grouping.labels), index=None, width=300,
            placeholder="choose", key=f"patient_{variable}", persist_state="session",
        )  # fmt: skip
    if value is None:
        return
    placed = place_patient(value, values if values is not None else [], grouping)
    _say(placed, selection, question, grouping)
    manifest = replace(
        manifest, result="One patient", settings={**manifest.settings, "value": value}
    )
    left, right = st.columns(2)
    if values is not None:
        with left:
            show_chart(
                distribution_chart(
                    values, placed, unit=column.unit or "", cutoffs=grouping.cutoffs
                ),
                manifest, "distribution", height=360,
            )  # fmt: skip
    with right if values is not None else st.container():
        _curve(placed, selection, question, grouping, manifest)


def _say(placed: Placement, selection: Selection, question: Question, grouping: Grouping) -> None:
    where = (
        ""
        if placed.percentile is None
        else f"Percentile {placed.percentile:.0f} of {placed.n} patients. "
    )
    beyond = (
        " The value lies outside everything seen in this cohort: what the curve says is a guess."
        if placed.outside
        else ""
    )
    st.html(
        f'<div class="hcc-headline" data-testid="placement">{html(where)}'
        f"Group: {html(placed.group or '')}<small>{html(beyond)}</small></div>"
    )


def _curve(
    placed: Placement,
    selection: Selection,
    question: Question,
    grouping: Grouping,
    manifest: Manifest,
) -> None:
    from hccsurv_core.report.figures.survival_charts import kaplan_meier_chart
    from hccsurv_core.systems.explorer.curves import compare_groups

    comparison = compare_groups(
        selection.outcome, grouping, horizons_months=question.horizons_months
    )
    endpoint = selection.table.endpoint(question.endpoint).label
    chart = kaplan_meier_chart(
        comparison, endpoint=endpoint, variable=grouping.variable, show_bands=False,
        show_medians=False, highlight=placed.group,
    )  # fmt: skip
    show_chart(chart, manifest, "patient_curve", height=360)
