"""The last step: a LASSO Cox model whose penalty cross-validation chooses.

Tibshirani, Stat Med 1997;16:385-395; the path by coordinate descent of Simon, Friedman, Hastie &
Tibshirani, J Stat Softw 2011;39(5):1-13, as scikit-survival has it (ties by Breslow). The penalty is
judged as R's glmnet does: the deviance that the left-out patients add to that of all (Verweij & Van
Houwelingen, Stat Med 1993;12:2305-2314), per event.

This deviance chooses a penalty; it is no estimate of how good the signature is, because the earlier
steps have seen the left-out patients too. That estimate is made round the whole chain.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from hccsurv_core.errors import StatisticsError
from hccsurv_core.models.parts import stratified_parts
from hccsurv_core.models.risk_sets import (
    build_risk_sets,
    expected_events,
    log_likelihood,
    sum_risks,
)
from hccsurv_core.models.selection_chain_settings import SelectionSettings
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.progress import Progress, silent

#: Coordinate descent goes on until nothing moves by more. At scikit-survival's own 1e-7 weak
#: penalties are left a tenth away from the optimum; with less than this nothing is won.
_TOLERANCE = 1e-9
#: With fewer events than this no cross-validation says anything.
FEWEST_EVENTS = 5


@dataclass(frozen=True, eq=False)
class LassoPath:
    """Every penalty that was tried, and the one that was taken.

    Args:
        penalties: (k,) falling. The fit maximizes log partial likelihood / n − penalty · Σ |coef|.
        coef: (k, p) at each.
        deviance: (k,) cross-validated −2 log partial likelihood per event, mean of the folds.
        std_error: (k,) of it over the folds.
        chosen: position of the penalty that was taken.
        n_folds: there were.
    """

    penalties: np.ndarray
    coef: np.ndarray
    deviance: np.ndarray
    std_error: np.ndarray
    chosen: int
    n_folds: int

    @property
    def n_selected(self) -> np.ndarray:
        """(k,) features with a coefficient at each penalty."""
        return (self.coef != 0).sum(axis=1)

    def to_json(self) -> dict[str, Any]:
        """Plain values, without the coefficients."""
        return {
            "penalties": self.penalties.tolist(),
            "deviance": self.deviance.tolist(),
            "std_error": self.std_error.tolist(),
            "n_selected": self.n_selected.tolist(),
            "chosen": self.chosen,
            "n_folds": self.n_folds,
        }


def fit_lasso(
    scaled: np.ndarray,
    outcome: SurvivalOutcome,
    settings: SelectionSettings,
    *,
    progress: Progress = silent,
) -> LassoPath:
    """Fit the path on all patients, and judge each penalty on those left out.

    Args:
        scaled: (n, p) finite, on one scale (a penalty treats all alike), p of 1 or more.
        outcome: of the same patients.
        settings: folds, penalties, seed.

    Raises:
        StatisticsError: fewer than five events.
    """
    if outcome.n_events < FEWEST_EVENTS:
        raise StatisticsError(
            f"{outcome.n_events} events are too few for a LASSO Cox model",
            source="selection",
            remedy="give more patients, or longer follow-up",
        )
    penalties, coef = _path(scaled, outcome, settings, None)
    n_folds = min(settings.n_folds, outcome.n_events)
    part = stratified_parts(outcome.event, n_folds, settings.seed)
    gains, events = [], []
    for fold in range(n_folds):
        progress(fold / n_folds, f"LASSO, fold {fold + 1} of {n_folds}")
        kept = part != fold
        _, without = _path(scaled[kept], outcome.subset(kept), settings, penalties)
        whole = _likelihoods(scaled, outcome, without)
        gains.append(whole - _likelihoods(scaled[kept], outcome.subset(kept), without))
        events.append(int(outcome.event[~kept].sum()))
    weight = np.array(events, dtype=np.float64)
    raw = -2.0 * np.array(gains) / weight[:, None]
    deviance = np.average(raw, axis=0, weights=weight)
    spread = np.average((raw - deviance) ** 2, axis=0, weights=weight)
    std_error = np.sqrt(spread / (n_folds - 1))
    best = int(np.argmin(deviance))
    if settings.penalty == "1se":
        within = deviance <= deviance[best] + std_error[best]
        best = int(np.flatnonzero(within)[0])
    return LassoPath(penalties, coef, deviance, std_error, best, n_folds)


def _path(
    x: np.ndarray,
    outcome: SurvivalOutcome,
    settings: SelectionSettings,
    penalties: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Penalties, largest first, and (k, p) coefficients.

    Scikit-survival ends a path early where the likelihood is exhausted, and gives up where weights
    run away; what is left of the path then has the last coefficients that were found.
    """
    from sksurv.linear_model import CoxnetSurvivalAnalysis
    from sksurv.util import Surv

    target = Surv.from_arrays(outcome.event, outcome.time_months)
    own = penalties is None
    wanted = settings.n_penalties if penalties is None else len(penalties)
    ratio = settings.smallest_penalty
    if penalties is None:
        # Twins and constants aside the first penalty is the score's largest entry per patient.
        largest = np.abs(_score(x, outcome)).max() / len(outcome)
        penalties = np.geomspace(largest, largest * ratio, wanted)
    count = wanted
    while True:
        model = CoxnetSurvivalAnalysis(
            l1_ratio=1.0, alphas=penalties[:count], tol=_TOLERANCE, max_iter=1_000_000
        )
        try:
            with warnings.catch_warnings():
                # At the first penalty they are all zero; that is where the path begins.
                warnings.filterwarnings("ignore", "all coefficients are zero", UserWarning)
                model.fit(x, target)
            break
        except ArithmeticError:
            if count == 1:
                raise StatisticsError(
                    "the LASSO Cox model cannot be fitted", source="selection",
                    remedy="check the features for wild values",
                ) from None  # fmt: skip
            count = max(1, count * 3 // 4)
    coef = np.asarray(model.coef_, dtype=np.float64).T
    if own:
        return penalties[: len(coef)], coef
    return penalties, np.concatenate([coef, np.repeat(coef[-1:], wanted - len(coef), axis=0)])


def _score(x: np.ndarray, outcome: SurvivalOutcome) -> np.ndarray:
    """(p,) gradient of the log partial likelihood at 0."""
    sets = build_risk_sets(outcome.time_months, outcome.event, ties="breslow")
    sums = sum_risks(sets, np.zeros(len(outcome)))
    expected = expected_events(sets, sums, np.ones(sets.event_position.size))
    return x[sets.order].T @ (sets.event - expected)


def _likelihoods(x: np.ndarray, outcome: SurvivalOutcome, coef: np.ndarray) -> np.ndarray:
    """(k,) log partial likelihood at each of (k, p) coefficients."""
    sets = build_risk_sets(outcome.time_months, outcome.event, ties="breslow")
    linear = x[sets.order] @ coef.T
    return np.array([log_likelihood(sets, lp, sum_risks(sets, lp)) for lp in linear.T])
