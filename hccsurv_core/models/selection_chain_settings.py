"""How features are selected: the thresholds of the paper's chain, and what it leaves open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hccsurv_core.errors import InputError
from hccsurv_core.settings_json import read_settings

PENALTY_RULES = {
    "min": "the penalty with the lowest cross-validated deviance",
    "1se": "the strongest penalty whose deviance is within one standard error of the lowest",
}
_SOURCE = "selection settings"


@dataclass(frozen=True)
class SelectionSettings:
    """Thresholds of Wei et al., Br J Hosp Med 2026, and our readings where the paper is silent.

    Args:
        correlation: of two features with |r| of this or more only one stays; 0.8 in the paper.
        p_value: a feature stays whose univariate Cox regression has p below this; 0.05.
        n_folds: of the LASSO's cross-validation; 10. Fewer where there are fewer events.
        penalty: "min" or "1se", see :data:`PENALTY_RULES`; the paper does not say which.
        n_penalties: tried, evenly spaced on a logarithmic scale.
        smallest_penalty: the last of them as a share of the first, at which nothing is selected.
        seed: of the folds.

    Raises:
        InputError: a value that cannot be.
    """

    correlation: float = 0.8
    p_value: float = 0.05
    n_folds: int = 10
    penalty: str = "min"
    n_penalties: int = 100
    smallest_penalty: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        if not (0 < self.correlation <= 1 and 0 < self.p_value <= 1):
            raise InputError(
                "correlation and p-value lie between 0 and 1, 1 included", source=_SOURCE
            )
        if self.n_folds < 3 or self.n_penalties < 2 or not 1e-4 <= self.smallest_penalty < 1:
            raise InputError(
                "there are 3 folds and 2 penalties or more; the smallest penalty is 0.0001 of the "
                "largest or more",
                source=_SOURCE,
            )
        if self.penalty not in PENALTY_RULES:
            raise InputError(
                f"no rule for the penalty is called {self.penalty!r}", source=_SOURCE,
                remedy=f"use {' or '.join(PENALTY_RULES)}",
            )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dict(vars(self))


def selection_settings_from_json(data: Mapping[str, Any]) -> SelectionSettings:
    """What :meth:`SelectionSettings.to_json` gave.

    Raises:
        InputError: it is not such a thing.
    """
    return read_settings(SelectionSettings, data, _SOURCE)
