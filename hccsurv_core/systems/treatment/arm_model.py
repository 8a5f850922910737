"""What the comparison asks of an arm's model; whatever answers it can stand in an arm.

A model that is uncertain says so by *draws*: equally likely versions of itself. The arms are fitted
on different patients, so draw r of one arm may be set beside draw r of the other.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike


class ArmModel(Protocol):
    """Survival of patients who are given one treatment."""

    @property
    def names(self) -> tuple[str, ...]:
        """(p,) covariates in the order that it takes them."""

    @property
    def n(self) -> int:
        """Training patients."""

    @property
    def n_events(self) -> int:
        """Of whom died."""

    @property
    def n_draws(self) -> int:
        """Equally likely versions."""

    @property
    def step_months(self) -> np.ndarray:
        """(g,) rising months at which curves may step; between them they are flat."""

    def survival(self, values: ArrayLike, eval_times: ArrayLike) -> np.ndarray:
        """(n, p) covariates, NaN where missing → (n, t) survival probability."""

    def survival_draws(self, values: ArrayLike, eval_times: ArrayLike) -> np.ndarray:
        """(n, p) covariates, NaN where missing → (R, n, t) survival by draw."""

    def risk_score(self, values: ArrayLike) -> np.ndarray:
        """(n,) log hazard; higher is worse."""

    def tensors(self) -> dict[str, np.ndarray]:
        """Arrays for a bundle."""

    def describe(self) -> dict[str, Any]:
        """Plain values for a bundle."""


def restricted_mean_grid(
    step_months: np.ndarray, tau_months: float
) -> tuple[np.ndarray, np.ndarray]:
    """Where a step function must be known for its area up to ``tau_months``, and each width.

    Returns:
        (k,) months beginning with 0, (k,) lengths that sum to ``tau_months``: the area is the
        sum of curve · length, exactly.
    """
    inside = step_months[(step_months > 0) & (step_months < tau_months)]
    begin = np.concatenate([[0.0], inside])
    return begin, np.diff(np.concatenate([begin, [tau_months]]))
