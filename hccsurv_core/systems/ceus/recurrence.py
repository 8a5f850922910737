"""When recurrence comes, with death before it competing: Fine-Gray on the scores of both models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError
from hccsurv_core.models.coxph import Baseline
from hccsurv_core.outcome import CompetingOutcome
from hccsurv_core.stats.fine_gray import FineGrayModel, fit_fine_gray

#: What it takes, in this order.
SCORES = ("log odds of early recurrence", "log hazard of death")
_N_DRAWS = 1000


@dataclass(frozen=True, eq=False)
class RecurrenceModel:
    """Cumulative incidence of recurrence from two scores.

    Args:
        coef: (2,) log subdistribution hazard ratios per unit of :data:`SCORES`.
        covariance: (2, 2) of them.
        means: (2,) scores of the patient that the baseline is of.
        baseline: cumulative subdistribution hazard.
        last_time_months: nothing is told beyond.
        told: n, n_events, n_competing and a row a covariate.
    """

    coef: np.ndarray
    covariance: np.ndarray
    means: np.ndarray
    baseline: Baseline
    last_time_months: float
    told: Mapping[str, Any]

    def incidence(self, scores: ArrayLike, eval_times: ArrayLike) -> np.ndarray:
        """(n, 2) scores → (n, t) probability of recurrence by each time, months.

        NaN beyond the last time anybody was followed.
        """
        return self._incidence(np.asarray(scores), self.coef, np.asarray(eval_times))

    def incidence_draws(
        self, score_draws: np.ndarray, eval_times: ArrayLike, seed: int = 0
    ) -> np.ndarray:
        """(R, n, 2) scores by draw → (R, n, t); the baseline counts as known."""
        rng = np.random.default_rng((seed, 3))
        root = np.linalg.cholesky(self.covariance)
        coefs = self.coef + rng.standard_normal((len(score_draws), self.coef.size)) @ root.T
        times = np.asarray(eval_times)
        return np.stack(
            [self._incidence(s, c, times) for s, c in zip(score_draws, coefs, strict=True)]
        )

    def _incidence(self, scores: np.ndarray, coef: np.ndarray, times: np.ndarray) -> np.ndarray:
        points = np.atleast_1d(times)
        hazard = np.where(points > self.last_time_months, np.nan, self.baseline.at(points))
        predictor = (np.atleast_2d(scores) - self.means) @ coef
        # In logarithms a hazard of 0 times an enormous risk is still 0.
        with np.errstate(divide="ignore", over="ignore"):
            return -np.expm1(-np.exp(predictor[:, None] + np.log(hazard)))

    def tensors(self) -> dict[str, np.ndarray]:
        """Arrays for a bundle."""
        return {
            "coef": self.coef,
            "covariance": self.covariance,
            "means": self.means,
            "baseline_time": self.baseline.time_months,
            "baseline_hazard": self.baseline.cumulative_hazard,
        }

    def describe(self) -> dict[str, Any]:
        """Plain values for a bundle."""
        return {"last_time_months": self.last_time_months, "fit": dict(self.told)}

    @classmethod
    def from_parts(
        cls, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray]
    ) -> RecurrenceModel:
        """Back from :meth:`describe` and :meth:`tensors`.

        Raises:
            InputError: a part is missing, or shapes do not go together.
        """
        try:
            found = cls(
                tensors["coef"],
                tensors["covariance"],
                tensors["means"],
                Baseline(tensors["baseline_time"], tensors["baseline_hazard"]),
                float(description["last_time_months"]),
                dict(description["fit"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"lacks a part ({error})", source="recurrence model") from error
        k = len(SCORES)
        if (found.coef.shape, found.covariance.shape, found.means.shape) != ((k,), (k, k), (k,)):
            raise InputError("parts do not go together", source="recurrence model")
        return found


def fit_recurrence(scores: np.ndarray, recurrence: CompetingOutcome) -> RecurrenceModel:
    """Fit it on scores by models that had not seen the patients.

    Args:
        scores: (n, 2) in the order of :data:`SCORES`.
        recurrence: cause 1 is recurrence.

    Raises:
        StatisticsError: nobody recurred, or the scores are all alike.
    """
    fit: FineGrayModel = fit_fine_gray(scores, recurrence, names=SCORES)
    return RecurrenceModel(
        fit.coef, fit.covariance, fit.means, fit.baseline, fit.last_time_months, fit.to_json()
    )  # fmt: skip
