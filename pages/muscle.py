"""Muscle: five definitions of sarcopenia as one table, what a survival model says, clinical values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from hccsurv_core import __version__
from hccsurv_core.errors import HccsurvError
from hccsurv_core.report.figures.palette import STRUCTURE_COLORS
from pages._shared import components, downloads, formats, routes, viewer, views
from pages._shared.clinical_values import clinical_values_card
from pages._shared.ct_only import is_ct
from pages._shared.facts_form import height_input, missing_facts, sex_input
from pages._shared.formats import OPERATOR_SIGNS, html
from pages._shared.frame import require_study, save_facts
from pages._shared.muscle_model import glance, model_block
from pages._shared.muscle_prediction import assumed_values
from pages._shared.muscle_uncertainty import (
    flip_mark,
    known_uncertainty,
    uncertainty_block,
    uncertainty_of,
)
from pages._shared.navigation import require_frame
from pages._shared.session import session
from pages._shared.views import StudyView

require_frame()


#: About the width of the picture on a screen of 1280 pixels; its height follows the body.
PICTURE_WIDTH = 370


def definition_value(result: Any) -> str:
    """The value with as many digits as it needs to stay on its side of the cut-off."""
    from hccsurv_core.features.body import format_value

    if result.value is None:
        return '<span class="sub">not known</span>'
    digits = 2 if result.measure in ("pma_cm2", "pmi") else 1
    text = format_value(result.value, result.cutoff, digits)
    return f'<span class="big">{text}</span> <span class="unit">{html(result.unit)}</span>'


def definitions_table(view: StudyView) -> str:
    """The five definitions (HTML): what, value, cut-off, verdict, source."""
    from hccsurv_core.features.body import DEFINITIONS

    sex = view.patient.facts.sex
    uncertainty = known_uncertainty(view)
    about = {definition.name: definition for definition in DEFINITIONS}
    rows = []
    for result in view.definitions:
        definition = about[result.name]
        kind = components.verdict_kind(result)
        sign = OPERATOR_SIGNS[result.operator]
        if result.cutoff is None:
            cutoff = (
                f"{sign} {definition.cutoff_male:g} <span class='unit'>men</span><br>"
                f"{sign} {definition.cutoff_female:g} <span class='unit'>women</span>"
            )
        else:
            who = (
                {"male": "men", "female": "women"}.get(sex or "", "")
                if definition.needs_sex
                else "all"
            )
            cutoff = f"{sign} {result.cutoff:g} <span class='unit'>{who}</span>"
        because = (result.reason or "").removeprefix("not known, ")
        reason = f'<span class="sub">{html(because)}</span>' if because else ""
        rows.append(
            f'<tr class="{"hcc-low" if kind == "low" else ""}">'
            f"<td><b>{html(result.name)}</b><span class='sub'>{html(definition.title)}</span></td>"
            f'<td class="num">{definition_value(result)}</td>'
            f'<td class="num">{cutoff}</td>'
            f"<td>{components.verdict(kind)}{reason}{flip_mark(uncertainty, result.name)}</td>"
            f'<td><a href="https://doi.org/{html(definition.doi)}" target="_blank" '
            f'rel="noopener">{html(definition.author_year)}</a>'
            f"<span class='sub'>{html(definition.population)}</span></td></tr>"
        )
    return (
        '<div class="hcc-scroll"><table class="hcc-table" data-testid="definitions"><thead><tr>'
        '<th>Definition</th><th class="num">Value</th><th class="num">Low if</th>'
        "<th>Verdict</th><th>Source</th></tr></thead><tbody>"
        + "".join(rows)
        + "</tbody></table></div>"
    )


def headline(view: StudyView) -> str:
    """ "3 of 5 definitions call it low", and what is not known (HTML)."""
    results = view.definitions
    low = sum(result.positive is True for result in results)
    unknown = sum(result.positive is None for result in results)
    if unknown == len(results):
        return '<div class="hcc-headline">No verdict yet</div>'
    words = f"{low} of {len(results)} definitions {'calls' if low == 1 else 'call'} it low"
    extra = f"<small>{unknown} not known</small>" if unknown else ""
    return f'<div class="hcc-headline">{words}{extra}</div>'


def numbers_table(view: StudyView) -> str:
    """Areas and attenuations with units (HTML)."""
    measures, areas = view.body_measures, view.areas_cm2
    if measures is None:
        return ""
    entries: list[tuple[str | None, str, float | None, str]] = [
        ("muscle", "Skeletal muscle area (SMA)", measures.sma_cm2, "cm²"),
        (None, "Skeletal muscle index (SMI)", measures.smi, "cm²/m²"),
        (None, "Psoas muscle area (PMA)", measures.pma_cm2, "cm²"),
        ("psoas_left", "— left", areas.get("psoas_left"), "cm²"),
        ("psoas_right", "— right", areas.get("psoas_right"), "cm²"),
        (None, "Psoas muscle index (PMI)", measures.pmi, "cm²/m²"),
        (None, "Psoas density (PD)", measures.pd_hu, "HU"),
        (None, "Muscle attenuation (MA)", measures.ma_hu, "HU"),
        ("subcutaneous_fat", "Subcutaneous fat area", areas.get("subcutaneous_fat"), "cm²"),
        ("visceral_fat", "Visceral fat area", areas.get("visceral_fat"), "cm²"),
    ]
    rows = []
    for name, label, value, unit in entries:
        color = STRUCTURE_COLORS[name] if name else "transparent"
        swatch = f'<span class="hcc-swatch" style="background:{color}"></span>'
        shown = (
            '<span class="sub">not known</span>'
            if value is None
            else f'{formats.significant(value)} <span class="unit">{unit}</span>'
        )
        rows.append(f'<tr><td>{swatch}{html(label)}</td><td class="num">{shown}</td></tr>')
    return f'<table class="hcc-table tight"><tbody>{"".join(rows)}</tbody></table>'


def ask_for_facts(view: StudyView) -> None:
    """Sex or height is missing: ask for it right here."""
    facts = view.patient.facts
    missing = missing_facts(facts)
    if not missing:
        return
    what = " and ".join(missing)
    with st.container(border=True, key="ask_facts"), st.form("ask_form", border=False):
        st.markdown(
            f":material/edit: **{what.capitalize()} {'is' if len(missing) == 1 else 'are'} "
            "missing.** Some definitions stay “not known” until you give it here."
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            sex, height_m = facts.sex, facts.height_m
            if "sex" in missing:
                sex = sex_input(None, "ask_sex")
            if "height" in missing:
                height_m = height_input(None, "ask_height", width=190)
            if st.form_submit_button("Save", type="primary", key="ask_save"):
                save_facts(view, replace(facts, sex=sex, height_m=height_m))


def what_to_check(view: StudyView) -> None:
    """Warnings as a list, or that there are none."""
    st.subheader("What to check", anchor=False)
    warnings = view.warnings
    if not warnings:
        st.markdown(":material/check: Nothing was flagged. Look at the outline all the same.")
        return
    for text in warnings:
        st.markdown(f":orange[:material/warning:] {formats.plain(text)}")


def how_computed(view: StudyView) -> None:
    """Formula, limits, settings, versions, source."""
    with st.popover("How was this computed?", icon=":material/help:", type="tertiary"):
        outline = view.require_outline()
        segmentation = outline.segmentation
        location = view.require_level().location
        st.markdown(
            f"""
