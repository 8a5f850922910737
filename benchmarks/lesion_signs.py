"""How well the signs of a lesion tell what was drawn: R² of each cause from all signs together.

`python -m benchmarks.lesion_signs [--seeds 1 2] [--n 100] [--folder DIR] [--json F]`

For each seed a treatment cohort is drawn and every patient's signs are measured from the cohort
folder, as a hospital's would be. The truth is looked at only to judge. Three tables, for each cause
a ridge regression on all signs (scaled, penalty chosen within the training part):

* 5-fold cross-validation over all patients,
* across scanners: learned on the soft kernel with thick slices, tested on the sharp one,
* the best single sign and its squared correlation.

Constants of the signs were chosen while seeds 1 and 2 were looked at; other seeds are fresh.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from hccsurv_core.cohort.folder import Cohort, read_cohort
from hccsurv_core.cohort.folder_schema import SCHEMA_FILE
from hccsurv_core.errors import InputError
from hccsurv_core.features.lesion_signs import measure_lesion_signs
from hccsurv_core.imaging.lesion_crops import LesionPhase
from hccsurv_core.io.nifti import read_nifti
from hccsurv_core.simulate.cohort_writer import cohort_spec, write_simulated_cohort
from hccsurv_core.systems.muscle.case_images import read_series
from hccsurv_core.systems.treatment.cnn_case import LESION, LIVER, ROLES

CAUSES = ("vascularity", "washout", "necrosis", "capsule", "corona", "infiltration")
FOLDS = 5


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--n", type=int, default=100, help="patients of a seed")
    parser.add_argument("--folder", type=Path, help="keep the cohorts here")
    parser.add_argument("--json", type=Path, help="write what was measured to this file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        tables = [measure_seed(s, arguments.n, folder) for s in arguments.seeds]
    found = judge(pd.concat([signs for signs, _ in tables]), pd.concat([t for _, t in tables]))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def measure_seed(seed: int, n: int, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Signs and truth of a seed's patients, one row a patient in both."""
    target = folder / f"treatment_{seed}"
    if not (target / SCHEMA_FILE).exists():
        write_simulated_cohort(target, cohort_spec("treatment"), n=n, seed=seed)
    cohort = read_cohort(target)
    truth = pd.read_csv(target / "truth.csv", dtype={"patient_id": str}).set_index("patient_id")
    rows: dict[str, dict[str, float]] = {}
    started, refused = time.process_time(), 0
    for patient in truth.index:
        try:
            phases = [read_phase(cohort, patient, role) for role in ROLES]
            rows[patient] = dict(measure_lesion_signs(phases[0], phases[1]).values)
        except InputError as error:
            refused += 1
            print(f"seed {seed}, patient {patient}: {error}")
    spent = (time.process_time() - started) / max(len(truth), 1)
    print(
        f"seed {seed}: {len(rows)} patients, {refused} refused, {spent:.2f} CPU s each with reading"
    )
    signs = pd.DataFrame(rows).T
    names = [f"{seed}/{p}" for p in signs.index]
    return signs.set_axis(names), truth.loc[list(rows)].set_axis(names)


def read_phase(cohort: Cohort, patient: str, role: str) -> LesionPhase:
    """A phase of a patient with both outlines."""
    volume, _, _ = read_series(cohort.image_folder(patient, role))
    lesion, liver = (
        read_nifti(cohort.roi_file(patient, role, name))[0].voxels > 0 for name in (LESION, LIVER)
    )
    return LesionPhase(volume, lesion, liver)


def judge(signs: pd.DataFrame, truth: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Print and return R² of each cause."""
    from sklearn.model_selection import KFold, cross_val_predict

    values = signs.fillna(signs.median()).to_numpy()
    sharp = truth["scan_sharp"].to_numpy(bool)
    missing = signs.isna().sum()
    print(f"\n{len(signs)} patients; not measured: {missing[missing > 0].to_dict() or 'nothing'}\n")
    print("| cause | R², 5-fold | across scanners | best single sign | R² |")
    print("|---|---|---|---|---|")
    found = {}
    for cause in CAUSES:
        y = truth[f"cause_{cause}"].to_numpy(float)
        folds = KFold(FOLDS, shuffle=True, random_state=0)
        inside = r_squared(y, cross_val_predict(_ridge(), values, y, cv=folds))
        moved = r_squared(y[sharp], _ridge().fit(values[~sharp], y[~sharp]).predict(values[sharp]))
        alone = signs.corrwith(truth[f"cause_{cause}"]) ** 2
        found[cause] = {"cross_validated": inside, "across_scanners": moved}
        print(f"| {cause} | {inside:.3f} | {moved:.3f} | {alone.idxmax()} | {alone.max():.3f} |")
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
