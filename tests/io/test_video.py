"""Videos written here with PyAV come back with their pictures and their own frame times."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from us_factory import dataset, frames_of, read_here, save

from hccsurv_core.errors import GeometryError, UnreadableFileError
from hccsurv_core.io.limits import IntakeLimits
from hccsurv_core.io.ultrasound_clip import list_clips
from hccsurv_core.io.video import video_container

ROWS, COLUMNS = 48, 64


def write(
    path: Path,
    frames: np.ndarray,
    codec: str = "mpeg4",
    pixels: str = "yuv420p",
    stamps: list[int] | None = None,
) -> Path:
    """Frames at ``stamps`` milliseconds, else 10 a second."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=10)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixels
        stream.bit_rate = 8_000_000
        if stamps is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for k, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if stamps is not None:
                frame.pts, frame.time_base = stamps[k], Fraction(1, 1000)
            for packet in stream.encode(frame):
                out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)
    return path


def gray_frames(n: int = 5) -> np.ndarray:
    gray = frames_of(n, ROWS, COLUMNS, color=False)
    return np.repeat(gray[..., None], 3, axis=3)


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.avi", "mjpeg", "yuvj422p"),
        ("a.avi", "mpeg4", "yuv420p"),
        ("a.mp4", "mpeg4", "yuv420p"),
        ("a.mov", "mpeg4", "yuv420p"),
        ("a.mkv", "ffv1", "yuv444p"),
        ("a.wmv", "wmv2", "yuv420p"),
    ],
)
def test_levels_and_times_of_usual_containers(tmp_path, name, codec, pixels):
    frames = gray_frames()
    loaded = read_here(write(tmp_path / name, frames, codec, pixels))
    clip = loaded.clip
    assert len(clip) == 5
    assert loaded.kind == "video"
    np.testing.assert_allclose(clip.time_s, 0.1 * np.arange(5), atol=1e-3)
    shown = np.stack([clip.brightness(k) for k in range(5)])
    # Full or studio range, compressed or not: gray levels are what they were.
    assert np.abs(shown - frames[..., 0]).mean() < 2.5
    assert abs((shown - frames[..., 0]).mean()) < 1.5
    assert any("how large a pixel is" in w for w in clip.warnings)


def test_colors_stay_what_they_were(tmp_path):
    frames = frames_of(3, ROWS, COLUMNS)
    clip = read_here(write(tmp_path / "a.mkv", frames, "ffv1", "yuv444p")).clip
    assert np.abs(clip.frames.astype(int) - frames).mean(axis=(0, 1, 2)).max() < 2.5


def test_a_variable_rate_is_kept(tmp_path):
    stamps = [0, 40, 240, 250, 900]
    clip = read_here(write(tmp_path / "a.mp4", gray_frames(), stamps=stamps)).clip
    np.testing.assert_allclose(1000 * clip.time_s, stamps, atol=1)


def test_time_starts_with_the_first_frame(tmp_path):
    clip = read_here(write(tmp_path / "a.mkv", gray_frames(3), stamps=[500, 600, 800])).clip
    np.testing.assert_allclose(1000 * clip.time_s, [0, 100, 300], atol=1)


def test_a_person_may_say_how_far_frames_are_apart(tmp_path):
    path = write(tmp_path / "a.mp4", gray_frames(3))
    assert read_here(path, interval_s=2.0).clip.time_s.tolist() == [0, 2, 4]


def test_a_long_video_is_thinned(tmp_path):
    path = write(tmp_path / "a.mp4", gray_frames(9))
    clip = read_here(path, IntakeLimits(max_voxels=4 * ROWS * COLUMNS)).clip
    assert len(clip) == 3
    np.testing.assert_allclose(clip.time_s, [0, 0.3, 0.6], atol=1e-3)
    assert any("one of every 3" in w for w in clip.warnings)
    clip = read_here(path, IntakeLimits(max_voxels=4 * ROWS * COLUMNS), interval_s=1.0).clip
    assert clip.time_s.tolist() == [0, 3, 6]


def test_a_video_that_ends_early_is_read_as_far_as_it_goes(tmp_path):
    path = write(tmp_path / "a.avi", gray_frames(20), "mjpeg", "yuvj422p")
    whole = read_here(path).clip
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    clip = read_here(path).clip
    assert 5 <= len(clip) < 20
    np.testing.assert_array_equal(clip.frames[:5], whole.frames[:5])


def test_a_video_without_pictures(tmp_path):
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts = 44100, 0
        for packet in [*stream.encode(frame), *stream.encode()]:
            out.mux(packet)
    with pytest.raises(UnreadableFileError, match=r"sound\.mp4: is a video without pictures"):
        read_here(path)


def test_pictures_of_an_absurd_size(tmp_path):
    path = write(tmp_path / "a.mp4", gray_frames(2))
    with pytest.raises(GeometryError, match=r"64×48 pixels, more than 40"):
        read_here(path, IntakeLimits(max_side=40))


def test_a_play_list_is_not_followed(tmp_path):
    """FFmpeg would open the files and addresses that it names."""
    secret = write(tmp_path / "other.mp4", gray_frames(2))
    listing = tmp_path / "list.avi"
    listing.write_text(f"ffconcat version 1.0\nfile '{secret}'\n" + "#" * 600)
    with pytest.raises(UnreadableFileError, match="neither DICOM, a video"):
        read_here(listing)
    playlist = tmp_path / "list.mp4"
    playlist.write_text(f"#EXTM3U\n#EXTINF:1\nfile://{secret}\n" + "#" * 600)
    with pytest.raises(UnreadableFileError, match="neither DICOM, a video"):
        read_here(playlist)


def test_containers_are_told_by_their_first_bytes(tmp_path):
    for name, wanted in (
        ("a.avi", "avi"),
        ("a.mp4", "mov"),
        ("a.mkv", "matroska"),
        ("a.wmv", "asf"),
    ):
        codec = "wmv2" if wanted == "asf" else "mpeg4"
        path = write(tmp_path / name, gray_frames(2), codec)
        assert video_container(path.read_bytes()[:256]) == wanted
    assert video_container(b"RIFF\x00\x00\x00\x00WAVEfmt " + bytes(300)) is None


def test_a_video_inside_a_dicom_has_the_headers_times_and_regions(tmp_path):
    """MPEG-4 AVC/H.264 and others as a transfer syntax; here MPEG-2 main profile."""
    from pydicom.encaps import encapsulate

    frames = gray_frames(4)
    stream = write(tmp_path / "a.mpg", frames, "mpeg2video").read_bytes()
    ds = dataset(frames, FrameTime=250.0)
    ds.PixelData = encapsulate([stream])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.100"
    ds.PhotometricInterpretation = "YBR_PARTIAL_420"
    path = save(tmp_path / "a.dcm", ds)
    clip = read_here(path).clip
    np.testing.assert_allclose(clip.time_s, [0, 0.25, 0.5, 0.75])
    assert np.abs(clip.brightness(3) - frames[3, ..., 0]).mean() < 3
    assert list_clips([path])[0].description == "clip, 4 frames of 64×48"
