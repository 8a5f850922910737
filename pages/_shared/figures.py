"""A chart on the page, with its caption and its downloads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from pages._shared.formats import html

if TYPE_CHECKING:
    from pandas import DataFrame

    from hccsurv_core.report.figures.chart import Chart
    from hccsurv_core.report.figures.drawing import AnyFigure
    from hccsurv_core.report.figures.forest import Forest
    from hccsurv_core.report.manifest import Manifest

_TOOLBAR = {
    "displaylogo": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d", "toImage"],
    "displayModeBar": "hover",
}


def show_chart(
    chart: Chart, manifest: Manifest, key: str, *, height: int = 440, headline: str = "",
    tables: Mapping[str, DataFrame] | None = None,
) -> None:  # fmt: skip
    """Draw a chart with its caption and a download button.

    Args:
        headline: HTML before the figure, beside the download button.
        tables: further tables to download beside the curve's own points, by title.
    """
    from hccsurv_core.report.figures.chart_screen import draw_on_screen

    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html(headline or "<span></span>", width="stretch")
        _downloads(
            key, manifest, _drawer(chart, manifest),
            {"Points of the curves": chart.to_frame(), **(tables or {})},
        )  # fmt: skip
    figure = draw_on_screen(chart, height=height, ink=ink())
    st.plotly_chart(figure, key=f"chart_{key}", config=_TOOLBAR)
    _caption(chart.caption)


def show_figure(
    figure: AnyFigure, manifest: Manifest, key: str, *,
    tables: Mapping[str, DataFrame] | None = None, mark: str = "",
) -> None:  # fmt: skip
    """Draw any figure with its title, its caption and a download button.

    Args:
        tables: further tables to download beside the figure's own points, by title.
        mark: HTML beside the title: what must stand by every number.
    """
    from hccsurv_core.report.figures.drawing import draw_figure_for_print

    def draw(file_format: str) -> bytes:
        return _saved(draw_figure_for_print(figure, captions=manifest.caption()), file_format)

    with _head(key):
        st.html(_title(figure.title, mark), width="stretch")
        _downloads(key, manifest, draw, {"Numbers": figure.to_frame(), **(tables or {})})
    _draw(figure, key)


def show_plain(figure: AnyFigure, key: str) -> None:
    """Draw any figure with its title and caption, without downloads: for what still changes."""
    st.html(_title(figure.title))
    _draw(figure, key)


def _head(key: str):
    """One line for a title and its download, also on a tablet."""
    return st.container(
        horizontal=True, vertical_alignment="center", gap="small", key=f"figure_head_{key}"
    )


def _title(text: str, mark: str = "") -> str:
    """A figure's title, where it breaks into lines as the page needs it (HTML)."""
    return f'<div class="hcc-figure-title">{html(text)} {mark}</div>'


#: What Plotly's own title takes, pixels; it stands above the figure here.
_TITLE_PIXELS = 30


def _draw(figure: AnyFigure, key: str) -> None:
    from hccsurv_core.report.figures.drawing import draw_figure_on_screen
    from hccsurv_core.report.figures.forest import Forest
    from hccsurv_core.report.figures.nomogram_parts import NomogramChart

    drawn = draw_figure_on_screen(figure, ink=ink())
    top = drawn.layout.margin.t
    if drawn.layout.title.text and top is not None and drawn.layout.height is not None:
        drawn.layout.title.text = None
        drawn.layout.height -= _TITLE_PIXELS
        drawn.layout.margin.t = top - _TITLE_PIXELS
    # The columns of a forest need their room: on a tablet it is moved sideways. So do axes of points.
    broad = isinstance(figure, Forest | NomogramChart)
    width = "broader" if isinstance(figure, Forest) and figure.extra_header else "broad"
    with st.container(key=f"{width}_{key}" if broad else None):
        config = {**_TOOLBAR, "displayModeBar": False} if broad else _TOOLBAR
        st.plotly_chart(drawn, key=f"chart_{key}", config=config)
    _caption(figure.caption)


def show_forest(forest: Forest, manifest: Manifest, key: str) -> None:
    """Draw a forest plot with its caption and a download button."""
    from hccsurv_core.report.figures.forest import draw_forest_for_print, draw_forest_on_screen

    def draw(file_format: str) -> bytes:
        return _saved(draw_forest_for_print(forest, captions=manifest.caption()), file_format)

    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html(f'<div class="hcc-headline">{html(forest.title)}</div>', width="stretch")
        _downloads(key, manifest, draw, {"Table": forest.to_frame()})
    config = {**_TOOLBAR, "displayModeBar": False}
    st.plotly_chart(
        draw_forest_on_screen(forest, titled=False, ink=ink()), key=f"chart_{key}", config=config
    )
    _caption(forest.caption)


def ink() -> str:
    """Color of text on the theme on view."""
    return "#17212B" if st.context.theme.type == "light" else "#E3E8EE"


def _caption(text: str) -> None:
    if text:
        st.html(f'<p class="hcc-quiet" style="margin:0">{html(text)}</p>')


def show_table(
    table_html: str, raw: DataFrame, manifest: Manifest, key: str, *, title: str, mark: str = ""
) -> None:
    """A table with its download; ``raw`` is what the CSV holds (numbers as numbers)."""
    with _head(key):
        st.html(_title(title, mark), width="stretch")
        _downloads(key, manifest, None, {"Table": raw})
    st.html(table_html)


def _drawer(chart: Chart, manifest: Manifest) -> Callable[[str], bytes]:
    def draw(file_format: str) -> bytes:
        from hccsurv_core.report.figures.chart_print import draw_for_print

        return _saved(draw_for_print(chart, captions=manifest.caption()), file_format)

    return draw


def _saved(figure, file_format: str) -> bytes:
    from hccsurv_core.report.figures.ct_print import save_figure

    return save_figure(figure, file_format)


def _as_csv(table: DataFrame, manifest: Manifest) -> str:
    return table.to_csv(index=False) + manifest.csv_comment()


def _downloads(
    key: str,
    manifest: Manifest,
    draw: Callable[[str], bytes] | None,
    tables: Mapping[str, DataFrame],
) -> None:
    """Files are made when they are asked for."""
    stem = f"hccsurv_{key}"
    with st.popover("Download", icon=":material/download:", key=f"get_{key}"):
        if draw is not None:
            for file_format, words, mime in (
                ("svg", "Figure (SVG)", "image/svg+xml"),
                ("png", "Figure (PNG, 300 dpi)", "image/png"),
            ):
                st.download_button(
                    words, data=partial(draw, file_format), file_name=f"{stem}.{file_format}",
                    mime=mime, key=f"get_{key}_{file_format}", on_click="ignore", width="stretch",
                )  # fmt: skip
        for i, (title, table) in enumerate(tables.items()):
            st.download_button(
                f"{title} (CSV)",
                data=partial(_as_csv, table, manifest),
                file_name=f"{stem}_{i}.csv" if i else f"{stem}.csv",
                mime="text/csv", key=f"get_{key}_csv{i}", on_click="ignore", width="stretch",
            )  # fmt: skip
        st.download_button(
            "Settings and versions (JSON)", data=manifest.to_text, file_name=f"{stem}.json",
            mime="application/json", key=f"get_{key}_json", on_click="ignore", width="stretch",
        )  # fmt: skip
