"""What the model's block says in words: where the outline is from, what changed, how it was computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hccsurv_core import __version__
from pages._shared import downloads, formats
from pages._shared import muscle_model_parts as parts
from pages._shared.formats import plain

if TYPE_CHECKING:
    from hccsurv_core.systems.muscle.case_checks import CaseWarning
    from pages._shared.muscle_prediction import Predicted
    from pages._shared.views import StudyView

PAPER = "Liu et al. 2024, doi:10.1631/jzus.B2300363"
_PAPER_LINK = "[doi:10.1631/jzus.B2300363](https://doi.org/10.1631/jzus.B2300363)"
#: Horizon whose survival a change is told for, months.
_TOLD_MONTHS = 36.0
_FACTS = {"sex": "Sex", "age_years": "Age", "height_m": "Height", "weight_kg": "Weight"}
_FACT_UNITS = {"age_years": "y", "height_m": "m", "weight_kg": "kg"}


def outline_words(view: StudyView) -> tuple[str, str, str]:
    """Where the outline is from: words, kind of chip, sign."""
    outline = view.require_outline()
    if view.edited:
        return f"From an edited outline (revision {outline.revision})", "good", "●"
    if outline.state == "confirmed":
        return f"From the confirmed outline (revision {outline.revision})", "good", "●"
    return f"From the automatic outline (revision {outline.revision})", "", "◐"


def recomputed_words(before: Predicted, now: Predicted) -> str:
    """What changed since the prediction shown before, and what that did."""
    causes = []
    if before.entry.sha256 != now.entry.sha256:
        causes.append("another model")
    if before.images is not now.images and before.key[1:4] != now.key[1:4]:
        causes.append("another outline")
    causes += _record_changes(before.record, now.record)
    told = f"Recomputed after {', '.join(causes) or 'a change'}: percentile "
    told += f"{parts.rank(before.case.percentile)} → {parts.rank(now.case.percentile)}"
    alive = [_survival_at(p, _TOLD_MONTHS) for p in (before, now)]
    if None not in alive:
        told += (
            f", alive at 3 years {parts.percent(alive[0] or 0)} → {parts.percent(alive[1] or 0)}"
        )
    return f"{told}."


def _survival_at(found: Predicted, months: float) -> float | None:
    import numpy as np

    curve = found.case.curve
    if not curve.months.size or months > curve.months[-1]:
        return None
    return float(np.interp(months, curve.months, curve.survival))


def _record_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    from hccsurv_core.cohort.clinical_values import BY_NAME, value_text

    def label_and_value(name: str, value: Any) -> tuple[str, str]:
        if name in BY_NAME:
            return BY_NAME[name].label, value_text(name, value)
        unit = _FACT_UNITS.get(name, "")
        shown = "not known" if value is None else f"{value:g} {unit}" if unit else str(value)
        return _FACTS.get(name, name), shown

    changes = []
    for name in (*_FACTS, *BY_NAME):
        if before.get(name) != now.get(name):
            label, old = label_and_value(name, before.get(name))
            changes.append(f"{label} {old} → {label_and_value(name, now.get(name))[1]}")
    return changes


def how_predicted(view: StudyView, found: Predicted) -> str:
    """Model, settings, source, versions (Markdown)."""
    entry, images = found.entry, found.images
    n_features = len(found.model.feature_names)
    lines = [
        f"**Model**: {plain(entry.name)}, hash {entry.sha256[:12]}. "
        f"{plain(_capital(found.case.model.name))}.",
        f"**Learned from**: {plain(entry.trained_on)}.",
        *(f"**How good**: {words}." for words in _metric_words(found)),
        f"**From the scan**: {images.n_slices} slices of {images.slice_mm:.3g} mm about the level; "
        f"thin slices are averaged to 5 mm, as the training scans had; outline revision "
        f"{view.require_outline().revision}.",
        f"**Inputs**: {n_features} features of muscle and record; missing ones are taken at the "
        "training median.",
        "**Risk**: log hazard of a Cox model, averaged over the ensemble; higher or lower than the "
        "median of the training patients, each by models that had not seen them.",
        "**Survival**: the risk on Breslow's baseline hazard. The interval is how far the members "
        "of the ensemble lie apart, not how long one patient lives.",
        "**What moved the risk**: exact Shapley values of the groups of features, the others at "
        "the training median. “Most”: the value that, put at the training median alone, would take "
        "back most of its group's effect.",
        f"**Source**: after Liu et al. 2024, {_PAPER_LINK}: muscle radiomics at L3, autoencoder, "
        "deep Cox network. Rebuilt here, not theirs.",
        f"**Version**: hccsurv {__version__}; trained with {_trained_with(found)}.",
        f"**Time**: {formats.duration(images.seconds)} for the features.",
    ]
    return "\n".join(f"- {line}" for line in lines)


def _metric_words(found: Predicted) -> list[str]:
    told = []
    for metric in found.entry.metrics:
        if metric.value is None:
            continue
        words = f"{plain(metric.name)} {metric.value:.2f}"
        if metric.ci_low is not None and metric.ci_high is not None:
            words += f" ({metric.ci_low:.2f}–{metric.ci_high:.2f})"
        told.append(f"{words}, {plain(metric.how)}" if metric.how else words)
    return told


def _trained_with(found: Predicted) -> str:
    versions = found.model.description.get("versions", {})
    return ", ".join(f"{plain(name)} {plain(str(v))}" for name, v in versions.items()) or "unknown"


def provenance_lines(view: StudyView, found: Predicted) -> list[str]:
    """What every file says of itself."""
    lines = [
        f"Model: {found.entry.name}, {found.entry.sha256[:12]}",
        f"Scan: {downloads.provenance_words(view)}",
        f"Method after {PAPER}",
    ]
    if view.simulated:
        lines.insert(0, "Simulated patient")
    if found.simulated:
        lines.insert(0, "Trained on simulated patients: it says nothing about real ones")
    return [*(f"Doubt: {w}" for w in doubts(found.case.warnings)), *lines]


def doubts(warnings: Sequence[CaseWarning]) -> list[CaseWarning]:
    """Why not to believe a prediction; what is merely missing is told where it matters."""
    return [w for w in warnings if w.about != "missing"]


def survival_rows(found: Predicted) -> list[parts.SurvivalRow]:
    """Survival at the model's horizons that its training patients reach."""
    import math

    case = found.case
    told = zip(
        case.eval_times, case.survival_probability, case.survival_low, case.survival_high,
        strict=True,
    )  # fmt: skip
    return [
        parts.SurvivalRow(float(months) / 12, float(s), float(low), float(high))
        for months, s, low, high in told
        if math.isfinite(s)
    ]


def survival_words(rows: Sequence[parts.SurvivalRow]) -> str:
    """The survival table in a line: "Alive after 1 year 94 % (89–97), 3 years …"."""
    told = [
        f"{parts.years_words(r.years)} {parts.percent(r.survival)} "
        f"({parts.percent(r.low)[:-2]}–{parts.percent(r.high)[:-2]})"
        for r in rows
    ]
    return f"Alive after {', '.join(told)}" if told else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
