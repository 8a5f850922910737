"""The parts of a bundle's description that all models of a study share: who it was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.systems.covariates import Covariate
from hccsurv_core.systems.muscle.leakage import patient_digests, row_digests
from hccsurv_core.systems.study_cohort import ImageValues, StudyCohort


def describe_covariates(covariates: Sequence[Covariate]) -> list[dict[str, Any]]:
    """Each clinical covariate: what it is, in which form, and why."""
    return [
        {
            "name": c.name, "label": c.label, "unit": c.unit, "transform": c.transform,
            "kind": c.kind, "reason": c.reason, "made_of": list(c.needs),
        }
        for c in covariates
    ]  # fmt: skip


def describe_image_covariates(images: ImageValues | None) -> list[dict[str, Any]]:
    """Each covariate that is measured on images; none without."""
    if images is None:
        return []
    return [
        {"name": n, "label": images.labels.get(n, n), "unit": images.units.get(n, "")}
        for n in images.names
    ]


def describe_study(cohort: StudyCohort, words: str, table: FeatureTable) -> dict[str, Any]:
    """The training patients: where from, how many, and digests that recognize them again.

    Args:
        cohort: training patients. words: who they are of the study. table: what was learned from.
    """
    outcome = cohort.outcome
    return {
        "source": cohort.source,
        "words": words,
        "simulated": cohort.simulated,
        "n": len(cohort),
        "n_events": outcome.n_events,
        "n_features": len(table.names),
        "n_missing_values": int(np.isnan(table.values).sum()),
        "last_month": float(outcome.time_months.max()),
        "median_time_months": float(np.median(outcome.time_months)),
        "left_out_patients": dict(cohort.left_out),
        "labels": {
            name: {text: texts.count(text) for text in sorted(set(texts))}
            for name, texts in cohort.labels.items()
        },
        "patient_digests": list(patient_digests(cohort.patient_ids)),
        "row_digests": list(row_digests(table.values)),
    }


def covariate_line(c: Mapping[str, Any]) -> str:
    """A clinical covariate on a model card."""
    return f"* {c['label']}{unit_of(c)}: {c['reason']}"


def unit_of(c: Mapping[str, Any]) -> str:
    """Its unit in parentheses, or nothing."""
    return f" ({c['unit']})" if c["unit"] else ""
