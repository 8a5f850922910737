"""``survival``: Kaplan-Meier, log-rank and Cox regression of a table's columns."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hccsurv_core.commands.shared import add_common_arguments, number, write_answer
from hccsurv_core.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from hccsurv_core.cohort.clinical_table import ClinicalTable
    from hccsurv_core.stats.estimate import Estimate
    from hccsurv_core.systems.explorer.curves import GroupComparison, GroupCurve
    from hccsurv_core.systems.explorer.grouping import Grouping
    from hccsurv_core.systems.explorer.regression import CoxRow, CoxTable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("table", help="CSV, TSV or XLSX, one row a patient or a visit")
    parser.add_argument("--time", required=True, metavar="COL", help="column of durations")
    parser.add_argument(
        "--event", required=True, metavar="COL", help="column that says what happened"
    )
    parser.add_argument("--group", metavar="COL", help="compare the groups of this column")
    parser.add_argument(
        "--cutoff", action="append", metavar="X", default=[],
        help="cut the group column's numbers: a value (may be repeated), 'median' or 'search'",
    )  # fmt: skip
    parser.add_argument(
        "--covariates", type=_names, default=(), metavar="A,B", help="columns of a Cox model"
    )
    parser.add_argument(
        "--categorical", type=_names, default=(), metavar="A,B",
        help="covariates to take as categories although they hold numbers",
    )  # fmt: skip
    parser.add_argument(
        "--time-unit",
        choices=("days", "weeks", "months", "years"),
        help="default: guessed, and said",
    )
    parser.add_argument(
        "--event-value", metavar="TEXT", help="what the event is called in its column"
    )
    parser.add_argument("--sheet", metavar="NAME", help="sheet of an XLSX file")
    parser.add_argument(
        "--horizons",
        type=_numbers,
        default=(12.0, 36.0, 60.0),
        metavar="M,M",
        help="months (12,36,60)",
    )
    parser.add_argument(
        "--landmark", type=number, default=0.0, metavar="M", help="count from M months on"
    )
    parser.add_argument("--figure", metavar="FILE", help="also draw the curves, as .svg or .png")
    parser.add_argument("--seed", type=int, default=0, help="of bootstrap intervals (default 0)")
    parser.add_argument(
        "--resamples", type=int, default=0, metavar="N",
        help="bootstrap resamples for the interval of C (default 0: its standard error)",
    )  # fmt: skip
    add_common_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Answer the question and write the answer.

    Raises:
        InputError: the table, a column or an option cannot be used.
    """
    from hccsurv_core.io.tables import ReadOptions, read_table
    from hccsurv_core.systems.explorer.curves import compare_groups
    from hccsurv_core.systems.explorer.selection import after_landmark
    from hccsurv_core.systems.explorer.table_question import (
        TableQuestion,
        ask_table,
        covariate_terms,
        patients_with_outcome,
    )

    raw = read_table(Path(arguments.table), options=ReadOptions(sheet=arguments.sheet))
    question = TableQuestion(
        arguments.time, arguments.event, arguments.group, arguments.covariates,
        arguments.categorical, arguments.time_unit, arguments.event_value,
    )  # fmt: skip
    table = ask_table(raw, question)
    outcome, rows = table.outcome()
    frame = patients_with_outcome(table, rows)
    outcome, kept = after_landmark(outcome, arguments.landmark)
    frame, rows = frame[kept].reset_index(drop=True), rows[kept]
    grouping = _grouping(table, rows, arguments, outcome)
    comparison = compare_groups(outcome, grouping, horizons_months=arguments.horizons)
    cox = None
    if arguments.covariates:
        from hccsurv_core.systems.explorer.regression import fit_cox_table

        cox = fit_cox_table(
            frame, outcome, covariate_terms(table, arguments.covariates),
            n_resamples=arguments.resamples, seed=arguments.seed, device=arguments.device,
        )  # fmt: skip
    warnings = _warnings(table, comparison, cox)
    for text in warnings:
        print(f"note: {text}", file=sys.stderr)
    if arguments.figure:
        _draw(comparison, arguments)
    answer = _answer(arguments, table, comparison, cox, warnings)
    write_answer(answer, arguments.json, _report(comparison, cox))


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _numbers(text: str) -> tuple[float, ...]:
    values = tuple(number(part) for part in text.split(","))
    if any(v <= 0 for v in values):
        raise argparse.ArgumentTypeError("horizons must be positive")
    return values


