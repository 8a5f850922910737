"""A lesion in two contrast phases on one grid: what every sign of it is measured on.

Between the phases the patient breathes and moves, and each phase has its own outlines. Both are
brought to a common grid of :data:`STEP_MM` in plane that follows the lesion: the portal venous
phase is displaced so that the two outlines coincide. Thin slices are averaged, so that noise and
partial volume are those of the slices on which these signs are read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import GeometryError, InputError
from hccsurv_core.features.lesion_alignment import lesion_shift_mm, line_mm
from hccsurv_core.imaging.lesion_crops import PHASES, LesionPhase, check_same_lesion
from hccsurv_core.volume import Volume

#: In-plane distance between neighbors of the common grid, mm.
STEP_MM = 1.0
#: Smaller lesions have no interior that is free of the edge's blur: about three slices of CT.
SMALLEST_MM = 8.0
#: Slices thinner than :data:`THIN_MM` are averaged to :data:`AVERAGED_MM`.
THIN_MM, AVERAGED_MM = 2.5, 3.0
#: The grid reaches this far beyond the lesion, mm: room for liver that the tumor does not touch.
ROOM_MM = 52.0
#: Signed distances are known up to here, mm.
FAR_MM = 60.0
#: Where the outlines of the phases disagree by more than this, it counts as this, mm.
_DISAGREE_MM = 6.0
#: Beyond this a voxel is gas, bone or metal, and how far beyond tells nothing about tissue.
_HU_RANGE = (-200.0, 500.0)

Mask = NDArray[np.bool_]
Map = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class LesionScene:
    """Both phases and the outlines on the common grid.

    Args:
        arterial, portal: (slices, rows, columns) HU.
        lesion: inside of the outline on which the two phases agree.
        liver: liver and lesion.
        distance: signed distance to the lesion's outline in each plane, mm, negative inside.
        apart: distance to the lesion in space, mm, 0 inside.
        surface: signed distance to the liver's outline in each plane, mm, negative inside.
        slice_mm: distance between slices.
        cut_off: whether the lesion reaches the first or last slice, so that its end is not seen.
        shift_mm: (slice, row, column) by which the portal venous phase lay displaced.
    """

    arterial: Map
    portal: Map
    lesion: Mask
    liver: Mask
    distance: Map
    apart: Map
    surface: Map
    slice_mm: float
    cut_off: bool
    shift_mm: tuple[float, float, float]

    @property
    def images(self) -> tuple[Map, Map]:
        """Arterial and portal venous HU."""
        return self.arterial, self.portal

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel, ml."""
        return STEP_MM**2 * self.slice_mm / 1000.0


def build_scene(arterial: LesionPhase, portal: LesionPhase) -> LesionScene:
    """Bring both phases to one grid about the lesion.

    Raises:
        GeometryError: a volume is not canonical, or a mask is not on its grid.
        InputError: an outline is missing or empty, the lesion lies outside the liver, is smaller
            than :data:`SMALLEST_MM`, or the outlines cannot be of one lesion.
    """
    phases = (arterial, portal)
    livers = [
        _checked_liver(phase, words) for phase, words in zip(phases, PHASES.values(), strict=True)
    ]
    check_same_lesion(arterial, portal)
    shift = lesion_shift_mm((arterial.volume, arterial.lesion), (portal.volume, portal.lesion))
    lines, slice_mm = _grid_lines(arterial, portal, shift[0])
    steps = (slice_mm, STEP_MM, STEP_MM)
    images, lesions, outlines = [], [], []
    for phase, liver, moved in zip(phases, livers, ((0.0, 0.0, 0.0), shift), strict=True):
        places = [a + s for a, s in zip(lines, moved, strict=True)]
        sampler = _Sampler.of(phase.volume, places, steps)
        images.append(sampler.image(phase.volume))
        lesions.append(sampler.outline(phase.lesion))
        outlines.append(sampler.outline(liver | phase.lesion))
    cut_off = any(bool(p.lesion[0].any() or p.lesion[-1].any()) for p in phases)
    return _scene(images, _agreed(lesions), _agreed(outlines), slice_mm, cut_off, shift)


def _scene(
    images: list[Map],
    lesion: Mask,
    liver: Mask,
    slice_mm: float,
    cut_off: bool,
    shift: tuple[float, float, float],
) -> LesionScene:
    from scipy.ndimage import distance_transform_edt

    if not lesion.any():
        raise InputError(
            "the outlines of the two phases do not agree on any part of the lesion",
            source="lesion outlines",
            remedy="outline the same lesion in both phases",
        )
    liver = liver | lesion
    apart = distance_transform_edt(~lesion, sampling=(slice_mm, STEP_MM, STEP_MM))
    return LesionScene(
        images[0], images[1], lesion, liver, signed_distance(lesion), apart.astype(np.float32),
        signed_distance(liver), slice_mm, cut_off, shift,
    )  # fmt: skip


def signed_distance(
    mask: Mask, step_mm: tuple[float, float] = (STEP_MM, STEP_MM), far_mm: float = FAR_MM
) -> Map:
    """Signed distance to a mask's outline in each plane, mm, negative inside, without its teeth.

    Args:
        mask: (slices, rows, columns).
        step_mm: distance between (rows, columns).
        far_mm: farther away than this it is this.
    """
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    found = np.full(mask.shape, far_mm, dtype=np.float32)
    half = 0.25 * (step_mm[0] + step_mm[1])
    for k in map(int, np.flatnonzero(mask.any((1, 2)))):
        if mask[k].all():
            found[k] = -far_mm
            continue
        inside = distance_transform_edt(mask[k], sampling=step_mm)
        outside = distance_transform_edt(~mask[k], sampling=step_mm)
        plane = np.where(mask[k], half - inside, outside - half)
        found[k] = gaussian_filter(np.clip(plane, -far_mm, far_mm).astype(np.float32), 0.8)
    return found


