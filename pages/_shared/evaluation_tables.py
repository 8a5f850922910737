"""Tables of an evaluation as the page shows them (HTML); the downloads hold every number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pages._shared.formats import html
from pages._shared.tables import html_table

if TYPE_CHECKING:
    from hccsurv_core.stats.estimate import Estimate
    from hccsurv_core.systems.muscle.answers import Answer
    from hccsurv_core.systems.muscle.comparison import DifferenceRow, ScoreRow
    from hccsurv_core.systems.muscle.evaluation import MuscleEvaluation, SetEvaluation
    from hccsurv_core.systems.muscle.robustness import TrainingGap


def words(estimate: Estimate | None, digits: int = 3, *, percent: bool = False) -> str:
    """ "0.712 (0.661–0.763)", or "not known"."""
    from hccsurv_core.report.figures.survival_charts import estimate_words

    if estimate is None:
        return "not known"
    return estimate_words(estimate, digits=digits, percent=percent)


def p_words(p: float) -> str:
    """ "0.012", "< 0.001" or a dash."""
    from hccsurv_core.stats.p_values import format_p

    return "–" if math.isnan(p) else format_p(p)


def main_part(evaluation: MuscleEvaluation) -> SetEvaluation:
    """The part that says most: the largest by events that no model was trained on."""
    return max(evaluation.test_sets or evaluation.sets, key=lambda s: s.n_events)


def _own(part: SetEvaluation, model: str) -> ScoreRow | None:
    return next((r for r in part.discrimination.concordance if r.name == model), None)


def headline(evaluation: MuscleEvaluation) -> str:
    """C of the model in the main part (HTML)."""
    part = main_part(evaluation)
    own = _own(part, evaluation.main_model)
    where = f"{part.title.lower()}, {part.n} patients, {part.n_events} events"
    if part.training:
        where += "; it was trained on them"
    value = words(None if own is None else own.estimate)
    return (
        f'<div class="hcc-headline" data-testid="evaluation">C-index {html(value)}'
        f"<small>{html(where)}</small></div>"
    )


def overview(evaluation: MuscleEvaluation) -> str:
    """Every part of the study in a line: the model, and the best definition beside it (HTML)."""
    model = evaluation.main_model
    heads = ["Part", "Patients", "Events", "C-index", "Best definition", "Ahead by", "p"]
    rows = []
    for part in evaluation.sets:
        own = _own(part, model)
        best = _best_definition(part)
        difference = None if best is None else _difference(part, model, best.name)
        rows.append(
            [
                part.title + (f" · {_seen(part, model)}" if part.training else ""),
                f"{part.n}", f"{part.n_events}",
                "not known" if own is None else words(own.estimate),
                "–" if best is None else f"{best.name} {words(best.estimate)}",
                "–" if difference is None else words(difference.estimate),
                "–" if difference is None else p_words(difference.p_adjusted),
            ]
        )  # fmt: skip
    return html_table(heads, rows, "overview")


def _seen(part: SetEvaluation, model: str) -> str:
    """How the training patients were predicted, in a few words."""
    flatters = any(note.startswith(f"{model} had seen") for note in part.notes)
    return "seen by the model, flatters it" if flatters else "learned from, predicted unseen"


def _best_definition(part: SetEvaluation) -> ScoreRow | None:
    rows = [
        r for r in part.discrimination.concordance
        if r.kind == "definition" and r.estimate is not None
    ]  # fmt: skip
    return max(rows, key=lambda r: r.estimate.value if r.estimate else 0.0, default=None)


def _difference(part: SetEvaluation, model: str, rival: str) -> DifferenceRow | None:
    return next(
        (
            r for r in part.discrimination.concordance_differences
            if r.model == model and r.rival == rival
        ),
        None,
    )  # fmt: skip


def auc_differences(part: SetEvaluation) -> str:
    """AUC of the model minus that of every other score, at each horizon (HTML)."""
    found = part.discrimination
    horizons = found.horizons_months
    heads = ["Against", *(f"{h:g} months" for h in horizons)]
    rivals = list(dict.fromkeys(r.rival for r in found.auc_differences))
    by_place = {(r.rival, r.horizon_months): r for r in found.auc_differences}
    rows = []
    for rival in rivals:
        cells = []
        for h in horizons:
            row = by_place.get((rival, h))
            if row is None or row.estimate is None:
                cells.append("too few events" if row is not None else "–")
            else:
                cells.append(f"{words(row.estimate)}, p {p_words(row.p_adjusted)}")
        rows.append([rival, *cells])
    if not horizons:
        why = "; ".join(f"{h:g} months: {reason}" for h, reason in found.left_out)
        return f'<span class="hcc-quiet">No AUC: {html(why)}.</span>'
    return html_table(heads, rows, "auc_differences")


def definition_table(evaluation: MuscleEvaluation) -> str:
    """Table 2, part after part (HTML)."""
    heads = [
        "Definition", "Low if", "Low / known", "Prevalence", "Events low / other",
        "Hazard ratio", "p, corrected",
    ]  # fmt: skip
    parts = []
    for part in evaluation.sets:
        rows = []
        for r in part.definition_table:
            ratio = words(r.hazard_ratio, 2) if r.hazard_ratio is not None else r.reason
            rows.append(
                [
                    r.name if r.kind == "definition" else f"{r.name}: high risk",
                    r.cutoffs or "above the training median", f"{r.n_low} / {r.n}",
                    words(r.prevalence, 1, percent=True), f"{r.events_low} / {r.events_other}",
                    f"{ratio} ({r.note})" if r.note else ratio, p_words(r.p_adjusted),
                ]
            )  # fmt: skip
        learned = ", learned from" if part.training else ""
        parts.append(
            f'<div class="hcc-part">{html(part.title)}<small>{part.n} patients, {part.n_events} '
            f"events{learned}</small></div>" + html_table(heads, rows, f"table_2_{part.name}")
        )
    return "".join(parts)


def calibration(evaluation: MuscleEvaluation) -> str:
    """Observed by expected events, intercept and slope (HTML)."""
    heads = ["Part, model, horizon", "Observed / expected", "Intercept", "Slope"]
    rows, judged = [], {name for name, kind in evaluation.models if kind == "model"}
    for part in evaluation.test_sets or evaluation.sets:
        quality = part.predictions.value
        if quality is None:
            continue
        for name, answers in quality.calibration.items():
            if name not in judged:
                continue
            for months, answer in zip(quality.horizons_months, answers, strict=True):
                found = answer.value
                weak = None if found is None else found.weak
                rows.append(
                    [
                        f"{part.title}, {name}, {months:g} months",
                        answer.reason if found is None else words(found.observed_expected, 2),
                        "–" if weak is None else words(weak.intercept, 2),
                        "–" if weak is None else words(weak.slope, 2),
                    ]
                )
    return html_table(heads, rows, "calibration")


def gap(found: TrainingGap) -> str:
    """Training against test of one model (HTML)."""
    parts: list[tuple[str, Answer[Estimate]]] = [
        ("Training patients, seen by the model", found.apparent),
        (f"Training patients, {found.training}", found.honest),
        ("All other patients", found.test),
        ("Flatters itself on training patients by", found.optimism),
        ("Falls from training to other patients by", found.gap),
    ]
    rows = [[what, words(answer.value)] for what, answer in parts if answer.value is not None]
    return html_table(["", "C-index"], rows, "gap")
