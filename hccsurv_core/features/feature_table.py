"""A table of features, one row a patient, and what happened to them: what models are trained on.

In a file: one numeric column a feature, ``time_months`` and ``event``, and where there are any
``patient_id`` and the labels ``split`` and ``center``. An empty cell is a missing value.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import TableError
from hccsurv_core.outcome import SurvivalOutcome

if TYPE_CHECKING:
    from hccsurv_core.io.tables import RawColumn, RawTable

PATIENT_ID, TIME, EVENT = "patient_id", "time_months", "event"
#: Columns that say something about a patient but are no features.
LABELS = ("split", "center")
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "."})
_YES_NO = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Features of n patients, with their outcome where it is known.

    Args:
        patient_ids: n distinct names.
        names: p distinct feature names.
        values: (n, p) float64; NaN is missing.
        outcome: of the same patients, or None.
        labels: name → n texts ("split", "center"); "" is missing.
        source: where it is from, for messages.
        named: whether ``patient_ids`` are the patients' own and not just row numbers.
        simulated: whether the patients were drawn by a computer, where that is known.

    Raises:
        TableError: shapes do not fit, a name or patient comes twice, or a value is infinite.
    """

    patient_ids: tuple[str, ...]
    names: tuple[str, ...]
    values: np.ndarray
    outcome: SurvivalOutcome | None = None
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    source: str = "feature table"
    named: bool = True
    simulated: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "patient_ids", tuple(self.patient_ids))
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "values", np.asarray(self.values, dtype=np.float64))
        n, p = len(self.patient_ids), len(self.names)
        if self.values.shape != (n, p):
            raise TableError(
                f"{n} patients and {p} features need shape ({n}, {p}), got {self.values.shape}",
                source=self.source,
            )
        if self.outcome is not None and len(self.outcome) != n:
            raise TableError(f"{n} patients but {len(self.outcome)} outcomes", source=self.source)
        for name, texts in self.labels.items():
            if len(texts) != n:
                raise TableError(f"{n} patients but {len(texts)} of {name}", source=self.source)
        _refuse_repeated(self.names, "feature", self.source)
        _refuse_repeated(self.patient_ids, "patient", self.source)
        infinite = np.argwhere(np.isinf(self.values))
        if infinite.size:
            row, column = infinite[0]
            raise TableError(
                f"{self.names[column]!r} of patient {self.patient_ids[row]} is infinite",
                source=self.source,
                remedy="leave the cell empty where the value is not known",
            )

    def __len__(self) -> int:
        return len(self.patient_ids)

    def require_outcome(self) -> SurvivalOutcome:
        """The outcome.

        Raises:
            TableError: it is not known.
        """
        if self.outcome is None:
            raise TableError(
                f"there is no outcome (columns {TIME} and {EVENT})",
                source=self.source,
                remedy=f"add {TIME} (months) and {EVENT} (1 = happened, 0 = censored)",
            )
        return self.outcome

    def subset(self, rows: ArrayLike) -> FeatureTable:
        """Some patients, by distinct positions or by boolean mask."""
        chosen = np.arange(len(self))[np.asarray(rows)]
        return FeatureTable(
            tuple(self.patient_ids[i] for i in chosen),
            self.names,
            self.values[chosen],
            None if self.outcome is None else self.outcome.subset(chosen),
            {name: tuple(texts[i] for i in chosen) for name, texts in self.labels.items()},
            self.source,
            self.named,
            self.simulated,
        )

    def columns(self, names: Sequence[str]) -> FeatureTable:
        """These features in this order, whatever else the table holds.

        Raises:
            TableError: some are not there.
        """
        at = {name: i for i, name in enumerate(self.names)}
        lacking = [name for name in names if name not in at]
        if lacking:
            shown = ", ".join(lacking[:5]) + (" …" if len(lacking) > 5 else "")
            raise TableError(
                f"{len(lacking)} of {len(names)} features are not in the table: {shown}",
                source=self.source,
                remedy="give the columns that the model was trained on",
            )
        return FeatureTable(
            self.patient_ids, tuple(names), self.values[:, [at[name] for name in names]],
            self.outcome, self.labels, self.source, self.named,
            self.simulated,
        )  # fmt: skip

    def where(self, label: str, value: str) -> np.ndarray:
        """(n,) mask of the patients whose ``label`` is ``value``; nobody where there is none."""
        texts = self.labels.get(label)
        if texts is None:
            return np.zeros(len(self), dtype=bool)
        return np.array([text == value for text in texts], dtype=bool)


