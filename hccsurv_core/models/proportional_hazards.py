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
from hccsurv_core.models.cox_checks import checked_codes, checked_covariates, stratum_means
from hccsurv_core.models.coxph import CoxModel
from hccsurv_core.models.risk_sets import build_risk_sets, information, slot_means, sum_risks
from hccsurv_core.outcome import SurvivalOutcome

TRANSFORMS = ("km", "rank", "identity", "log")
#: A variance below this share of what it was before fitting is rounding error.
_NEGLIGIBLE = 1e-10


@dataclass(frozen=True)
class ProportionalHazardsTest:
    """One row: a small p-value says that the hazard ratio changes over time.

    Args:
        name: of the term, or "global".
        statistic: chi-square with ``dof`` degrees of freedom, of which there are fewer than
            coefficients where some have no finite estimate.
        p: p-value; both are NaN where there are too few event times to see a change.
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
    named = terms or {name: [i] for i, name in enumerate(model.names)}
    if not all(0 <= i < len(model.names) for columns in named.values() for i in columns):
        raise InputError(f"columns are 0 to {len(model.names) - 1}", source="terms")
    matrix, _ = checked_covariates(x, len(outcome), model.names, p=len(model.names))
    codes = None if strata is None else checked_codes(strata, len(outcome), "strata")
    sets = build_risk_sets(outcome.time_months, outcome.event, strata=codes, ties=model.ties)
    times = outcome.time_months[sets.order][sets.event_position]
    g = _transformed(outcome, times, transform)
    g = g - g.mean()
    # In units of their spread, so that no covariate drowns another in the matrices.
    unit = np.where(matrix.std(0) > 0, matrix.std(0), 1.0)
    z = ((matrix - stratum_means(matrix, codes)) / unit)[sets.order]
    sums = sum_risks(sets, z @ (model.coef * unit))
    means = slot_means(sets, z, sums)
    own_mean = sets.sum_of_slots(means) / np.bincount(sets.group_of_event)[:, None]
    residuals = z[sets.event_position] - own_mean[sets.group_of_event]
    blocks = [information(sets, z, sums, means, factor) for factor in (np.ones_like(g), g, g * g)]
    asked = [*named.items(), ("global", range(z.shape[1]))]
    tests = [_score_test(name, list(columns), g, residuals, blocks) for name, columns in asked]
    rising = np.argsort(times, kind="stable")
    step = residuals @ np.linalg.pinv(blocks[0], hermitian=True) * times.size
    scaled = model.coef + step / unit
    return ProportionalHazardsCheck(tuple(tests), times[rising], scaled[rising], transform)


def _score_test(
    name: str, columns: list[int], g: np.ndarray, residuals: np.ndarray, blocks: list[np.ndarray]
) -> ProportionalHazardsTest:
    """Score test of gamma = 0 in coef(t) = coef + gamma g(t) for these columns."""
    from scipy.stats import chi2

    plain, first, second = blocks
    score = g @ residuals[:, columns]
    mixed = first[:, columns]
    spread = second[np.ix_(columns, columns)]
    variance = spread - mixed.T @ np.linalg.pinv(plain, hermitian=True) @ mixed
    # Directions without information: too few event times, or a group without events.
    values, vectors = np.linalg.eigh(variance)
    kept = values > _NEGLIGIBLE * max(float(np.trace(spread)), 1e-300)
    dof = int(kept.sum())
    if dof == 0:
        return ProportionalHazardsTest(name, np.nan, len(columns), np.nan)
    statistic = float(((vectors[:, kept].T @ score) ** 2 / values[kept]).sum())
    return ProportionalHazardsTest(name, statistic, dof, float(chi2.sf(statistic, dof)))


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
