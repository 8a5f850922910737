"""Who does the heavy parts of a region: compiled code, or tensor operations on a GPU."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.features.radiomics.discretize import GrayLevels
from hccsurv_core.features.radiomics.matrices import (
    TextureMatrices,
    count_dependence,
    count_matrices,
)
from hccsurv_core.features.radiomics.neighborhood import Neighborhood
from hccsurv_core.features.radiomics.presets import RadiomicsPreset
from hccsurv_core.features.radiomics.region import Region
from hccsurv_core.features.radiomics.wavelet import wavelet_bands


class Backend(NamedTuple):
    """The parts that take time in proportion to voxels × directions × images.

    Args:
        matrices: an image's texture matrices, all but the GLDM.
        dependence: its GLDM.
        wavelet: the wavelet bands at the mask's voxels, by name.
    """

    matrices: Callable[[GrayLevels], TextureMatrices]
    dependence: Callable[[GrayLevels], NDArray[np.int32]]
    wavelet: Callable[[], dict[str, NDArray[np.floating]]]


def choose_backend(
    region: Region, preset: RadiomicsPreset, around: Neighborhood, device: str | None
) -> Backend:
    """Compiled code where ``device`` is None, else tensor operations on that device of torch's.

    The recursive Gaussian stays with the compiled code, which does it in parallel: step by step
    along each line, it would be tens of thousands of small operations on a GPU. So do the filters
    of single voxels and the features of the matrices, which take no time.
    """
    if device is None:
        return Backend(
            matrices=partial(count_matrices, around=around),
            dependence=partial(count_dependence, around=around),
            wavelet=partial(wavelet_bands, region.image, around.index, preset.wavelet),
        )
    from hccsurv_core.features.radiomics.torch_matrices import DeviceCounter
    from hccsurv_core.features.radiomics.torch_wavelet import wavelet_bands_on_device

    counter = DeviceCounter(around, device)
    return Backend(
        matrices=counter.matrices,
        dependence=counter.dependence,
        wavelet=partial(
            wavelet_bands_on_device, region.image, around.index, preset.wavelet, device
        ),
    )
