"""Simulated patients only: what a way to choose costs against the truly better treatment."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hccsurv_core.report.figures.chart import NEUTRAL, Chart, Guide, Series
from hccsurv_core.report.figures.palette import GREEN, SKY_BLUE
from hccsurv_core.report.figures.survival_charts import estimate_words
from hccsurv_core.report.figures.treatment_charts import ARM_COLORS
from hccsurv_core.report.treatment_report import TreatmentReport
from hccsurv_core.systems.treatment.regret import Regret

#: Strategy → what a figure calls it, and its color; the first stands on top.
_STRATEGIES: Mapping[str, tuple[str, str]] = {
    "recommendation": ("Follow the recommendation", GREEN),
    "favored": ("Always what the model favors", SKY_BLUE),
    "all_hepatectomy": ("Hepatectomy for all", ARM_COLORS["hepatectomy"]),
    "all_tace": ("TACE for all", ARM_COLORS["tace"]),
    "given": ("What was given", NEUTRAL),
}
STRATEGY_WORDS: Mapping[str, str] = {name: words for name, (words, _) in _STRATEGIES.items()}


def regret_chart(report: TreatmentReport, found: Regret) -> Chart:
    """Months lost on average by each strategy, the truly better treatment losing none."""
    heights = {name: float(len(_STRATEGIES) - i) for i, name in enumerate(_STRATEGIES)}
    top = max(max(found.months[name].value, found.months[name].ci_high) for name in heights)
    series = tuple(
        Series(
            "", np.array([found.months[name].value]), np.array([heights[name]]), color=color,
            kind="bars", texts=[estimate_words(found.months[name], digits=2)],
            hover=[f"<b>{words}</b><br>{estimate_words(found.months[name], digits=2)} months lost"],
        )
        for name, (words, color) in _STRATEGIES.items()
    )  # fmt: skip
    best = found.months[found.best_plain].value
    ends = (0.4, len(heights) + 1.1)  # above the bars stands the legend
    return Chart(
        title="Months lost against the truly better treatment",
        x_title="Months lost per patient",
        y_title="",
        series=series,
        caption=report.led(_words(found)),
        x_range=(0.0, 1.5 * max(top, 0.1)),
        y_range=ends,
        y_ticks=tuple(heights.values()),
        y_tick_labels=tuple(STRATEGY_WORDS.values()),
        guides=(Guide((best / 2, best / 2), ends, "half of the best without a model", "dash"),),
        height=0.72,
    )


def _words(found: Regret) -> str:
    parts = []
    for name in ("recommendation", "favored"):
        ratio = found.against_plain[name]
        parts.append(f"{STRATEGY_WORDS[name].lower()} {estimate_words(ratio, digits=2)}")
    return (
        f"Of what the best way without a model loses ({STRATEGY_WORDS[found.best_plain].lower()}): "
        f"{'; '.join(parts)}. Where nothing is recommended ({100 * (1 - found.share_recommended):.0f} "
        "% of the patients) what was given counts. The truth is the simulator's; of real patients "
        "nobody knows it."
    )
