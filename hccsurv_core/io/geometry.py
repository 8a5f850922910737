"""Do the frames of a series form an evenly spaced, unsheared stack? If not: what, where, how much.

Positions and orientations follow DICOM PS3.3 C.7.6.2.1.1; world axes are LPS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import GantryTiltError, GeometryError, InputError, UnevenSpacingError

if TYPE_CHECKING:
    from hccsurv_core.io.dicom_header import Frame

#: Shear below this moves no voxel by more than one pixel over a vertebra's height.
TILT_TOLERANCE_DEG = 1.0
#: A slice turned by this angle shows areas 1/cos(25°) = 10 % too large.
MAX_OBLIQUITY_DEG = 25.0
OBLIQUITY_WARNING_DEG = 8.0
#: Coarsest pixel of an axial view made from sagittal or coronal slices.
MAX_REFORMAT_SPACING_MM = 3.0
#: Same position: scanners write positions with one or two decimals.
SAME_POSITION_MM = 0.02
#: A slice off the line by no more than this is rounding, not tilt.
_ROUNDING_MM = 0.15
#: Slices may leave the stack's straight line by this much: about a pixel.
_SIDEWAYS_MM = 1.0
_SPACING_RANGE_MM = (0.1, 10.0)
_RECONSTRUCT = "export the axial series of the abdomen again, complete and with even spacing"
_UNTILT = "ask for a reconstruction without gantry tilt, or correct the tilt at the workstation"


@dataclass(frozen=True, eq=False)
class StackGeometry:
    """The result of :func:`analyze_stack`.

    Args:
        order: indices into the frames, along the direction that makes the slice axis positive.
        affine: 4×4, index (column, row, slice) to LPS mm; None where ``problems`` forbid one.
        spacing_mm: (slice, row, column) of the stack as stored; None if not known or uneven.
        problems: why the stack cannot be measured, without source; empty if it can.
        warnings: what a reader must check.
    """

    order: tuple[int, ...]
    affine: NDArray[np.float64] | None
    spacing_mm: tuple[float, float, float] | None
    problems: tuple[InputError, ...]
    warnings: tuple[str, ...]


def unit_axes(orientation: Sequence[float]) -> NDArray[np.float64] | None:
    """Rows: unit vectors along a row, along a column, and their normal; None if not orthogonal."""
    row, column = np.array(orientation[:3], float), np.array(orientation[3:], float)
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if min(lengths) < 0.9 or max(lengths) > 1.1:
        return None
    row, column = row / lengths[0], column / lengths[1]
    if abs(row @ column) > 0.01:
        return None
    return np.array([row, column, np.cross(row, column)])


def stack_direction(axes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The slice normal, pointing to the patient's left, back or head, whichever is nearest."""
    normal = axes[2]
    return normal * np.sign(normal[np.argmax(np.abs(normal))])


