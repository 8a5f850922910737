"""What can be chosen about the networks of system 2."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hccsurv_core.errors import InputError
from hccsurv_core.imaging.lesion_crop_settings import CropSettings
from hccsurv_core.models.cnn.architectures import architecture
from hccsurv_core.systems.treatment.arm_table import ARMS

if TYPE_CHECKING:
    from hccsurv_core.systems.treatment.cnn_signature import ImageSettings

#: Prefix of the covariates: one score for each arm.
DEEP = "cnn."
DEEP_NAMES = tuple(DEEP + arm for arm in ARMS)
_SOURCE = "network settings"


@dataclass(frozen=True)
class DeepSettings:
    """How networks are trained.

    Args:
        networks: of :data:`~hccsurv_core.models.cnn.architectures.ARCHITECTURES`; the best out of fold is kept.
        weights: a local file with ImageNet weights for the first of them; None starts from scratch.
        max_epochs: passes over the patients.
        n_folds: of the scores that the arms learn from.
        slices: of each lesion.
    """

    networks: tuple[str, ...] = ("resnet50",)
    weights: str | None = None
    max_epochs: int = 40
    n_folds: int = 5
    slices: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "networks", tuple(self.networks))
        if not self.networks or len(set(self.networks)) != len(self.networks):
            raise InputError("networks are named once each", source=_SOURCE)
        for name in self.networks:
            architecture(name)
        if self.n_folds < 2:
            raise InputError("at least 2 folds are needed", source=_SOURCE)

    @property
    def crop(self) -> CropSettings:
        """How lesions are cropped."""
        return CropSettings(n_slices=self.slices)

    def of(self, name: str, horizon_months: float) -> ImageSettings:
        """Settings of one network."""
        from hccsurv_core.models.cnn.settings import CnnSettings
        from hccsurv_core.systems.treatment.cnn_signature import ImageSettings

        network = CnnSettings(architecture=name, max_epochs=self.max_epochs)
        return ImageSettings(self.crop, network, horizon_months=horizon_months)

    def to_json(self) -> dict[str, Any]:
        """Plain values; of the weights' file only its name."""
        weights = None if self.weights is None else Path(self.weights).name
        return asdict(self) | {"weights": weights}
