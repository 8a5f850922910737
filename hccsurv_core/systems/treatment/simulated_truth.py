"""What is true of simulated patients under either treatment, and how near a model comes to it.

Only an evaluation that says so looks at ``truth.csv``; nothing that trains or recommends does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hccsurv_core.cohort.folder import TRUTH_TABLE_FILE
from hccsurv_core.errors import TableError
from hccsurv_core.stats.concordance_comparison import compare_concordances
from hccsurv_core.systems.treatment.arm_table import ARMS
from hccsurv_core.systems.treatment.cohort import TreatmentCohort
from hccsurv_core.systems.treatment.contrast import TreatmentContrast
from hccsurv_core.systems.treatment.recommendation import Recommendation
from hccsurv_core.systems.treatment.regret import Regret, coverage, regret

SOURCE = (
    "simulated truth: survival under either treatment as the simulator drew it, which no hospital "
    "could know"
)
_HORIZONS = (12, 24, 36)


@dataclass(frozen=True, eq=False)
class Truth:
    """Of n patients, by treatment.

    Args:
        linear_predictor: (n,) true log hazard.
        survival: (n, 3) at 12, 24 and 36 months.
        months: (n,) expected months lived of 36.
    """

    linear_predictor: Mapping[str, np.ndarray]
    survival: Mapping[str, np.ndarray]
    months: Mapping[str, np.ndarray]


def read_truth(folder: Path, patient_ids: Sequence[str]) -> Truth | None:
    """The truth of these patients; None where the cohort has none with it.

    Raises:
        TableError: it is damaged, or lacks a patient.
    """
    import pandas as pd

    path = folder / TRUTH_TABLE_FILE
    if not path.is_file():
        return None
    try:
        table = pd.read_csv(path, dtype={"patient_id": str}).set_index("patient_id")
        mine = table.loc[list(patient_ids)]
        return Truth(
            {arm: mine[f"lp_{arm}"].to_numpy(float) for arm in ARMS},
            {arm: mine[[f"survival_{h}_{arm}" for h in _HORIZONS]].to_numpy(float) for arm in ARMS},
            {arm: mine[f"rmst_{arm}"].to_numpy(float) for arm in ARMS},
        )
    except (OSError, KeyError, ValueError) as error:
        raise TableError(
            "lacks a patient or a column of the truth", source=str(path),
            remedy="copy the whole cohort folder again",
        ) from error  # fmt: skip


@dataclass(frozen=True, eq=False)
class NearTruth:
    """How near a model comes.

    Args:
        share_of_margin: by arm, of the true hazard's C above 0.5, among those given it.
        covered: by horizon, share of patients whose true survival difference lies within their
            interval; covered_individual: within the wider one of a single patient, if declared.
        covered_months: the same of the difference in months; covered_individual_months likewise.
        regret: months lost by the recommendation and by other ways to choose.
    """

    share_of_margin: Mapping[str, Any]
    covered: Mapping[str, float]
    covered_individual: Mapping[str, float] | None
    covered_months: float
    covered_individual_months: float | None
    regret: Regret

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "source": SOURCE,
            "share_of_margin": dict(self.share_of_margin),
            "covered": dict(self.covered),
            "covered_individual": None
            if self.covered_individual is None
            else dict(self.covered_individual),
            "covered_months": self.covered_months,
            "covered_individual_months": self.covered_individual_months,
            "regret": self.regret.to_json(),
        }


def compare_with_truth(
    truth: Truth,
    cohort: TreatmentCohort,
    risk: Mapping[str, np.ndarray],
    contrast: TreatmentContrast,
    answers: Sequence[Recommendation],
    seed: int,
) -> NearTruth:
    """Hold a model's answers against the truth.

    Args:
        risk: by arm, (n,) risk scores of all patients under it.
        contrast: of the same patients.
        answers: of the same patients.
    """
    shares = {}
    for arm in ARMS:
        rows = np.array([t == arm for t in cohort.treatment])
        found = compare_concordances(
            cohort.outcome.subset(rows),
            {"model": risk[arm][rows], "truth": truth.linear_predictor[arm][rows]},
            margins=[("model", "truth")], seed=seed,
        )  # fmt: skip
        margin, oracle = found.margins[("model", "truth")], found.scores["truth"]
        shares[arm] = {
            "share": None if margin.estimate is None else margin.estimate.to_json(),
            "c_index_of_truth": None if oracle.estimate is None else oracle.estimate.to_json(),
        }
    difference = truth.survival[ARMS[0]] - truth.survival[ARMS[1]]
    names = [f"{h}m" for h in _HORIZONS]

    def told(shares_covered: np.ndarray) -> dict[str, float]:
        return {n: float(s) for n, s in zip(names, shares_covered, strict=True)}

    individual, own_months = contrast.individual, contrast.individual_months
    months = truth.months[ARMS[0]] - truth.months[ARMS[1]]
    return NearTruth(
        shares,
        told(coverage(difference, contrast.survival_difference)),
        None if individual is None else told(coverage(difference, individual)),
        float(coverage(months, contrast.months_difference)),
        None if own_months is None else float(coverage(months, own_months)),
        regret(
            truth.months,
            given=list(cohort.treatment),
            recommendation=[a.recommendation for a in answers],
            favored=[a.findings.favored for a in answers],
            seed=seed,
        ),
    )
