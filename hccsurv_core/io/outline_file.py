"""An outline on the pixels of a screen, from a file: NIfTI, or a picture that is black outside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import GeometryMismatchError, InputError
from hccsurv_core.io.nifti import read_nifti
from hccsurv_core.io.sniff import shown_name
from hccsurv_core.io.ultrasound_clip import read_clip

Mask = NDArray[np.bool_]
_NIFTI = (".nii", ".nii.gz")


def read_screen_outline(path: Path, screen: tuple[int, int]) -> tuple[Mask, int | None]:
    """An outline of a still, or of one frame of a clip.

    Args:
        path: NIfTI with one slice, or one a frame of which a single one is drawn on; or PNG.
        screen: (rows, columns) that it must have.

    Returns:
        (rows, columns) mask, and the frame it was drawn on where the file says it.

    Raises:
        InputError: it cannot be read, is empty, or is drawn on several frames.
        GeometryMismatchError: it has another size than the screen.
    """
    name = shown_name(path.name)
    if not path.is_file():
        raise InputError("is not there", source=name, remedy="check the path of the outline")
    if path.name.lower().endswith(_NIFTI):
        drawn = np.asarray(read_nifti(path)[0].voxels > 0)
    else:
        clip = read_clip([path]).clip
        drawn = np.stack([clip.brightness(k) > 0 for k in range(len(clip))])
    if drawn.shape[1:] != screen:
        raise GeometryMismatchError(
            f"has {drawn.shape[2]}×{drawn.shape[1]} pixels, the screen {screen[1]}×{screen[0]}",
            source=name, remedy="draw it on the pixels of the clip",
        )  # fmt: skip
    frames = np.flatnonzero(drawn.any(axis=(1, 2)))
    if frames.size == 0:
        raise InputError("outlines nothing", source=name, remedy="draw the region")
    if frames.size > 1:
        raise InputError(
            f"is drawn on {frames.size} frames", source=name, remedy="keep the outline of one frame"
        )
    frame = int(frames[0])
    return drawn[frame], frame if len(drawn) > 1 else None
