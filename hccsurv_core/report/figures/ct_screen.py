"""CT planes on the screen: HU at hover, outlines, the L3 line and vertebra labels (Plotly)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.imaging.outlines import mask_outlines
from hccsurv_core.imaging.slices import PlanePicture, axial_slice
from hccsurv_core.imaging.windows import IntensityWindow
from hccsurv_core.report.figures.palette import (
    STRUCTURE_COLORS,
    STRUCTURE_TITLES,
    with_opacity,
)
from hccsurv_core.roi.results import BodySegmentation
from hccsurv_core.volume import Volume

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

#: Sagittal and coronal strips need no more pixels than this along an axis.
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
