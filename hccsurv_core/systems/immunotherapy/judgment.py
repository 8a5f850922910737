"""Scores of training patients by models that had not seen them or their center, and how well they rank."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hccsurv_core.errors import StatisticsError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.cox_posterior import CoxPosterior
from hccsurv_core.models.cox_posterior_fit import fit_posterior
from hccsurv_core.models.standardize import fit_standardizer
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.progress import Progress, silent
from hccsurv_core.stats.concordance import estimate_concordance
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.systems.immunotherapy.parts import center_parts
from hccsurv_core.systems.immunotherapy.prior import scan_prior
from hccsurv_core.systems.immunotherapy.settings import ImmunotherapySettings
from hccsurv_core.systems.immunotherapy.tables import VersionTable
from hccsurv_core.systems.immunotherapy.versions import VERSION_WORDS, clock_words


@dataclass(frozen=True, eq=False)
class Judgment:
    """One version on patients that it has not seen.

    Args:
        risk: (n,) log hazard of its patients, mean over the rounds.
        c_index: Harrell's, from the version's own scan.
    """

    risk: np.ndarray
    c_index: Estimate


def fit_version(
    table: FeatureTable, outcome: SurvivalOutcome, settings: ImmunotherapySettings, seed: int
) -> CoxPosterior:
    """The model of one version.

    Raises:
        StatisticsError: too few deaths.
    """
    chosen = settings.cox
    if chosen.prior is None:
        chosen = replace(chosen, prior=scan_prior(table.names))
    if outcome.n_events < chosen.min_events:
        raise StatisticsError(
            f"{outcome.n_events} of {len(outcome)} patients died, {chosen.min_events} deaths are "
            "needed",
            source=table.source, remedy="wait for longer follow-up, or add patients",
        )  # fmt: skip
    scales = fit_standardizer(table.values, table.names)
    return fit_posterior(scales, table.values, outcome, chosen, seed)


def judge_by_folds(
    version: VersionTable,
    settings: ImmunotherapySettings,
    seed: int,
    *,
    progress: Progress = silent,
) -> Judgment:
    """Cross-validate one version; scaling, filling and penalty are learned in each fold.

    Network scores among the covariates were cross-fitted before.

    Raises:
        StatisticsError: too few deaths for so many folds.
    """
    quick = replace(settings, cox=replace(settings.cox, n_draws=2, min_events=5))
    table, outcome = version.table, version.outcome
    risk, rounds = np.zeros(len(table)), settings.n_rounds
    for number in range(rounds):
        part = center_parts(outcome.event, version.centers, settings.n_folds, seed + number)
        for fold in range(settings.n_folds):
            progress(
                (number * settings.n_folds + fold) / (rounds * settings.n_folds),
                f"cross-validation: round {number + 1} of {rounds}, fold {fold + 1} of "
                f"{settings.n_folds}",
            )
            out = part == fold
            if not out.any():
                continue
            model = fit_version(table.subset(~out), outcome.subset(~out), quick, seed)
            risk[out] += model.risk_score(table.values[out]) / rounds
    progress(1.0, "cross-validated")
    return Judgment(risk, estimate_concordance(outcome, risk, seed=seed))


def describe_judgments(judgments: Mapping[str, Judgment]) -> list[dict[str, Any]]:
    """Rows for a bundle: version by version."""
    last = list(judgments)[-1]
    return [
        {
            "name": version,
            "words": f"{VERSION_WORDS[version]}, {clock_words(version)}",
            "version": version,
            "kind": "model" if version == last else "rival",
            "c_index": judgment.c_index.to_json(),
        }
        for version, judgment in judgments.items()
    ]
