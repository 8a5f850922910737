"""Models of a bolus that passes through tissue, as the field uses them.

Lognormal, gamma variate and local density random walk are compared on ultrasound's time-intensity
curves by Strouthos C et al., IEEE Trans Ultrason Ferroelectr Freq Control 2010;57(6):1296-1310
(doi 10.1109/TUFFC.2010.1550). All are written here by what a reader sees, the arrival, the rise
from arrival to peak and the peak, and one number of shape. With x the time after arrival, a the
peak and τ the rise, this is the same family as the usual form (given in each model's docstring)::

    lognormal      a · exp(−ln²(x/τ) / 2σ²)                                  shape σ
    gamma variate  a · (x/τ)^α · exp(α (1 − x/τ))                            shape α
    random walk    a · (x/τ)^−½ · exp(−λ/2 · (x/μ + μ/x − τ/μ − μ/τ))        shape λ

Areas and mean transit times are those of the whole curve, to infinity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hccsurv_core.errors import InputError

Floats = NDArray[np.float64]
#: An exponent that is still a number.
_LOWEST_EXPONENT = -700.0


class BolusModel(Protocol):
    """A family of curves with peak, rise and one shape."""

    @property
    def name(self) -> str:
        """Key of the model."""

    @property
    def label(self) -> str:
        """As a page shows it."""

    @property
    def shape_bounds(self) -> tuple[float, float]:
        """Shapes that are tried."""

    @property
    def shape_starts(self) -> tuple[float, ...]:
        """Shapes from which a fit starts."""

    def value(self, after_s: ArrayLike, rise_s: float, peak: float, shape: float) -> Floats:
        """Intensity at times after arrival; 0 before."""

    def area(self, rise_s: float, peak: float, shape: float) -> float:
        """Area under the whole curve, intensity · s."""

    def mean_transit_s(self, rise_s: float, shape: float) -> float:
        """First moment of the curve after arrival, s."""


@dataclass(frozen=True)
class Lognormal:
    """A / (√2π σ x) · exp(−(ln x − m)² / 2σ²), with the peak at exp(m − σ²)."""

    name: str = "lognormal"
    label: str = "lognormal"
    shape_bounds: tuple[float, float] = (0.15, 3.0)
    shape_starts: tuple[float, ...] = (0.5, 1.1)

    def value(self, after_s: ArrayLike, rise_s: float, peak: float, shape: float) -> Floats:
        x, positive = _relative(after_s, rise_s)
        return _from_exponent(-(np.log(x) ** 2) / (2 * shape**2), peak, positive)

    def area(self, rise_s: float, peak: float, shape: float) -> float:
        return float(peak * rise_s * np.sqrt(2 * np.pi) * shape * np.exp(shape**2 / 2))

    def mean_transit_s(self, rise_s: float, shape: float) -> float:
        return float(rise_s * np.exp(1.5 * shape**2))


@dataclass(frozen=True)
class GammaVariate:
    """A · x^α · exp(−x/β), with the peak at αβ."""

    name: str = "gamma_variate"
    label: str = "gamma variate"
    shape_bounds: tuple[float, float] = (0.05, 40.0)
    shape_starts: tuple[float, ...] = (0.6, 2.5)

    def value(self, after_s: ArrayLike, rise_s: float, peak: float, shape: float) -> Floats:
        x, positive = _relative(after_s, rise_s)
        return _from_exponent(shape * (np.log(x) + 1 - x), peak, positive)

    def area(self, rise_s: float, peak: float, shape: float) -> float:
        from scipy.special import gammaln

        log = shape - (shape + 1) * np.log(shape) + gammaln(shape + 1)
        return float(peak * rise_s * np.exp(log))

    def mean_transit_s(self, rise_s: float, shape: float) -> float:
        return float(rise_s * (shape + 1) / shape)


@dataclass(frozen=True)
class RandomWalk:
    """A · e^λ √(λ / 2πμx) · exp(−λ/2 · (x/μ + μ/x)): the local density random walk.

    Its first moment is μ (1 + 1/λ); its peak lies at μ (√(1 + 4λ²) − 1) / 2λ.
    """

    name: str = "random_walk"
    label: str = "local density random walk"
    shape_bounds: tuple[float, float] = (0.05, 60.0)
    shape_starts: tuple[float, ...] = (0.6, 3.0)

    def value(self, after_s: ArrayLike, rise_s: float, peak: float, shape: float) -> Floats:
        x, positive = _relative(after_s, rise_s)
        m = 1 / _mode_over_mu(shape)
        exponent = -0.5 * np.log(x) - shape / 2 * (x / m + m / x - 1 / m - m)
        return _from_exponent(exponent, peak, positive)

    def area(self, rise_s: float, peak: float, shape: float) -> float:
        m = 1 / _mode_over_mu(shape)
        log = 0.5 * np.log(2 * np.pi * m / shape) - shape + shape / 2 * (1 / m + m)
        return float(peak * rise_s * np.exp(log))

    def mean_transit_s(self, rise_s: float, shape: float) -> float:
        return float(rise_s / _mode_over_mu(shape) * (1 + 1 / shape))


#: All models, by name.
MODELS: dict[str, BolusModel] = {m.name: m for m in (Lognormal(), GammaVariate(), RandomWalk())}


def bolus_model(name: str) -> BolusModel:
    """A model by its name.

    Raises:
        InputError: there is none of this name.
    """
    if name not in MODELS:
        raise InputError(
            f"no bolus model is called {name!r}", source="model", remedy=f"use {', '.join(MODELS)}"
        )
    return MODELS[name]


def _relative(after_s: ArrayLike, rise_s: float) -> tuple[Floats, NDArray[np.bool_]]:
    x = np.asarray(after_s, float) / rise_s
    return np.maximum(x, 1e-9), x > 0


def _from_exponent(exponent: Floats, peak: float, positive: NDArray[np.bool_]) -> Floats:
    return np.where(positive, peak * np.exp(np.maximum(exponent, _LOWEST_EXPONENT)), 0.0)


def _mode_over_mu(shape: float) -> float:
    """Where the random walk peaks, over its μ."""
    return float((np.sqrt(1 + 4 * shape**2) - 1) / (2 * shape))
