"""An ensemble of deep Cox networks: what it predicts, and how sure it is.

Each member learned from its own part of the training patients and was stopped on the rest. Their
mean log hazard, shrunk by a slope learned on patients they had not seen, multiplies one Breslow
baseline. How far the members' survival curves lie apart gives an interval: it says how much the
curve would move with other training patients and other random starts, not how long one patient
lives. Members that leave a fifth out differ less than ensembles of other patients would: by the
delete-d jackknife (Shao & Wu, Ann Stat 1989;17:1176-1197) their spread counts √(kept / left out)
times, which is 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.checks import normal_quantile
from hccsurv_core.models.breslow import survival_from_hazard
from hccsurv_core.models.coxph import Baseline
from hccsurv_core.models.network import Networks
from hccsurv_core.models.representation import Representation
from hccsurv_core.models.standardize import Standardizer


@dataclass(frozen=True, eq=False)
class SurvivalEnsemble:
    """A trained ensemble; predicting needs numpy only.

    Args:
        standardizer: of the features.
        representation: from scaled features to the networks' inputs.
        networks: K members.
        center: (K,) mean log hazard of each member over the training patients.
        slope: of the mean log hazard on patients the members had not seen; 1 is no shrinkage.
        baseline: cumulative hazard at a risk score of 0.
        member_hazard: (K, g) each member's own baseline at ``baseline.time_months``.
        spread_factor: how often the members' spread counts in an interval.
    """

    standardizer: Standardizer
    representation: Representation
    networks: Networks
    center: np.ndarray
    slope: float
    baseline: Baseline
    member_hazard: np.ndarray
    spread_factor: float = 1.0

    @property
    def n_members(self) -> int:
        """K."""
        return self.networks.n_members

    def member_scores(self, values: ArrayLike) -> np.ndarray:
        """(n, p) features, NaN where missing → (K, n) centered log hazards, before the slope.

        Raises:
            InputError: another number of features.
        """
        inputs = self.representation.apply(self.standardizer.apply(values))
        return self.networks.log_hazard(inputs) - self.center[:, None]

    def risk_score(self, values: ArrayLike) -> np.ndarray:
        """(n,) log hazard relative to the average training patient; higher is worse."""
        return self.slope * self.member_scores(values).mean(axis=0)

    def survival(self, risk_score: np.ndarray, eval_times: ArrayLike) -> np.ndarray:
        """(n, t) survival probability at ``eval_times``, months."""
        return survival_from_hazard(self.baseline.at(np.atleast_1d(eval_times)), risk_score)

    def survival_interval(
        self, member_scores: np.ndarray, eval_times: ArrayLike, *, level: float = 0.95
    ) -> tuple[np.ndarray, np.ndarray]:
        """Bounds of the survival curve from the members' disagreement.

        On the scale of log(−log S), where hazards are sums: the ensemble's curve ± z times
        ``spread_factor`` times the standard deviation between members.

        Args:
            member_scores: (K, n) from :meth:`member_scores`.
            eval_times: (t,) months.

        Returns:
            (n, t) lower and upper bounds.
        """
        times = np.atleast_1d(np.asarray(eval_times, dtype=np.float64))
        scores = self.slope * member_scores
        with np.errstate(divide="ignore"):
            members = np.log(self._member_hazard_at(times))[:, None, :] + scores[:, :, None]
            middle = np.log(self.baseline.at(times))[None, :] + scores.mean(axis=0)[:, None]
        known = np.isfinite(members).all(axis=0)
        spread = np.where(known, members, 0.0).std(axis=0, ddof=1 if self.n_members > 1 else 0)
        half = normal_quantile(level) * self.spread_factor * spread
        with np.errstate(over="ignore"):
            low, high = np.exp(-np.exp(middle + half)), np.exp(-np.exp(middle - half))
        return low, high

    def _member_hazard_at(self, times: np.ndarray) -> np.ndarray:
        """(K, t) each member's cumulative baseline hazard."""
        index = np.searchsorted(self.baseline.time_months, times, side="right")
        start = np.zeros((self.n_members, 1))
        return np.concatenate([start, self.member_hazard], axis=1)[:, index]

    def tensors(self) -> dict[str, np.ndarray]:
        """For a bundle: names are ``part.name``."""
        parts = {
            "standardizer": self.standardizer.tensors(),
            "representation": self.representation.tensors(),
            "networks": self.networks.tensors(),
            "ensemble": {
                "center": self.center,
                "slope": np.array([self.slope]),
                "spread_factor": np.array([self.spread_factor]),
                "baseline_time": self.baseline.time_months,
                "baseline_hazard": self.baseline.cumulative_hazard,
                "member_hazard": self.member_hazard,
            },
        }
        return {f"{part}.{k}": v for part, found in parts.items() for k, v in found.items()}

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, Mapping[str, np.ndarray]], architecture: Mapping
    ) -> SurvivalEnsemble:
        """Back from a bundle.

        Args:
            tensors: part → name → array.
            architecture: "features", "representation" and "activation", as written.
        """
        own = tensors["ensemble"]
        activation = architecture["activation"]
        return cls(
            Standardizer.from_tensors(architecture["features"], tensors["standardizer"]),
            Representation.from_tensors(
                architecture["representation"], tensors["representation"], "selu"
            ),
            Networks.from_tensors(tensors["networks"], activation),
            own["center"],
            float(own["slope"][0]),
            Baseline(own["baseline_time"], own["baseline_hazard"]),
            own["member_hazard"],
            float(own["spread_factor"][0]),
        )
