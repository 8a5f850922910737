"""What a training can start from on this server: cohort folders, and feature tables that were kept.

Cohort folders lie side by side in the data folder's ``cohorts``: whoever looks after the server
puts them there, an upload is unpacked there, and so is a simulated cohort. A page names one by the
name of its folder, so that no path of the machine can be asked for.
"""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hccsurv_core.cohort.folder import TABLE_FILE, read_cohort_info
from hccsurv_core.cohort.folder_schema import SCHEMA_FILE, CohortInfo
from hccsurv_core.cohort.library import FOLDER
from hccsurv_core.cohort.settings import data_folder
from hccsurv_core.errors import InputError, NotFoundError, StoreError, TableError
from hccsurv_core.features.feature_table import FeatureTable, write_feature_table
from hccsurv_core.systems.training_preview import TRAIN

TABLES = "training_tables"
HELD_OUT = "held_out"


@dataclass(frozen=True)
class CohortFolder:
    """A cohort folder of this server.

    Args:
        name: of the folder; names it in :func:`find_cohort_folder`.
        folder: where it lies.
        info: its schema; None where that cannot be read.
        n: patients, by the lines of its table.
        problem: what is wrong with it, or empty.
    """

    name: str
    folder: Path
    info: CohortInfo | None
    n: int = 0
    problem: str = ""


def cohort_root(folder: Path | str | None = None) -> Path:
    """Where cohort folders lie; ``folder`` is the data folder, by default the server's."""
    return data_folder(folder) / FOLDER


def list_cohort_folders(system: str, root: Path | None = None) -> tuple[CohortFolder, ...]:
    """Cohort folders of a system, by name; those that are damaged say so."""
    found = []
    for path in sorted((root or cohort_root()).glob(f"[!.]*/{SCHEMA_FILE}")):
        folder = path.parent
        try:
            info = read_cohort_info(folder)
        except TableError as error:
            found.append(CohortFolder(folder.name, folder, None, problem=error.what))
            continue
        if info.system == system:
            found.append(CohortFolder(folder.name, folder, info, _count_rows(folder)))
    return tuple(found)


def find_cohort_folder(name: str, root: Path | None = None) -> Path:
    """The folder of this name.

    Raises:
        NotFoundError: there is none, or the name is a path.
    """
    place = root or cohort_root()
    folder = place / name
    if name.startswith(".") or Path(name).name != name or not (folder / SCHEMA_FILE).is_file():
        raise NotFoundError(
            f"there is no cohort folder {name!r}",
            source=str(place),
            remedy="choose one of the list",
        )
    return folder


def hold_out_center(table: FeatureTable, center: str) -> FeatureTable:
    """The same table with one center's patients kept out of the training.

    Raises:
        TableError: no patient is of this center, or all are.
    """
    return _split(table, table.where("center", center), center)


def hold_out_share(table: FeatureTable, share: float, *, seed: int = 0) -> FeatureTable:
    """The same table with a share of the patients, drawn by chance, kept out of the training.

    Events are held out in the same proportion.

    Raises:
        InputError: the share does not lie between 0 and 1.
    """
    if not 0 < share < 1:
        raise InputError(f"must lie between 0 and 1, got {share}", source="share held out")
    rng = np.random.default_rng(seed)
    event = table.require_outcome().event
    rows = np.zeros(len(table), dtype=bool)
    for kind in (True, False):
        members = rng.permutation(np.flatnonzero(event == kind))
        rows[members[: round(share * members.size)]] = True
    return _split(table, rows, HELD_OUT)


def joining_the_training(before: FeatureTable, after: FeatureTable) -> str:
    """Who is learned from now and was held out by the table's own split; "" where nobody is.

    Args:
        before, after: the same patients, before and after others were held out.
    """
    if "split" not in before.labels:
        return ""
    # Without a split everybody is learned from.
    now = after.labels.get("split", (TRAIN,) * len(after))
    pairs = zip(before.labels["split"], now, strict=True)
    joined = Counter(old for old, new in pairs if new == TRAIN and old != TRAIN)
    if not joined:
        return ""
    parts = ", ".join(f"{n} of {old or 'no part'}" for old, n in sorted(joined.items()))
    return (
        f"the table's own split is set aside: {sum(joined.values())} patients whom it keeps out "
        f"of the training are learned from ({parts})"
    )


def _split(table: FeatureTable, rows: np.ndarray, name: str) -> FeatureTable:
    if not rows.any() or rows.all():
        raise TableError(
            f"{'nobody' if not rows.any() else 'everybody'} would be held out ({name})",
            source=table.source,
            remedy="choose another center or share",
        )
    # A part called "train" would be trained on, whatever a center is called.
    shown = f"center {name}" if name == TRAIN else name
    split = tuple(shown if out else TRAIN for out in rows)
    return replace(table, labels={**table.labels, "split": split})


def keep_table(table: FeatureTable, name: str, root: Path | None = None) -> Path:
    """Keep a feature table for as long as its training runs may need it.

    Args:
        table: with an outcome.
        name: of the file it came from; the kept file is called like it.
        root: the data folder, by default the server's.

    Raises:
        TableError: it has no outcome. StoreError: the data folder cannot be written.
    """
    table.require_outcome()
    path = _place(name, ".csv", root)
    try:
        path.parent.mkdir(mode=0o700, parents=True)
        write_feature_table(path, table)
    except OSError as error:
        raise _unwritable(path.parent, error) from error
    return path


def keep_file(content: bytes, name: str, root: Path | None = None) -> Path:
    """Keep a table as it was uploaded, for as long as its training runs may need it.

    Args:
        content: of the file.
        name: of the file; the kept file is called like it.
        root: the data folder, by default the server's.

    Raises:
        StoreError: the data folder cannot be written.
    """
    path = _place(name, _safe(Path(name).suffix) or ".csv", root)
    try:
        path.parent.mkdir(mode=0o700, parents=True)
        path.write_bytes(content)
    except OSError as error:
        raise _unwritable(path.parent, error) from error
    return path


def _place(name: str, ending: str, root: Path | None) -> Path:
    """A new folder's file, called like the one that came."""
    stem = _safe(Path(name).stem)[:60] or "table"
    return (root or data_folder()) / TABLES / secrets.token_hex(8) / f"{stem}{ending}"


def _safe(text: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in text)


def _unwritable(folder: Path, error: OSError) -> StoreError:
    return StoreError(
        f"cannot be written ({error.strerror})", source=str(folder), remedy="check the data folder"
    )


def _count_rows(folder: Path) -> int:
    try:
        with (folder / TABLE_FILE).open("rb") as file:
            return max(sum(bool(line.strip()) for line in file) - 1, 0)
    except OSError:
        return 0
