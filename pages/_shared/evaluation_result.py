"""The paper's figures and tables of one evaluation, in sections, each with its downloads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import streamlit as st

from pages._shared import components, formats
from pages._shared import evaluation_tables as tables
from pages._shared.evaluation_work import DoneEvaluation
from pages._shared.figures import show_figure, show_table
from pages._shared.formats import html

if TYPE_CHECKING:
    from pandas import DataFrame

    from hccsurv_core.systems.muscle.evaluation import MuscleEvaluation

#: Section → what its figures' names begin with.
SECTIONS = (
    "Discrimination", "Definitions", "Survival", "Calibration", "Net benefit", "Disagreement",
    "Feature space", "Training", "Checks",
)  # fmt: skip


def show_evaluation(done: DoneEvaluation) -> None:
    """Headline, what must be known, and the open section."""
    _headline(done)
    section = st.segmented_control(
        "Section", SECTIONS, default=SECTIONS[0], required=True, key="evaluation_section",
        label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    {
        "Discrimination": _discrimination,
        "Definitions": _definitions,
        "Survival": _survival,
        "Calibration": _calibration,
        "Net benefit": lambda d: _figures(d, ("decision_",)),
        "Disagreement": lambda d: _figures(d, ("disagreement_",)),
        "Feature space": _feature_space,
        "Training": lambda d: _figures(d, ("training_curves",)),
        "Checks": _checks,
    }[section](done)


def _headline(done: DoneEvaluation) -> None:
    """C in the part that says most, who was judged on, and everything as one file."""
    evaluation = done.evaluation
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html(tables.headline(evaluation), width="stretch")
        _everything(done)
    st.html(components.chips(_chips(done)))
    if not evaluation.test_sets:
        st.warning(
            "**The model had learned from everybody here.** These numbers flatter it and say "
            "nothing about other patients. Choose other patients, or train again with a center or "
            "a share held out.",
            icon=":material/warning:",
        )
    st.html(tables.overview(evaluation))
    for note in evaluation.notes:
        st.html(
            '<div class="hcc-finding"><span class="hcc-verdict low"><i aria-hidden="true">▲</i>'
            f"</span><span>{html(note)}</span></div>"
        )


def _chips(done: DoneEvaluation) -> list[str]:
    evaluation = done.evaluation
    parts = []
    if done.model_note:
        parts.append(components.chip(done.model_note.rstrip("."), kind="sim", sign="◇"))
    if evaluation.simulated:
        parts.append(components.chip("Judged on simulated patients", kind="sim", sign="◇"))
    parts += [
        components.chip(evaluation.source),
        components.chip(evaluation.endpoint),
        components.chip(f"{evaluation.settings.n_resamples} resamples"),
    ]
    return parts


def _everything(done: DoneEvaluation) -> None:
    """All figures and tables as one zip; made when it is asked for."""

    def make() -> bytes:
        from hccsurv_core.report.evaluation_archive import zip_evaluation

        return zip_evaluation(done.evaluation, source=dict(done.manifest.source), card=done.card)

    stem = "".join(c if c.isalnum() else "-" for c in f"{done.model_name}-{done.evaluation.source}")
    st.download_button(
        "Everything (zip)", data=make, file_name=f"hccsurv_evaluation_{stem[:60]}.zip",
        mime="application/zip", key="get_evaluation", on_click="ignore", type="primary",
        icon=":material/folder_zip:",
        help="All figures (SVG, PNG), tables (CSV), every number (JSON), settings and the model "
        "card. Drawing them takes half a minute.",
    )  # fmt: skip


def _figures(done: DoneEvaluation, starts: Iterable[str]) -> None:
    """All figures whose names begin so, or why there are none."""
    chosen = [n for start in starts for n in done.figures if n.startswith(start)]
    for name in chosen:
        _figure(done, name)
    if not chosen:
        st.info(_why_not(done.evaluation), icon=":material/info:")


def _figure(done: DoneEvaluation, name: str, more: Mapping[str, DataFrame] | None = None) -> None:
    show_figure(
        done.figures[name], done.manifest, f"evaluation_{name}", tables=more, mark=_mark(done)
    )


def _mark(done: DoneEvaluation) -> str:
    """What must stand by every number of this model, as a chip (HTML)."""
    if not done.model_note:
        return ""
    return components.chip(done.model_note.rstrip("."), kind="sim", sign="◇")


def _why_not(evaluation: MuscleEvaluation) -> str:
    reasons = [s.predictions.reason for s in evaluation.sets if s.predictions.reason]
    if reasons:
        return f"There is nothing to draw: {formats.plain(reasons[0])}."
    if not evaluation.definitions:
        return (
            "Muscle was not measured in these patients, so there are no definitions to compare "
            "with. Evaluate on a cohort with images, or on a table with `sma_cm2`, `pma_cm2`, "
            "`pd_hu`, `ma_hu`, sex and height."
        )
    return "There is nothing to draw here: too few patients or events."


def _table(done: DoneEvaluation, name: str, title: str, shown: str) -> None:
    if name in done.tables:
        show_table(shown, done.tables[name], done.manifest, f"evaluation_table_{name}", title=title)


def _discrimination(done: DoneEvaluation) -> None:
    """C and AUC over time against the definitions, with paired tests."""
    sets = {s.title: s for s in (*done.evaluation.test_sets, *_training(done.evaluation))}
    names = list(sets)
    title = names[0]
    if len(names) > 1:
        title = st.segmented_control(
            "Part", names, default=names[0], required=True, key="evaluation_part",
            label_visibility="collapsed",
        )  # fmt: skip
    part = sets.get(title, next(iter(sets.values())))
    name = f"concordance_{_slug(part.name)}"
    more = {"Every C-index": "concordance", "Paired differences": "concordance_differences"}
    _figure(done, name, {t: done.tables[n] for t, n in more.items() if n in done.tables})
    _figures(done, ("auc",))
    _table(done, "auc_differences", "Paired differences of AUC", tables.auc_differences(part))


def _training(evaluation: MuscleEvaluation) -> list:
    return [s for s in evaluation.sets if s.training]


def _slug(name: str) -> str:
    from hccsurv_core.report.evaluation_figures import file_name

    return file_name(name)


def _definitions(done: DoneEvaluation) -> None:
    """The paper's Table 2, and the same as figures."""
    _table(
        done, "table_2", "Prevalence and hazard ratio by definition, and by the model's risk",
        tables.definition_table(done.evaluation),
    )  # fmt: skip
    _figures(done, ("prevalence", "hazard_ratios"))


