"""Agreement by other people's code: pingouin, statsmodels, irrCAC.

    python tests/reference/agreement_reference.py      (from the repository's root)

Run once, in an environment of its own with the packages named in ``versions`` of the answer;
the tests need none of them. The ratings are published examples: Shrout & Fleiss 1979 (six
subjects, four judges), Fleiss 1971 (thirty patients, six psychiatrists, as statsmodels has them),
and a table of two raters with three levels from SAS's documentation, as statsmodels has it.
"""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pingouin
from irrCAC.raw import CAC
from statsmodels.stats.inter_rater import aggregate_raters, cohens_kappa, fleiss_kappa
from statsmodels.stats.tests.test_inter_rater import diagnoses

SHROUT_FLEISS = [
    [9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7],
]  # fmt: skip
SAS_TABLE = [[0, 4, 1], [0, 8, 0], [0, 1, 5]]


def draw_ratings() -> list[list[float]]:
    """Twelve subjects, three raters who differ in level."""
    rng = np.random.default_rng(11)
    subject = rng.normal(50, 10, (12, 1))
    ratings = subject + np.array([0.0, 1.5, -2.0]) + rng.normal(0, 3, (12, 3))
    return ratings.round(1).tolist()


def intraclass(ratings: list[list[float]]) -> dict[str, dict[str, float]]:
    """Value, F, degrees of freedom and p of pingouin, under Shrout & Fleiss's names."""
    table = pd.DataFrame(ratings).reset_index(names="subject")
    long = table.melt(id_vars="subject", var_name="rater", value_name="rating")
    found = pingouin.intraclass_corr(long, targets="subject", raters="rater", ratings="rating")
    names = ["ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)"]
    interval = next(column for column in found if column.startswith("CI"))
    columns = {"ICC": "value", "F": "f", "df1": "df1", "df2": "df2", "pval": "p"}
    return {
        name: {ours: float(row[theirs]) for theirs, ours in columns.items()}
        | {"ci": [float(x) for x in row[interval]]}
        for name, (_, row) in zip(names, found.iterrows(), strict=True)
    }


def cohen(weights: str | None) -> dict[str, float]:
    """Kappa and its asymptotic standard error by statsmodels."""
    found = cohens_kappa(SAS_TABLE) if weights is None else cohens_kappa(SAS_TABLE, wt=weights)
    return {"value": float(found.kappa), "std_error": float(found.std_kappa)}


def main() -> None:
    """Compute and write."""
    pingouin.options["round.column.CI95"] = None
    counts, _ = aggregate_raters(diagnoses)
    gwet = CAC(pd.DataFrame(diagnoses), digits=15).fleiss()["est"]
    answer = {
        "shrout_fleiss": {"ratings": SHROUT_FLEISS, "forms": intraclass(SHROUT_FLEISS)},
        "drawn": {"ratings": draw_ratings(), "forms": intraclass(draw_ratings())},
        "cohen": {
            "table": SAS_TABLE,
            "none": cohen(None),
            "linear": cohen("linear"),
            "quadratic": cohen("quadratic"),
        },
        "fleiss": {
            "ratings": np.asarray(diagnoses).tolist(),
            "value": float(fleiss_kappa(counts)),
            "ci": [float(x) for x in gwet["confidence_interval"]],
            "std_error": float(gwet["se"]),
        },
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("pingouin", "statsmodels", "irrCAC", "numpy", "scipy")},
    }
    target = Path(__file__).with_name("agreement.json")
    target.write_text(json.dumps(answer) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
