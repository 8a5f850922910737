"""PyRadiomics with a preset's settings: the reference that the fast engine is held against."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import numpy as np

from hccsurv_core.errors import RadiomicsError
from hccsurv_core.features.radiomics.presets import RadiomicsPreset
from hccsurv_core.features.radiomics.region import Region

#: PyRadiomics logs each step and each failed feature; what fails is told by the caller instead.
_QUIET = 60


def pyradiomics_settings(preset: RadiomicsPreset) -> dict[str, Any]:
    """The keyword arguments of PyRadiomics' ``RadiomicsFeatureExtractor``."""
    return {
        "binWidth": preset.bin_width,
        "resampledPixelSpacing": None,
        "normalize": False,
        "distances": [1],
        "force2D": False,
        "symmetricalGLCM": True,
        "weightingNorm": None,
        "gldm_a": 0,
        "voxelArrayShift": 0,
        "minimumROIDimensions": 2,
        "label": 1,
        "additionalInfo": False,
    }


def extract_with_pyradiomics(region: Region, preset: RadiomicsPreset) -> dict[str, float]:
    """Every feature that PyRadiomics gives, by its names; NaN where it gives none.

    Orientation and origin are left out: no feature depends on them.

    Raises:
        RadiomicsError: PyRadiomics refuses the region.
    """
    import radiomics
    import SimpleITK as sitk
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    radiomics.setVerbosity(_QUIET)
    logging.getLogger("radiomics").setLevel(_QUIET)
    image = sitk.GetImageFromArray(region.image)
    mask = sitk.GetImageFromArray(region.mask.astype(np.uint8))
    for grid in (image, mask):
        grid.SetSpacing(region.spacing_mm[::-1])
    extractor = RadiomicsFeatureExtractor(**pyradiomics_settings(preset))
    extractor.disableAllImageTypes()
    special = {
        "LoG": {"sigma": list(preset.log_sigma_mm)},
        "Wavelet": {"wavelet": preset.wavelet, "level": 1, "start_level": 0},
        "Gradient": {"gradientUseSpacing": True},
        "LBP2D": {"lbp2DRadius": 1, "lbp2DSamples": 8, "lbp2DMethod": "uniform"},
    }
    for image_type in preset.image_types:
        extractor.enableImageTypeByName(image_type, customArgs=special.get(image_type, {}))
    extractor.disableAllFeatures()
    for name in preset.classes:
        extractor.enableFeatureClassByName(name)
    try:
        # Divisions by zero become NaN, which the caller reports by feature.
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            warnings.filterwarnings("ignore", "Applying `local_binary_pattern`", UserWarning)
            features = extractor.execute(image, mask)
    except (ValueError, RuntimeError) as error:
        raise RadiomicsError(f"PyRadiomics refuses the region: {error}", source="mask") from error
    return {name: float(np.real(value)) for name, value in features.items()}
