"""Patient facts, study date and contrast phase as DICOM headers tell them, slips of the unit included."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException

from hccsurv_core.io.faults import DECODER_ERRORS
from hccsurv_core.patient import HEIGHT_RANGE_M, WEIGHT_RANGE_KG, PatientFacts

#: BytesLengthException is pydicom's own, and no ValueError.
_ERRORS: tuple[type[Exception], ...] = (*DECODER_ERRORS, BytesLengthException)
_DAYS_PER_YEAR = 365.2425
#: HIPAA's safe harbour: ages of 90 and above are one class.
_OLDEST_YEARS = 90.0
_AGE_UNITS = {"Y": 1.0, "M": 1 / 12, "W": 7 / _DAYS_PER_YEAR, "D": 1 / _DAYS_PER_YEAR}
#: A standing height typed in centimetres; nothing in metres reaches this range.
_CENTIMETRES = (100.0, 250.0)

_PHASE_WORDS: tuple[tuple[str, str], ...] = (
    (
        "noncontrast",
        r"non[ -_]?(contrast|enhanced)|unenhanced|without contrast|\bw ?o (iv ?)?(contrast|cm\b|c\b)"
        r"|\bplain\b|\bnativ\w*|\bsans\b|\bnc\b|\bpre[ _-]?contrast|\bohne\s?km\b|\bbasale?\b",
    ),
    (
        "portal_venous",
        r"porto?[ _-]?(al)?[ _-]?ven\w*|\bportal\w*|\bvenous\b|ven[oö]s\w*|\bpv\b|\bpvp\b|\bveineux\b",
    ),
    ("arterial", r"\bart\b|arterial|arteriell|artériel|\bhap\b|\blap\b|\beap\b"),
    (
        "delayed",
        r"delay\w*|\blate\b(?!\s+art)|equilib\w*|\bspät\w*|\btardi\w*|\b(3|5|10|15)[ _-]?min\b",
    ),
)


def _value(ds: Dataset, keyword: str) -> Any:
    try:
        return ds.get(keyword)
    except _ERRORS:
        return None


def _positive(ds: Dataset, keyword: str) -> float | None:
    """A number above zero; scanners write 0 for "not entered"."""
    try:
        value = float(_value(ds, keyword))
    except _ERRORS:
        return None
    return value if 0 < value < float("inf") else None


def parse_date(value: Any) -> date | None:
    """A DICOM date (YYYYMMDD, or the older YYYY.MM.DD), or None."""
    match = re.fullmatch(r"(\d{4})[.\-]?(\d{2})[.\-]?(\d{2})", str(value or "").strip())
    if match is None:
        return None
    year, month, day = map(int, match.groups())
    try:
        return date(year, month, day)
    except ValueError:
        return None


def study_date(ds: Dataset) -> str | None:
    """ISO date of the study, else of the series or acquisition, or None."""
    for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate"):
        if (found := parse_date(_value(ds, keyword))) is not None:
            return found.isoformat()
    return None


def _age_years(ds: Dataset) -> float | None:
    match = re.fullmatch(r"(\d{1,3})([YMWD])", str(_value(ds, "PatientAge") or "").strip().upper())
    if match is not None and int(match[1]) > 0:
        return min(round(int(match[1]) * _AGE_UNITS[match[2]], 2), _OLDEST_YEARS)
    born, scanned = parse_date(_value(ds, "PatientBirthDate")), study_date(ds)
    if born is None or scanned is None:
        return None
    days = (date.fromisoformat(scanned) - born).days
    if not 0 < days < 120 * _DAYS_PER_YEAR:
        return None
    return min(float(int(days / _DAYS_PER_YEAR)), _OLDEST_YEARS)


def _height_m(ds: Dataset, warnings: list[str]) -> float | None:
    value = _positive(ds, "PatientSize")
    if value is None or HEIGHT_RANGE_M[0] <= value <= HEIGHT_RANGE_M[1]:
        return value
    if _CENTIMETRES[0] <= value <= _CENTIMETRES[1]:
        warnings.append(
            f"the header gives a height of {value:g} m: taken as {value / 100:.2f} m (centimetres)"
        )
        return round(value / 100, 4)
    warnings.append(f"the header gives a height of {value:g} m, which is not possible: left out")
    return None


def _weight_kg(ds: Dataset, warnings: list[str]) -> float | None:
    value = _positive(ds, "PatientWeight")
    if value is None or WEIGHT_RANGE_KG[0] <= value <= WEIGHT_RANGE_KG[1]:
        return value
    warnings.append(f"the header gives a weight of {value:g} kg, which is not possible: left out")
    return None


def read_facts(ds: Dataset) -> tuple[PatientFacts, tuple[str, ...]]:
    """Sex, age, height and weight, and what was doubtful about them.

    A value that is missing, zero or impossible is None. A height of 100 to 250 is
    centimetres typed into a field of metres (PS3.3 C.7.2.2): converted, with a warning.
    """
    warnings: list[str] = []
    sex = {"M": "male", "F": "female"}.get(str(_value(ds, "PatientSex") or "").strip().upper()[:1])
    facts = PatientFacts(
        sex=sex,
        age_years=_age_years(ds),
        height_m=_height_m(ds, warnings),
        weight_kg=_weight_kg(ds, warnings),
    )
    return facts, tuple(warnings)


def contrast_phase(*descriptions: str) -> str | None:
    """The phase that the first telling description names, or None.

    Contrast tags alone tell *that* contrast was given, not when the scan was made,
    and their absence tells nothing, so they do not count.
    """
    for description in descriptions:
        words = re.sub(r"[_/\\+.,;()]+", " ", description.lower())
        found = [phase for phase, pattern in _PHASE_WORDS if re.search(pattern, words)]
        if len(found) == 1:
            return found[0]
    return None
