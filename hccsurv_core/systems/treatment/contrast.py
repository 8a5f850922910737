"""Both arms' survival of the same patients, and the difference, each with its interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from hccsurv_core.systems.banded import Banded
from hccsurv_core.systems.treatment.arm_model import ArmModel, restricted_mean_grid
from hccsurv_core.systems.treatment.arm_table import ARMS
from hccsurv_core.systems.treatment.unexplained import UnexplainedSpread

#: Steps of the area under a single patient's curve.
_STEPS = 72
#: Patients that are worked on at once, to bound memory.
_CHUNK = 32


@dataclass(frozen=True, eq=False)
class ArmForecast:
    """What one treatment is expected to bring.

    Args:
        survival: (n, h) at the horizons. months: (n,) lived up to the last month counted.
    """

    survival: Banded
    months: Banded


@dataclass(frozen=True, eq=False)
class TreatmentContrast:
    """Both treatments for n patients; differences are hepatectomy minus TACE.

    Args:
        horizons_months: (h,) of survival; rmst_months: up to which months lived are counted.
        level: of the intervals, which are about the average of patients with the same covariates.
        arms: forecast by treatment.
        survival_difference: (n, h). months_difference: (n,) difference in restricted mean
            survival, months.
        probability: (n,) that hepatectomy brings more months, for such patients on average.
        individual: (n, h) survival difference with intervals that also allow for what no
            covariate shows; individual_months: (n,) the same of the months. None where nothing was
            assumed about it.
        spread: that assumption.
    """

    horizons_months: tuple[float, ...]
    rmst_months: float
    level: float
    arms: Mapping[str, ArmForecast]
    survival_difference: Banded
    months_difference: Banded
    probability: np.ndarray
    individual: Banded | None = None
    individual_months: Banded | None = None
    spread: UnexplainedSpread | None = None

    def to_json(self, row: int = 0) -> dict[str, object]:
        """One patient's, as plain values."""
        return {
            "horizons_months": list(self.horizons_months),
            "rmst_months": self.rmst_months,
            "level": self.level,
            "arms": {
                arm: {
                    "survival": forecast.survival.of(row).to_json(),
                    "months": forecast.months.of(row).to_json(),
                }
                for arm, forecast in self.arms.items()
            },
            "survival_difference": self.survival_difference.of(row).to_json(),
            "months_difference": self.months_difference.of(row).to_json(),
            "probability_hepatectomy_better": float(self.probability[row]),
            "individual_survival_difference": (
                None if self.individual is None else self.individual.of(row).to_json()
            ),
            "individual_months_difference": (
                None if self.individual_months is None else self.individual_months.of(row).to_json()
            ),
            "unexplained_spread": None if self.spread is None else self.spread.to_json(),
        }


def contrast_arms(
    models: Mapping[str, ArmModel],
    values: np.ndarray,
    horizons_months: tuple[float, ...],
    rmst_months: float,
    *,
    level: float,
    spread: UnexplainedSpread | None = None,
) -> TreatmentContrast:
    """Compare both treatments.

    Args:
        models: by treatment; both with the same number of draws.
        values: (n, p) covariates, NaN where missing.
        level: of the intervals.
        spread: what to assume of unmeasured causes; None for nothing.
    """
    horizons = np.array(horizons_months)

    def draws(rows: np.ndarray) -> dict[str, np.ndarray]:
        return _quantities(models, rows, horizons, rmst_months, spread)

    def points(rows: np.ndarray) -> dict[str, np.ndarray]:
        return _point_quantities(models, rows, horizons, rmst_months)

    banded, probability = _banded(values, draws, points, level)
    forecasts = {arm: ArmForecast(banded[f"{arm} s"], banded[f"{arm} m"]) for arm in ARMS}
    return TreatmentContrast(
        horizons_months, rmst_months, level, forecasts, banded["difference s"],
        banded["difference m"], probability, banded.get("individual"), banded.get("individual m"),
        spread,
    )  # fmt: skip


def restricted_means(model: ArmModel, values: np.ndarray, tau_months: float) -> np.ndarray:
    """(n,) months lived up to ``tau_months``."""
    begin, width = restricted_mean_grid(model.step_months, tau_months)
    return model.survival(values, begin) @ width


_Quantities = Callable[[np.ndarray], dict[str, np.ndarray]]


def _banded(
    values: np.ndarray, draws: _Quantities, points: _Quantities, level: float
) -> tuple[dict[str, Banded], np.ndarray]:
    """Values and intervals of all quantities, and how often the difference in months is > 0."""
    tails = ((1 - level) / 2, (1 + level) / 2)
    parts: dict[str, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {}
    shares = []
    for begin in range(0, len(values), _CHUNK):
        rows = values[begin : begin + _CHUNK]
        found, middle = draws(rows), points(rows)
        for name, drawn in found.items():
            low, high = np.quantile(drawn, tails, axis=0)
            parts.setdefault(name, []).append((middle[name], low, high))
        months = found["difference m"]
        shares.append((months > 0).mean(axis=0) + (months == 0).mean(axis=0) / 2)
    joined = {
        name: Banded(*(np.concatenate(side) for side in zip(*found, strict=True)))
        for name, found in parts.items()
    }
    return joined, np.concatenate(shares)


def _quantities(
    models: Mapping[str, ArmModel],
    values: np.ndarray,
    horizons: np.ndarray,
    tau: float,
    spread: UnexplainedSpread | None,
) -> dict[str, np.ndarray]:
    """(R, n, …) draws of everything that is told."""
    # The area under one patient's own curve: so many equal steps tell it to a few days.
    steps = np.empty(0) if spread is None else (np.arange(_STEPS) + 0.5) * tau / _STEPS
    found, own = {}, {}
    for arm in ARMS:
        model = models[arm]
        begin, width = restricted_mean_grid(model.step_months, tau)
        curves = model.survival_draws(values, np.concatenate([begin, horizons, steps]))
        found[f"{arm} m"] = curves[:, :, : begin.size] @ width
        found[f"{arm} s"] = curves[:, :, begin.size : begin.size + horizons.size]
        if spread is not None:
            own[arm] = spread.individual(arm, curves[:, :, begin.size :])
    found |= _differences(found)
    if spread is not None:
        difference = own[ARMS[0]] - own[ARMS[1]]
        found["individual"] = difference[:, :, : horizons.size]
        found["individual m"] = difference[:, :, horizons.size :].mean(axis=2) * tau
    return found


def _point_quantities(
    models: Mapping[str, ArmModel], values: np.ndarray, horizons: np.ndarray, tau: float
) -> dict[str, np.ndarray]:
    """(n, …) best values of the same."""
    found = {}
    for arm in ARMS:
        found[f"{arm} m"] = restricted_means(models[arm], values, tau)
        found[f"{arm} s"] = models[arm].survival(values, horizons)
    found |= _differences(found)
    return found | {"individual": found["difference s"], "individual m": found["difference m"]}


def _differences(found: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    first, second = ARMS
    return {
        "difference m": found[f"{first} m"] - found[f"{second} m"],
        "difference s": found[f"{first} s"] - found[f"{second} s"],
    }
