"""A ridge Cox model that knows how sure it is of its coefficients and its baseline.

Predicting needs numpy only. How it is fitted is in
:mod:`~hccsurv_core.models.cox_posterior_fit` (posterior) and
:mod:`~hccsurv_core.systems.treatment.cox_bootstrap`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError
from hccsurv_core.models.breslow import survival_from_hazard
from hccsurv_core.models.coxph import Baseline, CoxModel
from hccsurv_core.models.standardize import Standardizer
from hccsurv_core.models.tensor_parts import tensors_of

#: What a bundle calls this kind of model.
KIND = "ridge Cox"


@dataclass(frozen=True, eq=False)
class FitNotes:
    """How a model came about, for its card.

    Args:
        n, n_events: training patients and deaths; last_month: longest follow-up.
        precision: (k,) candidates for the prior precision; weight: (k,) what each counts.
        method: how draws were made, in words.
        log_likelihood, log_likelihood_null: partial, at the coefficients and at 0.
    """

    n: int
    n_events: int
    last_month: float
    precision: tuple[float, ...]
    weight: tuple[float, ...]
    method: str
    log_likelihood: float
    log_likelihood_null: float


@dataclass(frozen=True, eq=False)
class CoxPosterior:
    """The model.

    Args:
        standardizer: scales of the training patients.
        coef: (q,) log hazard ratios per standard deviation of the q covariates that vary.
        baseline: cumulative hazard of a patient with mean covariates.
        coef_draws: (R, q) equally likely coefficients.
        hazard_draws: (R, g) cumulative hazards that go with them, at ``baseline.time_months``.
        notes: how it was fitted.
    """

    standardizer: Standardizer
    coef: np.ndarray
    baseline: Baseline
    coef_draws: np.ndarray
    hazard_draws: np.ndarray
    notes: FitNotes

    @property
    def names(self) -> tuple[str, ...]:
        """(p,) covariates in the order that it takes them."""
        return self.standardizer.names

    @property
    def n(self) -> int:
        """Training patients."""
        return self.notes.n

    @property
    def n_events(self) -> int:
        """Of whom died."""
        return self.notes.n_events

    @property
    def n_draws(self) -> int:
        """Equally likely versions."""
        return len(self.coef_draws)

    @property
    def step_months(self) -> np.ndarray:
        """(g,) death times."""
        return self.baseline.time_months

    def risk_score(self, values: ArrayLike) -> np.ndarray:
        """(n, p) covariates, NaN where missing → (n,) log hazard against the mean patient."""
        return self.standardizer.apply(values) @ self.coef

    def score_error(self, values: ArrayLike) -> float:
        """How far the draws' risk scores of these patients lie about their mean.

        Root mean square over patients, of scores against the patients' average: what moves all
        of them alike is the baseline's.
        """
        score = self.coef_draws @ self.standardizer.apply(values).T
        own = score - score.mean(axis=1, keepdims=True)
        return float(np.sqrt(own.var(axis=0).mean()))

    def survival(self, values: ArrayLike, eval_times: ArrayLike) -> np.ndarray:
        """(n, t) survival probability at ``eval_times``, months."""
        hazard = self.baseline.at(np.atleast_1d(np.asarray(eval_times, dtype=float)))
        return survival_from_hazard(hazard, self.risk_score(values))

    def survival_draws(self, values: ArrayLike, eval_times: ArrayLike) -> np.ndarray:
        """(R, n, t) survival by draw."""
        times = np.atleast_1d(np.asarray(eval_times, dtype=float))
        index = np.searchsorted(self.step_months, times, side="right")
        start = np.zeros((self.n_draws, 1))
        hazard = np.concatenate([start, self.hazard_draws], axis=1)[:, index]
        score = self.coef_draws @ self.standardizer.apply(values).T
        # In logarithms a hazard of 0 times an enormous risk is still 0.
        with np.errstate(divide="ignore", over="ignore"):
            return np.exp(-np.exp(np.log(hazard)[:, None, :] + score[:, :, None]))

    def cox_model(self) -> CoxModel:
        """The same model in the covariates' own units, for a nomogram: equal to rounding.

        Covariates that are the same in every training patient are left out. Missing values must
        be filled, and values five standard deviations off are not reined in as here.
        """
        used = self.standardizer.used
        scale = self.standardizer.scale[used]
        spread = np.cov(self.coef_draws, rowvar=False).reshape(self.coef.size, self.coef.size)
        return CoxModel(
            names=tuple(name for name, u in zip(self.names, used, strict=True) if u),
            coef=self.coef / scale,
            covariance=spread / np.outer(scale, scale),
            log_likelihood=self.notes.log_likelihood,
            log_likelihood_null=self.notes.log_likelihood_null,
            score_test=float("nan"),
            baselines={0: self.baseline},
            n=self.n,
            n_events=self.n_events,
            ties="efron",
            robust=False,
            means=self.standardizer.mean[used],
        )

    def tensors(self) -> dict[str, np.ndarray]:
        """Arrays for a bundle."""
        scales = {f"standardizer.{k}": v for k, v in self.standardizer.tensors().items()}
        return scales | {
            "coef": self.coef,
            "baseline_time": self.baseline.time_months,
            "baseline_hazard": self.baseline.cumulative_hazard,
            "coef_draws": self.coef_draws,
            "hazard_draws": self.hazard_draws,
        }

    def describe(self) -> dict[str, Any]:
        """Plain values for a bundle and a card."""
        used = [name for name, u in zip(self.names, self.standardizer.used, strict=True) if u]
        low, high = np.quantile(self.coef_draws, (0.025, 0.975), axis=0)
        return {
            "kind": KIND,
            "names": list(self.names),
            "n": self.n,
            "n_events": self.n_events,
            "last_month": self.notes.last_month,
            "precision": list(self.notes.precision),
            "weight": list(self.notes.weight),
            "method": self.notes.method,
            "log_likelihood": self.notes.log_likelihood,
            "log_likelihood_null": self.notes.log_likelihood_null,
            "features": self.standardizer.describe(),
            "coefficients": [
                {"name": name, "per_sd": float(c), "ci_low": float(a), "ci_high": float(b)}
                for name, c, a, b in zip(used, self.coef, low, high, strict=True)
            ],
        }

    @classmethod
    def from_parts(
        cls, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray]
    ) -> CoxPosterior:
        """Back from :meth:`describe` and :meth:`tensors`.

        Raises:
            InputError: a part is missing, or shapes do not go together.
        """
        try:
            scales = tensors_of(tensors, "standardizer")
            found = cls(
                Standardizer.from_tensors(description["names"], scales),
                tensors["coef"],
                Baseline(tensors["baseline_time"], tensors["baseline_hazard"]),
                tensors["coef_draws"],
                tensors["hazard_draws"],
                FitNotes(
                    n=int(description["n"]),
                    n_events=int(description["n_events"]),
                    last_month=float(description["last_month"]),
                    precision=tuple(description["precision"]),
                    weight=tuple(description["weight"]),
                    method=str(description["method"]),
                    log_likelihood=float(description["log_likelihood"]),
                    log_likelihood_null=float(description["log_likelihood_null"]),
                ),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"lacks a part of a Cox model ({error})", source="model") from error
        found._check_shapes()
        return found

    def _check_shapes(self) -> None:
        q, g, r = self.coef.size, self.step_months.size, self.n_draws
        fits = (
            self.standardizer.used.sum() == q
            and self.baseline.cumulative_hazard.shape == (g,)
            and self.coef_draws.shape == (r, q)
            and self.hazard_draws.shape == (r, g)
        )
        if not fits:
            raise InputError("parts of a Cox model do not go together", source="model")