def _grouping(
    table: ClinicalTable, rows: np.ndarray, arguments: argparse.Namespace, outcome: Any
) -> Grouping:
    from hccsurv_core.systems.explorer import grouping as make

    name, cuts = arguments.group, arguments.cutoff
    if name is None:
        if cuts:
            raise InputError("a cut-off needs --group", source="--cutoff")
        return make.everybody(len(rows))
    if not cuts:
        values = table.frame[name].astype(object)
        return make.group_by_category(
            values.where(values.notna(), None).to_numpy()[rows], name,
            levels=table.column(name).levels,
        )  # fmt: skip
    values = table.numbers(name)[rows]
    if cuts == ["median"]:
        return make.group_by_quantiles(values, name)
    if cuts == ["search"]:
        return make.group_by_search(values, name, outcome)
    try:
        chosen = [float(c) for c in cuts]
    except ValueError as error:
        raise InputError(
            f"{', '.join(cuts)} is no cut-off", source="--cutoff",
            remedy="give numbers, or 'median', or 'search'",
        ) from error  # fmt: skip
    return make.group_by_cutoffs(values, name, chosen, origin="cut-off given")


def _warnings(table: ClinicalTable, comparison: GroupComparison, cox: CoxTable | None) -> list[str]:
    from hccsurv_core.cohort.table_issues import ACTIONS

    found = [
        g.problem + ("" if g.action == "keep" else f" Done: {ACTIONS.get(g.action, g.action)}.")
        for g in table.report.groups
        if g.severity in ("error", "warning") or g.kind == "time_unit"
    ]
    found += table.report.notes
    found += comparison.notes
    if cox is not None:
        found += [*cox.notes, *(f"{name}: {why}" for name, why in cox.skipped.items())]
    return list(found)


def _answer(
    arguments: argparse.Namespace,
    table: ClinicalTable,
    comparison: GroupComparison,
    cox: CoxTable | None,
    warnings: Sequence[str],
) -> dict[str, object]:
    from hccsurv_core.report.manifest import software_versions

    single = arguments.group is None
    log_rank = comparison.log_rank
    answer: dict[str, object] = {
        "table": table.origin.get("source", arguments.table),
        "n": comparison.n,
        "n_events": comparison.n_events,
        "time_unit": "months",
        "source_time_unit": table.endpoint().original_unit,
        "group": arguments.group,
        "median_follow_up": comparison.follow_up.to_json(),
        "kaplan_meier": {
            "all" if single else g.label: _curve(g, comparison.horizons_months)
            for g in comparison.groups
        },
        "logrank": None
        if log_rank is None
        else {"statistic": log_rank.statistic, "dof": log_rank.dof, "p": log_rank.p},
        "searched_p": comparison.searched_p,
        "hazard_ratios": [
            {"group": r.label, "reference": r.reference, "hr": _plain(r.ratio.value),
             "ci_low": _plain(r.ratio.ci_low), "ci_high": _plain(r.ratio.ci_high), "p": _plain(r.p)}
            for r in comparison.hazard_ratios
        ],
        "cox": [] if cox is None else [_row(r) for r in cox.multivariable],
        "cox_univariable": [] if cox is None else [_row(r) for r in cox.univariable],
        "concordance": None if cox is None else cox.concordance.value,
    }  # fmt: skip
    if cox is not None:
        answer["concordance_ci"] = [_plain(cox.concordance.ci_low), _plain(cox.concordance.ci_high)]
        answer["cox_n"], answer["cox_n_events"] = cox.n, cox.n_events
        answer["proportional_hazards"] = [
            {"name": t.name, "statistic": _plain(t.statistic), "dof": t.dof, "p": _plain(t.p)}
            for t in cox.proportional_hazards.tests
        ]
    return answer | {"warnings": list(warnings), "versions": software_versions()}


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _curve(group: GroupCurve, horizons: Sequence[float]) -> dict[str, object]:
    curve = group.curve
    return {
        "n": group.n,
        "n_events": group.n_events,
        "times": curve.times.tolist(),
        "survival": [_plain(v) for v in curve.survival.tolist()],
        "ci": [
            [_plain(a), _plain(b)]
            for a, b in zip(curve.ci_low.tolist(), curve.ci_high.tolist(), strict=True)
        ],
        "at_risk": curve.at_risk.tolist(),
        "median": _plain(group.median.value),
        "median_ci": [_plain(group.median.ci_low), _plain(group.median.ci_high)],
        "survival_at": {
            f"{h:g}": _interval(s) for h, s in zip(horizons, group.survival_at, strict=True)
        },
        "rmst": None if group.restricted_mean is None else group.restricted_mean.to_json(),
    }


