"""Shape and training of an autoencoder."""

from __future__ import annotations

from dataclasses import dataclass

from hccsurv_core.errors import InputError


@dataclass(frozen=True)
class AutoencoderSettings:
    """Shape and training of the autoencoder.

    Args:
        n_codes: width of the code; the paper's is 100.
        hidden: units of the layers between features and code, mirrored on the way back.
        noise: standard deviation added to the inputs, which have 1.
        weight_decay, learning_rate, batch_size, max_epochs, patience: as for the network.
        stop_share: patients whose reconstruction says when to stop.
    """

    n_codes: int = 100
    hidden: tuple[int, ...] = (256,)
    noise: float = 0.2
    weight_decay: float = 1e-3
    learning_rate: float = 2e-3
    batch_size: int = 64
    max_epochs: int = 150
    patience: int = 15
    stop_share: float = 0.15

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))
        if self.n_codes < 1 or any(units < 1 for units in self.hidden):
            raise InputError("a layer has at least 1 unit", source="autoencoder settings")
        if self.noise < 0 or not 0 <= self.stop_share < 1:
            raise InputError(
                "noise is not negative, and the share to stop on lies between 0 and 1",
                source="autoencoder settings",
            )
