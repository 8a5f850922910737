"""An upload: listed, chosen from, and read, with all parsing in the decoder process.

>>> with Upload([Path("scan.zip")]) as upload:          # doctest: +SKIP
...     for series in upload.inspect().series:
...         print(series.description, series.refusal or "usable")
...     scan = upload.load()
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import DecoderFailedError, InputError, UnreadableFileError
from hccsurv_core.io.child import Decoder, DecoderDiedError
from hccsurv_core.io.limits import IntakeLimits
from hccsurv_core.io.records import (
    Inspection,
    SeriesSummary,
    SkippedFile,
    inspection_from_dict,
)
from hccsurv_core.io.sniff import shown_name
from hccsurv_core.io.workspaces import sweep_abandoned, workspace_prefix
from hccsurv_core.patient import PatientFacts
from hccsurv_core.progress import Progress, silent
from hccsurv_core.volume import Volume

__all__ = [
    "Inspection",
    "IntakeLimits",
    "LoadedScan",
    "SeriesSummary",
    "SkippedFile",
    "Upload",
    "read_scan",
]

_GARBAGE = (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError)


@dataclass(frozen=True)
class LoadedScan:
    """One series, read.

    Args:
        volume: canonical orientation (see :mod:`hccsurv_core.volume`), HU as int16, or float32
            where rescaling gives fractions; padding is −1024.
        series: its line in the listing.
        patient: what the headers tell.
        warnings: what a reader must check.
        dicom_files: source files in slice order (inferior to superior for an axial series),
            one file for multi-frame DICOM, none for NIfTI. Files that came out of an archive
            live as long as the :class:`Upload` does.
        source_axes: how a NIfTI stored its axes (see :attr:`Volume.axes`): masks written along
            them open beside it in every viewer. "LPS" for DICOM.
    """

    volume: Volume
    series: SeriesSummary
    patient: PatientFacts
    warnings: tuple[str, ...]
    dicom_files: tuple[Path, ...]
    source_axes: str = "LPS"


class Upload:
    """One upload: a workspace folder and a decoder process, both gone when it is closed.

    Args:
        paths: files, folders and archives, in any order.
        workspace: a folder of this upload's own, created if missing and removed on close;
            None makes one in the temporary folder.
        limits: bounds on size, time and memory.
        progress: called with the fraction done; if it raises, the decoder is killed, the
            workspace removed, and the exception goes on (:class:`CancelledError`).
        chest: whether a chest CT is taken, too, with a warning; else it is refused: it shows no L3.

    Raises:
        InputError: a path does not exist, or the upload is larger than allowed.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        workspace: Path | None = None,
        limits: IntakeLimits | None = None,
        progress: Progress = silent,
        *,
        chest: bool = False,
    ) -> None:
        self._limits = limits or IntakeLimits()
        self._chest = chest
        self._progress = progress
        self._inputs = list_inputs([Path(p) for p in paths], self._limits)
        if workspace is None:
            sweep_abandoned()
            workspace = Path(tempfile.mkdtemp(prefix=workspace_prefix()))
        else:
            workspace.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.workspace = workspace
        self._decoder: Decoder | None = None
        self._inspection: Inspection | None = None
        self._deadly: dict[str, SkippedFile] = {}
        self._restarts = 0
        self._cleanup = weakref.finalize(self, shutil.rmtree, workspace, True)

    def __enter__(self) -> Upload:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the decoder and remove the workspace; safe to call twice."""
        self._stop_decoder()
        self._cleanup()

    def _stop_decoder(self) -> None:
        if self._decoder is not None:
            self._decoder.kill()
            self._decoder = None

    def inspect(self) -> Inspection:
        """List what the upload holds, the best series first.

        A file that kills the decoder is left out, with the reason in ``skipped``, and the
        inspection goes on without it, up to ``limits.max_restarts`` times.

        Raises:
            UnsafeArchiveError: an archive exceeds a bound or is not safe.
            UnreadableFileError: the only file of the upload cannot be read at all.
            DecoderFailedError: the decoder died too often, or of the only file.
        """
        if self._inspection is None or self._decoder is None:
            self._inspection = self._inspect()
        return self._inspection

    def _ask(self, command: dict[str, Any]) -> dict[str, Any]:
        if self._decoder is None:
            self._progress(0.0, "starting the decoder")
            self._decoder = Decoder(self._limits)
        try:
            return self._decoder.ask(command, self._progress)
        except InputError:
            if not self._decoder.is_alive():
                self._decoder = None
            raise
        except BaseException:
            self.close()  # cancelled: nothing is left behind
            raise

    def _inspect(self) -> Inspection:
        while True:
            command = {
                "do": "inspect",
                "workspace": str(self.workspace),
                "inputs": [[str(path), name] for path, name in self._inputs],
                "skip": sorted(self._deadly),
                "limits": self._limits.to_dict(),
                "chest": self._chest,
            }
            try:
                result = self._ask(command)
                found = inspection_from_dict(result)
            except DecoderDiedError as error:
                self._bury(error)
                continue
            except _GARBAGE as error:
                self._stop_decoder()
                raise DecoderFailedError("the decoder answered with garbage") from error
            deadly = tuple(self._deadly[path] for path in sorted(self._deadly))
            return replace(found, skipped=found.skipped + deadly)

    def _bury(self, error: DecoderDiedError) -> None:
        """Note the file that killed the decoder, or give up."""
        self._stop_decoder()
        self._restarts += 1
        alone = len(self._inputs) == 1 and error.path == str(self._inputs[0][0])
        if error.path is None or alone or self._restarts > self._limits.max_restarts:
            raise error
        self._deadly[error.path] = SkippedFile(error.source or "?", error.what)

    def load(self, key: str | None = None) -> LoadedScan:
        """Read one series.

        Args:
            key: a :attr:`SeriesSummary.key`; None takes the preselected series.

        Raises:
            NoUsableSeriesError: there is nothing to preselect, or no such key.
            InputError: the class named by the series' ``refusal_code``; or
                :class:`UnreadableFileError` naming a file with damaged pixels.
            DecoderFailedError: the decoder died; names the file.
        """
        self.inspect()
        result = self._ask({"do": "load", "key": key})
        try:
            return self._loaded(result)
        except _GARBAGE as error:
            self._stop_decoder()
            raise DecoderFailedError("the decoder answered with garbage") from error

    def _loaded(self, result: dict[str, Any]) -> LoadedScan:
        shown = {"series": [result["summary"]], "skipped": [], "preselected": None}
        summary = inspection_from_dict(shown).series[0]
        voxels = self._read_array(result)
        files = tuple(Path(str(path)) for path in result["files"])
        sources = {str(path) for path, _ in self._inputs}
        unpacked = self.workspace / "unpacked"
        if not all(str(f) in sources or f.parent == unpacked for f in files):
            raise ValueError("a source file is not of this upload")
        affine = np.array(result["affine"], dtype=np.float64)
        return LoadedScan(
            volume=Volume(voxels, affine),
            series=summary,
            patient=summary.patient,
            warnings=summary.warnings,
            dicom_files=files,
            source_axes=str(result["axes"]),
        )

    def _read_array(self, result: dict[str, Any]) -> NDArray:
        path = self.workspace / Path(str(result["npy"])).name
        shape = tuple(int(n) for n in result["shape"])
        if math.prod(shape) > self._limits.max_voxels:
            raise ValueError("the array is larger than allowed")
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        if mapped.shape != shape or str(mapped.dtype) not in ("int16", "float32"):
            raise ValueError("the array is not what was announced")
        voxels = np.array(mapped)
        path.unlink()
        return voxels


def list_inputs(
    paths: Sequence[Path], limits: IntakeLimits, wanted: str = "a CT series"
) -> list[tuple[Path, str]]:
    """(absolute path, name as the user knows it) of every file, sorted by name.

    Args:
        paths: files and folders.
        limits: bounds on number and size.
        wanted: what to upload, for the message where there is nothing.

    Raises:
        UnreadableFileError: a path does not exist, or there is no file.
        InputError: too many files, or too large.
    """
    found: list[tuple[Path, str]] = []
    for path in paths:
        if path.is_dir():
            found.extend(_walk(path.resolve(), shown_name(path.resolve().name)))
        elif path.is_file():
            found.append((path.resolve(), shown_name(path.name)))
        else:
            raise UnreadableFileError(
                "there is no such file or folder", source=str(path), remedy="check the path"
            )
        if len(found) > limits.max_files:
            raise InputError(
                f"the upload holds more than {limits.max_files} files",
                source=path.name,
                remedy="upload the series of interest alone",
            )
    if not found:
        source = paths[0].name if paths else None
        raise UnreadableFileError("holds no files", source=source, remedy=f"upload {wanted}")
    total = sum(path.stat().st_size for path, _ in found)
    if total > limits.max_total_bytes:
        raise InputError(
            f"the upload is larger than {limits.max_total_bytes / 1024**2:.0f} MiB",
            source=paths[0].name,
            remedy="upload the series of interest alone",
        )
    return sorted(found, key=lambda item: (item[1], str(item[0])))


def _walk(folder: Path, name: str) -> list[tuple[Path, str]]:
    """Plain files under a folder; links are not followed, so nothing outside it is read."""
    found = []
    for entry in os.scandir(folder):
        label = f"{name}/{shown_name(entry.name)}"
        if entry.is_dir(follow_symlinks=False):
            found.extend(_walk(Path(entry.path), label))
        elif entry.is_file(follow_symlinks=False):
            found.append((Path(entry.path), label))
    return found


def read_scan(
    paths: Sequence[Path],
    *,
    limits: IntakeLimits | None = None,
    progress: Progress = silent,
) -> LoadedScan:
    """Read the best series of an upload, for the command line.

    Source files that came out of an archive are removed when the result is garbage-collected.

    Raises:
        InputError: see :class:`Upload`, :meth:`Upload.inspect` and :meth:`Upload.load`.
    """
    upload = Upload(paths, limits=limits, progress=progress)
    try:
        scan = upload.load()
    except BaseException:
        upload.close()
        raise
    upload._stop_decoder()
    weakref.finalize(scan, upload.close)
    return scan
