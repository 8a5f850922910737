"""Panels on the screen: one figure whose legend switches a curve off in every panel at once.

Numbers at risk stand in the hover texts; a chart drawn alone has them under it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hccsurv_core.report.figures.chart_screen import add_axes, add_curves
from hccsurv_core.report.figures.panels import Panels

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

#: Height of a line of a panel's title, pixels.
_LINE = 17


def draw_panels_on_screen(
    panels: Panels, *, panel_height: int = 240, ink: str | None = None
) -> Figure:
    """Draw all panels.

    Args:
        panel_height: of one panel's axes, pixels.
        ink: color of the panels' titles; default the theme's.
    """
    from plotly.subplots import make_subplots

    rows, columns = panels.rows, panels.columns
    titles = [c.title.replace("\n", "<br>") for c in panels.charts]
    lines = max(text.count("<br>") + 1 for text in titles)
    of_panel = panel_height * max(c.height for c in panels.charts)
    # Between two rows stand the tick labels, the axis title and the next panels' titles.
    gap = 74 + _LINE * lines
    inside = of_panel * rows + gap * (rows - 1)
    top, bottom = 52 + _LINE * lines, 92
    figure = make_subplots(
        rows=rows, cols=columns, subplot_titles=titles, horizontal_spacing=0.2 / columns,
        vertical_spacing=gap / inside if rows > 1 else 0.0,
    )  # fmt: skip
    figure.update_annotations(font={"size": 12.5, "color": ink})
    seen: set[str] = set()
    for i, chart in enumerate(panels.charts):
        row, col = i // columns + 1, i % columns + 1
        labels = [text for text in _labels(chart) if text not in seen]
        add_curves(figure, chart, row=row, col=col, legend=labels)
        add_axes(figure, replace(chart, risk_table=None), row=row, col=col)
        seen.update(labels)
    figure.update_layout(
        height=round(inside + top + bottom),
        margin={"l": 64, "r": 14, "t": top, "b": bottom},
        barmode="overlay",
        title={
            "text": panels.title, "x": 0, "xref": "paper", "y": 1, "yref": "container",
            "yanchor": "top", "pad": {"t": 10}, "font": {"size": 15},
        },
        legend={
            "orientation": "h", "x": 0, "xanchor": "left", "y": 0, "yref": "container",
            "yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)",
            "title": {"text": panels.charts[0].legend_title, "side": "left"},
        },
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hovermode="closest",
        hoverlabel={"align": "left"},
    )  # fmt: skip
    return figure


def _labels(chart) -> list[str]:
    return [x.label for x in (*chart.series, *chart.guides) if x.label]
