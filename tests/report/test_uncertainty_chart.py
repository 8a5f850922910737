"""The figure of how sure the verdicts are: what it shows, on the screen and in print."""

from __future__ import annotations

import numpy as np
import pytest

from hccsurv_core.features.body import DEFINITIONS, BodyMeasures
from hccsurv_core.report.figures.ct_print import save_figure
from hccsurv_core.report.figures.drawing import draw_figure_for_print, draw_figure_on_screen
from hccsurv_core.report.figures.palette import BLUE, VERMILION
from hccsurv_core.report.figures.uncertainty_chart import FLIPS, STANDS, uncertainty_chart
from hccsurv_core.systems.uncertainty_results import (
    DefinitionUncertainty,
    OutlineUncertainty,
    Perturbation,
)

FLIP = Perturbation("erode", 0.2, "muscle")


def judged(name: str, value, low, high, *, flips=()) -> DefinitionUncertainty:
    d = next(d for d in DEFINITIONS if d.name == name)
    cutoff, known = d.cutoff("male"), value is not None
    positive = (value <= cutoff if d.operator == "<=" else value < cutoff) if known else None
    reason = None if known else "not known, because the height is missing"
    return DefinitionUncertainty(
        name, d.measure, d.unit, value, cutoff, d.operator, positive, reason, low, high, flips
    )


def result(*definitions: DefinitionUncertainty) -> OutlineUncertainty:
    return OutlineUncertainty(BodyMeasures(), (), {}, definitions)


MIXED = result(
    judged("SMI", 51.0, 48.0, 52.0, flips=(FLIP,)),
    judged("PMA", 12.0, 11.0, 12.5),
    judged("PMI", None, None, None),
    judged("PD", 42.0, 41.0, 43.0),
    judged("MA", 30.0, 29.5, 30.5),
)


def test_each_interval_is_in_percent_from_the_cutoff_and_colored_by_whether_it_stands():
    chart = uncertainty_chart(MIXED)
    lines = {float(s.y[0]): s for s in chart.series if s.kind == "line"}
    assert sorted(lines) == [0.0, 1.0, 3.0, 4.0]  # from below: MA, PD, PMI is not known, PMA, SMI
    np.testing.assert_allclose(lines[4.0].x, [-4.0, 4.0])
    np.testing.assert_allclose(lines[1.0].x, [100 * (v - 38.5) / 38.5 for v in (41, 43)])
    assert lines[4.0].color == VERMILION and lines[4.0].label == FLIPS
    assert {lines[y].color for y in (0.0, 1.0, 3.0)} == {BLUE}
    assert [s.label for s in chart.series].count(STANDS) == 1  # once in the legend
    dots = {float(s.y[0]): float(s.x[0]) for s in chart.series if s.kind == "points"}
    assert dots[4.0] == pytest.approx(2.0)
    assert chart.guides[0].x == (0.0, 0.0) and chart.guides[0].label == "cut-off"
    low, high = chart.x_range
    assert all(low < x < high for s in chart.series for x in s.x)


def test_a_verdict_is_told_by_shape_and_word_and_not_by_color_alone():
    labels = uncertainty_chart(MIXED).y_tick_labels[::-1]
    assert labels == (
        "SMI  ✓ Not low, would flip", "PMA  ▼ Low", "PMI  ? Not known", "PD  ✓ Not low", "MA  ▼ Low"
    )  # fmt: skip


def test_the_caption_concludes_and_says_what_it_is_not():
    caption = uncertainty_chart(MIXED, simulated=True).caption
    assert caption.startswith(
        "Simulated patient. 3 of 4 known verdicts stand whatever is moved; SMI would flip."
    )
    assert "not a confidence interval" in caption


def test_without_a_verdict_it_says_so():
    chart = uncertainty_chart(result(judged("SMI", None, None, None)))
    assert chart.message == "No verdict is known." and chart.series == ()
    assert result(judged("SMI", None, None, None)).sentence.startswith("No verdict is known yet")
    assert save_figure(draw_figure_for_print(chart), "svg")


@pytest.mark.parametrize(
    ("definitions", "sentence"),
    [
        ([("SMI", True), ("PMA", True)], "All 2 verdicts stand whatever is moved"),
        (
            [("SMI", False), ("PMA", True)],
            "1 of 2 verdicts stands whatever is moved; SMI would flip",
        ),
        (
            [("SMI", False), ("PMA", False), ("PD", False), ("MA", True)],
            "1 of 4 verdicts stands whatever is moved; SMI, PMA and PD would flip",
        ),
        (
            [("SMI", False), ("PMA", False)],
            "SMI and PMA would flip: no verdict stands whatever is moved",
        ),
    ],
)
def test_the_sentence_at_a_glance(definitions, sentence):
    made = [
        judged(name, 40.0, 39.0, 41.0, flips=() if stands else (FLIP,))
        for name, stands in definitions
    ]
    assert result(*made).sentence == sentence


def test_screen_and_print_show_the_same():
    chart = uncertainty_chart(MIXED)
    drawn = draw_figure_on_screen(chart)
    assert list(drawn.layout.yaxis.ticktext) == list(chart.y_tick_labels)
    shown = [t.name for t in drawn.data if t.showlegend]
    assert set(shown) == {STANDS, FLIPS, "as measured", "cut-off"}
    hovered = " ".join(str(t.text) for t in drawn.data)
    assert "moved 48.0 to 52.0 cm²/m²" in hovered and "would flip: muscle outline 0.2 mm" in hovered
    svg = save_figure(draw_figure_for_print(chart, captions=["CLOSE · 2024"]), "svg").decode()
    assert all(text in svg for text in ("SMI", "would flip", "cut-off", "CLOSE", "Research use"))
    assert len(chart.to_frame()) == 4 * 2 + 4
