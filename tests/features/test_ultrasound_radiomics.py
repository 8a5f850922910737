"""Radiomics of stills: every feature as PyRadiomics gives it, and what must not change them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "imaging"))
from still_phantom import phantom

from hccsurv_core.errors import InputError, RadiomicsError
from hccsurv_core.features.radiomics.agreement import find_disagreements
from hccsurv_core.features.radiomics.extract import extract_radiomics
from hccsurv_core.features.radiomics.presets import PRESETS, choose_preset, feature_names
from hccsurv_core.features.radiomics.reference import extract_with_pyradiomics
from hccsurv_core.features.radiomics.region import prepare_region
from hccsurv_core.features.ultrasound_radiomics import radiomics_picture, still_radiomics
from hccsurv_core.imaging.ultrasound_crops import WINDOW_DB
from hccsurv_core.volume import Volume

STILL = phantom()
NAMES = feature_names("ceus-2d")
INDEX = np.indices(STILL.levels.shape)


def disc(row: float, column: float, radius: float) -> np.ndarray:
    return np.hypot(INDEX[0] - row, INDEX[1] - column) <= radius


def necrotic() -> np.ndarray:
    """A lesion whose middle is black: clipped at the window's end."""
    return np.where(disc(112, 128, 14), 0, STILL.levels).astype(np.float32)


STILLS = {
    "lesion": STILL,
    "as grayscale": phantom(0.27, lesion_db=-5.0, range_db=60.0, kind="grayscale", seed=2),
    "coarse pixels": phantom(0.47, seed=3),
    "necrosis": replace(STILL, levels=necrotic()),
    "at the fan's edge": replace(STILL, lesion=disc(55, 55, 24) & STILL.fan),
    "at the bottom of the picture": replace(STILL, lesion=disc(205, 130, 25)),
    "a ring": replace(STILL, lesion=STILL.lesion & ~disc(110, 130, 15)),
    "two parts": replace(STILL, lesion=disc(100, 110, 12) | disc(120, 160, 9)),
    "small": replace(STILL, lesion=disc(110, 130, 5)),
    "under marks": replace(STILL, fan=STILL.fan & ~(np.abs(INDEX[0] - INDEX[1] + 20) < 3)),
}


def test_there_are_as_many_features_as_the_preset_says():
    # 14 images × (18 + 24 + 16 + 16 + 14 + 5) and 9 of shape.
    assert len(NAMES) == 14 * 93 + 9 == 1311
    images = {n.rsplit("_", 2)[0] for n in NAMES}
    assert images == {
        "original", "log-sigma-1-0-mm-3D", "log-sigma-2-0-mm-3D", "log-sigma-3-0-mm-3D",
        "wavelet-LL", "wavelet-LH", "wavelet-HL", "wavelet-HH", "square", "squareroot", "logarithm",
        "exponential", "gradient", "lbp-2D",
    }  # fmt: skip


@pytest.mark.parametrize("name", STILLS)
def test_every_feature_is_pyradiomics(name):
    """To a millionth, and rounding where values cancel."""
    found, reference = (
        still_radiomics(STILLS[name], engine=engine).features for engine in ("fast", "pyradiomics")
    )
    assert tuple(found) == tuple(reference) == NAMES
    assert find_disagreements(found, reference) == ()


def test_pyradiomics_makes_a_laplacian_of_two_dimensions_but_not_of_one_slice_of_three():
    """Why the preset gives it a flat image: of a slab of one slice LoG would go missing unsaid."""
    from radiomics.imageoperations import getLoGImage

    volume, mask = radiomics_picture(STILL)
    for picture, made in ((volume.voxels[0], 3), (volume.voxels, 0)):
        image = sitk.GetImageFromArray(picture)
        image.SetSpacing([0.4, 0.4, 1.0][: picture.ndim])
        found = list(getLoGImage(image, image, sigma=[1.0, 2.0, 3.0]))
        assert len(found) == made
    assert mask.any()


def test_patterns_are_those_of_scikit_image():
    from skimage.feature import local_binary_pattern

    volume, mask = radiomics_picture(STILL)
    with pytest.warns(UserWarning, match="local_binary_pattern"):
        patterns = local_binary_pattern(volume.voxels[0], 8, 1, "uniform")[mask[0]]
    found = still_radiomics(STILL).features
    assert found["lbp-2D_firstorder_Mean"] == pytest.approx(patterns.mean(), rel=1e-12)
    assert found["lbp-2D_firstorder_Maximum"] == patterns.max() == 9


# -- what is measured --------------------------------------------------------------------------
def test_levels_are_decibels_against_the_liver_on_pixels_of_the_preset():
    volume, mask = radiomics_picture(STILL)
    assert volume.spacing_mm[1:] == (0.4, 0.4)
    assert mask.sum() * 0.16 == pytest.approx(np.pi * 100, rel=0.02)
    power = 10 ** (volume.voxels[mask].astype(float) / 10)
    assert 10 * np.log10(power.mean()) == pytest.approx(6.0, abs=0.2)


