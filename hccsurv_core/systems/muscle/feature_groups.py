"""Which feature says what of a patient: size, density or texture of the muscle, or the record.

A clinician reads four groups, not 1343 names. Where a feature belongs is decided by what its value
truly follows, not by its name: an energy is a sum over voxels and follows the size of the muscle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hccsurv_core.systems.muscle.clinical_block import BY_NAME, CLINICAL

SIZE, DENSITY, TEXTURE, RECORD, OTHER = "size", "density", "texture", "clinical", "other"


@dataclass(frozen=True)
class FeatureGroup:
    """A group of features.

    Args:
        name: short ("size").
        title: for people ("Muscle size").
        meaning: what it is, in one line.
    """

    name: str
    title: str
    meaning: str


FEATURE_GROUPS: tuple[FeatureGroup, ...] = (
    FeatureGroup(SIZE, "Muscle size", "how much muscle there is at L3, and how evenly left and right"),
    FeatureGroup(DENSITY, "Muscle density", "how dense the muscle is on CT, and how much fat lies in it"),
    FeatureGroup(TEXTURE, "Muscle texture", "how fat and muscle are mixed: fine streaks or coarse ones"),
    FeatureGroup(RECORD, "Clinical values", "age, sex, height, tumor and liver function"),
    FeatureGroup(OTHER, "Other values", "features that are none of the above"),
)  # fmt: skip
GROUP_BY_NAME = {group.name: group for group in FEATURE_GROUPS}

#: Features that have a name for people, and what they are called.
_NAMED = {
    "sma_cm2": (SIZE, "Skeletal muscle area"),
    "pma_cm2": (SIZE, "Psoas muscle area"),
    "smi": (SIZE, "Skeletal muscle index"),
    "pmi": (SIZE, "Psoas muscle index"),
    "pd_hu": (DENSITY, "Psoas density"),
    "ma_hu": (DENSITY, "Muscle attenuation"),
    "male": (RECORD, "Sex"),
    "height_m": (RECORD, "Height"),
    "muscle.size_index": (SIZE, "Muscle size for height"),
    "muscle.asymmetry": (SIZE, "Left-right difference of muscle"),
    "muscle.lean_hu_above_fat": (DENSITY, "Density of lean muscle"),
    "muscle.fat_root": (DENSITY, "Fat within muscle"),
    "muscle.back_hu_below_psoas": (DENSITY, "Density lost in the back's muscle"),
}
#: Sums over voxels, and what is divided by one: they grow or shrink with the number of voxels.
_FOLLOW_SIZE = {
    "firstorder": {"Energy", "TotalEnergy"},
    "glrlm": {"GrayLevelNonUniformity", "RunLengthNonUniformity"},
    "glszm": {"GrayLevelNonUniformity", "SizeZoneNonUniformity"},
    "gldm": {"GrayLevelNonUniformity", "DependenceNonUniformity"},
    "ngtdm": {"Busyness", "Coarseness", "Strength"},
}
#: Divided by the height's square.
_BY_HEIGHT = ("smi", "pmi", "muscle.size_index")
_LEVELS = {
    "10Percentile", "90Percentile", "Maximum", "Mean", "Median", "Minimum", "RootMeanSquared",
}  # fmt: skip
#: Images whose gray levels still follow attenuation; the others show edges and detail.
_ATTENUATION = {
    "original", "square", "squareroot", "logarithm", "exponential", "wavelet-LLL", "wavelet-LL",
}  # fmt: skip
_CLASSES = ("firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
_MUSCLE = "muscle."
_SIZE_WORDS, _DENSITY_WORDS = ("asymmetry", "envelope", "size"), ("hu", "enhanced")


def group_of(name: str) -> str:
    """The name of a feature's group; "other" for a feature of nobody's here."""
    if name in _NAMED:
        return _NAMED[name][0]
    if name.startswith(CLINICAL):
        return RECORD
    if name.startswith(_MUSCLE):
        return _muscle_group(name.removeprefix(_MUSCLE))
    parts = name.split("_")
    if len(parts) != 3:
        return OTHER
    image, kind, feature = parts
    if kind in ("shape", "shape2D") or feature in _FOLLOW_SIZE.get(kind, ()):
        return SIZE
    if kind == "firstorder" and feature in _LEVELS and image in _ATTENUATION:
        return DENSITY
    return TEXTURE if kind in _CLASSES else OTHER


def _muscle_group(name: str) -> str:
    """Of what :mod:`~hccsurv_core.features.muscle_texture` describes."""
    words = name.split("_")
    if any(word in _SIZE_WORDS for word in words):
        return SIZE
    if any(word in _DENSITY_WORDS or word.startswith("fat") for word in words):
        return DENSITY
    return TEXTURE


def is_radiomic(name: str) -> bool:
    """Whether a feature is one of PyRadiomics', by its name."""
    parts = name.split("_")
    return len(parts) == 3 and parts[1] in (*_CLASSES, "shape", "shape2D")


def label_of(name: str) -> str | None:
    """What a feature is called for people; None for one of the many that have no name."""
    if name in _NAMED:
        return _NAMED[name][1]
    return BY_NAME[name].label if name in BY_NAME else None


def labels_of(names: Sequence[str]) -> tuple[str, ...]:
    """What some features are called together: those with a name by it, the rest counted by group.

    An index that lacks the height only because of which it is not known is not told twice.
    """
    told = [name for name in names if not (name in _BY_HEIGHT and "height_m" in names)]
    found = [label for name in told if (label := label_of(name)) is not None]
    for group in FEATURE_GROUPS:
        n = sum(label_of(name) is None and group_of(name) == group.name for name in told)
        if n:
            found.append(f"{n} of {group.title.lower()}")
    return tuple(found)
