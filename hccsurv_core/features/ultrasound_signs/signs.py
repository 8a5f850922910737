"""Signs of a focal liver lesion on a grayscale still and on the contrast still of its peak, as numbers.

What a sonographer names (hyperenhancement, patchy uptake, dead parts, capsule, halo, mosaic, lobulated
outline, satellites) is measured in dB, mm and shares. Each sign compares within one picture, with
liver at the same depth and on the same beam, so that gain, depth compensation and the side that a
panel stands on do not change it. Signs of what multiplies (spread, lobulation) are logarithms to base
2: one more is twice as much. Signs of one group are views of one trait and point the same way.
Nothing here was fitted to patients or outcomes: every number is a measurement on the picture.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from hccsurv_core.errors import InputError
from hccsurv_core.features.ultrasound_signs.edge import halo_db, rim_db
from hccsurv_core.features.ultrasound_signs.nodules import find_satellites
from hccsurv_core.features.ultrasound_signs.outline_shape import outline_shape
from hccsurv_core.features.ultrasound_signs.scene import Mask, StillScene, build_scene
from hccsurv_core.features.ultrasound_signs.spread import Spread, speckle_lengths, spread_of
from hccsurv_core.features.ultrasound_signs.viable import find_viable
from hccsurv_core.imaging.ultrasound_still import CONTRAST, GRAYSCALE, KINDS, Still

Group = Literal[
    "size", "shape", "enhancement", "necrosis", "heterogeneity", "mosaic", "capsule", "margin",
    "satellites", "echogenicity", "parenchyma",
]  # fmt: skip


@dataclass(frozen=True)
class UltrasoundSign:
    """One number that is measured of a lesion.

    Args:
        name: key of the value.
        label: as a page shows it.
        unit: "mm", "dB", "log2 dB", "log2", or "" for a share or a count.
        group: the trait it tells of.
        meaning: how it is measured, in a sentence.
    """

    name: str
    label: str
    unit: str
    group: Group
    meaning: str


#: Goes up where the same stills give other numbers: a model of other numbers must not take them.
SIGNS_VERSION = 2
#: All signs, in the order of the values.
SIGNS: tuple[UltrasoundSign, ...] = (
    UltrasoundSign(
        "diameter_mm", "Largest diameter", "mm", "size",
        "Longest distance between two points of the outline, mean of both stills.",
    ),
    UltrasoundSign(
        "aspect", "Short over long axis", "", "shape",
        "Axes of the ellipse that fits the outline best, mean of both stills.",
    ),
    UltrasoundSign(
        "enhancement_db", "Enhancement against liver", "dB", "enhancement",
        "Mean level of the enhancing part at the peak against liver at the same depth, less what the "
        "beam's width adds to a patchy lesion.",
    ),
    UltrasoundSign(
        "necrosis_share", "Without contrast agent", "", "necrosis",
        "Share of the lesion's interior about 11 dB below the rest, or more.",
    ),
    UltrasoundSign(
        "heterogeneity_log2", "Patchiness of the enhancement", "log2 dB", "heterogeneity",
        "Spread of the enhancing part at a grain of 1.5 mm, speckle taken away.",
    ),
    UltrasoundSign(
        "level_spread_log2", "Spread of the enhancement", "log2 dB", "heterogeneity",
        "Spread of the enhancing part's levels, averaged over 0.6 mm, speckle included.",
    ),
    UltrasoundSign(
        "mosaic_log2", "Mosaic without contrast", "log2 dB", "mosaic",
        "Spread of the lesion on the grayscale still at a grain of 1.5 mm, speckle taken away.",
    ),
    UltrasoundSign(
        "lobulation_log2", "Lobulation of the outline", "log2", "margin",
        "How far the outline wanders from its ellipse in 3 to 12 waves, over its radius, mean of "
        "both stills.",
    ),
    UltrasoundSign(
        "rim_db", "Enhancing rim", "dB", "capsule",
        "Level within 2 mm of the outline minus that of the enhancing part farther in, at the peak.",
    ),
    UltrasoundSign(
        "halo_db", "Dark halo", "dB", "capsule",
        "How far the grayscale level within 1.2 mm outside the outline falls below a blurred edge's.",
    ),
    UltrasoundSign(
        "satellites", "Satellites", "", "satellites",
        "Round nodules of 3 to 12 mm within 24 mm that enhance nearly as the lesion does.",
    ),
    UltrasoundSign(
        "satellite_clearness", "Clearest satellite", "", "satellites",
        "Mean level of the brightest such nodule over the lesion's own; 0 without one.",
    ),
    UltrasoundSign(
        "echo_db", "Echogenicity", "dB", "echogenicity",
        "Mean power of the lesion against liver at the same depth, grayscale still.",
    ),
    UltrasoundSign(
        "roughness_log2", "Roughness of the parenchyma", "log2 dB", "parenchyma",
        "Spread of the liver about the lesion at a grain of 1.9 mm, speckle taken away, vessels left out.",
    ),
)  # fmt: skip

#: An enhancing lesion of this area and more has room for an edge that is left out and fitted, mm².
_LARGE_MM2 = 150.0
#: What of a lesion's edge is left out where spread is measured, mm: of enhancement, in large and in
#: small lesions; without contrast.
_CONTRAST_EDGE_MM, _GRAY_EDGE_MM = (1.2, 0.8), 1.0
#: Liver about the lesion on which roughness is measured: up to so far from the outline, and so far
#: from vessels, whose walls are bright; and its grain (coarse parenchyma shows at about 2 mm). mm.
_LIVER_MM, _VESSEL_MM, _LIVER_GRAIN_MM = 25.0, 1.5, 1.9
#: Averaging power over the beam adds to the mean level of patches that differ by s dB about this
#: share of s²: half of ln(10)/10 times the share of their variance that 1-mm averaging takes.
_PATCHY_SHARE = 0.03
#: Outlines of one lesion do not differ in area by more than this factor between its stills.
_SAME_LESION = 3.0
_LEAST_LOBULATION = 2e-3


@dataclass(frozen=True, eq=False)
class UltrasoundSigns:
    """What was measured of one lesion.

    Args:
        values: name → value, in the order of :data:`SIGNS`; NaN where it could not be measured,
            with the reason among the warnings.
        warnings: what a reader should know, as sentences without a final full stop.
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


