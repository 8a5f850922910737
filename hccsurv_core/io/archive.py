"""Bounded unpacking of zip, tar and gzip: no path escapes, no bomb, bounds on bytes produced.

Members are written under numbers of our own, never under the names in the
archive, so a name cannot lead anywhere; names that try to are refused all the
same, because an honest archiver does not write them.
"""

from __future__ import annotations

import gzip
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, cast

from hccsurv_core.errors import InputError, UnreadableFileError, UnsafeArchiveError
from hccsurv_core.io.limits import IntakeLimits
from hccsurv_core.io.sniff import is_junk, shown_name, sniff, sniff_inside_gzip
from hccsurv_core.progress import Progress, silent

_CHUNK = 1 << 20
#: Zips by structure, documents by use.
_DOCUMENTS = {".npz", ".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".jar", ".apk", ".whl"}
#: What zipfile and its decompressors throw at damaged members.
_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)
_SPLIT_OR_SMALLER = "upload the series of interest alone, or as a folder"


@dataclass(frozen=True)
class UnpackedFile:
    """One file on disk and the name the user knows it under (``archive.zip/folder/name``)."""

    path: Path
    name: str


@dataclass
class Budget:
    """What one upload may still produce; shared by all its archives."""

    limits: IntakeLimits
    total_bytes: int = 0
    files: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def add_file(self, source: str) -> None:
        """Count one more file.

        Raises:
            UnsafeArchiveError: there are too many.
        """
        self.files += 1
        if self.files > self.limits.max_files:
            raise UnsafeArchiveError(
                f"the upload holds more than {self.limits.max_files} files",
                source=source,
                remedy=_SPLIT_OR_SMALLER,
            )

    def add_bytes(self, n: int, source: str) -> None:
        """Count bytes produced.

        Raises:
            UnsafeArchiveError: there are too many.
        """
        self.total_bytes += n
        if self.total_bytes > self.limits.max_total_bytes:
            raise UnsafeArchiveError(
                f"unpacks to more than {self.limits.max_total_bytes / 1024**2:.0f} MiB",
                source=source,
                remedy=_SPLIT_OR_SMALLER,
            )


def _check_member_name(name: str, source: str) -> None:
    flat = name.replace("\\", "/")
    escapes = (
        "\0" in name
        or flat.startswith("/")
        or re.match(r"^[A-Za-z]:", flat) is not None
        or ".." in PurePosixPath(flat).parts
    )
    if escapes:
        shown = shown_name(name)
        raise UnsafeArchiveError(
            f"a member's name leads outside the archive ({shown!r})",
            source=source,
            remedy="pack the folder again with an ordinary zip program",
        )


def _copy_bounded(
    reader: IO[bytes],
    target: Path,
    budget: Budget,
    source: str,
    packed: Callable[[], int],
) -> None:
    limits, written = budget.limits, 0
    with target.open("xb") as out:
        while chunk := reader.read(_CHUNK):
            written += len(chunk)
            budget.add_bytes(len(chunk), source)
            if written > limits.ratio_grace_bytes and written > max(packed(), 1) * limits.max_ratio:
                raise UnsafeArchiveError(
                    f"unpacks to more than {limits.max_ratio:g} times its packed size",
                    source=source,
                    remedy="upload the unpacked file if it is genuine",
                )
            _write(out, chunk, source)


def _write(out: IO[bytes], chunk: bytes, source: str) -> None:
    try:
        out.write(chunk)
    except OSError as error:  # not the archive's fault, so not to be told as damage
        raise InputError(
            "the server's disk has no room to unpack it",
            source=source,
            remedy="upload less at once, or ask the administrator for space",
        ) from error


