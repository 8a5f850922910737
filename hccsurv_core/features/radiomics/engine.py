"""The fast engine: filters at the mask's voxels, all matrices in one pass, images side by side.

Compiled code runs without the interpreter's lock, so that threads share the
images of one region. Where one process per core works through a cohort, set
``NUMBA_NUM_THREADS=1`` (or ``OMP_NUM_THREADS``) in each, and one thread is used.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.features.radiomics.backend import Backend, choose_backend
from hccsurv_core.features.radiomics.discretize import discretize, near_edge
from hccsurv_core.features.radiomics.filters import (
    POINTWISE,
    PointFilter,
    binary_pattern,
    gradient_magnitude,
)
from hccsurv_core.features.radiomics.first_order import first_order_features
from hccsurv_core.features.radiomics.glcm import co_occurrence_features
from hccsurv_core.features.radiomics.neighborhood import Neighborhood, find_neighbors
from hccsurv_core.features.radiomics.ngtdm import tone_difference_features
from hccsurv_core.features.radiomics.presets import BINARY_PATTERN, RadiomicsPreset
from hccsurv_core.features.radiomics.recursive_gaussian import (
    laplacian_of_gaussian,
    surroundings,
)
from hccsurv_core.features.radiomics.region import Region
from hccsurv_core.features.radiomics.size_matrices import (
    dependence_features,
    run_length_features,
    size_zone_features,
)
from hccsurv_core.progress import Progress, silent

#: A filtered value this near to a bin's edge, in parts of the image's largest value, is computed from
#: the whole image; the error of one computed from its surroundings is a ten-thousandth of this.
_ROUNDING = 1e-10
#: As much memory the threads of one region may take beyond what one of them takes anyway.
_MEMORY_BYTES = 2 << 30
#: An image's name and its values at the mask's voxels, in raster order.
_Filtered = dict[str, NDArray]
_Filter = Callable[[], _Filtered]
_Job = Callable[[], dict[str, float]]


def thread_count() -> int:
    """How many threads share one region: as many as cores, or fewer where the environment says so."""
    limits = [len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()]
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(name, "").isdigit():
            limits.append(int(os.environ[name]))
    return max(1, min(limit or 1 for limit in limits))


def extract_fast(
    region: Region,
    preset: RadiomicsPreset,
    progress: Progress = silent,
    device: str | None = None,
) -> dict[str, float]:
    """Every feature of ``preset`` by PyRadiomics' names; NaN where one has no value.

    Args:
        device: torch's name of a device for the heavy parts; None for compiled code.

    Raises:
        RadiomicsError: the values of an image span too many gray levels.
    """
    around = find_neighbors(region)
    backend = choose_backend(region, preset, around, device)
    filters = list(_filters(region, preset, around, backend))
    describe = partial(_describe, region=region, preset=preset, around=around, backend=backend)
    shape = [partial(_shape, region, preset)] if preset.shape_class else []
    count = _Count(len(preset.image_names()) + len(shape), progress)
    # Each thread holds a run's length for every voxel and direction.
    fitting = _MEMORY_BYTES // (4 * around.neighbor.size)
    threads = min(thread_count(), max(fitting, 1))
    if threads > 1:
        return _side_by_side(filters, describe, shape, threads, count)
    for job in shape:
        count.add(job())
    for make in filters:
        for name, values in make().items():
            count.add(describe(name, values))
    return count.features


class _Count:
    """The features so far, and who is told."""

    def __init__(self, n_jobs: int, progress: Progress) -> None:
        self.features: dict[str, float] = {}
        self._done, self._n_jobs, self._progress = 0, n_jobs, progress

    def add(self, features: dict[str, float]) -> None:
        """Take one image's features and tell; the caller's progress may raise to cancel."""
        self.features.update(features)
        self._done += 1
        self._progress(self._done / self._n_jobs, "extracting features")


def _side_by_side(
    filters: Sequence[_Filter],
    describe: Callable[[str, NDArray], dict[str, float]],
    shape: Sequence[_Job],
    threads: int,
    count: _Count,
) -> dict[str, float]:
    """Filters in the order given; what they yield is described as it comes."""
    with ThreadPoolExecutor(threads) as pool:
        filtering: set[Future[_Filtered]] = {pool.submit(make) for make in filters}
        describing: set[Future[dict[str, float]]] = {pool.submit(job) for job in shape}
        try:
            while filtering or describing:
                running: set[Future[Any]] = {*filtering, *describing}
                done = wait(running, return_when=FIRST_COMPLETED).done
                for filtered in filtering & done:
                    for name, values in filtered.result().items():
                        describing.add(pool.submit(describe, name, values))
                for described in describing & done:
                    count.add(described.result())
                filtering -= done
                describing -= done
        finally:
            unfinished: set[Future[Any]] = {*filtering, *describing}
            for future in unfinished:
                future.cancel()
    return count.features


def _filters(
    region: Region, preset: RadiomicsPreset, around: Neighborhood, backend: Backend
) -> Iterator[_Filter]:
    """The filters of a preset, the longest first."""
    names = preset.image_names()
    for name, sigma in zip(names[1:], preset.log_sigma_mm, strict=False):
        yield partial(_log, name, sigma, region, preset, around)
    yield partial(_wavelet, backend)
    yield lambda: {"gradient": gradient_magnitude(region, around.index)}
    if preset.binary_pattern:
        yield lambda: {BINARY_PATTERN: binary_pattern(region, around.index)}
    values = region.image[tuple(around.index)]
    yield lambda: {"original": values}
    peak = region.peak
    for name, function in POINTWISE.items():
        yield partial(_pointwise, name, function, values, peak)


def _log(
    name: str, sigma_mm: float, region: Region, preset: RadiomicsPreset, around: Neighborhood
) -> _Filtered:
    """From the box's surroundings; from the whole image where a rounding error would count."""
    box = region.box
    part = surroundings(region.image.shape, region.spacing_mm, sigma_mm, box)
    values = _log_within(part, sigma_mm, region, box, around)
    partial_view = any(p.stop - p.start < n for p, n in zip(part, region.image.shape, strict=True))
    tolerance = _ROUNDING * region.peak
    if partial_view and near_edge(values, preset.bin_width, tolerance):
        whole = tuple(slice(0, size) for size in region.image.shape)
        values = _log_within(whole, sigma_mm, region, box, around)
    return {name: values}


