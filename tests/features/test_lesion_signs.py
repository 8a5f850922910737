"""Signs of a lesion, on phantoms whose answer is known: a ball in a block of liver, both phases."""

from __future__ import annotations

import json
import math
from functools import lru_cache

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hccsurv_core.errors import GeometryError, InputError
from hccsurv_core.features.lesion_signs import SIGNS, measure_lesion_signs
from hccsurv_core.imaging.lesion_crops import LesionPhase
from hccsurv_core.volume import Volume

LIVER_HU, FAT_HU, DEAD_HU = (75.0, 115.0), -100.0, 30.0
RADIUS_MM, HALF_MM = 18.0, 72.0


def phantom(
    *,
    arterial_hu=40.0,
    washout_hu=25.0,
    dead_share=0.0,
    rim_share=0.0,
    rim_hu=35.0,
    corona_hu=0.0,
    corona_mm=18.0,
    blur_mm=0.8,
    wave_mm=0.0,
    noise_hu=6.0,
    slice_mm=3.0,
    shift_mm=(0.0, 0.0, 0.0),
    radius_mm=RADIUS_MM,
    mirrored=False,
    seed=0,
):
    """Both phases of a ball of ``radius_mm``; the portal venous one displaced by ``shift_mm``."""
    rng = np.random.default_rng(seed)
    phases = []
    for number, moved in enumerate(((0.0, 0.0, 0.0), shift_mm)):
        n = round(54.0 / slice_mm)
        z = (np.arange(n) - (n - 1) / 2) * slice_mm
        x = np.arange(-HALF_MM, HALF_MM)
        dz, dy, dx = np.meshgrid(z - moved[0], x - moved[1], x - moved[2], indexing="ij")
        away = np.sqrt(dz**2 + dy**2 + dx**2)
        turn = np.arctan2(dy, dx)
        # Twelve waves about the ball.
        distance = away - radius_mm - wave_mm * np.sin(12 * turn) * (away > 1)
        liver = np.maximum(np.abs(dy), np.abs(dx)) < HALF_MM - 12
        hu = np.where(liver, LIVER_HU[number], FAT_HU)
        if number == 0:
            hu = hu + corona_hu * np.clip(1 - distance / corona_mm, 0, 1) * (distance > 0) * liver
        inside = LIVER_HU[number] + (arterial_hu if number == 0 else -washout_hu)
        hu = np.where(distance < 0, inside, hu)
        hu = np.where(away < radius_mm * dead_share ** (1 / 3), DEAD_HU, hu)
        if number == 1:
            rim = (np.abs(distance + 0.8) < 1.2) & ((turn + np.pi) / (2 * np.pi) < rim_share)
            hu = np.where(rim, LIVER_HU[1] + rim_hu, hu)
        hu = gaussian_filter(hu, (0, blur_mm, blur_mm))
        hu = hu + noise_hu * rng.standard_normal(hu.shape)
        parts = [hu.astype(np.float32), distance < 0, liver]
        if mirrored:
            parts = [part[:, :, ::-1].copy() for part in parts]
        phases.append(LesionPhase(Volume(parts[0], np.diag([1, 1, slice_mm, 1])), *parts[1:]))
    return phases


@lru_cache
def signs(**settings):
    return measure_lesion_signs(*phantom(**settings)).values


@pytest.mark.parametrize(("arterial_hu", "washout_hu"), [(40, 25), (0, 10), (-10, 35)])
def test_enhancement_and_washout_are_differences_from_liver(arterial_hu, washout_hu):
    found = signs(arterial_hu=arterial_hu, washout_hu=washout_hu)
    assert found["arterial_hyperenhancement_hu"] == pytest.approx(arterial_hu, abs=2.0)
    assert found["washout_hu"] == pytest.approx(washout_hu, abs=2.0)
    assert found["necrosis_share"] < 0.02


@pytest.mark.parametrize("share", [0.0, 0.1, 0.2, 0.3])
def test_a_dead_core_is_told_by_its_share_and_leaves_the_viable_shell_as_it_is(share):
    found = signs(dead_share=share)
    assert found["necrosis_share"] == pytest.approx(share, abs=0.04)
    assert found["arterial_hyperenhancement_hu"] == pytest.approx(40, abs=5.0)
    assert found["washout_hu"] == pytest.approx(25, abs=5.0)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_a_rim_is_told_by_its_share_of_the_circumference(share):
    assert signs(rim_share=share)["capsule_share"] == pytest.approx(share, abs=0.08)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_where_all_of_the_margin_borders_on_liver_the_whole_margin_says_the_same(share):
    found = signs(rim_share=share)
    assert found["capsule_whole_share"] == pytest.approx(found["capsule_share"], abs=0.01)


