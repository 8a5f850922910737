"""Completing a new patient, of whom no outcome is known, from what training patients taught.

The outcome must help to impute the training table (:mod:`hccsurv_core.stats.multiple_imputation`), but
a new patient has none yet, so its regressions cannot be used. Regressions without the outcome
fitted to the training patients whose value is known would mislead where missingness depended on
survival. So each of the m *completed* training tables, imputed with the outcome, is taken as the
population: in each, every variable is regressed on all others without the outcome, and a new
patient is completed from these, once from each table. Averaged over the m copies, a prediction is
the one that is expected given what is known of the patient (Wood, Royston & White 2015,
doi:10.1002/bimj.201400004; Hoogland et al. 2020, doi:10.1002/sim.8682).

Nothing is learned of new patients, and none of them matters for another. What is kept are
coefficients and quantiles of residuals, not patients: a number is the prediction plus a training
residual, held within what training patients had. A test cohort must be completed with this, too,
without its outcomes: else a model is judged on values that know the answer.

Sisk et al. 2023 (doi:10.1177/09622802231165001) found that models which will meet missing values
predicted best when their training table was imputed without the outcome, too. Coefficients are then
no hazard ratios to be read; which of the two was done is :attr:`MultipleImputation.outcome_used`.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hccsurv_core.checks import checked_count
from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.stats.multiple_imputation import MultipleImputation
from hccsurv_core.stats.multiple_imputation_draws import (
    draw_levels,
    fit_category,
    fit_linear,
    level_probabilities,
)
from hccsurv_core.stats.multiple_imputation_table import (
    Predictors,
    Variable,
    code_column,
    filled_frame,
)

if TYPE_CHECKING:
    from pandas import DataFrame

#: Quantiles of residuals that are kept, their places half a step inside.
_N_QUANTILES = 100
_PLACES = (np.arange(_N_QUANTILES) + 0.5) / _N_QUANTILES


@dataclass(frozen=True, eq=False)
class PatientImputer:
    """Regressions of every variable on all others, m times.

    Args:
        variables: (v,) with their levels.
        center, scale, low, high, whole: (v,) of the training patients' known values.
        coef: for each variable (m, 1, q) of a number, (m, K − 1, q) of a category.
        residuals: (m, v, 100) quantiles of the residuals of numbers, in units of ``scale``; 0 for
            categories.
    """

    variables: tuple[Variable, ...]
    center: np.ndarray
    scale: np.ndarray
    low: np.ndarray
    high: np.ndarray
    whole: np.ndarray
    coef: tuple[np.ndarray, ...]
    residuals: np.ndarray

    @property
    def n_imputations(self) -> int:
        """How many copies of a patient there are."""
        return len(self.residuals)

    def complete(
        self, frame: DataFrame, *, n_iterations: int = 10, seed: int = 0
    ) -> list[DataFrame]:
        """Complete new patients.

        A patient's copies depend on what is known of them and on the seed, not on who else is in
        the table.

        Args:
            frame: n new patients; a column that is not there is missing in all of them. Columns
                that were not learned of are kept as they are.
            n_iterations: rounds through the missing variables.

        Returns:
            m tables with the variables' gaps filled. Known values are never changed.

        Raises:
            InputError: no patients, or a value of the wrong kind or of a level that no training
                patient has.
        """
        checked_count(n_iterations, "n_iterations", at_least=1)
        known = self._coded(frame)
        missing = np.isnan(known)
        uniform = self._uniform(known, n_iterations, seed)
        return [
            filled_frame(frame, self._complete_once(known, i, uniform[i]), missing, self.variables)
            for i in range(self.n_imputations)
        ]

    def settings(self) -> dict[str, Any]:
        """Variables as JSON values, for a model bundle; :meth:`tensors` holds the rest."""
        return {"variables": [asdict(v) | {"levels": _plain(v.levels)} for v in self.variables]}

    def tensors(self) -> dict[str, np.ndarray]:
        """Arrays for a model bundle."""
        plain = {name: getattr(self, name) for name in _ARRAYS}
        return plain | {f"coef_{i}": coef for i, coef in enumerate(self.coef)}

    @classmethod
    def from_parts(
        cls, settings: Mapping[str, Any], tensors: Mapping[str, np.ndarray]
    ) -> PatientImputer:
        """Back from a bundle."""
        variables = tuple(
            Variable(v["name"], v["kind"], tuple(v["levels"]), v["log"])
            for v in settings["variables"]
        )
        coef = tuple(tensors[f"coef_{i}"] for i in range(len(variables)))
        return cls(variables, coef=coef, **{name: tensors[name] for name in _ARRAYS})

    def _coded(self, frame: DataFrame) -> np.ndarray:
        if len(frame) == 0:
            raise InputError("there are no patients", source="imputation")
        return np.column_stack(
            [
                code_column(frame[variable.name], variable)
                if variable.name in frame.columns
                else np.full(len(frame), np.nan)
                for variable in self.variables
            ]
        )

    def _uniform(self, known: np.ndarray, n_iterations: int, seed: int) -> np.ndarray:
        """(m, n_iterations, n, v) numbers from 0 to 1, each patient's from their own values."""
        shape = (self.n_imputations, n_iterations, known.shape[1])
        rows = np.nan_to_num(known, nan=-1e300)
        drawn = [
            np.random.default_rng([seed, zlib.crc32(row.tobytes())]).random(shape) for row in rows
        ]
        return np.stack(drawn, axis=2)

    def _complete_once(self, known: np.ndarray, i: int, uniform: np.ndarray) -> np.ndarray:
        missing = np.isnan(known)
        numbers = np.array([v.kind == "number" for v in self.variables])
        values = np.where(missing, np.where(numbers, self.center, 0.0), known)
        predictors = Predictors(self.variables, self.center, self.scale, values)
        for round_ in uniform:
            for j in map(int, np.flatnonzero(missing.any(axis=0))):
                rows = missing[:, j]
                x = predictors.matrix[rows][:, predictors.without(j)]
                values[rows, j] = self._draw(j, i, x, round_[rows, j])
                predictors.update(j, values[:, j])
        return values

    def _draw(self, j: int, i: int, x: np.ndarray, uniform: np.ndarray) -> np.ndarray:
        variable, coef = self.variables[j], self.coef[j][i]
        if variable.kind != "number":
            ordered = variable.kind == "ordered" and len(variable.levels) > 2
            return draw_levels(level_probabilities(x, coef, ordered=ordered), uniform).astype(float)
        noise = np.interp(uniform, _PLACES, self.residuals[i, j])
        drawn = self.center[j] + self.scale[j] * (x @ coef[0] + noise)
        if self.whole[j]:
            drawn = (
                np.log(np.maximum(np.round(np.exp(drawn)), 1)) if variable.log else drawn.round()
            )
        return np.clip(drawn, self.low[j], self.high[j])


