"""How well a score column tells who will have the event: discrimination, calibration, usefulness.

A score is a risk score (any scale, higher is worse), a protective one (higher is better), or the
predicted probability of the event by one horizon. The first two say nothing about probabilities:
for calibration and decision curves they are turned into them by a Cox model of the score alone,
fitted on the same patients, which flatters calibration; the notes say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.coxph import fit_cox
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.calibration import (
    GroupedCalibration,
    WeakCalibration,
    grouped_calibration,
    horizon_calibration,
    observed_expected_ratio,
)
from hccsurv_core.stats.calibration_curve import CalibrationCurve, calibration_curve
from hccsurv_core.stats.concordance import estimate_concordance, jackknife_concordance
from hccsurv_core.stats.decision_curve import DecisionCurve, decision_curve_at_horizon
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.prediction_error import BrierScore, brier_score
from hccsurv_core.stats.roc import RocCurve
from hccsurv_core.stats.time_dependent_roc import (
    TimeDependentAuc,
    time_dependent_auc,
    time_dependent_roc,
)

ScoreKind = Literal["risk_score", "protective", "event_probability"]
#: From here on the interval of C is the jackknife's: a bootstrap would take seconds.
_LARGE = 3000


@dataclass(frozen=True, eq=False)
class Score:
    """A score column of patients with an outcome.

    Args:
        name: of the column.
        kind: what the numbers mean.
        outcome: of the n patients that have a value.
        risk_score: (n,) higher is worse, whatever the kind.
        probability: (n,) of the event by ``horizon_months``, for "event_probability".
        horizon_months: of the probability, else None.
        n_missing: patients without a value.
    """

    name: str
    kind: ScoreKind
    outcome: SurvivalOutcome
    risk_score: np.ndarray
    probability: np.ndarray | None
    horizon_months: float | None
    n_missing: int

    def survival_probability(self, eval_times: Sequence[float]) -> tuple[np.ndarray, str]:
        """(n, n_times) predicted survival, and a note on where it is from.

        Raises:
            InputError: a probability is only known at its own horizon.
        """
        if self.probability is not None:
            if list(eval_times) != [self.horizon_months]:
                raise InputError(
                    f"predicts the event by {self.horizon_months:g} months only", source=self.name
                )
            return 1 - self.probability[:, None], ""
        model = fit_cox(self.risk_score[:, None], self.outcome, names=[self.name])
        return model.predict_survival(self.risk_score[:, None], eval_times), (
            f"{self.name} is a score, not a probability: it was turned into one by a Cox model on "
            "these same patients, so calibration looks better than it would elsewhere."
        )


@dataclass(frozen=True, eq=False)
class Discrimination:
    """Does a higher score mean an earlier event? ``uno`` is None where it cannot be weighted."""

    harrell: Estimate
    uno: Estimate | None
    auc: TimeDependentAuc
    curves: tuple[tuple[float, RocCurve], ...]


@dataclass(frozen=True, eq=False)
class CalibrationAt:
    """Do predicted risks come true by a horizon? ``curve`` and ``weak`` are None where too few
    events allow none."""

    horizon_months: float
    grouped: GroupedCalibration
    curve: CalibrationCurve | None
    observed_expected: Estimate
    weak: WeakCalibration | None
    note: str


def read_score(
    values: ArrayLike,
    outcome: SurvivalOutcome,
    name: str,
    kind: ScoreKind = "risk_score",
    *,
    horizon_months: float | None = None,
) -> Score:
    """Make a score of a column; patients without a value are left out.

    Raises:
        InputError: no numbers, a probability outside 0 to 1 or without its horizon.
        StatisticsError: missing or the same in everybody.
    """
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("holds text, so it is no score", source=name) from error
    known = np.isfinite(numbers)
    if known.sum() < 2 or np.ptp(numbers[known]) == 0:
        raise StatisticsError("is missing or the same in everybody", source=name)
    kept, score = outcome.subset(known), numbers[known]
    missing = int((~known).sum())
    if kind != "event_probability":
        signed = -score if kind == "protective" else score
        return Score(name, kind, kept, signed, None, None, missing)
    if horizon_months is None or horizon_months <= 0:
        raise InputError("a probability needs its horizon in months", source=name)
    if score.min() < 0 or score.max() > 1:
        raise InputError(
            f"reaches from {score.min():g} to {score.max():g}, so it is no probability",
            source=name,
            remedy="use it as a risk score",
        )
    return Score(name, kind, kept, score, score, float(horizon_months), missing)


def answerable_horizons(outcome: SurvivalOutcome, horizons: Sequence[float]) -> list[float]:
    """Those horizons by which there are events, and beyond which somebody is followed."""
    return [
        float(h)
        for h in horizons
        if (outcome.event & (outcome.time_months <= h)).any() and (outcome.time_months > h).any()
    ]


def assess_discrimination(
    score: Score, horizons_months: Sequence[float], *, seed: int = 0
) -> Discrimination:
    """C, and ROC curves at horizons.

    Raises:
        StatisticsError: no horizon can be answered.
    """
    horizons = _require(score, horizons_months)
    outcome, risk = score.outcome, score.risk_score
    return Discrimination(
        _concordance(outcome, risk, seed),
        _or_none(_concordance, outcome, risk, seed, "uno", max(horizons)),
        time_dependent_auc(outcome, risk, horizons),
        tuple((h, time_dependent_roc(outcome, risk, h)) for h in horizons),
    )


def _concordance(
    outcome: SurvivalOutcome,
    risk: np.ndarray,
    seed: int,
    method: str = "harrell",
    horizon_months: float | None = None,
) -> Estimate:
    if len(outcome) <= _LARGE:
        return estimate_concordance(
            outcome, risk, method=method, horizon_months=horizon_months, seed=seed
        )
    return jackknife_concordance(outcome, risk, method=method, horizon_months=horizon_months)


def assess_calibration(
    score: Score, horizons_months: Sequence[float], *, n_groups: int = 5
) -> tuple[CalibrationAt, ...]:
    """Calibration at each horizon that can be answered.

    Raises:
        StatisticsError: none can.
    """
    horizons = _require(score, horizons_months)
    survival, note = score.survival_probability(horizons)
    found = []
    for column, horizon in enumerate(horizons):
        arguments = (score.outcome, survival[:, column], horizon)
        found.append(
            CalibrationAt(
                horizon,
                grouped_calibration(*arguments, n_groups=n_groups),
                _or_none(calibration_curve, *arguments),
                observed_expected_ratio(*arguments),
                _or_none(horizon_calibration, *arguments),
                note,
            )
        )
    return tuple(found)


def assess_brier(score: Score, horizons_months: Sequence[float]) -> tuple[BrierScore, str]:
    """Brier score against the null model, and the note on the predictions."""
    horizons = _require(score, horizons_months)
    survival, note = score.survival_probability(horizons)
    return brier_score(score.outcome, survival, horizons), note


def assess_decision(
    score: Score, horizon_months: float, *, n_resamples: int = 0, seed: int = 0
) -> tuple[DecisionCurve, str]:
    """Net benefit over threshold probabilities at one horizon, and the note on the predictions."""
    (horizon,) = _require(score, [horizon_months])
    survival, note = score.survival_probability([horizon])
    curve = decision_curve_at_horizon(
        score.outcome, {score.name: 1 - survival[:, 0]}, horizon,
        n_resamples=n_resamples, seed=seed,
    )  # fmt: skip
    return curve, note


def _require(score: Score, horizons: Sequence[float]) -> list[float]:
    wanted = horizons if score.horizon_months is None else [score.horizon_months]
    found = answerable_horizons(score.outcome, wanted)
    if not found:
        raise StatisticsError(
            f"no event by, or nobody followed beyond, {', '.join(f'{h:g}' for h in wanted)} months",
            source=score.name,
            remedy="choose another horizon",
        )
    return found


def _or_none(function, *arguments):
    """The answer; None where too few events allow none."""
    try:
        return function(*arguments)
    except StatisticsError:
        return None
