"""System 2: what will be used, arm by arm, and what to be careful about."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages._shared import components, formats
from pages._shared.formats import html
from pages._shared.train_preview import caution, covariates_block, parts_table, source_chips

if TYPE_CHECKING:
    from hccsurv_core.features.feature_table import FeatureTable
    from hccsurv_core.systems.treatment.training_preview import TreatmentPreview
    from pages._shared.train_treatment_source import TreatmentSource

_SYSTEM = "System 2 · hepatectomy or TACE"


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
    st.html(components.chips(source_chips(_SYSTEM, source, found.centers)))
    arms = [(f"Given {part.name}", part) for part in found.arms.values()]
    st.html(parts_table([("Learned from", found.training), *arms], found.held_out, events="Deaths"))
    st.html(f'<span class="hcc-quiet">{html(_facts(source, found, settings))}</span>')
    if found.used:
        st.html(covariates_block(found.used, found.left_out))
    if found.refusal:
        st.error(formats.plain(found.refusal), icon=":material/error:")
    for text in found.cautions:
        caution(text)
    return not found.refusal


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
