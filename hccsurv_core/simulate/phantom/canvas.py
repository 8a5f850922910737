"""The canvas on which the phantom is painted: HU and labels, fine pixels and a coarse field grid.

Smooth soft-tissue shapes are signed distance fields on a coarse in-plane grid (about
3.5 mm, every slice) and are brought to the pixels by cubic interpolation, which costs two
small matrix products per slice. Bones and thin walls are evaluated on the pixels of a
sub-box. Edges are antialiased: a pixel's share of a structure is the distance to the edge
over the pixel size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]  # float32 in practice
#: In-plane step of the coarse fields, mm: fine for a clinical scan, coarser for a small one.
COARSE_STEP_MM, SMALL_SCAN_STEP_MM, SMALL_SCAN_PIXEL_MM = 3.5, 4.5, 1.7
#: Distances are clipped here before interpolation, mm.
CLIP_MM = 14.0
#: Distance (mm) beyond which a field need not be right.
FAR_MM = 60.0


@dataclass(frozen=True)
class Frame:
    """How the patient lies in the scanner: anatomical origin at the middle of the index-0 vertebra.

    Args:
        roll_deg: rotation about the long axis.
        origin_x_mm, origin_y_mm: where the anatomical origin lies in the scanner (LPS).
    """

    roll_deg: float = 0.0
    origin_x_mm: float = 0.0
    origin_y_mm: float = 0.0

    def to_anatomy(self, x: NDArray, y: NDArray) -> tuple[NDArray, NDArray]:
        """Scanner x, y (mm) to anatomical x, y (mm)."""
        c, s = np.cos(np.radians(self.roll_deg)), np.sin(np.radians(self.roll_deg))
        dx, dy = x - self.origin_x_mm, y - self.origin_y_mm
        return c * dx + s * dy, -s * dx + c * dy

    def to_scanner(self, x: float, y: float) -> tuple[float, float]:
        """Anatomical x, y (mm) to scanner x, y (mm)."""
        c, s = np.cos(np.radians(self.roll_deg)), np.sin(np.radians(self.roll_deg))
        return c * x - s * y + self.origin_x_mm, s * x + c * y + self.origin_y_mm


class _Cubic:
    """Catmull-Rom interpolation along one axis, as four gathers (no BLAS: no threads to fight over)."""

    def __init__(self, fine: NDArray, coarse: NDArray):
        position = (fine - coarse[0]) / (coarse[1] - coarse[0])
        base = np.floor(position).astype(np.intp)
        t = position - base
        kernel = (
            0.5 * (-(t**3) + 2 * t**2 - t),
            0.5 * (3 * t**3 - 5 * t**2 + 2),
            0.5 * (-3 * t**3 + 4 * t**2 + t),
            0.5 * (t**3 - t**2),
        )
        self.weights = np.stack(kernel).astype(np.float32)
        self.index = np.clip(base + np.arange(-1, 3)[:, None], 0, len(coarse) - 1)

    def span(self, fine: slice) -> slice:
        """Coarse cells that ``fine`` pixels draw on."""
        index = self.index[:, fine]
        return slice(int(index.min()), int(index.max()) + 1)

    def rows(self, field: Array, fine: slice, first: int) -> Array:
        """Interpolate along axis 0; row 0 of ``field`` is coarse cell ``first``."""
        index, weights = self.index[:, fine] - first, self.weights[:, fine, None]
        total = field[index[0]]
        total *= weights[0]
        for n in (1, 2, 3):
            total += weights[n] * field[index[n]]
        return total


class Canvas:
    """HU and labels of a scan under construction, with the coordinates of every pixel.

    Args:
        z_mm: (slices,) anatomical z of the slices, ascending.
        rows, columns: image size.
        pixel_mm: in-plane spacing.
        frame: position of the patient.
    """

    def __init__(self, z_mm: NDArray, rows: int, columns: int, pixel_mm: float, frame: Frame):
        self.pixel_mm, self.frame = pixel_mm, frame
        self.z = np.asarray(z_mm, np.float32)
        self.slice_mm = float(z_mm[1] - z_mm[0]) if len(z_mm) > 1 else 1.0
        self.hu = np.full((len(z_mm), rows, columns), -1000.0, np.float32)
        self.labels = np.zeros(self.hu.shape, np.uint8)
        self.scanner_y = (np.arange(rows) - (rows - 1) / 2) * pixel_mm
        self.scanner_x = (np.arange(columns) - (columns - 1) / 2) * pixel_mm
        x, y = np.meshgrid(self.scanner_x, self.scanner_y)
        self.x, self.y = (a.astype(np.float32) for a in frame.to_anatomy(x, y))
        step = COARSE_STEP_MM if pixel_mm < SMALL_SCAN_PIXEL_MM else SMALL_SCAN_STEP_MM
        self.step_mm = step
        self._coarse_y = np.arange(self.scanner_y[0] - step, self.scanner_y[-1] + 3 * step, step)
        self._coarse_x = np.arange(self.scanner_x[0] - step, self.scanner_x[-1] + 3 * step, step)
        x, y = np.meshgrid(self._coarse_x, self._coarse_y)
        x, y = frame.to_anatomy(x, y)
        self.coarse_x, self.coarse_y = x.astype(np.float32)[None], y.astype(np.float32)[None]
        self.coarse_z = self.z[:, None, None]
        self._to_rows = _Cubic(self.scanner_y, self._coarse_y)
        self._to_columns = _Cubic(self.scanner_x, self._coarse_x)

    @property
    def coarse_shape(self) -> tuple[int, int, int]:
        """Shape of a coarse field."""
        return (len(self.z), len(self._coarse_y), len(self._coarse_x))

    def slices_between(self, low: float, high: float) -> slice:
        """Slices whose anatomical z lies between ``low`` and ``high`` mm."""
        return slice(int(np.searchsorted(self.z, low)), int(np.searchsorted(self.z, high)))

    def box(
        self, x: tuple[float, float], y: tuple[float, float], z: tuple[float, float]
    ) -> tuple[slice, slice, slice]:
        """Index slices that cover an anatomical box; empty where it is out of view."""
        corners = [self.frame.to_scanner(a, b) for a in x for b in y]
        xs, ys = zip(*corners, strict=True)
        rows = np.searchsorted(self.scanner_y, (min(ys), max(ys)))
        columns = np.searchsorted(self.scanner_x, (min(xs), max(xs)))
        return (self.slices_between(*z), slice(*map(int, rows)), slice(*map(int, columns)))

    def coordinates(self, box: tuple[slice, slice, slice]) -> tuple[Array, Array, Array]:
        """Anatomical x, y (1, rows, columns) and z (slices, 1, 1) of a box."""
        return self.x[box[1:]][None], self.y[box[1:]][None], self.z[box[0], None, None]

    def coverage(self, distance: Array) -> Array:
        """Share of a pixel inside a shape at signed ``distance`` (mm, negative inside)."""
        return np.clip(0.5 - distance / self.pixel_mm, 0.0, 1.0)

    def band(self, distance: Array, low: float | Array, high: float | Array) -> Array:
        """Share of a pixel whose ``distance`` lies between ``low`` and ``high`` mm."""
        return np.clip((distance - low) / self.pixel_mm + 0.5, 0, 1) * np.clip(
            (high - distance) / self.pixel_mm + 0.5, 0, 1
        )

    def paint(self, box, share: Array, hu: float | Array, label: int | None) -> None:
        """Lay ``hu`` over the box with opacity ``share``; label where it covers half or more."""
        view = self.hu[box]
        view += share * (hu - view)
        if label is not None:
            self.labels[box][share >= 0.5] = label

    def upsample(
        self, field: Array, k: int, rows: slice, columns: slice, *, distance: bool = True
    ) -> Array:
        """A coarse field of slice ``k`` (of the field) on the pixels rows × columns."""
        i, j = self._to_rows.span(rows), self._to_columns.span(columns)
        near = field[k, i, j]
        if distance:  # cubic weights ring at jumps
            near = np.clip(near, -CLIP_MM, CLIP_MM)
        across = self._to_columns.rows(near.T.astype(np.float32), columns, j.start)
        return self._to_rows.rows(np.ascontiguousarray(across.T), rows, i.start)

    def field_box(self, inside: NDArray[np.bool_]) -> tuple[slice, slice] | None:
        """Pixel rows and columns that cover the true cells of a coarse slice."""
        i, j = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        if not len(i):
            return None
        ys, xs = self._coarse_y, self._coarse_x
        step = 1.5 * self.step_mm
        rows = np.searchsorted(self.scanner_y, (ys[i[0]] - step, ys[i[-1]] + step))
        columns = np.searchsorted(self.scanner_x, (xs[j[0]] - step, xs[j[-1]] + step))
        if rows[0] == rows[1] or columns[0] == columns[1]:
            return None
        return slice(*map(int, rows)), slice(*map(int, columns))

    def paint_field(
        self,
        distance: Array,
        hu: float | Callable[[int, slice, slice, Array], float | Array],
        label: int | None,
        opacity: float = 1.0,
        first_slice: int = 0,
    ) -> None:
        """Paint the inside of a coarse signed distance field (slices, coarse rows, columns).

        The field may cover only the slices from ``first_slice`` on.
        """
        for k in map(int, np.flatnonzero((distance < 0).any((1, 2)))):
            found = self.field_box(distance[k] < 0)
            if found is None:
                continue
            rows, columns = found
            fine = self.upsample(distance, k, rows, columns)
            value = hu(first_slice + k, rows, columns, fine) if callable(hu) else hu
            share = self.coverage(fine)
            if opacity != 1.0:
                share *= opacity
            self.paint((first_slice + k, rows, columns), share, value, label)

    def true_distance(self, level: Array) -> Array:
        """Turn a coarse level-set field into an approximate in-plane signed distance (mm)."""
        gy, gx = np.gradient(level, self.step_mm, axis=(1, 2))
        # Deep inside only the sign matters, and the gradient is not to be trusted.
        slope = np.where(level > -45, np.clip(np.hypot(gx, gy), 0.5, 3.0), 1.0)
        return np.clip(level / slope, -FAR_MM, FAR_MM)
