"""What a stored result belongs to: a digest of the patient's files, the settings and the code."""

from __future__ import annotations

import json
import os
from hashlib import blake2b
from pathlib import Path

from hccsurv_core.cohort.patient_task import Extract, PatientTask


def task_key(task: PatientTask, extract: Extract, code: str) -> str:
    """32 hexadecimal digits that change with anything the result may depend on.

    Files count by name, size, and times of writing and of any change (so that a file put in
    place with an old date is noticed); where the cohort lies does not count.

    Args:
        task: the patient; ``settings`` must be JSON values.
        extract: the function, by its name.
        code: see :func:`~hccsurv_core.batch.code_version.code_version`.

    Raises:
        TypeError: a setting is no JSON value (a defect of the caller).
    """
    files = {role: _listing(Path(path)) for role, path in task.files.items()}
    whole = {
        "patient": task.patient_id,
        "function": f"{extract.__module__}:{extract.__qualname__}",
        "settings": dict(task.settings),
        "code": code,
        "files": files,
    }
    text = json.dumps(whole, sort_keys=True)
    return blake2b(text.encode(), digest_size=16).hexdigest()


_Facts = tuple[str, int, int, int]


def _listing(path: Path) -> list[_Facts]:
    """Every file below a path by its relative name; nothing where nothing is."""
    if not path.is_dir():
        return [_facts(path, "")] if path.exists() else []
    return [
        _facts(Path(folder, name), os.path.relpath(os.path.join(folder, name), path))  # noqa: PTH118
        for folder, _, names in sorted(os.walk(path))
        for name in sorted(names)
    ]


def _facts(path: Path, name: str) -> _Facts:
    try:
        found = path.stat()
    except FileNotFoundError:
        # A link that leads nowhere, or a file removed just now: the function will say so.
        return name, -1, 0, 0
    return name, found.st_size, found.st_mtime_ns, found.st_ctime_ns