def _log_within(
    part: tuple[slice, ...],
    sigma_mm: float,
    region: Region,
    box: tuple[slice, ...],
    around: Neighborhood,
) -> NDArray[np.float32]:
    inner = tuple(
        slice(b.start - p.start, b.stop - p.start) for b, p in zip(box, part, strict=True)
    )
    image = np.ascontiguousarray(region.image[part])
    filtered = laplacian_of_gaussian(image, region.spacing_mm, sigma_mm, inner)
    start = np.array([b.start for b in box])[:, None]
    return filtered[tuple(around.index - start)]


def _wavelet(backend: Backend) -> _Filtered:
    return {f"wavelet-{band}": values for band, values in backend.wavelet().items()}


def _pointwise(name: str, function: PointFilter, values: NDArray, peak: float) -> _Filtered:
    return {name: function(values.astype(np.float64), peak)}


def _describe(
    name: str,
    values: NDArray,
    region: Region,
    preset: RadiomicsPreset,
    around: Neighborhood,
    backend: Backend,
) -> dict[str, float]:
    """All texture classes of one image."""
    levels = discretize(values, preset.bin_width, name)
    counted = backend.matrices(levels)
    by_class: dict[str, Callable[[], dict[str, float]]] = {
        "firstorder": lambda: first_order_features(values, levels, math.prod(region.spacing_mm)),
        "glcm": lambda: co_occurrence_features(counted.glcm, levels),
        "glrlm": lambda: run_length_features(counted.glrlm, levels.values, around.has_line),
        "glszm": lambda: size_zone_features(counted.zone_rank, counted.zone_size, levels.values),
        "gldm": lambda: dependence_features(backend.dependence(levels), levels.values),
        "ngtdm": lambda: tone_difference_features(counted.ngtdm, levels),
    }
    return {
        f"{name}_{texture}_{feature}": value
        for texture in preset.texture_classes
        for feature, value in by_class[texture]().items()
    }


def _shape(region: Region, preset: RadiomicsPreset) -> dict[str, float]:
    if preset.dimensions == 2:
        from hccsurv_core.features.radiomics.shape2d import shape2d_features

        row, column = region.spacing_mm
        found = shape2d_features(region.mask, (row, column))
    else:
        from hccsurv_core.features.radiomics.shape import shape_features

        slice_, row, column = region.spacing_mm
        found = shape_features(region.mask, (slice_, row, column))
    return {f"original_{preset.shape_class}_{name}": value for name, value in found.items()}
