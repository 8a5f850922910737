"""Figures of a training that has not ended, or just has: folds as they come, candidates compared."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hccsurv_core.report.figures.chart import NEUTRAL, Chart, Guide, Series
from hccsurv_core.report.figures.forest import Forest, ForestAxis, ForestRow, forest_heading
from hccsurv_core.report.figures.palette import BLUE, GREEN, VERMILION
from hccsurv_core.systems.training_course import FoldResult

_AXIS = ForestAxis("Harrell's C, cross-validated", "C", False, 0.5, (0.45, 0.8), (0.0, 1.0))
#: (kind, heading, color), in the order of the figure.
_KINDS = (
    ("model", "This model", BLUE),
    ("recipe", "Other settings tried", VERMILION),
    ("rival", "Baselines on the same folds", GREEN),
)


def fold_chart(folds: Sequence[FoldResult], *, simulated: bool = False) -> Chart:
    """C of every fold so far, a row for each candidate in the order of the training.

    Args:
        folds: at least one.
        simulated: whether the patients were drawn by a computer.
    """
    names = list(dict.fromkeys(f.candidate for f in folds))
    rows = {name: float(len(names) - i) for i, name in enumerate(names)}
    known = [f for f in folds if math.isfinite(f.c_index)]
    dots = Series(
        "one fold",
        np.array([f.c_index for f in known]),
        np.array([rows[f.candidate] for f in known]),
        kind="dots",
        color=NEUTRAL,
        hover=[
            f"{f.candidate}, round {f.repeat + 1}, fold {f.fold + 1}: C {f.c_index:.3f}"
            f"<br>{f.n} patients, {f.n_events} events"
            for f in known
        ],
    )
    means = {
        name: [f.c_index for f in known if f.candidate == name] for name in names
    }  # fmt: skip
    of_all = {name: float(np.mean(values)) for name, values in means.items() if values}
    mean = Series(
        "mean so far",
        np.array(list(of_all.values())),
        np.array([rows[name] for name in of_all]),
        kind="points",
        color=BLUE,
        hover=[f"{name}: mean C {value:.3f}" for name, value in of_all.items()],
    )
    lowest = min((f.c_index for f in known), default=0.5)
    highest = max((f.c_index for f in known), default=0.8)
    low, high = min(0.45, lowest - 0.02), min(1.0, max(0.8, highest + 0.02))
    return Chart(
        title="Cross-validation so far",
        x_title="Harrell's C in patients not seen",
        y_title="",
        series=(dots, mean),
        caption=_lead(simulated)
        + "Each small point is one fold: patients the candidate was not trained on. Folds are "
        "small and their points scatter; they are no interval.",
        x_range=(low, high),
        y_range=(0.4, len(names) + 0.6),
        y_ticks=tuple(rows.values()),
        y_tick_labels=tuple(names),
        guides=(Guide((0.5, 0.5), (0.4, len(names) + 0.6)),),
        height=(150 + 34 * len(names)) / 440,
    )


def candidate_forest(
    results: Sequence[Mapping[str, Any]], *, method: str, simulated: bool = False
) -> Forest:
    """Cross-validated C of the model, of what else was tried, and of its rivals.

    Args:
        results: of a bundle's description: name, kind, and ``c_index`` as JSON values.
        method: how they were cross-validated.
        simulated: whether the patients were drawn by a computer.
    """
    rows: list[ForestRow] = []
    for kind, heading, color in _KINDS:
        of_kind = [r for r in results if r["kind"] == kind]
        if of_kind:
            rows.append(forest_heading(heading))
            rows += [_row(r, color) for r in of_kind]
    return Forest(
        title="Cross-validated concordance",
        rows=tuple(rows),
        caption=f"{_lead(simulated)}{_sentence(method)} Intervals: bootstrap of the patients. "
        "The candidates share patients and folds, and differences between them were not tested.",
        axis=_AXIS,
        name_header="Candidate",
        p_header="",
    )


def _row(result: Mapping[str, Any], color: str) -> ForestRow:
    c = result["c_index"]
    count = f"{c['n_events']} / {c['n']}" if c.get("n") is not None else ""
    if c["value"] is None:
        return ForestRow(str(result["name"]), count, (math.nan,) * 3, "not known", "", NEUTRAL)
    low, high = (math.nan if c[k] is None else float(c[k]) for k in ("ci_low", "ci_high"))
    words = f"{c['value']:.3f}"
    if math.isfinite(low) and math.isfinite(high):
        words += f" ({low:.3f}–{high:.3f})"
    return ForestRow(str(result["name"]), count, (float(c["value"]), low, high), words, "", color)


def _lead(simulated: bool) -> str:
    return "Simulated patients. " if simulated else ""


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
