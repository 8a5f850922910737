"""Imported masks become an outline by our rules; what they take away is counted and told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hccsurv_core.errors import GeometryMismatchError, SegmentationError
from hccsurv_core.io.cropped_mask import CroppedMask
from hccsurv_core.roi.editing import EXCLUSIVE, STRUCTURE_HU
from hccsurv_core.roi.imported import imported_regions, outline_from_masks
from hccsurv_core.roi.results import STRUCTURES, BodySegmentation
from hccsurv_core.volume import Volume

SHAPE = (9, 12, 16)
SLAB = (3, 6)
MEASURED = 5


def volume() -> Volume:
    """Fat everywhere, muscle of 40 HU in columns 4 to 11, air in the last row."""
    hu = np.full(SHAPE, -100, np.int16)
    hu[:, :, 4:12] = 40
    hu[:, -1] = -1000
    return Volume(hu, np.diag([1.0, 1.0, 3.0, 1.0]))


def box(slices: slice, rows: slice, columns: slice) -> CroppedMask:
    mask = np.zeros(SHAPE, bool)
    mask[slices, rows, columns] = True
    return CroppedMask.of(mask)


def held() -> BodySegmentation:
    shape = (SLAB[1] - SLAB[0] + 1, *SHAPE[1:])
    masks = {name: np.zeros(shape, bool) for name in STRUCTURES}
    masks["muscle"][:, 2:10, 4:12] = True
    masks["psoas_left"][:, 4:6, 9:11] = True
    masks["psoas_right"][:, 4:6, 5:7] = True
    masks["visceral_fat"][:, 2:10, 13:15] = True
    return BodySegmentation(SLAB[0], MEASURED, masks, "classical", ("Look twice.",))


def taken(imported: dict, previous: BodySegmentation | None = None):
    return outline_from_masks(
        volume(), imported, slab=SLAB, slice_index=MEASURED, previous=previous
    )


def test_a_structure_is_replaced_where_it_was_drawn_and_stays_elsewhere() -> None:
    new = box(slice(4, 6), slice(3, 7), slice(8, 12))
    outcome = taken({"psoas_left": [new]}, held())
    left = outcome.segmentation.masks["psoas_left"]
    np.testing.assert_array_equal(left[1:3], new.slab(4, 5, SHAPE))
    np.testing.assert_array_equal(left[[0, 3]], held().masks["psoas_left"][[0, 3]])
    for name in ("psoas_right", "muscle", "visceral_fat"):
        np.testing.assert_array_equal(outcome.segmentation.masks[name], held().masks[name])
    assert (outcome.segmentation.method, outcome.slices) == ("edited", {"psoas_left": (4, 5)})
    assert outcome.notes == ("psoas left replaced on slices 5 to 6 only",)
    # The outline's own warnings are about the muscle, which is the old one.
    assert outcome.segmentation.warnings == ("Look twice.",)


def test_gaps_of_the_file_are_empty_not_filled() -> None:
    parts = [box(slice(k, k + 1), slice(3, 7), slice(8, 12)) for k in (3, 5, 6)]
    left = taken({"psoas_left": parts}, held()).segmentation.masks["psoas_left"]
    assert left.any(axis=(1, 2)).tolist() == [True, False, True, True]


def test_only_pixels_of_the_tissue_are_taken_and_the_others_counted() -> None:
    wide = box(slice(3, 7), slice(2, 12), slice(2, 14))
    outcome = taken({"muscle": [wide]})
    muscle = outcome.segmentation.masks["muscle"]
    assert muscle.sum() == 4 * 9 * 8  # row 11 is air, columns 2, 3, 12 and 13 are fat
    assert outcome.n_outside_hu == {"muscle": 4 * 10 * 12 - muscle.sum()}
    assert outcome.notes == ("192 pixels of muscle outside -29 to 150 HU left out",)
    assert outcome.segmentation.warnings == ()
    assert set(outcome.segmentation.masks) == set(STRUCTURES)


def test_slices_beyond_the_outline_are_told() -> None:
    long = box(slice(0, 9), slice(2, 10), slice(4, 12))
    outcome = taken({"muscle": [long]})
    assert outcome.segmentation.masks["muscle"].shape[0] == 4
    assert outcome.slices == {"muscle": SLAB}
    assert outcome.notes == ("the outline holds slices 4 to 7: the mask's others left out",)


def test_psoas_is_part_of_an_imported_muscle() -> None:
    """Muscle without the psoas, as a label map holds it, and both psoas."""
    rest = np.zeros(SHAPE, bool)
    rest[3:7, 2:10, 4:12] = True
    rest[3:7, 4:6, 5:11] = False
    parts = {
        "muscle": [CroppedMask.of(rest)],
        "psoas_left": [box(slice(3, 7), slice(4, 6), slice(8, 11))],
        "psoas_right": [box(slice(3, 7), slice(4, 6), slice(5, 8))],
    }
    masks = taken(parts).segmentation.masks
    np.testing.assert_array_equal(
        masks["muscle"], box(slice(3, 7), slice(2, 10), slice(4, 12)).slab(*SLAB, SHAPE)
    )
    # A muscle that does not reach round the old psoas takes it away, and that is told.
    outcome = taken({"muscle": [box(slice(3, 7), slice(7, 10), slice(4, 12))]}, held())
    assert not outcome.segmentation.masks["psoas_left"].any()
    assert outcome.notes == (
        "there is no psoas left on the measured slice any more",
        "there is no psoas right on the measured slice any more",
    )


def test_what_is_refused() -> None:
    with pytest.raises(SegmentationError, match=r"no pixel of its tissue on slice 6, .* 4 to 5;"):
        taken({"muscle": [box(slice(3, 5), slice(2, 10), slice(4, 12))]}, held())
    with pytest.raises(SegmentationError, match="no pixel of its tissue on slice 6"):
        taken({"muscle": [box(slice(3, 7), slice(2, 10), slice(0, 3))]})
    with pytest.raises(SegmentationError, match="none of the file's regions is muscle"):
        taken({}, held())
    psoas = {"psoas_left": [box(slice(3, 7), slice(4, 6), slice(8, 11))]}
    with pytest.raises(SegmentationError, match="no outline of the muscle that the psoas"):
        taken(psoas)
    with pytest.raises(GeometryMismatchError, match="does not fit"):
        taken({"muscle": [CroppedMask.of(np.ones((4, 9, 30), bool), (3, 0, 0))]})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    chosen=st.sets(st.sampled_from(STRUCTURES), min_size=1),
    seed=st.integers(0, 10_000),
    with_old=st.booleans(),
)
def test_whatever_is_imported_the_structures_stay_consistent(
    chosen: set[str], seed: int, with_old: bool
) -> None:
    rng = np.random.default_rng(seed)
    hu = rng.integers(-200, 200, SHAPE).astype(np.int16)
    scan = Volume(hu, np.diag([1.0, 1.0, 3.0, 1.0]))
    parts = {name: [CroppedMask.of(rng.random(SHAPE) < 0.5)] for name in chosen}
    try:
        outcome = outline_from_masks(
            scan,
            parts,
            slab=SLAB,
            slice_index=MEASURED,
            previous=_plausible(hu) if with_old else None,
        )
    except SegmentationError as error:
        assert not with_old and "muscle that the psoas" in str(error)
        return
    masks = outcome.segmentation.masks
    slab = hu[SLAB[0] : SLAB[1] + 1]
    for name, mask in masks.items():
        low, high = STRUCTURE_HU[name]
        assert ((slab[mask] >= low) & (slab[mask] <= high)).all()
        if name in EXCLUSIVE:
            assert not (mask & masks[EXCLUSIVE[name]]).any()
    for psoas in ("psoas_left", "psoas_right"):
        assert not (masks[psoas] & ~masks["muscle"]).any()


def _plausible(hu: NDArray[np.int16]) -> BodySegmentation:
    slab = hu[SLAB[0] : SLAB[1] + 1]
    muscle = (slab >= -29) & (slab <= 150)
    left, right = np.zeros((2, *slab.shape), bool)
    left[..., 8:], right[..., :8] = True, True
    masks = {
        "muscle": muscle,
        "psoas_left": muscle & left,
        "psoas_right": muscle & right,
        "subcutaneous_fat": (slab >= -150) & (slab <= -50) & left,
        "visceral_fat": (slab >= -150) & (slab <= -50) & right,
    }
    return BodySegmentation(SLAB[0], MEASURED, masks, "classical")


# -- lesions -----------------------------------------------------------------------------------
def test_lesions_keep_their_place_and_get_a_free_name() -> None:
    mask = box(slice(2, 4), slice(3, 6), slice(4, 9))
    regions = imported_regions(
        {"Lesion": mask, "n" * 80: mask}, ["lesion", "other"], method="imported from a.nii"
    )
    assert [region.name for region in regions] == ["Lesion (2)", "n" * 55]
    assert len({region.id for region in regions}) == 2
    for region in regions:
        np.testing.assert_array_equal(region.whole(SHAPE), mask.whole(SHAPE))
        assert region.method == "imported from a.nii"
    with pytest.raises(SegmentationError, match="holds 2 lesions, there is room for 1"):
        imported_regions({"a": mask, "b": mask}, [], method="", room=1)
