"""A table without images as a cohort: one row a patient, or visits in the layout of SurvivalPath.

One row a patient
    ``treatment`` (hepatectomy or tace), ``time_months``, ``event``, and clinical values under the
    names of :mod:`~hccsurv_core.cohort.clinical_values`; ``patient_id``, ``split`` and ``center``
    where there are any.

One row a visit
    The columns of the open cohort of Zhang et al. (package SurvivalPath): the first visit of each
    patient is taken, where resection only or embolization only was done. Its authors filled
    missing values in; an age, a size or a number of tumors of 0 is taken as not known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hccsurv_core.errors import TableError
from hccsurv_core.io.tables import RawTable, ReadOptions, read_table
from hccsurv_core.outcome import DAYS_PER_MONTH
from hccsurv_core.systems.treatment.arm_table import ARMS
from hccsurv_core.systems.treatment.cohort import TREATMENT, TreatmentCohort, build_cohort

_ID, _TIME, _EVENT = "patient_id", "time_months", "event"
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "."})
#: Column of a visits table → name of the value, and whether 0 says that it is not known.
VISIT_VALUES: Mapping[str, tuple[str, bool]] = {
    "Age": ("age_years", True),
    "Amount.of.Hepatic.Lesions": ("tumor_number", True),
    "Largest.Diameter.of.Hepatic.Lesions": ("tumor_diameter_mm", True),
    "Vascular.Invasion": ("macrovascular_invasion", False),
    "Child_pugh_score": ("child_pugh_score", True),
    "AFP": ("afp_ng_ml", False),
}
_NODES, _DISTANT = "Local.Lymph.Node.Metastasis", "Distant.Metastasis"
_VISIT = ("ID", "Date", "Resection", "Embolization", "Status_of_death", "OStime_day")


def read_clinical_file(path: Path) -> TreatmentCohort:
    """Read a table of patients or of visits.

    Args:
        path: CSV, TSV, semicolons or XLSX; numbers have a decimal point.

    Raises:
        TableError: a column is missing, or a value is not possible (names the patient).
        UnreadableFileError: the file is no table.
    """
    raw = read_table(path, options=ReadOptions(header_row=1))
    names = set(raw.column_names)
    if names >= {*_VISIT, *VISIT_VALUES}:
        return _first_visits(raw)
    for name in (TREATMENT, _TIME, _EVENT):
        if name not in names:
            raise TableError(
                f"there is no column {name}", source=raw.source,
                remedy=f"add {TREATMENT} ({' or '.join(ARMS)}), {_TIME} (months from treatment) and "
                f"{_EVENT} (1 = died, 0 = alive)",
            )  # fmt: skip
    rows = _rows(raw)
    outcome = [
        (_number(raw, row, _TIME, k), _number(raw, row, _EVENT, k)) for k, row in enumerate(rows)
    ]
    ids = [str(row.get(_ID) or f"row {raw.row_numbers[k]}") for k, row in enumerate(rows)]
    values = [
        {name: _plain(value) for name, value in row.items() if name not in (_ID, _TIME, _EVENT)}
        for row in rows
    ]
    return build_cohort(
        values, patient_ids=ids, time_months=[t for t, _ in outcome],
        event=[e for _, e in outcome], source=raw.source,
    )  # fmt: skip


def _first_visits(raw: RawTable) -> TreatmentCohort:
    first: dict[str, dict[str, Any]] = {}
    for row in _rows(raw):
        patient = str(row["ID"]).removesuffix(".0")
        # ISO dates order as texts.
        if patient not in first or str(row["Date"]) < str(first[patient]["Date"]):
            first[patient] = row
    left_out = {"died or left on the day of the first visit": 0}
    rows, ids, times, events = [], [], [], []
    for patient, row in first.items():
        days = float(_plain(row["OStime_day"]))
        if not days > 0:
            left_out["died or left on the day of the first visit"] += 1
            continue
        rows.append(_visit_record(row))
        ids.append(patient)
        times.append(days / DAYS_PER_MONTH)
        events.append(float(_plain(row["Status_of_death"])))
    return build_cohort(
        rows, patient_ids=ids, time_months=times, event=events,
        source=f"{raw.source}, first visits",
        left_out={why: n for why, n in left_out.items() if n},
    )  # fmt: skip


def _visit_record(row: Mapping[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for column, (name, zero_is_unknown) in VISIT_VALUES.items():
        value = _plain(row[column])
        record[name] = None if zero_is_unknown and value == 0 else value
    spread = [_plain(row[name]) for name in (_NODES, _DISTANT) if name in row]
    if spread and None not in spread:
        record["extrahepatic_spread"] = float(any(spread))
    done = (_plain(row["Resection"]), _plain(row["Embolization"]))
    record[TREATMENT] = {(1.0, 0.0): "hepatectomy", (0.0, 1.0): "tace"}.get(done)  # type: ignore[arg-type]
    return record


def _rows(raw: RawTable) -> list[dict[str, Any]]:
    columns = {column.name: column.values() for column in raw.columns}
    return [{name: texts[k] for name, texts in columns.items()} for k in range(raw.n_rows)]


def _plain(text: Any) -> Any:
    """A cell as a number where it is one, None where it is empty, else as it stands."""
    if text is None or str(text).strip().lower() in _MISSING:
        return None
    try:
        value = float(text)
    except ValueError:
        return str(text).strip()
    return value if math.isfinite(value) else None


def _number(raw: RawTable, row: Mapping[str, Any], name: str, k: int) -> float:
    value = _plain(row[name])
    if not isinstance(value, float) or value < 0:
        raise TableError(
            f"{name} in row {raw.row_numbers[k]} is not a number of 0 or more",
            source=raw.source, remedy="correct the row or leave the patient out",
        )  # fmt: skip
    return value
