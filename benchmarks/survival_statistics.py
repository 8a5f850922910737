"""Concordance intervals and Cox fits against lifelines, in one run.

`python -m benchmarks.survival_statistics [--repeats N]`: each line times both on the same data and
checks that they agree. Peers run as a user would call them.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np

from hccsurv_core.models.coxph import fit_cox
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.concordance import estimate_concordance
from hccsurv_core.stats.resampling import resample_indices

N_RESAMPLES = 1000


def seconds(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Median time of ``repeats`` runs, and the last answer."""
    times, answer = [], None
    for _ in range(repeats):
        began = time.perf_counter()
        answer = work()
        times.append(time.perf_counter() - began)
    return statistics.median(times), answer


def draw_cohort(n: int, p: int, seed: int = 0) -> tuple[np.ndarray, SurvivalOutcome]:
    """Normal covariates, exponential times in months, about half censored."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p))
    time_months = rng.exponential(20 * np.exp(-x @ rng.normal(0, 0.2, p)))
    end = rng.exponential(25, n)
    return x, SurvivalOutcome(np.minimum(time_months, end), time_months <= end)


def measure_concordance(repeats: int) -> dict[str, float]:
    """1000 resamples of Harrell's C at n = 500 against lifelines in a loop; and n = 16 000."""
    from lifelines.utils import concordance_index

    x, outcome = draw_cohort(500, 1)
    score = x[:, 0]
    ours, estimate = seconds(
        lambda: estimate_concordance(outcome, score, n_resamples=N_RESAMPLES), repeats
    )

    def loop() -> list[float]:
        return [
            concordance_index(outcome.time_months[r], -score[r], outcome.event[r])
            for r in resample_indices(500, N_RESAMPLES)
        ]

    peer, draws = seconds(loop, max(1, repeats // 3))
    low, high = np.quantile(draws, [0.025, 0.975])
    x, big = draw_cohort(16_000, 1)
    large, _ = seconds(lambda: estimate_concordance(big, x[:, 0], n_resamples=N_RESAMPLES), 1)
    return {
        "ours_s": ours, "lifelines_s": peer, "ratio": peer / ours, "n_16000_s": large,
        "difference": max(abs(estimate.ci_low - low), abs(estimate.ci_high - high)),
    }  # fmt: skip


def measure_cox(repeats: int, n: int = 5000, p: int = 50) -> dict[str, float]:
    """One Cox fit against lifelines."""
    import pandas as pd
    from lifelines import CoxPHFitter

    x, outcome = draw_cohort(n, p)
    frame = pd.DataFrame(x).assign(time=outcome.time_months, event=outcome.event)
    ours, model = seconds(lambda: fit_cox(x, outcome), repeats)
    peer, fitted = seconds(lambda: CoxPHFitter().fit(frame, "time", "event"), repeats)
    return {
        "ours_s": ours, "lifelines_s": peer, "ratio": peer / ours,
        "coef_difference": float(np.abs(model.coef - fitted.params_.to_numpy()).max()),
        "se_difference": float(
            np.abs(model.std_error - fitted.standard_errors_.to_numpy()).max()
        ),
    }  # fmt: skip


def main() -> None:
    """Print both as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    repeats = parser.parse_args().repeats
    names = ("numpy", "scipy", "lifelines", "scikit-survival")
    print(f"Python {platform.python_version()}, " + ", ".join(f"{n} {version(n)}" for n in names))
    for title, result in (
        ("Harrell's C, 1000 resamples, n = 500", measure_concordance(repeats)),
        ("Cox, n = 5000, p = 50", measure_cox(repeats)),
    ):
        print(f"\n{title}")
        for name, value in result.items():
            print(f"  {name:>16}: {value:.4g}")


if __name__ == "__main__":
    main()
