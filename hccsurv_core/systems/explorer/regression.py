"""Uni- and multivariable Cox regression of a table: the rows of a forest plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.coxph import CoxModel, fit_cox
from hccsurv_core.models.design import Coefficient, Design, Term, build_design
from hccsurv_core.models.proportional_hazards import (
    ProportionalHazardsCheck,
    check_proportional_hazards,
)
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.concordance import estimate_concordance, jackknife_concordance
from hccsurv_core.stats.estimate import Estimate

if TYPE_CHECKING:
    from pandas import DataFrame

#: Peduzzi et al., J Clin Epidemiol 1995;48:1503-1510: with fewer events per variable, coefficients
#: and their intervals become unreliable.
EVENTS_PER_VARIABLE = 10


@dataclass(frozen=True)
class CoxRow:
    """One coefficient.

    Args:
        coefficient: what it is of.
        coef, std_error: log hazard ratio.
        hazard_ratio: with its Wald interval; > 1 is a higher hazard.
        p: two-sided Wald.
        n, n_events: patients of the model it is from.
        level_n, level_events: patients and events at this level; None for a number.
        reason: why there is no finite estimate, else empty.
    """

    coefficient: Coefficient
    coef: float
    std_error: float
    hazard_ratio: Estimate
    p: float
    n: int
    n_events: int
    level_n: int | None = None
    level_events: int | None = None
    reason: str = ""

    @property
    def name(self) -> str:
        """Label of the coefficient."""
        return self.coefficient.label


@dataclass(frozen=True, eq=False)
class CoxTable:
    """Uni- and multivariable results.

    Args:
        univariable: one model per term, on everybody with that value.
        multivariable: one model of all terms, on everybody with all values.
        n, n_events: of the multivariable model; n_left_out: with an outcome but a missing value.
        missing: term → patients without a value.
        concordance: Harrell's C of the multivariable model on its own patients (apparent).
        proportional_hazards: score tests by term and over all.
        likelihood_ratio: chi-square, degrees of freedom, p.
        model, design: for predictions and nomograms.
        skipped: term → why it has no univariable model.
        notes: sentences a reader must see.
    """

    univariable: tuple[CoxRow, ...]
    multivariable: tuple[CoxRow, ...]
    n: int
    n_events: int
    n_left_out: int
    missing: dict[str, int]
    concordance: Estimate
    proportional_hazards: ProportionalHazardsCheck
    likelihood_ratio: tuple[float, int, float]
    model: CoxModel
    design: Design
    skipped: dict[str, str]
    notes: tuple[str, ...]


def fit_cox_table(
    frame: DataFrame,
    outcome: SurvivalOutcome,
    terms: Sequence[Term],
    *,
    univariable: bool = True,
    level: float = 0.95,
    n_resamples: int = 0,
    seed: int = 0,
    device: str = "cpu",
) -> CoxTable:
    """Fit every term alone and all together.

    Args:
        frame: n rows.
        outcome: of the same n patients.
        terms: variables.
        n_resamples: bootstrap resamples for the interval of C; 0 uses its standard error.
        seed, device: of the bootstrap.

    Raises:
        InputError, StatisticsError: the multivariable model cannot be fitted; the message names
            the variable. A term that cannot be fitted alone is in ``skipped``.
    """
    if len(frame) != len(outcome):
        raise InputError(f"{len(frame)} rows but {len(outcome)} outcomes", source="regression")
    alone: list[CoxRow] = []
    skipped: dict[str, str] = {}
    for term in terms if univariable else ():
        try:
            design = build_design(frame, [term])
            kept = outcome.subset(design.rows)
            alone += _rows(_fit(design, kept), design, kept, level)
        except StatisticsError as error:
            skipped[term.name] = error.what
    design = build_design(frame, terms)
    kept = outcome.subset(design.rows)
    model = _fit(design, kept)
    rows = _rows(model, design, kept, level)
    return CoxTable(
        univariable=tuple(alone),
        multivariable=tuple(rows),
        n=model.n,
        n_events=model.n_events,
        n_left_out=len(frame) - model.n,
        missing=design.missing,
        concordance=_concordance(model, design, kept, n_resamples, seed, level, device),
        proportional_hazards=check_proportional_hazards(
            model, design.matrix, kept, terms=design.columns
        ),
        likelihood_ratio=model.likelihood_ratio_test(),
        model=model,
        design=design,
        skipped=skipped,
        notes=_notes(model, design, len(frame)),
    )


def _fit(design: Design, outcome: SurvivalOutcome) -> CoxModel:
    return fit_cox(design.matrix, outcome, names=design.names)


def _rows(model: CoxModel, design: Design, outcome: SurvivalOutcome, level: float) -> list[CoxRow]:
    low, high = model.ci(level)
    rows = []
    for i, meaning in enumerate(design.coefficients):
        finite = model.names[i] not in model.infinite
        ratio = Estimate(
            float(model.hazard_ratio[i]), float(low[i]), float(high[i]), level,
            "Cox, Efron ties, Wald interval", model.n, model.n_events,
        )  # fmt: skip
        row = CoxRow(
            meaning, float(model.coef[i]), float(model.std_error[i]), ratio, float(model.p[i]),
            model.n, model.n_events,
        )  # fmt: skip
        if meaning.level is not None:
            at_level = design.matrix[:, i] == 1
            row = replace(
                row, level_n=int(at_level.sum()), level_events=int(outcome.event[at_level].sum())
            )
        rows.append(row if finite else _without_estimate(row))
    return rows


def _without_estimate(row: CoxRow) -> CoxRow:
    nan = float("nan")
    return replace(
        row, coef=nan, std_error=nan, p=nan, reason="no finite estimate (no events, or follows from others)",
        hazard_ratio=replace(row.hazard_ratio, value=nan, ci_low=nan, ci_high=nan),
    )  # fmt: skip


def _concordance(
    model: CoxModel,
    design: Design,
    outcome: SurvivalOutcome,
    n_resamples: int,
    seed: int,
    level: float,
    device: str,
) -> Estimate:
    score = model.linear_predictor(design.matrix)
    if n_resamples:
        return estimate_concordance(
            outcome, score, n_resamples=n_resamples, seed=seed, level=level, device=device
        )
    return jackknife_concordance(outcome, score, level=level)


def _notes(model: CoxModel, design: Design, n: int) -> tuple[str, ...]:
    notes = []
    if model.n < n:
        worst = max(design.missing, key=lambda name: design.missing[name])
        notes.append(
            f"{n - model.n} of {n} patients lack a value and are left out of the multivariable "
            f"model, most of them because of {worst} ({design.missing[worst]} missing)."
        )
    per_variable = model.n_events / len(model.names)
    if per_variable < EVENTS_PER_VARIABLE:
        notes.append(
            f"{model.n_events} events for {len(model.names)} coefficients "
            f"({per_variable:.1f} each): with fewer than {EVENTS_PER_VARIABLE}, estimates are "
            "unreliable (Peduzzi et al. 1995)."
        )
    notes.append("C is measured on the patients the model was fitted on, so it is optimistic.")
    return tuple(notes)


def scaled(term: Term, values: np.ndarray) -> Term:
    """The term with hazard ratios per a round number of units near one standard deviation."""
    spread = float(np.nanstd(values))
    if not np.isfinite(spread) or spread <= 0:
        return term
    magnitude = 10.0 ** np.floor(np.log10(spread))
    per = magnitude * (1 if spread / magnitude < 3.16 else 5)
    return replace(term, per=per if per >= 10 or per < 1 else 1.0)
