"""Regret and coverage by hand, and what no strategy can do."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hccsurv_core.errors import InputError
from hccsurv_core.systems.banded import Banded
from hccsurv_core.systems.treatment.regret import STRATEGIES, coverage, regret

#: Four patients: who is better off with what, by how much, is seen at a glance.
TRUTH = {"hepatectomy": [30.0, 10.0, 20.0, 8.0], "tace": [20.0, 16.0, 20.0, 12.0]}
GIVEN = ["tace", "tace", "hepatectomy", "hepatectomy"]
ADVICE = ["hepatectomy", "none", "tace", "hepatectomy"]
FAVORED = ["hepatectomy", "tace", "tace", "hepatectomy"]


def test_by_hand():
    found = regret(TRUTH, given=GIVEN, recommendation=ADVICE, favored=FAVORED)
    expected = {
        "oracle": 0.0,
        "favored": 4 / 4,  # the last patient loses 4 months
        "recommendation": 4 / 4,  # the second was given TACE, which is right
        "all_hepatectomy": (6 + 4) / 4,
        "all_tace": 10 / 4,
        "given": (10 + 4) / 4,
    }
    assert {name: e.value for name, e in found.months.items()} == expected
    assert list(found.months) == list(STRATEGIES)
    assert found.share_recommended == 0.75
    assert found.recommended["given"].value == pytest.approx(14 / 3)
    assert found.recommended["recommendation"].value == pytest.approx(4 / 3)
    assert found.best_plain == "all_hepatectomy"
    assert found.against_plain["recommendation"].value == pytest.approx(1.0 / 2.5)
    for estimate in found.months.values():
        assert estimate.ci_low <= estimate.value <= estimate.ci_high
        assert estimate.n == 4
    json.dumps(found.to_json())


def test_nobody_beats_the_oracle_and_following_it_is_the_oracle():
    rng = np.random.default_rng(2)
    truth = {arm: rng.uniform(2, 36, 200) for arm in ("hepatectomy", "tace")}
    best = list(np.where(truth["tace"] > truth["hepatectomy"], "tace", "hepatectomy"))
    given = list(rng.choice(["hepatectomy", "tace"], 200))
    found = regret(truth, given=given, recommendation=best, favored=best, seed=4)
    assert found.months["recommendation"].value == found.months["favored"].value == 0.0
    assert all(e.value >= 0 for e in found.months.values())
    assert found.against_plain["favored"].value == 0.0
    # The interval of a mean over 200 patients is about what the normal one is.
    loss = np.maximum(truth["tace"] - truth["hepatectomy"], 0)
    band = found.months["all_hepatectomy"]
    assert band.value == pytest.approx(loss.mean())
    half = 1.96 * loss.std() / np.sqrt(200)
    assert (band.ci_high - band.ci_low) / 2 == pytest.approx(half, rel=0.1)


def test_without_any_recommendation_what_was_given_remains():
    none = ["none"] * 4
    found = regret(TRUTH, given=GIVEN, recommendation=none, favored=FAVORED)
    assert found.months["recommendation"].value == found.months["given"].value
    assert found.recommended == {} and found.share_recommended == 0.0


def test_swapping_the_arms_swaps_treating_all_alike():
    other = {"hepatectomy": "tace", "tace": "hepatectomy", "none": "none"}
    turned = regret(
        {"hepatectomy": TRUTH["tace"], "tace": TRUTH["hepatectomy"]},
        given=[other[g] for g in GIVEN], recommendation=[other[a] for a in ADVICE],
        favored=[other[f] for f in FAVORED],
    )  # fmt: skip
    plain = regret(TRUTH, given=GIVEN, recommendation=ADVICE, favored=FAVORED)
    assert turned.months["all_tace"].value == plain.months["all_hepatectomy"].value
    for name in ("given", "favored", "recommendation"):
        assert turned.months[name].value == plain.months[name].value


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"given": GIVEN[:2]}, "regret: 4 patients but 2 treatments"),
        ({"recommendation": ["tace"]}, "4 patients but 1 recommendations"),
        ({"favored": []}, "4 patients but 0 favored treatments"),
        ({"given": ["surgery", *GIVEN[1:]]}, "no treatment is called 'surgery'"),
        ({"favored": ["none", *FAVORED[1:]]}, "no treatment is called 'none'"),
    ],
)
def test_what_does_not_fit_is_refused(changed, said):
    arguments = {"given": GIVEN, "recommendation": ADVICE, "favored": FAVORED} | changed
    with pytest.raises(InputError, match=said):
        regret(TRUTH, **arguments)


@pytest.mark.parametrize(
    ("truth", "said"),
    [
        ({"tace": [1.0, 2.0]}, "the true months of hepatectomy are missing"),
        ({"tace": [1.0, 2.0], "hepatectomy": [1.0]}, r"shapes \(1,\) and \(2,\)"),
        ({"tace": [1.0, np.nan], "hepatectomy": [1.0, 2.0]}, "a true number of months is missing"),
    ],
)
def test_truth_that_is_none_is_refused(truth, said):
    with pytest.raises(InputError, match=said):
        regret(truth, given=["tace"] * 2, recommendation=["tace"] * 2, favored=["tace"] * 2)


def test_coverage_by_hand():
    band = Banded(np.zeros((4, 2)), np.full((4, 2), -1.0), np.full((4, 2), [1.0, 3.0]))
    truth = np.array([[0.0, 2.0], [1.0, 3.1], [1.5, 0.0], [-1.0, -2.0]])
    np.testing.assert_array_equal(coverage(truth, band), [0.75, 0.5])
    with pytest.raises(InputError, match=r"truth of shape \(4,\) but intervals of \(4, 2\)"):
        coverage(truth[:, 0], band)
