"""The process that reads one image or mask as stored: ``python -m hccsurv_core.io.grid_worker``.

It limits itself before it opens the file and speaks the JSON lines of
:mod:`hccsurv_core.io.worker`. One command: ``{"do": "image" or "mask", "path", "name",
"workspace", "limits"}``; arrays are left as .npy files in the workspace. ``"do": "roi"`` asks for
regions on a grid (:mod:`hccsurv_core.io.roi_reader`), ``"do": "frames"`` for masks of an ultrasound
clip (:mod:`hccsurv_core.io.frame_reader`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import DecoderFailedError, HccsurvError, IntensityError
from hccsurv_core.io.limits import IntakeLimits
from hccsurv_core.io.nifti import NiftiInfo, read_nifti_header, read_nifti_stored
from hccsurv_core.io.sniff import sniff, sniff_inside_gzip
from hccsurv_core.progress import Progress, silent


def is_nifti(path: Path) -> bool:
    """True for ``.nii`` and ``.nii.gz``, whatever the name says.

    Raises:
        UnreadableFileError: it is a damaged gzip.
    """
    kind = sniff(path)
    return kind == "nifti" or (kind == "gzip" and sniff_inside_gzip(path) == "nifti")


def image_values(stored: NDArray, info: NiftiInfo) -> NDArray:
    """Slope and intercept applied as ITK does: whole numbers stay whole only where there are none.

    Returns:
        int32, float32, or float64 where the file holds it (or whole numbers beyond 32 bits).

    Raises:
        IntensityError: a value is not a finite number.
    """
    if info.dtype.kind in "iu" and (info.slope, info.intercept) == (1.0, 0.0):
        bounds = np.iinfo(np.int32)
        fits = bounds.min <= int(stored.min()) and int(stored.max()) <= bounds.max
        return stored.astype(np.int32 if fits else np.float64)
    values = stored.astype(np.float64)
    if (info.slope, info.intercept) != (1.0, 0.0):
        values = values * info.slope + info.intercept
    n_bad = int(np.count_nonzero(~np.isfinite(values)))
    if n_bad:
        raise IntensityError(
            f"{n_bad} of its {values.size} values are not finite numbers",
            remedy="replace them by the value of air or background",
        )
    wide = info.dtype.kind == "f" and info.dtype.itemsize > 4
    return values if wide else values.astype(np.float32)


def label_values(stored: NDArray, info: NiftiInfo) -> NDArray[np.int32]:
    """The labels of a mask.

    Raises:
        IntensityError: a value is not a whole number.
    """
    if stored.dtype.kind in "iu" and (info.slope, info.intercept) == (1.0, 0.0):
        bounds = np.iinfo(np.int32)
        if bounds.min <= int(stored.min()) and int(stored.max()) <= bounds.max:
            return stored.astype(np.int32)
    labels = np.empty(stored.shape, dtype=np.int32)
    # Slice by slice: a mask of a whole scan as 64-bit numbers would take gigabytes.
    for n, plane in enumerate(stored):
        values = plane.astype(np.float64) * info.slope + info.intercept
        odd = ~((values == np.rint(values)) & (np.abs(values) <= np.iinfo(np.int32).max))
        if odd.any():
            raise IntensityError(
                f"a mask holds whole numbers, this one {values[odd][0]:.6g} too",
                remedy="give a label map; cut probabilities off first",
            )
        labels[n] = values
    return labels


def read(command: dict[str, Any], progress: Progress = silent) -> dict[str, Any]:
    """The answer to one command.

    Returns:
        ``{"kind": "nifti", "array", "affine"}``; for a segmentation ``{"kind": "seg", …}``;
        ``{"kind": "other"}`` for an image that is no NIfTI; regions and frames as their readers say.

    Raises:
        InputError: the file cannot be read.
    """
    if command["do"] == "roi":
        from hccsurv_core.io.roi_reader import read_regions

        return read_regions(command, progress)
    if command["do"] == "frames":
        from hccsurv_core.io.frame_reader import read_frames

        return read_frames(command)
    path, workspace = Path(command["path"]), Path(command["workspace"])
    limits, wants_mask = IntakeLimits(**command["limits"]), command["do"] == "mask"
    if is_nifti(path):
        info = read_nifti_header(path, limits)
        stored = read_nifti_stored(path, info)
        values = label_values(stored, info) if wants_mask else image_values(stored, info)
        np.save(workspace / "values.npy", values, allow_pickle=False)
        return {"kind": "nifti", "array": "values.npy", "affine": info.affine.tolist()}
    if not wants_mask:
        return {"kind": "other"}
    from hccsurv_core.io.seg_planes import read_seg_planes

    planes = read_seg_planes(path, limits)
    np.save(workspace / "planes.npy", planes.pixels, allow_pickle=False)
    return {
        "kind": "seg",
        "array": "planes.npy",
        "origins": planes.origins.tolist(),
        "row_steps": planes.row_steps.tolist(),
        "column_steps": planes.column_steps.tolist(),
        "names": {str(number): name for number, name in planes.names.items()},
    }


def main() -> None:
    """Read the one file that stdin names, answer, and end."""
    import sys

    from hccsurv_core.io.faults import error_to_dict
    from hccsurv_core.io.worker import Channel, limit_process, private_stdout

    channel = Channel(private_stdout())
    command = json.loads(sys.stdin.readline())
    limits = command["limits"]
    limit_process(
        int(limits["decode_bytes"]), 2 * limits["decode_seconds"], int(limits["max_total_bytes"])
    )
    channel.on_file(Path(command["path"]), command["name"])
    try:
        channel.send(result=read(command, channel.progress))
    except HccsurvError as error:
        channel.send(error=error_to_dict(error))
    except MemoryError:
        failed = DecoderFailedError(
            "reading it needs more memory than one file is allowed",
            remedy="crop it to the region of interest",
        )
        channel.send(error=error_to_dict(failed))


if __name__ == "__main__":
    main()
