"""Does a Cox model's hazard ratio stay the same over time? Schoenfeld residuals and their test.

The score test for a coefficient that changes with g(time), computed exactly as in R's
survival::cox.zph since version 3.0 (Grambsch & Therneau, Biometrika 1994;81:515-526 gave the
approximation that older software uses).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError
from hccsurv_core.models.coxph import CoxModel
from hccsurv_core.models.risk_sets import build_risk_sets, information, slot_means, sum_risks
from hccsurv_core.outcome import SurvivalOutcome

TRANSFORMS = ("km", "rank", "identity", "log")


@dataclass(frozen=True)
class ProportionalHazardsTest:
    """One row: a small p-value says that the hazard ratio changes over time.

    Args:
        name: of the term, or "global".
        statistic: chi-square with ``dof`` degrees of freedom.
        p: p-value.
    """

    name: str
    statistic: float
    dof: int
    p: float


@dataclass(frozen=True, eq=False)
class ProportionalHazardsCheck:
    """Tests by term and over all, and the residuals behind them.

    Args:
        tests: one for each term, then "global".
        time_months: (n_events,) times of the events, rising.
        scaled_residuals: (n_events, p) Schoenfeld residuals scaled to the coefficient: their
            smooth over time shows how the log hazard ratio moves.
        transform: of time in the test.
    """

    tests: tuple[ProportionalHazardsTest, ...]
    time_months: np.ndarray
    scaled_residuals: np.ndarray
    transform: str


def check_proportional_hazards(
    model: CoxModel,
    x: ArrayLike,
    outcome: SurvivalOutcome,
    *,
    strata: ArrayLike | None = None,
    terms: Mapping[str, Sequence[int]] | None = None,
    transform: str = "km",
) -> ProportionalHazardsCheck:
    """Test proportional hazards of an unweighted model on the patients it was fitted on.

    Args:
        model: fitted on ``x`` and ``outcome``.
        x: (n, p) covariates.
        strata: (n,) integer codes, if the model was stratified.
        terms: name → columns that belong together (the levels of a category are one test).
        transform: of time: "km" (1 − Kaplan-Meier, R's default), "rank", "identity" or "log".

    Raises:
        InputError: an unknown transform, "log" with a death at time 0, or covariates of
            another shape.
    """
    matrix = np.asarray(x, float).reshape(len(outcome), -1)
    codes = None if strata is None else np.asarray(strata, np.int64)
    sets = build_risk_sets(outcome.time_months, outcome.event, strata=codes, ties=model.ties)
    z = (matrix - matrix.mean(0))[sets.order]
    sums = sum_risks(sets, z @ model.coef)
    means = slot_means(sets, z, sums)
    times = outcome.time_months[sets.order][sets.event_position]
    g = _transformed(outcome, times, transform)
    g = g - g.mean()
    own_mean = (sets.sum_of_slots(means) / np.bincount(sets.group_of_event)[:, None])[
        sets.group_of_event
    ]
    residuals = z[sets.event_position] - own_mean
    blocks = [information(sets, z, sums, means, factor) for factor in (np.ones_like(g), g, g * g)]
    named = terms or {name: [i] for i, name in enumerate(model.names)}
    tests = [
        _score_test(name, list(columns), g, residuals, blocks) for name, columns in named.items()
    ]
    tests.append(_score_test("global", list(range(z.shape[1])), g, residuals, blocks))
    rising = np.argsort(times, kind="stable")
    scaled = model.coef + residuals @ (np.linalg.pinv(blocks[0], hermitian=True) * times.size)
    return ProportionalHazardsCheck(tuple(tests), times[rising], scaled[rising], transform)


def _score_test(
    name: str, columns: list[int], g: np.ndarray, residuals: np.ndarray, blocks: list[np.ndarray]
) -> ProportionalHazardsTest:
    """Score test of gamma = 0 in coef(t) = coef + gamma g(t) for these columns."""
    from scipy.stats import chi2

    plain, first, second = blocks
    score = g @ residuals[:, columns]
    mixed = first[:, columns]
    variance = (
        second[np.ix_(columns, columns)] - mixed.T @ np.linalg.pinv(plain, hermitian=True) @ mixed
    )
    statistic = float(score @ np.linalg.pinv(variance, hermitian=True) @ score)
    return ProportionalHazardsTest(
        name, statistic, len(columns), float(chi2.sf(statistic, len(columns)))
    )


def _transformed(outcome: SurvivalOutcome, times: np.ndarray, transform: str) -> np.ndarray:
    if transform == "identity":
        return times.copy()
    if transform == "log":
        if (times <= 0).any():
            raise InputError(
                "the logarithm of time 0 does not exist", source="transform", remedy="use km"
            )
        return np.log(times)
    if transform == "rank":
        from scipy.stats import rankdata

        # Ranks among everybody, as cox.zph has it, not among the deaths alone.
        return np.interp(
            times, np.sort(outcome.time_months), np.sort(rankdata(outcome.time_months))
        )
    if transform == "km":
        return _one_minus_survival_before(outcome, times)
    raise InputError(
        f"no transform is called {transform!r}", source="transform",
        remedy=f"use one of {', '.join(TRANSFORMS)}",
    )  # fmt: skip


def _one_minus_survival_before(outcome: SurvivalOutcome, times: np.ndarray) -> np.ndarray:
    """1 − S(t−) of all patients together, left-continuous as in cox.zph."""
    distinct, deaths = np.unique(outcome.time_months[outcome.event], return_counts=True)
    at_risk = len(outcome) - np.searchsorted(np.sort(outcome.time_months), distinct, side="left")
    survival = np.cumprod(1 - deaths / at_risk)
    return 1 - np.concatenate([[1.0], survival])[np.searchsorted(distinct, times, side="left")]
