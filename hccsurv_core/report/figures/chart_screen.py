"""Charts on the screen (Plotly). Colors of text and grid are left to the page's theme."""

from __future__ import annotations

import textwrap
from collections.abc import Container, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hccsurv_core.report.figures.chart import Chart, RiskTable, Series
from hccsurv_core.report.figures.palette import with_opacity

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_SHAPES = {"step": "hv", "line": "linear"}
_SYMBOLS = {"circle": "circle", "square": "square", "triangle": "triangle-up",
            "triangle-down": "triangle-down"}  # fmt: skip
_ROW_PIXELS = 22
_LEFT = 64
#: From the axis to the risk table's labels: the numbers at time 0 reach half their width left.
_TABLE_GAP = 26


def draw_on_screen(chart: Chart, *, height: int = 440, ink: str | None = None) -> Figure:
    """Draw a chart; a risk table is added below ``height``.

    Args:
        ink: color of the risk table's text; default the theme's.
    """
    from plotly.subplots import make_subplots

    table = chart.risk_table
    height = round(height * chart.height)
    table_height = 0 if table is None else _ROW_PIXELS * (len(table.labels) + 1) + 6
    total = height + table_height
    figure = make_subplots(
        rows=1 if table is None else 2,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.0 if table is None else 62 / total,
        row_heights=None if table is None else [height - 62, table_height],
    )
    add_curves(figure, chart)
    add_axes(figure, chart)
    if table is not None:
        _add_table(figure, table, ink)
    left = _LEFT if table is None else _label_pixels((*table.labels, table.title))
    if chart.y_tick_labels is not None:
        left = _label_pixels(chart.y_tick_labels)
    elif chart.hide_y:
        left = 30
    figure.update_layout(
        height=total,
        margin={"l": left, "r": 34 if chart.hide_y else 14, "t": 64, "b": 46 if table is None else 8},
        title={
            "text": chart.title, "x": 0, "xref": "paper", "y": 1, "yref": "container",
            "yanchor": "top", "pad": {"t": 10}, "font": {"size": 15},
        },
        legend={**_legend_place(chart), "title": {"text": chart.legend_title, "side": "left"}},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hovermode="closest",
        hoverlabel={"align": "left"},
        barmode="overlay",
        dragmode="zoom",
    )  # fmt: skip
    return figure


def _legend_place(chart: Chart) -> dict[str, Any]:
    """Above the figure in a row; inside where the figure is square and leaves a corner free."""
    if chart.legend_aside and chart.height >= 0.5:  # on a strip there is no room for it
        return {
            "x": 1.01,
            "xanchor": "left",
            "y": 1.0,
            "yanchor": "top",
            "bgcolor": "rgba(0,0,0,0)",
        }
    if chart.square:
        return {"x": 0.99, "xanchor": "right", "y": 0.02, "yanchor": "bottom",
                "bgcolor": "rgba(128,128,128,0.12)"}  # fmt: skip
    return {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.0, "yanchor": "bottom",
            "bgcolor": "rgba(0,0,0,0)"}  # fmt: skip


def add_curves(
    figure: Figure,
    chart: Chart,
    *,
    row: int = 1,
    col: int = 1,
    legend: Container[str] | None = None,
) -> None:
    """Draw everything inside the axes into one cell of a figure.

    Args:
        legend: labels that the legend shows; None shows all.
    """
    for span in chart.spans:
        figure.add_vrect(
            x0=span.x[0], x1=span.x[1], fillcolor=span.color, opacity=span.strength, line_width=0,
            layer="below", annotation_text=span.label, annotation_position="top left",
            annotation_font_size=11, row=row, col=col,
            exclude_empty_subplots=False,
        )  # fmt: skip
    for series in chart.series:
        shown = bool(series.label) and (legend is None or series.label in legend)
        _add(figure, series, chart.percent, {"row": row, "col": col}, shown)
    for guide in chart.guides:
        figure.add_scatter(
            x=guide.x, y=guide.y, mode="lines", name=guide.label,
            showlegend=bool(guide.label) and (legend is None or guide.label in legend),
            line={"color": guide.color, "width": 1, "dash": guide.dash},
            hoverinfo="skip", row=row, col=col,
        )  # fmt: skip


