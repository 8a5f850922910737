"""What will be used: who learns, who is held out, what is missing, and what to be careful about."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages._shared import components, formats
from pages._shared.formats import html

if TYPE_CHECKING:
    from hccsurv_core.features.feature_table import FeatureTable
    from hccsurv_core.systems.covariates import Covariate
    from hccsurv_core.systems.training_preview import PartCount, TrainingPreview
    from pages._shared.train_source import TrainingSource

#: Parts of a study as they are called in papers.
_PART_TITLES = {
    "internal": "internal test", "external": "external test", "transplant": "transplantation",
    "test": "test", "validation": "validation", "held_out": "share held out",
}  # fmt: skip
_MOST_PARTS = 6


def show_what_is_used(
    source: TrainingSource, table: FeatureTable, settings: Mapping[str, Any]
) -> bool:
    """Draw what a training of system 1 would use; whether it may begin.

    Args:
        settings: of the model; what is used does not depend on them.
    """
    from hccsurv_core.systems.training_preview import preview_table

    preview = preview_table(table)
    show_preview(source, preview)
    return not preview.refusal


def show_preview(source: TrainingSource, preview: TrainingPreview) -> None:
    """Draw the card."""
    training = preview.training
    st.html(
        f'<div class="hcc-headline" data-testid="will_learn">{training.n} patients to learn from'
        f"<small>{html(formats.plural(training.n_events, 'event'))}</small></div>"
    )
    st.html(components.chips(source_chips("System 1 · muscle", source, preview.centers)))
    st.html(parts_table([("Learned from", training)], preview.held_out))
    st.html(_facts(preview))
    if preview.refusal:
        st.error(formats.plain(preview.refusal), icon=":material/error:")
    for text in preview.cautions:
        caution(text)


def caution(text: str) -> None:
    """One thing to be careful about."""
    st.html(
        '<div class="hcc-finding"><span class="hcc-verdict low"><i aria-hidden="true">▲</i>'
        f"</span><span>{html(text)}</span></div>"
    )


def parts_table(
    learned: Sequence[tuple[str, PartCount]],
    held_out: Sequence[PartCount],
    *,
    events: str = "Events",
) -> str:
    """Parts of the cohort with patients and events (HTML).

    Args:
        learned: those that are learned from, the whole first, then its groups.
    """
    shown = held_out[:_MOST_PARTS]
    rows = [_part_row(what, "", part, bold=not i) for i, (what, part) in enumerate(learned)]
    rows += [
        _part_row("Held out", _PART_TITLES.get(p.name, p.name.replace("_", " ")), p) for p in shown
    ]
    if len(held_out) > len(shown):
        rows.append(
            f'<tr><td colspan="3"><span class="sub">and {len(held_out) - len(shown)} '
            "smaller parts held out</span></td></tr>"
        )
    return (
        '<table class="hcc-table" data-testid="parts"><thead><tr><th>Part</th>'
        f'<th class="num">Patients</th><th class="num">{events}</th></tr></thead><tbody>'
        + "".join(rows)
        + "</tbody></table>"
    )


def _part_row(what: str, name: str, part: PartCount, *, bold: bool = False) -> str:
    title = f"{what}: {html(name)}" if name else what
    title = f"<b>{title}</b>" if bold else title
    return (
        f'<tr><td>{title}</td><td class="num">{part.n}</td>'
        f'<td class="num">{part.n_events}</td></tr>'
    )


def _facts(preview: TrainingPreview) -> str:
    """One line of the rest (HTML)."""
    facts = []
    if math.isfinite(preview.follow_up.value):
        facts.append(f"median follow-up {preview.follow_up.value:.0f} months")
    if preview.n_features is None:
        facts.append("features are measured on the images when the training begins")
    else:
        facts.append(formats.plural(preview.n_features, "feature"))
        missing = preview.missing_share or 0.0
        facts.append("nothing missing" if missing == 0 else f"{_percent(missing)} of cells missing")
    return f'<span class="hcc-quiet">{html(" · ".join(facts).capitalize())}</span>'


def covariates_block(used: Sequence[Covariate], left_out: Mapping[str, str]) -> str:
    """Which covariates are used, and why others are not (HTML).

    Args:
        left_out: label → why.
    """
    chips = "".join(
        f'<span class="hcc-chip" title="{html(c.reason)}">{html(c.label)}</span>' for c in used
    )
    rows = "".join(
        f'<tr><td class="name">{html(name)}</td><td>{html(why)}</td></tr>'
        for name, why in left_out.items()
    )
    table = (
        '<table class="hcc-table tight" data-testid="not_used"><thead><tr><th>Not used</th>'
        f"<th>Why</th></tr></thead><tbody>{rows}</tbody></table>"
        if rows
        else ""
    )
    kicker = f'<span class="hcc-kicker">{formats.plural(len(used), "clinical covariate")}</span>'
    return f'{kicker}<div class="hcc-chips" data-testid="covariates">{chips}</div>{table}'


def source_chips(system: str, source: TrainingSource, centers: Sequence[PartCount]) -> list[str]:
    """Which system, what the event is, whether simulated, which centers (HTML)."""
    parts = [components.chip(system), components.chip(source.endpoint.capitalize())]
    if source.simulated:
        parts.insert(0, components.chip("Simulated patients", kind="sim", sign="◇"))
    if len(centers) > 1:
        words = ", ".join(f"{c.name} {c.n}" for c in centers[:_MOST_PARTS])
        parts.append(components.chip(f"{len(centers)} centers", title=words))
    return parts


def _percent(share: float) -> str:
    return "less than 0.1 %" if share < 0.001 else f"{100 * share:.2g} %"
