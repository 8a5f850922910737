"""``model.json`` and ``card.md`` of a model of system 1: what it is, on whom, how good, what not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from platform import python_version
from typing import Any

import numpy as np

from hccsurv_core import __version__
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.ensemble_training import Recipe, TrainingCourse
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.kaplan_meier import fit_kaplan_meier
from hccsurv_core.systems.muscle.leakage import patient_digests, row_digests
from hccsurv_core.systems.muscle.prediction import MuscleModel
from hccsurv_core.systems.muscle.settings import AUTO, WIDE, MuscleSettings
from hccsurv_core.wording import count_of

_PACKAGES = ("numpy", "scipy", "torch", "scikit-learn", "scikit-survival", "safetensors")
RESEARCH_USE = "Research use. Not a medical device."
_SIMULATED = (
    "**Trained on simulated patients**, drawn by a computer: it shows that the method works, and "
    "says nothing about how real patients fare."
)


def describe_model(
    model: MuscleModel,
    part: FeatureTable,
    recipes: Sequence[Recipe],
    recipe: Recipe,
    settings: MuscleSettings,
    course: TrainingCourse,
    cross_validation: Mapping[str, Estimate],
    corrected: Estimate,
    seed: int,
    device: str,
) -> dict[str, Any]:
    """The JSON object of the bundle.

    Args:
        model: calibrated.
        part: its training patients.
        recipes: what was tried; recipe: what was chosen.
        cross_validation: name → C of patients not seen.
        corrected: the chosen recipe's, without the luck it was chosen by.
    """
    ensemble = model.ensemble
    names = {recipe.name: "model", **{r.name: "recipe" for r in recipes if r is not recipe}}
    rows = [
        {"name": name, "kind": names.get(name, "rival"), "c_index": estimate.to_json()}
        for name, estimate in cross_validation.items()
    ]
    best = max(rows, key=lambda row: row["c_index"]["value"] or 0.0)  # type: ignore[index]
    return {
        "hccsurv": __version__,
        "note": RESEARCH_USE,
        "architecture": _describe_architecture(model, recipe, settings, course),
        "settings": settings.to_json(),
        "seed": seed,
        "device": device,
        "horizons_months": list(model.horizons_months),
        "cutoffs": {
            "median_risk": model.cutoff,
            "method": "median risk of the training patients, each by models that had not seen "
            "the patient",
        },
        "calibration": {
            "slope": ensemble.slope,
            "method": "Cox slope of the cross-validated log hazard",
        },
        "out_of_distribution": {"most_outside": model.most_outside},
        "training": _describe_cohort(part),
        "features": ensemble.standardizer.describe(),
        "cross_validation": {
            "method": f"{settings.n_folds}-fold, {count_of(settings.repeats(len(part)), 'round')}, "
            f"events spread evenly; recipe chosen among {len(recipes)} on the same folds",
            "results": rows,
            "corrected": corrected.to_json(),
            "best": best["name"],
        },
        "course": _describe_course(course),
        "versions": software(),
    }


def _describe_architecture(
    model: MuscleModel, recipe: Recipe, settings: MuscleSettings, course: TrainingCourse
) -> dict[str, Any]:
    ensemble = model.ensemble
    return {
        "features": list(model.feature_names),
        "n_features_used": int(ensemble.standardizer.used.sum()),
        "representation": ensemble.representation.kind,
        "n_codes": ensemble.representation.n_codes,
        "representation_words": _representation_words(model, settings),
        "explained": course.explained,
        "head": recipe.head,
        "hidden": list(recipe.network.hidden) if recipe.head == "deep" else [],
        "activation": ensemble.networks.activation,
        "n_members": ensemble.n_members,
        "recipe": asdict(recipe),
    }


def _representation_words(model: MuscleModel, settings: MuscleSettings) -> str:
    """Why features go to the networks as they do, in a sentence."""
    found, n = model.ensemble.representation, len(model.feature_names)
    if found.kind == "none":
        few = settings.representation == AUTO and n <= WIDE
        why = f": an autoencoder is for more than {WIDE} features" if few else ""
        return f"{count_of(n, 'feature')}, not encoded{why}."
    words = {"pca": "principal components", "autoencoder": "an autoencoder"}[found.kind]
    return f"{count_of(n, 'feature')} through {words} to {count_of(found.n_codes, 'code')}."


def _describe_cohort(part: FeatureTable) -> dict[str, Any]:
    outcome = part.require_outcome()
    follow_up = fit_kaplan_meier(outcome)
    labels = {
        name: {text: texts.count(text) for text in sorted(set(texts))}
        for name, texts in part.labels.items()
    }
    return {
        "source": part.source,
        "simulated": part.simulated,
        "n": len(part),
        "n_events": outcome.n_events,
        "n_features": len(part.names),
        "n_missing_values": int(np.isnan(part.values).sum()),
        "last_month": float(outcome.time_months.max()),
        "median_time_months": float(np.median(outcome.time_months)),
        "survival_at": {
            f"{h:g}": _plain(float(follow_up.survival_at(h))) for h in (12.0, 36.0, 60.0)
        },
        "labels": labels,
        "patient_digests": list(patient_digests(part.patient_ids)) if part.named else [],
        "row_digests": list(row_digests(part.values)),
    }


def _describe_course(course: TrainingCourse) -> dict[str, Any]:
    """Losses by epoch, for the training curves."""
    return {
        "networks": [
            {
                "best_epoch": fitted.best_epoch.tolist(),
                "train_loss": _rounded(fitted.train_loss),
                "stop_loss": _rounded(fitted.stop_loss),
            }
            for fitted in course.networks
        ],
        "autoencoder": {
            "train_loss": _rounded(course.autoencoder[0]),
            "stop_loss": _rounded(course.autoencoder[1]),
        },
    }


def _rounded(values: np.ndarray) -> list[Any]:
    plain = np.round(values.astype(float), 5).tolist()
    return [[_plain(v) for v in row] if isinstance(row, list) else _plain(row) for row in plain]


def _plain(value: float) -> float | None:
    return value if np.isfinite(value) else None


def software() -> dict[str, str]:
    """Versions that a result depends on."""
    found = {"hccsurv": __version__, "python": python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def write_card(description: Mapping[str, Any]) -> str:
    """The model card, Markdown."""
    training, architecture = description["training"], description["architecture"]
    lines = [
        "# Survival model (system 1, muscle)",
        "",
        f"**{RESEARCH_USE}**",
        "",
        *([_SIMULATED, ""] if training["simulated"] else []),
        f"Trained on {training['n']} patients with {training['n_events']} events "
        f"({training['source']}), {training['n_features']} features, "
        f"{training['n_missing_values']} missing values filled with training medians.",
        "",
        f"{architecture['n_members']} {'networks' if architecture['hidden'] else 'linear models'}, "
        f"recipe “{architecture['recipe']['name']}”. {architecture['representation_words']}",
        *_constant_words(description["features"]),
        "",
        "## How good, by cross-validation on the training patients",
        "",
        description["cross_validation"]["method"].capitalize() + ".",
        "",
        "| | | C-index (95 % CI) |",
        "|---|---|---|",
    ]
    for row in description["cross_validation"]["results"]:
        c = row["c_index"]
        lines.append(
            f"| {row['name']} | {row['kind']} | {_number(c['value'])} "
            f"({_number(c['ci_low'])} to {_number(c['ci_high'])}) |"
        )
    corrected = description["cross_validation"]["corrected"]
    lines += [
        "",
        f"Best of all: {description['cross_validation']['best']}. Without the luck of having been "
        f"chosen the model's C-index is {_number(corrected['value'])} "
        f"({_number(corrected['ci_low'])} to {_number(corrected['ci_high'])}).",
        "",
        "## What it is not",
        "",
        "It was judged on patients of the same cohort only; elsewhere it can be worse. The interval "
        "of a survival curve says how sure the model is of the curve, not how long a patient lives.",
        "",
    ]
    return "\n".join(lines)


def _constant_words(features: Sequence[Mapping[str, Any]]) -> list[str]:
    """Which columns taught nothing."""
    constant = [f["name"] for f in features if not f["used"]]
    if not constant:
        return []
    shown = ", ".join(constant[:10]) + (" …" if len(constant) > 10 else "")
    return ["", f"Left out, because they are the same in every training patient: {shown}."]


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:.3f}"
