"""Print the numbers that the constants of the simulated CEUS cohort were set by.

    python -m benchmarks.calibrate_ceus_cohort [N] [SEED]

The procedure and the targets stand in `hccsurv_core.simulate.ceus.check`.
"""

from __future__ import annotations

import json
import sys

import pandas as pd

from hccsurv_core.simulate.ceus.cohort import draw_patients, spec


def main(n: int = 30_000, seed: int = 5) -> None:
    patients = draw_patients(seed, range(n))
    cohort = spec()
    table = pd.DataFrame([p.row for p in patients])
    for name, column in cohort.describe().columns.items():
        numeric = column.kind in ("number", "boolean")
        table[name] = table[name].astype("float64" if numeric else object)
    found = cohort.check(table, pd.DataFrame([p.truth for p in patients]))
    sys.stdout.write(json.dumps(found, indent=1, default=float) + "\n")


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:3]))
