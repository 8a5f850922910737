"""Phases, washout and peak frame of curves whose crossings are known by formula."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from perfusion_curves import TIMES, lognormal, seen
from scipy.optimize import brentq

from hccsurv_core.errors import InputError
from hccsurv_core.features.perfusion.fit import fit_bolus
from hccsurv_core.features.perfusion.peak_frame import choose_peak_frame
from hccsurv_core.features.perfusion.phases import (
    enhancement_by_phase,
    find_washout,
    lesion_over_reference,
)


def liver(time_s):
    return lognormal(time_s, arrival_s=14.0, rise_s=35.0, peak=0.01, sigma=1.1)


def carcinoma(time_s, peak=0.03, sigma=0.8):
    return lognormal(time_s, peak=peak, sigma=sigma)


def crossing(lesion, start=22.0):
    """When the lesion is as bright as the liver, by the formulas."""
    return brentq(lambda t: float(lesion(t) - liver(t)), start, 300.0)


def fitted(curve):
    return fit_bolus(
        curve.time_s, curve.lesion_enhancement, floor_noise=curve.lesion_floor.noise,
        models=["lognormal"],
    )  # fmt: skip


def test_degrees_are_those_of_the_curves() -> None:
    curve = seen(carcinoma(TIMES), liver(TIMES))
    arterial, portal, late = enhancement_by_phase(curve, peak_s=22.0)
    at_peak = 10 * np.log10(carcinoma(22.0) / liver(22.0))
    assert arterial.degree == "hyper" and arterial.ratio_db == pytest.approx(at_peak, abs=0.3)
    assert late.degree == "hypo" and late.sure and late.ratio_db < -5
    assert portal.low_db < portal.ratio_db < portal.high_db
    assert [p.phase.end_s for p in (arterial, portal, late)] == [30, 120, 360]


def test_as_bright_as_the_liver_is_iso() -> None:
    curve = seen(1.1 * liver(TIMES), liver(TIMES))
    assert [p.degree for p in enhancement_by_phase(curve)] == ["iso", "iso", "iso"]
    assert find_washout(curve).onset_s is None


@pytest.mark.parametrize("noise", [0.0, 0.04])
@pytest.mark.parametrize(("sigma", "timing"), [(0.8, "early"), (1.2, "late")])
def test_washout_starts_where_the_curves_cross(sigma, timing, noise) -> None:
    def lesion(t):
        return carcinoma(t, sigma=sigma)

    true = crossing(lesion)
    assert (true < 60) == (timing == "early")
    found = find_washout(seen(lesion(TIMES), liver(TIMES), noise=noise))
    assert found.onset_s == pytest.approx(true, rel=0.06) and found.timing == timing
    assert found.sentence.startswith(timing.capitalize())


def test_marked_is_next_to_nothing_within_two_minutes() -> None:
    strong = find_washout(seen(carcinoma(TIMES, sigma=0.8), liver(TIMES)))
    weak = find_washout(seen(carcinoma(TIMES, sigma=1.1), liver(TIMES)))
    assert strong.degree == "marked" and weak.degree == "mild"
    at_120 = 10 * np.log10(carcinoma(120.0, sigma=0.8) / liver(120.0))
    assert at_120 < -10 < 10 * np.log10(carcinoma(120.0, sigma=1.1) / liver(120.0))


def test_a_black_lesion_in_a_bright_liver_is_dark_and_not_unknown() -> None:
    """Its intensity is lost in the floor's noise, where no logarithm is left."""
    lesion = carcinoma(TIMES)
    lesion[TIMES > 80] = 0.0
    curve = seen(lesion, liver(TIMES))
    late = (TIMES > 120) & (TIMES < 300)
    assert (lesion_over_reference(curve)[late] < -10).all()
    assert np.isnan(curve.ratio_db[late]).any()
    assert find_washout(curve).degree == "marked"


def test_a_lesion_dark_from_the_beginning_does_not_wash_out() -> None:
    found = find_washout(seen(0.3 * liver(TIMES), liver(TIMES)))
    assert found.onset_s is None and "darker than the liver from the beginning" in found.sentence


def test_a_clip_that_ends_early_leaves_the_degree_open() -> None:
    short = TIMES[TIMES <= 75]
    found = find_washout(seen(carcinoma(short, sigma=0.85), liver(short), time_s=short))
    assert found.timing == "early" and found.degree == "" and "is open" in found.sentence
    none = find_washout(seen(carcinoma(short, sigma=1.4), liver(short), time_s=short))
    assert none.onset_s is None and none.seen_until_s == 75


def test_one_dark_frame_is_no_washout() -> None:
    lesion = 2 * liver(TIMES)
    lesion[100] *= 0.1
    assert find_washout(seen(lesion, liver(TIMES))).onset_s is None


def test_without_a_reference_nothing_is_said() -> None:
    curve = seen(carcinoma(TIMES))
    assert find_washout(curve).sentence == "Washout cannot be told: no reference was outlined."
    assert {p.degree for p in enhancement_by_phase(curve)} == {""}
    assert all(p.ratio_db is None for p in enhancement_by_phase(curve))


def test_the_peak_frame_is_that_of_the_curve_and_not_the_brightest() -> None:
    curve = seen(lognormal(TIMES), noise=0.03, seed=4)
    lesion = curve.lesion.copy()
    lesion[60] *= 1.5  # 30 s: one frame of luck
    curve = replace(curve, lesion=lesion)
    assert int(np.nanargmax(curve.lesion)) == 60
    found = choose_peak_frame(curve, fitted(curve))
    assert abs(found.time_s - 22.0) <= 1.0 and found.chosen_by == "fitted curve"
    assert found.earliest <= found.frame <= found.latest
    # Counted from 0, as in every table and file.
    assert f"Frame {found.frame} of 0 to {len(TIMES) - 1}" in found.sentence


def test_a_frame_that_is_left_out_is_never_chosen() -> None:
    curve = seen(lognormal(TIMES))
    lesion = curve.lesion.copy()
    lesion[42:48] = np.nan
    curve = replace(curve, lesion=lesion)
    assert choose_peak_frame(curve, fitted(curve)).frame in (41, 48)


def test_without_a_fit_the_smoothed_curve_chooses_and_says_so() -> None:
    found = choose_peak_frame(seen(lognormal(TIMES)), None)
    assert abs(found.time_s - 22.0) <= 1.0 and found.chosen_by == "smoothed curve"
    assert "no fitted curve vouches for it" in found.sentence


def test_a_person_may_choose_any_frame_that_exists() -> None:
    curve = seen(lognormal(TIMES))
    found = choose_peak_frame(curve, None, by_hand=50)
    assert (found.frame, found.time_s, found.chosen_by) == (50, 25.0, "by hand")
    with pytest.raises(InputError, match=f"frame 999 does not exist; .* 0 to {len(TIMES) - 1}"):
        choose_peak_frame(curve, None, by_hand=999)


def test_no_frame_in_time_is_refused() -> None:
    late = TIMES + 400.0
    curve = seen(lognormal(TIMES), time_s=late)
    with pytest.raises(InputError, match="no usable frame lies between the injection and 360 s"):
        choose_peak_frame(curve, None)
