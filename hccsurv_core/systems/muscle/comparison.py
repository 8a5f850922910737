"""Discrimination: C and time-dependent AUC of every score, and each model against all others.

Differences are paired: on the patients who have both scores, and on the same resamples (C) or by
influence functions (AUC). A definition is a rival twice: with its measure, and with its verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hccsurv_core.errors import StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.progress import Progress, part_of, silent
from hccsurv_core.stats.concordance import estimate_concordance
from hccsurv_core.stats.concordance_comparison import ConcordanceAnswer, compare_concordances
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.multiple_testing import adjust_p_values
from hccsurv_core.stats.plain import plain_number
from hccsurv_core.stats.time_dependent_roc import compare_time_dependent_auc, time_dependent_auc
from hccsurv_core.systems.muscle.answers import attempt
from hccsurv_core.systems.muscle.evaluation_settings import EvaluationSettings
from hccsurv_core.systems.muscle.scores import ScoreColumn

#: Points of a curve of AUC over time.
_CURVE_POINTS = 40


@dataclass(frozen=True)
class ScoreRow:
    """C (or AUC at a horizon) of one score.

    Args:
        name, kind: of the score.
        estimate: with its interval; None where there is no answer.
        n, n_events: patients with the score, and their events (by the horizon).
        n_controls: known to be free of the event at the horizon; None for C.
        horizon_months: None for C.
        reason: why there is no answer, else empty.
    """

    name: str
    kind: str
    estimate: Estimate | None
    n: int
    n_events: int
    n_controls: int | None = None
    horizon_months: float | None = None
    reason: str = ""

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            **self.__dict__,
            "estimate": None if self.estimate is None else self.estimate.to_json(),
        }


@dataclass(frozen=True)
class DifferenceRow:
    """A model minus another score, on the patients who have both.

    Args:
        model, rival: names; rival_kind: what the rival is.
        estimate: of the difference, above 0 where the model is better; None without an answer.
        p: two-sided; p_adjusted: for all rivals (and horizons) this model is held against in this
            set, the oracle not counted.
        n, n_events: patients with both scores, and their events (by the horizon).
        horizon_months: None for C.
        reason: why there is no answer, else empty.
    """

    model: str
    rival: str
    rival_kind: str
    estimate: Estimate | None
    p: float
    p_adjusted: float
    n: int
    n_events: int
    horizon_months: float | None = None
    reason: str = ""

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            **self.__dict__,
            "estimate": None if self.estimate is None else self.estimate.to_json(),
            "p": plain_number(self.p),
            "p_adjusted": plain_number(self.p_adjusted),
        }


@dataclass(frozen=True, eq=False)
class AucCurve:
    """AUC over time of one score: (k,) months, areas and their pointwise interval."""

    name: str
    kind: str
    form: str
    eval_times: np.ndarray
    auc: np.ndarray
    ci_low: np.ndarray
    ci_high: np.ndarray
    n: int
    n_events: int


@dataclass(frozen=True, eq=False)
class Discrimination:
    """How well every score ranks the patients of one set.

    Args:
        concordance: Harrell's C of every score.
        concordance_differences: every model against every other score.
        uno: Uno's C of the models up to ``uno_horizon_months``, which does not depend on who was
            censored.
        oracle_share: by model, (C − 0.5) / (oracle's C − 0.5), for simulated patients.
        horizons_months: those of AUC; left_out: (months, why) of the others.
        auc, auc_differences: at each horizon.
        curves: AUC over time.
        correction: of the p-values.
    """

    concordance: tuple[ScoreRow, ...]
    concordance_differences: tuple[DifferenceRow, ...]
    uno: tuple[ScoreRow, ...]
    oracle_share: tuple[ScoreRow, ...]
    horizons_months: tuple[float, ...]
    left_out: tuple[tuple[float, str], ...]
    auc: tuple[ScoreRow, ...]
    auc_differences: tuple[DifferenceRow, ...]
    curves: tuple[AucCurve, ...]
    correction: str

    def to_json(self) -> dict[str, object]:
        """Plain values; the curves' points stand in the figure's table."""
        return {
            "concordance": [r.to_json() for r in self.concordance],
            "concordance_differences": [r.to_json() for r in self.concordance_differences],
            "uno_concordance": [r.to_json() for r in self.uno],
            "share_of_oracle": [r.to_json() for r in self.oracle_share],
            "auc_horizons_months": list(self.horizons_months),
            "auc_horizons_left_out": [{"months": h, "reason": r} for h, r in self.left_out],
            "auc": [r.to_json() for r in self.auc],
            "auc_differences": [r.to_json() for r in self.auc_differences],
            "correction": self.correction,
        }


def sort_horizons(
    outcome: SurvivalOutcome, horizons: Sequence[float], min_events: int
) -> tuple[list[float], list[tuple[float, str]]]:
    """Horizons that the follow-up allows, and (months, why not) of the others."""
    kept: list[float] = []
    left_out = []
    for months in map(float, horizons):
        cases = _events_by(outcome, months)
        controls = int((outcome.time_months > months).sum())
        if cases < min_events:
            why = f"{cases} of {len(outcome)} patients had the event by {months:g} months"
        elif controls < min_events:
            why = f"{controls} of {len(outcome)} patients are followed beyond {months:g} months"
        else:
            kept.append(months)
            continue
        left_out.append((months, f"{why}; at least {min_events} are needed"))
    return kept, left_out


def assess_scores(
    outcome: SurvivalOutcome,
    columns: Sequence[ScoreColumn],
    settings: EvaluationSettings,
    *,
    progress: Progress = silent,
) -> Discrimination:
    """Discrimination of every score in one set, and every model against all others.

    Args:
        outcome: of n patients.
        columns: scores of the same patients.
    """
    compared = _concordances(outcome, columns, settings, part_of(progress, 0.0, 0.8))
    horizons, left_out = sort_horizons(outcome, settings.horizons_months, settings.min_events)
    progress(0.8, "AUC over time")
    auc = [row for c in columns for row in _auc_rows(outcome, c, horizons, settings)]
    auc_differences = []
    for model in columns:
        if model.kind == "model":
            rows = [
                row for rival in columns if rival is not model
                for row in _auc_differences(outcome, model, rival, horizons, settings)
            ]  # fmt: skip
            auc_differences += _adjusted(rows, settings.correction)
    curves = [attempt(_curve, outcome, c, settings) for c in columns if c.kind != "oracle"]
    return Discrimination(
        *compared,
        horizons_months=tuple(horizons),
        left_out=tuple(left_out),
        auc=tuple(auc),
        auc_differences=tuple(auc_differences),
        curves=tuple(c.value for c in curves if c.value is not None),
        correction=settings.correction,
    )


def _concordances(
    outcome: SurvivalOutcome,
    columns: Sequence[ScoreColumn],
    settings: EvaluationSettings,
    progress: Progress,
) -> tuple[tuple, tuple, tuple, tuple]:
    """Rows of C, differences, Uno's C, and shares of the oracle's margin."""
    kinds = {c.name: c.kind for c in columns}
    models = [c for c in columns if c.kind == "model"]
    pairs = [(m.name, c.name) for m in models for c in columns if c is not m]
    oracles = [c.name for c in columns if c.kind == "oracle"][:1]
    found = compare_concordances(
        outcome, {c.name: c.risk_score for c in columns}, pairs,
        margins=[(c.name, o) for o in oracles for c in columns if c.kind in ("model", "rival")],
        n_resamples=settings.n_resamples, seed=settings.seed, level=settings.level,
        device=settings.device, progress=progress,
    )  # fmt: skip
    reasons = {c.name: c.reason for c in columns}
    rows = tuple(
        _score_row(name, kinds[name], answer, reasons[name])
        for name, answer in found.scores.items()
    )
    differences: list[DifferenceRow] = []
    for model in models:
        family = [
            DifferenceRow(a, b, kinds[b], x.estimate, x.p, np.nan, x.n, x.n_events, None,
                          x.reason and (reasons[b] or x.reason))
            for (a, b), x in found.differences.items() if a == model.name
        ]  # fmt: skip
        differences += _adjusted(family, settings.correction)
    shares = tuple(_score_row(a, kinds[a], x, "") for (a, _), x in found.margins.items())
    return rows, tuple(differences), _uno_rows(outcome, models, settings), shares


def _score_row(name: str, kind: str, answer: ConcordanceAnswer, reason: str) -> ScoreRow:
    why = "" if answer.estimate is not None else (reason or answer.reason)
    return ScoreRow(name, kind, answer.estimate, answer.n, answer.n_events, reason=why)


def _uno_rows(
    outcome: SurvivalOutcome, models: Sequence[ScoreColumn], settings: EvaluationSettings
) -> tuple[ScoreRow, ...]:
    rows = []
    for model in models:
        known = np.isfinite(model.risk_score)
        n, n_events = int(known.sum()), int(outcome.event[known].sum())
        if n == 0:
            continue
        part = outcome.subset(known)
        horizons, _ = sort_horizons(part, settings.horizons_months, settings.min_events)
        if not horizons:
            why = "no horizon can be answered"
            rows.append(ScoreRow(model.name, model.kind, None, n, n_events, reason=why))
            continue
        answer = attempt(
            estimate_concordance, part, model.risk_score[known], method="uno",
            horizon_months=horizons[-1], n_resamples=min(500, settings.n_resamples),
            seed=settings.seed, level=settings.level, device=settings.device,
        )  # fmt: skip
        rows.append(
            ScoreRow(model.name, model.kind, answer.value, n, n_events, None, horizons[-1], answer.reason)
        )  # fmt: skip
    return tuple(rows)


def _auc_rows(
    outcome: SurvivalOutcome,
    column: ScoreColumn,
    horizons: Sequence[float],
    settings: EvaluationSettings,
) -> list[ScoreRow]:
    known = np.isfinite(column.risk_score)
    part, usable, why = _answerable(outcome, known, horizons, settings, column.reason)
    rows = []
    if part is not None and usable:
        found = time_dependent_auc(part, column.risk_score[known], usable, level=settings.level)
        rows = [
            ScoreRow(column.name, column.kind, e, len(part), int(cases), int(controls), h)
            for h, e, cases, controls in zip(
                usable, found.estimates(), found.n_cases, found.n_controls, strict=True
            )
        ]
    by_horizon = {r.horizon_months: r for r in rows}
    return [
        by_horizon.get(h)
        or ScoreRow(
            column.name, column.kind, None, int(known.sum()),
            int((outcome.event & known & (outcome.time_months <= h)).sum()), None, h, why[h],
        )
        for h in horizons
    ]  # fmt: skip


def _auc_differences(
    outcome: SurvivalOutcome,
    model: ScoreColumn,
    rival: ScoreColumn,
    horizons: Sequence[float],
    settings: EvaluationSettings,
) -> list[DifferenceRow]:
    known = np.isfinite(model.risk_score) & np.isfinite(rival.risk_score)
    part, usable, why = _answerable(
        outcome, known, horizons, settings, rival.reason or model.reason
    )
    found: dict[float, tuple[Estimate, float]] = {}
    if part is not None and usable:
        difference = compare_time_dependent_auc(
            part, model.risk_score[known], rival.risk_score[known], usable, level=settings.level
        )
        for i, h in enumerate(usable):
            estimate = Estimate(
                float(difference.difference[i]), float(difference.ci_low[i]),
                float(difference.ci_high[i]), settings.level,
                "difference of AUC, influence function", len(part), _events_by(part, h),
            )  # fmt: skip
            found[h] = (estimate, float(difference.p[i]))
    rows = []
    for h in horizons:
        estimate_at, p = found.get(h, (None, np.nan))
        cases = 0 if part is None else _events_by(part, h)
        rows.append(
            DifferenceRow(
                model.name, rival.name, rival.kind, estimate_at, p, np.nan, int(known.sum()),
                cases, h, "" if estimate_at is not None else why[h],
            )
        )  # fmt: skip
    return rows


def _events_by(outcome: SurvivalOutcome, months: float) -> int:
    return int((outcome.event & (outcome.time_months <= months)).sum())


def _answerable(
    outcome: SurvivalOutcome,
    known: np.ndarray,
    horizons: Sequence[float],
    settings: EvaluationSettings,
    reason: str,
) -> tuple[SurvivalOutcome | None, list[float], dict[float, str]]:
    """Patients with the score, the horizons they allow, and why the others are not among them."""
    if not known.any():
        why = reason or "nobody has the score"
        return None, [], dict.fromkeys(map(float, horizons), why)
    part = outcome.subset(known)
    usable, left_out = sort_horizons(part, horizons, settings.min_events)
    return part, usable, dict(left_out)


def _curve(outcome: SurvivalOutcome, column: ScoreColumn, settings: EvaluationSettings) -> AucCurve:
    known = np.isfinite(column.risk_score)
    if not known.any():
        raise StatisticsError(column.reason or "nobody has the score", source=column.name)
    part = outcome.subset(known)
    times = _curve_times(part, settings)
    found = time_dependent_auc(part, column.risk_score[known], times, level=settings.level)
    return AucCurve(
        column.name, column.kind, column.form, times, found.auc, found.ci_low, found.ci_high,
        len(part), part.n_events,
    )  # fmt: skip


def _curve_times(part: SurvivalOutcome, settings: EvaluationSettings) -> np.ndarray:
    """From the first time with enough events to the last with enough patients left."""
    enough = settings.min_events
    deaths = np.sort(part.time_months[part.event])
    ends = np.sort(part.time_months)
    if deaths.size < enough or ends.size <= enough or deaths[enough - 1] >= ends[-enough - 1]:
        raise StatisticsError(
            f"there is no time with {enough} events before it and {enough} patients after it",
            source="AUC over time",
        )
    first, last = max(float(deaths[enough - 1]), 0.1), float(ends[-enough - 1])
    last = min(last, 1.25 * max(settings.horizons_months))
    if last <= first:
        return np.array([first])
    whole = np.arange(np.ceil(first), np.floor(last) + 1)
    if whole.size < 2:
        return np.array([first, last])
    return whole[np.unique(np.linspace(0, whole.size - 1, _CURVE_POINTS).round().astype(int))]


def _adjusted(rows: Sequence[DifferenceRow], correction: str) -> list[DifferenceRow]:
    """With p-values corrected for the number of rivals; the oracle is no rival."""
    p = np.array([np.nan if r.rival_kind == "oracle" else r.p for r in rows])
    adjusted = adjust_p_values(p, method=correction)
    return [replace(r, p_adjusted=float(q)) for r, q in zip(rows, adjusted, strict=True)]