- **Level**: slice {segmentation.slice_index + 1}, found by: {location.method}, now
  {view.require_level().state}.
- **Outline**: {segmentation.method}, {outline.state}, revision {outline.revision} by
  {formats.plain(outline.actor)}.
- **Muscle**: pixels of −29 to 150 HU inside the muscle's outline on this one slice: psoas, erector
  spinae, quadratus lumborum, abdominal wall. Mitsiopoulos 1998,
  [doi:10.1152/jappl.1998.85.1.115](https://doi.org/10.1152/jappl.1998.85.1.115).
- **SMI** = muscle area / height². **PMI** = area of both psoas / height².
- **PD** and **MA** = mean HU of both psoas, and of all muscle.
- **Fat**: subcutaneous −190 to −30 HU, visceral −150 to −50 HU; context only, no verdict.
- **Cut-offs**: exactly as published, “<” and “≤” included; compared before rounding.
- **Version**: hccsurv {__version__}.
"""
        )
        timings = dict(view.measures or {}).get("timings_s")
        if timings:
            parts = [f"{name} {formats.duration(seconds)}" for name, seconds in timings.items()]
            st.caption("Time: " + " · ".join(parts))


def slice_picture(view: StudyView) -> None:
    """The measured slice with its outlines."""
    from hccsurv_core.report.figures.ct_screen import body_box, plot_axial

    segmentation = view.require_outline().segmentation
    volume = views.volume_of(view.study.id)
    box = body_box(volume, segmentation.slice_index)
    _, dy, dx = volume.spacing_mm
    height = PICTURE_WIDTH * (box[1] - box[0]) * dy / ((box[3] - box[2]) * dx)
    figure = plot_axial(
        volume,
        segmentation.slice_index,
        viewer.current_window(),
        segmentation=segmentation,
        structures=downloads.PICTURE_STRUCTURES,
        fill_opacity=0.22,
        height=round(min(PICTURE_WIDTH, height)),
        box=box,
    )
    with st.container(key="picture_muscle"):
        st.plotly_chart(
            figure,
            theme=None,
            key="muscle_slice",
            config=viewer.PLOT_CONFIG,
            alt="The measured slice at L3 with the outlines of muscle and psoas",
        )
    st.html(viewer.legend(downloads.PICTURE_STRUCTURES))
    if st.button(
        "Correct the outline", icon=":material/draw:", key="to_editor", type="tertiary",
        help="Open the editor at this slice",
    ):  # fmt: skip
        state = session()
        state.go_to, state.go_round = (view.study.id, segmentation.slice_index), state.go_round + 1
        st.switch_page(routes.SCAN)


def ask_for_a_look_at_the_level(view: StudyView) -> None:
    """The level is uncertain and nobody has confirmed it."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.warning(
            "**Confirm the level first.** The numbers below are of a slice that may not be "
            f"L3 ({view.require_level().location.confidence:.0%}).",
            icon=":material/warning:",
            width="stretch",
        )
        if st.button("Check the level", key="to_scan", type="primary"):
            st.switch_page(routes.SCAN)


