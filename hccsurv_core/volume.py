"""`Volume` and `LabelMap`: voxels with an LPS affine, and the check that two grids coincide.

World axes are DICOM's LPS (x to the patient's left, y posterior, z superior),
in millimetres. Arrays are indexed ``[k, j, i]`` = (slice, row, column); the
affine maps the homogeneous index ``(i, j, k, 1)``, columns first, to the
world, as in NIfTI but in LPS. In *canonical* orientation slices run inferior
to superior, rows anterior to posterior, columns from the patient's right to left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import GeometryError, GeometryMismatchError

#: Positions closer than this (mm) are one position: DICOM's decimal strings round at about 1e-3 mm.
POSITION_TOLERANCE_MM = 0.01
#: Letters of the world's axes, towards and against.
_LETTERS = ("LR", "PA", "SI")


def _checked_affine(affine: NDArray[np.floating]) -> NDArray[np.float64]:
    matrix = np.array(affine, dtype=np.float64)
    if matrix.shape != (4, 4):
        raise GeometryError(f"the affine must be 4×4, got shape {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise GeometryError("the affine has values that are not finite numbers")
    if not np.allclose(matrix[3], (0, 0, 0, 1)):
        raise GeometryError(f"the affine's last row must be 0 0 0 1, got {matrix[3].tolist()}")
    if abs(np.linalg.det(matrix[:3, :3])) < 1e-9:
        raise GeometryError("the affine is singular: two axes coincide or a spacing is zero")
    matrix.setflags(write=False)
    return matrix


def axes_of(affine: NDArray[np.floating]) -> str:
    """Which way columns, rows and slices run, a letter each: "LPS" is canonical.

    Raises:
        GeometryError: two axes lie nearest to the same world axis (45° oblique).
    """
    m = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    # The assignment of grid axes to world axes that keeps the most of each axis.
    order = max(permutations(range(3)), key=lambda p: sum(abs(m[p[g], g]) for g in range(3)))
    if min(abs(m[order[g], g]) for g in range(3)) < 0.5:
        raise GeometryError(
            "the slices are too oblique to tell which way is up",
            remedy="upload the axial reconstruction",
        )
    return "".join(_LETTERS[order[g]][int(m[order[g], g] < 0)] for g in range(3))


@dataclass(frozen=True, eq=False)
class _Grid:
    """Voxels on a regular grid. Use :class:`Volume` or :class:`LabelMap`."""

    voxels: NDArray
    affine: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.voxels.ndim != 3:
            raise GeometryError(
                f"voxels must have 3 axes (slice, row, column), got {self.voxels.ndim}"
            )
        if 0 in self.voxels.shape:
            raise GeometryError(f"voxels are empty: shape {self.voxels.shape}")
        object.__setattr__(self, "affine", _checked_affine(self.affine))

    @property
    def shape(self) -> tuple[int, int, int]:
        """(slices, rows, columns)."""
        return self.voxels.shape  # type: ignore[return-value]

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbours along (slice, row, column), in mm: the order of the array's axes."""
        i, j, k = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(k), float(j), float(i)

    @property
    def pixel_area_cm2(self) -> float:
        """Area of one in-plane pixel, cm²."""
        return float(np.linalg.norm(np.cross(self.affine[:3, 0], self.affine[:3, 1]))) / 100.0

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one voxel, ml."""
        return abs(float(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    @property
    def is_canonical(self) -> bool:
        """True where each axis's largest LPS component is its own, and positive."""
        m = self.affine[:3, :3]
        return bool((np.argmax(np.abs(m), axis=0) == np.arange(3)).all() and (np.diag(m) > 0).all())

    def obliquity_deg(self) -> float:
        """Largest angle between a grid axis and its nearest world axis, degrees."""
        columns = self.affine[:3, :3] / np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(np.degrees(np.arccos(np.clip(np.abs(columns).max(axis=0), 0, 1))).max())

    def index_to_world(self, index_kji: NDArray[np.floating]) -> NDArray[np.float64]:
        """Map indices ``(..., 3)`` in (slice, row, column) order to LPS mm ``(..., 3)``."""
        ijk = np.asarray(index_kji, dtype=np.float64)[..., ::-1]
        return ijk @ self.affine[:3, :3].T + self.affine[:3, 3]

    def world_to_index(self, world_mm: NDArray[np.floating]) -> NDArray[np.float64]:
        """Map LPS mm ``(..., 3)`` to continuous indices in (slice, row, column) order."""
        offset = np.asarray(world_mm, dtype=np.float64) - self.affine[:3, 3]
        return (offset @ np.linalg.inv(self.affine[:3, :3]).T)[..., ::-1]

    def slice_position_mm(self, index: float) -> float:
        """LPS z of the centre of slice ``index``, mm."""
        _, rows, columns = self.shape
        centre = np.array([index, (rows - 1) / 2, (columns - 1) / 2])
        return float(self.index_to_world(centre)[2])

    @property
    def axes(self) -> str:
        """See :func:`axes_of`."""
        return axes_of(self.affine)

    def to_axes(self, axes: str):
        """Permute and flip so that columns, rows and slices run along ``axes``; nothing is interpolated.

        Args:
            axes: three letters of R/L, A/P and I/S, each pair once, as in :attr:`axes`.

        Raises:
            GeometryError: ``axes`` is not such a name, or the grid is 45° oblique.
        """
        pairs = [pair for c in axes for pair in _LETTERS if c in pair]
        if len(axes) != 3 or sorted(pairs) != sorted(_LETTERS):
            raise GeometryError(
                f"{axes!r} does not name three axes", remedy='say for example "LPS"'
            )
        mine = self.axes
        source = [next(g for g in range(3) if mine[g] in pair) for pair in pairs]
        voxels = np.transpose(self.voxels, [2 - g for g in source[::-1]])
        affine = np.eye(4)
        affine[:3, :3] = self.affine[:3, source]
        affine[:3, 3] = self.affine[:3, 3]
        for target, g in enumerate(source):
            if mine[g] != axes[target]:
                array_axis = 2 - target
                voxels = np.flip(voxels, axis=array_axis)
                affine[:3, 3] += affine[:3, target] * (voxels.shape[array_axis] - 1)
                affine[:3, target] *= -1
        return replace(self, voxels=np.ascontiguousarray(voxels), affine=affine)

    def to_canonical(self):
        """The same voxels with columns to the left, rows to the back, slices upwards.

        Raises:
            GeometryError: the grid is 45° oblique.
        """
        return self.to_axes("LPS")


