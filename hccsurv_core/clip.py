"""`Clip`: the frames of an ultrasound clip or still, when each was taken, and which parts are calibrated.

A screen is what an ultrasound machine stores: one or two fans, scales and text, as 8-bit gray or
RGB. Positions on it are (row, column), from the top left, in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import GeometryError

#: ITU-R BT.601: the share of red, green and blue in brightness.
_BRIGHTNESS = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Region:
    """A rectangle of the screen.

    Args:
        top, left: its first row and column.
        rows, columns: its size.
        spacing_mm: size of a pixel along (row, column); None where the file does not say.
        kind: what it shows: "tissue", or another word of DICOM PS3.3 C.8.5.5.1.2 in lower case
            ("spectral doppler", "m-mode", "graphics"); "" where the file does not say.
    """

    top: int
    left: int
    rows: int
    columns: int
    spacing_mm: tuple[float, float] | None = None
    kind: str = ""

    def __post_init__(self) -> None:
        if min(self.top, self.left) < 0 or min(self.rows, self.columns) < 1:
            raise GeometryError(
                f"a region must lie on the screen and hold a pixel, got {self.rows}×{self.columns} "
                f"at row {self.top}, column {self.left}"
            )

    @property
    def box(self) -> tuple[slice, slice]:
        """Indices of its rows and columns."""
        return (
            slice(self.top, self.top + self.rows),
            slice(self.left, self.left + self.columns),
        )


@dataclass(frozen=True)
class Panels:
    """Which part of the screen shows what.

    Args:
        grayscale: tissue without contrast agent; None where the screen shows only contrast.
        contrast: the contrast picture; None where the screen shows only grayscale.
        found_by: how they were told apart, in words ("the file's regions and their color",
            "by hand").
        sure: False where a person should confirm it.
        found: every panel on the screen, from left to right; also one of two that are both
            without contrast. Empty where panels were given by hand.
    """

    grayscale: Region | None
    contrast: Region | None
    found_by: str = ""
    sure: bool = True
    found: tuple[Region, ...] = ()

    def __post_init__(self) -> None:
        if self.grayscale is None and self.contrast is None:
            raise GeometryError("a screen must show a grayscale or a contrast panel")

    def swapped(self) -> Panels:
        """The same panels the other way round, as a person says."""
        return replace(
            self, grayscale=self.contrast, contrast=self.grayscale, found_by="by hand", sure=True
        )

    @property
    def is_calibrated(self) -> bool:
        """True where the size of a pixel is known on every panel."""
        shown = [panel for panel in (self.grayscale, self.contrast) if panel is not None]
        return all(panel.spacing_mm is not None for panel in shown)


@dataclass(frozen=True, eq=False)
class Clip:
    """An ultrasound clip; a still is a clip of one frame.

    Args:
        frames: uint8, (n, rows, columns) gray or (n, rows, columns, 3) RGB. May be a memory map.
        time_s: (n,) when each frame was taken, rising; 0 is the first frame unless
            ``time_zero`` says otherwise.
        regions: calibrated parts of the screen, as the file has them.
        time_zero: what 0 s is: "first frame" or "injection".
        warnings: what a user should know about this file, as sentences without a final full stop.

    Raises:
        GeometryError: shapes that do not fit each other, or times that do not rise.
    """

    frames: NDArray[np.uint8]
    time_s: NDArray[np.float64]
    regions: tuple[Region, ...] = ()
    time_zero: str = "first frame"
    warnings: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        shape = self.frames.shape
        if len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] != 3) or 0 in shape:
            raise GeometryError(
                f"frames must be (n, rows, columns) or (n, rows, columns, 3), got {shape}"
            )
        if self.frames.dtype != np.uint8:
            raise GeometryError(f"frames must be 8-bit, got {self.frames.dtype}")
        if self.time_s.shape != (shape[0],):
            raise GeometryError(f"{shape[0]} frames, but {self.time_s.shape[0]} frame times")
        if not np.isfinite(self.time_s).all() or (np.diff(self.time_s) <= 0).any():
            raise GeometryError("frame times must be finite and rise")

    def __len__(self) -> int:
        return int(self.frames.shape[0])

    @property
    def is_color(self) -> bool:
        """True for RGB frames."""
        return self.frames.ndim == 4

    @property
    def screen(self) -> tuple[int, int]:
        """(rows, columns)."""
        return int(self.frames.shape[1]), int(self.frames.shape[2])

    def rgb(self, frame: int) -> NDArray[np.uint8]:
        """One frame (rows, columns, 3)."""
        picture = np.asarray(self.frames[frame])
        return picture if self.is_color else np.repeat(picture[..., None], 3, axis=2)

    def brightness(self, frame: int, region: Region | None = None) -> NDArray[np.float32]:
        """Brightness 0 to 255 of one frame, or of a region of it (ITU-R BT.601).

        Contrast pictures are shown in a color map whose brightness rises with the gray level
        behind it, so this is that level, near enough.
        """
        picture = np.asarray(self.frames[frame])
        if region is not None:
            picture = picture[region.box]
        if not self.is_color:
            return picture.astype(np.float32)
        return picture.astype(np.float32) @ _BRIGHTNESS
