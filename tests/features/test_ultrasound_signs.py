"""Signs of a lesion on two ultrasound stills, held against phantoms whose answer is known."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from ultrasound_phantom import BEAM_MM, SHAPE, STEP_MM, Lesion, Phantom, places, speckle

from hccsurv_core.errors import InputError
from hccsurv_core.features.ultrasound_signs import SIGNS, measure_signs
from hccsurv_core.features.ultrasound_signs.outline_shape import outline_shape
from hccsurv_core.features.ultrasound_signs.scene import build_scene, signed_distance
from hccsurv_core.features.ultrasound_signs.spread import speckle_lengths, spread_of
from hccsurv_core.features.ultrasound_signs.viable import find_viable

GRAY = Phantom(kind="grayscale", level_db=-6.0)
PEAK = Phantom()


@cache
def gray_still():
    return GRAY.still()


@cache
def usual():
    return measure_signs(gray_still(), PEAK.still())


def on_peak(**changes):
    """Values with another contrast still."""
    return measure_signs(gray_still(), replace(PEAK, **changes).still()).values


def on_gray(**changes):
    """Values with another grayscale still."""
    return measure_signs(replace(GRAY, **changes).still(), PEAK.still()).values


# -- what is reported --------------------------------------------------------------------------
def test_every_sign_has_a_value_a_unit_and_a_meaning():
    assert list(usual().values) == [sign.name for sign in SIGNS]
    assert all(math.isfinite(v) for v in usual().values.values())
    assert usual().warnings == ()
    assert all(sign.meaning.endswith(".") and sign.label for sign in SIGNS)
    told = usual().to_json()["signs"]
    assert told[0]["name"] == "diameter_mm"
    assert told[0]["unit"] == "mm"


# -- spread --------------------------------------------------------------------------------------
def drawn_patches_db(phantom):
    """Spread of a phantom's patches, as measured away from its edge, dB."""
    scene = build_scene(phantom.still())
    lengths = speckle_lengths(scene.decibels, scene.liver, scene.spacing_mm)
    found = spread_of(scene.power, scene.distance > 1.2, scene.distance, lengths, scene.spacing_mm)
    return found.patches_db


@pytest.mark.parametrize("phantom", [PEAK, GRAY], ids=lambda p: p.kind)
@pytest.mark.parametrize("spread_db", [1.5, 3.0, 5.0])
def test_patchiness_is_the_drawn_spread(phantom, spread_db):
    """Within a quarter, mean of four lesions of 25 mm; the beam takes a tenth."""
    found = [
        drawn_patches_db(replace(phantom, spread_db=spread_db, seed=seed)) for seed in range(4)
    ]
    assert np.mean(found) == pytest.approx(spread_db, rel=0.25)
    assert np.std(np.log2(found)) < 0.4


def test_both_patterns_are_told_as_logarithms():
    twice = on_peak(spread_db=4.0)["heterogeneity_log2"] - on_peak()["heterogeneity_log2"]
    assert twice == pytest.approx(1.0, abs=0.35)
    twice = on_gray(spread_db=4.0)["mosaic_log2"] - usual().values["mosaic_log2"]
    assert twice == pytest.approx(1.0, abs=0.35)
    assert usual().values["mosaic_log2"] == pytest.approx(1.0, abs=0.5)


def test_more_speckle_is_not_more_patches():
    """One look spreads by 5.6 dB, six by 2.3 dB."""
    one, six = (
        np.mean([np.log2(drawn_patches_db(replace(PEAK, looks=n, seed=s))) for s in range(4)])
        for n in (1, 6)
    )
    assert one == pytest.approx(six, abs=0.35)


def test_a_region_of_a_few_cells_has_no_spread():
    power = speckle(3, 1)
    few = np.zeros(SHAPE, bool)
    few[100:106, 100:106] = True
    assert spread_of(power, few, None, BEAM_MM, (STEP_MM, STEP_MM)) is None


def test_roughness_follows_the_liver_and_not_the_lesion():
    smooth, rough = (on_gray(liver_db=db)["roughness_log2"] for db in (0.3, 1.5))
    assert rough > smooth + 1
    assert rough == pytest.approx(math.log2(1.5), abs=0.4)
    assert on_gray(spread_db=5.0)["roughness_log2"] == pytest.approx(smooth, abs=0.2)


def test_lengths_of_speckle_are_those_of_the_beam():
    decibels = 10 * np.log10(speckle(3, 5))
    found = speckle_lengths(decibels, np.ones(SHAPE, bool), (STEP_MM, STEP_MM))
    assert found is not None
    down, across = found
    # A field blurred by a Gaussian of s correlates as a Gaussian of √2 s, its power, squared, of s.
    assert down == pytest.approx(BEAM_MM[0], rel=0.2)
    assert across == pytest.approx(BEAM_MM[1], rel=0.2)