@pytest.mark.parametrize("name", STILLS)
def test_the_largest_value_is_the_same_for_everybody(name):
    """Square, square root, logarithm and exponential scale by it."""
    volume, mask = radiomics_picture(STILLS[name])
    assert np.abs(volume.voxels).max() == WINDOW_DB
    rows, columns = np.nonzero(mask[0])
    # The frame that sees to it is beyond the reach of the widest filter: 5 × 3 mm.
    assert min(rows.min(), columns.min()) * 0.4 >= 15
    assert (np.array(mask[0].shape) - 1 - (rows.max(), columns.max())).min() * 0.4 >= 15


def test_gain_and_dynamic_range_do_not_matter():
    expected = still_radiomics(STILL)
    for other in (phantom(gain_db=-22.0), phantom(range_db=56.0)):
        found = still_radiomics(other).features
        for name in NAMES:
            # A value at a bin's edge may fall to its other side: a matrix moves by a count.
            assert found[name] == pytest.approx(expected.features[name], rel=0.02, abs=2e-3), name


def test_a_mirrored_still_has_the_same_features():
    """But for wavelets, whose filters are not symmetrical."""
    flipped = replace(
        STILL, levels=STILL.levels[:, ::-1], fan=STILL.fan[:, ::-1], lesion=STILL.lesion[:, ::-1],
        parenchyma=STILL.parenchyma[:, ::-1],
    )  # fmt: skip
    found, expected = (still_radiomics(s).features for s in (flipped, STILL))
    alike = [n for n in NAMES if not n.startswith("wavelet")]
    assert len(alike) == 10 * 93 + 9
    for name in alike:
        assert found[name] == pytest.approx(expected[name], rel=0.02, abs=2e-3), name


def test_size_and_level_do_not_depend_on_the_machines_pixels():
    fine, coarse = (still_radiomics(phantom(mm)).features for mm in (0.24, 0.47))
    for name, within in {
        "original_shape2D_MajorAxisLength": 0.02,
        "original_shape2D_MeshSurface": 0.02,
        "original_shape2D_Sphericity": 0.03,
    }.items():
        assert fine[name] == pytest.approx(coarse[name], rel=within)
    for name in ("original_firstorder_Mean", "original_firstorder_Median"):
        assert fine[name] == pytest.approx(coarse[name], abs=0.5)


def test_a_brighter_lesion_is_brighter_by_as_much():
    dark, bright = (still_radiomics(phantom(lesion_db=db)).features for db in (0.0, 4.0))
    name = "original_firstorder_Mean"
    assert bright[name] - dark[name] == pytest.approx(4.0, abs=0.05)


# -- what is refused ---------------------------------------------------------------------------
def test_a_lesion_without_texture_is_refused_by_the_still_it_is_on():
    with pytest.raises(RadiomicsError, match="contrast still, mask: the mask is empty; choose or"):
        still_radiomics(replace(STILL, lesion=disc(110, 130, 0.9)))
    line = replace(STILL, lesion=(INDEX[0] == 110) & (np.abs(INDEX[1] - 130) < 20))
    with pytest.raises(RadiomicsError, match="contrast still, mask: the mask is"):
        still_radiomics(line)


def test_a_preset_without_pixels_is_refused():
    with pytest.raises(InputError, match=r"lesion-2d does not say on which pixels .* use ceus-2d"):
        radiomics_picture(STILL, "lesion-2d")


def test_the_preset_refuses_an_image_on_other_pixels():
    slab = Volume(np.ones((1, 30, 30), np.float32), np.diag([0.3, 0.4, 1.0, 1.0]))
    mask = np.zeros((1, 30, 30), bool)
    mask[0, 5:20, 5:20] = True
    with pytest.raises(
        RadiomicsError, match=r"ceus-2d is made for pixels of 0.4 mm .* has 0.400×0.300 mm"
    ):
        extract_radiomics(slab, mask, "ceus-2d")


def test_the_preset_says_what_it_depends_on():
    settings = PRESETS["ceus-2d"].settings()
    assert (settings["pixel_mm"], settings["bin_width"]) == (0.4, 1.0)
    assert settings["unit"].startswith("dB against the parenchyma")
    assert settings["lbp_2d"] == {"radius_pixels": 1, "samples": 8, "method": "uniform"}
    # Presets that were there before say no more than they did: models keep what they were made with.
    assert not {"pixel_mm", "unit", "lbp_2d"} & set(PRESETS["lesion-2d"].settings())


def test_names_come_in_pyradiomics_order():
    chosen = choose_preset("ceus-2d")
    volume, mask = radiomics_picture(STILL)
    found = extract_with_pyradiomics(prepare_region(volume, mask, chosen), chosen)
    assert tuple(found) == NAMES
