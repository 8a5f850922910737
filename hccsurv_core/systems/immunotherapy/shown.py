"""Covariates as a person reads them: label, unit, value."""

from __future__ import annotations

import math

from hccsurv_core.systems.immunotherapy.clinical import SCORE
from hccsurv_core.systems.immunotherapy.signs import BY_NAME, SIGN
from hccsurv_core.systems.immunotherapy.tables import NETWORKS

#: Signs whose logarithm is undone: name → unit and how.
_PLAIN = {
    f"{SIGN}liver_diameter": ("mm", lambda v: 2.0**v),
    f"{SIGN}liver_area": ("cm²", lambda v: 2.0**v),
    f"{SIGN}liver_number": ("", lambda v: 2.0**v - 1),
    f"{SIGN}lung_load": ("mL", lambda v: math.expm1(v) / 4),
    f"{SIGN}growth": ("% per month", lambda v: 100 * math.expm1(v)),
    f"{SIGN}area_growth": ("% per month", lambda v: 100 * math.expm1(v)),
}
_NEW = f"{SIGN}new_lesion"


def shown_value(name: str, value: float) -> tuple[str, str, float, str]:
    """Label, unit, the value as a person reads it, and that as text.

    Args:
        name: of a covariate. value: what the model takes; NaN is not known.
    """
    label = _label(name)
    unit, undo = _PLAIN.get(name, (BY_NAME[name].unit if name in BY_NAME else "", float))
    if math.isnan(value):
        return label, unit, math.nan, "not known"
    shown = float(undo(value))
    if name == _NEW:
        return label, "", shown, "yes" if shown else "no"
    return label, unit, shown, f"{shown:.3g} {unit}".rstrip()


def part_of_covariate(name: str) -> str:
    """Of :data:`~hccsurv_core.systems.immunotherapy.answer.PARTS`."""
    if name == SCORE.name:
        return "clinical"
    if name in NETWORKS:
        return "network"
    return "growth" if BY_NAME[name].followed else "baseline"


def _label(name: str) -> str:
    if name == SCORE.name:
        return SCORE.label
    return NETWORKS.get(name) or BY_NAME[name].label
