"""CT planes on the screen: HU at hover, outlines, the L3 line and vertebra labels (Plotly)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.imaging.outlines import mask_outlines
from hccsurv_core.imaging.slices import PlanePicture, axial_slice, coronal_slice, sagittal_slice
from hccsurv_core.imaging.windows import IntensityWindow, apply_window
from hccsurv_core.report.figures.palette import (
    LEVEL_COLOR,
    STRUCTURE_COLORS,
    STRUCTURE_TITLES,
    with_opacity,
)
from hccsurv_core.roi.results import BodySegmentation, L3Location
from hccsurv_core.volume import Volume

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

#: Sagittal and coronal strips need no more pixels than this along an axis.
STRIP_PIXELS = 320
SCALE_BAR_MM = 50.0
#: At half resolution, what is thinner than twice this is a table or a lead, not the body.
THIN_PIXELS = 3


def body_box(
    volume: Volume, slice_index: int | None = None, *, margin_mm: float = 12.0
) -> tuple[float, float, float, float]:
    """Rows and columns that hold the body: (first row, last row, first column, last column).

    Args:
        volume: canonical CT volume, HU.
        slice_index: of this slice; None = of slices spread over the whole scan.
        margin_mm: air left round it.
    """
    n_slices, n_rows, n_columns = volume.shape
    step = max(1, n_slices // 12)
    chosen = slice(None, None, step) if slice_index is None else slice(slice_index, slice_index + 1)
    tissue = _without_thin_lines(np.asarray(volume.voxels[chosen, ::2, ::2]) > -250)
    by_row = np.flatnonzero(tissue.sum(axis=2).max(axis=0) > 0.04 * tissue.shape[2]) * 2
    by_column = np.flatnonzero(tissue.sum(axis=1).max(axis=0) > 0.04 * tissue.shape[1]) * 2
    if by_row.size == 0 or by_column.size == 0:
        return -0.5, n_rows - 0.5, -0.5, n_columns - 0.5
    _, dy, dx = volume.spacing_mm
    rows, columns = margin_mm / dy + 2 * THIN_PIXELS, margin_mm / dx + 2 * THIN_PIXELS
    return (
        max(-0.5, float(by_row[0] - rows)),
        min(n_rows - 0.5, float(by_row[-1] + rows)),
        max(-0.5, float(by_column[0] - columns)),
        min(n_columns - 0.5, float(by_column[-1] + columns)),
    )


def _without_thin_lines(tissue: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Only pixels with tissue above, below and on both sides: drops the table's shells."""
    reach = THIN_PIXELS
    solid = np.zeros_like(tissue)
    inner = slice(reach, -reach)
    solid[:, inner, inner] = tissue[:, inner, inner]
    for shift in (-reach, reach):
        solid &= np.roll(tissue, shift, axis=1) & np.roll(tissue, shift, axis=2)
    return solid


def _figure(height: int) -> Figure:
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.update_layout(
        height=height,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="#000000",
        showlegend=False,
        hoverlabel={"font": {"size": 13}},
    )
    hidden = {"visible": False, "showgrid": False, "zeroline": False}
    figure.update_xaxes(**hidden, constrain="domain")
    figure.update_yaxes(**hidden, constrain="domain")
    return figure


def _add_picture(
    figure: Figure,
    picture: PlanePicture,
    window: IntensityWindow,
    box: tuple[float, float, float, float],
) -> None:
    import plotly.graph_objects as go

    # Only what is shown travels to the browser.
    rows = slice(max(0, int(box[0])), int(np.ceil(box[1])) + 1)
    columns = slice(max(0, int(box[2])), int(np.ceil(box[3])) + 1)
    pixels = np.ascontiguousarray(np.round(picture.pixels[rows, columns]).astype(np.int16))
    figure.add_trace(
        go.Heatmap(
            z=pixels,
            x0=columns.start,
            y0=rows.start,
            dx=1,
            dy=1,
            zmin=window.low_hu,
            zmax=window.high_hu,
            colorscale="gray",
            showscale=False,
            zsmooth="fast",
            hovertemplate="%{z} HU<br>column %{x}, row %{y}<extra></extra>",
        )
    )
    figure.update_yaxes(scaleanchor="x", scaleratio=picture.aspect)