def _interval(estimate: Estimate) -> dict[str, float | None]:
    return {
        "value": _plain(estimate.value),
        "ci_low": _plain(estimate.ci_low),
        "ci_high": _plain(estimate.ci_high),
    }


def _row(row: CoxRow) -> dict[str, object]:
    ratio = row.hazard_ratio
    return {
        "name": row.name, "coef": _plain(row.coef), "std_error": _plain(row.std_error),
        "hr": _plain(ratio.value), "ci_low": _plain(ratio.ci_low), "ci_high": _plain(ratio.ci_high),
        "p": _plain(row.p), "n": row.n, "n_events": row.n_events, "reason": row.reason or None,
    }  # fmt: skip


def _report(comparison: GroupComparison, cox: CoxTable | None) -> str:
    from hccsurv_core.report.figures.survival_charts import (
        difference_words,
        estimate_words,
        p_words,
    )

    heads = "".join(f"{f'{h:g} months':>22}" for h in comparison.horizons_months)
    lines = [f"{'':16}{'n':>6}{'events':>8}{'median (95 % CI)':>26}{heads}"]
    for g in comparison.groups:
        survival = "".join(f"{estimate_words(s, percent=True):>22}" for s in g.survival_at)
        median = f"{estimate_words(g.median):>26}"
        lines.append(f"{g.label[:15]:16}{g.n:>6}{g.n_events:>8}{median}{survival}")
    if words := difference_words(comparison):
        lines.append(words)
    if cox is not None:
        lines += ["", f"{'Cox, all together':36}{'hazard ratio (95 % CI)':>26}"]
        lines += [
            f"{r.name[:35]:36}{r.reason or estimate_words(r.hazard_ratio, digits=2):>26}  "
            + ("" if r.reason else p_words(r.p))
            for r in cox.multivariable
        ]
        lines.append(
            f"Harrell's C {estimate_words(cox.concordance, digits=4)}, {cox.n} patients, "
            f"{cox.n_events} events"
        )
    return "\n".join(lines)


def _draw(comparison: GroupComparison, arguments: argparse.Namespace) -> None:
    from hccsurv_core.report.figures.chart_print import draw_for_print
    from hccsurv_core.report.figures.ct_print import save_figure
    from hccsurv_core.report.figures.survival_charts import kaplan_meier_chart
    from hccsurv_core.report.manifest import Manifest

    target = Path(arguments.figure)
    settings = {"time": arguments.time, "event": arguments.event, "group": arguments.group or ""}
    manifest = Manifest("Kaplan-Meier", {"name": Path(arguments.table).name}, settings)
    chart = kaplan_meier_chart(comparison, endpoint=arguments.time, variable=arguments.group or "")
    picture = save_figure(
        draw_for_print(chart, captions=manifest.caption()), target.suffix.lstrip(".").lower()
    )
    try:
        target.write_bytes(picture)
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror})", source=str(target),
            remedy="choose a folder that exists and that you may write to",
        ) from error  # fmt: skip
