"""The simulated abdomen: the same for the same seed, and anatomically in order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hccsurv_core.errors import InputError
from hccsurv_core.simulate.phantom.abdomen import SimulatedScan, simulate_abdomen
from hccsurv_core.simulate.phantom.acquisition import Acquisition
from hccsurv_core.simulate.phantom.anatomy import Anatomy, draw_anatomy

SMALL = Acquisition(rows=144, slice_mm=4.0)
#: A few centimeters about L3, and the upper lumbar spine with the last ribs.
ABOUT_L3 = replace(SMALL, top_level=1.0, bottom_level=-1.0)
ABOUT_L1 = replace(SMALL, top_level=4.5, bottom_level=0.5)


@pytest.fixture(scope="module")
def scan() -> SimulatedScan:
    return simulate_abdomen(Anatomy(), SMALL, seed=1)


def test_the_same_seed_makes_the_same_scan(scan: SimulatedScan) -> None:
    again = simulate_abdomen(Anatomy(), SMALL, seed=1)
    other = simulate_abdomen(Anatomy(), ABOUT_L3, seed=2)
    assert np.array_equal(scan.volume.voxels, again.volume.voxels)
    assert np.array_equal(scan.truth.voxels, again.truth.voxels)
    near = simulate_abdomen(Anatomy(), ABOUT_L3, seed=1)
    assert not np.array_equal(near.volume.voxels[:5], other.volume.voxels[:5])


def test_a_given_field_leaves_the_other_draws_alone() -> None:
    free, given = draw_anatomy(5), draw_anatomy(5, scoliosis_deg=7.0)
    assert given.scoliosis_deg == 7.0
    assert given.rib12_mm == free.rib12_mm and given.muscle == free.muscle


def test_vertebrae_are_in_order_and_l3_lies_between_l2_and_l4(scan: SimulatedScan) -> None:
    centers = [v.center_index for v in scan.vertebrae]
    assert centers == sorted(centers)
    for v in scan.vertebrae:
        assert v.inferior_index < v.center_index < v.superior_index
    names = [v.name for v in scan.vertebrae]
    i = names.index("L3")
    assert names[i - 1 : i + 2] == ["L4", "L3", "L2"]
    assert scan.l3_slice_index == round(scan.vertebrae[i].center_index)


def test_psoas_left_is_on_the_left_and_lateral_to_the_spine(scan: SimulatedScan) -> None:
    k, l3 = scan.l3_slice_index, scan.vertebra("L3")
    left = np.argwhere(scan.truth.mask("psoas_left")[k])[:, 1].mean()
    right = np.argwhere(scan.truth.mask("psoas_right")[k])[:, 1].mean()
    assert right < l3.center_column < left  # columns run from the patient's right to left


def test_unknown_phase_is_refused() -> None:
    with pytest.raises(InputError, match="phase must be one of"):
        Anatomy(phase="venous")


def test_one_label_per_voxel_with_the_structures_a_reader_expects(scan: SimulatedScan) -> None:
    present = {scan.truth.names[v] for v in np.unique(scan.truth.voxels) if v}
    assert {
        "skin", "subcutaneous_fat", "visceral_fat", "psoas_left", "psoas_right", "liver", "spleen",
        "kidney_left", "kidney_right", "stomach", "small_bowel", "colon", "aorta", "rib",
        "inferior_vena_cava", "hip_bone", "vertebra_L3", "disc", "spinal_canal", "lung",
        "rectus_abdominis_left", "lateral_wall_right", "quadratus_lumborum_left",
    } <= present  # fmt: skip


def test_sides_are_sides(scan: SimulatedScan) -> None:
    """The liver and the cava lie on the patient's right, the spleen and the aorta on the left."""
    columns = {
        name: np.argwhere(scan.truth.mask(name))[:, 2].mean()
        for name in (
            "liver",
            "spleen",
            "aorta",
            "inferior_vena_cava",
            "kidney_left",
            "kidney_right",
        )
    }
    middle = scan.vertebra("L1").center_column
    for right, left in (
        ("liver", "spleen"),
        ("inferior_vena_cava", "aorta"),
        ("kidney_right", "kidney_left"),
    ):
        assert columns[right] < middle < columns[left]


def test_hu_of_tissues(scan: SimulatedScan) -> None:
    hu = scan.volume.voxels
    median = {
        name: np.median(hu[scan.truth.mask(name)])
        for name in ("subcutaneous_fat", "psoas_left", "aorta", "liver", "lung", "spinal_canal")
    }
    assert -115 < median["subcutaneous_fat"] < -90
    assert 45 < median["psoas_left"] < 75
    assert median["aorta"] > median["liver"] > median["psoas_left"] > median["spinal_canal"]
    assert median["lung"] < -600
    assert np.median(hu[scan.truth.voxels == 0]) < -900


