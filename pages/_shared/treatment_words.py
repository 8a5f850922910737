"""What the page Treatment says in words: the answer, numbers with intervals, sources, provenance."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hccsurv_core import __version__
from pages._shared.formats import html, plain

if TYPE_CHECKING:
    from hccsurv_core.systems.treatment.answer_table import AnswerRow, Interval
    from hccsurv_core.systems.treatment.contrast import TreatmentContrast
    from pages._shared.treatment_answer import Answered
    from pages._shared.views import StudyView

SIMULATED = "Trained on simulated patients"
#: By answer: the word, and a sign of its own shape.
ANSWERS = {
    "hepatectomy": ("Hepatectomy", "■"),
    "tace": ("TACE", "●"),
    "none": ("No recommendation", "○"),
}
VERSIONS = {
    "clinical": "clinical values alone",
    "combined": "clinical values and signs of the lesion on CT",
}
#: For chips, where there is little room.
SHORT_VERSIONS = {"clinical": "clinical values alone", "combined": "clinical values and CT"}
REASON_TITLES = {
    "rule": "Rule",
    "guideline": "Guideline",
    "missing": "Not known",
    "range": "Beyond the training patients",
    "overlap": "Patients like this one",
    "uncertain": "Uncertain",
    "small": "Small difference",
    "difference": "Expected",
}
_DOI = re.compile(r"doi:(10\.\S+?)(?=[;,.)]*(?:\s|$))")


def linked(source: str) -> str:
    """A source with its DOI as a link (HTML)."""
    return _DOI.sub(
        r'<a href="https://doi.org/\1" target="_blank" rel="noopener">doi:\1</a>', html(source)
    )


def percent(value: float) -> str:
    """A probability in whole percent; never a flat 0 or 100 that nobody can know."""
    if value < 0.005:
        return "&lt;1"
    return "&gt;99" if value > 0.995 else f"{100 * value:.0f}"


def arm_words(row: AnswerRow, found: Interval) -> str:
    """One arm's number with its interval; the unit stands before the line (HTML)."""
    if row.what == "months":
        return _cell(f"{found.value:.1f}", f"{found.low:.1f}–{found.high:.1f}")
    return _cell(percent(found.value), f"{percent(found.low)}–{percent(found.high)}")


def difference_words(row: AnswerRow, found: Interval) -> str:
    """A difference with its sign and interval, in the line's unit or in percentage points (HTML)."""
    value, low, high = (_difference(row, x) for x in (found.value, found.low, found.high))
    return _cell(value, f"{low} to {high}")


def individual_words(row: AnswerRow) -> str:
    """The difference's interval of a single patient; "" where nothing was assumed about it."""
    found = row.individual
    if found is None:
        return ""
    return f"one patient {_difference(row, found.low)} to {_difference(row, found.high)}"


def individual_note(contrast: TreatmentContrast) -> str:
    """What the interval of a single patient is; "" where nothing was assumed about it."""
    if contrast.spread is None:
        return ""
    return " One patient: allows as well for what no value shows, which is assumed, not estimated."


def _difference(row: AnswerRow, value: float) -> str:
    factor, digits = (1.0, 1) if row.what == "months" else (100.0, 0)
    return _signed(factor * value, digits)


def row_title(row: AnswerRow) -> str:
    """What a line of the table is, with its unit (HTML)."""
    if row.what == "months":
        return f"Months lived, of {row.months:g}"
    return f'Alive at {row.months:g} months <span class="unit">%</span>'


def small_mark(simulated: bool) -> str:
    """The sign of a simulated model beside numbers (HTML)."""
    return f' <i class="hcc-sim" title="{SIMULATED}">◇</i>' if simulated else ""


def simulated_mark(simulated: bool) -> str:
    """The same with its words (HTML)."""
    if not simulated:
        return ""
    return f'<span class="hcc-mark"><i aria-hidden="true">◇</i> {SIMULATED.lower()}</span>'


