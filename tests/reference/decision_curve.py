"""Net benefit by the package dcurves, on R's own data: values for tests/stats/test_decision_curve.

    python tests/reference/decision_curve.py     (from the repository's root; pip install dcurves)

The package is needed for this script only. Predicted risks are plain formulas of the covariates.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from dcurves import dca

FOLDER = Path("tests/reference")
THRESHOLDS = [k / 100 for k in range(5, 80, 5)]
COLUMNS = ["threshold", "net_benefit", "net_intervention_avoided"]


def curves(table: pd.DataFrame, **settings: object) -> dict[str, dict[str, list[float | None]]]:
    """By model (and "all"): thresholds, net benefit, interventions avoided per patient."""
    found = dca(data=table, modelnames=["a", "b"], thresholds=THRESHOLDS, **settings)
    parts = {}
    for name, part in found.groupby("model"):
        plain = part[COLUMNS].astype(float)
        parts[str(name)] = {
            column: [x if np.isfinite(x) else None for x in plain[column]] for column in COLUMNS
        }
    return parts


pbc = pd.read_csv(FOLDER / "data" / "pbc.csv")
pbc = pbc[pbc.trt.notna()].assign(months=lambda t: t.time / 30.4375)
pbc["died"] = (pbc.status == 2).astype(int)
pbc["a"] = 1 - np.exp(-36 * 0.25 * pbc.bili**0.8 / 100)
pbc["b"] = 1 - np.exp(-36 / 100 * np.exp(2.4 - 0.9 * pbc.albumin))
known = pbc[(pbc.months > 36) | (pbc.died == 1)].copy()
known["early"] = ((known.months <= 36) & (known.died == 1)).astype(int)

answer = {
    "versions": {
        "python": sys.version.split()[0],
        **{package: version(package) for package in ("dcurves", "lifelines", "pandas")},
    },
    "binary": curves(known[["early", "a", "b"]], outcome="early"),
    "case_control": curves(known[["early", "a", "b"]], outcome="early", prevalence=0.1),
    "survival": curves(
        pbc[["died", "months", "a", "b"]],
        outcome="died",
        time=36,
        time_to_outcome_col="months",
    ),
}
(FOLDER / "decision_curve.json").write_text(json.dumps(answer, indent=1) + "\n")
