"""Nomograms for print (Matplotlib): vector graphics as SVG or PDF, one or several on a page."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hccsurv_core.report.figures.chart import NEUTRAL
from hccsurv_core.report.figures.chart_print import caption_lines
from hccsurv_core.report.figures.ct_print import RESEARCH_USE, save_figure
from hccsurv_core.report.figures.nomogram_parts import (
    LEADER,
    MINOR_TICK,
    TICK,
    NomogramAxis,
    NomogramChart,
    NomogramRow,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Inches: of the figure (A4 with margins), a line of labels, characters of titles and of ticks.
WIDTH = 7.1
_LINE, _TITLE_CHARACTER, _CHARACTER = 0.128, 0.066, 0.0618
_BESIDE, _EDGE, _HEAD = 0.2, 0.06, 0.3
_CAPTION_LINE, _CAPTION_FONT = 0.125, 6.5
_TICK_FONT, _TITLE_FONT, _NOTE_FONT = 7.0, 8.0, 6.5
_INK, _SOFT = "#17212B", "#5B6774"


def draw_nomograms_for_print(
    charts: Sequence[NomogramChart], *, captions: Sequence[str] = ()
) -> Figure:
    """Draw nomograms below each other on white, each with its caption; what they share stands at the end.

    Args:
        captions: more lines under the last (settings, versions).
    """
    from matplotlib.figure import Figure

    width = max(_width(c) for c in charts)
    # What is said of all of them stands once, under the last.
    common = [
        t for t in charts[0].sentences if len(charts) > 1 and all(t in c.sentences for c in charts)
    ]
    own = [" ".join(t for t in c.sentences if t not in common) for c in charts]
    words = [caption_lines((text,), width) for text in own]
    words[-1] += caption_lines((" ".join(common), *captions, RESEARCH_USE), width)
    heights = [
        _HEAD + c.height * _LINE + 0.1 + _CAPTION_LINE * len(w)
        for c, w in zip(charts, words, strict=True)
    ]
    gap = 0.25
    total = sum(heights) + gap * (len(charts) - 1)
    figure = Figure(figsize=(width, total), facecolor="white")
    top = total
    for chart, lines, height in zip(charts, words, heights, strict=True):
        _draw(figure, chart, lines, top, width, total)
        top -= height + gap
    return figure


def nomogram_file(figure: Figure, file_format: str) -> bytes:
    """A drawn nomogram as ``pdf`` (vector, fonts embedded as TrueType), ``svg`` or ``png``.

    Raises:
        InputError: another format is asked for.
    """
    if file_format != "pdf":
        return save_figure(figure, file_format)
    from matplotlib import rc_context

    buffer = io.BytesIO()
    with rc_context({"pdf.fonttype": 42}):
        # Without a date two savings of the same figure are the same file.
        figure.savefig(buffer, format="pdf", metadata={"CreationDate": None})
    return buffer.getvalue()


def _width(chart: NomogramChart) -> float:
    """Inches: what its labels need, and at least the page."""
    need = _left(chart) + _right(chart) + chart.widths.axis * _CHARACTER
    return max(need, WIDTH if chart.widths.axis >= 60 else need)


def _left(chart: NomogramChart) -> float:
    return _EDGE + chart.widths.title * _TITLE_CHARACTER + _BESIDE


def _right(chart: NomogramChart) -> float:
    if not chart.patient:
        return _BESIDE
    return chart.widths.value * _TITLE_CHARACTER + _BESIDE + 0.5


def _draw(
    figure: Figure,
    chart: NomogramChart,
    words: Sequence[str],
    top: float,
    width: float,
    total: float,
) -> None:
    left, right = _left(chart), _right(chart)
    height = chart.height * _LINE
    box = (
        left / width,
        (top - _HEAD - height) / total,
        (width - left - right) / width,
        height / total,
    )
    axes = figure.add_axes(box)
    axes.set_xlim(0, 1)
    axes.set_ylim(chart.height, 0)
    axes.axis("off")
    for x, y0, y1 in chart.grid:
        axes.plot([x, x], [y0, y1], color=NEUTRAL, alpha=0.22, linewidth=0.4, zorder=0)
    for row in chart.rows:
        for axis in row.axes:
            _draw_axis(axes, axis)
        for x, y0, y1 in row.folds:
            axes.plot([x, x], [y0, y1], color=_INK, linewidth=0.8, clip_on=False)
    _draw_patient(axes, chart)
    inside = width - left - right
    for row in chart.rows:
        _draw_words(axes, row, -(left - _EDGE) / inside, _BESIDE / inside, (right - _EDGE) / inside)
    figure.text(
        _EDGE / width, (top - 0.15) / total, chart.title, fontsize=10, va="center", color=_INK
    )
    figure.text(
        _EDGE / width, (top - _HEAD - height - 0.06) / total, "\n".join(words),
        fontsize=_CAPTION_FONT, va="top", color=_SOFT, linespacing=1.25,
    )  # fmt: skip


def _draw_axis(axes: Axes, axis: NomogramAxis) -> None:
    line: dict[str, Any] = {"color": _INK, "clip_on": False, "solid_capstyle": "butt"}
    for band in axis.bands:
        axes.plot([band.start, band.end], [axis.y, axis.y], color=NEUTRAL, clip_on=False,
                  alpha=0.45 if band.half else 0.3, linewidth=4.6 if band.half else 2.6,
                  solid_capstyle="butt", zorder=1)  # fmt: skip
    for x, share in axis.dots:
        axes.plot(x, axis.y, "o", color=NEUTRAL, alpha=0.55, markersize=11 * share**0.5,
                  markeredgewidth=0, clip_on=False, zorder=1)  # fmt: skip
    axes.plot([axis.start, axis.end], [axis.y, axis.y], linewidth=0.8, zorder=2, **line)
    side = -1 if axis.labels and axis.labels[0].above else 1
    for x in axis.minor:
        axes.plot([x, x], [axis.y, axis.y + side * MINOR_TICK], linewidth=0.5, zorder=2, **line)
    for label in axis.labels:
        sign = -1 if label.above else 1
        end = axis.y + sign * TICK
        axes.plot([label.tick] * 2, [axis.y, end], linewidth=0.7, zorder=2, **line)
        if axis.has_leaders(label.above):
            axes.plot([label.tick, label.x], [end, end + sign * LEADER], linewidth=0.4, zorder=2,
                      **{**line, "color": _SOFT})  # fmt: skip
        axes.text(label.x, axis.label_middle(label), label.text, fontsize=_TICK_FONT, ha="center",
                  va="center_baseline", color=_INK, linespacing=1.05)  # fmt: skip


def _draw_patient(axes: Axes, chart: NomogramChart) -> None:
    """The line from total points to survival, dashed ways beyond axes, intervals, and marks."""
    if chart.drop is not None:
        x, y0, y1 = chart.drop
        axes.plot([x, x], [y0, y1], color=chart.color, linestyle=":", linewidth=1.0, zorder=3)
    shapes = {-1: "<", 0: "o", 1: ">"}
    for row in chart.rows:
        mark = row.mark
        if mark is None:
            continue
        for axis in row.axes:
            if axis.beyond is not None:
                axes.plot(axis.beyond, [axis.y, axis.y], color=chart.color, linestyle="--",
                          linewidth=0.9, zorder=3, clip_on=False)  # fmt: skip
        if mark.interval is not None:
            axes.plot(mark.interval, [mark.y, mark.y], color=chart.color, linewidth=3.0, alpha=0.5,
                      solid_capstyle="butt", zorder=3, clip_on=False)  # fmt: skip
        axes.plot(mark.x, mark.y, shapes[mark.arrow], color=chart.color, markersize=5.4,
                  markeredgecolor="white", markeredgewidth=0.7, zorder=4, clip_on=False)  # fmt: skip


def _draw_words(axes: Axes, row: NomogramRow, name: float, value: float, points: float) -> None:
    """Title and unit left of the axes, the patient's value and points right of them."""
    lines = len(row.title) + bool(row.note)
    heavy = "bold" if row.kind in ("points", "total") else "normal"
    for i, text in enumerate((*row.title, row.note) if row.note else row.title):
        is_note = bool(row.note) and i == lines - 1
        axes.text(
            name, row.y + (i - (lines - 1) / 2) * 1.05, text, va="center_baseline", ha="left",
            fontsize=_NOTE_FONT if is_note else _TITLE_FONT, color=_SOFT if is_note else _INK,
            weight="normal" if is_note else heavy,
        )  # fmt: skip
    head = row.kind == "points"
    style = "italic" if head else "normal"
    axes.text(1 + value, row.y, row.value, va="center_baseline", ha="left", fontsize=_TITLE_FONT, color=_INK,
              style=style)  # fmt: skip
    axes.text(1 + points, row.y, row.points, va="center_baseline", ha="right", fontsize=_TITLE_FONT,
              color=_INK, style=style, weight="normal" if head else "bold")  # fmt: skip
