"""Clips and stills of every storage, what real files give, and what is refused in which words."""

from __future__ import annotations

import re
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import encapsulate, generate_frames
from us_factory import (
    as_jpeg,
    compressed,
    dataset,
    frames_of,
    read_here,
    region,
    save,
)

from hccsurv_core.errors import (
    CancelledError,
    DecoderFailedError,
    GeometryError,
    InputError,
    NoUsableSeriesError,
    UnreadableFileError,
    WrongModalityError,
)
from hccsurv_core.io import ultrasound_clip
from hccsurv_core.io.limits import IntakeLimits
from hccsurv_core.io.ultrasound_clip import list_clips, read_clip, reading_process
from hccsurv_core.patient import PatientFacts

RLE = "1.2.840.10008.1.2.5"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
JPEG_LS = "1.2.840.10008.1.2.4.80"


# -- storages ------------------------------------------------------------------------------------
@pytest.mark.parametrize("color", [True, False])
@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("storage", ["plain", RLE, JPEG_2000, JPEG_LS])
def test_lossless_storages_come_back_bit_by_bit(tmp_path, storage, n, color):
    frames = frames_of(n, 64, 96, color)
    ds = dataset(frames) if storage == "plain" else compressed(frames, storage)
    clip = read_here(save(tmp_path / "a.dcm", ds)).clip
    np.testing.assert_array_equal(clip.frames, frames)
    np.testing.assert_allclose(clip.time_s, 0.1 * np.arange(n))


@pytest.mark.parametrize("color", [True, False])
def test_jpeg_gives_what_pydicom_gives(tmp_path, color):
    path = save(tmp_path / "a.dcm", as_jpeg(frames_of(3, 48, 64, color)))
    apart = np.abs(read_here(path).clip.frames.astype(int) - pydicom.dcmread(path).pixel_array)
    assert (apart <= 2).mean() > 0.999
    assert apart.max() <= 4


def test_a_jpeg_in_rgb_that_says_nothing_of_its_colors_is_read_as_the_header_says(tmp_path):
    """libjpeg would take it for YCbCr; the first frame shows that, and pydicom reads them all."""
    ds = as_jpeg(frames_of(2))
    raw = []
    for data in generate_frames(ds.PixelData, number_of_frames=2):
        # Components 1, 2 and 3 without a JFIF mark.
        assert data[2:4] == b"\xff\xe0"
        raw.append(data[:2] + data[4 + int.from_bytes(data[4:6], "big") :])
    ds.PixelData = encapsulate(raw)
    ds["PixelData"].is_undefined_length = True
    ds.PhotometricInterpretation = "RGB"
    path = save(tmp_path / "a.dcm", ds)
    clip = read_here(path).clip
    np.testing.assert_array_equal(clip.frames, pydicom.dcmread(path).pixel_array)


