"""How much a model flatters itself on the patients it was made of, by the bootstrap.

The whole way from data to model is repeated on resampled patients: whatever ``fit`` leaves out
(a search for variables or cut-points, a choice of settings) is not corrected for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.progress import Progress, silent
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.proportions import check_level
from hccsurv_core.stats.resampling import answered, describe, percentile_bounds, resample_indices

Model = TypeVar("Model")

CORRECTIONS = {
    "harrell": "optimism-corrected (Harrell)",
    "632": ".632",
    "632+": ".632+",
}


@dataclass(frozen=True, eq=False)
class OptimismResult:
    """A score on the patients the model was made of, and what is left of it.

    Args:
        apparent: the model's score on its own patients.
        optimism: what is taken away from it.
        corrected: the score to expect in new patients of the same kind.
        ci_low, ci_high: location-shifted bootstrap interval of ``corrected``.
        level, method: of the interval and the correction.
        n: patients. n_resamples: how often everything was repeated; n_failed: how often that had
            no answer.
        draws: (n_resamples,) apparent scores of the repetitions, NaN where there was none.
    """

    apparent: float
    optimism: float
    corrected: float
    ci_low: float
    ci_high: float
    level: float
    method: str
    n: int
    n_resamples: int
    n_failed: int
    draws: np.ndarray

    @property
    def estimate(self) -> Estimate:
        """The corrected score as other metrics are given."""
        return Estimate(self.corrected, self.ci_low, self.ci_high, self.level, self.method, self.n)

    def to_json(self) -> dict[str, object]:
        """Plain values, without the draws."""
        return {
            "apparent": self.apparent,
            "optimism": self.optimism,
            "corrected": self.corrected,
            "ci_low": self.ci_low,
            "ci_high": self.ci_high,
            "level": self.level,
            "method": self.method,
            "n": self.n,
            "n_resamples": self.n_resamples,
            "n_failed": self.n_failed,
        }


def optimism_corrected(
    fit: Callable[[np.ndarray], Model],
    score: Callable[[Model, np.ndarray], float],
    n: int,
    *,
    correction: str = "harrell",
    n_resamples: int = 200,
    seed: int = 0,
    strata: ArrayLike | None = None,
    resamples: ArrayLike | None = None,
    no_information: float | None = None,
    level: float = 0.95,
    progress: Progress = silent,
) -> OptimismResult:
    """Correct a score for having been computed on the patients the model was fitted to.

    "harrell": in every resample, the score of its model on the resample minus that on all
    patients; the mean is the optimism (Harrell, Lee & Mark, Statistics in Medicine 1996, the
    algorithm of rms::validate). "632": 0.368 of the apparent score and 0.632 of the mean score
    on the patients a resample left out (Efron 1983). "632+": with more weight on the latter
    the more the model overfits (Efron & Tibshirani, JASA 1997).

    The interval takes the percentiles of the apparent scores of the resamples and shifts them by
    the correction (the location-shifted interval of Noma et al., Statistics in Medicine 2021). It
    says nothing for scores that are the same on every training sample, such as a calibration
    slope of 1.

    Args:
        fit: takes the (m,) indices of the patients to use (with repetition), returns a model.
        score: takes a model and the indices of patients, returns its score on them. Either may
            raise :class:`StatisticsError` where a resample cannot answer.
        n: patients.
        n_resamples: repetitions; a few hundred do for the value, the interval wants 1000.
        seed, strata: how patients are drawn, see
            :func:`~hccsurv_core.stats.resampling.resample_indices`.
        resamples: (n_resamples, n) indices to use instead of drawn ones.
        no_information: score of a model that knows nothing (0.5 for a C-index); for "632+".
        progress: told how far it is; may cancel.

    Raises:
        InputError: an unknown correction, or "632+" without ``no_information``.
        StatisticsError: the model has no score on its own patients, or more than a tenth of the
            resamples have no answer.
    """
    check_level(level)
    _check_correction(correction, no_information)
    rows = _rows(n, n_resamples, seed, strata, resamples)
    everyone = np.arange(n)
    apparent = float(score(fit(everyone), everyone))
    if not math.isfinite(apparent):
        raise StatisticsError("the model has no score on its own patients", source="optimism")
    left_out = correction != "harrell"
    own, other = _repeat(fit, score, rows, left_out, progress)
    own_mean = float(answered(own).mean())
    other_mean = float(answered(other).mean())
    if correction == "harrell":
        corrected = apparent - (own_mean - other_mean)
    else:
        corrected = _weighted(apparent, other_mean, no_information, correction)
    low, high = percentile_bounds(own, level)
    shift = corrected - apparent
    return OptimismResult(
        apparent,
        -shift,
        corrected,
        low + shift,
        high + shift,
        level,
        describe(f"{CORRECTIONS[correction]}, location-shifted", own, seed),
        n,
        len(rows),
        int((~np.isfinite(own)).sum()),
        own,
    )


def _check_correction(correction: str, no_information: float | None) -> None:
    if correction not in CORRECTIONS:
        raise InputError(
            f"unknown correction {correction!r}",
            source="correction",
            remedy=f"one of {', '.join(CORRECTIONS)}",
        )
    if correction == "632+" and no_information is None:
        raise InputError(
            "the .632+ correction needs the score of a model that knows nothing",
            source="no_information",
            remedy="give 0.5 for a C-index or an area under the curve",
        )


def _rows(
    n: int, n_resamples: int, seed: int, strata: ArrayLike | None, resamples: ArrayLike | None
) -> np.ndarray:
    if resamples is None:
        return resample_indices(n, n_resamples, seed, strata)
    rows = np.asarray(resamples)
    if rows.ndim != 2 or rows.shape[1] != n or rows.dtype.kind not in "iu":
        raise InputError(
            f"resamples must be indices of {n} patients a row, got shape {rows.shape}",
            source="resamples",
        )
    if rows.size == 0 or rows.min() < 0 or rows.max() >= n:
        raise InputError(f"an index is not one of 0 to {n - 1}", source="resamples")
    return rows


def _repeat(
    fit: Callable[[np.ndarray], Model],
    score: Callable[[Model, np.ndarray], float],
    rows: np.ndarray,
    left_out: bool,
    progress: Progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Scores of each resample's model on itself, and on all patients or those left out."""
    everyone = np.arange(rows.shape[1])
    own, other = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    for i, drawn in enumerate(rows):
        progress(i / len(rows), f"resample {i + 1} of {len(rows)}")
        try:
            model = fit(drawn)
            first = float(score(model, drawn))
            second = float(score(model, np.setdiff1d(everyone, drawn) if left_out else everyone))
        except StatisticsError:
            continue  # counted by `answered`, and told in the result
        if math.isfinite(first) and math.isfinite(second):
            own[i], other[i] = first, second
    progress(1.0, "done")
    return own, other


def _weighted(
    apparent: float, left_out: float, no_information: float | None, correction: str
) -> float:
    """The .632 and .632+ mixtures, whether a high or a low score is good."""
    if correction == "632" or no_information is None:
        return 0.368 * apparent + 0.632 * left_out
    better_if_high = apparent >= no_information
    bounded = max(left_out, no_information) if better_if_high else min(left_out, no_information)
    gain = apparent - no_information
    overfit = min(1.0, max(0.0, (apparent - bounded) / gain)) if gain else 0.0
    weight = 0.632 / (1.0 - 0.368 * overfit)
    return (1.0 - weight) * apparent + weight * bounded
