"""How much tissue differs from place to place, with speckle's own spread taken away.

The picture of a region is averaged into cells. What remains is the sum of two patterns: tissue that
changes at a grain of :data:`GRAIN_MM`, and speckle, whose correlation along and across the beam is
measured in the liver beside. Both are taken for Gaussian processes in decibels, and the spread of
each is found by its likelihood (restricted: the mean and the edge's profile are fitted). What leveling
leaves behind, a slope over the lesion and beams a little brighter than others, is taken for a part of
the speckle, a weak one of fixed strength. A lesion holds few patches, so their own spread is told
beside that of the process they are drawn from: the first is surer of many patches, the second of few,
and the mean of both is what a sign takes (:attr:`Spread.log2_db`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Map = NDArray[np.float64]

#: Standard deviation of the blur that makes patches of this grain, mm: patches about 4 mm across.
GRAIN_MM = 1.5
#: At most so many cells, none smaller than this, mm. Work grows with the third power of the cells.
_CELLS, _SMALLEST_CELL_MM = 400, 1.0
#: Spreads that are tried, dB: of tissue, and of speckle averaged over a cell.
_TISSUE_DB = np.geomspace(0.25, 10.0, 32)
_SPECKLE_DB = np.geomspace(0.5, 4.0, 22)
#: Weak belief about the spread of tissue: most likely 2 dB, within a factor of e^0.7.
_BELIEF_DB, _BELIEF_SPREAD = 2.0, 0.7
#: Share of the cells' speckle that neighbors do not share.
_NUGGET = 0.05
#: What leveling leaves, over the variance of a cell's speckle: beams, alike over so many mm across, and
#: a slope along and across the beam over 10 mm. Ours: about a third of speckle's 1.5 dB.
_BEAM_SHARE, _BEAM_MM, _SLOPE_SHARE = 0.1, 5.0, 0.1
#: A spread is not told of fewer cells.
_FEWEST_CELLS = 12
_DB = 10 / np.log(10)


@dataclass(frozen=True)
class Spread:
    """Spread of a region.

    Args:
        patches_db: standard deviation of the tissue's patches in the region, dB.
        tissue_db: that of the process behind them.
        speckle_db: that of speckle in a cell.
        mean_db: mean over the cells.
    """

    patches_db: float
    tissue_db: float
    speckle_db: float
    mean_db: float

    @property
    def log2_db(self) -> float:
        """Mean of the logarithms to base 2 of both spreads."""
        return 0.5 * float(np.log2(self.patches_db) + np.log2(self.tissue_db))


def speckle_lengths(
    decibels: Map, liver: Mask, spacing_mm: tuple[float, float]
) -> tuple[float, float] | None:
    """Correlation lengths (standard deviations of a Gaussian) of speckle down and across, mm.

    None where there is no speckle: most of the region is black or white.

    Args:
        decibels: (rows, columns).
        liver: tissue without vessels.
        spacing_mm: size of a pixel.
    """
    from scipy.ndimage import gaussian_filter

    sigma = [3.0 / s for s in spacing_mm]
    share = np.maximum(gaussian_filter(liver.astype(float), sigma), 1e-3)
    rest = decibels - gaussian_filter(np.where(liver, decibels, 0.0), sigma) / share
    spread = 1.4826 * float(np.median(np.abs(rest[liver])))
    if not spread > 0:
        return None
    kept = liver & (np.abs(rest) < 3.5 * spread)
    rest = np.where(kept, rest, 0.0)
    variance = float((rest[kept] ** 2).mean())
    found = []
    for axis, (base_mm, reach_mm) in enumerate(((2.2, 0.75), (3.4, 1.4))):
        step = spacing_mm[axis]
        lags = np.arange(1, max(2, int(reach_mm / step) + 1))
        base = max(0.0, _lagged(rest, kept, axis, round(base_mm / step)) / variance)
        seen = np.array([_lagged(rest, kept, axis, int(k)) for k in lags]) / variance
        seen = np.clip((seen - base) / max(1 - base, 1e-3), 0.02, 0.97)
        weight, mm = seen**2, lags * step
        slope = (weight * -np.log(seen) * mm**2).sum() / (weight * mm**4).sum()
        found.append(float(1 / np.sqrt(2 * slope)))
    return found[0], found[1]


def _lagged(values: Map, kept: Mask, axis: int, lag: int) -> float:
    a, b = np.moveaxis(values, axis, 0), np.moveaxis(kept, axis, 0)
    both = b[lag:] & b[:-lag]
    return float((a[lag:] * a[:-lag])[both].mean()) if both.any() else 0.0


def spread_of(
    power: Map,
    region: Mask,
    profile: Map | None,
    lengths_mm: tuple[float, float],
    spacing_mm: tuple[float, float],
    grain_mm: float = GRAIN_MM,
) -> Spread | None:
    """Spread of a region's tissue; None where it has too few cells.

    Args:
        power: (rows, columns) linear.
        region: what is measured.
        profile: (rows, columns) distance to the edge, mm: a profile along it is fitted; or None.
        lengths_mm: of speckle, down and across.
        spacing_mm: size of a pixel.
        grain_mm: standard deviation of the blur that makes patches of this grain.
    """
    area = float(region.sum()) * spacing_mm[0] * spacing_mm[1]
    if area < _FEWEST_CELLS * _SMALLEST_CELL_MM**2 / 2:
        return None
    cell = max(_SMALLEST_CELL_MM, float(np.sqrt(area / _CELLS)))
    level, place, edge = _cells(power, region, profile, cell, spacing_mm)
    if len(level) < _FEWEST_CELLS:
        return None
    squared = (place[:, None] - place[None]) ** 2
    # Patches averaged over a cell are wider and fainter.
    wide = grain_mm**2 + cell**2 / 12
    tissue = grain_mm**2 / wide * np.exp(-squared.sum(-1) / (4 * wide))
    trend = [np.ones(len(level))]
    if edge is not None:
        trend += [np.exp(-((edge / 0.7) ** 2)), np.exp(-((edge - 0.9) ** 2))]
    return _fit(level, tissue, _noise(place, squared, lengths_mm, cell), np.stack(trend, 1))


def _noise(place: Map, squared: Map, lengths_mm: tuple[float, float], cell: float) -> Map:
    """Covariance of the cells' speckle, of variance 1, and of what leveling leaves beside it."""
    down, across = (length**2 + cell**2 / 6 for length in lengths_mm)
    speckle = np.exp(-squared[..., 0] / (2 * down) - squared[..., 1] / (2 * across))
    speckle = speckle * (1 - _NUGGET) + _NUGGET * np.eye(len(place))
    beams = _BEAM_SHARE * np.exp(-squared[..., 1] / (2 * _BEAM_MM**2))
    toward = (place - place.mean(0)) / 10
    found: Map = speckle + beams + _SLOPE_SHARE * toward @ toward.T
    return found


