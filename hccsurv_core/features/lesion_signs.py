"""Signs of a hepatocellular carcinoma on arterial and portal venous CT, measured as numbers.

What a radiologist names (LI-RADS' hyperenhancement, washout and capsule; necrosis, corona, ragged
margin, mosaic) is measured in HU, mm and shares, on both phases brought to one grid. Several signs
are views of one cause; a model that takes them together tells the cause better than each does.
Nothing here was fitted to patients or outcomes: every number is a measurement on the picture.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hccsurv_core.features.lesion_capsule import capsule_signs
from hccsurv_core.features.lesion_corona import SEEN_HU, corona_signs
from hccsurv_core.features.lesion_margin import find_margin, margin_signs
from hccsurv_core.features.lesion_rays import margin_rays
from hccsurv_core.features.lesion_reference import LiverReference, measure_liver
from hccsurv_core.features.lesion_scene import STEP_MM, LesionScene, build_scene
from hccsurv_core.features.lesion_tissue import (
    enhancement_signs,
    heterogeneity_signs,
    necrosis_share,
    sort_tissue,
)
from hccsurv_core.imaging.lesion_crops import LesionPhase

Group = Literal["size", "enhancement", "necrosis", "capsule", "corona", "margin", "heterogeneity"]


@dataclass(frozen=True)
class LesionSign:
    """One number that is measured of a lesion.

    Args:
        name: key of the value.
        label: as a page shows it.
        unit: "mm", "HU", or "" for a share.
        group: what it tells of.
        meaning: how it is measured, in a sentence.
    """

    name: str
    label: str
    unit: str
    group: Group
    meaning: str


#: All signs, in the order of the values.
SIGNS: tuple[LesionSign, ...] = (
    LesionSign(
        "diameter_mm", "Largest diameter in view", "mm", "size",
        "Longest distance between two points of the outline on one slice.",
    ),
    LesionSign(
        "arterial_hyperenhancement_hu", "Arterial hyperenhancement", "HU", "enhancement",
        "Median of viable tissue minus liver far from the lesion, arterial phase.",
    ),
    LesionSign(
        "arterial_brightest_hu", "Arterial hyperenhancement of the brightest quarter", "HU",
        "enhancement",
        "What a quarter of viable tissue exceeds, minus liver far from the lesion, arterial phase.",
    ),
    LesionSign(
        "washout_hu", "Washout", "HU", "enhancement",
        "Liver far from the lesion minus median of viable tissue, portal venous phase.",
    ),
    LesionSign(
        "necrosis_share", "Necrosis", "", "necrosis",
        "Share of the lesion's volume that enhances in neither phase.",
    ),
    LesionSign(
        "capsule_share", "Capsule", "", "capsule",
        "Share of the margin with a rim more than 6 HU brighter than lesion and liver beside it, "
        "portal venous phase.",
    ),
    LesionSign(
        "capsule_soft_share", "Capsule, faint rims counted in part", "", "capsule",
        "As the capsule's share, where a rim counts from nothing at 2 HU to one at 12 HU.",
    ),
    LesionSign(
        "capsule_relative_share", "Capsule, relative to its own brightness", "", "capsule",
        "Share of the margin whose rim is at least half as bright as the lesion's brightest tenth.",
    ),
    LesionSign(
        "capsule_rim_hu", "Brightness of the rim", "HU", "capsule",
        "What the brightest tenth of the rim exceeds lesion and liver beside it by.",
    ),
    LesionSign(
        "capsule_whole_share", "Capsule, whole margin", "", "capsule",
        "As the capsule's share, with the margin that bulges out of the liver.",
    ),
    LesionSign(
        "capsule_whole_soft_share", "Capsule, whole margin, faint rims counted in part", "",
        "capsule", "As the soft share, with the margin that bulges out of the liver.",
    ),
    LesionSign(
        "corona_hu", "Corona", "HU", "corona",
        "Arterial enhancement of the liver at the margin beyond liver far away, mean of all "
        "directions.",
    ),
    LesionSign(
        "corona_strongest_hu", "Corona where it is strongest", "HU", "corona",
        "As the corona, in the tenth of directions in which it is strongest.",
    ),
    LesionSign(
        "corona_reach_mm", "Reach of the corona", "mm", "corona",
        "Distance from the margin at which the corona ends; near 16 mm where there is none to tell.",
    ),
    LesionSign(
        "corona_extent_mm", "Extent of the corona", "mm", "corona",
        f"Distance from the margin up to which the corona exceeds {SEEN_HU:g} HU.",
    ),
    LesionSign(
        "outline_raggedness_mm", "Raggedness of the outline", "mm", "margin",
        "How far the drawn outline wanders at a scale of 1.5 to 3 mm, where it borders on liver.",
    ),
    LesionSign(
        "edge_raggedness_mm", "Raggedness of the edge", "mm", "margin",
        "The same of the edge that both images show near the outline.",
    ),
    LesionSign(
        "edge_waviness_mm", "Waviness of the edge", "mm", "margin",
        "How far the edge in the images wanders at a scale of 3 to 6 mm.",
    ),
    LesionSign(
        "edge_blur_mm", "Blur of the edge", "mm", "margin",
        "Contrast across the edge over its steepest slope, in the phase with more contrast.",
    ),
    LesionSign(
        "heterogeneity_arterial_hu", "Heterogeneity, arterial", "HU", "heterogeneity",
        "Spread of viable tissue in the arterial phase.",
    ),
    LesionSign(
        "heterogeneity_portal_hu", "Heterogeneity, portal venous", "HU", "heterogeneity",
        "Spread of viable tissue in the portal venous phase.",
    ),
    LesionSign(
        "heterogeneity_common_hu", "Heterogeneity common to both phases", "HU", "heterogeneity",
        "Spread of viable tissue that both phases show alike, which noise does not.",
    ),
)  # fmt: skip

#: Liver nearer than this was the reference: it may belong to a corona, mm.
_NEAR_MM = 15.0


@dataclass(frozen=True, eq=False)
class LesionSigns:
    """What was measured of one lesion.

    Args:
        values: name → value, in the order of :data:`SIGNS`; NaN where it could not be measured.
        warnings: what a reader should know, in words.
    """

    values: Mapping[str, float]
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Values (null for NaN) with their labels and units, and the warnings."""
        return {
            "signs": [
                {
                    "name": s.name,
                    "label": s.label,
                    "unit": s.unit,
                    "group": s.group,
                    "value": None if math.isnan(self.values[s.name]) else self.values[s.name],
                }
                for s in SIGNS
            ],
            "warnings": list(self.warnings),
        }


