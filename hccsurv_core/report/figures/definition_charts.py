"""Figures about the definitions: prevalence, hazard, survival, disagreement, the feature space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from hccsurv_core.report.figures.chart import GROUP_COLORS, NEUTRAL, Chart, Series, month_ticks
from hccsurv_core.report.figures.forest import Forest, ForestRow, forest_heading
from hccsurv_core.report.figures.heat_map import HeatMap
from hccsurv_core.report.figures.palette import BLUE, VERMILION
from hccsurv_core.report.figures.panels import Panels
from hccsurv_core.report.figures.scatter_charts import Cloud, two_color_cloud
from hccsurv_core.report.figures.score_style import led, set_words, study_words
from hccsurv_core.report.figures.survival_charts import (
    difference_words,
    estimate_words,
    kaplan_meier_chart,
)
from hccsurv_core.stats.p_values import format_p
from hccsurv_core.systems.muscle.disagreement import Disagreement
from hccsurv_core.systems.muscle.evaluation import MuscleEvaluation, SetEvaluation
from hccsurv_core.systems.muscle.risk_groups import DefinitionRow, RiskGroups


def prevalence_chart(evaluation: MuscleEvaluation) -> Chart:
    """How many are low by each definition, in every part of the study."""
    names = [d.name for d in evaluation.definitions]
    parts = evaluation.sets
    offsets = (np.arange(len(parts)) - (len(parts) - 1) / 2) * min(0.16, 0.7 / len(parts))
    series = []
    for part, offset, color in zip(parts, offsets, GROUP_COLORS * 3, strict=False):
        rows = {r.name: r for r in part.definition_table}
        shown = [(i, rows[name]) for i, name in enumerate(names) if rows[name].n]
        if not shown:
            continue
        low, value, high = (
            np.array([getattr(r.prevalence, what) for _, r in shown])
            for what in ("ci_low", "value", "ci_high")
        )
        series.append(
            Series(
                f"{part.title} (n = {part.n})", np.array([i + offset for i, _ in shown]), value,
                low, high, color=color, kind="points",
                hover=[
                    f"<b>{r.name}</b>, {part.title}<br>{r.n_low} of {r.n} low: "
                    f"{estimate_words(r.prevalence, percent=True)}"
                    for _, r in shown
                ],
            )
        )  # fmt: skip
    spread = [
        max(r.prevalence.value for r in kept) - min(r.prevalence.value for r in kept)
        for part in parts
        if (kept := [r for r in part.definition_table if r.kind == "definition" and r.n])
    ]
    conclusion = (
        f"Within one part of the study the share called low differs by up to "
        f"{100 * max(spread):.0f} percentage points from one definition to another."
        if spread
        else ""
    )
    return Chart(
        title=f"Low muscle by definition · {study_words(evaluation)}",
        x_title="",
        y_title="Patients called low",
        series=tuple(series),
        caption=led(evaluation, conclusion, "Bars: exact 95 % intervals.", _cutoffs(evaluation)),
        x_range=(-0.6, len(names) - 0.4),
        y_range=(0.0, 1.0),
        x_ticks=tuple(float(i) for i in range(len(names))),
        x_tick_labels=tuple(names),
        percent=True,
        legend_aside=True,
        message="" if series else "Muscle was not measured.",
    )


def hazard_forest(evaluation: MuscleEvaluation) -> Forest:
    """Table 2 as a figure: low against not low, high against low risk, in every part."""
    rows: list[ForestRow] = []
    for part in evaluation.sets:
        rows.append(forest_heading(set_words(part)))
        rows += [_hazard_row(r) for r in part.definition_table]
    correction = evaluation.settings.correction.capitalize()
    return Forest(
        title="Death by definition and by the model's risk",
        rows=tuple(rows),
        caption=led(
            evaluation,
            "Univariable Cox regression, low against not low muscle and high against low risk "
            "(cut-off learned in training). Low: patients called low (at high risk), of those "
            f"with a verdict. p is corrected by {correction}'s method for the definitions tested "
            "in a part, and apart from them for the models.",
            _few_events(evaluation),
        ),
        name_header="Low muscle or high risk",
        count_header="Events in low / others",
        extra_header="Low",
        p_header="p, corrected",
    )


def survival_panels(evaluation: MuscleEvaluation, name: str) -> Panels:
    """Kaplan-Meier curves by one definition or model, a panel for every part of the study."""
    charts, endpoint = [], evaluation.endpoint
    longest = max(
        (
            float(g.curve.times[-1])
            for part in evaluation.sets
            if (comparison := _groups_of(part, name).comparison.value) is not None
            for g in comparison.groups
        ),
        default=12.0,
    )
    for part in evaluation.sets:
        groups = _groups_of(part, name)
        row = next(r for r in part.definition_table if r.name == name)
        charts.append(_survival_panel(part, groups, row, endpoint, longest))
    is_model = name in dict(evaluation.models)
    what = "risk" if is_model else "muscle"
    cutoffs = next((d for d in evaluation.definitions if d.name == name), None)
    source = "Cut-off: median risk of the training patients." if is_model else ""
    if cutoffs is not None:
        sexes = " (men / women)" if " / " in cutoffs.cutoffs else ""
        source = f"{cutoffs.title}, low: {cutoffs.cutoffs}{sexes}. {cutoffs.source}."
    return Panels(
        title=f"{endpoint} by {what}: {name}",
        charts=tuple(charts),
        columns=2 if len(charts) > 1 else 1,
        caption=led(
            evaluation, source, "HR: hazard ratio, univariable Cox regression, 95 % interval; p: "
            "log-rank test, not corrected. Bands: 95 % pointwise intervals. Dotted, and numbers "
            "with *: fewer than 5 at risk.",
        ),
    )  # fmt: skip


def disagreement_map(evaluation: MuscleEvaluation, part: SetEvaluation) -> HeatMap | None:
    """How often two verdicts differ; None where fewer than two are known."""
    matrix = part.disagreement.value
    if matrix is None:
        return None
    pairs = {frozenset((p.first, p.second)): p for p in matrix.pairs}
    m = len(matrix.names)
    texts = [["" for _ in range(m)] for _ in range(m)]
    hover = [["" for _ in range(m)] for _ in range(m)]
    for i, a in enumerate(matrix.names):
        for j, b in enumerate(matrix.names):
            if i != j:
                texts[i][j], hover[i][j] = _pair_words(pairs[frozenset((a, b))])
    values = matrix.matrix()
    np.fill_diagonal(values, np.nan)
    worst = max(matrix.pairs, key=lambda p: np.nan_to_num(p.share.value))
    fleiss = matrix.fleiss.value
    together = (
        f"All definitions together: Fleiss' kappa {estimate_words(fleiss, digits=2)} in "
        f"{matrix.n_all_known} patients with every verdict; "
        f"{matrix.n_positive[0]} are low by none of them, {matrix.n_positive[-1]} by all."
        if fleiss is not None
        else ""
    )
    return HeatMap(
        title=f"Disagreement of verdicts · {set_words(part)}",
        names=matrix.names,
        values=values,
        texts=tuple(tuple(row) for row in texts),
        hover=tuple(tuple(row) for row in hover),
        value_title="Patients judged differently",
        caption=led(
            evaluation,
            f"Most different: {worst.first} and {worst.second}, "
            f"{estimate_words(worst.share, percent=True)} of {worst.n} patients. κ: agreement "
            "beyond chance (Cohen), 0 is none and 1 perfect.",
            together,
            "Beyond the line: the model's high-risk group." if matrix.n_definitions < m else "",
        ),
        top=max(0.5, float(np.nanmax(values)) if np.isfinite(values).any() else 0.5),
        divide_after=matrix.n_definitions if 0 < matrix.n_definitions < m else 0,
    )


def component_clouds(evaluation: MuscleEvaluation) -> Mapping[str, Cloud]:
    """The patients on three principal components, colored by each verdict; empty without features."""
    space = evaluation.feature_space.value
    if space is None:
        return {}
    axes = _component_axes(evaluation)
    parts = {s.name: s.title for s in evaluation.sets}
    hover = [parts[name] for name in evaluation.set_of_patient]
    definitions = {d.name: d for d in evaluation.definitions}
    clouds = {}
    for name, verdict in evaluation.verdicts.items():
        if not np.isfinite(verdict).any():
            continue
        labels = ("not low", "low") if name in definitions else ("low risk", "high risk")
        mixing = _mixing(space.places, verdict)
        clouds[name] = two_color_cloud(
            f"Features of {len(space.places)} patients, by {name}", axes, space.places, verdict,
            labels, hover=hover, caption=led(
                evaluation, f"Principal components of {space.n_features} features, learned from "
                f"{space.n_training} training patients.", space.note, mixing,
            ),
        )  # fmt: skip
    return clouds


def component_panels(evaluation: MuscleEvaluation) -> Panels | None:
    """The first two components, a panel for every verdict; None without features."""
    clouds, space = component_clouds(evaluation), evaluation.feature_space.value
    if not clouds or space is None:
        return None
    charts = []
    for name, cloud in clouds.items():
        view = cloud.views().charts[0]
        series = tuple(
            replace(s, label={BLUE: "not low / low risk", VERMILION: "low / high risk"}.get(
                s.color, "not known"))
            for s in view.series
        )  # fmt: skip
        charts.append(replace(view, title=name, series=series))
    return Panels(
        title=f"Features of {len(space.places)} patients on two principal components, by verdict",
        charts=tuple(charts),
        columns=3,
        caption=led(
            evaluation,
            f"Components of {space.n_features} features, learned from {space.n_training} training "
            "patients. Where the colors mix, the features hold what the verdict does not.",
            space.note,
        ),
    )


def _groups_of(part: SetEvaluation, name: str) -> RiskGroups:
    return next(g for g in part.groups if g.name == name)


def _survival_panel(
    part: SetEvaluation, groups: RiskGroups, row: DefinitionRow, endpoint: str, longest: float
) -> Chart:
    comparison = groups.comparison.value
    if comparison is None:
        places, labels = month_ticks(longest)
        return Chart(
            set_words(part), "Time (months)", endpoint, (), message=groups.comparison.reason,
            x_range=(0.0, longest), y_range=(0.0, 1.02), x_ticks=places, x_tick_labels=labels,
            percent=True,
        )  # fmt: skip
    chart = kaplan_meier_chart(
        comparison, endpoint=endpoint, last_months=longest, show_medians=False
    )
    colors = {"not low": BLUE, "low risk": BLUE, "low": VERMILION, "high risk": VERMILION}
    series = tuple(replace(s, color=colors[s.label]) for s in chart.series)
    words = row.reason or f"HR {estimate_words(row.hazard_ratio, digits=2)}"  # type: ignore[arg-type]
    if test := difference_words(comparison):
        words += f", {test}"
    table = chart.risk_table
    if table is not None:
        table = replace(table, colors=tuple(colors[text] for text in table.labels))
    known = f"{part.title}: {comparison.n} patients, {comparison.n_events} events"
    return replace(chart, title=f"{known}\n{words}", series=series, risk_table=table)


def _hazard_row(row: DefinitionRow) -> ForestRow:
    prevalence = f"{row.n_low} / {row.n} ({100 * row.prevalence.value:.0f} %)" if row.n else "–"
    counts = f"{row.events_low} / {row.events_other}" if row.n else "–"
    ratio = row.hazard_ratio
    if ratio is None:
        nothing = (float("nan"),) * 3
        return ForestRow(row.name, counts, nothing, row.reason, "", NEUTRAL, prevalence)
    color = NEUTRAL
    if ratio.ci_low > 1:
        color = VERMILION
    elif ratio.ci_high < 1:
        color = BLUE
    mark = "*" if row.note else ""
    return ForestRow(
        row.name, counts, (ratio.value, ratio.ci_low, ratio.ci_high),
        estimate_words(ratio, digits=2) + mark, format_p(row.p_adjusted), color, prevalence,
    )  # fmt: skip


def _few_events(evaluation: MuscleEvaluation) -> str:
    noted = any(r.note for s in evaluation.sets for r in s.definition_table)
    return "* Fewer than 5 events in one group: the ratio is a guess." if noted else ""


def _pair_words(pair: Disagreement) -> tuple[str, str]:
    if pair.n == 0:
        return "–", f"{pair.first} and {pair.second}: nobody has both verdicts"
    kappa = pair.kappa.value
    short = "" if kappa is None else f"\nκ {round(kappa.value, 2) + 0.0:.2f}".replace("-", "−")
    said = pair.kappa.reason if kappa is None else f"κ {estimate_words(kappa, digits=2)}"
    return f"{100 * pair.share.value:.0f} %{short}", (
        f"<b>{pair.first} and {pair.second}</b><br>differ in "
        f"{pair.only_first + pair.only_second} of {pair.n} patients: "
        f"{estimate_words(pair.share, percent=True)}<br>low by {pair.first} alone: "
        f"{pair.only_first}, by {pair.second} alone: {pair.only_second}<br>{said}"
    )


def _component_axes(evaluation: MuscleEvaluation) -> tuple[str, str, str]:
    space = evaluation.feature_space.value
    share = np.zeros(3) if space is None else space.explained
    first, second, third = (f"PC {i + 1} ({100 * x:.0f} %)" for i, x in enumerate(share))
    return first, second, third


def _mixing(places: np.ndarray, verdict: np.ndarray) -> str:
    """How far apart the two colors are: 0.5 is no separation along any of the axes."""
    known = np.isfinite(verdict)
    low = verdict[known] == 1
    if not low.any() or low.all():
        return "Everybody has the same verdict."
    ranks = places[known].argsort(0).argsort(0) + 1
    n_low, n_other = int(low.sum()), int((~low).sum())
    area = (ranks[low].sum(0) - n_low * (n_low + 1) / 2) / (n_low * n_other)
    best = float(np.maximum(area, 1 - area).max())
    word = "hardly" if best < 0.6 else "partly" if best < 0.8 else "clearly"
    return (
        f"The two groups are {word} apart (largest area under the ROC curve along one component "
        f"{best:.2f}; 0.5 is none)."
    )


def _cutoffs(evaluation: MuscleEvaluation) -> str:
    parts = [f"{d.name} {d.cutoffs}" for d in evaluation.definitions]
    return f"Cut-offs (men / women where two): {'; '.join(parts)}." if parts else ""
