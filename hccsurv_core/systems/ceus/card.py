"""The model card of system 3, Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hccsurv_core.systems.ceus.description import PAPER
from hccsurv_core.systems.ceus.risk_classes import CLASSES, class_of
from hccsurv_core.systems.ceus.settings import VERSION_WORDS
from hccsurv_core.systems.study_description import covariate_line, unit_of


def write_card(d: Mapping[str, Any]) -> str:
    """From the description of a bundle."""
    training = d["training"]
    lines = ["# Early recurrence and survival from CEUS (system 3)", "", f"**{d['note']}**", ""]
    if training["simulated"]:
        lines += [
            "**Trained on simulated patients, drawn by a computer: what it predicts says nothing "
            "about real patients.**",
            "",
        ]
    lines += [
        "## What it is",
        "",
        f"For patients who have a resection: the probability of recurrence within "
        f"{d['early_months']:g} months (ridge logistic model), survival (ridge Cox model), the "
        "cumulative incidence of recurrence with death before it competing (Fine-Gray), and one of "
        f"four classes. After {PAPER}; the implementation is this package's own.",
        "",
        *_classes(d),
        "## Training patients",
        "",
        f"{training['source']}: {training['words']}. {training['n']} patients, {training['n_events']} "
        f"deaths; {training['n_early']} early recurrences among the {training['n_early_known']} of "
        f"whom it is known; {training['n_recurrences']} recurrences in all and "
        f"{training['n_deaths_first']} deaths without one.",
        "",
        *[f"* Left out: {n} ({why})." for why, n in training["left_out_patients"].items()],
        "",
        "## What it looks at",
        "",
        *[covariate_line(c) for c in d["covariates"]],
        *[
            f"* {c['label']}{unit_of(c)}: measured on the two pictures"
            for c in d["image_covariates"]
        ],
        "",
        *_signatures(d["signatures"]),
        *([f"Deep features are {d['network']['statement']}.", ""] if d.get("network") else []),
        *[f"* Not used: {name}, {why}." for name, why in d["left_out"].items()],
        f"{training['n_missing_values']} missing values were taken as the median of all training "
        "patients.",
        "",
        "## How good, on patients not seen",
        "",
        f"{d['cross_validation']['method'].capitalize()}.",
        "",
        "| | early recurrence, AUC (95 % CI) | death, C-index (95 % CI) | recurrence, C-index (95 % CI) |",
        "|---|---|---|---|",
        *[_result_row(r) for r in d["cross_validation"]["results"]],
        "",
        "## Limits",
        "",
        "* Resected patients alone: it says nothing of ablation, transplantation or no treatment.",
        "* Signs and features of pictures depend on machine, settings and outline; the dynamic range of "
        "the contrast picture must be known.",
        "* Whether a recurrence was retreated was not randomized: the effect in a class is no proof.",
        "",
    ]
    return "\n".join(lines)


def _classes(d: Mapping[str, Any]) -> list[str]:
    version = list(d["classes"])[-1]
    found = d["classes"][version]
    rule = found["rule"]
    return [
        "Classes:",
        "",
        *[f"* {c.number}: {c.words}" for c in CLASSES],
        "",
        f"Likely to recur early: {rule['recurrence']['words']}. High risk of death: "
        f"{rule['survival']['words']}. Both learned from scores of training patients by models that "
        f"had not seen them ({VERSION_WORDS[version]}).",
        "",
        "| class | patients | deaths | recurred within a year | alive at "
        f"{' / '.join(f'{h:g}' for h in d['horizons_months'])} months |",
        "|---|---|---|---|---|",
        *[_class_row(row) for row in found["training"]],
        *[
            f"| {c.number} ({c.words}) | 0 | 0 | – | – |"
            for c in CLASSES
            if c.number not in {row["class"] for row in found["training"]}
        ],
        "",
    ]


def _class_row(row: Mapping[str, Any]) -> str:
    early = row["early_recurrence"]["value"]
    alive = " / ".join(_percent(s["value"]) for s in row["survival"])
    return (
        f"| {row['class']} ({class_of(row['class']).words}) | {row['n']} | {row['n_events']} | "
        f"{_percent(early)} | {alive} |"
    )


def _percent(value: float | None) -> str:
    return "–" if value is None or value != value else f"{100 * value:.0f} %"


def _signatures(found: Mapping[str, Any] | None) -> list[str]:
    if found is None:
        return []
    report = found["report"]
    kinds = ", ".join(f"{n} {kind}" for kind, n in report["n_by_kind"].items())
    told: Sequence[tuple[str, str]] = (("early", "early recurrence"), ("death", "death"))
    gate = report["death"]["gate"]
    first = (
        f" Only those that repeat took part ({gate['rule']}): {gate['n_kept']} of them."
        if gate
        else ""
    )
    return [
        f"Selected from {report['n_features']} features of the pictures ({kinds}).{first}",
        "",
        *[
            f"* {words}: {len(found[key])} features ({', '.join(found[key]) or 'none'})"
            for key, words in told
        ],
        "",
    ]


def _result_row(r: Mapping[str, Any]) -> str:
    cells = [_interval(r[key]) for key in ("early_recurrence_auc", "c_index", "recurrence_c_index")]
    return f"| {r['name']} | {' | '.join(cells)} |"


def _interval(e: Mapping[str, Any]) -> str:
    return (
        f"{e['value']:.3f} ({e['ci_low']:.3f} to {e['ci_high']:.3f}; {e['n']} patients, "
        f"{e['n_events']} events)"
    )
