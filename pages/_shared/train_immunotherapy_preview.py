"""System 4: what will be used, model by model, and what to be careful about."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages._shared import components, formats
from pages._shared.formats import html
from pages._shared.train_preview import caution, parts_table, source_chips

if TYPE_CHECKING:
    from hccsurv_core.features.feature_table import FeatureTable
    from hccsurv_core.systems.immunotherapy.settings import ImmunotherapySettings
    from hccsurv_core.systems.immunotherapy.training_preview import ImmunotherapyPreview
    from pages._shared.train_immunotherapy_source import ImmunotherapySource


def show_immunotherapy_preview(
    source: ImmunotherapySource, table: FeatureTable, settings: Mapping[str, Any]
) -> bool:
    """Draw the card; whether a training may begin.

    Raises:
        HccsurvError: the settings or a value of the table cannot be used.
    """
    from hccsurv_core.systems.immunotherapy.settings import settings_from_json
    from hccsurv_core.systems.immunotherapy.training_preview import preview_immunotherapy

    chosen = settings_from_json(settings)
    found = preview_immunotherapy(source.held_out_as(table), chosen, has_images=source.has_images)
    st.html(
        f'<div class="hcc-headline" data-testid="will_learn">{found.training.n} patients to learn '
        f"from<small>{html(_counts(found))}</small></div>"
    )
    st.html(components.chips(source_chips("System 4 · Immunotherapy", source, found.centers)))
    st.html(parts_table([("Learned from", found.training)], found.held_out, events="Deaths"))
    if found.versions:
        st.html(_versions(found))
    st.html(f'<span class="hcc-quiet">{html(_facts(source, found, chosen))}</span>')
    if found.missing:
        st.html(_missing(found))
    if found.refusal:
        st.error(formats.plain(found.refusal), icon=":material/error:")
    for text in found.cautions:
        caution(text)
    return not found.refusal


def _counts(found: ImmunotherapyPreview) -> str:
    deaths = formats.plural(found.training.n_events, "death")
    return f"{deaths}, {formats.plural(found.n_followup, 'follow-up scan')}"


def _versions(found: ImmunotherapyPreview) -> str:
    """Patients and deaths of each model (HTML)."""
    body = "".join(
        f"<tr><td><b>{html(one.version)}</b><span class='sub'>{html(one.words)}</span></td>"
        f'<td class="num">{one.n}</td><td class="num">{one.n_events}</td></tr>'
        for one in found.versions
    )
    return (
        '<table class="hcc-table tight" data-testid="versions"><thead><tr><th>Model</th>'
        '<th class="num">Patients</th><th class="num">Deaths</th></tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def _missing(found: ImmunotherapyPreview) -> str:
    """Values of the clinical score that are not known of some (HTML)."""
    body = "".join(
        f'<tr><td>{html(label[:1].upper() + label[1:])}</td><td class="num">{n} of '
        f"{found.training.n}</td></tr>"
        for label, n in found.missing.items()
    )
    return (
        '<table class="hcc-table tight" data-testid="missing_cln"><thead><tr><th>Clinical score: value'
        f'</th><th class="num">Not known of</th></tr></thead><tbody>{body}</tbody></table>'
    )


def _facts(
    source: ImmunotherapySource, found: ImmunotherapyPreview, settings: ImmunotherapySettings
) -> str:
    """One line of the rest."""
    facts = [f"learned from are {found.words}"]
    if math.isfinite(found.follow_up.value):
        facts.append(f"median follow-up {found.follow_up.value:.0f} months")
    if found.interval_months is not None:
        low, middle, high = found.interval_months
        facts.append(f"follow-up scan after {middle:.1f} months ({low:.1f} to {high:.1f})")
    if found.n_chest is not None and found.n_chest < found.n_followup:
        n = found.n_followup - found.n_chest
        facts.append(f"{n} without the chest at follow-up: the baseline lungs are carried forward")
    if found.n_ended_before:
        facts.append(
            f"{found.n_ended_before} not followed beyond the follow-up scan: not in the models of it"
        )
    facts.append(_what_is_seen(source, settings))
    n_makers = len([m for m in found.manufacturers if m.name != "not known"])
    if n_makers > 1:
        facts.append(f"scanners of {n_makers} manufacturers")
    text = " · ".join(facts)
    return text[:1].upper() + text[1:]


def _what_is_seen(source: ImmunotherapySource, settings: ImmunotherapySettings) -> str:
    if not source.has_images:
        return "no outlined scans: from the clinical score alone"
    if not settings.images:
        return "scans are there and not looked at"
    if settings.network is None:
        return "the slices are measured when the training begins"
    pictures = f"{settings.network.pixels}×{settings.network.pixels} pixels"
    if not settings.signs:
        return f"networks see slices of {pictures}"
    return f"the slices are measured, and networks see them at {pictures}"
