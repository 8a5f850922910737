"""What no covariate shows: how far one patient may lie from others like this one.

An interval of survival says how well the average of patients with the same covariates is known. One
patient's own chance differs from that average by whatever was not measured. How much cannot be
learned from one outcome a patient: on 15 simulated cohorts with a standard deviation of about 1 of the
unmeasured log hazard, the likelihood of a gamma frailty model was highest at none in every one.
So it is a declared assumption, not an estimate; without it the intervals are those of the average.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError
from hccsurv_core.systems.treatment.arm_table import ARMS, checked_arm_name

#: Log cumulative hazards between which the average over patients is tabulated.
_FROM, _TO, _STEPS = -25.0, 12.0, 1500
#: Points of the Gauss-Hermite rule.
_NODES = 41
#: Seed of the deviations: the same for every patient, so that an answer never depends on who else
#: was asked about.
_SEED = 20240229


@dataclass(frozen=True)
class UnexplainedSpread:
    """An assumption about unmeasured causes.

    Args:
        log_hazard_sd: standard deviation between patients with the same covariates, by arm.
        why: where the numbers are from, for the reader.

    Raises:
        InputError: a treatment is unknown or missing, or a number is negative.
    """

    log_hazard_sd: Mapping[str, float]
    why: str

    def __post_init__(self) -> None:
        for name in self.log_hazard_sd:
            checked_arm_name(name)
        for arm in ARMS:
            sd = self.log_hazard_sd.get(arm)
            if sd is None or not 0 <= sd < 10:
                raise InputError(
                    f"the unexplained spread of {arm} must be a number from 0 to 10, got {sd}",
                    source="unexplained spread",
                )

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {"log_hazard_sd": {a: float(self.log_hazard_sd[a]) for a in ARMS}, "why": self.why}

    def individual(self, arm: str, survival_draws: np.ndarray) -> np.ndarray:
        """From survival of the average patient to that of single ones.

        Args:
            survival_draws: (R, n, t) of the average of patients with the same covariates.

        Returns:
            (R, n, t): in draw r the patient lies off by the same log hazard at all times. Over
            patients each draw's average stays what it was. Deviations of the arms are
            independent, which makes differences no narrower than they are.
        """
        sd = float(self.log_hazard_sd[checked_arm_name(arm)])
        if sd == 0:
            return survival_draws
        rng = np.random.default_rng((_SEED, ARMS.index(arm)))
        deviation = _normal_scores(len(survival_draws), rng)[:, None, None]
        with np.errstate(divide="ignore"):
            average = np.log(-np.log(survival_draws))
        own = _own_log_hazard(average, sd)
        with np.errstate(over="ignore"):
            return np.exp(-np.exp(own + sd * deviation))


def unexplained_spread(
    true_log_hazard: Mapping[str, ArrayLike],
    risk_score: Mapping[str, ArrayLike],
    why: str,
    *,
    score_error: Mapping[str, float] | None = None,
) -> UnexplainedSpread:
    """From patients whose truth is known: what is left of it beside the model's risk score.

    Args:
        true_log_hazard: by arm, (n,) of simulated patients that the model has not seen.
        risk_score: by arm, (n,) of the same patients by that model.
        why: what these patients were.
        score_error: by arm, how far the score itself may be off
            (:meth:`~hccsurv_core.models.cox_posterior.CoxPosterior.score_error`):
            intervals of the average hold that already, so it must not count twice.

    Raises:
        InputError: an arm is missing, or lengths differ.
    """
    found = {}
    for arm in ARMS:
        if arm not in true_log_hazard or arm not in risk_score:
            raise InputError(f"there are no values of {arm}", source="unexplained spread")
        truth = np.asarray(true_log_hazard[arm], dtype=np.float64)
        score = np.asarray(risk_score[arm], dtype=np.float64)
        if truth.shape != score.shape or truth.ndim != 1 or truth.size < 3:
            raise InputError(
                f"{truth.size} true log hazards but {score.size} risk scores of {arm}",
                source="unexplained spread",
            )
        design = np.column_stack((np.ones(score.size), score))
        left = truth - design @ np.linalg.lstsq(design, truth, rcond=None)[0]
        error = 0.0 if score_error is None else float(score_error[arm])
        found[arm] = float(np.sqrt(max(left.var() - error**2, 0.0)))
    return UnexplainedSpread(found, why)


def _normal_scores(n: int, rng: np.random.Generator) -> np.ndarray:
    """(n,) evenly spread normal quantiles in random order: steadier than a random sample."""
    from scipy.special import ndtri

    return ndtri((rng.permutation(n) + 0.5) / n)


def _own_log_hazard(average: np.ndarray, sd: float) -> np.ndarray:
    """The middle patient's log cumulative hazard, from that at which survival is the average's."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    grid = np.linspace(_FROM, _TO, _STEPS)
    with np.errstate(over="ignore"):
        hazards = np.exp(grid[:, None] + sd * nodes)
    # 1 − survival, so that small hazards are not lost in rounding.
    lost = -np.expm1(-hazards) @ (weights / weights.sum())
    kept = np.exp(-hazards) @ (weights / weights.sum())
    with np.errstate(divide="ignore"):
        averages = np.log(np.where(lost < 0.5, -np.log1p(-lost), -np.log(kept)))
    usable = np.isfinite(averages)
    found = np.interp(average, averages[usable], grid[usable])
    # Below the table survival is 1 but for a hazard that averages simply.
    return np.where(average < averages[usable][0], average - sd**2 / 2, found)
