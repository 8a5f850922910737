"""From an image and a mask to every feature of a preset, or an error that names what is missing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core import __version__
from hccsurv_core.device import choose_device
from hccsurv_core.errors import RadiomicsError
from hccsurv_core.features.radiomics.presets import RadiomicsPreset, choose_preset, feature_names
from hccsurv_core.features.radiomics.region import Region, prepare_region
from hccsurv_core.progress import Progress, silent
from hccsurv_core.volume import LabelMap, Volume

#: "fast" is ours and compiled; "pyradiomics" is the reference. Both give the same values.
ENGINES = ("fast", "pyradiomics")
_PACKAGES = {
    "fast": ("numpy", "numba", "scipy"),
    "pyradiomics": ("numpy", "pyradiomics", "SimpleITK", "PyWavelets"),
}
#: A region of fewer voxels is done on the CPU before torch is imported.
WORTH_A_GPU = 200_000
#: As many missing features are named in a message; the rest are counted.
_NAMED = 5


@dataclass(frozen=True, eq=False)
class RadiomicsResult:
    """The features of one region.

    Args:
        features: name to value, in the order of :func:`feature_names`; every value is finite.
        settings: everything that decides a value: the preset, its reading, the engine.
        versions: of this package and of what computed the features.
        n_voxels: voxels in the mask.
    """

    features: Mapping[str, float]
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    n_voxels: int

    def vector(self) -> NDArray[np.float64]:
        """The values, shape (features,), in the order of the names."""
        return np.fromiter(self.features.values(), np.float64, len(self.features))

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "features": dict(self.features),
            "settings": dict(self.settings),
            "versions": dict(self.versions),
            "n_voxels": self.n_voxels,
        }


def extract_radiomics(
    volume: Volume,
    mask: LabelMap | NDArray[np.bool_],
    preset: RadiomicsPreset | str,
    *,
    label: int | None = None,
    engine: str = "fast",
    device: str = "cpu",
    progress: Progress = silent,
) -> RadiomicsResult:
    """Extract every feature of ``preset`` from the voxels of ``mask``.

    Args:
        volume: the whole image, not a crop: filters see what lies around the mask, and square,
            square root, logarithm and exponential scale by the largest value anywhere in it.
        mask: labels on the image's grid, or a bool array (slices, rows, columns).
        preset: a preset or its name.
        label: which label to describe; None takes all that is not background.
        engine: "fast", or "pyradiomics" for the reference (tens of times slower).
        device: "cpu", "cuda", or "auto", which takes a GPU for a large region where there is one;
            the reference runs on the CPU only.
        progress: told how far it is, image by image.

    Raises:
        GeometryMismatchError: image and mask do not coincide.
        IntensityError: the image holds values that are not finite numbers.
        InputError: there is no such device.
        RadiomicsError: the preset or engine is unknown, the mask is empty, a voxel or a line, the
            image is too small for a filter, or a feature has no value for this region: a feature
            is never left out.
    """
    preset = choose_preset(preset)
    if engine not in ENGINES:
        raise RadiomicsError(
            f"no engine is called {engine!r}", source="engine", remedy=f"use {' or '.join(ENGINES)}"
        )
    region = prepare_region(volume, mask, preset, label)
    gpu = _gpu(engine, device, region.n_voxels)
    found = _run(engine, region, preset, gpu, progress)
    progress(1.0, "features extracted")
    return RadiomicsResult(
        features=_complete(found, preset),
        settings={
            **preset.settings(),
            "engine": engine,
            "device": gpu or "cpu",
            "label": label,
        },
        versions={"hccsurv": __version__, **_versions(engine, gpu)},
        n_voxels=region.n_voxels,
    )


def _gpu(engine: str, device: str, n_voxels: int) -> str | None:
    """The device for the heavy parts; None for the CPU.

    "auto" does not look for a GPU where the region is small: importing torch takes longer.
    """
    small = device == "auto" and n_voxels < WORTH_A_GPU
    if small or engine != "fast" or choose_device(device) == "cpu":
        return None
    return "cuda"


def _run(
    engine: str, region: Region, preset: RadiomicsPreset, gpu: str | None, progress: Progress
) -> dict[str, float]:
    # Each engine is imported on use: either takes most of a second.
    if engine == "fast":
        from hccsurv_core.features.radiomics.engine import extract_fast

        return extract_fast(region, preset, progress, gpu)
    from hccsurv_core.features.radiomics.reference import extract_with_pyradiomics

    progress(0.0, "PyRadiomics")
    return extract_with_pyradiomics(region, preset)


def _complete(found: Mapping[str, float], preset: RadiomicsPreset) -> dict[str, float]:
    """The features in the preset's order.

    Raises:
        RadiomicsError: one is missing or not finite.
    """
    features = {name: float(found.get(name, math.nan)) for name in feature_names(preset)}
    missing = [name for name, value in features.items() if not math.isfinite(value)]
    if missing:
        named = ", ".join(missing[:_NAMED])
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        raise RadiomicsError(
            f"{len(missing)} of {len(features)} features have no value for this region:"
            f" {named}{more}",
            source="mask",
            remedy="draw a larger region whose voxels touch each other",
        )
    return features


@lru_cache(maxsize=8)
def _versions(engine: str, gpu: str | None) -> Mapping[str, str]:
    versions = {}
    for package in (*_PACKAGES[engine], *(("torch",) if gpu else ())):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "unknown"
    return versions
