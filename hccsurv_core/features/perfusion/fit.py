"""Fitting a bolus model to a time-intensity curve.

Speckle makes the noise of a mean intensity proportional to the intensity itself, so residuals are
weighed by it; a soft loss keeps frames that breathing spoiled from bending the curve. Several
starts, bounds, and the choice between models by Akaike's criterion for small samples (Hurvich CM,
Tsai C-L, Biometrika 1989;76(2):297-307, doi 10.1093/biomet/76.2.297).

Some lesions are no single bolus: a capsule keeps the agent as liver does, and the curve has a shoulder
or a second top. Where the liver's own curve is known, a share of it may be part of the lesion's, if that
tells clearly more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hccsurv_core.checks import checked_numbers
from hccsurv_core.errors import InputError
from hccsurv_core.features.perfusion.bolus_fit import BolusFit
from hccsurv_core.features.perfusion.models import MODELS, BolusModel, bolus_model
from hccsurv_core.features.perfusion.smooth import bolus_end_s, running_median

Floats = NDArray[np.float64]
_FEWEST_FRAMES = 12
#: A curve must stand out of its noise this many times to be fitted.
_LEAST_SIGNAL = 5.0
#: Relative noise is taken to be at least this.
_LEAST_NOISE = 0.005
#: No tissue follows a model exactly: a curve may miss by this share of the peak anywhere. Without it
#: the few faint frames of the foot, where relative noise is small, would bend the rise.
_MISFIT = 0.03
#: Residuals beyond this many standard deviations pull less than in proportion.
_SOFT = 2.0
_RISE_S = (0.5, 300.0)
#: Width of the running median that noise is weighed by, frames.
_WIDTH = 5
#: By how much the noise about it is larger than it seems, for the median takes part with it.
_OF_MEDIAN = 1.25
#: How often the weights are renewed from the fitted curve.
_REWEIGHTED = 2
#: Liver is part of a curve where the criterion falls by this: "considerably less support" for the curve
#: without (Burnham KP, Anderson DR, Sociol Methods Res 2004;33(2):261-304, doi 10.1177/0049124104268644).
_WORTH_LIVER = 6.0
#: Shares of the peak from which such a fit starts, and the largest.
_LIVER_STARTS, _MOST_LIVER = (0.2, 0.5, 0.8), 1.5


def fit_bolus(
    time_s: ArrayLike,
    enhancement: ArrayLike,
    *,
    floor_noise: float | None = None,
    models: Sequence[str] = tuple(MODELS),
    whole: bool = True,
    beside: BolusFit | None = None,
) -> BolusFit:
    """Fit bolus models to a curve and keep the one that tells most.

    Args:
        time_s: (n,) rising.
        enhancement: (n,) linear intensity above the floor; NaN is a gap.
        floor_noise: standard deviation of the intensity of a frame without agent; None where
            there was none (the offset is then free between nothing and the lowest frame).
        models: names of those to try.
        whole: False ends the fit where the agent comes back or the curve has fallen to half.
        beside: the fitted curve of liver beside the lesion, of which a share may be mixed in.

    Raises:
        InputError: too few frames, no signal, or an unknown model.
    """
    tried = [bolus_model(name) for name in models]
    if not tried:
        raise InputError("name at least one model", source="models")
    data = _Data.of(time_s, enhancement, floor_noise, whole)
    fits = _fit_all(tried, data, {})
    for _ in range(_REWEIGHTED):
        # Weights from noisy frames pull the curve to the low ones, and most on the way up; weights
        # from the fitted curve do not. All models get the same, so that they can be compared.
        best = min(fits, key=lambda f: f.score)
        data = data.weighed_by(best.curve(data.time), floor_noise)
        fits = _fit_all(tried, data, {f.model.name: f.at for f in fits})
    scores = {f.model.name: f.score for f in fits}
    best = min(fits, key=lambda f: f.score)
    if beside is None or beside.top <= 0:
        return _finished(best, data, scores)
    mixtures = _with_liver(tried, data, beside.curve(data.time) / beside.top)
    scores |= {f"{f.model.name}_with_liver": f.score for f in mixtures}
    mixed = min(mixtures, key=lambda f: f.score, default=best)
    if mixed.score > best.score - _WORTH_LIVER:
        return _finished(best, data, scores)
    return replace(_finished(mixed, data, scores), beside=beside, mixed=float(mixed.at[5]))


def _with_liver(models: Sequence[BolusModel], data: _Data, liver: Floats) -> list[_Raw]:
    """Every model with a share of the liver's curve that can be fitted.

    Each starts from what a few shares of liver leave of the curve.

    Args:
        liver: its curve at the data's times, highest 1.
    """
    found, offered = [], replace(data, liver=liver)
    for model in models:
        starts = []
        for share in _LIVER_STARTS:
            mixed = share * float(data.smooth.max())
            rest = replace(data, smooth=np.maximum(data.smooth - mixed * liver, 0.0))
            # What is left of the curve rises early: of the two rises that are usual, the short one.
            starts += [np.append(at, mixed) for at in _starts(model, rest)[:2]]
        if (fit := _fit_one(model, offered, starts)) is not None:
            found.append(fit)
    return found


def _fit_all(models: Sequence[BolusModel], data: _Data, starts: dict[str, Floats]) -> list[_Raw]:
    """Every model that can be fitted, from given starts or from several."""
    fits = []
    for model in models:
        start = [starts[model.name]] if model.name in starts else _starts(model, data)
        if (fit := _fit_one(model, data, start)) is not None:
            fits.append(fit)
    if not fits:
        raise InputError(
            "no bolus model can be fitted to this curve", source="time-intensity curve"
        )
    return fits


@dataclass(frozen=True, eq=False)
class _Data:
    """Frames that are fitted, their standard deviations, and bounds of the offset.

    ``liver``: the liver's curve at these frames, highest 1, where a share of it may be mixed in.
    """

    time: Floats
    value: Floats
    sd: Floats
    smooth: Floats
    offset: tuple[float, float]
    liver: Floats | None = None

    @classmethod
    def of(
        cls, time_s: ArrayLike, enhancement: ArrayLike, floor_noise: float | None, whole: bool
    ) -> _Data:
        time = checked_numbers(time_s, "frame times")
        value = checked_numbers(enhancement, "time-intensity curve")
        if time.ndim != 1 or time.shape != value.shape:
            raise InputError(
                f"{value.shape} values do not go with {time.shape} times",
                source="time-intensity curve",
            )
        kept = np.isfinite(time) & np.isfinite(value)
        time, value = time[kept], value[kept]
        if (np.diff(time) <= 0).any():
            raise InputError("must rise", source="frame times")
        if len(time) < _FEWEST_FRAMES:
            raise InputError(
                f"{len(time)} usable frames are too few to fit a curve of five parameters",
                source="time-intensity curve",
                remedy=f"at least {_FEWEST_FRAMES} are needed: take frames in again or a longer clip",
            )
        smooth = running_median(value, _WIDTH)
        end = np.inf if whole else bolus_end_s(time, value)
        if np.count_nonzero(time <= end) >= _FEWEST_FRAMES:
            time, value, smooth = (a[time <= end] for a in (time, value, smooth))
        return cls(time, value, _deviation(value, smooth, floor_noise, _OF_MEDIAN), smooth,
                   _offset_range(value, floor_noise))  # fmt: skip

    def weighed_by(self, curve: Floats, floor_noise: float | None) -> _Data:
        """The same with the standard deviations that follow from a fitted curve."""
        return replace(self, sd=_deviation(self.value, curve, floor_noise), smooth=curve)


def _deviation(
    value: Floats, smooth: Floats, floor_noise: float | None, widened: float = 1.0
) -> Floats:
    """Standard deviation of each frame: proportional to the intensity, and that of the floor."""
    top = float(smooth.max())
    bright = smooth > 0.2 * top
    relative = (value - smooth)[bright] / smooth[bright]
    noise = max(1.4826 * float(np.median(np.abs(relative))) * widened, _LEAST_NOISE)
    at_rest = max(floor_noise or 0.0, _MISFIT * top)
    if not top > _LEAST_SIGNAL * (floor_noise or 0.0) or top <= 0:
        raise InputError(
            "the region does not enhance",
            source="time-intensity curve",
            remedy="check the outline and the contrast panel",
        )
    return np.asarray(np.sqrt((noise * np.maximum(smooth, 0)) ** 2 + at_rest**2))


def _offset_range(value: Floats, floor_noise: float | None) -> tuple[float, float]:
    top = float(np.max(value))
    if floor_noise is not None:
        reach = max(2 * floor_noise, 1e-4 * top)
        return -reach, reach
    return -1e-4 * top, max(float(np.min(value)), 1e-4 * top)


@dataclass(frozen=True, eq=False)
class _Raw:
    """One model's best solution."""

    model: BolusModel
    at: Floats
    jacobian: Floats
    residual: Floats
    active: NDArray[np.int_]
    score: float

    def curve(self, time_s: Floats) -> Floats:
        """The fitted enhancement."""
        arrival, rise, peak, shape = self.at[:4]
        return self.model.value(time_s - arrival, np.exp(rise), np.exp(peak), np.exp(shape))


