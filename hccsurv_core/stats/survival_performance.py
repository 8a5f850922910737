"""All the usual measures of a survival model on one set of patients, each with its interval.

Names: ``c_index`` (Harrell), ``c_index_uno``, ``auc_<h>m`` and ``auc_mean`` (cumulative/dynamic),
``brier_<h>m``, ``ipa_<h>m``, ``integrated_brier``, ``calibration_slope`` (Cox), and
``observed_expected_<h>m``. What these patients cannot answer is left out and said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hccsurv_core.errors import StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.calibration import calibration_slope, observed_expected_ratio
from hccsurv_core.stats.concordance import estimate_concordance, jackknife_concordance
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.prediction_error import brier_score, integrated_brier_score
from hccsurv_core.stats.time_dependent_roc import time_dependent_auc

#: From here on the interval of C is the jackknife's: a bootstrap would take seconds.
_LARGE = 3000
#: Times between which the Brier score is averaged.
_INTEGRATION_TIMES = 50


@dataclass(frozen=True)
class SurvivalPerformance:
    """Measures by name, and why some are missing.

    Args:
        metrics: name → estimate.
        left_out: name → reason.
        horizons_months: that could be answered.
    """

    metrics: dict[str, Estimate]
    left_out: dict[str, str]
    horizons_months: tuple[float, ...]


def assess_survival_model(
    outcome: SurvivalOutcome,
    risk_score: np.ndarray,
    predict_survival: Callable[[np.ndarray], np.ndarray],
    horizons_months: Sequence[float],
    *,
    seed: int = 0,
) -> SurvivalPerformance:
    """Judge predictions of n patients.

    Args:
        outcome: what happened to them.
        risk_score: (n,) log relative hazard; higher is worse.
        predict_survival: (t,) months → (n, t) survival probabilities.
        horizons_months: rising.
        seed: of the bootstrap.

    Raises:
        InputError: shapes do not fit, or a prediction is missing.
    """
    metrics: dict[str, Estimate] = {}
    left_out: dict[str, str] = {}

    def ask(name: str, question: Callable[[], Estimate]) -> None:
        try:
            metrics[name] = question()
        except StatisticsError as error:
            left_out[name] = error.what

    horizons = [h for h in horizons_months if _answerable(outcome, h)]
    for h in horizons_months:
        if h not in horizons:
            left_out[f"auc_{h:g}m"] = f"no event by, or nobody followed beyond, {h:g} months"
    last = max(horizons, default=None)
    ask("c_index", lambda: _concordance(outcome, risk_score, "harrell", None, seed))
    ask("c_index_uno", lambda: _concordance(outcome, risk_score, "uno", last, seed))
    ask("calibration_slope", lambda: calibration_slope(outcome, risk_score))
    if horizons:
        survival = predict_survival(np.array(horizons))
        metrics |= _at_horizons(outcome, risk_score, survival, horizons)
        for i, h in enumerate(horizons):
            ask(
                f"observed_expected_{h:g}m",
                lambda i=i, h=h: observed_expected_ratio(outcome, survival[:, i], h),  # type: ignore[misc]
            )
    grid = _integration_grid(outcome)
    if grid.size >= 2:
        ask(
            "integrated_brier",
            lambda: integrated_brier_score(outcome, predict_survival(grid), grid),
        )
    return SurvivalPerformance(metrics, left_out, tuple(horizons))


def _at_horizons(
    outcome: SurvivalOutcome,
    risk_score: np.ndarray,
    survival: np.ndarray,
    horizons: Sequence[float],
) -> dict[str, Estimate]:
    """Area, Brier score and accuracy at each horizon, and the mean area."""
    auc = time_dependent_auc(outcome, risk_score, horizons)
    brier = brier_score(outcome, survival, horizons)
    found = {f"auc_{h:g}m": e for h, e in zip(horizons, auc.estimates(), strict=True)}
    found["auc_mean"] = auc.mean
    for i, h in enumerate(horizons):
        n, cases = brier.n, int(auc.n_cases[i])
        error = (float(brier.brier[i]), float(brier.ci_low[i]), float(brier.ci_high[i]))
        gain = (float(brier.ipa[i]), float(brier.ipa_low[i]), float(brier.ipa_high[i]))
        found[f"brier_{h:g}m"] = Estimate(*error, 0.95, _BRIER, n, cases)
        found[f"ipa_{h:g}m"] = Estimate(*gain, 0.95, _IPA, n, cases)
    return found


_BRIER = "Brier score, inverse-probability-of-censoring weights, influence function"
_IPA = "1 − Brier score / that of the Kaplan-Meier curve, influence function"


def _answerable(outcome: SurvivalOutcome, horizon: float) -> bool:
    by_then = outcome.event & (outcome.time_months <= horizon)
    return bool(by_then.any() and (outcome.time_months > horizon).any())


def _concordance(
    outcome: SurvivalOutcome, risk: np.ndarray, method: str, horizon: float | None, seed: int
) -> Estimate:
    if len(outcome) <= _LARGE:
        return estimate_concordance(outcome, risk, method=method, horizon_months=horizon, seed=seed)
    return jackknife_concordance(outcome, risk, method=method, horizon_months=horizon)


def _integration_grid(outcome: SurvivalOutcome) -> np.ndarray:
    """From the first tenth to the ninth of the event times, where there is much to see."""
    times = outcome.time_months[outcome.event & (outcome.time_months > 0)]
    if times.size < 10:
        return np.zeros(0)
    low, high = np.quantile(times, [0.1, 0.9])
    if not low < high < outcome.time_months.max():
        return np.zeros(0)
    return np.linspace(low, high, _INTEGRATION_TIMES)
