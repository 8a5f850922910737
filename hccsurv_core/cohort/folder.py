"""The cohort folder: a table of patients, what its columns mean, and their images.

::

    cohort.csv    one row a patient, UTF-8, comma, decimal point; an empty cell is missing
    cohort.json   the schema: name, system, endpoint, columns, images, rois (:class:`CohortInfo`)
    images/<patient_id>/<role>/…           DICOM files of one series
    rois/<patient_id>/<role>_<structure>.nii.gz   an outline, as labels on the images' own grid
    truth.csv, truth.json                  simulated cohorts only; no pipeline reads them

Columns every cohort has: ``patient_id`` and the endpoint's two (``time_months``, ``event``).
Clinical columns carry their unit as a suffix (``albumin_g_l``). Every column of the CSV is
described in the JSON and the other way round, so that nothing is read by guessing.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hccsurv_core.cohort.folder_schema import (
    PATIENT_ID,
    SCHEMA_FILE,
    SCHEMA_VERSION,
    CohortInfo,
    ColumnInfo,
    Endpoint,
    ImageInfo,
    RoiInfo,
    info_from_json,
)
from hccsurv_core.errors import TableError
from hccsurv_core.outcome import SurvivalOutcome

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = [
    "Cohort",
    "CohortInfo",
    "ColumnInfo",
    "Endpoint",
    "ImageInfo",
    "RoiInfo",
    "read_cohort",
    "read_cohort_info",
    "write_cohort",
]

TABLE_FILE = "cohort.csv"
TRUTH_TABLE_FILE, TRUTH_FILE = "truth.csv", "truth.json"
IMAGES, ROIS = "images", "rois"

#: What may become a folder's name: nothing that leaves the cohort's folder.
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_BOOLEANS = {"1": 1.0, "1.0": 1.0, "true": 1.0, "0": 0.0, "0.0": 0.0, "false": 0.0}


@dataclass(frozen=True, eq=False)
class Cohort:
    """A cohort that was read: its table, its schema, and where its images are.

    Args:
        table: one row a patient in the file's order; numbers and booleans are float (NaN is
            missing, booleans 1 and 0), categories and identifiers text (None is missing).
        info: the schema.
        folder: where it lies.
    """

    table: DataFrame
    info: CohortInfo
    folder: Path

    def __len__(self) -> int:
        return len(self.table)

    @property
    def patient_ids(self) -> list[str]:
        """In the table's order."""
        return self.table[PATIENT_ID].tolist()

    def outcome(self, endpoint: Endpoint | None = None) -> SurvivalOutcome:
        """The main endpoint, or another one, in the table's order.

        Raises:
            InputError: a time or an event is missing.
        """
        chosen = endpoint or self.info.endpoint
        return SurvivalOutcome(
            self.table[chosen.time].to_numpy(float), self.table[chosen.event].to_numpy(float)
        )

    def subset(self, rows: Any) -> Cohort:
        """Some patients, by boolean mask or positions; the folder stays the same."""
        import numpy as np

        chosen = np.asarray(rows)
        positions = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
        return replace(self, table=self.table.iloc[positions].reset_index(drop=True))

    def split(self, name: str, column: str = "split") -> Cohort:
        """The patients of one split ("train", "internal", …).

        Raises:
            TableError: there is no such split, naming those there are.
        """
        present = self.table[column].dropna().unique().tolist() if column in self.table else []
        if name not in present:
            raise TableError(
                f"no patient has {column} {name!r}",
                source=TABLE_FILE,
                remedy=f"choose one of {', '.join(map(str, present))}" if present else None,
            )
        return self.subset((self.table[column] == name).to_numpy())

    def image_folder(self, patient_id: str, role: str) -> Path:
        """Folder of one patient's series.

        Raises:
            TableError: the schema knows no such role, or the folder is missing.
        """
        if role not in self.info.images:
            raise _unknown("image role", role, self.info.images)
        path = self.folder / IMAGES / _safe(patient_id) / _safe(role)
        if not path.is_dir():
            raise TableError(
                f"patient {patient_id} has no {role} images", source=str(path), remedy=_COPY
            )
        return path

    def roi_file(self, patient_id: str, role: str, structure: str) -> Path:
        """One patient's outline.

        Raises:
            TableError: the schema knows no such outline, or the file is missing.
        """
        name = f"{role}_{structure}"
        if name not in self.info.rois:
            raise _unknown("outline", name, self.info.rois)
        path = self.folder / ROIS / _safe(patient_id) / f"{name}.nii.gz"
        if not path.is_file():
            raise TableError(
                f"patient {patient_id} has no outline {name}", source=str(path), remedy=_COPY
            )
        return path


_COPY = "copy the whole cohort folder again"


