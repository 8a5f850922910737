"""Every number of an evaluation of system 3 as tables for people and spreadsheets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hccsurv_core.report.ceus_report import CeusReport
from hccsurv_core.report.estimate_rows import Row, measure, numbers, plain
from hccsurv_core.report.figures.ceus_truth_charts import gaps
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.reclassification import Reclassification
from hccsurv_core.systems.ceus.risk_classes import class_of
from hccsurv_core.systems.ceus.settings import VERSION_WORDS

if TYPE_CHECKING:
    from pandas import DataFrame

ACCURACY = (
    "sensitivity", "specificity", "ppv", "npv", "accuracy", "positive_likelihood_ratio",
    "negative_likelihood_ratio", "diagnostic_odds_ratio",
)  # fmt: skip


def ceus_tables(report: CeusReport) -> dict[str, DataFrame]:
    """All tables, in the order of a report; those without a row are left out."""
    import pandas as pd

    rows = {
        "measures": list(_measures(report)),
        "concordance_differences": list(_differences(report)),
        "early_calibration": list(_early_calibration(report)),
        "death_calibration": list(_death_calibration(report)),
        "accuracy": list(_accuracy(report)),
        "reclassification": list(_reclassification(report)),
        "classes": list(_classes(report)),
        "fine_gray": list(_fine_gray(report)),
        "retreatment": list(_retreatment(report)),
        "training_against_test": list(_gap(report)),
        "truth": list(_truth(report)),
        **reader_rows(report),
    }
    return {name: pd.DataFrame(found) for name, found in rows.items() if found}


def reader_rows(report: CeusReport) -> dict[str, list[Row]]:
    """Rows of the reader study's tables; none without one."""
    if report.readers is None:
        return {}
    return {
        "readers": list(_readers(report)),
        "reader_groups": list(_reader_groups(report)),
        "reader_agreement": list(_reader_agreement(report)),
    }


def _measures(report: CeusReport) -> Iterator[Row]:
    for version, one in report.evaluation.versions.items():
        told = {"version": VERSION_WORDS[version]}
        yield {**told, "endpoint": "early recurrence", **measure("auc", one.early.area)}
        yield {**told, "endpoint": "early recurrence", **measure("brier", one.early.brier)}
        for name, estimate in one.death.metrics.items():
            yield {**told, "endpoint": "death", **measure(name, estimate)}
        for name, why in one.death.left_out.items():
            yield {**told, "endpoint": "death", "measure": name, "reason": why}
        yield {**told, "endpoint": "recurrence", **measure("c_index", one.recurrence)}


def _differences(report: CeusReport) -> Iterator[Row]:
    for (model, rival), answer in report.evaluation.c_index.differences.items():
        yield {
            "version": model, "rival": rival, "n": answer.n, "n_events": answer.n_events,
            **numbers(answer.estimate, "difference"), "p": plain(answer.p),
            "reason": answer.reason,
        }  # fmt: skip


def _early_calibration(report: CeusReport) -> Iterator[Row]:
    for version, one in report.evaluation.versions.items():
        found = one.early.calibration
        if found is None:
            continue
        yield {
            "version": VERSION_WORDS[version], "n": one.early.n, "n_events": one.early.n_events,
            **numbers(found.observed_expected, "observed_expected"),
            **numbers(found.intercept, "intercept"), **numbers(found.slope, "slope"),
            "ici": found.curve.ici,
        }  # fmt: skip


def _death_calibration(report: CeusReport) -> Iterator[Row]:
    for version, one in report.evaluation.versions.items():
        for at in one.calibration:
            yield {
                "version": VERSION_WORDS[version], "horizon_months": at.horizon_months,
                "n": at.observed_expected.n, "n_events": at.observed_expected.n_events,
                **numbers(at.observed_expected, "observed_expected"),
                **numbers(None if at.weak is None else at.weak.intercept, "intercept"),
                **numbers(None if at.weak is None else at.weak.slope, "slope"),
                "ici": None if at.curve is None else at.curve.ici,
            }  # fmt: skip


def _accuracy(report: CeusReport) -> Iterator[Row]:
    for version, one in report.evaluation.versions.items():
        found = one.early.accuracy
        for name in ACCURACY:
            e: Estimate = getattr(found, name)
            yield {
                "version": VERSION_WORDS[version], "measure": name, **numbers(e, "value"),
                **found.table.to_json(), "method": e.method,
            }  # fmt: skip


def _reclassification(report: CeusReport) -> Iterator[Row]:
    added = report.evaluation.added
    if added is None:
        return
    if added.early is not None:
        yield from _indices("early recurrence", None, added.early)
    for horizon, found in added.death.items():
        yield from _indices("death", horizon, found)


def _indices(endpoint: str, horizon: float | None, found: Reclassification) -> Iterator[Row]:
    for name, index in (("continuous_nri", found.continuous_nri), ("idi", found.idi)):
        for part in ("total", "events", "nonevents"):
            e: Estimate = getattr(index, part)
            yield {
                "endpoint": endpoint, "horizon_months": horizon, "index": name, "patients": part,
                **numbers(e, "value"), "method": e.method,
            }  # fmt: skip


