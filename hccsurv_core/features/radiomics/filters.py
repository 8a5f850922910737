"""The filtered images of a preset, at the voxels of the mask only.

Each gives what PyRadiomics' filter gives there, to the last bit. Square, square
root, logarithm and exponential scale by the largest absolute value anywhere in
the image, so that value is looked up in the whole image, not in a crop.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hccsurv_core.features.radiomics.region import Region


def square(values: NDArray[np.float64], peak: float) -> NDArray[np.float64]:
    """(c x)² with c = 1 / √peak."""
    return np.square((1 / np.sqrt(peak)) * values)


def square_root(values: NDArray[np.float64], peak: float) -> NDArray[np.float64]:
    """±√(peak |x|), with the sign of x."""
    return np.copysign(np.sqrt(np.abs(values) * peak), values)


def logarithm(values: NDArray[np.float64], peak: float) -> NDArray[np.float64]:
    """±log(|x| + 1), with the sign of x, scaled so that the peak stays."""
    scale = peak / np.log(np.array([peak]) + 1)[0]
    return np.copysign(np.log(np.abs(values) + 1), values) * scale


def exponential(values: NDArray[np.float64], peak: float) -> NDArray[np.float64]:
    """exp(c x) with c = log(peak) / peak."""
    return np.exp((np.log(peak) / peak) * values)


PointFilter = Callable[[NDArray[np.float64], float], NDArray[np.float64]]
#: By PyRadiomics' image names.
POINTWISE: dict[str, PointFilter] = {
    "square": square,
    "squareroot": square_root,
    "logarithm": logarithm,
    "exponential": exponential,
}


def gradient_magnitude(region: Region, index: NDArray[np.int64]) -> NDArray[np.float32]:
    """ITK's gradient magnitude at the voxels of ``index`` (axes, voxels): central differences.

    Beyond the image its edge goes on. Single precision, as ITK's result is.
    """
    image = region.image if region.image.ndim == 3 else region.image[None]
    spacing = np.array((1.0, *region.spacing_mm)[-3:])
    flat = region.image.ndim == 2
    where = np.vstack([np.zeros_like(index[:1]), index]) if flat else index
    return _gradient(image, np.ascontiguousarray(where), 0.5 * (1.0 / spacing))


def binary_pattern(region: Region, index: NDArray[np.int64]) -> NDArray[np.float64]:
    """Uniform local binary patterns (Ojala 2002) at the pixels of ``index`` (axes, pixels): 0 to 9.

    How many of the 8 neighbors on a circle of one pixel are not darker, where these stand together;
    9 where they do not. Beyond the image all is 0, as for PyRadiomics.
    """
    from skimage.feature import local_binary_pattern

    # Neighbors are compared exactly, as is meant. Told for good: threads share their warnings.
    warnings.filterwarnings("ignore", "Applying `local_binary_pattern`", UserWarning)
    found = local_binary_pattern(region.image, P=8, R=1, method="uniform")
    values: NDArray[np.float64] = np.asarray(found[tuple(index)], np.float64)
    return values


@njit(cache=True, nogil=True)
def _gradient(image, index, half):  # pragma: no cover - compiled
    slices, rows, columns = image.shape
    out = np.empty(index.shape[1], np.float32)
    for v in range(index.shape[1]):
        k, j, i = index[0, v], index[1, v], index[2, v]
        before, after = max(i - 1, 0), min(i + 1, columns - 1)
        x = half[2] * np.float64(image[k, j, after]) - half[2] * np.float64(image[k, j, before])
        before, after = max(j - 1, 0), min(j + 1, rows - 1)
        y = half[1] * np.float64(image[k, after, i]) - half[1] * np.float64(image[k, before, i])
        before, after = max(k - 1, 0), min(k + 1, slices - 1)
        z = half[0] * np.float64(image[after, j, i]) - half[0] * np.float64(image[before, j, i])
        out[v] = np.sqrt(x * x + y * y + z * z)
    return out
