"""A liver on its way to cirrhosis, its spleen, and where in it the tumors lie."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hccsurv_core.simulate.phantom.canvas import Array
from hccsurv_core.simulate.phantom.labels import LABELS
from hccsurv_core.simulate.phantom.shapes import Noise, smooth_min
from hccsurv_core.simulate.phantom.tubes import paint_tube, smooth_path
from hccsurv_core.simulate.treatment.canvas import BOTH, TwoPhasePlacer
from hccsurv_core.simulate.treatment.causes import TreatmentCauses

#: Segment to the chain level of its middle (0 is the third vertebra above the sacrum) and to x, y in
#: mm of an average man.
_SEGMENT_PLACE = {
    "1": (2.9, -12, -22), "2": (3.6, 22, -72), "3": (2.9, 20, -78), "4": (3.1, -20, -72),
    "5": (2.5, -72, -58), "6": (2.4, -92, 4), "7": (3.5, -88, 14), "8": (3.6, -66, -42),
}  # fmt: skip
#: The hilum, where the portal vein divides.
_HILUM = (2.6, -24.0, -36.0)


def segment_level(segment: str) -> float:
    """Chain level of the middle of a Couinaud segment."""
    return _SEGMENT_PLACE[segment][0]


def reshaped_liver(causes: TreatmentCauses) -> Callable[[TwoPhasePlacer, Array], Array]:
    """The normal liver with a narrow hilum, and what fibrosis makes of it: nodular surface,
    small right lobe, large left and caudate lobes."""
    scarred = float(np.clip((causes.fibrosis - 0.45) / 0.55, 0, 1))

    def reshape(place: TwoPhasePlacer, liver: Array) -> Array:
        hilum = place.ellipsoid(2.5, -18, -34, (20, 16, 16))
        gap = place.ellipsoid(2.5, -17, -37, (14, 7, 10))
        inside = np.maximum(place.limit + 0.8, hilum)
        liver = np.minimum(liver, np.maximum(inside, -gap))
        left = place.ellipsoid(3.2, 14, -80, (50 + 22 * scarred, 24 + 10 * scarred, 44))
        caudate = place.ellipsoid(2.9, -14, -20, (14 + 10 * scarred, 10 + 6 * scarred, 26))
        behind = place.body.spine_y - 30 * place.anatomy.cross_scale - place.body.y
        caudate = np.maximum(caudate, -behind)
        grown = smooth_min(smooth_min(liver, left, 12.0), caudate, 6.0)
        right = np.clip((-place.body.x - 45) / 40, 0, 1)
        grown = grown + (0.4 + 1.9 * scarred) * place.lobules + 9.0 * scarred * right
        return np.maximum(grown, place.limit + 0.8)

    return reshape


def reshaped_spleen(causes: TreatmentCauses) -> Callable[[TwoPhasePlacer, Array], Array]:
    """The spleen, large where portal hypertension takes the platelets."""
    growth = 13.0 * float(np.clip((170 - causes.platelets_10e9_l) / 110, -0.2, 1))

    def reshape(place: TwoPhasePlacer, spleen: Array) -> Array:
        kidney = place.placed.get("kidney_left")
        grown = np.maximum(spleen - growth, place.limit + 0.8)
        return grown if kidney is None else np.maximum(grown, -(kidney - 4))

    return reshape


def liver_tissue(causes: TreatmentCauses) -> Callable[[TwoPhasePlacer], Callable]:
    """Parenchyma with fine grain, nodules where it is scarred, and uneven early enhancement."""
    scarred = float(np.clip((causes.fibrosis - 0.35) / 0.65, 0, 1))

    def tissue(place: TwoPhasePlacer) -> Callable:
        nodules = Noise(place.rng, (7.0, 7.0, 7.0), (48, 48, 24))
        broad = Noise(place.rng, (40.0, 40.0, 40.0), (16, 16, 8))

        def hu(k: int, rows: slice, columns: slice, fine: Array) -> Array:
            x, y = place.canvas.x[rows, columns], place.canvas.y[rows, columns]
            z = place.canvas.z[k]
            value = place.hu["liver"] + 2.5 * BOTH * place.grain.nearest(x, y, z)
            value = value + (1.2 + 5.5 * scarred) * (0.6 + 1j) * nodules.smooth(x, y, z)
            return value + (3.0 + 1.5j) * broad.smooth(x, y, z)

        return hu

    return tissue


def place_index_tumor(
    place: TwoPhasePlacer, causes: TreatmentCauses, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Where the middle of the index tumor lies: in its segment, deep enough, near the hilum or not."""
    canvas, liver = place.canvas, place.placed["liver"]
    k = len(canvas.z) // 2 + int(rng.integers(-1, 2))
    _, x0, y0 = _SEGMENT_PLACE[causes.segment]
    target = np.array([x0 * place.wide, y0 * (place.deep if y0 < -40 else 1.0)])
    hilum = np.array(_HILUM[1:])
    reach = 0.45 if causes.central else 1.12
    target = hilum + reach * (target - hilum) + 6 * rng.standard_normal(2)
    i, j = np.nonzero(liver[k] < -2)
    if not len(i):
        i, j = np.nonzero(liver[k] <= liver[k].min())
    x, y = canvas.coarse_x[0, i, j], canvas.coarse_y[0, i, j]
    depth = -np.clip(liver[k, i, j], -60, 0)
    shallow = np.maximum(0.62 * causes.diameter_mm / 2 - depth, 0)
    cost = (x - target[0]) ** 2 + (y - target[1]) ** 2 + 6 * shallow**2
    best = int(cost.argmin())
    return float(x[best]), float(y[best]), float(canvas.z[k] + rng.uniform(-1.5, 1.5))


