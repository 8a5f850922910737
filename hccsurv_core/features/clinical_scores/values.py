"""The values that clinical scores are made of: names, units, and which are possible.

Ranges are those of the cohort tables' quantities, wide on purpose: what lies outside is a slip of
the keyboard or of the unit, not merely abnormal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hccsurv_core.errors import InputError


@dataclass(frozen=True)
class Argument:
    """One value of a patient.

    Args:
        label: in words, as in "the albumin".
        unit: "" for a pure number and for what is none.
        low, high: possible values of a number, ``high`` included.
        low_open: ``low`` itself is not possible.
        whole: only whole numbers are.
        levels: of a choice: code to its words.
        hint: what an impossible number may be.
    """

    label: str
    unit: str = ""
    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    whole: bool = False
    levels: Mapping[str, str] | None = None
    hint: str = "check the number"

    @property
    def range_text(self) -> str:
        """What is possible, in words."""
        unit = f" {self.unit}".rstrip()
        start = f"above {self.low:g} and up to" if self.low_open else f"{self.low:g} to"
        return f"{start} {self.high:g}{unit}"


_YES_NO = {"yes": "yes", "no": "no"}
#: How much fluid; "mild" and "severe" are other words for the second and the third.
ASCITES = {
    "none": "none",
    "slight": "slight, or controlled by diuretics",
    "moderate": "moderate or more, in spite of diuretics",
}
ASCITES_SYNONYMS = {"mild": "slight", "severe": "moderate"}
ENCEPHALOPATHY = {"none": "none", "grade_1_2": "grade 1 or 2", "grade_3_4": "grade 3 or 4"}
CHILD_PUGH_CLASSES = {"A": "class A", "B": "class B", "C": "class C"}
#: From the best to the worst: CLN counts them 0 to 3.
DIFFERENTIATION = {
    "high": "high",
    "moderate": "moderate",
    "low": "low",
    "undifferentiated": "undifferentiated",
}

ARGUMENTS: dict[str, Argument] = {
    "albumin_g_l": Argument("albumin", "g/L", 8, 70, hint="if it is in g/dL, multiply by 10"),
    "bilirubin_umol_l": Argument(
        "bilirubin", "µmol/L", 0.5, 1500, hint="if it is in mg/dL, multiply by 17.1"
    ),
    "inr": Argument("INR", "", 0.5, 20),
    "prothrombin_prolonged_s": Argument(
        "prothrombin time above control", "s", -10, 200, hint="give the seconds above control"
    ),
    "ascites": Argument("ascites", levels=ASCITES),
    "encephalopathy": Argument("encephalopathy", levels=ENCEPHALOPATHY),
    "child_pugh_class": Argument("Child-Pugh class", levels=CHILD_PUGH_CLASSES),
    "child_pugh_score": Argument("Child-Pugh score", "points", 5, 15, whole=True),
    "age_years": Argument("age", "years", 0, 110, low_open=True),
    "ast_u_l": Argument("AST", "U/L", 0, 30_000, low_open=True),
    "alt_u_l": Argument("ALT", "U/L", 0, 30_000, low_open=True),
    "platelets_10e9_l": Argument(
        "platelets", "10⁹/L", 1, 3000, hint="if they are per µL, divide by 1000"
    ),
    "tumor_diameter_mm": Argument(
        "largest diameter", "mm", 0, 300, low_open=True, hint="if it is in cm, multiply by 10"
    ),
    "tumor_number": Argument("number of tumors", "", 1, 200, whole=True),
    "macrovascular_invasion": Argument("macrovascular invasion", levels=_YES_NO),
    "extrahepatic_spread": Argument("extrahepatic spread", levels=_YES_NO),
    "ecog": Argument("ECOG performance status", "", 0, 4, whole=True),
    "differentiation": Argument("differentiation", levels=DIFFERENTIATION),
    "nash": Argument("NASH or NAFLD", levels=_YES_NO),
    "surgery": Argument("surgery before", levels=_YES_NO),
    "pvtt": Argument("portal vein tumor thrombus", levels=_YES_NO),
    "ebrt": Argument("external beam radiotherapy before", levels=_YES_NO),
    "tace": Argument("embolization or chemoembolization before", levels=_YES_NO),
    "rfa": Argument("radiofrequency or microwave ablation before", levels=_YES_NO),
}


def known_number(name: str, value: object) -> float | None:
    """A number of an argument, or None where it is missing (None or not a number).

    Raises:
        InputError: it is no number, not a whole one where it should be, or not possible.
    """
    if _is_missing(value):
        return None
    argument = ARGUMENTS[name]
    number = _as_float(value)
    if number is None:
        raise InputError(f"{value!r} is not a number", source=name, remedy="give a number")
    too_low = number <= argument.low if argument.low_open else number < argument.low
    if too_low or not number <= argument.high:
        raise InputError(
            f"{_number_text(number)} {argument.unit}".rstrip()
            + f" is not possible, it must be {argument.range_text}",
            source=name,
            remedy=argument.hint,
        )
    if argument.whole and number != int(number):
        raise InputError(f"{number:g} is not a whole number", source=name, remedy="give a count")
    return number


def known_choice(name: str, value: object, synonyms: Mapping[str, str] | None = None) -> str | None:
    """The code of a choice, or None where it is missing.

    Raises:
        InputError: no such choice.
    """
    if _is_missing(value):
        return None
    levels = ARGUMENTS[name].levels or {}
    code = (synonyms or {}).get(str(value), str(value))
    if code not in levels:
        raise InputError(
            f"{value!r} is not possible", source=name, remedy=f"give one of {', '.join(levels)}"
        )
    return code


def known_truth(name: str, value: object) -> bool | None:
    """Yes or no (also 1 or 0), or None where it is missing.

    Raises:
        InputError: it is neither.
    """
    if _is_missing(value):
        return None
    # Takes booleans of any library, and the 0 and 1 of a table.
    if value in (0, 1):
        return bool(value)
    raise InputError(f"{value!r} is neither yes nor no", source=name, remedy="give True or False")


def given_text(name: str, value: object) -> str:
    """A checked value as a person reads it: "38 g/L", "none", "yes", "not known"."""
    argument = ARGUMENTS[name]
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if argument.levels is not None:
        return argument.levels[str(value)]
    return f"{_number_text(float(value))} {argument.unit}".rstrip()  # type: ignore[arg-type]


def missing_of(**values: object) -> tuple[str, ...]:
    """Names of the values that are None."""
    return tuple(name for name, value in values.items() if value is None)


def _number_text(number: float) -> str:
    return f"{number:.10g}"


def _as_float(value: object) -> float | None:
    """A plain number; None for text, yes or no, and what else is none."""
    if isinstance(value, bool | np.bool_ | str | bytes):
        return None
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def _is_missing(value: object) -> bool:
    if value is None:
        return True
    try:
        return bool(value != value)  # NaN of any library is not equal to itself
    except TypeError:
        return True  # pandas.NA, which is neither true nor false
