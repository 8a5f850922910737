"""How well networks tell who is alive at the horizon: accuracy, sensitivity, specificity, AUC.

Positive is "alive beyond the horizon", as in Wei et al., Br J Hosp Med 2026: sensitivity is the share
of those alive who are called so, specificity the share of those who died. These need patients of whom
it is known; the area that is corrected for censoring uses all. The threshold is learned on other
patients than those it is judged on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.checks import checked_number
from hccsurv_core.errors import InputError
from hccsurv_core.models.cnn.architectures import ARCHITECTURES
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.diagnostic import DiagnosticAccuracy, confusion_table, diagnostic_accuracy
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.roc import AreaComparison, compare_paired_areas, roc_area, youden_threshold
from hccsurv_core.stats.time_dependent_roc import time_dependent_auc


@dataclass(frozen=True)
class CnnPerformance:
    """One network on patients it was not trained on.

    Args:
        name: of the network, as papers write it.
        horizon_months: alive beyond this is positive.
        threshold: a probability of being alive of this or more is called alive.
        accuracy: accuracy, sensitivity, specificity and the rest, exact intervals, on patients of
            whom it is known.
        area: under the ROC curve on the same patients, DeLong's interval.
        area_all: the same on all patients, corrected for censoring by inverse probabilities.
        n, n_alive, n_dead, n_unknown: patients: all, known to be alive, to have died, and neither.
    """

    name: str
    horizon_months: float
    threshold: float
    accuracy: DiagnosticAccuracy
    area: Estimate
    area_all: Estimate
    n: int
    n_alive: int
    n_dead: int
    n_unknown: int

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            **vars(self),
            "accuracy": self.accuracy.to_json(),
            "area": self.area.to_json(),
            "area_all": self.area_all.to_json(),
        }


@dataclass(frozen=True)
class NetworkComparison:
    """Two networks on the same patients: the areas, their difference, and DeLong's test."""

    first: str
    second: str
    areas: AreaComparison

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {"first": self.first, "second": self.second, **self.areas.to_json()}


def network_words(name: str) -> str:
    """What papers call a network: "ResNet50" for "resnet50"; other names stay."""
    return ARCHITECTURES[name].words if name in ARCHITECTURES else name


def learn_threshold(
    probability_alive: ArrayLike, outcome: SurvivalOutcome, horizon_months: float = 36.0
) -> float:
    """The probability from which on a patient is called alive: the largest Youden index.

    Args:
        probability_alive: (n,) of patients that the network was not trained on (out of fold, or the
            ones it was stopped on) and that it will not be judged on.
        outcome: of the same; those of whom it is not known take no part.

    Raises:
        InputError, StatisticsError: as for :func:`~hccsurv_core.stats.roc.youden_threshold`.
    """
    score, alive, _ = _known(probability_alive, outcome, horizon_months)
    return youden_threshold(alive, score).threshold


def evaluate_network(
    name: str,
    probability_alive: ArrayLike,
    outcome: SurvivalOutcome,
    *,
    threshold: float = 0.5,
    horizon_months: float = 36.0,
    train: SurvivalOutcome | None = None,
    level: float = 0.95,
) -> CnnPerformance:
    """Judge a network.

    Args:
        name: "resnet50", or any other.
        probability_alive: (n,) of patients it was not trained on.
        outcome: of the same.
        threshold: learned elsewhere (:func:`learn_threshold`); 0.5 is no learning at all.
        horizon_months: what alive means.
        train: patients from whom censoring is learned for ``area_all``; default the same.
        level: of the intervals.

    Raises:
        InputError: lengths differ, or a probability is missing or beyond 0 to 1.
        StatisticsError: nobody is known to be alive, or to have died.
    """
    checked_number(threshold, "threshold", low=0.0, high=1.0)
    score, alive, known = _known(probability_alive, outcome, horizon_months)
    area = roc_area(alive, score, level=level)
    called_alive = score >= threshold
    all_patients = time_dependent_auc(
        outcome, 1.0 - np.asarray(probability_alive, dtype=np.float64), [horizon_months],
        train=train, level=level,
    )  # fmt: skip
    return CnnPerformance(
        name=network_words(name),
        horizon_months=horizon_months,
        threshold=threshold,
        accuracy=diagnostic_accuracy(confusion_table(called_alive, alive), level=level),
        area=area,
        area_all=all_patients.estimates()[0],
        n=len(outcome),
        n_alive=int(alive.sum()),
        n_dead=int((~alive).sum()),
        n_unknown=int((~known).sum()),
    )


def compare_networks(
    probabilities: Mapping[str, ArrayLike],
    outcome: SurvivalOutcome,
    *,
    horizon_months: float = 36.0,
    level: float = 0.95,
) -> tuple[NetworkComparison, ...]:
    """Every two networks on the same patients of whom it is known.

    The best of several is chosen on training patients (out of fold); chosen on these very patients
    its area would flatter it.

    Args:
        probabilities: name → (n,) probability of being alive.

    Raises:
        InputError, StatisticsError: as for :func:`evaluate_network`.
    """
    found = []
    for first, second in combinations(probabilities, 2):
        a, alive, _ = _known(probabilities[first], outcome, horizon_months)
        b, _, _ = _known(probabilities[second], outcome, horizon_months)
        areas = compare_paired_areas(alive, a, b, level=level)
        found.append(NetworkComparison(network_words(first), network_words(second), areas))
    return tuple(found)


def performance_rows(performances: Sequence[CnnPerformance]) -> list[dict[str, object]]:
    """A row a network with the paper's columns, each number with its interval, for a table."""
    return [
        {
            "network": p.name,
            "patients": p.n,
            "known": p.n_alive + p.n_dead,
            "accuracy": _with_interval(p.accuracy.accuracy),
            "sensitivity": _with_interval(p.accuracy.sensitivity),
            "specificity": _with_interval(p.accuracy.specificity),
            "AUC": _with_interval(p.area),
            "AUC, censoring corrected": _with_interval(p.area_all),
        }
        for p in performances
    ]


def _with_interval(e: Estimate) -> str:
    if not np.isfinite(e.value):
        return "–"
    if not (np.isfinite(e.ci_low) and np.isfinite(e.ci_high)):
        return f"{e.value:.3f} (no interval)"
    return f"{e.value:.3f} ({e.ci_low:.3f} to {e.ci_high:.3f})"


def _known(
    probability_alive: ArrayLike, outcome: SurvivalOutcome, horizon_months: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores and labels of the patients of whom it is known, and (n,) who they are."""
    score = np.asarray(probability_alive, dtype=np.float64)
    if score.shape != (len(outcome),):
        raise InputError(f"{len(outcome)} patients but {score.size} answers", source="CNN")
    if not ((score >= 0) & (score <= 1)).all():
        raise InputError("a probability is missing or not between 0 and 1", source="CNN")
    alive = outcome.time_months > horizon_months
    known = alive | outcome.event
    return score[known], alive[known], known
