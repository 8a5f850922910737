"""Growth rates: Ferté's formula, doubling times, and tumors that vanish or appear."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hccsurv_core.errors import InputError
from hccsurv_core.features.tumor_growth import (
    FLOOR_ML,
    growth_of_diameter,
    growth_of_volume,
    label_volumes_ml,
    tumor_growth,
)
from hccsurv_core.volume import LabelMap

MONTH = 30.4375


def test_a_sum_that_grows_by_a_tenth_in_a_month():
    """1.1³ = 1.331: by 33.1 % of volume."""
    found = growth_of_diameter(100.0, 110.0, MONTH)
    assert found.rate_percent_per_month == pytest.approx(33.1)
    assert found.log_diameter_per_month == pytest.approx(math.log(1.1))
    assert found.doubling_days == pytest.approx(MONTH * math.log(2) / math.log(1.331))
    assert (found.halving_days, found.is_bound, found.reason) == (None, False, None)
    assert found.change_percent == pytest.approx(10)


def test_ferte_over_two_months():
    tg = 3 * math.log(62.0 / 80.0) / (61 / MONTH)
    found = growth_of_diameter(80.0, 62.0, 61)
    assert found.rate_percent_per_month == pytest.approx(100 * (math.exp(tg) - 1))
    assert found.rate_percent_per_month < 0
    assert found.doubling_days is None
    # After its halving time the volume is half.
    assert (62 / 80) ** (3 * found.halving_days / 61) == pytest.approx(0.5)


def test_a_volume_that_doubles_in_ninety_days():
    found = growth_of_volume(10.0, 20.0, 90)
    assert found.doubling_days == pytest.approx(90)
    assert found.log_diameter_per_month == pytest.approx(math.log(2) / 3 / (90 / MONTH))
    still = growth_of_volume(10.0, 10.0, 90)
    assert (still.rate_percent_per_month, still.doubling_days, still.halving_days) == (
        0,
        None,
        None,
    )


@given(st.floats(1, 300), st.floats(1, 300), st.floats(20, 400))
def test_a_ball_grows_alike_by_diameter_and_by_volume(before, after, days):
    ball = [math.pi / 6 * d**3 / 1000 for d in (before, after)]
    one, other = growth_of_diameter(before, after, days), growth_of_volume(*ball, days)
    assert one.log_diameter_per_month == pytest.approx(other.log_diameter_per_month, abs=1e-9)


def test_what_vanished_counts_as_five_millimeters_and_is_a_bound():
    found = growth_of_diameter(40.0, 0.0, MONTH)
    assert found.rate_percent_per_month == pytest.approx(100 * ((5 / 40) ** 3 - 1))
    assert found.is_bound and found.followup == 0.0 and found.change_percent == -100.0
    assert round(FLOOR_ML, 5) == 0.06545
    assert growth_of_volume(1.0, 0.0, MONTH).rate_percent_per_month == pytest.approx(
        100 * (FLOOR_ML - 1)
    )
    tiny = growth_of_diameter(4.0, 0.0, MONTH)
    assert tiny.rate_percent_per_month is None and "too small to measure" in tiny.reason


@pytest.mark.parametrize(
    ("before", "after", "days", "reason"),
    [
        (0.0, 12.0, 60, "new: there is nothing to grow from"),
        (0.0, 0.0, 60, "not there at either time"),
        (20.0, 30.0, None, "the interval between the scans is not known"),
        (0.001, 400.0, 1, "the interval is too short for so large a change"),
    ],
)
def test_no_rate_has_its_reason(before, after, days, reason):
    found = growth_of_diameter(before, after, days)
    assert (found.rate_percent_per_month, found.reason) == (None, reason)
    json.dumps(found.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ((-1.0, 2.0, 30), "baseline size: must be a number of 0 or more"),
        ((1.0, math.nan, 30), "follow-up size: must be a number"),
        ((1.0, 2.0, 0), "interval in days: must be a number from 1 to 36525"),
        ((1.0, 2.0, -60), "interval in days: must be"),
    ],
)
def test_impossible_values_are_refused(values, says):
    with pytest.raises(InputError, match=says):
        growth_of_volume(*values)


def test_volumes_of_labels():
    voxels = np.zeros((4, 10, 10), dtype=np.uint8)
    voxels[1:3, 2:4, 2:7] = 3  # 20 voxels of 0.7 × 0.8 × 5 mm
    voxels[0, 0, 0] = 250
    found = label_volumes_ml(LabelMap(voxels, np.diag([0.7, 0.8, 5.0, 1.0])))
    assert found == pytest.approx({3: 20 * 2.8 / 1000, 250: 2.8 / 1000})
    assert label_volumes_ml(LabelMap(voxels * 0, np.eye(4))) == {}


def test_new_and_vanished_lesions_are_in_the_total():
    found = tumor_growth({1: 10.0, 2: 5.0}, {1: 12.0, 9: 3.0}, 2 * MONTH)
    assert (found.new, found.vanished, list(found.lesions)) == ((9,), (2,), [1, 2, 9])
    assert (found.total.baseline, found.total.followup) == (15.0, 15.0)
    assert found.total.rate_percent_per_month == 0
    assert found.lesions[2].is_bound and found.lesions[9].reason.startswith("new")
    plain = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert plain["lesions"]["1"]["unit"] == "mL" and "CCR-13-2098" in plain["source"]
    nothing = tumor_growth({}, {}, None)
    assert nothing.total.reason == "not there at either time"
