"""From frames in any order to series that never mix two acquisitions, and what each is worth.

A DICOM series may hold several stacks: localizers, phases, echoes,
reconstructions. Frames are grouped by series, then by what cannot differ
within one stack (size, orientation, pixel spacing, kind of image); where two
frames still claim one position, they are told apart by what tells phases
apart, or the stack is refused by name.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from hccsurv_core.errors import GeometryError, InputError
from hccsurv_core.io.dicom_header import DicomFile, FileHeader, Frame
from hccsurv_core.io.geometry import (
    SAME_POSITION_MM,
    StackGeometry,
    analyze_stack,
    stack_direction,
    unit_axes,
)

_ORIENTATION_TOLERANCE = 5e-3
_SPACING_TOLERANCE = 1e-3
_KEY_LENGTH = 12

#: Hash of an image's encoded pixels; only asked for where two frames share a position.
PixelHash = Callable[[Frame], str]


@dataclass(frozen=True, eq=False)
class Series:
    """One stack of frames, sorted, and what is wrong with it.

    Args:
        key: stable whatever the order of the files.
        header: the header of the first slice's file.
        frames: along the slice direction where there is a geometry.
        geometry: None for series without images or not sliced (ultrasound, reports).
        problems: why it cannot be measured; empty if it can.
        warnings: what a reader must check.
    """

    key: str
    header: FileHeader
    frames: tuple[Frame, ...]
    geometry: StackGeometry | None = None
    problems: tuple[InputError, ...] = ()
    warnings: tuple[str, ...] = field(default=())


def series_key(*parts: Hashable) -> str:
    """A short stable name for a series."""
    return hashlib.blake2s(repr(parts).encode()).hexdigest()[:_KEY_LENGTH]


_SCOUT_WORDS = re.compile(
    r"scout|topogram|locali[sz]er|surview|scanogram|scanoscope", re.IGNORECASE
)


def is_localizer(frame: Frame) -> bool:
    """True for scouts: they say so in their image type."""
    return any("LOCALIZER" in part or "SCOUT" in part for part in frame.image_type)


def is_localizer_series(series: Series) -> bool:
    """True for scouts, also those only named so: a few images that are not a stack."""
    if not series.frames or is_localizer(series.frames[0]):
        return bool(series.frames)
    return len(series.frames) <= 3 and bool(_SCOUT_WORDS.search(series.header.description))


def _series_of(header: FileHeader) -> tuple[str, ...]:
    if header.series_uid:
        return (header.series_uid, header.modality)
    # Without a series UID, what a person would call one series.
    folder = header.name.rpartition("/")[0]
    return ("", header.modality, header.study_uid, header.description, folder)


def build_series(files: Iterable[DicomFile], pixel_hash: PixelHash) -> list[Series]:
    """Group the files of an upload into series.

    Args:
        files: headers in any order.
        pixel_hash: tells copies from different images at one position.

    Returns:
        Series sorted by key, so that file order has no influence.
    """
    groups: dict[tuple[str, ...], list[DicomFile]] = defaultdict(list)
    for file in files:
        groups[_series_of(file.header)].append(file)
    found: list[Series] = []
    for identity, members in groups.items():
        members.sort(key=lambda f: (f.header.sop_uid, f.header.name))
        frames = [frame for file in members for frame in file.frames]
        if not frames:
            found.append(Series(series_key(identity, "no image"), members[0].header, ()))
        elif members[0].header.modality != "CT":
            found.append(Series(series_key(identity), frames[0].file, tuple(_by_instance(frames))))
        else:
            found.extend(_ct_stacks(identity, frames, pixel_hash))
    return sorted(found, key=lambda s: s.key)


def _by_instance(frames: Sequence[Frame]) -> list[Frame]:
    return sorted(frames, key=lambda f: (f.instance is None, f.instance or 0, f.name))


def _ct_stacks(
    identity: tuple[str, ...], frames: Sequence[Frame], pixel_hash: PixelHash
) -> list[Series]:
    found: list[Series] = []
    for stack in _split_by_shape(frames):
        found.extend(_stack_to_series(identity, stack, pixel_hash))
    return found


def _split_by_shape(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Frames of equal size, kind, orientation and pixel spacing."""
    by_kind: dict[Hashable, list[Frame]] = defaultdict(list)
    for frame in frames:
        # Only the first three values tell kinds apart; later ones are private and
        # may differ between slices of one stack.
        kind = (frame.file.rows, frame.file.columns, frame.file.samples, frame.image_type[:3])
        by_kind[(kind, frame.file.sop_class, is_localizer(frame), frame.stack)].append(frame)
    stacks: list[list[Frame]] = []
    for group in by_kind.values():
        clusters: list[list[Frame]] = []
        for frame in group:
            home = next((c for c in clusters if _same_plane(c[0], frame)), None)
            if home is None:
                clusters.append([frame])
            else:
                home.append(frame)
        stacks.extend(clusters)
    return stacks


