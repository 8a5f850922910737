"""Ultrasound machines of the simulated centres: probe, image processing, colors, screen.

Four invented machines. They differ in what differs between real ones and can mislead a model:
frequency and beam, dynamic range, gray curve, color of the contrast picture, which side it is
shown on, screen size, and how the picture is stored. All numbers are ours, of ordinary size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ColorMap = NDArray[np.uint8]


@dataclass(frozen=True)
class Machine:
    """One machine with its abdominal preset.

    Args:
        name: as burnt into the picture.
        probe_radius_mm: radius of the curved array's face.
        half_angle_deg: half the opening of the fan.
        frequency_mhz: of the picture without contrast.
        axial_mm, lateral_deg: standard deviations of the point-spread function.
        n_beams: scan lines.
        gray_range_db, contrast_range_db: dynamic ranges of the two pictures.
        looks: independent pictures averaged into one frame (compounding).
        gray_gamma: exponent of the gray curve of the picture without contrast.
        color: name of the contrast picture's color map.
        contrast_left: which side the contrast picture stands on.
        screen: (rows, columns) of the whole picture.
        storage: "jpeg", "jpeg_gray", "palette_rle" or "jpeg2000".
        gain_db, gain_spread_db: usual gain, and how it varies between patients.
    """

    name: str
    probe_radius_mm: float
    half_angle_deg: float
    frequency_mhz: float
    axial_mm: float
    lateral_deg: float
    n_beams: int
    gray_range_db: float
    contrast_range_db: float
    looks: int
    gray_gamma: float
    color: str
    contrast_left: bool
    screen: tuple[int, int]
    storage: str
    gain_db: float
    gain_spread_db: float


MACHINES: tuple[Machine, ...] = (
    Machine(
        "SIMUSON A9", 60.0, 31.0, 3.5, 0.26, 0.36, 224, 62.0, 50.0, 3, 1.35, "amber", True,
        (600, 800), "jpeg", 2.0, 1.6,
    ),
    Machine(
        "VIRTUAL LX", 55.0, 30.0, 4.0, 0.23, 0.33, 240, 58.0, 46.0, 2, 1.20, "copper", False,
        (600, 800), "palette_rle", -1.5, 1.6,
    ),
    Machine(
        "ECHOFAKE 70", 62.0, 30.0, 3.0, 0.31, 0.41, 208, 68.0, 55.0, 3, 1.50, "gray", True,
        (576, 768), "jpeg_gray", 0.0, 2.0,
    ),
    Machine(
        "PHANTOM U2", 50.0, 33.0, 3.8, 0.25, 0.37, 224, 60.0, 50.0, 2, 1.30, "gold", True,
        (600, 800), "jpeg2000", 0.5, 1.6,
    ),
)  # fmt: skip

MACHINE_NAMES = tuple(m.name for m in MACHINES)

#: Red, green, blue at gray 0, 1/4, 1/2, 3/4 and 1. All have rising luminance, so that gray levels
#: can be read back.
_COLOR_STOPS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "gray": ((0, 0, 0), (64, 64, 64), (128, 128, 128), (191, 191, 191), (255, 255, 255)),
    "amber": ((0, 0, 0), (110, 48, 4), (205, 112, 16), (245, 186, 70), (255, 250, 205)),
    "copper": ((2, 2, 4), (84, 50, 38), (165, 100, 74), (222, 168, 136), (255, 244, 232)),
    "gold": ((0, 0, 0), (82, 66, 10), (164, 136, 26), (226, 202, 84), (255, 252, 214)),
}


def color_map(name: str) -> ColorMap:
    """Red, green and blue (256, 3) of the 256 gray levels."""
    stops = np.array(_COLOR_STOPS[name], float)
    at = np.linspace(0, 255, len(stops))
    levels = np.arange(256)
    return np.stack([np.rint(np.interp(levels, at, s)) for s in stops.T], 1).astype(np.uint8)


@dataclass(frozen=True)
class Settings:
    """What the operator set for one patient.

    Args:
        machine: which.
        depth_mm: deepest point on the middle beam.
        gray_gain_db, contrast_gain_db: gains of the two pictures.
        tgc_tilt_db: error of the depth compensation over the full depth; positive is a picture
            that grows brighter with depth.
        attenuation_db: what the contrast picture loses from top to bottom, beyond compensation.
        mechanical_index: in contrast mode.
    """

    machine: Machine
    depth_mm: float
    gray_gain_db: float
    contrast_gain_db: float
    tgc_tilt_db: float
    attenuation_db: float
    mechanical_index: float


def draw_settings(machine: Machine, rng: np.random.Generator, diameter_mm: float) -> Settings:
    """The operator's choices for one patient; of the tumor they know only that it must fit."""
    z = rng.standard_normal(5)
    usual = float(rng.choice([100.0, 110.0, 120.0, 130.0, 140.0]))
    return Settings(
        machine=machine,
        depth_mm=max(usual, 10 * float(np.ceil((1.25 * diameter_mm + 38) / 10))),
        gray_gain_db=float(machine.gain_db + machine.gain_spread_db * z[0]),
        contrast_gain_db=float(0.7 * machine.gain_db + machine.gain_spread_db * z[1]),
        tgc_tilt_db=float(2.5 * z[2]),
        attenuation_db=float(max(5.0 + 1.8 * z[3], 0.5)),
        mechanical_index=float(np.clip(round(0.08 + 0.012 * z[4], 2), 0.05, 0.12)),
    )
