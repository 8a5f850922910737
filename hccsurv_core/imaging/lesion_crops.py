"""What a convolutional network sees of a liver lesion: square crops of both contrast phases.

A crop shows the lesion where its outline is largest, at a physical scale that is the same for all
patients, so that a large tumor looks large. Each phase is cropped about its own outline: between
the phases the patient breathes and moves. The order and meaning of the channels is
:data:`CHANNELS`. After Wei et al., Br J Hosp Med 2026 (doi 10.31083/BJHM50380), who classify crops
of the arterial and portal venous phase, z-scored; grid, margin and window are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import GeometryError, InputError
from hccsurv_core.imaging.lesion_crop_geometry import PhasePlace, blend, matched_slices
from hccsurv_core.imaging.lesion_crop_settings import CHANNELS, PHASES, CropSettings
from hccsurv_core.volume import Volume

__all__ = ["CHANNELS", "PHASES", "CropSettings", "LesionCrops", "LesionPhase", "crop_lesion"]

Mask = NDArray[np.bool_]
#: Lesions whose largest areas differ by more than this factor are not the same lesion.
_SAME_LESION = 4.0
#: Breathing moves the liver by less than this along the body, mm.
_BREATH_MM = 30.0
#: Fewer pixels of soft tissue than this have no mean and spread worth scaling by.
_FEWEST_PIXELS = 16
#: z-scores of the difference end here: bowel that moved must not drown the lesion.
_BOUND = 5.0


@dataclass(frozen=True, eq=False)
class LesionPhase:
    """One contrast phase.

    Args:
        volume: canonical CT, HU.
        lesion: (slices, rows, columns) outline of the lesion on the volume's grid.
        liver: outline of the liver, with or without the lesion; None where it was not drawn.
    """

    volume: Volume
    lesion: Mask
    liver: Mask | None = None


@dataclass(frozen=True, eq=False)
class LesionCrops:
    """A patient's input to a network.

    Args:
        images: (slices, channels, P, P) float32; slice 0 is the one of largest lesion area.
        channels: names of the channels, of :data:`CHANNELS`.
        lesion: (slices, P, P) inside of the outlines, where both phases agree for the most part.
        liver: (slices, P, P) liver and lesion; None where the liver was not drawn.
        tissue: (slices, P, P) pixels of the scan that lie within the window in the arterial phase.
        mm_per_pixel: physical size of a pixel.
        zoomed_out: whether the lesion needed a larger pixel than the settings say.
        places: phase → where the crops lie in its scan.
        scaling: phase → mean and standard deviation (HU) that z-scores are made with.
        shift_mm: by how much the portal venous phase lay higher along the body.
        notes: what a reader should know, in words.
    """

    images: NDArray[np.float32]
    channels: tuple[str, ...]
    lesion: Mask
    liver: Mask | None
    tissue: Mask
    mm_per_pixel: float
    zoomed_out: bool
    places: Mapping[str, PhasePlace]
    scaling: Mapping[str, tuple[float, float]]
    shift_mm: float
    notes: tuple[str, ...] = ()

    @property
    def n_slices(self) -> int:
        """How many slices."""
        return self.images.shape[0]

    def to_scan(self, values: NDArray[np.floating], phase: str = "arterial") -> NDArray[np.float32]:
        """Values on the crop's pixels, such as heat, on the pixels of the scan's slice.

        Args:
            values: (P, P), of any of the slices: they all lie at one place in plane.
            phase: "arterial" or "portal".

        Returns:
            (rows, columns) float32, interpolated linearly; 0 outside the crop.

        Raises:
            InputError: another phase or another shape.
        """
        size = self.images.shape[-1]
        if phase not in self.places:
            raise InputError(
                f"no phase is called {phase!r}", source="phase", remedy=f"use {' or '.join(PHASES)}"
            )
        if values.shape != (size, size):
            raise InputError(
                f"values of shape {values.shape} are not on the crop's {size}×{size} pixels",
                source="crop",
            )
        return self.places[phase].to_scan(values, self.mm_per_pixel)


def crop_lesion(
    arterial: LesionPhase | None,
    portal: LesionPhase | None,
    settings: CropSettings | None = None,
) -> LesionCrops:
    """Crop a lesion out of both phases.

    Args:
        arterial, portal: both are needed; either may be shifted against the other.
        settings: default :class:`CropSettings`.

    Raises:
        InputError: a phase or an outline is missing, the outlines cannot be of one lesion, or a
            crop holds no soft tissue.
        GeometryError: a volume is not canonical, or an outline is not on its grid.
    """
    settings = settings or CropSettings()
    phases = _checked_phases(arterial, portal)
    slices, shift = matched_slices(*phases, settings.n_slices, settings.slice_step_mm)
    places = tuple(
        PhasePlace.about(p.volume, p.lesion, k) for p, k in zip(phases, slices, strict=True)
    )
    need = max(place.reach_mm(p.lesion) for p, place in zip(phases, places, strict=True))
    mm, zoomed_out = settings.scale(need)
    cuts = [_cut(p, place, mm, settings) for p, place in zip(phases, places, strict=True)]
    notes = _notes(slices[0], shift, mm if zoomed_out else None, settings)
    return _assembled(cuts, places, mm, zoomed_out, shift, settings, notes)


@dataclass(frozen=True, eq=False)
class _Cut:
    """One phase on the crop's grid."""

    hu: NDArray[np.float32]
    lesion: NDArray[np.float32]
    liver: NDArray[np.float32] | None
    tissue: Mask
    mean: float
    spread: float

    @property
    def z(self) -> NDArray[np.float32]:
        return (self.hu - self.mean) / self.spread


