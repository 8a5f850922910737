"""A bolus that was fitted to a time-intensity curve: its parameters, and what can be read off it.

It may be a bolus alone, or a bolus with a share of the liver's curve (a capsule that keeps the agent).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hccsurv_core.features.perfusion.models import BolusModel

Floats = NDArray[np.float64]
#: Times between arrival and the later of both peaks, among which the highest is looked for.
_PEAK_TIMES = 300


@dataclass(frozen=True, eq=False)
class BolusFit:
    """A fitted curve.

    Args:
        model: which.
        arrival_s: when the agent arrives, on the clock of the data.
        rise_s: of the bolus, from arrival to its peak.
        peak: of the bolus, highest intensity above the offset.
        shape: of the model.
        offset: what is left of the floor.
        covariance: of (arrival, ln rise, ln peak, ln shape, offset), and of ``mixed`` where there is any.
        r2, rmse: share of the variance explained, and root mean square error, unweighted.
        noise: relative standard deviation of a frame about the curve.
        aicc: model name → Akaike's criterion; the smallest was chosen. All models that were tried.
        n_frames: that were fitted.
        until_s: end of the fitted part.
        at_bound: names of parameters that ran into a bound: their intervals mean nothing.
        beside: the liver's curve, a share of which is part of this one; None: a bolus alone.
        mixed: highest intensity of that share.
    """

    model: BolusModel
    arrival_s: float
    rise_s: float
    peak: float
    shape: float
    offset: float
    covariance: Floats
    r2: float
    rmse: float
    noise: float
    aicc: dict[str, float]
    n_frames: int
    until_s: float
    at_bound: tuple[str, ...] = ()
    beside: BolusFit | None = None
    mixed: float = 0.0

    @property
    def label(self) -> str:
        """What was fitted, as a page shows it."""
        if self.beside is None:
            return self.model.label
        return f"{self.model.label}, with {100 * self.mixed / self.top:.0f} % liver"

    @property
    def parameters(self) -> Floats:
        """(arrival, ln rise, ln peak, ln shape, offset), and ``mixed`` where there is any."""
        bolus = [self.arrival_s, *np.log([self.rise_s, self.peak, self.shape]), self.offset]
        return np.array(bolus if self.beside is None else [*bolus, self.mixed])

    @property
    def peak_s(self) -> float:
        """When the curve is highest."""
        alone = self.arrival_s + self.rise_s
        if self.beside is None:
            return alone
        return _highest_s(self.curve, self.arrival_s, max(alone, self.beside.peak_s))

    @property
    def top(self) -> float:
        """Highest intensity above the offset."""
        return self.peak if self.beside is None else float(self.curve(self.peak_s))

    def curve(self, time_s: ArrayLike) -> Floats:
        """The fitted enhancement, without the offset."""
        time = np.asarray(time_s, float)
        bolus = self.model.value(time - self.arrival_s, self.rise_s, self.peak, self.shape)
        if self.beside is None:
            return bolus
        return np.asarray(bolus + self.mixed / self.beside.top * self.beside.curve(time))

    @property
    def whole_area(self) -> float:
        """Area under the whole curve, to infinity."""
        return sum(area for area, _ in self._parts())

    @property
    def mean_transit_s(self) -> float:
        """First moment of the whole curve after the bolus's arrival."""
        moment = sum(area * center for area, center in self._parts())
        return moment / self.whole_area - self.arrival_s

    def _parts(self) -> list[tuple[float, float]]:
        """Area and center of gravity (on the clock) of the bolus, and of the liver's share."""
        bolus = (
            self.model.area(self.rise_s, self.peak, self.shape),
            self.arrival_s + self.model.mean_transit_s(self.rise_s, self.shape),
        )
        if self.beside is None:
            return [bolus]
        liver = self.beside
        share = self.mixed / liver.top
        return [bolus, (share * liver.whole_area, liver.arrival_s + liver.mean_transit_s)]

    def derived(self, of: Callable[[BolusFit], ArrayLike]) -> tuple[Floats, Floats]:
        """Numbers computed from the curve, and their standard errors by the delta method."""
        at, values = self.parameters, np.asarray(of(self), float)
        step = np.maximum(np.sqrt(np.diag(self.covariance)), 1e-9) * 0.1
        gradient = np.zeros((*values.shape, len(at)))
        for k in range(len(at)):
            ends = []
            for sign in (-1, 1):
                moved = at.copy()
                moved[k] += sign * step[k]
                ends.append(np.asarray(of(self._at(moved)), float))
            gradient[..., k] = (ends[1] - ends[0]) / (2 * step[k])
        variance = np.einsum("...i,ij,...j->...", gradient, self.covariance, gradient)
        return values, np.sqrt(np.maximum(variance, 0.0))

    def _at(self, parameters: Floats) -> BolusFit:
        arrival, rise, peak, shape, offset, *mixed = parameters
        return replace(
            self, arrival_s=float(arrival), rise_s=float(np.exp(rise)), peak=float(np.exp(peak)),
            shape=float(np.exp(shape)), offset=float(offset), mixed=float(sum(mixed)),
        )  # fmt: skip


def _highest_s(curve: Callable[[ArrayLike], Floats], start_s: float, end_s: float) -> float:
    """When a curve is highest: the best of many times, and the top of a parabola about it."""
    time = np.linspace(start_s, end_s + 0.1 * (end_s - start_s), _PEAK_TIMES)
    value = curve(time)
    k = int(np.clip(value.argmax(), 1, len(time) - 2))
    before, here, after = value[k - 1 : k + 2]
    bent = before - 2 * here + after
    shift = 0.0 if bent >= 0 else float(np.clip(0.5 * (before - after) / bent, -1, 1))
    return float(time[k] + shift * (time[1] - time[0]))
