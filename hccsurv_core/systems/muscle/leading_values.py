"""The value behind a group's effect: which one weighs most, and where it lies among the training patients.

"Muscle texture raises the risk" says little; "the fat streaks are coarser than those of 94 of 100
training patients" can be seen on the scan. For each group that value with a name is told which, put
at the training median by itself, would take back most of the group's effect.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hccsurv_core.systems.muscle.case import Contribution
from hccsurv_core.systems.muscle.feature_groups import group_of, label_of
from hccsurv_core.systems.muscle.prediction import MuscleModel

#: Measures of texture that have no name elsewhere.
_LABELS = {
    "muscle.coherence": "coarseness of the fat streaks",
    "muscle.coherence_wall": "coarseness of the fat streaks in the lateral wall",
    "muscle.log_streaks_per_cm2": "number of fat streaks",
    "muscle.log_streak_length_mm": "length of the fat streaks in the back",
}
#: Features whose direction is turned in the model, with the name of what they are made of.
_TURNED = {"clinical.low_platelets": "platelets"}
#: What the two values of a feature are called.
_EITHER = {"male": ("female sex", "male sex")}
#: A feature with fewer distinct training quantiles is a class or a count.
_FEW_VALUES = 12
#: A value that multiplies the hazard by less than this is not worth a word.
_NOTABLE = math.log(1.05)


@dataclass(frozen=True)
class LeadingValue:
    """A value and what it does.

    Args:
        feature, label: of the value.
        log_hazard: what the risk loses when this value alone is put at the training median.
        percentile: share of training patients with a lower value, 0 to 100; None for classes and
            counts, and where the model kept no quantiles.
    """

    feature: str
    label: str
    log_hazard: float
    percentile: float | None

    @property
    def words(self) -> str:
        """For people: "psoas density lower than in 91 of 100 training patients"."""
        if self.percentile is None:
            return self.label
        higher = self.percentile >= 50
        share = round(self.percentile if higher else 100 - self.percentile)
        return (
            f"{self.label} {'higher' if higher else 'lower'} than in {min(99, share)} of 100 "
            "training patients"
        )


def leading_values(
    model: MuscleModel, features: Mapping[str, float], contributions: Sequence[Contribution]
) -> dict[str, LeadingValue]:
    """By group, the named value that weighs most in the direction of the group.

    Groups are left out where no value with a name does.

    Args:
        model: that predicted.
        features: name to value, NaN where missing.
        contributions: of the groups.
    """
    scales = model.ensemble.standardizer
    row = np.array([float(features.get(name, math.nan)) for name in scales.names])
    named = [i for i, name in enumerate(scales.names) if _label(name) and not math.isnan(row[i])]
    if not named:
        return {}
    without = np.tile(row, (len(named) + 1, 1))
    without[np.arange(len(named)), named] = scales.median[named]
    risk = model.ensemble.risk_score(without)
    effects = dict(zip(named, risk[-1] - risk[:-1], strict=True))
    found = {}
    for group in contributions:
        sign = math.copysign(1.0, group.log_hazard)
        own = [i for i in named if group_of(scales.names[i]) == group.group]
        best = max(own, key=lambda i: sign * effects[i], default=None)
        if best is not None and sign * effects[best] >= _NOTABLE:
            found[group.group] = _told(model, best, float(row[best]), float(effects[best]))
    return found


def _told(model: MuscleModel, i: int, value: float, effect: float) -> LeadingValue:
    scales = model.ensemble.standardizer
    name, knots = scales.names[i], scales.knots[:, i]
    label, percentile = _label(name) or name, None
    if np.unique(knots).size >= _FEW_VALUES:
        percentile = _percentile(value, knots)
        if name in _TURNED:
            percentile = 100.0 - percentile
    elif name in _EITHER:
        label = _EITHER[name][value > 0]
    elif scales.low[i] == 0.0 and scales.high[i] == 1.0 and value == 0.0:
        label = f"no {label}"
    return LeadingValue(name, label, effect, percentile)


def _percentile(value: float, knots: np.ndarray) -> float:
    """Place between the training quantiles (of (i + ½) / n); what fills several has their middle."""
    distinct, first = np.unique(knots, return_index=True)
    upto = np.append(first[1:], knots.size)
    return 100.0 * float(np.interp(value, distinct, (first + upto) / 2)) / knots.size


def _label(name: str) -> str | None:
    if name in _TURNED:
        return _TURNED[name]
    told = _LABELS.get(name) or label_of(name)
    if told is None or told[:2].isupper():
        return told
    return told[0].lower() + told[1:]