def measure_signs(grayscale: Still, peak: Still) -> UltrasoundSigns:
    """Measure a lesion on both stills (under a second).

    Args:
        grayscale: without contrast agent.
        peak: contrast panel at the time when the lesion is brightest.

    Raises:
        InputError: a still is of the other kind, the lesion is too small, or the outlines cannot be
            of one lesion.
    """
    for still, kind in ((grayscale, GRAYSCALE), (peak, CONTRAST)):
        if still.kind != kind:
            raise InputError(
                f"a {KINDS[kind]} was expected, not a {still.words}",
                source="stills",
                remedy="give the grayscale still first, then the contrast still",
            )
    gray, contrast = build_scene(grayscale), build_scene(peak)
    areas = gray.area_mm2, contrast.area_mm2
    if max(areas) > _SAME_LESION * min(areas):
        raise InputError(
            f"the lesion measures {areas[0] / 100:.1f} cm² on the grayscale still and "
            f"{areas[1] / 100:.1f} cm² on the contrast still",
            source="lesion outlines",
            remedy="outline the same lesion on both stills",
        )
    measured = {**_shape_signs(gray, contrast), **_gray_signs(gray), **_contrast_signs(contrast)}
    values = {sign.name: float(measured[sign.name]) for sign in SIGNS}
    notes = [*grayscale.warnings, *peak.warnings, *_notes(gray, contrast), *_missing(values)]
    return UltrasoundSigns(MappingProxyType(values), tuple(dict.fromkeys(notes)))


def _shape_signs(gray: StillScene, contrast: StillScene) -> dict[str, float]:
    shapes = [outline_shape(s.distance, s.spacing_mm) for s in (gray, contrast)]
    lobulation = [math.log2(max(s.lobulation, _LEAST_LOBULATION)) for s in shapes]
    return {
        "diameter_mm": float(np.mean([s.longest_mm for s in shapes])),
        "aspect": float(np.mean([s.aspect for s in shapes])),
        "lobulation_log2": float(np.mean(lobulation)),
    }


