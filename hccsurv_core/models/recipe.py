"""A recipe: everything about a survival model but its patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hccsurv_core.errors import InputError
from hccsurv_core.models.autoencoder_settings import AutoencoderSettings
from hccsurv_core.models.network_settings import NetworkSettings
from hccsurv_core.models.prior_ridge import Prior
from hccsurv_core.models.representation import KINDS
from hccsurv_core.models.standardize import SCALINGS

HEADS = ("deep", "linear")
CODE_SCALES = ("natural", "unit")


@dataclass(frozen=True)
class Recipe:
    """Everything about a model but its patients.

    Args:
        name: short, for reports ("deep 32").
        scaling: "z-score", "normal-score" or "piecewise".
        bypass_scaling: of the features in ``bypass``.
        representation: "none", "pca" or "autoencoder", of all features but ``bypass``.
        n_codes: width of the representation.
        code_scale: "natural" leaves codes their spread relative to the widest, so that what hardly
            varies between patients hardly matters; "unit" gives each a spread of 1.
        head: "deep" (networks) or "linear" (ridge Cox regression of the same inputs).
        penalty: of the ridge; also of the linear term that deep networks begin with, where
            ``linear_start`` is set.
        linear_start: deep networks stand beside a ridge Cox model and learn what it misses.
        network: shape and training of the networks.
        autoencoder: its shape and training.
        joint: each network goes on training the encoder, together with the hazard; else the
            autoencoder is trained first and stays as it is.
        reconstruction: weight of the autoencoder's error in joint training.
        bypass: features that are not encoded.
        prior: how much, and which way, features may matter in the linear term; None treats all alike.
            Codes move as far as its ``free_scale`` says, times the root of their spread.
    """

    name: str = "deep"
    scaling: str = "piecewise"
    bypass_scaling: str = "piecewise"
    representation: str = "none"
    n_codes: int = 100
    code_scale: str = "natural"
    head: str = "deep"
    penalty: float = 0.05
    linear_start: bool = False
    network: NetworkSettings = field(default_factory=NetworkSettings)
    autoencoder: AutoencoderSettings = field(default_factory=AutoencoderSettings)
    joint: bool = False
    reconstruction: float = 1.0
    bypass: tuple[str, ...] = ()
    prior: Prior | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "bypass", tuple(self.bypass))
        for what, value, known in (
            ("scaling", self.scaling, SCALINGS),
            ("scaling", self.bypass_scaling, SCALINGS),
            ("representation", self.representation, KINDS),
            ("code scale", self.code_scale, CODE_SCALES),
            ("head", self.head, HEADS),
        ):
            if value not in known:
                raise InputError(
                    f"no {what} is called {value!r}", source="recipe",
                    remedy=f"use one of {', '.join(known)}",
                )  # fmt: skip
        if self.joint and (self.representation != "autoencoder" or self.head != "deep"):
            raise InputError(
                "only an autoencoder and a deep head can be trained jointly", source="recipe"
            )
        if not self.penalty > 0 or self.reconstruction < 0 or self.n_codes < 1:
            raise InputError(
                "penalty and codes are positive, the weight of reconstruction is not negative",
                source="recipe",
            )

    def scalings(self, names: Sequence[str]) -> tuple[str, ...]:
        """Of each feature."""
        passing = set(self.bypass)
        return tuple(self.bypass_scaling if name in passing else self.scaling for name in names)
