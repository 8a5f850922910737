"""RECIST 1.1 of a cohort's patients, from the target lesions that were read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hccsurv_core.errors import InputError
from hccsurv_core.features.recist import recist
from hccsurv_core.features.recist_lesions import LesionSizes
from hccsurv_core.features.recist_response import Response
from hccsurv_core.systems.immunotherapy.cohort import NEW_LESION

#: Targets that a table may hold.
_MOST = 5


def response_of(readings: Mapping[str, Any]) -> Response | None:
    """RECIST 1.1 of one patient's readings; None where nothing was read at baseline.

    Args:
        readings: ``target_k_organ``, ``target_k_baseline_mm``, ``target_k_followup_mm``,
            ``new_lesion_seen`` by column; what is not known is absent.

    Raises:
        InputError: a diameter is not possible.
    """
    lesions = []
    for k in range(1, _MOST + 1):
        before = readings.get(f"target_{k}_baseline_mm")
        if before is None:
            continue
        after = readings.get(f"target_{k}_followup_mm")
        lesions.append(
            LesionSizes(
                f"target {k}", str(readings.get(f"target_{k}_organ", "liver")), float(before),
                None if after is None else float(after),
            )
        )  # fmt: skip
    if not lesions:
        return None
    return recist(lesions, new_lesion=bool(readings.get(NEW_LESION, False)))


def category_of(readings: Mapping[str, Any]) -> str:
    """The category, "" where there is none: nothing was read, or not at follow-up."""
    try:
        found = response_of(readings)
    except InputError:
        return ""
    category = None if found is None else found.category
    return "" if category in (None, "NE") else str(category)
