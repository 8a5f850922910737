"""``model.json`` of a model of system 3: what it is, on whom, how good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hccsurv_core import __version__
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.features.ultrasound_signs import SIGNS_VERSION
from hccsurv_core.stats.cumulative_incidence import fit_cumulative_incidence
from hccsurv_core.stats.kaplan_meier import fit_kaplan_meier
from hccsurv_core.systems.ceus.cohort import EARLY_MONTHS, CeusCohort
from hccsurv_core.systems.ceus.cross_validation import Judgment, describe_judgments
from hccsurv_core.systems.ceus.dlr import TrainedDlr
from hccsurv_core.systems.ceus.endpoints import EndpointModels
from hccsurv_core.systems.ceus.risk_classes import RiskClassRule, summarize_classes
from hccsurv_core.systems.ceus.settings import CeusSettings
from hccsurv_core.systems.covariates import Covariate
from hccsurv_core.systems.muscle.description import RESEARCH_USE, software
from hccsurv_core.systems.study_description import (
    describe_covariates,
    describe_image_covariates,
    describe_study,
)
from hccsurv_core.wording import count_of

PAPER = (
    "Huang et al., World J Gastrointest Oncol 2022;14(12):2380-2392, doi:10.4251/wjgo.v14.i12.2380"
)


def describe_training(
    cohort: CeusCohort,
    words: str,
    covariates: Sequence[Covariate],
    left_out: Mapping[str, str],
    tables: Mapping[str, FeatureTable],
    models: Mapping[str, EndpointModels],
    rules: Mapping[str, RiskClassRule],
    judgments: Mapping[str, Judgment],
    selected: TrainedDlr | None,
    settings: CeusSettings,
    seed: int,
) -> dict[str, Any]:
    """The JSON object of the bundle."""
    table = list(tables.values())[-1]
    results = describe_judgments(judgments)
    return {
        "hccsurv": __version__,
        "note": RESEARCH_USE,
        "endpoint": cohort.endpoint,
        "architecture": {
            "kind": "ridge logistic, ridge Cox and Fine-Gray models, and four classes",
            "versions": list(tables),
            "features": list(table.names),
            "head": "linear",
            "n_members": 1,
            "hidden": [],
            "recipe": {"name": "ridge models of three endpoints"},
        },
        "settings": settings.to_json(),
        "seed": seed,
        "device": "cpu",
        "early_months": EARLY_MONTHS,
        "horizons_months": list(settings.horizons_months),
        "covariates": describe_covariates(covariates),
        "left_out": dict(left_out),
        "image_covariates": describe_image_covariates(cohort.images),
        "signs_version": SIGNS_VERSION,
        "models": {version: found.describe() for version, found in models.items()},
        "classes": {
            version: _describe_classes(rules[version], judgments[version], cohort, settings)
            for version in models
        },
        "signatures": None
        if selected is None
        else {**selected.signatures.describe(), "report": dict(selected.report)},
        "training": describe_study(cohort, words, table) | _describe_recurrence(cohort),
        "features": [{"name": name, "used": True} for name in table.names],
        "cross_validation": {
            "method": f"{settings.n_folds}-fold, {count_of(settings.n_rounds, 'round')}, deaths and early "
            "recurrences spread evenly; scaling, filling and penalty learned in each fold; scores of "
            "signatures are by signatures that had not seen the patient, cross-fitted once",
            "results": results,
            "best": max(results, key=lambda r: r["c_index"]["value"] or 0.0)["version"],
        },
        "versions": software(),
    }


def _describe_classes(
    rule: RiskClassRule, judged: Judgment, cohort: CeusCohort, settings: CeusSettings
) -> dict[str, Any]:
    """The rule, how the training patients fared by it, and their scores for a percentile."""
    classes = rule.classify(judged.probability, judged.scores[:, 1])
    places = np.linspace(0, 1, 101)
    return {
        "rule": rule.to_json(),
        "training": [
            summary.to_json()
            for summary in summarize_classes(
                classes, cohort.early, cohort.outcome, horizons_months=settings.horizons_months
            )
        ],
        "percentiles": {
            "early_recurrence": np.quantile(judged.probability, places).tolist(),
            "death": np.quantile(judged.scores[:, 1], places).tolist(),
        },
    }


def _describe_recurrence(cohort: CeusCohort) -> dict[str, Any]:
    known = np.isfinite(cohort.early)
    curve = fit_kaplan_meier(cohort.outcome)
    incidence = fit_cumulative_incidence(cohort.recurrence)
    return {
        "n_early": int((cohort.early == 1).sum()),
        "n_early_known": int(known.sum()),
        "n_recurrences": int((cohort.recurrence.cause == 1).sum()),
        "n_deaths_first": int((cohort.recurrence.cause == 2).sum()),
        "survival_at": {f"{h:g}": _plain(float(curve.survival_at(h))) for h in (12.0, 36.0, 60.0)},
        "recurrence_at": {
            f"{h:g}": _plain(float(incidence.incidence_at(h))) for h in (12.0, 36.0, 60.0)
        },
    }


def _plain(value: float) -> float | None:
    return value if np.isfinite(value) else None
