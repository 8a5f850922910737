"""One patient on a page: which groups of features moved the risk, and the place in the cohort."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError
from hccsurv_core.report.figures.chart import NEUTRAL, Chart, Guide, Series
from hccsurv_core.report.figures.palette import BLUE, ORANGE, SKY_BLUE, VERMILION

#: What each group of features is, in a clinician's words.
GROUP_WORDS = {
    "size": "Muscle size",
    "shape": "Muscle shape",
    "density": "Muscle density",
    "texture": "Muscle texture",
    "clinical": "Clinical values",
}
#: By how much a hazard can be multiplied, for the ticks.
_TIMES = (0.1, 0.2, 0.25, 0.33, 0.5, 0.67, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 10.0)


def contributions_chart(
    contributions: Mapping[str, float],
    *,
    title: str = "What moved this patient's risk",
    details: Mapping[str, str] | None = None,
    simulated: bool = False,
) -> Chart:
    """Lying bars: each group's share of the log hazard against the average training patient.

    Args:
        contributions: by group ("size", "density", "texture", "clinical", or any words), log
            hazard; above 0 raises the risk.
        details: by group, a few words more for the hover ("smaller than in 80 of 100 patients").
        simulated: whether the training patients were drawn by a computer.

    Raises:
        InputError: nothing is given, or a value is not finite.
    """
    if not contributions or not np.isfinite(list(contributions.values())).all():
        raise InputError("contributions must be finite numbers", source="contributions")
    ordered = sorted(contributions.items(), key=lambda item: abs(item[1]))
    names = [GROUP_WORDS.get(name, name) for name, _ in ordered]
    values = np.array([value for _, value in ordered])
    places = np.arange(values.size, dtype=float)
    told = [(details or {}).get(name, "") for name, _ in ordered]
    series = _bars(names, values, places, told)
    reach = 1.35 * max(float(np.abs(values).max()), 0.1)
    ticks = _spread([t for t in _TIMES if abs(np.log(t)) < reach], reach)
    most = names[-1]
    word = "raises" if values[-1] > 0 else "lowers"
    lead = "Trained on simulated patients. " if simulated else ""
    return Chart(
        title=title,
        x_title="Lower risk  ←  hazard against the average training patient  →  higher risk",
        y_title="",
        series=series,
        caption=f"{lead}{most} {word} the risk most (× {np.exp(values[-1]):.2f}). Numbers: by how "
        "much the group multiplies the hazard. It is what the model uses, not what causes death.",
        x_range=(-reach, reach),
        x_ticks=tuple(float(np.log(t)) for t in ticks),
        x_tick_labels=tuple(f"× {t:g}" for t in ticks),
        y_range=(-0.7, values.size - 0.3),
        guides=(Guide((0.0, 0.0), (-0.7, values.size - 0.3), "", "solid", NEUTRAL),),
        y_ticks=tuple(places.tolist()),
        y_tick_labels=tuple(names),
        height=0.28 + 0.115 * values.size,
    )


def _bars(
    names: list[str], values: np.ndarray, places: np.ndarray, told: list[str]
) -> tuple[Series, ...]:
    """Those that raise the risk, and those that lower it."""
    series = []
    for rows, label, color in (
        (values > 0, "raises the risk", VERMILION), (values <= 0, "lowers the risk", BLUE),
    ):  # fmt: skip
        chosen = np.flatnonzero(rows)
        if chosen.size:
            times = [f"× {np.exp(values[i]):.2f}" for i in chosen]
            hover = [
                f"<b>{names[i]}</b><br>hazard {text}" + (f"<br>{told[i]}" if told[i] else "")
                for i, text in zip(chosen, times, strict=True)
            ]
            series.append(
                Series(
                    label, values[rows], places[rows], color=color, kind="bars", texts=times,
                    hover=hover,
                )
            )  # fmt: skip
    return tuple(series)


def percentile_strip(
    risk: float,
    cohort: ArrayLike,
    *,
    cutoff: float | None = None,
    cohort_name: str = "training patients",
    simulated: bool = False,
) -> Chart:
    """Where a patient's risk stands among a cohort's, on a strip from lowest to highest.

    Args:
        risk: the patient's score; higher is worse.
        cohort: (n,) scores of the cohort; NaN is missing.
        cutoff: above it patients are at high risk.
        cohort_name: whom the patient is held against.
        simulated: whether they were drawn by a computer.

    Raises:
        InputError: the risk is not finite, or nobody in the cohort has one.
    """
    seen = np.sort(np.asarray(cohort, dtype=np.float64))
    seen = seen[np.isfinite(seen)]
    if not np.isfinite(risk) or seen.size == 0:
        raise InputError("a patient's risk and a cohort's are needed", source="percentile")
    percentile = 100 * float((seen < risk).mean() + (seen == risk).mean() / 2)
    series = _strip(percentile, seen, cutoff, cohort_name)
    group = ""
    if cutoff is not None:
        group = f" ({'high' if risk > cutoff else 'low'} risk)"
    outside = "" if seen[0] <= risk <= seen[-1] else " It lies outside all of theirs."
    lead = "Simulated patients. " if simulated else ""
    return Chart(
        title=f"Percentile {percentile:.0f} of {seen.size} {cohort_name}{group}",
        x_title="Percentile of risk: higher is worse",
        y_title="",
        series=series,
        caption=f"{lead}The predicted risk is higher than that of {percentile:.0f} of 100 "
        f"{cohort_name}.{outside}",
        x_range=(0.0, 100.0),
        y_range=(-0.42, 0.8),
        x_ticks=(0.0, 25.0, 50.0, 75.0, 100.0),
        x_tick_labels=("lowest", "25", "50", "75", "highest"),
        guides=(Guide((percentile, percentile), (-0.42, 0.52), "", "solid", ORANGE),),
        hide_y=True,
        legend_aside=True,
        height=0.36,
    )


def _strip(
    percentile: float, seen: np.ndarray, cutoff: float | None, cohort_name: str
) -> tuple[Series, ...]:
    """The strip in two colors, and the patient on it."""
    zones = [(cohort_name, 100.0, SKY_BLUE)]
    if cutoff is not None:
        split = 100 * float((seen <= cutoff).mean())
        # The low part is drawn over the whole strip.
        zones = [("high risk", 100.0, VERMILION), ("low risk", split, BLUE)]
    strip = [
        Series(label, np.array([end]), np.zeros(1), color=color, kind="bars")
        for label, end, color in zones
        if end > 0
    ]
    patient = Series(
        "this patient", np.array([percentile]), np.array([0.52]), color=ORANGE, kind="points",
        symbol="triangle-down",
    )  # fmt: skip
    return (*strip, patient)


def _spread(times: list[float], reach: float) -> list[float]:
    """Multipliers far enough apart to be read, 1 among them."""
    kept = [1.0]
    for t in sorted(times, key=lambda t: (-(t in (0.5, 2.0)), abs(np.log(t)))):
        if all(abs(np.log(t / other)) > 0.14 * reach for other in kept):
            kept.append(t)
    return sorted(kept)
