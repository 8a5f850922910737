"""A ridge logistic model that knows how sure it is: a probability with its interval.

Predicting needs numpy only. How it is fitted is in
:mod:`~hccsurv_core.models.logistic_posterior_fit`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.checks import checked_level
from hccsurv_core.errors import InputError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.standardize import Standardizer
from hccsurv_core.models.tensor_parts import tensors_of

#: What a bundle calls this kind of model.
KIND = "ridge logistic"


@dataclass(frozen=True, eq=False)
class LogisticNotes:
    """How a model came about, for its card.

    Args:
        n, n_events: training patients and events.
        precision: (k,) candidates for the prior precision; weight: (k,) what each counts.
        method: how draws were made, in words.
        log_likelihood, log_likelihood_null: at the coefficients, and of the share alone.
    """

    n: int
    n_events: int
    precision: tuple[float, ...]
    weight: tuple[float, ...]
    method: str
    log_likelihood: float
    log_likelihood_null: float


@dataclass(frozen=True, eq=False)
class LogisticPosterior:
    """The model.

    Args:
        standardizer: scales of the training patients.
        intercept: log odds of a patient with mean features; coef: (q,) log odds ratios per
            standard deviation of the q columns that vary: the posterior means.
        intercept_draws: (R,) and coef_draws: (R, q), equally likely.
        notes: how it was fitted.
    """

    standardizer: Standardizer
    intercept: float
    coef: np.ndarray
    intercept_draws: np.ndarray
    coef_draws: np.ndarray
    notes: LogisticNotes

    @property
    def names(self) -> tuple[str, ...]:
        """(p,) features in the order that it takes them."""
        return self.standardizer.names

    @property
    def n_draws(self) -> int:
        """Equally likely versions."""
        return self.intercept_draws.size

    def linear_predictor(self, values: ArrayLike) -> np.ndarray:
        """(n, p) features, NaN where missing → (n,) log odds at the mean coefficients."""
        return self.intercept + self.standardizer.apply(values) @ self.coef

    def probability_draws(self, values: ArrayLike) -> np.ndarray:
        """(n, p) features → (R, n) probabilities by draw."""
        scaled = self.standardizer.apply(values)
        log_odds = self.intercept_draws[:, None] + self.coef_draws @ scaled.T
        return 0.5 * (1.0 + np.tanh(0.5 * log_odds))

    def probability(self, values: ArrayLike) -> np.ndarray:
        """(n,) probability of the event: the mean over the draws.

        Not that of the mean coefficients: what is unsure belongs nearer to the middle, and this is
        the share of events among patients like this if the prior holds.
        """
        return self.probability_draws(values).mean(axis=0)

    def interval(self, values: ArrayLike, *, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
        """(n,) lower and upper bounds of the probability.

        Averaged over patients they hold the true probability that often; they say nothing about
        causes that are not among the features.

        Raises:
            InputError: another number of features, or no level.
        """
        checked_level(level)
        draws = self.probability_draws(values)
        low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
        return low, high

    def score(self, table: FeatureTable) -> np.ndarray:
        """(n,) log odds for a table that holds at least these features.

        Raises:
            TableError: one is not there.
        """
        return self.linear_predictor(table.columns(self.names).values)

    def contributions(self, values: ArrayLike) -> np.ndarray:
        """(n, p) what each feature adds to the log odds against the mean patient."""
        parts = self.standardizer.apply(values) * self.coef
        found = np.zeros((len(parts), len(self.names)))
        np.add.at(found.T, self.standardizer.owner, parts.T)
        return found

    def tensors(self) -> dict[str, np.ndarray]:
        """Arrays for a bundle."""
        scales = {f"standardizer.{k}": v for k, v in self.standardizer.tensors().items()}
        return scales | {
            "intercept": np.array([self.intercept]),
            "coef": self.coef,
            "intercept_draws": self.intercept_draws,
            "coef_draws": self.coef_draws,
        }

    def describe(self) -> dict[str, Any]:
        """Plain values for a bundle and a card."""
        column_of = [self.names[i] for i in self.standardizer.owner]
        low, high = np.quantile(self.coef_draws, (0.025, 0.975), axis=0)
        return {
            "kind": KIND,
            "names": list(self.names),
            "n": self.notes.n,
            "n_events": self.notes.n_events,
            "precision": list(self.notes.precision),
            "weight": list(self.notes.weight),
            "method": self.notes.method,
            "log_likelihood": self.notes.log_likelihood,
            "log_likelihood_null": self.notes.log_likelihood_null,
            "features": self.standardizer.describe(),
            "coefficients": [
                {"name": name, "per_sd": float(c), "ci_low": float(a), "ci_high": float(b)}
                for name, c, a, b in zip(column_of, self.coef, low, high, strict=True)
            ],
        }

    @classmethod
    def from_parts(
        cls, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray]
    ) -> LogisticPosterior:
        """Back from :meth:`describe` and :meth:`tensors`.

        Raises:
            InputError: a part is missing, or shapes do not go together.
        """
        scales = tensors_of(tensors, "standardizer")
        try:
            found = cls(
                Standardizer.from_tensors(description["names"], scales),
                float(np.asarray(tensors["intercept"]).item()),
                tensors["coef"],
                tensors["intercept_draws"],
                tensors["coef_draws"],
                LogisticNotes(
                    n=int(description["n"]),
                    n_events=int(description["n_events"]),
                    precision=tuple(description["precision"]),
                    weight=tuple(description["weight"]),
                    method=str(description["method"]),
                    log_likelihood=float(description["log_likelihood"]),
                    log_likelihood_null=float(description["log_likelihood_null"]),
                ),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"lacks a part of a {KIND} model ({error})", source="model") from error
        q, r = found.standardizer.owner.size, found.n_draws
        if found.coef.shape != (q,) or found.coef_draws.shape != (r, q):
            raise InputError(f"parts of a {KIND} model do not go together", source="model")
        return found
