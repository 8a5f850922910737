"""What is read off a time-intensity curve: times, rates, areas, each with a unit and an interval.

The same definitions are applied to the fitted curve and to the frames themselves (a running median
of five). Times count from the injection, or from the clip's first frame where the injection is not
known; intensities are linear above the floor, white is 1. The words are those of the field
(Dietrich CF et al., EFSUMB technical review, update 2023, Ultraschall Med, doi
10.1055/a-2157-2587; half width as in Strouthos C et al. 2010). Where tools differ, ours are:

* arrival: first time at 5 % of the peak, on the way up;
* wash-in rate: slope between 10 % and 90 % of the peak; the steepest slope is given besides;
* relative wash-in: that slope over the peak, so that it does not depend on gain or depth;
* wash-in area: from arrival to peak; wash-out area: from the peak to the last frame;
* wash-out rate: the steepest fall; fall time: from the peak to half of it;
* mean transit time: first moment of the whole fitted curve (to infinity) after the model's arrival;
  the observed one: the same of what the clip shows, after the 5 % arrival.

Intervals hold the noise and, besides, a standard error of 3 % for what noise does not tell: tissue is no
model, and some liver is mixed in. That is about how far 20 simulated clips were off (seed 606,
BENCHMARKS.md); a lesion with a capsule may be farther.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.checks import normal_quantile
from hccsurv_core.features.perfusion.bolus_fit import BolusFit
from hccsurv_core.features.perfusion.smooth import running_median
from hccsurv_core.wording import count_of

Floats = NDArray[np.float64]
_ARRIVED, _LOW, _HIGH, _HALF = 0.05, 0.10, 0.90, 0.50
#: Frames of the running median that is described.
_WIDTH = 5
#: Points of the fitted curve before and after its peak.
_BEFORE, _AFTER = 400, 1200
#: Standard error of a value for model and outline, as a share of it; of a time on the clock, as a share
#: of the rise.
MODEL_ERROR = 0.03
_ON_THE_CLOCK = ("arrival_s", "time_to_peak_s")
#: A fit that explains less than this of the variance is said to be poor.
_POOR_R2 = 0.9
#: A slope between fewer frames than this is the model's more than the data's.
_FEWEST_ON_RISE = 3

#: Parameter → (label, unit). The order is that of tables.
PARAMETERS: dict[str, tuple[str, str]] = {
    "arrival_s": ("arrival (5 % of the peak)", "s"),
    "time_to_peak_s": ("time to peak, from the injection", "s"),
    "rise_time_s": ("rise time, from arrival to peak", "s"),
    "peak_intensity": ("peak enhancement", "white = 1"),
    "peak_db": ("peak enhancement", "dB below white"),
    "wash_in_rate_per_s": ("wash-in rate, 10–90 %", "1/s"),
    "wash_in_steepest_per_s": ("steepest wash-in", "1/s"),
    "relative_wash_in_per_s": ("wash-in rate over peak, 10–90 %", "1/s"),
    "wash_in_area_s": ("wash-in area", "s"),
    "wash_out_rate_per_s": ("steepest wash-out", "1/s"),
    "fall_time_s": ("fall time, from the peak to half of it", "s"),
    "wash_out_area_s": ("wash-out area, to the last frame", "s"),
    "half_width_s": ("width at half the peak", "s"),
    "area_s": ("area under the curve, to the last frame", "s"),
    "whole_area_s": ("area under the whole fitted curve", "s"),
    "mean_transit_observed_s": ("mean transit time, as far as seen", "s"),
    "mean_transit_s": ("mean transit time of the whole fitted curve", "s"),
}
#: These may be negative; the others are positive, and so are their intervals.
_ANY_SIGN = ("arrival_s", "time_to_peak_s", "peak_db")
#: Only the model tells what comes after the clip, and only where the clip shows most of the area.
_ONLY_FITTED = ("whole_area_s", "mean_transit_s")
_SHOWN_SHARE = 0.9


@dataclass(frozen=True)
class Parameter:
    """A number with its interval.

    Args:
        value: in the unit that `PARAMETERS` says.
        standard_error: of the noise by the delta method, and of model and outline; None where read
            off the frames.
        low, high: of the interval; None where there is none.
    """

    value: float
    standard_error: float | None = None
    low: float | None = None
    high: float | None = None

    def to_json(self) -> dict[str, float | None]:
        """Plain values."""
        return dict(vars(self))


@dataclass(frozen=True)
class KineticParameters:
    """What one curve says.

    Args:
        fitted: parameter → value with interval, from the fitted curve; empty without a fit. What
            the clip does not reach (a fall to half) is missing.
        observed: parameter → value, from the frames.
        level: of the intervals.
        warnings: sentences without a final full stop.
    """

    fitted: Mapping[str, Parameter]
    observed: Mapping[str, Parameter]
    level: float
    warnings: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Parameter:
        """The fitted value, or the observed one where there is no fit."""
        return self.fitted[name] if self.fitted else self.observed[name]

    def to_json(self) -> dict[str, Any]:
        """Plain values; units are in the names, intensities are linear with white = 1."""
        return {
            "fitted": {k: v.to_json() for k, v in self.fitted.items()},
            "observed": {k: v.value for k, v in self.observed.items()},
            "level": self.level,
            "warnings": list(self.warnings),
        }


def kinetic_parameters(
    time_s: Floats, enhancement: Floats, fit: BolusFit | None, level: float = 0.95
) -> KineticParameters:
    """Read the parameters off a curve.

    Args:
        time_s: (n,) rising.
        enhancement: (n,) linear intensity above the floor; NaN is a gap.
        fit: of this curve; None where none could be made.
        level: of the intervals.
    """
    quantile = normal_quantile(level)
    kept = np.isfinite(enhancement)
    time, value = time_s[kept], enhancement[kept]
    observed = _observed(time, value)
    if fit is None:
        return KineticParameters({}, _plain(observed), level)
    end = float(time[-1])
    values, errors = fit.derived(lambda f: list(_of_fit(f, end).values()))
    errors = np.hypot(errors, _model_errors(values))
    fitted = {
        name: _with_interval(name, float(v), float(e), quantile)
        for name, v, e in zip(PARAMETERS, values, errors, strict=True)
        if np.isfinite(v) and np.isfinite(e)
    }
    warnings = _warnings(fit, time, fitted)
    share = fitted["area_s"].value / fitted["whole_area_s"].value
    if share < _SHOWN_SHARE:
        fitted = {k: v for k, v in fitted.items() if k not in _ONLY_FITTED}
        warnings += (
            f"the clip shows {100 * share:.0f} % of the fitted curve's area: what is said of the "
            "whole curve (area, mean transit time) would be foretold and is left out",
        )
    return KineticParameters(fitted, _plain(observed), level, warnings)


def _model_errors(values: Floats) -> Floats:
    """(p,) standard errors for model and outline, in the order of `PARAMETERS`."""
    told = dict(zip(PARAMETERS, values, strict=True))
    scale = told | dict.fromkeys(_ON_THE_CLOCK, told["rise_time_s"])
    scale["peak_db"] = 10 / np.log(10)
    return MODEL_ERROR * np.abs(np.array([scale[name] for name in PARAMETERS]))


def _plain(values: dict[str, float]) -> dict[str, Parameter]:
    return {k: Parameter(v) for k, v in values.items() if np.isfinite(v)}


def _with_interval(name: str, value: float, error: float, quantile: float) -> Parameter:
    if name in _ANY_SIGN:
        return Parameter(value, error, value - quantile * error, value + quantile * error)
    if value <= 0:
        return Parameter(value, error)
    factor = float(np.exp(min(quantile * error / value, 50.0)))
    return Parameter(value, error, value / factor, value * factor)


def _of_fit(fit: BolusFit, end_s: float) -> dict[str, float]:
    """All parameters of a fitted curve, in the order of `PARAMETERS`."""
    peak_s = fit.peak_s
    start = fit.arrival_s if fit.beside is None else min(fit.arrival_s, fit.beside.arrival_s)
    before = np.linspace(start, peak_s, _BEFORE)
    rise = peak_s - start
    after = start + np.geomspace(rise, max(end_s - start, 1.01 * rise), _AFTER)[1:]
    time = np.concatenate([before, after])
    found = _described(time, fit.curve(time), _BEFORE - 1)
    found["whole_area_s"] = fit.whole_area
    found["mean_transit_s"] = fit.mean_transit_s
    return {name: found[name] for name in PARAMETERS}


def _observed(time: Floats, value: Floats) -> dict[str, float]:
    """All parameters that frames tell, or none where there are too few."""
    if len(time) < _WIDTH:
        return {}
    smooth = running_median(value, _WIDTH)
    top = int(smooth.argmax())
    if not smooth[top] > 0:
        return {}
    found = _described(time, smooth, top)
    # A median bends the area of a narrow peak; the frames themselves do not.
    found["area_s"] = float(np.trapezoid(value, time))
    return {name: found[name] for name in PARAMETERS if name not in _ONLY_FITTED}


def _described(time: Floats, value: Floats, top: int) -> dict[str, float]:
    """Parameters of a curve that is highest at ``top``; NaN where it does not get there."""
    peak, peak_s = float(value[top]), float(time[top])
    arrival, low, high, half = (
        _rises_to(time, value, top, share * peak) for share in (_ARRIVED, _LOW, _HIGH, _HALF)
    )
    falls = _falls_to(time, value, top, _HALF * peak)
    slope = np.diff(value) / np.diff(time)
    rate = (_HIGH - _LOW) * peak / (high - low) if high > low else np.nan
    seen = time >= (arrival if np.isfinite(arrival) else time[0])
    area_seen = float(np.trapezoid(value[seen], time[seen]))
    return {
        "arrival_s": arrival,
        "time_to_peak_s": peak_s,
        "rise_time_s": peak_s - arrival,
        "peak_intensity": peak,
        "peak_db": float(10 * np.log10(peak)),
        "wash_in_rate_per_s": rate,
        "wash_in_steepest_per_s": float(slope[:top].max()) if top else np.nan,
        "relative_wash_in_per_s": rate / peak,
        "wash_in_area_s": _area(time, value, arrival, peak_s),
        "wash_out_rate_per_s": float(-slope[top:].min()) if top < len(slope) else np.nan,
        "fall_time_s": falls - peak_s,
        "wash_out_area_s": _area(time, value, peak_s, float(time[-1])),
        "half_width_s": falls - half,
        "area_s": float(np.trapezoid(value, time)),
        "mean_transit_observed_s": float(
            np.trapezoid((value * time)[seen], time[seen]) / area_seen - arrival
        )
        if area_seen > 0
        else np.nan,
    }


def _rises_to(time: Floats, value: Floats, top: int, level: float) -> float:
    """Last time before the peak at which the curve passes a level; NaN where it starts above."""
    below = np.flatnonzero(value[: top + 1] < level)
    if not len(below):
        return float("nan")
    k = int(below[-1])
    return float(np.interp(level, value[k : k + 2], time[k : k + 2]))


def _falls_to(time: Floats, value: Floats, top: int, level: float) -> float:
    """First time after the peak at which the curve is below a level; NaN where it never is."""
    below = np.flatnonzero(value[top:] < level)
    if not len(below):
        return float("nan")
    k = top + int(below[0])
    return float(np.interp(level, value[k - 1 : k + 1][::-1], time[k - 1 : k + 1][::-1]))


def _area(time: Floats, value: Floats, start: float, end: float) -> float:
    """Area between two times."""
    if not end > start:
        return float("nan")
    inside = (time > start) & (time < end)
    at = np.concatenate([[start], time[inside], [end]])
    return float(np.trapezoid(np.interp(at, time, value), at))


def _warnings(fit: BolusFit, time: Floats, fitted: Mapping[str, Parameter]) -> tuple[str, ...]:
    found = []
    if fit.r2 < _POOR_R2:
        found.append(
            f"the {fit.label} curve explains {100 * max(fit.r2, 0):.0f} % of the variance: "
            "look at the curve before using its numbers"
        )
    if fit.at_bound:
        found.append(
            f"the fit ran into a bound ({', '.join(fit.at_bound)}): its intervals mean little"
        )
    start = fitted["arrival_s"].value if "arrival_s" in fitted else fit.arrival_s
    on_rise = int(np.count_nonzero((time >= start) & (time <= fit.peak_s)))
    if on_rise < _FEWEST_ON_RISE:
        found.append(f"the clip has {count_of(on_rise, 'frame')} on the rise: its slope is a guess")
    return tuple(found)
