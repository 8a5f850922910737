"""Muscle, psoas and fat on simulated patients whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated_patients import dice, simulated_patient

from hccsurv_core.errors import GeometryError, InputError, SegmentationError
from hccsurv_core.roi.muscle import MUSCLE_HU, SUBCUTANEOUS_FAT_HU, VISCERAL_FAT_HU, within
from hccsurv_core.roi.results import STRUCTURES, L3Location, Vertebra
from hccsurv_core.roi.segmentation import segment_body, slab_range
from hccsurv_core.roi.spine import find_canal
from hccsurv_core.volume import Volume

KINDS = ("average", "thin", "heavy")


def located(volume: Volume, index: int) -> L3Location:
    return L3Location(index, 0.0, 1.0, "manual", canal=find_canal(volume))


@pytest.fixture(scope="module", params=KINDS)
def outlined(request):
    scan = simulated_patient(request.param)
    return scan, segment_body(scan.volume, located(scan.volume, scan.l3_slice_index))


def test_total_muscle_has_the_true_area_and_place(outlined):
    scan, found = outlined
    index = scan.l3_slice_index
    true = scan.muscle_mask(index) & within(scan.volume.voxels[index], MUSCLE_HU)
    muscle = found.mask_at("muscle")
    assert dice(muscle, true) >= 0.88
    assert muscle.sum() == pytest.approx(true.sum(), rel=0.12)


@pytest.mark.parametrize("side", ["left", "right"])
def test_each_psoas_lies_where_it_truly_is(outlined, side):
    scan, found = outlined
    true = scan.truth.mask(f"psoas_{side}")[scan.l3_slice_index]
    true &= within(scan.volume.voxels[scan.l3_slice_index], MUSCLE_HU)
    assert dice(found.mask_at(f"psoas_{side}"), true) >= 0.85


def test_erector_spinae_is_counted_whole(outlined):
    scan, found = outlined
    index = scan.l3_slice_index
    true = scan.truth.mask("erector_spinae_left") | scan.truth.mask("erector_spinae_right")
    true = true[index] & within(scan.volume.voxels[index], MUSCLE_HU)
    assert (found.mask_at("muscle") & true).sum() / true.sum() >= 0.97


def test_organs_are_not_muscle(outlined):
    scan, found = outlined
    index = scan.l3_slice_index
    organs = np.zeros(scan.volume.shape[1:], bool)
    for name in ("liver", "kidney_left", "kidney_right", "colon", "small_bowel", "aorta"):
        organs |= scan.truth.mask(name)[index]
    muscle = found.mask_at("muscle")
    assert (muscle & organs).sum() <= 0.02 * muscle.sum()


def test_masks_hold_only_their_tissue_and_do_not_overlap_but_for_psoas_in_muscle(outlined):
    scan, found = outlined
    last = found.first_slice + found.n_slices
    voxels = scan.volume.voxels[found.first_slice : last]
    assert set(found.masks) == set(STRUCTURES)
    limits = {"subcutaneous_fat": SUBCUTANEOUS_FAT_HU, "visceral_fat": VISCERAL_FAT_HU}
    for name, mask in found.masks.items():
        assert mask.any()
        assert within(voxels[mask], limits.get(name, MUSCLE_HU)).all()
    left, right = found.masks["psoas_left"], found.masks["psoas_right"]
    assert not (left & right).any()
    assert not ((left | right) & ~found.masks["muscle"]).any()
    fats = found.masks["subcutaneous_fat"], found.masks["visceral_fat"]
    assert not (fats[0] & fats[1]).any()


def test_left_is_the_patients_left_and_a_mirrored_patient_gives_mirrored_areas():
    scan = simulated_patient("average")
    index = scan.l3_slice_index
    found = segment_body(scan.volume, located(scan.volume, index))
    columns = np.nonzero(found.mask_at("psoas_left"))[1]
    assert columns.mean() > np.nonzero(found.mask_at("psoas_right"))[1].mean()
    mirrored = Volume(scan.volume.voxels[:, :, ::-1].copy(), scan.volume.affine)
    again = segment_body(mirrored, located(mirrored, index))
    for one, other in (("muscle", "muscle"), ("psoas_left", "psoas_right")):
        assert again.mask_at(other).sum() == pytest.approx(found.mask_at(one).sum(), rel=0.05)


def test_a_single_slice_is_outlined_too():
    scan = simulated_patient("average")
    index = scan.l3_slice_index
    alone = Volume(scan.volume.voxels[index : index + 1], scan.volume.affine)
    found = segment_body(alone, located(alone, 0))
    assert found.n_slices == 1
    true = scan.muscle_mask(index) & within(scan.volume.voxels[index], MUSCLE_HU)
    assert dice(found.mask_at("muscle"), true) >= 0.88


def test_a_body_cut_off_through_its_muscle_is_said_to_be():
    scan = simulated_patient("average")
    index = scan.l3_slice_index
    edge = np.nonzero(scan.muscle_mask(index).any(axis=0))[0][-1] - 4
    cut = Volume(scan.volume.voxels[:, :, :edge].copy(), scan.volume.affine)
    found = segment_body(cut, located(cut, index))
    assert any(
        "cut off by the field of view at the patient's left: muscle there is missing" in text
        for text in found.warnings
    )
    whole = segment_body(scan.volume, located(scan.volume, index))
    assert not any("cut off" in text for text in whole.warnings)


def test_a_psoas_that_cannot_be_told_is_not_measured():
    scan = simulated_patient("average")
    index = scan.l3_slice_index
    voxels = scan.volume.voxels.copy()
    # Fill what lies beside and in front of the right psoas with its own attenuation.
    psoas = scan.truth.mask("psoas_right")
    rows, columns = np.nonzero(psoas[index])
    box = (slice(rows.min() - 40, rows.max() + 12), slice(columns.min() - 40, columns.max() + 3))
    block = voxels[(slice(None), *box)]
    soft = block < 140
    block[soft] = int(np.median(voxels[psoas]))
    found = segment_body(Volume(voxels, scan.volume.affine), located(scan.volume, index))
    assert not found.mask_at("psoas_right").any()
    assert any("right psoas cannot be told from what surrounds it" in t for t in found.warnings)
    assert found.mask_at("psoas_left").any()


def test_metal_in_the_slice_is_named():
    scan = simulated_patient("average")
    voxels = scan.volume.voxels.copy()
    center = np.rint(find_canal(scan.volume)[scan.l3_slice_index]).astype(int)
    voxels[scan.l3_slice_index, center[0] + 12 : center[0] + 16, center[1] : center[1] + 4] = 3000
    found = segment_body(
        Volume(voxels, scan.volume.affine), located(scan.volume, scan.l3_slice_index)
    )
    assert any(text.startswith("Metal is in this slice") for text in found.warnings)


def test_the_slab_is_the_vertebra_within_bounds():
    volume = simulated_patient("average").volume
    spacing = volume.spacing_mm[0]
    location = replace(located(volume, 12), vertebrae=(Vertebra("L3", 8.2, 12.0, 16.1, 0, 0),))
    # The arch hangs 15 mm, five slices here, below the body.
    assert slab_range(volume, location) == (3, 17)
    alone = replace(location, vertebrae=())
    first, last = slab_range(volume, alone)
    assert first == np.floor(12 - 12 / spacing) and last == np.ceil(12 + 12 / spacing)
    elsewhere = replace(location, slice_index=0)
    assert slab_range(volume, elsewhere)[0] == 0


def test_what_cannot_be_outlined_is_refused_with_a_reason():
    scan = simulated_patient("average")
    location = located(scan.volume, scan.l3_slice_index)
    with pytest.raises(InputError, match=r"there is no segmentation called 'magic'.*classical"):
        segment_body(scan.volume, location, backend="magic")
    with pytest.raises(InputError, match="slice 999 is not in the scan; give a slice from 0 to"):
        segment_body(scan.volume, replace(location, slice_index=999))
    upside_down = Volume(scan.volume.voxels, scan.volume.affine @ np.diag([1, 1, -1, 1.0]))
    with pytest.raises(GeometryError, match="not in canonical orientation"):
        segment_body(upside_down, location)
    air = Volume(np.full((4, 64, 64), -1000, np.int16), np.diag([3.0, 3.0, 3.0, 1.0]))
    with pytest.raises(SegmentationError, match="the spinal canal was not found"):
        segment_body(air, L3Location(2, 0.0, 1.0, "manual"))
