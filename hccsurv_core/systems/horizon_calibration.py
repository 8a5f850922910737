"""Do a survival model's predicted risks come true? Curves and groups at each horizon."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from hccsurv_core.errors import StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.calibration import (
    grouped_calibration,
    horizon_calibration,
    observed_expected_ratio,
)
from hccsurv_core.stats.calibration_curve import calibration_curve
from hccsurv_core.systems.explorer.performance import CalibrationAt

#: Groups of predicted risk, and patients that each should have; fewer patients make fewer groups.
_MOST_GROUPS, _PER_GROUP = 5, 15
_T = TypeVar("_T")


def calibrate_at_horizons(
    outcome: SurvivalOutcome,
    predict_survival: Callable[[np.ndarray], np.ndarray],
    horizons_months: Sequence[float],
) -> tuple[CalibrationAt, ...]:
    """Calibration at each horizon that these patients can answer.

    Args:
        outcome: of n patients.
        predict_survival: (t,) months → (n, t) survival probabilities.
        horizons_months: with an event before, and somebody followed beyond.

    Returns:
        one for each horizon; those without an observed or expected event are left out.
    """
    if not horizons_months:
        return ()
    survival = predict_survival(np.array(horizons_months, dtype=float))
    n_groups = int(np.clip(len(outcome) // _PER_GROUP, 2, _MOST_GROUPS))
    found = []
    for column, horizon in enumerate(horizons_months):
        arguments = (outcome, survival[:, column], horizon)
        ratio = _or_none(observed_expected_ratio, *arguments)
        if ratio is None:
            continue
        found.append(
            CalibrationAt(
                float(horizon),
                grouped_calibration(*arguments, n_groups=n_groups),
                _or_none(calibration_curve, *arguments),
                ratio,
                _or_none(horizon_calibration, *arguments),
                "",
            )
        )
    return tuple(found)


def calibration_json(found: CalibrationAt) -> dict[str, object]:
    """Plain values."""
    return {
        "horizon_months": found.horizon_months,
        "grouped": found.grouped.to_json(),
        "curve": None if found.curve is None else found.curve.to_json(),
        "observed_expected": found.observed_expected.to_json(),
        "weak": None if found.weak is None else found.weak.to_json(),
    }


def _or_none(function: Callable[..., _T], *arguments: Any) -> _T | None:
    """The answer; None where too few events allow none."""
    try:
        return function(*arguments)
    except StatisticsError:
        return None
