"""How a liver is scanned at each center: two scanners, timing of the arterial phase, breathing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hccsurv_core.simulate.phantom.acquisition import Acquisition, draw_acquisition

ROWS, SLICES = 272, 7
#: Share of a center's patients on the scanner with the sharp kernel and thin slices. In training
#: this goes with advanced disease (south); the center new to the test has it with mild disease.
SHARP_SCANNER = {"north": 0.10, "south": 0.85, "east": 0.85}
#: Mean timing of the arterial phase, −1 early to 1 late.
ARTERIAL_DELAY = {"north": 0.1, "south": -0.25, "east": -0.1}


@dataclass(frozen=True)
class LiverScanSettings:
    """One patient's two-phase examination.

    Args:
        acquisition: noise, kernel, slice thickness, positioning of both phases.
        sharp: on the scanner with the sharp kernel.
        arterial_delay: −1 (early) to 1 (late).
        breath_pixels: (rows, columns) by which the portal phase is displaced.
        portal_noise: noise of the portal phase relative to the arterial one.
    """

    acquisition: Acquisition
    sharp: bool
    arterial_delay: float
    breath_pixels: tuple[int, int]
    portal_noise: float


def draw_scan_settings(rng: np.random.Generator, center: str) -> LiverScanSettings:
    """Draw an examination at ``center``."""
    sharp = bool(rng.random() < SHARP_SCANNER[center])
    kernel = rng.uniform(0.55, 0.75) if sharp else rng.uniform(0.85, 1.15)
    acquisition = draw_acquisition(
        int(rng.integers(2**31)),
        rows=ROWS,
        slice_mm=4.0 if sharp else 5.0,
        noise_hu=float(rng.uniform(14, 19) if sharp else rng.uniform(9.5, 13.5)),
        kernel_mm=float(kernel),
        circular_fov=True,
    )
    return LiverScanSettings(
        acquisition,
        sharp,
        float(np.clip(ARTERIAL_DELAY[center] + 0.45 * rng.standard_normal(), -1, 1)),
        (int(rng.integers(-2, 3)), int(rng.integers(-1, 2))),
        float(rng.uniform(0.9, 1.1)),
    )
