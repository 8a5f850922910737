"""Models, parts and risk groups of system 4 look the same in every figure and on every page."""

from __future__ import annotations

from collections.abc import Mapping

from hccsurv_core.report.figures.chart import Dash, Symbol
from hccsurv_core.report.figures.palette import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY_BLUE,
    VERMILION,
)
from hccsurv_core.systems.immunotherapy.answer import PARTS
from hccsurv_core.systems.immunotherapy.versions import (
    CLN,
    RAD_D,
    RAD_S,
    RADCLN_D,
    RADCLN_S,
)

VERSION_COLORS: Mapping[str, str] = {
    CLN: GREEN, RAD_S: SKY_BLUE, RADCLN_S: ORANGE, RAD_D: BLUE, RADCLN_D: VERMILION,
}  # fmt: skip
#: Models of two scans are drawn solid.
VERSION_DASHES: Mapping[str, Dash] = {
    CLN: "dot", RAD_S: "dash", RADCLN_S: "dash", RAD_D: "solid", RADCLN_D: "solid",
}  # fmt: skip
VERSION_SYMBOLS: Mapping[str, Symbol] = {
    CLN: "triangle", RAD_S: "triangle-down", RADCLN_S: "triangle-down", RAD_D: "square",
    RADCLN_D: "circle",
}  # fmt: skip
#: What it looks at, short enough for a column.
VERSION_TITLES: Mapping[str, str] = {
    CLN: "CLN: clinical score", RAD_S: "Rad-S: baseline scan",
    RADCLN_S: "RadCLN-S: score, baseline scan", RAD_D: "Rad-D: both scans",
    RADCLN_D: "RadCLN-D: score, both scans",
}  # fmt: skip
PART_COLORS: Mapping[str, str] = dict(zip(PARTS, (GREEN, SKY_BLUE, VERMILION, PURPLE), strict=True))
LOW_TITLE, HIGH_TITLE = "Low risk", "High risk"
RISK_COLORS: Mapping[str, str] = {LOW_TITLE: BLUE, HIGH_TITLE: VERMILION}
CLOCK_CAPTION = (
    "S models and CLN count from the baseline scan, D models from the follow-up scan, of the patients "
    "still followed then: time before it could not have ended in death."
)