def place_other_tumors(
    place: TwoPhasePlacer,
    center: tuple[float, float, float],
    diameter_mm: float,
    number: int,
    rng: np.random.Generator,
) -> list[tuple[tuple[float, float, float], float]]:
    """Centers and diameters of further tumors, in the slices in view, clear of each other."""
    canvas, liver = place.canvas, place.placed["liver"]
    k, i, j = np.nonzero(liver < -5)
    taken = [(*center, diameter_mm / 2)]
    found: list[tuple[tuple[float, float, float], float]] = []
    for _ in range(number):
        size = float(np.clip(diameter_mm * rng.uniform(0.18, 0.5), 8.0, 45.0))
        for _ in range(30 if len(k) else 0):
            n = int(rng.integers(len(k)))
            x, y = float(canvas.coarse_x[0, i[n], j[n]]), float(canvas.coarse_y[0, i[n], j[n]])
            z = float(canvas.z[k[n]])
            apart = [np.hypot(np.hypot(x - a, y - b), z - c) - r for a, b, c, r in taken]
            if min(apart) > size / 2 + 3:
                taken.append((x, y, z, size / 2))
                found.append(((x, y, z), size))
                break
    return found


def paint_thrombus(
    place: TwoPhasePlacer, center: tuple[float, float, float], tumor_hu: Any
) -> None:
    """Tumor in the portal branch between hilum and index tumor: it widens the vein and fills it."""
    hilum = np.array([_HILUM[1], _HILUM[2], float(place.spine.level_to_z(_HILUM[0]))])
    end = np.array(center)
    hilum[2] = 0.5 * hilum[2] + 0.5 * end[2]
    middle = 0.5 * (hilum + end) + np.array([0.0, 5.0, 0.0])
    path = smooth_path(np.array([hilum, middle, end]), 8)
    liver = (LABELS["liver"], LABELS["vessel"])
    paint_tube(place.canvas, path, np.linspace(8.0, 5.0, 8), place.hu["portal"], None, liver, 0.6)
    paint_tube(place.canvas, path, np.linspace(6.5, 4.5, 8), tumor_hu, LABELS["vessel"], liver)
