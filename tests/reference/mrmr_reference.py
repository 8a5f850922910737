"""mRMR by the package mrmr-selection (FCQ): values for tests/models/test_mrmr.

    python tests/reference/mrmr_reference.py     (from the repository's root; pip install mrmr-selection)

The package is needed for this script only. Features are drawn here and stored with the answer.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from mrmr import mrmr_classif


def draw(seed: int, n: int, p: int) -> tuple[np.ndarray, np.ndarray]:
    """Correlated features and a yes-or-no outcome, rounded so that they are stored exactly."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4)) @ rng.normal(size=(4, p)) + 1.5 * rng.normal(size=(n, p))
    y = x[:, :5] @ np.array([0.5, 0.5, -0.4, 0.3, 0.2]) + rng.normal(size=n) > 0.3
    return x.round(4), y


def main() -> None:
    """Compute and write."""
    cases = []
    for seed, n, p, k in ((1, 60, 15, 8), (2, 80, 25, 12)):
        x, y = draw(seed, n, p)
        chosen, relevance, _ = mrmr_classif(
            pd.DataFrame(x, columns=[str(j) for j in range(p)]), pd.Series(y.astype(int)), k,
            relevance="f", redundancy="c", denominator="mean", return_scores=True,
            show_progress=False, n_jobs=1,
        )  # fmt: skip
        cases.append(
            {
                "x": x.tolist(),
                "y": y.astype(int).tolist(),
                "order": [int(name) for name in chosen],
                "relevance": [float(relevance[str(j)]) for j in range(p)],
            }
        )
    answer = {"cases": cases, "versions": {"mrmr-selection": version("mrmr-selection")}}
    Path("tests/reference/mrmr.json").write_text(json.dumps(answer) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
