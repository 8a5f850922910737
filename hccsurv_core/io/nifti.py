"""NIfTI-1 and -2 (``.nii``, ``.nii.gz``) to a canonical LPS volume, with bounds before decompression.

The header is nibabel's; the voxels are read here, so that exactly as many
bytes are decompressed as the header's checked dimensions need.
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import GantryTiltError, GeometryError, InputError, UnreadableFileError
from hccsurv_core.io.faults import DECODER_ERRORS, first_line
from hccsurv_core.io.geometry import OBLIQUITY_WARNING_DEG, judge_spacing
from hccsurv_core.io.limits import IntakeLimits, check_voxel_count
from hccsurv_core.volume import Volume

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_UNIT_MM = {"meter": 1000.0, "micron": 0.001}
_FORM_TOLERANCE_MM = 1.0
_SHEAR_TOLERANCE_DEG = 1.0
#: Header extensions end well before; seeking further in a gzip would decompress all on the way.
_MAX_OFFSET_BYTES = 64 << 20
_EXPORT = "convert the DICOM series again (dcm2niix writes what is needed)"


@dataclass(frozen=True, eq=False)
class NiftiInfo:
    """A NIfTI header, checked.

    Args:
        shape: (columns, rows, slices) as stored.
        affine: 4×4, index (column, row, slice) to LPS mm.
        dtype: of the stored values.
        slope, intercept: ``scl_slope`` and ``scl_inter``; 1 and 0 where not set.
        data_offset: first byte of the voxels.
        problems: why it cannot be measured, without source.
        warnings: what a reader must check.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    dtype: np.dtype
    slope: float
    intercept: float
    data_offset: int
    problems: tuple[InputError, ...]
    warnings: tuple[str, ...]


def _open(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return cast(IO[bytes], gzip.open(path)) if packed else path.open("rb")


def read_nifti_header(path: Path, limits: IntakeLimits | None = None) -> NiftiInfo:
    """Read and check a header; no voxel is decompressed.

    Raises:
        UnreadableFileError: not a single-file NIfTI of one 3-D image of real numbers.
        GeometryError: more voxels than allowed, or no usable affine.
    """
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header

    limits = limits or IntakeLimits()
    try:
        with _open(path) as file:
            size = int.from_bytes(file.read(4), "little")
        two = size in (540, int.from_bytes((540).to_bytes(4, "little"), "big"))
        with _open(path) as file:
            header: Any = (Nifti2Header if two else Nifti1Header).from_fileobj(file, check=True)
    # nibabel.spatialimages.HeaderDataError is a plain Exception
    except (*DECODER_ERRORS, _header_data_error()) as error:
        raise UnreadableFileError(f"is not a readable NIfTI file ({first_line(error)})") from error
    if bytes(header["magic"])[:3] in (b"ni1", b"ni2"):
        raise UnreadableFileError(
            "keeps its voxels in a second file (.hdr with .img)", remedy="convert it to .nii"
        )
    try:
        return _checked(header, limits)
    except DECODER_ERRORS as error:
        raise UnreadableFileError(f"has a damaged NIfTI header ({first_line(error)})") from error


def _header_data_error() -> type[Exception]:
    from nibabel.spatialimages import HeaderDataError

    return HeaderDataError


def _checked(header: Any, limits: IntakeLimits) -> NiftiInfo:
    dims = [int(n) for n in header.get_data_shape()]
    while len(dims) > 3 and dims[-1] == 1:
        dims.pop()
    if len(dims) == 2:
        dims.append(1)
    if len(dims) != 3:
        what = f"has {len(dims)} dimensions ({'×'.join(map(str, dims))}), not 3"
        raise UnreadableFileError(what, remedy="upload one CT image, not a series over time")
    if min(dims) < 1:
        raise UnreadableFileError(f"has an empty image ({'×'.join(map(str, dims))})")
    check_voxel_count(dims, limits)
    dtype = header.get_data_dtype()
    if dtype.kind not in "iuf":
        raise UnreadableFileError("holds color or complex values, not CT numbers")
    if not 0 <= int(header.get_data_offset()) <= _MAX_OFFSET_BYTES:
        raise UnreadableFileError("says that its voxels begin far behind the header")
    slope, intercept = header.get_slope_inter()
    affine, problems, warnings = _geometry(header, dims)
    return NiftiInfo(
        shape=(dims[0], dims[1], dims[2]),
        affine=affine,
        dtype=dtype,
        slope=1.0 if slope is None else float(slope),
        intercept=0.0 if intercept is None else float(intercept),
        data_offset=int(header.get_data_offset()),
        problems=tuple(problems),
        warnings=tuple(warnings),
    )


def _geometry(
    header: Any, dims: list[int]
) -> tuple[NDArray[np.float64], list[InputError], list[str]]:
    problems: list[InputError] = []
    warnings: list[str] = []
    qform, _ = header.get_qform(coded=True)
    sform, _ = header.get_sform(coded=True)
    scale = np.diag([_UNIT_MM.get(header.get_xyzt_units()[0], 1.0)] * 3 + [1.0])
    if qform is None and sform is None:
        problems.append(
            GeometryError(
                "the header does not say how the patient lies (no qform, no sform)", remedy=_EXPORT
            )
        )
    elif qform is not None and sform is not None:
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in dims], [1])).reshape(4, -1)
        apart = float(np.linalg.norm((scale @ (qform - sform) @ corners)[:3], axis=0).max())
        if apart > _FORM_TOLERANCE_MM:
            warnings.append(
                f"sform and qform place the image up to {apart:.0f} mm apart: sform was used"
            )
    affine = _RAS_TO_LPS @ scale @ np.array(header.get_best_affine(), dtype=np.float64)
    _judge_axes(affine, problems, warnings)
    return affine, problems, warnings