def how_computed(found: Answered) -> str:
    """Model, settings, source, versions (Markdown)."""
    from hccsurv_core.systems.treatment.description import PAPER

    d, entry, limits = found.model.description, found.entry, _limits(found)
    plural_months = f"{limits.min_months:g} {'month' if limits.min_months == 1 else 'months'}"
    arms = found.training_arms
    names = ", ".join(c.label for c in found.model.covariates)
    lines = [
        f"**Model**: {plain(entry.name)}, hash {entry.sha256[:12]}; answered from "
        f"{VERSIONS[found.answer.version]}.",
        f"**Learned from**: {plain(entry.trained_on)}: {arms['hepatectomy']['n']} given hepatectomy "
        f"({arms['hepatectomy']['n_events']} died), {arms['tace']['n']} given TACE "
        f"({arms['tace']['n_events']} died).",
        *(f"**How good**: {words}." for words in _metric_words(found)),
        f"**Inputs**: {plain(names)}" + (", and signs of the lesion." if found.model.image_names else "."),
        "**Curves**: a ridge Cox model of each arm, drawn from its posterior; a band is the middle "
        f"{100 * limits.level:.0f} % of what the draws make of patients with these values.",
        f"**Months lived**: area under the curve up to {d['rmst_months']:g} months. **Difference**: "
        "hepatectomy minus TACE; “points” are percentage points.",
        *_spread_words(found),
        f"**A recommendation asks for** a probability of at least {100 * limits.min_probability:.0f} % "
        f"and a difference of at least {plural_months}, patients like this one in both arms, values "
        "within what both arms had, and no rule and not every guideline against it.",
        f"**Source**: after {_link(PAPER)}. Rebuilt here, not theirs.",
        f"**Version**: hccsurv {__version__}.",
    ]  # fmt: skip
    return "\n".join(f"- {line}" for line in lines)


def provenance_lines(view: StudyView, found: Answered) -> list[str]:
    """What every file says of itself."""
    from hccsurv_core.systems.treatment.description import PAPER

    lines = [
        f"Model: {found.entry.name}, {found.entry.sha256[:12]}",
        f"Answered from {VERSIONS[found.answer.version]}",
        f"Method after {PAPER}",
        found.answer.recommendation.caveat,
    ]
    if view.simulated:
        lines.insert(0, "Simulated patient")
    if found.simulated:
        lines.insert(0, f"{SIMULATED}: it says nothing about real ones")
    return lines


def _limits(found: Answered):
    return found.model.recommenders[found.answer.version].settings


def _spread_words(found: Answered) -> list[str]:
    """What was assumed of a single patient."""
    spread = found.answer.recommendation.findings.contrast.spread
    if spread is None:
        return []
    sds = ", ".join(f"{arm} {sd:g}" for arm, sd in spread.log_hazard_sd.items())
    return [
        "**One patient**: the interval of the difference when patients with the same values differ "
        f"by a standard deviation of the log hazard of {plain(sds)} ({plain(spread.why)})."
    ]


def _metric_words(found: Answered) -> list[str]:
    """How both arms rank patients not seen, of the version that answered."""
    judged = found.model.description["cross_validation"]
    told = [
        f"{plain(r['name'])}: C-index {r['c_index']['value']:.2f} "
        f"({r['c_index']['ci_low']:.2f}–{r['c_index']['ci_high']:.2f}; {r['n_events']} deaths)"
        for r in judged["results"]
        if r["version"] == found.answer.version and r["c_index"]["value"] is not None
    ]
    return [f"{'; '.join(told)}; {plain(judged['method'])}"] if told else []


def _link(source: str) -> str:
    return _DOI.sub(r"[doi:\1](https://doi.org/\1)", source)


def _cell(value: str, interval: str) -> str:
    return f'<span class="big">{value}</span> <span class="sub">({interval})</span>'


def _signed(value: float, digits: int) -> str:
    text = f"{value:+.{digits}f}"
    if float(text) == 0:
        return text[1:]
    return text.replace("-", "−")
