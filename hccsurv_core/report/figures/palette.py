"""Colors and words of the structures: the same on every page and in print.

Okabe and Ito, "Color Universal Design" (2008): distinguishable with the common
forms of color blindness.
"""

from __future__ import annotations

ORANGE = "#E69F00"
SKY_BLUE = "#56B4E9"
GREEN = "#009E73"
YELLOW = "#F0E442"
BLUE = "#0072B2"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"

STRUCTURE_COLORS: dict[str, str] = {
    "muscle": PURPLE,
    "psoas_left": SKY_BLUE,
    "psoas_right": ORANGE,
    "subcutaneous_fat": YELLOW,
    "visceral_fat": GREEN,
}
STRUCTURE_TITLES: dict[str, str] = {
    "muscle": "Skeletal muscle",
    "psoas_left": "Psoas left",
    "psoas_right": "Psoas right",
    "subcutaneous_fat": "Subcutaneous fat",
    "visceral_fat": "Visceral fat",
}
#: The line of the L3 level.
LEVEL_COLOR = VERMILION


def with_opacity(color: str, opacity: float) -> str:
    """``#RRGGBB`` as ``rgba(r, g, b, opacity)``."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity:g})"
