"""What an upload holds: unpack, read headers, group, sample pixels, judge, rank. Runs in the decoder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hccsurv_core.errors import (
    GeometryError,
    InputError,
    IntensityError,
    NoUsableSeriesError,
    UnreadableFileError,
    WrongModalityError,
)
from hccsurv_core.io import archive, series_judge
from hccsurv_core.io.archive import Budget, UnpackedFile
from hccsurv_core.io.dicom import PixelReader, read_stack
from hccsurv_core.io.dicom_header import DIRECTORY_CLASS, DicomFile, read_dicom_file
from hccsurv_core.io.faults import combine_errors
from hccsurv_core.io.limits import IntakeLimits
from hccsurv_core.io.nifti_judge import NiftiSeries, inspect_nifti
from hccsurv_core.io.records import Inspection, SeriesSummary, SkippedFile, inspection_to_dict
from hccsurv_core.io.series import Series, build_series, with_findings
from hccsurv_core.io.sniff import is_junk, sniff
from hccsurv_core.progress import Progress, part_of
from hccsurv_core.volume import Volume

#: Tells the parent which file is being read, so that it can name it if this process dies.
OnFile = Callable[[Path, str], None]
_MOST_PROCESSES = 4
_NO_MEMORY = "needs more memory than one upload is allowed"


@dataclass
class Job:
    """One upload as the decoder sees it.

    Args:
        workspace: folder for unpacked files and arrays.
        inputs: (path, name) of the files uploaded.
        skip: paths (as text) not to touch again, because they killed a decoder before.
        limits: bounds.
        progress: reports to the parent.
        on_file: see :data:`OnFile`.
        chest: whether a chest CT is looked for, too; else it is refused, since it shows no L3.
    """

    workspace: Path
    inputs: list[UnpackedFile]
    skip: set[str]
    limits: IntakeLimits
    progress: Progress
    on_file: OnFile
    chest: bool = False
    skipped: list[SkippedFile] = field(default_factory=list)
    series: dict[str, Series] = field(default_factory=dict)
    nifti: dict[str, NiftiSeries] = field(default_factory=dict)
    offsets: dict[str, int] = field(default_factory=dict)
    summaries: dict[str, SeriesSummary] = field(default_factory=dict)
    preselected: str | None = None

    # --- inspect -------------------------------------------------------------------------

    def inspect(self) -> dict[str, Any]:
        """List the series of the upload.

        Raises:
            InputError: the upload as a whole is not safe or not readable.
        """
        files = self._unpack_all(part_of(self.progress, 0.0, 0.5))
        dicom_files = self._read_headers(files, part_of(self.progress, 0.5, 0.75))
        reader = PixelReader(self.limits, self.on_file)
        found = build_series(dicom_files, self._hash_with(reader))
        self._judge_all(found, reader, part_of(self.progress, 0.75, 1.0))
        ranked = sorted(self.summaries.values(), key=lambda s: (-s.score, s.key))
        usable = [s for s in ranked if s.refusal is None]
        self.preselected = usable[0].key if usable else None
        self.progress(1.0, f"{len(ranked)} series found")
        return inspection_to_dict(Inspection(tuple(ranked), tuple(self.skipped), self.preselected))

    def _skip(self, name: str, reason: str) -> None:
        self.skipped.append(SkippedFile(name, reason))

    def _unpack_all(self, progress: Progress) -> list[UnpackedFile]:
        out_dir = self.workspace / "unpacked"
        out_dir.mkdir(exist_ok=True)
        manifest = self.workspace / "manifest.json"
        known: dict[str, list[list[str]]] = {}
        if manifest.is_file():  # a decoder before this one has unpacked these
            known = json.loads(manifest.read_text())
        left = [f for f in out_dir.iterdir() if f.name.isdigit()]
        budget = Budget(
            self.limits,
            total_bytes=sum(f.stat().st_size for f in left),
            files=max((int(f.name) for f in left), default=0),
        )
        plain: list[UnpackedFile] = []
        n_inputs = max(len(self.inputs), 1)
        for n, item in enumerate(self.inputs):
            if str(item.path) in self.skip:
                continue
            key = str(item.path)
            part = part_of(progress, n / n_inputs, (n + 1) / n_inputs)
            if key not in known:
                known_here = self._unpack_one(item, out_dir, budget, part)
                if known_here is None:
                    continue
                if known_here != [item]:
                    known[key] = [[str(f.path), f.name] for f in known_here]
                    manifest.write_text(json.dumps(known))
                plain.extend(known_here)
            else:
                plain.extend(UnpackedFile(Path(p), name) for p, name in known[key])
        self.skipped.extend(SkippedFile(name, reason) for name, reason in budget.skipped)
        return plain

    def _unpack_one(
        self, item: UnpackedFile, out_dir: Path, budget: Budget, progress: Progress
    ) -> list[UnpackedFile] | None:
        if is_junk(item.name):
            return None
        self.on_file(item.path, item.name)
        try:
            return archive.unpack(
                item.path, out_dir, name=item.name, budget=budget, progress=progress
            )
        except UnreadableFileError as error:
            if len(self.inputs) == 1:
                raise
            self._skip(item.name, _reason(error))
        except MemoryError:
            self._skip(item.name, _NO_MEMORY)
        return None

    def _read_headers(self, files: list[UnpackedFile], progress: Progress) -> list[DicomFile]:
        found: list[DicomFile] = []
        for n, file in enumerate(files):
            if n % 16 == 0:
                progress(n / len(files), f"reading header {n + 1} of {len(files)}")
            if str(file.path) in self.skip:
                continue
            self.on_file(file.path, file.name)
            try:
                kind = sniff(file.path)
                if kind in ("nifti", "gzip"):
                    self._add_nifti(file)
                elif kind == "empty":
                    self._skip(file.name, "is empty")
                else:
                    read = read_dicom_file(file.path, file.name)
                    if read.header.sop_class != DIRECTORY_CLASS:
                        found.append(read)
            except InputError as error:
                self._skip(file.name, _reason(error))
            except MemoryError:
                self._skip(file.name, _NO_MEMORY)
        return found

    def _add_nifti(self, file: UnpackedFile) -> None:
        found = inspect_nifti(file, self.workspace, self.limits)
        key = found.summary.key
        self.nifti[key] = found
        self.summaries[key] = found.summary

    def _hash_with(self, reader: PixelReader) -> Callable[..., str]:
        def pixel_hash(frame: Any) -> str:
            try:
                return reader.encoded_hash(frame)
            except InputError:
                # Unreadable pixels are like no other image; loading will name the file.
                return frame.name

        return pixel_hash

    def _judge_all(self, found: list[Series], reader: PixelReader, progress: Progress) -> None:
        patients = {s.header.patient_mark for s in found if s.frames} - {"|"}
        for n, series in enumerate(found):
            progress(n / len(found), f"looking at series {n + 1} of {len(found)}")
            judged, offset = series_judge.judge(series, reader, chest=self.chest)
            if len(patients) > 1:
                warning = f"the upload holds scans of {len(patients)} patients: check which this is"
                judged = with_findings(judged, warnings=[warning])
            self.series[judged.key] = judged
            self.offsets[judged.key] = offset
            self.summaries[judged.key] = series_judge.summarize(judged)

    # --- load ----------------------------------------------------------------------------

    def load(self, key: str | None) -> dict[str, Any]:
        """Decode one series into ``volume.npy`` in the workspace.

        Raises:
            NoUsableSeriesError: nothing to preselect, or no series with this key.
            InputError: the series' refusal, or the file whose pixels are damaged.
        """
        if key is None:
            key = self._preselected_key()
        if key not in self.summaries:
            raise NoUsableSeriesError(
                f"there is no series {key!r} in this upload", remedy="inspect the upload again"
            )
        files: list[str] = []
        axes = "LPS"
        if key in self.nifti:
            volume, axes = self.nifti[key].load(), self.nifti[key].axes
        else:
            volume, files = self._load_dicom(self.series[key])
        target = self.workspace / f"volume-{key}.npy"
        np.save(target, volume.voxels, allow_pickle=False)
        return {
            "key": key,
            "npy": target.name,
            "shape": list(volume.shape),
            "dtype": str(volume.voxels.dtype),
            "affine": volume.affine.tolist(),
            "axes": axes,
            "files": files,
            "summary": inspection_to_dict(Inspection((self.summaries[key],), (), None))["series"][
                0
            ],
        }

    def _preselected_key(self) -> str:
        if self.preselected is not None:
            return self.preselected
        reason = self._one_reason()
        if reason is not None:
            raise series_judge.name_source(reason, self._upload_name())
        if not self.summaries:
            what = "nothing in it is a DICOM or NIfTI image"
            if len(self.skipped) == 1:
                only = self.skipped[0]
                raise UnreadableFileError(
                    only.reason, source=only.name, remedy="upload a CT as DICOM or NIfTI"
                )
            remedy = "upload a CT as a folder or zip of DICOM files, or as NIfTI"
        else:
            listed = sorted(self.summaries.values(), key=lambda s: -s.score)[:4]
            what = "no series can be used: " + " · ".join(
                f"{s.description or s.modality}: {(s.refusal or '').split('; ')[0]}" for s in listed
            )
            remedy = "upload an axial CT of the abdomen"
        raise NoUsableSeriesError(what, source=self._upload_name(), remedy=remedy)

    def _one_reason(self) -> InputError | None:
        """The refusal to tell where the upload's series leave no doubt which one was meant.

        Localizers, reports and the like beside one CT are not what the user came for.
        """
        problems = [list(s.problems) for s in self.series.values() if s.problems]
        problems += [list(s.problems) for s in self.nifti.values() if s.problems]
        reasons = [combine_errors(found) for found in problems]
        ct = [r for r in reasons if not isinstance(r, WrongModalityError)]
        if len(ct) == 1:
            return ct[0]
        if reasons and not ct:
            return reasons[0]
        return None

    def _upload_name(self) -> str:
        names = [item.name.split("/")[0] for item in self.inputs]
        return names[0] if len(set(names)) == 1 else f"{names[0]} and {len(names) - 1} more files"

    def _load_dicom(self, series: Series) -> tuple[Volume, list[str]]:
        if series.problems:
            error = combine_errors(list(series.problems))
            raise series_judge.name_source(error, self._upload_name())
        if series.geometry is None:
            raise GeometryError("the series has no geometry", source=self._upload_name())
        reader = PixelReader(self.limits, self.on_file)
        volume = read_stack(
            series.frames,
            series.geometry,
            reader,
            offset=self.offsets[series.key],
            limits=self.limits,
            processes=min(len(os.sched_getaffinity(0)), _MOST_PROCESSES),
            progress=self.progress,
        )
        if int(volume.voxels.max()) <= -900:
            raise IntensityError("the images are blank", source=self._upload_name())
        return volume, list(dict.fromkeys(str(f.file.path) for f in series.frames))


def _reason(error: InputError) -> str:
    return f"{error.what}; {error.remedy}" if error.remedy else error.what
