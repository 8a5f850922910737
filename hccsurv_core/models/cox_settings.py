"""What can be chosen about one ridge Cox model with its posterior."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hccsurv_core.errors import InputError
from hccsurv_core.models.prior_ridge import Prior, prior_from_json
from hccsurv_core.settings_json import read_settings

PENALTIES = ("averaged", "cross-validated")
_SOURCE = "ridge Cox settings"


@dataclass(frozen=True)
class CoxSettings:
    """Settings of :func:`~hccsurv_core.models.cox_posterior_fit.fit_posterior`.

    Args:
        precisions: candidates for the prior precision of a coefficient of a standardized covariate
            (1 / its variance), all equally likely before the data.
        penalty: "averaged" weighs the candidates by their marginal likelihood; "cross-validated"
            takes the one with the highest cross-validated partial likelihood.
        n_folds: of that cross-validation.
        n_draws: models that stand for the uncertainty.
        min_events: that the training patients must have.
        prior: how much, and which way, covariates may matter; None treats all alike.
    """

    precisions: tuple[float, ...] = tuple(float(x) for x in np.geomspace(0.5, 500.0, 16))
    penalty: str = "averaged"
    n_folds: int = 5
    n_draws: int = 1000
    min_events: int = 10
    prior: Prior | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "precisions", tuple(float(x) for x in self.precisions))
        if not self.precisions or not min(self.precisions) > 0:
            raise InputError("precisions are positive", source=_SOURCE)
        if self.penalty not in PENALTIES:
            raise InputError(
                f"no penalty is called {self.penalty!r}", source=_SOURCE,
                remedy=f"use {' or '.join(PENALTIES)}",
            )  # fmt: skip
        if self.n_draws < 2 or self.n_folds < 2 or self.min_events < 1:
            raise InputError("at least 2 draws, 2 folds and 1 event are needed", source=_SOURCE)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def cox_settings_from_json(found: Mapping[str, Any]) -> CoxSettings:
    """Back from a bundle or a page.

    Raises:
        InputError: a name is unknown or a value cannot be used.
    """
    return read_settings(CoxSettings, found, _SOURCE, {"prior": prior_from_json})
