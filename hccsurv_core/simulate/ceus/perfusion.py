"""How the contrast agent comes and goes: time-intensity curves of tumor and liver.

A bolus passes as a lognormal, written by the time of its peak::

    bolus(t) = exp(−ln²(t / rise) / (2 spread²))        (t after arrival; 1 at t = rise)

which is the lognormal model of the field up to its scale. The tumor is one such bolus. The
liver is a small arterial one and a later, larger portal one. Unit: the portal peak of the liver
is 1. The tumor's late phase is set by its wash-out cause; the spread follows from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hccsurv_core.simulate.ceus.causes import Causes

Floats = NDArray[np.float64]

#: When a reader looks for the degree of enhancement in each phase, s after injection; the
#: arterial phase is judged at the tumor's own peak.
PORTAL_S, LATE_S = 85.0, 240.0
#: What the liver's arterial part is of its portal part.
LIVER_ARTERIAL = 0.22
_LIVER_ARTERIAL_SPREAD, _LIVER_PORTAL_SPREAD = 0.90, 1.22
_DB = 10 / np.log(10)


def bolus(after_arrival_s: ArrayLike, rise_s: ArrayLike, spread: ArrayLike) -> Floats:
    """Relative intensity (peak 1) at times after arrival; 0 before."""
    t = np.asarray(after_arrival_s, float)
    x = np.log(np.maximum(t, 1e-3) / rise_s)
    return np.where(t > 0, np.exp(-(x**2) / (2 * np.asarray(spread) ** 2)), 0.0)


@dataclass(frozen=True, eq=False)
class Kinetics:
    """Curves of a block of patients, one value each.

    Args:
        arrival_s: of the agent in tumor and liver arteries, after injection.
        tumor_rise_s: from arrival to peak.
        tumor_spread: spread of its bolus.
        tumor_peak: its peak, in units of the liver's portal peak.
        liver_delay_s, liver_rise_s: of the portal part, after arrival.
    """

    arrival_s: Floats
    tumor_rise_s: Floats
    tumor_spread: Floats
    tumor_peak: Floats
    liver_delay_s: Floats
    liver_rise_s: Floats

    def tumor(self, time_s: ArrayLike) -> Floats:
        """Mean intensity of the tumor, (n,) or broadcast against ``time_s``."""
        since = np.asarray(time_s) - self.arrival_s
        return self.tumor_peak * bolus(since, self.tumor_rise_s, self.tumor_spread)

    def liver(self, time_s: ArrayLike) -> Floats:
        """Intensity of the liver."""
        since = np.asarray(time_s) - self.arrival_s
        arterial = bolus(since, self.tumor_rise_s + 2, _LIVER_ARTERIAL_SPREAD)
        portal = bolus(since - self.liver_delay_s, self.liver_rise_s, _LIVER_PORTAL_SPREAD)
        return LIVER_ARTERIAL * arterial + portal

    @property
    def peak_s(self) -> Floats:
        """When the tumor is brightest, s after injection."""
        return self.arrival_s + self.tumor_rise_s

    def difference_db(self, time_s: ArrayLike) -> Floats:
        """Tumor against liver, dB."""
        return _DB * np.log(self.tumor(time_s) / self.liver(time_s))


def kinetics_of(causes: Causes) -> Kinetics:
    """The curves that follow from the causes."""
    rise = np.clip(10.5 * np.exp(-0.15 * causes.wash_in), 4.5, 24.0)
    unit = Kinetics(
        causes.arrival_s, rise, np.ones(len(causes)), np.ones(len(causes)),
        causes.liver_delay_s, causes.liver_rise_s,
    )  # fmt: skip
    arterial_db = 7.5 + 2.0 * causes.vascularity - 10.0 * causes.hypovascular
    peak_db = _DB * np.log(unit.liver(unit.peak_s)) + arterial_db
    late_db = -4.1 - 2.0 * causes.wash_out
    fall_db = peak_db - _DB * np.log(unit.liver(LATE_S)) - late_db
    x = np.log((LATE_S - causes.arrival_s) / rise)
    spread = np.sqrt(_DB * x**2 / (2 * np.maximum(fall_db, 2.5)))
    return Kinetics(
        causes.arrival_s, rise, np.clip(spread, 0.7, 2.2), 10 ** (peak_db / 10),
        causes.liver_delay_s, causes.liver_rise_s,
    )  # fmt: skip
