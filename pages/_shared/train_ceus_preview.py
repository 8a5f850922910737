"""System 3: what will be used, endpoint by endpoint, and what to be careful about."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages._shared import components, formats
from pages._shared.formats import html
from pages._shared.train_preview import caution, covariates_block, parts_table, source_chips

if TYPE_CHECKING:
    from hccsurv_core.features.feature_table import FeatureTable
    from hccsurv_core.systems.ceus.settings import CeusSettings
    from hccsurv_core.systems.ceus.training_preview import CeusPreview
    from pages._shared.train_ceus_source import CeusSource


def show_ceus_preview(source: CeusSource, table: FeatureTable, settings: Mapping[str, Any]) -> bool:
    """Draw the card; whether a training may begin.

    Raises:
        HccsurvError: the settings cannot be used.
    """
    from hccsurv_core.systems.ceus.settings import settings_from_json
    from hccsurv_core.systems.ceus.training_preview import preview_ceus

    chosen = settings_from_json(settings)
    found = preview_ceus(source.held_out_as(table), chosen, has_images=source.has_images)
    st.html(
        f'<div class="hcc-headline" data-testid="will_learn">{found.training.n} patients to learn '
        f"from<small>{html(_counts(found))}</small></div>"
    )
    st.html(components.chips(source_chips("System 3 · CEUS", source, found.centers)))
    st.html(parts_table([("Learned from", found.training)], found.held_out, events="Deaths"))
    st.html(_endpoints(found))
    st.html(f'<span class="hcc-quiet">{html(_facts(source, found, chosen))}</span>')
    if found.used:
        st.html(covariates_block(found.used, found.left_out))
    missing = _missing_file(chosen) if source.has_images else ""
    for text in (found.refusal, missing):
        if text:
            st.error(formats.plain(text), icon=":material/error:")
    for text in found.cautions:
        caution(text)
    return not (found.refusal or missing)


def _counts(found: CeusPreview) -> str:
    deaths = formats.plural(found.training.n_events, "death")
    return f"{deaths}, {formats.plural(found.early.n_events, 'early recurrence')}"


def _endpoints(found: CeusPreview) -> str:
    """Patients and events of each endpoint of those that are learned from (HTML)."""
    first = found.n_deaths_first
    rows = (
        ("Recurrence within 12 months", found.early.n, found.early.n_events, "of whom it is known"),
        ("Death", found.training.n, found.training.n_events, ""),
        (
            "Recurrence at any time", found.recurrence.n, found.recurrence.n_events,
            f"{formats.plural(first, 'death')} without one {'competes' if first == 1 else 'compete'}",
        ),
    )  # fmt: skip
    body = "".join(
        f"<tr><td>{what}{f'<span class=sub>{note}</span>' if note else ''}</td>"
        f'<td class="num">{n}</td><td class="num">{events}</td></tr>'
        for what, n, events, note in rows
    )
    return (
        '<table class="hcc-table tight" data-testid="endpoints"><thead><tr><th>What is predicted</th>'
        '<th class="num">Patients</th><th class="num">Events</th></tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def _facts(source: CeusSource, found: CeusPreview, settings: CeusSettings) -> str:
    """One line of the rest."""
    facts = []
    if math.isfinite(found.follow_up.value):
        facts.append(f"median follow-up {found.follow_up.value:.0f} months")
    if not source.has_images:
        facts.append("no outlined stills: from clinical values alone")
    elif not settings.images:
        facts.append("stills are there and not measured")
    else:
        facts.append("signs are measured on both stills when the training begins")
        if settings.signatures:
            facts.append("so are 4670 radiomics and deep features, to select signatures from")
    facts += [f"{n} left out ({why})" for why, n in found.n_elsewhere.items()]
    text = " · ".join(facts)
    return text[:1].upper() + text[1:]


def _missing_file(settings: CeusSettings) -> str:
    """That the network's weights are not where they were said to be; "" where they are."""
    weights: Path | None = settings.measured.weights if settings.images else None
    if weights is None or weights.is_file():
        return ""
    return f"There is no weights file {weights.name} at that place. Give its whole path."
