"""The two arms' models on simulated cohorts: coverage, regret and C-index against the truth.

`python -m benchmarks.treatment_arms [--seeds 1 2 3 4 5] [--blocks 4] [--reliability 1.0 0.7]
[--uncertainty posterior bootstrap] [--penalty cross-validated] [--json F]`

Each cohort of 208 + 78 patients is trained on, as in the paper, and 1000 others of the same seed are
asked about. Covariates are clinical columns and the true image causes, read with the given reliability
(share of the variance that is not noise; 1 is a perfect reader): no image is looked at. It shows what
the statistics can do, not what a pipeline does. Seeds 1 to 5 are for development.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.cox_posterior import CoxPosterior
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.simulate.treatment.check import IMAGE_CAUSES, with_derived
from hccsurv_core.simulate.treatment.cohort import BLOCK, spec
from hccsurv_core.stats.concordance import harrell_c
from hccsurv_core.systems.treatment.arm_settings import ArmSettings
from hccsurv_core.systems.treatment.arm_table import ARMS, TreatmentTable
from hccsurv_core.systems.treatment.recommendation import recommend
from hccsurv_core.systems.treatment.recommender import Recommender, fit_recommender
from hccsurv_core.systems.treatment.regret import coverage, regret
from hccsurv_core.systems.treatment.unexplained import unexplained_spread

CLINICAL = (
    "albi", "cirrhosis", "log_diameter", "log_count", "central", "vascular_invasion", "log_afp",
    "ecog", "age_years", "platelets_10e9_l", "child_pugh_score",
)  # fmt: skip
HORIZONS = (12, 24, 36)
N_ASKED = 1000


@dataclass(frozen=True, eq=False)
class Cohort:
    """All patients of one seed.

    Args:
        table, truth: as the simulator has them. covariates: (n, p) with noise on what images show.
    """

    table: pd.DataFrame
    truth: pd.DataFrame
    covariates: np.ndarray

    def part(self, rows: np.ndarray) -> TreatmentTable:
        """Some patients."""
        mine = self.table.iloc[rows]
        features = FeatureTable(
            tuple(mine["patient_id"]), (*CLINICAL, *IMAGE_CAUSES), self.covariates[rows],
            SurvivalOutcome(mine["time_months"].to_numpy(), mine["event"].to_numpy(bool)),
        )  # fmt: skip
        return TreatmentTable(features, tuple(mine["treatment"]))


def draw(seed: int, n: int, reliability: float) -> Cohort:
    """n patients of a seed."""
    simulator = spec()
    drawn = [simulator.draw_patient(seed, i) for i in range(n)]
    table = with_derived(pd.DataFrame([p.row for p in drawn]))
    truth = pd.DataFrame([p.truth for p in drawn])
    table["central"] = (table["tumor_location"] == "central").astype(float)
    causes = truth[list(IMAGE_CAUSES)].to_numpy()
    noise = np.random.default_rng(seed).standard_normal(causes.shape)
    causes = causes + noise * causes.std(axis=0) * math.sqrt(1 / reliability - 1)
    clinical = table[list(CLINICAL)].astype(float).to_numpy()
    return Cohort(table, truth, np.column_stack((clinical, causes)))


def cnlc(row: pd.Series) -> str:
    """CNLC stage of a simulated candidate (Child-Pugh A or B, ECOG 0 to 2, no spread)."""
    number, diameter = row["lesion_count"], row["tumor_diameter_mm"]
    if row["vascular_invasion"]:
        return "IIIa"
    if number == 1:
        return "Ia" if diameter <= 50 else "Ib"
    if number <= 3:
        return "Ib" if diameter <= 30 else "IIa"
    return "IIb"


def measure(cohort: Cohort, block: int, settings: ArmSettings, seed: int) -> dict[str, float]:
    """Train on one block, ask about others."""
    place = np.arange(len(cohort.table)) // BLOCK
    training = np.flatnonzero((place == block) & (cohort.table["split"] == "train"))
    others = np.flatnonzero(place != block)
    asked = np.random.default_rng((seed, block)).choice(others, N_ASKED, replace=False)
    clinical = CLINICAL
    models = fit_recommender(cohort.part(training), settings, seed, propensity=clinical)
    values, truth = cohort.covariates[asked], cohort.truth.iloc[asked]
    found: dict[str, float] = {}
    for arm in ARMS:
        rows = others[cohort.table["treatment"].to_numpy()[others] == arm]
        outcome = cohort.part(rows).outcome
        score = models.arms.models[arm].risk_score(models.arms.filled(cohort.covariates[rows]))
        oracle = harrell_c(outcome, cohort.truth[f"lp_{arm}"].to_numpy()[rows])
        found[f"C {arm}"] = harrell_c(outcome, score)
        found[f"C {arm}, oracle"] = oracle
        found[f"C {arm}, share of the oracle's margin"] = (found[f"C {arm}"] - 0.5) / (oracle - 0.5)
    asked_values = models.arms.filled(values)
    parts = {arm: models.arms.models[arm] for arm in ARMS}
    spread = unexplained_spread(
        {arm: truth[f"lp_{arm}"] for arm in ARMS},
        {arm: part.risk_score(asked_values) for arm, part in parts.items()},
        "these patients",
        score_error={
            arm: part.score_error(asked_values)
            for arm, part in parts.items()
            if isinstance(part, CoxPosterior)
        },
    )
    found |= {f"unexplained spread, {arm}": spread.log_hazard_sd[arm] for arm in ARMS}
    contrast = replace(models.arms, spread=spread).contrast(values)
    differences = np.column_stack(
        [truth[f"survival_{h}_{ARMS[0]}"] - truth[f"survival_{h}_{ARMS[1]}"] for h in HORIZONS]
    )
    bands = {"": contrast.survival_difference}
    if contrast.individual is not None:
        bands[", single"] = contrast.individual
    for name, band in bands.items():
        for h, share in zip(HORIZONS, coverage(differences, band), strict=True):
            found[f"coverage at {h} months{name}"] = float(share)
        found[f"width at 24 months{name}"] = float((band.high - band.low)[:, 1].mean())
    found["coverage, months"] = float(
        coverage(truth["rmst_difference"].to_numpy(), contrast.months_difference)
    )
    return found | _regrets(models, cohort, asked)


def _regrets(models: Recommender, cohort: Cohort, asked: np.ndarray) -> dict[str, float]:
    answers = []
    for i in asked:
        row = cohort.table.iloc[i]
        facts = {name: row[name] for name in ("bclc_stage", "bilirubin_umol_l")}
        patient = dict(zip(models.names, cohort.covariates[i], strict=True)) | facts
        patient |= {"cnlc_stage": cnlc(row), "extrahepatic_spread": False}
        answers.append(recommend(models, patient))
    truth = cohort.truth.iloc[asked]
    found = regret(
        {arm: truth[f"rmst_{arm}"] for arm in ARMS},
        given=list(cohort.table["treatment"].iloc[asked]),
        recommendation=[a.recommendation for a in answers],
        favored=[a.findings.favored for a in answers],
        n_resamples=50,
    )
    regrets = {f"regret, {name}": e.value for name, e in found.months.items()}
    regrets |= {f"regret where recommended, {n}": e.value for n, e in found.recommended.items()}
    ratios = {
        f"regret against the best plain, {n}": e.value for n, e in found.against_plain.items()
    }
    return regrets | ratios | {"share recommended": found.share_recommended}


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--reliability", type=float, nargs="+", default=[1.0, 0.7])
    parser.add_argument("--uncertainty", nargs="+", default=["posterior"])
    parser.add_argument("--penalty", default="averaged")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    told = []
    for reliability in arguments.reliability:
        for uncertainty in arguments.uncertainty:
            settings = ArmSettings(
                penalty=arguments.penalty, uncertainty=uncertainty, n_draws=arguments.draws
            )
            rows = []
            for seed in arguments.seeds:
                cohort = draw(seed, max(4, arguments.blocks) * BLOCK, reliability)
                rows += [measure(cohort, b, settings, seed) for b in range(arguments.blocks)]
            frame = pd.DataFrame(rows)
            print(f"\nreliability {reliability:g}, {uncertainty}: {len(frame)} training cohorts")
            summary = pd.DataFrame(
                {"mean": frame.mean(), "sd": frame.std(), "min": frame.min(), "max": frame.max()}
            )
            print(summary.round(3).to_string(), flush=True)
            told.append(
                {"reliability": reliability, "uncertainty": uncertainty, "rows": rows}
            )  # fmt: skip
    if arguments.json:
        arguments.json.write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
