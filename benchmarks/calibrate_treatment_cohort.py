"""Find again the calibrated constants of the virtual treatment cohort.

    python -m benchmarks.calibrate_treatment_cohort [--n 200000] [--seed 900001]

Draws a large cohort (causes only) and solves, one after another, for what
`simulate.treatment.hazards` fixes: the intercept of the propensity (131 of 409 candidates), the
share of embolizations among the candidates of either split, the Weibull scale of each arm
(Kaplan-Meier median 517 and 218 days), and the share of patients treated lately (48.2 % and
82.4 % dead at the end of follow-up). Prints what it finds beside what is checked in.
"""

from __future__ import annotations

import argparse
import math

import numpy as np
from scipy.optimize import brentq

from hccsurv_core.outcome import DAYS_PER_MONTH
from hccsurv_core.simulate.survival_times import draw_follow_up
from hccsurv_core.simulate.treatment import hazards
from hccsurv_core.simulate.treatment.causes import draw_causes, draw_center
from hccsurv_core.simulate.treatment.cohort import BLOCK, QUOTA, draw_treated

MEDIAN_DAYS = {"hepatectomy": 517.0, "tace": 218.0}
DEAD = {"hepatectomy": 0.482, "tace": 0.824}


def candidate_log_odds(n: int, seed: int, split: str) -> np.ndarray:
    """Log odds of embolization, without the intercept, of ``n`` candidates of a split."""
    rng = np.random.default_rng([seed, split == "test"])
    odds = [hazards.tace_log_odds(draw_causes(rng, draw_center(rng, split))) for _ in range(n)]
    return np.array(odds) - hazards.LOG_ODDS_INTERCEPT


def solve_intercept(n: int, seed: int) -> tuple[float, dict[str, float]]:
    """The intercept, and the share embolized among each split's candidates with it."""
    odds = {split: candidate_log_odds(n, seed, split) for split in ("train", "test")}
    weight = {s: sum(v for (_, split), v in QUOTA.items() if split == s) / BLOCK for s in odds}
    wanted = sum(v for (arm, _), v in QUOTA.items() if arm == "tace") / BLOCK

    def share(intercept: float, split: str) -> float:
        return float((1 / (1 + np.exp(-odds[split] - intercept))).mean())

    found = float(brentq(lambda b: sum(weight[s] * share(b, s) for s in odds) - wanted, -10, 10))
    return found, {split: share(found, split) for split in odds}


def solve_arm(n: int, seed: int, arm: str) -> tuple[float, float]:
    """Scale and share treated lately of one arm."""
    drawn = (draw_treated(seed, i) for i in range(n))
    lp = np.array([hazards.linear_predictors(c)[arm] for given, _, c in drawn if given == arm])
    u = np.clip(np.random.default_rng([seed, 7]).random((4, len(lp))), 1e-12, 1 - 1e-12)
    unit = (-np.log(u[0]) * np.exp(-lp)) ** (1 / hazards.SHAPE)
    scale = MEDIAN_DAYS[arm] / DAYS_PER_MONTH / float(np.median(unit))
    ends = {
        wave: draw_follow_up(
            u[1], u[2], shortest_months=low, longest_months=high,
            dropout_per_month=hazards.DROPOUT_PER_MONTH,
        )
        for wave, (low, high) in hazards.FOLLOW_UP_MONTHS.items()
    }  # fmt: skip
    dead = {wave: float((scale * unit <= end).mean()) for wave, end in ends.items()}
    return scale, (dead["past"] - DEAD[arm]) / (dead["past"] - dead["recent"])


def main() -> None:
    """Print found and checked-in constants."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=900_001)
    given = parser.parse_args()
    intercept, shares = solve_intercept(given.n, given.seed)
    print(f"LOG_ODDS_INTERCEPT {intercept:.4f} (checked in {hazards.LOG_ODDS_INTERCEPT})")
    for split, share in shares.items():
        held = QUOTA["tace", split] / QUOTA["hepatectomy", split]
        shift = math.log(held * (1 - share) / share)
        print(f"CANDIDATE_TACE_SHARE {split} {share:.4f} (log odds shifted by {shift:+.3f} there)")
    for arm in hazards.TREATMENTS:
        scale, recent = solve_arm(given.n, given.seed, arm)
        print(f"SCALE_MONTHS {arm} {scale:.3f} (checked in {hazards.SCALE_MONTHS[arm]})")
        print(f"RECENT_SHARE {arm} {recent:.4f} (checked in {hazards.RECENT_SHARE[arm]})")


if __name__ == "__main__":
    main()