def _gray_signs(scene: StillScene) -> dict[str, float]:
    lengths = _lengths(scene)
    inside = scene.fan & (scene.distance > _GRAY_EDGE_MM)
    mosaic = roughness = None
    if lengths is not None:
        mosaic = spread_of(scene.power, inside, None, lengths, scene.spacing_mm)
        roughness = spread_of(
            scene.power, _plain_liver(scene), None, lengths, scene.spacing_mm, _LIVER_GRAIN_MM
        )
    return {
        "mosaic_log2": _log2_db(mosaic),
        "roughness_log2": float("nan") if roughness is None else math.log2(roughness.tissue_db),
        "halo_db": halo_db(scene),
        "echo_db": _mean_power_db(scene),
    }


def _plain_liver(scene: StillScene) -> Mask:
    """Liver about the lesion and away from vessels."""
    from scipy.ndimage import binary_closing, distance_transform_edt

    # Single pixels that speckle took out are no vessels.
    closed = binary_closing(scene.liver, iterations=2) & scene.fan
    apart = distance_transform_edt(closed, sampling=scene.spacing_mm)
    found: Mask = (apart > _VESSEL_MM) & (scene.distance > -_LIVER_MM)
    return found


def _contrast_signs(scene: StillScene) -> dict[str, float]:
    lengths = _lengths(scene)
    viable = find_viable(scene)
    large = scene.area_mm2 >= _LARGE_MM2
    spread = None
    if lengths is not None:
        inside = viable.live & (scene.distance > _CONTRAST_EDGE_MM[0 if large else 1])
        # A small lesion has too few cells to fit its edge as well.
        profile = scene.distance if large else None
        spread = spread_of(scene.power, inside, profile, lengths, scene.spacing_mm)
    patchy = 0.0 if spread is None else _PATCHY_SHARE * spread.tissue_db**2
    count, clearest = find_satellites(scene, viable.mean_db)
    return {
        "enhancement_db": viable.mean_db - patchy,
        "necrosis_share": viable.dead_share,
        "heterogeneity_log2": _log2_db(spread),
        "level_spread_log2": math.log2(viable.spread_db),
        "rim_db": rim_db(scene, viable.live),
        "satellites": count,
        "satellite_clearness": clearest,
    }


def _lengths(scene: StillScene) -> tuple[float, float] | None:
    """Speckle's lengths; None where no liver with speckle was seen to measure them on."""
    if not scene.leveled:
        return None
    return speckle_lengths(scene.decibels, scene.liver, scene.spacing_mm)


def _log2_db(spread: Spread | None) -> float:
    return float("nan") if spread is None else spread.log2_db


def _mean_power_db(scene: StillScene) -> float:
    return float(10 * np.log10(max(float(scene.power[scene.core].mean()), 1e-9)))


def _notes(gray: StillScene, contrast: StillScene) -> list[str]:
    return [
        f"little liver is seen about the lesion on the {KINDS[kind]}: its depth compensation is not "
        "taken off, and spreads are not measured"
        for kind, scene in ((GRAYSCALE, gray), (CONTRAST, contrast))
        if not scene.leveled
    ]


def _missing(values: Mapping[str, float]) -> list[str]:
    """One sentence for each sign that could not be measured, with the reason."""
    return [
        f"{sign.label.lower()} could not be measured: {_REASONS.get(sign.name, 'too few pixels')}"
        for sign in SIGNS
        if math.isnan(values[sign.name])
    ]


_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "heterogeneity_log2": "too little enhancing tissue inside the edge, or no liver with speckle",
        "mosaic_log2": "too little tissue inside the edge, or no liver with speckle",
        "roughness_log2": "too little liver with speckle is seen about the lesion",
        "rim_db": "no enhancing tissue at the outline or farther in",
        "halo_db": "no picture at the outline or inside it",
    }
)
