"""How well one version of a model tells early recurrence, on patients whom it has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hccsurv_core.errors import StatisticsError
from hccsurv_core.stats.calibration_binary import (
    BinaryCalibration,
    BinaryGroups,
    binary_calibration,
    binary_groups,
)
from hccsurv_core.stats.diagnostic import DiagnosticAccuracy, confusion_table, diagnostic_accuracy
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.prediction_error import binary_brier_score
from hccsurv_core.stats.roc import RocCurve, roc_area, roc_curve

#: Groups of predicted probability, and patients that each should have.
_MOST_GROUPS, _PER_GROUP = 5, 15


@dataclass(frozen=True, eq=False)
class EarlyEvaluation:
    """Of the patients of whom early recurrence is known.

    Args:
        n, n_events: of them.
        area: under the ROC curve; roc: the curve.
        brier: mean squared error of the probability.
        accuracy: at the cut-off of the classes.
        calibration: intercept, slope and curve; None where too few recurred.
        groups: observed shares by predicted probability; None likewise.
    """

    n: int
    n_events: int
    area: Estimate
    roc: RocCurve
    brier: Estimate
    accuracy: DiagnosticAccuracy
    calibration: BinaryCalibration | None
    groups: BinaryGroups | None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "n": self.n,
            "n_events": self.n_events,
            "auc": self.area.to_json(),
            "roc": self.roc.to_json(),
            "brier": self.brier.to_json(),
            "accuracy": self.accuracy.to_json(),
            "calibration": None if self.calibration is None else self.calibration.to_json(),
            "groups": None if self.groups is None else self.groups.to_json(),
        }


def evaluate_early(
    early: np.ndarray, probability: np.ndarray, positive: np.ndarray
) -> EarlyEvaluation:
    """Judge predicted probabilities.

    Args:
        early: (n,) 1, 0, or NaN where it is not known; these take no part.
        probability: (n,) predicted. positive: (n,) whether above the cut-off.

    Raises:
        StatisticsError: nobody, or everybody, recurred early.
    """
    known = np.isfinite(early)
    happened, risk = early[known].astype(bool), probability[known]
    n_groups = int(np.clip(happened.size // _PER_GROUP, 2, _MOST_GROUPS))
    calibration, groups = None, None
    try:
        calibration = binary_calibration(happened, risk)
        groups = binary_groups(happened, risk, n_groups=n_groups)
    except StatisticsError:
        # A calibration needs more events than an area does; what there is, is told.
        pass
    return EarlyEvaluation(
        int(known.sum()),
        int(happened.sum()),
        roc_area(happened, risk),
        roc_curve(happened, risk),
        binary_brier_score(happened, risk),
        diagnostic_accuracy(confusion_table(positive[known], happened)),
        calibration,
        groups,
    )