def write_cohort(folder: Path, table: DataFrame, info: CohortInfo) -> None:
    """Write ``cohort.csv`` and ``cohort.json`` (the images are the caller's).

    Raises:
        TableError: the table does not keep what ``info`` says.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cells = [[_cell(v) for v in row] for row in table.itertuples(index=False, name=None)]
    _checked_table(list(table.columns), cells, info)
    with (folder / TABLE_FILE).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.columns)
        writer.writerows(cells)
    text = json.dumps(info.to_json(), ensure_ascii=False, indent=2, allow_nan=False)
    (folder / SCHEMA_FILE).write_text(text + "\n", encoding="utf-8")


def read_cohort(folder: Path) -> Cohort:
    """Read and check a cohort folder; images are looked up when they are asked for.

    Raises:
        TableError: a file is missing or damaged, or the table does not keep what the schema
            says; the message names file, row (the header is row 1) and column.
    """
    info = read_cohort_info(folder)
    path = folder / TABLE_FILE
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file, strict=True))
    except FileNotFoundError as error:
        raise TableError("is missing", source=str(path), remedy=_COPY) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TableError(
            "cannot be read as a table", source=str(path), remedy="save it as CSV, UTF-8"
        ) from error
    if len(rows) < 2:
        raise TableError("holds no patients", source=str(path))
    return Cohort(_checked_table(rows[0], rows[1:], info), info, folder)


def read_cohort_info(folder: Path) -> CohortInfo:
    """Read ``cohort.json`` alone.

    Raises:
        TableError: it is missing, damaged or of another schema version.
    """
    path = folder / SCHEMA_FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise TableError(
            f"{SCHEMA_FILE} is missing", source=str(folder), remedy="give a cohort folder"
        ) from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise TableError("is not readable as JSON", source=str(path), remedy=_COPY) from error
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != SCHEMA_VERSION:
        raise TableError(
            f"schema version {version!r} is not {SCHEMA_VERSION}",
            source=str(path),
            remedy="use the program that wrote it, or write the cohort again",
        )
    try:
        return info_from_json(data)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise TableError(
            f"does not keep the schema ({error})", source=str(path), remedy=_COPY
        ) from error


def _checked_table(
    header: Sequence[str], cells: Sequence[Sequence[str]], info: CohortInfo
) -> DataFrame:
    """The table with typed columns, or the first thing that is wrong with it."""
    import pandas as pd

    missing = [c for c in info.columns if c not in header]
    unknown = [c for c in header if c not in info.columns]
    if missing or unknown or len(set(header)) != len(header):
        what = (
            f"column {missing[0]!r} is missing"
            if missing
            else f"column {unknown[0]!r} is not described in {SCHEMA_FILE}"
            if unknown
            else "a column occurs twice"
        )
        raise TableError(what, source=TABLE_FILE, remedy=f"make it agree with {SCHEMA_FILE}")
    for number, row in enumerate(cells, start=2):
        if len(row) != len(header):
            raise TableError(
                f"{len(row)} cells where the header has {len(header)}",
                source=f"{TABLE_FILE}, row {number}",
            )
    table = pd.DataFrame(
        {
            name: _checked_column(name, [row[k] for row in cells], info.columns[name])
            for k, name in enumerate(header)
        }
    )
    _check_identifiers(table[PATIENT_ID].tolist())
    _check_endpoint(table, info.endpoint)
    return table


def _checked_column(name: str, cells: Sequence[str], column: ColumnInfo) -> Any:
    import pandas as pd

    values: list[float | str | None] = []
    for number, cell in enumerate(cells, start=2):
        text = cell.strip()
        value = _value(text, column)
        if text and value is None:
            wanted = {
                "number": "a number",
                "boolean": "1 or 0",
                "category": f"one of {', '.join(column.levels or ())}",
            }.get(column.kind, "a value")
            raise TableError(
                f"{text!r} is not {wanted}",
                source=f"{TABLE_FILE}, row {number}, column {name}",
                remedy="correct it or leave it empty",
            )
        values.append(value)
    numeric = column.kind in ("number", "boolean")
    return pd.Series(values, dtype="float64" if numeric else object)


def _value(text: str, column: ColumnInfo) -> float | str | None:
    """The typed value, or None where ``text`` is empty or not of this kind."""
    if not text:
        return None
    if column.kind == "number":
        try:
            number = float(text)
        except ValueError:
            return None
        return number if math.isfinite(number) else None
    if column.kind == "boolean":
        return _BOOLEANS.get(text.lower())
    if column.kind == "category" and text not in (column.levels or ()):
        return None
    return text


def _check_identifiers(identifiers: Sequence[str | None]) -> None:
    seen: dict[str, int] = {}
    for number, identifier in enumerate(identifiers, start=2):
        source = f"{TABLE_FILE}, row {number}, column {PATIENT_ID}"
        if identifier is None or not _SAFE_NAME.fullmatch(identifier):
            raise TableError(
                f"{identifier or ''!r} cannot name a folder",
                source=source,
                remedy="use letters, digits, '-', '_' and '.'",
            )
        if identifier in seen:
            raise TableError(f"{identifier!r} stands in row {seen[identifier]} too", source=source)
        seen[identifier] = number


def _check_endpoint(table: DataFrame, endpoint: Endpoint) -> None:
    for column, lowest in ((endpoint.time, 0.0), (endpoint.event, 0.0)):
        bad = ~(table[column] >= lowest)
        if bad.any():
            raise TableError(
                f"is missing or negative in {int(bad.sum())} of {len(table)} rows",
                source=f"{TABLE_FILE}, row {int(bad.to_numpy().argmax()) + 2}, column {column}",
                remedy="leave these patients out or complete them",
            )


def _cell(value: Any) -> str:
    """A value as it stands in the CSV; what is missing is empty."""
    if value is None or value != value or str(value) == "<NA>":
        return ""
    if isinstance(value, bool) or type(value).__name__ in ("bool_", "bool"):
        return str(int(value))
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)


def _safe(name: str) -> str:
    if not _SAFE_NAME.fullmatch(name):
        raise TableError(f"{name!r} cannot name a folder", source="patient_id")
    return name


def _unknown(what: str, name: str, known: Mapping[str, Any]) -> TableError:
    listed = ", ".join(known) or "none"
    return TableError(f"the cohort has no {what} {name!r}", remedy=f"choose one of {listed}")
