"""Every table of an evaluation of system 1, by file name: numbers as numbers, reasons in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.systems.muscle.comparison import DifferenceRow, ScoreRow
from hccsurv_core.systems.muscle.evaluation import MuscleEvaluation, SetEvaluation
from hccsurv_core.systems.muscle.prediction_quality import PredictionQuality

if TYPE_CHECKING:
    from pandas import DataFrame

_Row = dict[str, Any]


def evaluation_tables(evaluation: MuscleEvaluation) -> dict[str, DataFrame]:
    """All tables, in the order of a report; those without a row are left out."""
    import pandas as pd

    rows = {
        "study": [_study_row(s) for s in evaluation.sets],
        "table_2": [r for s in evaluation.sets for r in _definition_rows(s)],
        "concordance": [r for s in evaluation.sets for r in _concordance_rows(s)],
        "concordance_differences": [
            {**_of(s), **_difference(d)}
            for s in evaluation.sets
            for d in s.discrimination.concordance_differences
        ],
        "auc": [{**_of(s), **_score(r)} for s in evaluation.sets for r in s.discrimination.auc],
        "auc_differences": [
            {**_of(s), **_difference(d)}
            for s in evaluation.sets
            for d in s.discrimination.auc_differences
        ],
        "left_out": [r for s in evaluation.sets for r in _left_out_rows(s)],
        "disagreement": [r for s in evaluation.sets for r in _disagreement_rows(s)],
        "prediction_error": [r for s in evaluation.sets for r in _error_rows(s)],
        "brier_differences": [r for s in evaluation.sets for r in _brier_rows(s)],
        "calibration": [r for s in evaluation.sets for r in _calibration_rows(s)],
        "training_and_test": [_gap_row(g) for g in evaluation.gaps],
        "groups": list(_group_rows(evaluation)),
    }
    return {name: pd.DataFrame(found) for name, found in rows.items() if found}


def _of(part: SetEvaluation) -> _Row:
    return {"set": part.name}


def _numbers(estimate: Estimate | None, name: str) -> _Row:
    """Value and bounds under one name; empty cells where there is no estimate."""
    return {
        name: None if estimate is None else estimate.value,
        f"{name}_low": None if estimate is None else estimate.ci_low,
        f"{name}_high": None if estimate is None else estimate.ci_high,
    }


def _study_row(part: SetEvaluation) -> _Row:
    return {
        **_of(part),
        "title": part.title,
        "trained_on": part.training,
        "n": part.n,
        "n_events": part.n_events,
        **_numbers(part.follow_up, "median_follow_up_months"),
        "notes": " ".join(part.notes),
    }


def _definition_rows(part: SetEvaluation) -> Iterator[_Row]:
    for r in part.definition_table:
        yield {
            **_of(part),
            "name": r.name,
            "kind": r.kind,
            "cutoffs": r.cutoffs,
            "n": r.n,
            "n_missing": r.n_missing,
            "n_low": r.n_low,
            **_numbers(r.prevalence, "prevalence"),
            "events_low": r.events_low,
            "events_other": r.events_other,
            **_numbers(r.hazard_ratio, "hazard_ratio"),
            "p": r.p,
            "p_corrected": r.p_adjusted,
            "note": r.reason or r.note,
        }


def _score(row: ScoreRow) -> _Row:
    return {
        "score": row.name,
        "kind": row.kind,
        **({} if row.horizon_months is None else {"horizon_months": row.horizon_months}),
        "n": row.n,
        "n_events": row.n_events,
        **({} if row.n_controls is None else {"n_event_free": row.n_controls}),
        **_numbers(row.estimate, "estimate"),
        "reason": row.reason,
    }


def _concordance_rows(part: SetEvaluation) -> Iterator[_Row]:
    found = part.discrimination
    for measure, rows in (
        ("Harrell's C", found.concordance),
        ("Uno's C", found.uno),
        ("share of the oracle's C − 0.5", found.oracle_share),
    ):
        for row in rows:
            yield {**_of(part), "measure": measure, **_score(row)}


def _difference(row: DifferenceRow) -> _Row:
    return {
        "model": row.model,
        "rival": row.rival,
        "rival_kind": row.rival_kind,
        **({} if row.horizon_months is None else {"horizon_months": row.horizon_months}),
        "n": row.n,
        "n_events": row.n_events,
        **_numbers(row.estimate, "difference"),
        "p": row.p,
        "p_corrected": row.p_adjusted,
        "reason": row.reason,
    }


def _left_out_rows(part: SetEvaluation) -> Iterator[_Row]:
    for months, why in part.discrimination.left_out:
        yield {**_of(part), "what": "AUC", "horizon_months": months, "reason": why}
    quality = part.predictions.value
    if quality is None:
        yield {**_of(part), "what": "predicted survival", "reason": part.predictions.reason}
        return
    for months, why in quality.left_out:
        yield {**_of(part), "what": "calibration", "horizon_months": months, "reason": why}


def _disagreement_rows(part: SetEvaluation) -> Iterator[_Row]:
    matrix = part.disagreement.value
    for pair in () if matrix is None else matrix.pairs:
        yield {
            **_of(part),
            "first": pair.first,
            "second": pair.second,
            "n": pair.n,
            "only_first": pair.only_first,
            "only_second": pair.only_second,
            **_numbers(pair.share, "disagree"),
            **_numbers(pair.kappa.value, "kappa"),
            "reason": pair.kappa.reason,
        }


def _quality(part: SetEvaluation) -> PredictionQuality | None:
    return part.predictions.value


def _error_rows(part: SetEvaluation) -> Iterator[_Row]:
    quality = _quality(part)
    for name, answer in {}.items() if quality is None else quality.errors.items():
        error = answer.value
        yield {
            **_of(part),
            "model": name,
            **_numbers(None if error is None else error.integrated, "integrated_brier"),
            "integrated_brier_null": None if error is None else error.integrated_null,
            "integrated_ipa": None if error is None else error.integrated_ipa,
            "from_months": None if error is None else float(error.curve.eval_times[0]),
            "to_months": None if error is None else float(error.curve.eval_times[-1]),
            "n": None if error is None else error.curve.n,
            "n_events": None if error is None else error.curve.n_events,
            "reason": answer.reason,
        }


def _brier_rows(part: SetEvaluation) -> Iterator[_Row]:
    quality = _quality(part)
    for r in () if quality is None else quality.brier_differences:
        yield {
            **_of(part),
            "model": r.model,
            "rival": r.rival,
            "horizon_months": r.horizon_months,
            "n": r.estimate.n,
            "n_events": r.estimate.n_events,
            **_numbers(r.estimate, "difference"),
            "p": r.p,
            "p_corrected": r.p_adjusted,
        }


def _calibration_rows(part: SetEvaluation) -> Iterator[_Row]:
    quality = _quality(part)
    if quality is None:
        return
    for name, answers in quality.calibration.items():
        for months, answer in zip(quality.horizons_months, answers, strict=True):
            found = answer.value
            weak = None if found is None else found.weak
            curve = None if found is None else found.curve
            yield {
                **_of(part),
                "model": name,
                "horizon_months": months,
                "n_events": None if found is None else found.observed_expected.n_events,
                **_numbers(None if found is None else found.observed_expected, "observed_expected"),
                **_numbers(None if weak is None else weak.intercept, "intercept"),
                **_numbers(None if weak is None else weak.slope, "slope"),
                "ici": None if curve is None else curve.ici,
                "reason": answer.reason,
            }


def _gap_row(gap) -> _Row:
    parts: _Row = {"model": gap.model, "training_predictions": gap.training}
    for name in ("apparent", "honest", "test", "optimism", "gap"):
        parts |= _numbers(getattr(gap, name).value, name)
    return {**parts, "conclusion": gap.words}


def _group_rows(evaluation: MuscleEvaluation) -> Iterator[_Row]:
    for grouping, answer in evaluation.by_group.items():
        found = answer.value
        if found is None:
            yield {"grouping": grouping, "reason": answer.reason}
            continue
        for r in found.rows:
            yield {
                "grouping": grouping,
                "group": r.name,
                "model": found.model,
                "n": r.n,
                "n_events": r.n_events,
                **_numbers(r.estimate, "c"),
                "p_equal": found.p,
                "reason": r.reason,
            }
