"""Crops with what became of the patients: what a network learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError
from hccsurv_core.imaging.lesion_crops import LesionCrops


@dataclass(frozen=True, eq=False)
class CnnSamples:
    """Crops of n patients and whether they were alive at a horizon.

    Args:
        images: (n, slices, channels, P, P) float32.
        alive: (n,) alive beyond the horizon; not looked at where the weight is 0.
        weight: (n,) how much a patient counts; 0 where follow-up ended before the horizon, so that
            it is not known. Inverse-probability-of-censoring weights let those who are known stand
            for them; equal weights leave them out.

    Raises:
        InputError: shapes do not fit, or a value is missing.
    """

    images: np.ndarray
    alive: np.ndarray
    weight: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "images", checked_images(self.images))
        alive, weight = np.asarray(self.alive), np.asarray(self.weight, dtype=np.float64)
        n = len(self.images)
        if alive.shape != (n,) or weight.shape != (n,):
            raise InputError(
                f"crops of {n} patients but {alive.size} labels and {weight.size} weights",
                source="CNN samples",
            )
        if alive.dtype != bool:
            raise InputError("a label must be true or false", source="CNN samples")
        if not (np.isfinite(weight).all() and (weight >= 0).all()):
            raise InputError("a weight is missing or negative", source="CNN samples")
        object.__setattr__(self, "alive", alive)
        object.__setattr__(self, "weight", weight)

    @property
    def known(self) -> np.ndarray:
        """(n,) whether the patient can be learned from."""
        return self.weight > 0


def stack_crops(crops: Sequence[LesionCrops]) -> np.ndarray:
    """(n, slices, channels, P, P) of several patients.

    Raises:
        InputError: nobody is there, or they were not cropped alike.
    """
    if not crops:
        raise InputError("there are no crops", source="lesion crops")
    first = crops[0]
    for number, other in enumerate(crops, start=1):
        if other.channels != first.channels or other.images.shape != first.images.shape:
            raise InputError(
                f"the crops of patient {number} hold {', '.join(other.channels)} in shape "
                f"{other.images.shape}, those of patient 1 {', '.join(first.channels)} in shape "
                f"{first.images.shape}",
                source="lesion crops",
                remedy="crop all patients with the same settings",
            )
    return np.stack([c.images for c in crops])


def checked_images(images: ArrayLike) -> np.ndarray:
    """(n, slices, channels, P, P) float32, finite.

    Raises:
        InputError: they are not.
    """
    found = np.asarray(images, dtype=np.float32)
    if found.ndim != 5 or 0 in found.shape or found.shape[-1] != found.shape[-2]:
        raise InputError(
            f"crops have shape (patients, slices, channels, P, P), got {found.shape}",
            source="lesion crops",
        )
    if not np.isfinite(found).all():
        raise InputError("a pixel is missing or infinite", source="lesion crops")
    return found