def _judge_axes(
    affine: NDArray[np.float64], problems: list[InputError], warnings: list[str]
) -> None:
    axes = affine[:3, :3]
    spacings = np.linalg.norm(axes, axis=0)
    if not np.isfinite(affine).all() or spacings.min() <= 0:
        raise GeometryError("the header's affine is not usable", remedy=_EXPORT)
    bad_spacing = judge_spacing(spacings.tolist())
    if bad_spacing is not None:
        problems.append(bad_spacing)
    unit = axes / spacings
    cosines = np.abs(unit.T @ unit - np.eye(3)).max()
    shear = float(np.degrees(np.arcsin(min(cosines, 1.0))))
    if shear > _SHEAR_TOLERANCE_DEG:
        problems.append(
            GantryTiltError(
                f"the axes are sheared by {shear:.1f}° (a tilted gantry)",
                remedy="ask for a reconstruction without gantry tilt",
            )
        )
    tilt = float(np.degrees(np.arccos(np.clip(np.abs(unit).max(axis=0), 0, 1))).max())
    if tilt > OBLIQUITY_WARNING_DEG and not problems:
        warnings.append(f"the slices are turned by {tilt:.0f}° against the scanner's axes")


def read_nifti_values(path: Path, info: NiftiInfo) -> tuple[NDArray, int]:
    """The voxels (slices, rows, columns) with slope and intercept applied.

    Whole numbers that fit come as int16 or int32, others as float32.

    Returns:
        The array, and how many values were not finite (set to −1024, air).

    Raises:
        UnreadableFileError: the file is truncated or its compression damaged.
    """
    return _to_numbers(read_nifti_stored(path, info), info)


def read_nifti_stored(path: Path, info: NiftiInfo) -> NDArray:
    """The voxels (slices, rows, columns) as the file holds them: its type, no slope or intercept.

    Raises:
        UnreadableFileError: the file is truncated or its compression damaged.
    """
    count = int(np.prod(info.shape))
    n_bytes = count * info.dtype.itemsize
    try:
        with _open(path) as file:
            file.seek(info.data_offset)
            raw = file.read(n_bytes)
    except (EOFError, OSError, zlib.error) as error:
        raise UnreadableFileError(
            f"its compressed data are damaged ({first_line(error)})", remedy="copy the file again"
        ) from error
    if len(raw) < n_bytes:
        raise UnreadableFileError(
            f"is cut short: {len(raw)} of {n_bytes} bytes of voxels", remedy="copy the file again"
        )
    return np.frombuffer(raw, dtype=info.dtype, count=count).reshape(info.shape[::-1])


def _to_numbers(stored: NDArray, info: NiftiInfo) -> tuple[NDArray, int]:
    if info.dtype.kind in "iu" and info.slope.is_integer() and info.intercept.is_integer():
        low, high = (int(v) * info.slope + info.intercept for v in (stored.min(), stored.max()))
        limits = np.iinfo(np.int32)
        if limits.min <= min(low, high) and max(low, high) <= limits.max:
            small = min(low, high) >= -32768 and max(low, high) <= 32767
            if (info.slope, info.intercept) == (1.0, 0.0):
                return stored.astype(np.int16 if small else np.int32), 0
            wide = stored.astype(np.int32) * np.int32(info.slope) + np.int32(info.intercept)
            return wide.astype(np.int16) if small else wide, 0
    values = stored.astype(np.float32)
    if (info.slope, info.intercept) != (1.0, 0.0):
        values = values * np.float32(info.slope) + np.float32(info.intercept)
    not_finite = ~np.isfinite(values)
    n_bad = int(not_finite.sum())
    if n_bad:
        values[not_finite] = -1024
    if np.array_equal(values, np.round(values)) and np.abs(values).max() <= 32767:
        return values.astype(np.int16), n_bad
    return values, n_bad


def read_nifti(path: Path, limits: IntakeLimits | None = None) -> tuple[Volume, tuple[str, ...]]:
    """Read a NIfTI file as a canonical volume; values are as stored, not judged.

    Returns:
        The volume, and warnings.

    Raises:
        InputError: see :func:`read_nifti_header` and :func:`read_nifti_values`; and the
            first of the header's problems (shear, spacing, no orientation).
    """
    info = read_nifti_header(path, limits)
    if info.problems:
        raise info.problems[0]
    values, n_bad = read_nifti_values(path, info)
    warnings = list(info.warnings)
    if n_bad:
        warnings.append(f"{n_bad} voxels were not numbers: set to air")
    return Volume(values, info.affine).to_canonical(), tuple(warnings)
