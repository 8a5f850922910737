"""How the constants of the muscle cohort were found, and whether they still hold.

    python benchmarks/calibrate_muscle_cohort.py [--slabs 500] [--patients 12000]

1. Draws slabs and regresses what their true masks measure on the causes: the terms of
   ``simulate/muscle/measures.py``.
2. Draws many patients without images and prints the margins against Liu et al. 2024, with the
   definitions of ``features/body.py``; the means of ``simulate/muscle/causes.py`` were set
   by hand until these agreed to about one percentage point.

Constants are copied by hand into the modules; nothing is refitted when a cohort is drawn.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pandas as pd

from hccsurv_core.features.body import BodyMeasures, apply_definitions
from hccsurv_core.simulate.cohort_writer import draw_tables
from hccsurv_core.simulate.muscle.cohort import spec
from hccsurv_core.simulate.muscle.scan import measure_truth

SEED = 900
NAMES = (
    "intercept", "log muscle", "log height", "female", "streaks", "streaks²", "log frame",
    "log waist", "log psoas", "lean HU", "contrast", "four lumbar", "six lumbar",
)  # fmt: skip


def drawn(i: int) -> dict[str, float]:
    """Causes and true measures of slab ``i``."""
    slab = spec().draw_slab(SEED, i)
    a, q = slab.scan.anatomy, slab.scan.acquisition
    causes = (
        1.0, np.log(a.muscle), np.log(a.height_m / 1.69), a.sex == "female", a.fat_streaks - 0.15,
        (a.fat_streaks - 0.15) ** 2, np.log(a.frame), np.log(a.waist_half_width_mm / 135),
        np.log(a.psoas), a.muscle_hu - 51, a.phase != "noncontrast", a.n_lumbar == 4,
        a.n_lumbar == 6,
    )  # fmt: skip
    scanner = q.bias_hu + (q.gain - 1) * 1000
    return {
        **dict(zip(NAMES, map(float, causes), strict=True)),
        **measure_truth(slab.scan),
        "scanner_hu": scanner,
    }


def fit_terms(slabs: pd.DataFrame) -> None:
    """Print the regression of each measure on the causes."""
    x = slabs[list(NAMES)].to_numpy()
    for name, y in (
        ("log_sma", np.log(slabs["sma_cm2"])),
        ("log_pma", np.log(slabs["pma_cm2"])),
        ("ma_hu", slabs["ma_hu"] - slabs["scanner_hu"]),
        ("pd_hu", slabs["pd_hu"] - slabs["scanner_hu"]),
    ):
        terms, *_ = np.linalg.lstsq(x, y.to_numpy(), rcond=None)
        left = (y - x @ terms).std(ddof=x.shape[1])
        print(f"{name}: left over {left:.3f}; " + ", ".join(f"{t:.4g}" for t in terms))


def prevalence(table: pd.DataFrame, truth: pd.DataFrame, prefix: str) -> dict[str, float]:
    """Share of low muscle in discovery by the package's own definitions."""
    verdicts: dict[str, list[bool]] = {}
    for row, hidden in zip(
        table.itertuples(index=False), truth.itertuples(index=False), strict=True
    ):
        if row.split not in ("train", "internal"):
            continue
        values = {
            k: getattr(hidden, f"{prefix}_{k}") for k in ("sma_cm2", "pma_cm2", "pd_hu", "ma_hu")
        }
        measures = BodyMeasures(**values, height_m=hidden.true_height_m)
        for result in apply_definitions(measures, row.sex):
            verdicts.setdefault(result.name, []).append(bool(result.positive))
    return {name: round(float(np.mean(v)), 4) for name, v in verdicts.items()}


def main() -> None:
    """Draw, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slabs", type=int, default=500)
    parser.add_argument("--patients", type=int, default=12000)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.slabs:
        with ProcessPoolExecutor(arguments.workers) as pool:
            fit_terms(pd.DataFrame(list(pool.map(drawn, range(arguments.slabs), chunksize=4))))
    table, truth = draw_tables(spec(), arguments.patients, SEED + 1)
    print(json.dumps(prevalence(table, truth, "expected")))
    print(json.dumps(spec().check(table, truth), indent=1))


if __name__ == "__main__":
    main()
