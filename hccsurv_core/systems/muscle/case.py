"""One patient: what the model says, what moved it, and when not to believe it.

What moved the risk is told by groups of features: their exact Shapley values, with groups that are
not in play at the training median. They sum to the difference from the median patient.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hccsurv_core.errors import TableError
from hccsurv_core.systems.muscle.case_checks import CaseWarning, check_case
from hccsurv_core.systems.muscle.feature_groups import (
    FEATURE_GROUPS,
    FeatureGroup,
    group_of,
    labels_of,
)
from hccsurv_core.systems.muscle.prediction import MuscleModel

#: The curve is told month by month up to here.
LAST_MONTH = 60
#: A group that multiplies the hazard by less than this is not worth a word.
_NOTABLE = 1.05


@dataclass(frozen=True)
class Contribution:
    """What one group of features does to the risk.

    Args:
        group, title, meaning: of the group, see
            :mod:`~hccsurv_core.systems.muscle.feature_groups`.
        log_hazard: what it adds, against a patient at the training median.
        n_features: of the group that the model takes; n_missing: not known of this patient.
    """

    group: str
    title: str
    meaning: str
    log_hazard: float
    n_features: int
    n_missing: int

    @property
    def factor(self) -> float:
        """By which the hazard is multiplied."""
        return math.exp(self.log_hazard)


@dataclass(frozen=True, eq=False)
class SurvivalCurve:
    """A patient's survival curve.

    Args:
        months: (t,) from 0.
        survival, low, high: (t,) probability, with the interval of the model's own uncertainty.
    """

    months: np.ndarray
    survival: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class ModelFacts:
    """What the model is.

    Args:
        name: recipe and kind, for people.
        simulated: whether its training patients were drawn by a computer.
        n, n_events, source: of the training patients.
        note: what it may be used for.
    """

    name: str
    simulated: bool
    n: int
    n_events: int
    source: str
    note: str


@dataclass(frozen=True, eq=False)
class CasePrediction:
    """One patient's prediction.

    Args:
        risk_score: log hazard relative to the average training patient; higher is worse.
        baseline: risk score of a patient at the training median of every feature.
        percentile: share of training patients with a lower risk, 0 to 100.
        high_risk: above the median training risk.
        eval_times: (t,) months.
        survival_probability, survival_low, survival_high: (t,) with the 95 % interval of the
            model's own uncertainty; NaN beyond the training patients' follow-up.
        curve: month by month.
        contributions: of each group of features, the largest first; they sum to
            ``risk_score − baseline``.
        sentence: the same in words.
        n_missing: features filled with the training median; missing: what they are called.
        warnings: why to doubt it, scan first.
        model: what it was made with.
    """

    risk_score: float
    baseline: float
    percentile: float
    high_risk: bool
    eval_times: np.ndarray
    survival_probability: np.ndarray
    survival_low: np.ndarray
    survival_high: np.ndarray
    curve: SurvivalCurve
    contributions: tuple[Contribution, ...]
    sentence: str
    n_missing: int
    missing: tuple[str, ...]
    warnings: tuple[CaseWarning, ...]
    model: ModelFacts

    def to_json(self) -> dict[str, Any]:
        """Plain values; what is not known is null."""
        told = (self.eval_times, self.survival_probability, self.survival_low, self.survival_high)
        return {
            "risk_score": self.risk_score,
            "baseline": self.baseline,
            "percentile": self.percentile,
            "high_risk": self.high_risk,
            "survival": {
                f"{months:g}": {"value": _plain(s), "ci_low": _plain(a), "ci_high": _plain(b)}
                for months, s, a, b in zip(*told, strict=True)
            },
            "curve": {
                name: [_plain(v) for v in getattr(self.curve, name)]
                for name in ("months", "survival", "low", "high")
            },
            "contributions": [{**vars(c), "factor": c.factor} for c in self.contributions],
            "sentence": self.sentence,
            "n_missing": self.n_missing,
            "missing": list(self.missing),
            "warnings": [w.to_json() for w in self.warnings],
            "model": vars(self.model).copy(),
        }


def predict_case(
    model: MuscleModel,
    features: Mapping[str, float],
    eval_times: tuple[float, ...] | None = None,
    left_out: Collection[str] = (),
) -> CasePrediction:
    """Predict one patient.

    Args:
        model: from a bundle.
        features: name to value, NaN where missing (see
            :func:`~hccsurv_core.systems.muscle.case_features.measure_with_record`); those that the
            model does not take are passed over, but for ``scan.`` ones, which are checked.
        eval_times: months; default the model's horizons.
        left_out: features that are missing on purpose (see
            :func:`~hccsurv_core.systems.muscle.clinical_block.left_out`): not counted as missing.

    Raises:
        TableError: the model takes a feature that is not among them.
    """
    names = model.feature_names
    lacking = [name for name in names if name not in features]
    if lacking:
        raise TableError(
            f"{len(lacking)} of the model's {len(names)} features were not extracted "
            f"({lacking[0]} …)",
            source="features",
            remedy="train the model again with this version",
        )
    row = np.array([float(features[name]) for name in names])
    groups, mixed = _coalitions(model, row)
    asked = np.atleast_1d(np.asarray(model.horizons_months if eval_times is None else eval_times))
    times = np.concatenate([asked.astype(float), np.arange(LAST_MONTH + 1, dtype=float)])
    # The patient and all mixtures at once: scaling a thousand features is what takes time.
    found = model.predict(np.vstack([row, mixed]), names, times)
    contributions = _contributions(model, row, groups, found.risk_score[1:])
    whole = _followed(
        SurvivalCurve(
            times, found.survival_probability[0], found.survival_low[0], found.survival_high[0]
        ),
        float(model.description["training"]["last_month"]),
    )
    told, monthly = _part(whole, slice(asked.size)), _part(whole, slice(asked.size, None))
    facts = model_facts(model)
    missing = [
        name
        for name, value in zip(names, row, strict=True)
        if math.isnan(value) and name not in left_out
    ]
    return CasePrediction(
        risk_score=float(found.risk_score[0]),
        baseline=float(found.risk_score[1]),
        percentile=float(found.percentile[0]),
        high_risk=bool(found.high_risk[0]),
        eval_times=told.months,
        survival_probability=told.survival,
        survival_low=told.low,
        survival_high=told.high,
        curve=_part(monthly, np.isfinite(monthly.survival)),
        contributions=contributions,
        sentence=_sentence(float(found.percentile[0]), contributions, facts.simulated),
        n_missing=len(missing),
        missing=labels_of(missing),
        warnings=check_case(model, features, left_out),
        model=facts,
    )


def _followed(curve: SurvivalCurve, last_month: float) -> SurvivalCurve:
    """NaN after the last month that a training patient was seen."""
    unseen = curve.months > last_month
    parts = (curve.survival, curve.low, curve.high)
    return SurvivalCurve(curve.months, *(np.where(unseen, np.nan, part) for part in parts))


def _part(curve: SurvivalCurve, chosen: slice | np.ndarray) -> SurvivalCurve:
    return SurvivalCurve(*(values[chosen] for values in vars(curve).values()))


def model_facts(model: MuscleModel) -> ModelFacts:
    """What the model is, for people."""
    training = model.description["training"]
    architecture = model.description["architecture"]
    return ModelFacts(
        name=f"{architecture['recipe']['name']}, ensemble of {model.ensemble.n_members}",
        simulated=bool(training.get("simulated", False)),
        n=int(training["n"]),
        n_events=int(training["n_events"]),
        source=str(training["source"]),
        note=str(model.description["note"]),
    )


def _coalitions(model: MuscleModel, row: np.ndarray) -> tuple[list[FeatureGroup], np.ndarray]:
    """The groups that the model takes, and (2ᵏ, p) the patient with some at the training median.

    In mixture c, group j is the patient's own where bit j of c is set; the first has none.
    """
    belongs = np.array([group_of(name) for name in model.feature_names])
    groups = [group for group in FEATURE_GROUPS if (belongs == group.name).any()]
    members = np.array([belongs == group.name for group in groups])
    inside = (np.arange(2 ** len(groups))[:, None] >> np.arange(len(groups))) & 1
    median = model.ensemble.standardizer.median
    return groups, np.where(inside.astype(bool) @ members, row, median)


def _contributions(
    model: MuscleModel, row: np.ndarray, groups: list[FeatureGroup], risk: np.ndarray
) -> tuple[Contribution, ...]:
    """The Shapley value of every group, the largest first."""
    belongs = np.array([group_of(name) for name in model.feature_names])
    found = [
        _contribution(group, float(value), row[belongs == group.name])
        for group, value in zip(groups, shapley_values(risk, len(groups)), strict=True)
    ]
    return tuple(sorted(found, key=lambda c: -abs(c.log_hazard)))


def _contribution(group: FeatureGroup, value: float, own: np.ndarray) -> Contribution:
    return Contribution(
        group.name, group.title, group.meaning, value, own.size, int(np.isnan(own).sum())
    )


def shapley_values(worth: np.ndarray, n_players: int) -> np.ndarray:
    """(k,) exact Shapley values.

    Args:
        worth: (2ᵏ,) of every coalition; player j is in coalition c where bit j of c is set.
        n_players: k.
    """
    k = n_players
    values = np.zeros(k)
    for coalition in range(2**k):
        size = coalition.bit_count()
        for j in range(k):
            if not coalition >> j & 1:
                weight = math.factorial(size) * math.factorial(k - size - 1) / math.factorial(k)
                values[j] += weight * (worth[coalition | 1 << j] - worth[coalition])
    return values


def _sentence(percentile: float, contributions: tuple[Contribution, ...], simulated: bool) -> str:
    """Where the patient stands, and what put them there."""
    who = "simulated training patients" if simulated else "training patients"
    below = min(99, max(1, round(percentile)))
    standing = f"The risk is higher than that of {below} of 100 {who}"
    told = [c for c in contributions if abs(c.log_hazard) >= math.log(_NOTABLE)]
    if not told:
        return f"{standing}; nothing moves it far from that of a typical one."
    parts = [
        f"{c.title.lower()} {'raises' if c.log_hazard > 0 else 'lowers'} it"
        f"{' most' if c is told[0] and len(told) > 1 else ''} (hazard × {c.factor:.2f})"
        for c in told
    ]
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return f"{standing}: {listed}."


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
