"""System 2: what will be used, arm by arm, and what to be careful about."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages._shared import components, formats
from pages._shared.formats import html
from pages._shared.train_preview import caution, parts_table

if TYPE_CHECKING:
    from hccsurv_core.features.feature_table import FeatureTable
    from hccsurv_core.systems.treatment.training_preview import TreatmentPreview
    from pages._shared.train_treatment_source import TreatmentSource

_MOST_PARTS = 6


def show_treatment_preview(
    source: TreatmentSource, table: FeatureTable, settings: Mapping[str, Any]
) -> bool:
    """Draw the card; whether a training may begin.

    Raises:
        HccsurvError: the settings cannot be used.
    """
    from hccsurv_core.systems.treatment.settings import settings_from_json
    from hccsurv_core.systems.treatment.training_preview import preview_treatment

    chosen = settings_from_json(settings)
    found = preview_treatment(source.held_out_as(table), chosen)
    st.html(
        f'<div class="hcc-headline" data-testid="will_learn">{found.training.n} patients to learn '
        f"from<small>{html(formats.plural(found.training.n_events, 'death'))}</small></div>"
    )
    st.html(components.chips(_chips(source, found)))
    arms = [(f"Given {part.name}", part) for part in found.arms.values()]
    st.html(parts_table([("Learned from", found.training), *arms], found.held_out, events="Deaths"))
    st.html(f'<span class="hcc-quiet">{html(_facts(source, found, settings))}</span>')
    if found.used:
        st.html(_covariates(found))
    if found.refusal:
        st.error(formats.plain(found.refusal), icon=":material/error:")
    for text in found.cautions:
        caution(text)
    return not found.refusal


def _chips(source: TreatmentSource, found: TreatmentPreview) -> list[str]:
    parts = [
        components.chip("System 2 · hepatectomy or TACE"),
        components.chip(source.endpoint.capitalize()),
    ]
    if source.simulated:
        parts.insert(0, components.chip("Simulated patients", kind="sim", sign="◇"))
    if len(found.centers) > 1:
        words = ", ".join(f"{c.name} {c.n}" for c in found.centers[:_MOST_PARTS])
        parts.append(components.chip(f"{len(found.centers)} centers", title=words))
    return parts


def _facts(
    source: TreatmentSource, found: TreatmentPreview, settings: Mapping[str, Any]
) -> str:  # fmt: skip
    """One line of the rest."""
    facts = []
    if math.isfinite(found.follow_up.value):
        facts.append(f"median follow-up {found.follow_up.value:.0f} months")
    if not source.has_images:
        facts.append("no images: from clinical values alone")
    elif settings.get("images", True):
        facts.append("lesion signs are measured on the images when the training begins")
    else:
        facts.append("images are there and not measured")
    if settings.get("cnn"):
        facts.append(f"networks: {', '.join(settings['cnn']['networks'])}")
    facts += [f"{n} left out ({why})" for why, n in found.n_elsewhere.items()]
    text = " · ".join(facts)
    return text[:1].upper() + text[1:]


def _covariates(found: TreatmentPreview) -> str:
    """Which covariates are used, and why others are not (HTML)."""
    used = "".join(
        f'<span class="hcc-chip" title="{html(c.reason)}">{html(c.label)}</span>'
        for c in found.used
    )
    left_out = "".join(
        f'<tr><td class="name">{html(name)}</td><td>{html(why)}</td></tr>'
        for name, why in found.left_out.items()
    )
    table = (
        '<table class="hcc-table tight" data-testid="not_used"><thead><tr><th>Not used</th>'
        f"<th>Why</th></tr></thead><tbody>{left_out}</tbody></table>"
        if left_out
        else ""
    )
    kicker = f'<span class="hcc-kicker">{len(found.used)} clinical covariates</span>'
    return f'{kicker}<div class="hcc-chips" data-testid="covariates">{used}</div>{table}'
