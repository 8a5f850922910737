"""How well the signs of two ultrasound stills tell what was drawn, and how far they predict death.

`python -m benchmarks.ceus_signs [--seeds 1 2] [--n 400] [--folder DIR] [--repeats 60] [--json F]`

For each seed a CEUS cohort is drawn and every patient's signs are measured from the cohort folder, as
a hospital's would be. With ``--folder`` cohorts and signs (``signs_<seed>.csv``) are kept and used
again. The truth is looked at only to judge:

* R² of each cause: of its best single sign, and of a ridge regression on all signs (5-fold);
* the mean shift of that sign on each machine, in standard deviations of the cause;
* intraclass correlation of each sign between a reader's outline and the same reader's second;
* a ridge Cox model of signs and clinical values, trained on 289 patients of the training part and
  tested on all others, :data:`DRAWS` times: its C-index over 0.5 as a share of the oracle's.

Constants of the signs were chosen while seed 1 was looked at.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hccsurv_core.cohort.folder import Cohort, read_cohort
from hccsurv_core.cohort.folder_schema import SCHEMA_FILE
from hccsurv_core.errors import InputError
from hccsurv_core.features.ultrasound_signs import SIGNS, measure_signs
from hccsurv_core.models.ridge_cox import fit_ridge_cox
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.simulate.cohort_writer import cohort_spec, write_simulated_cohort
from hccsurv_core.stats.concordance import harrell_c
from hccsurv_core.stats.intraclass import intraclass_correlation
from hccsurv_core.systems.ceus.image_features import read_stills, still_files

CAUSES = (
    "heterogeneity", "vascularity", "mosaic", "irregularity", "necrosis", "capsule", "satellites",
    "fibrosis", "echo_db", "aspect",
)  # fmt: skip
CLINICAL = (
    "age_years", "cirrhosis", "hbsag", "albumin_g_l", "microvascular_invasion", "tumor_number",
    "log_afp_ng_ml", "log_alt_u_l", "log_ast_u_l", "log_bilirubin_umol_l", "log_tumor_diameter_mm",
)  # fmt: skip
FOLDS, TRAINED_ON, DRAWS, PENALTIES = 5, 289, 20, (0.1, 0.2, 0.5, 1.0)
NAMES = [sign.name for sign in SIGNS]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--n", type=int, default=400, help="patients of a seed")
    parser.add_argument("--folder", type=Path, help="keep cohorts and signs here")
    parser.add_argument("--repeats", type=int, default=60, help="patients outlined twice")
    parser.add_argument("--json", type=Path, help="write what was measured to this file")
    arguments = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        tables = [signs_of_seed(s, arguments.n, folder) for s in arguments.seeds]
        for seed, table in zip(arguments.seeds, tables, strict=True):
            found[f"seed_{seed}"] = judge(table, f"seed {seed}")
        whole = pd.concat(tables, ignore_index=True)
        found["all"] = judge(whole, "all seeds")
        found["death"] = predict_death(whole)
        if arguments.repeats:
            found["icc"] = repeated(
                folder / f"ceus_{arguments.seeds[0]}", tables[0], arguments.repeats
            )
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def signs_of_seed(seed: int, n: int, folder: Path) -> pd.DataFrame:
    """Signs, record and truth (columns ``truth_…``) of a seed's patients."""
    target, kept = folder / f"ceus_{seed}", folder / f"signs_{seed}.csv"
    if not (target / SCHEMA_FILE).exists():
        write_simulated_cohort(target, cohort_spec("ceus"), n=n, seed=seed)
    text = {"patient_id": str}
    if not kept.exists():
        measure_cohort(read_cohort(target), n).to_csv(kept, index=False)
    signs = pd.read_csv(kept, dtype=text)[["patient_id", *NAMES]]
    record = pd.read_csv(target / "cohort.csv", dtype=text)
    truth = pd.read_csv(target / "truth.csv", dtype=text)
    truth = truth.rename(columns={c: f"truth_{c}" for c in truth if c != "patient_id"})
    return signs.merge(record, on="patient_id").merge(truth, on="patient_id")


def measure_cohort(cohort: Cohort, n: int, lesion: str = "lesion") -> pd.DataFrame:
    """Signs of the first ``n`` patients, one row each, with the processor time each took."""
    ranges = cohort.table["contrast_dynamic_range_db"]
    rows = []
    for patient, span in list(zip(cohort.patient_ids, ranges, strict=True))[:n]:
        files = still_files(cohort.folder, patient)
        for role in ("grayscale", "peak"):
            outline = files[f"{role}_lesion"]
            files[f"{role}_lesion"] = outline.with_name(f"{role}_{lesion}.nii.gz")
        try:
            stills = read_stills(files, float(span))
            started = time.process_time()
            signs = measure_signs(stills.grayscale, stills.peak)
        except InputError as error:
            print(f"patient {patient}: {error}")
            continue
        spent = time.process_time() - started
        rows.append({"patient_id": patient, **signs.values, "cpu_s": spent})
    found = pd.DataFrame(rows)
    print(f"{len(found)} of {n} measured, {found['cpu_s'].mean():.2f} CPU s each without reading")
    return found


