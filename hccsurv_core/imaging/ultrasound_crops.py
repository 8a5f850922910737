"""Square pieces of a still about its lesion, at one physical scale, in decibels against the liver.

Two uses: crops that a network sees (:func:`crop_still`), and the pictures that radiomics are
measured on (:func:`window_still`). Both sample the echo *power* by a triangular kernel as wide as
the coarser grid, from pixels of the picture alone, and show it as decibels against the parenchyma's
mean power, so that the machine's gain is gone. Marks over the picture take the value of the nearest
pixel beside them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import InputError
from hccsurv_core.imaging.crop_grid import CropGrid, CropPlace
from hccsurv_core.imaging.ultrasound_still import Still

Mask = NDArray[np.bool_]
#: Levels end so far above and below the reference, dB. Weaker echoes than that are below the black
#: of some machines: what is shown must not depend on which.
WINDOW_DB = 25.0
#: A crop's decibels are divided by this, so that they spread about as a network's inputs should.
UNIT_DB = 10.0
#: What a channel may hold.
CHANNELS: dict[str, str] = {
    "decibels": f"level against the parenchyma's mean power, within ±{WINDOW_DB:g} dB, in units of "
    f"{UNIT_DB:g} dB",
    "mask": "how much of the pixel lies inside the lesion's outline, 0 to 1",
}
#: Outside the fan a crop is as black as its window goes.
FILL_DB = -WINDOW_DB
_SOURCE = "crop settings"


@dataclass(frozen=True)
class StillCropSettings(CropGrid):
    """How the lesion is cropped out of a still.

    Args:
        pixels, mm_per_pixel, margin_mm: see :class:`~hccsurv_core.imaging.crop_grid.CropGrid`. As
            they are, a crop shows 56 mm: lesions of up to 48 mm at their size, and liver beside.
            Pixels are finer than a machine's, so that a network's coarse maps tell parts of a lesion.
        channels: of :data:`CHANNELS`, in the order the network takes them.

    Raises:
        InputError: a value that cannot be.
    """

    pixels: int = 224
    mm_per_pixel: float | None = 0.25
    margin_mm: float = 4.0
    channels: tuple[str, ...] = ("decibels",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", tuple(self.channels))
        if not 8 <= self.pixels <= 1024:
            raise InputError("a crop has 8 to 1024 pixels", source=_SOURCE)
        mm = self.mm_per_pixel
        if not (mm is None or (math.isfinite(mm) and mm > 0)):
            raise InputError("the pixel size is positive, in mm", source=_SOURCE)
        if not (math.isfinite(self.margin_mm) and self.margin_mm >= 0):
            raise InputError("the margin is 0 mm or more", source=_SOURCE)
        unknown = [name for name in self.channels if name not in CHANNELS]
        if unknown or not self.channels or len(set(self.channels)) < len(self.channels):
            what = f"no channel is called {unknown[0]!r}" if unknown else "each channel comes once"
            raise InputError(what, source=_SOURCE, remedy=f"use {', '.join(CHANNELS)}")

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**vars(self), "channels": list(self.channels)}


def still_crop_settings_from_json(data: Mapping[str, Any]) -> StillCropSettings:
    """What :meth:`StillCropSettings.to_json` gave.

    Raises:
        InputError: it is not such a thing.
    """
    try:
        mm = data["mm_per_pixel"]
        return StillCropSettings(
            pixels=int(data["pixels"]),
            mm_per_pixel=None if mm is None else float(mm),
            margin_mm=float(data["margin_mm"]),
            channels=tuple(map(str, data["channels"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"cannot be read ({error!r})", source=_SOURCE) from error


@dataclass(frozen=True, eq=False)
class StillCrop:
    """One still as a network sees it, and where it came from.

    Args:
        image: (channels, P, P) float32.
        channels: names of the channels, of :data:`CHANNELS`.
        lesion: (P, P) inside the outline.
        fan: (P, P) picture; the rest was filled with :data:`FILL_DB`.
        mm_per_pixel: physical size of a pixel.
        zoomed_out: whether the lesion needed a larger pixel than the settings say.
        place: where the crop lies in the panel.
        still: what it was cropped from.
        notes: what a reader should know, in words.
    """

    image: NDArray[np.float32]
    channels: tuple[str, ...]
    lesion: Mask
    fan: Mask
    mm_per_pixel: float
    zoomed_out: bool
    place: CropPlace
    still: Still
    notes: tuple[str, ...] = ()

    def to_screen(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """Values on the crop's pixels, such as heat, on the pixels of the frame.

        Args:
            values: (P, P).

        Returns:
            (rows, columns) of the screen, interpolated linearly; 0 outside the crop and its panel.

        Raises:
            InputError: another shape.
        """
        size = self.image.shape[-1]
        if values.shape != (size, size):
            raise InputError(
                f"values of shape {values.shape} are not on the crop's {size}×{size} pixels",
                source="crop",
            )
        found = np.zeros(self.still.screen, np.float32)
        found[self.still.region.box] = self.place.to_scan(values, self.mm_per_pixel)
        return found


def crop_still(still: Still, settings: StillCropSettings | None = None) -> StillCrop:
    """Crop the lesion for a network.

    Args:
        still: with its outlines.
        settings: default :class:`StillCropSettings`.
    """
    settings = settings or StillCropSettings()
    place = CropPlace.about_outline(still.lesion, still.spacing_mm)
    mm, zoomed_out = settings.scale(place.reach_mm(still.lesion))
    window = _sampled(still, place, settings.pixels, mm)
    decibels = np.where(window.fan, window.decibels, np.float32(FILL_DB))
    made: dict[str, NDArray[np.float32]] = {
        "decibels": (decibels / UNIT_DB).astype(np.float32),
        "mask": window.covered,
    }
    return StillCrop(
        image=np.stack([made[name] for name in settings.channels]).astype(np.float32),
        channels=settings.channels,
        lesion=window.covered >= 0.5,
        fan=window.fan,
        mm_per_pixel=mm,
        zoomed_out=zoomed_out,
        place=place,
        still=still,
        notes=(settings.zoom_note(mm),) if zoomed_out else (),
    )


@dataclass(frozen=True, eq=False)
class StillWindow:
    """The lesion and what is about it on a grid of fixed spacing.

    Args:
        decibels: (P, P) float32 within ±:data:`WINDOW_DB`; beyond the fan its edge goes on.
        covered: (P, P) how much of the pixel lies inside the lesion's outline, 0 to 1.
        fan: (P, P) True where it is picture.
        mm_per_pixel: size of a pixel.
        place: where it lies in the panel.
    """

    decibels: NDArray[np.float32]
    covered: NDArray[np.float32]
    fan: Mask
    mm_per_pixel: float
    place: CropPlace


def window_still(still: Still, mm_per_pixel: float, margin_mm: float) -> StillWindow:
    """The lesion and at least ``margin_mm`` about it, at ``mm_per_pixel`` whatever its size."""
    place = CropPlace.about_outline(still.lesion, still.spacing_mm)
    reach = place.reach_mm(still.lesion) + margin_mm
    return _sampled(still, place, 2 * math.ceil(reach / mm_per_pixel) + 1, mm_per_pixel)


def _sampled(still: Still, place: CropPlace, pixels: int, mm: float) -> StillWindow:
    from scipy import ndimage

    shape = ndimage.binary_fill_holes(still.fan)
    # Only the part of the panel under the crop is worked on.
    down, along = place.weights(pixels, mm)
    rows, columns = (_used(w) for w in (down, along))
    down, along = down[:, rows], along[:, columns]
    decibels = _edge_goes_on(still.decibels[rows, columns], still.fan[rows, columns])
    bounded = np.clip(decibels, -2 * WINDOW_DB, 2 * WINDOW_DB)
    inside = shape[rows, columns].astype(np.float32)
    power = np.power(np.float32(10), bounded / np.float32(10)) * inside
    weight = down @ inside @ along.T
    fan = weight >= 0.5
    sampled = (down @ power @ along.T)[fan] / weight[fan]
    found = np.zeros((pixels, pixels), np.float32)
    found[fan] = np.clip(10 * np.log10(np.maximum(sampled, 1e-30)), -WINDOW_DB, WINDOW_DB)
    covered = down @ still.lesion[rows, columns].astype(np.float32) @ along.T
    return StillWindow(_edge_goes_on(found, fan), covered.astype(np.float32), fan, mm, place)


def _used(weights: NDArray[np.float32]) -> slice:
    """The lines of the picture that any line of the crop is made of."""
    hit = np.flatnonzero(weights.any(axis=0))
    return slice(int(hit[0]), int(hit[-1]) + 1)


def _edge_goes_on(values: NDArray[np.float32], known: Mask) -> NDArray[np.float32]:
    """Where a value is not known, that of the nearest pixel where it is."""
    from scipy import ndimage

    if known.all():
        return values
    at = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    filled: NDArray[np.float32] = values[tuple(at)]
    return filled
