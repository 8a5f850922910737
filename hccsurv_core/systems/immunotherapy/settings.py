"""What can be chosen about a training of system 4."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from hccsurv_core.errors import InputError
from hccsurv_core.models.cox_settings import CoxSettings, cox_settings_from_json
from hccsurv_core.models.crnn.settings import CrnnSettings, crnn_settings_from_json
from hccsurv_core.settings_json import Parts, read_settings

_SOURCE = "training settings"


@dataclass(frozen=True)
class ImmunotherapySettings:
    """Settings of :func:`~hccsurv_core.systems.immunotherapy.training.train_immunotherapy`.

    Args:
        images: whether the scans are looked at where a cohort has them.
        signs: whether sizes, edges and changes are measured inside the outlines.
        network: the CNN and LSTM that look at the slices; None asks none. As it is, a CPU trains them
            in half an hour on 161 patients.
        cox: of the model of each version.
        horizons_months: at which survival is told, from each version's own scan.
        n_folds, n_rounds: of the cross-validation; patients of a center stay together.
    """

    images: bool = True
    signs: bool = True
    network: CrnnSettings | None = field(default_factory=CrnnSettings)
    cox: CoxSettings = field(default_factory=CoxSettings)
    horizons_months: tuple[float, ...] = (12.0, 24.0)
    n_folds: int = 5
    n_rounds: int = 4

    def __post_init__(self) -> None:
        horizons = tuple(float(h) for h in self.horizons_months)
        object.__setattr__(self, "horizons_months", horizons)
        if not horizons or min(horizons) <= 0 or list(horizons) != sorted(set(horizons)):
            raise InputError("horizons are positive, rising months", source=_SOURCE)
        if self.n_folds < 2 or self.n_rounds < 1:
            raise InputError("at least 2 folds and 1 round are needed", source=_SOURCE)
        if self.images and not self.signs and self.network is None:
            raise InputError(
                "images are looked at by signs, by a network, or by both", source=_SOURCE,
                remedy="choose one of them, or leave the images out",
            )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        return {k: v.to_json() if k in _PARTS and v is not None else v for k, v in found.items()}


def _network(found: Mapping[str, Any] | None) -> CrnnSettings | None:
    return None if found is None else crnn_settings_from_json(found)


#: How a part of the settings comes back from plain values.
_PARTS: Parts = {"network": _network, "cox": cox_settings_from_json}


def settings_from_json(found: Mapping[str, Any]) -> ImmunotherapySettings:
    """Back from a bundle, a file or a page.

    Raises:
        InputError: a name is unknown or a value cannot be used.
    """
    return read_settings(ImmunotherapySettings, found, _SOURCE, _PARTS)
