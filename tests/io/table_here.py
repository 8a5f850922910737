"""Read a table in this process: quick, and a traceback shows where it failed.

The tests of the reading process itself go through ``read_table``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from hccsurv_core.io.table_worker import read_grid
from hccsurv_core.io.tables import RawTable, ReadOptions, TableLimits, load_grid


def read_here(
    path: Path, options: ReadOptions | None = None, limits: TableLimits | None = None
) -> RawTable:
    options, limits = options or ReadOptions(), limits or TableLimits()
    with tempfile.TemporaryDirectory() as folder:
        grid = read_grid(path, options, limits)
        told = {**grid.save(Path(folder)), "sha256": ""}
        return load_grid(told, Path(folder), path.name, options, limits)


def read_text(folder: Path, data: str | bytes, **options) -> RawTable:
    """A table from its bytes, or from text as UTF-8."""
    path = folder / "table.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_here(path, ReadOptions(**options))


def cells(raw: RawTable) -> dict[str, list[str | None]]:
    return {column.name: column.values().tolist() for column in raw.columns}
