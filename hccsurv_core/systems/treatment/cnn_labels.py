"""Who was alive at the horizon, who had died, and what is done about those of whom it is not known.

A patient whose follow-up ended before the horizon is neither. To count them as alive, or as dead,
would be wrong; to leave them out makes the deaths look more frequent than they are, because the
longer a patient lives the likelier follow-up ends first. By default the patients who are known
stand for them, with inverse-probability-of-censoring weights
(:mod:`~hccsurv_core.stats.horizon_weights`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hccsurv_core.checks import checked_number
from hccsurv_core.errors import InputError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.censoring import censoring_survival
from hccsurv_core.stats.horizon_weights import horizon_weights

SCHEMES = {
    "ipcw": "those followed to death or the horizon are weighted by the inverse probability of not "
    "having been censored before",
    "left out": "patients censored before the horizon are left out, the others count alike",
}


@dataclass(frozen=True, eq=False)
class HorizonLabels:
    """Labels of n patients.

    Args:
        horizon_months: alive beyond this.
        alive: (n,) known to be; dead: (n,) died by then. Neither is not known.
        weight: (n,) 0 where it is not known.
        scheme: key of :data:`SCHEMES`.
        borrowed: groups of whom nobody is followed to the horizon, so that their censoring was
            learned from all patients.
    """

    horizon_months: float
    alive: np.ndarray
    dead: np.ndarray
    weight: np.ndarray
    scheme: str
    borrowed: tuple[str, ...] = ()

    @property
    def known(self) -> np.ndarray:
        """(n,) whether it is known."""
        return self.alive | self.dead

    @property
    def words(self) -> str:
        """Counts and scheme in a sentence."""
        return (
            f"At {self.horizon_months:g} months {int(self.alive.sum())} patients are known to be "
            f"alive and {int(self.dead.sum())} to have died; of {int((~self.known).sum())} it is not "
            f"known ({SCHEMES[self.scheme]}; largest weight {self.weight.max():.2g})."
        )

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "horizon_months": self.horizon_months,
            "n_alive": int(self.alive.sum()),
            "n_dead": int(self.dead.sum()),
            "n_unknown": int((~self.known).sum()),
            "scheme": self.scheme,
            "largest_weight": float(self.weight.max()),
            "borrowed": list(self.borrowed),
        }


def horizon_labels(
    outcome: SurvivalOutcome,
    horizon_months: float = 36.0,
    *,
    scheme: str = "ipcw",
    group: Sequence[str] | None = None,
) -> HorizonLabels:
    """Label patients at a horizon.

    Args:
        outcome: of training patients: censoring is learned from them.
        horizon_months: 36 in Wei et al.
        scheme: "ipcw" or "left out".
        group: (n,) treatments, say, among which follow-up may differ: censoring is then learned in
            each, but in those of whom nobody is followed that long.

    Raises:
        InputError: an unknown scheme, or not one group a patient.
        StatisticsError: nobody is followed beyond the horizon.
    """
    horizon = checked_number(horizon_months, "horizon_months", low=0.1)
    if scheme not in SCHEMES:
        raise InputError(
            f"no way of censoring is called {scheme!r}", source="labels",
            remedy=f"use {' or '.join(SCHEMES)}",
        )  # fmt: skip
    dead = (outcome.time_months <= horizon) & outcome.event
    alive = outcome.time_months > horizon
    if scheme == "left out":
        return HorizonLabels(horizon, alive, dead, (alive | dead).astype(np.float64), scheme)
    names = np.zeros(len(outcome), np.int64) if group is None else np.asarray(group)
    if names.shape != (len(outcome),):
        raise InputError(f"{len(outcome)} patients but {names.size} groups", source="labels")
    weight, borrowed = np.zeros(len(outcome)), []
    for name in np.unique(names):
        rows = names == name
        own = outcome.subset(rows)
        if not _reaches(own, horizon):
            borrowed.append(str(name))
            own = outcome
        found = horizon_weights(outcome.subset(rows), np.array([horizon]), train=own)
        weight[rows] = found.weight[:, 0]
    return HorizonLabels(horizon, alive, dead, weight, scheme, tuple(borrowed))


def _reaches(outcome: SurvivalOutcome, horizon: float) -> bool:
    """Whether censoring up to the horizon can be learned from these patients."""
    if outcome.time_months.max() < horizon:
        return False
    return bool(censoring_survival(outcome).at(horizon) > 0)
