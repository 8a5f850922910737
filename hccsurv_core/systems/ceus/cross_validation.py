"""Scores of training patients by models that had not seen them, and how well those rank."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.parts import stratified_parts
from hccsurv_core.progress import Progress, silent
from hccsurv_core.stats.concordance import estimate_concordance
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.roc import roc_area
from hccsurv_core.systems.ceus.cohort import CeusCohort
from hccsurv_core.systems.ceus.endpoints import fit_death, fit_early
from hccsurv_core.systems.ceus.settings import VERSION_WORDS, CeusSettings

#: Draws of a fold's models: only their middle is looked at.
_FEW_DRAWS = 200


@dataclass(frozen=True, eq=False)
class Judgment:
    """One version on patients that it has not seen.

    Args:
        probability: (n,) of early recurrence, mean over the rounds.
        scores: (n, 2) log odds of early recurrence and log hazard of death, likewise.
        area: under the ROC curve of early recurrence, where it is known.
        c_index: of death, Harrell's.
        c_recurrence: of recurrence, deaths before it censored.
    """

    probability: np.ndarray
    scores: np.ndarray
    area: Estimate
    c_index: Estimate
    c_recurrence: Estimate


def judge_by_folds(
    table: FeatureTable,
    cohort: CeusCohort,
    settings: CeusSettings,
    seed: int,
    *,
    progress: Progress = silent,
) -> Judgment:
    """Cross-validate one version; scaling, filling and penalty are learned in each fold.

    A signature among the covariates was cross-fitted before, with other folds: what is told here of
    versions with signatures is therefore a little too good, and a test set is the judge.

    Args:
        table: training patients.
        cohort: the same patients.

    Raises:
        StatisticsError: too few events for so many folds.
    """
    quick = replace(
        settings,
        early=replace(settings.early, n_draws=_FEW_DRAWS, min_events=5),
        death=replace(settings.death, n_draws=2, min_events=5),
    )
    n, rounds = len(table), settings.n_rounds
    probability, scores = np.zeros(n), np.zeros((n, 2))
    for number in range(rounds):
        part = stratified_parts(_kinds(cohort), settings.n_folds, seed + number)
        for fold in range(settings.n_folds):
            progress(
                (number * settings.n_folds + fold) / (rounds * settings.n_folds),
                f"cross-validation: round {number + 1} of {rounds}, fold {fold + 1} of "
                f"{settings.n_folds}",
            )
            out = part == fold
            learned, left = table.subset(~out), table.values[out]
            early = fit_early(learned, cohort.early[~out], quick, seed)
            death = fit_death(learned, cohort.outcome.subset(~out), quick, seed)
            probability[out] += early.probability(left) / rounds
            scores[out, 0] += early.linear_predictor(left) / rounds
            scores[out, 1] += death.risk_score(left) / rounds
    progress(1.0, "cross-validated")
    known = np.isfinite(cohort.early)
    return Judgment(
        probability,
        scores,
        roc_area(cohort.early[known], probability[known]),
        estimate_concordance(cohort.outcome, scores[:, 1], seed=seed),
        estimate_concordance(cohort.recurrence.cause_specific(1), scores[:, 0], seed=seed),
    )


def describe_judgments(judgments: Mapping[str, Judgment]) -> list[dict[str, Any]]:
    """Rows for a bundle: version by version."""
    last = list(judgments)[-1]
    return [
        {
            "name": VERSION_WORDS[version],
            "version": version,
            "kind": "model" if version == last else "rival",
            "c_index": judgment.c_index.to_json(),
            "early_recurrence_auc": judgment.area.to_json(),
            "recurrence_c_index": judgment.c_recurrence.to_json(),
        }
        for version, judgment in judgments.items()
    ]


def _kinds(cohort: CeusCohort) -> np.ndarray:
    """(n,) who died and who recurred early, as one number: each is spread evenly over the folds."""
    return 2 * cohort.outcome.event.astype(int) + (cohort.early == 1).astype(int)
