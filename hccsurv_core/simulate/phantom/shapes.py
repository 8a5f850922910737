"""Signed distances to simple solids, and periodic noise: the vocabulary of the phantom."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]  # float32 in practice
Point = tuple[float, float, float]


def capsule(u: Array, v: Array, w: Array, a: Point, b: Point, ra: float, rb: float) -> Array:
    """Distance to a rod from ``a`` to ``b`` whose radius runs from ``ra`` to ``rb``."""
    d = np.subtract(b, a)
    length2 = float(d @ d)
    pu, pv, pw = u - np.float32(a[0]), v - np.float32(a[1]), w - np.float32(a[2])
    d32 = (d / length2).astype(np.float32)
    t = np.clip(pu * d32[0] + pv * d32[1] + pw * d32[2], 0, 1)
    du, dv, dw = (np.float32(c) for c in d)
    distance = np.sqrt((pu - t * du) ** 2 + (pv - t * dv) ** 2 + (pw - t * dw) ** 2)
    return distance - (np.float32(ra) + t * np.float32(rb - ra))


def ellipsoid(x: Array, y: Array, z: Array, center: Point, radii: Point) -> Array:
    """Approximate distance to an axis-aligned ellipsoid."""
    px, py, pz = (
        (a - np.float32(c)) / np.float32(r)
        for a, c, r in zip((x, y, z), center, radii, strict=True)
    )
    k0 = np.sqrt(px * px + py * py + pz * pz)
    k1 = np.sqrt((px / radii[0]) ** 2 + (py / radii[1]) ** 2 + (pz / radii[2]) ** 2)
    return (k0 * (k0 - 1) / np.maximum(k1, np.float32(1e-6))).astype(np.float32)


def superellipse(
    u: Array, v: Array, a: float | Array, b: float | Array, power: float | Array
) -> Array:
    """Level set of |u/a|^p + |v/b|^p = 1, scaled to be nearly a distance (mm) at the edge."""
    f = np.maximum((np.abs(u / a) ** power + np.abs(v / b) ** power) ** (1.0 / power), 1e-3)
    radius = np.maximum(np.sqrt(u * u + v * v), 1e-3 * np.minimum(a, b))
    return (radius * (1 - 1 / f)).astype(np.float32)


def rotated(x: Array, y: Array, degrees: float | Array) -> tuple[Array, Array]:
    """Coordinates in a frame turned by ``degrees``."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return c * x + s * y, -s * x + c * y


def smooth_min(a: Array, b: Array, k: float) -> Array:
    """Union of two distances, rounded over ``k`` mm."""
    h = np.clip(0.5 + 0.5 * (b - a) / k, 0, 1)
    return b + (a - b) * h - k * h * (1 - h)


class Noise:
    """Periodic smooth noise of mean 0 and variance 1, looked up by anatomical position.

    Args:
        rng: generator.
        scale_mm: correlation length along x, y, z.
        size: cells along each axis; the pattern repeats after size × cell.
    """

    def __init__(self, rng: np.random.Generator, scale_mm: Point, size: tuple[int, int, int]):
        self.cell = np.array(scale_mm, np.float32) / 2.0
        white = rng.standard_normal(size).astype(np.float32)
        frequency = [np.fft.fftfreq(n).astype(np.float32) for n in size[:2]]
        frequency.append(np.fft.rfftfreq(size[2]).astype(np.float32))
        fx, fy, fz = np.meshgrid(*frequency, indexing="ij", sparse=True)
        gauss = np.exp(-((fx**2 + fy**2 + fz**2) * (2 * np.pi * 1.0) ** 2) / 2)
        smooth = np.fft.irfftn(np.fft.rfftn(white) * gauss, s=size, axes=(0, 1, 2)).astype(
            np.float32
        )
        self.values = (smooth - smooth.mean()) / smooth.std()

    def nearest(self, x: Array, y: Array, z: Array) -> Array:
        """Noise at broadcastable anatomical positions, without interpolation."""
        n = self.values.shape
        i, j, k = (
            np.floor(a / c).astype(np.int32) % m
            for a, c, m in zip((x, y, z), self.cell, n, strict=True)
        )
        return self.values[i, j, k]

    def smooth(self, x: Array, y: Array, z: Array | float) -> Array:
        """Noise at positions (…, rows, columns); trilinear. ``z`` is one value or (slices, 1, 1)."""
        layers = np.atleast_1d(np.asarray(z, np.float32)).reshape(-1)
        x, y = np.broadcast_arrays(x, y)
        if x.ndim == 2 and len(layers) == 1:
            return self._layer(x, y, float(layers[0]))
        x2, y2 = x.reshape(x.shape[-2:]), y.reshape(y.shape[-2:])
        return np.stack([self._layer(x2, y2, float(layer)) for layer in layers])

    def _layer(self, x: Array, y: Array, z: float) -> Array:
        """Bilinear in one plane of the noise."""
        nx, ny, nz = self.values.shape
        at = z / float(self.cell[2])
        k, f = int(np.floor(at)), np.float32(at - np.floor(at))
        plane = (1 - f) * self.values[:, :, k % nz] + f * self.values[:, :, (k + 1) % nz]
        flat = np.pad(plane, ((0, 1), (0, 1)), mode="wrap").reshape(-1)
        px, py = x * np.float32(1 / self.cell[0]), y * np.float32(1 / self.cell[1])
        bx, by = np.floor(px), np.floor(py)
        tx, ty = (px - bx).astype(np.float32), (py - by).astype(np.float32)
        index = (bx.astype(np.int32) % nx) * (ny + 1) + by.astype(np.int32) % ny
        low = flat.take(index) * (1 - ty) + flat.take(index + 1) * ty
        high = flat.take(index + ny + 1) * (1 - ty) + flat.take(index + ny + 2) * ty
        return low + (high - low) * tx