def test_a_palette_becomes_colors(tmp_path):
    index = np.arange(24 * 32, dtype=np.uint8).reshape(1, 24, 32)
    table = np.random.default_rng(0).integers(0, 256, (256, 3)).astype(np.uint16)
    for scale in (257, 1):  # 16 bits an entry, and 8 bits in the place of 16
        ds = dataset(index, PhotometricInterpretation="PALETTE COLOR")
        for k, name in enumerate(("Red", "Green", "Blue")):
            setattr(ds, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
            setattr(ds, f"{name}PaletteColorLookupTableData", (table[:, k] * scale).tobytes())
        clip = read_here(save(tmp_path / "a.dcm", ds)).clip
        np.testing.assert_array_equal(clip.frames[0], table[index[0]])


def test_sixteen_bits_keep_the_upper_eight_and_monochrome1_is_turned(tmp_path):
    deep = (frames_of(2, color=False).astype(np.uint16) << 4) + 7
    clip = read_here(save(tmp_path / "a.dcm", dataset(deep, BitsStored=12, HighBit=11))).clip
    np.testing.assert_array_equal(clip.frames, frames_of(2, color=False))
    ds = dataset(frames_of(2, color=False), PhotometricInterpretation="MONOCHROME1")
    clip = read_here(save(tmp_path / "b.dcm", ds)).clip
    np.testing.assert_array_equal(clip.frames, 255 - frames_of(2, color=False))


def test_color_that_is_gray_is_kept_as_gray_and_turns_to_color_when_color_comes(tmp_path):
    gray = np.repeat(frames_of(3, color=False)[..., None], 3, axis=3)
    clip = read_here(save(tmp_path / "a.dcm", dataset(gray))).clip
    assert clip.frames.shape == (3, 24, 32)
    gray[2, 5, 5] = (255, 0, 0)
    clip = read_here(save(tmp_path / "b.dcm", dataset(gray))).clip
    np.testing.assert_array_equal(clip.frames, gray)


def test_png_and_jpeg_stills(tmp_path):
    color = frames_of(1)[0]
    Image.fromarray(color).save(tmp_path / "a.png")
    loaded = read_here(tmp_path / "a.png")
    np.testing.assert_array_equal(loaded.clip.frames[0], color)
    assert loaded.kind == "picture"
    assert "how large a pixel is" in loaded.clip.warnings[0]
    deep = (color[..., 0].astype(np.uint16) << 8) + 3
    Image.fromarray(deep).save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_here(tmp_path / "b.png").clip.frames[0], color[..., 0])
    Image.fromarray(color).convert("RGBA").save(tmp_path / "c.png")
    np.testing.assert_array_equal(read_here(tmp_path / "c.png").clip.frames[0], color)
    Image.fromarray(color).save(tmp_path / "d.jpg", quality=100, subsampling=0)
    apart = read_here(tmp_path / "d.jpg").clip.frames[0].astype(int) - color
    assert np.abs(apart).max() <= 4


# -- what comes along ----------------------------------------------------------------------------
def test_regions_facts_and_machine_come_along_and_no_name_does(tmp_path):
    ds = dataset(
        frames_of(),
        SequenceOfUltrasoundRegions=[region()],
        BodyPartExamined="LIVER",
        ContrastBolusAgent="x",
    )
    loaded = read_here(save(tmp_path / "a.dcm", ds))
    assert loaded.clip.regions[0].spacing_mm == pytest.approx((0.2, 0.3))
    assert loaded.clip.warnings == ()
    assert loaded.patient == PatientFacts(sex="female", age_years=61.0)
    assert (loaded.modality, loaded.manufacturer, loaded.model) == ("US", "Maker", "Model 1")
    assert (loaded.body_part, loaded.contrast_agent, loaded.kind) == ("LIVER", True, "dicom")
    assert "SECRET" not in repr(vars(loaded)) + repr(loaded.clip.warnings)


def test_the_interval_that_a_person_gives_takes_the_place_of_the_files(tmp_path):
    ds = dataset(frames_of(3), FrameTime=None, FrameIncrementPointer=None)
    path = save(tmp_path / "a.dcm", ds)
    with pytest.raises(InputError, match=r"a\.dcm: .*3 frames were taken.*; give the time"):
        read_here(path)
    assert read_here(path, interval_s=0.5).clip.time_s.tolist() == [0, 0.5, 1.0]


def test_stills_of_one_series_are_one_clip_in_the_order_they_were_taken(tmp_path):
    frames = frames_of(3)
    for k, stamp in ((0, "101500.5"), (1, "101432"), (2, "101503")):
        save(tmp_path / f"{k}.dcm", dataset(frames[k : k + 1], ContentTime=stamp, InstanceNumber=k))
    clip = read_here(tmp_path).clip
    np.testing.assert_array_equal(clip.frames, frames[[1, 0, 2]])
    np.testing.assert_allclose(clip.time_s, [0, 28.5, 31])


def test_stills_without_times_are_a_second_apart_and_it_is_said(tmp_path):
    frames = frames_of(2)
    for k in (0, 1):
        save(tmp_path / f"{k}.dcm", dataset(frames[k : k + 1], InstanceNumber=2 - k))
    clip = read_here(tmp_path).clip
    np.testing.assert_array_equal(clip.frames, frames[::-1])
    assert clip.time_s.tolist() == [0, 1]
    assert any("do not say when they were taken" in w for w in clip.warnings)


