"""The muscle page's "How sure are the verdicts?": ranges when outline and level are moved a little."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from hccsurv_core import __version__
from pages._shared import components, formats, views
from pages._shared.figures import ink
from pages._shared.formats import html
from pages._shared.muscle_uncertainty_files import uncertainty_downloads
from pages._shared.session import session
from pages._shared.views import StudyView

if TYPE_CHECKING:
    from hccsurv_core.systems.uncertainty_results import (
        DefinitionUncertainty,
        OutlineUncertainty,
        Perturbation,
    )

_TOOLBAR = {"displayModeBar": False}
_CHART_HEIGHT = 400
#: Columns of the table of causes: what was moved, by heading.
_CAUSES = {"dilate": "Wider", "erode": "Narrower", "shift": "Shifted", "level": "Level"}
_MEASURE_WORDS = {
    "sma_cm2": "SMA", "smi": "SMI", "pma_cm2": "PMA", "pmi": "PMI", "pd_hu": "PD", "ma_hu": "MA",
}  # fmt: skip


def uncertainty_of(view: StudyView) -> OutlineUncertainty:
    """The ranges of the study on view, computed when outline, level or facts are new.

    Takes about a third of a second; kept for the session.

    Raises:
        InputError: there is no outline yet, or sex or height is impossible.
    """
    from hccsurv_core.systems.outline_uncertainty import outline_uncertainty

    state, key = session(), _key(view)
    if key not in state.cache:
        volume, study_id = views.volume_of(view.study.id), view.study.id
        before = views.open_store().automatic_segmentation(study_id) if view.edited else None
        found = outline_uncertainty(
            volume,
            view.require_outline().segmentation,
            view.patient.facts,
            automatic=before.segmentation if before is not None else None,
        )
        state.remember(key, found)
    return state.cache[key]


def known_uncertainty(view: StudyView) -> OutlineUncertainty | None:
    """The same where it is computed already."""
    return session().cache.get(_key(view))


def _key(view: StudyView) -> tuple[Any, ...]:
    facts = view.patient.facts
    return (
        "uncertainty",
        view.study.id,
        view.require_outline().revision,
        facts.sex,
        facts.height_m,
    )


def flip_mark(found: OutlineUncertainty | None, name: str) -> str:
    """The small mark beside a verdict that would flip (HTML); nothing where it stands."""
    smallest = found.definition(name).smallest if found is not None else None
    if smallest is None:
        return ""
    why = f"This verdict would flip with the {smallest.words}"
    return (
        f'<span class="sub hcc-missing" style="opacity:1" title="{html(why)}" data-testid="would_flip_{html(name)}">'
        '<i aria-hidden="true" style="font-style:normal">⇄</i> would flip</span>'
    )


def uncertainty_block(view: StudyView, found: OutlineUncertainty) -> None:
    """One line at a glance, and the rest behind a click."""
    st.subheader("How sure are the verdicts?", anchor=False)
    st.html(_glance(found))
    with st.expander(
        "Ranges, and what was moved", icon=":material/straighten:", key="uncertainty_details"
    ):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.html("<span></span>", width="stretch")
            _how_computed(found)
            uncertainty_downloads(view, found)
        _figure(view, found)
        st.html(ranges_table(found))
        st.html('<span class="hcc-kicker">What moves a value, and by how much at most</span>')
        st.html(causes_table(found))
        for note in found.notes:
            st.markdown(f":orange[:material/warning:] {formats.plain(note)}")


def _glance(found: OutlineUncertainty) -> str:
    """ "3 of 5 verdicts stand whatever is moved; PMI and MA would flip" (HTML)."""
    flipping = any(d.stands is False for d in found.definitions)
    known = any(d.stands is not None for d in found.definitions)
    kind, sign = ("look", "⇄") if flipping else ("good", "●") if known else ("", "?")
    chip = components.chip("outline and level moved a little", kind=kind, sign=sign)
    return (
        f'<div class="hcc-glance" data-testid="uncertainty_glance"><b>{html(found.sentence)}.</b> '
        f"{chip}</div>"
    )


def _figure(view: StudyView, found: OutlineUncertainty) -> None:
    from hccsurv_core.report.figures.chart_screen import draw_on_screen
    from hccsurv_core.report.figures.uncertainty_chart import uncertainty_chart

    chart = uncertainty_chart(found, simulated=view.simulated)
    drawn = draw_on_screen(chart, height=_CHART_HEIGHT, ink=ink())
    # The block's heading is the figure's.
    drawn.update_layout(title={"text": None}, margin={"t": 34})
    st.plotly_chart(
        drawn, key="chart_uncertainty", config=_TOOLBAR,
        alt="For each definition the range of its value when outline and level are moved, the "
        "measured value as a dot, and the cut-off as a line",
    )  # fmt: skip
    st.html(f'<p class="hcc-quiet" style="margin:0">{html(chart.caption)}</p>')


def ranges_table(found: OutlineUncertainty) -> str:
    """The five definitions: value, range, margin, and whether the verdict stands (HTML)."""
    rows = "".join(
        f"<tr><td><b>{html(d.name)}</b></td>{_value_cells(d)}<td>{_outcome(d)}</td></tr>"
        for d in found.definitions
    )
    return (
        '<div class="hcc-scroll"><table class="hcc-table" data-testid="uncertainty_ranges"><thead>'
        '<tr><th>Definition</th><th class="num">Measured</th><th class="num">When moved</th>'
        '<th class="num">From the cut-off</th><th>Verdict</th></tr></thead><tbody>'
        f"{rows}</tbody></table></div>"
    )


def _value_cells(d: DefinitionUncertainty) -> str:
    """Measured, range, margin (HTML)."""
    from hccsurv_core.features.body import format_value
    from hccsurv_core.report.figures.uncertainty_chart import digits_of

    if d.value is None or d.low is None or d.high is None:
        return (
            '<td class="num"><span class="sub">not known</span></td>' + 2 * '<td class="num">–</td>'
        )
    unit = f'<span class="unit">{html(d.unit)}</span>'
    value, low, high = (format_value(v, d.cutoff, digits_of(d)) for v in (d.value, d.low, d.high))
    margin = "–"
    if d.cutoff is not None and d.margin is not None and d.margin_percent is not None:
        margin = (
            f"{_signed(d.margin, digits_of(d))} {unit}<span class='sub'>"
            f"{_signed(d.margin_percent, 1)} % of {d.cutoff:g} {html(d.unit)}</span>"
        )
    return (
        f'<td class="num">{html(value)} {unit}</td>'
        f'<td class="num">{html(low)} to {html(high)} {unit}</td><td class="num">{margin}</td>'
    )


def _outcome(d: DefinitionUncertainty) -> str:
    """The verdict, and the smallest move that turns it over (HTML)."""
    kind = {True: "low", False: "ok", None: "unknown"}[d.positive]
    if d.stands is None:
        told = (d.reason or "").removeprefix("not known, ")
    elif d.smallest is None:
        told = "stands whatever is moved"
    else:
        return (
            f'{components.verdict(kind)}<span class="sub hcc-missing" style="opacity:1">⇄ would flip: '
            f"{html(d.smallest.words)}</span>"
        )
    return f'{components.verdict(kind)}<span class="sub">{html(told)}</span>'


def causes_table(found: OutlineUncertainty) -> str:
    """By how much each kind of move changes each measure at most (HTML)."""
    from hccsurv_core.systems.uncertainty_results import MEASURE_OUTLINE

    rows = []
    for name, span in found.ranges.items():
        unit = f' <span class="unit">{html(span.unit)}</span>'
        cells = []
        for kind in _CAUSES:
            changes = [
                value - span.measured
                for p in found.perturbed
                if _concerns(p.perturbation, kind, MEASURE_OUTLINE[name])
                and (value := getattr(p.measures, name)) is not None
            ]
            digits = 2 if name in ("pma_cm2", "pmi") else 1
            cells.append(f'<td class="num">{_most(changes, digits)}{unit if changes else ""}</td>')
        rows.append(f"<tr><td><b>{_MEASURE_WORDS[name]}</b></td>{''.join(cells)}</tr>")
    heads = "".join(f'<th class="num">{head}</th>' for head in _CAUSES.values())
    return (
        '<div class="hcc-scroll"><table class="hcc-table tight" data-testid="uncertainty_causes">'
        f"<thead><tr><th>Measure</th>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _concerns(perturbation: Perturbation, kind: str, outline: str) -> bool:
    return perturbation.kind == kind and perturbation.outline in (outline, "both")


def _most(changes: list[float], digits: int) -> str:
    """The largest change; where there are both, the largest down and the largest up."""
    if not changes:
        return "not moved"
    low, high = min(changes), max(changes)
    ends = [low, high] if low < 0 < high else [max(low, high, key=abs)]
    texts = [_signed(v, digits) for v in ends]
    return " to ".join(text for text in texts if text[0] in "+−") or texts[0]


def _signed(value: float, digits: int) -> str:
    """With its sign, also where it is positive; nothing is 0 without a sign."""
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


def _how_computed(found: OutlineUncertainty) -> None:
    from hccsurv_core.report.figures.uncertainty_chart import moves_words
    from hccsurv_core.systems.uncertainty_results import SOURCES

    sources = "\n".join(
        f"- {formats.plain(what)}. {formats.plain(where)}, [doi:{doi}](https://doi.org/{doi})."
        for what, where, doi in SOURCES
    )
    with st.popover("How was this computed?", icon=":material/help:", type="tertiary",
                    key="how_uncertainty"):  # fmt: skip
        st.markdown(
            f"""
{moves_words()} {len(found.perturbed)} measurements in all.

- **What is moved** is the outline as it was drawn, not the border of the pixels that count. What it
  takes in counts where it has −29 to 150 HU and is not bone, not the other psoas, and not so bright
  that its border is plain; what it gives up counts where it counted before. Fat streaks inside stay
  outside of the count. So an outline that is a little wide in fat changes nothing, and one that is a
  little narrow loses muscle.
- **Fractions of a pixel** count by the share of the pixel that the outline passes over.
- **SMA, SMI, MA** follow the muscle's outline, **PMA, PMI, PD** those of the psoas.
- **The level** is measured with the outlines of the slices above and below.
- A verdict **would flip** where any one of these moves puts the value on the other side of the
  published cut-off. It is no confidence interval and no probability, and two moves at once are not
  tried.
- **Not covered**: a border that is wrong altogether, such as a bowel loop taken for muscle; another
  vertebra; contrast and scanner, which move attenuations. For the first, look at the outline.

**How far** is our choice, of the order of what two readers differ by:

{sources}

For shifts, for the level and for attenuations nothing was found to go by.

Version: hccsurv {__version__}.
"""
        )
