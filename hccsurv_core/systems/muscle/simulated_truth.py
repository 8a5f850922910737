"""How near a model comes to the true hazard of simulated patients.

Only an evaluation that says so looks at ``truth.csv``; nothing that trains or predicts does.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hccsurv_core.cohort.folder import TRUTH_TABLE_FILE
from hccsurv_core.cohort.folder_schema import PATIENT_ID
from hccsurv_core.errors import TableError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.stats.concordance import estimate_concordance

TRUE_HAZARD = "linear_predictor"
_NOTE = (
    "simulated truth: the log hazard that the simulator drew these patients' survival from, which "
    "no model can be expected to beat and which real patients do not have"
)


def true_hazard(folder: Path, patient_ids: Sequence[str]) -> np.ndarray | None:
    """(n,) true log hazard of simulated patients; None where the cohort has no truth with it.

    Raises:
        TableError: the truth is damaged, or lacks a patient.
    """
    path = folder / TRUTH_TABLE_FILE
    if not path.is_file():
        return None
    try:
        with path.open(encoding="utf-8", newline="") as file:
            known = {row[PATIENT_ID]: float(row[TRUE_HAZARD]) for row in csv.DictReader(file)}
        return np.array([known[patient] for patient in patient_ids])
    except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise TableError(
            f"does not tell {TRUE_HAZARD} of every patient", source=str(path),
            remedy="draw the cohort again, or remove the file",
        ) from error  # fmt: skip


def compare_with_oracle(
    table: FeatureTable, risk_score: np.ndarray, true: np.ndarray, seed: int
) -> dict[str, Any]:
    """C of the true hazard, and which share of its margin over 0.5 the model reaches."""
    outcome = table.require_outcome()
    best = estimate_concordance(outcome, true, seed=seed)
    own = estimate_concordance(outcome, risk_score, seed=seed, n_resamples=20).value
    margin = best.value - 0.5
    share = (own - 0.5) / margin if margin > 0 else math.nan
    return {
        "c_index": best.to_json(),
        "share_of_margin": share if math.isfinite(share) else None,
        "note": _NOTE,
    }
