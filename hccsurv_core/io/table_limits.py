"""The bounds within which a table is read, and what a user may say about how to read it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

_MIB = 1024**2
_GIB = 1024**3


@dataclass(frozen=True)
class TableLimits:
    """Bounds on one table.

    Args:
        max_bytes: size of the file.
        max_unpacked_bytes: bytes of all parts of an XLSX file together.
        max_ratio: bytes unpacked for one byte packed, per part (see ``ratio_grace_bytes``).
        ratio_grace_bytes: a part may grow to this size whatever its ratio.
        max_rows, max_columns, max_cells: size of the table.
        max_cell_chars: characters of one cell. Spreadsheet programs stop at 32 767; a longer
            cell is nearly always a quotation mark that was never closed.
        seconds: wall time of reading.
        memory_bytes: address space of the process that reads.
    """

    max_bytes: int = 200 * _MIB
    max_unpacked_bytes: int = 1 * _GIB
    max_ratio: float = 200.0
    ratio_grace_bytes: int = 16 * _MIB
    max_rows: int = 1_000_000
    max_columns: int = 2_000
    max_cells: int = 50_000_000
    max_cell_chars: int = 131_072
    seconds: float = 120.0
    memory_bytes: int = 4 * _GIB

    def to_dict(self) -> dict[str, Any]:
        """The limits as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class ReadOptions:
    """How to read a table; None means: find out, and say what was found.

    Args:
        sheet: name of the sheet of an XLSX file.
        delimiter: one character; text files only.
        encoding: a name Python knows; text files only.
        header_row: the row that holds the column names as a spreadsheet counts rows (first row
            is 1); 0 says that there is none.
    """

    sheet: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    header_row: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The options as JSON values."""
        return asdict(self)