def test_a_long_clip_is_thinned_and_its_times_with_it(tmp_path):
    for name, ds in (("a.dcm", dataset(frames_of(9))), ("b.dcm", as_jpeg(frames_of(9)))):
        path = save(tmp_path / name, ds)
        clip = read_here(path, IntakeLimits(max_voxels=4 * 24 * 32)).clip
        assert len(clip) == 3
        np.testing.assert_allclose(clip.time_s, [0, 0.3, 0.6])
        assert any("one of every 3" in w for w in clip.warnings)
        assert np.abs(clip.frames.astype(int) - frames_of(9)[::3]).max() <= 6


def test_a_folder_or_zip_with_one_clip_among_other_files(tmp_path):
    path = save(tmp_path / "a.dcm", dataset(frames_of()))
    (tmp_path / "notes.txt").write_text("nothing to see")
    clip = read_here(tmp_path).clip
    assert len(clip) == 3
    assert any("notes.txt was left out" in w for w in clip.warnings)
    with zipfile.ZipFile(tmp_path.parent / "up.zip", "w") as archive:
        archive.write(path, "study/a.dcm")
    loaded = read_here(tmp_path.parent / "up.zip")
    assert loaded.source == "up.zip/study/a.dcm"


def test_several_clips_are_listed_and_one_is_chosen(tmp_path):
    save(tmp_path / "a.dcm", dataset(frames_of(3)))
    save(tmp_path / "b.dcm", dataset(frames_of(2), Modality="CT", SOPClassUID="1.2"))
    Image.fromarray(frames_of(1)[0]).save(tmp_path / "c.png")
    folder = tmp_path.name
    listed = list_clips([tmp_path])
    assert [(c.name, c.kind) for c in listed] == [
        (f"{folder}/a.dcm", "dicom"), (f"{folder}/b.dcm", "dicom"), (f"{folder}/c.png", "picture")
    ]  # fmt: skip
    assert listed[0].description == "clip, 3 frames of 32×24"
    assert listed[1].refusal == "is CT, not ultrasound"
    with pytest.raises(NoUsableSeriesError, match=r"2 clips and stills; choose one: .*a\.dcm"):
        read_here(tmp_path)
    assert len(read_here(tmp_path, choice=f"{folder}/c.png").clip) == 1
    with pytest.raises(WrongModalityError, match="is CT"):
        read_here(tmp_path, choice=f"{folder}/b.dcm")
    with pytest.raises(NoUsableSeriesError, match="no clip called 'x'"):
        read_here(tmp_path, choice="x")


# -- refusals ------------------------------------------------------------------------------------
def test_a_ct_is_refused_by_name(tmp_path):
    ds = dataset(frames_of(1, color=False), Modality="CT", SOPClassUID="1.2.840.10008.5.1.4.1.1.2")
    with pytest.raises(WrongModalityError, match=r"ct\.dcm: is CT, not ultrasound; upload"):
        read_here(save(tmp_path / "ct.dcm", ds))


def test_a_volume_of_planes_is_no_clip(tmp_path):
    ds = dataset(frames_of(), SOPClassUID="1.2.840.10008.5.1.4.1.1.6.2")
    with pytest.raises(WrongModalityError, match="frames are planes, not moments"):
        read_here(save(tmp_path / "a.dcm", ds))


@pytest.mark.parametrize(
    ("tags", "error", "words"),
    [
        ({"Rows": 60000}, GeometryError, r"32×60000 pixels"),
        ({"NumberOfFrames": 2_000_000}, GeometryError, r"2000000 frames"),
        ({"NumberOfFrames": 4}, UnreadableFileError, r"damaged or cut off"),
        ({"SamplesPerPixel": 4}, UnreadableFileError, r"4 × 8 bits, RGB"),
        ({"PhotometricInterpretation": "CMYK"}, UnreadableFileError, r"not read here .*CMYK"),
        ({"PixelData": None}, UnreadableFileError, r"holds no picture"),
        ({"FrameTimeVector": [0, 1], "FrameTime": None, "FrameIncrementPointer": None},
         GeometryError, r"2 values for 3 frames"),
    ],
)  # fmt: skip
def test_headers_that_do_not_fit_are_told(tmp_path, tags, error, words):
    path = save(tmp_path / "bad.dcm", dataset(frames_of(3), **tags))
    with pytest.raises(error, match=rf"bad\.dcm: .*{words}"):
        read_here(path)


