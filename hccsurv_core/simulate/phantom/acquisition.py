"""From anatomy to a scan: grid, slice profile, noise, table, field of view, positioning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hccsurv_core.errors import InputError
from hccsurv_core.simulate.phantom.canvas import Array, Canvas, Frame
from hccsurv_core.simulate.phantom.labels import LABELS


@dataclass(frozen=True)
class Acquisition:
    """How a scan is taken.

    Args:
        rows: image size (square), pixels.
        pixel_mm: in-plane spacing; None fits the field of view to the body.
        slice_mm: distance between slices.
        top_level, bottom_level: coverage in chain levels (0 = third vertebra above the
            sacrum, −3 = S1, 5 = T10 in the usual spine).
        noise_hu: standard deviation of the noise in the middle of an average body.
        kernel_mm: correlation length of the noise; larger is a softer kernel.
        roll_deg, offset_mm: patient's rotation and place (x, y) off the isocenter.
        scanner_z_mm: world z of the anatomical origin.
        gain, bias_hu: a scanner's calibration error.
        beam_hardening: 0 to 1, darkening between the hips and about metal.
        circular_fov: pixels outside the reconstruction circle are set to `padding_hu`.
        padding_hu: value outside the circle.
    """

    rows: int = 512
    pixel_mm: float | None = None
    slice_mm: float = 3.0
    top_level: float = 5.3
    bottom_level: float = -5.2
    noise_hu: float = 14.0
    kernel_mm: float = 0.8
    roll_deg: float = 0.0
    offset_mm: tuple[float, float] = (0.0, 0.0)
    scanner_z_mm: float = 0.0
    gain: float = 1.0
    bias_hu: float = 0.0
    beam_hardening: float = 0.0
    circular_fov: bool = False
    padding_hu: int = -1024

    def __post_init__(self) -> None:
        if self.rows < 32 or self.slice_mm <= 0 or (self.pixel_mm or 1) <= 0:
            raise InputError("rows must be at least 32 and spacings positive", source="acquisition")
        if self.top_level <= self.bottom_level:
            raise InputError("top_level must lie above bottom_level", source="acquisition")


def draw_acquisition(seed: int, **given: object) -> Acquisition:
    """Draw a scanner and a positioning from ``seed``; any field can be ``given`` instead."""
    rng = np.random.default_rng([seed, 23])
    drawn: dict[str, object] = {
        "noise_hu": float(rng.uniform(9, 20)),
        "kernel_mm": float(rng.uniform(0.55, 1.2)),
        "roll_deg": float(np.clip(1.8 * rng.standard_normal(), -5, 5)),
        "offset_mm": (float(6 * rng.standard_normal()), float(6 * rng.standard_normal())),
        "scanner_z_mm": float(np.round(rng.uniform(-900, 300), 1)),
        "gain": float(1 + 0.004 * rng.standard_normal()),
        "bias_hu": float(1.5 * rng.standard_normal()),
        "beam_hardening": float(rng.uniform(0, 0.6)),
        "circular_fov": bool(rng.random() < 0.25),
    }
    return Acquisition(**{**drawn, **given})  # type: ignore[arg-type]


def make_canvas(
    acquisition: Acquisition, z_mm: np.ndarray, pixel_mm: float, center_y_mm: float
) -> Canvas:
    """A canvas whose isocenter is ``center_y_mm`` in anatomical y."""
    x, y = acquisition.offset_mm
    frame = Frame(acquisition.roll_deg, x, y - center_y_mm)
    return Canvas(z_mm, acquisition.rows, acquisition.rows, pixel_mm, frame)


def paint_table(canvas: Canvas, back_y_mm: float) -> None:
    """A curved table top under the patient, level with the room and not with the patient."""
    sx, sy = canvas.scanner_x[None, :], canvas.scanner_y[:, None]
    level = canvas.frame.to_scanner(0.0, back_y_mm)[1] + 3.0
    surface = sy - level + 6.0e-4 * sx**2
    width = np.abs(sx) < 215
    shell = canvas.band(surface.astype(np.float32), 0.0, 2.2) * width
    foam = canvas.band(surface.astype(np.float32), 2.2, 38.0) * width
    bottom = canvas.band(surface.astype(np.float32), 38.0, 40.0) * width
    for share, hu in ((foam, -930.0), (shell, 30.0), (bottom, -60.0)):
        free = share * (canvas.labels == 0)
        canvas.hu += free * (hu - canvas.hu)


def blur_slices(hu: Array, slice_mm: float) -> None:
    """Slice profile: each slice takes a share of its neighbours (in place)."""
    if len(hu) < 3:
        return
    w = 0.14 if slice_mm >= 2 else 0.2
    previous = hu[0].copy()
    for k in range(len(hu)):
        here = hu[k].copy()
        after = hu[min(k + 1, len(hu) - 1)]
        hu[k] = (1 - 2 * w) * here + w * previous + w * after
        previous = here


def add_noise(
    canvas: Canvas, acquisition: Acquisition, rng: np.random.Generator, body_mm: float
) -> None:
    """Add correlated noise (in place): ramp-like spectrum rolled off by the kernel.

    Noise grows with the body's width and toward the middle, and is streaky from side to side.
    """
    from scipy import fft

    rows, columns = canvas.hu.shape[1:]
    fy = fft.fftfreq(rows, canvas.pixel_mm)[:, None]
    fx = fft.rfftfreq(columns, canvas.pixel_mm)[None]
    f = np.hypot(fx, fy)
    roll_off = np.exp(-((2 * np.pi * f * acquisition.kernel_mm * 0.5) ** 2) / 2)
    shape = np.sqrt(f + 0.01) * roll_off * (1 + 0.25 * np.abs(fy) / (f + 1e-3))
    shape = (shape / np.sqrt((shape**2).mean())).astype(np.float32)
    # Coarse pixels average the noise of fine ones.
    sigma = acquisition.noise_hu * np.clip(0.8 / canvas.pixel_mm, 0.45, 1.1)
    sigma *= np.clip((body_mm / 330.0) ** 1.3, 0.6, 2.0)
    radius2 = (canvas.x / 170) ** 2 + ((canvas.y + 25) / 120) ** 2
    weight = (sigma * (0.55 + 0.45 * np.exp(-0.7 * radius2))).astype(np.float32)
    for k in range(len(canvas.hu)):
        white = rng.standard_normal((rows, columns), dtype=np.float32)
        canvas.hu[k] += weight * fft.irfft2(fft.rfft2(white) * shape, s=(rows, columns))


def add_beam_hardening(canvas: Canvas, strength: float) -> None:
    """Darken the bands between dense bones of the same row (in place), up to about 12 HU."""
    if strength <= 0:
        return
    kernel = np.ones(max(3, round(9 / canvas.pixel_mm)))
    kernel /= kernel.sum()
    weight = np.exp(-((canvas.x / 90) ** 4)).astype(np.float32)
    for k in range(len(canvas.hu)):
        dense = np.clip(canvas.hu[k] - 250, 0, 1500).sum(1) * canvas.pixel_mm
        dark = np.convolve(12 * strength * np.clip(dense / 40000, 0, 1.5), kernel, mode="same")
        canvas.hu[k] -= dark.astype(np.float32)[:, None] * weight * (canvas.labels[k] > 0)


def add_metal_streaks(canvas: Canvas, rng: np.random.Generator) -> None:
    """Dark and bright rays from metal, in the slices that hold it (in place)."""
    metal = LABELS["metal"]
    angles = np.linspace(0, 2 * np.pi, 181)
    for k in np.flatnonzero((canvas.labels == metal).any((1, 2))):
        rows, columns = np.nonzero(canvas.labels[k] == metal)
        dy, dx = (
            canvas.y - canvas.y[rows, columns].mean(),
            canvas.x - canvas.x[rows, columns].mean(),
        )
        rays = np.convolve(rng.standard_normal(181), np.ones(5) / 2.2, mode="same")
        rays = rays - 0.8 * np.abs(np.cos(angles)) ** 6  # darkest from side to side
        rays[-1] = rays[0]
        theta = np.arctan2(dy, dx) % (2 * np.pi)
        strength = 150.0 / (1 + np.hypot(dx, dy) / 45.0)
        streaks = (strength * np.interp(theta, angles, rays)).astype(np.float32)
        canvas.hu[k] += streaks * (canvas.labels[k] > 0) * (canvas.labels[k] != metal)


def to_int16(canvas: Canvas, acquisition: Acquisition) -> np.ndarray:
    """Round to the integers a scanner stores, with its calibration error, range and padding."""
    hu = canvas.hu * np.float32(acquisition.gain)
    hu += np.float32(acquisition.bias_hu + (acquisition.gain - 1) * 1000)
    np.clip(np.rint(hu, out=hu), -1024, 3071, out=hu)
    voxels = hu.astype(np.int16)
    if acquisition.circular_fov:
        radius = canvas.pixel_mm * canvas.hu.shape[1] / 2
        outside = canvas.scanner_x[None] ** 2 + canvas.scanner_y[:, None] ** 2 > radius**2
        voxels[:, outside] = acquisition.padding_hu
    return voxels
