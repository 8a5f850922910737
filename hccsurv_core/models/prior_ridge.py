"""Ridge Cox regression that knows beforehand how much, and which way, features may matter.

An ordinary ridge pulls every coefficient to zero alike. Where some hundred events must carry a
dozen known risk factors, that wastes what is known: that all of them make things worse, and that
they belong together. Here coefficients are drawn to a common value per group instead of to zero::

    coef_j = scale_j · own_j + Σ_groups spread_g · direction_jg · shared_g

with ``own`` and ``shared`` under one ridge penalty. This is a normal prior with covariance
diag(scale²) + Σ spread² · direction · directionᵀ: features of a group may differ, but it costs less
to move them together (the improper linear models of Dawes, Am Psychol 1979;34:571-582, as where
shrinkage leads to). With ``scale`` 1 and no groups it is the ordinary ridge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError
from hccsurv_core.models.ridge_cox import fit_ridge_cox
from hccsurv_core.outcome import SurvivalOutcome


@dataclass(frozen=True)
class PriorGroup:
    """Features that are expected to act alike.

    Args:
        features: name → +1 where more is worse, −1 where less is.
        spread: how far the shared part may move, in the unit of ``own_scale``: of the
            features' mean, which has unit variance only where they say the same.
    """

    features: Mapping[str, float]
    spread: float = 1.0


@dataclass(frozen=True)
class Prior:
    """What is known of the coefficients of standardized features before any outcome is seen.

    Args:
        groups: features that act alike.
        own_scale: how far a feature of a group may leave what is shared.
        free_scale: how far a feature of no group may move; 0 leaves it out.
        own_scales: of single features, by name, where they differ from both.
    """

    groups: tuple[PriorGroup, ...] = ()
    own_scale: float = 0.3
    free_scale: float = 1.0
    own_scales: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", tuple(self.groups))
        scales = [self.own_scale, self.free_scale, *self.own_scales.values()]
        if min(scales) < 0 or any(group.spread < 0 for group in self.groups):
            raise InputError("scales of a prior are not negative", source="prior")

    def matrix(
        self, names: Sequence[str], more_scales: Mapping[str, float] | None = None
    ) -> np.ndarray:
        """(p, q) M with coef = M · (own, shared): M · Mᵀ is the prior's covariance.

        Groups of which no feature is among ``names`` are passed over.

        Args:
            names: (p,) features.
            more_scales: of single features, besides ``own_scales``.
        """
        scales = {**(more_scales or {}), **self.own_scales}
        at = {name: i for i, name in enumerate(names)}
        grouped = {name for group in self.groups for name in group.features}
        own = np.array(
            [
                scales.get(name, self.own_scale if name in grouped else self.free_scale)
                for name in names
            ]
        )
        columns = []
        for group in self.groups:
            present = [name for name in group.features if name in at]
            if not present:
                continue
            column = np.zeros(len(names))
            for name in present:
                column[at[name]] = group.spread * group.features[name] / np.sqrt(len(present))
            columns.append(column)
        return np.column_stack([np.diag(own)[:, own > 0], *columns])


def prior_from_json(found: Mapping[str, Any]) -> Prior:
    """Back from plain values.

    Raises:
        TypeError: they are of no prior.
    """
    groups = tuple(PriorGroup(**group) for group in found.get("groups", ()))
    return Prior(**{**found, "groups": groups})


def fit_prior_ridge(
    x: ArrayLike,
    outcome: SurvivalOutcome,
    prior: np.ndarray,
    penalty: float,
    *,
    ties: str = "efron",
) -> np.ndarray:
    """Coefficients under a prior.

    Args:
        x: (n, p) finite, standardized.
        outcome: of the same patients.
        prior: (p, q) from :meth:`Prior.matrix`.
        penalty: of own and shared parts, see :func:`~hccsurv_core.models.ridge_cox.fit_ridge_cox`.
        ties: "efron" or "breslow".

    Returns:
        (p,) log hazard ratios per unit.

    Raises:
        InputError: shapes differ, a value is missing, or the penalty is not positive.
        StatisticsError: there are no events.
    """
    matrix = np.asarray(x, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[1] != len(prior):
        raise InputError(
            f"a prior of {len(prior)} features does not fit values of shape {matrix.shape}",
            source="prior",
        )
    return prior @ fit_ridge_cox(matrix @ prior, outcome, penalty, ties=ties)