def _add(
    figure: Figure, series: Series, percent: bool, place: dict[str, int], in_legend: bool
) -> None:
    hover: dict[str, Any] = (
        {"text": list(series.hover), "hoverinfo": "text"}
        if series.hover is not None
        else {
            "hovertemplate": f"{series.label}<br>%{{x:.3g}}, %{{y:{'.1%' if percent else '.3g'}}}<extra></extra>"
        }
    )
    group: dict[str, Any] = {"legendgroup": series.label, "name": series.label, **place}
    if series.kind in ("points", "dots"):
        small = series.kind == "dots"
        marker = {
            "color": series.color, "size": 5 if small else 9, "symbol": _SYMBOLS[series.symbol],
            "opacity": 0.7 if small else 1.0,
        }  # fmt: skip
        figure.add_scatter(
            x=series.x, y=series.y, mode="markers", showlegend=in_legend, marker=marker,
            error_y=_bars(series), **hover, **group,
        )  # fmt: skip
        return
    if series.kind == "bars":
        told = {"hovertext": hover["text"], "hoverinfo": "text"} if "text" in hover else hover
        figure.add_bar(
            x=series.x, y=series.y, orientation="h", width=0.62, showlegend=in_legend,
            marker={"color": series.color, "line": {"width": 0}}, text=series.texts,
            textposition="outside", cliponaxis=False, **told, **group,
        )  # fmt: skip
        return
    shape = _SHAPES[series.kind]
    _add_band(figure, series, shape, place)
    width = 3.2 if series.wide else 2.2
    line = {"color": series.color, "width": width, "dash": series.dash, "shape": shape}
    solid, faint = _split(series)
    figure.add_scatter(
        x=series.x[solid], y=series.y[solid], mode="lines", showlegend=in_legend, line=line,
        **_some(hover, solid), **group,
    )  # fmt: skip
    if faint is not None:
        figure.add_scatter(
            x=series.x[faint], y=series.y[faint], mode="lines", showlegend=False,
            line={**line, "dash": "dot", "width": 1.6}, opacity=0.65,
            **_some(hover, faint), **group,
        )  # fmt: skip
    if series.ticks is not None and len(series.ticks):
        figure.add_scatter(
            x=series.ticks[:, 0], y=series.ticks[:, 1], mode="markers", showlegend=False,
            hoverinfo="skip",
            marker={"symbol": "line-ns", "size": 7, "line": {"color": series.color, "width": 1.2}},
            **group,
        )  # fmt: skip


def _some(hover: dict[str, Any], chosen: slice) -> dict[str, Any]:
    return {**hover, "text": hover["text"][chosen]} if "text" in hover else hover


def _split(series: Series) -> tuple[slice, slice | None]:
    """The part that is drawn firmly, and the part that rests on few patients."""
    if series.faint_from is None:
        return slice(None), None
    cut = int(np.searchsorted(series.x, series.faint_from, side="right"))
    if cut >= len(series.x):
        return slice(None), None
    return slice(0, max(cut, 1)), slice(max(cut - 1, 0), None)


def _add_band(figure: Figure, series: Series, shape: str, place: dict[str, int]) -> None:
    if series.low is None or series.high is None:
        return
    edge = {"width": 0, "shape": shape}
    options = {
        "mode": "lines", "line": edge, "hoverinfo": "skip", "showlegend": False,
        "legendgroup": series.label, **place,
    }  # fmt: skip
    known = np.isfinite(series.low) & np.isfinite(series.high)
    figure.add_scatter(x=series.x[known], y=series.low[known], **options)
    figure.add_scatter(
        x=series.x[known], y=series.high[known], fill="tonexty",
        fillcolor=with_opacity(series.color, 0.16), **options,
    )  # fmt: skip


def _bars(series: Series) -> dict[str, Any] | None:
    if series.low is None or series.high is None:
        return None
    return {
        "type": "data", "symmetric": False, "array": series.high - series.y,
        "arrayminus": series.y - series.low, "color": series.color, "thickness": 1.4, "width": 4,
    }  # fmt: skip