@pytest.mark.parametrize("kind", ["plain", "jpeg", "rle"])
def test_a_file_that_was_cut_off(tmp_path, kind):
    frames = frames_of(4)
    ds = {"plain": dataset, "jpeg": as_jpeg, "rle": lambda f: compressed(f, RLE)}[kind](frames)
    path = save(tmp_path / "cut.dcm", ds)
    path.write_bytes(path.read_bytes()[: int(0.7 * path.stat().st_size)])
    with pytest.raises(UnreadableFileError, match=r"cut\.dcm: .*cut off.*; .*export"):
        read_here(path)


def test_a_frame_of_another_size(tmp_path):
    ds = as_jpeg(frames_of(3), Rows=20)
    with pytest.raises(
        UnreadableFileError, match=r"frame 1 has 32×24 pixels, the header says 32×20"
    ):
        read_here(save(tmp_path / "a.dcm", ds))


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("empty.dcm", b"", "is empty"),
        ("letter.txt", b"Dear colleague" * 50, "neither DICOM, a video .* nor a picture"),
        ("bad.png", b"\x89PNG\r\n\x1a\n" + bytes(60), "damaged picture"),
        ("bad.mp4", b"\x00\x00\x00\x18ftypmp42" + bytes(400), "damaged video|without pictures"),
        ("bad.dcm", bytes(128) + b"DICM" + bytes(range(256)), "DICOM"),
    ],
)
def test_files_that_are_no_ultrasound(tmp_path, name, data, words):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=rf"{re.escape(name)}: .*({words})"):
        read_here(tmp_path / name)


def test_an_empty_folder(tmp_path):
    with pytest.raises(UnreadableFileError, match="holds no files; upload an ultrasound clip"):
        read_here(tmp_path)


# -- the reading process -------------------------------------------------------------------------
@pytest.fixture
def temporary_folder(tmp_path_factory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of the test's own."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_the_reading_process_gives_a_memory_map_and_leaves_nothing(tmp_path, temporary_folder):
    path = save(tmp_path / "a.dcm", as_jpeg(frames_of(3)))
    clip = read_clip([path]).clip
    assert isinstance(clip.frames, np.memmap)
    assert not clip.frames.flags.writeable
    np.testing.assert_array_equal(clip.frames, read_here(path).clip.frames)
    assert list(temporary_folder.iterdir()) == []


def test_an_error_of_the_reading_process_names_the_file(tmp_path, temporary_folder):
    (tmp_path / "letter.txt").write_text("Dear colleague")
    with pytest.raises(UnreadableFileError, match=r"^letter\.txt: is neither DICOM.*; upload"):
        read_clip([tmp_path / "letter.txt"])
    assert list(temporary_folder.iterdir()) == []


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("import os; os.kill(os.getpid(), 11)", "crashed"),
        ('print(\'{"result": {"shape": [1]}}\')', "answered with garbage"),
        ("print('nonsense')", "answered with garbage"),
    ],
)
def test_a_reading_process_that_dies_or_lies(
    tmp_path, monkeypatch, temporary_folder, script, words
):
    path = save(tmp_path / "a.dcm", dataset(frames_of(1)))
    command = [sys.executable, "-c", f"input()\n{script}"]
    monkeypatch.setattr(ultrasound_clip, "worker_command", lambda: command)
    with pytest.raises(DecoderFailedError, match=rf"a\.dcm: .*{words}"):
        read_clip([path])
    assert list(temporary_folder.iterdir()) == []


