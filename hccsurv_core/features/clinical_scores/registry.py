"""All scores: for a page that lists them with formula and source, and for one patient at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from hccsurv_core.features.clinical_scores.albi import ALBI, MODIFIED_ALBI, albi, modified_albi
from hccsurv_core.features.clinical_scores.bclc import BCLC, bclc
from hccsurv_core.features.clinical_scores.child_pugh import (
    CHILD_PUGH,
    child_pugh,
    child_pugh_class,
)
from hccsurv_core.features.clinical_scores.cnlc import CNLC, cnlc
from hccsurv_core.features.clinical_scores.fib4 import FIB4, fib4
from hccsurv_core.features.clinical_scores.result import ClinicalScore, ScoreDefinition
from hccsurv_core.features.clinical_scores.values import known_choice, known_number

#: Key → how it is computed, in the order in which a page shows them.
COMPUTE: dict[str, Callable[..., ClinicalScore]] = {
    "albi": albi,
    "modified_albi": modified_albi,
    "child_pugh": child_pugh,
    "fib4": fib4,
    "bclc": bclc,
    "cnlc": cnlc,
}
#: Key → formula, levels and source.
DEFINITIONS: dict[str, ScoreDefinition] = {
    definition.key: definition for definition in (ALBI, MODIFIED_ALBI, CHILD_PUGH, FIB4, BCLC, CNLC)
}
_STAGES = ("bclc", "cnlc")


def score_patient(values: Mapping[str, Any]) -> dict[str, ClinicalScore]:
    """Every score of one patient.

    The stages take the Child-Pugh class from the parts of the Child-Pugh score where these decide
    it, else from ``child_pugh_class``, else from recorded points (``child_pugh_score``), and say so
    where it was recorded.

    Args:
        values: by the names of :data:`~hccsurv_core.features.clinical_scores.values.ARGUMENTS`;
            other names are passed over, None and NaN are not known.

    Raises:
        InputError: a value is not possible.
    """
    found: dict[str, ClinicalScore] = {}
    liver, note = None, None
    for key, compute in COMPUTE.items():
        given = {name: values.get(name) for name in DEFINITIONS[key].arguments}
        if key in _STAGES:
            given["child_pugh_class"] = liver
        found[key] = compute(**given)
        if key in _STAGES and note is not None:
            found[key] = replace(found[key], notes=(*found[key].notes, note))
        if key == "child_pugh":
            liver, note = _liver_class(found[key], values)
    return found


def _liver_class(
    computed: ClinicalScore, values: Mapping[str, Any]
) -> tuple[str | None, str | None]:
    """The Child-Pugh class, and a note where it does not come from the parts alone."""
    recorded = known_choice("child_pugh_class", values.get("child_pugh_class"))
    points = known_number("child_pugh_score", values.get("child_pugh_score"))
    source = "the recorded class"
    if recorded is None and points is not None:
        recorded, source = child_pugh_class(points), "the recorded points"
    if recorded is None:
        return computed.code, None
    if computed.code is None:
        return recorded, f"Child-Pugh class {recorded} by {source}"
    if recorded != computed.code:
        return computed.code, (
            f"Child-Pugh class {computed.code} by its parts; {source} would make {recorded}"
        )
    return computed.code, None
