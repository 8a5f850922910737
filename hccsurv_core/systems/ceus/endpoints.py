"""Three models of one patient: early recurrence, death, and when recurrence comes.

Early recurrence is a logistic model and death a Cox model, both with ridge priors whose width the
data weigh. Recurrence over time, with death before it competing, is a Fine-Gray model of the two
models' own scores: a model of thirty covariates would be more than the recurrences carry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import BundleError, InputError, StatisticsError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.cox_posterior import CoxPosterior
from hccsurv_core.models.cox_posterior_fit import fit_posterior
from hccsurv_core.models.cox_settings import CoxSettings
from hccsurv_core.models.logistic_posterior import LogisticPosterior
from hccsurv_core.models.logistic_posterior_fit import LogisticSettings, fit_logistic_posterior
from hccsurv_core.models.standardize import fit_standardizer
from hccsurv_core.models.tensor_parts import tensors_of
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.systems.ceus.image_prior import image_prior
from hccsurv_core.systems.ceus.recurrence import RecurrenceModel
from hccsurv_core.systems.ceus.settings import CeusSettings

_AGAIN = "train it again with this version"


@dataclass(frozen=True, eq=False)
class EndpointModels:
    """Of one version.

    Args:
        early: probability of early recurrence. death: survival. recurrence: its cumulative incidence.
    """

    early: LogisticPosterior
    death: CoxPosterior
    recurrence: RecurrenceModel

    @property
    def names(self) -> tuple[str, ...]:
        """(p,) covariates in the order that values are taken."""
        return self.death.names

    def scores(self, values: ArrayLike) -> np.ndarray:
        """(n, p) covariates, NaN where missing → (n, 2) log odds of early recurrence, log hazard of death."""
        return np.column_stack([self.early.linear_predictor(values), self.death.risk_score(values)])

    def score_draws(self, values: ArrayLike) -> np.ndarray:
        """(R, n, 2) the same by draw."""
        early = self.early.coef_draws @ self.early.standardizer.apply(values).T
        early = early + self.early.intercept_draws[:, None]
        death = self.death.coef_draws @ self.death.standardizer.apply(values).T
        n = min(len(early), len(death))
        return np.stack([early[:n], death[:n]], axis=2)

    def tensors(self) -> dict[str, np.ndarray]:
        """Arrays for a bundle."""
        parts = {
            "early": self.early.tensors(),
            "death": self.death.tensors(),
            "recurrence": self.recurrence.tensors(),
        }
        return {f"{part}.{k}": v for part, found in parts.items() for k, v in found.items()}

    def describe(self) -> dict[str, Any]:
        """Plain values for a bundle."""
        return {
            "early": self.early.describe(),
            "death": self.death.describe(),
            "recurrence": self.recurrence.describe(),
        }

    @classmethod
    def from_parts(
        cls, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray]
    ) -> EndpointModels:
        """Back from :meth:`describe` and :meth:`tensors`.

        Raises:
            BundleError: a part is missing.
        """
        try:
            return cls(
                LogisticPosterior.from_parts(description["early"], tensors_of(tensors, "early")),
                CoxPosterior.from_parts(description["death"], tensors_of(tensors, "death")),
                RecurrenceModel.from_parts(
                    description["recurrence"], tensors_of(tensors, "recurrence")
                ),
            )
        except (KeyError, TypeError, InputError) as error:
            raise BundleError(
                f"lacks a part of its models ({error})", source="endpoints", remedy=_AGAIN
            ) from error


def fit_early(
    table: FeatureTable, early: np.ndarray, settings: CeusSettings, seed: int
) -> LogisticPosterior:
    """The model of early recurrence, on the patients of whom it is known.

    Args:
        table: n training patients.
        early: (n,) 1, 0, or NaN where it is not known.

    Raises:
        StatisticsError: too few patients of either kind.
    """
    known = np.isfinite(early)
    return fit_logistic_posterior(
        table.subset(known), early[known], with_prior_early(settings.early, table), seed=seed
    )


def fit_death(
    table: FeatureTable, outcome: SurvivalOutcome, settings: CeusSettings, seed: int
) -> CoxPosterior:
    """The model of death.

    Raises:
        StatisticsError: too few deaths.
    """
    chosen = with_prior_death(settings.death, table)
    if outcome.n_events < chosen.min_events:
        raise StatisticsError(
            f"{outcome.n_events} of {len(outcome)} patients died, {chosen.min_events} deaths are "
            "needed",
            source=table.source, remedy="wait for longer follow-up, or add patients",
        )  # fmt: skip
    scales = fit_standardizer(table.values, table.names)
    return fit_posterior(scales, table.values, outcome, chosen, seed)


def with_prior_early(settings: LogisticSettings, table: FeatureTable) -> LogisticSettings:
    """With what is believed of what pictures show, unless the settings say it themselves."""
    return settings if settings.prior else replace(settings, prior=image_prior(table.names))


def with_prior_death(settings: CoxSettings, table: FeatureTable) -> CoxSettings:
    """As :func:`with_prior_early`."""
    return settings if settings.prior else replace(settings, prior=image_prior(table.names))
