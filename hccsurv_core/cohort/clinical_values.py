"""Clinical values of one patient: names, groups, units, what is possible, and reading a typed text.

The names are those of the cohort tables (``albumin_g_l``), so that a model trained on a cohort
finds its inputs in a patient. Units, conversions and possible ranges are those of
:mod:`~hccsurv_core.cohort.quantities`. A value that is not known is absent, never a default.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from hccsurv_core.cohort.cell_values import read_number
from hccsurv_core.cohort.quantities import (
    BY_KEY,
    Quantity,
    find_unit,
    spaced_name,
    unit_by_median,
)
from hccsurv_core.errors import InputError

#: What a known value can be: a number, yes or no, or one of some words.
Value = float | bool | str
Group = Literal["liver", "tumor", "immunotherapy"]

GROUP_TITLES: dict[Group, str] = {
    "liver": "Liver",
    "tumor": "Tumor and treatment",
    "immunotherapy": "Before immunotherapy",
}


@dataclass(frozen=True)
class ClinicalValue:
    """One thing that may be known of a patient.

    Args:
        name: its column in a cohort table.
        label: in words.
        group: where the form shows it.
        quantity: of a number: unit, conversions and possible range; else None.
        levels: of a choice: code to its word, in order; empty for a number and for yes or no.
        about: what is meant, in a few words.
        source: the rule it follows, where there is one.
        example: of a number: how it may be typed.
    """

    name: str
    label: str
    group: Group
    quantity: Quantity | None = None
    levels: Mapping[str, str] | None = None
    about: str = ""
    source: str = ""
    example: str = ""

    @property
    def kind(self) -> Literal["number", "choice", "yes_no"]:
        """What a known value is."""
        if self.quantity is not None:
            return "number"
        return "choice" if self.levels else "yes_no"

    @property
    def unit(self) -> str:
        """The unit it is kept in; "" for a pure number and for what is no number."""
        return "" if self.quantity is None else self.quantity.unit

    @property
    def other_units(self) -> tuple[str, ...]:
        """Units in which it may be given besides."""
        return () if self.quantity is None else tuple(self.quantity.units)


def _number(
    name: str, key: str, group: Group, label: str, example: str, about: str = "", source: str = ""
) -> ClinicalValue:
    return ClinicalValue(
        name, label, group, BY_KEY[key], about=about, source=source, example=example
    )


_PUGH = "Pugh et al. 1973, doi:10.1002/bjs.1800600817"
_ECOG = "Oken et al. 1982, Am J Clin Oncol 5:649-655"
_BCLC = "Reig et al. 2022, doi:10.1016/j.jhep.2021.11.018"
_CEUS = "phases of Huang et al. 2022, doi:10.4251/wjgo.v14.i12.2380"
_CLN = "of the CLN score, Xia et al. 2024, doi:10.1186/s13244-024-01784-8"

CLINICAL_VALUES: tuple[ClinicalValue, ...] = (
    _number("albumin_g_l", "albumin", "liver", "Albumin", "38 g/L or 3.8 g/dL", "serum"),
    _number("bilirubin_umol_l", "bilirubin", "liver", "Bilirubin", "14 µmol/L or 0.8 mg/dL", "total, serum"),
    _number("inr", "inr", "liver", "INR", "1.1", "international normalized ratio"),
    _number("platelets_10e9_l", "platelets", "liver", "Platelets", "160 10⁹/L or 160000 /µL"),
    _number("ast_u_l", "ast", "liver", "AST", "35 U/L", "aspartate aminotransferase"),
    _number("alt_u_l", "alt", "liver", "ALT", "35 U/L", "alanine aminotransferase"),
    ClinicalValue("ascites", "Ascites", "liver", levels={"none": "None", "mild": "Mild", "moderate": "Moderate"}, about="before the operation"),
    ClinicalValue("encephalopathy", "Encephalopathy", "liver", levels={"none": "None", "grade_1_2": "Grade 1 or 2", "grade_3_4": "Grade 3 or 4"}, about="hepatic"),
    _number("child_pugh_score", "child_pugh", "liver", "Child-Pugh score", "5", "5 to 15 points", _PUGH),
    ClinicalValue("cirrhosis", "Cirrhosis", "liver", about="in the specimen or biopsy"),
    ClinicalValue("hbsag", "HBsAg", "liver", about="hepatitis B surface antigen"),
    _number("afp_ng_ml", "afp", "tumor", "AFP", "56 ng/mL or 46 IU/mL", "alpha-fetoprotein"),
    _number("tumor_diameter_mm", "tumor_size", "tumor", "Largest diameter", "43 mm or 4.3 cm", "of the largest tumor"),
    _number("tumor_number", "tumor_count", "tumor", "Number of tumors", "1"),
    ClinicalValue("tumor_location", "Location", "tumor", levels={"peripheral": "Peripheral", "central": "Central"}, about="of the largest tumor; central is by the hilum"),
    ClinicalValue("macrovascular_invasion", "Macrovascular invasion", "tumor", about="tumor in a large vessel on imaging"),
    ClinicalValue("microvascular_invasion", "Microvascular invasion", "tumor", about="tumor in small vessels in the specimen"),
    ClinicalValue("portal_invasion", "Portal vein", "tumor", levels={"none": "Free", "branch": "Tumor in a branch", "main": "Tumor in the trunk"}, about="on imaging"),
    ClinicalValue("portal_phase", "Portal phase of CEUS", "tumor", levels={"hypoenhancement": "Darker", "isoenhancement": "Equal", "hyperenhancement": "Brighter"}, about="tumor against liver, 30 to 120 s after the agent", source=_CEUS),
    ClinicalValue("extrahepatic_spread", "Extrahepatic spread", "tumor", about="lymph nodes or distant"),
    ClinicalValue("ecog", "ECOG status", "tumor", levels={c: c for c in "01234"}, about="performance status", source=_ECOG),
    ClinicalValue("bclc_stage", "BCLC stage", "tumor", levels={c: c for c in "0ABCD"}, about="Barcelona stage", source=_BCLC),
    ClinicalValue("treatment", "Operation", "tumor", levels={"hepatectomy": "Hepatectomy", "transplantation": "Transplantation"}, about="planned or done"),
    ClinicalValue("differentiation", "Differentiation", "immunotherapy", levels={"high": "High", "moderate": "Moderate", "low": "Low", "undifferentiated": "Undifferentiated"}, about="of the tumor, by histology", source=_CLN),
    ClinicalValue("nash", "NASH or NAFLD", "immunotherapy", about="non-alcoholic fatty liver disease or steatohepatitis", source=_CLN),
    ClinicalValue("surgery", "Liver surgery", "immunotherapy", about="before the baseline scan", source=_CLN),
    ClinicalValue("pvtt", "Portal vein thrombus", "immunotherapy", about="of tumor, partial or complete", source=_CLN),
    ClinicalValue("ebrt", "Radiotherapy", "immunotherapy", about="external beam, before the baseline scan", source=_CLN),
    ClinicalValue("tace", "TAE or TACE", "immunotherapy", about="before the baseline scan", source=_CLN),
    ClinicalValue("rfa", "RFA or MWA", "immunotherapy", about="radiofrequency or microwave ablation before the baseline scan", source=_CLN),
)  # fmt: skip
BY_NAME = {value.name: value for value in CLINICAL_VALUES}

#: How laboratories also write 10⁹/L (giga per liter, thousand per µL), squashed.
_SPELLINGS = dict.fromkeys(("gl", "nl", "103ul", "103mm3", "kul"), "10⁹/L")
_TYPED = re.compile(
    r"(?P<number>[-+−]?\d[\d\s.,'’]*?)\s*(?:[x×]\s*)?(?P<unit>(?:10\s*[\^⁹³]|[^\W\d_]|/).*)?"
)


def parse_clinical_value(name: str, text: str | None) -> float | None:
    """The number a person typed, in the unit it is kept in; None where nothing was typed.

    A bare number is in the kept unit, unless that would be unusual and another unit would not:
    then the unit must be written behind it, as it may always be.

    Raises:
        InputError: it is no number, its unit is not known or in doubt, or it is not possible.

    >>> parse_clinical_value("albumin_g_l", "4.1 g/dL"), parse_clinical_value("albumin_g_l", " ")
    (41.0, None)
    """
    value = BY_NAME[name]
    quantity = value.quantity
    if quantity is None:
        raise ValueError(f"{name} is no number")
    typed = (text or "").strip()
    if not typed:
        return None
    found = _TYPED.fullmatch(typed)
    number = math.nan if found is None else _read(found["number"])
    if found is None or math.isnan(number):
        remedy = (
            "a limit such as “<20” cannot be kept: give the number, or leave it empty"
            if typed[0] in "<>≤≥~≈"
            else f"write it like {value.example}, or leave it empty if it is not known"
        )
        raise InputError(f"“{typed}” is not a number", source=value.label, remedy=remedy)
    unit = _unit(found["unit"], quantity, value.label)
    checked = _checked_number(value.label, quantity, number, unit)
    likely = unit_by_median(number, quantity) if unit is None else None
    if likely is not None and likely != quantity.unit:
        bare = number_text(number)
        raise InputError(
            f"“{typed}” may be in {likely} or in {quantity.unit}",
            source=value.label,
            remedy=f"write “{bare} {likely}” or “{bare} {quantity.unit}”",
        )
    return checked


def check_clinical_values(values: Mapping[str, object]) -> dict[str, Value]:
    """The known ones of ``values``, each checked; unknown ones (None) are left out.

    Raises:
        InputError: a name is not known, a value is of the wrong kind or not possible.
    """
    checked: dict[str, Value] = {}
    for value in CLINICAL_VALUES:
        given = values.get(value.name)
        if given is not None:
            checked[value.name] = _checked(value, given)
    for name in values:
        if name not in BY_NAME:
            raise InputError(
                f"{name!r} is no clinical value",
                source="clinical values",
                remedy=f"choose among {', '.join(BY_NAME)}",
            )
    return checked


def value_text(name: str, given: Value | None) -> str:
    """A value as a person reads it, with its unit: "41 g/L", "yes", "Moderate", "not known"."""
    value = BY_NAME[name]
    if given is None:
        return "not known"
    if value.levels:
        return value.levels[str(given)]
    if value.kind == "yes_no":
        return "yes" if given else "no"
    return f"{number_text(float(given))} {value.unit}".rstrip()


def number_text(number: float) -> str:
    """A number without an exponent and without needless digits: 41, 3.25, 121000."""
    return f"{number:.6f}".rstrip("0").rstrip(".")


def _checked(value: ClinicalValue, given: object) -> Value:
    if value.quantity is not None:
        if isinstance(given, bool) or not isinstance(given, int | float):
            raise InputError(f"{given!r} is not a number", source=value.label)
        return _checked_number(value.label, value.quantity, float(given), None)
    if value.levels:
        if given not in value.levels:
            raise InputError(
                f"{given!r} is not possible",
                source=value.label,
                remedy=f"choose one of {', '.join(value.levels)}",
            )
        return str(given)
    if not isinstance(given, bool):
        raise InputError(f"{given!r} is neither yes nor no", source=value.label)
    return given


def _checked_number(label: str, quantity: Quantity, typed: float, unit: str | None) -> float:
    """``typed`` in the kept unit, if that is possible."""
    # 4.1 g/dL are 41 g/L, not 41.00000000000001.
    number = float(f"{typed * quantity.factor(unit):.10g}")
    if not _possible(quantity, number):
        shown = f"{number_text(typed)} {unit or quantity.unit}".rstrip()
        raise InputError(
            f"{shown} is not possible, it must be {quantity.range_text(unit)}",
            source=label,
            remedy=_meant_otherwise(quantity, typed, unit),
        )
    if quantity.counted and number != int(number):
        raise InputError(
            f"{number_text(number)} is not a whole number", source=label, remedy="give a count"
        )
    return number


def _possible(quantity: Quantity, number: float) -> bool:
    if not math.isfinite(number) or not quantity.low <= number <= quantity.high:
        return False
    return number > quantity.low or not quantity.low_open


def _meant_otherwise(quantity: Quantity, typed: float, unit: str | None) -> str:
    """What to do about an impossible number: it may be in another unit."""
    for other in quantity.all_units:
        meant = other != (unit or quantity.unit)
        if meant and _possible(quantity, typed * quantity.factor(other)):
            return f"if it is in {other}, write “{number_text(typed)} {other}”"
    return "check the number"


def _read(text: str) -> float:
    """A number with a point or, failing that, with a comma for its decimals."""
    number = read_number(text)
    return read_number(text, ",") if math.isnan(number) else number


def _squashed(unit: str) -> str:
    return spaced_name(unit).replace(" ", "")


def _unit(text: str | None, quantity: Quantity, label: str) -> str | None:
    if not text:
        return None
    unit = find_unit(text, quantity)
    if unit is None:
        same = _SPELLINGS.get(_squashed(text))
        unit = same if same in quantity.all_units else None
    if unit is None:
        known = " or ".join(u for u in quantity.all_units if u)
        raise InputError(
            f"“{text}” is not a unit of it that is known here",
            source=label,
            remedy=f"give it in {known}" if known else "give the number alone",
        )
    return unit
