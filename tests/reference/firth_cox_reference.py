"""Firth's penalized Cox regression by the package firthmodels: values for tests/models/test_firth_cox.

    python tests/reference/firth_cox_reference.py     (from the repository's root; pip install firthmodels)

The package is needed for this script only. One group variable; intervals of the penalized
likelihood, test by its ratio.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
from firthmodels import FirthCoxPH


def draw(seed: int, n: int, none_in_first: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times without ties, events and group; in some cases one group has no event."""
    rng = np.random.default_rng(seed)
    group = np.arange(n) % 2
    time = np.round(rng.exponential(10 * np.exp(-1.0 * group)), 3)
    event = rng.random(n) < 0.4
    return time, event & (group == 1) if none_in_first else event, group


def main() -> None:
    """Compute and write."""
    cases = []
    for seed, n, none_in_first in ((0, 24, False), (1, 30, True), (2, 16, True), (3, 60, False)):
        time, event, group = draw(seed, n, none_in_first)
        outcome = np.array(
            list(zip(event, time, strict=True)), dtype=[("event", bool), ("time", float)]
        )
        model = FirthCoxPH(gtol=1e-6, xtol=1e-7, max_iter=200)
        model.fit(group[:, None].astype(float), outcome)
        model.lrt()
        low, high = model.conf_int(method="pl")[0]
        cases.append(
            {
                "time": time.tolist(),
                "event": event.astype(int).tolist(),
                "group": group.tolist(),
                "coef": float(model.coef_[0]),
                "ci": [float(low), float(high)],
                "p": float(np.ravel(model.lrt_pvalues_)[0]),
            }
        )
    answer = {"cases": cases, "versions": {"firthmodels": version("firthmodels")}}
    Path("tests/reference/firth_cox.json").write_text(json.dumps(answer) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
