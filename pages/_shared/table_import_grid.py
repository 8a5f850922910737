"""The columns as one table a person edits: from the mapping to cells, and from cells back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hccsurv_core.cohort.column_mapping import ColumnMapping, ColumnSpec
from hccsurv_core.cohort.quantities import TIME_UNITS
from hccsurv_core.errors import TableError
from hccsurv_core.io.tables import RawTable
from pages._shared import table_import_words as words
from pages._shared.table_import_changes import change_column
from pages._shared.table_import_endpoints import change_endpoint
from pages._shared.table_import_model import TableDraft, read

if TYPE_CHECKING:
    import pandas as pd

NAME, EXAMPLES, ROLE, KIND = "Column", "In the table", "Used as", "Kind"
UNIT, TARGET, LABEL, MISSING, MORE = "Unit", "Convert to", "Shown as", "Missing", "Details"
EDITABLE = (ROLE, KIND, UNIT, TARGET, LABEL)
DETAILS = ":material/tune:"


def column_frame(draft: TableDraft) -> pd.DataFrame:
    """One row a column, all cells text, "" where there is nothing to say."""
    import pandas as pd

    raw, table = read(draft), draft.now.table
    known = {c.name: c.n_missing for c in table.columns}
    times = {e.time: e.time_unit for e in draft.mapping.endpoints if e.time}
    lines = []
    for spec in draft.mapping.columns:
        column = raw.column(spec.name)
        n, of = known.get(spec.name), len(table)
        if n is None:
            n, of = int((column.codes[draft.now.rows] < 0).sum()), len(draft.now.rows)
        lines.append(
            (
                spec.name,
                DETAILS,
                words.examples(column),
                words.ROLES[spec.role],
                words.KINDS[spec.kind],
                times.get(spec.name) or spec.unit or "",
                spec.target_unit or "",
                spec.label,
                words.missing(n, of),
            )
        )
    names = (NAME, MORE, EXAMPLES, ROLE, KIND, UNIT, TARGET, LABEL, MISSING)
    # One type whatever the cells hold: another would make another editor, and lose one's place.
    return pd.DataFrame(lines, columns=list(names), dtype="string")


def apply_edits(
    draft: TableDraft, edits: Mapping[int, Mapping[str, Any]]
) -> tuple[ColumnMapping, str]:
    """The mapping after edits of cells, and what changed in words.

    Args:
        draft: what is worked on.
        edits: row of the frame to column to what was entered; None where a cell was cleared.

    Raises:
        TableError: an entry is impossible.
    """
    mapping, told = draft.mapping, []
    raw, frame = read(draft), column_frame(draft)
    for row, cells in edits.items():
        name = str(frame.at[int(row), NAME])
        for cell in (c for c in EDITABLE if c in cells):
            text = (cells[cell] or "").strip()
            if text != frame.at[int(row), cell]:
                mapping = _set_cell(mapping, raw, name, cell, text)
                told.append(f"{cell.lower()} of {name}")
    return mapping, " and ".join(told[:2]) + (" and more" if len(told) > 2 else "")


def _set_cell(
    mapping: ColumnMapping, raw: RawTable, name: str, cell: str, text: str
) -> ColumnMapping:
    if cell == ROLE:
        return change_column(mapping, raw, name, role=_key(words.ROLES, text, name))
    if cell == KIND:
        return change_column(mapping, raw, name, kind=_key(words.KINDS, text, name))
    if cell == LABEL:
        return change_column(mapping, raw, name, label=text)
    if cell == TARGET:
        return change_column(mapping, raw, name, target_unit=text or None)
    timed = [e.name for e in mapping.endpoints if e.time == name]
    if not timed:
        return change_column(mapping, raw, name, unit=text or None)
    if text not in TIME_UNITS:
        raise TableError(
            f"a time is not measured in {text or 'no unit'}",
            source=name,
            remedy="choose " + ", ".join(TIME_UNITS),
        )
    for endpoint in timed:
        mapping = change_endpoint(mapping, raw, endpoint, time_unit=text)
    return mapping


def _key(names: Mapping[str, str], text: str, column: str) -> str:
    for key, words_for_it in names.items():
        if words_for_it == text:
            return key
    raise TableError("a choice is needed here", source=column, remedy="choose one from the list")


def overlay_agrees(frame: pd.DataFrame, edits: Mapping[int, Mapping[str, Any]]) -> bool:
    """Whether what the editor lays over its cells is what the mapping says by now."""
    return all(
        (value or "").strip() == frame.at[int(row), cell]
        for row, cells in edits.items()
        for cell, value in cells.items()
        if int(row) < len(frame) and cell in EDITABLE
    )


def level_lines(draft: TableDraft, spec: ColumnSpec) -> list[tuple[str, int, str]]:
    """The levels of a category: value, patients who have it, how it is shown."""
    from hccsurv_core.cohort.cell_values import code_key

    column = read(draft).column(spec.name)
    codes = column.codes[draft.now.rows]
    counts: dict[str, int] = {}
    for at, text in enumerate(column.texts):
        counts[code_key(text)] = counts.get(code_key(text), 0) + int((codes == at).sum())
    return [
        (level, counts.get(code_key(level), 0), spec.level_labels.get(level, level))
        for level in spec.levels
    ]
