"""One upload of ultrasound in the decoder process: what it holds, and one clip of it on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from hccsurv_core.clip import Region
from hccsurv_core.errors import GeometryError, InputError, UnreadableFileError
from hccsurv_core.io.archive import UnpackedFile
from hccsurv_core.io.dicom_header import FileHeader, integer, read_dataset, text
from hccsurv_core.io.limits import IntakeLimits
from hccsurv_core.io.text_in_pixels import declared_text_warning
from hccsurv_core.io.ultrasound_frames import FrameFile
from hccsurv_core.io.ultrasound_pixels import Pixels
from hccsurv_core.io.ultrasound_regions import read_regions
from hccsurv_core.io.ultrasound_sources import DICOM, VIDEO, Source, choose_source, find_sources
from hccsurv_core.io.ultrasound_stills import read_picture, still_times
from hccsurv_core.io.ultrasound_times import even_times, frame_times
from hccsurv_core.io.video import Video, video_container
from hccsurv_core.patient import PatientFacts
from hccsurv_core.progress import Progress

ARRAY_FILE = "frames.npy"
NO_CALIBRATION = "the file does not say how large a pixel is: sizes in mm are not known"
#: Transfer syntaxes that hold a video stream (PS3.5 A.4.5 to A.4.12), and FFmpeg's name of it.
_VIDEO_SYNTAXES = {
    **{f"1.2.840.10008.1.2.4.{n}": "mpegvideo" for n in ("100", "100.1", "101", "101.1")},
    **{f"1.2.840.10008.1.2.4.{n}": "h264" for n in range(102, 107)},
    **{f"1.2.840.10008.1.2.4.{n}.1": "h264" for n in range(102, 107)},
    **{f"1.2.840.10008.1.2.4.{n}": "hevc" for n in (107, 108)},
}


@dataclass
class Found:
    """What is read of one source, besides its frames."""

    times_s: NDArray[np.floating]
    regions: tuple[Region, ...] = ()
    warnings: list[str] = field(default_factory=list)
    header: FileHeader | None = None
    machine: tuple[str, str] = ("", "")


class UltrasoundJob:
    """Reads one upload.

    Args:
        workspace: an existing folder for what is unpacked and decoded.
        inputs: the files.
        limits: bounds on size, time and memory.
        progress: called with the fraction done.
        on_file: called before each file is read.
    """

    def __init__(
        self,
        workspace: Path,
        inputs: list[UnpackedFile],
        limits: IntakeLimits,
        progress: Progress,
        on_file: Callable[[Path, str], None],
    ) -> None:
        self._workspace, self._limits = workspace, limits
        self._progress, self._on_file = progress, on_file
        self._sources, self._skipped = find_sources(inputs, workspace, limits, on_file)

    def listing(self) -> dict[str, Any]:
        """The sources and what was left out, as JSON values."""
        return {
            "clips": [
                {
                    "name": source.name,
                    "kind": source.kind,
                    "description": source.description,
                    "refusal": None if source.refusal is None else source.refusal.what,
                }
                for source in self._sources
            ],
            "skipped": [list(item) for item in self._skipped],
        }

    def read(self, choice: str | None, interval_s: float | None) -> dict[str, Any]:
        """Decode one source into ``frames.npy``; the rest as JSON values.

        Args:
            choice: a source's name; None takes the only one.
            interval_s: between frames where a person says so; None takes the file's times.

        Raises:
            InputError: see `hccsurv_core.io.ultrasound_clip.read_clip`.
        """
        source = choose_source(self._sources, choice)
        first = source.files[0]
        self._on_file(first.path, first.name)
        try:
            store, found = self._opened(source, interval_s)
        except InputError as error:
            raise error.with_source(source.name) from error
        for name, why in self._skipped:
            found.warnings.append(f"{name} was left out: it {why}")
        return self._result(source, store, found)

    def _opened(self, source: Source, interval_s: float | None) -> tuple[FrameFile, Found]:
        if source.kind == VIDEO:
            video = Video(source.files[0].path, source.container, self._limits)
            return self._video(video, interval_s)
        if source.kind == DICOM:
            if len(source.files) > 1:
                return self._stills(source, interval_s)
            return self._dicom(source, interval_s)
        picture = read_picture(source.files[0].path, self._limits)
        store = self._store((picture.shape[0], picture.shape[1]))
        store.add(picture)
        return store, Found(np.zeros(1))

    def _store(self, screen: tuple[int, int]) -> FrameFile:
        return FrameFile(self._workspace / ARRAY_FILE, screen)

    def _step(self, n_frames: int, screen: tuple[int, int], warnings: list[str]) -> int:
        """1, or every how manieth frame is kept so that the clip stays within the limits."""
        most = self._limits.max_voxels // max(screen[0] * screen[1], 1)
        if most < 1:
            raise GeometryError(f"a picture of {screen[1]}×{screen[0]} pixels is too large")
        step = -(-n_frames // most)
        if step > 1:
            warnings.append(
                f"the clip has {n_frames} frames, more than are kept ({most}): one of every {step} "
                "is used"
            )
        return step

    def _dicom(self, source: Source, interval_s: float | None) -> tuple[FrameFile, Found]:
        path, header = source.files[0].path, source.header
        ds = _with_pixels(path)
        syntax = text(getattr(ds, "file_meta", None) or Dataset(), "TransferSyntaxUID")
        found = Found(np.zeros(1), header=header, machine=_machine(ds))
        if syntax in _VIDEO_SYNTAXES:
            return self._stream(ds, _VIDEO_SYNTAXES[syntax], found, interval_s)
        pixels = Pixels(ds, self._limits)
        n, screen = pixels.n_frames, pixels.screen
        times = _given(interval_s, n) if interval_s else frame_times(ds, n, found.warnings)
        found.regions = read_regions(ds, screen, found.warnings)
        step = self._step(n, screen, found.warnings)
        found.times_s = times[::step]
        store = self._store(screen)
        for k, frame in enumerate(pixels.frames(step)):
            store.add(frame)
            self._progress((k + 1) * step / (n + step), f"frame {k * step + 1} of {n}")
        return store, found

    def _stream(
        self, ds: Dataset, container: str, found: Found, interval_s: float | None
    ) -> tuple[FrameFile, Found]:
        """A video stream inside a DICOM: the header's times and regions, FFmpeg's pictures."""
        from pydicom.encaps import generate_fragments

        path = self._workspace / "stream"
        with path.open("wb") as out:
            for fragment in generate_fragments(ds.PixelData):
                out.write(fragment)
        with path.open("rb") as opened:
            container = video_container(opened.read(256)) or container
        video = Video(path, container, self._limits)
        store, inside = self._video(video, interval_s)
        path.unlink()
        found.regions = read_regions(ds, video.screen, found.warnings)
        found.times_s = inside.times_s
        if not interval_s and len(store) == integer(ds, "NumberOfFrames", 1) > 1:
            found.times_s = frame_times(ds, len(store), found.warnings)
        else:
            found.warnings += inside.warnings
        return store, found

    def _video(self, video: Video, interval_s: float | None) -> tuple[FrameFile, Found]:
        found = Found(np.zeros(1))
        n = video.n_frames
        step = self._step(n, video.screen, found.warnings)
        store, told = self._store(video.screen), []
        for time_s, frame in video.frames(step):
            if len(store) >= -(-n // step) + 1:
                break  # more pictures than packets: what it announced was no basis for the step
            store.add(frame)
            told.append(time_s)
            self._progress(min(len(store) * step / (n + step), 1.0), f"frame {len(store)} of {n}")
        if len(store) < n // step:
            found.warnings.append(
                f"the video ends early: {len(store)} of {-(-n // step)} frames can be read"
            )
        if interval_s:
            found.times_s = _given(interval_s, len(store) * step)[::step]
        else:
            found.times_s = video.times(told, step, found.warnings)
        return store, found

    def _stills(self, source: Source, interval_s: float | None) -> tuple[FrameFile, Found]:
        """Stills of one series as the frames of a clip, in the order they were taken."""
        headers = []
        for file in source.files:
            ds = read_dataset(file.path, pixels=False)
            headers.append((file, ds))
        warnings: list[str] = []
        order, times = still_times([ds for _, ds in headers], warnings)
        if interval_s:
            times = _given(interval_s, len(order))
            warnings.clear()
        found = Found(times, warnings=warnings, header=source.header)
        store: FrameFile | None = None
        for k, index in enumerate(order):
            file = headers[index][0]
            self._on_file(file.path, file.name)
            ds = _with_pixels(file.path)
            try:
                pixels = Pixels(ds, self._limits)
                if store is None:
                    self._step(1, pixels.screen, [])
                    store = self._store(pixels.screen)
                    found.regions = read_regions(ds, pixels.screen, found.warnings)
                    found.machine = _machine(ds)
                store.add(next(pixels.frames()))
            except InputError as error:
                raise error.with_source(file.name) from error
            self._progress((k + 1) / (len(order) + 1), f"still {k + 1} of {len(order)}")
        if store is None:
            raise UnreadableFileError("holds no stills")
        return store, found

    def _result(self, source: Source, store: FrameFile, found: Found) -> dict[str, Any]:
        store.close()
        header = found.header
        warnings = list(found.warnings)
        if not any(region.spacing_mm for region in found.regions):
            warnings.append(NO_CALIBRATION)
        if header is not None:
            warnings += header.fact_warnings
            if (declared := declared_text_warning(header)) is not None:
                warnings.append(declared)
        return {
            "array": ARRAY_FILE,
            "shape": list(store.shape),
            "times_s": found.times_s.tolist(),
            "regions": [asdict(region) for region in found.regions],
            "warnings": list(dict.fromkeys(warnings)),
            "name": source.name,
            "kind": source.kind,
            "sha256": _sha256(source.files),
            "patient": asdict(header.facts if header is not None else PatientFacts()),
            "modality": "" if header is None else header.modality,
            "manufacturer": found.machine[0],
            "model": found.machine[1],
            "body_part": "" if header is None else header.body_part,
            "study_date": None if header is None else header.study_date,
            "contrast_agent": header is not None and bool(header.contrast_agent),
        }


def _with_pixels(path: Path) -> Dataset:
    """A file whose header was read before, pixels included.

    Raises:
        UnreadableFileError: it ends before its pixels do: pydicom then drops the header as well.
    """
    try:
        return read_dataset(path, pixels=True)
    except UnreadableFileError as error:
        raise UnreadableFileError(
            "is cut off: it ends before its pixels do",
            remedy="copy it again, or export it again from the machine or the archive",
        ) from error


def _machine(ds: Dataset) -> tuple[str, str]:
    return text(ds, "Manufacturer"), text(ds, "ManufacturerModelName")


def _given(interval_s: float | None, n_frames: int) -> NDArray[np.floating]:
    return even_times(n_frames, float(interval_s or 0.0))


def _sha256(files: tuple[UnpackedFile, ...]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.path.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()