def _same_plane(a: Frame, b: Frame) -> bool:
    def close(x: tuple[float, ...] | None, y: tuple[float, ...] | None, tolerance: float) -> bool:
        if x is None or y is None:
            return x is y
        return bool(np.allclose(x, y, rtol=0, atol=tolerance))

    return close(a.orientation, b.orientation, _ORIENTATION_TOLERANCE) and close(
        a.pixel_spacing_mm, b.pixel_spacing_mm, _SPACING_TOLERANCE
    )


def _at_positions(frames: Sequence[Frame]) -> list[list[Frame]] | None:
    """Frames grouped by position along the normal; None if a position is missing."""
    first = frames[0]
    axes = None if first.orientation is None else unit_axes(first.orientation)
    if axes is None or any(f.position is None for f in frames):
        return None
    direction = stack_direction(axes)
    located = sorted(
        ((float(np.array(f.position) @ direction), n) for n, f in enumerate(frames)),
    )
    groups: list[list[Frame]] = []
    last_mm = -np.inf
    for distance, n in located:
        if distance - last_mm > SAME_POSITION_MM:
            groups.append([])
            last_mm = distance
        groups[-1].append(frames[n])
    return groups


def _stack_to_series(
    identity: tuple[str, ...], frames: list[Frame], pixel_hash: PixelHash
) -> list[Series]:
    warnings: list[str] = []
    positions = _at_positions(frames)
    if positions is None or all(len(group) == 1 for group in positions):
        return _split_regions(identity, frames)
    frames, dropped = _drop_copies(frames, positions, pixel_hash, same_instance=True)
    if dropped:
        warnings.append(_copies_text(dropped))
    return [
        _resolved(identity, part, warnings, pixel_hash, n_parts, label)
        for part, label, n_parts in _split_phases(frames)
    ]


def _split_regions(identity: tuple[str, ...], frames: list[Frame]) -> list[Series]:
    """One series, or one for each acquisition if only apart they are evenly spaced.

    A chest and an abdomen scanned one after the other may be filed as one series.
    """
    whole = _finished(identity, frames, [])
    if not whole.problems:
        return [whole]
    parts: dict[str, list[Frame]] = defaultdict(list)
    for frame in frames:
        parts[frame.acquisition].append(frame)
    if len(parts) == 1 or any(len(part) < 2 for part in parts.values()):
        return [whole]
    warning = (
        f"the series held {len(parts)} stacks one after the other; told apart by acquisition number"
    )
    apart = [_finished(identity, parts[number], [warning]) for number in sorted(parts)]
    if all(_is_broken(part) for part in apart):
        return [whole]
    return apart


def _is_broken(series: Series) -> bool:
    return any(isinstance(p, GeometryError) for p in series.problems)


def _resolved(
    identity: tuple[str, ...],
    frames: list[Frame],
    warnings: list[str],
    pixel_hash: PixelHash,
    n_parts: int,
    label: str,
) -> Series:
    """One part of a split stack: drop copies under new UIDs, refuse what still conflicts."""
    warnings = list(warnings)
    if n_parts > 1:
        warnings.append(
            f"the series held {n_parts} stacks at the same positions; told apart by {label}"
        )
    positions = _at_positions(frames) or []
    frames, dropped = _drop_copies(frames, positions, pixel_hash, same_instance=False)
    if dropped:
        warnings.append(_copies_text(dropped))
    positions = _at_positions(frames) or []
    conflicts = [group for group in positions if len(group) > 1]
    if not conflicts:
        return _finished(identity, frames, warnings)
    first = conflicts[0]
    if len(positions) == 1:
        what = f"{len(first)} images lie at one position (a bolus-tracking or perfusion series)"
    else:
        what = (
            f"{len(conflicts)} positions hold different images, and nothing in the headers tells "
            f"which belong together (first: {first[0].name} and {first[1].name})"
        )
    problem = GeometryError(what, remedy="upload one phase alone")
    ordered = tuple(_by_instance(frames))
    return Series(
        _key(identity, frames), ordered[0].file, ordered, None, (problem,), tuple(warnings)
    )


