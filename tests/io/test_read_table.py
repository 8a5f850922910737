"""The reading process: what kills it costs one message that names the file."""

from __future__ import annotations

import hashlib
import io
import sys
import tempfile
from pathlib import Path

import openpyxl
import pytest

from hccsurv_core.errors import (
    CancelledError,
    DecoderFailedError,
    TableError,
    UnreadableFileError,
    UnsafeArchiveError,
)
from hccsurv_core.io import tables
from hccsurv_core.io.tables import ReadOptions, TableLimits, read_table

TEXT = "id,age\np1,50\np2,60\n"


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path_factory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A temporary folder of the test's own: others who read tables meanwhile leave nothing in it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("temporary")))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "cohort.csv"
    path.write_text(TEXT)
    return path


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch):
    """Replace the reading process by a script."""

    def replace(script: str) -> None:
        monkeypatch.setattr(tables, "worker_command", lambda: [sys.executable, "-c", script])

    return replace


def leftovers() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("hccsurv-upload-*"))


def test_a_path_and_an_upload_read_the_same(table, tmp_path):
    before = leftovers()
    raw = read_table(table)
    assert raw.column("age").values().tolist() == ["50", "60"]
    assert raw.sha256 == hashlib.sha256(TEXT.encode()).hexdigest()
    upload = io.BytesIO(TEXT.encode())
    upload.read()  # wherever it stands
    again = read_table(upload, name="../../evil/cohort.csv")
    assert again.source == "cohort.csv"
    assert again.frame.equals(raw.frame)
    assert leftovers() == before


def test_an_uploaded_workbook(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["id", "age"])
    book.active.append(["p1", 50])
    held = io.BytesIO()
    book.save(held)
    raw = read_table(held, name="cohort.xlsx", options=ReadOptions(sheet="Sheet"))
    assert (raw.format, raw.sheet) == ("xlsx", "Sheet")
    assert raw.to_json()["options"]["sheet"] == "Sheet"


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"", TableError, "upload: the file is empty"),
        (b"a,b\n1,\x00\n", UnreadableFileError, "upload: is not a text table"),
        (b"PK\x03\x04" + bytes(99), UnreadableFileError, "upload: the XLSX file is damaged"),
        (b'a,b\n"x', TableError, "upload: row 1 cannot be read|upload: row 2 cannot be read"),
    ],
)
def test_errors_name_the_file(data, error, message):
    with pytest.raises(error, match=message):
        read_table(io.BytesIO(data), name="upload")


def test_an_unsafe_workbook_keeps_its_class(tmp_path):
    path = tmp_path / "t.xlsx"
    openpyxl.Workbook().save(path)
    with pytest.raises(UnsafeArchiveError, match=r"t\.xlsx: unpacks to more than 0 MiB"):
        read_table(path, limits=TableLimits(max_unpacked_bytes=100))


def test_there_is_no_such_file(tmp_path):
    with pytest.raises(UnreadableFileError, match=r"nothing\.csv: there is no such file"):
        read_table(tmp_path / "nothing.csv")


def test_an_upload_is_bounded_while_it_is_copied():
    with pytest.raises(TableError, match="larger than 0 MiB"):
        read_table(io.BytesIO(TEXT.encode()), name="t.csv", limits=TableLimits(max_bytes=10))


def test_memory_is_bounded(tmp_path):
    path = tmp_path / "wide.csv"
    rows = "\n".join(f"{n},{n}{'x' * 1000}" for n in range(60_000))
    path.write_text(f"id,text\n{rows}\n")
    with pytest.raises(DecoderFailedError, match=r"wide\.csv: reading it needs more memory"):
        read_table(path, limits=TableLimits(memory_bytes=150 << 20))


def test_time_is_bounded(table, worker):
    worker("import sys, time; sys.stdin.readline(); time.sleep(60)")
    with pytest.raises(
        DecoderFailedError, match=r"cohort\.csv: the decoder took longer than 0\.5 s"
    ):
        read_table(table, limits=TableLimits(seconds=0.5))


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            "import os, signal; input(); os.kill(os.getpid(), signal.SIGSEGV)",
            r"crashed \(SIGSEGV\)",
        ),
        ("input(); print('}{', flush=True); input()", "answered with garbage"),
        (
            'input(); print(\'{"result": {"names": [1]}}\', flush=True); input()',
            "answered with garbage",
        ),
        ("raise SystemExit(3)", r"failed \(exit code 3\)|died before it began"),
    ],
)
def test_a_reader_that_dies_or_lies_is_an_error_that_names_the_file(table, worker, script, message):
    before = leftovers()
    worker(script)
    with pytest.raises(DecoderFailedError, match=rf"cohort\.csv: .*{message}"):
        read_table(table)
    assert leftovers() == before


def test_columns_that_point_at_nothing_are_not_believed(table, worker):
    # An honest reading whose codes are then changed behind the parent's back.
    worker(
        "import json, sys, numpy as np\n"
        "from pathlib import Path\n"
        "from hccsurv_core.io.table_worker import _serve\n"
        "command = json.loads(sys.stdin.readline())\n"
        "result = _serve(command, lambda fraction, text: None)\n"
        "np.save(Path(command['workspace']) / 'codes.npy', np.full((2, 2), 7, dtype=np.int32))\n"
        "print(json.dumps({'result': result}), flush=True)\n"
    )
    with pytest.raises(DecoderFailedError, match="answered with garbage"):
        read_table(table)


def test_cancel_stops_the_reading(table, worker):
    worker("import sys, time; sys.stdin.readline(); time.sleep(60)")

    def cancel(fraction: float, text: str) -> None:
        raise CancelledError("cancelled")

    before = leftovers()
    with pytest.raises(CancelledError):
        read_table(table, progress=cancel)
    assert leftovers() == before


def test_an_unknown_column_names_those_there_are(table):
    with pytest.raises(TableError, match=r"no column called 'sex'; choose one of id, age"):
        read_table(table).column("sex")