def read_feature_table(path: Path, *, with_outcome: bool = True) -> FeatureTable:
    """Read a table whose first row holds the names.

    Args:
        path: CSV, TSV, semicolons or XLSX. Numbers have a decimal point.
        with_outcome: refuse a table without ``time_months`` and ``event``; where False they are
            taken if both are there and complete.

    Raises:
        TableError: a cell is no number (names the column and the row), a column, a time or an
            event is missing, or a patient comes twice.
        UnreadableFileError: the file is no table.
    """
    from hccsurv_core.io.tables import ReadOptions, read_table

    raw = read_table(path, options=ReadOptions(header_row=1))
    if raw.ragged:
        row, cells = raw.ragged[0]
        raise TableError(
            f"row {row} has {cells} cells, the header {raw.width}",
            source=raw.source,
            remedy="give every row as many cells as the header",
        )
    _refuse_unnamed(raw)
    features = [c for c in raw.columns if c.name not in (PATIENT_ID, TIME, EVENT, *LABELS)]
    if not features:
        raise TableError("there are no feature columns", source=raw.source)
    values = np.column_stack([_numbers(raw, column) for column in features])
    given = set(raw.column_names)
    ids = _texts(raw, PATIENT_ID) if PATIENT_ID in given else _numbered(raw.n_rows)
    return FeatureTable(
        patient_ids=ids,
        names=tuple(column.name for column in features),
        values=values,
        outcome=_outcome(raw, required=with_outcome),
        labels={name: _texts(raw, name) for name in LABELS if name in given},
        source=raw.source,
        named=PATIENT_ID in given,
    )


def write_feature_table(path: Path, table: FeatureTable) -> None:
    """Write it as :func:`read_feature_table` reads it; numbers come back exactly.

    Raises:
        TableError: the file cannot be written.
    """
    header = [PATIENT_ID, *table.labels]
    if table.outcome is not None:
        header += [TIME, EVENT]
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*header, *table.names])
            for i, patient in enumerate(table.patient_ids):
                row = [patient, *(texts[i] for texts in table.labels.values())]
                if table.outcome is not None:
                    row += [_cell(table.outcome.time_months[i]), str(int(table.outcome.event[i]))]
                writer.writerow([*row, *(_cell(v) for v in table.values[i])])
    except OSError as error:
        raise TableError(
            f"cannot be written ({error.strerror})", source=str(path),
            remedy="choose a folder that exists and that you may write to",
        ) from error  # fmt: skip


def _cell(value: float) -> str:
    return "" if math.isnan(value) else repr(float(value))


def _numbered(n: int) -> tuple[str, ...]:
    """Names of patients in a table without names: "row 1" is the first below the header."""
    return tuple(f"row {i + 1}" for i in range(n))


def _numbers(raw: RawTable, column: RawColumn) -> np.ndarray:
    """(n,) the column's values; NaN where missing."""
    parsed = np.empty(len(column.texts) + 1)
    parsed[-1] = np.nan  # code −1: an empty cell
    for code, text in enumerate(column.texts):
        number = _number(text)
        if number is None:
            row = raw.row_numbers[np.flatnonzero(column.codes == code)[0]]
            raise TableError(
                f"column {column.name!r} holds {text!r} in row {row}, which is no number",
                source=raw.source,
                remedy="code categories as 0 and 1, and leave unknown values empty",
            )
        parsed[code] = number
    return parsed[column.codes]


def _number(text: str) -> float | None:
    """The number a cell holds, NaN where it says that it holds none, None where it is text."""
    plain = text.strip().lower()
    if plain in _MISSING:
        return math.nan
    if plain in _YES_NO:
        return _YES_NO[plain]
    try:
        value = float(plain)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _texts(raw: RawTable, name: str) -> tuple[str, ...]:
    values = raw.column(name).values()
    if name == PATIENT_ID:
        for row, value in zip(raw.row_numbers, values, strict=True):
            if value is None:
                raise TableError(
                    f"row {row} has no {PATIENT_ID}", source=raw.source,
                    remedy="name every patient, or leave the column out",
                )  # fmt: skip
    return tuple("" if value is None else str(value) for value in values)


def _outcome(raw: RawTable, *, required: bool) -> SurvivalOutcome | None:
    lacking = [name for name in (TIME, EVENT) if name not in raw.column_names]
    if lacking:
        if not required:
            return None
        raise TableError(
            f"there is no column {' and no column '.join(lacking)}",
            source=raw.source,
            remedy=f"add {TIME} (months) and {EVENT} (1 = happened, 0 = censored)",
        )
    found = {}
    for name in (TIME, EVENT):
        numbers = _numbers(raw, raw.column(name))
        wrong = np.isnan(numbers) | ~(np.isin(numbers, (0, 1)) if name == EVENT else numbers >= 0)
        if wrong.any():
            if not required and np.isnan(numbers[wrong]).all():
                return None
            row = raw.row_numbers[np.flatnonzero(wrong)[0]]
            what = "0 or 1" if name == EVENT else "a time of 0 or more months"
            raise TableError(
                f"{name} in row {row} is not {what}", source=raw.source,
                remedy="correct the row or leave the patient out",
            )  # fmt: skip
        found[name] = numbers
    return SurvivalOutcome(found[TIME], found[EVENT])


def _refuse_unnamed(raw: RawTable) -> None:
    """A file that begins with numbers has no names; its first patient must not become them."""
    numeric = sum(_number(name) is not None for name in raw.column_names)
    if numeric == len(raw.column_names):
        raise TableError(
            "the first row holds numbers, not the names of the columns",
            source=raw.source,
            remedy=f"put feature names, {TIME} and {EVENT} into the first row",
        )


def _refuse_repeated(texts: Sequence[str], what: str, source: str) -> None:
    seen: set[str] = set()
    for text in texts:
        if text in seen:
            raise TableError(
                f"{what} {text!r} comes more than once", source=source,
                remedy="keep one row a patient and one column a feature",
            )  # fmt: skip
        seen.add(text)
