"""CT of the immunotherapy cohort: the same person twice, tumors as the truth says."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from hccsurv_core.errors import InputError
from hccsurv_core.simulate.immunotherapy.causes import draw_causes
from hccsurv_core.simulate.immunotherapy.images import (
    Patient,
    Scan,
    build_patient,
    full_scan,
    scan_slices,
)
from hccsurv_core.simulate.immunotherapy.tumors import choose_slices
from hccsurv_core.volume import check_same_geometry

SEED = 5
#: A growing and a shrinking tumor of the liver, and one with many lung metastases.
GROWS, SHRINKS, LUNGS = 24, 29, 26


@cache
def patient(i: int) -> Patient:
    return build_patient(SEED, i)


@cache
def scan(i: int, time: int, organ: str) -> Scan:
    return scan_slices(patient(i), time, organ)


def longest_mm(mask: np.ndarray, pixel_mm: float) -> float:
    """Longest in-plane diameter over the slices, pixel to pixel."""
    best = 0.0
    for plane in mask:
        points = np.argwhere(plane)
        if len(points) > 8:
            hull = points[ConvexHull(points).vertices]
            best = max(best, float(pdist(hull).max() + 1) * pixel_mm)
    return best


def body_mm(one: Scan, step: float = 3.0) -> np.ndarray:
    """Body (largest piece, without the table) of the middle slice on a grid in mm."""
    labels, n = ndimage.label(one.volume.voxels[1] > -300)
    sizes = ndimage.sum_labels(np.ones_like(labels), labels, range(1, n + 1))
    body = ndimage.binary_fill_holes(labels == 1 + int(np.argmax(sizes)))
    center = ndimage.center_of_mass(body)
    pixel = one.volume.spacing_mm[1]
    steps = np.arange(-70, 71) * step / pixel
    rows, columns = (np.rint(c + steps).astype(int).clip(0, 255) for c in center)
    return body[np.ix_(rows, columns)]


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * float((a & b).sum()) / float(a.sum() + b.sum())


def test_the_same_seed_draws_the_same_scan() -> None:
    again = scan_slices(build_patient(SEED, GROWS), 1, "liver")
    assert np.array_equal(again.volume.voxels, scan(GROWS, 1, "liver").volume.voxels)
    assert np.array_equal(again.volume.affine, scan(GROWS, 1, "liver").volume.affine)


@pytest.mark.parametrize("organ", ["liver", "lung"])
def test_a_series_is_three_axial_slices_at_5_mm_with_outlines_on_their_grid(organ: str) -> None:
    one = scan(LUNGS, 0, organ)
    assert one.volume.shape == (3, 256, 256)
    assert one.volume.spacing_mm[0] == pytest.approx(5.0)
    assert one.volume.is_canonical
    check_same_geometry(one.volume, one.organ)
    check_same_geometry(one.volume, one.lesions)
    inside = one.organ.voxels[one.lesions.voxels > 0]
    assert inside.size and (inside == 1).all()


def test_densities_are_those_of_a_portal_venous_ct() -> None:
    for i in (GROWS, SHRINKS):
        one = scan(i, 0, "liver")
        liver = (one.organ.voxels > 0) & (one.lesions.voxels == 0)
        mean = one.volume.voxels[liver].mean()
        tumor = one.volume.voxels[one.lesions.voxels > 0].mean()
        assert 70 < mean < 140
        assert tumor < mean - 15
        assert 80 < liver[1].sum() * one.organ.pixel_area_cm2 < 320
    chest = scan(LUNGS, 0, "lung")
    lung = (chest.organ.voxels > 0) & (chest.lesions.voxels == 0)
    assert -890 < np.median(chest.volume.voxels[lung]) < -780
    assert chest.volume.voxels[chest.lesions.voxels > 0].mean() > -20


@pytest.mark.parametrize("organ", ["liver", "lung"])
def test_two_scans_look_like_one_person_and_not_like_another(organ: str) -> None:
    same = [dice(body_mm(scan(i, 0, organ)), body_mm(scan(i, 1, organ))) for i in (GROWS, SHRINKS)]
    other = dice(body_mm(scan(GROWS, 0, organ)), body_mm(scan(SHRINKS, 1, organ)))
    assert min(same) > 0.93
    assert min(same) > other


@pytest.mark.parametrize("i", [GROWS, SHRINKS])
def test_the_largest_tumor_measures_what_the_truth_says_at_both_times(i: int) -> None:
    lesion = patient(i).causes.of("liver")[0]
    seen = []
    for time in (0, 1):
        one = scan(i, time, "liver")
        mm = longest_mm(one.lesions.voxels == lesion.number, one.volume.spacing_mm[1])
        assert mm == pytest.approx(lesion.diameter(time), rel=0.12)
        seen.append(mm)
    change = lesion.followup_mm / lesion.baseline_mm
    assert abs(np.log(change)) > 0.15
    assert seen[1] / seen[0] == pytest.approx(change, rel=0.08)


def test_lung_metastases_measure_what_the_truth_says() -> None:
    nodules = {n.number: n for n in patient(LUNGS).causes.of("lung")}
    one = scan(LUNGS, 0, "lung")
    ratios = [
        longest_mm(one.lesions.voxels == v, one.volume.spacing_mm[1]) / nodules[v].baseline_mm
        for v in np.unique(one.lesions.voxels)
        if v
    ]
    assert max(ratios) < 1.2
    assert max(ratios) > 0.9  # the slices go through the middle of the largest


def test_a_tumor_that_is_not_there_yet_is_not_drawn() -> None:
    later = next(
        i for i in range(300)
        if any(n.organ == "liver" and n.baseline_mm == 0 < n.followup_mm
               for n in draw_causes(SEED, i).lesions)
    )  # fmt: skip
    new = [n.number for n in draw_causes(SEED, later).of("liver") if n.baseline_mm == 0]
    assert not np.isin(scan(later, 0, "liver").lesions.voxels, new).any()


def test_slices_go_where_most_tumor_is_else_where_most_organ_is() -> None:
    z = np.arange(6.0)
    organ = np.array([1, 9, 2, 2, 2, 8.0])
    assert choose_slices(z, np.array([0, 0, 1, 5, 2, 9.0]), organ) == 3
    assert choose_slices(z, np.zeros(6), organ) == 1


def test_a_full_scan_holds_the_slices_and_every_tumor_with_its_volume() -> None:
    whole = full_scan(SEED, LUNGS, 0, rows=128)
    lesions = [n for n in patient(LUNGS).causes.lesions if n.baseline_mm > 0]
    assert set(whole.lesions.names) == {n.number for n in lesions}
    largest = lesions[0]
    ml = (whole.lesions.voxels == largest.number).sum() * whole.lesions.voxel_volume_ml
    assert ml == pytest.approx(largest.volume_ml(0), rel=0.2)
    liver, lungs = ((whole.organ.voxels == v).sum() * whole.organ.voxel_volume_ml for v in (1, 2))
    assert 800 < liver < 3500
    assert 1800 < lungs < 7000
    for organ in ("liver", "lung"):
        z = scan(LUNGS, 0, organ).volume.affine[2, 3] - whole.volume.affine[2, 3]
        k = round(z / 5)
        assert z == pytest.approx(5 * k, abs=1e-3)
        assert set(np.unique(scan(LUNGS, 0, organ).lesions.voxels)) == set(
            np.unique(whole.lesions.voxels[k : k + 3])
        )


def test_organ_and_time_are_checked() -> None:
    with pytest.raises(InputError, match="liver or lung"):
        scan_slices(patient(GROWS), 0, "kidney")
    with pytest.raises(InputError, match="time must be 0"):
        full_scan(SEED, GROWS, 2)
