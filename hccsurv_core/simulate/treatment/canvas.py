"""One painting, two contrast phases: a canvas and an organ placer that carry both at once.

Between the arterial and the portal venous phase only intensities change. So a value is painted
as a complex number, real part arterial, imaginary part portal venous; a plain number means the
same in both. Geometry, which is what costs time, is computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hccsurv_core.simulate.phantom.anatomy import Anatomy
from hccsurv_core.simulate.phantom.body_fields import BodyFields
from hccsurv_core.simulate.phantom.canvas import Array, Canvas, Frame
from hccsurv_core.simulate.phantom.soft_tissue import PHASE_HU, OrganPlacer
from hccsurv_core.simulate.phantom.spine_frames import Spine

PHASES = ("arterial", "portal_venous")
#: Multiplies a plain intensity difference so that both phases get it.
BOTH = 1 + 1j


class TwoPhaseCanvas(Canvas):
    """A canvas whose ``hu`` is the arterial phase, with the portal venous one beside it."""

    def __init__(self, z_mm: np.ndarray, rows: int, columns: int, pixel_mm: float, frame: Frame):
        super().__init__(z_mm, rows, columns, pixel_mm, frame)
        self.portal_hu = self.hu.copy()

    def paint(self, box, share: Array, hu, label: int | None) -> None:
        """As `Canvas.paint`, in both phases."""
        two = np.iscomplexobj(hu)
        arterial, portal = (hu.real, hu.imag) if two else (hu, hu)
        super().paint(box, share, arterial, label)
        view = self.portal_hu[box]
        view += share * (portal - view)


def two_phase_hu(
    rng: np.random.Generator, arterial_delay: float, spread: float = 0.04
) -> dict[str, complex]:
    """Organ intensities in both phases as complex numbers.

    Args:
        rng: how this patient's organs differ from the table.
        arterial_delay: −1 (early: the liver is hardly enhanced, the portal vein dark) to
            1 (late: the portal vein and the liver fill already).
        spread: relative spread between patients, shared by both phases of an organ.
    """
    early, late = (PHASE_HU[phase] for phase in PHASES)
    fill = 0.16 * arterial_delay  # share of the way towards the portal phase
    values = {}
    for name in early:
        scale = rng.normal(1, spread)
        arterial = early[name] + fill * (late[name] - early[name]) * (name != "aorta")
        arterial *= 1 - 0.12 * arterial_delay * (name == "aorta")
        values[name] = complex(arterial * scale, late[name] * scale)
    return values


class TwoPhasePlacer(OrganPlacer):
    """An organ placer with complex intensities, which lets one reshape organs on their way.

    Args:
        reshape: label to a function of (placer, signed distance) that gives the distance to paint
            instead; the liver, the spleen.
        tissue: label to an intensity callable used instead of the usual one.
    """

    def __init__(
        self,
        canvas: TwoPhaseCanvas,
        anatomy: Anatomy,
        spine: Spine,
        body: BodyFields,
        rng: np.random.Generator,
        hu: Mapping[str, complex],
        reshape: Mapping[str, Callable[[TwoPhasePlacer, Array], Array]],
        tissue: Mapping[str, Callable[[TwoPhasePlacer], Callable]],
    ):
        super().__init__(canvas, anatomy, spine, body, rng)
        self.two_phases = canvas
        self.hu: dict[str, Any] = dict(hu)
        self._reshape, self._tissue = reshape, tissue
        #: Signed distances of what was placed.
        self.placed: dict[str, Array] = {}

    def textured(self, value, amount: float):
        """HU callable: ``value`` with a fine texture in both phases."""

        def hu(k: int, rows: slice, columns: slice, fine: Array) -> Array:
            x, y, z = self.canvas.x[rows, columns], self.canvas.y[rows, columns], self.canvas.z[k]
            return value + amount * BOTH * self.grain.nearest(x, y, z)

        return hu

    def place(self, distance: Array, hu, label: str, margin: float = 1.0) -> None:
        """Paint an organ and keep its room, reshaped where asked."""
        if label in self._reshape:
            distance = self._reshape[label](self, distance)
        if label in self._tissue:
            hu = self._tissue[label](self)
        self.placed[label] = distance
        super().place(distance, hu, label, margin)

    def others(self, *labels: str) -> Array:
        """Signed distance to everything placed so far but ``labels``."""
        field = self.empty_field()
        for name, distance in self.placed.items():
            if name not in labels:
                np.minimum(field, distance, out=field)
        return field
