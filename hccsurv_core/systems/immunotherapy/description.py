"""``model.json`` of a model of system 4: what it is, on whom, how good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hccsurv_core import __version__
from hccsurv_core.models.cox_posterior import CoxPosterior
from hccsurv_core.stats.kaplan_meier import fit_kaplan_meier
from hccsurv_core.stats.plain import plain_number
from hccsurv_core.systems.immunotherapy.clinical import SCORE
from hccsurv_core.systems.immunotherapy.cohort import ImmunotherapyCohort
from hccsurv_core.systems.immunotherapy.judgment import Judgment, describe_judgments
from hccsurv_core.systems.immunotherapy.settings import ImmunotherapySettings
from hccsurv_core.systems.immunotherapy.tables import VersionTable
from hccsurv_core.systems.immunotherapy.versions import VERSION_WORDS, clock_words
from hccsurv_core.systems.muscle.description import RESEARCH_USE, software
from hccsurv_core.systems.study_description import (
    describe_covariates,
    describe_image_covariates,
    describe_study,
)
from hccsurv_core.wording import count_of

if TYPE_CHECKING:
    from hccsurv_core.systems.immunotherapy.network import TrainedNetworks

PAPER = "Xia et al., Insights into Imaging 2024, doi:10.1186/s13244-024-01784-8"


def describe_training(
    cohort: ImmunotherapyCohort,
    words: str,
    tables: Mapping[str, VersionTable],
    models: Mapping[str, CoxPosterior],
    judgments: Mapping[str, Judgment],
    networks: TrainedNetworks | None,
    settings: ImmunotherapySettings,
    seed: int,
) -> dict[str, Any]:
    """The JSON object of the bundle."""
    table = list(tables.values())[-1].table
    results = describe_judgments(judgments)
    return {
        "hccsurv": __version__,
        "note": RESEARCH_USE,
        "endpoint": cohort.endpoint,
        "architecture": {
            "kind": "ridge Cox models of a clinical score, signs of two scans and networks",
            "versions": list(tables),
            "features": list(table.names),
            "head": "linear",
            "n_members": 1,
            "hidden": [],
            "recipe": {"name": "five ridge Cox models"},
        },
        "settings": settings.to_json(),
        "seed": seed,
        "device": "cpu" if networks is None else networks.device,
        "horizons_months": list(settings.horizons_months),
        "covariates": describe_covariates((SCORE,)),
        "left_out": {},
        "image_covariates": describe_image_covariates(cohort.images),
        "models": {version: model.describe() for version, model in models.items()},
        "versions_of": {
            version: _describe_version(version, tables[version], judgments[version], settings)
            for version in models
        },
        "networks": None if networks is None else networks.describe(),
        "training": describe_study(cohort, words, table) | _describe_scans(cohort),
        "features": [{"name": name, "used": True} for name in table.names],
        "cross_validation": {
            "method": f"{settings.n_folds}-fold, {count_of(settings.n_rounds, 'round')}, patients of a "
            "center together; scaling, filling and penalty learned in each fold; scores of networks "
            "are by networks that had not seen the patient or the center",
            "results": results,
            "best": max(results, key=lambda r: r["c_index"]["value"] or 0.0)["version"],
        },
        "versions": software(),
    }


def _describe_version(
    version: str, table: VersionTable, judged: Judgment, settings: ImmunotherapySettings
) -> dict[str, Any]:
    """Whom a version learned from, its cut-off, and how training patients fared by it."""
    cutoff = float(np.median(judged.risk))
    high = judged.risk > cutoff
    groups = []
    for name, rows in (("low", ~high), ("high", high)):
        if not rows.any():
            continue
        outcome = table.outcome.subset(rows)
        curve = fit_kaplan_meier(outcome)
        groups.append(
            {
                "group": name,
                "n": len(outcome),
                "n_events": outcome.n_events,
                "survival": {
                    f"{h:g}": plain_number(float(curve.survival_at(h)))
                    for h in settings.horizons_months
                },
                "curve": {
                    "months": curve.times.tolist(),
                    "survival": curve.survival.tolist(),
                },
            }
        )
    return {
        "words": VERSION_WORDS[version],
        "clock": clock_words(version),
        "names": list(table.table.names),
        "n": len(table.rows),
        "n_events": table.outcome.n_events,
        # The median of scores of patients not seen: learned on training patients alone.
        "cutoff": cutoff,
        "percentiles": np.quantile(judged.risk, np.linspace(0, 1, 101)).tolist(),
        "groups": groups,
    }


def _describe_scans(cohort: ImmunotherapyCohort) -> dict[str, Any]:
    known = cohort.interval_months[cohort.has_followup]
    curve = fit_kaplan_meier(cohort.outcome)
    return {
        "n_followup": int(cohort.has_followup.sum()),
        "interval_months": None
        if not known.size
        else [float(v) for v in np.quantile(known, (0.0, 0.5, 1.0))],
        "survival_at": {
            f"{h:g}": plain_number(float(curve.survival_at(h))) for h in (12.0, 24.0, 36.0)
        },
    }
