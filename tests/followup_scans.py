"""A small chest and abdomen with lesions of known size, for tests of system 4 on stored patients."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hccsurv_core.roi.regions import Region, region_of
from hccsurv_core.volume import Volume

SHAPE = (30, 80, 96)
MM = (5.0, 4.0, 4.0)
LIVER, LUNGS = slice(2, 14), slice(16, 29)
#: Where lesions lie (slice, row, column); the third is in a lung, the fourth in neither organ.
PLACES = {"Lesion 1": (7, 40, 30), "Lesion 2": (10, 30, 40), "Lesion 3": (22, 40, 26),
          "Node": (8, 66, 70)}  # fmt: skip


def small_scan(
    diameters_mm: Mapping[str, float], *, seed: int = 0, thin: int = 1, organs: bool = True
) -> tuple[Volume, tuple[Region, ...]]:
    """A scan and its outlines.

    Args:
        diameters_mm: of the lesions, by their names; places are :data:`PLACES`.
        seed: of the noise.
        thin: how many slices stand for one of 5 mm.
        organs: whether liver and lungs are outlined.
    """
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    body = (((y - 40) / 34) ** 2 + ((x - 48) / 44) ** 2 < 1) & (z >= 0)
    hu = np.where(body, 40.0, -1000.0)
    liver = np.zeros(SHAPE, dtype=bool)
    liver[LIVER, 20:58, 12:56] = True
    lungs = np.zeros(SHAPE, dtype=bool)
    lungs[LUNGS, 22:58, 14:40] = lungs[LUNGS, 22:58, 56:82] = True
    hu[liver], hu[lungs] = 110.0, -850.0
    regions = []
    for name, diameter in diameters_mm.items():
        mask = _ball(PLACES[name], diameter)
        hu[mask] = 60.0
        regions.append(region_of(name.lower().replace(" ", "-"), name, _repeated(mask, thin)))
    if organs:
        regions += [
            region_of("liver-1", "Liver", _repeated(liver, thin)),
            region_of("lungs-1", "Lungs", _repeated(lungs, thin)),
        ]
    rng = np.random.default_rng(seed)
    voxels = _repeated(hu, thin) + 8 * rng.standard_normal((SHAPE[0] * thin, *SHAPE[1:]))
    affine = np.diag([MM[2], MM[1], MM[0] / thin, 1.0])
    return Volume(voxels.astype(np.int16), affine), tuple(regions)


def _ball(center: tuple[int, int, int], diameter_mm: float) -> np.ndarray:
    away = sum(
        ((axis - c) * mm) ** 2
        for axis, c, mm in zip(
            np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]], center, MM, strict=True
        )
    )
    return np.asarray(away <= (diameter_mm / 2) ** 2)


def _repeated(values: np.ndarray, thin: int) -> np.ndarray:
    return np.repeat(values, thin, axis=0) if thin > 1 else values
