"""Figures about the models: how they were trained, and how they rank patients against definitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from hccsurv_core.report.figures.chart import NEUTRAL, Chart, Guide, Series, month_ticks
from hccsurv_core.report.figures.forest import Forest, ForestAxis, ForestRow, forest_heading
from hccsurv_core.report.figures.palette import BLUE, VERMILION
from hccsurv_core.report.figures.panels import Panels
from hccsurv_core.report.figures.score_style import (
    definition_style,
    led,
    model_color,
    same_y,
    set_words,
)
from hccsurv_core.report.figures.survival_charts import estimate_words
from hccsurv_core.stats.p_values import format_p
from hccsurv_core.systems.muscle.comparison import AucCurve, DifferenceRow, ScoreRow
from hccsurv_core.systems.muscle.evaluation import MuscleEvaluation, SetEvaluation
from hccsurv_core.systems.muscle.evaluation_input import Epoch

_CONCORDANCE = ForestAxis("Harrell's C", "C", False, 0.5, (0.45, 0.8), (0.0, 1.0))
_KIND_HEADINGS = {
    "model": "Models", "rival": "Baselines", "oracle": "Oracle: the true hazard",
}  # fmt: skip


def training_panels(histories: Mapping[str, Sequence[Epoch]], *, simulated: bool = False) -> Panels:
    """Loss by epoch, a panel for every step of the training.

    Args:
        histories: by step, (member, epoch, training loss, validation loss); a loss that was not
            computed is NaN.
        simulated: whether the training patients were drawn by a computer.
    """
    charts = tuple(_training_chart(name, rows) for name, rows in histories.items())
    members = max((len({m for m, *_ in rows}) for rows in histories.values()), default=1)
    shared = (
        f"Lines: mean of {members} members of the ensemble; bands: from the lowest to the highest. "
        "Dotted: some members have already stopped. "
        if members > 1
        else ""
    )
    lead = "Simulated patients. " if simulated else ""
    return Panels(
        title="Training curves",
        charts=charts,
        columns=min(2, max(1, len(charts))),
        caption=f"{lead}{shared}Vertical line: epoch of the lowest validation loss, whose weights "
        "are kept (median over the members). A validation loss that rises while the training loss "
        "falls is overfitting.",
    )


def auc_panels(evaluation: MuscleEvaluation, *, form: str = "measure") -> Panels:
    """Time-dependent AUC of models and definitions, a panel for every part of the study.

    Args:
        form: of the definitions: "measure" or "verdict".
    """
    charts = same_y(tuple(_auc_chart(evaluation, part, form) for part in evaluation.sets))
    words = {"measure": "measure", "verdict": "verdict, low or not"}[form]
    return Panels(
        title=f"Time-dependent AUC of the models and of the definitions ({words})",
        charts=charts,
        columns=2 if len(charts) > 1 else 1,
        caption=led(
            evaluation,
            _auc_words(evaluation),
            "Cumulative cases, dynamic controls, weighted for censoring; bands of the models: "
            "95 % pointwise intervals. Early and late, few events or few patients carry the curve.",
        ),
    )


def concordance_forest(evaluation: MuscleEvaluation, part: SetEvaluation) -> Forest:
    """Harrell's C of everything that ranks patients, and how the first model compares."""
    found, main = part.discrimination, evaluation.main_model
    differences = {r.rival: r for r in found.concordance_differences if r.model == main}
    rows: list[ForestRow] = []
    for kind, heading in _KIND_HEADINGS.items():
        of_kind = [r for r in found.concordance if r.kind == kind]
        if of_kind:
            rows.append(forest_heading(heading))
            rows += [
                _concordance_row(r, differences.get(r.name), model_color(r.name, evaluation.models))
                for r in of_kind
            ]
    for ending, heading in (
        ("(measure)", "Definitions by their measure"),
        ("(low or not)", "Definitions by their verdict"),
        ("(measure / cut-off)", "Definitions by measure / cut-off"),
    ):
        of_form = [
            r for r in found.concordance if r.kind == "definition" and r.name.endswith(ending)
        ]
        if of_form:
            rows.append(forest_heading(heading))
            rows += [
                replace(
                    _concordance_row(r, differences.get(r.name), NEUTRAL),
                    name=r.name.removesuffix(ending).strip(),
                )
                for r in of_form
            ]
    settings = evaluation.settings
    return Forest(
        title=f"Concordance · {set_words(part)}",
        rows=tuple(rows),
        caption=led(
            evaluation,
            _superiority_words(main, list(differences.values())),
            f"Intervals and differences: percentile bootstrap, {settings.n_resamples} resamples, "
            "the same for all scores; differences on the patients who have both scores. p is "
            f"corrected by {settings.correction.capitalize()}'s method for all rivals of {main} "
            "in this part; before that it cannot be smaller than "
            f"{2 / (settings.n_resamples + 1):.1g}.",
            *part.notes,
        ),
        axis=_CONCORDANCE,
        name_header="Score",
        extra_header=f"{main if len(main) <= 16 else 'First model'} ahead by",
        p_header="p, corrected",
    )


