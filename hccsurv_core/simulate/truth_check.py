"""How hard a virtual cohort is: the oracle, its rivals, and margins against published ones.

The oracle is the true linear predictor: no model can be expected to rank better. What this
module prints goes into ``truth.json``, so that a pipeline's score can be read as the share of
the oracle's skill that it reaches (:func:`share_of_skill`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hccsurv_core.outcome import SurvivalOutcome

if TYPE_CHECKING:
    from pandas import DataFrame

_BLOCK = 512


@dataclass(frozen=True)
class Concordance:
    """Harrell's C of one score.

    Args:
        name: of the score.
        c_index: 0.5 is chance, 1 perfect; NaN where no two patients can be compared.
        std_error: infinitesimal-jackknife standard error.
        n, n_events: what it rests on.
        kind: "oracle", "rival" or "definition".
        published: what the papers report for such a score, (low, high); None where they do not.
    """

    name: str
    c_index: float
    std_error: float
    n: int
    n_events: int
    kind: str = "rival"
    published: tuple[float, float] | None = None

    def to_json(self) -> dict[str, object]:
        """Plain values; what is not a number becomes None."""
        return {
            "name": self.name,
            "kind": self.kind,
            "c_index": _plain(self.c_index),
            "std_error": _plain(self.std_error),
            "n": self.n,
            "n_events": self.n_events,
            "published": None if self.published is None else list(self.published),
        }


@dataclass(frozen=True)
class Margin:
    """A number of the cohort beside the published one.

    Args:
        name: what is counted or averaged.
        value: in this cohort; NaN where nobody can be counted.
        published: in the paper; None where the number is our own choice.
        source: the paper (author, journal, year, DOI), or "ours".
    """

    name: str
    value: float
    published: float | None
    source: str

    def to_json(self) -> dict[str, object]:
        """Plain values; what is not a number becomes None."""
        return {
            "name": self.name,
            "value": _plain(self.value),
            "published": self.published,
            "source": self.source,
        }


def concordance(
    outcome: SurvivalOutcome,
    risk_score: ArrayLike,
    name: str = "",
    *,
    kind: str = "rival",
    published: tuple[float, float] | None = None,
) -> Concordance:
    """Harrell's C of ``risk_score`` (n,), higher = worse.

    Comparable are pairs of whom one had the event before the other's time ended, or at the same
    time as the other was censored. Equal scores count half. Two events at the same time are
    not comparable.
    """
    score, time, event = np.asarray(risk_score, float), outcome.time_months, outcome.event
    n = len(outcome)
    won, compared = np.zeros(n), np.zeros(n)
    for start in range(0, n, _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, n))
        rows = rows[event[rows]]
        later = (time > time[rows, None]) | ((time == time[rows, None]) & ~event)
        points = (np.sign(score[rows, None] - score) + 1) / 2 * later
        won[rows] += points.sum(1)
        compared[rows] += later.sum(1)
        won += points.sum(0)
        compared += later.sum(0)
    pairs = compared.sum() / 2
    c = won.sum() / 2 / pairs if pairs else math.nan
    # Each patient's pull on the ratio of two U-statistics.
    pull = (won - c * compared) / pairs if pairs else np.array([math.nan])
    std_error = float(np.sqrt((pull**2).sum()))
    return Concordance(name, float(c), std_error, n, outcome.n_events, kind, published)


def cox_concordance(
    table: DataFrame,
    covariates: Sequence[str],
    outcome: SurvivalOutcome,
    name: str,
    *,
    train: NDArray[np.bool_] | None = None,
    published: tuple[float, float] | None = None,
) -> Concordance | None:
    """A classical rival: Cox on table columns, fitted on ``train`` and judged on the rest.

    Numbers are standardized, missing ones set to the training median, text becomes indicators.
    Without ``train`` it is judged on the patients it was fitted on (optimistic; for large n).

    Returns:
        None where the data cannot answer (fewer events than covariates, nobody to judge).
    """
    fitted = np.ones(len(table), bool) if train is None else np.asarray(train, bool)
    judged = np.ones(len(table), bool) if train is None else ~fitted
    design = _design(table, covariates, fitted)
    if not len(design.columns) or outcome.event[fitted].sum() <= len(design.columns):
        return None
    if not outcome.event[judged].any():
        return None
    risk = _cox_risk(design, outcome, fitted)
    if risk is None:
        return None
    return concordance(outcome.subset(judged), risk[judged], name, published=published)


def _design(table: DataFrame, covariates: Sequence[str], fitted: NDArray[np.bool_]) -> DataFrame:
    import pandas as pd

    parts = {}
    for name in covariates:
        column = table[name]
        if column.dtype == object:
            for level in sorted(column[fitted].dropna().unique())[1:]:
                parts[f"{name}={level}"] = (column == level).astype(float)
        else:
            values = column.astype(float)
            if values[fitted].isna().all():
                continue
            values = values.fillna(values[fitted].median())
            spread = values[fitted].std()
            parts[name] = (values - values[fitted].mean()) / (spread if spread > 0 else 1.0)
    # The index keeps the rows where no covariate is left.
    design = pd.DataFrame(parts, index=table.index)
    return design.loc[:, design[fitted].nunique() > 1]


def _cox_risk(
    design: DataFrame, outcome: SurvivalOutcome, fitted: NDArray[np.bool_]
) -> NDArray[np.float64] | None:
    from lifelines import CoxPHFitter
    from lifelines.exceptions import ConvergenceError

    data = design.assign(_time=outcome.time_months, _event=outcome.event.astype(int))
    try:
        # A touch of ridge: indicator columns of rare levels must not diverge.
        model = CoxPHFitter(penalizer=1e-4).fit(data[fitted], "_time", "_event")
    except ConvergenceError:
        return None
    return design.to_numpy() @ model.params_.loc[design.columns].to_numpy()


def share_of_skill(c_index: float, oracle: float) -> float:
    """How much of the oracle's skill beyond chance a score reaches: 0 is chance, 1 the oracle."""
    return (c_index - 0.5) / (oracle - 0.5)


def report(
    concordances: Sequence[Concordance | None],
    margins: Sequence[Margin],
    **more: Any,
) -> Mapping[str, Any]:
    """The object for ``truth.json``: oracle, rivals and margins; scores that are None are left out."""
    kept = [c for c in concordances if c is not None]
    return {
        "oracle": [c.to_json() for c in kept if c.kind == "oracle"],
        "rivals": [c.to_json() for c in kept if c.kind != "oracle"],
        "margins": [m.to_json() for m in margins],
        **more,
    }


def _plain(value: float) -> float | None:
    return round(float(value), 6) if math.isfinite(value) else None