def test_a_brighter_liver_beyond_the_lesion_is_no_rim():
    assert signs(washout_hu=60.0)["capsule_share"] < 0.08


@pytest.mark.parametrize(("strength_hu", "reach_mm"), [(30, 12), (30, 20), (15, 20)])
def test_a_corona_is_told_by_strength_and_reach(strength_hu, reach_mm):
    found = signs(corona_hu=strength_hu, corona_mm=reach_mm)
    assert found["corona_hu"] == pytest.approx(strength_hu, abs=4.0)
    assert found["corona_reach_mm"] == pytest.approx(reach_mm, abs=2.0)
    assert found["corona_extent_mm"] == pytest.approx(reach_mm * (1 - 5 / strength_hu), abs=2.0)


def test_without_a_corona_there_is_none():
    found = signs(corona_hu=0.0)
    assert found["corona_hu"] < 2.0
    assert found["corona_extent_mm"] < 1.0


@pytest.mark.parametrize("sigma_mm", [1.0, 1.5, 2.0, 3.0])
def test_the_blur_of_an_edge_is_its_contrast_over_its_steepest_slope(sigma_mm):
    # Of a step blurred by a Gaussian that is √(2π) σ; the measurement adds half a millimeter of its
    # own smoothing, and rays that are not quite in register a little more.
    expected = math.sqrt(2 * math.pi) * math.hypot(sigma_mm, 0.7)
    assert signs(blur_mm=sigma_mm)["edge_blur_mm"] == pytest.approx(expected, rel=0.15)


def test_a_margin_that_waves_more_is_more_ragged_as_drawn_and_as_found():
    for name in ("outline_raggedness_mm", "edge_raggedness_mm"):
        flat, little, much = (signs(wave_mm=w)[name] for w in (0.0, 1.5, 3.0))
        assert flat < 0.4 * little < little < 0.75 * much
    assert signs(wave_mm=0.0)["edge_waviness_mm"] < 0.5 * signs(wave_mm=3.0)["edge_waviness_mm"]


def test_nodes_within_the_lesion_make_it_heterogeneous_and_noise_does_not():
    arterial, portal = phantom()
    waves = 15 * np.sin(np.arange(-HALF_MM, HALF_MM) / 2.0)
    for phase in (arterial, portal):
        phase.volume.voxels[phase.lesion] += np.broadcast_to(waves, phase.lesion.shape)[
            phase.lesion
        ]
    uneven = measure_lesion_signs(arterial, portal).values
    assert uneven["heterogeneity_common_hu"] > 6.0
    assert abs(signs(noise_hu=12.0)["heterogeneity_common_hu"]) < 2.0


def test_the_largest_diameter_is_the_balls():
    assert signs()["diameter_mm"] == pytest.approx(2 * RADIUS_MM, abs=1.5)


RICH = {"dead_share": 0.2, "rim_share": 0.5, "corona_hu": 25.0}
TOLERANCE = {"HU": 3.0, "mm": 1.5, "": 0.07}


def assert_alike(found, expected, factor=1.0):
    for sign in SIGNS:
        allowed = factor * TOLERANCE[sign.unit]
        assert found[sign.name] == pytest.approx(expected[sign.name], abs=allowed), sign.name


@pytest.mark.parametrize("shift_mm", [(0.0, 5.0, -4.0), (6.0, 0.0, 0.0), (-6.0, 3.0, 2.0)])
def test_a_portal_phase_displaced_by_breathing_changes_little(shift_mm):
    assert_alike(signs(shift_mm=shift_mm, **RICH), signs(**RICH))


@pytest.mark.parametrize(
    "change", [{"mirrored": True}, {"slice_mm": 1.5}, {"noise_hu": 0.0}, {"noise_hu": 12.0}]
)
def test_mirroring_slices_and_noise_change_little(change):
    assert_alike(signs(**RICH, **change), signs(**RICH), factor=1.5)


