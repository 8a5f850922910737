"""Tables from text, read in this process, for the tests of what their columns mean."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from hccsurv_core.io.table_worker import read_grid
from hccsurv_core.io.tables import RawColumn, RawTable, ReadOptions, TableLimits, load_grid


def raw_from_text(text: str, **options) -> RawTable:
    """The table that a file with this text holds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        path.write_text(text, encoding="utf-8")
        return raw_from_file(path, **options)


def raw_from_file(path: Path, **options) -> RawTable:
    """The table that a file holds."""
    chosen, limits = ReadOptions(**options), TableLimits()
    with tempfile.TemporaryDirectory() as folder:
        told = {**read_grid(path, chosen, limits).save(Path(folder)), "sha256": "0" * 64}
        return load_grid(told, Path(folder), path.name, chosen, limits)


def raw_from_columns(**columns: Sequence[object]) -> RawTable:
    """A table from columns; None is an empty cell, double underscores in names are dots."""
    names = [name.replace("__", ".") for name in columns]
    lines = [";".join(names)]
    for row in zip(*columns.values(), strict=True):
        lines.append(";".join("" if cell is None else str(cell) for cell in row))
    return raw_from_text("\n".join(lines) + "\n", delimiter=";", header_row=1)


def one_column(texts: Sequence[object], name: str = "x") -> RawColumn:
    """A column from its cells."""
    raw = raw_from_columns(number=range(len(texts)), **{name: texts})
    return raw.columns[1]
