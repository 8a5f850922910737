"""Concordance of the best of several models, judged on the patients it was chosen by.

The winner's own C is too high: it won partly by luck. Tsamardinos, Greasidou & Borboudakis, Mach
Learn 2018;107:1895-1922 (bootstrap bias-corrected cross-validation): from the cross-validated
scores of every candidate, choose anew among the patients of each bootstrap sample, and judge that
choice by the patients who were not drawn. No model is trained again.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.concordance import weighted_concordance
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.resampling import (
    answered,
    describe,
    percentile_bounds,
    resample_counts,
    resample_indices,
)


def concordance_of_chosen(
    outcome: SurvivalOutcome,
    scores: Mapping[str, ArrayLike],
    *,
    n_resamples: int = 500,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Harrell's C to expect of the candidate that is best on these patients.

    Args:
        outcome: of n patients.
        scores: candidate → (n,) scores by models that had not seen the patient (cross-validated);
            higher is worse. One candidate alone is not corrected for any choice.
        n_resamples, seed, level: of the bootstrap.

    Returns:
        The mean over resamples with its percentile interval.

    Raises:
        InputError: no candidate, or a score of another length.
        StatisticsError: too many resamples have no comparable pair.
    """
    if not scores:
        raise InputError("no candidate is given", source="scores")
    drawn = resample_counts(resample_indices(len(outcome), n_resamples, seed))
    left_out = (drawn == 0).astype(np.float32)
    inside = np.stack([weighted_concordance(outcome, s, drawn) for s in scores.values()])
    outside = np.stack([weighted_concordance(outcome, s, left_out) for s in scores.values()])
    chosen = np.where(np.isnan(inside), -np.inf, inside).argmax(axis=0)
    draws = outside[chosen, np.arange(n_resamples)]
    low, high = percentile_bounds(draws, level)
    what = f"choice among {len(scores)} repeated in each resample, judged on those not drawn; "
    return Estimate(
        float(answered(draws).mean()), low, high, level,
        what + describe("percentile", draws, seed), len(outcome), outcome.n_events,
    )  # fmt: skip
