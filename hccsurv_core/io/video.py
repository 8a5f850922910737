"""Frames and times of a video (AVI, MP4, MOV, MKV, MPEG, WMV). Only the decoder process calls it.

FFmpeg, through PyAV, is told which container it reads: left to guess, it also opens play lists, which
name other files and addresses.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import GeometryError, InputError, UnreadableFileError
from hccsurv_core.io.faults import DECODER_ERRORS, first_line
from hccsurv_core.io.limits import IntakeLimits

_AGAIN = "export the clip again, as DICOM if the machine can: a video has no size of a pixel"
_MPEG_TS_SYNC, _MPEG_TS_PACKET = 0x47, 188


def video_container(head: bytes) -> str | None:
    """FFmpeg's name of the container that these first bytes (256 or more) belong to, or None."""
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "mov"
    if head[:4] == b"\x1aE\xdf\xa3":
        return "matroska"
    if head[:4] == b"0&\xb2u":
        return "asf"
    if head[:4] == b"\x00\x00\x01\xba":
        return "mpeg"
    if len(head) > _MPEG_TS_PACKET and head[0] == head[_MPEG_TS_PACKET] == _MPEG_TS_SYNC:
        return "mpegts"
    return None


class Video:
    """The pictures of one video file.

    Args:
        path: the file.
        container: FFmpeg's name of it, see `video_container`.
        limits: bounds on the size of an image.

    Raises:
        UnreadableFileError: damaged, or without pictures.
        GeometryError: an absurd size.
    """

    def __init__(self, path: Path, container: str, limits: IntakeLimits) -> None:
        import av

        self._errors: tuple[type[Exception], ...] = (av.error.FFmpegError, *DECODER_ERRORS)
        self._path, self._container = path, container
        try:
            with self._opened() as file:
                stream = _pictures_of(file)
                self.screen = (int(stream.height or 0), int(stream.width or 0))
                self._rate = stream.average_rate or stream.guessed_rate
                self.n_frames = sum(1 for packet in file.demux(stream) if packet.size)
        except self._errors as error:
            raise _damaged(error) from error
        self._check(limits)

    def _opened(self) -> Any:
        import av

        options = {"protocol_whitelist": "file"}
        return av.open(str(self._path), format=self._container, options=options)

    def _check(self, limits: IntakeLimits) -> None:
        rows, columns = self.screen
        if min(self.screen) < 1 or self.n_frames < 1:
            raise UnreadableFileError("is a video without pictures", remedy=_AGAIN)
        if max(self.screen) > limits.max_side:
            raise GeometryError(
                f"claims pictures of {columns}×{rows} pixels, more than {limits.max_side} a side",
                remedy=_AGAIN,
            )

    def frames(self, step: int = 1) -> Iterator[tuple[float | None, NDArray[np.uint8]]]:
        """Every ``step``-th frame: its time in seconds, None where the file has none, and its
        picture, (rows, columns) or (rows, columns, 3).

        Raises:
            UnreadableFileError: no frame can be decoded, or frames change their size.
        """
        shown = 0
        try:
            with self._opened() as file:
                stream = _pictures_of(file)
                stream.thread_type = "NONE"
                for index, frame in enumerate(file.decode(stream)):
                    if index % step == 0:
                        shown += 1
                        yield _time_s(frame, stream.time_base), self._picture(frame)
        except InputError:
            raise
        except MemoryError:
            raise
        except self._errors as error:
            # What was decoded up to a broken end is a clip; what never began is not.
            if not shown:
                raise _damaged(error) from error
        if not shown:
            raise UnreadableFileError("is a video of which no picture can be read", remedy=_AGAIN)

    def _picture(self, frame: Any) -> NDArray[np.uint8]:
        if (frame.height, frame.width) != self.screen:
            raise UnreadableFileError(
                f"its pictures change from {self.screen[1]}×{self.screen[0]} to "
                f"{frame.width}×{frame.height} pixels",
                remedy=_AGAIN,
            )
        is_gray = frame.format.name.startswith("gray")
        return frame.to_ndarray(format="gray" if is_gray else "rgb24")

    def times(self, told: list[float | None], step: int, warnings: list[str]) -> NDArray:
        """Times (n,) in seconds from the first frame, rising.

        The container's own time of each frame counts, so that a variable rate is kept.

        Args:
            told: of `frames`.
            step: of `frames`.
            warnings: what was doubtful is added.

        Raises:
            InputError: neither times nor a rate.
        """
        given = np.array([np.nan if t is None else t for t in told], dtype=np.float64)
        if np.isfinite(given).all() and (np.diff(given) > 0).all():
            return given - given[0]
        if not self._rate:
            raise InputError(
                "the video does not say when its pictures were taken",
                remedy="give the time between frames in seconds",
            )
        warnings.append(
            "the video's frame times are missing or do not rise: frames were taken as evenly spaced "
            f"at its average rate of {float(self._rate):.4g} a second"
        )
        return np.arange(len(told)) * step / float(self._rate)


def _pictures_of(file: Any) -> Any:
    """The first stream of moving pictures; a cover picture is none."""
    streams = list(file.streams.video)
    if not streams:
        raise UnreadableFileError("is a video without pictures (sound only)", remedy=_AGAIN)
    return streams[0]


def _time_s(frame: Any, stream_base: Fraction | None) -> float | None:
    stamp = frame.pts if frame.pts is not None else frame.dts
    base = frame.time_base or stream_base
    return None if stamp is None or not base else float(stamp * base)


def _damaged(error: BaseException) -> UnreadableFileError:
    return UnreadableFileError(f"is a damaged video ({first_line(error)})", remedy=_AGAIN)
