"""Do predicted survival probabilities come true: prediction error, calibration, net benefit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hccsurv_core.errors import StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.progress import Progress, silent
from hccsurv_core.stats.calibration import (
    grouped_calibration,
    horizon_calibration,
    observed_expected_ratio,
)
from hccsurv_core.stats.calibration_curve import calibration_curve
from hccsurv_core.stats.decision_curve import DecisionCurve, decision_curve_at_horizon
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.horizon_weights import horizon_weights
from hccsurv_core.stats.kaplan_meier import fit_kaplan_meier
from hccsurv_core.stats.multiple_testing import adjust_p_values
from hccsurv_core.stats.plain import plain_number
from hccsurv_core.stats.prediction_error import (
    BrierScore,
    brier_score,
    compare_brier_scores,
    integrated_brier_score,
)
from hccsurv_core.systems.explorer.performance import CalibrationAt
from hccsurv_core.systems.muscle.answers import Answer, attempt
from hccsurv_core.systems.muscle.comparison import sort_horizons
from hccsurv_core.systems.muscle.evaluation_input import ModelScores
from hccsurv_core.systems.muscle.evaluation_settings import EvaluationSettings

#: The null model: everybody gets the Kaplan-Meier curve of these patients.
NULL_MODEL = "Kaplan-Meier of everybody"


@dataclass(frozen=True)
class BrierDifferenceRow:
    """A model's Brier score at a horizon minus another's; below 0 the model errs less.

    Args:
        model, rival: names; :data:`NULL_MODEL` knows nothing of the patient.
        horizon_months: months.
        estimate: with its interval (influence functions).
        p: two-sided; p_adjusted: for all rivals and horizons of this model in this set.
    """

    model: str
    rival: str
    horizon_months: float
    estimate: Estimate
    p: float
    p_adjusted: float

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            **self.__dict__,
            "estimate": self.estimate.to_json(),
            "p": plain_number(self.p),
            "p_adjusted": plain_number(self.p_adjusted),
        }


@dataclass(frozen=True, eq=False)
class PredictionError:
    """Prediction error curve of one model.

    Args:
        name, kind: of the model.
        curve: Brier score, that of the null model, and accuracy (IPA) at every time.
        integrated: over time; integrated_null: of the null model over the same times.
        integrated_ipa: 1 − integrated / integrated_null.
    """

    name: str
    kind: str
    curve: BrierScore
    integrated: Estimate
    integrated_null: float
    integrated_ipa: float

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "name": self.name,
            "kind": self.kind,
            "curve": self.curve.to_json(),
            "integrated_brier": self.integrated.to_json(),
            "integrated_brier_null": plain_number(self.integrated_null),
            "integrated_ipa": plain_number(self.integrated_ipa),
        }


@dataclass(frozen=True, eq=False)
class PredictionQuality:
    """Predicted survival of every model that gives it, in one set.

    Args:
        errors: by model name.
        brier_differences: every model against the null model, and the first against the others.
        horizons_months: of calibration and decision curves; left_out: (months, why) of the others.
        calibration: by model name, one a horizon.
        decision: one a horizon, all models that are not the oracle together.
    """

    errors: dict[str, Answer[PredictionError]]
    brier_differences: tuple[BrierDifferenceRow, ...]
    horizons_months: tuple[float, ...]
    left_out: tuple[tuple[float, str], ...]
    calibration: dict[str, tuple[Answer[CalibrationAt], ...]]
    decision: tuple[Answer[DecisionCurve], ...]

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "prediction_error": {name: e.to_json() for name, e in self.errors.items()},
            "brier_differences": [r.to_json() for r in self.brier_differences],
            "horizons_months": list(self.horizons_months),
            "horizons_left_out": [{"months": h, "reason": r} for h, r in self.left_out],
            "calibration": {
                name: [_calibration_json(c) for c in found]
                for name, found in self.calibration.items()
            },
            "decision_curves": [d.to_json() for d in self.decision],
        }


def assess_predictions(
    outcome: SurvivalOutcome,
    models: Sequence[ModelScores],
    eval_times: np.ndarray,
    settings: EvaluationSettings,
    *,
    progress: Progress = silent,
) -> PredictionQuality:
    """Judge predicted survival in one set.

    Args:
        outcome: of n patients.
        models: of the same patients; those without survival probabilities are passed over.
        eval_times: (k,) months of the probabilities.

    Raises:
        StatisticsError: no model predicts the survival of anybody here.
    """
    given = {
        m.name: (m, np.asarray(m.survival_probability, float))
        for m in models
        if m.survival_probability is not None and np.isfinite(m.survival_probability).any()
    }
    if not given:
        raise StatisticsError("no model predicts these patients' survival", source="predictions")
    horizons, left_out = sort_horizons(outcome, settings.calibration_months, settings.min_events)
    times = np.asarray(eval_times, float)
    for months in [h for h in horizons if h not in times]:
        horizons.remove(months)
        left_out.append((months, f"the models' survival is not given at {months:g} months"))
    progress(0.0, "prediction error")
    errors = {
        name: attempt(_error_curve, outcome, m, survival, times, settings)
        for name, (m, survival) in given.items()
    }
    differences = _brier_differences(outcome, given, times, horizons, settings)
    calibration = {}
    for i, (name, (_, survival)) in enumerate(given.items()):
        progress(0.2 + 0.3 * i / len(given), f"calibration of {name}")
        calibration[name] = tuple(
            attempt(_calibration, outcome, survival[:, times == h][:, 0], h) for h in horizons
        )
    decision = []
    for i, h in enumerate(horizons):
        progress(0.5 + 0.5 * i / len(horizons), f"net benefit by {h:g} months")
        risks = {
            name: 1 - survival[:, times == h][:, 0]
            for name, (m, survival) in given.items() if m.kind != "oracle"
        }  # fmt: skip
        decision.append(attempt(_decision, outcome, risks, h, settings))
    return PredictionQuality(
        errors, differences, tuple(horizons), tuple(left_out), calibration, tuple(decision)
    )


def _error_curve(
    outcome: SurvivalOutcome,
    model: ModelScores,
    survival: np.ndarray,
    times: np.ndarray,
    settings: EvaluationSettings,
) -> PredictionError:
    known = np.isfinite(survival).all(axis=1)
    part = outcome.subset(known)
    usable = np.isin(times, sort_horizons(part, times.tolist(), settings.min_events)[0])
    if usable.sum() < 2:
        raise StatisticsError(
            "follow-up is too short for a prediction error curve", source=model.name
        )
    arguments = (part, survival[known][:, usable], times[usable])
    curve = brier_score(*arguments, level=settings.level)
    integrated = integrated_brier_score(*arguments, level=settings.level)
    steps = np.diff(curve.eval_times)
    null = float((steps * (curve.null[1:] + curve.null[:-1]) / 2).sum() / steps.sum())
    ipa = 1 - integrated.value / null if null > 0 else float("nan")
    return PredictionError(model.name, model.kind, curve, integrated, null, ipa)


def _brier_differences(
    outcome: SurvivalOutcome,
    given: dict[str, tuple[ModelScores, np.ndarray]],
    times: np.ndarray,
    horizons: Sequence[float],
    settings: EvaluationSettings,
) -> tuple[BrierDifferenceRow, ...]:
    """Every model against the null model; those that are judged against every other as well."""
    if not horizons:
        return ()
    columns = np.flatnonzero(np.isin(times, horizons))
    found: list[BrierDifferenceRow] = []
    for name, (model, survival) in given.items():
        rivals: list[str] = [NULL_MODEL]
        if model.kind == "model":
            rivals += [other for other in given if other != name]
        family = []
        for rival in rivals:
            theirs = None if rival == NULL_MODEL else given[rival][1]
            family += attempt(
                _brier_rows, outcome, (name, rival), survival[:, columns],
                None if theirs is None else theirs[:, columns], times[columns], settings,
            ).value or []  # fmt: skip
        p = np.array([
            np.nan if r.rival in given and given[r.rival][0].kind == "oracle" else r.p
            for r in family
        ])  # fmt: skip
        adjusted = adjust_p_values(p, method=settings.correction) if family else p
        found += [replace(r, p_adjusted=float(q)) for r, q in zip(family, adjusted, strict=True)]
    return tuple(found)


def _brier_rows(
    outcome: SurvivalOutcome,
    names: tuple[str, str],
    ours: np.ndarray,
    theirs: np.ndarray | None,
    horizons: np.ndarray,
    settings: EvaluationSettings,
) -> list[BrierDifferenceRow]:
    known = np.isfinite(ours).all(axis=1)
    if theirs is not None:
        known &= np.isfinite(theirs).all(axis=1)
    if not known.any():
        raise StatisticsError("nobody has both predictions", source=" and ".join(names))
    part = outcome.subset(known)
    if theirs is None:
        null = fit_kaplan_meier(part).survival_at(horizons)
        other = np.broadcast_to(null, (int(known.sum()), horizons.size))
    else:
        other = theirs[known]
    difference = compare_brier_scores(part, ours[known], other, horizons, level=settings.level)
    cases = horizon_weights(part, horizons).case.sum(axis=0)
    return [
        BrierDifferenceRow(
            *names, float(h),
            Estimate(
                float(difference.difference[i]), float(difference.ci_low[i]),
                float(difference.ci_high[i]), settings.level,
                "difference of Brier scores, influence function", len(part), int(cases[i]),
            ),
            float(difference.p[i]), float("nan"),
        )
        for i, h in enumerate(horizons)
    ]  # fmt: skip


def _calibration(outcome: SurvivalOutcome, survival: np.ndarray, horizon: float) -> CalibrationAt:
    known = np.isfinite(survival)
    if not known.any():
        raise StatisticsError("nobody has a prediction", source="calibration")
    arguments = (outcome.subset(known), survival[known], horizon)
    return CalibrationAt(
        horizon,
        grouped_calibration(*arguments, n_groups=5),
        attempt(calibration_curve, *arguments).value,
        observed_expected_ratio(*arguments),
        attempt(horizon_calibration, *arguments).value,
        "",
    )


def _decision(
    outcome: SurvivalOutcome,
    risks: dict[str, np.ndarray],
    horizon: float,
    settings: EvaluationSettings,
) -> DecisionCurve:
    known = np.logical_and.reduce([np.isfinite(r) for r in risks.values()])
    if not risks or not known.any():
        raise StatisticsError("nobody has every model's prediction", source="decision curve")
    highest = max(float(np.quantile(r[known], 0.99)) for r in risks.values())
    thresholds = np.arange(1, max(11, min(99, round(100 * highest))) + 1) / 100
    return decision_curve_at_horizon(
        outcome.subset(known), {name: r[known] for name, r in risks.items()}, horizon, thresholds,
        n_resamples=settings.decision_resamples, seed=settings.seed, level=settings.level,
    )  # fmt: skip


def _calibration_json(answer: Answer[CalibrationAt]) -> dict[str, object]:
    found = answer.value
    if found is None:
        return {"reason": answer.reason}
    return {
        "horizon_months": found.horizon_months,
        "grouped": found.grouped.to_json(),
        "curve": None if found.curve is None else found.curve.to_json(),
        "observed_expected": found.observed_expected.to_json(),
        "weak": None if found.weak is None else found.weak.to_json(),
    }
