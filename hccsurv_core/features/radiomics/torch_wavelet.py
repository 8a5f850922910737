"""One level of the stationary wavelet transform with tensor operations, on a GPU where there is one.

The sums of :mod:`hccsurv_core.features.radiomics.wavelet` in the same order. Each product is rounded
before it is added (two operations, never one fused), so that the bands are the same to the last bit.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hccsurv_core.features.radiomics.torch_matrices import on_host
from hccsurv_core.features.radiomics.wavelet import Taps, axis_taps, wavelet_coefficients


def wavelet_bands_on_device(
    image: NDArray, index: NDArray[np.int64], wavelet: str, device: str
) -> dict[str, NDArray[np.floating]]:
    """All bands at the given voxels, as :func:`~.wavelet.wavelet_bands` gives them.

    Args:
        image: int32, float32 or float64, (slices, rows, columns) or (rows, columns).
        index: (axes, voxels).
        wavelet: PyWavelets' name.
        device: torch's name of a device.
    """
    coefficients = wavelet_coefficients(wavelet, image.dtype == np.float32)
    taps = [axis_taps(size, coefficients.shape[1]) for size in image.shape]
    wanted = [np.arange(where.min(), where.max() + 1) for where in index]
    # The samples that the wanted box is made of, axis by axis.
    needed = [np.unique(t.source[box]) for t, box in zip(taps, wanted, strict=True)]
    part = np.ascontiguousarray(image[np.ix_(*needed)], dtype=coefficients.dtype)
    bands = {"": torch.from_numpy(part).to(device)}
    # Columns first, as PyWavelets is given them: the order decides the last bit.
    for axis in reversed(range(image.ndim)):
        sources = np.searchsorted(needed[axis], taps[axis].source[wanted[axis]])
        along = Taps(sources, taps[axis].weight[wanted[axis]])
        bands = {
            word + letter: filtered
            for word, band in bands.items()
            for letter, filtered in zip(
                "LH", _filter_axis(band, axis, along, coefficients), strict=True
            )
        }
    start = np.array([box[0] for box in wanted])[:, None]
    at = tuple(torch.from_numpy(row).to(device) for row in np.ascontiguousarray(index - start))
    return {word: on_host(band[at]) for word, band in bands.items()}


def _filter_axis(
    band: Tensor, axis: int, taps: Taps, coefficients: NDArray[np.floating]
) -> tuple[Tensor, Tensor]:
    """Low-pass and high-pass of ``band`` along ``axis``."""
    shape = [1] * band.ndim
    shape[axis] = -1
    weights = torch.from_numpy(coefficients[:, taps.weight]).to(band.device)
    sources = torch.from_numpy(taps.source).to(band.device)
    low = high = torch.zeros((), dtype=band.dtype, device=band.device)
    for t in range(sources.shape[1]):
        samples = band.index_select(axis, sources[:, t])
        low = low + samples * weights[0, :, t].reshape(shape)
        high = high + samples * weights[1, :, t].reshape(shape)
    return low, high
