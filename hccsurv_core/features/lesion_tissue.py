"""What a lesion is made of: viable tissue and tissue that does not enhance, and how each measures.

Necrosis hardly takes up contrast in either phase, so each voxel is judged by both at once. Blur mixes
a voxel with its neighborhood; the share of dead tissue and of liver in each voxel is estimated and
taken out before viable tissue is measured, so that thin walls about a necrosis count as well as a
solid lesion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.features.lesion_reference import LiverReference, robust_spread, smoothed_within
from hccsurv_core.features.lesion_scene import LesionScene, Map, Mask

#: Soft tissue that does not enhance, arterial and portal venous, HU: unenhanced necrosis measures
#: 15 to 48 (:data:`_DEAD_RANGE_HU`), between fluid and unenhanced liver.
_DEAD_HU, _DEAD_RANGE_HU = (30.0, 32.0), (15.0, 48.0)
#: Where the search for viable tissue begins, relative to liver, HU: the signs' usual direction.
_VIABLE_START_HU = (15.0, -20.0)
_START_SPREAD_HU, _SPREAD_RANGE_HU = (12.0, 10.0), (5.0, 30.0)
_ROUNDS = 10
#: Lower is fat or gas; so far above liver is a vessel, calcium or lipiodol.
_LOWEST_HU, _HIGHEST_ABOVE_LIVER_HU = -30.0, (140.0, 70.0)
#: Voxels are judged by their mean over about this, mm.
_JUDGED_MM = 1.5
#: Blur of a scan in plane (mm) and the share of a voxel that lies in the next slice.
_BLUR_MM, _NEXT_SLICE = 1.2, 0.2
#: Viable tissue is measured this deep, where at least this share of a voxel is of it: nearer to the
#: margin a capsule would count as the lesion's inside.
_DEPTHS_MM = ((3.5, 0.9), (3.5, 0.7), (2.5, 0.5))
#: Heterogeneity is measured where a voxel is nothing but viable tissue, deep enough below the edge.
_PURE = ((5.0, 0.9), (3.5, 0.85), (2.5, 0.7))
_FEWEST_VOXELS, _FEWEST_PURE = 80, 100
#: Grain finer than this is noise, mm.
_GRAIN_MM = 1.0
_MIXED_LEAST = 0.2


@dataclass(frozen=True, eq=False)
class LesionTissue:
    """A lesion's voxels sorted.

    Args:
        solid: voxels of soft tissue inside the outline.
        dead: those that do not enhance.
        viable_hu: of viable tissue, arterial and portal venous.
        dead_hu: of tissue that does not enhance.
        unmixed: (arterial, portal venous) HU with the shares of dead tissue and liver taken out.
        share: share of viable tissue in each voxel.
    """

    solid: Mask
    dead: Mask
    viable_hu: tuple[float, float]
    dead_hu: tuple[float, float]
    unmixed: tuple[Map, Map]
    share: Map


def sort_tissue(scene: LesionScene, liver: LiverReference) -> LesionTissue:
    """Tell viable from dead tissue, and estimate what each voxel would measure unmixed."""
    level = liver.level_hu
    solid = scene.lesion.copy()
    for image, hu, above in zip(scene.images, level, _HIGHEST_ABOVE_LIVER_HU, strict=True):
        solid &= (image > _LOWEST_HU) & (image < hu + above)
    values = np.stack([smoothed_within(i, solid, _JUDGED_MM)[solid] for i in scene.images])
    vital, dead_hu, viable_hu = _two_tissues(values.astype(np.float64), level)
    dead = np.zeros(scene.lesion.shape, dtype=bool)
    dead[solid] = vital < 0.5
    share_dead, share_liver = _blurred(dead), _blurred(~scene.lesion)
    share = (1.0 - share_dead - share_liver).astype(np.float32)
    beside = _beside(scene, level)
    unmixed = [
        (i - d * share_dead - b * share_liver) / np.maximum(share, _MIXED_LEAST)
        for i, d, b in zip(scene.images, dead_hu, beside, strict=True)
    ]
    return LesionTissue(
        solid, dead, (float(viable_hu[0]), float(viable_hu[1])),
        (float(dead_hu[0]), float(dead_hu[1])), (unmixed[0], unmixed[1]), share,
    )  # fmt: skip


def enhancement_signs(
    scene: LesionScene, liver: LiverReference, tissue: LesionTissue
) -> dict[str, float]:
    """Hyperenhancement and washout of viable tissue, HU; NaN where hardly any is left."""
    names = ("arterial_hyperenhancement_hu", "arterial_brightest_hu", "washout_hu")
    core = _core(scene, tissue, _DEPTHS_MM, _FEWEST_VOXELS)
    if core is None:
        return dict.fromkeys(names, float("nan"))
    weight = tissue.share[core].astype(np.float64) ** 2
    arterial, portal = (image[core].astype(np.float64) for image in tissue.unmixed)
    return dict(
        zip(
            names,
            (
                _quantile(arterial, weight, 0.5) - liver.level_hu[0],
                _quantile(arterial, weight, 0.75) - liver.level_hu[0],
                liver.level_hu[1] - _quantile(portal, weight, 0.5),
            ),
            strict=True,
        )
    )


def necrosis_share(tissue: LesionTissue) -> float:
    """Share of the lesion's volume that does not enhance."""
    solid = np.count_nonzero(tissue.solid)
    return float(np.count_nonzero(tissue.dead) / solid) if solid else float("nan")