@dataclass(frozen=True, eq=False)
class Volume(_Grid):
    """A scalar image. For CT the voxels are ``intensity_hu`` (Hounsfield units), int16 or float32.

    Args:
        voxels: array (slices, rows, columns).
        affine: 4×4, index (column, row, slice) to LPS mm.

    Raises:
        GeometryError: the array or the affine is not usable.
    """


@dataclass(frozen=True, eq=False)
class LabelMap(_Grid):
    """Integer labels on a grid; 0 is background.

    Args:
        voxels: integer array (slices, rows, columns).
        affine: 4×4, index (column, row, slice) to LPS mm.
        names: label value to structure name (``{1: "psoas_left"}``).
    """

    names: dict[int, str] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not np.issubdtype(self.voxels.dtype, np.integer):
            raise GeometryError(f"labels must be integers, got {self.voxels.dtype}")

    def mask(self, name: str) -> NDArray[np.bool_]:
        """The boolean mask of the structure called ``name``.

        Raises:
            KeyError: no label has that name.
        """
        for value, label in (self.names or {}).items():
            if label == name:
                return self.voxels == value
        raise KeyError(name)


def check_same_geometry(a: _Grid, b: _Grid, *, tolerance_mm: float = POSITION_TOLERANCE_MM) -> None:
    """Check that two grids have the same shape and place each corner within ``tolerance_mm``.

    Raises:
        GeometryMismatchError: naming both geometries.
    """
    if a.shape == b.shape:
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in a.shape])).reshape(3, -1).T
        gap = np.abs(a.index_to_world(corners) - b.index_to_world(corners)).max()
        if gap <= tolerance_mm:
            return
    raise GeometryMismatchError(
        f"the two grids do not coincide: {describe_geometry(a)} and {describe_geometry(b)}",
        remedy="export the mask on the grid of the image",
    )


def describe_geometry(grid: _Grid) -> str:
    """One line for messages: size, spacing and origin."""
    slices, rows, columns = grid.shape
    dz, dy, dx = grid.spacing_mm
    x, y, z = grid.affine[:3, 3]
    return (
        f"{columns}×{rows}×{slices} voxels of {dx:.3g}×{dy:.3g}×{dz:.3g} mm "
        f"at ({x:.1f}, {y:.1f}, {z:.1f}) mm"
    )
