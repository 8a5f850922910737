"""What an inspection returns: plain values that cross the process border as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from hccsurv_core.patient import PatientFacts

PHASES = ("noncontrast", "arterial", "portal_venous", "delayed")
_MAX_TEXT = 4000
_MAX_LIST = 20_000


@dataclass(frozen=True)
class SeriesSummary:
    """One series of an upload, usable or not.

    Args:
        key: stable within the upload, whatever the order of its files.
        modality: "CT", "US", "MR", … as in DICOM; "NIFTI" for a NIfTI file.
        body_part: as the header says, or None.
        description: series description, or the file's name.
        phase: noncontrast, arterial, portal_venous, delayed or None (not known).
        n_slices: images in the series.
        rows, columns: size of one image, pixels.
        spacing_mm: (slice, row, column), mm; None where it is not known or uneven.
        study_date: ISO date or None.
        patient: facts in the headers.
        refusal: None if usable for body composition; else what is wrong and what to do.
        refusal_code: the ``code`` of the error that :meth:`Upload.load` would raise.
        warnings: what a reader must check.
        score: for preselection; larger is better. Refused series are below 0.
    """

    key: str
    modality: str
    body_part: str | None
    description: str
    phase: str | None
    n_slices: int
    rows: int
    columns: int
    spacing_mm: tuple[float, float, float] | None
    study_date: str | None
    patient: PatientFacts
    refusal: str | None
    refusal_code: str | None
    warnings: tuple[str, ...]
    score: float


@dataclass(frozen=True)
class SkippedFile:
    """A file of the upload that was not used, by the name the user knows it under."""

    name: str
    reason: str


@dataclass(frozen=True)
class Inspection:
    """All series of an upload, best first; ``preselected`` is a key, or None if none is usable."""

    series: tuple[SeriesSummary, ...]
    skipped: tuple[SkippedFile, ...]
    preselected: str | None

    def find(self, key: str) -> SeriesSummary | None:
        """The series with this key, or None."""
        return next((s for s in self.series if s.key == key), None)


def inspection_to_dict(inspection: Inspection) -> dict[str, Any]:
    """``inspection`` as JSON values."""
    return asdict(inspection)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {type(value).__name__}")
    return value[:_MAX_TEXT]


def _optional_text(value: Any) -> str | None:
    return None if value is None else _text(value)


def _optional_number(value: Any) -> float | None:
    return None if value is None else float(value)


def _patient(data: dict[str, Any]) -> PatientFacts:
    return PatientFacts(
        sex=_optional_text(data["sex"]),
        age_years=_optional_number(data["age_years"]),
        height_m=_optional_number(data["height_m"]),
        weight_kg=_optional_number(data["weight_kg"]),
    )


def _series(data: dict[str, Any]) -> SeriesSummary:
    spacing = data["spacing_mm"]
    if spacing is not None:
        slice_mm, row_mm, column_mm = (float(v) for v in spacing)
        spacing = (slice_mm, row_mm, column_mm)
    return SeriesSummary(
        key=_text(data["key"]),
        modality=_text(data["modality"]),
        body_part=_optional_text(data["body_part"]),
        description=_text(data["description"]),
        phase=_optional_text(data["phase"]),
        n_slices=int(data["n_slices"]),
        rows=int(data["rows"]),
        columns=int(data["columns"]),
        spacing_mm=spacing,
        study_date=_optional_text(data["study_date"]),
        patient=_patient(data["patient"]),
        refusal=_optional_text(data["refusal"]),
        refusal_code=_optional_text(data["refusal_code"]),
        warnings=tuple(_text(w) for w in data["warnings"]),
        score=float(data["score"]),
    )


def inspection_from_dict(data: dict[str, Any]) -> Inspection:
    """The inspection that :func:`inspection_to_dict` wrote.

    Raises:
        KeyError, TypeError, ValueError: the data is not an inspection (the decoder may be
            under the control of a hostile file, so nothing it says is taken on trust).
    """
    if len(data["series"]) > _MAX_LIST or len(data["skipped"]) > _MAX_LIST:
        raise ValueError("too many series")
    return Inspection(
        series=tuple(_series(s) for s in data["series"]),
        skipped=tuple(SkippedFile(_text(s["name"]), _text(s["reason"])) for s in data["skipped"]),
        preselected=_optional_text(data["preselected"]),
    )
