"""Small cohorts of two arms whose hazards are known, for the tests of system 2."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.systems.treatment.arm_table import ARMS, TreatmentTable

NAMES = ("size", "albi", "invasion", "age")
#: Log hazard per unit, by arm: TACE is better for the large, surgery for good livers.
EFFECTS = {"hepatectomy": (0.9, 0.5, 0.3, 0.1), "tace": (0.2, 0.5, 0.3, 0.0)}
SCALE_MONTHS = {"hepatectomy": 40.0, "tace": 28.0}


@dataclass(frozen=True, eq=False)
class Drawn:
    """A cohort with its truth.

    Args:
        table: what is known. log_hazard, months: by arm, (n,) true log hazard and true months
            lived up to 36.
    """

    table: TreatmentTable
    log_hazard: dict[str, np.ndarray]
    months: dict[str, np.ndarray]

    def survival(self, arm: str, t: float) -> np.ndarray:
        """(n,) true survival at t months."""
        return np.exp(-t / SCALE_MONTHS[arm] * np.exp(self.log_hazard[arm]))


def draw(n: int, seed: int, *, confounding: float = 0.8, follow_up: float = 90.0) -> Drawn:
    """n patients with exponential times; size and invasion lead to TACE.

    Args:
        confounding: log odds of TACE per unit of size.
        follow_up: months of the longest; some are followed for a quarter of that.
    """
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 4))
    x[:, 2] = rng.random(n) < 0.3
    tace = rng.random(n) < 1 / (1 + np.exp(-(confounding * x[:, 0] + 0.5 * x[:, 2] - 0.3)))
    lp = {arm: x @ np.array(EFFECTS[arm]) for arm in ARMS}
    rate = {arm: np.exp(lp[arm]) / SCALE_MONTHS[arm] for arm in ARMS}
    months = {arm: -np.expm1(-36.0 * rate[arm]) / rate[arm] for arm in ARMS}
    time = rng.exponential(1 / np.where(tace, rate["tace"], rate["hepatectomy"]))
    end = rng.uniform(follow_up / 4, follow_up, n)
    # Somebody of each arm is followed to the end.
    end[np.flatnonzero(tace)[:2]] = end[np.flatnonzero(~tace)[:2]] = 2 * follow_up
    outcome = SurvivalOutcome(np.minimum(time, end), time <= end)
    ids = tuple(f"P{i}" for i in range(n))
    table = TreatmentTable(
        FeatureTable(ids, NAMES, x, outcome), tuple(np.where(tace, "tace", "hepatectomy"))
    )
    return Drawn(table, lp, months)


def swapped(table: TreatmentTable) -> TreatmentTable:
    """The same patients with the arms' labels exchanged."""
    other = {"tace": "hepatectomy", "hepatectomy": "tace"}
    return TreatmentTable(table.features, tuple(other[name] for name in table.treatment))
