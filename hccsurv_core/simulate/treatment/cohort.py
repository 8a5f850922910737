"""The virtual cohort of system 2: hepatectomy or TACE, confounded, with both outcomes known.

Arms and split are fixed in number as in a retrospective study that takes so many patients of
each (per 409: 208 + 70 hepatectomies and 78 + 53 embolizations to train + test on; 208 and 78
are the paper's): a patient's arm is dealt first, then candidates are drawn from the population
until the propensity gives one of them that treatment. Both potential survival times share one
uniform: the same luck whatever is done.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hccsurv_core.cohort.folder_schema import CohortInfo
from hccsurv_core.simulate.cohort_writer import SimulatedPatient, patient_rng
from hccsurv_core.simulate.survival_times import draw_follow_up, draw_potential_times, observe
from hccsurv_core.simulate.treatment import hazards
from hccsurv_core.simulate.treatment.causes import TreatmentCauses, draw_causes, draw_center
from hccsurv_core.simulate.treatment.schema import HORIZONS_MONTHS, INFO

if TYPE_CHECKING:
    from pandas import DataFrame

#: (treatment, split) to how many of every block of 409 patients.
QUOTA = {
    ("hepatectomy", "train"): 208, ("hepatectomy", "test"): 70,
    ("tace", "train"): 78, ("tace", "test"): 53,
}  # fmt: skip
BLOCK = sum(QUOTA.values())
_DEAL, _CAUSES, _LUCK, _MISSING, _SCANNER, _IMAGES = 1, 2, 3, 4, 5, 6


@dataclass(frozen=True)
class TreatmentCohort:
    """The simulator of system "treatment"; see `cohort_writer.CohortSpec`."""

    name: str = "treatment"
    default_n: int = BLOCK

    def describe(self) -> CohortInfo:
        """The schema."""
        return INFO

    def draw_patient(self, seed: int, i: int) -> SimulatedPatient:
        """Patient ``i``: causes, treatment, survival under either treatment, and what is recorded."""
        treatment, split, causes = draw_treated(seed, i)
        truth = _truth(causes, split, patient_rng(self.name, seed, i, _LUCK))
        follow_up = truth["follow_up_months"][treatment]
        time, event = observe(truth["potential_months"][treatment], follow_up)
        row = {
            "patient_id": f"T{i + 1:05d}",
            "time_months": round(float(time), 3),
            "event": bool(event),
            "treatment": treatment,
            "split": split,
            **recorded(causes),
        }
        missing = _missing(causes, patient_rng(self.name, seed, i, _MISSING))
        flat = {k: v for k, v in truth.items() if not isinstance(v, dict)}
        flat["follow_up_months"] = follow_up
        row = {name: None if name in missing else row[name] for name in INFO.columns}
        return SimulatedPatient(row, flat)

    def write_images(self, folder: Path, seed: int, i: int) -> Mapping[str, Any]:
        """Draw and write both phases with their outlines."""
        from hccsurv_core.simulate.treatment.files import write_liver_scan
        from hccsurv_core.simulate.treatment.images import simulate_liver_scan
        from hccsurv_core.simulate.treatment.scanner import draw_scan_settings

        causes = draw_treated(seed, i)[2]
        settings = draw_scan_settings(patient_rng(self.name, seed, i, _SCANNER), causes.center)
        scan = simulate_liver_scan(causes, settings, patient_rng(self.name, seed, i, _IMAGES))
        return write_liver_scan(folder, f"T{i + 1:05d}", scan, settings, seed)

    def check(self, table: DataFrame, truth: DataFrame) -> Mapping[str, Any]:
        """Oracle and rivals per arm, published margins, confounding, overlap; see `truth_check`."""
        from hccsurv_core.simulate.treatment.check import check_cohort

        return check_cohort(table, truth)


def spec() -> TreatmentCohort:
    """The simulator, as `cohort_writer.cohort_spec` looks it up."""
    return TreatmentCohort()


@lru_cache(maxsize=8)
def _dealt(seed: int, block: int) -> tuple[tuple[str, str], ...]:
    """Arm and split of every patient of a block, shuffled."""
    cards = [card for card, number in QUOTA.items() for _ in range(number)]
    order = patient_rng("treatment", seed, block, _DEAL).permutation(BLOCK)
    return tuple(cards[k] for k in order)


def draw_treated(seed: int, i: int) -> tuple[str, str, TreatmentCauses]:
    """(treatment, split, causes) of patient ``i``."""
    treatment, split = _dealt(seed, i // BLOCK)[i % BLOCK]
    rng = patient_rng("treatment", seed, i, _CAUSES)
    while True:
        causes = draw_causes(rng, draw_center(rng, split))
        embolized = rng.random() < 1 / (1 + math.exp(-hazards.tace_log_odds(causes)))
        if embolized == (treatment == "tace"):
            return treatment, split, causes


def propensity(causes: TreatmentCauses, split: str) -> float:
    """Probability of TACE among patients like this one in this split of the cohort.

    The candidates' log odds, shifted because the split holds more (or fewer) embolizations
    than its candidates would give.
    """
    share = hazards.CANDIDATE_TACE_SHARE[split]
    held = QUOTA["tace", split] / QUOTA["hepatectomy", split]
    log_odds = hazards.tace_log_odds(causes) + math.log(held * (1 - share) / share)
    return 1 / (1 + math.exp(-log_odds))


def _truth(causes: TreatmentCauses, split: str, rng: np.random.Generator) -> dict[str, Any]:
    """The row of ``truth.csv``, with both arms' times in dictionaries of their own."""
    arms = hazards.TREATMENTS
    predictors = hazards.linear_predictors(causes)
    lp = np.array([[predictors[arm] for arm in arms]])
    u = np.clip(rng.random(4), 1e-12, 1 - 1e-12)
    scales = np.array([hazards.SCALE_MONTHS[arm] for arm in arms])
    times = draw_potential_times(lp, hazards.SHAPE, scales, u[:1])[0]
    means = {arm: float(hazards.restricted_mean(arm, predictors[arm])[0]) for arm in arms}
    difference = means["hepatectomy"] - means["tace"]
    found: dict[str, Any] = {f"cause_{f.name}": getattr(causes, f.name) for f in fields(causes)}
    found |= {"cause_albi": round(causes.albi, 4), "propensity_tace": propensity(causes, split)}
    found |= {f"lp_{arm}": predictors[arm] for arm in arms}
    found |= {f"t_{arm}": float(t) for arm, t in zip(arms, times, strict=True)}
    for arm in arms:
        curve = hazards.survival(arm, predictors[arm], np.array(HORIZONS_MONTHS))[0]
        for months, value in zip(HORIZONS_MONTHS, curve, strict=True):
            found[f"survival_{months:g}_{arm}"] = float(value)
    found |= {f"rmst_{arm}": means[arm] for arm in arms}
    found |= {
        "rmst_difference": difference,
        "best_treatment": "hepatectomy" if difference >= 0 else "tace",
        "potential_months": dict(zip(arms, times, strict=True)),
        "follow_up_months": {arm: _follow_up(arm, u[1:]) for arm in arms},
    }
    return found


