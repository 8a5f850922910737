"""Pictures leave without what was burned into them, and without their header."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from PIL import Image
from us_factory import frames_of

from hccsurv_core.clip import Clip
from hccsurv_core.errors import CancelledError, GeometryMismatchError, InputError
from hccsurv_core.io.ultrasound_export import write_pictures

HIDE = np.zeros((24, 32), bool)
HIDE[2:6, 3:20] = True


def clip(n: int = 3) -> Clip:
    return Clip(frames_of(n), 0.5 * np.arange(n))


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> zipfile.ZipFile:
    path = write_pictures(tmp_path_factory.mktemp("out") / "a.zip", clip(), HIDE)
    return zipfile.ZipFile(path)


def test_every_frame_is_black_there_and_as_it_was_elsewhere(written):
    for k in range(3):
        data = written.read(f"frame-{k + 1:04d}.png")
        picture = np.asarray(Image.open(io.BytesIO(data)))
        assert (picture[HIDE] == 0).all()
        np.testing.assert_array_equal(picture[~HIDE], frames_of()[k][~HIDE])


def test_times_go_along(written):
    assert written.read("times.csv").decode() == "frame,seconds\n1,0\n2,0.5\n3,1\n"


def test_a_still_is_one_picture_and_the_clip_is_untouched(tmp_path):
    still = clip(1)
    path = write_pictures(tmp_path / "a.png", still, HIDE)
    assert (np.asarray(Image.open(path))[HIDE] == 0).all()
    np.testing.assert_array_equal(still.frames, frames_of(1))


def test_what_does_not_fit_is_refused(tmp_path):
    with pytest.raises(GeometryMismatchError, match=r"32×23 pixels, the screen 32×24"):
        write_pictures(tmp_path / "a.zip", clip(), HIDE[:23])
    with pytest.raises(InputError, match=r"3 frames are written as \.zip"):
        write_pictures(tmp_path / "a.png", clip(), HIDE)
    with pytest.raises(InputError, match=r"\.png or \.zip"):
        write_pictures(tmp_path / "a.jpg", clip(1), HIDE)


def test_nothing_is_left_half_written(tmp_path):
    def stop(fraction: float, message: str) -> None:
        raise CancelledError("stopped")

    for keep in (tmp_path / "a.zip",):
        with pytest.raises(CancelledError):
            write_pictures(keep, clip(), HIDE, progress=stop)
        assert not keep.exists()
    with pytest.raises(GeometryMismatchError):
        write_pictures(tmp_path / "b.zip", clip(), HIDE[:5])
    assert not (tmp_path / "b.zip").exists()
