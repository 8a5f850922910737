"""What is known of one patient, in a file: ``case.json`` by the names of a cohort table, checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hccsurv_core.cohort.clinical_values import BY_NAME, check_clinical_values
from hccsurv_core.errors import InputError
from hccsurv_core.io.json_object import read_json_object
from hccsurv_core.patient import PatientFacts, check_patient_facts
from hccsurv_core.systems.patient_profile import ALIASES

RECORD_FILE = "case.json"
_FACTS = ("sex", "age_years", "height_m", "weight_kg")
#: Other words for a level.
_SPELLINGS = {"ascites": {"slight": "mild", "severe": "moderate"}}
#: What was done is no cause to do it.
NOT_ASKED = ("treatment",)


def read_record(path: Path) -> dict[str, Any]:
    """What is known of a patient, checked; null is not known.

    Raises:
        InputError: it is no JSON object, a name is not known, or a value is not possible.
    """
    return record_of(read_json_object(path, '{"age_years": 61, …}'), path.name)


def record_of(given: Mapping[str, Any], file_name: str) -> dict[str, Any]:
    """:func:`checked_record` of what a file held; its errors name the file."""
    try:
        return checked_record(given)
    except InputError as error:
        told = error.what if error.source is None else f"{error.source}: {error.what}"
        raise InputError(told, source=file_name, remedy=error.remedy) from error


def checked_record(given: Mapping[str, Any]) -> dict[str, Any]:
    """Facts and clinical values by name, each checked.

    Raises:
        InputError: a name is not known, or a value is not possible.
    """
    named = {ALIASES.get(k, k): v for k, v in given.items() if v is not None}
    facts = {name: named.pop(name) for name in _FACTS if name in named}
    for name, value in facts.items():
        if name != "sex" and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise InputError(f"{value!r} is not a number", source=name, remedy="give a number")
    check_patient_facts(PatientFacts(**facts))
    clinical = {
        name: _as_kept(name, value) for name, value in named.items() if name not in NOT_ASKED
    }
    return {**facts, **check_clinical_values(clinical)}


def _as_kept(name: str, value: Any) -> Any:
    """A value as the store keeps it: tables write yes as 1 and a grade as a number."""
    if name not in BY_NAME:
        return value
    kind = BY_NAME[name].kind
    if kind == "yes_no" and value in (0, 1):
        return bool(value)
    if kind == "choice":
        text = f"{value:g}" if isinstance(value, int | float) else str(value)
        return _SPELLINGS.get(name, {}).get(text, text)
    return value