def measure_lesion_signs(arterial: LesionPhase, portal: LesionPhase) -> LesionSigns:
    """Measure a lesion on both phases.

    Args:
        arterial, portal: canonical CT of one examination with outlines of the lesion and the liver
            on its grid; the phases may lie displaced, and their grids may differ.

    Raises:
        GeometryError: a volume is not canonical, or an outline is not on its grid.
        InputError: an outline is missing or empty, lies outside the liver, is too small, or the
            outlines cannot be of one lesion.
    """
    scene = build_scene(arterial, portal)
    liver = measure_liver(scene)
    tissue = sort_tissue(scene, liver)
    rays = margin_rays(scene)
    margins = [find_margin(scene, liver, tissue, r) for r in rays]
    measured = {
        "diameter_mm": _diameter_mm(scene),
        "necrosis_share": necrosis_share(tissue),
        **enhancement_signs(scene, liver, tissue),
        **capsule_signs(scene, liver, rays, margins),
        **corona_signs(scene, liver),
        **margin_signs(scene, rays, margins),
        **heterogeneity_signs(scene, liver, tissue),
    }
    values = {sign.name: float(measured[sign.name]) for sign in SIGNS}
    return LesionSigns(values, _warnings(scene, liver, values))


def _diameter_mm(scene: LesionScene) -> float:
    """Longest distance within the outline of one slice."""
    from scipy.spatial import ConvexHull, QhullError
    from scipy.spatial.distance import pdist

    longest = 0.0
    for plane in scene.lesion:
        points = np.argwhere(plane).astype(np.float64) * STEP_MM
        if len(points) < 3:
            continue
        try:
            corners = points[ConvexHull(points).vertices]
        except QhullError:  # all on one line
            corners = points[[0, -1]]
        longest = max(longest, float(pdist(corners).max()) + STEP_MM)
    return longest


def _warnings(
    scene: LesionScene, liver: LiverReference, values: Mapping[str, float]
) -> tuple[str, ...]:
    found = []
    if scene.cut_off:
        found.append("the lesion reaches the first or last slice: what lies beyond is not measured")
    if liver.from_mm < _NEAR_MM:
        found.append(
            f"little liver is seen about the lesion: it was compared with liver from "
            f"{liver.from_mm:g} mm on, which may belong to its corona"
        )
    groups = dict.fromkeys(s.group for s in SIGNS if math.isnan(values[s.name]))
    if groups:
        found.append(f"could not be measured: {', '.join(groups)}")
    return tuple(found)
