"""How features are selected for survival with ultrasound: what the paper says, and what it leaves open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hccsurv_core.errors import InputError
from hccsurv_core.models.selection_chain_settings import SelectionSettings
from hccsurv_core.settings_json import read_settings

_SOURCE = "selection settings"


@dataclass(frozen=True)
class SurvivalChainSettings:
    """The chain for survival of Huang et al., World J Gastrointest Oncol 2022, and our readings.

    Args:
        concordance: a feature stays whose own C-index is above this; 0.58 in the paper. Low values
            may go with early deaths as well as high ones, so below 1 − 0.58 it stays, too: our
            reading.
        n_best: of those the ones furthest from 0.5; 50 in the paper.
        n_folds: of the L1 Cox model's cross-validation; ours. Fewer where there are fewer events.
        penalty: "min" or "1se", see
            :data:`~hccsurv_core.models.selection_chain_settings.PENALTY_RULES`; ours.
        n_penalties: tried, evenly spaced on a logarithmic scale.
        smallest_penalty: the last of them as a share of the first, at which nothing is selected.
        seed: of the folds.

    Raises:
        InputError: a value that cannot be.
    """

    concordance: float = 0.58
    n_best: int = 50
    n_folds: int = 10
    penalty: str = "min"
    n_penalties: int = 100
    smallest_penalty: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.5 <= self.concordance < 1:
            raise InputError(
                f"a C-index to be passed lies between 0.5 and 1, got {self.concordance:g}",
                source=_SOURCE,
            )
        if self.n_best < 1:
            raise InputError("one feature or more may stay", source=_SOURCE)
        _ = self.lasso

    @property
    def distance(self) -> float:
        """How far from 0.5 a feature's C-index must lie."""
        return self.concordance - 0.5

    @property
    def lasso(self) -> SelectionSettings:
        """Settings of the last step, which is that of the treatment paper's chain."""
        return SelectionSettings(
            n_folds=self.n_folds, penalty=self.penalty, n_penalties=self.n_penalties,
            smallest_penalty=self.smallest_penalty, seed=self.seed,
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dict(vars(self))


def survival_chain_settings_from_json(data: Mapping[str, Any]) -> SurvivalChainSettings:
    """What :meth:`SurvivalChainSettings.to_json` gave.

    Raises:
        InputError: it is not such a thing.
    """
    return read_settings(SurvivalChainSettings, data, _SOURCE)
