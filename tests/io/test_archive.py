"""Archives are bounded in size, ratio, count and depth; nothing leaves the folder they unpack into."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import InputError, UnreadableFileError, UnsafeArchiveError
from hccsurv_core.io.archive import Budget, unpack
from hccsurv_core.io.limits import IntakeLimits
from hccsurv_core.io.sniff import is_junk, shown_name

MIB = 1024**2


def zip_bytes(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def unpack_bytes(tmp_path: Path, data: bytes, name: str = "up.zip", **limits: float) -> dict:
    """Unpack in a folder with a sentinel beside it; return {name: content}."""
    out = tmp_path / "jail" / "out"
    out.mkdir(parents=True)
    source = tmp_path / "source"
    source.write_bytes(data)
    budget = Budget(IntakeLimits(**limits))  # type: ignore[arg-type]
    try:
        files = unpack(source, out, name=name, budget=budget)
        assert all(f.path.parent == out for f in files if f.path != source)
        found = {f.name: f.path.read_bytes() for f in files}
        return found | {f"skipped {n}": why for n, why in budget.skipped}
    finally:
        assert {p.name for p in tmp_path.iterdir()} == {"jail", "source"}
        assert [p.name for p in (tmp_path / "jail").iterdir()] == ["out"]
        assert all(p.is_file() and not p.is_symlink() for p in out.iterdir())


def test_members_come_back_under_the_users_names(tmp_path: Path) -> None:
    data = zip_bytes({"a/1": b"one", "a/2": b"two", "b": b"three"})
    assert unpack_bytes(tmp_path, data) == {
        "up.zip/a/1": b"one",
        "up.zip/a/2": b"two",
        "up.zip/b": b"three",
    }


def test_nested_archives_are_opened(tmp_path: Path) -> None:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w:gz") as archive:
        info = tarfile.TarInfo("d/3")
        info.size = 5
        archive.addfile(info, io.BytesIO(b"three"))
    data = zip_bytes({"in.zip": zip_bytes({"1": b"one"}), "t.tgz": tar.getvalue()})
    data = zip_bytes({"x.zip": data, "4.gz": gzip.compress(b"four")})
    assert unpack_bytes(tmp_path, data) == {
        "up.zip/x.zip/in.zip/1": b"one",
        "up.zip/x.zip/t.tgz/d/3": b"three",
        "up.zip/4": b"four",
    }


def test_depth_is_bounded(tmp_path: Path) -> None:
    data = b"core"
    for _ in range(5):
        data = zip_bytes({"in.zip": data})
    with pytest.raises(UnsafeArchiveError, match="packed more than 3 deep; unpack the outer ones"):
        unpack_bytes(tmp_path, data)


@pytest.mark.parametrize(
    "name",
    ["../evil", "a/../../evil", "/etc/passwd", "C:\\evil", "c:evil", "..\\evil", "\\\\host\\evil"],
)
def test_names_that_lead_outside_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnsafeArchiveError, match=r"up\.zip: a member's name leads outside"):
        unpack_bytes(tmp_path, zip_bytes({"fine": b"1", name: b"2"}))


@pytest.mark.parametrize(
    ("member", "kind"),
    [("link", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE), ("dev", tarfile.CHRTYPE),
     ("fifo", tarfile.FIFOTYPE)],
)  # fmt: skip
def test_links_and_devices_in_tar_are_refused(member: str, kind: bytes, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo(member)
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(UnsafeArchiveError, match="holds a link or device"):
        unpack_bytes(tmp_path, buffer.getvalue())


def test_symbolic_link_in_zip_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("link")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(UnsafeArchiveError, match="holds a link or device"):
        unpack_bytes(tmp_path, buffer.getvalue())


def test_ratio_is_bounded(tmp_path: Path) -> None:
    data = zip_bytes({"bomb": bytes(4 * MIB)})
    with pytest.raises(UnsafeArchiveError, match=r"up\.zip/bomb: unpacks to more than 200 times"):
        unpack_bytes(tmp_path, data, ratio_grace_bytes=MIB)
    written = sum(f.stat().st_size for f in (tmp_path / "jail/out").iterdir())
    assert written <= 3 * MIB


def test_blank_slices_within_the_grace_are_no_bomb(tmp_path: Path) -> None:
    data = zip_bytes({str(n): bytes(MIB // 2) for n in range(8)})
    assert len(unpack_bytes(tmp_path, data)) == 8


def test_total_size_is_bounded_over_members_and_archives(tmp_path: Path) -> None:
    noise = bytes(range(256)) * 2048
    inner = zip_bytes({str(n): noise for n in range(3)})
    with pytest.raises(UnsafeArchiveError, match="unpacks to more than 2 MiB"):
        unpack_bytes(tmp_path, zip_bytes({"a.zip": inner, "b.zip": inner}), max_total_bytes=2 * MIB)


def test_a_member_larger_than_it_declares_is_not_kept(tmp_path: Path) -> None:
    data = bytearray(zip_bytes({"liar": bytes(4 * MIB)}))
    central = data.rindex(b"PK\x01\x02")
    data[central + 24 : central + 28] = struct.pack("<I", 100)
    assert unpack_bytes(tmp_path, bytes(data)) == {
        "skipped up.zip/liar": "is damaged in the archive"
    }


def test_number_of_files_is_bounded(tmp_path: Path) -> None:
    data = zip_bytes({str(n): b"" for n in range(11)})
    with pytest.raises(UnsafeArchiveError, match="holds more than 10 files"):
        unpack_bytes(tmp_path, data, max_files=10)


def test_number_of_files_counts_all_archives(tmp_path: Path) -> None:
    inner = zip_bytes({str(n): b"1" for n in range(6)})
    with pytest.raises(UnsafeArchiveError, match="holds more than 10 files"):
        unpack_bytes(tmp_path, zip_bytes({"a.zip": inner, "b.zip": inner}), max_files=10)


def test_gzip_bomb_is_bounded(tmp_path: Path) -> None:
    data = gzip.compress(bytes(8 * MIB))
    with pytest.raises(UnsafeArchiveError, match="times its packed size"):
        unpack_bytes(tmp_path, data, name="bomb.gz", ratio_grace_bytes=MIB)


def test_password_is_named(tmp_path: Path) -> None:
    data = bytearray(zip_bytes({"secret": b"1"}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(
        UnreadableFileError, match=r"up\.zip: the archive is locked with a password"
    ):
        unpack_bytes(tmp_path, bytes(data))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"PK\x03\x04 not a zip after all", "zip archive is damaged"),
        (zip_bytes({"a": b"1" * 1000})[:-30], "zip archive is damaged"),
        (gzip.compress(bytes(range(256)) * 999)[:-100], "gzip stream is damaged"),
        (b"Rar!\x1a\x07\x00", "rar archives are not read; pack the folder as a zip"),
        (b"7z\xbc\xaf\x27\x1c", "7z archives are not read"),
    ],
)
def test_damaged_or_foreign_archives_are_named(data: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match=message):
        unpack_bytes(tmp_path, data)


def test_damaged_member_is_skipped_and_the_rest_kept(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("bad", b"0123456789")
        archive.writestr("good", b"abcdefghij")
    data = buffer.getvalue().replace(b"0123456789", b"0123456780", 1)
    assert unpack_bytes(tmp_path, data) == {
        "up.zip/good": b"abcdefghij",
        "skipped up.zip/bad": "is damaged in the archive",
    }


@pytest.mark.parametrize(
    "name",
    ["__MACOSX/a/._1", "a/.DS_Store", "DICOMDIR", "x/dicomdir", "Thumbs.db", "._slice", ""],
)
def test_what_systems_leave_behind_is_junk(name: str) -> None:
    assert is_junk(name)
    assert not is_junk("DICOM/IM0001")


def test_names_are_shown_on_one_printable_line(tmp_path: Path) -> None:
    assert shown_name("a\n<b>\x1b[1m\udcff") == "a?<b>?[1m?"
    assert len(shown_name("x" * 1000)) < 170
    assert list(unpack_bytes(tmp_path, zip_bytes({"a\nb": b"1"}))) == ["up.zip/a?b"]


def test_junk_is_not_unpacked(tmp_path: Path) -> None:
    data = zip_bytes({"__MACOSX/._1": b"x", "DICOMDIR": b"x", "d/.DS_Store": b"x", "d/1": b"one"})
    assert unpack_bytes(tmp_path, data) == {"up.zip/d/1": b"one"}


def test_a_spreadsheet_is_no_archive(tmp_path: Path) -> None:
    data = zip_bytes({"xl/sheet1.xml": b"<x/>"})
    assert unpack_bytes(tmp_path, data, name="list.xlsx") == {"list.xlsx": data}


VALID = zip_bytes({"a": b"1" * 50, "b/c": bytes(range(200)), "in.zip": zip_bytes({"d": b"x" * 99})})


@settings(max_examples=150, deadline=None)
@given(
    flips=st.lists(
        st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)), min_size=1, max_size=6
    )
)
def test_flipped_bytes_give_files_or_a_named_error(
    flips: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = bytearray(VALID)
    for place, value in flips:
        data[place] = value
    try:
        found = unpack_bytes(tmp_path_factory.mktemp("fuzz"), bytes(data))
    except InputError as error:
        assert "up.zip" in str(error)
    else:
        assert sum(len(v) for v in found.values() if isinstance(v, bytes)) < 10_000