def test_a_scan_that_lies_elsewhere_in_the_world_is_the_same():
    place = np.eye(4)
    place[:3, 3] = (-210.0, 88.0, 1300.0)
    moved = [
        LesionPhase(Volume(p.volume.voxels, place @ p.volume.affine), p.lesion, p.liver)
        for p in phantom(**RICH)
    ]
    assert measure_lesion_signs(*moved).values == pytest.approx(signs(**RICH), abs=1e-3)


def test_the_same_lesion_gives_the_same_numbers_to_the_last_digit():
    assert measure_lesion_signs(*phantom(**RICH)).values == signs(**RICH)


def test_every_sign_has_a_value_a_unit_and_a_meaning_in_the_same_order():
    assert list(signs()) == [sign.name for sign in SIGNS]
    assert len(set(signs())) == len(SIGNS)
    assert {sign.unit for sign in SIGNS} == {"mm", "HU", ""}
    assert all(sign.label and sign.meaning.endswith(".") for sign in SIGNS)


def test_a_lesion_that_is_dead_but_for_a_thin_shell_has_no_enhancement_and_says_so():
    found = measure_lesion_signs(*phantom(dead_share=0.85))
    assert math.isnan(found.values["washout_hu"])
    assert math.isnan(found.values["arterial_hyperenhancement_hu"])
    assert found.values["necrosis_share"] > 0.65
    assert any(w.startswith("could not be measured: enhancement") for w in found.warnings)
    shown = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert {s["name"]: s["value"] for s in shown["signs"]}["washout_hu"] is None


def test_a_lesion_cut_off_by_the_scan_is_measured_with_a_warning():
    parts = [
        LesionPhase(
            Volume(p.volume.voxels[6:], p.volume.affine), p.lesion[6:].copy(), p.liver[6:].copy()
        )
        for p in phantom(**RICH)
    ]
    found = measure_lesion_signs(*parts)
    assert any("first or last slice" in w for w in found.warnings)
    assert found.values["capsule_share"] == pytest.approx(0.5, abs=0.1)


def changed(phase, **parts):
    given = {"volume": phase.volume, "lesion": phase.lesion, "liver": phase.liver}
    return LesionPhase(**{**given, **parts})


def test_a_missing_or_empty_outline_is_named_with_its_phase():
    arterial, portal = phantom()
    with pytest.raises(InputError, match="portal venous phase: the liver is not outlined"):
        measure_lesion_signs(arterial, changed(portal, liver=None))
    with pytest.raises(InputError, match="arterial phase: the lesion is not outlined"):
        measure_lesion_signs(changed(arterial, lesion=np.zeros_like(arterial.lesion)), portal)


def test_a_lesion_outside_the_liver_is_refused():
    arterial, portal = phantom()
    elsewhere = np.zeros_like(arterial.liver)
    elsewhere[:, :20, :20] = True
    with pytest.raises(InputError, match="outlines of lesion and liver do not touch"):
        measure_lesion_signs(changed(arterial, liver=elsewhere), portal)


def test_a_liver_outlined_without_its_lesion_gives_the_same():
    hollow = [changed(p, liver=p.liver & ~p.lesion) for p in phantom(**RICH)]
    assert_alike(measure_lesion_signs(*hollow).values, signs(**RICH), factor=0.1)


def test_a_lesion_too_small_to_judge_is_refused_with_its_size():
    with pytest.raises(InputError, match=r"about 5\.\d mm across; below 8 mm"):
        measure_lesion_signs(*phantom(radius_mm=3.0))


def test_outlines_of_different_lesions_are_refused():
    small, large = phantom(radius_mm=6.0)[0], phantom()[1]
    with pytest.raises(InputError, match="cm² in the arterial phase"):
        measure_lesion_signs(small, large)


def test_an_outline_on_another_grid_is_refused():
    arterial, portal = phantom()
    with pytest.raises(GeometryError, match=r"outline of the lesion has shape \(17, 144, 144\)"):
        measure_lesion_signs(changed(arterial, lesion=arterial.lesion[1:]), portal)


def test_a_scan_without_liver_around_the_lesion_is_refused():
    bare = [changed(p, liver=p.lesion) for p in phantom()]
    with pytest.raises(InputError, match="hardly any liver"):
        measure_lesion_signs(*bare)
