"""A reader study: where each reader stands before and after seeing the model, and what changed."""

from __future__ import annotations

import math

import numpy as np

from hccsurv_core.report.figures.chart import GROUP_COLORS, NEUTRAL, Chart, Guide, Series
from hccsurv_core.report.figures.forest import Forest, ForestAxis, ForestRow, forest_heading
from hccsurv_core.report.figures.palette import BLUE, VERMILION
from hccsurv_core.report.figures.survival_charts import estimate_words
from hccsurv_core.report.study_report import led
from hccsurv_core.stats.diagnostic import PairedComparison
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.p_values import format_p
from hccsurv_core.systems.ceus.reader_study_result import CAVEAT, ReaderStudy

_AXIS = ForestAxis("Change, after − before", "change", False, 0.0, (-0.2, 0.2), (-1.0, 1.0))


def reader_places_chart(study: ReaderStudy, *, simulated: bool) -> Chart:
    """Sensitivity against 1 − specificity of each reader, before and after."""
    series = []
    for number, reader in enumerate(study.readers):
        color = GROUP_COLORS[number % len(GROUP_COLORS)]
        told = (("before", reader.before, "circle"), ("after", reader.after, "square"))
        x = [1 - found.specificity.value for _, found, _ in told]
        y = [found.sensitivity.value for _, found, _ in told]
        series.append(Series("", np.array(x), np.array(y), color=color))
        for k, (when, found, symbol) in enumerate(told):
            hover = (
                f"<b>{reader.name}</b>, {when}<br>sensitivity "
                f"{estimate_words(found.sensitivity, digits=2)}<br>specificity "
                f"{estimate_words(found.specificity, digits=2)}"
            )
            series.append(
                Series(
                    reader.name if k else "", np.array([x[k]]), np.array([y[k]]), color=color,
                    kind="points", symbol=symbol, hover=[hover],  # type: ignore[arg-type]
                )
            )  # fmt: skip
    return Chart(
        title=f"Readers · {study.n_known} patients, {study.n_events} early recurrences",
        x_title="1 − specificity",
        y_title="Sensitivity",
        series=tuple(series),
        caption=led(
            simulated,
            "Circle: before seeing the model, square: after. Towards the upper left is better.",
        ),
        x_range=(0.0, 1.0),
        y_range=(0.0, 1.01),
        guides=(Guide((0.0, 1.0), (0.0, 1.0), "chance", "dot", NEUTRAL),),
        square=True,
    )


def reader_change_forest(study: ReaderStudy, *, simulated: bool) -> Forest:
    """How sensitivity and specificity of each reader, and of all, changed."""
    rows: list[ForestRow] = []
    for what in ("sensitivity", "specificity"):
        rows.append(forest_heading(what.capitalize()))
        for reader in study.readers:
            found: PairedComparison = getattr(reader, what)
            p = getattr(reader, f"{what}_p_corrected")
            events = reader.n_events if what == "sensitivity" else reader.n - reader.n_events
            rows.append(_row(reader.name, events, found.second, found.first, found.difference, p))
        for group in study.groups:
            pooled = group.metric(what)
            title = f"Mean of {'all' if group.name == 'all' else group.name} ({len(group.readers)})"
            rows.append(_row(title, None, pooled.before, pooled.after, pooled.change, pooled.p))
    return Forest(
        title=f"What seeing the model changed · {study.n_known} patients, {study.n_events} early "
        "recurrences",
        rows=tuple(rows),
        caption=led(
            simulated,
            "Above 0: better after. Single readers: paired difference, McNemar's test, p corrected "
            "for the number of readers (Holm). Means: patients resampled, p not corrected.",
            CAVEAT,
        ),
        axis=_AXIS,
        name_header="Reader",
        count_header="Patients",
        extra_header="Before → after",
    )


def _row(
    name: str, n: int | None, before: Estimate, after: Estimate, change: Estimate, p: float
) -> ForestRow:
    color = NEUTRAL
    if change.ci_low > 0:
        color = BLUE
    elif change.ci_high < 0:
        color = VERMILION
    return ForestRow(
        name, "" if n is None else str(n), (change.value, change.ci_low, change.ci_high),
        estimate_words(change, digits=2), "" if math.isnan(p) else format_p(p), color,
        f"{before.value:.2f} → {after.value:.2f}",
    )  # fmt: skip