def _classes(report: CeusReport) -> Iterator[Row]:
    horizons = report.evaluation.horizons_months
    for summary in report.evaluation.classes.summaries:
        row: Row = {
            "class": summary.number, "words": class_of(summary.number).words, "n": summary.n,
            "deaths": summary.n_events, "n_early_known": summary.early_recurrence.n,
            **numbers(summary.early_recurrence, "recurred_early"),
        }  # fmt: skip
        for h, e in zip(horizons, summary.survival, strict=True):
            row |= numbers(e, f"alive_{h:g}m")
        yield row


def _fine_gray(report: CeusReport) -> Iterator[Row]:
    for name, model in report.evaluation.classes.fine_gray.items():
        low, high = model.ci()
        e = Estimate(float(model.hazard_ratio[0]), float(low[0]), float(high[0]))
        yield {
            "covariate": name, **numbers(e, "subdistribution_hazard_ratio"),
            "p": plain(float(model.p[0])), "n": model.n, "recurrences": model.n_events,
            "deaths_without": model.n_competing,
        }  # fmt: skip


def _retreatment(report: CeusReport) -> Iterator[Row]:
    study = report.evaluation.classes.retreatment
    if study is None:
        return
    for one in study.effects:
        yield {
            "class": one.number, "n_retreated": one.n_retreated, "n_not_retreated": one.n_not,
            "deaths_retreated": one.deaths_retreated, "deaths_not_retreated": one.deaths_not,
            "log_rank_p": None if one.log_rank is None else one.log_rank.p,
            **numbers(one.hazard_ratio, "hazard_ratio"), "p": one.p,
            "p_corrected": one.p_corrected, **numbers(one.adjusted, "adjusted_hazard_ratio"),
            "reason": one.reason,
        }  # fmt: skip
    for name, test in (
        ("interaction", study.interaction), ("interaction, adjusted", study.interaction_adjusted),
    ):  # fmt: skip
        if test is not None:
            yield {
                "class": name, "p": plain(test.p), "reason": test.reason,
                "deaths": test.n_events, "statistic": plain(test.statistic),
            }  # fmt: skip


def _gap(report: CeusReport) -> Iterator[Row]:
    for key, version, training, here in gaps(report):
        yield {
            "measure": key, "version": VERSION_WORDS[version], **numbers(training, "training"),
            "n_training": training.n, "n_events_training": training.n_events,
            **numbers(here, "here"), "n_here": here.n, "n_events_here": here.n_events,
            "fall": training.value - here.value,
        }  # fmt: skip


def _truth(report: CeusReport) -> Iterator[Row]:
    oracle = report.evaluation.oracle
    for name in ("early_recurrence", "death") if oracle is not None else ():
        found = (oracle or {})[name]
        for version, reached in found["versions"].items():
            yield {
                "endpoint": name, "version": VERSION_WORDS[version], "reached": reached,
                "truth_itself": found["oracle"],
                "share_of_margin": found["share_of_margin"][version],
            }  # fmt: skip


def _readers(report: CeusReport) -> Iterator[Row]:
    for reader in report.readers.readers if report.readers is not None else ():
        right = reader.changes.to_right_of_events + reader.changes.to_right_of_others
        wrong = reader.changes.to_wrong_of_events + reader.changes.to_wrong_of_others
        row: Row = {
            "reader": reader.name, "seniority": reader.seniority, "n": reader.n,
            "n_events": reader.n_events, "left_out": reader.n_left_out,
        }  # fmt: skip
        for what in ("sensitivity", "specificity"):
            found = getattr(reader, what)
            row |= numbers(found.second, f"{what}_before") | numbers(found.first, f"{what}_after")
            row |= numbers(found.difference, f"{what}_change")
            row |= {
                f"{what}_p": plain(found.p),
                f"{what}_p_corrected": plain(getattr(reader, f"{what}_p_corrected")),
            }
        yield row | {"changed_to_right": right, "changed_to_wrong": wrong}


def _reader_groups(report: CeusReport) -> Iterator[Row]:
    for group in report.readers.groups if report.readers is not None else ():
        for found in group.metrics:
            yield {
                "readers": group.name, "n_readers": len(group.readers), "measure": found.metric,
                **numbers(found.before, "before"), **numbers(found.after, "after"),
                **numbers(found.change, "change"), "p": plain(found.p),
            }  # fmt: skip


def _reader_agreement(report: CeusReport) -> Iterator[Row]:
    study = report.readers
    for when, found in () if study is None else (("before", study.before), ("after", study.after)):
        if found is None:
            continue
        yield {"when": when, "readers": "all (Fleiss)", **numbers(found.fleiss, "kappa")}
        for pair, kappa in found.pairs.items():
            yield {"when": when, "readers": " and ".join(pair), **numbers(kappa, "kappa")}
