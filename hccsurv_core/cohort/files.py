"""Files of the patient store: written whole or not at all, checked when read, swept when orphaned.

Each file gets a temporary name in its own folder, is flushed to the disk, and
only then renamed; the row that names it is committed last. A process killed
anywhere on the way leaves a file without a row, never a row without a file;
:meth:`FileVault.sweep` removes such files at the next start.

Layout: ``studies/<study id>/volume.npy``, ``…/dicom/00001.dcm``, ``…/masks/<revision id>.npz``.
Ids are our own hexadecimal words; no user's text ever becomes part of a path.
"""

from __future__ import annotations

import os
import re
import shutil
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.cohort.database import store_error
from hccsurv_core.errors import StoreError
from hccsurv_core.progress import Progress, silent

_ID = re.compile(r"[0-9a-f]{32}")
_INCOMING = ".incoming-"
_TEMPORARY = ".writing-"
_CHUNK = 1 << 20
#: A file that no row names is removed after this time where the system has no file locks.
_ORPHAN_SECONDS = 24 * 3600


def new_id() -> str:
    """An opaque key, also the name of a folder or file: 32 hexadecimal digits."""
    return uuid4().hex


@dataclass(frozen=True)
class Stamp:
    """Size and CRC-32 of a file as it was written."""

    n_bytes: int
    crc32: int


