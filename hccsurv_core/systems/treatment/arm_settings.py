"""What can be chosen about the two arms' survival models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from hccsurv_core.errors import InputError
from hccsurv_core.models.prior_ridge import Prior, prior_from_json
from hccsurv_core.settings_json import read_settings

Penalty = Literal["averaged", "cross-validated"]
Uncertainty = Literal["posterior", "bootstrap"]
PENALTIES: tuple[Penalty, ...] = ("averaged", "cross-validated")
UNCERTAINTIES: tuple[Uncertainty, ...] = ("posterior", "bootstrap")
_SOURCE = "arm settings"


@dataclass(frozen=True)
class ArmSettings:
    """Settings of both arms' models.

    Args:
        horizons_months: at which survival is told.
        rmst_months: up to which months lived are counted; not before the last horizon.
        precisions: candidates for the prior precision of a coefficient of a standardized
            covariate (1 / its variance); the penalty of
            :func:`~hccsurv_core.models.ridge_cox.fit_ridge_cox` times the number of deaths.
        penalty: "averaged" weighs the candidates by their marginal likelihood in the arm;
            "cross-validated" takes the one with the highest cross-validated partial likelihood.
        n_folds: of that cross-validation.
        uncertainty: "posterior" (see :mod:`~hccsurv_core.models.cox_posterior_fit`)
            or "bootstrap": patients resampled within the arm, the whole fitting repeated. On 20
            simulated cohorts of 208 + 78 patients with 16 covariates
            (``benchmarks/treatment_arms.py``) nominal 95 % intervals of the survival difference
            at 12, 24 and 36 months covered the truth in 96, 95 and 94 % by the posterior and in
            95, 93 and 92 % by percentiles of the bootstrap, which takes a hundred times as long.
            Percentiles with the penalty held at its cross-validated choice covered 83 to 85 %.
        n_draws: models that stand for the uncertainty.
        min_events: deaths that an arm must have.
        prior: how much, and which way, covariates may matter; None treats all alike.
        widening: how many times as far as the posterior says its draws are spread (not the
            bootstrap's); None is 1, and with lesion signs
            :data:`~hccsurv_core.systems.treatment.image_prior.WIDENING`.
        borrow: how far an arm may follow the other arm's coefficients (see
            :mod:`~hccsurv_core.systems.treatment.borrowing`); 0 keeps the arms apart.
    """

    horizons_months: tuple[float, ...] = (12.0, 24.0, 36.0)
    rmst_months: float = 36.0
    precisions: tuple[float, ...] = tuple(float(x) for x in np.geomspace(0.5, 200.0, 14))
    penalty: Penalty = "averaged"
    n_folds: int = 5
    uncertainty: Uncertainty = "posterior"
    n_draws: int = 1000
    min_events: int = 10
    prior: Prior | None = None
    widening: float | None = None
    borrow: float = 2.0

    def __post_init__(self) -> None:
        for name in ("horizons_months", "precisions"):
            object.__setattr__(self, name, tuple(float(x) for x in getattr(self, name)))
        for what, value, known in (
            ("penalty", self.penalty, PENALTIES),
            ("uncertainty", self.uncertainty, UNCERTAINTIES),
        ):
            if value not in known:
                raise InputError(
                    f"no {what} is called {value!r}", source=_SOURCE,
                    remedy=f"use {' or '.join(known)}",
                )  # fmt: skip
        horizons = self.horizons_months
        if not horizons or min(horizons) <= 0 or list(horizons) != sorted(set(horizons)):
            raise InputError("horizons are positive, rising months", source=_SOURCE)
        if self.rmst_months < horizons[-1]:
            raise InputError(
                f"months lived are counted up to {self.rmst_months:g}, but survival is told at "
                f"{horizons[-1]:g} months",
                source=_SOURCE,
                remedy="count up to the last horizon or further",
            )
        if not self.precisions or min(self.precisions) <= 0:
            raise InputError("precisions are positive", source=_SOURCE)
        if not 0 <= self.borrow < np.inf:
            raise InputError("borrow is 0 or more", source=_SOURCE)
        if self.widening is not None and not 1 <= self.widening <= 10:
            raise InputError("widening lies from 1 to 10", source=_SOURCE)
        if self.n_draws < 2 or self.n_folds < 2 or self.min_events < 1:
            raise InputError(
                "at least 2 draws, 2 folds and 1 event are needed", source=_SOURCE
            )  # fmt: skip

    @property
    def last_month(self) -> float:
        """The latest month of which anything is told."""
        return self.rmst_months

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def settings_from_json(found: Mapping[str, Any]) -> ArmSettings:
    """Back from a bundle or a page.

    Raises:
        InputError: a name is unknown or a value cannot be used.
    """
    return read_settings(ArmSettings, found, _SOURCE, {"prior": prior_from_json})
