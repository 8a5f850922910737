"""Charts on the screen (Plotly). Colors of text and grid are left to the page's theme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hccsurv_core.report.figures.chart import Chart, RiskTable, Series
from hccsurv_core.report.figures.palette import with_opacity

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_SHAPES = {"step": "hv", "line": "linear"}
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
    table_height = 0 if table is None else _ROW_PIXELS * (len(table.labels) + 1) + 6
    total = height + table_height
    figure = make_subplots(
        rows=1 if table is None else 2,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.0 if table is None else 62 / total,
        row_heights=None if table is None else [height - 62, table_height],
    )
    for series in chart.series:
        _add(figure, series, chart.percent)
    for guide in chart.guides:
        figure.add_scatter(
            x=guide.x, y=guide.y, mode="lines", name=guide.label, showlegend=bool(guide.label),
            line={"color": guide.color, "width": 1, "dash": guide.dash},
            hoverinfo="skip", row=1, col=1,
        )  # fmt: skip
    _axes(figure, chart)
    if table is not None:
        _add_table(figure, table, ink)
    left = _LEFT if table is None else _label_pixels(table)
    figure.update_layout(
        height=total,
        margin={"l": left, "r": 14, "t": 64, "b": 46 if table is None else 8},
        title={
            "text": chart.title, "x": 0, "xref": "paper", "y": 1, "yref": "container",
            "yanchor": "top", "pad": {"t": 10}, "font": {"size": 15},
        },
        legend={**_legend_place(chart), "title": {"text": chart.legend_title, "side": "left"}},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hovermode="closest",
        hoverlabel={"align": "left"},
        dragmode="zoom",
    )  # fmt: skip
    return figure


def _legend_place(chart: Chart) -> dict[str, Any]:
    """Above the figure in a row; inside where the figure is square and leaves a corner free."""
    if chart.square:
        return {"x": 0.99, "xanchor": "right", "y": 0.02, "yanchor": "bottom",
                "bgcolor": "rgba(128,128,128,0.12)"}  # fmt: skip
    return {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.0, "yanchor": "bottom",
            "bgcolor": "rgba(0,0,0,0)"}  # fmt: skip


def _add(figure: Figure, series: Series, percent: bool) -> None:
    hover: dict[str, Any] = (
        {"text": list(series.hover), "hoverinfo": "text"}
        if series.hover is not None
        else {
            "hovertemplate": f"{series.label}<br>%{{x:.3g}}, %{{y:{'.1%' if percent else '.3g'}}}<extra></extra>"
        }
    )
    group = {"legendgroup": series.label, "row": 1, "col": 1}
    if series.kind == "points":
        figure.add_scatter(
            x=series.x, y=series.y, mode="markers", name=series.label,
            showlegend=bool(series.label), marker={"color": series.color, "size": 9},
            error_y=_bars(series), **hover, **group,
        )  # fmt: skip
        return
    shape = _SHAPES[series.kind]
    _add_band(figure, series, shape)
    line = {"color": series.color, "width": 2.2, "dash": series.dash, "shape": shape}
    solid, faint = _split(series)
    figure.add_scatter(
        x=series.x[solid], y=series.y[solid], mode="lines", name=series.label,
        showlegend=bool(series.label), line=line, **_some(hover, solid), **group,
    )  # fmt: skip
    if faint is not None:
        figure.add_scatter(
            x=series.x[faint], y=series.y[faint], mode="lines", name=series.label,
            showlegend=False, line={**line, "dash": "dot", "width": 1.6}, opacity=0.65,
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


def _add_band(figure: Figure, series: Series, shape: str) -> None:
    if series.low is None or series.high is None:
        return
    edge = {"width": 0, "shape": shape}
    options = {
        "mode": "lines", "line": edge, "hoverinfo": "skip", "showlegend": False,
        "legendgroup": series.label, "row": 1, "col": 1,
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


def _axes(figure: Figure, chart: Chart) -> None:
    x: dict[str, Any] = {"title": {"text": chart.x_title, "standoff": 6}, "zeroline": False}
    if chart.x_range is not None:
        # Of the risk table as well, whose texts must not widen it.
        figure.update_xaxes(range=list(chart.x_range), autorange=False)
    if chart.x_ticks is not None:
        x["tickvals"] = list(chart.x_ticks)
        labels = chart.x_tick_labels or [f"{t:g}" for t in chart.x_ticks]
        x["ticktext"] = [text.replace("\n", "<br>") for text in labels]
    y: dict[str, Any] = {"title": {"text": chart.y_title, "standoff": 8}, "zeroline": False}
    if chart.y_range is not None:
        y["range"] = list(chart.y_range)
    if chart.percent:
        y["tickformat"] = ".0%"
        if chart.square:
            x["tickformat"] = ".0%"
    if chart.square:
        y["scaleanchor"] = "x"
        y["constrain"] = x["constrain"] = "domain"
        x["constraintoward"] = "left"  # the legend stands on the right
    grid = {"gridcolor": "rgba(128, 142, 156, 0.18)"}
    figure.update_xaxes(
        **x, **grid, showticklabels=True, ticks="outside", showline=True, row=1, col=1
    )
    figure.update_yaxes(**y, **grid, showline=True, ticks="outside", row=1, col=1)


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


def _label_pixels(table: RiskTable) -> int:
    longest = max(len(text) for text in (*table.labels, table.title))
    return min(260, max(_LEFT, _TABLE_GAP + 8 + 14 + round(6.9 * longest)))
