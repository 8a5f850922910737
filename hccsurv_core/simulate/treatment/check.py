"""How hard a treatment cohort is, how confounded, and how near to the published margins."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hccsurv_core.outcome import DAYS_PER_MONTH, SurvivalOutcome
from hccsurv_core.simulate.treatment.hazards import RMST_MONTHS, TREATMENTS
from hccsurv_core.simulate.treatment.staging import albi_grade, albi_score
from hccsurv_core.simulate.truth_check import (
    Concordance,
    Margin,
    concordance,
    cox_concordance,
    report,
)

if TYPE_CHECKING:
    from pandas import DataFrame

SOURCE = "Wei et al., Br J Hosp Med 2026, doi 10.31083/BJHM50380"
#: Median survival in days and share of deaths, by arm (as this project's brief reports them).
PUBLISHED = {"hepatectomy": (517.0, 0.482), "tace": (218.0, 0.824)}
#: The paper's combined models, C-index of its two parts of the data.
PUBLISHED_COMBINED = {"hepatectomy": (0.836, 0.861), "tace": (0.834, 0.840)}
#: The paper's clinical models, from raw values.
CLINICAL_MODEL = {
    "hepatectomy": ("bclc_stage", "cirrhosis", "albi_grade", "log_diameter"),
    "tace": ("bclc_stage", "cirrhosis", "tumor_location"),
}
ALL_CLINICAL = (
    "bclc_stage", "cirrhosis", "albi", "log_diameter", "log_count", "tumor_location",
    "vascular_invasion", "log_afp", "ecog", "age_years", "platelets_10e9_l", "child_pugh_score",
)  # fmt: skip
#: What images show, as columns of the truth: with the clinical ones, what a perfect reader knows.
IMAGE_CAUSES = ("cause_infiltration", "cause_corona", "cause_capsule", "cause_necrosis",
                "cause_vascularity")  # fmt: skip
#: Propensities between these bounds count as overlap.
OVERLAP = (0.1, 0.9)


def check_cohort(table: DataFrame, truth: DataFrame) -> Mapping[str, Any]:
    """Oracle, rivals, margins, confounding and overlap of a cohort of any size."""
    concordances: list[Concordance | None] = []
    for arm in TREATMENTS:
        concordances += _arm_concordances(table, truth, arm)
    treated = (table["treatment"] == "tace").to_numpy()
    return report(
        concordances,
        _margins(table),
        treatment_effect=treatment_effect(table, truth),
        overlap={
            "bounds": list(OVERLAP),
            "share": _mean(truth["propensity_tace"].between(*OVERLAP).to_numpy()),
            "propensity_auc": _auc(truth["propensity_tace"].to_numpy(), treated),
        },
        best_treatment=_best(table, truth),
        regret_months=regret(table, truth),
        rmst_months=RMST_MONTHS,
        unmeasured_confounding=False,
    )


def _arm_concordances(table: DataFrame, truth: DataFrame, arm: str) -> list[Concordance | None]:
    """Oracle and classical rivals among those given ``arm``.

    Rivals of several columns are fitted on the training part and judged on the test part.
    """
    rows = (table["treatment"] == arm).to_numpy()
    if not rows.any():
        return []
    mine, known = with_derived(table[rows].reset_index(drop=True)), truth[rows]
    outcome = SurvivalOutcome(mine["time_months"].to_numpy(), mine["event"].to_numpy())
    train = (mine["split"] == "train").to_numpy()
    mine = mine.join(known[list(IMAGE_CAUSES)].reset_index(drop=True))
    oracle = concordance(
        outcome, known[f"lp_{arm}"].to_numpy(), f"{arm}: true linear predictor", kind="oracle",
        published=PUBLISHED_COMBINED[arm],
    )  # fmt: skip
    single = [
        concordance(outcome, mine[column].fillna(mine[column].median()), f"{arm}: {words}")
        for column, words in (
            ("bclc_rank", "BCLC stage"),
            ("albi_grade", "ALBI grade"),
            ("cirrhosis", "cirrhosis"),
            ("tumor_diameter_mm", "tumor diameter"),
        )
    ]
    fitted = [
        cox_concordance(mine, columns, outcome, f"{arm}: {words}", train=train)
        for columns, words in (
            (CLINICAL_MODEL[arm], "Cox on the paper's clinical variables"),
            (ALL_CLINICAL, "Cox on all clinical variables"),
            ((*ALL_CLINICAL, *IMAGE_CAUSES), "Cox that also knows the true image causes"),
        )
    ]
    return [oracle, *single, *fitted]


def with_derived(table: DataFrame) -> DataFrame:
    """The table with what clinical models take from it: ALBI, logarithms, ranks."""
    albi = [
        albi_score(a, b) if a == a and b == b else math.nan
        for a, b in zip(table["albumin_g_l"], table["bilirubin_umol_l"], strict=True)
    ]
    return table.assign(
        albi=albi,
        albi_grade=[float(albi_grade(a)) if a == a else math.nan for a in albi],
        bclc_rank=table["bclc_stage"].map({s: float(k) for k, s in enumerate("0ABCD")}),
        log_diameter=np.log(table["tumor_diameter_mm"]),
        log_count=np.log2(table["lesion_count"]),
        log_afp=np.log10(table["afp_ng_ml"].astype(float)),
    )


def treatment_effect(table: DataFrame, truth: DataFrame) -> dict[str, float | None]:
    """Gain from hepatectomy in restricted mean survival, months: naive, weighted, true.

    The weighted one is by inverse of the true propensity: what a perfect adjustment would find.
    """
    tace = (table["treatment"] == "tace").to_numpy()
    e = truth["propensity_tace"].to_numpy()
    weights = np.where(tace, 1 / e, 1 / (1 - e))

    def gain(w: np.ndarray) -> float:
        means = [
            restricted_km_mean(
                table["time_months"].to_numpy()[arm], table["event"].to_numpy()[arm] > 0, w[arm]
            )
            for arm in (~tace, tace)
        ]
        return means[0] - means[1]

    return {
        "naive": gain(np.ones(len(table))),
        "weighted_by_true_propensity": gain(weights),
        "true_average": _mean(truth["rmst_difference"].to_numpy()),
        "true_average_of_tace_patients": _mean(truth["rmst_difference"].to_numpy()[tace]),
    }


def regret(table: DataFrame, truth: DataFrame) -> dict[str, float]:
    """Mean restricted survival lost against each patient's better treatment, months."""
    both = truth[[f"rmst_{arm}" for arm in TREATMENTS]].to_numpy()
    best = both.max(axis=1)
    tace = (table["treatment"] == "tace").to_numpy()
    return {
        "all_hepatectomy": _mean(best - both[:, 0]),
        "all_tace": _mean(best - both[:, 1]),
        "as_given": _mean(best - np.where(tace, both[:, 1], both[:, 0])),
    }


