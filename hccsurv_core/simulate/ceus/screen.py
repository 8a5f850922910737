"""The machine's screen: one or two fans, scales, gray bar, and the text burnt into the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.simulate.ceus.images import Panel
from hccsurv_core.simulate.ceus.machines import Machine, Settings, color_map

Picture = NDArray[np.uint8]
#: Half the opening of the fan in the two-panel view, degrees.
NARROW_DEG = 24.0
#: Of 256 palette entries, each of the two ramps takes this many.
_RAMP = 128


@dataclass(frozen=True, eq=False)
class Screen:
    """A layout: what does not change from frame to frame.

    Args:
        settings: of the machine.
        gray: the fan without contrast.
        contrast: the contrast fan; None in the one-panel view.
        background: (rows, columns) levels of text and scales.
    """

    settings: Settings
    gray: Panel
    contrast: Panel | None
    background: Picture

    @property
    def panels(self) -> tuple[Panel, ...]:
        """From left to right."""
        if self.contrast is None:
            return (self.gray,)
        return tuple(sorted((self.gray, self.contrast), key=lambda p: p.left))

    def picture(
        self, gray: Picture, contrast: Picture | None = None, time_s: float | None = None
    ) -> Picture:
        """The screen (rows, columns) as levels 0 to 255; `colored` says which are in color."""
        picture = self.background.copy()
        for panel, levels in ((self.gray, gray), (self.contrast, contrast)):
            if panel is not None and levels is not None:
                box = picture[
                    panel.top : panel.top + panel.rows, panel.left : panel.left + panel.columns
                ]
                box[panel.inside] = levels
        if time_s is not None:
            minutes, seconds = divmod(time_s, 60)
            _write(
                picture,
                [(52, self._clock_column, f"{minutes:02.0f}:{seconds:04.1f} after injection")],
            )
        return picture

    @property
    def _clock_column(self) -> int:
        panel = self.contrast or self.gray
        return panel.left + 6

    @property
    def colored(self) -> NDArray[np.bool_]:
        """(rows, columns) True where levels are shown in the contrast picture's colors."""
        mask = np.zeros(self.background.shape, bool)
        if self.contrast is not None:
            p = self.contrast
            mask[p.top : p.top + p.rows, p.left : p.left + p.columns] = p.inside
        return mask


def single_view(settings: Settings) -> Screen:
    """One panel: the picture without contrast."""
    rows, columns = settings.machine.screen
    half = settings.machine.half_angle_deg
    panel = Panel.fitted(settings, 72, 56, rows - 112, columns - 150, half)
    return Screen(settings, panel, None, _background(settings, (panel,), None))


def double_view(settings: Settings) -> Screen:
    """Two panels: contrast and low-power gray side by side."""
    rows, columns = settings.machine.screen
    boxes = [
        Panel.fitted(settings, 96, left, rows - 150, columns // 2 - 34, NARROW_DEG)
        for left in (8, columns // 2 + 4)
    ]
    contrast, gray = boxes if settings.machine.contrast_left else boxes[::-1]
    return Screen(settings, gray, contrast, _background(settings, tuple(boxes), contrast))


def to_color(screen: Screen, picture: Picture) -> NDArray[np.uint8]:
    """Red, green, blue (rows, columns, 3)."""
    rgb = np.repeat(picture[..., None], 3, axis=2)
    colored = screen.colored
    rgb[colored] = color_map(screen.settings.machine.color)[picture[colored]]
    return rgb


def to_palette(screen: Screen, picture: Picture) -> Picture:
    """Palette indices (rows, columns) for `palette`: 7 bits of gray, 7 bits of color."""
    return (picture // 2 + _RAMP * screen.colored).astype(np.uint8)


def palette(machine: Machine) -> NDArray[np.uint8]:
    """Red, green, blue (256, 3) of the palette indices: a gray ramp, then a colored one."""
    levels = np.rint(np.linspace(0, 255, _RAMP)).astype(np.uint8)
    gray = np.repeat(levels[:, None], 3, axis=1)
    return np.concatenate([gray, color_map(machine.color)[levels]])


def _background(settings: Settings, panels: tuple[Panel, ...], contrast: Panel | None) -> Picture:
    machine = settings.machine
    rows, columns = machine.screen
    picture = np.zeros((rows, columns), np.uint8)
    _gray_bar(picture, columns - 22)
    depth_cm = settings.depth_mm / 10
    lines = [
        (4, 10, f"SIMULATED - NOT A PATIENT   {machine.name}"),
        (4, columns - 190, "ABDOMEN  C5-1  SIMULATED"),
        (rows - 34, 10, f"SIM  {machine.frequency_mhz:.1f} MHz   R {depth_cm:.0f} cm"),
    ]
    for panel in panels:
        is_contrast = panel is contrast
        span = machine.contrast_range_db if is_contrast else machine.gray_range_db
        gain = settings.contrast_gain_db if is_contrast else settings.gray_gain_db
        index = settings.mechanical_index if contrast is not None else 1.1
        label = "CEUS" if is_contrast else "2D"
        lines += [
            (22, panel.left + 6, f"{label}  G {50 + 2 * gain:.0f}%  DR {span:.0f} dB"),
            (37, panel.left + 6, f"MI {index:.2f}  TIS 0.1"),
        ]
        _depth_scale(picture, panel, lines)
    _write(picture, lines)
    return picture


def _gray_bar(picture: Picture, left: int) -> None:
    height = 128
    picture[72 : 72 + height, left : left + 12] = np.linspace(255, 0, height).astype(np.uint8)[
        :, None
    ]


def _depth_scale(picture: Picture, panel: Panel, lines: list[tuple[int, int, str]]) -> None:
    """Ticks every 10 mm beside the fan, longer and numbered every 50 mm, and the focus mark."""
    column = min(panel.left + panel.columns + 2, picture.shape[1] - 26)
    for centimeters in range(0, int(panel.settings.depth_mm / 10) + 1):
        row = round(panel.top + panel.face_row + 10 * centimeters / panel.pixel_mm)
        if row >= panel.top + panel.rows:
            break
        major = centimeters % 5 == 0
        picture[row, column : column + (9 if major else 4)] = 190
        if major and centimeters:
            lines.append((row - 5, column + 11, str(centimeters)))
    focus = round(panel.top + panel.face_row + 0.55 * panel.settings.depth_mm / panel.pixel_mm)
    for k in range(5):
        picture[focus - k : focus + k + 1, column + k] = 230


def _write(picture: Picture, lines: Sequence[tuple[int, int, str]]) -> None:
    """Burn text in: (row, column of the upper left corner, text)."""
    from PIL import Image, ImageDraw, ImageFont

    canvas = Image.fromarray(picture)
    draw = ImageDraw.Draw(canvas)
    # The bitmap font: the same pixels whatever fonts a computer has.
    font = ImageFont.load_default_imagefont()
    for row, column, text in lines:
        draw.text((column, row), text, fill=225, font=font)
    picture[:] = np.asarray(canvas)