def _fit_one(model: BolusModel, data: _Data, starts: Sequence[Floats]) -> _Raw | None:
    from scipy.optimize import least_squares

    low, high = _bounds(model, data)
    scale = np.array([1.0, 0.2, 0.1, 0.2, max(data.offset[1] - data.offset[0], 1e-12)])
    if data.liver is not None:
        scale = np.append(scale, 0.1 * data.smooth.max())

    def residual(at: Floats) -> Floats:
        arrival, rise, peak, shape, offset = at[:5]
        fitted = model.value(data.time - arrival, np.exp(rise), np.exp(peak), np.exp(shape))
        if data.liver is not None:
            fitted = fitted + at[5] * data.liver
        return np.asarray((fitted + offset - data.value) / data.sd)

    best = None
    for start in starts:
        found = least_squares(
            residual, np.clip(start, low + 1e-9 * (high - low), high - 1e-9 * (high - low)),
            bounds=(low, high), x_scale=scale, loss="soft_l1", f_scale=_SOFT, max_nfev=200,
        )  # fmt: skip
        if np.isfinite(found.cost) and (best is None or found.cost < best.cost):
            best = found
    if best is None:
        return None
    n, k = len(data.time), len(low) + 1
    score = n * np.log(2 * best.cost / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1)
    return _Raw(
        model, best.x, best.jac, residual(best.x), np.asarray(best.active_mask), float(score)
    )