def _best(table: DataFrame, truth: DataFrame) -> dict[str, float]:
    best = (truth["best_treatment"] == "tace").to_numpy()
    tace = (table["treatment"] == "tace").to_numpy()
    gap = truth["rmst_difference"].abs().to_numpy()
    return {
        "share_tace": _mean(best),
        "share_hepatectomy": _mean(~best),
        "share_tace_among_given_tace": _mean(best[tace]),
        "share_tace_among_given_hepatectomy": _mean(best[~tace]),
        "share_given_the_better": _mean(best == tace),
        "share_more_than_3_months_apart": _mean(gap > 3),
    }


def _margins(table: DataFrame) -> list[Margin]:
    found = []
    for arm in TREATMENTS:
        mine = table[table["treatment"] == arm]
        days, dead = PUBLISHED[arm]
        median = km_median(mine["time_months"].to_numpy(), mine["event"].to_numpy() > 0)
        found += [
            Margin(f"{arm}: median survival, days", median * DAYS_PER_MONTH, days, SOURCE),
            Margin(f"{arm}: dead at end of follow-up", _mean(mine["event"]), dead, SOURCE),
            Margin(f"{arm}: share of the cohort", len(mine) / len(table),
                   {"hepatectomy": 278, "tace": 131}[arm] / 409, SOURCE),
            Margin(f"{arm}: mean age, years", _mean(mine["age_years"]), None, "ours"),
            Margin(f"{arm}: men", _mean(mine["sex"] == "male"), None, "ours"),
            Margin(f"{arm}: cirrhosis", _mean(mine["cirrhosis"]), None, "ours"),
            Margin(f"{arm}: median tumor diameter, mm",
                   float(mine["tumor_diameter_mm"].median()), None, "ours"),
            Margin(f"{arm}: single tumor", _mean(mine["lesion_count"] == 1), None, "ours"),
            Margin(f"{arm}: vascular invasion", _mean(mine["vascular_invasion"]), None, "ours"),
            Margin(f"{arm}: BCLC B or C", _mean(mine["bclc_stage"].isin(["B", "C"])), None, "ours"),
            Margin(f"{arm}: Child-Pugh A", _mean(mine["child_pugh_score"] <= 6), None, "ours"),
        ]  # fmt: skip
    return found


def _km(time: np.ndarray, event: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times of events and (weighted) Kaplan-Meier survival just after each."""
    order = np.argsort(time, kind="stable")
    time, dead, w = time[order], event[order], weights[order]
    at_risk = np.cumsum(w[::-1])[::-1]
    times, first = np.unique(time, return_index=True)
    deaths = np.add.reduceat(w * dead, first) if len(first) else np.zeros(0)
    return times, np.cumprod(1 - deaths / at_risk[first])


def km_median(time: np.ndarray, event: np.ndarray) -> float:
    """Kaplan-Meier median in the unit of ``time``; NaN where it is not reached."""
    times, survival = _km(time, event, np.ones(len(time)))
    below = np.flatnonzero(survival <= 0.5)
    return float(times[below[0]]) if len(below) else math.nan


def restricted_km_mean(time: np.ndarray, event: np.ndarray, weights: np.ndarray) -> float:
    """Area under the weighted Kaplan-Meier curve up to :data:`RMST_MONTHS`; NaN for nobody."""
    if not len(time):
        return math.nan
    times, survival = _km(time, event, weights)
    kept = times < RMST_MONTHS
    edges = np.concatenate([[0.0], times[kept], [RMST_MONTHS]])
    return float(np.concatenate([[1.0], survival[kept]]) @ np.diff(edges))


def _auc(score: np.ndarray, positive: np.ndarray) -> float:
    """Probability that a positive has the higher score; NaN where one group is empty."""
    from scipy.stats import rankdata

    n = int(positive.sum())
    if n in (0, len(score)):
        return math.nan
    ranks = rankdata(score)[positive].sum()
    return float((ranks - n * (n + 1) / 2) / (n * (len(score) - n)))


def _mean(values: Any) -> float:
    array = np.asarray(values, float)
    return float(array.mean()) if array.size else math.nan
