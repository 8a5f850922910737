"""Small tables for the tests of the import page, read in this process."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hccsurv_core.io.table_worker import read_grid
from hccsurv_core.io.tables import RawTable, ReadOptions, TableLimits, load_grid
from pages._shared.table_import_model import TableDraft, take_raw

N_PATIENTS = 40


def patients_csv(n: int = N_PATIENTS) -> str:
    """A cohort with an unclear sex, one age of 0, one time of zero, names, and half-known marker.

    The first half has the event; times are 1, 2, 3 … months but for the last patient's zero.
    """
    lines = ["Patient ID,Full name,Gender,Age,AFP (ng/mL),BCLC,Marker,OS_months,Death"]
    for i in range(n):
        marker = f"{i / 10:.1f}" if i < n // 3 else ""
        age = 0 if i == 4 else 40 + i % 35
        months = 0 if i == n - 1 else i + 1
        lines.append(
            f"P{i:03d},Person {i},{i % 2},{age},{10 + 7 * i % 300},{'ABC'[i % 3]},{marker},"
            f"{months},{int(i < n // 2)}"
        )
    return "\n".join(lines) + "\n"


def raw_of(text: str, name: str = "cohort.csv") -> RawTable:
    """The table that a file with this text holds."""
    options, limits = ReadOptions(), TableLimits()
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text(text, encoding="utf-8")
        told = {**read_grid(path, options, limits).save(Path(folder)), "sha256": "0" * 64}
        return load_grid(told, Path(folder), name, options, limits)


def draft_of(text: str | None = None) -> TableDraft:
    """A draft as it is right after the reading."""
    raw = raw_of(patients_csv() if text is None else text)
    draft = TableDraft(source=raw.source, name="Cohort")
    take_raw(draft, raw)
    return draft