def _survival(done: DoneEvaluation) -> None:
    """Kaplan-Meier curves in each part: by the model's risk first, then by each definition."""
    groups = [g.name for g in done.evaluation.sets[0].groups]
    models = {name for name, _ in done.evaluation.models}
    names = [n for n in groups if n in models] + [n for n in groups if n not in models]
    if not names:
        st.info(_why_not(done.evaluation), icon=":material/info:")
        return
    chosen = names[0]
    if len(names) > 1:
        chosen = st.segmented_control(
            "Groups by", names, default=names[0], required=True, key="evaluation_groups",
            format_func=lambda n: f"Risk by {n}" if n in models else n,
        )  # fmt: skip
    _figures(done, (f"survival_{_slug(chosen)}",))


def _calibration(done: DoneEvaluation) -> None:
    _figures(done, ("calibration_", "prediction_error"))
    _table(done, "calibration", "Calibration in numbers", tables.calibration(done.evaluation))


def _feature_space(done: DoneEvaluation) -> None:
    """Three principal components, colored by one verdict at a time."""
    clouds = {n: f for n, f in done.figures.items() if n.startswith("components_")}
    if not clouds:
        reason = done.evaluation.feature_space.reason or "no features are given"
        st.info(f"There is no picture: {formats.plain(reason)}.", icon=":material/info:")
        return
    by_slug = {f"components_{_slug(name)}": name for name in done.evaluation.verdicts}
    names = list(clouds)
    chosen = st.segmented_control(
        "Colored by", names, default=names[0], required=True, key="evaluation_cloud",
        format_func=lambda n: by_slug.get(n, n.removeprefix("components_")),
    )  # fmt: skip
    _figure(done, chosen)
    if "components" in done.figures:
        _figure(done, "components")


def _checks(done: DoneEvaluation) -> None:
    """What a reviewer asks: leakage, overfitting, and groups in which it does worse."""
    evaluation = done.evaluation
    with st.container(border=True, key="card_leakage"):
        st.html('<div class="hcc-block-title">Leakage</div>')
        found = evaluation.duplicates
        if not evaluation.test_sets:
            st.markdown(
                ":material/help: **Nothing to check.** The model had learned from everybody here."
            )
        elif found is None:
            st.markdown(
                ":material/help: **Not known.** Neither names nor features of the training "
                "patients are at hand, so it could not be checked whether they come again."
            )
        elif found.found:
            st.markdown(f":orange[:material/warning:] **Found.** {formats.plain(found.words())}")
        else:
            st.markdown(f":green[:material/check:] **None.** {formats.plain(found.words())}")
    for gap in evaluation.gaps:
        with st.container(border=True, key=f"card_gap_{_slug(gap.model)}"):
            st.html(f'<div class="hcc-block-title">Overfitting · {html(gap.model)}</div>')
            st.html(tables.gap(gap))
            st.markdown(formats.plain(gap.words))
    if "groups" in done.figures:
        _figure(done, "groups")