def _checked_phases(
    arterial: LesionPhase | None, portal: LesionPhase | None
) -> tuple[LesionPhase, LesionPhase]:
    given = dict(zip(PHASES, (arterial, portal), strict=True))
    for name, phase in given.items():
        if phase is None:
            raise InputError(
                "is missing; the network was made for both phases",
                source=PHASES[name],
                remedy="give arterial and portal venous phase of one examination",
            )
        _check(phase, PHASES[name])
    if arterial is None or portal is None:  # told above; for the type checker
        raise InputError("is missing", source="phase")
    check_same_lesion(arterial, portal)
    return arterial, portal


def check_same_lesion(arterial: LesionPhase, portal: LesionPhase) -> None:
    """Refuse outlines that cannot be of one lesion.

    Raises:
        InputError: their largest areas differ too much.
    """
    cm2 = [float(p.lesion.sum((1, 2)).max()) * p.volume.pixel_area_cm2 for p in (arterial, portal)]
    if max(cm2) > _SAME_LESION * min(cm2):
        raise InputError(
            f"the lesion measures {cm2[0]:.1f} cm² in the arterial phase and {cm2[1]:.1f} cm² "
            "in the portal venous phase",
            source="lesion outlines",
            remedy="outline the same lesion in both phases",
        )


def _check(phase: LesionPhase, words: str) -> None:
    if not phase.volume.is_canonical:
        raise GeometryError(
            "the volume is not in canonical orientation",
            source=words,
            remedy="call to_canonical() on the volume and its outlines",
        )
    for mask, what in ((phase.lesion, "lesion"), (phase.liver, "liver")):
        if mask is not None and mask.shape != phase.volume.shape:
            raise GeometryError(
                f"the outline of the {what} has shape {mask.shape}, the image {phase.volume.shape}",
                source=words,
                remedy="export the outline on the grid of the image",
            )
    if not phase.lesion.any():
        raise InputError(
            "the lesion is not outlined", source=words, remedy="outline it in this phase too"
        )


def _cut(phase: LesionPhase, place: PhasePlace, mm: float, settings: CropSettings) -> _Cut:
    window = settings.window
    down, along = place.weights(settings.pixels, mm)
    in_scan = (down.sum(1) > 0)[:, None] & (along.sum(1) > 0)[None]

    def onto(planes: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.stack([down @ plane @ along.T for plane in planes])

    planes = blend(phase.volume, place.slices, settings.thickness_mm, window)
    hu = window.low_hu + onto(planes - np.float32(window.low_hu))
    tissue = in_scan[None] & (hu > window.low_hu) & (hu < window.high_hu)
    values = hu[tissue].astype(np.float64)
    spread = float(values.std()) if values.size >= _FEWEST_PIXELS else 0.0
    if not spread > 1e-6:
        raise InputError(
            f"the crop holds no soft tissue between {window.low_hu:g} and {window.high_hu:g} HU",
            source="lesion crop",
            remedy="check that the scan is a CT in Hounsfield units and that the outline fits it",
        )
    masks = [
        None if m is None else onto(m[list(place.slices)].astype(np.float32))
        for m in (phase.lesion, None if phase.liver is None else phase.liver | phase.lesion)
    ]
    if masks[0] is None:  # a lesion there is; for the type checker
        raise InputError("is missing", source="lesion")
    return _Cut(hu, masks[0], masks[1], tissue, float(values.mean()), spread)


def _assembled(
    cuts: list[_Cut],
    places: tuple[PhasePlace, ...],
    mm: float,
    zoomed_out: bool,
    shift_mm: float,
    settings: CropSettings,
    notes: tuple[str, ...],
) -> LesionCrops:
    arterial, portal = cuts
    covered = np.float32(0.5) * (arterial.lesion + portal.lesion)
    made: dict[str, Callable[[], NDArray[np.float32]]] = {
        "arterial": lambda: arterial.z,
        "portal": lambda: portal.z,
        "difference": lambda: _difference(arterial, portal),
        "mask": lambda: covered,
    }
    images = np.stack([made[name]() for name in settings.channels], axis=1).astype(np.float32)
    lesion = covered >= 0.5
    liver = None
    if arterial.liver is not None and portal.liver is not None:
        liver = ((arterial.liver + portal.liver) / 2 >= 0.5) | lesion
    return LesionCrops(
        images=images,
        channels=settings.channels,
        lesion=lesion,
        liver=liver,
        tissue=arterial.tissue,
        mm_per_pixel=mm,
        zoomed_out=zoomed_out,
        places=dict(zip(PHASES, places, strict=True)),
        scaling={n: (c.mean, c.spread) for n, c in zip(PHASES, cuts, strict=True)},
        shift_mm=shift_mm,
        notes=notes,
    )


def _difference(arterial: _Cut, portal: _Cut) -> NDArray[np.float32]:
    """Portal venous minus arterial HU, z-scored where both are soft tissue."""
    found = portal.hu - arterial.hu
    values = found[arterial.tissue & portal.tissue].astype(np.float64)
    spread = max(float(values.std()), 1e-6) if values.size >= _FEWEST_PIXELS else 1.0
    middle = float(values.mean()) if values.size else 0.0
    return np.clip((found - middle) / spread, -_BOUND, _BOUND).astype(np.float32)


def _notes(
    slices: tuple[int, ...], shift_mm: float, larger_mm: float | None, settings: CropSettings
) -> tuple[str, ...]:
    notes = []
    if larger_mm is not None:
        notes.append(settings.zoom_note(larger_mm))
    if len(set(slices)) < len(slices):
        notes.append("the lesion is on fewer slices than asked for; some count more than once")
    if abs(shift_mm) > _BREATH_MM:
        notes.append(
            f"the outlines lie {abs(shift_mm):.0f} mm apart along the body: "
            "check that they are of one lesion"
        )
    return tuple(notes)
