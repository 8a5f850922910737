"""A heat map over a lesion's crop, as a picture: gray CT, heat on top, outlines of lesion and liver."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import InputError
from hccsurv_core.imaging.lesion_crop_settings import CT_CHANNELS
from hccsurv_core.imaging.lesion_crops import LesionCrops

#: Screen pixels per pixel of the crop.
SCALE = 4
#: Shown gray levels: z-scores of soft tissue between these ends.
_DARK, _BRIGHT = -2.5, 2.5
#: Outlines, chosen to differ from each other and from the heat for every eye (Okabe & Ito).
LESION_COLOR, LIVER_COLOR = (86, 180, 233), (240, 240, 240)
#: Heat below this is not painted: it would only tint the picture.
_FAINT = 0.05


def heat_picture(
    crops: LesionCrops,
    heat: NDArray[np.floating] | None,
    *,
    slice_number: int = 0,
    channel: str = "arterial",
    opacity: float = 0.5,
    scale: int = SCALE,
) -> NDArray[np.uint8]:
    """Draw one slice.

    Args:
        crops: the network's input.
        heat: (slices, P, P) from 0 to 1; None draws none.
        slice_number: 0 is the one of largest lesion area.
        channel: "arterial", "portal" or "difference".
        opacity: of the hottest pixel, 0 to 1; colder ones are more transparent.
        scale: screen pixels per pixel.

    Returns:
        (scale · P, scale · P, 3) uint8.

    Raises:
        InputError: there is no such slice or channel, or the opacity is none.
    """
    if channel not in crops.channels or channel not in CT_CHANNELS:
        raise InputError(
            f"the crop has no channel {channel!r}", source="heat map",
            remedy=f"choose of {', '.join(c for c in crops.channels if c in CT_CHANNELS)}",
        )  # fmt: skip
    if not 0 <= slice_number < crops.n_slices:
        raise InputError(f"there is no slice {slice_number}", source="heat map")
    if not 0 <= opacity <= 1:
        raise InputError(f"an opacity is from 0 to 1, got {opacity:g}", source="heat map")
    gray = crops.images[slice_number, crops.channels.index(channel)]
    level = np.clip((_enlarged(gray, scale) - _DARK) / (_BRIGHT - _DARK), 0, 1)
    picture = np.repeat(255.0 * level[:, :, None], 3, axis=2)
    if heat is not None:
        warm = np.clip(_enlarged(np.asarray(heat[slice_number], dtype=np.float64), scale), 0, 1)
        alpha = np.where(warm < _FAINT, 0.0, opacity * warm)[:, :, None]
        picture = (1 - alpha) * picture + alpha * 255.0 * _colors(warm)
    if crops.liver is not None:
        _outline(picture, crops.liver[slice_number], scale, LIVER_COLOR)
    _outline(picture, crops.lesion[slice_number], scale, LESION_COLOR)
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def picture_file(picture: NDArray[np.uint8], told: Mapping[str, str]) -> bytes:
    """A picture as PNG, with what it shows in its text fields."""
    from PIL import Image, PngImagePlugin

    info = PngImagePlugin.PngInfo()
    for name, text in told.items():
        info.add_itxt(name, text)
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, format="PNG", pnginfo=info)
    return stream.getvalue()


def _enlarged(values: NDArray[np.floating], scale: int) -> NDArray[np.float64]:
    from scipy.ndimage import zoom

    return zoom(
        np.asarray(values, dtype=np.float64), scale, order=1, grid_mode=True, mode="nearest"
    )


def _colors(warm: NDArray[np.float64]) -> NDArray[np.float64]:
    """(…, 3) of a scale whose brightness rises evenly, so that it also reads without color."""
    from matplotlib import colormaps

    return np.asarray(colormaps["inferno"](warm))[..., :3]


def _outline(
    picture: NDArray[np.float64], mask: NDArray[np.bool_], scale: int, color: tuple[int, int, int]
) -> None:
    """Paint the inner border of a mask, two screen pixels wide."""
    from scipy.ndimage import binary_erosion

    large = np.kron(mask, np.ones((scale, scale), dtype=bool))
    border = large & ~binary_erosion(large, iterations=2, border_value=1)
    picture[border] = color