class _Unpacker:
    """Unpacks one archive and those inside it, one member at a time."""

    def __init__(self, out_dir: Path, budget: Budget, progress: Progress) -> None:
        self.out_dir = out_dir
        self.budget = budget
        self.progress = progress

    def _target(self) -> Path:
        return self.out_dir / f"{self.budget.files:06d}"

    def open_archive(self, path: Path, name: str, kind: str, depth: int) -> Iterator[UnpackedFile]:
        if depth > self.budget.limits.max_depth:
            raise UnsafeArchiveError(
                f"archives are packed more than {self.budget.limits.max_depth} deep",
                source=name,
                remedy="unpack the outer ones first",
            )
        if kind == "zip":
            return self._zip(path, name, depth)
        if kind in ("tar", "tar.gz"):
            return self._tar(path, name, depth)
        return self._gunzip(path, name, depth)

    def _descend(self, path: Path, name: str, depth: int) -> Iterator[UnpackedFile]:
        kind = archive_kind(path, name)
        if kind is None:
            yield UnpackedFile(path, name)
            return
        try:
            yield from self.open_archive(path, name, kind, depth + 1)
        except UnreadableFileError as error:
            self.budget.skipped.append((name, error.what))
        finally:
            path.unlink(missing_ok=True)

    def _zip(self, path: Path, name: str, depth: int) -> Iterator[UnpackedFile]:
        try:
            archive = zipfile.ZipFile(path)
        except (*_DAMAGE, NotImplementedError) as error:
            raise UnreadableFileError(
                "the zip archive is damaged or incomplete",
                source=name,
                remedy="pack or copy it again",
            ) from error
        with archive:
            members = archive.infolist()
            if len(members) > self.budget.limits.max_files:
                self.budget.files = self.budget.limits.max_files
                self.budget.add_file(name)
            size = max(path.stat().st_size, 1)
            done = 0
            for info in members:
                _check_zip_member(info, name)
            for info in members:
                if not info.is_dir() and not is_junk(info.filename):
                    member = f"{name}/{shown_name(info.filename)}"
                    yield from self._zip_member(archive, info, member, size, depth)
                done += info.compress_size
                self.progress(min(done / size, 1.0), f"unpacking {name}")

    def _zip_member(
        self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, size: int, depth: int
    ) -> Iterator[UnpackedFile]:
        self.budget.add_file(name)
        target = self._target()
        try:
            with archive.open(info) as reader:
                _copy_bounded(
                    reader, target, self.budget, name, lambda: min(info.compress_size, size)
                )
        except NotImplementedError:
            target.unlink(missing_ok=True)
            self.budget.skipped.append((name, "is packed by a method that is not read here"))
            return
        except _DAMAGE:
            target.unlink(missing_ok=True)
            self.budget.skipped.append((name, "is damaged in the archive"))
            return
        except RuntimeError as error:  # zipfile's way of asking for a password
            target.unlink(missing_ok=True)
            raise _locked(name) from error
        yield from self._descend(target, name, depth)

    def _tar(self, path: Path, name: str, depth: int) -> Iterator[UnpackedFile]:
        try:
            with path.open("rb") as raw, tarfile.open(fileobj=raw, mode="r:*") as archive:
                size = max(path.stat().st_size, 1)
                for info in archive:
                    _check_member_name(info.name, name)
                    if info.issym() or info.islnk() or info.isdev():
                        raise _not_plain(info.name, name)
                    if info.isfile() and not is_junk(info.name):
                        reader = archive.extractfile(info)
                        if reader is not None:
                            yield from self._stream(
                                reader, f"{name}/{shown_name(info.name)}", raw.tell, depth
                            )
                    self.progress(min(raw.tell() / size, 1.0), f"unpacking {name}")
        except (tarfile.TarError, *_DAMAGE) as error:
            raise UnreadableFileError(
                "the tar archive is damaged or incomplete",
                source=name,
                remedy="pack or copy it again",
            ) from error

    def _gunzip(self, path: Path, name: str, depth: int) -> Iterator[UnpackedFile]:
        inner = name[:-3] if name.lower().endswith(".gz") else name
        try:
            with path.open("rb") as raw, gzip.open(raw) as reader:
                yield from self._stream(cast(IO[bytes], reader), inner, raw.tell, depth)
        except _DAMAGE as error:
            raise UnreadableFileError(
                "the gzip stream is damaged or incomplete",
                source=name,
                remedy="compress or copy it again",
            ) from error

    def _stream(
        self, reader: IO[bytes], name: str, packed: Callable[[], int], depth: int
    ) -> Iterator[UnpackedFile]:
        # The packed size of a member of a compressed tar is not known: what has been
        # read of the whole archive is an upper bound of it.
        self.budget.add_file(name)
        target = self._target()
        _copy_bounded(reader, target, self.budget, name, packed)
        yield from self._descend(target, name, depth)


def _check_zip_member(info: zipfile.ZipInfo, source: str) -> None:
    _check_member_name(info.filename, source)
    if info.orig_filename != info.filename:
        # zipfile cuts names at a NUL byte; what it cut is a name somebody meant to hide.
        _check_member_name(info.orig_filename, source)
    if info.flag_bits & 0x1:
        raise _locked(source)
    mode = info.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _not_plain(info.filename, source)


def _locked(source: str) -> InputError:
    return UnreadableFileError(
        "the archive is locked with a password",
        source=source,
        remedy="unpack it first and upload the folder",
    )


def _not_plain(member: str, source: str) -> InputError:
    return UnsafeArchiveError(
        f"holds a link or device instead of a plain file ({shown_name(member)!r})",
        source=source,
        remedy="pack the folder again with an ordinary zip program",
    )


def archive_kind(path: Path, name: str = "") -> str | None:
    """``zip``, ``tar``, ``tar.gz`` or ``gzip`` for an archive, None for any other file.

    A gzipped NIfTI is no archive: its reader decompresses it. Nor is a zipped document
    (a spreadsheet), which ``name`` tells.

    Raises:
        UnreadableFileError: an archive of a kind that is not read here, or a damaged gzip.
    """
    kind = sniff(path)
    if kind in ("rar", "7z"):
        raise UnreadableFileError(
            f"{kind} archives are not read", remedy="pack the folder as a zip instead"
        )
    if kind == "gzip":
        inside = sniff_inside_gzip(path)
        return {"nifti": None, "tar": "tar.gz"}.get(inside, "gzip")
    if PurePosixPath(name).suffix.lower() in _DOCUMENTS:
        return None
    return kind if kind in ("zip", "tar") else None


def unpack(
    path: Path,
    out_dir: Path,
    *,
    name: str,
    budget: Budget,
    progress: Progress = silent,
) -> list[UnpackedFile]:
    """Unpack an archive, and archives inside it, into numbered files in ``out_dir``.

    Args:
        path: the archive.
        out_dir: an existing folder.
        name: what the user calls the archive; members are named ``name/member``.
        budget: bounds shared by the whole upload; damaged members are noted in its ``skipped``.
        progress: called after each member.

    Returns:
        The plain files, in the archive's order, without what :func:`is_junk` names.

    Raises:
        UnsafeArchiveError: a bound is exceeded, or a member's name or type is not safe.
        UnreadableFileError: the archive is damaged, locked, or of a kind that is not read.
    """
    try:
        kind = archive_kind(path, name)
        if kind is None:
            return [UnpackedFile(path, name)]
        return list(_Unpacker(out_dir, budget, progress).open_archive(path, name, kind, 1))
    except InputError as error:
        raise error.with_source(name) from error
