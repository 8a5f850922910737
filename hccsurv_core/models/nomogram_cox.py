"""Nomograms of the Cox models fitted here: which columns of the model are which variable.

What is scored later needs none of this: see :mod:`hccsurv_core.models.nomogram`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.checks import checked_numbers
from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.coxph import CoxModel
from hccsurv_core.models.design import Design, level_text
from hccsurv_core.models.nomogram import (
    Horizon,
    Nomogram,
    TrainingCohort,
    build_nomogram,
)
from hccsurv_core.models.nomogram_curves import Line, Spline
from hccsurv_core.models.nomogram_variables import (
    MIDDLE_QUANTILES,
    AxisRange,
    CategoryVariable,
    NumberVariable,
)

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class NumberTerm:
    """A number as the model has it: one column, or those of a restricted cubic spline.

    Args:
        name, label, unit, transform, center, scale, whole: as in
            :class:`hccsurv_core.models.nomogram_variables.NumberVariable`.
        columns: names of the model's columns: u itself, then a spline's cubic parts.
        axis: from the training patients.
        knots: of u; empty for a straight effect.
    """

    name: str
    label: str
    columns: tuple[str, ...]
    axis: AxisRange
    unit: str = ""
    transform: str = "identity"
    center: float = 0.0
    scale: float = 1.0
    knots: tuple[float, ...] = ()
    whole: bool = False

    def variable(self, coef: Mapping[str, float]) -> NumberVariable:
        """With the coefficients of its columns."""
        found = tuple(coef[c] for c in self.columns)
        if not self.knots and len(found) != 1:
            raise InputError(
                f"{len(found)} columns without knots are no straight effect", source=self.label,
                remedy="give the knots of the spline",
            )  # fmt: skip
        curve = Spline(self.knots, found) if self.knots else Line(found[0])
        return NumberVariable(
            self.name, self.label, curve, self.axis, self.unit, self.transform, self.center,
            self.scale, self.whole,
        )  # fmt: skip


@dataclass(frozen=True)
class CategoryTerm:
    """A category as the model has it: a 0/1 column for every level but the reference.

    Args:
        name, label, shares, titles: as in
            :class:`hccsurv_core.models.nomogram_variables.CategoryVariable`.
        levels: (k,) in order; the one without a column is the reference.
        level_columns: level → name of the model's column.
    """

    name: str
    label: str
    levels: tuple[str, ...]
    level_columns: Mapping[str, str]
    shares: tuple[float, ...] = ()
    titles: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the model's columns."""
        return tuple(
            self.level_columns[level] for level in self.levels if level in self.level_columns
        )

    def variable(self, coef: Mapping[str, float]) -> CategoryVariable:
        """With the coefficients of its columns."""
        effects = tuple(
            coef[self.level_columns[level]] if level in self.level_columns else 0.0
            for level in self.levels
        )
        return CategoryVariable(
            self.name, self.label, self.levels, effects, self.shares, self.titles
        )


Term = NumberTerm | CategoryTerm


def cox_nomogram(
    model: CoxModel,
    terms: Sequence[Term],
    *,
    title: str,
    horizons_months: Sequence[float],
    cohort: str,
    simulated: bool = False,
    follow_up_months: float | None = None,
    stratum: int = 0,
    training_matrix: ArrayLike | None = None,
    leave_out: bool = False,
) -> Nomogram:
    """The nomogram of a fitted Cox model.

    Args:
        model: its linear predictor, and so that of the nomogram, is against the mean patient.
        terms: together they have every column of the model once.
        title: what is predicted, for whom.
        horizons_months: rising times.
        cohort: name of the training cohort.
        follow_up_months: longest follow-up; default the last death.
        stratum: whose baseline hazard, in a stratified model.
        training_matrix: (n, p) the model's covariates of the training patients, to show where
            they lie and tell whom the model has not seen.
        leave_out: leave out variables without any effect.

    Raises:
        InputError: columns are not the model's, a horizon or the stratum cannot be used.
        StatisticsError: a coefficient has no finite estimate, or a variable has no effect.
    """
    _check_columns(model, terms)
    if stratum not in model.baselines:
        raise InputError(f"the model has no stratum {stratum}", source="strata")
    baseline = model.baselines[stratum]
    coef = dict(zip(model.names, (float(c) for c in model.coef), strict=True))
    times = checked_numbers(horizons_months, "horizons_months").ravel()
    training = TrainingCohort(
        cohort, model.n, model.n_events, float(follow_up_months or baseline.time_months[-1]),
        simulated,
    )  # fmt: skip
    if training_matrix is not None:
        score = model.linear_predictor(training_matrix)
        training = replace(
            training,
            linear_predictor=tuple(float(q) for q in np.quantile(score, MIDDLE_QUANTILES)),
            linear_predictor_range=(float(score.min()), float(score.max())),
        )
    return build_nomogram(
        [t.variable(coef) for t in terms],
        title=title,
        horizons=[
            Horizon(float(t), float(h)) for t, h in zip(times, baseline.at(times), strict=True)
        ],
        training=training,
        intercept=-float(model.means @ model.coef),
        leave_out=leave_out,
    )


def terms_of_design(
    design: Design,
    frame: DataFrame,
    *,
    labels: Mapping[str, str] | None = None,
    quantiles: tuple[float, float] = (0.0, 1.0),
) -> tuple[Term, ...]:
    """Terms of a model that was fitted on a :class:`hccsurv_core.models.design.Design`.

    Args:
        frame: the table of which the design was built; only its rows in the design are looked at.
        labels: column → words for the axis; default the column's name.
        quantiles: of the training patients, where the axes of numbers end.

    Raises:
        StatisticsError: a variable is the same in every patient.
    """
    rows = frame.loc[design.rows]
    found: list[Term] = []
    for name, columns in design.columns.items():
        label = (labels or {}).get(name, name)
        first = design.coefficients[columns[0]]
        values = rows[name]
        if first.level is None:
            numbers = values.astype(float).to_numpy()
            axis = AxisRange.of_training(numbers, quantiles=quantiles, name=label)
            found.append(
                NumberTerm(
                    name, label, (design.names[columns[0]],), axis, first.unit, scale=first.per,
                    whole=bool((numbers == np.round(numbers)).all() and np.ptp(numbers) <= 20),
                )
            )  # fmt: skip
            continue
        level_columns = {str(design.coefficients[c].level): design.names[c] for c in columns}
        levels = (str(first.reference), *level_columns)
        texts = values.map(level_text)
        shares = tuple(float((texts == level).mean()) for level in levels)
        found.append(CategoryTerm(name, label, levels, level_columns, shares))
    return tuple(found)


def _check_columns(model: CoxModel, terms: Sequence[Term]) -> None:
    """Every column of the model must belong to one term, and be estimated."""
    given = [column for term in terms for column in term.columns]
    unknown = [c for c in given if c not in model.names]
    lacking = [c for c in model.names if c not in given]
    twice = [c for c in given if given.count(c) > 1]
    for problem, columns in (
        ("the model has no such column", unknown),
        ("no variable has this column of the model", lacking),
        ("two variables have this column of the model", twice),
    ):
        if columns:
            raise InputError(problem, source=columns[0])
    if model.infinite:
        raise StatisticsError(
            "has no finite estimate (a group without events), so it has no place on an axis",
            source=model.infinite[0], remedy="join its level with another, or use a ridge penalty",
        )  # fmt: skip
