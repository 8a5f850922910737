"""The results of a batch as they come in, in one SQLite file: what is there survives any kill.

Only the process that runs the batch writes, one transaction a patient. A row belongs to a patient
and a key (see :mod:`hccsurv_core.batch.task_key`); there is at most one of a pair, so that no
patient can count twice.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.cohort.file_lock import take_lock
from hccsurv_core.errors import InputError, StoreError

RESULT_FILE = "results.sqlite3"
_LOCK_FILE = "results.lock"
_SCHEMA_VERSION = 1
_TABLES = """
CREATE TABLE names (id INTEGER PRIMARY KEY, list TEXT NOT NULL UNIQUE);
CREATE TABLE results (
    patient_id TEXT NOT NULL, key TEXT NOT NULL, names_id INTEGER NOT NULL REFERENCES names,
    vals BLOB NOT NULL, seconds REAL NOT NULL, at TEXT NOT NULL, PRIMARY KEY (patient_id, key)
) WITHOUT ROWID;
CREATE TABLE failures (
    patient_id TEXT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL, message TEXT NOT NULL,
    at TEXT NOT NULL, PRIMARY KEY (patient_id, key)
) WITHOUT ROWID;
CREATE TABLE begun (patient_id TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (patient_id, key))
WITHOUT ROWID;
"""


@dataclass(frozen=True, eq=False)
class Features:
    """What the function gave for one patient.

    Args:
        names: of the features, in its order.
        values: (p,) float64, NaN where missing.
        seconds: how long it took.
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]
    seconds: float


@dataclass(frozen=True)
class Failure:
    """A patient without features.

    Args:
        patient_id: whose.
        message: what is wrong, for people.
        kind: "input" (something with the patient's files), "killed" (the process died of it),
            "time" (it was given up), "features" (other features than the other patients have) or
            "defect" (of ours).
    """

    patient_id: str
    message: str
    kind: str


class ResultFile:
    """Open the results in a folder, made if missing. Close it, or use it in a ``with``.

    Raises:
        InputError: another process is using it.
        StoreError: it cannot be written, is damaged, or of another version.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / RESULT_FILE
        self._held = ExitStack()
        with self._errors(), ExitStack() as held:
            folder.mkdir(parents=True, exist_ok=True)
            lock = take_lock(folder / _LOCK_FILE)
            if lock is None:
                raise InputError(
                    "another batch is writing its results here",
                    source=str(folder),
                    remedy="wait until it is done, or give another folder",
                )
            held.callback(os.close, lock)
            self._connection = sqlite3.connect(self.path, isolation_level=None)
            held.callback(self._connection.close)
            self._prepare()
            self._held = held.pop_all()

    def close(self) -> None:
        """Give the file back."""
        self._held.close()

    def __enter__(self) -> ResultFile:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def features(self, patient_id: str, key: str) -> Features | None:
        """What is stored for this patient and key."""
        with self._errors():
            row = self._connection.execute(
                "SELECT list, vals, seconds FROM results JOIN names ON names.id = names_id "
                "WHERE patient_id = ? AND key = ?",
                (patient_id, key),
            ).fetchone()
        if row is None:
            return None
        return Features(tuple(json.loads(row[0])), np.frombuffer(row[1], "<f8"), row[2])

    def add_features(self, patient_id: str, key: str, features: Features) -> None:
        """Keep a patient's features; on return they are on the disk."""
        names = json.dumps(features.names, ensure_ascii=False)
        data = np.ascontiguousarray(features.values, "<f8").tobytes()
        with self._transaction() as database:
            database.execute("INSERT OR IGNORE INTO names (list) VALUES (?)", (names,))
            (names_id,) = database.execute(
                "SELECT id FROM names WHERE list = ?", (names,)
            ).fetchone()
            database.execute(
                "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?)",
                (patient_id, key, names_id, data, features.seconds, _now()),
            )
            self._forget(database, ("failures", "begun"), patient_id, key)

    def add_failure(self, failure: Failure, key: str) -> None:
        """Record that a patient failed; the next run tries again."""
        with self._transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?)",
                (failure.patient_id, key, failure.kind, failure.message, _now()),
            )
            self._forget(database, ("begun",), failure.patient_id, key)

    def begin(self, patient_id: str, key: str) -> None:
        """Note that this very process starts on a patient: if it dies, :meth:`is_deadly` tells."""
        with self._transaction() as database:
            database.execute("INSERT OR IGNORE INTO begun VALUES (?, ?)", (patient_id, key))

    def is_deadly(self, patient_id: str, key: str) -> bool:
        """Whether a process died of this patient or never came to an end, as far as is known."""
        with self._errors():
            found = self._connection.execute(
                "SELECT 1 FROM begun WHERE patient_id = :id AND key = :key UNION SELECT 1 FROM "
                "failures WHERE patient_id = :id AND key = :key AND kind IN ('killed', 'time')",
                {"id": patient_id, "key": key},
            ).fetchone()
        return found is not None

    def end(self, patient_id: str, key: str) -> None:
        """Undo :meth:`begin` for a patient that was cancelled."""
        with self._transaction() as database:
            self._forget(database, ("begun",), patient_id, key)

    @staticmethod
    def _forget(
        database: sqlite3.Connection, tables: tuple[str, ...], patient_id: str, key: str
    ) -> None:
        for table in tables:
            database.execute(
                f"DELETE FROM {table} WHERE patient_id = ? AND key = ?", (patient_id, key)
            )

    def _prepare(self) -> None:
        database = self._connection
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if version == 0 and tables == 0:
            with self._transaction():
                for statement in _TABLES.split(";"):
                    database.execute(statement)
                database.execute(f"PRAGMA user_version={_SCHEMA_VERSION}")
        elif version != _SCHEMA_VERSION:
            raise StoreError(
                "holds no batch results that this version knows",
                source=str(self.path),
                remedy="give another folder",
            )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                # Still open only where something was raised, and not where that ended it already.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise _store_error(error, self.path) from error


def _store_error(error: OSError | sqlite3.Error, path: Path) -> StoreError:
    text = str(error)
    no_space = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if no_space or "disk is full" in text:
        return StoreError(
            "the disk is full; what was extracted so far is kept",
            source=str(path),
            remedy="free some space and start again: it goes on from there",
        )
    if isinstance(error, OSError):
        return StoreError(
            f"cannot be written ({error.strerror})", source=str(path), remedy="give another folder"
        )
    return StoreError(
        f"the results so far cannot be used ({text})",
        source=str(path),
        remedy="delete this file, and the features are extracted again",
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
