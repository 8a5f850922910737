"""The cohort library: imported tables with their mapping and decisions, kept in the data folder.

A cohort is a folder: ``raw.json`` and ``codes.npz`` (the table as its file had it, without columns
that name people) and ``entry.json`` (name, mapping, decisions, who changed what when). The table
that statistics use is built from these three, so every change can be undone.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from hccsurv_core.cohort.clinical_table import ClinicalTable, build_cohort_table
from hccsurv_core.cohort.column_mapping import ColumnMapping
from hccsurv_core.cohort.settings import data_folder
from hccsurv_core.cohort.table_issues import Decision
from hccsurv_core.errors import InputError, NotFoundError, StoreError
from hccsurv_core.io.tables import RawColumn, RawTable, ReadOptions

FOLDER = "cohorts"
SCHEMA_VERSION = 1
#: States of mapping and decisions that are kept for undo.
KEPT_STATES = 50


@dataclass(frozen=True)
class CohortState:
    """Mapping and decisions at one time; the table follows from them."""

    mapping: ColumnMapping
    decisions: tuple[Decision, ...]
    actor: str
    at: str

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "mapping": self.mapping.to_json(),
            "decisions": [d.to_json() for d in self.decisions],
            "actor": self.actor,
            "at": self.at,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> CohortState:
        """The inverse of :meth:`to_json`."""
        return cls(
            ColumnMapping.from_json(data["mapping"]),
            tuple(Decision.from_json(d) for d in data["decisions"]),
            data["actor"],
            data["at"],
        )


@dataclass(frozen=True)
class CohortEntry:
    """One cohort of the library.

    Args:
        id: its key.
        name: as shown.
        source: name of the file it came from.
        simulated: its patients are not real.
        n_patients: when it was last saved.
        states: oldest first; the last one is in force.
    """

    id: str
    name: str
    source: str
    simulated: bool
    n_patients: int
    states: tuple[CohortState, ...]

    @property
    def state(self) -> CohortState:
        """What is in force."""
        return self.states[-1]

    @property
    def can_undo(self) -> bool:
        """Whether there is an earlier state."""
        return len(self.states) > 1


class CohortLibrary:
    """Cohorts under one data folder.

    Args:
        folder: the data folder; default as for the patient store.
    """

    def __init__(self, folder: Path | str | None = None) -> None:
        self.folder = data_folder(folder) / FOLDER

    def add(
        self,
        raw: RawTable,
        mapping: ColumnMapping,
        decisions: Sequence[Decision] = (),
        *,
        name: str,
        simulated: bool = False,
        actor: str = "local",
    ) -> CohortEntry:
        """Keep a table; columns with the role "personal" are not kept.

        Raises:
            InputError: the name is empty. TableError: the table cannot be built.
            StoreError: the folder cannot be written.
        """
        personal = {c.name for c in mapping.columns if c.role == "personal"}
        kept = replace(raw, columns=tuple(c for c in raw.columns if c.name not in personal))
        mapping = replace(
            mapping, columns=tuple(c for c in mapping.columns if c.name not in personal)
        )
        table = build_cohort_table(kept, mapping, decisions)
        entry = CohortEntry(
            secrets.token_hex(6), _checked_name(name), raw.source, simulated, len(table),
            (CohortState(mapping, tuple(decisions), actor, _now()),),
        )  # fmt: skip
        target = self.folder / entry.id
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # Built beside its place and moved there: a killed import leaves no half cohort.
            draft = self.folder / f".new-{entry.id}"
            draft.mkdir()
            _write_raw(draft, kept)
            _write_entry(draft, entry)
            draft.rename(target)
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        return entry

    def entries(self) -> list[CohortEntry]:
        """All cohorts by name; one that cannot be read is left out."""
        found = []
        for path in self.folder.glob("[!.]*/entry.json"):
            try:
                found.append(self.entry(path.parent.name))
            except StoreError:
                continue
        return sorted(found, key=lambda e: (e.simulated, e.name.lower()))

    def entry(self, cohort_id: str) -> CohortEntry:
        """One cohort.

        Raises:
            NotFoundError: there is none of this key. StoreError: its file is damaged.
        """
        path = self._place(cohort_id) / "entry.json"
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            states = tuple(CohortState.from_json(s) for s in data.pop("states"))
            if data.pop("schema_version") != SCHEMA_VERSION:
                raise StoreError("was written by another version", source=str(path))
            return CohortEntry(**data, states=states)
        except FileNotFoundError as error:
            raise NotFoundError(f"there is no cohort {cohort_id!r}", source="library") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError("is damaged", source=str(path)) from error

    def raw(self, cohort_id: str) -> RawTable:
        """The table as its file had it.

        Raises:
            NotFoundError: there is none of this key. StoreError: its files are damaged.
        """
        return _read_raw(self._place(cohort_id))

    def table(self, cohort_id: str) -> ClinicalTable:
        """The table that statistics use.

        Raises:
            NotFoundError, StoreError: as :meth:`raw`. TableError: it can no longer be built.
        """
        state = self.entry(cohort_id).state
        return build_cohort_table(self.raw(cohort_id), state.mapping, state.decisions)

    def change(
        self,
        cohort_id: str,
        mapping: ColumnMapping,
        decisions: Sequence[Decision],
        *,
        actor: str = "local",
    ) -> CohortEntry:
        """Put another mapping and other decisions in force; the earlier ones are kept.

        Raises:
            TableError: the table cannot be built from them; nothing is changed.
        """
        entry = self.entry(cohort_id)
        table = build_cohort_table(self.raw(cohort_id), mapping, decisions)
        state = CohortState(mapping, tuple(decisions), actor, _now())
        return self._save(
            replace(entry, states=(*entry.states, state)[-KEPT_STATES:], n_patients=len(table))
        )

    def undo(self, cohort_id: str) -> CohortEntry:
        """Go back to the state before the last change.

        Raises:
            InputError: there is none.
        """
        entry = self.entry(cohort_id)
        if not entry.can_undo:
            raise InputError("there is nothing to undo", source=entry.name)
        earlier = entry.states[:-1]
        table = build_cohort_table(self.raw(cohort_id), earlier[-1].mapping, earlier[-1].decisions)
        return self._save(replace(entry, states=earlier, n_patients=len(table)))

    def rename(self, cohort_id: str, name: str) -> CohortEntry:
        """Give another name."""
        return self._save(replace(self.entry(cohort_id), name=_checked_name(name)))

    def delete(self, cohort_id: str) -> None:
        """Remove a cohort with everything of it."""
        place = self._place(cohort_id)
        self.entry(cohort_id)
        try:
            shutil.rmtree(place)
        except OSError as error:
            raise _unwritable(place, error) from error

    def _save(self, entry: CohortEntry) -> CohortEntry:
        try:
            _write_entry(self.folder / entry.id, entry)
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        return entry

    def _place(self, cohort_id: str) -> Path:
        # A key from an address bar must not lead anywhere else.
        if not cohort_id.isalnum():
            raise NotFoundError(f"there is no cohort {cohort_id!r}", source="library")
        return self.folder / cohort_id


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _checked_name(name: str) -> str:
    text = " ".join(name.split())
    if not text:
        raise InputError("a cohort needs a name", source="name")
    return text[:80]


def _unwritable(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"cannot be written ({error.strerror})", source=str(path), remedy="check the data folder"
    )


def _write_text(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)  # noqa: PTH105 - atomic on every system


def _write_entry(folder: Path, entry: CohortEntry) -> None:
    data = {f.name: getattr(entry, f.name) for f in fields(entry) if f.name != "states"}
    data |= {"schema_version": SCHEMA_VERSION, "states": [s.to_json() for s in entry.states]}
    _write_text(folder / "entry.json", json.dumps(data, ensure_ascii=False, indent=1))


def _write_raw(folder: Path, raw: RawTable) -> None:
    facts = {
        f.name: getattr(raw, f.name)
        for f in fields(raw)
        if f.name not in ("columns", "row_numbers", "options")
    }
    facts["options"] = raw.options.to_json()
    facts["columns"] = [
        {"name": c.name, "texts": list(c.texts), "kinds": c.kinds.tolist()} for c in raw.columns
    ]
    (folder / "raw.json").write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
    codes = np.stack([c.codes for c in raw.columns]) if raw.columns else np.empty((0, 0), np.int32)
    np.savez_compressed(folder / "codes.npz", codes=codes, row_numbers=raw.row_numbers)


def _read_raw(folder: Path) -> RawTable:
    try:
        facts = json.loads((folder / "raw.json").read_text(encoding="utf-8"))
        with np.load(folder / "codes.npz", allow_pickle=False) as arrays:
            codes, row_numbers = arrays["codes"], arrays["row_numbers"]
        facts["columns"] = tuple(
            RawColumn(c["name"], tuple(c["texts"]), np.array(c["kinds"], np.uint8), code)
            for c, code in zip(facts["columns"], codes, strict=True)
        )
        facts["options"] = ReadOptions(**facts["options"])
        for name in ("sheet_names", "notes"):
            facts[name] = tuple(facts[name])
        facts["ragged"] = tuple(tuple(pair) for pair in facts["ragged"])
        return RawTable(**facts, row_numbers=row_numbers)
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no cohort {folder.name!r}", source="library") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError("the cohort's table is damaged", source=str(folder)) from error