def draw(view: StudyView) -> None:
    """The page."""
    if view.measures is None or view.outline is None:
        components.empty_state(
            "This scan is not measured yet",
            "Set the L3 level on the scan page; outlines and numbers follow by themselves.",
            routes.SCAN,
            "Go to Scan & ROIs",
        )
        return
    if view.level_needs_a_look:
        ask_for_a_look_at_the_level(view)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.html(headline(view))
        how_computed(view)
        downloads.muscle_downloads(view)
    at_a_glance = st.empty()
    ask_for_facts(view)
    with st.container(key="wide_layout"):
        left, right = st.columns([1.75, 1], gap="medium")
        with left:
            definitions = st.empty()
            definitions.html(definitions_table(view))
            st.html(
                f'<span class="hcc-quiet">Provenance: '
                f"{html(downloads.provenance_words(view))}.</span>"
            )
            how_sure = st.container(key="how_sure")
            what_to_check(view)
        with right:
            slice_picture(view)
            st.html(numbers_table(view))
    # What takes a moment comes when the rest of the page is there.
    is_new = known_uncertainty(view) is None
    uncertainty = uncertainty_of(view)
    if is_new:
        definitions.html(definitions_table(view))
    with how_sure:
        uncertainty_block(view, uncertainty)
    predicted = model_block(view)
    if predicted is not None:
        at_a_glance.html(glance(predicted))
    clinical_values_card(view, assumed_values(predicted))


view = require_study()
if view is not None and is_ct(view):
    try:
        draw(view)
    except HccsurvError as error:
        components.show_error(error)