# -- levels ----------------------------------------------------------------------------------------
def test_the_sign_of_enhancement_is_that_level():
    assert usual().values["enhancement_db"] == pytest.approx(8.0, abs=0.7)


@pytest.mark.parametrize("level_db", [3.0, 8.0, 12.0])
def test_enhancement_is_the_drawn_level(level_db):
    """The mean over three seeds; patches of 2 dB add about 0.1 dB to a mean of power."""
    found = [
        find_viable(build_scene(replace(PEAK, level_db=level_db, seed=seed).still())).mean_db
        for seed in range(3)
    ]
    assert np.mean(found) == pytest.approx(level_db, abs=0.7)


def test_echogenicity_is_the_drawn_level():
    dark, bright = (on_gray(level_db=db, spread_db=1.0)["echo_db"] for db in (-6.0, 4.0))
    assert dark == pytest.approx(-6.0, abs=0.7)
    assert bright == pytest.approx(4.0, abs=0.7)


def test_depth_compensation_and_poor_beams_are_taken_off():
    y, x = places()
    wrong_db = 0.12 * y + 1.2 * np.sin(x / 2)
    changed = on_peak(extra_db=wrong_db)
    for name, allowed in (("enhancement_db", 0.5), ("heterogeneity_log2", 0.3), ("rim_db", 0.5)):
        assert changed[name] == pytest.approx(usual().values[name], abs=allowed)


def test_gain_changes_nothing():
    louder = on_peak(extra_db=4.0)
    for name, value in usual().values.items():
        assert louder[name] == pytest.approx(value, abs=1e-4), name


def test_a_mirrored_picture_has_the_same_signs():
    flipped = [
        replace(s, **{k: np.ascontiguousarray(getattr(s, k)[:, ::-1])
                      for k in ("levels", "fan", "lesion", "parenchyma")})
        for s in (gray_still(), PEAK.still())
    ]  # fmt: skip
    mirrored = measure_signs(*flipped).values
    for sign in SIGNS:
        allowed = 0.02 if sign.unit in ("mm", "") else 0.15
        assert mirrored[sign.name] == pytest.approx(usual().values[sign.name], abs=allowed), sign


# -- parts -----------------------------------------------------------------------------------------
def test_a_dead_part_is_counted_and_left_out_of_the_rest():
    y, x = places()
    radius = math.sqrt(0.15 * 14 * 11)  # 15 % of the ellipse
    dead = on_peak(extra_db=np.where(np.hypot(y, x - 2) < radius, -14.0, 0.0))
    assert dead["necrosis_share"] == pytest.approx(0.15, abs=0.06)
    assert usual().values["necrosis_share"] < 0.03
    assert dead["enhancement_db"] == pytest.approx(usual().values["enhancement_db"], abs=0.8)
    assert dead["heterogeneity_log2"] == pytest.approx(
        usual().values["heterogeneity_log2"], abs=0.5
    )


def test_a_bright_rim_and_a_dark_halo_are_told():
    depth = Lesion().depth_mm()
    rim = on_peak(extra_db=5.0 * np.exp(-(((depth - 0.7) / 1.0) ** 2)))
    assert rim["rim_db"] > usual().values["rim_db"] + 2.5
    halo = on_gray(extra_db=-6.0 * np.exp(-(((depth + 0.6) / 0.9) ** 2)))
    assert halo["halo_db"] > usual().values["halo_db"] + 3.5
    assert abs(usual().values["halo_db"]) < 1.0


def test_a_round_nodule_is_a_satellite_and_a_vessel_is_not():
    y, x = places()
    nodule = on_peak(extra_db=np.where(np.hypot(y + 16, x - 14) < 4, 8.0, 0.0))
    assert nodule["satellites"] == 1
    assert nodule["satellite_clearness"] == pytest.approx(1.0, abs=0.2)
    vessel = on_peak(extra_db=np.where((np.abs(y + 18) < 1.5) & (np.abs(x) < 14), 8.0, 0.0))
    assert vessel["satellites"] == 0
    assert usual().values["satellites"] == 0
    assert usual().values["satellite_clearness"] == 0


# -- outline ---------------------------------------------------------------------------------------
def test_an_ellipse_has_its_axes_and_no_lobes():
    values = usual().values
    assert values["diameter_mm"] == pytest.approx(28.0, abs=0.4)
    assert values["aspect"] == pytest.approx(11 / 14, abs=0.01)
    assert values["lobulation_log2"] < math.log2(0.01)


