"""Every number of an evaluation of system 4 as tables for people and spreadsheets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hccsurv_core.features.recist_response import CATEGORIES
from hccsurv_core.report.estimate_rows import Row, measure, numbers, plain
from hccsurv_core.report.figures.immunotherapy_ranking_charts import gaps
from hccsurv_core.report.immunotherapy_report import ImmunotherapyReport
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.systems.explorer.curves import GroupComparison
from hccsurv_core.systems.immunotherapy.answer import PARTS
from hccsurv_core.systems.immunotherapy.versions import VERSION_WORDS, clock_words
from hccsurv_core.systems.muscle.answers import Answer

if TYPE_CHECKING:
    from pandas import DataFrame


def immunotherapy_tables(report: ImmunotherapyReport) -> dict[str, DataFrame]:
    """All tables, in the order of a report; those without a row are left out."""
    import pandas as pd

    rows = {
        "measures": list(_measures(report)),
        "concordance": list(_concordance(report)),
        "concordance_differences": list(_differences(report)),
        "calibration": list(_calibration(report)),
        "risk_groups": list(_risk_groups(report)),
        "recist_ratios": list(_recist_ratios(report)),
        "recist_against_risk": list(_cross_table(report)),
        "by_scanner_and_center": list(_by_label(report)),
        "importance": list(_importance(report)),
        "training_against_test": list(_gap(report)),
        "truth": list(_truth(report)),
    }
    return {name: pd.DataFrame(found) for name, found in rows.items() if found}


def _told(version: str) -> Row:
    return {"model": version, "looks_at": VERSION_WORDS[version], "clock": clock_words(version)}


def _measures(report: ImmunotherapyReport) -> Iterator[Row]:
    for version, one in report.evaluation.versions.items():
        for name, estimate in one.performance.metrics.items():
            yield {**_told(version), **measure(name, estimate)}
        for name, why in one.performance.left_out.items():
            yield {**_told(version), "measure": name, "reason": why}


def _concordance(report: ImmunotherapyReport) -> Iterator[Row]:
    for version, answer in report.evaluation.compared.scores.items():
        yield {
            "model": version, "looks_at": VERSION_WORDS[version], "n": answer.n,
            "n_events": answer.n_events, **numbers(answer.estimate, "c_index"),
            "reason": answer.reason,
        }  # fmt: skip


def _differences(report: ImmunotherapyReport) -> Iterator[Row]:
    for (model, rival), answer in report.evaluation.compared.differences.items():
        yield {
            "model": model, "against": rival, "n": answer.n, "n_events": answer.n_events,
            **numbers(answer.estimate, "difference"), "p": plain(answer.p),
            "reason": answer.reason,
        }  # fmt: skip


def _calibration(report: ImmunotherapyReport) -> Iterator[Row]:
    for version, one in report.evaluation.versions.items():
        for at in one.calibration:
            yield {
                **_told(version), "horizon_months": at.horizon_months,
                "n": at.observed_expected.n, "n_events": at.observed_expected.n_events,
                **numbers(at.observed_expected, "observed_expected"),
                **numbers(None if at.weak is None else at.weak.intercept, "intercept"),
                **numbers(None if at.weak is None else at.weak.slope, "slope"),
                "ici": None if at.curve is None else at.curve.ici,
            }  # fmt: skip


def _risk_groups(report: ImmunotherapyReport) -> Iterator[Row]:
    for version, one in report.evaluation.versions.items():
        comparison = one.groups.value
        for group in () if comparison is None else comparison.groups:
            yield {
                **_told(version), "group": group.label, "n": group.n,
                "deaths": group.curve.n_events, **numbers(group.median, "median_months"),
            }  # fmt: skip


def _recist_ratios(report: ImmunotherapyReport) -> Iterator[Row]:
    found = report.evaluation.recist
    if found is None:
        return
    for name, answer in (
        (f"{report.own.version}, high against low risk", found.risk),
        ("RECIST 1.1, progressive disease against others", found.progressive),
    ):
        yield from _ratios(name, answer)


def _ratios(name: str, answer: Answer[GroupComparison]) -> Iterator[Row]:
    comparison = answer.value
    if comparison is None:
        yield {"division": name, "reason": answer.reason}
        return
    for ratio in comparison.hazard_ratios:
        yield {
            "division": name, "group": ratio.label, "reference": ratio.reference,
            "n": comparison.n, **numbers(ratio.ratio, "hazard_ratio"), "p": plain(ratio.p),
            "reason": ratio.reason,
        }  # fmt: skip


def _cross_table(report: ImmunotherapyReport) -> Iterator[Row]:
    found = report.evaluation.recist
    for category, (low, high) in () if found is None else found.table.items():
        yield {
            "recist": category, "words": CATEGORIES[category], "low_risk": low, "high_risk": high
        }  # fmt: skip


def _by_label(report: ImmunotherapyReport) -> Iterator[Row]:
    for label, parts in report.evaluation.by_label.items():
        for name, part in parts.items():
            yield {
                "label": label, "part": name, "n": part.get("n"), "n_events": part.get("n_events"),
                "c_index": part.get("value"), "c_index_low": part.get("ci_low"),
                "c_index_high": part.get("ci_high"), "reason": part.get("reason", ""),
            }  # fmt: skip


def _importance(report: ImmunotherapyReport) -> Iterator[Row]:
    for one in report.evaluation.importance:
        yield {
            "what": one.label, "part": PARTS[one.part],
            **numbers(Estimate(one.drop, one.low, one.high), "fall_of_c"),
        }  # fmt: skip


def _gap(report: ImmunotherapyReport) -> Iterator[Row]:
    for version, training, here in gaps(report):
        yield {
            **_told(version), **numbers(training, "training"), "n_training": training.n,
            "n_events_training": training.n_events, **numbers(here, "here"), "n_here": here.n,
            "n_events_here": here.n_events, "fall": training.value - here.value,
        }  # fmt: skip


def _truth(report: ImmunotherapyReport) -> Iterator[Row]:
    oracle = report.evaluation.oracle
    if oracle is None or oracle["c_index"] is None:
        return
    for version, share in oracle["share_of_margin"].items():
        if share is not None:
            yield {
                "model": version, "truth_itself": oracle["c_index"]["value"],
                "share_of_margin": share["value"], "share_low": share["ci_low"],
                "share_high": share["ci_high"],
            }  # fmt: skip
