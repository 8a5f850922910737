"""Where a patient's own values lie among the training patients': what a group's factor is about.

"Muscle texture raises the risk" says little; "the fat streaks are coarser than those of 94 of 100
training patients" can be seen on the scan. For each group the most unusual value that has a name
is told. It need not be the one that moved the risk most, and nothing here claims so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hccsurv_core.systems.muscle.feature_groups import group_of, label_of
from hccsurv_core.systems.muscle.prediction import MuscleModel

#: Measures that only a group has a name for elsewhere.
_LABELS = {
    "muscle.coherence_faint": "coarseness of the fat streaks",
    "muscle.crossings_faint": "number of fat streaks for the fat there is",
    "muscle.steps_faint": "abruptness of the fat streaks",
}
#: Features whose direction is turned in the model, with the name of what they are made of.
_TURNED = {"clinical.low_platelets": "platelets"}
#: A feature with fewer distinct training quantiles is a class or a count: its place says nothing.
_FEW_VALUES = 12
#: Within this distance of the middle a value is like that of most.
_UNUSUAL = 30.0


@dataclass(frozen=True)
class Place:
    """A value's place.

    Args:
        feature, label: of the value.
        percentile: share of training patients with a lower value, 0 to 100.
    """

    feature: str
    label: str
    percentile: float

    @property
    def words(self) -> str:
        """For people: "psoas density lower than in 91 of 100 training patients"."""
        higher = self.percentile >= 50
        share = round(self.percentile if higher else 100 - self.percentile)
        return (
            f"{self.label} {'higher' if higher else 'lower'} than in {min(99, share)} of 100 "
            "training patients"
        )


def most_unusual(model: MuscleModel, features: Mapping[str, float]) -> dict[str, Place | None]:
    """By group the most unusual value with a name; None where all are like those of most.

    Groups without a value that can be placed are left out.

    Args:
        features: name to value, NaN where missing.
    """
    scales = model.ensemble.standardizer
    places: dict[str, list[Place]] = {}
    for i, name in enumerate(scales.names):
        label, value = _label(name), float(features.get(name, math.nan))
        knots = scales.knots[:, i]
        if label is None or math.isnan(value) or np.unique(knots).size < _FEW_VALUES:
            continue
        percentile = _percentile(value, knots)
        turned = 100.0 - percentile if name in _TURNED else percentile
        places.setdefault(group_of(name), []).append(Place(name, label, turned))
    return {group: _furthest(found) for group, found in places.items()}


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


def _furthest(found: list[Place]) -> Place | None:
    first = max(found, key=lambda place: abs(place.percentile - 50))
    return first if abs(first.percentile - 50) >= _UNUSUAL else None
