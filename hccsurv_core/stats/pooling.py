"""One answer from several imputed data sets: Rubin's rules.

Rubin, Multiple Imputation for Nonresponse in Surveys (1987), section 3.1; degrees of freedom in
small samples by Barnard & Rubin, Biometrika 1999;86:948-955. The rules average estimates that are
about normal: a C-index or a survival probability is taken to a scale without bounds first, as
Marshall et al., BMC Med Res Methodol 2009;9:57 advise, and the answer is taken back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.checks import checked_level, checked_numbers, normal_quantile
from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.plain import plain_number

ScaleName = Literal["identity", "log", "logit", "cloglog"]


@dataclass(frozen=True)
class PooledEstimate:
    """One number from m imputed data sets.

    Args:
        value: pooled estimate; ci_low, ci_high: its interval at ``level``, t distributed. These
            three are on the number's own scale, everything below on the scale of pooling.
        std_error: root of ``total``.
        df: degrees of freedom of the interval, by Barnard & Rubin; infinite where neither the
            data nor the imputations limit them.
        p: two-sided, of the estimate being 0 on the scale of pooling (a C-index of 0.5).
        within: mean variance of the estimate in each data set. between: variance of the estimates
            between them. total: within + (1 + 1/m) · between.
        relative_increase: of the variance, because values are missing.
        missing_information: share of the information that is lost because values are missing, with
            Rubin's degrees of freedom, so that it is 0 where nothing is missing.
        n_imputations: m. scale: of pooling.
    """

    value: float
    ci_low: float
    ci_high: float
    level: float
    std_error: float
    df: float
    p: float
    within: float
    between: float
    total: float
    relative_increase: float
    missing_information: float
    n_imputations: int
    scale: ScaleName = "identity"

    def to_estimate(self, *, n: int | None = None, n_events: int | None = None) -> Estimate:
        """The number with its interval, as every metric is given."""
        on = "" if self.scale == "identity" else f", {self.scale} scale"
        method = f"Rubin's rules over {self.n_imputations} imputations{on}"
        return Estimate(self.value, self.ci_low, self.ci_high, self.level, method, n, n_events)

    def to_json(self) -> dict[str, object]:
        """Plain values; what is not finite becomes None."""
        return {
            name: plain_number(value) if isinstance(value, float) else value
            for name, value in self.__dict__.items()
        }


@dataclass(frozen=True, eq=False)
class PooledFit:
    """A regression from m imputed data sets.

    Args:
        names: (p,) of the coefficients.
        coef: (p,) pooled. covariance: (p, p) total covariance.
        coefficients: (p,) each with its interval, degrees of freedom and missing information.
    """

    names: tuple[str, ...]
    coef: np.ndarray
    covariance: np.ndarray
    coefficients: tuple[PooledEstimate, ...]

    @property
    def std_error(self) -> np.ndarray:
        """(p,) standard errors."""
        return np.sqrt(np.diag(self.covariance))

    def to_json(self) -> dict[str, object]:
        """Plain values by name."""
        return {
            name: found.to_json() for name, found in zip(self.names, self.coefficients, strict=True)
        }


class Fit(Protocol):
    """A fitted regression, such as :class:`~hccsurv_core.models.coxph.CoxModel`."""

    @property
    def names(self) -> tuple[str, ...]:
        """(p,) coefficients."""

    @property
    def coef(self) -> np.ndarray:
        """(p,) estimates."""

    @property
    def covariance(self) -> np.ndarray:
        """(p, p) of the estimates."""


@dataclass(frozen=True)
class _Scale:
    """A scale of pooling: to it, its slope there, and back; what it takes."""

    to: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]
    back: Callable[[float], float]
    low: float
    high: float
    takes: str


_SCALES: dict[str, _Scale] = {
    "identity": _Scale(lambda x: x, np.ones_like, lambda y: y, -math.inf, math.inf, "any number"),
    "log": _Scale(np.log, lambda x: 1 / x, math.exp, 0.0, math.inf, "numbers above 0"),
    "logit": _Scale(
        lambda x: np.log(x / (1 - x)), lambda x: 1 / (x * (1 - x)),
        lambda y: 1 / (1 + math.exp(-y)), 0.0, 1.0, "numbers between 0 and 1",
    ),
    "cloglog": _Scale(
        lambda x: np.log(-np.log(x)), lambda x: 1 / (x * np.log(x)),
        lambda y: math.exp(-math.exp(y)), 0.0, 1.0, "numbers between 0 and 1",
    ),
}  # fmt: skip


def pool(
    values: ArrayLike,
    std_errors: ArrayLike,
    *,
    scale: ScaleName = "identity",
    df_complete: float = math.inf,
    level: float = 0.95,
) -> PooledEstimate:
    """Pool one number.

    Args:
        values: (m,) estimates, one of each imputed data set, m ≥ 2.
        std_errors: (m,) their standard errors, above 0, on the number's own scale (the delta
            method takes them to ``scale``).
        scale: "identity", "log" (ratios), "logit" (C-index, AUC) or "cloglog" (survival).
        df_complete: degrees of freedom had nothing been missing; of a Cox model events minus
            coefficients. Infinite: Rubin's large-sample degrees of freedom.
        level: of the interval.

    Raises:
        InputError: fewer than two data sets, shapes differ, a value is not finite, a standard
            error is not above 0, or a value is outside what the scale takes.
    """
    estimates, errors = _checked(values, "values"), _checked(std_errors, "std_errors")
    if errors.shape != estimates.shape:
        raise InputError(
            f"{estimates.size} estimates but {errors.size} standard errors", source="std_errors"
        )
    chosen = _scale(scale)
    outside = (estimates <= chosen.low) | (estimates >= chosen.high)
    if scale != "identity" and outside.any():
        raise InputError(
            f"the {scale} scale takes {chosen.takes}, got {estimates[outside][0]:g}",
            source="values",
            remedy="pool on another scale",
        )
    on_scale = chosen.to(estimates)
    variance = (errors * np.abs(chosen.slope(estimates))) ** 2
    return _pool(on_scale, variance, scale, df_complete, level)


def pool_estimates(
    estimates: Sequence[Estimate],
    *,
    scale: ScaleName = "identity",
    df_complete: float = math.inf,
    level: float = 0.95,
) -> PooledEstimate:
    """Pool a metric of each imputed data set from its interval.

    The standard error on the scale of pooling is the interval's width there, divided by that of a
    normal interval of one standard error to each side: exact for a Wald interval on that scale,
    close for a percentile interval.

    Args:
        estimates: (m,) of the same metric on the same patients.

    Raises:
        InputError: as for :func:`pool`.
        StatisticsError: a metric has no interval, or it reaches the end of what the scale takes.
    """
    chosen = _scale(scale)
    values = _checked([found.value for found in estimates], "estimates")
    errors = []
    for found in estimates:
        bounds = np.array([found.ci_low, found.ci_high])
        if not (np.isfinite(bounds) & (bounds > chosen.low) & (bounds < chosen.high)).all():
            raise StatisticsError(
                f"an interval from {found.ci_low:g} to {found.ci_high:g} has no width on the "
                f"{scale} scale",
                source="estimates",
                remedy="pool on another scale, or from standard errors",
            )
        width = abs(float(np.diff(chosen.to(bounds))[0]))
        on_own_scale = width / 2 / normal_quantile(found.level)
        errors.append(on_own_scale / abs(float(chosen.slope(np.array([found.value]))[0])))
    return pool(values, errors, scale=scale, df_complete=df_complete, level=level)


def pool_concordance(estimates: Sequence[Estimate], *, level: float = 0.95) -> PooledEstimate:
    """Pool the C-index (or an AUC) of each imputed data set, on the logit scale.

    Its ``p`` tests a C-index of 0.5. Raises as :func:`pool_estimates`.
    """
    return pool_estimates(estimates, scale="logit", level=level)


def pool_fits(
    fits: Sequence[Fit], *, df_complete: float = math.inf, level: float = 0.95
) -> PooledFit:
    """Pool the coefficients of the same regression fitted in each imputed data set.

    Args:
        fits: m ≥ 2 fits with the same names in the same order.
        df_complete: as for :func:`pool`.

    Raises:
        InputError: fewer than two fits, other names, or values that are not finite.
    """
    if len(fits) < 2:
        raise InputError(f"2 or more imputed data sets are needed, got {len(fits)}", source="fits")
    names = tuple(fits[0].names)
    if any(tuple(fit.names) != names for fit in fits):
        raise InputError("the fits do not have the same coefficients", source="fits")
    coefs = np.array([fit.coef for fit in fits], dtype=np.float64)
    covariances = np.array([fit.covariance for fit in fits], dtype=np.float64)
    m, p = coefs.shape
    if p != len(names) or covariances.shape != (m, p, p):
        raise InputError(
            f"{len(names)} names but coefficients of shape {coefs.shape} and covariances of shape "
            f"{covariances.shape}",
            source="fits",
        )
    rows = tuple(
        pool(coefs[:, j], np.sqrt(covariances[:, j, j]), df_complete=df_complete, level=level)
        for j in range(p)
    )
    center = coefs.mean(axis=0)
    between = (coefs - center).T @ (coefs - center) / (m - 1)
    return PooledFit(names, center, covariances.mean(axis=0) + (1 + 1 / m) * between, rows)


def _pool(
    values: np.ndarray, variances: np.ndarray, scale: ScaleName, df_complete: float, level: float
) -> PooledEstimate:
    from scipy.stats import t

    checked_level(level)
    if not df_complete > 0:
        raise InputError(f"must be above 0, got {df_complete:g}", source="df_complete")
    m = values.size
    value, within = float(values.mean()), float(variances.mean())
    between = float(values.var(ddof=1))
    extra = (1 + 1 / m) * between
    total = within + extra
    increase = extra / within
    ratio = 1 + 1 / increase if increase > 0 else math.inf
    rubin_df = (m - 1) * ratio * ratio
    df = _small_sample_df(rubin_df, df_complete, extra / total)
    error = math.sqrt(total)
    half = float(t.ppf(0.5 + level / 2, df)) * error
    back = _SCALES[scale].back
    low, high = sorted((back(value - half), back(value + half)))
    return PooledEstimate(
        value=back(value), ci_low=low, ci_high=high, level=level, std_error=error, df=df,
        p=float(2 * t.sf(abs(value) / error, df)), within=within, between=between, total=total,
        relative_increase=increase,
        missing_information=(increase + 2 / (rubin_df + 3)) / (increase + 1),
        n_imputations=m, scale=scale,
    )  # fmt: skip


def _small_sample_df(rubin_df: float, df_complete: float, share: float) -> float:
    """Barnard & Rubin's degrees of freedom; ``share`` of the variance is due to missing values."""
    if math.isinf(df_complete):
        return rubin_df
    observed = (df_complete + 1) / (df_complete + 3) * df_complete * (1 - share)
    return 1 / (1 / rubin_df + 1 / observed)


def _scale(name: str) -> _Scale:
    if name not in _SCALES:
        raise InputError(
            f"no scale is called {name!r}", source="scale", remedy=f"use {', '.join(_SCALES)}"
        )
    return _SCALES[name]


def _checked(values: ArrayLike, source: str) -> np.ndarray:
    found = checked_numbers(values, source)
    if found.ndim != 1 or found.size < 2:
        raise InputError(
            f"2 or more imputed data sets are needed, got shape {found.shape}", source=source
        )
    bad = ~np.isfinite(found)
    if source == "std_errors":
        bad |= found <= 0
    if bad.any():
        wanted = "finite and above 0" if source == "std_errors" else "finite"
        raise InputError(
            f"must be {wanted}, got {found[bad][0]:g} in data set {int(np.argmax(bad)) + 1}",
            source=source,
        )
    return found
