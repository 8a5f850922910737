"""A corona: arterial enhancement of the liver about a lesion, how strong and how far.

Blood drains from a hypervascular lesion into the liver beside it, which lights up in the arterial
phase and fades with distance; in the portal venous phase it is gone. The excess over distant liver
is taken by direction and distance, vessels and other lesions left out. Parenchyma's own unevenness
(nodules, perfusion) shows in both phases and is foretold from the portal venous one; what remains
is fitted by a strength that varies smoothly about the lesion and falls to nothing at one distance.

One fit by ridge regression for each distance, weighed by how well it explains the picture: where
there is no corona, strength is near nothing and the distance stays near what is usual.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.features.lesion_reference import LiverReference, smoothed_within
from hccsurv_core.features.lesion_scene import LesionScene, Map, Mask

Values = NDArray[np.float64]

#: Liver is looked at from where the margin's blur ends to well beyond any corona, mm.
_FROM_MM, _TO_MM, _BIN_MM = 4.0, 40.0, 2.0
_SECTORS, _FEWEST_IN_CELL = 24, 5
#: Beyond this no corona is left, and liver tells how both phases go together, mm.
_FAR_MM, _FAR_TO_MM = 28.0, 55.0
#: Unevenness of parenchyma that both phases share is coarser than this, mm.
_SHARED_MM = 4.0
#: The arterial phase repeats so much of the portal venous one's unevenness at most.
_MOST_SHARED, _FEWEST_FAR = 1.2, 500
#: Liver this near to another lesion is left out, mm: further out its corona is faint.
_OTHERS_REACH_MM = 10.0
#: How far a corona may reach, mm, and what is usual (mean and spread).
_REACHES_MM = np.arange(6.0, 36.5, 1.0)
_USUAL_MM = (16.0, 8.0)
#: Strength of a corona: mean over directions, and its variation about the lesion, HU.
_STRENGTH_HU, _VARIATION_HU, _ORDERS = 15.0, 8.0, 3
#: The liver's level near the lesion differs from that far away by about this, HU.
_LEVEL_HU = 3.0
#: Error of a cell: what parenchyma leaves, and a voxel's noise, HU; neighbors share their errors
#: over so many cells.
_CELL_HU, _VOXEL_HU, _ALIKE = 3.0, 12.0, 8.0
#: Cells further off than this many errors count less (Huber).
_OUTLIER = 3.0
#: Slices this far from the lesion's middle have a strength of their own, mm.
_HEIGHT_MM = 20.0
#: A corona is seen where it exceeds this, HU: above the unevenness of parenchyma.
SEEN_HU = 5.0
_FEWEST_CELLS = 30


@dataclass(frozen=True, eq=False)
class _Cells:
    """Excess of the liver by slice, direction and distance."""

    excess_hu: Values
    voxels: Values
    angle: Values
    height_mm: Values
    distance_mm: Values


def corona_signs(scene: LesionScene, liver: LiverReference) -> dict[str, float]:
    """Strength at the margin (mean and strongest quarter, HU) and extent (mm); NaN without liver."""
    names = ("corona_hu", "corona_strongest_hu", "corona_reach_mm", "corona_extent_mm")
    cells = _cells(scene, liver)
    directions = np.linspace(-np.pi, np.pi, _SECTORS, endpoint=False)
    if len(cells.angle) < _FEWEST_CELLS:
        return dict.fromkeys(names, float("nan"))
    seen = np.array([_near(cells, angle) for angle in directions])
    if not seen.any():
        return dict.fromkeys(names, float("nan"))
    chances, strengths = _fits(cells, _waves(directions)[seen])
    found = np.zeros(4)
    for chance, reach, strength in zip(chances, _REACHES_MM, strengths, strict=True):
        strength = np.maximum(strength, 0.0)
        strongest = float(np.percentile(strength, 90))
        extent = reach * (1.0 - SEEN_HU / max(strongest, SEEN_HU))
        found += chance * np.array([strength.mean(), strongest, reach, extent])
    return dict(zip(names, map(float, found), strict=True))


def _cells(scene: LesionScene, liver: LiverReference) -> _Cells:
    plain = liver.plain & (liver.others_mm > _OTHERS_REACH_MM)
    excess = _excess(scene, liver, plain)
    use = plain & (scene.apart > _FROM_MM) & (scene.apart < _TO_MM)
    k, i, j = np.nonzero(use)
    slices, rows, columns = np.nonzero(scene.lesion)
    angle = np.arctan2(i - rows.mean(), j - columns.mean())
    sector = ((angle + np.pi) / (2 * np.pi) * _SECTORS).astype(int) % _SECTORS
    bins = round((_TO_MM - _FROM_MM) / _BIN_MM)
    ring = np.minimum(((scene.apart[use] - _FROM_MM) / _BIN_MM).astype(int), bins - 1)
    key = (k * _SECTORS + sector) * bins + ring
    number = len(scene.lesion) * _SECTORS * bins
    voxels = np.bincount(key, minlength=number)
    total = np.bincount(key, excess[use], minlength=number)
    full = np.flatnonzero(voxels >= _FEWEST_IN_CELL)
    return _Cells(
        total[full] / voxels[full],
        voxels[full].astype(np.float64),
        ((full // bins) % _SECTORS + 0.5) / _SECTORS * 2 * np.pi - np.pi,
        (full // (bins * _SECTORS) - slices.mean()) * scene.slice_mm,
        np.asarray(_FROM_MM + _BIN_MM * (full % bins + 0.5), dtype=np.float64),
    )


def _excess(scene: LesionScene, liver: LiverReference, plain: Mask) -> Map:
    """Arterial HU beyond what distant liver and the portal venous phase foretell."""
    arterial = scene.arterial - liver.level_hu[0]
    shared = smoothed_within(scene.portal, plain, _SHARED_MM) - liver.level_hu[1]
    far = plain & (scene.apart > _FAR_MM) & (scene.apart < _FAR_TO_MM)
    if np.count_nonzero(far) < _FEWEST_FAR:
        return np.asarray(arterial, dtype=np.float32)
    x = shared[far].astype(np.float64)
    y = smoothed_within(arterial, plain, _SHARED_MM)[far].astype(np.float64)
    x -= x.mean()
    slope = float(np.clip((x * (y - y.mean())).sum() / max((x * x).sum(), 1e-9), 0.0, _MOST_SHARED))
    excess = arterial - slope * shared
    return np.asarray(excess - np.median(excess[far]), dtype=np.float32)


def _waves(angle: Values) -> Values:
    """Smooth functions of direction: constant, and as many waves about the lesion."""
    parts = [np.ones_like(angle)]
    for order in range(1, _ORDERS + 1):
        parts += [np.cos(order * angle), np.sin(order * angle)]
    return np.stack(parts, axis=1)


def _near(cells: _Cells, angle: float) -> bool:
    """Whether enough liver is seen beside the lesion in a direction."""
    turned = np.abs(np.angle(np.exp(1j * (cells.angle - angle))))
    return int(np.count_nonzero((turned < 0.3) & (cells.distance_mm < 14.0))) >= 3


def _fits(cells: _Cells, waves: Values) -> tuple[Values, list[Values]]:
    """Chance of each reach, and the strength in the directions of ``waves`` that goes with it."""
    around = _waves(cells.angle)
    height = np.clip(cells.height_mm / _HEIGHT_MM, -1.0, 1.0)[:, None]
    strength = np.concatenate([around, height * around[:, :3]], axis=1)
    level = around[:, :3]
    orders = np.repeat(np.arange(1, _ORDERS + 1), 2)
    spread = np.concatenate(
        [[_STRENGTH_HU], _VARIATION_HU / orders, [_VARIATION_HU] * 3, [_LEVEL_HU] * 3]
    )
    error = np.sqrt(_CELL_HU**2 + _VOXEL_HU**2 / cells.voxels)
    weight = 1.0 / (error**2 * _ALIKE)
    designs = [
        np.concatenate([strength * np.clip(1 - cells.distance_mm / reach, 0, None)[:, None], level], 1)
        for reach in _REACHES_MM
    ]  # fmt: skip
    rest = None
    for _ in range(2):
        trust = weight
        if rest is not None:
            trust = weight * np.minimum(1.0, _OUTLIER * error / np.maximum(np.abs(rest), 1e-6))
        solved = [_ridge(d, cells.excess_hu, trust, spread) for d in designs]
        costs = np.array([cost for _, cost in solved])
        costs += ((_REACHES_MM - _USUAL_MM[0]) / _USUAL_MM[1]) ** 2
        best = int(costs.argmin())
        rest = cells.excess_hu - designs[best] @ solved[best][0]
    chances = np.exp(-0.5 * (costs - costs.min()))
    return chances / chances.sum(), [waves @ c[: waves.shape[1]] for c, _ in solved]


def _ridge(design: Values, values: Values, weight: Values, spread: Values) -> tuple[Values, float]:
    """Coefficients, and −2 log of the probability of the values with the coefficients averaged out."""
    weighted = design * weight[:, None]
    precision = design.T @ weighted + np.diag(1.0 / spread**2)
    found = np.linalg.solve(precision, weighted.T @ values)
    rest = values - design @ found
    cost = (weight * rest**2).sum() + (found**2 / spread**2).sum()
    return np.asarray(found, dtype=np.float64), float(cost + np.linalg.slogdet(precision)[1])
