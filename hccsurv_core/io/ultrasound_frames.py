"""Frames on disk as they come: one .npy file that the parent process memory-maps.

A clip of 360 frames of 800×600 pixels in color is 518 MB; here no more than one frame is held.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

#: Bytes of the .npy header, whatever the shape, so that it can be rewritten at the end.
_HEADER_BYTES = 128
_MAGIC = b"\x93NUMPY\x01\x00"


class FrameFile:
    """Writes frames (rows, columns) or (rows, columns, 3), 8-bit, one after another.

    The file is gray as long as every frame is gray or has equal channels; the first frame in color
    turns all into RGB.

    Args:
        path: of the .npy file.
        screen: (rows, columns) of every frame.
    """

    def __init__(self, path: Path, screen: tuple[int, int]) -> None:
        self.path = path
        self._screen = screen
        self._color = False
        self._n = 0
        self._file = self._opened(path)

    def __len__(self) -> int:
        return self._n

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array so far."""
        return (self._n, *self._screen, *((3,) if self._color else ()))

    def add(self, frame: NDArray[np.uint8]) -> None:
        """Append one frame.

        Raises:
            ValueError: it is of another shape.
        """
        if frame.shape not in (self._screen, (*self._screen, 3)):
            raise ValueError(f"a frame has the shape {frame.shape}, not {self._screen}")
        if frame.ndim == 3 and not self._color:
            if _is_gray(frame):
                frame = frame[..., 0]
            else:
                self._turn_to_color()
        if self._color and frame.ndim == 2:
            frame = np.repeat(frame[..., None], 3, axis=2)
        np.ascontiguousarray(frame).tofile(self._file)
        self._n += 1

    def close(self) -> None:
        """Write the header with the number of frames; safe to call twice."""
        if not self._file.closed:
            self._file.seek(0)
            self._file.write(_header(self.shape))
            self._file.close()

    def _turn_to_color(self) -> None:
        self._file.close()
        gray = self.path.with_suffix(".gray")
        self.path.rename(gray)
        self._color = True
        self._file = self._opened(self.path)
        with gray.open("rb") as held:
            held.seek(_HEADER_BYTES)
            for _ in range(self._n):
                frame = np.fromfile(held, np.uint8, self._screen[0] * self._screen[1])
                np.repeat(frame[:, None], 3, axis=1).tofile(self._file)
        gray.unlink()

    @staticmethod
    def _opened(path: Path) -> BinaryIO:
        file = path.open("wb")
        file.write(bytes(_HEADER_BYTES))
        file.flush()
        return file


def _is_gray(frame: NDArray[np.uint8]) -> bool:
    red = frame[..., 0]
    return bool((red == frame[..., 1]).all() and (red == frame[..., 2]).all())


def _header(shape: tuple[int, ...]) -> bytes:
    """The .npy format, version 1.0, padded to `_HEADER_BYTES`."""
    text = repr({"descr": "|u1", "fortran_order": False, "shape": shape})
    room = _HEADER_BYTES - len(_MAGIC) - 2
    return _MAGIC + room.to_bytes(2, "little") + text.ljust(room - 1).encode() + b"\n"
