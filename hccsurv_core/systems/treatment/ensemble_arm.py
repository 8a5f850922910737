"""An arm's model that is not linear: an ensemble of deep Cox networks behind the same protocol.

Its draws stand for the disagreement of the members, which were trained on different parts of the
patients. That is no posterior: its intervals have not been shown to keep their level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import StatisticsError
from hccsurv_core.models.breslow import survival_from_hazard
from hccsurv_core.models.coxph import fit_cox
from hccsurv_core.models.recipe import Recipe
from hccsurv_core.models.survival_ensemble import SurvivalEnsemble
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.progress import Progress
from hccsurv_core.systems.treatment.arm_model import ArmModel
from hccsurv_core.systems.treatment.arm_table import TreatmentTable
from hccsurv_core.systems.treatment.arms import FitArm

KIND = "deep Cox ensemble"
#: Survival is kept this far from 0 and 1 in the logarithms of draws.
_SMALLEST = 1e-12
_SEED = 20240301


@dataclass(frozen=True, eq=False)
class EnsembleArm:
    """One arm's ensemble.

    Args:
        ensemble: trained and calibrated on the arm's patients.
        outcome_size: (patients, deaths) it was trained on.
        n_draws: of :meth:`survival_draws`.
    """

    ensemble: SurvivalEnsemble
    outcome_size: tuple[int, int]
    n_draws: int

    @property
    def names(self) -> tuple[str, ...]:
        """(p,) covariates in the order that it takes them."""
        return self.ensemble.standardizer.names

    @property
    def n(self) -> int:
        """Training patients."""
        return self.outcome_size[0]

    @property
    def n_events(self) -> int:
        """Of whom died."""
        return self.outcome_size[1]

    @property
    def step_months(self) -> np.ndarray:
        """(g,) death times."""
        return self.ensemble.baseline.time_months

    def risk_score(self, values: ArrayLike) -> np.ndarray:
        """(n,) log hazard; higher is worse."""
        return self.ensemble.risk_score(values)

    def survival(self, values: ArrayLike, eval_times: ArrayLike) -> np.ndarray:
        """(n, t) survival probability."""
        return self.ensemble.survival(self.risk_score(values), eval_times)

    def survival_draws(self, values: ArrayLike, eval_times: ArrayLike) -> np.ndarray:
        """(R, n, t) survival by draw: normal on the scale of log(−log S), as the members vary.

        The members' covariance over patients and times is kept, times the ensemble's
        ``spread_factor`` squared.
        """
        times = np.atleast_1d(np.asarray(eval_times, dtype=float))
        scores = self.ensemble.slope * self.ensemble.member_scores(values)
        members = np.stack(
            [
                survival_from_hazard(hazard, score)
                for hazard, score in zip(self._member_hazards(times), scores, strict=True)
            ]
        )
        kept = np.clip(members, _SMALLEST, 1 - 1e-15)
        away = np.log(-np.log(kept))
        away = away - away.mean(axis=0)
        k = self.ensemble.n_members
        noise = np.random.default_rng(_SEED).standard_normal((self.n_draws, k))
        moved = np.tensordot(noise, away, axes=1) * self.ensemble.spread_factor / np.sqrt(k - 1)
        middle = np.clip(self.survival(values, times), _SMALLEST, 1 - 1e-15)
        hazard = np.exp(np.log(-np.log(middle)) + moved)
        # A cumulative hazard never falls, whatever was added to its logarithm.
        rising = np.argsort(times, kind="stable")
        hazard[:, :, rising] = np.maximum.accumulate(hazard[:, :, rising], axis=2)
        return np.where(times <= 0, 1.0, np.exp(-hazard))

    def tensors(self) -> dict[str, np.ndarray]:
        """Arrays for a bundle."""
        return self.ensemble.tensors()

    def describe(self) -> dict[str, Any]:
        """Plain values for a bundle."""
        return {
            "kind": KIND,
            "names": list(self.names),
            "n": self.n,
            "n_events": self.n_events,
            "n_members": self.ensemble.n_members,
            "method": "disagreement of the members, which is no posterior",
        }

    def _member_hazards(self, times: np.ndarray) -> np.ndarray:
        index = np.searchsorted(self.step_months, times, side="right")
        start = np.zeros((self.ensemble.n_members, 1))
        return np.concatenate([start, self.ensemble.member_hazard], axis=1)[:, index]


def deep_arms(
    recipe: Recipe, *, n_members: int = 20, n_draws: int = 500, device: str = "cpu"
) -> FitArm:
    """How to fit an arm by an ensemble of deep Cox networks, for ``fit_arms(fit_arm=…)``.

    Args:
        recipe: of the networks.
        n_members: of each arm's ensemble.
        n_draws: that stand for its uncertainty.
        device: "cpu" or "cuda".
    """

    def fit(part: TreatmentTable, arm: str, seed: int, progress: Progress) -> ArmModel:
        from hccsurv_core.models.ensemble_training import fit_ensemble

        outcome = part.outcome
        fitted = fit_ensemble(
            part.values, part.names, outcome, recipe, n_members=n_members, seed=seed,
            device=device, progress=progress,
        )  # fmt: skip
        slope = _slope(fitted.left_out_score, outcome)
        ensemble = fitted.calibrated(slope, fitted.left_out_score, outcome)
        return EnsembleArm(ensemble, (len(outcome), outcome.n_events), n_draws)

    return fit


def _slope(score: np.ndarray, outcome: SurvivalOutcome) -> float:
    """How far to trust log hazards of patients the members had not seen: 0 to 1."""
    try:
        model = fit_cox(score[:, None], outcome, names=["score"])
    except StatisticsError:
        return 0.0  # every member says the same of everybody
    return float(np.clip(model.coef[0], 0.0, 1.0))
