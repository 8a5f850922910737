"""The simulated abdomen: the same for the same seed, and anatomically in order."""

from __future__ import annotations

import numpy as np
import pytest

from hccsurv_core.errors import InputError
from hccsurv_core.simulate.abdomen import SimulatedScan, simulate_abdomen
from hccsurv_core.simulate.acquisition import Acquisition
from hccsurv_core.simulate.anatomy import Anatomy, draw_anatomy

SMALL = Acquisition(rows=144, slice_mm=4.0)


@pytest.fixture(scope="module")
def scan() -> SimulatedScan:
    return simulate_abdomen(Anatomy(), SMALL, seed=1)


def test_the_same_seed_makes_the_same_scan(scan: SimulatedScan) -> None:
    again = simulate_abdomen(Anatomy(), SMALL, seed=1)
    other = simulate_abdomen(Anatomy(), SMALL, seed=2)
    assert np.array_equal(scan.volume.voxels, again.volume.voxels)
    assert np.array_equal(scan.truth.voxels, again.truth.voxels)
    assert not np.array_equal(scan.volume.voxels[:50], other.volume.voxels[:50])


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
