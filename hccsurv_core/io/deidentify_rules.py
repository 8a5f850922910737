"""Which DICOM attribute is kept, changed, emptied or removed.

The table of the Basic Application Level Confidentiality Profile (DICOM PS3.15
2026c, Annex E, Table E.1-1) comes from the package dicom-anonymizer. Its own
engine is not used, because it visits the top level of a file only (names inside
sequences that the table does not list would stay), draws random UIDs into a
dictionary shared by all patients, and looks up every rule in every file. The
walk here visits every element of every level once.

Beyond the Basic Profile, whatever it says nothing about is kept only if it
cannot carry a name: numbers, coded strings and dates are checked to be what
their type says, free text is emptied unless the attribute is technical, unknown
attributes and local code sequences are removed.

Options: Retain Patient Characteristics, of which just sex, age, height and
weight are kept; Retain Longitudinal Temporal Information with Modified Dates,
where days are shifted and the time of day is set to midnight.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from pydicom.datadict import dictionary_VM, dictionary_VR, keyword_for_tag, tag_for_keyword

#: Edition of the table in use, as dicom-anonymizer names it.
PROFILE = "dicomfields_2026c"

REMOVE, EMPTY, DUMMY, MAP_UID, RECURSE = "remove", "empty", "dummy", "map_uid", "recurse"

#: Categories of the table to what is done here. Where the profile lets a choice
#: (X/Z, X/D …), the element stays with an empty or dummy value, so that files stay valid.
_ACTIONS = {
    "X_TAGS": REMOVE,
    "Z_TAGS": EMPTY,
    "X_Z_TAGS": EMPTY,
    "D_TAGS": DUMMY,
    "Z_D_TAGS": DUMMY,
    "X_D_TAGS": DUMMY,
    "X_Z_D_TAGS": DUMMY,
    "U_TAGS": MAP_UID,
    "X_Z_U_STAR_TAGS": RECURSE,
}

#: Of the option Retain Patient Characteristics.
CHARACTERISTICS = ("PatientSex", "PatientAge", "PatientSize", "PatientWeight")
#: Dates of the person, not of the care: no shift makes them harmless.
_PERSONAL_DATES = (
    "PatientBirthDate",
    "PatientBirthDateInAlternativeCalendar",
    "PatientDeathDateInAlternativeCalendar",
    "PatientBirthTime",
    "LastMenstrualDate",
)
#: Free text that says how an image was made, not of whom.
_TECHNICAL = (
    "Manufacturer",
    "ManufacturerModelName",
    "SoftwareVersions",
    "ConvolutionKernel",
    "FilterType",
    "RescaleType",
    "WindowCenterWidthExplanation",
    "StackID",
    "CodeValue",
    "CodingSchemeDesignator",
    "CodingSchemeVersion",
    "CodeMeaning",
)
#: Bytes that are image, or needed to show it.
_BULK = (
    "PixelData",
    "FloatPixelData",
    "DoubleFloatPixelData",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData",
    "AlphaPaletteColorLookupTableData",
    "SegmentedRedPaletteColorLookupTableData",
    "SegmentedGreenPaletteColorLookupTableData",
    "SegmentedBluePaletteColorLookupTableData",
    "LUTData",
)

#: Value representations by what can hide in them.
_KINDS = {
    **dict.fromkeys(("US", "SS", "UL", "SL", "UV", "SV", "FL", "FD", "AT"), "number"),
    **dict.fromkeys(("OB", "OW", "OF", "OD", "OL", "OV", "OB or OW", "UN"), "bulk"),
    **dict.fromkeys(("US or SS", "US or OW", "US or SS or OW"), "number"),
    **dict.fromkeys(("LO", "LT", "SH", "ST", "UT", "UC", "UR", "PN", "AE"), "text"),
    **dict.fromkeys(("CS", "DS", "IS", "AS"), "coded"),
    **dict.fromkeys(("DA", "DT", "TM"), "time"),
    "UI": "uid",
    "SQ": "sequence",
}
_SIZES = {"US": 2, "SS": 2, "UL": 4, "SL": 4, "FL": 4, "AT": 4, "UV": 8, "SV": 8, "FD": 8}
_PATTERNS = {
    # A run of digits is no defined term, but may be a date of birth or a record number.
    "CS": re.compile(rb"(?!.*[0-9]{6})(?:[A-Z0-9 _]{0,16}(?:\\|$))*"),
    "DS": re.compile(rb"[0-9+\-.eE \\]*"),
    "IS": re.compile(rb"[0-9+\- \\]*"),
    "AS": re.compile(rb"[0-9]{3}[DWMY]|"),
}
_TECHNICAL_TEXT = re.compile(rb"[A-Za-z0-9 _.,:;/+\-*()\\&#%]{0,128}")
#: Coding schemes whose codes are public; a hospital's own scheme names the hospital.
_PUBLIC_SCHEMES = frozenset(
    [
        "DCM",
        "SCT",
        "SRT",
        "SNM3",
        "UCUM",
        "LN",
        "FMA",
        "RADLEX",
        "UMLS",
        "NCIt",
        "MDC",
        "I9",
        "I10",
        "ICD10",
        "RXNORM",
        "IBSI",
    ]
)


@cache
def profile() -> dict[int, str]:
    """Tag to action, for every attribute that the Basic Profile lists."""
    from importlib import import_module

    module = import_module(f"dicomanonymizer.dicom_anonymization_databases.{PROFILE}")
    table = {}
    for category, action in _ACTIONS.items():
        for entry in getattr(module, category):
            # Repeating groups (curves, overlays) have masks besides; they go as whole groups.
            if len(entry) == 2:
                table[entry[0] << 16 | entry[1]] = action
    for keyword in (*CHARACTERISTICS, "PatientName", "PatientID"):
        table.pop(_tag(keyword), None)
    return table


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    return tag


@cache
def tags(name: str) -> frozenset[int]:
    """The tags of one of this module's lists: "personal_dates", "technical" or "bulk"."""
    lists = {"personal_dates": _PERSONAL_DATES, "technical": _TECHNICAL, "bulk": _BULK}
    return frozenset(_tag(keyword) for keyword in lists[name])