def _add_strip_picture(
    figure: Figure, picture: PlanePicture, window: IntensityWindow, step: int
) -> None:
    """A small gray PNG: a third of the bytes of numbers, and scrolling stays quick."""
    import base64
    import io

    import plotly.graph_objects as go
    from PIL import Image

    gray = apply_window(picture.pixels[::step, ::step], window)
    buffer = io.BytesIO()
    Image.fromarray(gray[::-1]).save(buffer, format="png", compress_level=1)
    n_rows, n_columns = picture.pixels.shape
    figure.add_layout_image(
        source="data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode(),
        xref="x",
        yref="y",
        x=-0.5,
        y=n_rows - 0.5,
        sizex=n_columns,
        sizey=n_rows,
        sizing="stretch",
        layer="below",
    )
    # Without a trace there are no axes to hang the picture on.
    figure.add_trace(go.Scatter(x=[0], y=[0], mode="markers", marker_opacity=0, hoverinfo="skip"))
    figure.update_yaxes(scaleanchor="x", scaleratio=picture.aspect)


def _corner_labels(figure: Figure, labels: Iterable[tuple[str, float, float]]) -> None:
    for text, x, y in labels:
        figure.add_annotation(
            text=text,
            x=x,
            y=y,
            xref="x domain",
            yref="y domain",
            showarrow=False,
            font={"color": "#C9D1DA", "size": 13},
            align="left",
            xanchor="left" if x < 0.3 else "right" if x > 0.7 else "center",
            yanchor="bottom" if y < 0.3 else "top" if y > 0.7 else "middle",
        )


def displayed_masks(
    segmentation: BodySegmentation, slice_index: int, structures: Iterable[str]
) -> dict[str, NDArray[np.bool_]]:
    """Masks of a slice for drawing; the muscle is drawn without the psoas that is shown."""
    first = segmentation.first_slice
    if not first <= slice_index < first + segmentation.n_slices:
        return {}
    masks = {
        name: segmentation.mask_at(name, slice_index)
        for name in structures
        if name in segmentation.masks
    }
    if "muscle" in masks:
        for psoas in ("psoas_left", "psoas_right"):
            if psoas in masks:
                masks["muscle"] = masks["muscle"] & ~masks[psoas]
    return masks


def _add_outline(figure: Figure, name: str, mask: NDArray[np.bool_], fill_opacity: float) -> None:
    import plotly.graph_objects as go

    outlines = mask_outlines(mask)
    if not outlines:
        return
    gap = np.full((1, 2), np.nan)
    points = np.concatenate([part for outline in outlines for part in (outline, gap)])[:-1]
    color = STRUCTURE_COLORS[name]
    figure.add_trace(
        go.Scatter(
            x=points[:, 1].astype(np.float32),
            y=points[:, 0].astype(np.float32),
            mode="lines",
            line={"color": color, "width": 1.4},
            fill="toself",
            fillcolor=with_opacity(color, fill_opacity),
            hoverinfo="skip",
            name=STRUCTURE_TITLES[name],
        )
    )


def plot_axial(
    volume: Volume,
    slice_index: int,
    window: IntensityWindow,
    *,
    segmentation: BodySegmentation | None = None,
    structures: Iterable[str] = (),
    fill_opacity: float = 0.25,
    height: int = 560,
    box: tuple[float, float, float, float] | None = None,
) -> Figure:
    """Draw an axial slice; HU at hover, outlines of ``structures`` where the slice has them.

    Args:
        volume: canonical CT volume, HU.
        slice_index: which slice.
        window: gray-level window.
        segmentation: outlines, or None.
        structures: names of the structures to draw.
        fill_opacity: 0 (outline only) to 1.
        height: height of the figure, pixels.
        box: first and last row and column shown at first (see :func:`body_box`).
    """
    picture = axial_slice(volume, slice_index)
    figure = _figure(height)
    shown = box or (-0.5, volume.shape[1] - 0.5, -0.5, volume.shape[2] - 0.5)
    _add_picture(figure, picture, window, shown)
    if segmentation is not None:
        for name, mask in displayed_masks(segmentation, slice_index, structures).items():
            _add_outline(figure, name, mask, fill_opacity)
    row_0, row_1, column_0, column_1 = shown
    figure.update_xaxes(range=[column_0, column_1])
    figure.update_yaxes(range=[row_1, row_0])
    words = f"slice {slice_index + 1} of {volume.shape[0]}"
    position = f"{volume.slice_position_mm(slice_index):.0f} mm"
    gray = f"L {window.center_hu:g}  W {window.width_hu:g}"
    _corner_labels(figure, [("R", 0.012, 0.5), ("L", 0.988, 0.5), ("A", 0.5, 0.985)])
    _corner_labels(figure, [(f"{words}<br>{position}", 0.012, 0.985), (gray, 0.012, 0.015)])
    _add_scale_bar(figure, picture.pixel_mm[1], (row_0, row_1, column_0, column_1))
    # The zoom survives a change of slice, window or outline.
    figure.update_layout(uirevision="axial")
    return figure


