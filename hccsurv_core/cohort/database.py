"""Open the store's SQLite file: pragmas, schema version, migration, and errors a user can read.

Write-ahead logging lets pages read while another session writes; every write
transaction starts with ``BEGIN IMMEDIATE``, so that two writers wait for each
other instead of failing half-way. ``secure_delete`` overwrites what is deleted.
"""

from __future__ import annotations

import errno
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from hccsurv_core.cohort import schema
from hccsurv_core.errors import StoreError

DATABASE_NAME = "hccsurv.sqlite3"
#: How long a writer waits for another one, seconds.
BUSY_SECONDS = 30
_WRITE = "hccsurv_write"


def store_error(error: OSError | sqlite3.Error | SQLAlchemyError, source: str) -> StoreError:
    """What a failed write or read means, and what to do, as one sentence."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    text = str(cause)
    if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        text = "disk is full"
    if "disk is full" in text:
        return StoreError(
            "the disk is full, nothing was stored",
            source=source,
            remedy="free some space (delete studies you no longer need) and try again",
        )
    if "locked" in text or "busy" in text:
        return StoreError(
            f"another session has been writing for more than {BUSY_SECONDS} s",
            source=source,
            remedy="try again; nothing was stored",
        )
    if any(sign in text for sign in ("malformed", "not a database", "corrupt")):
        return StoreError(
            f"the patient database is damaged ({text})",
            source=source,
            remedy=f"restore {DATABASE_NAME} from a backup, or start with another data folder",
        )
    if isinstance(cause, OSError) and cause.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StoreError(
            "the data folder may not be written",
            source=source,
            remedy="give its owner write permission, or set HCCSURV_DATA to another folder",
        )
    return StoreError(f"the patient store failed: {text}", source=source)


def open_engine(folder: Path) -> Engine:
    """An engine on the folder's database file; the file is not touched before the first use."""
    engine = create_engine(
        f"sqlite+pysqlite:///{folder / DATABASE_NAME}",
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        json_serializer=partial(json.dumps, allow_nan=False, ensure_ascii=False),
        pool_size=4,
        max_overflow=28,
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, record: Any) -> None:
        # The driver's own transaction control begins too late and always deferred.
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout={BUSY_SECONDS * 1000}",
            "foreign_keys=ON",
            "synchronous=FULL",
            "secure_delete=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get(_WRITE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


@contextmanager
def transaction(engine: Engine, *, write: bool = False) -> Iterator[Session]:
    """A session in one transaction: committed at the end, rolled back if anything is raised.

    Raises:
        StoreError: the database is damaged, locked for too long, or the disk is full.
    """
    source = str(engine.url.database)
    bound = engine.execution_options(**{_WRITE: True}) if write else engine
    try:
        with Session(bound, expire_on_commit=False) as session, session.begin():
            yield session
    except SQLAlchemyError as error:
        raise store_error(error, source) from error


def prepare(engine: Engine) -> None:
    """Create the tables in an empty file, or bring an older file up to this version.

    Raises:
        StoreError: the file is not a patient store, is damaged, or is of a newer version.
    """
    path = Path(str(engine.url.database))
    try:
        with engine.connect() as connection:
            # The journal's mode changes outside of transactions only.
            connection.exec_driver_sql("ROLLBACK")
            if connection.exec_driver_sql("PRAGMA journal_mode").scalar() != "wal":
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        version = _version_of(engine, path)
        if 0 < version < schema.SCHEMA_VERSION:
            _back_up(path, version)
        with engine.execution_options(**{_WRITE: True}).begin() as connection:
            _upgrade(connection)
    except SQLAlchemyError as error:
        raise store_error(error, str(path)) from error


def _version_of(engine: Engine, path: Path) -> int:
    with engine.connect() as connection:
        version = int(connection.exec_driver_sql("PRAGMA user_version").scalar() or 0)
        application = int(connection.exec_driver_sql("PRAGMA application_id").scalar() or 0)
        tables = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar()
    if application != schema.APPLICATION_ID and (application or version or tables):
        raise StoreError(
            "this SQLite file is not a patient store",
            source=str(path),
            remedy="choose another data folder (HCCSURV_DATA)",
        )
    if version > schema.SCHEMA_VERSION:
        raise StoreError(
            f"the patient store was written by a newer hccsurv (schema {version}, "
            f"this one knows {schema.SCHEMA_VERSION})",
            source=str(path),
            remedy="update hccsurv; nothing was changed",
        )
    return version


def _back_up(path: Path, version: int) -> None:
    target = path.with_name(f"{path.name}.v{version}.bak")
    with sqlite3.connect(path) as source, sqlite3.connect(target) as copy:
        source.backup(copy)
    source.close()
    copy.close()
    target.chmod(0o600)


def _upgrade(connection: Connection) -> None:
    version = int(connection.exec_driver_sql("PRAGMA user_version").scalar() or 0)
    if version == 0:
        schema.Base.metadata.create_all(connection)
        connection.exec_driver_sql(f"PRAGMA application_id={schema.APPLICATION_ID}")
    else:
        for step in range(version, schema.SCHEMA_VERSION):
            schema.MIGRATIONS[step](connection)
    connection.exec_driver_sql(f"PRAGMA user_version={schema.SCHEMA_VERSION}")