@pytest.mark.parametrize(("lobes", "wave"), [(0.05, 5), (0.1, 5), (0.08, 8)])
def test_lobulation_is_the_spread_of_the_radius(lobes, wave):
    """A cosine of amplitude a spreads by a / √2."""
    depth = Lesion(lobes=lobes, wave=wave, long_mm=15, short_mm=15).depth_mm()
    shape = outline_shape(signed_distance(depth > 0, (STEP_MM, STEP_MM)), (STEP_MM, STEP_MM))
    assert shape.lobulation == pytest.approx(lobes / math.sqrt(2), rel=0.12)


def test_two_waves_are_an_ellipse_and_no_lobes():
    depth = Lesion(long_mm=16, short_mm=10).depth_mm()
    shape = outline_shape(signed_distance(depth > 0, (STEP_MM, STEP_MM)), (STEP_MM, STEP_MM))
    assert shape.lobulation < 0.01
    assert shape.aspect == pytest.approx(10 / 16, abs=0.01)


# -- what cannot be measured -----------------------------------------------------------------------
def test_stills_in_the_wrong_order_are_refused():
    with pytest.raises(InputError, match="a grayscale still was expected, not a contrast still"):
        measure_signs(PEAK.still(), gray_still())


def test_a_lesion_too_small_to_measure_is_refused():
    small = replace(gray_still(), lesion=Lesion(2.0, 1.8).depth_mm() > 0)
    with pytest.raises(InputError, match=r"3\.7 mm across; below 5 mm"):
        measure_signs(small, PEAK.still())


def test_outlines_of_two_lesions_are_refused():
    other = replace(PEAK, lesion=Lesion(7.0, 5.0)).still()
    with pytest.raises(InputError, match=r"4\.8 cm² on the grayscale still and 1\.1 cm²"):
        measure_signs(gray_still(), other)


def test_without_liver_spreads_are_missing_and_the_reason_is_told():
    peak = PEAK.still()
    near = Lesion().depth_mm() > -4
    signs = measure_signs(gray_still(), replace(peak, fan=peak.fan & near, parenchyma=near & ~peak.lesion))  # fmt: skip
    assert math.isnan(signs.values["heterogeneity_log2"])
    assert math.isfinite(signs.values["mosaic_log2"])
    assert any("little liver is seen about the lesion on the contrast still" in w for w in signs.warnings)  # fmt: skip
    assert any(
        w.startswith("patchiness of the enhancement could not be measured: too little")
        for w in signs.warnings
    )
    missing = [s for s in signs.to_json()["signs"] if s["value"] is None]
    assert [s["name"] for s in missing] == ["heterogeneity_log2"]


def test_a_black_contrast_still_has_no_spread_and_says_so():
    """Taken before the agent came: nothing enhances, and there is no speckle."""
    black = replace(PEAK.still(), levels=np.zeros(SHAPE, np.float32))
    signs = measure_signs(gray_still(), black)
    assert math.isnan(signs.values["heterogeneity_log2"])
    assert signs.values["enhancement_db"] == pytest.approx(0.0, abs=0.1)
    assert signs.values["necrosis_share"] < 0.05
    assert any(
        "patchiness of the enhancement could not be measured: too little enhancing tissue inside "
        "the edge, or no liver with speckle" in w
        for w in signs.warnings
    )


def test_a_thin_lesion_is_measured_whole():
    """A band of 1.2 mm: there is no inside away from the edge."""
    y, x = places()
    band = (np.abs(y) < 0.6) & (np.abs(x) < 20)
    signs = measure_signs(replace(gray_still(), lesion=band), replace(PEAK.still(), lesion=band))
    assert math.isfinite(signs.values["enhancement_db"])
    assert signs.values["diameter_mm"] == pytest.approx(40, abs=1)
    assert math.isnan(signs.values["mosaic_log2"])
    assert any(
        w.startswith("mosaic without contrast could not be measured") for w in signs.warnings
    )


@pytest.mark.parametrize("what", ["slope", "beams"])
def test_what_leveling_leaves_is_hardly_taken_for_patches(what):
    """A lesion without patches, crossed by 0.08 dB/mm or by beams that differ by 0.6 dB."""
    y, x = places()
    left_db = 0.08 * y if what == "slope" else 0.6 * np.sin(2 * np.pi * x / 16)
    region = np.hypot(y - y.mean(), x - x.mean()) < 11

    def log2(extra_db):
        power = [speckle(3, seed) * 10 ** (extra_db / 10) for seed in range(4)]
        return np.mean(
            [spread_of(p, region, None, BEAM_MM, (STEP_MM, STEP_MM)).log2_db for p in power]
        )

    assert log2(left_db) - log2(0 * y) < 0.1
