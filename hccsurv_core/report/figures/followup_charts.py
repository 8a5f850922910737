"""One patient of system 4 as charts: survival by the answering version, and what moved its score."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from hccsurv_core.models.nomogram import Nomogram
from hccsurv_core.report.figures.chart import Chart, Guide, Series
from hccsurv_core.report.figures.nomogram_chart import NomogramPatient, nomogram_chart
from hccsurv_core.report.figures.nomogram_parts import WIDE, NomogramChart, NomogramWidths
from hccsurv_core.report.figures.palette import BLUE, ORANGE, VERMILION
from hccsurv_core.report.figures.patient_survival import (
    PRINT_INK,
    PredictedCurve,
    ReferenceCurve,
    patient_survival_chart,
)
from hccsurv_core.systems.immunotherapy.answer import PARTS, VersionAnswer
from hccsurv_core.systems.immunotherapy.nomogram import nomogram_values
from hccsurv_core.wording import count_of

GROUP_COLORS: Mapping[str, str] = {"low": BLUE, "high": VERMILION}


def version_survival_chart(answer: VersionAnswer, color: str = PRINT_INK) -> Chart:
    """Survival with its band, before the training patients of both risk groups."""
    s = answer.survival
    references = [
        ReferenceCurve(
            f"Predicted {group['group']} risk ({count_of(int(group['n']), 'patient')}, "
            f"{group['n_events']} died)",
            np.asarray(group["curve"]["months"]),
            np.asarray(group["curve"]["survival"]),
            GROUP_COLORS[str(group["group"])],
        )
        for group in answer.groups
    ]
    return patient_survival_chart(
        PredictedCurve(answer.months, s.value, s.low, s.high), references, color=color,
        title=f"Overall survival {answer.clock} ({answer.version})",
        caption=f"Months count {answer.clock}.",
    )  # fmt: skip


def parts_chart(answer: VersionAnswer) -> Chart:
    """What each part of the version adds to the log hazard."""
    parts = answer.parts
    heights = {part: float(len(parts) - k) for k, part in enumerate(parts)}
    reach = max(0.25, *(abs(v) for v in parts.values())) * 1.45
    series = tuple(
        Series(
            "", np.array([value]), np.array([heights[part]]),
            color=VERMILION if value > 0 else BLUE, kind="bars",
            texts=[f"× {math.exp(value):.2f}"],
            hover=[f"<b>{PARTS[part]}</b><br>hazard × {math.exp(value):.2f}"],
        )
        for part, value in parts.items()
    )  # fmt: skip
    return Chart(
        title=f"What moved the score ({answer.version})",
        x_title="Log hazard against the average training patient",
        y_title="",
        series=series,
        caption="To the right is worse; beside each bar, the factor by which it multiplies the hazard.",
        x_range=(-reach, reach),
        y_range=(0.4, len(parts) + 0.6),
        y_ticks=tuple(heights.values()),
        y_tick_labels=tuple(PARTS[part] for part in parts),
        guides=(Guide((0.0, 0.0), (0.4, len(parts) + 0.6), "", "solid"),),
        height=0.35 + 0.12 * len(parts),
    )


def version_nomogram_chart(
    nomogram: Nomogram, answer: VersionAnswer | None, *, widths: NomogramWidths = WIDE
) -> NomogramChart:
    """The nomogram of a version with the patient on it; None draws an empty one."""
    patient = None
    if answer is not None:
        ends = zip(answer.survival_at.low, answer.survival_at.high, strict=True)
        patient = NomogramPatient(
            nomogram_values(answer),
            survival_intervals=tuple((float(low), float(high)) for low, high in ends),
        )
    return nomogram_chart(nomogram, patient, widths=widths, color=ORANGE)
