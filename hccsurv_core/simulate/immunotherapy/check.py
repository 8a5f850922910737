"""How hard the immunotherapy cohort is: oracle, rivals and margins for ``truth.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hccsurv_core.outcome import DAYS_PER_MONTH, SurvivalOutcome
from hccsurv_core.simulate.immunotherapy.lesions import CATEGORIES
from hccsurv_core.simulate.immunotherapy.schema import CLINICAL_FLAGS
from hccsurv_core.simulate.truth_check import (
    Concordance,
    Margin,
    concordance,
    cox_concordance,
    report,
)

if TYPE_CHECKING:
    from pandas import DataFrame

SOURCE = "Xia et al., Insights into Imaging 2024, doi 10.1186/s13244-024-01784-8"
OURS = "ours"
#: Published test C-indices: clinical score, images of the baseline, images of both times.
PUBLISHED_CLN, PUBLISHED_RAD_S, PUBLISHED_RAD_D = 0.622, 0.608, 0.681
#: Baseline and both times, in causes that images and table show.
_BASELINE = ["cause_cln", "cause_burden", "cause_lung", "cause_infiltration", "cause_cirrhosis"]
_CHANGE = ["cause_growth", "cause_necrosis", "cause_new_lesions"]


def check(table: DataFrame, truth: DataFrame) -> Mapping[str, Any]:
    """Oracle with and without what only the follow-up shows, rivals, margins.

    Args:
        table, truth: as `cohort_writer.draw_tables` returns them, with or without what was
            measured on the masks; any number of patients.
    """
    outcome = SurvivalOutcome(table["time_months"].to_numpy(float), table["event"].to_numpy(float))
    scores: list[Concordance | None] = [
        _score(outcome, truth["linear_predictor"], "true linear predictor", "oracle", (0.74, 0.80)),
        _score(outcome, truth["baseline_linear_predictor"], "its part known at baseline", "oracle"),
        _score(outcome, truth["clinical_score"], "CLN as published", "rival",
               (PUBLISHED_CLN, PUBLISHED_CLN)),
        _score(outcome, truth["recist"].map(CATEGORIES.index), "true RECIST category", "rival"),
        _score(outcome, _read_change(table), "change of the read target sum", "rival"),
        _score(outcome, truth["baseline_liver_ml"], "tumor volume at baseline", "rival"),
    ]  # fmt: skip
    both = table.join(truth.drop(columns="patient_id"))
    scores += [
        cox_concordance(both, _BASELINE[1:], outcome, "images at baseline, Cox on causes",
                        published=(PUBLISHED_RAD_S, PUBLISHED_RAD_S)),
        cox_concordance(both, _BASELINE[1:] + _CHANGE, outcome, "images at both times, Cox on causes",
                        published=(PUBLISHED_RAD_D, PUBLISHED_RAD_D)),
        cox_concordance(both, _BASELINE + _CHANGE, outcome, "images and CLN, Cox on causes"),
    ]  # fmt: skip
    measured = _measured(both)
    if measured is not None:
        scores.append(measured)
    return report(scores, _margins(table, truth, outcome))


def _score(
    outcome: SurvivalOutcome, values: Any, name: str, kind: str,
    published: tuple[float, float] | None = None,
) -> Concordance:  # fmt: skip
    return concordance(outcome, np.asarray(values, float), name, kind=kind, published=published)


def _read_change(table: DataFrame) -> np.ndarray:
    """Relative change of the targets that were read twice; 0 (stable) where none was."""
    before, after = np.zeros(len(table)), np.zeros(len(table))
    for k in range(1, 5):
        a = table[f"target_{k}_baseline_mm"].to_numpy(float)
        b = table[f"target_{k}_followup_mm"].to_numpy(float)
        twice = np.isfinite(a) & np.isfinite(b)
        before += np.where(twice, a, 0)
        after += np.where(twice, b, 0)
    return np.where(before > 0, after / np.maximum(before, 1e-9) - 1, 0.0)


def _measured(both: DataFrame) -> Concordance | None:
    """What the true outlines of the slices alone tell: areas at both times, and CLN."""
    if "baseline_liver_tumor_cm2" not in both:
        return None
    import pandas as pd

    area = {
        role: np.log1p(both[f"{role}_tumor_cm2"].astype(float))
        for role in ("baseline_liver", "followup_liver", "baseline_lung", "followup_lung")
    }
    table = pd.DataFrame(
        {
            "cln": both["clinical_score"],
            "liver": area["baseline_liver"],
            "lung": area["baseline_lung"],
            "liver_change": area["followup_liver"] - area["baseline_liver"],
            "lung_change": (area["followup_lung"] - area["baseline_lung"]).fillna(0.0),
        }
    )
    outcome = SurvivalOutcome(both["time_months"].to_numpy(float), both["event"].to_numpy(float))
    return cox_concordance(table, list(table.columns), outcome, "outlined areas and CLN, Cox")


def _margins(table: DataFrame, truth: DataFrame, outcome: SurvivalOutcome) -> list[Margin]:
    def share(name: str, values: Any, published: float | None = None) -> Margin:
        return Margin(
            name, float(np.mean(values)), published, OURS if published is None else SOURCE
        )

    category = truth["recist"]
    return [
        Margin("deaths, share", outcome.n_events / len(outcome), 138 / 207, SOURCE),
        Margin("median survival, days", _median(outcome) * DAYS_PER_MONTH, 475.0, SOURCE),
        Margin("age, mean", float(table["age_years"].mean()), 61.0, SOURCE),
        Margin("age, standard deviation", float(table["age_years"].std()), 12.0, SOURCE),
        share("men", table["sex"] == "male", 180 / 207),
        Margin("centers", float(table["center"].nunique()), 52.0, SOURCE),
        *[share(f"split {name}", table["split"] == name) for name in ("train", "validation", "test")],
        *[share(name, table[name]) for name in CLINICAL_FLAGS],
        *[share(f"differentiation {name}", table["differentiation"] == name)
          for name in ("high", "moderate", "low", "undifferentiated")],
        share("lung metastases", truth["baseline_lung_lesions"] > 0),
        share("follow-up scan", table["has_followup"]),
        share("follow-up chest", table["has_followup_chest"]),
        *[share(f"RECIST {name}", category == name) for name in CATEGORIES],
        Margin("scan interval, median days", float(table["scan_interval_days"].median()), None, OURS),
    ]  # fmt: skip


def _median(outcome: SurvivalOutcome) -> float:
    """Kaplan-Meier median, months; NaN where it is not reached."""
    order = np.lexsort((~outcome.event, outcome.time_months))
    time, event = outcome.time_months[order], outcome.event[order]
    survival = np.cumprod(1 - event / np.arange(len(time), 0, -1))
    below = np.flatnonzero(survival <= 0.5)
    return float(time[below[0]]) if len(below) else float("nan")