def group_forest(evaluation: MuscleEvaluation) -> Forest | None:
    """C of the first model in training, in tests, and in every group of the test patients."""
    rows: list[ForestRow] = []
    gap = next((g for g in evaluation.gaps if g.model == _judged(evaluation)), None)
    color = model_color(_judged(evaluation), evaluation.models)
    notes = []
    if gap is not None:
        rows.append(forest_heading("Training and test"))
        for name, answer in (
            ("Training patients, seen by the model", gap.apparent),
            (f"Training patients, {gap.training}", gap.honest),
            ("All test patients", gap.test),
        ):
            if answer.value is not None:
                e = answer.value
                rows.append(
                    ForestRow(name, f"{e.n_events} / {e.n}", (e.value, e.ci_low, e.ci_high),
                              estimate_words(e, digits=3), "", color)
                )  # fmt: skip
        notes.append(gap.words)
    for name, found in evaluation.by_group.items():
        groups = found.value
        if groups is None:
            notes.append(f"Not by {name}: {found.reason}.")
            continue
        rows.append(replace(forest_heading(f"By {name}"), p=_p_text(groups.p)))
        for r in groups.rows:
            row = _concordance_row(r, None, color)
            rows.append(replace(row, name=r.name.replace("_", " "), p=""))
    if not rows:
        return None
    return Forest(
        title=f"{_judged(evaluation)} in training, in tests, and by group of the test patients",
        rows=tuple(rows),
        caption=led(
            evaluation, *notes, "p: Cochran's test that C is the same in all groups, not "
            "corrected. Percentile bootstrap intervals.",
        ),
        axis=_CONCORDANCE,
        name_header="Patients",
        p_header="p, equal C",
    )  # fmt: skip


def _judged(evaluation: MuscleEvaluation) -> str:
    return next((n for n, kind in evaluation.models if kind == "model"), evaluation.main_model)


def _training_chart(name: str, rows: Sequence[Epoch]) -> Chart:
    members = sorted({m for m, *_ in rows})
    epochs = sorted({e for _, e, *_ in rows})
    shape = (len(members), len(epochs))
    losses = {"training": np.full(shape, np.nan), "validation": np.full(shape, np.nan)}
    for m, e, train, validation in rows:
        place = members.index(m), epochs.index(e)
        losses["training"][place], losses["validation"][place] = train, validation
    x = np.array(epochs, float)
    # The line ends where only one member of several is left: it would jump to that one's.
    running = np.isfinite(losses["training"]).sum(axis=0)
    all_until = x[running == len(members)]
    series = []
    for (label, loss), color in zip(losses.items(), (BLUE, VERMILION), strict=True):
        known = np.isfinite(loss).any(axis=0)
        if not known.any():
            continue
        shown = loss[:, known]
        series.append(
            Series(
                label, x[known], np.nanmean(shown, axis=0),
                np.nanmin(shown, axis=0) if len(members) > 1 else None,
                np.nanmax(shown, axis=0) if len(members) > 1 else None, color=color,
                faint_from=float(all_until[-1]) if all_until.size < x.size and all_until.size else None,
            )
        )  # fmt: skip
    bounds = [b for s in series for b in (s.y, s.low, s.high) if b is not None]
    low = min((float(np.nanmin(b)) for b in bounds), default=0.0)
    high = max((float(np.nanmax(b)) for b in bounds), default=1.0)
    pad = 0.05 * max(high - low, 1e-6)
    best = _best_epochs(losses["validation"], x)
    guides: tuple[Guide, ...] = ()
    if best.size:
        at = float(np.median(best))
        guides = (Guide((at, at), (low - pad, high + pad), "", "dash"),)
    return Chart(
        title=name,
        x_title="Epoch",
        y_title="Loss",
        series=tuple(series),
        y_range=(low - pad, high + pad),
        guides=guides,
        message="" if series else "No training curve was kept.",
    )


def _best_epochs(validation: np.ndarray, x: np.ndarray) -> np.ndarray:
    usable = np.isfinite(validation).any(axis=1)
    return x[np.nanargmin(validation[usable], axis=1)] if usable.any() else np.array([])