def is_removed_group(tag: int) -> bool:
    """Private groups, group lengths, commands, curves (50xx), overlays (60xx), trailing padding."""
    group, element = tag >> 16, tag & 0xFFFF
    if group % 2 or element == 0 or group < 0x0008 or group >= 0xFFFC:
        return True
    return group & 0xFF00 in (0x5000, 0x6000)


@cache
def standard_vr(tag: int) -> str | None:
    """The value representation the standard gives, or None for an attribute it does not know."""
    try:
        return dictionary_VR(tag)
    except KeyError:
        return None


@cache
def is_free_label(tag: int) -> bool:
    """Whether a coded string is in truth free text (Content Label and its like)."""
    return standard_vr(tag) == "CS" and keyword_for_tag(tag).endswith(("Label", "Name", "ID"))


def kind(vr: str) -> str:
    """What can hide in a value representation: number, bulk, text, coded, time, uid, sequence."""
    return _KINDS.get(vr, "bulk")


@cache
def _is_single(tag: int) -> bool:
    return dictionary_VM(tag) == "1"


def is_credible(tag: int, vr: str, value: bytes) -> bool:
    """Whether raw bytes are what their representation says, so that no name can hide in them."""
    if pattern := _PATTERNS.get(vr):
        return pattern.fullmatch(value.rstrip(b" \0")) is not None
    size = _SIZES.get(vr)
    if size and value:
        return len(value) == size if _is_single(tag) else len(value) % size == 0
    return True


def is_technical_text(value: bytes) -> bool:
    """Whether bytes are plain ASCII of a length that technical attributes have."""
    return _TECHNICAL_TEXT.fullmatch(value.rstrip(b" \0")) is not None


def is_public_scheme(scheme: str) -> bool:
    """Whether a coding scheme's codes tell nothing of the hospital."""
    return scheme.strip() in _PUBLIC_SCHEMES


@cache
def _meanings() -> dict[tuple[str, str], str]:
    from pydicom.sr._concepts_dict import concepts

    schemes: dict[str, dict[str, Any]] = concepts  # type: ignore[assignment]
    found = {}
    for scheme, by_keyword in schemes.items():
        for codes in by_keyword.values():
            for value, (meaning, _) in codes.items():
                found[scheme, value] = meaning
    return found


def public_meaning(scheme: str, value: str) -> str:
    """The published meaning of a code; what a file says it means may be anything."""
    return _meanings().get((scheme.strip(), value.strip()), "Not stated")
