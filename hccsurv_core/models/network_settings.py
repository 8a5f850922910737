"""Shape and training of deep Cox networks."""

from __future__ import annotations

from dataclasses import dataclass

from hccsurv_core.errors import InputError
from hccsurv_core.models.network import ACTIVATIONS
from hccsurv_core.models.risk_sets import TIES

_SOURCE = "network settings"


@dataclass(frozen=True)
class NetworkSettings:
    """Shape and training of a deep Cox network.

    Args:
        hidden: units of each hidden layer; none is a linear Cox model.
        activation: "selu", "relu" or "tanh".
        dropout: share of hidden units left out at each step.
        weight_decay: decoupled (AdamW).
        learning_rate: at the start; it falls to a hundredth along a cosine.
        batch_size: patients per step, at most: so many fewer that an epoch has five steps, but not
            fewer than 32; 0 takes all at once.
        max_epochs: passes over the patients.
        patience: epochs without a better validation loss after which a network is done.
        ties: "efron" or "breslow".
        at_risk_power: an event counts by this power of the share of patients still at risk; 0
            is Cox's partial likelihood, 1 what Harrell's C rewards where hazards are not
            proportional.
    """

    hidden: tuple[int, ...] = (64,)
    activation: str = "relu"
    dropout: float = 0.4
    weight_decay: float = 1.0
    learning_rate: float = 5e-3
    batch_size: int = 256
    max_epochs: int = 60
    patience: int = 12
    ties: str = "efron"
    at_risk_power: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))
        if self.activation not in ACTIVATIONS:
            raise InputError(
                f"no activation is called {self.activation!r}", source=_SOURCE,
                remedy=f"use one of {', '.join(ACTIVATIONS)}",
            )  # fmt: skip
        if not 0 <= self.at_risk_power <= 4:
            raise InputError("the power of the share at risk lies from 0 to 4", source=_SOURCE)
        if not 0 <= self.dropout < 1 or self.weight_decay < 0 or self.learning_rate <= 0:
            raise InputError(
                "dropout lies between 0 and 1, weight decay and learning rate are positive",
                source=_SOURCE,
            )
        if self.max_epochs < 1 or self.patience < 1 or self.batch_size < 0:
            raise InputError("epochs and patience are at least 1", source=_SOURCE)
        if self.ties not in TIES:
            raise InputError(
                f"ties are handled by {' or '.join(TIES)}, not {self.ties!r}",
                source=_SOURCE,
            )
        if any(units < 1 for units in self.hidden):
            raise InputError("a layer has at least 1 unit", source=_SOURCE)
