"""From tissue to picture: speckle, gain, scan conversion, log compression.

A picture is the power of a complex field of random scatterers, filtered by the point-spread
function (Gaussian along and across the beam), so its intensity has the exponential distribution
of fully developed speckle. The same scatterers seen again, moved, give the same speckle moved;
contrast agent is new in every frame. Gray levels are ::

    gray = 255 · (10 log10(power) + range) / range        (0 to 255; power 1 is white)

so ``power = 10 ** ((gray / 255 - 1) · range / 10)`` inverts them. Powers are "linear intensity"
everywhere in this simulator's truth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.simulate.ceus.machines import Machine, Settings
from hccsurv_core.simulate.ceus.perfusion import Kinetics
from hccsurv_core.simulate.ceus.scene import Array
from hccsurv_core.simulate.ceus.tissue import RANGE_STEP_MM, PolarGrid, Tissue, ramp

#: Where the liver lies below white before the operator's gain, dB.
GRAY_LIVER_DB, CONTRAST_LIVER_DB = -31.0, -22.0
#: Electronic noise below white at the probe, and what it gains over the depth, dB.
_GRAY_FLOOR_DB, _CONTRAST_FLOOR_DB, _FLOOR_RISE_DB = -66.0, -54.0, 9.0
#: Bubbles a sample of the grid when the liver is at its peak: few of them show as dots.
_BUBBLES = 1.2


def level_db(settings: Settings, depth_mm: Array, contrast: bool) -> Array:
    """Gain at a depth: what a power of 1 in the tissue is below white, dB."""
    share = np.clip(depth_mm / settings.depth_mm, 0, 1)
    if contrast:
        level = CONTRAST_LIVER_DB + settings.contrast_gain_db
        return level + (settings.tgc_tilt_db - settings.attenuation_db) * (share - 0.4)
    return GRAY_LIVER_DB + settings.gray_gain_db + settings.tgc_tilt_db * (share - 0.4)


def floor_power(settings: Settings, depth_mm: Array, contrast: bool) -> Array:
    """Electronic noise at a depth, linear."""
    base = _CONTRAST_FLOOR_DB if contrast else _GRAY_FLOOR_DB
    gain = settings.contrast_gain_db if contrast else settings.gray_gain_db
    share = np.clip(depth_mm / settings.depth_mm, 0, 1)
    return 10 ** ((base + gain + _FLOOR_RISE_DB * share) / 10)


@dataclass(frozen=True, eq=False)
class Speckle:
    """The point-spread function on one grid.

    Args:
        axial, lateral: standard deviations in samples and in beams.
    """

    axial: float
    lateral: float

    @classmethod
    def of(cls, machine: Machine, grid: PolarGrid) -> Speckle:
        """That of one machine."""
        lateral = np.radians(machine.lateral_deg) / grid.step_rad
        return cls(machine.axial_mm / RANGE_STEP_MM, float(lateral))

    def field(self, amplitude: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Real and imaginary part of a field whose mean power is ``amplitude²`` blurred."""
        shape = amplitude.shape
        return (
            self._blurred(amplitude * rng.standard_normal(shape, dtype=np.float32)),
            self._blurred(amplitude * rng.standard_normal(shape, dtype=np.float32)),
        )

    def power(self, amplitude: Array, rng: np.random.Generator) -> Array:
        """Power of a new field."""
        real, imaginary = self.field(amplitude, rng)
        return real * real + imaginary * imaginary

    def expected(self, power: Array) -> Array:
        """Mean of `power` over all speckle: the power blurred by the squared point spread."""
        return self._blurred(power, squared=True)

    def _blurred(self, values: Array, squared: bool = False) -> Array:
        from scipy.ndimage import convolve1d

        for axis, sigma in ((0, self.axial), (1, self.lateral)):
            reach = max(int(np.ceil(2.6 * sigma)), 1)
            kernel = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
            # Unit energy keeps the mean power; half of it goes to each part of the field.
            kernel /= np.sqrt((kernel**2).sum()) * 2**0.25
            if squared:
                kernel = kernel**2 * 2**0.5
            values = convolve1d(values, kernel.astype(np.float32), axis=axis, mode="nearest")
        return values


class Scatterers:
    """The tissue's own speckle, seen again and again while the tissue moves.

    Moving out of the plane brings other scatterers in; coming back brings the old ones back.
    """

    def __init__(self, tissue: Tissue, speckle: Speckle, looks: int, rng: np.random.Generator):
        amplitude = np.sqrt(tissue.echo)
        self._looks = [
            (*speckle.field(amplitude, rng), *speckle.field(amplitude, rng)) for _ in range(looks)
        ]

    def power(self, out_of_plane: float = 0.0) -> Array:
        """Power on the grid; ``out_of_plane`` in slice thicknesses."""
        turn = np.arctan(out_of_plane)
        c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
        total = np.zeros_like(self._looks[0][0])
        for here_real, here_imaginary, beside_real, beside_imaginary in self._looks:
            real = c * here_real + s * beside_real
            imaginary = c * here_imaginary + s * beside_imaginary
            total += real * real + imaginary * imaginary
        return total / np.float32(len(self._looks))


