"""Every number of an evaluation of system 2 as tables for people and spreadsheets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hccsurv_core.report.estimate_rows import Row, measure, numbers, plain
from hccsurv_core.report.figures.agreement_charts import NONE_WORDS, SCHEME_WORDS
from hccsurv_core.report.figures.regret_charts import STRATEGY_WORDS
from hccsurv_core.report.treatment_report import TreatmentReport
from hccsurv_core.systems.treatment.arm_table import ARM_WORDS, NONE
from hccsurv_core.systems.treatment.validation import AGREED, OTHERS, Comparison

if TYPE_CHECKING:
    from pandas import DataFrame


def treatment_tables(report: TreatmentReport) -> dict[str, DataFrame]:
    """All tables, in the order of a report; those without a row are left out."""
    import pandas as pd

    rows = {
        "measures": list(_measures(report)),
        "concordance": list(_concordance(report)),
        "concordance_differences": list(_differences(report)),
        "calibration": list(_calibration(report)),
        "recommended": list(_recommended(report)),
        "following": list(_following(report)),
        "within_arms": list(_within(report)),
        "balance": list(_balance(report)),
        "weights": list(_weights(report)),
        "truth": list(_truth(report)),
        "regret": list(_regret(report)),
    }
    return {name: pd.DataFrame(found) for name, found in rows.items() if found}


def _measures(report: TreatmentReport) -> Iterator[Row]:
    found = report.evaluation
    everybody = "all, under the treatment given"
    yield {"arm": everybody, **measure("c_index", found.c_index), "reason": ""}
    for arm, one in found.arms.items():
        for name, estimate in one.performance.metrics.items():
            yield {"arm": arm, **measure(name, estimate), "reason": ""}
        for name, why in one.performance.left_out.items():
            yield {"arm": arm, "measure": name, "reason": why}


def _concordance(report: TreatmentReport) -> Iterator[Row]:
    for arm, one in report.evaluation.arms.items():
        for name, answer in one.rivals.scores.items():
            yield {
                "arm": arm, "score": name, "n": answer.n, "n_events": answer.n_events,
                **numbers(answer.estimate, "c"), "reason": answer.reason,
            }  # fmt: skip


def _differences(report: TreatmentReport) -> Iterator[Row]:
    for arm, one in report.evaluation.arms.items():
        for (model, rival), answer in one.rivals.differences.items():
            yield {
                "arm": arm, "score": model, "rival": rival, "n": answer.n,
                "n_events": answer.n_events, **numbers(answer.estimate, "difference"),
                "p": plain(answer.p), "reason": answer.reason,
            }  # fmt: skip


def _calibration(report: TreatmentReport) -> Iterator[Row]:
    for arm, one in report.evaluation.arms.items():
        for at in one.calibration:
            yield {
                "arm": arm,
                "horizon_months": at.horizon_months,
                "n": at.observed_expected.n,
                "n_events": at.observed_expected.n_events,
                **numbers(at.observed_expected, "observed_expected"),
                **numbers(None if at.weak is None else at.weak.intercept, "intercept"),
                **numbers(None if at.weak is None else at.weak.slope, "slope"),
                "ici": None if at.curve is None else at.curve.ici,
            }


def _recommended(report: TreatmentReport) -> Iterator[Row]:
    found = report.evaluation
    for name, n in found.recommended.items():
        if name != NONE:
            yield {"answer": ARM_WORDS[name], "n": n, "share": n / found.n}
    for kind, n in found.why_none.items():
        yield {"answer": NONE_WORDS.get(kind, f"None: {kind}"), "n": n, "share": n / found.n}


def _comparison(found: Comparison) -> Row:
    row: Row = {}
    for group in (AGREED, OTHERS):
        row |= {
            f"n_{group}": found.n[group],
            f"n_events_{group}": found.n_events[group],
            f"months_{group}": found.months[group],
        }
    return {
        **row,
        **numbers(found.months_difference, "months_difference"),
        **numbers(found.hazard_ratio, "hazard_ratio"),
        "log_rank_p": None if found.log_rank is None else found.log_rank.p,
        "e_value": None if found.e_value is None else plain(found.e_value.point),
        "e_value_limit": None if found.e_value is None else plain(found.e_value.limit),
        "method": found.hazard_ratio.method,
    }


def _following(report: TreatmentReport) -> Iterator[Row]:
    validation = report.evaluation.validation
    if validation is None:
        return
    for scheme, found in validation.comparisons.items():
        yield {"weights": SCHEME_WORDS[scheme], **_comparison(found), "reason": ""}
    for scheme, why in validation.unanswered.items():
        yield {"weights": SCHEME_WORDS[scheme], "reason": why}


def _within(report: TreatmentReport) -> Iterator[Row]:
    validation = report.evaluation.validation
    if validation is None:
        return
    for arm, found in validation.within.items():
        yield {"given": arm, **_comparison(found), "reason": ""}
    for arm, why in validation.not_compared.items():
        yield {"given": arm, "reason": why}


def _balance(report: TreatmentReport) -> Iterator[Row]:
    validation = report.evaluation.validation
    for scheme, table in {}.items() if validation is None else validation.balance.items():
        for row in table.rows:
            yield {
                "weights": SCHEME_WORDS[scheme], "covariate": row.name,
                "label": report.label(row.name), "mean_agreed": row.weighted_mean_treated,
                "mean_others": row.weighted_mean_untreated,
                "standardized_difference": plain(row.smd_after),
                "variance_ratio": plain(row.variance_ratio_after),
            }  # fmt: skip


def _weights(report: TreatmentReport) -> Iterator[Row]:
    validation = report.evaluation.validation
    for scheme, found in {}.items() if validation is None else validation.weights.items():
        yield {"weights": SCHEME_WORDS[scheme], **found.to_json()}


def _truth(report: TreatmentReport) -> Iterator[Row]:
    truth = report.evaluation.truth
    if truth is None:
        return
    for arm, share in truth.share_of_margin.items():
        for name, key in (
            ("share of the true hazard's C above 0.5", "share"),
            ("C of the true hazard", "c_index_of_truth"),
        ):
            e = share[key]
            if e is not None:
                yield {
                    "what": f"{ARM_WORDS[arm]}: {name}", "value": e["value"],
                    "value_low": e["ci_low"], "value_high": e["ci_high"],
                }  # fmt: skip
    for months, covered in truth.covered.items():
        yield {"what": f"intervals of the survival difference at {months} that hold the truth",
               "value": covered}  # fmt: skip
    for months, covered in (truth.covered_individual or {}).items():
        yield {"what": f"wider intervals of one patient at {months} that hold the truth",
               "value": covered}  # fmt: skip
    yield {"what": "intervals of the difference in months that hold the truth",
           "value": truth.covered_months}  # fmt: skip


def _regret(report: TreatmentReport) -> Iterator[Row]:
    truth = report.evaluation.truth
    if truth is None:
        return
    for name, words in STRATEGY_WORDS.items():
        inside, ratio = truth.regret.recommended.get(name), truth.regret.against_plain.get(name)
        yield {
            "strategy": words,
            **numbers(truth.regret.months[name], "months_lost"),
            **numbers(inside, "months_lost_where_recommended"),
            **numbers(ratio, "against_the_best_without_a_model"),
        }
