"""A clip's pictures as PNG files, with what is burned into them blacked out."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.clip import Clip
from hccsurv_core.errors import GeometryMismatchError, InputError
from hccsurv_core.io.export import writing
from hccsurv_core.progress import Progress, silent

TIMES_NAME = "times.csv"
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def hidden_picture(clip: Clip, frame: int, hide: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """One frame, (rows, columns) or (rows, columns, 3), black where ``hide``.

    Args:
        clip: the clip.
        frame: index.
        hide: (rows, columns) True where the picture must not be shown.

    Raises:
        GeometryMismatchError: ``hide`` has another size than the screen.
    """
    if hide.shape != clip.screen:
        raise GeometryMismatchError(
            f"what to hide has {hide.shape[1]}×{hide.shape[0]} pixels, the screen "
            f"{clip.screen[1]}×{clip.screen[0]}"
        )
    picture = np.array(clip.frames[frame])
    picture[hide] = 0
    return picture


def write_pictures(
    path: Path, clip: Clip, hide: NDArray[np.bool_], *, progress: Progress = silent
) -> Path:
    """Write a clip as PNG files with burned-in text blacked out; nothing of the header goes along.

    Args:
        path: ends in ``.png`` for a still, ``.zip`` for any number of frames: then
            ``frame-0001.png`` and so on, with ``times.csv`` (frame, seconds).
        clip: the clip.
        hide: (rows, columns) True where to black out:
            `hccsurv_core.imaging.ultrasound_text.text_mask`, or, since no detector finds every
            letter, all that is outside the fans.
        progress: called per frame; what it raises stops the writing.

    Raises:
        GeometryMismatchError: ``hide`` has another size than the screen.
        InputError: the file's name does not fit, or it cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in (".png", ".zip") or (suffix == ".png" and len(clip) > 1):
        raise InputError(
            f"{len(clip)} frames are written as {'.png or .zip' if len(clip) == 1 else '.zip'}",
            source=path.name,
            remedy="rename the output",
        )
    part = path.with_name(path.name + ".part")
    try:
        with writing(path):
            if suffix == ".png":
                part.write_bytes(_png(hidden_picture(clip, 0, hide)))
            else:
                _write_zip(part, clip, hide, progress)
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _write_zip(path: Path, clip: Clip, hide: NDArray[np.bool_], progress: Progress) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for n in range(len(clip)):
            progress(n / len(clip), f"frame {n + 1} of {len(clip)}")
            data = _png(hidden_picture(clip, n, hide))
            archive.writestr(zipfile.ZipInfo(f"frame-{n + 1:04d}.png", _ZIP_TIME), data)
        rows = [f"{n + 1},{time:.6g}" for n, time in enumerate(clip.time_s)]
        told = "\n".join(["frame,seconds", *rows]) + "\n"
        archive.writestr(zipfile.ZipInfo(TIMES_NAME, _ZIP_TIME), told)


def _png(picture: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(picture).save(out, format="PNG", compress_level=3)
    return out.getvalue()