class _Counting:
    """Pass bytes on to a file, counting them and their CRC-32."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.n_bytes = 0
        self.crc32 = 0

    def write(self, data: bytes | memoryview) -> int:
        self.crc32 = zlib.crc32(data, self.crc32)
        written = self._file.write(data)
        self.n_bytes += written
        return written


def _create(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(path: Path, fill: Callable[[_Counting], object]) -> Stamp:
    with _create(path) as file:
        counting = _Counting(file)
        fill(counting)
        file.flush()
        os.fsync(file.fileno())
    return Stamp(counting.n_bytes, counting.crc32)


def _copy(source: Path, target: Path) -> Stamp:
    def fill(out: _Counting) -> None:
        with source.open("rb") as file:
            while chunk := file.read(_CHUNK):
                out.write(chunk)

    return _write(target, fill)


def blake2_of(data: bytes) -> str:
    """A 128-bit BLAKE2b digest, hexadecimal."""
    return blake2b(data, digest_size=16).hexdigest()


class FileVault:
    """The files under one data folder.

    Args:
        root: the data folder; made if missing, readable by its owner only.

    Raises:
        StoreError: the folder cannot be made or written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._studies = root / "studies"
        self._verified: dict[str, tuple[int, int, int]] = {}
        with self._disk_errors(str(root)):
            root.mkdir(parents=True, exist_ok=True)
            root.chmod(0o700)
            self._studies.mkdir(mode=0o700, exist_ok=True)

    # -- places ---------------------------------------------------------------------------
    def study_folder(self, study_id: str) -> Path:
        """The folder of a study."""
        if not _ID.fullmatch(study_id):
            raise StoreError(f"{study_id!r} is not the key of a study")
        return self._studies / study_id

    def volume_path(self, study_id: str) -> Path:
        """Where a study's voxels lie."""
        return self.study_folder(study_id) / "volume.npy"

    def dicom_path(self, study_id: str, position: int) -> Path:
        """Where a study's source file number ``position`` (from 0) lies."""
        return self.study_folder(study_id) / "dicom" / f"{position + 1:05d}.dcm"

    def mask_path(self, study_id: str, mask_id: str) -> Path:
        """Where the packed masks of a revision lie."""
        if not _ID.fullmatch(mask_id):
            raise StoreError(f"{mask_id!r} is not the key of a segmentation")
        return self.study_folder(study_id) / "masks" / f"{mask_id}.npz"

    # -- writing --------------------------------------------------------------------------
    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold off :meth:`sweep` (in any process) while files are written and their row is not."""
        with self._lock(exclusive=False, wait=True):
            yield

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Be the only one, in any process, who creates or upgrades the database."""
        with self._lock(exclusive=True, wait=True, name="open.lock"):
            yield

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A private folder for work in progress; gone afterwards, or swept after a kill."""
        folder = self._studies / f"{_INCOMING}{new_id()}"
        with self.writing():
            with self._disk_errors("preparing the study"):
                folder.mkdir(mode=0o700)
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def add_study(
        self,
        study_id: str,
        voxels: NDArray,
        dicom_files: Sequence[Path],
        progress: Progress = silent,
    ) -> tuple[Stamp, list[Stamp]]:
        """Write a study's folder in one step: it is there whole, or not there.

        Raises:
            StoreError: the disk is full, or a source file cannot be read.
        """
        target = self.study_folder(study_id)
        staging = self._studies / f"{_INCOMING}{study_id}"
        with self._disk_errors("saving the study"):
            try:
                (staging / "masks").mkdir(mode=0o700, parents=True)
                staging.chmod(0o700)
                progress(0.0, "Storing the scan")
                volume = _write(
                    staging / "volume.npy",
                    lambda out: np.lib.format.write_array(out, voxels, allow_pickle=False),
                )
                copies = self._copy_dicom(staging / "dicom", dicom_files, progress)
                _sync_folder(staging)
                staging.rename(target)
                _sync_folder(self._studies)
            except BaseException:
                shutil.rmtree(staging, ignore_errors=True)
                raise
        progress(1.0, "Stored")
        return volume, copies

    @staticmethod
    def _copy_dicom(folder: Path, files: Sequence[Path], progress: Progress) -> list[Stamp]:
        if not files:
            return []
        folder.mkdir(mode=0o700)
        copies = []
        for index, source in enumerate(files):
            copies.append(_copy(source, folder / f"{index + 1:05d}.dcm"))
            progress(0.4 + 0.6 * (index + 1) / len(files), "Storing the source images")
        _sync_folder(folder)
        return copies

    def write_masks(self, study_id: str, mask_id: str, data: bytes) -> None:
        """Write the packed masks of a revision, whole or not at all.

        Raises:
            StoreError: the disk is full, or the study's folder is missing.
        """
        target = self.mask_path(study_id, mask_id)
        temporary = target.with_name(f"{_TEMPORARY}{mask_id}")
        with self._disk_errors("saving the outlines"):
            try:
                target.parent.mkdir(mode=0o700, exist_ok=True)
                _write(temporary, lambda out: out.write(data))
                temporary.rename(target)
                _sync_folder(target.parent)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise

    def remove_mask(self, study_id: str, mask_id: str) -> None:
        """Remove a mask file that no row names (its commit failed)."""
        self.mask_path(study_id, mask_id).unlink(missing_ok=True)

    def remove_study(self, study_id: str) -> None:
        """Remove a study's folder; what cannot be removed now is swept at the next start."""
        shutil.rmtree(self.study_folder(study_id), ignore_errors=True)

    # -- reading --------------------------------------------------------------------------
    def open_volume(
        self, study_id: str, stamp: Stamp, shape: tuple[int, ...], dtype: str
    ) -> NDArray:
        """Map a study's voxels into memory, read-only, checked once per process.

        Raises:
            StoreError: the file is missing, or is not what was written.
        """
        path = self.volume_path(study_id)
        try:
            status = path.stat()
            voxels = np.load(path, mmap_mode="r", allow_pickle=False)
            seen = (status.st_size, status.st_mtime_ns, status.st_ino)
            whole = status.st_size == stamp.n_bytes and voxels.shape == shape
            if whole and str(voxels.dtype) == dtype and self._verified.get(study_id) != seen:
                whole = _crc32_of(path) == stamp.crc32
        except FileNotFoundError as error:
            raise StoreError("the images are missing from the data folder") from error
        except (OSError, ValueError, EOFError) as error:
            raise StoreError(f"the images cannot be read ({error})") from error
        if not whole or str(voxels.dtype) != dtype:
            raise StoreError("the images in the data folder are damaged")
        self._verified[study_id] = seen
        return voxels

    def read_masks(self, study_id: str, mask_id: str, n_bytes: int, blake2: str) -> bytes:
        """The packed masks of a revision.

        Raises:
            StoreError: the file is missing, or is not what was written.
        """
        try:
            data = self.mask_path(study_id, mask_id).read_bytes()
        except OSError as error:
            raise StoreError("the outlines are missing from the data folder") from error
        if len(data) != n_bytes or blake2_of(data) != blake2:
            raise StoreError("the outlines in the data folder are damaged")
        return data

    def check_dicom(self, study_id: str, stamps: Sequence[Stamp]) -> tuple[Path, ...]:
        """The paths of a study's source files, each there and of the size that was written.

        Raises:
            StoreError: a file is missing or has another size.
        """
        paths = []
        for position, stamp in enumerate(stamps):
            path = self.dicom_path(study_id, position)
            try:
                size = path.stat().st_size
            except OSError as error:
                raise StoreError(f"source image {position + 1} is missing") from error
            if size != stamp.n_bytes:
                raise StoreError(f"source image {position + 1} is damaged")
            paths.append(path)
        return tuple(paths)

    def same_dicom(self, study_id: str, stamps: Sequence[Stamp]) -> bool:
        """Whether every source file still has the bytes that were written."""
        paths = self.check_dicom(study_id, stamps)
        return all(_crc32_of(p) == s.crc32 for p, s in zip(paths, stamps, strict=True))

    # -- orphans --------------------------------------------------------------------------
    def sweep(self, known: Callable[[], dict[str, set[str]]]) -> int:
        """Remove folders and files that no row names, unless some process is writing just now.

        Args:
            known: returns the mask ids of each study id; called once nobody writes any more.

        Returns:
            How many entries were removed.
        """
        with self._lock(exclusive=True, wait=False) as alone:
            if not alone:
                return 0
            rows = known()
            removed = 0
            for entry in list(self._studies.iterdir()):
                masks = rows.get(entry.name)
                if masks is None:
                    removed += self._discard(entry)
                    continue
                folder = entry / "masks"
                for file in list(folder.iterdir()) if folder.is_dir() else []:
                    if file.suffix != ".npz" or file.stem not in masks:
                        removed += self._discard(file)
            return removed

    @staticmethod
    def _discard(entry: Path) -> int:
        if _fcntl is None and not _is_old(entry):
            return 0
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
        return 1

    @contextmanager
    def _lock(self, *, exclusive: bool, wait: bool, name: str = "write.lock") -> Iterator[bool]:
        """Hold a lock that the system releases when its holder dies; yields whether it is held."""
        if _fcntl is None:
            yield True
            return
        with self._disk_errors(str(self.root)):
            descriptor = os.open(self.root / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            mode = _fcntl.LOCK_EX if exclusive else _fcntl.LOCK_SH
            try:
                _fcntl.flock(descriptor, mode | (0 if wait else _fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
                return
            yield True
        finally:
            os.close(descriptor)

    @contextmanager
    def _disk_errors(self, source: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise store_error(error, source) from error


def _crc32_of(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            value = zlib.crc32(chunk, value)
    return value


def _is_old(entry: Path) -> bool:
    from time import time

    return time() - entry.stat().st_mtime > _ORPHAN_SECONDS


try:
    import fcntl as _fcntl
except ImportError:  # Windows
    _fcntl = None  # type: ignore[assignment]