def _follow_up(treatment: str, u: np.ndarray) -> float:
    """End of follow-up: some were treated lately, the others long ago; few are lost."""
    share = hazards.RECENT_SHARE[treatment]
    low, high = hazards.FOLLOW_UP_MONTHS["recent" if u[0] < share else "past"]
    return float(
        draw_follow_up(
            u[1], u[2], shortest_months=low, longest_months=high,
            dropout_per_month=hazards.DROPOUT_PER_MONTH,
        )
    )  # fmt: skip


def recorded(causes: TreatmentCauses) -> dict[str, Any]:
    """What the clinic writes down of a patient, nothing missing yet."""
    same = (
        "center", "age_years", "sex", "height_m", "weight_kg", "ecog", "hepatitis_b", "cirrhosis",
        "albumin_g_l", "bilirubin_umol_l", "inr", "platelets_10e9_l", "alt_u_l", "afp_ng_ml",
        "ascites", "encephalopathy", "lesion_count", "vascular_invasion",
    )  # fmt: skip
    return {name: getattr(causes, name) for name in same} | {
        "child_pugh_score": causes.child_pugh,
        "tumor_diameter_mm": causes.reported_diameter_mm,
        "tumor_location": "central" if causes.central else "peripheral",
        "liver_segment": causes.segment,
        "bclc_stage": causes.bclc,
    }


def _missing(causes: TreatmentCauses, rng: np.random.Generator) -> set[str]:
    """Columns that stay empty. None of them decided the treatment.

    Albumin, bilirubin and transaminase by chance; height and weight by center; clotting where the
    liver looked healthy; alpha-fetoprotein where it would have been low (not at random).
    """
    healthy = not causes.cirrhosis and causes.bilirubin_umol_l < 17
    chance = {
        "albumin_g_l": 0.03,
        "bilirubin_umol_l": 0.02,
        "alt_u_l": 0.04,
        "height_m": 0.20 if causes.center == "south" else 0.03,
        "weight_kg": 0.15 if causes.center == "south" else 0.02,
        "inr": 0.15 if healthy else 0.02,
        "afp_ng_ml": 0.14 if causes.afp_ng_ml < 20 else 0.03,
    }
    u = rng.random(len(chance))
    return {name for name, p, x in zip(chance, chance.values(), u, strict=True) if x < p}
