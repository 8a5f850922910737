"""Deleting the hottest area: it matters where the answer lies there, and the test keeps its level."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cnn_cohorts import CROP

from hccsurv_core.errors import CancelledError, InputError
from hccsurv_core.imaging.lesion_crops import LesionPhase, crop_lesion
from hccsurv_core.models.cnn.architectures import build_network
from hccsurv_core.models.cnn.classifier import CnnClassifier
from hccsurv_core.models.gradcam_faithfulness import check_faithfulness
from hccsurv_core.models.gradcam_lesion import explain_lesion
from hccsurv_core.volume import Volume

SIZE = 48
SQUARE = np.zeros((SIZE, SIZE), bool)
SQUARE[8:20, 24:36] = True


def picture(seed=0):
    found = np.random.default_rng(seed).normal(0, 0.2, (2, SIZE, SIZE)).astype(np.float32)
    found[:, SQUARE] += 1.0
    return found


def square_score(pictures):
    return pictures[:, 0, SQUARE].mean(1)


def test_the_square_that_the_answer_depends_on_is_found_to_matter():
    found = check_faithfulness(square_score, picture(), SQUARE * 1.0, seed=3)
    assert found.p == 0.01
    assert found.area_pixels == round(0.05 * SIZE**2) == found.area.sum()
    assert not (found.area & ~SQUARE).any()
    assert found.score == pytest.approx(1.0, abs=0.05)
    # 115 of 144 pixels lose their brightness to what surrounds the area.
    assert -0.8 < found.change < -0.5
    assert found.words == (
        "Deleting the hottest area changes the answer more than others do "
        "(p = 0.01, 99 random areas, seed 3)."
    )


def test_heat_beside_the_point_is_found_out():
    wrong = np.zeros((SIZE, SIZE))
    wrong[34:46, 4:16] = 1.0
    found = check_faithfulness(square_score, picture(), wrong)
    assert found.p > 0.5
    assert abs(found.change) < 1e-6
    assert "do not rely on this map" in found.words


def test_a_constant_network_is_told_to_explain_nothing():
    found = check_faithfulness(lambda x: np.full(len(x), 0.7), picture(), SQUARE * 1.0)
    assert found.p == 1
    assert not found.depends
    assert found.words.startswith("The answer does not change whichever area is deleted")


@pytest.mark.parametrize(
    ("heat", "reason"),
    [
        (np.zeros((SIZE, SIZE)), "Not tested: the map has no heat."),
        (np.full((SIZE, SIZE), 0.3), "Not tested: the map is even, so no area is the hottest."),
    ],
)
def test_a_map_without_a_hottest_area_is_not_tested(heat, reason):
    found = check_faithfulness(square_score, picture(), heat)
    assert found.p is None
    assert found.words == reason
    assert found.to_json()["median_random_change"] is None


def test_the_test_keeps_its_level_where_heat_and_answer_have_nothing_to_do_with_each_other():
    rng = np.random.default_rng(5)
    n_small = 0
    for seed in range(120):
        weight = rng.normal(size=(2, 24, 24))
        middle = rng.uniform(4, 20, 2)
        y, x = np.indices((24, 24))
        heat = np.exp(-((y - middle[0]) ** 2 + (x - middle[1]) ** 2) / 20)
        found = check_faithfulness(
            lambda p, w=weight: (p * w).sum((1, 2, 3)),
            rng.normal(size=(2, 24, 24)).astype(np.float32), heat, n_random=19, seed=seed,
        )  # fmt: skip
        n_small += found.p <= 0.05
    # 6 are expected of 120; more than 14 would happen once in a thousand times.
    assert n_small <= 14


def test_random_areas_have_the_size_and_the_tissue_of_the_hottest_one():
    """The body fills half the picture; areas in the air beside it would change nothing."""
    tissue = np.zeros((SIZE, SIZE), bool)
    tissue[:, :36] = True
    seen = []

    def score(pictures):
        seen.extend((pictures != picture()).any(1))
        return pictures[:, 0].mean((1, 2))

    found = check_faithfulness(score, picture(), SQUARE * 1.0, tissue=tissue)
    deleted = np.stack(seen)[1:]
    assert len(deleted) == 100
    np.testing.assert_array_equal(deleted[0], found.area)
    assert (deleted.sum((1, 2)) == found.area_pixels).all()
    assert ((deleted & tissue).sum((1, 2)) == found.area_pixels).all()
    assert len({d.tobytes() for d in deleted}) > 90


def test_a_hottest_area_in_the_only_tissue_there_is_is_still_compared():
    found = check_faithfulness(square_score, picture(), SQUARE * 1.0, tissue=SQUARE, n_random=50)
    assert 1 / 51 <= found.p <= 1
    assert found.random_changes.shape == (50,)


def test_only_the_channels_named_are_deleted():
    seen = []

    def score(pictures):
        seen.append(pictures)
        return pictures[:, 1].mean((1, 2))

    found = check_faithfulness(score, picture(), SQUARE * 1.0, channels=[0], n_random=5)
    assert found.change == 0
    assert not np.array_equal(seen[1][0, 0], picture()[0])
    np.testing.assert_array_equal(seen[1][0, 1], picture()[1])


def test_what_is_deleted_leaves_no_trace_and_surroundings_stay():
    seen = []

    def score(pictures):
        seen.append(pictures.copy())
        return pictures.mean((1, 2, 3))

    bright = picture()
    found = check_faithfulness(score, bright, SQUARE * 1.0, n_random=1)
    far_brighter = bright.copy()
    far_brighter[:, found.area] += 100.0
    check_faithfulness(score, far_brighter, SQUARE * 1.0, n_random=1)
    np.testing.assert_array_equal(seen[1][0], seen[3][0])
    np.testing.assert_array_equal(seen[1][0][:, ~found.area], bright[:, ~found.area])
    flat = np.full((1, SIZE, SIZE), 2.5, np.float32)
    check_faithfulness(score, flat, SQUARE * 1.0, n_random=1)
    np.testing.assert_allclose(seen[-1], 2.5, rtol=1e-5)


def test_the_seed_fixes_the_areas():
    runs = [check_faithfulness(square_score, picture(), SQUARE * 1.0, seed=s) for s in (1, 1, 2)]
    np.testing.assert_array_equal(runs[0].random_changes, runs[1].random_changes)
    assert not np.array_equal(runs[0].random_changes, runs[2].random_changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heat": np.ones((3, 3))}, "do not fit"),
        ({"area_share": 0.0}, "area_share: must be a number from 0.0001 to 0.5"),
        ({"n_random": 0}, "n_random: must be a whole number of 1 or more"),
        ({"tissue": np.ones((3, 3), bool)}, r"tissue has shape \(3, 3\)"),
    ],
)
def test_what_cannot_be_tested_is_refused(change, message):
    given = {"heat": SQUARE * 1.0} | change
    with pytest.raises(InputError, match=message):
        check_faithfulness(square_score, picture(), **given)


def lesion_crops(n_slices=2):
    shape, spacing = (7, 60, 60), (5.0, 1.5, 1.5)
    k, j, i = (np.indices(shape, sparse=True)[a] * spacing[a] for a in range(3))
    lesion = np.sqrt((k - 15) ** 2 + (j - 40) ** 2 + (i - 50) ** 2) < 12
    hu = np.where(lesion, 120.0, 70.0) + np.random.default_rng(0).normal(0, 5, shape)
    phase = LesionPhase(
        Volume(hu.astype(np.float32), np.diag([1.5, 1.5, 5.0, 1.0])), lesion, np.ones(shape, bool)
    )
    return crop_lesion(phase, phase, replace(CROP, mm_per_pixel=2.0, n_slices=n_slices))


@pytest.fixture(scope="module")
def classifier():
    crop = replace(CROP, mm_per_pixel=2.0, n_slices=2)
    return CnnClassifier("resnet18", crop, 36.0, build_network("resnet18", 2, seed=1))


def test_a_patient_is_explained_layer_by_layer_and_heat_goes_back_to_the_scan(classifier):
    crops = lesion_crops()
    seen = []
    found = explain_lesion(
        classifier, crops, method="layer-cam", layers=("layer1", "layer2"), n_random=9,
        progress=lambda done, words: seen.append(done),
    )  # fmt: skip
    assert [m.layer for m in found.maps] == ["layer1", "layer2"]
    assert len(found.shares) == len(found.faithfulness) == 2
    assert found.shares[0].outside == pytest.approx(0, abs=0.01)  # the liver is everywhere
    score = -classifier.log_odds(crops.images[:1][None])[0]
    assert found.faithfulness[0].score == pytest.approx(score, abs=1e-5)
    assert seen == sorted(seen)
    assert seen[-1] == 1
    k, heat = found.on_scan("layer1", 0)
    assert k == 3
    assert heat.shape == (60, 60)
    row, column = np.unravel_index(found.maps[0].heat[0].argmax(), (32, 32))
    middle = crops.places["arterial"].middle
    expected = (middle[0] + (row - 15.5) * 2 / 1.5, middle[1] + (column - 15.5) * 2 / 1.5)
    at = np.unravel_index(heat.argmax(), heat.shape)
    inside = [0 <= e <= 59 for e in expected]
    assert all(abs(a - e) <= 1.0 for a, e, ok in zip(at, expected, inside, strict=True) if ok)


def test_without_random_areas_there_is_no_check(classifier):
    found = explain_lesion(classifier, lesion_crops(), n_random=0)
    assert found.faithfulness == ()
    assert [m.layer for m in found.maps] == ["layer3", "layer4"]


def test_a_network_that_is_told_the_outline_is_said_to_be(classifier):
    crops = lesion_crops()
    plain = explain_lesion(classifier, crops, n_random=0)
    assert plain.notes == ()
    told = replace(plain, crops=replace(crops, channels=("arterial", "mask"), liver=None))
    assert told.notes == (
        "the network is given the outline of the lesion: that it looks inside it is no proof that "
        "it found it",
        "the liver is not outlined, so it counts as outside",
    )


def test_an_explanation_can_be_cancelled(classifier):
    def cancel(done, words):
        raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        explain_lesion(classifier, lesion_crops(), n_random=9, progress=cancel)


def test_what_cannot_be_explained_is_refused(classifier):
    crops = lesion_crops()
    with pytest.raises(
        InputError, match="ResNet18 has no stage 'layer9'; choose of layer1, layer2"
    ):
        explain_lesion(classifier, crops, layers=("layer9",))
    with pytest.raises(
        InputError, match="the network takes arterial, portal, got portal, arterial"
    ):
        explain_lesion(classifier, replace(crops, channels=("portal", "arterial")))
    found = explain_lesion(classifier, crops, n_random=0)
    with pytest.raises(InputError, match="no map of 'layer1' on slice 0; choose of layer3, layer4"):
        found.on_scan("layer1")
    with pytest.raises(InputError, match="on slice 2"):
        found.on_scan("layer3", 2)
