"""The data sets and predicted risks of tests/reference/horizon_metrics.R, and drawn ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from hccsurv_core.outcome import CompetingOutcome, SurvivalOutcome

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
HORIZONS = [12.0, 36.0, 60.0]


def read_reference(name: str) -> dict:
    """What the R script of this name wrote."""
    return json.loads((REFERENCE / f"{name}.json").read_text())


def risk_by(hazard) -> np.ndarray:
    """(n, 3) risks at the horizons from the script's formula."""
    return np.stack([1 - np.exp(-t / 100 * np.asarray(hazard)) for t in HORIZONS], axis=1)


def pbc_table() -> pd.DataFrame:
    """The trial patients of pbc, time in months."""
    table = pd.read_csv(REFERENCE / "data" / "pbc.csv")
    return table[table.trt.notna()].assign(months=lambda t: t.time / 30.4375)


def reference_cohorts() -> dict:
    """name: (outcome, risks of marker a, risks of marker b)."""
    pbc = pbc_table()
    mgus = pd.read_csv(REFERENCE / "data" / "mgus2.csv")
    mgus = mgus[mgus.mspike.notna() & mgus.hgb.notna()]
    months = np.where(mgus.pstat == 1, mgus.ptime, mgus.futime)
    cause = np.where(mgus.pstat == 1, 1, np.where(mgus.death == 1, 2, 0))
    return {
        "pbc": (
            SurvivalOutcome(pbc.months, pbc.status == 2),
            risk_by(0.25 * pbc.bili**0.8),
            risk_by(np.exp(2.4 - 0.9 * pbc.albumin)),
        ),
        "mgus_any": (
            SurvivalOutcome(months, cause > 0),
            risk_by(0.02 * np.exp(0.05 * mgus.age)),
            risk_by(4 * np.exp(-0.1 * mgus.hgb)),
        ),
        "mgus_cause": (
            CompetingOutcome(months, cause),
            risk_by(0.12 * mgus.mspike**2),
            risk_by(0.3 * np.exp(-0.05 * mgus.hgb)),
        ),
    }


def drawn_cohort(n: int, seed: int, decimals: int = 6) -> tuple[SurvivalOutcome, np.ndarray]:
    """Exponential times with a marker that matters, about a third of them censored."""
    rng = np.random.default_rng(seed)
    marker = rng.normal(size=n).round(1)
    death, lost = rng.exponential(30 * np.exp(-0.7 * marker)), rng.exponential(60, n)
    return SurvivalOutcome(np.minimum(death, lost).round(decimals), death <= lost), marker


def true_survival(marker: np.ndarray, times) -> np.ndarray:
    """(n, k) survival probabilities that ``drawn_cohort`` drew from."""
    return np.exp(-np.asarray(times) / 30 * np.exp(0.7 * np.asarray(marker))[:, None])