def heterogeneity_signs(
    scene: LesionScene, liver: LiverReference, tissue: LesionTissue
) -> dict[str, float]:
    """Spread of viable tissue beyond noise, HU: by phase, and what both phases share."""
    names = ("heterogeneity_arterial_hu", "heterogeneity_portal_hu", "heterogeneity_common_hu")
    core = _core(scene, tissue, _PURE, _FEWEST_PURE)
    if core is None:
        return dict.fromkeys(names, float("nan"))
    deviations = []
    for image in tissue.unmixed:
        rest = (image - np.median(image[core])).astype(np.float32)
        deviations.append(smoothed_within(rest, core, _GRAIN_MM)[core])
    spreads = [robust_spread(d) for d in deviations]
    both, apart = (robust_spread(deviations[0] + s * deviations[1]) for s in (1, -1))
    common = (both**2 - apart**2) / 4.0
    return dict(zip(names, (*spreads, float(np.sign(common) * np.sqrt(abs(common)))), strict=True))


def _two_tissues(
    values: NDArray[np.float64], level: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Share of vitality of each voxel, and the HU of dead and viable tissue.

    Voxels are placed on the line between the two tissues, in units of their spread, and the
    tissues' HU taken anew from the voxels at its ends, until that settles.
    """
    dead = np.array(_DEAD_HU)
    viable = np.array(level) + np.array(_VIABLE_START_HU)
    spread = np.array(_START_SPREAD_HU)
    vital = np.ones(values.shape[1])
    for _ in range(_ROUNDS):
        weight = (viable - dead) / spread**2
        vital = (weight @ (values - dead[:, None])) / (weight @ (viable - dead))
        surely, gone = vital > 0.7, vital < 0.3
        if np.count_nonzero(surely) > 20:
            viable = np.median(values[:, surely], axis=1)
            found = [robust_spread(v[surely]) for v in values]
            spread = np.clip(found, *_SPREAD_RANGE_HU)
        if np.count_nonzero(gone) > 30:
            dead = np.clip(np.median(values[:, gone], axis=1), *_DEAD_RANGE_HU)
    return vital, dead, viable


def _blurred(mask: Mask) -> Map:
    """Share of a mask in each voxel of a scan with ordinary blur."""
    from scipy.ndimage import gaussian_filter

    plane = gaussian_filter(mask.astype(np.float32), (0.0, _BLUR_MM, _BLUR_MM))
    found = plane.copy()
    found[1:] += np.float32(_NEXT_SLICE) * (plane[:-1] - plane[1:])
    found[:-1] += np.float32(_NEXT_SLICE) * (plane[1:] - plane[:-1])
    return found


def _beside(scene: LesionScene, level: tuple[float, float]) -> list[float]:
    """HU of the liver right beside the lesion: what its edge is mixed with."""
    ring = scene.liver & (scene.distance > 2.0) & (scene.distance < 7.0) & (scene.surface < -2.0)
    if np.count_nonzero(ring) < _FEWEST_VOXELS:
        return list(level)
    return [float(np.median(image[ring])) for image in scene.images]


def _core(
    scene: LesionScene,
    tissue: LesionTissue,
    demands: tuple[tuple[float, float], ...],
    fewest: int,
) -> Mask | None:
    """Viable voxels deep enough and pure enough, as deep and pure as there are enough of."""
    for depth_mm, share in demands:
        core = tissue.solid & ~tissue.dead & (scene.distance < -depth_mm) & (tissue.share > share)
        if np.count_nonzero(core) >= fewest:
            return core
    return None


def _quantile(values: NDArray[np.float64], weight: NDArray[np.float64], share: float) -> float:
    order = np.argsort(values)
    total = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(total, share * total[-1])])