def judge(table: pd.DataFrame, what: str) -> dict[str, dict[str, Any]]:
    """Print and return R² and shifts between machines of each cause."""
    from sklearn.model_selection import KFold, cross_val_predict

    # The rare tumor that never enhances has no vascularity to see.
    seen = table[table["truth_hypovascular"] == 0]
    signs = seen[NAMES]
    values = signs.fillna(signs.median()).to_numpy()
    missing = signs.isna().sum()
    print(
        f"\n{what}: {len(seen)} patients; not measured: {missing[missing > 0].to_dict() or 'nothing'}"
    )
    print("| cause | best single sign | R² | all signs, 5-fold R² | shift by machine, SD |")
    print("|---|---|---|---|---|")
    found = {}
    for cause in CAUSES:
        y = seen[f"truth_{cause}"].to_numpy(float)
        folds = KFold(FOLDS, shuffle=True, random_state=0)
        together = r_squared(y, cross_val_predict(_ridge(), values, y, cv=folds))
        alone = signs.corrwith(seen[f"truth_{cause}"].astype(float)) ** 2
        best = str(alone.idxmax())
        shifts = machine_shifts(seen[best].to_numpy(float), y, seen["machine"])
        found[cause] = {"sign": best, "alone": float(alone.max()), "together": together,
                        "shifts": shifts}  # fmt: skip
        told = ", ".join(f"{m.split()[0].lower()} {s:+.2f}" for m, s in shifts.items())
        print(f"| {cause} | {best} | {alone.max():.3f} | {together:.3f} | {told} |")
    return found


def machine_shifts(sign: np.ndarray, cause: np.ndarray, machine: pd.Series) -> dict[str, float]:
    """Mean of what a sign says beyond its cause on each machine, in SD of the cause."""
    known = np.isfinite(sign)
    slope, level = np.polyfit(cause[known], sign[known], 1)
    rest = (sign - slope * cause - level) / slope / cause.std()
    return {m: float(np.nanmean(rest[machine == m])) for m in sorted(set(machine))}


def predict_death(table: pd.DataFrame) -> dict[str, Any]:
    """C-index of a ridge Cox model as a share of the oracle's margin over 0.5."""
    x = table.copy()
    for name in ("afp_ng_ml", "alt_u_l", "ast_u_l", "bilirubin_umol_l", "tumor_diameter_mm"):
        x[f"log_{name}"] = np.log(x[name].clip(lower=1))
    parts = {"signs and clinical": [*NAMES, *CLINICAL], "signs": NAMES, "clinical": list(CLINICAL)}
    outcome = SurvivalOutcome(table["time_months"].to_numpy(float), table["event"].to_numpy(bool))
    training = np.flatnonzero(table["split"] == "train")
    shares: dict[str, list[float]] = {f"{p}, {k:g}": [] for p in parts for k in PENALTIES}
    events = []
    for draw in range(DRAWS):
        rng = np.random.default_rng(draw)
        chosen = rng.choice(training, min(TRAINED_ON, len(training)), replace=False)
        other = np.setdiff1d(np.arange(len(table)), chosen)
        oracle = harrell_c(
            outcome.subset(other), table["truth_oracle_death_36_months"].to_numpy()[other]
        )
        events.append(outcome.subset(chosen).n_events)
        for part, names in parts.items():
            known = x[names].fillna(x[names].iloc[chosen].median()).astype(float)
            scaled = (known - known.iloc[chosen].mean()) / known.iloc[chosen].std()
            for penalty in PENALTIES:
                weights = fit_ridge_cox(scaled.to_numpy()[chosen], outcome.subset(chosen), penalty)
                c = harrell_c(outcome.subset(other), scaled.to_numpy()[other] @ weights)
                shares[f"{part}, {penalty:g}"].append((c - 0.5) / (oracle - 0.5))
    print(f"\n{DRAWS} draws of {TRAINED_ON} patients, {np.mean(events):.0f} deaths on average")
    print("| ridge Cox model, penalty | share of the oracle's margin, mean | lowest to highest |")
    print("|---|---|---|")
    for name, found in shares.items():
        print(f"| {name} | {np.mean(found):.3f} | {min(found):.3f} to {max(found):.3f} |")
    return {name: [float(v) for v in found] for name, found in shares.items()}


def repeated(folder: Path, first: pd.DataFrame, n: int) -> dict[str, float]:
    """Absolute agreement, ICC(2,1), of each sign between both outlines of the first patients."""
    second = measure_cohort(read_cohort(folder), n, "lesion_repeat").set_index("patient_id")
    once = first.set_index("patient_id").loc[second.index]
    print("\n| sign | ICC(2,1) between both outlines |\n|---|---|")
    found = {}
    for name in NAMES:
        both = np.stack([once[name], second[name]], 1).astype(float)
        both = both[np.isfinite(both).all(1)]
        found[name] = float(intraclass_correlation(both).estimate.value)
        print(f"| {name} | {found[name]:.3f} |")
    return found


def r_squared(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Share of the variance that is explained; below 0 where the mean does better."""
    return float(1 - ((truth - predicted) ** 2).sum() / ((truth - truth.mean()) ** 2).sum())


def _ridge():
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 3, 16)))


if __name__ == "__main__":
    main()
