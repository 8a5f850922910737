"""How features are selected for a yes-or-no outcome: what the paper says, and what it leaves open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hccsurv_core.errors import InputError
from hccsurv_core.models.mrmr import SCHEMES
from hccsurv_core.models.selection_chain_settings import PENALTY_RULES
from hccsurv_core.settings_json import read_settings

_SOURCE = "selection settings"


@dataclass(frozen=True)
class BinaryChainSettings:
    """The chain for early recurrence of Huang et al., World J Gastrointest Oncol 2022, and our readings.

    Args:
        p_value: a feature stays whose univariate logistic regression has p below this; 0.05.
        n_features: how many mRMR takes; 8 in the paper.
        scheme: of mRMR, see :data:`~hccsurv_core.models.mrmr.SCHEMES`. Which one the paper used
            is not known to us.
        n_folds: of the L1 model's cross-validation; ours. Fewer where there are fewer of a kind.
        penalty: "min" or "1se", see
            :data:`~hccsurv_core.models.selection_chain_settings.PENALTY_RULES`; ours.
        n_penalties: tried, evenly spaced on a logarithmic scale.
        smallest_penalty: the last of them as a share of the first, at which nothing is selected.
            Lower than for the Cox chain: eight features need little penalty.
        seed: of the folds.

    Raises:
        InputError: a value that cannot be.
    """

    p_value: float = 0.05
    n_features: int = 8
    scheme: str = "FCQ"
    n_folds: int = 10
    penalty: str = "min"
    n_penalties: int = 60
    smallest_penalty: float = 0.005
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.p_value <= 1:
            raise InputError("a p-value lies between 0 and 1, 1 included", source=_SOURCE)
        if self.n_features < 1:
            raise InputError("mRMR takes one feature or more", source=_SOURCE)
        if self.n_folds < 3 or self.n_penalties < 2 or not 1e-4 <= self.smallest_penalty < 1:
            raise InputError(
                "there are 3 folds and 2 penalties or more; the smallest penalty is 0.0001 of the "
                "largest or more",
                source=_SOURCE,
            )
        for what, value, known in (
            ("mRMR scheme", self.scheme, SCHEMES),
            ("rule for the penalty", self.penalty, PENALTY_RULES),
        ):
            if value not in known:
                raise InputError(
                    f"no {what} is called {value!r}", source=_SOURCE,
                    remedy=f"use {' or '.join(known)}",
                )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dict(vars(self))


def binary_chain_settings_from_json(data: Mapping[str, Any]) -> BinaryChainSettings:
    """What :meth:`BinaryChainSettings.to_json` gave.

    Raises:
        InputError: it is not such a thing.
    """
    return read_settings(BinaryChainSettings, data, _SOURCE)
