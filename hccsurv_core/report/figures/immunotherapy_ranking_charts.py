"""How well the models of system 4 rank patients not seen: C, ROC, by center and scanner, what matters."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from hccsurv_core.report.figures.chart import NEUTRAL, Chart, Guide, Series, thinned
from hccsurv_core.report.figures.forest import Forest, ForestAxis, ForestRow, forest_heading
from hccsurv_core.report.figures.immunotherapy_style import (
    CLOCK_CAPTION,
    PART_COLORS,
    VERSION_COLORS,
    VERSION_DASHES,
    VERSION_TITLES,
)
from hccsurv_core.report.figures.immunotherapy_training_charts import C_AXIS, from_plain
from hccsurv_core.report.figures.palette import BLUE
from hccsurv_core.report.figures.panels import Panels
from hccsurv_core.report.figures.survival_charts import estimate_words
from hccsurv_core.report.immunotherapy_report import ImmunotherapyReport
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.p_values import format_p
from hccsurv_core.systems.immunotherapy.answer import PARTS
from hccsurv_core.systems.immunotherapy.versions import clock_words

_NOTHING = (math.nan, math.nan, math.nan)
_DIFFERENCE = ForestAxis("Difference of C", "ΔC", False, 0.0, (-0.05, 0.15), (-1.0, 1.0))
_DROP = ForestAxis("Fall of C when shuffled", "Fall", False, 0.0, (-0.02, 0.1), (-1.0, 1.0))
_LABEL_TITLES = {"manufacturer": "By manufacturer of the scanner", "center": "By center"}
#: The chance line of a ROC curve.
_CHANCE = Guide((0.0, 1.0), (0.0, 1.0), "chance", "dot", NEUTRAL)


def concordance_forest(report: ImmunotherapyReport) -> Forest:
    """C of each model on the same patients and from the same day."""
    found = report.evaluation
    rows = []
    for version, answer in found.compared.scores.items():
        count, e = f"{answer.n_events} / {answer.n}", answer.estimate
        title, color = VERSION_TITLES[version], VERSION_COLORS[version]
        if e is None:
            rows.append(ForestRow(title, count, _NOTHING, answer.reason, "", NEUTRAL))
        else:
            rows.append(_c_row(title, e, color))
    return Forest(
        title=f"Concordance of the models · the {found.n_compared} patients whom all answer, "
        f"{found.n_compared_events} deaths {clock_words(found.version)}",
        rows=tuple(rows),
        caption=report.led(
            "All models on the same patients and from the same day, so that they can be compared. "
            "Intervals: percentile bootstrap with the same resamples for all.",
        ),
        axis=C_AXIS,
        name_header="The model looks at",
        count_header="Deaths / n",
        p_header="",
    )


def difference_forest(report: ImmunotherapyReport) -> Forest | None:
    """By how much one model ranks the same patients better than another; None with one model."""
    rows = []
    for (first, second), answer in report.evaluation.compared.differences.items():
        e, name = answer.estimate, f"{first} against {second}"
        count = f"{answer.n_events} / {answer.n}"
        if e is None:
            rows.append(ForestRow(name, count, _NOTHING, answer.reason, "", NEUTRAL))
            continue
        p = "" if math.isnan(answer.p) else format_p(answer.p)
        words = estimate_words(e, digits=3)
        rows.append(
            ForestRow(name, count, (e.value, e.ci_low, e.ci_high), words, p, VERSION_COLORS[first])
        )
    if not rows:
        return None
    return Forest(
        title="What the second scan and the clinical score add",
        rows=tuple(rows),
        caption=report.led(
            "Paired differences of C on the same patients: percentile bootstrap with the same "
            "resamples. An interval that holds 0 leaves open which is better. p: of no difference, not "
            "corrected.",
        ),
        axis=_DIFFERENCE,
        name_header="Model",
        count_header="Deaths / n",
    )


def roc_panels(report: ImmunotherapyReport) -> Panels:
    """ROC curves at each horizon, a curve a model."""
    horizons = sorted({h for one in report.evaluation.versions.values() for h in one.roc})
    charts = tuple(_roc_chart(report, h) for h in horizons)
    own = report.own.performance
    missing = [why for name, why in own.left_out.items() if name.startswith("auc_")]
    if not charts:
        charts = (Chart("", "1 − specificity", "Sensitivity", (), message="Too few deaths."),)
    return Panels(
        title="Death: time-dependent ROC",
        charts=charts,
        columns=min(2, len(charts)),
        caption=report.led(
            f"Cumulative cases, dynamic controls, weighted for censoring. {CLOCK_CAPTION} Areas of "
            "models with different clocks are of different patients.",
            *(f"Left out: {why}." for why in missing),
        ),
    )


def _roc_chart(report: ImmunotherapyReport, horizon: float) -> Chart:
    series, areas = [], []
    for version, one in report.evaluation.versions.items():
        curve = one.roc.get(horizon)
        if curve is None:
            continue
        false_positive = 1 - curve.specificity
        shown = thinned(false_positive, 600)
        area = one.performance.metrics.get(f"auc_{horizon:g}m")
        areas.append(f"{version} {curve.area if area is None else area.value:.2f}")
        series.append(
            Series(
                version, false_positive[shown], curve.sensitivity[shown],
                color=VERSION_COLORS[version], dash=VERSION_DASHES[version],
                wide=version == report.evaluation.version,
            )
        )  # fmt: skip
    told = "\n".join(", ".join(areas[k : k + 3]) for k in range(0, len(areas), 3))
    return Chart(
        title=f"Within {horizon:g} months, AUC:\n{told}",
        x_title="1 − specificity",
        y_title="Sensitivity",
        series=tuple(series),
        x_range=(0.0, 1.0),
        y_range=(0.0, 1.01),
        guides=(_CHANCE,),
        square=True,
    )


def label_forest(report: ImmunotherapyReport) -> Forest | None:
    """C of the answering model by manufacturer and by center; None where neither is known."""
    rows: list[ForestRow] = []
    for label, title in _LABEL_TITLES.items():
        found = report.evaluation.by_label.get(label)
        if found:
            rows += [forest_heading(title), *_label_rows(found)]
    if not rows:
        return None
    return Forest(
        title=f"By scanner and center · {report.own_words}",
        rows=tuple(rows),
        caption=report.led(
            "Harrell's C within each part; intervals: bootstrap of its patients. Parts with few deaths "
            "have wide intervals or none: a point alone is no sign that the model fails there.",
        ),
        axis=C_AXIS,
        name_header="Part",
        count_header="Deaths / n",
        p_header="",
    )


def _label_rows(found: Mapping[str, Mapping[str, Any]]) -> Iterator[ForestRow]:
    """Those with an answer, the largest first; then how many parts had too few deaths."""
    told = sorted(found.items(), key=lambda item: -int(item[1].get("n") or 0))
    few = [part for part in found.values() if part.get("value") is None]
    for name, part in told:
        if part.get("value") is not None:
            yield _c_row(name.replace("_", " "), from_plain(part), BLUE)
    if few:
        n, events = (sum(int(p.get(k) or 0) for p in few) for k in ("n", "n_events"))
        parts = "1 part" if len(few) == 1 else f"{len(few)} parts"
        yield ForestRow(
            f"{parts} with too few deaths", f"{events} / {n}", _NOTHING, "–", "", NEUTRAL
        )


def importance_forest(report: ImmunotherapyReport) -> Forest:
    """What the answering model loses where one thing is shuffled between patients."""
    return Forest(
        title=f"What the ranking rests on · {report.own_words}",
        rows=tuple(
            ForestRow(
                one.label, PARTS[one.part], (one.drop, one.low, one.high),
                estimate_words(Estimate(one.drop, one.low, one.high), digits=3), "",
                PART_COLORS[one.part],
            )
            for one in report.evaluation.importance
        ),
        caption=report.led(
            "Fall of C where the values of one thing are shuffled between these patients, its views "
            "together (Breiman 2001). Intervals: 95 % of 50 shuffles, not of other patients. What "
            "another thing also tells loses little when shuffled alone.",
        ),
        axis=_DROP,
        name_header="What is shuffled",
        count_header="Part",
        p_header="",
    )  # fmt: skip


def gaps(report: ImmunotherapyReport) -> Iterator[tuple[str, Estimate, Estimate]]:
    """(version, C in training, C here), as far as both are known."""
    trained = {str(row["version"]): row for row in report.evaluation.training_fit}
    for version, one in report.evaluation.versions.items():
        told = trained.get(version, {}).get("c_index")
        here = one.performance.metrics.get("c_index")
        if isinstance(told, Mapping) and here is not None:
            yield version, from_plain(told), here


def gap_forest(report: ImmunotherapyReport) -> Forest:
    """Each model in the training patients, cross-validated, and in these."""
    rows = []
    for version, training, here in gaps(report):
        fall = f"{training.value - here.value:+.3f}".replace("-", "−")
        rows.append(_c_row(f"{version}, training", training, NEUTRAL))
        rows.append(_c_row(f"{version}, here", here, VERSION_COLORS[version], fall))
    return Forest(
        title="Training against these patients",
        rows=tuple(rows),
        caption=report.led(
            "Training: by cross-validation, each patient by models that had not seen it or its center. "
            "Here: the final model, each from its own scan. A fall is what new patients cost; the "
            "intervals are of different patients, and the difference was not tested.",
        ),
        axis=C_AXIS,
        name_header="Model",
        count_header="Deaths / n",
        extra_header="Falls by",
        p_header="",
    )


def _c_row(name: str, e: Estimate, color: str, extra: str = "") -> ForestRow:
    count = "" if e.n is None else f"{e.n_events} / {e.n}"
    words = "not known" if math.isnan(e.value) else estimate_words(e, digits=3)
    return ForestRow(name, count, (e.value, e.ci_low, e.ci_high), words, "", color, extra)
