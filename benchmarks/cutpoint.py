"""A searched cut-point: all 400 cuts at once against a loop of lifelines' log-rank tests.

`python -m benchmarks.cutpoint [--repeats N]` searches the same 400 cuts of 500 patients both ways
in one run, holds the 400 chi-squares against each other, and times a cohort of 16 000 patients
with every cut.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from importlib.metadata import version

import numpy as np

from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.cutpoints import OptimalCutpoint, optimal_cutpoint

PATIENTS = 500
LARGE_COHORT = 16_000
#: Leaves 50 to 449 of 500 patients low: 400 cuts.
MIN_SHARE = 0.101


def draw(n: int, seed: int = 0) -> tuple[np.ndarray, SurvivalOutcome]:
    """A marker with an effect, follow-up to the tenth of a month, a third censored."""
    rng = np.random.default_rng(seed)
    marker = rng.normal(size=n)
    event_time = rng.exponential(30.0, n) * np.exp(-0.3 * marker)
    censoring = rng.uniform(0.0, 90.0, n)
    time_months = np.minimum(event_time, censoring).round(1)
    return marker, SurvivalOutcome(time_months, event_time <= censoring)


def loop_of_tests(
    marker: np.ndarray, outcome: SurvivalOutcome, cutpoints: np.ndarray
) -> np.ndarray:
    """The chi-square of every cut, one lifelines test each."""
    from lifelines.statistics import logrank_test

    chi_squares = []
    for cut in cutpoints:
        high = marker > cut
        test = logrank_test(
            outcome.time_months[high],
            outcome.time_months[~high],
            outcome.event[high],
            outcome.event[~high],
        )
        chi_squares.append(test.test_statistic)
    return np.array(chi_squares)


def measure(repeats: int = 20) -> dict[str, float]:
    """Seconds of both ways, their ratio, and how far their chi-squares are apart."""
    marker, outcome = draw(PATIENTS)
    ours, found = _timed(marker, outcome, MIN_SHARE, repeats)
    start = time.perf_counter()
    expected = loop_of_tests(marker, outcome, found.scan_cutpoints)
    theirs = time.perf_counter() - start
    large, all_cuts = _timed(*draw(LARGE_COHORT, 1), 0.0, max(1, repeats // 4))
    return {
        "n_cuts": found.n_cuts,
        "scan_s": ours,
        "lifelines_loop_s": theirs,
        "ratio": theirs / ours,
        "largest_relative_difference": float(
            np.max(np.abs(found.scan_statistics - expected) / np.maximum(expected, 1e-12))
        ),
        "same_cutpoint": float(
            found.cutpoint.value == found.scan_cutpoints[int(np.argmax(expected))]
        ),
        "large_n_cuts": all_cuts.n_cuts,
        "large_scan_s": large,
    }


def _timed(
    marker: np.ndarray, outcome: SurvivalOutcome, min_share: float, repeats: int
) -> tuple[float, OptimalCutpoint]:
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        found = optimal_cutpoint(marker, outcome, min_share=min_share)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), found


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    result = measure(parser.parse_args().repeats)
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, numpy {version('numpy')}, "
        f"lifelines {version('lifelines')}"
    )
    print("| search | cuts | seconds |\n|---|---|---|")
    print(f"| ours, n = {PATIENTS} | {result['n_cuts']:.0f} | {result['scan_s']:.5f} |")
    print(
        f"| loop of lifelines, n = {PATIENTS} | {result['n_cuts']:.0f} "
        f"| {result['lifelines_loop_s']:.2f} |"
    )
    print(
        f"| ours, n = {LARGE_COHORT} | {result['large_n_cuts']:.0f} "
        f"| {result['large_scan_s']:.4f} |"
    )
    print(
        f"\n{result['ratio']:.0f} times faster; the chi-squares differ by at most "
        f"{result['largest_relative_difference']:.1e} (relative), "
        f"{'the same' if result['same_cutpoint'] else 'ANOTHER'} cut-point"
    )


if __name__ == "__main__":
    main()
