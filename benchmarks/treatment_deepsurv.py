"""The two arms on DeepSurv's simulated treatment data: recommended against anti-recommended patients.

`python -m benchmarks.treatment_deepsurv FILE.h5 [--seeds 3] [--members 20]`

FILE is sim_treatment_dataset.h5 of the DeepSurv repository (groups train, valid, test with x, t, e; the
last column of x is the treatment, given by lot). Treatment 0 has a constant hazard, that of treatment 1
falls with the distance of two covariates from 0, so a linear model can say nothing. An arm is trained
on the train part; the test part is looked at once. Reading the file needs h5py, which is no
requirement of ours: `pip install --no-deps --target DIR h5py` and PYTHONPATH=DIR.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.recipe import Recipe
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.kaplan_meier import fit_kaplan_meier
from hccsurv_core.stats.logrank import log_rank_test
from hccsurv_core.systems.treatment.arm_settings import ArmSettings
from hccsurv_core.systems.treatment.arm_table import ARMS, TreatmentTable
from hccsurv_core.systems.treatment.arms import ArmModels, fit_arms
from hccsurv_core.systems.treatment.ensemble_arm import deep_arms

#: In the file's own unit of time; its follow-up ends a little later.
SETTINGS = ArmSettings(horizons_months=(1.0, 2.0, 3.0), rmst_months=3.3)


def read_part(path: Path, name: str) -> TreatmentTable:
    """One group of the file."""
    import h5py

    with h5py.File(path) as file:
        x, t, e = (np.asarray(file[name][key], dtype=float) for key in "xte")
    features = FeatureTable(
        tuple(f"{name} {i + 1}" for i in range(len(x))),
        tuple(f"x{i}" for i in range(x.shape[1] - 1)), x[:, :-1], SurvivalOutcome(t, e > 0),
        source=path.name, named=False,
    )  # fmt: skip
    return TreatmentTable(features, tuple(ARMS[int(code)] for code in x[:, -1]))


def separation(models: ArmModels, table: TreatmentTable) -> str:
    """Survival of those who happened to get what is recommended, and of the others."""
    months = models.restricted_means(table.values)
    advised = months[ARMS[1]] > months[ARMS[0]]
    agreed = advised == table.given(ARMS[1])
    told = []
    for word, rows in (("recommended", agreed), ("anti-recommended", ~agreed)):
        part = table.outcome.subset(rows)
        median = fit_kaplan_meier(part).median().value
        told.append(f"{word}: n {len(part)}, {part.n_events} events, median {median:.3f}")
    return f"{'; '.join(told)}; log-rank p {log_rank_test(table.outcome, agreed).p:.2g}"


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--members", type=int, default=20)
    arguments = parser.parse_args()
    train, test = (read_part(arguments.file, name) for name in ("train", "test"))
    print(f"{len(train)} to train on, {len(test)} to test; follow-up of the test part ends at "
          f"{test.outcome.time_months.max():.3f} (nan: median not reached)")  # fmt: skip
    print(f"linear arms: {separation(fit_arms(train, SETTINGS), test)}")
    fit = deep_arms(Recipe(), n_members=arguments.members)
    for seed in range(arguments.seeds):
        models = fit_arms(train, SETTINGS, seed, fit_arm=fit)
        print(f"deep arms, seed {seed}: {separation(models, test)}", flush=True)


if __name__ == "__main__":
    main()
