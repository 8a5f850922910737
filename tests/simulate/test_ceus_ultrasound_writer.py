"""Ultrasound files: what is written is read back by pydicom, says what it is, and hides its size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_color_lut

from hccsurv_core.errors import InputError
from hccsurv_core.patient import PatientFacts
from hccsurv_core.simulate.ceus.ultrasound_writer import Recording, Region, write_ultrasound

REGION = Region(8, 4, 39, 29, 0.42, 15, 2, 3.5)
STILL = Recording(
    "SIM-7", "still simulated", "MODEL X", [REGION], facts=PatientFacts("female", 61.0)
)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("storage", ["rle", "jpeg2000"])
@pytest.mark.parametrize("shape", [(32, 48), (32, 48, 3)])
def test_lossless_storages_give_back_every_pixel(tmp_path, storage, shape) -> None:
    frame = noise(*shape)
    back = pydicom.dcmread(write_ultrasound(tmp_path / "a.dcm", [frame], STILL, storage=storage))
    assert np.array_equal(back.pixel_array, frame)
    assert back.get("LossyImageCompression") in (None, "00")


@pytest.mark.parametrize("shape", [(64, 80), (64, 80, 3)])
def test_jpeg_is_close_and_says_that_it_is_lossy(tmp_path, shape) -> None:
    row, column = np.mgrid[0:64, 0:80]
    frame = (row + column).astype(np.uint8)
    if len(shape) == 3:
        frame = np.stack([frame, frame // 2, frame // 3], 2)
    back = pydicom.dcmread(write_ultrasound(tmp_path / "a.dcm", [frame], STILL))
    assert back.file_meta.TransferSyntaxUID == pydicom.uid.JPEGBaseline8Bit
    assert back.PhotometricInterpretation == ("YBR_FULL_422" if frame.ndim == 3 else "MONOCHROME2")
    assert back.LossyImageCompression == "01"
    assert np.abs(back.pixel_array.astype(int) - frame).mean() < 2


def test_palette_gives_the_colors(tmp_path: Path) -> None:
    palette = noise(256, 3)
    frame = noise(20, 30)
    recording = replace(STILL, palette=palette)
    back = pydicom.dcmread(write_ultrasound(tmp_path / "a.dcm", [frame], recording, storage="rle"))
    assert back.PhotometricInterpretation == "PALETTE COLOR"
    colors = apply_color_lut(back.pixel_array, back)
    assert np.array_equal(colors >> 8, palette[frame])


def test_header_says_what_it_is(tmp_path: Path) -> None:
    back = pydicom.dcmread(write_ultrasound(tmp_path / "x" / "a.dcm", [noise(32, 48)], STILL))
    assert back.SOPClassUID == back.file_meta.MediaStorageSOPClassUID
    assert back.SOPClassUID.name == "Ultrasound Image Storage"
    assert (back.Modality, back.PatientID, back.PatientSex, back.PatientAge) == (
        "US", "SIM-7", "F", "061Y",
    )  # fmt: skip
    assert str(back.PatientName) == "SIMULATED^DEMO"
    assert back.ImageComments.startswith("SIMULATED")
    (region,) = back.SequenceOfUltrasoundRegions
    box = [region[k].value for k in ("RegionLocationMinX0", "RegionLocationMinY0",
                                     "RegionLocationMaxX1", "RegionLocationMaxY1")]  # fmt: skip
    assert box == [8, 4, 39, 29]
    # Centimeters a pixel.
    assert region.PhysicalUnitsXDirection == region.PhysicalUnitsYDirection == 3
    assert region.PhysicalDeltaX == region.PhysicalDeltaY == pytest.approx(0.042)
    assert (region.ReferencePixelX0, region.ReferencePixelY0) == (15, 2)
    assert region.TransducerFrequency == 3500
    assert "ContrastBolusAgent" not in back


def test_clip_carries_its_times(tmp_path: Path) -> None:
    times = np.array([0.0, 0.5, 1.25, 10.0])
    clip = replace(STILL, frame_times_s=times, contrast=True)
    back = pydicom.dcmread(write_ultrasound(tmp_path / "a.dcm", noise(4, 32, 48), clip))
    assert back.SOPClassUID.name == "Ultrasound Multi-frame Image Storage"
    assert back.NumberOfFrames == 4 and back.pixel_array.shape == (4, 32, 48)
    assert back.FrameIncrementPointer == pydicom.tag.Tag("FrameTimeVector")
    assert np.cumsum([float(v) for v in back.FrameTimeVector]) == pytest.approx(1000 * times)
    assert "microbubbles" in back.ContrastBolusAgent


@pytest.mark.parametrize("even", [1 << 12, 1 << 14])
def test_files_are_padded_to_one_size(tmp_path: Path, even: int) -> None:
    flat = write_ultrasound(
        tmp_path / "a.dcm", [np.zeros((32, 48), np.uint8)], STILL, even_bytes=even
    )
    busy = write_ultrasound(tmp_path / "b.dcm", [noise(32, 48)], STILL, even_bytes=even)
    plain = write_ultrasound(tmp_path / "c.dcm", [noise(32, 48)], STILL)
    assert flat.stat().st_size == busy.stat().st_size == even
    assert plain.stat().st_size < even
    back = pydicom.dcmread(busy)
    assert np.array_equal(back.pixel_array, pydicom.dcmread(plain).pixel_array)


def test_the_same_call_writes_the_same_file(tmp_path: Path) -> None:
    one, two = (
        write_ultrasound(tmp_path / n, [noise(32, 48)], STILL).read_bytes() for n in ("a", "b")
    )
    other = write_ultrasound(tmp_path / "c", [noise(32, 48)], replace(STILL, patient_id="SIM-8"))
    assert one == two
    assert pydicom.dcmread(other).SOPInstanceUID != pydicom.dcmread(tmp_path / "a").SOPInstanceUID


@pytest.mark.parametrize(
    ("frames", "recording", "storage", "match"),
    [
        ([noise(8, 8)], STILL, "tiff", "no storage is called 'tiff'"),
        ([noise(8, 8)], replace(STILL, palette=noise(256, 3)), "jpeg", "palette"),
        ([], STILL, "jpeg", "needs frames"),
        ([], STILL, "rle", "needs frames"),
        ([noise(8, 8), noise(8, 9)], STILL, "jpeg", "differ in shape"),
        ([noise(8, 8), noise(8, 9)], STILL, "rle", "differ in shape"),
        ([noise(8, 8)] * 2, STILL, "jpeg", "2 frames but 1 frame times"),
        (
            [noise(8, 8)] * 2, replace(STILL, frame_times_s=np.array([0.0, 1.0, 2.0])), "jpeg",
            "2 frames but 3 frame times",
        ),
        ([noise(8, 8)] * 2, replace(STILL, frame_times_s=np.array([1.0, 1.0])), "jpeg", "rise"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_refused(tmp_path, frames, recording, storage, match) -> None:
    with pytest.raises(InputError, match=match):
        write_ultrasound(tmp_path / "a.dcm", frames, recording, storage=storage)
    assert not (tmp_path / "a.dcm").exists()
