"""How well the truth itself would rank simulated patients, and how near a model comes to that.

Only an evaluation that says so looks at ``truth.csv``; nothing that trains or predicts does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hccsurv_core.cohort.folder import TRUTH_TABLE_FILE
from hccsurv_core.errors import TableError
from hccsurv_core.stats.concordance import harrell_c
from hccsurv_core.stats.roc import roc_area
from hccsurv_core.systems.ceus.cohort import CeusCohort

SOURCE = (
    "simulated truth: each patient's probability of death within 36 months and of recurrence within "
    "12, over all that might have happened, which no hospital could know"
)
_COLUMNS = {"death": "oracle_death_36_months", "early_recurrence": "oracle_early_recurrence"}


@dataclass(frozen=True, eq=False)
class Truth:
    """Of n patients: true probabilities of death within 36 and of recurrence within 12 months."""

    death: np.ndarray
    early_recurrence: np.ndarray


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
        return Truth(**{name: mine[column].to_numpy(float) for name, column in _COLUMNS.items()})
    except (OSError, KeyError, ValueError) as error:
        raise TableError(
            "lacks a patient or a column of the truth", source=str(path),
            remedy="copy the whole cohort folder again",
        ) from error  # fmt: skip


def compare_with_truth(
    truth: Truth, cohort: CeusCohort, predicted: Mapping[str, tuple[np.ndarray, np.ndarray]]
) -> dict[str, Any]:
    """What of the truth's own margin above chance each version reaches.

    Args:
        truth: of the cohort's patients.
        predicted: version → probabilities of early recurrence, log hazards of death.

    Returns:
        "death" and "early_recurrence": the oracle's C-index (area), and by version its own and the
        share of the margin.
    """
    known = np.isfinite(cohort.early)
    happened = cohort.early[known].astype(bool)
    ranks = {
        "death": lambda score: harrell_c(cohort.outcome, score),
        "early_recurrence": lambda score: roc_area(happened, score[known]).value,
    }
    best = {
        "death": ranks["death"](truth.death),
        "early_recurrence": ranks["early_recurrence"](truth.early_recurrence),
    }
    found: dict[str, Any] = {"source": SOURCE}
    for name, place in (("early_recurrence", 0), ("death", 1)):
        reached = {v: ranks[name](scores[place]) for v, scores in predicted.items()}
        found[name] = {
            "oracle": best[name],
            "versions": reached,
            "share_of_margin": {v: (r - 0.5) / (best[name] - 0.5) for v, r in reached.items()},
        }
    return found