@pytest.mark.parametrize("seed", [2, 6])
def test_areas_at_l3_are_human(seed: int) -> None:
    anatomy = draw_anatomy(seed)
    drawn = simulate_abdomen(anatomy, ABOUT_L3, seed)
    k, area = drawn.l3_slice_index, drawn.volume.pixel_area_cm2
    muscle = drawn.muscle_mask(k).sum() * area
    psoas = sum(drawn.truth.mask(f"psoas_{s}")[k].sum() for s in ("left", "right")) * area
    erector = (
        sum(drawn.truth.mask(f"erector_spinae_{s}")[k].sum() for s in ("left", "right")) * area
    )
    assert 60 < muscle < 230
    assert 0.06 < psoas / muscle < 0.2
    assert 0.25 < erector / muscle < 0.5
    l3 = drawn.vertebra("L3")
    assert 22 < (l3.superior_index - l3.inferior_index) * SMALL.slice_mm < 36


def test_more_muscle_and_denser_muscle_are_seen_as_such() -> None:
    def at_l3(**causes: float) -> tuple[int, float]:
        scan = simulate_abdomen(Anatomy(phase="noncontrast", **causes), ABOUT_L3, seed=3)
        mask = scan.muscle_mask(scan.l3_slice_index)
        return int(mask.sum()), float(np.median(scan.volume.voxels[scan.l3_slice_index][mask]))

    usual, weak, fatty = at_l3(), at_l3(muscle=0.7), at_l3(muscle_hu=30.0)
    assert weak[0] < 0.85 * usual[0]
    assert fatty[1] < usual[1] - 15
    assert abs(fatty[0] - usual[0]) < 0.1 * usual[0]


@pytest.mark.parametrize(("n_lumbar", "last"), [(4, "L4"), (6, "L6")])
def test_names_follow_the_number_of_lumbar_vertebrae(n_lumbar: int, last: str) -> None:
    scan = simulate_abdomen(Anatomy(n_lumbar=n_lumbar), SMALL, seed=4)
    names = [v.name for v in scan.vertebrae]
    assert names[names.index("S1") + 1] == last
    assert names[names.index("L1") + 1] == "T12"
    center = scan.vertebra("L3")
    at = scan.truth.voxels[
        round(center.center_index), round(center.center_row), round(center.center_column)
    ]
    assert scan.truth.names[int(at)] == "vertebra_L3"


def test_a_missing_twelfth_rib_is_missing() -> None:
    def rib_voxels(length: float) -> int:
        scan = simulate_abdomen(Anatomy(rib12_mm=length), ABOUT_L1, seed=5)
        below_t12 = round(scan.vertebra("T12").inferior_index)
        return int(scan.truth.mask("rib")[:below_t12].sum())

    assert rib_voxels(0.0) < rib_voxels(120.0)


def test_tumor_is_bright_in_the_arterial_phase_and_washes_out() -> None:
    def contrast(phase: str) -> float:
        anatomy = Anatomy(lesion_mm=40.0, phase=phase)
        scan = simulate_abdomen(anatomy, ABOUT_L1, seed=6)
        lesion, liver = (
            scan.volume.voxels[scan.truth.mask(n)].mean() for n in ("liver_lesion", "liver")
        )
        return float(lesion - liver)

    assert contrast("arterial") > 20
    assert contrast("portal_venous") < -5


def test_a_narrow_field_of_view_cuts_the_body_off() -> None:
    narrow = replace(ABOUT_L3, pixel_mm=1.4)
    scan = simulate_abdomen(Anatomy(), narrow, seed=1)
    assert scan.truth.voxels[scan.l3_slice_index, :, 0].any()


def test_out_of_view_l3_is_none() -> None:
    pelvis = Acquisition(rows=96, slice_mm=6.0, top_level=-2.5, bottom_level=-5.0)
    scan = simulate_abdomen(Anatomy(), pelvis, seed=1)
    assert scan.l3_slice_index is None and scan.vertebra("L3") is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rows": 8}, "rows must be at least 32"),
        ({"slice_mm": 0.0}, "spacings positive"),
        ({"top_level": -5.0, "bottom_level": 0.0}, "top_level must lie above"),
    ],
)
def test_impossible_scans_are_refused(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Acquisition(**wrong)


def test_a_scan_up_to_t8_is_drawn():
    scan = simulate_abdomen(
        draw_anatomy(3, n_lumbar=5), Acquisition(rows=64, slice_mm=6.0, top_level=6.8)
    )
    assert scan.vertebra("T9") is not None


def test_a_scan_above_the_highest_vertebra_drawn_is_refused():
    with pytest.raises(InputError, match=r"top_level 7 lies above T8.*stay below 7 for 5"):
        simulate_abdomen(draw_anatomy(3, n_lumbar=5), Acquisition(rows=64, top_level=7.0))
