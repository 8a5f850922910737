"""Who published, activated and retired which model when: the only record of which one is active.

One JSON line a decision in ``models/history.jsonl``, appended and never changed. What is active
follows from the lines, so that the two cannot contradict each other.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hccsurv_core.errors import StoreError

HISTORY = "history.jsonl"
ACTIONS = ("published", "activated", "retired")


@dataclass(frozen=True)
class ModelDecision:
    """One line of the history.

    Args:
        at: UTC, ISO 8601.
        by: who decided.
        action: one of :data:`ACTIONS`.
        model_id, system: which model.
        name: of the model, when it is published.
        sha256: of the bundle that was published.
        simulated: whether it learned from simulated patients.
        note: why, in the words of who decided.
    """

    at: str
    by: str
    action: str
    model_id: str
    system: str
    name: str = ""
    sha256: str = ""
    simulated: bool = False
    note: str = ""


@dataclass(frozen=True)
class ShippedModel:
    """A model that comes with the program: nobody published it."""

    model_id: str
    system: str


@dataclass(frozen=True)
class Standing:
    """What follows from the history.

    Args:
        published: model id → the decision that brought it in, oldest first.
        active: system → model id; a system without a model is missing.
        retired: model ids.
    """

    published: Mapping[str, ModelDecision]
    active: Mapping[str, str]
    retired: frozenset[str]


def standing(history: Iterable[ModelDecision], shipped: Sequence[ShippedModel] = ()) -> Standing:
    """Which models there are and which is active, at most one a system.

    Active is the one activated last, until it is retired. Where nobody chose, it is the newest
    published model that learned from real patients, else the first that comes with the program.
    """
    published: dict[str, ModelDecision] = {}
    chosen: dict[str, str] = {}
    retired: set[str] = set()
    for decision in history:
        model_id = decision.model_id
        if decision.action == "retired":
            retired.add(model_id)
            if chosen.get(decision.system) == model_id:
                del chosen[decision.system]
            continue
        retired.discard(model_id)
        if decision.action == "published":
            published.pop(model_id, None)
            published[model_id] = decision
        else:
            chosen[decision.system] = model_id
    defaults = [ShippedModel(m.model_id, m.system) for m in reversed(shipped)]
    defaults += [ShippedModel(i, d.system) for i, d in published.items() if not d.simulated]
    active = {m.system: m.model_id for m in defaults if m.model_id not in retired}
    return Standing(published, active | chosen, frozenset(retired))


def read_history(path: Path) -> list[ModelDecision]:
    """All decisions, oldest first; a last line that was cut off by a kill never happened.

    Raises:
        StoreError: a line is damaged, or the file cannot be read.
    """
    try:
        whole = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"cannot be read ({error.strerror})", source=str(path)) from error
    *lines, _cut_off = whole.split(b"\n")
    return [_decision(line, path, number) for number, line in enumerate(lines, start=1)]


def add_decision(path: Path, decision: ModelDecision) -> None:
    """Append a decision; on return it is on the disk. The caller holds the library's lock.

    Raises:
        OSError: it cannot be written.
    """
    line = json.dumps(asdict(decision), ensure_ascii=False, allow_nan=False).encode() + b"\n"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        # What a kill left of a line is overwritten.
        end = file.read().rfind(b"\n") + 1
        file.seek(end)
        file.truncate()
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def time_now() -> str:
    """UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _decision(line: bytes, path: Path, number: int) -> ModelDecision:
    try:
        data: dict[str, Any] = json.loads(line)
        decision = ModelDecision(**data)
        datetime.fromisoformat(decision.at)
        if decision.action not in ACTIONS:
            raise ValueError(decision.action)
    except (ValueError, TypeError) as error:
        raise StoreError(
            f"line {number} is damaged, so it is not known which models are active",
            source=str(path),
            remedy="restore this file from a backup",
        ) from error
    return decision
