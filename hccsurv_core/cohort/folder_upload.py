"""A cohort folder that arrives as an archive: unpacked within bounds, de-identified, checked, kept.

What is kept is what a cohort folder consists of, and nothing else that lay in the archive. Images
lose names, numbers and dates as those of single patients do; whoever packed the archive is
answerable for the table, whose columns its own schema names.
"""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hccsurv_core.cohort.folder import (
    IMAGES,
    ROIS,
    TABLE_FILE,
    TRUTH_FILE,
    TRUTH_TABLE_FILE,
    Cohort,
    read_cohort,
)
from hccsurv_core.cohort.folder_schema import SCHEMA_FILE
from hccsurv_core.errors import InputError, TableError, UnreadableFileError
from hccsurv_core.io.archive import Budget, UnpackedFile, unpack
from hccsurv_core.io.deidentify_worker import ChildLimits, deidentify_in_child
from hccsurv_core.io.limits import IntakeLimits
from hccsurv_core.progress import Progress, part_of, silent

#: Goes into the images where names were; who is who stands in the folders' names.
PSEUDONYM = "cohort patient"
_TABLES = (TABLE_FILE, SCHEMA_FILE, TRUTH_TABLE_FILE, TRUTH_FILE)
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
#: So many images go through one child process, each with its own limits.
_IMAGES_A_CHILD = 1000
_PACK_AGAIN = f"pack the cohort's own folder: {SCHEMA_FILE}, {TABLE_FILE}, {IMAGES} and {ROIS}"


@dataclass(frozen=True)
class KeptCohort:
    """A cohort folder that came in.

    Args:
        cohort: as it was read again from its new place.
        n_images: image files kept.
        ignored: names in the archive that are no part of a cohort folder.
    """

    cohort: Cohort
    n_images: int
    ignored: tuple[str, ...]


def keep_cohort_archive(
    archive: Path,
    root: Path,
    *,
    name: str,
    limits: IntakeLimits | None = None,
    progress: Progress = silent,
) -> KeptCohort:
    """Unpack a zipped (or tarred) cohort folder into a new folder below ``root``.

    Args:
        archive: what arrived.
        root: where cohorts lie; made if missing.
        name: what the user calls the archive, for messages and for the folder's name.
        limits: on what it unpacks to.
        progress: told how far it is; may cancel, then nothing is left.

    Raises:
        UnsafeArchiveError, UnreadableFileError: the archive, or an image in it, cannot be read.
        TableError: it holds no cohort folder, or one that does not keep its schema.
        DecoderFailedError: an image breaks the process that reads it.
        InputError: the disk has no room.
    """
    bounds = limits or IntakeLimits()
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".arriving-", dir=root) as holder:
            members = Path(holder) / "members"
            members.mkdir()
            budget = Budget(bounds)
            files = unpack(
                archive, members, name=name, budget=budget, progress=part_of(progress, 0, 0.4)
            )
            if budget.skipped:
                member, why = budget.skipped[0]
                raise UnreadableFileError(why, source=member, remedy="pack the folder again")
            base, inside = _find_cohort(files, name)
            parts, ignored = _sorted_out(inside)
            staging = Path(holder) / "cohort"
            _place(parts, staging, Path(holder) / "clean", part_of(progress, 0.4, 0.95))
            _checked(staging, name)
            target = _free_name(root, base or PurePosixPath(name).name)
            staging.rename(target)
    except OSError as error:
        raise InputError(
            f"the cohort cannot be kept ({error.strerror})",
            source=name,
            remedy="make room in the data folder",
        ) from error
    progress(1.0, "kept")
    return KeptCohort(
        read_cohort(target), sum(p.parts[0] == IMAGES for p in parts), tuple(ignored)
    )  # fmt: skip


def _find_cohort(files: Sequence[UnpackedFile], name: str) -> tuple[str, dict[PurePosixPath, Path]]:
    """The folder's own name, and its files by their place in it."""
    paths = {PurePosixPath(f.name.removeprefix(f"{name}/")): f.path for f in files}
    schemas = sorted((p for p in paths if p.name == SCHEMA_FILE), key=lambda p: len(p.parts))
    if not schemas:
        raise TableError(f"holds no {SCHEMA_FILE}", source=name, remedy=_PACK_AGAIN)
    if len(schemas) > 1:
        raise TableError(
            f"holds more than one cohort ({schemas[0].parent.name or name}, "
            f"{schemas[1].parent.name})",
            source=name,
            remedy="upload them one by one",
        )
    base = schemas[0].parent
    return base.name, {
        p.relative_to(base): path for p, path in paths.items() if p.is_relative_to(base)
    }


def _sorted_out(
    inside: Mapping[PurePosixPath, Path],
) -> tuple[dict[PurePosixPath, Path], list[str]]:
    """What belongs to a cohort folder, and the names of what does not."""
    kept, ignored = {}, []
    for place, path in inside.items():
        if _belongs(place.parts):
            kept[place] = path
        else:
            ignored.append(str(place))
    return kept, ignored


def _belongs(parts: tuple[str, ...]) -> bool:
    if len(parts) == 1:
        return parts[0] in _TABLES
    if not all(_SAFE_NAME.fullmatch(part) for part in parts):
        return False
    if parts[0] == ROIS:
        return len(parts) == 3 and parts[2].endswith(".nii.gz")
    return parts[0] == IMAGES and len(parts) == 4


def _place(
    parts: Mapping[PurePosixPath, Path], staging: Path, clean: Path, progress: Progress
) -> None:
    """Move every file to its place; images by way of the process that de-identifies them."""
    images = [place for place in parts if place.parts[0] == IMAGES]
    for place in parts:
        target = staging / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if place.parts[0] != IMAGES:
            shutil.move(parts[place], target)
    shift, key = -(30 + secrets.randbelow(1065)), secrets.token_bytes(32)
    for start in range(0, len(images), _IMAGES_A_CHILD):
        batch = images[start : start + _IMAGES_A_CHILD]
        try:
            written = deidentify_in_child(
                [parts[place] for place in batch], clean, pseudonym=PSEUDONYM,
                date_shift_days=shift, uid_key=key, limits=ChildLimits(seconds=900.0),
                progress=part_of(
                    progress, start / len(images), (start + len(batch)) / len(images)
                ),
            )  # fmt: skip
        except UnreadableFileError as error:
            raise _of_member(error, parts) from error
        for place, path in zip(batch, written, strict=True):
            shutil.move(path, staging / place)


def _of_member(
    error: UnreadableFileError, parts: Mapping[PurePosixPath, Path]
) -> UnreadableFileError:
    """The same error, naming the file as the user knows it."""
    for place, path in parts.items():
        if error.source and Path(error.source).name == path.name:
            return UnreadableFileError(
                error.what, source=str(place), remedy="replace it, or leave the patient out"
            )
    return error


def _checked(staging: Path, name: str) -> Cohort:
    """Read the table; what is wrong with it is told of the archive, not of a passing folder."""
    try:
        return read_cohort(staging)
    except TableError as error:
        source = (error.source or "").replace(f"{staging}/", "").replace(str(staging), "")
        raise TableError(
            error.what, source=f"{name}: {source}" if source else name, remedy=error.remedy
        ) from error


def _free_name(root: Path, wanted: str) -> Path:
    """A folder that does not exist yet, named like the archive's."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", wanted.removesuffix(".zip")).strip("-._")[:48]
    stem = stem or "cohort"
    for number in range(1, 10_000):
        target = root / (stem if number == 1 else f"{stem}-{number}")
        if not target.exists():
            return target
    raise InputError("too many cohorts have this name", source=stem, remedy="remove some")