def _checked_liver(phase: LesionPhase, words: str) -> Mask:
    """The liver's outline of a phase that can be measured."""
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
        if mask is None or not mask.any():
            raise InputError(
                f"the {what} is not outlined", source=words, remedy="outline it in this phase too"
            )
    liver = phase.liver
    if liver is None:  # told above; for the type checker
        raise InputError("the liver is not outlined", source=words)
    _check_place_and_size(phase, liver, words)
    return liver


def _check_place_and_size(phase: LesionPhase, liver: Mask, words: str) -> None:
    from scipy.ndimage import binary_dilation

    # The liver may be outlined without its lesion, as a ring about it: then they touch.
    touching = phase.lesion & binary_dilation(liver, np.ones((1, 3, 3)), iterations=2)
    if not touching.any():
        raise InputError(
            "the outlines of lesion and liver do not touch",
            source=words,
            remedy="check that both outlines belong to this scan",
        )
    cm2 = float(phase.lesion.sum((1, 2)).max()) * phase.volume.pixel_area_cm2
    across = 20.0 * float(np.sqrt(cm2 / np.pi))
    if across < SMALLEST_MM:
        raise InputError(
            f"the lesion is about {across:.1f} mm across; "
            f"below {SMALLEST_MM:g} mm none of its signs can be told from noise",
            source=words,
            remedy="check the outline, or choose a larger lesion",
        )


def _grid_lines(
    arterial: LesionPhase, portal: LesionPhase, shift_z_mm: float
) -> tuple[list[NDArray[np.float64]], float]:
    """World positions of the grid's slices, rows and columns in the arterial phase; slice distance.

    Slices that only one phase has are left out.
    """
    z = line_mm(arterial.volume, 0)
    other = line_mm(portal.volume, 0) - shift_z_mm
    slack = 0.5 * portal.volume.spacing_mm[0] + 1e-3
    native = arterial.volume.spacing_mm[0]
    slice_mm = native
    if native < THIN_MM:
        slice_mm = AVERAGED_MM
        n = max(1, int((z[-1] - z[0] + native) / slice_mm))
        middle = 0.5 * (z[0] + z[-1])
        z = middle + slice_mm * (np.arange(n) - (n - 1) / 2)
    z = z[(z >= other[0] - slack) & (z <= other[-1] + slack)]
    if not len(z):
        raise InputError(
            "the two phases do not cover the same slices",
            source="portal venous phase",
            remedy="give both phases of one examination",
        )
    lines = [z]
    for axis in (1, 2):
        at = line_mm(arterial.volume, axis)[np.flatnonzero(arterial.lesion.any((0, 3 - axis)))]
        lines.append(np.arange(at[0] - ROOM_MM, at[-1] + ROOM_MM + STEP_MM, STEP_MM))
    return lines, slice_mm


def _agreed(signed: list[Map]) -> Mask:
    """Inside of the mean of two outlines."""
    clipped = [np.clip(s, -_DISAGREE_MM, _DISAGREE_MM) for s in signed]
    return clipped[0] + clipped[1] < 0


@dataclass(frozen=True, eq=False)
class _Sampler:
    """Interpolation from a volume's grid to the common one, axis by axis.

    A triangular kernel as wide as the coarser of the two grids: linear interpolation where the grid
    gets finer, an average where it gets coarser.
    """

    weights: tuple[Map, Map, Map]
    first: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]

    @classmethod
    def of(
        cls,
        volume: Volume,
        lines: list[NDArray[np.float64]],
        steps: tuple[float, float, float],
    ) -> _Sampler:
        """From a volume to places given by their world positions along each axis, mm."""
        weights, first = [], []
        for axis in range(3):
            source = line_mm(volume, axis)
            spacing = volume.spacing_mm[axis]
            at = np.clip(lines[axis], source[0], source[-1])
            reach = max(steps[axis], spacing)
            low, high = np.searchsorted(source, (at[0] - reach, at[-1] + reach))
            near = source[low:high]
            found = np.clip(1 - np.abs(at[:, None] - near[None]) / reach, 0, None)
            weights.append((found / found.sum(axis=1, keepdims=True)).astype(np.float32))
            first.append(int(low))
        return cls((weights[0], weights[1], weights[2]), (first[0], first[1], first[2]),
                   volume.spacing_mm)  # fmt: skip

    def image(self, volume: Volume) -> Map:
        """HU at the places."""
        part = np.nan_to_num(self._part(volume.voxels).astype(np.float32), nan=_HU_RANGE[0])
        return self._apply(np.clip(part, *_HU_RANGE))

    def outline(self, mask: Mask) -> Map:
        """Signed distance (mm, in plane) to an outline at the places, cut to what decides."""
        part = self._part(mask)
        return self._apply(signed_distance(part, self.spacing_mm[1:], 4 * _DISAGREE_MM))

    def _part(self, voxels: NDArray) -> NDArray:
        k, i, j = (slice(f, f + w.shape[1]) for f, w in zip(self.first, self.weights, strict=True))
        return voxels[k, i, j]

    def _apply(self, voxels: Map) -> Map:
        across, down, along = self.weights
        columns = np.ascontiguousarray(along.T)
        planes = np.stack([(down @ plane) @ columns for plane in voxels])
        return np.tensordot(across, planes, axes=1)
