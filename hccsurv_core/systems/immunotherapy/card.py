"""The model card of system 4, Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hccsurv_core.systems.study_description import covariate_line, unit_of


def write_card(d: Mapping[str, Any]) -> str:
    """From the description of a bundle."""
    from hccsurv_core.systems.immunotherapy.description import PAPER

    training = d["training"]
    lines = [
        "# Survival under immunotherapy from two CT scans (system 4)",
        "",
        f"**{d['note']}**",
        "",
    ]
    if training["simulated"]:
        lines += [
            "**Trained on simulated patients, drawn by a computer: what it predicts says nothing "
            "about real patients.**",
            "",
        ]
    lines += [
        "## What it is",
        "",
        "For patients with hepatocellular carcinoma under immunotherapy: survival by up to five models, "
        "from the clinical score CLN, the baseline scan, and the follow-up scan. Models of the follow-up "
        "scan count from the day of that scan: who has one was alive to have it. After "
        f"{PAPER}; the implementation is this package's own, and differs: the paper's radiology score is "
        "a network alone, here signs measured inside outlines stand beside it.",
        "",
        *_versions(d),
        "## Training patients",
        "",
        f"{training['source']}: {training['words']}. {training['n']} patients, {training['n_events']} "
        f"deaths, {training['n_followup']} with a follow-up scan{_interval_words(training)}.",
        "",
        "## What it looks at",
        "",
        *[covariate_line(c) for c in d["covariates"]],
        *[f"* {c['label']}{unit_of(c)}: measured on the scans" for c in d["image_covariates"]],
        "",
        *_networks(d["networks"]),
        f"{training['n_missing_values']} missing values were taken as the median of all training "
        "patients.",
        "",
        "## How good, on patients not seen",
        "",
        f"{d['cross_validation']['method'].capitalize()}.",
        "",
        "| model | looks at | death, C-index (95 % CI) |",
        "|---|---|---|",
        *[
            f"| {r['name']} | {r['words']} | {_interval(r['c_index'])} |"
            for r in d["cross_validation"]["results"]
        ],
        "",
        "## Limits",
        "",
        "* Patients under immunotherapy alone, with a venous CT; it says nothing of other treatments.",
        "* Sizes, edges and change depend on outlines, on the phase and on the scanner.",
        "* Who has no follow-up scan is answered by the models of the baseline scan.",
        "",
    ]
    return "\n".join(lines)


def _versions(d: Mapping[str, Any]) -> list[str]:
    return [
        "| model | looks at | patients | deaths | high risk above | alive at "
        f"{' / '.join(f'{h:g}' for h in d['horizons_months'])} months, low and high risk |",
        "|---|---|---|---|---|---|",
        *[
            f"| {version} | {v['words']}, {v['clock']} | {v['n']} | {v['n_events']} | "
            f"{v['cutoff']:.2f} | {'; '.join(_alive(group) for group in v['groups'])} |"
            for version, v in d["versions_of"].items()
        ],
        "",
        "High risk is above the median of the training patients' scores, by models that had not seen them.",
        "",
    ]


def _alive(group: Mapping[str, Any]) -> str:
    return " / ".join(
        "–" if value is None else f"{100 * value:.0f} %" for value in group["survival"].values()
    )


def _interval_words(training: Mapping[str, Any]) -> str:
    span = training["interval_months"]
    if span is None:
        return ""
    low, middle, high = span
    return f" {middle:.1f} months later (median; {low:.1f} to {high:.1f})"


def _networks(found: Mapping[str, Any] | None) -> list[str]:
    return [] if found is None else [found["words"], ""]


def _interval(e: Mapping[str, Any]) -> str:
    return (
        f"{e['value']:.3f} ({e['ci_low']:.3f} to {e['ci_high']:.3f}; {e['n']} patients, "
        f"{e['n_events']} deaths)"
    )
