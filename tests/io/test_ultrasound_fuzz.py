"""Damaged files give a clip or a typed error: the reading process may die, the caller never."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_video import gray_frames, write
from us_factory import as_jpeg, compressed, dataset, frames_of, region, save

from hccsurv_core.clip import Clip
from hccsurv_core.errors import InputError
from hccsurv_core.io.child import Decoder
from hccsurv_core.io.limits import IntakeLimits
from hccsurv_core.io.ultrasound_clip import command_for, load_clip, worker_command
from hccsurv_core.progress import silent

LIMITS = IntakeLimits(decode_seconds=20, file_seconds=20, decode_bytes=2 << 30, max_side=2048)


class Reader:
    """One reading process for many files; a new one when it died."""

    def __init__(self) -> None:
        self.decoder: Decoder | None = None

    def read(self, path: Path) -> Clip:
        if self.decoder is None or not self.decoder.is_alive():
            self.decoder = Decoder(LIMITS, worker_command())
        with tempfile.TemporaryDirectory() as folder:
            command = command_for("read", [path], Path(folder), LIMITS, {})
            return load_clip(self.decoder.ask(command, silent), Path(folder), LIMITS).clip

    def close(self) -> None:
        if self.decoder is not None:
            self.decoder.kill()


@pytest.fixture(scope="module")
def reader():
    opened = Reader()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("whole")
    tags = {"SequenceOfUltrasoundRegions": [region()]}
    small = frames_of(2, 40, 48)
    paths = [
        save(folder / "plain.dcm", dataset(small, **tags)),
        save(folder / "jpeg.dcm", as_jpeg(small, **tags)),
        save(folder / "rle.dcm", compressed(small, "1.2.840.10008.1.2.5", **tags)),
        save(folder / "jpeg2000.dcm", compressed(small, "1.2.840.10008.1.2.4.90", **tags)),
        save(folder / "jpeg-ls.dcm", compressed(small, "1.2.840.10008.1.2.4.80", **tags)),
        write(folder / "a.mp4", gray_frames(3)),
        write(folder / "a.avi", gray_frames(3), "mjpeg", "yuvj422p"),
    ]
    return [path.read_bytes() for path in paths]


def attempt(reader: Reader, path: Path) -> str:
    try:
        clip = reader.read(path)
    except InputError as error:
        assert error.what
        return "error"
    assert clip.frames.dtype == np.uint8
    return "clip"


def test_undamaged_files_are_read(reader, files, tmp_path):
    for data in files:
        path = tmp_path / "whole"
        path.write_bytes(data)
        assert attempt(reader, path) == "clip"


@settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_damage_gives_a_clip_or_a_typed_error(reader, files, tmp_path, data):
    whole = bytearray(data.draw(st.sampled_from(files)))
    if data.draw(st.booleans()):
        del whole[data.draw(st.integers(0, len(whole) - 1)) :]
    for _ in range(data.draw(st.integers(0, 12))):
        if whole:
            at = data.draw(st.integers(0, len(whole) - 1))
            whole[at] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged"
    path.write_bytes(whole)
    attempt(reader, path)