def contrast_power(
    tissue: Tissue, speckle: Speckle, kinetics: Kinetics, time_s: float, looks: int,
    rng: np.random.Generator,
) -> Array:  # fmt: skip
    """Power of one contrast frame on the grid: bubbles, counted, with new speckle."""
    mean = tissue.uptake_at(kinetics, time_s)
    amplitude = np.sqrt(mean + tissue.residue)
    total = np.zeros_like(amplitude)
    # A sample holds a bubble or none; where there are few, those that are there count for more.
    chance = np.clip(np.float32(_BUBBLES) * mean, 0.02, 1)
    for _ in range(looks):
        there = rng.random(chance.shape, dtype=np.float32) < chance
        total += speckle.power(amplitude * there / np.sqrt(chance), rng)
    return total / np.float32(looks)


@dataclass(frozen=True, eq=False)
class Panel:
    """A fan on the screen.

    Args:
        settings: machine and depth.
        top, left: first row and column of its box on the screen.
        rows, columns: size of the box.
        pixel_mm: size of a pixel.
        apex_column, face_row: column of the middle beam and row of the probe's face on it, within
            the box.
        inside: (rows, columns) True within the fan.
        x, y: mm, at the pixels within the fan (1-D).
        depth_mm: of these pixels along their beam.
    """

    settings: Settings
    top: int
    left: int
    rows: int
    columns: int
    pixel_mm: float
    apex_column: float
    face_row: float
    inside: NDArray[np.bool_]
    x: Array
    y: Array
    depth_mm: Array

    @classmethod
    def fitted(
        cls, settings: Settings, top: int, left: int, rows: int, columns: int, half_deg: float
    ) -> Panel:
        """The largest fan that fits into a box of the screen."""
        radius, depth = settings.machine.probe_radius_mm, settings.depth_mm
        half = np.radians(half_deg)
        rise = radius * (1 - np.cos(half))
        pixel = max(2 * (radius + depth) * np.sin(half) / columns, (depth + rise) / rows) * 1.004
        apex, face = (columns - 1) / 2, rise / pixel
        row, column = np.mgrid[0:rows, 0:columns].astype(np.float32)
        x = (column - np.float32(apex)) * np.float32(pixel)
        y = (row - np.float32(face)) * np.float32(pixel)
        below = y + np.float32(radius)
        along = np.hypot(x, below) - np.float32(radius)
        inside = (along >= 0) & (along <= depth) & (np.abs(np.arctan2(x, below)) <= half)
        return cls(
            settings, top, left, rows, columns, float(pixel), float(apex), float(face), inside,
            x[inside], y[inside], along[inside],
        )  # fmt: skip

    def tissue_position(self, wall_mm: float, shift: tuple[float, float]) -> tuple[Array, Array]:
        """Positions in the resting tissue of the fan's pixels when it is moved by ``shift``.

        The body wall stays; what lies below it moves fully.
        """
        moving = ramp(self.y - np.float32(wall_mm + 3), 6.0)
        return self.x - np.float32(shift[0]) * moving, self.y - np.float32(shift[1]) * moving

    def sampled(self, grid: PolarGrid, power: Array, position: tuple[Array, Array]) -> Array:
        """Power at the fan's pixels (1-D), by bilinear interpolation of the power."""
        rows, columns = grid.index_of(*position)
        n_rows, n_columns = power.shape
        rows = np.clip(rows, 0, n_rows - 1.001)
        columns = np.clip(columns, 0, n_columns - 1.001)
        r0, c0 = rows.astype(np.int32), columns.astype(np.int32)
        fr, fc = rows - r0, columns - c0
        flat, at = power.reshape(-1), r0 * n_columns + c0
        upper = flat[at] * (1 - fc) + flat[at + 1] * fc
        lower = flat[at + n_columns] * (1 - fc) + flat[at + n_columns + 1] * fc
        return upper + (lower - upper) * fr

    def gray_levels(self, power: Array, contrast: bool, rng: np.random.Generator) -> NDArray:
        """The fan's pixels (1-D) as 8-bit gray: gain, electronic noise, log compression."""
        machine = self.settings.machine
        value = power * 10 ** (level_db(self.settings, self.depth_mm, contrast) / 10)
        looks = np.float32(machine.looks)
        noise = rng.standard_gamma(looks, power.shape, dtype=np.float32) / looks
        value = value + noise * floor_power(self.settings, self.depth_mm, contrast)
        span = machine.contrast_range_db if contrast else machine.gray_range_db
        share = np.clip((10 * np.log10(value + np.float32(1e-12)) + span) / span, 0, 1)
        if not contrast:
            share = share**machine.gray_gamma
        return np.rint(share * 255).astype(np.uint8)

    def image(self, levels: NDArray) -> NDArray[np.uint8]:
        """The box (rows, columns) with the fan's gray levels, black outside."""
        box = np.zeros((self.rows, self.columns), np.uint8)
        box[self.inside] = levels
        return box
