"""The L3 slice with its outlines for print: SVG or PNG at 300 dpi (Matplotlib)."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from hccsurv_core.errors import InputError
from hccsurv_core.imaging.outlines import mask_outlines
from hccsurv_core.imaging.slices import axial_slice
from hccsurv_core.imaging.windows import IntensityWindow, apply_window
from hccsurv_core.report.figures.ct_screen import body_box, displayed_masks
from hccsurv_core.report.figures.palette import STRUCTURE_COLORS, STRUCTURE_TITLES
from hccsurv_core.roi.results import BodySegmentation
from hccsurv_core.volume import Volume

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRINT_DPI = 300
WIDTH_INCHES = 6.4
FORMATS = ("png", "svg")
RESEARCH_USE = "Research use. Not a medical device."


def plot_slice_for_print(
    volume: Volume,
    slice_index: int,
    window: IntensityWindow,
    *,
    segmentation: BodySegmentation | None = None,
    structures: Iterable[str] = (),
    title: str = "",
    captions: Sequence[str] = (),
) -> Figure:
    """Draw a slice with outlines, their legend, a title and captions under it.

    Args:
        volume: canonical CT volume, HU.
        slice_index: which slice.
        window: gray-level window.
        segmentation: outlines, or None.
        structures: names of the structures to draw.
        title: what is shown.
        captions: lines under the picture (values, provenance, "Simulated patient").
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    picture = axial_slice(volume, slice_index)
    row_0, row_1, column_0, column_1 = body_box(volume, slice_index)
    shape = (row_1 - row_0) * picture.aspect / (column_1 - column_0)
    figure = Figure(
        figsize=(WIDTH_INCHES, WIDTH_INCHES * shape + 0.55 + 0.14 * len(captions)),
        layout="constrained",
        facecolor="white",
    )
    axes = figure.add_subplot()
    axes.imshow(apply_window(picture.pixels, window), cmap="gray", aspect=picture.aspect)
    handles = []
    masks = displayed_masks(segmentation, slice_index, structures) if segmentation else {}
    for name, mask in masks.items():
        for outline in mask_outlines(mask):
            axes.plot(outline[:, 1], outline[:, 0], color=STRUCTURE_COLORS[name], linewidth=0.8)
        handles.append(Line2D([], [], color=STRUCTURE_COLORS[name], label=STRUCTURE_TITLES[name]))
    axes.set_xlim(column_0, column_1)
    axes.set_ylim(row_1, row_0)
    axes.set_axis_off()
    for text, x, side in (("R", 0.012, "left"), ("L", 0.988, "right")):
        axes.text(
            x, 0.5, text, color="white", ha=side, va="center", transform=axes.transAxes, fontsize=9
        )
    axes.set_title(title, fontsize=10, loc="left")
    if handles:
        axes.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(0.0, 0.0),
            ncols=len(handles),
            fontsize=7,
            frameon=False,
            borderaxespad=0.3,
        )
    words = "\n".join([*captions, RESEARCH_USE])
    figure.supxlabel(words, fontsize=7, x=0.015, ha="left")
    return figure


def save_figure(figure: Figure, file_format: str) -> bytes:
    """Encode a figure as ``png`` (300 dpi) or ``svg`` (with text as text).

    Raises:
        InputError: another format is asked for.
    """
    if file_format not in FORMATS:
        raise InputError(
            f"figures are saved as {' or '.join(FORMATS)}, not {file_format!r}", source="format"
        )
    from matplotlib import rc_context

    buffer = io.BytesIO()
    # Without a date, and with names of parts that are no chance, two savings of the same figure
    # are the same file.
    metadata = {"Date": None} if file_format == "svg" else {}
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "hccsurv"}):
        figure.savefig(buffer, format=file_format, dpi=PRINT_DPI, metadata=metadata)
    return buffer.getvalue()
