"""Read a JSON object that a person wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hccsurv_core.errors import InputError


def read_json_object(path: Path, example: str) -> dict[str, Any]:
    """The object in a file.

    Args:
        path: of the file, UTF-8.
        example: what such an object looks like, for the message.

    Raises:
        InputError: it cannot be read, is no JSON, or is no object; the message names the file.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            "cannot be read as JSON", source=path.name, remedy="check the file"
        ) from error
    if not isinstance(found, dict):
        raise InputError("holds no JSON object", source=path.name, remedy=f"write {example}")
    return found
