"""E-values: the paper's examples, the conversion of hazard ratios, symmetry, refusals."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hccsurv_core.errors import InputError
from hccsurv_core.stats.e_value import e_value, e_value_of_hazard_ratio

RATIO = st.floats(0.01, 100)


@pytest.mark.parametrize(
    ("ratio", "low", "high", "point", "limit"),
    [
        # Victora et al. in VanderWeele & Ding 2017: formula feeding and death from infections.
        (3.9, 1.8, 8.7, 7.26, 3.00),
        # The leukemia example of the same paper (also in the help of R's EValue::evalues.RR).
        (0.80, 0.71, 0.91, 1.81, 1.43),
    ],
)
def test_published_examples(ratio, low, high, point, limit):
    found = e_value(ratio, low, high)
    assert found.point == pytest.approx(point, abs=0.005)
    assert found.limit == pytest.approx(limit, abs=0.005)
    assert not found.converted


def test_a_common_outcome_is_converted_by_hand():
    found = e_value_of_hazard_ratio(0.56, 0.46, 0.69, share_with_event=0.5)
    ratio = (1 - 0.5 ** math.sqrt(0.56)) / (1 - 0.5 ** math.sqrt(1 / 0.56))
    assert found.converted and found.risk_ratio == pytest.approx(ratio, rel=1e-12)
    assert ratio == pytest.approx(0.6701, abs=5e-5)
    assert found.point == pytest.approx(1 / ratio + math.sqrt(1 / ratio * (1 / ratio - 1)))
    rare = e_value_of_hazard_ratio(0.56, 0.46, 0.69, share_with_event=0.10)
    assert not rare.converted and rare.point == pytest.approx(e_value(0.56).point)
    # A hazard ratio of a common outcome overstates the risk ratio.
    assert found.point < rare.point


@given(RATIO)
def test_a_protective_ratio_counts_as_its_inverse(ratio):
    assert e_value(ratio).point == pytest.approx(e_value(1 / ratio).point, rel=1e-9)
    assert e_value(ratio).point >= max(ratio, 1 / ratio) * (1 - 1e-12)


@given(RATIO)
def test_the_bias_formula_gives_the_ratio_back(ratio):
    # Ding & VanderWeele's bounding factor: two associations of strength E make up E·E/(E+E−1).
    e = e_value(ratio).point
    assert e * e / (2 * e - 1) == pytest.approx(max(ratio, 1 / ratio), rel=1e-9)


def test_an_interval_that_includes_one_needs_nothing():
    assert e_value(1.4, 0.9, 2.1).limit == 1.0
    assert e_value(0.7, 0.4, 1.1).limit == 1.0
    assert e_value(1.0, 0.8, 1.2).point == 1.0
    assert "no association to explain away" in e_value(1.0).sentence
    assert "includes no association already" in e_value(1.4, 0.9, 2.1).sentence


def test_words_and_plain_values():
    found = e_value(2.0, 1.5, 2.6)
    assert found.sentence == (
        "To explain the association away, an unmeasured confounder would have to be tied to both "
        "treatment and death by a risk ratio of 3.41 or more; to move the interval to no "
        "association, by 2.37."
    )
    plain = json.loads(json.dumps(e_value(2.0).to_json()))
    assert plain["e_value_limit"] is None and plain["e_value"] == pytest.approx(2 + math.sqrt(2))
    assert e_value(2.0).sentence.endswith("3.41 or more.")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((0.0,), "ratio: a ratio must be a positive number, got 0.0"),
        ((math.nan,), "must be a positive number"),
        ((2.0, 2.5, 3.0), "ci_low: the lower limit 2.5 does not lie below 2"),
        ((2.0, -1.0, 3.0), "the lower limit -1 does not lie below 2"),
        ((2.0, 1.0, 1.5), "ci_high: the upper limit 1.5 does not lie above 2"),
    ],
)
def test_what_is_no_ratio_is_refused(arguments, said):
    with pytest.raises(InputError, match=said):
        e_value(*arguments)


def test_a_share_of_patients_is_one():
    with pytest.raises(InputError, match="share_with_event: a share of patients lies from 0 to 1"):
        e_value_of_hazard_ratio(0.5, share_with_event=1.2)
