"""Figures of system 2: both treatments' survival of one patient, and where the patient lies among both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hccsurv_core.models.nomogram import Nomogram
from hccsurv_core.report.figures.chart import NEUTRAL, Chart, Guide, Series, month_ticks
from hccsurv_core.report.figures.nomogram_chart import NomogramPatient, nomogram_charts
from hccsurv_core.report.figures.nomogram_parts import WIDE, NomogramChart, NomogramWidths
from hccsurv_core.report.figures.palette import BLUE, VERMILION
from hccsurv_core.systems.treatment.arm_table import ARM_WORDS, ARMS
from hccsurv_core.systems.treatment.model import TreatmentAnswer
from hccsurv_core.systems.treatment.overlap import Overlap, OverlapModel
from hccsurv_core.wording import count_of

#: The treatments, the same on every page and in print.
ARM_COLORS: Mapping[str, str] = {"hepatectomy": BLUE, "tace": VERMILION}
ARM_TITLES: Mapping[str, str] = {
    arm: word[:1].upper() + word[1:] for arm, word in ARM_WORDS.items()
}
SIMULATED = "Trained on simulated patients: it says nothing about real ones."
_BINS = 20


def arm_curves_chart(
    answer: TreatmentAnswer,
    training_arms: Mapping[str, Mapping[str, Any]],
    *,
    simulated: bool,
    reference: TreatmentAnswer | None = None,
) -> Chart:
    """Both curves with their bands.

    Args:
        answer: whose curves.
        training_arms: by treatment, "n" and "n_events" of the patients it was learned from.
        simulated: whether those were drawn by a computer.
        reference: the curves before values were changed, drawn dotted.
    """
    places, labels = month_ticks(float(answer.months[-1]))
    level = answer.recommendation.findings.contrast.level
    series = []
    if reference is not None:
        # The caption says what they are; twice as many entries would crowd the legend.
        series += [_curve(reference, arm, "", True) for arm in ARMS]
    series += [_curve(answer, arm, _legend(arm, training_arms), False) for arm in ARMS]
    caption = (
        "Expected survival of patients with these values, had all of them been given that "
        f"treatment. Bands: {100 * level:.0f} % intervals of that average, not of one life."
    )
    if reference is not None:
        caption += " Dotted: with the values as recorded."
    return Chart(
        title="Expected survival after either treatment",
        x_title="Time since treatment (months)",
        y_title="Alive",
        series=tuple(series),
        caption=f"{caption} {SIMULATED}" if simulated else caption,
        x_range=(0.0, float(answer.months[-1]) * 1.015),
        y_range=(0.0, 1.02),
        x_ticks=places,
        x_tick_labels=labels,
        percent=True,
        height=1.12,
    )


def overlap_chart(model: OverlapModel, found: Overlap, *, simulated: bool) -> Chart:
    """The propensities of both arms' training patients, with this patient marked."""
    edges = np.linspace(0.0, 100.0, _BINS + 1)
    series, top = [], 0.0
    for arm in ARMS:
        scores = 100.0 * np.asarray(model.scores[arm], dtype=float)
        counts = np.histogram(scores, edges)[0]
        share = 100.0 * counts / max(scores.size, 1)
        top = max(top, float(share.max()))
        hover = [
            f"{ARM_TITLES[arm]}: {n} of {scores.size} patients<br>{low:.0f} to {low + 100 / _BINS:.0f} %"
            for n, low in zip((*counts, counts[-1]), edges, strict=True)
        ]  # fmt: skip
        series.append(
            Series(
                f"Given {ARM_WORDS[arm]} ({count_of(scores.size, 'patient')})",
                edges, np.append(share, share[-1]), np.zeros(_BINS + 1), np.append(share, share[-1]),
                color=ARM_COLORS[arm], kind="step", hover=hover,
            )
        )  # fmt: skip
    here = 100.0 * found.propensity
    top *= 1.12
    guides = [Guide((here, here), (0.0, top), "This patient", "solid", NEUTRAL)]
    guides += [
        Guide((100 * x, 100 * x), (0.0, top), "Limits of comparison" if i == 0 else "", "dash")
        for i, x in enumerate(x for x in found.limits if 0 < x < 1)
    ]
    return Chart(
        title="Who was given which treatment",
        x_title="Chance of having been given TACE (%)",
        y_title="Share of the arm (%)",
        series=tuple(series),
        caption=f"{found.sentence} {SIMULATED}" if simulated else found.sentence,
        x_range=(-1.0, 101.0),
        y_range=(0.0, top),
        guides=tuple(guides),
        height=0.68,
    )


def arm_nomogram_charts(
    nomograms: Mapping[str, Nomogram],
    answer: TreatmentAnswer | None,
    *,
    widths: NomogramWidths = WIDE,
    arms: Sequence[str] = ARMS,
) -> tuple[NomogramChart, ...]:
    """Both nomograms on one scale of points, with the patient of an answer on them.

    Args:
        nomograms: by treatment.
        answer: whose; None for empty ones.
        widths: room for labels.
    """
    return nomogram_charts(
        [(nomograms[arm], None if answer is None else _patient(answer, arm)) for arm in arms],
        widths=widths,
        colors=[ARM_COLORS[arm] for arm in arms],
    )


def _patient(answer: TreatmentAnswer, arm: str) -> NomogramPatient:
    contrast = answer.recommendation.findings.contrast
    survival = contrast.arms[arm].survival
    ends = zip(survival.low[0], survival.high[0], strict=True)
    return NomogramPatient(
        answer.nomogram_records[arm],
        survival_intervals=tuple((float(low), float(high)) for low, high in ends),
        interval_words=f"{100 * contrast.level:.0f} % interval",
    )


def _legend(arm: str, training_arms: Mapping[str, Mapping[str, Any]]) -> str:
    found = training_arms[arm]
    return (
        f"{ARM_TITLES[arm]} (from {count_of(int(found['n']), 'patient')}, {found['n_events']} died)"
    )


def _curve(answer: TreatmentAnswer, arm: str, label: str, faint: bool) -> Series:
    band = answer.curves[arm]
    name = label or f"{ARM_TITLES[arm]}, as recorded"
    hover = [
        f"<b>{name}</b><br>{t:g} months: {100 * s:.0f} % ({100 * a:.0f}–{100 * b:.0f} %)"
        for t, s, a, b in zip(answer.months, band.value, band.low, band.high, strict=True)
    ]
    return Series(
        label, answer.months, band.value, None if faint else band.low, None if faint else band.high,
        color=ARM_COLORS[arm], dash="dot" if faint else "solid", hover=hover, wide=not faint,
    )  # fmt: skip
