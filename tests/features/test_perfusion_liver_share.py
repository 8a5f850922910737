"""A bolus with a share of the liver's curve: found where it is, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from perfusion_curves import TIMES, lognormal, seen
from scipy.integrate import trapezoid

from hccsurv_core.features.perfusion.fit import fit_bolus
from hccsurv_core.features.perfusion.parameters import kinetic_parameters
from hccsurv_core.features.perfusion.peak_frame import choose_peak_frame

LIVER = {"arrival_s": 20.0, "rise_s": 25.0, "peak": 0.012, "sigma": 0.9}
BOLUS = {"arrival_s": 12.0, "rise_s": 9.0, "peak": 0.01, "sigma": 0.5}


def capsulated(time_s=TIMES):
    """A short bolus in a capsule that stays as bright as liver: a shoulder, then a second top."""
    return lognormal(time_s, **BOLUS) + 0.9 * lognormal(time_s, **LIVER)


def both_fits(lesion, noise=0.02, seed=0):
    curve = seen(lesion, lognormal(TIMES, **LIVER), noise=noise, seed=seed)
    liver = fit_bolus(
        curve.time_s, curve.reference_enhancement, floor_noise=curve.reference_floor.noise
    )
    given = (curve.time_s, curve.lesion_enhancement)
    noise_of = curve.lesion_floor.noise
    return curve, fit_bolus(*given, floor_noise=noise_of), fit_bolus(
        *given, floor_noise=noise_of, beside=liver
    )  # fmt: skip


@pytest.fixture(scope="module")
def found():
    return both_fits(capsulated())


def test_the_second_top_is_found_where_a_bolus_alone_takes_the_first(found) -> None:
    _, alone, mixed = found
    dense = np.arange(0, 200, 0.01)
    true = float(dense[capsulated(dense).argmax()])
    assert abs(mixed.peak_s / true - 1) < 0.05 < abs(alone.peak_s / true - 1)
    assert mixed.r2 > alone.r2
    assert mixed.top == pytest.approx(float(capsulated(dense).max()), rel=0.05)
    assert 0.3 < mixed.mixed / mixed.top < 1.1
    assert "lognormal, with" in mixed.label and mixed.label.endswith("% liver")


def test_its_numbers_are_those_of_its_curve(found) -> None:
    _, _, mixed = found
    dense = np.arange(0, 20_000, 0.05)
    y = mixed.curve(dense)
    assert mixed.peak_s == pytest.approx(float(dense[y.argmax()]), abs=0.06)
    assert mixed.top == pytest.approx(float(y.max()), rel=1e-4)
    assert mixed.whole_area == pytest.approx(trapezoid(y, dense), rel=1e-3)
    center = trapezoid(y * dense, dense) / trapezoid(y, dense)
    assert mixed.mean_transit_s == pytest.approx(center - mixed.arrival_s, rel=1e-3)


def test_every_parameter_has_an_interval_and_the_peak_frame_follows(found) -> None:
    curve, _, mixed = found
    told = kinetic_parameters(curve.time_s, curve.lesion_enhancement, mixed)
    peak = told.fitted["time_to_peak_s"]
    assert peak.low < peak.value < peak.high
    assert peak.value == pytest.approx(mixed.peak_s, abs=0.3)
    frame = choose_peak_frame(curve, mixed)
    assert frame.chosen_by == "fitted curve"
    assert abs(frame.time_s - mixed.peak_s) <= 0.6


@pytest.mark.parametrize("seed", range(6))
def test_a_bolus_alone_stays_one(seed) -> None:
    _, alone, offered = both_fits(lognormal(TIMES, sigma=0.9), noise=0.05, seed=seed)
    assert offered.beside is None and offered.mixed == 0
    assert offered.peak_s == alone.peak_s
    assert offered.label == alone.label == "lognormal"
    assert "lognormal_with_liver" in offered.aicc and "lognormal_with_liver" not in alone.aicc


def test_gain_changes_intensities_and_no_time() -> None:
    _, _, mixed = both_fits(capsulated())
    _, _, brighter = both_fits(3 * capsulated())
    assert brighter.peak_s == pytest.approx(mixed.peak_s, rel=0.02)
    assert brighter.top == pytest.approx(3 * mixed.top, rel=0.02)
