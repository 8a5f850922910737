"""Patients treated as was recommended against the others: groups, and weights that make them alike.

Somebody with a chance e of TACE, for whom TACE is recommended, is treated in agreement with a chance
of e, and of 1 − e where hepatectomy is. Weights made of that chance are those of Zhao et al., J Am Stat
Assoc 2012;107:1106-1118, for the value of a treatment rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.standardize import fit_standardizer
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.propensity_weights import PropensityWeights, propensity_weights
from hccsurv_core.systems.treatment.arm_table import ARMS, NONE, TreatmentTable
from hccsurv_core.systems.treatment.overlap import fit_choice

Scheme = Literal["unweighted", "iptw", "overlap"]
#: Scheme → what it does, for a heading.
SCHEMES: dict[Scheme, str] = {
    "unweighted": "as they are",
    "iptw": "inverse probability of treatment, stabilized and trimmed",
    "overlap": "overlap weights",
}
#: The least chance that is told apart from none.
_NEARLY_0 = 1e-9
#: Patients of the smaller treatment that each coefficient asks for, so that the propensity is
#: fitted apart among those for whom either treatment was recommended.
_PER_COEFFICIENT = 5


@dataclass(frozen=True, eq=False)
class Judged:
    """Patients for whom something was recommended.

    Args:
        values: (n, p) covariates without gaps. names: (p,) of them.
        tace: (n,) True for those who were given TACE.
        advised_tace: (n,) True where TACE was recommended.
        outcome: of the same patients.
        trim: chances of agreement beyond these bounds get no inverse probability weight.
    """

    values: np.ndarray
    names: tuple[str, ...]
    tace: np.ndarray
    advised_tace: np.ndarray
    outcome: SurvivalOutcome
    trim: tuple[float, float]

    def __len__(self) -> int:
        return self.tace.size

    @property
    def agreed(self) -> np.ndarray:
        """(n,) treated as was recommended."""
        return self.tace == self.advised_tace

    def subset(self, rows: ArrayLike) -> Judged:
        """Some patients, by position (with repetition) or boolean mask."""
        chosen = np.asarray(rows)
        return Judged(
            self.values[chosen], self.names, self.tace[chosen], self.advised_tace[chosen],
            self.outcome.subset(chosen), self.trim,
        )  # fmt: skip

    @cached_property
    def propensity(self) -> np.ndarray:
        """(n,) chance of TACE, fitted on these patients.

        Raises:
            StatisticsError: the propensity cannot be fitted.
        """
        groups = [rows for rows in (self.advised_tace, ~self.advised_tace) if rows.any()]
        needed = _PER_COEFFICIENT * (self.values.shape[1] + 1)
        smallest = min(
            min(int(self.tace[rows].sum()), int((~self.tace[rows]).sum())) for rows in groups
        )
        if smallest < needed:
            return self._fitted(np.ones(len(self), dtype=bool))
        # Apart, weights balance the groups that are compared, not only the treatments.
        score = np.empty(len(self))
        for rows in groups:
            score[rows] = self._fitted(rows)
        return score

    def _fitted(self, rows: np.ndarray) -> np.ndarray:
        values = self.values[rows]
        spread = values.std(axis=0)
        varies = spread > 1e-12
        z = (values[:, varies] - values[:, varies].mean(axis=0)) / spread[varies]
        names = [name for name, v in zip(self.names, varies, strict=True) if v]
        # A chance is never quite 0 or 1, only rounded to it where few patients are far apart.
        return np.clip(fit_choice(z, self.tace[rows], names).score, _NEARLY_0, 1 - _NEARLY_0)

    @property
    def chance_of_agreement(self) -> np.ndarray:
        """(n,) of having been treated as was recommended."""
        return np.where(self.advised_tace, self.propensity, 1.0 - self.propensity)

    def weights(self, scheme: Scheme) -> PropensityWeights | None:
        """Weights under which those treated in agreement and the others are alike.

        Returns:
            None for "unweighted".

        Raises:
            StatisticsError: the propensity cannot be fitted, or trimming leaves nobody.
        """
        if scheme == "unweighted":
            return None
        if scheme == "overlap":
            return propensity_weights(self.chance_of_agreement, self.agreed, target="overlap")
        return propensity_weights(
            self.chance_of_agreement, self.agreed, stabilized=True, trim=self.trim
        )


def judged_patients(
    table: TreatmentTable, recommendation: Sequence[str], trim: tuple[float, float]
) -> Judged:
    """The patients of a cohort for whom something was recommended.

    Args:
        table: the cohort with the covariates that the choice of treatment may have depended on;
            missing values become the cohort's median.
        recommendation: n of "hepatectomy", "tace" and "none".
        trim: see :class:`Judged`.

    Raises:
        InputError: another number of recommendations, or an unknown one.
        StatisticsError: nobody agrees, or everybody does.
    """
    advised = np.asarray([str(r) for r in recommendation])
    if advised.size != len(table):
        raise InputError(
            f"{len(table)} patients but {advised.size} recommendations", source="recommendation"
        )
    unknown = sorted(set(advised.tolist()) - {*ARMS, NONE})
    if unknown:
        raise InputError(
            f"{unknown[0]!r} is no recommendation", source="recommendation",
            remedy=f"use {', '.join((*ARMS, NONE))}",
        )  # fmt: skip
    rows = advised != NONE
    filled = fit_standardizer(table.values, table.names).fill(table.values)
    found = Judged(
        filled[rows], table.names, table.tace[rows], advised[rows] == "tace",
        table.outcome.subset(rows) if rows.any() else table.outcome, trim,
    )  # fmt: skip
    agreed = int(found.agreed.sum())
    if agreed in (0, len(found)):
        raise StatisticsError(
            f"{agreed} of {len(found)} patients with a recommendation were treated in agreement "
            "with it, so there is nobody to compare them with",
            source="recommendation",
        )
    return found
