"""Training against test, and, of simulated patients, how near a model of system 3 comes to the truth."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from hccsurv_core.report.ceus_report import CeusReport
from hccsurv_core.report.figures.ceus_style import VERSION_COLORS, VERSION_TITLES
from hccsurv_core.report.figures.chart import NEUTRAL, Chart, Guide, Series
from hccsurv_core.report.figures.forest import Forest, ForestAxis, ForestRow, forest_heading
from hccsurv_core.report.figures.survival_charts import estimate_words
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.systems.ceus.evaluation import VersionEvaluation

_AXIS = ForestAxis("AUC or Harrell's C", "AUC or C", False, 0.5, (0.45, 0.85), (0.0, 1.0))
#: Key in a bundle's cross-validation → what it measures.
ENDPOINTS: Mapping[str, str] = {
    "early_recurrence_auc": "Early recurrence: AUC",
    "c_index": "Death: C-index",
    "recurrence_c_index": "Recurrence: C-index, deaths before it censored",
}
TRUTH_ENDPOINTS: Mapping[str, str] = {
    "early_recurrence": "Early recurrence",
    "death": "Death",
}


def gap_forest(report: CeusReport) -> Forest:
    """Each version in the training patients, cross-validated, and in these."""
    rows: list[ForestRow] = []
    for key, title in ENDPOINTS.items():
        rows.append(forest_heading(title))
        rows += _gap_rows(report, key)
    return Forest(
        title="Training against these patients",
        rows=tuple(rows),
        caption=report.led(
            "Training: by cross-validation, each patient by models that had not seen it. Here: the "
            "final model on these patients. A fall is what new patients cost; the intervals are of "
            "different patients, and the difference was not tested.",
        ),
        axis=_AXIS,
        name_header="The model looks at",
        extra_header="Falls by",
        p_header="",
    )


def gaps(report: CeusReport) -> Iterator[tuple[str, str, Estimate, Estimate]]:
    """(endpoint, version, in training, here), as far as both are known."""
    trained = {str(row["version"]): row for row in report.evaluation.training_fit}
    for key in ENDPOINTS:
        for version, one in report.evaluation.versions.items():
            told = trained.get(version, {}).get(key)
            here = measured(one, key)
            if isinstance(told, Mapping) and here is not None:
                yield key, version, from_plain(told), here


def measured(one: VersionEvaluation, key: str) -> Estimate | None:
    """A version's measure by its key in :data:`ENDPOINTS`."""
    if key == "early_recurrence_auc":
        return one.early.area
    return one.recurrence if key == "recurrence_c_index" else one.death.metrics.get("c_index")


def from_plain(told: Mapping[str, Any]) -> Estimate:
    """An estimate from its JSON values."""
    value, low, high = (
        math.nan if told.get(k) is None else float(told[k]) for k in ("value", "ci_low", "ci_high")
    )
    return Estimate(value, low, high, n=told.get("n"), n_events=told.get("n_events"))


def _gap_rows(report: CeusReport, key: str) -> Iterator[ForestRow]:
    for found_key, version, training, here in gaps(report):
        if found_key != key:
            continue
        title = VERSION_TITLES[version]
        fall = f"{training.value - here.value:+.3f}".replace("-", "−")
        yield _row(f"{title}, training", training, NEUTRAL)
        yield _row(f"{title}, here", here, VERSION_COLORS[version], fall)


def _row(name: str, e: Estimate, color: str, extra: str = "") -> ForestRow:
    count = "" if e.n is None else f"{e.n_events} / {e.n}"
    return ForestRow(
        name, count, (e.value, e.ci_low, e.ci_high), estimate_words(e, digits=3), "", color, extra
    )


def truth_chart(report: CeusReport) -> Chart | None:
    """Share of the truth's own margin above chance; None of patients whose truth is not known."""
    oracle = report.evaluation.oracle
    if oracle is None:
        return None
    labels, colors, shares, hover = [], [], [], []
    for name, endpoint in TRUTH_ENDPOINTS.items():
        found = oracle[name]
        for version, share in found["share_of_margin"].items():
            labels.append(f"{endpoint}: {VERSION_TITLES[version].lower()}")
            colors.append(VERSION_COLORS[version])
            shares.append(float(share))
            hover.append(
                f"<b>{labels[-1]}</b><br>{found['versions'][version]:.3f}, the truth "
                f"{found['oracle']:.3f}"
            )
    heights = [float(len(labels) - i) for i in range(len(labels))]
    series = tuple(
        Series(
            "", np.array([100 * share]), np.array([height]), color=color, kind="bars",
            texts=[f"{100 * share:.0f} %".replace("-", "−")], hover=[text],
        )
        for share, height, color, text in zip(shares, heights, colors, hover, strict=True)
    )  # fmt: skip
    ends = (0.4, len(heights) + 1.1)  # above the bars stands the legend
    return Chart(
        title="How near the model comes to the simulated truth",
        x_title="Share of the truth's margin above chance (%)",
        y_title="",
        series=series,
        caption=report.led(
            f"The truth itself ranks these patients with an AUC of "
            f"{oracle['early_recurrence']['oracle']:.3f} (early recurrence) and a C-index of "
            f"{oracle['death']['oracle']:.3f} (death): what happens is partly chance, and no model "
            "can be expected to do better. 0 %: chance. Of real patients nobody knows it.",
        ),
        x_range=(min(0.0, 120 * min(shares)), 1.15 * max(100.0, 100 * max(shares))),
        y_range=ends,
        y_ticks=tuple(heights),
        y_tick_labels=tuple(labels),
        guides=(Guide((100.0, 100.0), ends, "the truth itself", "dash"),),
        height=0.3 + 0.09 * len(labels),
    )
