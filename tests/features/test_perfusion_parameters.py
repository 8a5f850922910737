"""What is read off a curve, against formulas of the lognormal, quadrature, and repeated noise."""

from __future__ import annotations

import numpy as np
import pytest
from perfusion_curves import TIMES, lognormal, seen
from scipy.integrate import quad
from scipy.optimize import brentq

from hccsurv_core.features.perfusion.fit import fit_bolus
from hccsurv_core.features.perfusion.parameters import (
    MODEL_ERROR,
    PARAMETERS,
    kinetic_parameters,
)

ARRIVAL, RISE, PEAK, SIGMA = 12.0, 10.0, 0.02, 0.9


def measured(curve, **options):
    fit = fit_bolus(
        curve.time_s, curve.lesion_enhancement, floor_noise=curve.lesion_floor.noise, **options
    )
    return kinetic_parameters(curve.time_s, curve.lesion_enhancement, fit)


@pytest.fixture(scope="module")
def found():
    return measured(seen(lognormal(TIMES)))


def passes(share, rising):
    """When the true curve is at a share of its peak: its own formula, solved."""
    ends = (ARRIVAL + 1e-3, ARRIVAL + RISE) if rising else (ARRIVAL + RISE, 1000.0)
    return brentq(lambda t: lognormal(t) - share * PEAK, *ends)


def area(start, end):
    return quad(lambda t: float(lognormal(t)), start, end, limit=200)[0]


def test_every_parameter_is_that_of_the_formula(found) -> None:
    low, high = passes(0.1, True), passes(0.9, True)
    arrival, end = passes(0.05, True), TIMES[-1]
    moment = quad(lambda t: t * float(lognormal(t)), arrival, end, limit=200)[0]
    true = {
        "arrival_s": arrival,
        "time_to_peak_s": ARRIVAL + RISE,
        "rise_time_s": ARRIVAL + RISE - arrival,
        "peak_intensity": PEAK,
        "peak_db": 10 * np.log10(PEAK),
        "wash_in_rate_per_s": 0.8 * PEAK / (high - low),
        "relative_wash_in_per_s": 0.8 / (high - low),
        "wash_in_area_s": area(arrival, ARRIVAL + RISE),
        "fall_time_s": passes(0.5, False) - ARRIVAL - RISE,
        "half_width_s": passes(0.5, False) - passes(0.5, True),
        "wash_out_area_s": area(ARRIVAL + RISE, end),
        "area_s": area(ARRIVAL, end),
        # The lognormal's integral and first moment, in closed form.
        "whole_area_s": PEAK * RISE * np.sqrt(2 * np.pi) * SIGMA * np.exp(SIGMA**2 / 2),
        "mean_transit_s": RISE * np.exp(1.5 * SIGMA**2),
        "mean_transit_observed_s": moment / area(arrival, end) - arrival,
    }
    for name, value in true.items():
        assert found.fitted[name].value == pytest.approx(value, rel=0.01), name
    # Those two have no closed form worth writing: a fine difference quotient.
    t = np.linspace(ARRIVAL, 200, 400_001)
    slope = np.diff(lognormal(t)) / np.diff(t)
    assert found.fitted["wash_in_steepest_per_s"].value == pytest.approx(slope.max(), rel=0.02)
    assert found.fitted["wash_out_rate_per_s"].value == pytest.approx(-slope.min(), rel=0.02)
    assert set(found.fitted) == set(PARAMETERS) and found.warnings == ()


def test_the_frames_themselves_say_nearly_the_same(found) -> None:
    for name in ("time_to_peak_s", "peak_intensity", "area_s", "half_width_s", "arrival_s"):
        assert found.observed[name].value == pytest.approx(found.fitted[name].value, rel=0.04), name
    assert not {"whole_area_s", "mean_transit_s"} & set(found.observed)


@pytest.mark.parametrize("factor", [1e-3, 40.0])
def test_gain_leaves_times_and_relative_rates_unchanged(found, factor) -> None:
    louder = measured(seen(lognormal(TIMES, peak=PEAK * factor), floor=1e-5 * factor))
    for name, one in found.fitted.items():
        scales = name.endswith("area_s") or name in (
            "peak_intensity", "wash_in_rate_per_s", "wash_in_steepest_per_s", "wash_out_rate_per_s",
        )  # fmt: skip
        expected = one.value * factor if scales else one.value
        if name == "peak_db":
            expected = one.value + 10 * np.log10(factor)
        assert louder.fitted[name].value == pytest.approx(expected, rel=1e-3), name


