"""Every feature has a group, and the group is what its value truly follows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from hccsurv_core.features.radiomics.extract import extract_radiomics
from hccsurv_core.features.radiomics.presets import RadiomicsPreset, feature_names
from hccsurv_core.systems.muscle.clinical_block import CLINICAL_NAMES
from hccsurv_core.systems.muscle.feature_groups import group_of, is_radiomic, labels_of
from hccsurv_core.volume import Volume


def test_every_feature_of_the_system_has_a_group():
    known = (
        "sma_cm2", "pma_cm2", "smi", "pmi", "pd_hu", "ma_hu", "male", "height_m",
        *CLINICAL_NAMES, *feature_names("muscle-full"),
    )  # fmt: skip
    assert {group_of(name) for name in known} == {"size", "density", "texture", "clinical"}
    assert group_of("bilirubin") == "other"
    assert all(is_radiomic(name) for name in feature_names("muscle-full"))
    assert not is_radiomic("clinical.low_platelets") and not is_radiomic("sma_cm2")


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("muscle.lean_hu_above_fat", "density"),
        ("muscle.envelope_cm2", "size"),
        ("muscle.size_index", "size"),
        ("muscle.asymmetry", "size"),
        ("muscle.fat_root", "density"),
        ("muscle.back_hu_below_psoas", "density"),
        ("muscle.coherence_wall", "texture"),
        ("muscle.log_streaks_per_cm2", "texture"),
        ("muscle.log_streak_length_mm", "texture"),
        ("original_firstorder_Mean", "density"),
        ("wavelet-HHL_firstorder_Mean", "texture"),
        ("original_firstorder_Entropy", "texture"),
        ("original_shape_MeshVolume", "size"),
    ],
)
def test_what_a_name_means(name, group):
    assert group_of(name) == group


def test_features_of_the_size_group_follow_the_number_of_voxels_and_others_do_not():
    """Noise in a region and in one twice as long: sums double (or halve), means do not."""
    rng = np.random.default_rng(3)
    noise = ndimage.gaussian_filter(rng.normal(size=(40, 60, 60)), 0.7)
    # Lopsided and bounded: no moment is 0, and the gray levels are the same in both.
    volume = Volume(40 + 40 * np.clip(noise / noise.std(), -1, 2), np.diag([0.8, 0.8, 5.0, 1.0]))
    short = np.zeros(volume.shape, bool)
    short[4:20, 6:54, 6:54] = True
    long = np.zeros(volume.shape, bool)
    long[4:36, 6:54, 6:54] = True
    plain = RadiomicsPreset(
        "muscle-1343", "", "", ("firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
    )
    one, two = (extract_radiomics(volume, mask, plain).features for mask in (short, long))
    for name in one:
        if not name.startswith("original_"):
            continue
        ratio = two[name] / one[name] if one[name] else 1.0
        follows = min(abs(ratio - 2), abs(ratio - 0.5)) < 0.2
        if group_of(name) == "size":
            assert follows, (name, ratio)
        elif "LargeArea" not in name and "ZoneVariance" not in name:
            # Zones of noise may grow together in a larger region; nothing else may.
            assert not follows, (name, ratio)


def test_missing_features_are_told_by_name_or_counted():
    assert labels_of(["height_m", "smi", "pmi", "clinical.log_afp"]) == ("Height", "AFP")
    assert labels_of(["original_glcm_Id", "original_glcm_Idm"]) == ("2 of muscle texture",)
