"""Nomograms as pictures: screen and print show the same, as vectors, and no text covers another."""

import itertools
import re

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from test_nomogram_chart import BCLC, BMI, PATIENT, SIZE, nomogram

from hccsurv_core.errors import InputError
from hccsurv_core.models.nomogram_curves import Line
from hccsurv_core.models.nomogram_variables import AxisRange, CategoryVariable, NumberVariable
from hccsurv_core.report.figures.nomogram_chart import (
    NomogramPatient,
    nomogram_chart,
    nomogram_charts,
)
from hccsurv_core.report.figures.nomogram_parts import NARROW
from hccsurv_core.report.figures.nomogram_print import draw_nomograms_for_print, nomogram_file
from hccsurv_core.report.figures.nomogram_screen import draw_nomogram_on_screen

PORTAL = CategoryVariable(
    "p", "Macrovascular invasion by tumor thrombus, worst branch on either phase",
    tuple("ABCDEF"), (0.0, 0.3, 0.32, 0.8, 0.85, 0.9), (0.6, 0.1, 0.1, 0.1, 0.06, 0.04),
    titles=("none", "segmental branch (Vp1)", "second-order branch (Vp2)",
            "first-order branch (Vp3)", "main trunk or contralateral (Vp4)",
            "inferior vena cava or right atrium"),
)  # fmt: skip


def many():
    """Ten variables."""
    others = [
        NumberVariable(f"v{i}", f"Laboratory value {i}", Line(0.01 * (i + 1)),
                       AxisRange(5.0 * (i + 1), 90.0 + 13 * i), "U/L")
        for i in range(6)
    ]  # fmt: skip
    values = {f"v{i}": 60.0 for i in range(6)}
    return nomogram(SIZE, BMI, BCLC, PORTAL, *others), PATIENT | values | {"p": "D"}


CASES = {
    "two": lambda: (nomogram(SIZE, BCLC), PATIENT),
    "three": lambda: (nomogram(), PATIENT | {"size": 300}),
    "long labels": lambda: (nomogram(SIZE, PORTAL), PATIENT | {"p": "F"}),
    "ten": many,
}


def chart_of(case, **options):
    found, values = CASES[case]()
    intervals = tuple((s * 0.8, s + 0.2 * (1 - s)) for s in found.points(values).survival)
    patient = NomogramPatient(values, survival_intervals=intervals)
    return nomogram_chart(found, patient, **options)


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_no_text_covers_another_in_print(case, narrow):
    """Measured on the drawn texts themselves, with the font's own widths."""
    chart = chart_of(case, **({"widths": NARROW} if narrow else {}))
    figure = draw_nomograms_for_print([chart])
    renderer = FigureCanvasAgg(figure).get_renderer()
    texts = [t for t in (*figure.texts, *figure.axes[0].texts) if t.get_text()]
    drawn = [(t.get_text(), t.get_window_extent(renderer)) for t in texts]
    assert len(drawn) > 30
    for (a, first), (b, second) in itertools.combinations(drawn, 2):
        wide = min(first.x1, second.x1) - max(first.x0, second.x0)
        high = min(first.y1, second.y1) - max(first.y0, second.y0)
        assert not (wide > 0.5 and high > 1.5), f"{a!r} covers {b!r}"
    page = figure.bbox
    for text, box in drawn:
        assert box.x0 >= 0 and box.x1 <= page.x1 and box.y0 >= 0 and box.y1 <= page.y1, text


@pytest.mark.parametrize("case", CASES)
def test_screen_and_print_show_the_same(case):
    chart = chart_of(case)
    labels = [t.text for row in chart.rows for axis in row.axes for t in axis.labels]
    marks = [row.mark for row in chart.rows if row.mark is not None]
    screen = draw_nomogram_on_screen(chart)
    text = next(t for t in screen.data if t.mode == "text")
    assert [t.replace("<br>", "\n") for t in text.text] == labels
    patient = next(t for t in screen.data if t.name == "This patient")
    assert list(zip(patient.x, patient.y, strict=True)) == [(m.x, m.y) for m in marks]
    assert list(patient.hovertext) == [m.hover for m in marks]
    paper = [t.get_text() for t in draw_nomograms_for_print([chart]).axes[0].texts]
    assert [t for t in labels if t not in paper] == []
    beside = " ".join(note.text.replace("<br>", " ") for note in screen.layout.annotations)
    for row in chart.rows:
        value = row.value.replace("\n", " ")
        assert all(words in beside for words in (" ".join(row.title), row.note, value, row.points))
        assert set(paper) >= {w for w in (*row.title, row.note, row.value, row.points) if w}


def test_the_screen_leaves_text_to_the_theme_unless_told():
    chart = chart_of("two")
    assert all(
        note.font.color is None for note in draw_nomogram_on_screen(chart).layout.annotations
    )
    dark = draw_nomogram_on_screen(chart, ink="#E3E8EE")
    assert {note.font.color for note in dark.layout.annotations} == {"#E3E8EE"}
    assert dark.layout.paper_bgcolor == "rgba(0,0,0,0)"


def test_nothing_drawn_on_the_screen_lies_beyond_its_axes():
    """Plotly leaves out what does."""
    for case in CASES:
        screen = draw_nomogram_on_screen(chart_of(case))
        low, high = screen.layout.xaxis.range
        for trace in screen.data:
            assert all(low <= x <= high for x in trace.x if x is not None)


def test_files_are_vectors_with_real_text_and_always_the_same():
    figure = draw_nomograms_for_print([chart_of("three")], captions=["hccsurv"])
    svg = nomogram_file(figure, "svg").decode()
    assert "<image" not in svg
    words = " ".join(re.sub(r"<[^>]+>", " ", svg).split())
    for text in ("Tumor diameter", "mm, log scale", "36-month survival", "hccsurv"):
        assert text in words
    assert "Trained on simulated patients" in words and "Not a medical device." in words
    pdf = nomogram_file(figure, "pdf")
    assert pdf.startswith(b"%PDF") and b"/Subtype /Image" not in pdf
    assert b"/FontFile2" in pdf  # TrueType, so that text can be searched and edited
    again = draw_nomograms_for_print([chart_of("three")], captions=["hccsurv"])
    assert (nomogram_file(again, "svg").decode(), nomogram_file(again, "pdf")) == (svg, pdf)
    with pytest.raises(InputError, match="figures are saved as png or svg, not 'bmp'"):
        nomogram_file(figure, "bmp")


def test_two_stand_below_each_other_on_a_page_of_a4():
    first, second = nomogram(), nomogram(SIZE, PORTAL)
    charts = nomogram_charts(
        [(first, NomogramPatient(PATIENT)), (second, NomogramPatient(PATIENT | {"p": "C"}))]
    )
    figure = draw_nomograms_for_print(charts)
    width, height = figure.get_size_inches()
    assert width <= 8.27 - 0.6 and height <= 11.69 - 0.6
    upper, lower = (axes.get_position() for axes in figure.axes)
    assert upper.y0 > lower.y1
    assert (upper.x0, upper.x1) == (lower.x0, lower.x1)  # points read straight down both
    words = "\n".join(t.get_text() for t in figure.texts).replace("\n", " ")
    assert words.count("Read each value's points") == 1  # what both share is said once
