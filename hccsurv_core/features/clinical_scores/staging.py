"""Stages in which the worst finding decides, also where some findings are not known."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from hccsurv_core.features.clinical_scores.result import (
    ClinicalScore,
    ScoreDefinition,
    ScorePart,
    labels_of,
)
from hccsurv_core.features.clinical_scores.values import ARGUMENTS, given_text


def stage_of(
    definition: ScoreDefinition,
    parts: Sequence[ScorePart],
    missing: Sequence[str],
    notes: Sequence[str] = (),
) -> ClinicalScore:
    """The worst of what the parts call for.

    A part that is not known calls for several stages. Where every combination leads to the same
    stage, that stage is known all the same.

    Args:
        definition: its levels from the best to the worst.
        parts: each with the stages it calls for.
        missing: arguments that are not known. notes: what else is to be said.
    """
    codes = definition.codes
    found = {
        max(combination, key=codes.index)
        for combination in itertools.product(*(part.calls_for for part in parts))
    }
    possible = tuple(code for code in codes if code in found)
    code = possible[0] if len(possible) == 1 else None
    told = list(notes)
    if code is not None and missing:
        told.append(f"{definition.level(code).word} whatever {labels_of(missing)} would be")
    value = None if code is None else float(codes.index(code))
    return ClinicalScore(
        definition, value, code, tuple(parts), tuple(missing), possible, tuple(told)
    )


def finding(
    name: str, value: object, calls_for: str, otherwise: Sequence[str], reason: str
) -> ScorePart:
    """A part made of one value.

    Args:
        name: the argument. value: checked; None where it is not known.
        calls_for: the stage it makes, where it is known.
        otherwise: the stages it could make, where it is not.
        reason: in words, where it is known.
    """
    known = value is not None
    return ScorePart(
        name, ARGUMENTS[name].label, given_text(name, value), None,
        reason if known else "not known",
        (calls_for,) if known else tuple(otherwise),
    )  # fmt: skip


def burden(
    number: float | None,
    diameter_mm: float | None,
    rule: Callable[[int, float], str],
    numbers: Sequence[int],
    diameters: Sequence[float],
    codes: Sequence[str],
) -> ScorePart:
    """Number and largest diameter together.

    Args:
        number, diameter_mm: checked; None where not known.
        rule: the stage of a known number and diameter.
        numbers, diameters: one value for each interval that the rule tells apart.
        codes: of all stages, in order.
    """
    tried = itertools.product(
        numbers if number is None else (int(number),),
        diameters if diameter_mm is None else (diameter_mm,),
    )
    found = {rule(n, mm) for n, mm in tried}
    calls_for = tuple(code for code in codes if code in found)
    if number is None:
        count = "an unknown number of tumors"
    else:
        count = "a single tumor" if number == 1 else f"{number:g} tumors"
    size = "unknown" if diameter_mm is None else f"{diameter_mm:g} mm"
    return ScorePart(
        "tumor_number+tumor_diameter_mm",
        "number and largest diameter",
        f"{count}, {size}",
        None,
        ("makes stage " if len(calls_for) == 1 else "could make stage ") + " or ".join(calls_for),
        calls_for,
    )
