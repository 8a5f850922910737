"""How lesions are cropped for a network, and what the channels of a crop are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hccsurv_core.errors import InputError
from hccsurv_core.imaging.crop_grid import CropGrid
from hccsurv_core.imaging.windows import IntensityWindow

#: The phases, in order, and what messages call them.
PHASES: dict[str, str] = {"arterial": "arterial phase", "portal": "portal venous phase"}
#: What a channel may hold. Means and spreads are taken, phase by phase, over all pixels of the
#: patient's crops that lie strictly within the window.
CHANNELS: dict[str, str] = {
    "arterial": "arterial phase, HU cut to the window, z-scored",
    "portal": "portal venous phase about its own outline, HU cut to the window, z-scored",
    "difference": "portal venous minus arterial phase, both cut to the window, z-scored, within ±5",
    "mask": "how much of the pixel lies inside the lesion's outline, mean of both phases, 0 to 1",
}
#: Enhanced liver, its lesions and its vessels. Fat lies outside, so that mean and spread are those
#: of soft tissue and not of how fat the patient is.
CONTRAST_WINDOW = IntensityWindow(75, 250)
#: Channels that show tissue: intensities may be varied, and deleted, in these.
CT_CHANNELS = ("arterial", "portal", "difference")
_SOURCE = "crop settings"


@dataclass(frozen=True)
class CropSettings(CropGrid):
    """How a lesion is cropped.

    Args:
        pixels, mm_per_pixel, margin_mm: see :class:`~hccsurv_core.imaging.crop_grid.CropGrid`.
        window: HU outside it are cut to its ends; soft tissue by default, −50 to 200 HU.
        thickness_mm: thinner slices are averaged to this; 0 takes them as they are.
        n_slices: 1 is the slice of largest area alone; more add slices above and below by turns.
        slice_step_mm: distance between them.
        channels: of :data:`CHANNELS`, in the order the network takes them.

    Raises:
        InputError: a value that cannot be.
    """

    window: IntensityWindow = CONTRAST_WINDOW
    thickness_mm: float = 4.0
    n_slices: int = 1
    slice_step_mm: float = 5.0
    channels: tuple[str, ...] = ("arterial", "portal", "mask")

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", tuple(self.channels))
        if not 8 <= self.pixels <= 1024 or not 1 <= self.n_slices <= 64:
            raise InputError("a crop has 8 to 1024 pixels and 1 to 64 slices", source=_SOURCE)
        lengths = (self.mm_per_pixel or 1.0, self.slice_step_mm)
        if not all(math.isfinite(v) and v > 0 for v in lengths):
            raise InputError("pixel size and slice step are positive, in mm", source=_SOURCE)
        if not all(math.isfinite(v) and v >= 0 for v in (self.margin_mm, self.thickness_mm)):
            raise InputError("margin and thickness are 0 mm or more", source=_SOURCE)
        unknown = [name for name in self.channels if name not in CHANNELS]
        if unknown or not self.channels or len(set(self.channels)) < len(self.channels):
            what = f"no channel is called {unknown[0]!r}" if unknown else "each channel comes once"
            raise InputError(what, source=_SOURCE, remedy=f"use {', '.join(CHANNELS)}")

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        window = {"center_hu": self.window.center_hu, "width_hu": self.window.width_hu}
        return {**vars(self), "window": window, "channels": list(self.channels)}


def crop_settings_from_json(data: Mapping[str, Any]) -> CropSettings:
    """What :meth:`CropSettings.to_json` gave.

    Raises:
        InputError: it is not such a thing.
    """
    try:
        window = IntensityWindow(**{k: float(v) for k, v in data["window"].items()})
        mm = data["mm_per_pixel"]
        return CropSettings(
            pixels=int(data["pixels"]),
            mm_per_pixel=None if mm is None else float(mm),
            margin_mm=float(data["margin_mm"]),
            window=window,
            thickness_mm=float(data["thickness_mm"]),
            n_slices=int(data["n_slices"]),
            slice_step_mm=float(data["slice_step_mm"]),
            channels=tuple(map(str, data["channels"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"cannot be read ({error!r})", source=_SOURCE) from error
