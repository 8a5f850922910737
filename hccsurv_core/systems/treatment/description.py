"""``model.json`` and ``card.md`` of a model of system 2: what it is, on whom, how good, what not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hccsurv_core import __version__
from hccsurv_core.stats.kaplan_meier import fit_kaplan_meier
from hccsurv_core.systems.covariates import Covariate
from hccsurv_core.systems.muscle.description import RESEARCH_USE, software
from hccsurv_core.systems.study_description import (
    covariate_line,
    describe_covariates,
    describe_image_covariates,
    describe_study,
    unit_of,
)
from hccsurv_core.systems.treatment.arm_table import ARM_WORDS, ARMS, TreatmentTable
from hccsurv_core.systems.treatment.cohort import TreatmentCohort
from hccsurv_core.systems.treatment.cross_validation import ArmJudgment, describe_judgments
from hccsurv_core.systems.treatment.recommendation import CAVEAT
from hccsurv_core.systems.treatment.recommender import Recommender
from hccsurv_core.systems.treatment.settings import TreatmentSettings
from hccsurv_core.wording import count_of

PAPER = "Wei et al., Br J Hosp Med 2026, doi:10.31083/BJHM50380"


def describe_training(
    cohort: TreatmentCohort,
    words: str,
    covariates: Sequence[Covariate],
    left_out: Mapping[str, str],
    tables: Mapping[str, TreatmentTable],
    recommenders: Mapping[str, Recommender],
    judgments: Mapping[str, Mapping[str, ArmJudgment]],
    settings: TreatmentSettings,
    seed: int,
) -> dict[str, Any]:
    """The JSON object of the bundle, but for the nomograms."""
    table = list(tables.values())[-1]
    results = describe_judgments(judgments)
    images = cohort.images if "combined" in tables else None
    return {
        "hccsurv": __version__,
        "note": RESEARCH_USE,
        "endpoint": cohort.endpoint,
        "architecture": {
            "kind": "two ridge Cox models, a propensity model and rules",
            "versions": list(tables),
            "features": list(table.names),
            "head": "linear",
            "n_members": 1,
            "hidden": [],
            "recipe": {"name": "ridge Cox model of each arm"},
        },
        "settings": settings.to_json(),
        "seed": seed,
        "device": "cpu",
        "horizons_months": list(settings.arms.horizons_months),
        "rmst_months": settings.arms.rmst_months,
        "covariates": describe_covariates(covariates),
        "left_out": dict(left_out),
        "image_covariates": describe_image_covariates(images),
        "recommenders": {name: found.describe() for name, found in recommenders.items()},
        "cutoffs": {
            "by_version": {
                name: {arm: found[arm].cutoff for arm in ARMS} for name, found in judgments.items()
            },
            "method": "median risk of the arm's training patients, each by models that had not "
            "seen the patient",
        },
        "training": describe_study(cohort, words, table.features)
        | {"arms": {arm: _describe_arm(cohort, arm) for arm in ARMS}},
        "features": [{"name": name, "used": True} for name in table.names],
        "cross_validation": {
            "method": f"{settings.n_folds}-fold, {count_of(settings.n_rounds, 'round')}, deaths of each arm "
            "spread evenly; scaling, filling and penalty learned in each fold",
            "results": results,
            "best": _best(results),
        },
        "versions": software(),
    }


def _best(results: Sequence[Mapping[str, Any]]) -> str:
    """The version that ranks better in both arms together."""
    versions = list(dict.fromkeys(str(r["version"]) for r in results))
    return max(
        versions, key=lambda v: sum(r["c_index"]["value"] or 0.0 for r in results if r["version"] == v)
    )  # fmt: skip


def _describe_arm(cohort: TreatmentCohort, arm: str) -> dict[str, Any]:
    rows = np.array([t == arm for t in cohort.treatment])
    outcome = cohort.outcome.subset(rows)
    curve = fit_kaplan_meier(outcome)
    return {
        "n": int(rows.sum()),
        "n_events": outcome.n_events,
        "last_month": float(outcome.time_months.max()),
        "median_survival_months": _plain(float(curve.median().value)),
        "survival_at": {f"{h:g}": _plain(float(curve.survival_at(h))) for h in (12.0, 24.0, 36.0)},
    }


def write_card(d: Mapping[str, Any]) -> str:
    """The model card, Markdown."""
    training = d["training"]
    lines = ["# Hepatectomy or TACE (system 2)", "", f"**{d['note']}**", ""]
    if training["simulated"]:
        lines += [
            "**Trained on simulated patients, drawn by a computer: what it recommends says nothing "
            "about real patients.**",
            "",
        ]
    lines += [
        "## What it is",
        "",
        "A survival model of those who had hepatectomy and one of those who had TACE; what either "
        "expects of a patient, the difference, and whether patients like that were ever treated "
        f"both ways. After {PAPER}; the implementation is this package's own.",
        "",
        f"* Outcome: {d['endpoint']}; survival is told at "
        f"{', '.join(f'{h:g}' for h in d['horizons_months'])} months, months lived up to "
        f"{d['rmst_months']:g}.",
        f"* {CAVEAT}",
        "",
        "## Training patients",
        "",
        f"{training['source']}: {training['words']}.",
        "",
        "| | patients | deaths | median survival, months | alive at 12 / 24 / 36 months |",
        "|---|---|---|---|---|",
        *[_arm_row(arm, training["arms"][arm]) for arm in ARMS],
        "",
        *[f"* Left out: {n} ({why})." for why, n in training["left_out_patients"].items()],
        "",
        "## What it looks at",
        "",
        *[covariate_line(c) for c in d["covariates"]],
        *[f"* {c['label']}{unit_of(c)}: measured on CT" for c in d["image_covariates"]],
        "",
        *[f"* Not used: {name}, {why}." for name, why in d["left_out"].items()],
        f"{training['n_missing_values']} missing values were taken as the median of all training "
        "patients.",
        "",
        "## How good, on patients not seen",
        "",
        f"{d['cross_validation']['method'].capitalize()}.",
        "",
        "| | C-index (95 % CI) | patients | deaths |",
        "|---|---|---|---|",
        *[_result_row(r) for r in d["cross_validation"]["results"]],
        "",
        "## Limits",
        "",
        "* Patients were not randomized: what was not measured can stand behind a difference. "
        "No recommendation is made where patients like that were hardly ever treated both ways, "
        "where a rule or every guideline stands against it, where the difference is small or "
        "uncertain, or where what is missing would decide.",
        "* Intervals are about the average of patients with the same values; a wider one of a single "
        "patient allows for what no value shows, by an assumption that cannot be estimated: "
        f"{_spread_words(d)}.",
        *_widened_words(d),
        "* It knows hepatectomy and TACE alone: no ablation, transplantation or systemic treatment.",
        "",
    ]
    return "\n".join(lines)


def _spread_words(d: Mapping[str, Any]) -> str:
    told = []
    for version, found in d["recommenders"].items():
        spread = found["arms"]["unexplained_spread"]["log_hazard_sd"]
        sds = ", ".join(f"{ARM_WORDS[arm]} {spread[arm]:g}" for arm in ARMS)
        told.append(f"{version} version, standard deviation of the log hazard {sds}")
    why = next(iter(d["recommenders"].values()))["arms"]["unexplained_spread"]["why"]
    return f"{'; '.join(told)} ({why})"


def _widened_words(d: Mapping[str, Any]) -> list[str]:
    """Where intervals were widened, and why."""
    return [
        f"* Intervals of the {version} version reach {found['arms']['settings']['widening']:g} times as "
        "far as the models' own uncertainty says: without, those of simulated patients held the truth "
        "too rarely."
        for version, found in d["recommenders"].items()
        if (found["arms"]["settings"].get("widening") or 1.0) > 1.0
    ]


def _arm_row(arm: str, found: Mapping[str, Any]) -> str:
    alive = " / ".join(
        "–" if v is None else f"{100 * v:.0f} %" for v in found["survival_at"].values()
    )
    median = found["median_survival_months"]
    shown = "not reached" if median is None else f"{median:.1f}"
    return f"| {ARM_WORDS[arm]} | {found['n']} | {found['n_events']} | {shown} | {alive} |"


def _result_row(r: Mapping[str, Any]) -> str:
    c = r["c_index"]
    return (
        f"| {r['name']} | {c['value']:.3f} ({c['ci_low']:.3f} to {c['ci_high']:.3f}) | {r['n']} | "
        f"{r['n_events']} |"
    )


def _plain(value: float) -> float | None:
    return value if np.isfinite(value) else None
