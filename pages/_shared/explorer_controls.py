"""The explorer's controls: outcome, groups, filters, landmark, horizons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

if TYPE_CHECKING:
    from hccsurv_core.cohort.clinical_table import ClinicalColumn, ClinicalTable
    from hccsurv_core.systems.explorer.question import GroupRule, Question
    from hccsurv_core.systems.explorer.selection import Filter

#: How a number is grouped, in words.
_WAYS = {
    "median": "Median",
    "quantiles": "Equal groups",
    "cutoffs": "Cut-off",
    "search": "Search",
}
_EVERYBODY = "Everybody together"


def ask_question(cohort_id: str, table: ClinicalTable) -> Question:
    """Draw the controls and return the question they ask; kept for the session by cohort."""
    from hccsurv_core.systems.explorer.question import Question, usable_variables

    endpoints = [e.name for e in table.endpoints]
    labels = {e.name: e.label for e in table.endpoints}
    endpoint = st.selectbox(
        "Outcome", endpoints, format_func=lambda n: labels[n], **_kept(cohort_id, "endpoint")
    )
    group = _group_rule(cohort_id, table, usable_variables(table))
    filters = _filters(cohort_id, table, usable_variables(table))
    with st.expander("Time", icon=":material/schedule:"):
        landmark = st.number_input(
            "Landmark (months)", min_value=0.0, value=0.0, step=1.0,
            help="Counts from this month on, for patients still followed then. For groups that "
            "are only known later (a response, a second scan).",
            **_kept(cohort_id, "landmark"),
        )  # fmt: skip
        horizons = st.multiselect(
            "Survival at (months)", [3, 6, 12, 24, 36, 48, 60, 84, 120], default=[12, 36, 60],
            **_kept(cohort_id, "horizons"),
        )  # fmt: skip
        restricted = st.number_input(
            "Mean survival up to (months)", min_value=0.0, value=0.0, step=6.0,
            help="Restricted mean survival time; 0 takes the shortest follow-up of the groups.",
            **_kept(cohort_id, "restricted"),
        )  # fmt: skip
    return Question(
        endpoint, filters, float(landmark), tuple(float(h) for h in sorted(horizons or [12])),
        group, float(restricted),
    )  # fmt: skip


def _kept(cohort_id: str, name: str) -> dict[str, Any]:
    """A widget's key, kept across pages for the session."""
    return {"key": f"explorer_{cohort_id}_{name}", "persist_state": "session"}


def _group_rule(cohort_id: str, table: ClinicalTable, variables: list[ClinicalColumn]) -> GroupRule:
    from hccsurv_core.systems.explorer.question import GroupRule

    labels = {c.name: c.label for c in variables}
    chosen = st.selectbox(
        "Compare by", [_EVERYBODY, *labels], index=_first_choice(variables),
        format_func=lambda n: labels.get(n, n), **_kept(cohort_id, "group"),
    )  # fmt: skip
    if chosen == _EVERYBODY or chosen not in labels:
        return GroupRule()
    column = table.column(chosen)
    if column.kind != "number":
        return GroupRule(chosen, "levels")
    way = st.segmented_control(
        "Cut at", list(_WAYS), format_func=lambda w: _WAYS[w], default="median", required=True,
        label_visibility="collapsed", **_kept(cohort_id, f"way_{chosen}"),
    )  # fmt: skip
    if way == "quantiles":
        n_groups = st.slider("Groups", 3, 6, 3, **_kept(cohort_id, f"n_{chosen}"))
        return GroupRule(chosen, "quantiles", n_groups=n_groups)
    if way == "cutoffs":
        return GroupRule(chosen, "cutoffs", _cutoffs(cohort_id, table, column))
    if way == "search":
        st.caption("The cut-off with the largest log-rank statistic; its p-value is corrected.")
        return GroupRule(chosen, "search")
    return GroupRule(chosen, "median")


def _first_choice(variables: list[ClinicalColumn]) -> int:
    """A staging column if there is one: the comparison most readers want first."""
    for i, column in enumerate(variables, start=1):
        if "bclc" in column.name.lower() and column.kind == "category":
            return i
    return 0


def _cutoffs(cohort_id: str, table: ClinicalTable, column: ClinicalColumn) -> tuple[float, ...]:
    values = table.numbers(column.name)
    values = values[np.isfinite(values)]
    low, high = float(values.min()), float(values.max())
    unit = f" ({column.unit})" if column.unit else ""
    step = _step(high - low)
    start, end = np.quantile(values, [0.005, 0.995])
    floor, ceiling = float(np.floor(start / step) * step), float(np.ceil(end / step) * step)
    middle = float(np.clip(np.round(np.median(values) / step) * step, floor, ceiling))
    if ceiling <= floor:
        ceiling = floor + step
    first = st.slider(
        f"Cut-off{unit}", floor, ceiling, middle, step=step, format="%g",
        **_kept(cohort_id, f"cut_{column.name}"),
    )  # fmt: skip
    more = st.number_input(
        f"Second cut-off{unit}", value=None, step=step, format="%g", placeholder="none",
        **_kept(cohort_id, f"cut2_{column.name}"),
    )  # fmt: skip
    return tuple(sorted({float(first), *([] if more is None else [float(more)])}))


def _step(spread: float) -> float:
    """A round step of about a hundredth of the spread."""
    if spread <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(spread / 100))
    return float(power * next(m for m in (1, 2, 5, 10) if spread / 100 <= m * power * 1.0001))


def _filters(
    cohort_id: str, table: ClinicalTable, variables: list[ClinicalColumn]
) -> tuple[Filter, ...]:
    from hccsurv_core.systems.explorer.selection import Filter

    labels = {c.name: c.label for c in variables}
    found = []
    with st.expander("Filters", icon=":material/filter_alt:"):
        chosen = st.multiselect(
            "Only patients with", list(labels), format_func=lambda n: labels[n],
            placeholder="Choose variables", **_kept(cohort_id, "filters"),
        )  # fmt: skip
        for name in chosen:
            column = table.column(name)
            if column.kind == "number":
                values = table.numbers(name)
                values = values[np.isfinite(values)]
                low, high = float(values.min()), float(values.max())
                if low == high:
                    continue
                bounds = st.slider(
                    f"{column.label} ({column.unit})" if column.unit else column.label,
                    low, high, (low, high), format="%g", **_kept(cohort_id, f"range_{name}"),
                )  # fmt: skip
                if bounds != (low, high):
                    found.append(Filter(name, *bounds))
            else:
                levels = st.multiselect(
                    column.label, list(column.levels), default=list(column.levels),
                    **_kept(cohort_id, f"levels_{name}"),
                )  # fmt: skip
                if set(levels) != set(column.levels):
                    found.append(Filter(name, levels=tuple(levels) or ("none of its values",)))
    return tuple(found)