def _copies_text(n: int) -> str:
    return f"{n} {'copy' if n == 1 else 'copies'} of slices dropped"


def _drop_copies(
    frames: Sequence[Frame],
    positions: list[list[Frame]],
    pixel_hash: PixelHash,
    *,
    same_instance: bool,
) -> tuple[list[Frame], int]:
    """Keep one of each set of identical images at a position."""
    kept: list[Frame] = []
    for group in positions:
        if len(group) == 1:
            kept.extend(group)
            continue
        seen: set[Hashable] = set()
        for frame in sorted(group, key=lambda f: (f.file.sop_uid, f.name)):
            identity: Hashable = pixel_hash(frame)
            if same_instance:
                identity = (identity, frame.file.sop_uid, frame.index)
            if identity not in seen:
                seen.add(identity)
                kept.append(frame)
    return kept, len(frames) - len(kept)


_DISCRIMINATORS: tuple[tuple[str, Callable[[Frame], str]], ...] = (
    ("acquisition number", lambda f: f.acquisition),
    ("temporal position", lambda f: f.temporal),
    ("reconstruction kernel", lambda f: f.kernel),
    ("image type", lambda f: "\\".join(f.image_type)),
    ("tube voltage", lambda f: f.kvp),
    ("echo time", lambda f: f.echo),
)


def _conflict_free(frames: Sequence[Frame]) -> bool:
    positions = _at_positions(frames)
    return positions is not None and all(len(group) == 1 for group in positions)


def _split_phases(frames: list[Frame]) -> list[tuple[list[Frame], str, int]]:
    """Split a stack with conflicting positions; each result is (frames, told apart by, parts)."""
    if _conflict_free(frames):
        return [(frames, "", 1)]
    for label, value in _DISCRIMINATORS:
        parts: dict[str, list[Frame]] = defaultdict(list)
        for frame in frames:
            parts[value(frame)].append(frame)
        if len(parts) > 1 and all(len(p) > 1 and _conflict_free(p) for p in parts.values()):
            return [(parts[k], label, len(parts)) for k in sorted(parts)]
    for label, order in (
        ("acquisition time", lambda f: f.time),
        ("instance number", lambda f: f.instance if f.instance is not None else -1),
    ):
        runs = _split_in_runs(frames, order)
        if runs:
            return [(run, label, len(runs)) for run in runs]
    return [(frames, "", 1)]


def _split_in_runs(
    frames: Sequence[Frame], order: Callable[[Frame], Hashable]
) -> list[list[Frame]]:
    """Cut frames sorted by ``order`` wherever a position comes up again; [] if that is not clean.

    Clean means that the runs cover the same number of positions each, at least two, and do
    not share a value of ``order``: then one was finished before the next began.
    """
    positions = _at_positions(frames)
    if positions is None or len({len(group) for group in positions}) != 1 or len(positions) < 2:
        return []
    place = {id(frame): n for n, group in enumerate(positions) for frame in group}
    n = len(positions)
    ordered = sorted(frames, key=lambda f: (order(f), place[id(f)]))  # type: ignore[operator]
    runs = [list(ordered[start : start + n]) for start in range(0, len(ordered), n)]
    for run in runs:
        if len({place[id(f)] for f in run}) != n:
            return []
    for before, after in itertools.pairwise(runs):
        if order(before[-1]) == order(after[0]):
            return []
    return runs


def _key(identity: tuple[str, ...], frames: Sequence[Frame]) -> str:
    members = sorted((f.file.sop_uid or f.file.name, f.index or 0) for f in frames)
    return series_key(identity, tuple(members))


def _finished(identity: tuple[str, ...], frames: Sequence[Frame], warnings: list[str]) -> Series:
    geometry = analyze_stack(frames)
    ordered = tuple(frames[n] for n in geometry.order)
    return Series(
        key=_key(identity, frames),
        header=ordered[0].file,
        frames=ordered,
        geometry=geometry,
        problems=geometry.problems,
        warnings=(*warnings, *geometry.warnings),
    )


def with_findings(
    series: Series, problems: Iterable[InputError] = (), warnings: Iterable[str] = ()
) -> Series:
    """``series`` with further problems and warnings."""
    return replace(
        series,
        problems=(*series.problems, *problems),
        warnings=tuple(dict.fromkeys((*series.warnings, *warnings))),
    )
