"""What a way to choose costs, where both treatments' true outcomes are known: on simulated patients.

Regret is the months lost, up to a horizon, against the better treatment of each patient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.checks import checked_level
from hccsurv_core.errors import InputError
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.resampling import describe, percentile_bounds, resample_indices
from hccsurv_core.systems.banded import Banded
from hccsurv_core.systems.treatment.arm_table import ARMS, NONE, checked_arm_name

#: Strategies in the order of a table, and what they are called.
STRATEGIES = {
    "oracle": "the truly better treatment",
    "favored": "the treatment with more months expected, always",
    "recommendation": "the recommendation; what was given where there is none",
    "all_hepatectomy": "hepatectomy for all",
    "all_tace": "TACE for all",
    "given": "what was given",
}
#: Those that need no model.
PLAIN = ("all_hepatectomy", "all_tace", "given")


@dataclass(frozen=True, eq=False)
class Regret:
    """Months lost by each strategy.

    Args:
        months: strategy → mean months lost against the better treatment.
        recommended: the same among patients with a recommendation; empty where nobody has one.
        share_recommended: of the patients.
        against_plain: strategy of a model → its regret over that of the best plain strategy
            (all the same way, or what was given).
        best_plain: that strategy.
    """

    months: Mapping[str, Estimate]
    recommended: Mapping[str, Estimate]
    share_recommended: float
    against_plain: Mapping[str, Estimate]
    best_plain: str

    def to_json(self) -> dict[str, Any]:
        """Plain values."""

        def plain(found: Mapping[str, Estimate]) -> dict[str, Any]:
            return {name: estimate.to_json() for name, estimate in found.items()}

        return {
            "strategies": dict(STRATEGIES),
            "months": plain(self.months),
            "recommended": plain(self.recommended),
            "share_recommended": self.share_recommended,
            "against_plain": plain(self.against_plain),
            "best_plain": self.best_plain,
        }


def regret(
    true_months: Mapping[str, ArrayLike],
    *,
    given: Sequence[str],
    recommendation: Sequence[str],
    favored: Sequence[str],
    level: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Regret:
    """Months lost by following the recommendation, and by doing something else.

    Args:
        true_months: by treatment, (n,) expected months lived up to the horizon.
        given: (n,) treatments that were given.
        recommendation: (n,) "hepatectomy", "tace" or "none".
        favored: (n,) treatments with more months expected by the models.
        level, n_resamples, seed: of the interval, which is about these patients, not about models
            trained on others.

    Raises:
        InputError: lengths differ, a number is missing, or a name is unknown.
    """
    checked_level(level)
    truth = _checked_truth(true_months)
    n = truth.shape[1]
    chosen = _chosen(given, recommendation, favored, n)
    best = truth.max(axis=0)
    rows = np.arange(n)
    lost = {
        name: best - (truth[codes, rows] if codes is not None else best)
        for name, codes in chosen.items()
    }
    draws = resample_indices(n, n_resamples, seed)
    has_one = np.array([str(r) != NONE for r in recommendation])

    def mean(values: np.ndarray, drawn: np.ndarray) -> Estimate:
        means = values[drawn].mean(axis=1)
        low, high = percentile_bounds(means, level)
        words = describe("percentile", means, seed)
        return Estimate(float(values.mean()), low, high, level, words, values.size)

    recommended = {}
    if has_one.sum() >= 2:
        inside = resample_indices(int(has_one.sum()), n_resamples, seed)
        recommended = {name: mean(values[has_one], inside) for name, values in lost.items()}
    best_plain = min(PLAIN, key=lambda name: lost[name].mean())
    return Regret(
        {name: mean(values, draws) for name, values in lost.items()},
        recommended,
        float(has_one.mean()),
        {
            name: _ratio(lost[name], lost[best_plain], draws, level, seed)
            for name in ("favored", "recommendation")
        },
        best_plain,
    )


def coverage(truth: ArrayLike, band: Banded) -> np.ndarray:
    """Share of patients whose truth lies within their interval.

    Args:
        truth: (n,) or (n, t), as the intervals are.

    Returns:
        () or (t,). All intervals come from the same two models, so this share moves between
        training cohorts by more than a share of n patients would.

    Raises:
        InputError: shapes differ.
    """
    values = np.asarray(truth, dtype=np.float64)
    if values.shape != band.low.shape:
        raise InputError(
            f"truth of shape {values.shape} but intervals of {band.low.shape}", source="coverage"
        )
    return np.asarray(((band.low <= values) & (values <= band.high)).mean(axis=0))


def _checked_truth(true_months: Mapping[str, ArrayLike]) -> np.ndarray:
    """(2, n) by arm."""
    lacking = [arm for arm in ARMS if arm not in true_months]
    if lacking:
        raise InputError(f"the true months of {lacking[0]} are missing", source="regret")
    first, second = (np.asarray(true_months[arm], dtype=np.float64) for arm in ARMS)
    if first.shape != second.shape or first.ndim != 1 or first.size < 2:
        raise InputError(f"true months of shapes {first.shape} and {second.shape}", source="regret")
    found = np.stack([first, second])
    if not np.isfinite(found).all():
        raise InputError("a true number of months is missing", source="regret")
    return found


def _chosen(
    given: Sequence[str], recommendation: Sequence[str], favored: Sequence[str], n: int
) -> dict[str, np.ndarray | None]:
    """Strategy → (n,) place of the treatment in ARMS; None for the oracle."""
    for what, names in (
        ("treatments", given), ("recommendations", recommendation), ("favored treatments", favored)
    ):  # fmt: skip
        if len(names) != n:
            raise InputError(f"{n} patients but {len(names)} {what}", source="regret")
    was = _codes(given)
    followed = [g if str(r) == NONE else r for r, g in zip(recommendation, given, strict=True)]
    return {
        "oracle": None,
        "favored": _codes(favored),
        "recommendation": _codes(followed),
        "all_hepatectomy": np.zeros(n, dtype=int),
        "all_tace": np.ones(n, dtype=int),
        "given": was,
    }


def _codes(names: Sequence[str]) -> np.ndarray:
    return np.array([ARMS.index(checked_arm_name(str(name))) for name in names])


def _ratio(
    ours: np.ndarray, rival: np.ndarray, draws: np.ndarray, level: float, seed: int
) -> Estimate:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = ours[draws].mean(axis=1) / rival[draws].mean(axis=1)
        value = float(ours.mean() / rival.mean())
    # Where the plain strategy loses nothing, or nothing in many resamples, there is no interval.
    if np.isfinite(ratios).mean() < 0.95:
        return Estimate(value, level=level, method="no interval: too few patients", n=ours.size)
    low, high = percentile_bounds(ratios, level)
    return Estimate(value, low, high, level, describe("paired percentile", ratios, seed), ours.size)
