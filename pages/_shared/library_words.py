"""How models of the library are told of. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pages._shared import components, formats
from pages._shared.formats import html
from pages._shared.model_store import foreign_features
from pages._shared.train_words import when

if TYPE_CHECKING:
    from hccsurv_core.cohort.model_library import HeadlineMetric, ModelDecision, ModelEntry

#: State → (word, sign, kind of chip).
STATES = {
    "active": ("Active", "●", "good"),
    "available": ("Published", "○", ""),
    "retired": ("Retired", "■", ""),
}
ACTIONS = {"published": "published", "activated": "activated", "retired": "retired"}
ARM_WORDS = {"hepatectomy": "hepatectomy", "tace": "TACE"}
SYSTEMS = {
    "muscle": "System 1 · muscle",
    "treatment": "System 2 · hepatectomy or TACE",
    "ceus": "System 3 · CEUS",
    "immunotherapy": "System 4 · immunotherapy",
}


def chips(entry: ModelEntry) -> list[str]:
    """State, kind of patients, integrity (HTML)."""
    word, sign, kind = STATES[entry.state]
    if entry.shipped and entry.state == "available":
        word = "Comes with the program"
    parts = [components.chip(word, kind=kind, sign=sign)]
    parts.append(components.chip(SYSTEMS.get(entry.system, entry.system)))
    if entry.shipped:
        parts.append(components.chip("Demonstration model", kind="sim", sign="◇"))
    elif entry.simulated:
        parts.append(components.chip("Trained on simulated patients", kind="sim", sign="◇"))
    if entry.problem:
        parts.append(components.chip("Refused: not what was published", kind="bad", sign="▲"))
    else:
        title = f"SHA-256 {entry.sha256}: every byte is what was published"
        parts.append(
            components.chip(f"Verified {entry.sha256[:8]}", kind="good", sign="✓", title=title)
        )
    return parts


def metric_words(metric: HeadlineMetric) -> str:
    """ "0.712 (0.66–0.76)"."""
    if metric.value is None:
        return "not known"
    if metric.ci_low is None or metric.ci_high is None:
        return f"{metric.value:.3f}"
    return f"{metric.value:.3f} ({metric.ci_low:.3f}–{metric.ci_high:.3f})"


def facts(entry: ModelEntry, description: Mapping[str, Any]) -> str:
    """What, on whom, how good, for whom not (HTML)."""
    foreign = foreign_words(description)
    rows = [
        ("What", f"{what(description)} {foreign}".strip()),
        ("On whom", on_whom(entry, description)),
        ("How good", how_good(entry)),
        ("Not for", not_for(entry, description)),
    ]
    body = "".join(
        f"<div><span>{name}</span><p>{html(text)}</p></div>" for name, text in rows if text
    )
    return f'<div class="hcc-model-facts">{body}</div>'


def what(description: Mapping[str, Any]) -> str:
    """The model in a sentence."""
    architecture = description.get("architecture")
    if not isinstance(architecture, Mapping):
        return ""
    n_features = len(architecture.get("features", ()))
    if description.get("system") == "treatment":
        n_signs = len(description.get("image_covariates", ()))
        signs = f" ({n_signs} of them measured on CT)" if n_signs else ""
        return (
            f"Survival after hepatectomy and after TACE from {formats.plural(n_features, 'value')}"
            f"{signs}, a ridge Cox model each; and whether patients like that were treated both ways."
        )
    if description.get("system") == "ceus":
        return _what_ceus(description, n_features)
    if description.get("system") == "immunotherapy":
        return _what_immunotherapy(description)
    codes = architecture.get("n_codes")
    step = {
        "autoencoder": f", compressed to {codes} by an autoencoder",
        "pca": f", compressed to {codes} principal components",
    }.get(str(architecture.get("representation")), "")
    kind = "deep Cox networks" if architecture.get("hidden") else "ridge Cox models"
    return (
        f"Survival from {formats.plural(n_features, 'feature')}{step}; an ensemble of "
        f"{architecture.get('n_members', 'several')} {kind}."
    )


def _what_ceus(description: Mapping[str, Any], n_features: int) -> str:
    n_signs = len(description.get("image_covariates", ()))
    signs = f" ({n_signs} of them measured on two ultrasound stills)" if n_signs else ""
    signatures = description.get("signatures")
    selected = ""
    if isinstance(signatures, Mapping):
        report = signatures.get("report", {})
        deep = any("deep" in kind for kind in report.get("n_by_kind", {}))
        kinds = "radiomics and deep" if deep else "radiomics"
        n = report.get("n_features", "thousands of")
        selected = f" Signatures were selected from {n} {kinds} features."
    return (
        "Recurrence within a year, survival, recurrence with death competing, and one of four "
        f"classes, before a resection, from {formats.plural(n_features, 'value')}{signs}; ridge "
        f"logistic, ridge Cox and Fine-Gray models.{selected}"
    )


def _what_immunotherapy(description: Mapping[str, Any]) -> str:
    versions = list(description.get("models", ()))
    n_signs = sum(
        str(c.get("name", "")).startswith("sign.") for c in description.get("image_covariates", ())
    )
    seen = [f"{formats.plural(n_signs, 'value')} measured on CT before and under treatment"] * (
        n_signs > 0
    )
    networks = description.get("networks")
    if isinstance(networks, Mapping):
        seen.append(f"networks that look at slices of {networks.get('pixels')} pixels")
    besides = f", {' and '.join(seen)}" if seen else ""
    return (
        f"Survival under immunotherapy by {formats.plural(len(versions), 'model')} "
        f"({', '.join(versions)}) from the clinical score{besides}; ridge Cox models, each from its own "
        "last scan."
    )


def foreign_words(description: Mapping[str, Any]) -> str:
    """That a model cannot answer on the patients' pages, and why; empty where it can."""
    foreign = foreign_features(description)
    if not foreign:
        return ""
    shown = ", ".join(foreign[:3]) + (" …" if len(foreign) > 3 else "")
    return (
        f"{formats.plural(len(foreign), 'feature')} ({shown}) "
        f"{'is' if len(foreign) == 1 else 'are'} not measured on scans here: it can be evaluated "
        "on tables, and answers on no patient's page."
    )


