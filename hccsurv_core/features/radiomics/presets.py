"""Which features are extracted, from which filtered images, with which settings.

A preset is a *reading* of a paper or a choice of ours; ``reading`` says which.
Names and their order are PyRadiomics' own (``<image>_<class>_<feature>``), so
that a table made here and one made with PyRadiomics have the same columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import Any

from hccsurv_core.errors import RadiomicsError


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


#: PyRadiomics' feature names by class, in its order, without those it marks as deprecated.
CLASS_FEATURES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "shape": _words("""Elongation Flatness LeastAxisLength MajorAxisLength Maximum2DDiameterColumn
            Maximum2DDiameterRow Maximum2DDiameterSlice Maximum3DDiameter MeshVolume MinorAxisLength
            Sphericity SurfaceArea SurfaceVolumeRatio VoxelVolume"""),
        "shape2D": _words("""Elongation MajorAxisLength MaximumDiameter MeshSurface MinorAxisLength Perimeter
            PerimeterSurfaceRatio PixelSurface Sphericity"""),
        "firstorder": _words("""10Percentile 90Percentile Energy Entropy InterquartileRange Kurtosis Maximum
            MeanAbsoluteDeviation Mean Median Minimum Range RobustMeanAbsoluteDeviation
            RootMeanSquared Skewness TotalEnergy Uniformity Variance"""),
        "glcm": _words("""Autocorrelation ClusterProminence ClusterShade ClusterTendency Contrast Correlation
            DifferenceAverage DifferenceEntropy DifferenceVariance Id Idm Idmn Idn Imc1 Imc2
            InverseVariance JointAverage JointEnergy JointEntropy MCC MaximumProbability SumAverage
            SumEntropy SumSquares"""),
        "glrlm": _words("""GrayLevelNonUniformity GrayLevelNonUniformityNormalized GrayLevelVariance
            HighGrayLevelRunEmphasis LongRunEmphasis LongRunHighGrayLevelEmphasis
            LongRunLowGrayLevelEmphasis LowGrayLevelRunEmphasis RunEntropy RunLengthNonUniformity
            RunLengthNonUniformityNormalized RunPercentage RunVariance ShortRunEmphasis
            ShortRunHighGrayLevelEmphasis ShortRunLowGrayLevelEmphasis"""),
        "glszm": _words("""GrayLevelNonUniformity GrayLevelNonUniformityNormalized GrayLevelVariance
            HighGrayLevelZoneEmphasis LargeAreaEmphasis LargeAreaHighGrayLevelEmphasis
            LargeAreaLowGrayLevelEmphasis LowGrayLevelZoneEmphasis SizeZoneNonUniformity
            SizeZoneNonUniformityNormalized SmallAreaEmphasis SmallAreaHighGrayLevelEmphasis
            SmallAreaLowGrayLevelEmphasis ZoneEntropy ZonePercentage ZoneVariance"""),
        "gldm": _words("""DependenceEntropy DependenceNonUniformity DependenceNonUniformityNormalized
            DependenceVariance GrayLevelNonUniformity GrayLevelVariance HighGrayLevelEmphasis
            LargeDependenceEmphasis LargeDependenceHighGrayLevelEmphasis
            LargeDependenceLowGrayLevelEmphasis LowGrayLevelEmphasis SmallDependenceEmphasis
            SmallDependenceHighGrayLevelEmphasis SmallDependenceLowGrayLevelEmphasis"""),
        "ngtdm": ("Busyness", "Coarseness", "Complexity", "Contrast", "Strength"),
    }
)

#: Image types in PyRadiomics' spelling, in the order the features come.
IMAGE_TYPES = (
    "Original", "LoG", "Wavelet", "Square", "SquareRoot", "Logarithm", "Exponential", "Gradient",
    "LBP2D",
)  # fmt: skip
#: PyRadiomics' name of the image of local binary patterns.
BINARY_PATTERN = "lbp-2D"
_SHAPE_CLASSES = ("shape", "shape2D")
_TEXTURE_1343 = ("firstorder", "glcm", "glrlm", "glszm", "ngtdm")
_TEXTURE_ALL = ("firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")


@dataclass(frozen=True)
class RadiomicsPreset:
    """A feature set and every setting it depends on.

    Nothing is resampled and intensities are not normalized here: a voxel is what the
    scanner reconstructed, or what the caller made of it (``pixel_mm``). Texture matrices are symmetrical where they can be,
    count neighbors at a distance of one voxel, and are averaged over directions.

    Args:
        name: as on the command line.
        title: one line for people.
        reading: where the set comes from, and what in it is our choice.
        classes: PyRadiomics' feature classes, shape first.
        dimensions: 3; or 2 for a single slice, whose filters then stay in its plane.
        bin_width: width of a gray-level bin, in the image's unit; bins start at multiples of it.
        log_sigma_mm: widths of the Laplacian of Gaussian, mm.
        wavelet: name of the stationary wavelet, one level.
        pixel_mm: the spacing that the image must have in its plane; None takes any.
        unit: of the image.
        binary_pattern: whether local binary patterns (uniform, 8 neighbors at one pixel) are among
            the images; in two dimensions only.
    """

    name: str
    title: str
    reading: str
    classes: tuple[str, ...]
    dimensions: int = 3
    bin_width: float = 25
    log_sigma_mm: tuple[float, ...] = (1.0, 2.0, 3.0)
    wavelet: str = "coif1"
    pixel_mm: float | None = None
    unit: str = "HU"
    binary_pattern: bool = False

    @property
    def image_types(self) -> tuple[str, ...]:
        """Of :data:`IMAGE_TYPES`, those that are made."""
        return tuple(name for name in IMAGE_TYPES if name != "LBP2D" or self.binary_pattern)

    @property
    def shape_class(self) -> str | None:
        """The shape class, or None where the preset has none."""
        return next((name for name in self.classes if name in _SHAPE_CLASSES), None)

    @property
    def texture_classes(self) -> tuple[str, ...]:
        """The classes computed on every image."""
        return tuple(name for name in self.classes if name not in _SHAPE_CLASSES)

    def image_names(self) -> tuple[str, ...]:
        """The original and its filtered images, by PyRadiomics' names and in its order."""
        # PyRadiomics says "3D" of any LoG, also of one that stays in the plane.
        log = [f"log-sigma-{str(s).replace('.', '-')}-mm-3D" for s in self.log_sigma_mm]
        bands = ["".join(band) for band in product("LH", repeat=self.dimensions)]
        wavelet = [f"wavelet-{band}" for band in (*bands[1:], bands[0])]
        pointwise = ("square", "squareroot", "logarithm", "exponential", "gradient")
        pattern = (BINARY_PATTERN,) if self.binary_pattern else ()
        return ("original", *log, *wavelet, *pointwise, *pattern)

    def settings(self) -> dict[str, Any]:
        """Everything that decides a feature's value, plain values only."""
        found = {
            "preset": self.name,
            "reading": self.reading,
            "dimensions": self.dimensions,
            "classes": list(self.classes),
            "images": list(self.image_names()),
            "bin_width": self.bin_width,
            "log_sigma_mm": list(self.log_sigma_mm),
            "wavelet": self.wavelet,
            "wavelet_level": 1,
            "gradient_uses_spacing": True,
            "resampling": None,
            "normalization": None,
            "distances_voxels": [1],
            "glcm_symmetrical": True,
            "direction_weighting": None,
            "gldm_alpha": 0,
            "voxel_array_shift": 0,
        }
        # Models that were kept say nothing of what their presets do not have.
        if self.pixel_mm is not None:
            found |= {"pixel_mm": self.pixel_mm, "unit": self.unit}
        if self.binary_pattern:
            found |= {"lbp_2d": {"radius_pixels": 1, "samples": 8, "method": "uniform"}}
        return found


