"""RECIST beside the model's risk groups, on the same patients and from the same day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hccsurv_core.features.recist_response import CATEGORIES
from hccsurv_core.systems.explorer.curves import GroupComparison, compare_groups
from hccsurv_core.systems.explorer.grouping import Grouping
from hccsurv_core.systems.immunotherapy.cohort import ImmunotherapyCohort
from hccsurv_core.systems.immunotherapy.readings import category_of
from hccsurv_core.systems.muscle.answers import Answer, attempt
from hccsurv_core.systems.muscle.risk_groups import comparison_json

if TYPE_CHECKING:
    from hccsurv_core.systems.immunotherapy.evaluation import VersionEvaluation

ORDER = ("CR", "PR", "SD", "PD")
#: The contrast of the paper: progressive disease against all others.
NOT_PROGRESSIVE, PROGRESSIVE = "CR, PR or SD", "PD"
LOW_RISK, HIGH_RISK = "low risk", "high risk"


@dataclass(frozen=True, eq=False)
class RecistComparison:
    """Two ways to divide the same patients.

    Args:
        n, n_events: patients with a category and a risk score, and their deaths.
        categories: survival by category.
        progressive: progressive disease against the others. risk: high against low risk.
        table: category → (low risk, high risk) patients.
    """

    n: int
    n_events: int
    categories: Answer[GroupComparison]
    progressive: Answer[GroupComparison]
    risk: Answer[GroupComparison]
    table: dict[str, tuple[int, int]]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "n": self.n,
            "n_events": self.n_events,
            "criterion": "RECIST 1.1",
            "categories": comparison_json(self.categories),
            "progressive": comparison_json(self.progressive),
            "risk": comparison_json(self.risk),
            "table": {k: {"low_risk": a, "high_risk": b} for k, (a, b) in self.table.items()},
        }


def compare_recist(
    cohort: ImmunotherapyCohort,
    judged: VersionEvaluation,
    cutoff: float,
    horizons_months: tuple[float, ...],
) -> RecistComparison | None:
    """Hazard ratios of both; None where nobody has a category.

    Args:
        cohort: patients with the clock of the version. judged: with their risk scores.
        cutoff: learned in training.
    """
    known = dict(zip(judged.patient_ids, judged.risk_score, strict=True))
    category = [category_of(row) for row in cohort.readings]
    risk = np.array([known.get(p, np.nan) for p in cohort.patient_ids])
    there = np.array([bool(c) for c in category]) & np.isfinite(risk)
    if not there.any():
        return None
    outcome = cohort.outcome.subset(there)
    mine = [c for c, yes in zip(category, there, strict=True) if yes]
    high = risk[there] > cutoff
    code = np.array([ORDER.index(c) for c in mine])
    present = [c for c in ORDER if c in mine]

    def compare(variable: str, labels: tuple[str, ...], codes: np.ndarray, origin: str) -> Any:
        grouping = Grouping(variable, labels, codes.astype(np.int64), origin)
        return attempt(compare_groups, outcome, grouping, horizons_months=horizons_months)

    return RecistComparison(
        len(outcome), outcome.n_events,
        compare("RECIST 1.1", tuple(CATEGORIES[c] for c in ORDER), code, "from the targets read"),
        compare("RECIST 1.1", (NOT_PROGRESSIVE, PROGRESSIVE), code == 3, "from the targets read"),
        compare(judged.version, (LOW_RISK, HIGH_RISK), high, "cut-off learned in training"),
        {c: (int((~high & (code == ORDER.index(c))).sum()), int((high & (code == ORDER.index(c))).sum()))
         for c in present},
    )  # fmt: skip