def _add_scale_bar(figure: Figure, pixel_mm: float, box: tuple[float, float, float, float]) -> None:
    row_0, row_1, _, column_1 = box
    length = SCALE_BAR_MM / pixel_mm
    x1 = column_1 - 0.02 * (column_1 - box[2])
    y = row_1 - 0.025 * (row_1 - row_0)
    figure.add_shape(
        type="line", x0=x1 - length, x1=x1, y0=y, y1=y, line={"color": "#C9D1DA", "width": 2}
    )
    figure.add_annotation(
        x=x1 - length / 2,
        y=y,
        text=f"{SCALE_BAR_MM / 10:g} cm",
        showarrow=False,
        yshift=11,
        font={"color": "#C9D1DA", "size": 12},
    )


def plot_strip(
    volume: Volume,
    plane: str,
    window: IntensityWindow,
    *,
    location: L3Location | None = None,
    slice_index: int | None = None,
    height: int = 300,
    box: tuple[float, float, float, float] | None = None,
) -> Figure:
    """Draw the sagittal or coronal plane through the spine with the level and the vertebrae.

    The plane follows the spine where ``location`` knows its course, so that a curved
    spine stays in the picture; otherwise it is the middle plane.

    Args:
        volume: canonical CT volume, HU.
        plane: "sagittal" or "coronal".
        window: gray-level window.
        location: the L3 level; its line and the vertebra labels are drawn.
        slice_index: the axial slice on view, drawn as a thin line.
        height: height of the figure, pixels.
        box: rows and columns that hold the body (see :func:`body_box`).
    """
    course = _spine_course(volume, plane, location)
    cut = sagittal_slice if plane == "sagittal" else coronal_slice
    picture = cut(volume, course)
    step = max(1, int(np.ceil(max(picture.pixels.shape) / STRIP_PIXELS)))
    figure = _figure(height)
    _add_strip_picture(figure, picture, window, step)
    n_slices, n_across = picture.pixels.shape
    whole = (-0.5, n_across - 0.5, -0.5, n_across - 0.5)
    start, end = (box or whole)[:2] if plane == "sagittal" else (box or whole)[2:]
    figure.update_xaxes(range=[start, end])
    figure.update_yaxes(range=[-0.5, n_slices - 0.5])
    if slice_index is not None:
        figure.add_hline(y=slice_index, line={"color": "#C9D1DA", "width": 1, "dash": "dot"})
    if location is not None:
        _add_level(figure, plane, location)
    ends = ("A", "P") if plane == "sagittal" else ("R", "L")
    _corner_labels(figure, [(ends[0], 0.012, 0.985), (ends[1], 0.988, 0.985)])
    return figure


def _spine_course(volume: Volume, plane: str, location: L3Location | None) -> NDArray[np.float64]:
    """Column (sagittal) or row (coronal) of the spine per slice; NaN where it is not known."""
    n_slices, n_rows, n_columns = volume.shape
    middle = (n_columns if plane == "sagittal" else n_rows) / 2
    course = np.full(n_slices, np.nan)
    if location is not None and location.vertebrae:
        ordered = sorted(location.vertebrae, key=lambda v: v.center_index)
        centers = [v.center_index for v in ordered]
        across = [v.center_column if plane == "sagittal" else v.center_row for v in ordered]
        return np.interp(np.arange(n_slices), centers, across)
    if location is not None and location.canal is not None and plane == "sagittal":
        return np.asarray(location.canal, dtype=np.float64)[:, 1]
    course[:] = middle
    return course


def _add_level(figure: Figure, plane: str, location: L3Location) -> None:
    figure.add_hline(y=location.slice_index, line={"color": LEVEL_COLOR, "width": 2})
    figure.add_annotation(
        x=0.99,
        xref="x domain",
        y=location.slice_index,
        text=f"L3 · slice {location.slice_index + 1}",
        showarrow=False,
        xanchor="right",
        yanchor="bottom",
        font={"color": "#FFFFFF", "size": 12},
        bgcolor=with_opacity(LEVEL_COLOR, 0.85),
        borderpad=2,
    )
    for vertebra in location.vertebrae:
        across = vertebra.center_column if plane == "coronal" else vertebra.center_row
        text: dict[str, Any] = {"color": "#FFFFFF", "size": 12}
        figure.add_annotation(
            x=across,
            y=vertebra.center_index,
            text=f"<b>{vertebra.name}</b>" if vertebra.name == "L3" else vertebra.name,
            showarrow=False,
            font=text,
            bgcolor="rgba(0,0,0,0.55)",
            borderpad=1,
        )
