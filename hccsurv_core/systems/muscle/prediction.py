"""What a trained model of system 1 says about patients: risk, survival with interval, warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import BundleError, InputError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.store import Bundle
from hccsurv_core.models.survival_ensemble import SurvivalEnsemble

SYSTEM = "muscle"


@dataclass(frozen=True, eq=False)
class MusclePrediction:
    """Predictions for n patients.

    Args:
        risk_score: (n,) log hazard relative to the average training patient; higher is worse.
        high_risk: (n,) above the median training risk.
        percentile: (n,) share of training patients with a lower risk, 0 to 100.
        eval_times: (t,) months.
        survival_probability, survival_low, survival_high: (n, t) with the 95 % interval of the
            model's own uncertainty.
        n_missing: (n,) features that were filled with the training median.
        n_outside: (n,) features outside the range of the training patients.
        warnings: (n,) sentences for each patient, empty where all is well.
    """

    risk_score: np.ndarray
    high_risk: np.ndarray
    percentile: np.ndarray
    eval_times: np.ndarray
    survival_probability: np.ndarray
    survival_low: np.ndarray
    survival_high: np.ndarray
    n_missing: np.ndarray
    n_outside: np.ndarray
    warnings: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, eq=False)
class MuscleModel:
    """A model ready to predict.

    Args:
        ensemble: the networks.
        horizons_months: at which it tells survival where nothing else is asked.
        cutoff: median training risk; above it a patient is at high risk.
        training_risk: risk scores of training patients by models that had not seen them, rising.
        most_outside: features at which 99 of 100 training patients lie outside the range of the
            other training patients, at most.
        description: the whole of ``model.json``.
    """

    ensemble: SurvivalEnsemble
    horizons_months: tuple[float, ...]
    cutoff: float
    training_risk: np.ndarray
    most_outside: int
    description: Mapping[str, Any]

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Features in the order that :meth:`predict` takes them."""
        return self.ensemble.standardizer.names

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> MuscleModel:
        """Back from a bundle.

        Raises:
            BundleError: it is of another system, or holds no such model.
        """
        bundle.require_system(SYSTEM)
        try:
            parts = {
                name: bundle.tensors_of(name)
                for name in ("standardizer", "representation", "networks", "ensemble", "training")
            }
            description = bundle.description
            return cls(
                SurvivalEnsemble.from_tensors(parts, description["architecture"]),
                tuple(description["horizons_months"]),
                float(description["cutoffs"]["median_risk"]),
                parts["training"]["risk"],
                int(description["out_of_distribution"]["most_outside"]),
                description,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(
                f"lacks a part of the model ({error})", source=str(bundle.folder),
                remedy="train it again with this version",
            ) from error  # fmt: skip

    def predict_table(
        self, table: FeatureTable, eval_times: ArrayLike | None = None
    ) -> MusclePrediction:
        """Predict the patients of a table; columns are found by name.

        Raises:
            TableError: a feature is missing.
        """
        return self.predict(table.values, table.names, eval_times)

    def predict(
        self,
        values: ArrayLike,
        names: Sequence[str],
        eval_times: ArrayLike | None = None,
        *,
        level: float = 0.95,
    ) -> MusclePrediction:
        """Predict n patients.

        Args:
            values: (n, p) features, NaN where missing.
            names: (p,) of the columns; those that the model does not take are passed over.
            eval_times: (t,) months; default the model's horizons.
            level: of the interval.

        Raises:
            TableError: a feature is missing. InputError: shapes do not fit.
        """
        matrix = np.asarray(values, dtype=np.float64)
        if matrix.ndim != 2 or matrix.shape[1] != len(names):
            raise InputError(
                f"{len(names)} names but values of shape {matrix.shape}", source="features"
            )
        ids = tuple(str(i) for i in range(len(matrix)))
        matrix = FeatureTable(ids, tuple(names), matrix).columns(self.feature_names).values
        times = np.atleast_1d(
            np.asarray(self.horizons_months if eval_times is None else eval_times, dtype=float)
        )
        members = self.ensemble.member_scores(matrix)
        risk = self.ensemble.slope * members.mean(axis=0)
        low, high = self.ensemble.survival_interval(members, times, level=level)
        n_missing = np.isnan(matrix).sum(axis=1)
        n_outside = self.ensemble.standardizer.outside(matrix).sum(axis=1)
        return MusclePrediction(
            risk_score=risk,
            high_risk=risk > self.cutoff,
            percentile=self._percentile(risk),
            eval_times=times,
            survival_probability=self.ensemble.survival(risk, times),
            survival_low=low,
            survival_high=high,
            n_missing=n_missing,
            n_outside=n_outside,
            warnings=tuple(
                self._warnings(int(m), int(o)) for m, o in zip(n_missing, n_outside, strict=True)
            ),
        )

    def _percentile(self, risk: np.ndarray) -> np.ndarray:
        below = np.searchsorted(self.training_risk, risk, side="left")
        upto = np.searchsorted(self.training_risk, risk, side="right")
        return 100.0 * (below + upto) / 2 / max(self.training_risk.size, 1)

    def _warnings(self, n_missing: int, n_outside: int) -> tuple[str, ...]:
        found = []
        if n_missing:
            found.append(
                f"{n_missing} of {len(self.feature_names)} features are missing and were filled "
                "with the training median"
            )
        if n_outside > self.most_outside:
            found.append(
                f"{n_outside} of {len(self.feature_names)} features lie outside the range of the "
                f"training patients (99 of 100 of those: at most {self.most_outside}); the "
                "prediction is an extrapolation"
            )
        return tuple(found)