_ARRAYS = ("center", "scale", "low", "high", "whole", "residuals")


def fit_patient_imputer(imputation: MultipleImputation, *, seed: int = 0) -> PatientImputer:
    """Learn how to complete new patients from completed training tables.

    Args:
        imputation: of the training patients; with their outcome where missingness may depend on it.
        seed: fixes the draws of the regressions.

    Raises:
        StatisticsError: fewer patients than coefficients.
    """
    table = imputation.table
    coef: list[list[np.ndarray]] = [[] for _ in table.variables]
    residuals = np.zeros((len(imputation), len(table.variables), _N_QUANTILES))
    for i, values in enumerate(imputation.completed):
        rng = np.random.default_rng([seed, i])
        predictors = Predictors(table.variables, table.center, table.scale, values)
        for j, variable in enumerate(table.variables):
            x = predictors.matrix[:, predictors.without(j)]
            if len(x) <= x.shape[1]:
                raise StatisticsError(
                    f"{len(x)} patients cannot carry {x.shape[1]} coefficients",
                    source=variable.name,
                    remedy="impute from fewer variables",
                )
            drawn, noise = _learn(x, values[:, j], variable, table.center[j], table.scale[j], rng)
            coef[j].append(drawn)
            residuals[i, j] = noise
    return PatientImputer(
        table.variables, table.center, table.scale, table.low, table.high, table.whole,
        tuple(np.stack(found) for found in coef), residuals,
    )  # fmt: skip


def _learn(
    x: np.ndarray,
    column: np.ndarray,
    variable: Variable,
    center: float,
    scale: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Drawn coefficients, (1, q) or (K − 1, q), and the quantiles of the residuals."""
    if variable.kind == "number":
        fit = fit_linear(x, (column - center) / scale)
        # Residuals are smaller than errors by the coefficients that were fitted.
        larger = np.sqrt(len(x) / fit.freedom)
        return fit.draw(rng)[None], np.quantile(fit.residuals * larger, _PLACES)
    category = fit_category(
        x, column.astype(int), len(variable.levels), ordered=variable.kind == "ordered"
    )
    return category.draw(rng), np.zeros(_N_QUANTILES)


def _plain(levels: Sequence[Any]) -> list[Any]:
    """Levels of numpy's types as Python's."""
    return [level.item() if isinstance(level, np.generic) else level for level in levels]
