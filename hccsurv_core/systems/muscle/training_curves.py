"""How the training patients of high and low risk fared: the curves behind a patient's own.

They are kept in the bundle by whole months, which is enough to draw them and tells no patient's
day. Each training patient's risk is from models that had not seen them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.kaplan_meier import fit_kaplan_meier
from hccsurv_core.systems.muscle.risk_groups import HIGH_RISK, LOW_RISK

#: Longer follow-up is left out: nobody reads a curve that far.
LAST_MONTH = 240
_DIGITS = 4


@dataclass(frozen=True, eq=False)
class TrainingCurve:
    """Kaplan-Meier curve of one risk group of the training patients.

    Args:
        name: "low risk" or "high risk".
        n, n_events: patients and events.
        months: (m,) 1, 2, … to the last follow-up.
        survival: (m,) at each month.
        at_risk: (m,) patients still followed.
    """

    name: str
    n: int
    n_events: int
    months: np.ndarray
    survival: np.ndarray
    at_risk: np.ndarray


def describe_training_curves(
    risk: np.ndarray, cutoff: float, outcome: SurvivalOutcome
) -> list[dict[str, Any]]:
    """For ``model.json``: one JSON object for each group that has anybody in it.

    Args:
        risk: (n,) of the training patients.
        cutoff: above it a patient is at high risk.
        outcome: of the same patients.
    """
    found = []
    for name, rows in ((LOW_RISK, risk <= cutoff), (HIGH_RISK, risk > cutoff)):
        if not rows.any():
            continue
        part = outcome.subset(np.flatnonzero(rows))
        fit = fit_kaplan_meier(part)
        last = min(LAST_MONTH, math.floor(float(part.time_months.max())))
        months = np.arange(1, last + 1, dtype=np.float64)
        found.append(
            {
                "name": name,
                "n": fit.n,
                "n_events": fit.n_events,
                "survival": np.round(fit.survival_at(months), _DIGITS).tolist(),
                "at_risk": fit.at_risk_at(months).astype(int).tolist(),
            }
        )
    return found


def read_training_curves(description: Mapping[str, Any]) -> tuple[TrainingCurve, ...]:
    """From ``model.json``; empty where the bundle has none."""
    return tuple(
        TrainingCurve(
            name=str(found["name"]),
            n=int(found["n"]),
            n_events=int(found["n_events"]),
            months=np.arange(1, len(found["survival"]) + 1, dtype=np.float64),
            survival=np.array(found["survival"], dtype=np.float64),
            at_risk=np.array(found["at_risk"], dtype=np.int64),
        )
        for found in description.get("training", {}).get("risk_groups", ())
    )


def followed_until(curves: tuple[TrainingCurve, ...], fewest: int = 10) -> float | None:
    """The last month at which at least ``fewest`` training patients were still followed.

    Beyond it a predicted curve rests on very few. None where nothing is known.
    """
    if not curves:
        return None
    total = np.zeros(max(curve.months.size for curve in curves), dtype=np.int64)
    for curve in curves:
        total[: curve.at_risk.size] += curve.at_risk
    enough = np.flatnonzero(total >= fewest)
    return float(enough[-1] + 1) if enough.size else None