def test_a_later_bolus_is_later_and_nothing_else(found) -> None:
    later = measured(seen(lognormal(TIMES, arrival_s=ARRIVAL + 5.0)))
    for name, one in found.fitted.items():
        moved = 5.0 if name in ("arrival_s", "time_to_peak_s") else 0.0
        if name in ("area_s", "wash_out_area_s", "mean_transit_observed_s"):
            continue  # the clip ends at the same time
        assert later.fitted[name].value == pytest.approx(one.value + moved, rel=0.01), name


def test_intervals_hold_what_they_promise() -> None:
    """40 draws of noise: the true time to peak and rate lie in about 95 of 100 intervals."""
    low, high = passes(0.1, True), passes(0.9, True)
    true = {"time_to_peak_s": ARRIVAL + RISE, "relative_wash_in_per_s": 0.8 / (high - low)}
    hits = dict.fromkeys(true, 0)
    for seed in range(40):
        found = measured(seen(lognormal(TIMES), noise=0.06, seed=seed), models=["lognormal"])
        for name, value in true.items():
            one = found.fitted[name]
            hits[name] += one.low <= value <= one.high
    # Binomial(40, 0.95) is below 34 in 3 of 1000 trials.
    assert min(hits.values()) >= 34


def test_what_the_clip_does_not_show_is_not_foretold() -> None:
    short = TIMES[TIMES <= 27]
    found = measured(seen(lognormal(short), time_s=short), models=["lognormal"])
    assert found.fitted["time_to_peak_s"].value == pytest.approx(22.0, abs=0.5)
    for name in ("fall_time_s", "half_width_s", "whole_area_s", "mean_transit_s"):
        assert name not in found.fitted
    assert any("of the fitted curve's area" in w for w in found.warnings)


def test_too_few_frames_on_the_rise_are_said() -> None:
    rare = np.concatenate([np.arange(0, 13, 2.0), np.arange(24, 361, 8.0)])
    found = measured(seen(lognormal(rare), time_s=rare), models=["lognormal"])
    assert any("on the rise: its slope is a guess" in w for w in found.warnings)


def test_without_a_fit_the_frames_speak() -> None:
    curve = seen(lognormal(TIMES))
    found = kinetic_parameters(curve.time_s, curve.lesion_enhancement, None)
    assert not found.fitted and found["time_to_peak_s"].value == pytest.approx(22.0, abs=0.5)
    assert found["time_to_peak_s"].standard_error is None


def test_gaps_are_left_out() -> None:
    curve = seen(lognormal(TIMES))
    values = curve.lesion_enhancement.copy()
    values[30:34] = np.nan
    fit = fit_bolus(curve.time_s, values, floor_noise=curve.lesion_floor.noise)
    found = kinetic_parameters(curve.time_s, values, fit)
    assert found.fitted["time_to_peak_s"].value == pytest.approx(22.0, rel=0.01)


def test_no_interval_is_narrower_than_what_model_and_outline_leave_open() -> None:
    """Even without any noise: half a width of 1.96 × 3 %, of the rise for times on the clock."""
    found = measured(seen(lognormal(TIMES)), models=["lognormal"])
    rise = found.fitted["rise_time_s"].value
    for name in ("arrival_s", "time_to_peak_s"):
        one = found.fitted[name]
        assert one.high - one.value >= 1.95 * MODEL_ERROR * rise
        assert one.high - one.value <= 2.5 * MODEL_ERROR * rise
    for name in ("area_s", "relative_wash_in_per_s", "half_width_s", "mean_transit_observed_s"):
        one = found.fitted[name]
        assert np.log(one.high / one.value) >= 1.95 * MODEL_ERROR
    peak = found.fitted["peak_db"]
    assert peak.high - peak.value >= 1.95 * 10 * np.log10(1 + MODEL_ERROR) * 0.99
