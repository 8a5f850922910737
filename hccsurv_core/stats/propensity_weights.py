"""Weights that make treated and untreated patients alike, from the chance of being treated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.stats.propensity import checked_arm

#: Target -> in whom the effect is then estimated.
TARGETS = {
    "ate": "everyone (inverse probability of treatment)",
    "att": "the treated",
    "atc": "the untreated",
    "overlap": "patients who could get either treatment (overlap weights, Li, Morgan & Zaslavsky 2018)",
}


@dataclass(frozen=True, eq=False)
class PropensityWeights:
    """Weights and what they cost.

    Args:
        weights: (n,) ≥ 0; 0 for trimmed patients.
        kept: (n,) False for trimmed patients.
        target: whom the weighted patients stand for, one of :data:`TARGETS`.
        n_truncated: patients whose weight was capped.
        effective_treated, effective_untreated: Kish's effective number of patients in each arm,
            (Σw)²/Σw².
        largest_share: the largest share that one patient has of the total weight of his arm.
    """

    weights: np.ndarray
    kept: np.ndarray
    target: str
    n_truncated: int
    effective_treated: float
    effective_untreated: float
    largest_share: float

    def to_json(self) -> dict[str, object]:
        """Plain values, without the weights."""
        return {
            "target": self.target,
            "stands_for": TARGETS[self.target],
            "n_kept": int(self.kept.sum()),
            "n_trimmed": int((~self.kept).sum()),
            "n_truncated": self.n_truncated,
            "effective_treated": self.effective_treated,
            "effective_untreated": self.effective_untreated,
            "largest_share": self.largest_share,
        }


def propensity_weights(
    score: ArrayLike,
    treated: ArrayLike,
    *,
    target: str = "ate",
    stabilized: bool = False,
    trim: tuple[float, float] | None = None,
    truncate: float | None = None,
) -> PropensityWeights:
    """Weights of every patient, with e the chance of treatment.

    "ate": 1/e for the treated, 1/(1−e) for others. "att": 1 and e/(1−e). "atc": (1−e)/e and 1.
    "overlap": 1−e and e (Journal of the American Statistical Association 2018): bounded, and
    with a maximum likelihood logistic model the covariates' means are exactly the same in both
    arms.

    Args:
        score: (n,) chance of treatment, above 0 and below 1.
        treated: (n,) True or 1 for the treated.
        stabilized: multiply "ate" weights by the share of the arm among those kept; the sum of
            weights is then about n.
        trim: scores outside (low, high) get weight 0, (0.1, 0.9) for Crump et al. 2009's rule
            of thumb. The model should then be fitted again on those kept.
        truncate: cap weights at this quantile of the weights of those kept, for example 0.99
            (Cole & Hernán 2008). Capping trades bias for variance.

    Raises:
        InputError: shapes differ, a score is not between 0 and 1, or an argument is unknown.
        StatisticsError: trimming leaves an arm empty.
    """
    arm = checked_arm(treated)
    e = checked_scores(score, arm.size)
    if target not in TARGETS:
        raise InputError(
            f"unknown target {target!r}", source="target", remedy=f"one of {', '.join(TARGETS)}"
        )
    if stabilized and target != "ate":
        raise InputError('only "ate" weights are stabilized', source="stabilized")
    kept = _kept(e, arm, trim)
    weights = np.where(kept, _raw_weights(e, arm, target), 0.0)
    if stabilized:
        share = float((arm & kept).sum() / kept.sum())
        weights = weights * np.where(arm, share, 1.0 - share)
    n_truncated = 0
    if truncate is not None:
        if not 0.5 <= truncate <= 1.0:
            raise InputError(f"a quantile of 0.5 to 1 is needed, got {truncate}", source="truncate")
        cap = float(np.quantile(weights[kept], truncate))
        n_truncated = int((weights > cap).sum())
        weights = np.minimum(weights, cap)
    shares = (weights[m].max() / weights[m].sum() for m in (arm, ~arm))
    return PropensityWeights(
        weights,
        kept,
        target,
        n_truncated,
        effective_size(weights[arm]),
        effective_size(weights[~arm]),
        float(max(shares)),
    )


def effective_size(weights: np.ndarray) -> float:
    """Kish's effective number of patients: (Σw)²/Σw²."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def checked_scores(score: ArrayLike, n: int) -> np.ndarray:
    """(n,) chances of treatment strictly between 0 and 1.

    Raises:
        InputError: they are not.
    """
    e = np.asarray(score, dtype=np.float64)
    if e.shape != (n,):
        raise InputError(f"{n} patients but scores of shape {e.shape}", source="score")
    if not ((e > 0.0) & (e < 1.0)).all():
        raise InputError(
            "a chance of treatment must be above 0 and below 1",
            source="score",
            remedy="patients who can only get one treatment do not belong in the comparison",
        )
    return e


def _kept(e: np.ndarray, arm: np.ndarray, trim: tuple[float, float] | None) -> np.ndarray:
    if trim is None:
        return np.ones(arm.size, dtype=bool)
    low, high = trim
    if not 0.0 <= low < high <= 1.0:
        raise InputError(f"trimming bounds {trim} are no interval in 0 to 1", source="trim")
    kept = (e >= low) & (e <= high)
    for members, name in ((arm & kept, "treated"), (~arm & kept, "untreated")):
        if not members.any():
            raise StatisticsError(
                f"no {name} patient has a score within {trim}",
                source="trim",
                remedy="widen the bounds; the arms hardly overlap",
            )
    return kept


def _raw_weights(e: np.ndarray, arm: np.ndarray, target: str) -> np.ndarray:
    if target == "ate":
        return np.where(arm, 1.0 / e, 1.0 / (1.0 - e))
    if target == "att":
        return np.where(arm, 1.0, e / (1.0 - e))
    if target == "atc":
        return np.where(arm, (1.0 - e) / e, 1.0)
    return np.where(arm, 1.0 - e, e)
