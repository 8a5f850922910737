"""Pixels of DICOM frames: decoded, rescaled, stacked.

Decoding is pydicom's, with its plug-ins (pylibjpeg: JPEG 2000, JPEG lossless,
RLE; pyjpegls: JPEG-LS). Only the decoder process calls this room.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import pixel_array
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from hccsurv_core.errors import GeometryError, UnreadableFileError
from hccsurv_core.io.dicom_header import PYDICOM_ERRORS, Frame, read_dataset
from hccsurv_core.io.faults import first_line
from hccsurv_core.io.geometry import StackGeometry
from hccsurv_core.io.intensity import finish_hu, is_integer_scale, stored_to_hu
from hccsurv_core.io.limits import IntakeLimits, check_voxel_count
from hccsurv_core.progress import Progress, silent
from hccsurv_core.volume import Volume

#: Compressed frames from which a second process earns its start.
_WORTH_SHARING = 16
_DEFAULTS = {
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2",
    "BitsAllocated": 16,
    "PixelRepresentation": 0,
}


class PixelReader:
    """Decodes frames; keeps the last multi-frame file open, so that its frames cost one read.

    Args:
        limits: bounds on the size of an image.
        on_file: called with the name of each file before it is read.
    """

    def __init__(
        self, limits: IntakeLimits, on_file: Callable[[Path, str], None] = lambda path, name: None
    ) -> None:
        self._limits = limits
        self._on_file = on_file
        self._open: tuple[Path, Dataset] | None = None

    def fall_silent(self) -> None:
        """Name no more files."""
        self._on_file = lambda path, name: None

    def _dataset(self, frame: Frame) -> Dataset:
        path = frame.file.path
        if self._open is not None and self._open[0] == path:
            return self._open[1]
        self._on_file(path, frame.file.name)
        try:
            ds = read_dataset(path, pixels=True)
        except UnreadableFileError as error:
            raise error.with_source(frame.file.name) from error
        try:
            _complete(ds)
        except PYDICOM_ERRORS as error:
            raise _bad_pixels(frame, first_line(error)) from error
        self._open = (path, ds) if frame.index is not None else None
        return ds

    def _decode(self, frame: Frame, index: int | None) -> NDArray:
        ds = self._dataset(frame)
        try:
            # What spare bits mean (padding, overlay) is for the intensity room to judge.
            return pixel_array(ds, index=index, correct_unused_bits=False)
        except MemoryError as error:
            raise _bad_pixels(frame, "they need more memory than allowed") from error
        except PYDICOM_ERRORS as error:
            raise _bad_pixels(frame, first_line(error)) from error

    def stored(self, frame: Frame) -> NDArray[np.integer]:
        """The pixel values of one frame as stored, (rows, columns).

        Raises:
            UnreadableFileError: the pixels are missing, truncated or damaged, or too many.
        """
        side = max(frame.file.rows, frame.file.columns)
        if side > self._limits.max_side:
            raise UnreadableFileError(
                f"claims an image of {frame.file.columns}×{frame.file.rows} pixels, "
                f"more than {self._limits.max_side} a side",
                source=frame.name,
            )
        pixels = self._decode(frame, frame.index)
        if pixels.shape != (frame.file.rows, frame.file.columns) or pixels.dtype.kind not in "iu":
            raise _bad_pixels(frame, f"they decode to an array of shape {pixels.shape}")
        return pixels

    def display(self, frame: Frame) -> NDArray[np.float32]:
        """The first image of a file as grey values, for looking for text; color is averaged.

        Raises:
            UnreadableFileError: as :meth:`stored`.
        """
        pixels = self._decode(frame, frame.index or 0)
        grey = pixels.astype(np.float32)
        return grey.mean(axis=-1) if grey.ndim == 3 and grey.shape[-1] in (3, 4) else grey

    def encoded_hash(self, frame: Frame) -> str:
        """A hash of the image as encoded, with its rescaling; for telling copies from images."""
        if frame.index is None:
            data = self._dataset(frame).get("PixelData", b"")
        else:
            data = self.stored(frame).tobytes()
        digest = hashlib.blake2s(data if isinstance(data, bytes) else b"")
        digest.update(repr((frame.slope, frame.intercept)).encode())
        return digest.hexdigest()


def _bad_pixels(frame: Frame, why: str) -> UnreadableFileError:
    return UnreadableFileError(
        f"its pixels cannot be decoded ({why})",
        source=frame.name,
        remedy="export or copy this file again",
    )


def _complete(ds: Dataset) -> None:
    """Fill in what decoding needs and old or careless writers leave out."""
    meta = getattr(ds, "file_meta", None)
    if meta is None:
        meta = FileMetaDataset()
        ds.file_meta = meta
    if not meta.get("TransferSyntaxUID"):
        implicit, little = ds.original_encoding
        if implicit:
            meta.TransferSyntaxUID = ImplicitVRLittleEndian
        else:
            meta.TransferSyntaxUID = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
    for keyword, value in _DEFAULTS.items():
        if ds.get(keyword) is None:
            setattr(ds, keyword, value)
    if ds.get("BitsStored") is None:
        ds.BitsStored = ds.BitsAllocated
    if ds.get("HighBit") is None:
        ds.HighBit = ds.BitsStored - 1


def read_hu(reader: PixelReader, frame: Frame) -> tuple[NDArray, NDArray[np.bool_]]:
    """(HU before clipping, padding mask) of one frame.

    Raises:
        UnreadableFileError: the pixels cannot be decoded.
    """
    return stored_to_hu(reader.stored(frame), frame)


def read_stack(
    frames: Sequence[Frame],
    geometry: StackGeometry,
    reader: PixelReader,
    *,
    offset: int = 0,
    limits: IntakeLimits | None = None,
    processes: int = 1,
    progress: Progress = silent,
) -> Volume:
    """Decode sorted frames into a canonical CT volume.

    Args:
        frames: in the order of ``geometry``.
        offset: repair of the Hounsfield scale, from :func:`~.intensity.fit_hu`.
        processes: how many may share the decoding of compressed frames; the codecs hold
            Python's lock, so that threads would not help. More than one forks this process.

    Raises:
        UnreadableFileError: naming the file whose pixels cannot be decoded.
        GeometryError: there is no affine, or more voxels than allowed.
    """
    limits = limits or IntakeLimits()
    if geometry.affine is None:
        raise GeometryError("the slices have no common geometry")
    shape = (len(frames), frames[0].file.rows, frames[0].file.columns)
    check_voxel_count(shape, limits)
    dtype = np.dtype(np.int16 if is_integer_scale(list(frames)) else np.float32)

    def decode(n: int, into: NDArray) -> None:
        hu, padding = read_hu(reader, frames[n])
        into[n] = finish_hu(hu, padding, offset, dtype)

    todo = list(range(len(frames)))
    if processes > 1 and len(frames) >= _WORTH_SHARING and _is_compressed(frames[0]):
        # Shared between the processes, and freed with the array.
        memory = mmap.mmap(-1, int(np.prod(shape)) * dtype.itemsize)
        voxels = np.frombuffer(memory, dtype).reshape(shape)
        todo = _share(todo, voxels, decode, reader, processes, progress)
    else:
        voxels = np.empty(shape, dtype)
    for done, n in enumerate(todo):
        decode(n, voxels)
        progress((done + 1) / len(todo), f"reading slice {done + 1} of {len(todo)}")
    return Volume(voxels, geometry.affine).to_canonical()


def _is_compressed(frame: Frame) -> bool:
    syntax = frame.file.transfer_syntax
    return bool(syntax) and UID(syntax).is_encapsulated


def _share(
    todo: list[int],
    voxels: NDArray,
    decode: Callable[[int, NDArray], None],
    reader: PixelReader,
    processes: int,
    progress: Progress,
) -> list[int]:
    """Decode ``todo`` in several processes; what a helper did not finish is returned.

    A helper that fails or dies says nothing: its frames are decoded again by the caller, and
    fail or kill there, where the file is named.
    """
    helpers = {}
    for part in range(1, processes):
        pid = os.fork()
        if pid == 0:
            _help(todo[part::processes], voxels, decode, reader)
        helpers[pid] = todo[part::processes]
    own = todo[0::processes]
    for done, n in enumerate(own):
        decode(n, voxels)
        progress((done + 1) / len(own), f"reading slice {processes * done + 1} of {len(todo)}")
    left: list[int] = []
    for pid, part_of_todo in helpers.items():
        _, status = os.waitpid(pid, 0)
        if status != 0:
            left.extend(part_of_todo)
    return left


def _help(
    todo: list[int],
    voxels: NDArray,
    decode: Callable[[int, NDArray], None],
    reader: PixelReader,
) -> NoReturn:
    """The life of a helper process: no word to the parent, and an end without clean-up."""
    status = 1
    try:
        # The pipes are the caller's: held open here, they would hide its death.
        os.closerange(3, 256)
        reader.fall_silent()
        for n in todo:
            decode(n, voxels)
        status = 0
    finally:
        os._exit(status)
