"""Muscle is described by what is drawn into a phantom, whatever the scanner adds to it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hccsurv_core.errors import InputError
from hccsurv_core.features.muscle_texture import ENHANCEMENT_HU, describe_muscle
from hccsurv_core.volume import Volume

PIXEL_MM = 0.9
SHAPE = (2, 240, 320)
LEAN_HU, FAT_HU = 52.0, -104.0


def ellipse(row: float, column: float, half_rows: float, half_columns: float) -> np.ndarray:
    rows, columns = np.mgrid[: SHAPE[1], : SHAPE[2]]
    return ((rows - row) / half_rows) ** 2 + ((columns - column) / half_columns) ** 2 <= 1


def masks(larger_left: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Muscle and psoas: two psoas, two erectors, a wall of two sides and two recti."""
    psoas = ellipse(130, 125, 20, 15) | ellipse(130, 195, 20 * larger_left, 15 * larger_left)
    erector = ellipse(190, 115, 25, 38) | ellipse(190, 205, 25, 38)
    quadratus = ellipse(140, 88, 10, 16) | ellipse(140, 232, 10, 16)
    ring = ellipse(125, 160, 95, 125) & ~ellipse(125, 160, 82, 112)
    muscle = psoas | erector | quadratus | ring
    return tuple(np.repeat(m[None], SHAPE[0], axis=0) for m in (muscle, psoas))  # type: ignore[return-value]


