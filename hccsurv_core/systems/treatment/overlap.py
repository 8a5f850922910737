"""Were patients like this one ever treated both ways?

Where only one treatment was ever given, the other arm's curve is a guess from patients who were not
alike. Looked at by the propensity, the chance of having been given TACE: where a patient's lies
among both arms, how many patients of each arm are near it, and whether it lies within the limits
beyond which a comparison costs more precision than it is worth (Crump, Hotz, Imbens & Mitnik,
Biometrika 2009;96:187-199, doi:10.1093/biomet/asn055).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import BundleError, StatisticsError
from hccsurv_core.models.standardize import Standardizer, fit_standardizer
from hccsurv_core.stats.propensity import PropensityModel, fit_propensity
from hccsurv_core.systems.treatment.arm_table import ARM_WORDS, ARMS, TreatmentTable
from hccsurv_core.systems.treatment.arms import checked_values
from hccsurv_core.wording import count_of

#: Patients are alike when the log odds of their propensities are this share of its standard
#: deviation apart, or less (the caliper of Austin, Pharm Stat 2011;10:150-161,
#: doi:10.1002/pst.433).
CALIPER_SD = 0.2
#: So many alike patients of each arm make an overlap (our choice).
MIN_ALIKE = 3


@dataclass(frozen=True)
class Overlap:
    """Where one patient lies.

    Args:
        propensity: chance of having been given TACE, 0 to 1.
        percentile: by arm: share of its training patients with a lower propensity, 0 to 100.
        alike: by arm: its training patients with about the same propensity.
        n: by arm: its training patients.
        limits: of the propensity, within which both treatments can be compared.
        supported: within the limits, and enough alike patients in both arms.
        sentence: all that in words.
    """

    propensity: float
    percentile: Mapping[str, float]
    alike: Mapping[str, int]
    n: Mapping[str, int]
    limits: tuple[float, float]
    supported: bool
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "propensity_tace": self.propensity,
            "percentile": dict(self.percentile),
            "alike": dict(self.alike),
            "n": dict(self.n),
            "limits": list(self.limits),
            "supported": self.supported,
            "sentence": self.sentence,
        }


@dataclass(frozen=True, eq=False)
class OverlapModel:
    """The propensity of the training patients.

    Args:
        standardizer: of the covariates that the choice depended on, over both arms.
        coef: (q + 1,) log odds ratios of TACE per standard deviation, the intercept first.
        scores: by arm, rising propensities of its training patients.
        limits: see :func:`crump_limits`.
        caliper: of log odds.
        min_alike: see :data:`MIN_ALIKE`.
        firth: whether covariates told the arms apart without error, so that the fit had to be
            penalized.
    """

    standardizer: Standardizer
    coef: np.ndarray
    scores: Mapping[str, np.ndarray]
    limits: tuple[float, float]
    caliper: float
    min_alike: int = MIN_ALIKE
    firth: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Covariates in the order that :meth:`propensity` takes them."""
        return self.standardizer.names

    def propensity(self, values: ArrayLike) -> np.ndarray:
        """(n, p) covariates, NaN where missing → (n,) chance of TACE.

        Raises:
            InputError: another number of covariates.
        """
        z = self.standardizer.apply(checked_values(values, len(self.names)))
        return _inverse_logit(self.coef[0] + z @ self.coef[1:])

    def assess(self, values: ArrayLike) -> Overlap:
        """One patient's place.

        Args:
            values: (p,) covariates, NaN where missing.

        Raises:
            InputError: another number of covariates.
        """
        score = float(self.propensity(np.atleast_2d(np.asarray(values, dtype=float)))[0])
        low, high = (_inverse_logit(_logit(score) + s * self.caliper) for s in (-1.0, 1.0))
        alike = {
            arm: int(
                np.searchsorted(found, high, side="right")
                - np.searchsorted(found, low, side="left")
            )
            for arm, found in self.scores.items()
        }
        n = {arm: found.size for arm, found in self.scores.items()}
        percentile = {
            arm: 100.0 * float(np.searchsorted(found, score, side="left")) / found.size
            for arm, found in self.scores.items()
        }
        within = self.limits[0] <= score <= self.limits[1]
        supported = within and min(alike.values()) >= self.min_alike
        return Overlap(
            score, percentile, alike, n, self.limits, supported,
            _sentence(score, alike, n, self.limits),
        )  # fmt: skip

    def tensors(self) -> dict[str, np.ndarray]:
        """Arrays for a bundle."""
        scales = {f"standardizer.{k}": v for k, v in self.standardizer.tensors().items()}
        scores = {f"scores.{arm}": found for arm, found in self.scores.items()}
        return {**scales, **scores, "coef": self.coef}

    def describe(self) -> dict[str, Any]:
        """Plain values for a bundle."""
        return {
            "names": list(self.names),
            "limits": list(self.limits),
            "caliper": self.caliper,
            "min_alike": self.min_alike,
            "firth": self.firth,
        }

    @classmethod
    def from_parts(
        cls, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray]
    ) -> OverlapModel:
        """Back from :meth:`describe` and :meth:`tensors`.

        Raises:
            BundleError: a part is missing.
        """
        start = "standardizer."
        scales = {k[len(start) :]: v for k, v in tensors.items() if k.startswith(start)}
        try:
            low, high = description["limits"]
            return cls(
                Standardizer.from_tensors(description["names"], scales),
                tensors["coef"],
                {arm: tensors[f"scores.{arm}"] for arm in ARMS},
                (float(low), float(high)),
                float(description["caliper"]),
                int(description["min_alike"]),
                bool(description["firth"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(
                f"lacks a part of the propensity model ({error})", source="overlap",
                remedy="train it again with this version",
            ) from error  # fmt: skip


def fit_overlap(table: TreatmentTable, *, min_alike: int = MIN_ALIKE) -> OverlapModel:
    """Learn who was given TACE.

    Args:
        table: training patients; give the covariates that the choice may have depended on and
            that matter for survival, not everything there is.
        min_alike: see :data:`MIN_ALIKE`.

    Raises:
        StatisticsError: an arm is empty, covariates follow from each other, or there are too few
            patients.
    """
    standardizer = fit_standardizer(table.values, table.names)
    z = standardizer.apply(table.values)
    used = [table.names[i] for i in standardizer.owner]
    model = fit_choice(z, table.tace, used)
    score = model.score
    log_odds = _logit(score)
    return OverlapModel(
        standardizer,
        model.coef,
        {arm: np.sort(score[table.given(arm)]) for arm in ARMS},
        crump_limits(score),
        CALIPER_SD * float(log_odds.std(ddof=1)),
        min_alike,
        model.firth,
    )


def fit_choice(z: np.ndarray, tace: np.ndarray, names: Sequence[str]) -> PropensityModel:
    """Who was given TACE: by maximum likelihood where that exists, else with Firth's penalty.

    Args:
        z: (n, p) covariates without gaps. tace: (n,) booleans. names: (p,) of the covariates.

    Raises:
        StatisticsError: an arm is empty, covariates follow from each other, or there are too few
            patients.
    """
    try:
        return fit_propensity(z, tace, names=names)
    except StatisticsError as error:
        if "separates" not in error.what:
            raise
    # Some could only be treated one way. Penalized, they get a propensity that says so.
    return fit_propensity(z, tace, names=names, firth=True)


def crump_limits(score: ArrayLike) -> tuple[float, float]:
    """Between which propensities the average effect can be estimated most precisely.

    With e the propensity and g = 1 / (e (1 − e)), patients are kept whose g is at most twice the
    mean of g over those kept: e within α and 1 − α.

    Args:
        score: (n,) above 0 and below 1.

    Returns:
        (α, 1 − α); (0, 1) where everybody is kept.
    """
    e = np.asarray(score, dtype=np.float64)
    cost = np.sort(1.0 / (e * (1.0 - e)))
    if cost[-1] <= 2.0 * cost.mean():
        return 0.0, 1.0
    means = np.cumsum(cost) / np.arange(1, cost.size + 1)
    # The largest set whose costliest patient costs at most twice its mean.
    last = int(np.flatnonzero(cost <= 2.0 * means)[-1])
    most = 2.0 * float(means[last])
    alpha = 0.5 - math.sqrt(max(0.25 - 1.0 / most, 0.0))
    return alpha, 1.0 - alpha


def _sentence(
    score: float, alike: Mapping[str, int], n: Mapping[str, int], limits: tuple[float, float]
) -> str:
    surgery, tace = ARMS
    text = (
        f"Of {sum(n.values())} training patients, {alike[surgery]} like this one had "
        f"{ARM_WORDS[surgery]} and {alike[tace]} {ARM_WORDS[tace]} "
        f"(patients with about the same chance of {ARM_WORDS[tace]}, here {100 * score:.0f} %)."
    )
    if limits[0] <= score <= limits[1]:
        return text
    usual = ARM_WORDS[tace if score > limits[1] else surgery]
    return (
        f"{text} Nearly all such patients were given {usual}: a comparison would rest on "
        f"{count_of(min(alike.values()), 'patient')}."
    )


def _logit(score: Any) -> Any:
    return np.log(score) - np.log1p(-score)


def _inverse_logit(log_odds: Any) -> Any:
    return np.exp(-np.logaddexp(0.0, -log_odds))