def _bounds(model: BolusModel, data: _Data) -> tuple[Floats, Floats]:
    top = float(data.smooth.max())
    peak_s = float(data.time[int(data.smooth.argmax())])
    first = float(data.time[0])
    shape = np.log(model.shape_bounds)
    low = [first - 60.0, np.log(_RISE_S[0]), np.log(top / 3), shape[0], data.offset[0]]
    high = [peak_s + 1e-3, np.log(_RISE_S[1]), np.log(top * 3), shape[1], data.offset[1]]
    if data.liver is not None:
        # The bolus may then be the smaller part.
        low[2] = np.log(top / 20)
        low, high = [*low, 0.0], [*high, _MOST_LIVER * top]
    return np.array(low), np.array(high)


def _starts(model: BolusModel, data: _Data) -> list[Floats]:
    """Arrivals before the curve reaches a tenth of its peak, with each shape."""
    top_at = int(data.smooth.argmax())
    top, peak_s = float(data.smooth[top_at]), float(data.time[top_at])
    above = np.flatnonzero(data.smooth[: top_at + 1] >= 0.1 * top)
    tenth_s = float(data.time[above[0]]) if len(above) else float(data.time[0])
    starts = []
    for share, shapes in ((0.15, model.shape_starts), (0.6, model.shape_starts)):
        rise = max((1 + share) * (peak_s - tenth_s), 1.0)
        for shape in shapes:
            starts.append(np.array([peak_s - rise, np.log(rise), np.log(top), np.log(shape), 0.0]))
    return starts


def _finished(raw: _Raw, data: _Data, scores: dict[str, float]) -> BolusFit:
    n = len(data.time)
    arrival, rise, peak, shape, offset = raw.at[:5]
    left = raw.residual * data.sd
    spread = float(((data.value - data.value.mean()) ** 2).sum())
    bright = data.smooth > 0.2 * float(data.smooth.max())
    noise = 1.4826 * float(np.median(np.abs(left[bright] / data.smooth[bright])))
    names = ("arrival", "rise", "peak", "shape")
    return BolusFit(
        model=raw.model,
        arrival_s=float(arrival),
        rise_s=float(np.exp(rise)),
        peak=float(np.exp(peak)),
        shape=float(np.exp(shape)),
        offset=float(offset),
        covariance=_covariance(raw),
        r2=1 - float((left**2).sum()) / spread if spread > 0 else 0.0,
        rmse=float(np.sqrt((left**2).mean())),
        noise=noise,
        aicc=scores,
        n_frames=n,
        until_s=float(data.time[-1]),
        at_bound=tuple(m for m, a in zip(names, raw.active, strict=False) if a != 0),
    )


def _covariance(raw: _Raw) -> Floats:
    """Of the parameters, from the residuals as they are: weights need not be right for it.

    MacKinnon JG, White H, J Econom 1985;29(3):305-325, their HC3: few frames show the rise, and the
    curve bends to each of them. It is wider where neighboring frames err alike, as misfit
    makes them do.
    """
    r = raw.residual
    information = raw.jacobian.T @ raw.jacobian
    scale = 1 / np.sqrt(np.maximum(np.diag(information), 1e-300))
    inverse = np.linalg.pinv(information * np.outer(scale, scale), rcond=1e-12)
    scores = raw.jacobian * scale
    leverage = np.clip(np.einsum("ij,jk,ik->i", scores, inverse, scores), 0.0, 0.9)
    # What a frame far off still pulls, under the soft loss: r / √(1 + z). scipy's Jacobian has been
    # multiplied by (1 + z)^−¾, the root of the loss's second derivative.
    z = (r / _SOFT) ** 2
    pulls = scores * (r * (1 + z) ** 0.25 / (1 - leverage))[:, None]
    middle = pulls.T @ pulls
    alike = float((r[1:] * r[:-1]).sum() / max(float((r**2).sum()), 1e-300))
    alike = float(np.clip(alike, 0.0, 0.6))
    scaled = inverse @ middle @ inverse * (1 + alike) / (1 - alike)
    return np.asarray(scaled * np.outer(scale, scale))