def streaks(width: int, every: int) -> np.ndarray:
    """Slanted lines ``width`` pixels wide."""
    rows, columns = np.mgrid[: SHAPE[1], : SHAPE[2]]
    return ((rows + 2 * columns) // 2 % every) < width


def phantom(
    fat: np.ndarray | None = None, noise: float = 8.0, offset: float = 0.0, lean: float = LEAN_HU
) -> Volume:
    """Air, a body of fat, muscle; vessels before the spine are not drawn."""
    body = ellipse(125, 160, 115, 155)
    muscle, _ = masks()
    rng = np.random.default_rng(5)
    image = np.full(SHAPE, -1000.0)
    image[:, body] = FAT_HU
    image[muscle] = lean
    if fat is not None:
        image[muscle & fat[None]] = FAT_HU
    image[:, body] += noise * rng.standard_normal((SHAPE[0], int(body.sum()))) + offset
    affine = np.diag([PIXEL_MM, PIXEL_MM, 5.0, 1.0])
    return Volume(np.rint(image).astype(np.int16), affine)


def describe(volume: Volume, contrast: bool = False, larger_left: float = 1.0) -> dict[str, float]:
    """The outline holds what lies within −29 to 150 HU, as a reader's does."""
    muscle, psoas = masks(larger_left)
    counted = (volume.voxels >= -29) & (volume.voxels <= 150)
    return describe_muscle(volume, muscle & counted, psoas & counted, contrast=contrast)


def test_lean_attenuation_does_not_follow_the_scanners_offset() -> None:
    plain, shifted = describe(phantom()), describe(phantom(offset=9.0))
    assert plain["lean_hu_above_fat"] == pytest.approx(LEAN_HU - FAT_HU, abs=1.5)
    assert shifted["lean_hu_above_fat"] == pytest.approx(plain["lean_hu_above_fat"], abs=0.5)
    assert shifted["fat_hu"] - plain["fat_hu"] == pytest.approx(9.0, abs=0.5)


def test_what_contrast_adds_is_taken_off() -> None:
    enhanced = describe(phantom(lean=LEAN_HU + ENHANCEMENT_HU), contrast=True)
    assert enhanced["enhanced"] == 1.0
    assert enhanced["lean_hu_above_fat"] == pytest.approx(LEAN_HU - FAT_HU, abs=1.5)


@pytest.mark.parametrize("vessel_hu, enhanced", [(42.0, 0.0), (150.0, 1.0)])
def test_contrast_is_seen_on_the_vessels_where_the_header_is_silent(
    vessel_hu: float, enhanced: float
) -> None:
    volume = phantom()
    voxels = volume.voxels.copy()
    voxels[:, ellipse(92, 150, 8, 8) | ellipse(92, 172, 8, 8)] = int(vessel_hu)
    muscle, psoas = masks()
    found = describe_muscle(Volume(voxels, volume.affine), muscle, psoas)
    assert found["enhanced"] == enhanced


def test_a_back_less_dense_than_the_psoas_is_told_in_hu() -> None:
    volume = phantom()
    voxels = volume.voxels.copy()
    voxels[:, ellipse(190, 115, 25, 38) | ellipse(190, 205, 25, 38)] -= 12
    lowered = describe(Volume(voxels, volume.affine))
    # A median of whole numbers is one.
    assert describe(volume)["back_hu_below_psoas"] == pytest.approx(0, abs=1)
    assert lowered["back_hu_below_psoas"] == pytest.approx(12, abs=1)


def test_share_of_fat_is_what_is_drawn() -> None:
    none, some, more = (describe(phantom(fat)) for fat in (None, streaks(2, 20), streaks(4, 20)))
    # A little fat lies between neighboring muscles, and a little noise reaches below the level.
    assert none["fat_root"] ** 2 < 0.012
    assert some["fat_root"] ** 2 == pytest.approx(0.10, abs=0.02)
    assert more["fat_root"] ** 2 == pytest.approx(0.20, abs=0.03)
    # Fat does not make the muscle smaller.
    assert more["envelope_cm2"] == pytest.approx(none["envelope_cm2"], rel=0.04)


def test_fine_streaks_are_told_from_coarse_ones_of_the_same_share() -> None:
    fine, coarse = describe(phantom(streaks(2, 16))), describe(phantom(streaks(4, 32)))
    assert fine["fat_root"] == pytest.approx(coarse["fat_root"], rel=0.1)
    # Twice as wide and twice as far apart: half as many on the same area.
    fewer = fine["log_streaks_per_cm2"] - coarse["log_streaks_per_cm2"]
    assert fewer == pytest.approx(math.log(2), abs=0.35)


def dashes(length: int, every: int) -> np.ndarray:
    """Upright dashes 2 pixels wide and ``length`` long, with a gap of 6 pixels."""
    rows, columns = np.mgrid[: SHAPE[1], : SHAPE[2]]
    return (columns % every < 2) & (rows % (length + 6) < length)


def test_the_length_of_streaks_is_in_mm() -> None:
    short, long = (describe(phantom(dashes(n, 12)))["log_streak_length_mm"] for n in (6, 12))
    # The diagonal of a box of 2 × 6 pixels; those at the border are cut.
    assert short == pytest.approx(math.log(PIXEL_MM * (math.hypot(1, 5) + 1)), abs=0.1)
    assert long == pytest.approx(math.log(PIXEL_MM * (math.hypot(1, 11) + 1)), abs=0.2)


def test_muscle_without_streaks_has_a_number_and_a_length() -> None:
    # Without the wall: between neighboring muscles lies fat.
    _, psoas = masks()
    back = ellipse(190, 115, 25, 38) | ellipse(190, 205, 25, 38)
    found = describe_muscle(phantom(noise=3.0), psoas | back[None], psoas, contrast=False)
    assert found["log_streak_length_mm"] == pytest.approx(math.log(PIXEL_MM))
    assert found["log_streaks_per_cm2"] < math.log(0.05)


def test_coherence_rises_where_faint_fat_is_coarse() -> None:
    """Faint fat in the lateral wall and elsewhere, in blocks of one pixel and of three."""
    values = []
    for block in (1, 3):
        shape = (SHAPE[1] // block + 1, SHAPE[2] // block + 1)
        pattern = np.kron(np.random.default_rng(2).random(shape) < 0.2, np.ones((block, block)))
        volume = phantom(noise=4.0)
        voxels = volume.voxels - (45 * pattern[: SHAPE[1], : SHAPE[2]]).astype(np.int16)
        muscle, psoas = masks()
        values.append(describe_muscle(Volume(voxels, volume.affine), muscle, psoas, contrast=False))
    fine, coarse = values
    for name in ("coherence", "coherence_wall"):
        assert abs(fine[name]) < 0.1, name
        assert coarse[name] > 0.4, name


def test_noise_and_dose_hardly_count_as_fat() -> None:
    for noise in (5.0, 12.0):
        assert describe(phantom(noise=noise))["fat_root"] ** 2 < 0.02


def test_a_larger_left_psoas_is_asymmetry() -> None:
    even, uneven = describe(phantom()), describe(phantom(), larger_left=0.8)
    assert even["asymmetry"] < 0.01
    # The left psoas has 0.64 of its area: 0.36 / 1.64 for the psoas, half of it in the mean.
    assert uneven["asymmetry"] == pytest.approx(0.36 / 1.64 / 2, abs=0.02)


def test_a_stray_pixel_of_an_outline_does_not_make_the_psoas_uneven() -> None:
    muscle, psoas = masks()
    psoas[:, 130, 20] = True
    found = describe_muscle(phantom(), muscle, psoas, contrast=False)
    assert found["asymmetry"] < 0.01


def test_names_are_the_same_whatever_is_outlined() -> None:
    volume = phantom()
    muscle, psoas = masks()
    alone = describe_muscle(volume, psoas, psoas)
    assert tuple(alone) == tuple(describe_muscle(volume, muscle, psoas))
    for name in ("log_streaks_per_cm2", "log_streak_length_mm", "coherence", "back_hu_below_psoas"):
        assert math.isnan(alone[name]), name


def test_one_psoas_is_refused() -> None:
    _, psoas = masks()
    one = psoas & (np.arange(SHAPE[2]) < 160)
    with pytest.raises(InputError, match="no slice shows both psoas"):
        describe_muscle(phantom(), one, one)
