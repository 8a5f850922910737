"""Pieces of the model's block as HTML: percentile strip, survival table, what moved the risk."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pages._shared.formats import html

if TYPE_CHECKING:
    from hccsurv_core.systems.muscle.case import Contribution
    from hccsurv_core.systems.muscle.leading_values import LeadingValue

#: Bars of the strip.
_BARS = 32
#: The strip leaves out the outermost of the training patients on either side.
_TAIL = 0.005
#: A bar for a smaller factor fills less than its half of the track, however small the others are.
_NOTABLE = 1.25


@dataclass(frozen=True)
class SurvivalRow:
    """One line of the survival table: probabilities between 0 and 1."""

    years: float
    survival: float
    low: float
    high: float


def percentile_strip(
    risk: float,
    percentile: float,
    training_risk: np.ndarray,
    cutoff: float,
    *,
    simulated: bool = False,
) -> str:
    """Where the patient stands among the training patients: their spread, and a mark (HTML).

    Args:
        risk: the patient's score.
        percentile: share of training patients with a lower one, 0 to 100.
        training_risk: (n,) scores of the training patients.
        cutoff: above it a patient is at high risk.
        simulated: whether the training patients were drawn by a computer.
    """
    low, high = np.quantile(training_risk, [_TAIL, 1 - _TAIL])
    span = max(float(high - low), 1e-9)
    counts, edges = np.histogram(np.clip(training_risk, low, high), _BARS, (low, low + span))
    middles = (edges[1:] + edges[:-1]) / 2
    bars = "".join(
        f'<i class="{"high" if middle > cutoff else "low"}" '
        f'style="height:{max(4.0, 100 * count / counts.max()):.0f}%"></i>'
        for count, middle in zip(counts, middles, strict=True)
    )
    place = min(99.5, max(0.5, 100 * (risk - low) / span))
    label = f"{rank(percentile)} of 100 training patients have a lower risk"
    return (
        f'<div class="hcc-strip" role="img" aria-label="{html(label)}">'
        f'<div class="bars" aria-hidden="true">{bars}</div>'
        f'<div class="mark" style="left:{place:.1f}%"></div>'
        f'<div class="ends" aria-hidden="true"><span>lower risk</span>'
        f"<span>{len(training_risk):,} {'simulated ' if simulated else ''}training patients</span>"
        "<span>higher risk</span></div></div>"
    )


def survival_table(rows: Sequence[SurvivalRow], mark: str = "", *, level: float = 0.95) -> str:
    """Survival at some years with intervals (HTML); ``mark`` stands in the heading."""
    cells = "".join(
        f"<tr><td>{years_words(row.years)}</td>"
        f'<td class="num"><span class="big">{percent(row.survival)}</span></td>'
        f'<td class="num">{percent(row.low)[:-2]}–{percent(row.high)}</td></tr>'
        for row in rows
    )
    return (
        '<table class="hcc-table tight" data-testid="model_survival"><thead><tr>'
        f'<th>Alive after</th><th class="num">Predicted{mark}</th><th class="num">{100 * level:g} % interval'
        f"</th></tr></thead><tbody>{cells}</tbody></table>"
    )


def contribution_bars(
    contributions: Sequence[Contribution], leading: Mapping[str, LeadingValue], mark: str = ""
) -> str:
    """Signed bars about a middle line: left lowers the risk, right raises it (HTML).

    Args:
        contributions: of the groups.
        leading: by group, the value that weighs most.
        mark: stands in the heading.
    """
    longest = max((abs(c.log_hazard) for c in contributions), default=0.0)
    scale = max(longest, math.log(_NOTABLE))
    rows = []
    for found in contributions:
        size = 50 * abs(found.log_hazard) / scale
        up = found.log_hazard >= 0
        left = 50.0 if up else 50.0 - size
        rows.append(
            f'<div class="row"><div><b>{html(found.title)}</b><span>{html(found.meaning)}</span>'
            f"{_leading(leading, found.group)}"
            f'</div><div class="track" aria-hidden="true"><i class="{"up" if up else "down"}" '
            f'style="left:{left:.1f}%;width:{size:.1f}%"></i></div>'
            f'<div class="factor">× {found.factor:.2f}</div></div>'
        )
    return (
        '<div class="hcc-pushes" data-testid="model_contributions">'
        '<div class="row head"><div></div><div class="track"><em>← lowers</em><em>raises →</em>'
        f'</div><div class="factor">hazard{mark}</div></div>{"".join(rows)}</div>'
    )


def _leading(leading: Mapping[str, LeadingValue], group: str) -> str:
    """What weighs most in a group (HTML)."""
    return f"<em>Most: {html(leading[group].words)}</em>" if group in leading else ""


def years_words(years: float) -> str:
    """ "1 year", "3 years"."""
    return f"{years:g} {'year' if years == 1 else 'years'}"


def rank(percentile: float) -> int:
    """A percentile from 1 to 99: nobody is below or above everyone there could be."""
    return min(99, max(1, round(percentile)))


def rank_words(percentile: float) -> str:
    """A percentile in words (HTML)."""
    below = rank(percentile)
    return f"Percentile <b>{below}</b>: {below} of 100 training patients have a lower risk"


def percent(probability: float) -> str:
    """A probability as a whole percentage; never a flat 0 or 100 that the model does not mean."""
    if 0 < probability < 0.005:
        return "<1 %"
    if 0.995 < probability < 1:
        return ">99 %"
    return f"{100 * probability:.0f} %"