def test_one_process_reads_several_files_and_goes_on_after_a_bad_one(tmp_path, temporary_folder):
    first = save(tmp_path / "a.dcm", dataset(frames_of(2)))
    second = save(tmp_path / "b.dcm", as_jpeg(frames_of(1)))
    (tmp_path / "letter.txt").write_text("Dear colleague")
    with reading_process() as process:
        clips = [read_clip([first], process=process).clip]
        with pytest.raises(UnreadableFileError, match=r"^letter\.txt: is neither"):
            read_clip([tmp_path / "letter.txt"], process=process)
        assert process.is_alive()
        clips.append(read_clip([second], process=process).clip)
    assert not process.is_alive()
    for clip, path in zip(clips, (first, second), strict=True):
        np.testing.assert_array_equal(clip.frames, read_here(path).clip.frames)
    assert list(temporary_folder.iterdir()) == []


def test_a_process_that_has_ended_reads_nothing_and_says_so(tmp_path):
    path = save(tmp_path / "a.dcm", dataset(frames_of(1)))
    with reading_process() as process:
        process.kill()
        with pytest.raises(DecoderFailedError, match=r"a\.dcm: the decoder died before it began"):
            read_clip([path], process=process)


def test_what_asks_for_more_memory_than_allowed_is_told(tmp_path):
    side = 4000
    ds = dataset(np.zeros((1, side, side, 3), np.uint8))
    ds.compress(RLE, generate_instance_uid=False)
    path = save(tmp_path / "big.dcm", ds)
    limits = IntakeLimits(decode_bytes=280 << 20)
    with pytest.raises(InputError, match=r"big\.dcm"):
        read_clip([path], limits=limits)


def test_cancel_stops_it(tmp_path, temporary_folder):
    path = save(tmp_path / "a.dcm", dataset(frames_of(3)))

    def stop(fraction: float, message: str) -> None:
        raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        read_clip([path], progress=stop)
    assert list(temporary_folder.iterdir()) == []


# -- real files ----------------------------------------------------------------------------------
@pytest.mark.shared
def test_a_heart_of_65_uneven_frames(shared_data: Path):
    path = shared_data / "ultrasound" / "fo-dicom_DIRW0007_65f.dcm"
    loaded = read_here(path)
    clip = loaded.clip
    assert clip.frames.shape == (65, 456, 576, 3)
    increments = np.array(pydicom.dcmread(path).FrameTimeVector, float)
    np.testing.assert_allclose(1000 * np.diff(clip.time_s), increments[1:])
    assert {0.033, 0.05} < set(np.round(np.diff(clip.time_s), 3))
    assert clip.time_s[-1] == pytest.approx(2.438318)
    calibrated = [r for r in clip.regions if r.spacing_mm]
    assert [(r.top, r.left, r.rows, r.columns, r.kind) for r in calibrated] == [
        (48, 27, 344, 522, "tissue")
    ]
    assert calibrated[0].spacing_mm == pytest.approx((0.52478, 0.52478), abs=1e-5)
    reference = pydicom.pixels.pixel_array(path, index=30)
    apart = np.abs(clip.frames[30].astype(int) - reference)
    assert (apart <= 2).mean() > 0.995
    assert (loaded.manufacturer, loaded.model) == ("ACUSON", "SEQUOIA")


@pytest.mark.shared
def test_a_clip_that_was_halved_in_size_has_no_calibration(shared_data: Path):
    clip = read_here(shared_data / "ultrasound" / "examples_ybr_color.dcm").clip
    assert clip.frames.shape == (30, 240, 320, 3)
    np.testing.assert_allclose(np.diff(clip.time_s), 0.033333)
    assert clip.regions == ()
    assert any("scaled after the machine stored it" in w for w in clip.warnings)


@pytest.mark.shared
def test_a_still_of_two_panels_with_a_palette_in_16_bits(shared_data: Path):
    loaded = read_here(shared_data / "ultrasound" / "gdcm-US-ALOKA-16.dcm")
    clip = loaded.clip
    assert clip.frames.shape == (1, 480, 640, 3)
    assert [(r.left, r.columns, r.kind) for r in clip.regions] == [
        (32, 304, "tissue"), (336, 304, "tissue"), (32, 32, "gray bar")
    ]  # fmt: skip
    assert clip.regions[0].spacing_mm == pytest.approx((0.38265, 0.38265), abs=1e-5)
    # The cursor is green, the text white.
    assert tuple(clip.frames[0, 76, 104]) != (0, 0, 0)
    assert loaded.patient.sex == "male"