def _auc_chart(evaluation: MuscleEvaluation, part: SetEvaluation, form: str) -> Chart:
    curves = [
        c for c in part.discrimination.curves
        if c.kind == "model" or (c.kind == "definition" and c.form == form)
    ]  # fmt: skip
    last = max((float(c.eval_times[-1]) for c in curves), default=60.0)
    places, labels = month_ticks(last)
    # The models are drawn last, on top.
    ordered = [c for c in curves if c.kind != "model"] + [c for c in curves if c.kind == "model"]
    series = tuple(_auc_series(evaluation, c) for c in ordered)
    lowest = min((float(np.min(s.y)) for s in series), default=0.4)
    return Chart(
        title=set_words(part),
        x_title="Time (months)",
        y_title="AUC",
        series=series,
        x_range=(0.0, last * 1.02),
        y_range=(max(0.0, min(0.35, lowest - 0.03)), 1.0),
        x_ticks=places,
        x_tick_labels=labels,
        guides=(Guide((0.0, last), (0.5, 0.5), "", "dot"),),
        message="" if series else "Too few events for an AUC.",
    )


def _auc_series(evaluation: MuscleEvaluation, curve: AucCurve) -> Series:
    label = curve.name.split(" (")[0] if curve.kind == "definition" else curve.name
    hover = [
        f"<b>{curve.name}</b><br>{t:g} months: AUC {a:.3f} ({low:.3f}–{high:.3f})"
        for t, a, low, high in zip(
            curve.eval_times, curve.auc, curve.ci_low, curve.ci_high, strict=True
        )
    ]
    if curve.kind == "model":
        return Series(
            label, curve.eval_times, curve.auc, curve.ci_low, curve.ci_high,
            color=model_color(curve.name, evaluation.models), hover=hover, wide=True,
        )  # fmt: skip
    color, dash = definition_style(label)
    return Series(label, curve.eval_times, curve.auc, color=color, dash=dash, hover=hover)


def _auc_words(evaluation: MuscleEvaluation) -> str:
    """The first model's AUC in every test part, and how many definitions it exceeds."""
    main, parts = evaluation.main_model, []
    for part in evaluation.test_sets or evaluation.sets:
        found = part.discrimination
        if not found.horizons_months:
            continue
        at = found.horizons_months[len(found.horizons_months) // 2]
        own = next((r for r in found.auc if r.name == main and r.horizon_months == at), None)
        if own is None or own.estimate is None:
            continue
        rows = [
            r.estimate for r in found.auc_differences
            if r.model == main and r.horizon_months == at and r.rival_kind == "definition"
            and r.estimate is not None
        ]  # fmt: skip
        ahead = f", {sum(e.ci_low > 0 for e in rows)} of {len(rows)}" if rows else ""
        parts.append(
            f"{part.title} at {at:g} months {estimate_words(own.estimate, digits=3)}{ahead}"
        )
    if not parts:
        return ""
    told = " and how many of the definitions' measures and verdicts it exceeds with a paired 95 % interval above 0" if evaluation.definitions else ""  # fmt: skip
    return f"AUC of {main}{told}: {'; '.join(parts)}."


def _concordance_row(row: ScoreRow, difference: DifferenceRow | None, color: str) -> ForestRow:
    count = f"{row.n_events} / {row.n}"
    estimate = row.estimate
    if estimate is None:
        return ForestRow(row.name, count, (float("nan"),) * 3, row.reason, "", NEUTRAL)
    extra, p = "", ""
    if difference is not None and difference.estimate is not None:
        extra = estimate_words(difference.estimate, digits=3)
        p = _p_text(difference.p_adjusted)
    return ForestRow(
        row.name, count, (estimate.value, estimate.ci_low, estimate.ci_high),
        estimate_words(estimate, digits=3), p, color, extra,
    )  # fmt: skip


def _superiority_words(main: str, differences: Sequence[DifferenceRow]) -> str:
    """What the forest says about definitions, in a sentence."""
    rows = [r for r in differences if r.rival_kind == "definition" and r.estimate is not None]
    if not rows:
        return ""
    ahead = [r for r in rows if r.estimate is not None and r.estimate.ci_low > 0]
    if len(ahead) == len(rows):
        least = min(r.estimate.value for r in rows if r.estimate is not None)
        return f"{main} ranks patients better than every definition, by at least {least:.3f}."
    others = [r.rival for r in rows if r not in ahead]
    return (
        f"{main} is above {len(ahead)} of {len(rows)} with an interval that excludes 0; not shown "
        f"to be better than {', '.join(others)}."
    )


def _p_text(p: float) -> str:
    return "" if np.isnan(p) else format_p(p)