def add_axes(figure: Figure, chart: Chart, *, row: int = 1, col: int = 1) -> None:
    """Titles, ranges and ticks of one cell; with a risk table under it, of a figure's only one."""
    x: dict[str, Any] = {"title": {"text": chart.x_title, "standoff": 6}, "zeroline": False}
    if chart.x_range is not None:
        fixed = {"range": list(chart.x_range), "autorange": False}
        # Of the risk table as well, whose texts must not widen it.
        figure.update_xaxes(
            **fixed, **({"row": row, "col": col} if chart.risk_table is None else {})
        )
    if chart.x_ticks is not None:
        x["tickvals"] = list(chart.x_ticks)
        labels = chart.x_tick_labels or [f"{t:g}" for t in chart.x_ticks]
        x["ticktext"] = [text.replace("\n", "<br>") for text in labels]
    y: dict[str, Any] = {"title": {"text": chart.y_title, "standoff": 8}, "zeroline": False}
    if chart.y_range is not None:
        y["range"] = list(chart.y_range)
    if chart.y_ticks is not None:
        y["tickvals"] = list(chart.y_ticks)
        y["ticktext"] = list(chart.y_tick_labels or [f"{t:g}" for t in chart.y_ticks])
    if chart.hide_y:
        y["visible"] = False
    if chart.percent:
        y["tickformat"] = ".0%"
        if chart.square:
            x["tickformat"] = ".0%"
    if chart.square:
        y["scaleanchor"] = f"x{_number_of(figure, row, col)}"
        y["constrain"] = x["constrain"] = "domain"
        x["constraintoward"] = "left"  # the legend stands on the right
    if chart.message:
        number = _number_of(figure, row, col)
        figure.add_annotation(
            x=0.5, xref=f"x{number} domain", y=0.5, yref=f"y{number} domain", showarrow=False,
            text="<br>".join(textwrap.wrap(chart.message, 40)), font={"size": 13}, opacity=0.75,
        )  # fmt: skip
    grid = {"gridcolor": "rgba(128, 142, 156, 0.18)"}
    figure.update_xaxes(
        **x, **grid, showticklabels=True, ticks="outside", showline=True, row=row, col=col
    )
    figure.update_yaxes(**y, **grid, showline=True, ticks="outside", row=row, col=col)


def _number_of(figure: Figure, row: int, col: int) -> str:
    """What Plotly calls the x axis of a cell: nothing, 2, 3, …"""
    return next(iter(figure.get_subplot(row, col).xaxis.plotly_name.split("xaxis")[1:]), "")


def _add_table(figure: Figure, table: RiskTable, ink: str | None) -> None:
    rows = np.arange(len(table.labels))[::-1]
    for row, label, counts, color in zip(
        rows, table.labels, table.counts, table.colors, strict=True
    ):
        texts = [count_text(c, table.few) for c in counts]
        figure.add_scatter(
            x=table.times, y=np.full(len(table.times), row), mode="text", text=texts,
            textfont={"size": 12, "color": ink}, showlegend=False, hoverinfo="skip",
            cliponaxis=False, row=2, col=1,
        )  # fmt: skip
        figure.add_annotation(
            x=0, xref="paper", xshift=-_TABLE_GAP, y=row, yref="y2", showarrow=False,
            text=f'<span style="color:{color}"><b>━</b></span> {label}', xanchor="right",
            font={"size": 12, "color": ink},
        )  # fmt: skip
    figure.add_annotation(
        x=0, xref="paper", xshift=-_TABLE_GAP, y=len(rows) - 0.05, yref="y2", text=table.title,
        showarrow=False, xanchor="right", font={"size": 11}, opacity=0.75,
    )  # fmt: skip
    figure.update_yaxes(visible=False, range=[-0.6, len(rows) + 0.4], fixedrange=True, row=2, col=1)
    figure.update_xaxes(visible=False, row=2, col=1)


def count_text(count: float, few: int) -> str:
    """A number at risk; with a mark where it is small."""
    text = f"{count:.0f}" if float(count).is_integer() else f"{count:.1f}"
    return f"{text}*" if 0 < count < few else text


def _label_pixels(labels: Sequence[str]) -> int:
    longest = max(len(text) for text in labels)
    return min(260, max(_LEFT, _TABLE_GAP + 8 + 14 + round(6.9 * longest)))
