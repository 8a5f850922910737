"""The files of a training run: what was asked for, how it stands, how far it is.

::

    settings.json    what was asked for, by whom and when; never changed
    state.json       how it stands, written by whoever runs it, whole or not at all
    progress.jsonl   one line a step: {"at", "fraction", "message"}
    chosen.json      settings of the model that differ from the usual ones, where there are any
    answer.json      what the verb answered
    log.txt          what the training said besides
    bundle/          the model, when it is done
    work/            what makes going on after a kill cheap
    alive.lock       held by the system for as long as a process of the run lives
    cancel           somebody asked for it to stop
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hccsurv_core.errors import InputError, StoreError

SETTINGS, STATE, PROGRESS, LOG = "settings.json", "state.json", "progress.jsonl", "log.txt"
BUNDLE, WORK, ALIVE, CANCEL, ANSWER = "bundle", "work", "alive.lock", "cancel", "answer.json"
CHOSEN = "chosen.json"
#: What a run writes about itself. A run that says "queued" or "running" and that no process
#: stands behind is "interrupted".
WRITTEN_STATES = ("queued", "running", "done", "failed", "cancelled")
SCHEMA_VERSION = 1
_TAIL_BYTES = 1 << 14
_OPTION = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

Option = str | int | float | bool | None


@dataclass(frozen=True)
class TrainingRequest:
    """What is to be trained, as the verb ``train`` is told it.

    Args:
        system: "muscle", …
        name: what people call the run.
        cohort: the cohort folder, or None where an option names the table.
        options: of the verb, without the dashes: True stands for an option without a value, False
            and None for one that is not given. Paths are absolute.
        settings: of the model that differ from the usual ones, as JSON values.

    Raises:
        InputError: the name is empty. ValueError: an option's name is none (a defect).
    """

    system: str
    name: str
    cohort: Path | None = None
    options: Mapping[str, Option] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        text = " ".join(self.name.split())[:80]
        if not text:
            raise InputError("a training run needs a name", source="name")
        object.__setattr__(self, "name", text)
        if self.cohort is not None:
            object.__setattr__(self, "cohort", Path(self.cohort).absolute())
        for name in (self.system, *self.options):
            if not _OPTION.fullmatch(name):
                raise ValueError(f"{name!r} is no option of the verb train")

    def arguments(self, folder: Path) -> list[str]:
        """The command line after the program's name."""
        cohort = [] if self.cohort is None else [str(self.cohort)]
        told = ["train", self.system, *cohort, "--out", str(folder / BUNDLE)]
        own = {"checkpoint": str(folder / WORK), "json": "-"}
        if self.settings:
            own["settings"] = str(folder / CHOSEN)
        for name, value in {**self.options, **own}.items():
            if value is None or value is False:
                continue
            # In one word: a value may begin with a dash.
            told.append(f"--{name}" if value is True else f"--{name}={value}")
        return told

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        cohort = None if self.cohort is None else str(self.cohort)
        return {
            "system": self.system,
            "name": self.name,
            "cohort": cohort,
            "options": dict(self.options),
            "settings": dict(self.settings),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TrainingRequest:
        """The inverse of :meth:`to_json`."""
        cohort = None if data["cohort"] is None else Path(data["cohort"])
        return cls(data["system"], data["name"], cohort, data["options"], data["settings"])


@dataclass(frozen=True)
class RunState:
    """What ``state.json`` says.

    Args:
        state: one of :data:`WRITTEN_STATES`.
        attempt: 1, and one more each time it was resumed.
        queued_at, started_at, ended_at: UTC, ISO 8601; of this attempt.
        message: how it ended, for people.
        supervisor, trainer: (process id, start in seconds since 1970) of the two processes.
    """

    state: str
    attempt: int
    queued_at: str
    started_at: str | None = None
    ended_at: str | None = None
    message: str = ""
    supervisor: tuple[int, float] | None = None
    trainer: tuple[int, float] | None = None


@dataclass(frozen=True)
class RunSettings:
    """What ``settings.json`` says: the request, and who made it when (UTC, ISO 8601)."""

    request: TrainingRequest
    by: str
    created_at: str


@dataclass(frozen=True)
class ProgressStep:
    """One line of ``progress.jsonl``: when (UTC, ISO 8601), the fraction done, what happens."""

    at: str
    fraction: float
    message: str


def now() -> str:
    """The time, UTC, to the microsecond, so that what comes first sorts first."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def write_settings(folder: Path, settings: RunSettings) -> None:
    """Write ``settings.json``, and the model's own settings in a file for the verb."""
    if settings.request.settings:
        write_json(folder / CHOSEN, settings.request.settings)
    data = {
        "schema_version": SCHEMA_VERSION,
        "request": settings.request.to_json(),
        "by": settings.by,
        "created_at": settings.created_at,
    }
    write_json(folder / SETTINGS, data)


def read_settings(folder: Path) -> RunSettings:
    """Read ``settings.json``.

    Raises:
        StoreError: it is missing, damaged, or of another version.
    """
    data = _read_json(folder / SETTINGS)
    try:
        if data["schema_version"] != SCHEMA_VERSION:
            raise StoreError("was written by another version", source=str(folder / SETTINGS))
        request = TrainingRequest.from_json(data["request"])
        return RunSettings(request, data["by"], data["created_at"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise StoreError("is damaged", source=str(folder / SETTINGS)) from error


def write_state(folder: Path, state: RunState) -> None:
    """Write ``state.json``, whole or not at all."""
    write_json(folder / STATE, asdict(state))


def read_state(folder: Path) -> RunState:
    """Read ``state.json``.

    Raises:
        StoreError: it is missing or damaged.
    """
    data = _read_json(folder / STATE)
    try:
        known = {f.name: data[f.name] for f in fields(RunState)}
        for name in ("supervisor", "trainer"):
            if known[name] is not None:
                known[name] = (int(known[name][0]), float(known[name][1]))
        if known["state"] not in WRITTEN_STATES:
            raise ValueError(known["state"])
        return RunState(**known)
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise StoreError("is damaged", source=str(folder / STATE)) from error


def add_progress(folder: Path, fraction: float, message: str) -> None:
    """Append one line to ``progress.jsonl``."""
    line = json.dumps(asdict(ProgressStep(now(), fraction, message)), ensure_ascii=False)
    with (folder / PROGRESS).open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def read_progress(folder: Path, *, last: bool = False) -> list[ProgressStep]:
    """The steps so far, oldest first; a line that was cut off by a kill is left out.

    Args:
        last: only the last step, without reading all of the file.
    """
    try:
        with (folder / PROGRESS).open("rb") as file:
            if last:
                file.seek(max(file.seek(0, os.SEEK_END) - _TAIL_BYTES, 0))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return []
    steps = [s for s in map(_step, lines[-2:] if last else lines) if s is not None]
    return steps[-1:] if last else steps


def _step(line: str) -> ProgressStep | None:
    try:
        data = json.loads(line)
        return ProgressStep(str(data["at"]), float(data["fraction"]), str(data["message"]))
    except (ValueError, KeyError, TypeError):
        return None


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write a JSON object; it is there whole, on the disk, or not at all."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with draft.open("w", encoding="utf-8") as file:
            json.dump(data, file, ensure_ascii=False, indent=1, allow_nan=False)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError("is missing or damaged", source=str(path)) from error
    if not isinstance(data, dict):
        raise StoreError("is damaged", source=str(path))
    return data