_OUR_READING = (
    "our reading of Liu et al. 2024 (doi:10.1631/jzus.B2300363), which gives the number of features"
    " (1343) and not the set: 17 images (original, LoG 1, 2 and 3 mm, eight wavelet bands, square,"
    " square root, logarithm, exponential, gradient) × 79 features (first-order 18, GLCM 24, GLRLM"
    " 16, GLSZM 16, NGTDM 5) is the combination that comes to exactly 1343; the paper names shape"
    " and GLDM too, with which it would not"
)

_CEUS_READING = (
    "our choice for Huang et al. 2022 (doi:10.4251/wjgo.v14.i12.2380), who do not list their set: all"
    " classes of PyRadiomics given a two-dimensional image, on 14 images (original, LoG 1, 2 and 3 mm,"
    " four wavelet bands, square, square root, logarithm, exponential, gradient, local binary"
    " pattern). Pixels of 0.4 mm, near those of two panels side by side, so that little is made up;"
    " bins of 1 dB. LoG stays in the plane though its name says 3D: PyRadiomics makes it of an image"
    " of two dimensions, and skips it without a word on one slice of three"
)

PRESETS: Mapping[str, RadiomicsPreset] = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            RadiomicsPreset(
                "muscle-1343",
                "Muscle at L3: 1343 features, as many as in the paper",
                _OUR_READING,
                _TEXTURE_1343,
            ),
            RadiomicsPreset(
                "muscle-full",
                "Muscle at L3: the 1343, GLDM and shape",
                "the 1343 of muscle-1343, and the two classes the paper names besides: GLDM (14 on"
                " each of the 17 images) and shape (14)",
                ("shape", *_TEXTURE_ALL),
            ),
            RadiomicsPreset(
                "lesion",
                "Liver or liver lesion in 3-D: all classes",
                "our choice: all classes of PyRadiomics on the same 17 images",
                ("shape", *_TEXTURE_ALL),
            ),
            RadiomicsPreset(
                "lesion-2d",
                "Lesion on one slice or ultrasound frame: all classes, in the plane",
                "our choice: all classes of PyRadiomics given a two-dimensional image: 13 images"
                " (four wavelet bands; the LoG stays in the plane though its name says 3D), texture"
                " along four directions, and the nine shape features of an area",
                ("shape2D", *_TEXTURE_ALL),
                dimensions=2,
            ),
            RadiomicsPreset(
                "ceus-2d",
                "Lesion on a contrast or grayscale ultrasound still, in decibels against the liver",
                _CEUS_READING,
                ("shape2D", *_TEXTURE_ALL),
                dimensions=2,
                bin_width=1.0,
                pixel_mm=0.4,
                unit="dB against the parenchyma's mean power",
                binary_pattern=True,
            ),
        )
    }
)


def choose_preset(preset: RadiomicsPreset | str) -> RadiomicsPreset:
    """The preset called ``preset``; a preset is returned as it is.

    Raises:
        RadiomicsError: no preset has that name.
    """
    if isinstance(preset, RadiomicsPreset):
        return preset
    if preset not in PRESETS:
        raise RadiomicsError(
            f"no preset is called {preset!r}", source="preset", remedy=f"use {', '.join(PRESETS)}"
        )
    return PRESETS[preset]


def feature_names(preset: RadiomicsPreset | str) -> tuple[str, ...]:
    """All features of a preset in a fixed order: shape first, then image by image.

    Raises:
        RadiomicsError: no preset has that name.
    """
    preset = choose_preset(preset)
    shape = preset.shape_class
    names = [f"original_{shape}_{name}" for name in CLASS_FEATURES[shape]] if shape else []
    for image in preset.image_names():
        for texture in preset.texture_classes:
            names.extend(f"{image}_{texture}_{name}" for name in CLASS_FEATURES[texture])
    return tuple(names)
