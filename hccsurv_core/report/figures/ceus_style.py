"""Versions and classes of system 3 look the same in every figure and on every page."""

from __future__ import annotations

from collections.abc import Mapping

from hccsurv_core.report.figures.chart import Dash, Symbol
from hccsurv_core.report.figures.palette import BLUE, GREEN, ORANGE, PURPLE, SKY_BLUE, VERMILION
from hccsurv_core.systems.ceus.risk_classes import CLASSES
from hccsurv_core.systems.ceus.settings import CLINICAL, COMBINED, DLR, VERSION_WORDS

VERSION_TITLES: Mapping[str, str] = {
    name: words[:1].upper() + words[1:] for name, words in VERSION_WORDS.items()
}
VERSION_COLORS: Mapping[str, str] = {CLINICAL: SKY_BLUE, DLR: ORANGE, COMBINED: BLUE}
VERSION_DASHES: Mapping[str, Dash] = {CLINICAL: "dash", DLR: "dot", COMBINED: "solid"}
VERSION_SYMBOLS: Mapping[str, Symbol] = {CLINICAL: "triangle", DLR: "square", COMBINED: "circle"}
#: By what :data:`~hccsurv_core.systems.ceus.settings.VERSION_WORDS` calls a version.
VERSION_OF_WORDS: Mapping[str, str] = {words: name for name, words in VERSION_WORDS.items()}

CLASS_COLORS: Mapping[int, str] = {1: PURPLE, 2: VERMILION, 3: GREEN, 4: BLUE}
#: "Class 1 (recurrence ↑, death ↓)": short enough for a legend.
CLASS_TITLES: Mapping[int, str] = {
    c.number: f"Class {c.number} (recurrence {'↑' if c.high_recurrence else '↓'}, "
    f"death {'↑' if c.high_death else '↓'})"
    for c in CLASSES
}
CLASSES_CAPTION = "↑ predicted likely or high, ↓ not, by the cut-offs learned in training."
