"""The explorer's regression, score and competing-risk sections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from hccsurv_core.errors import HccsurvError
from pages._shared import components
from pages._shared.figures import show_chart, show_forest, show_table
from pages._shared.formats import html
from pages._shared.session import session
from pages._shared.tables import html_table

if TYPE_CHECKING:
    from hccsurv_core.cohort.clinical_table import ClinicalTable
    from hccsurv_core.report.manifest import Manifest
    from hccsurv_core.systems.explorer.grouping import Grouping
    from hccsurv_core.systems.explorer.performance import Score
    from hccsurv_core.systems.explorer.question import Question, Selection


def show_regression(selection: Selection, cohort_id: str, manifest: Manifest) -> None:
    """Uni- and multivariable Cox regression with forest plots and proportional-hazards tests."""
    from hccsurv_core.report.figures.forest import cox_forest
    from hccsurv_core.systems.explorer.question import regression_terms, usable_variables
    from hccsurv_core.systems.explorer.regression import fit_cox_table, scaled

    variables = usable_variables(selection.table)
    labels = {c.name: c.label for c in variables}
    chosen = st.multiselect(
        "Variables", list(labels), format_func=lambda n: labels[n],
        default=_first_covariates(variables), key=f"cox_{cohort_id}", persist_state="session",
        placeholder="Choose variables",
    )  # fmt: skip
    if not chosen:
        st.info("Choose at least one variable.", icon=":material/info:")
        return
    terms = [
        scaled(t, selection.numbers(t.name)) if t.kind == "number" else t
        for t in regression_terms(selection.table, chosen)
    ]
    frame = selection.frame.rename(columns=labels)
    table = fit_cox_table(frame, selection.outcome, [_labelled(t, labels) for t in terms])
    manifest = _asking(manifest, "Cox regression", covariates=", ".join(labels[c] for c in chosen))
    show_forest(cox_forest(table), manifest, "cox_multivariable")
    show_forest(cox_forest(table, multivariable=False), manifest, "cox_univariable")
    for name, why in table.skipped.items():
        st.caption(f"{name}: {why}.")
    with st.expander("Do the hazard ratios stay the same over time?", icon=":material/timeline:"):
        st.html(_proportional(table))
        st.caption(
            "Score tests of a coefficient that changes with time (as R's cox.zph). A small p-value "
            "says that one hazard ratio does not tell the whole story."
        )


def _labelled(term, labels: dict[str, str]):
    from dataclasses import replace

    return replace(term, name=labels[term.name])


def _first_covariates(variables) -> list[str]:
    """Complete variables that papers on HCC adjust for, as far as they are there; at most five."""
    known = ("age", "bclc", "afp", "diameter", "size", "vascular", "albumin", "cirrhosis")
    found = [
        c.name for word in known for c in variables
        if word in c.name.lower() and c.n_missing == 0 and len(c.levels) <= 5
    ]  # fmt: skip
    return list(dict.fromkeys(found))[:5]


def _proportional(table) -> str:
    from hccsurv_core.stats.p_values import format_p

    rows = "".join(
        f'<tr><td>{html(t.name)}</td><td class="num">{t.statistic:.2f}</td>'
        f'<td class="num">{t.dof}</td><td class="num">{format_p(t.p)}</td></tr>'
        for t in table.proportional_hazards.tests
    )
    return (
        '<table class="hcc-table"><thead><tr><th>Variable</th><th class="num">Chi-square</th>'
        f'<th class="num">df</th><th class="num">p</th></tr></thead><tbody>{rows}</tbody></table>'
    )


def _asking(manifest: Manifest, result: str, **more: object) -> Manifest:
    from dataclasses import replace

    return replace(manifest, result=result, settings={**manifest.settings, **more})


def show_score(
    selection: Selection, question: Question, cohort_id: str, manifest: Manifest
) -> None:
    """Time-dependent ROC, calibration and decision curves of one score column."""
    score = _ask_score(selection, cohort_id)
    if score is None:
        return
    manifest = _asking(manifest, "Performance of a score", score=f"{score.name}, {score.kind}")
    horizons = question.horizons_months if score.horizon_months is None else (score.horizon_months,)
    if score.n_missing:
        st.caption(f"{score.n_missing} patients without a value are left out.")
    for show in (_discrimination, _calibration, _decision):
        try:
            show(score, horizons, manifest)
        except HccsurvError as error:
            components.show_error(error)


def _ask_score(selection: Selection, cohort_id: str) -> Score | None:
    from hccsurv_core.systems.explorer.performance import read_score
    from hccsurv_core.systems.explorer.question import usable_variables

    numbers = usable_variables(selection.table, numbers_only=True)
    if not numbers:
        st.info("The cohort has no column of numbers.", icon=":material/info:")
        return None
    labels = {c.name: c.label for c in numbers}
    kept: dict[str, Any] = {"persist_state": "session"}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        name = st.selectbox(
            "Score", list(labels), format_func=lambda n: labels[n], key=f"score_{cohort_id}",
            width=300, **kept,
        )  # fmt: skip
        kinds = {
            "risk_score": "Higher is worse",
            "protective": "Higher is better",
            "event_probability": "Probability of the event",
        }
        kind = st.segmented_control(
            "What it means", list(kinds), format_func=lambda k: kinds[k], default="risk_score",
            required=True, key=f"score_kind_{cohort_id}_{name}", **kept,
        )  # fmt: skip
        horizon = None
        if kind == "event_probability":
            horizon = st.number_input(
                "by (months)", min_value=1.0, value=36.0, step=12.0, width=130,
                key=f"score_by_{cohort_id}_{name}", **kept,
            )  # fmt: skip
    return read_score(
        selection.numbers(name), selection.outcome, labels[name], kind, horizon_months=horizon
    )


def _discrimination(score: Score, horizons: tuple[float, ...], manifest: Manifest) -> None:
    from hccsurv_core.report.figures.performance_charts import roc_chart
    from hccsurv_core.report.figures.survival_charts import estimate_words
    from hccsurv_core.systems.explorer.performance import assess_discrimination

    found = assess_discrimination(score, horizons)
    uno = "not known" if found.uno is None else estimate_words(found.uno, digits=3)
    headline = (
        f'<div class="hcc-headline" data-testid="concordance">Harrell\'s C '
        f"{html(estimate_words(found.harrell, digits=3))}<small>Uno's C {html(uno)}</small></div>"
    )
    show_chart(roc_chart(found, score.name), manifest, "roc", height=460, headline=headline)


def _calibration(score: Score, horizons: tuple[float, ...], manifest: Manifest) -> None:
    from hccsurv_core.report.figures.performance_charts import calibration_chart
    from hccsurv_core.systems.explorer.performance import assess_calibration

    found = assess_calibration(score, horizons)
    st.subheader("Calibration", anchor=False)
    chosen = st.segmented_control(
        "Horizon", range(len(found)), format_func=lambda i: f"{found[i].horizon_months:g} months",
        default=len(found) // 2, required=True, key="calibration_at", label_visibility="collapsed",
    )  # fmt: skip
    at = found[min(int(chosen or 0), len(found) - 1)]
    show_chart(calibration_chart(at, score.name), manifest, "calibration", height=460)


def _decision(score: Score, horizons: tuple[float, ...], manifest: Manifest) -> None:
    from hccsurv_core.report.figures.performance_charts import decision_chart
    from hccsurv_core.systems.explorer.performance import answerable_horizons, assess_decision

    st.subheader("Is it useful?", anchor=False)
    horizon = answerable_horizons(score.outcome, horizons)
    if not horizon:
        return
    middle = horizon[len(horizon) // 2]
    curve, note = assess_decision(score, middle)
    show_chart(decision_chart(curve, note), manifest, "decision")


def show_competing(
    selection: Selection, question: Question, grouping: Grouping, manifest: Manifest
) -> None:
    """Cumulative incidence where death, or another cause, may come first."""
    import numpy as np

    from hccsurv_core.report.figures.incidence_charts import incidence_chart
    from hccsurv_core.systems.explorer.competing import compare_competing
    from hccsurv_core.systems.explorer.grouping import Grouping as Groups
    from hccsurv_core.systems.explorer.question import competing_selection

    pair = _ask_competing(selection.table)
    if pair is None:
        return
    event, death = pair
    outcome, positions, notes = competing_selection(selection, event, death)
    part = Groups(
        grouping.variable, grouping.labels, np.asarray(grouping.code)[positions], grouping.origin,
        grouping.cutoffs, grouping.searched_p,
    )  # fmt: skip
    comparison = compare_competing(outcome, part, horizons_months=question.horizons_months)
    for text in notes:
        st.caption(text)
    manifest = _asking(
        manifest, "Cumulative incidence", endpoint=event, competing=death or "own causes"
    )
    for cause in range(1, len(comparison.cause_names) + 1):
        if comparison.n_events(cause):
            chart = incidence_chart(
                comparison, cause, variable=grouping.variable,
                show_bands=len(grouping.labels) <= 3,
            )  # fmt: skip
            show_chart(chart, manifest, f"incidence_{cause}", height=380)


def _ask_competing(table: ClinicalTable) -> tuple[str, str | None] | None:
    """Which outcome is of interest and which may come first (None: its own other causes)."""
    endpoints = {e.name: e for e in table.endpoints}
    own = [e.name for e in table.endpoints if e.competing]
    if len(endpoints) < 2 and not own:
        st.info(
            "Competing risks need a second outcome (recurrence and death), or an outcome with "
            "more than one kind of event. Add it under Manage → Columns and decisions.",
            icon=":material/info:",
        )
        return None
    deaths = [name for name, e in endpoints.items() if e.event_label == "death"]
    names = sorted(endpoints, key=lambda n: n in deaths)  # what death may prevent comes first
    with st.container(horizontal=True, gap="small"):
        event = st.selectbox(
            "Event", names, format_func=lambda n: f"{endpoints[n].label} ({endpoints[n].event_label})",
            key="competing_event", width=330,
        )  # fmt: skip
        first: list[str | None] = [None] if event in own else []
        first += [n for n in (*deaths, *names) if n != event]
        death = st.selectbox(
            "What may come first", list(dict.fromkeys(first)),
            format_func=lambda n: "its own other causes" if n is None else endpoints[n].label,
            key=f"competing_with_{event}", width=330,
        )  # fmt: skip
    return event, death


def show_table_one(selection: Selection, grouping: Grouping, manifest: Manifest) -> None:
    """Table 1 of the selection, by group."""
    from hccsurv_core.stats.table_one import build_table_one
    from hccsurv_core.systems.explorer.question import usable_variables

    variables = usable_variables(selection.table)
    labels = {c.name: f"{c.label}, {c.unit}" if c.unit else c.label for c in variables}
    frame = selection.frame[list(labels)].rename(columns=labels)
    kinds = {labels[c.name]: c.kind for c in variables}
    name = None
    if len(grouping.labels) > 1:
        name = "Group" if "Group" not in frame else "Group (compared)"
        frame[name] = [grouping.labels[k] if k >= 0 else None for k in grouping.code]
        kinds[name] = "category"
    state = session()
    key = ("table_one", manifest.to_text())
    if key not in state.cache:
        state.remember(key, build_table_one(frame, groups=name, kinds=kinds))
    table = state.cache[key]
    shown = table.formatted().drop(columns="test", errors="ignore")
    heading = f"Table 1 · {len(frame)} patients"
    show_table(
        html_table([str(c) for c in shown.columns], shown.astype(str).to_numpy().tolist(), "table_one"),
        table.to_frame(), _asking(manifest, "Table 1"), "table_one", title=heading,
    )  # fmt: skip
    st.caption(
        "Numbers: mean ± SD and median [quartiles]. SMD: standardized difference (0.1 is small). "
        "p-values (named in the CSV) are not corrected for their number."
    )