def on_whom(entry: ModelEntry, description: Mapping[str, Any]) -> str:
    """Patients, events, centers, follow-up."""
    training = description.get("training")
    text = entry.trained_on[:1].upper() + entry.trained_on[1:]
    if not isinstance(training, Mapping):
        return f"{text}."
    centers = [c for c in training.get("labels", {}).get("center", {}) if c]
    if centers:
        text += f"; {formats.plural(len(centers), 'center')}"
    arms = training.get("arms")
    if isinstance(arms, Mapping):
        told = (
            f"{formats.plural(one['n'], 'patient')} given {ARM_WORDS.get(arm, arm)} "
            f"({one['n_events']} died)"
            for arm, one in arms.items()
        )
        text += f"; {', '.join(told)}"
    known = training.get("n_early_known")
    if isinstance(known, int):
        text += (
            f"; {formats.plural(training['n_recurrences'], 'recurrence')}, "
            f"{training['n_early']} of them within a year (known of {known})"
        )
    n_followup = training.get("n_followup")
    if isinstance(n_followup, int):
        text += f"; {formats.plural(n_followup, 'follow-up scan')}"
    last = training.get("last_month")
    if isinstance(last, int | float):
        text += f"; followed for up to {last:.0f} months"
    return f"{text}."


def how_good(entry: ModelEntry) -> str:
    """The headline metrics with intervals and how they were found."""
    if not entry.metrics:
        return "Not stated."
    told = "; ".join(f"{m.name} {metric_words(m)}" for m in entry.metrics)
    ways = list(dict.fromkeys(m.how for m in entry.metrics if m.how))
    return f"{told} by {'; '.join(ways)}." if ways else f"{told}."


def not_for(entry: ModelEntry, description: Mapping[str, Any]) -> str:
    """Whom it says nothing about."""
    if entry.simulated:
        return (
            "Any real patient: it learned from patients drawn by a computer, and shows how "
            "everything works."
        )
    training = description.get("training")
    centers = []
    if isinstance(training, Mapping):
        centers = [c for c in training.get("labels", {}).get("center", {}) if c]
    seen = (
        "Patients unlike those it learned from (a warning says so)"
        if len(centers) > 1
        else "Patients of other hospitals and scanners, until it was evaluated there"
    )
    last = "choosing or withholding a treatment"
    if description.get("system") == "treatment":
        last = "other treatments than hepatectomy and TACE; deciding without a tumor board"
    if description.get("system") == "ceus":
        last = (
            "patients who are not resected; machines, settings and contrast agents it has not seen; "
            "choosing or withholding a treatment"
        )
    if description.get("system") == "immunotherapy":
        last = (
            "other treatments than immunotherapy; scans without a venous phase; choosing, stopping or "
            "withholding a treatment"
        )
    return f"{seen}; children; other cancers; {last}."


def origin(entry: ModelEntry) -> str:
    """Who brought it in and when."""
    if entry.shipped:
        return "Comes with the program; its files cannot be changed here."
    return f"Published by {entry.by}, {when(entry.published_at)}."


def decision_rows(decisions: list[ModelDecision], names: Mapping[str, str]) -> str:
    """Who did what when, newest first (HTML)."""
    rows = "".join(
        f"<tr><td style='white-space:nowrap'>{html(d.at[:16].replace('T', ' '))} UTC</td>"
        f"<td>{html(d.by)}</td><td>{html(ACTIONS[d.action])}</td>"
        f"<td>{html(names.get(d.model_id, d.name or d.model_id))}</td><td>{html(d.note)}</td></tr>"
        for d in reversed(decisions)
    )
    return (
        '<div class="hcc-scroll"><table class="hcc-table" data-testid="decisions"><thead><tr>'
        "<th>When</th><th>Who</th><th>What</th><th>Model</th><th>Why</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


#: System → what its active model answers about on the patients' pages.
ANSWERS_ABOUT = {
    "muscle": "muscle", "treatment": "hepatectomy or TACE",
    "ceus": "recurrence and survival from CEUS", "immunotherapy": "survival under immunotherapy",
}  # fmt: skip


def answering(active: Mapping[str, ModelEntry | None]) -> str:
    """Which models answer on the patients' pages (HTML).

    Args:
        active: by system, as in :data:`ANSWERS_ABOUT`.
    """
    there = [_answering(system, entry) for system, entry in active.items() if entry is not None]
    if not there:
        return '<span class="hcc-quiet">No model answers on the patients’ pages yet.</span>'
    return f'<div data-testid="answers">{"<br>".join(there)}</div>'


def _answering(system: str, entry: ModelEntry) -> str:
    name, about = html(entry.name), ANSWERS_ABOUT[system]
    if entry.problem:
        return (
            f'<span class="hcc-missing">▲ “{name}” is active but refused: the patients’ pages '
            f"show no prediction about {about}.</span>"
        )
    mark = " (trained on simulated patients)" if entry.simulated else ""
    return (
        f'<span class="hcc-quiet">On the patients’ pages answers <b>{name}</b>{mark} about '
        f"{about}.</span>"
    )
