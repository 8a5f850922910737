"""Small ultrasound files of every storage, and a reader in this process.

The tests of the reading process itself go through ``read_clip``.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit, generate_uid

from hccsurv_core.io.limits import IntakeLimits
from hccsurv_core.io.ultrasound_clip import LoadedClip, command_for, load_clip
from hccsurv_core.io.ultrasound_worker import run_command

CLIP, STILL = "1.2.840.10008.5.1.4.1.1.3.1", "1.2.840.10008.5.1.4.1.1.6.1"


class QuietChannel:
    def on_file(self, path: Path, name: str) -> None: ...

    def progress(self, fraction: float, text: str) -> None: ...


def read_here(
    paths: Path | Sequence[Path], limits: IntakeLimits | None = None, **more: Any
) -> LoadedClip:
    """`read_clip` in this process: quick, and a traceback shows where it failed."""
    paths = [paths] if isinstance(paths, Path) else list(paths)
    limits = limits or IntakeLimits()
    with tempfile.TemporaryDirectory() as folder:
        command = command_for("read", paths, Path(folder), limits, more)
        return load_clip(run_command(command, QuietChannel()), Path(folder), limits)


def frames_of(n: int = 3, rows: int = 24, columns: int = 32, color: bool = True) -> NDArray:
    """Smooth frames, each brighter than the one before; red rises to the right, blue falls."""
    row, column = np.mgrid[0:rows, 0:columns]
    gray = 40 + 2 * row + column
    frames = [np.clip(gray + 20 * k, 0, 255) for k in range(n)]
    if not color:
        return np.array(frames, np.uint8)
    return np.array([np.stack([f, f // 2 + 30, 200 - f // 2], -1) for f in frames], np.uint8)


def dataset(frames: NDArray, **tags: Any) -> Dataset:
    """An uncompressed ultrasound file; a clip where there are several frames."""
    n, rows, columns = frames.shape[:3]
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = CLIP if n > 1 else STILL
    ds.SOPInstanceUID, ds.SeriesInstanceUID, ds.StudyInstanceUID = (
        generate_uid(), generate_uid(entropy_srcs=["series"]), generate_uid(entropy_srcs=["study"])
    )  # fmt: skip
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.Modality, ds.Manufacturer, ds.ManufacturerModelName = "US", "Maker", "Model 1"
    ds.PatientName, ds.PatientID, ds.PatientSex, ds.PatientAge = "SECRET^NAME", "77", "F", "061Y"
    ds.Rows, ds.Columns = rows, columns
    ds.SamplesPerPixel = 3 if frames.ndim == 4 else 1
    ds.PhotometricInterpretation = "RGB" if frames.ndim == 4 else "MONOCHROME2"
    if frames.ndim == 4:
        ds.PlanarConfiguration = 0
    bits = 8 * frames.dtype.itemsize
    ds.BitsAllocated = ds.BitsStored = bits
    ds.HighBit, ds.PixelRepresentation = bits - 1, 0
    if n > 1:
        ds.NumberOfFrames = n
        ds.FrameTime = 100.0
        ds.FrameIncrementPointer = 0x00181063
    ds.PixelData = frames.tobytes()
    ds["PixelData"].VR = "OB" if bits == 8 else "OW"
    for keyword, value in tags.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return ds


def save(path: Path, ds: Dataset) -> Path:
    ds.save_as(path, enforce_file_format=True)
    return path


def compressed(frames: NDArray, syntax: str, **tags: Any) -> Dataset:
    """Lossless: RLE, JPEG 2000 or JPEG-LS."""
    ds = dataset(frames, **tags)
    if frames.ndim == 4 and syntax.endswith("4.90"):
        ds.PhotometricInterpretation = "YBR_RCT"
    ds.compress(syntax, generate_instance_uid=False)
    return ds


def as_jpeg(frames: NDArray, quality: int = 95, **tags: Any) -> Dataset:
    """JPEG baseline, as most machines store clips."""
    ds = dataset(frames, **tags)
    encoded = []
    for frame in frames:
        out = io.BytesIO()
        Image.fromarray(frame).save(out, "JPEG", quality=quality, subsampling=0)
        encoded.append(out.getvalue())
    ds.PixelData = encapsulate(encoded)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    if frames.ndim == 4:
        ds.PhotometricInterpretation = "YBR_FULL_422"
    return ds


def region(**changes: Any) -> Dataset:
    """A two-dimensional tissue region of 20×10 pixels of 0.3 mm × 0.2 mm (column × row)."""
    item = Dataset()
    values: dict[str, Any] = {
        "RegionSpatialFormat": 1, "RegionDataType": 1, "RegionFlags": 2,
        "RegionLocationMinX0": 4, "RegionLocationMinY0": 6,
        "RegionLocationMaxX1": 23, "RegionLocationMaxY1": 15,
        "PhysicalUnitsXDirection": 3, "PhysicalUnitsYDirection": 3,
        "PhysicalDeltaX": 0.03, "PhysicalDeltaY": 0.02,
    }  # fmt: skip
    for keyword, value in {**values, **changes}.items():
        setattr(item, keyword, value)
    return item