def distances_along(frames: Sequence[Frame], direction: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of each frame along ``direction``, mm; frames must have positions."""
    return np.array([f.position for f in frames], dtype=np.float64) @ direction


def analyze_stack(frames: Sequence[Frame]) -> StackGeometry:
    """Sort frames of one size, orientation and pixel spacing, and judge their geometry.

    Args:
        frames: at least one; no two at the same position.
    """
    first = frames[0]
    axes = None if first.orientation is None else unit_axes(first.orientation)
    problems: list[InputError] = []
    warnings: list[str] = []
    if first.pixel_spacing_mm is None or min(first.pixel_spacing_mm) <= 0:
        problems.append(
            GeometryError(
                "the pixel spacing is missing, so that no area can be measured",
                remedy="export the original CT series from the archive",
            )
        )
    if axes is None and first.orientation is not None:
        problems.append(
            GeometryError("the orientation in the header is not valid", remedy=_RECONSTRUCT)
        )
    if len(frames) == 1:
        return _one_slice(first, axes, problems, warnings)
    if axes is None or any(f.position is None for f in frames):
        if not problems:
            problems.append(
                GeometryError(
                    "slice positions or orientations are missing from the headers",
                    remedy="export the series again with its geometry, or upload the L3 slice alone",
                )
            )
        return StackGeometry(tuple(range(len(frames))), None, None, tuple(problems), ())
    return _many_slices(frames, axes, problems, warnings)


def _one_slice(
    frame: Frame,
    axes: NDArray[np.float64] | None,
    problems: list[InputError],
    warnings: list[str],
) -> StackGeometry:
    warnings.append("one slice only: taken as the level of L3")
    if frame.orientation is None and not problems:
        axes = np.eye(3)
        warnings.append("the header gives no orientation: the patient is taken to lie on the back")
    if abs(frame.tilt_deg) > TILT_TOLERANCE_DEG:
        problems.append(_tilt_error(abs(frame.tilt_deg)))
    if problems or axes is None or frame.pixel_spacing_mm is None:
        return StackGeometry((0,), None, None, tuple(problems), tuple(warnings))
    if np.argmax(np.abs(axes[2])) != 2:
        problems.append(
            GeometryError("the only slice is not axial", remedy="upload an axial slice at L3")
        )
    thickness = frame.thickness_mm if frame.thickness_mm and frame.thickness_mm > 0 else 1.0
    affine = _affine(frame, axes, stack_direction(axes) * thickness)
    _judge_obliquity(affine, problems, warnings)
    spacing = (thickness, frame.pixel_spacing_mm[0], frame.pixel_spacing_mm[1])
    return StackGeometry((0,), affine, spacing, tuple(problems), tuple(warnings))


def _many_slices(
    frames: Sequence[Frame],
    axes: NDArray[np.float64],
    problems: list[InputError],
    warnings: list[str],
) -> StackGeometry:
    direction = stack_direction(axes)
    distances = distances_along(frames, direction)
    order = tuple(int(n) for n in np.argsort(distances, kind="stable"))
    sorted_mm = distances[list(order)]
    first, last = frames[order[0]], frames[order[-1]]
    step = (np.array(last.position) - np.array(first.position)) / (len(frames) - 1)
    shear_deg = _largest_shear_deg([frames[n] for n in order], direction)
    tag_deg = max(abs(f.tilt_deg) for f in frames)
    sideways_mm = _sideways_mm(distances, frames, direction)
    if sideways_mm > _SIDEWAYS_MM:
        problems.append(
            GeometryError(
                f"the slices are shifted sideways against each other, by up to {sideways_mm:.1f} mm",
                remedy="upload one reconstruction with one field of view",
            )
        )
    elif shear_deg > TILT_TOLERANCE_DEG or _is_tilted_by_tag(frames[0], tag_deg):
        problems.append(_tilt_error(max(shear_deg, tag_deg)))
    elif tag_deg > TILT_TOLERANCE_DEG:
        warnings.append(
            f"the header names a gantry tilt of {tag_deg:.1f}°, but this derived series is straight"
        )
    uneven = _uneven_spacing(sorted_mm)
    if uneven is not None:
        problems.append(uneven)
    spacing = first.pixel_spacing_mm
    if spacing is None or min(spacing) <= 0 or np.linalg.norm(step) < SAME_POSITION_MM:
        return StackGeometry(order, None, None, tuple(problems), tuple(warnings))
    affine = _affine(first, axes, step)
    _judge_obliquity(affine, problems, warnings)
    if np.argmax(np.abs(axes[2])) != 2:
        _judge_reformat(affine, problems, warnings)
    spacing_mm = None if uneven else (float(np.linalg.norm(step)), spacing[0], spacing[1])
    return StackGeometry(order, affine, spacing_mm, tuple(problems), tuple(warnings))


def _affine(
    first: Frame, axes: NDArray[np.float64], step: NDArray[np.float64]
) -> NDArray[np.float64]:
    row_mm, column_mm = first.pixel_spacing_mm or (1.0, 1.0)
    affine = np.eye(4)
    affine[:3, 0] = axes[0] * column_mm
    affine[:3, 1] = axes[1] * row_mm
    affine[:3, 2] = step
    affine[:3, 3] = first.position or (0.0, 0.0, 0.0)
    return affine


def _largest_shear_deg(ordered: Sequence[Frame], direction: NDArray[np.float64]) -> float:
    """Largest angle between the normal and the line from the first slice to any far slice.

    Neighbours are not compared: rounding to 0.1 mm alone turns a 1 mm step by 6°.
    """
    positions = np.array([f.position for f in ordered], dtype=np.float64)
    steps = positions[1:] - positions[0]
    along = steps @ direction
    across = np.linalg.norm(steps - along[:, None] * direction, axis=1)
    angles = np.degrees(np.arctan2(across, np.maximum(along, 1e-6)))
    angles[across <= _ROUNDING_MM] = 0.0
    return float(angles.max())


def _sideways_mm(
    distances: NDArray[np.float64], frames: Sequence[Frame], direction: NDArray[np.float64]
) -> float:
    """Largest distance of a slice from the straight line through the stack, tilted or not, mm."""
    positions = np.array([f.position for f in frames], dtype=np.float64)
    across = positions - distances[:, None] * direction
    design = np.column_stack([distances, np.ones(len(distances))])
    coefficients, *_ = np.linalg.lstsq(design, across, rcond=None)
    return float(np.linalg.norm(across - design @ coefficients, axis=1).max())


def _is_tilted_by_tag(frame: Frame, tag_deg: float) -> bool:
    # A derived series (a reformat) may carry the tilt of the scan it was made from.
    return tag_deg > TILT_TOLERANCE_DEG and "DERIVED" not in frame.image_type


def _tilt_error(degrees: float) -> GantryTiltError:
    return GantryTiltError(f"the gantry was tilted by {degrees:.1f}°", remedy=_UNTILT)


def _uneven_spacing(sorted_mm: NDArray[np.float64]) -> UnevenSpacingError | None:
    """Judge gaps between neighbours against their median, and say where the worst one is."""
    gaps = np.diff(sorted_mm)
    # The lower median: a true gap of the series, also where half of the gaps are wide.
    typical = float(np.sort(gaps)[(len(gaps) - 1) // 2])
    tolerance = max(0.11, 0.05 * typical)
    bad = np.flatnonzero(np.abs(gaps - typical) > tolerance)
    if bad.size == 0:
        return None
    worst = int(bad[np.argmax(np.abs(gaps[bad] - typical))])
    where = f"between {sorted_mm[worst]:.1f} and {sorted_mm[worst + 1]:.1f} mm"
    ratios = gaps[bad] / typical
    if (np.abs(ratios - np.round(ratios)) < 0.1).all() and (ratios > 1.5).all():
        missing = int(np.sum(np.round(ratios) - 1))
        noun = "slice is" if missing == 1 else "slices are"
        gap = "a gap" if bad.size == 1 else f"the largest of {bad.size} gaps"
        return UnevenSpacingError(
            f"{missing} {noun} missing ({gap} of {gaps[worst]:.1f} mm lies {where} along the "
            f"stack; the other slices are {typical:.2f} mm apart)",
            remedy=_RECONSTRUCT,
        )
    return UnevenSpacingError(
        f"slices are unevenly spaced, {gaps.min():.2f} to {gaps.max():.2f} mm apart "
        f"(the worst step of {gaps[worst]:.2f} mm lies {where} along the stack)",
        remedy=_RECONSTRUCT,
    )


def _judge_obliquity(
    affine: NDArray[np.float64], problems: list[InputError], warnings: list[str]
) -> None:
    columns = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    angle = float(np.degrees(np.arccos(np.clip(np.abs(columns).max(axis=0), 0, 1))).max())
    if any(isinstance(p, GantryTiltError) for p in problems):
        return
    if angle > MAX_OBLIQUITY_DEG:
        problems.append(
            GeometryError(
                f"the slices are turned by {angle:.0f}° against the body's axes",
                remedy="upload the axial reconstruction",
            )
        )
    elif angle > OBLIQUITY_WARNING_DEG:
        warnings.append(
            f"the slices are turned by {angle:.0f}° against the scanner's axes: "
            "areas come out larger where the cut is oblique"
        )


def _judge_reformat(
    affine: NDArray[np.float64], problems: list[InputError], warnings: list[str]
) -> None:
    """Sagittal or coronal stacks serve if the axial view made of them is fine enough."""
    spacings = np.linalg.norm(affine[:3, :3], axis=0)
    superior_axis = int(np.argmax(np.abs(affine[2, :3]) / spacings))
    in_plane = np.delete(spacings, superior_axis).max()
    if in_plane > MAX_REFORMAT_SPACING_MM:
        problems.append(
            GeometryError(
                f"the slices are not axial and too thick ({in_plane:.1f} mm) to make axial ones",
                remedy="upload the axial series",
            )
        )
    else:
        warnings.append("the slices are not axial: axial ones were made of them")


def judge_spacing(spacing_mm: Sequence[float]) -> GeometryError | None:
    """An error if a spacing cannot be that of a CT of the body in millimetres."""
    low, high = _SPACING_RANGE_MM
    bad = [s for s in spacing_mm if not low <= s <= high]
    if not bad:
        return None
    return GeometryError(
        f"a spacing of {bad[0]:.4g} mm is not that of a body CT",
        remedy="check the units in the header; slices may be at most 10 mm apart",
    )
