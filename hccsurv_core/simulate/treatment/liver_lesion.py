"""Hepatocellular carcinomas on the pixels of two phases, each trait of the tumor visible in its way.

========================  ==============================================================
trait                     what it does to the picture
========================  ==============================================================
vascularity               brighter than liver in the arterial phase, from not at all to +55 HU
washout                   darker than liver in the portal phase, 6 to 36 HU
capsule                   bright thin rim in the portal phase along that share of the circumference
necrosis                  that share of the volume does not enhance
corona                    patchy arterial enhancement of the liver about the tumor
infiltration              ragged, blurred edge and coarse heterogeneity instead of a sharp round one
========================  ==============================================================
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hccsurv_core.simulate.phantom.canvas import Array
from hccsurv_core.simulate.phantom.labels import LABELS
from hccsurv_core.simulate.phantom.shapes import Noise
from hccsurv_core.simulate.treatment.canvas import TwoPhasePlacer

#: HU of tissue that does not enhance, arterial and portal venous.
NECROSIS_HU = 27 + 31j


@dataclass(frozen=True)
class Tumor:
    """One tumor to be drawn.

    Args:
        center: anatomical mm.
        diameter_mm: longest in-plane diameter.
        turn_deg: direction of the longest axis.
        infiltration, corona, capsule, necrosis, vascularity, washout: as in `TreatmentCauses`.
    """

    center: tuple[float, float, float]
    diameter_mm: float
    turn_deg: float
    infiltration: float
    corona: float
    capsule: float
    necrosis: float
    vascularity: float
    washout: float


class TumorPainter:
    """Paints tumors one after another; keeps the noise they are made of.

    Args:
        place: where; liver and neighbors must be placed already.
        rng: of texture and shape.
        arterial_delay: timing of the arterial phase; a late one shows less.
    """

    def __init__(self, place: TwoPhasePlacer, rng: np.random.Generator, arterial_delay: float):
        self.place, self.rng = place, rng
        # Noise of correlation length 1 in whatever unit it is asked for.
        self.noise = Noise(rng, (1.0, 1.0, 1.0), (64, 64, 64))
        self.arterial_gain = 1 - 0.15 * abs(arterial_delay)
        wall = place.limit + 1.0
        neighbors = place.others("liver", "gallbladder", "liver_lesion") - 1.0
        self.walls = np.maximum(wall, -neighbors)

    def paint(self, tumor: Tumor) -> Array:
        """Paint one tumor.

        Returns:
            its signed distance on all pixels (slices, rows, columns), mm, 60 far away: what a
            reader's outline is drawn from.
        """
        canvas = self.place.canvas
        whole = np.full(canvas.hu.shape, 60.0, np.float32)
        reach = 0.62 * tumor.diameter_mm + 26
        (x, y, z) = tumor.center
        box = canvas.box((x - reach, x + reach), (y - reach, y + reach), (z - reach, z + reach))
        if any(s.start >= s.stop for s in box):
            return whole
        px, py = canvas.x[box[1:]], canvas.y[box[1:]]
        shift = self.rng.uniform(0, 60, 3)
        layers = [self._geometry(tumor, px, py, k, shift) for k in range(box[0].start, box[0].stop)]
        distance, rho, around = (np.stack(parts) for parts in zip(*layers, strict=True))
        # A tumor may bulge out of the liver, but not into its neighbors or the wall.
        bulge = self.place.placed["liver"][box[0]] - np.float32(4 + 0.08 * tumor.diameter_mm)
        bound = np.maximum(self.walls[box[0]], bulge)
        fine = [canvas.upsample(bound, k, *box[1:]) for k in range(len(bound))]
        distance = np.maximum(distance, np.stack(fine))
        liver = np.isin(canvas.labels[box], (LABELS["liver"], LABELS["liver_lesion"]))
        self._paint_corona(tumor, box, distance, around, liver)
        softness = max(1.2 * canvas.pixel_mm, 1.0 + 9.0 * tumor.infiltration**2)
        share = np.clip(0.5 - distance / softness, 0, 1).astype(np.float32)
        tissue = self._tissue(tumor, px, py, canvas.z[box[0]], distance, rho, around, shift)
        canvas.paint(box, share, tissue, LABELS["liver_lesion"])
        whole[box] = distance
        return whole

    def _geometry(
        self, tumor: Tumor, x: Array, y: Array, k: int, shift: np.ndarray
    ) -> tuple[Array, Array, Array]:
        """Signed distance (mm), radius relative to the edge, and a smooth function of direction."""
        r = tumor.diameter_mm / 2
        z = float(self.place.canvas.z[k])
        dx, dy, dz = x - tumor.center[0], y - tumor.center[1], z - tumor.center[2]
        c, s = np.cos(np.radians(tumor.turn_deg)), np.sin(np.radians(tumor.turn_deg))
        u, v = c * dx + s * dy, (-s * dx + c * dy) / 0.88
        radius = np.sqrt(u * u + v * v + (dz / 0.92) ** 2)
        lobes = self._at(x, y, z, max(0.55 * r, 7.0), shift)
        ragged = self._at(x, y, z, 6.5, shift[::-1])
        rough = (0.05 * r + 0.4) * lobes + (0.25 + 4.2 * tumor.infiltration) * ragged
        distance = (radius - r + rough).astype(np.float32)
        size = np.maximum(radius, 1.0)
        around = self.noise.smooth(
            u / size + shift[0], v / size + shift[1], float(dz / (r + 1) + shift[2])
        )
        return distance, (radius / r).astype(np.float32), around

    def _at(self, x: Array, y: Array, z: float, scale: float, shift: np.ndarray) -> Array:
        """Noise of correlation length ``scale`` (mm)."""
        return self.noise.smooth(x / scale + shift[0], y / scale + shift[1], z / scale + shift[2])

    def _paint_corona(self, tumor: Tumor, box, distance: Array, around: Array, liver: Array):
        """Arterial enhancement of the liver next to the tumor, in patches."""
        width = 5.0 + 7.0 * tumor.corona
        patchy = np.clip(0.75 + 0.55 * around, 0.1, 1.5)
        fade = np.clip(1 - distance / (2.2 * width), 0, 1) * (distance > -3)
        strength = 48.0 * tumor.corona * self.arterial_gain * patchy * fade * liver
        self.place.canvas.hu[box] += strength.astype(np.float32)
        self.place.two_phases.portal_hu[box] += (0.12 * strength).astype(np.float32)

    def _tissue(
        self, tumor: Tumor, x: Array, y: Array, z: Array, distance: Array, rho: Array,
        around: Array, shift: np.ndarray,
    ) -> Array:  # fmt: skip
        liver = self.place.hu["liver"]
        r = tumor.diameter_mm / 2
        nodes = np.stack([self._at(x, y, float(c), float(np.clip(0.4 * r, 5, 15)), shift + 20)
                          for c in z])  # fmt: skip
        grain = np.stack([self._at(x, y, float(c), 4.0, shift + 40) for c in z])
        mosaic = (3 + 21 * tumor.infiltration) * (0.65 * nodes + 0.65 * grain)
        bright = (-4 + 59 * tumor.vascularity) * self.arterial_gain
        inside = liver + complex(bright, -(6 + 30 * tumor.washout)) + mosaic * (1 + 0.75j)
        dead = self._dead(tumor, distance, rho, nodes)
        inside = inside + dead * (NECROSIS_HU - inside)
        return inside + self._rim(tumor, distance, around) * (liver + (-8 + 36j) - inside)

    def _dead(self, tumor: Tumor, distance: Array, rho: Array, nodes: Array) -> Array:
        """Share of each pixel that is necrotic: patches that favor the middle."""
        inner = distance < -2.0
        if tumor.necrosis < 0.01 or inner.sum() < 12:
            return np.zeros_like(distance)
        score = 0.75 * nodes + 2.2 * (1 - rho)
        # The outermost millimeters stay alive; the rest makes up for it.
        wanted = tumor.necrosis * (distance < 0).sum() / inner.sum()
        cut = np.quantile(score[inner], 1 - min(wanted, 0.97))
        return np.clip((score - cut) / 0.3 + 0.5, 0, 1) * np.clip(-distance / 2.0 - 0.5, 0, 1)

    def _rim(self, tumor: Tumor, distance: Array, around: Array) -> Array:
        """Share of each pixel that is capsule."""
        canvas = self.place.canvas
        edge = np.abs(distance) < 2.5
        if tumor.capsule < 0.01 or not edge.any():
            return np.zeros_like(distance)
        cut = np.quantile(around[edge], 1 - min(tumor.capsule, 0.995))
        present = np.clip((around - cut) / 0.25 + 0.5, 0, 1)
        return canvas.band(distance, -2.2, 1.4) * present
