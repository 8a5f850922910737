"""Slices of a scan as small pictures: gray CT in its window, heat on top, lesions outlined and numbered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import InputError
from hccsurv_core.imaging.organ_slices import WINDOWS, OrganSlices
from hccsurv_core.imaging.windows import apply_window
from hccsurv_core.report.figures.palette import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY_BLUE,
    VERMILION,
    YELLOW,
)

#: Colors of lesions by their number, in turn.
LESION_COLORS = (ORANGE, SKY_BLUE, PURPLE, YELLOW, VERMILION, GREEN, BLUE)
ORGAN_COLOR = (205, 210, 215)
#: Pixels of a picture's width.
WIDTH = 420
#: Room about the body, and what counts as body.
_MARGIN_MM, _BODY_HU = 8.0, -250.0
_FAINT = 0.05

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Frame:
    """What is shown of a slice.

    Args:
        center: row and column of its middle.
        size_mm: height and width; pictures of one size are on one scale.
    """

    center: tuple[float, float]
    size_mm: tuple[float, float]


def body_frame(slices: OrganSlices) -> Frame:
    """The part of the slices that holds the body."""
    from scipy.ndimage import binary_opening

    solid = (slices.intensity_hu > _BODY_HU) | slices.organ
    # A table is a few pixels thin.
    seen = binary_opening(solid.any(axis=0), iterations=3) | slices.organ.any(axis=0)
    dy, dx = slices.pixel_mm
    if not seen.any():
        rows, columns = seen.shape
        return Frame((rows / 2, columns / 2), (rows * dy, columns * dx))
    places = [np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0)]
    ends = [(float(p[0]), float(p[-1] + 1)) for p in places]
    center = tuple((low + high) / 2 for low, high in ends)
    size = tuple(
        (high - low) * mm + 2 * _MARGIN_MM for (low, high), mm in zip(ends, (dy, dx), strict=True)
    )
    return Frame((center[0], center[1]), (size[0], size[1]))


def on_one_scale(frames: Mapping[str, Frame]) -> dict[str, Frame]:
    """Frames with the size of the largest, each about its own middle."""
    size = tuple(max(frame.size_mm[k] for frame in frames.values()) for k in (0, 1))
    return {name: Frame(frame.center, (size[0], size[1])) for name, frame in frames.items()}


def slice_picture(
    slices: OrganSlices,
    number: int,
    organ: str,
    frame: Frame,
    *,
    heat: NDArray[np.floating] | None = None,
    opacity: float = 0.5,
    width: int = WIDTH,
) -> NDArray[np.uint8]:
    """Draw one slice.

    Args:
        slices: of one organ at one time.
        number: which of them, from 0.
        organ: "liver" or "lung": decides the window.
        frame: what is shown.
        heat: (P, P) over the whole slice, from 0 to 1; None draws none.
        opacity: of the hottest pixel, 0 to 1.
        width: of the picture, pixels.

    Returns:
        (height, width, 3) uint8.

    Raises:
        InputError: there is no such slice, or the opacity is none.
    """
    if not 0 <= number < len(slices.intensity_hu):
        raise InputError(f"there is no slice {number}", source="filmstrip")
    if not 0 <= opacity <= 1:
        raise InputError(f"an opacity is from 0 to 1, got {opacity:g}", source="filmstrip")
    height = round(width * frame.size_mm[0] / frame.size_mm[1])
    rows, columns = _places(slices, frame, height, width)
    gray = apply_window(slices.intensity_hu[number], WINDOWS[organ])
    picture = np.repeat(_sampled(gray, rows, columns)[:, :, None], 3, axis=2)
    if heat is not None:
        _paint_heat(picture, heat, slices.intensity_hu.shape[1:], rows, columns, opacity)
    nearest = np.ix_(_whole(rows, slices.organ.shape[1]), _whole(columns, slices.organ.shape[2]))
    _outline(picture, slices.organ[number][nearest], ORGAN_COLOR, 1, strength=0.55)
    lesions = slices.lesions[number][nearest]
    for label in np.unique(lesions[lesions > 0]):
        _outline(picture, lesions == label, lesion_color(int(label)), 3)
    return _numbered(np.clip(picture, 0, 255).astype(np.uint8), lesions)


def lesion_color(number: int) -> tuple[int, int, int]:
    """Color of a lesion, 0 to 255."""
    color = LESION_COLORS[(number - 1) % len(LESION_COLORS)]
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _places(slices: OrganSlices, frame: Frame, height: int, width: int) -> tuple[NDArray, NDArray]:
    """Row and column of the slice at each pixel of the picture."""
    found = []
    for k, n in enumerate((height, width)):
        length = frame.size_mm[k] / slices.pixel_mm[k]
        found.append(frame.center[k] - 0.5 + length * ((np.arange(n) + 0.5) / n - 0.5))
    return found[0], found[1]


def _sampled(plane: NDArray, rows: NDArray, columns: NDArray) -> NDArray[np.float64]:
    from scipy.ndimage import map_coordinates

    at = np.meshgrid(rows, columns, indexing="ij")
    return np.asarray(map_coordinates(plane.astype(np.float64), at, order=1, cval=0.0))


def _whole(places: NDArray, n: int) -> NDArray[np.int_]:
    return np.clip(np.round(places).astype(int), 0, n - 1)


def _paint_heat(
    picture: NDArray[np.float64],
    heat: NDArray[np.floating],
    shape: tuple[int, ...],
    rows: NDArray,
    columns: NDArray,
    opacity: float,
) -> None:
    """Heat over the picture (in place); its map covers the whole slice."""
    from matplotlib import colormaps

    at = [
        (p + 0.5) * n_heat / n - 0.5
        for p, n, n_heat in zip((rows, columns), shape, heat.shape, strict=True)
    ]
    warm = np.clip(_sampled(np.asarray(heat), at[0], at[1]), 0, 1)
    alpha = np.where(warm < _FAINT, 0.0, opacity * warm)[:, :, None]
    colors = 255.0 * np.asarray(colormaps["inferno"](warm))[..., :3]
    picture += alpha * (colors - picture)


def _outline(
    picture: NDArray[np.float64],
    mask: NDArray[np.bool_],
    color: tuple[int, int, int],
    thick: int,
    *,
    strength: float = 1.0,
) -> None:
    """The border just inside a mask (in place)."""
    from scipy.ndimage import binary_erosion

    border = mask & ~binary_erosion(mask, iterations=thick, border_value=1)
    picture[border] += strength * (np.array(color, dtype=float) - picture[border])


def _numbered(picture: NDArray[np.uint8], lesions: NDArray) -> NDArray[np.uint8]:
    """Each lesion's number beside its upper right edge."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    size = max(13, picture.shape[1] // 11)
    font = ImageFont.load_default(size=size)
    for label in np.unique(lesions[lesions > 0]):
        rows, columns = np.nonzero(lesions == label)
        x = min(int(columns.max()) + 3, picture.shape[1] - size)
        y = max(int(rows.min()) - size // 2, 0)
        draw.text((x, y), str(label), fill=lesion_color(int(label)), font=font, stroke_width=3,
                  stroke_fill=(0, 0, 0))  # fmt: skip
    return np.asarray(image)