def _cells(
    power: Map, region: Mask, profile: Map | None, cell: float, spacing_mm: tuple[float, float]
) -> tuple[Map, Map, Map | None]:
    """Decibels, place (mm) and edge distance of cells that are at least half covered."""
    rows, columns = np.nonzero(region)
    y, x = rows * spacing_mm[0], columns * spacing_mm[1]
    down, across = ((v - v.min()) / cell for v in (y, x))
    at = down.astype(int) * (int(across.max()) + 1) + across.astype(int)
    count = np.bincount(at)
    kept = count * spacing_mm[0] * spacing_mm[1] > 0.5 * cell**2

    def mean(values: NDArray[np.floating]) -> Map:
        found: Map = np.bincount(at, values)[kept] / count[kept]
        return found

    level = _DB * np.log(np.maximum(mean(power[region]), 1e-9))
    edge = None if profile is None else mean(profile[region])
    return level, np.stack([mean(y), mean(x)], 1), edge


def _fit(level: Map, tissue: Map, speckle: Map, trend: Map) -> Spread:
    """Spread of both processes by their restricted likelihood on a grid."""
    from scipy.linalg import eigh

    n = len(level)
    # The part of the cells' space that the trend does not reach.
    free = np.linalg.qr(trend, mode="complete")[0][:, trend.shape[1] :]
    shared = free.T @ speckle @ free
    size, turn = eigh(free.T @ tissue @ free, shared)
    size = np.maximum(size, 0)
    score = turn.T @ (free.T @ level)
    variance = _TISSUE_DB[:, None, None] ** 2 * size + _SPECKLE_DB[None, :, None] ** 2
    fit = -0.5 * (np.log(variance) + score**2 / variance).sum(-1)
    fit -= 0.5 * (np.log(_TISSUE_DB / _BELIEF_DB) / _BELIEF_SPREAD)[:, None] ** 2
    weight = np.exp(fit - fit.max())
    weight /= weight.sum()
    of_tissue = weight.sum(1)
    log_tissue = float((of_tissue * np.log(_TISSUE_DB)).sum())
    back = shared @ turn
    squares, ones = back.T @ back, (back**2).sum(0)
    log_patches = 0.0
    for k, a in enumerate(_TISSUE_DB):
        if of_tissue[k] < 1e-5:
            continue
        noise = _SPECKLE_DB[int(fit[k].argmax())]
        gain = a * a * size / (a * a * size + noise**2)
        known = gain * score
        total = float(known @ squares @ known + (ones * gain * noise**2).sum()) / n
        log_patches += of_tissue[k] * 0.5 * np.log(max(total, 1e-3))
    return Spread(
        float(np.exp(log_patches)),
        float(np.exp(log_tissue)),
        float((weight.sum(0) * _SPECKLE_DB).sum()),
        float(level.mean()),
    )
