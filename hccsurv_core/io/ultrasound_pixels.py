"""Pixels of an ultrasound DICOM as 8-bit gray or RGB, frame by frame. Only the decoder process calls it.

JPEG of 8 bits is decoded by libjpeg-turbo (Pillow), in a seventh of the time that pydicom's first
choice takes. Both must agree on the first frame, else pydicom decodes them all: what the stream
says of its colors and what the header says can differ, and pydicom weighs that.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels import apply_color_lut, iter_pixels, pixel_array
from pydicom.uid import JPEGBaseline8Bit, JPEGExtended12Bit

from hccsurv_core.errors import GeometryError, InputError, UnreadableFileError
from hccsurv_core.io.dicom_header import PYDICOM_ERRORS, integer, text
from hccsurv_core.io.faults import first_line
from hccsurv_core.io.limits import IntakeLimits

Picture = NDArray[np.uint8]
_PLAIN = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB")
#: Frames of one file. Two minutes at 60 a second are 7200.
MAX_FRAMES = 20_000
#: Two decoders may round and interpolate color differently by this much (levels), in all but this
#: share of values.
_SAME_LEVELS, _SAME_SHARE = 3, 0.002
#: Pillow raises SyntaxError for some damaged files.
_DAMAGE: tuple[type[Exception], ...] = (*PYDICOM_ERRORS, SyntaxError)
_DAMAGE_OR_END: tuple[type[Exception], ...] = (*_DAMAGE, StopIteration)
_AGAIN = "export the clip again from the machine or the archive"


class Pixels:
    """The frames of one file.

    Args:
        ds: the file, pixels included.
        limits: bounds on the size of an image.

    Raises:
        UnreadableFileError: no picture, or one of a kind that is not read.
        GeometryError: an absurd size.
    """

    def __init__(self, ds: Dataset, limits: IntakeLimits) -> None:
        self._ds = ds
        self.screen = (integer(ds, "Rows"), integer(ds, "Columns"))
        self.n_frames = max(integer(ds, "NumberOfFrames", 1), 1)
        self._photometric = text(ds, "PhotometricInterpretation").upper() or "MONOCHROME2"
        self._check(limits)
        self._table = self._palette() if self._photometric == "PALETTE COLOR" else None

    def _check(self, limits: IntakeLimits) -> None:
        ds = self._ds
        rows, columns = self.screen
        if "PixelData" not in ds or min(self.screen) < 1:
            raise UnreadableFileError("holds no picture", remedy=_AGAIN)
        if max(self.screen) > limits.max_side:
            raise GeometryError(
                f"claims a picture of {columns}×{rows} pixels, more than {limits.max_side} a side",
                remedy=_AGAIN,
            )
        if self.n_frames > MAX_FRAMES:
            raise GeometryError(
                f"claims {self.n_frames} frames, more than {MAX_FRAMES}", remedy=_AGAIN
            )
        bits, samples = integer(ds, "BitsAllocated", 8), integer(ds, "SamplesPerPixel", 1)
        known = self._photometric in _PLAIN or self._photometric.startswith("YBR_")
        if bits not in (8, 16) or samples not in (1, 3) or not known:
            raise UnreadableFileError(
                f"holds pixels that are not read here ({samples} × {bits} bits, "
                f"{self._photometric})",
                remedy="export the clip as 8-bit gray, palette or color",
            )

    def frames(self, step: int = 1) -> Iterator[Picture]:
        """Every ``step``-th frame from the first, (rows, columns) or (rows, columns, 3).

        Raises:
            UnreadableFileError: a frame is damaged or missing; names its number.
        """
        chosen = range(0, self.n_frames, step)
        done = 0
        try:
            for frame in self._jpeg(chosen) if self._is_quick() else self._any(chosen):
                yield self._to_8_bit(frame)
                done += 1
            if done < len(chosen):
                raise EOFError(f"frame {chosen[done] + 1} of {self.n_frames} is missing")
        except InputError:
            raise
        except MemoryError:
            raise
        except _DAMAGE as error:
            raise UnreadableFileError(
                f"its pixels are damaged or cut off ({first_line(error)})", remedy=_AGAIN
            ) from error

    def _is_quick(self) -> bool:
        """True where Pillow may decode, and gives what pydicom gives."""
        ds = self._ds
        syntax = getattr(getattr(ds, "file_meta", None), "TransferSyntaxUID", "")
        if syntax not in (JPEGBaseline8Bit, JPEGExtended12Bit) or integer(ds, "BitsStored", 8) != 8:
            return False
        try:
            quick = next(self._jpeg(range(1)))
        except _DAMAGE_OR_END:
            return False
        try:
            careful = pixel_array(ds, index=0)
        except PYDICOM_ERRORS:
            return True
        if quick.shape != careful.shape:
            return False
        apart = np.abs(quick.astype(np.int16) - careful) > _SAME_LEVELS
        return bool(apart.mean() <= _SAME_SHARE)

    def _jpeg(self, chosen: range) -> Iterator[Picture]:
        from PIL import Image

        encoded = generate_frames(self._ds.PixelData, number_of_frames=self.n_frames)
        color = integer(self._ds, "SamplesPerPixel", 1) == 3
        for index, data in enumerate(encoded):
            if index not in chosen:
                continue
            with Image.open(io.BytesIO(data), formats=["JPEG"]) as picture:
                if picture.size != self.screen[::-1]:
                    raise UnreadableFileError(
                        f"frame {index + 1} has {picture.size[0]}×{picture.size[1]} pixels, the "
                        f"header says {self.screen[1]}×{self.screen[0]}",
                        remedy=_AGAIN,
                    )
                if picture.mode != ("RGB" if color else "L"):
                    raise ValueError(f"frame {index + 1} is a JPEG of mode {picture.mode}")
                yield np.asarray(picture)

    def _any(self, chosen: range) -> Iterator[NDArray]:
        if self.n_frames == 1:
            yield pixel_array(self._ds)
            return
        yield from iter_pixels(self._ds, indices=chosen)

    def _to_8_bit(self, frame: NDArray) -> Picture:
        if frame.shape[:2] != self.screen or frame.ndim not in (2, 3):
            raise ValueError(f"a frame decodes to an array of shape {frame.shape}")
        if self._table is not None:
            if frame.ndim != 2:
                raise ValueError("a palette picture with more than one value a pixel")
            return self._table[frame.astype(np.uint16, copy=False) & (len(self._table) - 1)]
        levels = self._shifted(frame)
        return 255 - levels if self._photometric == "MONOCHROME1" else levels

    def _shifted(self, frame: NDArray) -> Picture:
        """Stored values as 8 bits: of more bits, the upper eight."""
        bits = integer(self._ds, "BitsStored", 8)
        if frame.dtype == np.uint8 and bits == 8:
            return frame
        if not 1 <= bits <= 16:
            raise ValueError(f"claims {bits} bits stored")
        values = frame.astype(np.int32)
        if integer(self._ds, "PixelRepresentation") == 1:
            values += 1 << (bits - 1)
        values = values >> (bits - 8) if bits >= 8 else values << (8 - bits)
        return np.clip(values, 0, 255).astype(np.uint8)

    def _palette(self) -> Picture:
        """Red, green and blue (n, 3) of every stored value, 8 bits."""
        bits = integer(self._ds, "BitsAllocated", 8)
        values = np.arange(1 << bits, dtype=np.uint8 if bits == 8 else np.uint16)
        try:
            table = apply_color_lut(values[None], self._ds)[0, :, :3]
        except PYDICOM_ERRORS as error:
            raise UnreadableFileError(
                f"its palette is damaged ({first_line(error)})", remedy=_AGAIN
            ) from error
        # Some files declare 16 bits an entry and fill 8 of them.
        if table.dtype.itemsize > 1 and table.max() > 255:
            table = table >> 8
        return table.astype(np.uint8)
