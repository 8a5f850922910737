"""What the numbers of a label map are called: our sidecar, a plain JSON, or ITK-SNAP's descriptions.

Runs in a decoder process: the file is an upload like any other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hccsurv_core.errors import UnreadableFileError

_MAX_BYTES = 1 << 20
_MAX_NAME = 64
_MAX_LABEL = (1 << 16) - 1
#: ``IDX -R- -G- -B- -A-- VIS MSH  LABEL`` of ITK-SNAP ("Segmentation > Export Label Descriptions").
_SNAP_LINE = re.compile(r'^\s*(\d+)(?:\s+\d+(?:\.\d+)?){6}\s+"(.*)"\s*$')
_REMEDY = "give the JSON that was exported with the mask, or leave it out"


def tidy(name: str) -> str:
    """A name from a file as one printable line of at most 64 characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())[:_MAX_NAME]


def unique(names: Iterable[str]) -> list[str]:
    """The names, the second of two equal ones called "name (2)"; an empty one "unnamed"."""
    found: list[str] = []
    for name in names:
        plain, n = name or "unnamed", 2
        name = plain
        while name in found:
            name, n = f"{plain} ({n})", n + 1
        found.append(name)
    return found


def read_label_names(path: Path) -> dict[str, tuple[int, ...]]:
    """Structure name to the labels that make it up.

    Three forms are read: the sidecar that :func:`hccsurv_core.io.export.write_nifti_labels` writes
    (its ``structures``, of which muscle holds the psoas labels too), a JSON object of label to name
    or name to label, and ITK-SNAP's label descriptions.

    Raises:
        UnreadableFileError: the file is none of these.
    """
    with path.open("rb") as file:
        return parse_label_names(file.read(_MAX_BYTES + 1))


def names_beside(command: Mapping[str, Any], warnings: list[str]) -> dict[str, tuple[int, ...]]:
    """The names that a command's "sidecar" holds; {} where it names none.

    Args:
        command: "sidecar" (a path or None), "sidecar_name", and "sidecar_given": whether the user
            gave it, so that it must be right; a JSON that merely lies beside a mask may be
            something else.
        warnings: takes what was not read.

    Raises:
        UnreadableFileError: the one that was given names no labels.
    """
    if not command.get("sidecar"):
        return {}
    shown = str(command["sidecar_name"])
    try:
        return read_label_names(Path(command["sidecar"]))
    except UnreadableFileError as error:
        if command["sidecar_given"]:
            raise error.with_source(shown) from error
        warnings.append(f"{shown} does not name labels and was not used")
        return {}


def parse_label_names(data: bytes) -> dict[str, tuple[int, ...]]:
    """What :func:`read_label_names` reads, from the file's bytes.

    Raises:
        UnreadableFileError: they are none of its forms.
    """
    if len(data) > _MAX_BYTES:
        raise UnreadableFileError("is too large for a list of label names", remedy=_REMEDY)
    try:
        content = data.decode("utf-8-sig")
        if content.lstrip()[:1] == "{":
            told = json.loads(content)
            if told.get("structures") == {}:
                return {}  # our own, of a mask without names
            found = _from_json(told)
        else:
            found = _from_snap(content)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UnreadableFileError("does not name labels", remedy=_REMEDY) from error
    if not found or any(not 0 <= v <= _MAX_LABEL for values in found.values() for v in values):
        raise UnreadableFileError("does not name labels", remedy=_REMEDY)
    return {name: values for name, values in found.items() if any(values)}


def _from_json(told: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    if isinstance(told.get("structures"), dict):
        return {
            tidy(str(name)): tuple(int(v) for v in values)
            for name, values in told["structures"].items()
        }
    labels = told.get("labels", told)
    if all(str(key).strip().isdecimal() for key in labels):
        pairs = [(int(key), str(name)) for key, name in labels.items()]
    else:
        # nnU-Net's dataset.json: {"labels": {"background": 0, "psoas": 1}}
        pairs = [(int(value), str(name)) for name, value in labels.items()]
    return _named(pairs)


def _from_snap(content: str) -> dict[str, tuple[int, ...]]:
    lines = [line for line in content.splitlines() if line.strip() and line.strip()[0] != "#"]
    matches = [_SNAP_LINE.match(line) for line in lines]
    return _named([(int(m[1]), m[2]) for m in matches if m is not None])


def _named(pairs: Iterable[tuple[int, str]]) -> dict[str, tuple[int, ...]]:
    pairs = [(value, tidy(name)) for value, name in pairs]
    return {
        name: (value,)
        for name, (value, _) in zip(unique(name for _, name in pairs), pairs, strict=True)
    }
