"""Model bundles: weights, what they are, and a card, in a folder whose every byte is accounted for.

::

    weights.safetensors   arrays
    model.json            what the model is, and the SHA-256 of the other two and of itself
    card.md               for people

Nothing in a bundle is code, and nothing is unpickled. A bundle of which a single byte has changed
is refused: a model that answers wrongly looks like one that answers.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hccsurv_core.errors import BundleError
from hccsurv_core.models.tensor_parts import tensors_of

WEIGHTS, MODEL, CARD = "weights.safetensors", "model.json", "card.md"
FORMAT, FORMAT_VERSION = "hccsurv model bundle", 1
#: A bundle is read into memory whole; more than this is no bundle of ours.
_MAX_BYTES = 1 << 30
_AGAIN = "copy the whole bundle again, or train it again"
_KINDS = "fiub"


@dataclass(frozen=True, eq=False)
class Bundle:
    """A model as it lies on the disk.

    Args:
        folder: where.
        system: what it is for ("muscle").
        description: JSON object: architecture, settings, training cohort, metrics, versions.
        tensors: arrays by name.
        card: Markdown.
        sha256: of the whole bundle; names this very model.
    """

    folder: Path
    system: str
    description: Mapping[str, Any]
    tensors: Mapping[str, np.ndarray]
    card: str
    sha256: str

    def tensors_of(self, part: str) -> dict[str, np.ndarray]:
        """Arrays whose names begin with ``part.``, without it."""
        return tensors_of(self.tensors, part)

    def require_system(self, system: str) -> None:
        """Refuse a bundle of another system.

        Raises:
            BundleError: it is one.
        """
        if self.system != system:
            raise BundleError(
                f"holds a model of system {self.system}, not {system}",
                source=str(self.folder),
                remedy=f"choose a bundle of system {system}",
            )


def write_bundle(
    folder: Path,
    *,
    system: str,
    description: Mapping[str, Any],
    tensors: Mapping[str, np.ndarray],
    card: str,
) -> Bundle:
    """Write a bundle, all of it or nothing, and read it back.

    Args:
        folder: a new or empty folder, or one that holds a bundle, which is replaced.
        system: what the model is for.
        description: JSON values; keys "format", "version", "system" and "sha256" are set here.
        tensors: names → arrays of numbers or booleans.
        card: Markdown.

    Raises:
        BundleError: the folder holds something else or cannot be written, or a value is no JSON.
    """
    from safetensors.numpy import save

    folder = Path(folder)
    _refuse_other_content(folder)
    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    for name, array in arrays.items():
        if array.dtype.kind not in _KINDS:
            raise BundleError(f"tensor {name!r} does not hold numbers", source=str(folder))
    contents = {WEIGHTS: save(arrays), CARD: card.encode("utf-8")}
    model = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "system": system,
        **description,
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()},
    }
    try:
        # As it will be read: a number as a key becomes text, a tuple a list.
        model = json.loads(json.dumps(model, allow_nan=False))
        model["sha256"]["self"] = _digest(model)
        text = json.dumps(model, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise BundleError(f"the description is not JSON ({error})", source=str(folder)) from error
    contents[MODEL] = text.encode("utf-8")
    _replace_folder(folder, contents)
    return read_bundle(folder)


def read_bundle(folder: Path) -> Bundle:
    """Read a bundle and check every byte of it.

    Raises:
        BundleError: a file is missing or too large, is not what was written, or is of a version
            that is not known here.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    folder = Path(folder)
    contents = {name: _read(folder, name) for name in (MODEL, WEIGHTS, CARD)}
    model = _parse(folder, contents[MODEL])
    digests = model.get("sha256")
    if not isinstance(digests, dict):
        raise BundleError(f"{MODEL} names no hashes", source=str(folder), remedy=_AGAIN)
    for name in (WEIGHTS, CARD):
        if hashlib.sha256(contents[name]).hexdigest() != digests.get(name):
            raise _changed(folder, name)
    if _digest(model) != digests.get("self"):
        raise _changed(folder, MODEL)
    try:
        tensors = load(contents[WEIGHTS])
    except SafetensorError as error:
        raise BundleError(f"{WEIGHTS} cannot be read", source=str(folder), remedy=_AGAIN) from error
    return Bundle(
        folder, str(model["system"]), model, tensors,
        contents[CARD].decode("utf-8"), digests["self"],
    )  # fmt: skip


def _parse(folder: Path, data: bytes) -> dict[str, Any]:
    try:
        model = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{MODEL} is no JSON", source=str(folder), remedy=_AGAIN) from error
    if not isinstance(model, dict) or model.get("format") != FORMAT:
        raise BundleError(
            f"{MODEL} is not of a model bundle", source=str(folder),
            remedy="choose a folder that the verb train wrote",
        )  # fmt: skip
    if model.get("version") != FORMAT_VERSION:
        raise BundleError(
            f"is of version {model.get('version')!r}; this program reads {FORMAT_VERSION}",
            source=str(folder),
            remedy="use the program it was trained with, or train it again",
        )
    return model


def _digest(model: Mapping[str, Any]) -> str:
    """SHA-256 of the description without this very number, in a canonical form."""
    hashes = {k: v for k, v in model["sha256"].items() if k != "self"}
    plain = {**model, "sha256": hashes}
    text = json.dumps(
        plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _read(folder: Path, name: str) -> bytes:
    path = folder / name
    if not folder.is_dir():
        raise BundleError(
            "there is no such folder", source=str(folder), remedy="check the path of the bundle"
        )
    if not path.is_file():
        raise BundleError(f"has no {name}, so it is no model bundle", source=str(folder))
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise BundleError(f"{name} is larger than any model of ours", source=str(folder))
        return path.read_bytes()
    except OSError as error:
        raise BundleError(
            f"{name} cannot be read ({error.strerror})", source=str(folder)
        ) from error


def _changed(folder: Path, name: str) -> BundleError:
    return BundleError(
        f"{name} is not what was written: its hash does not match",
        source=str(folder),
        remedy=_AGAIN,
    )


def _refuse_other_content(folder: Path) -> None:
    """A mistyped path must not cost anybody a folder of something else."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise BundleError("is a file, not a folder", source=str(folder), remedy=_ELSEWHERE)
    others = {entry.name for entry in folder.iterdir()} - {WEIGHTS, MODEL, CARD}
    if others:
        raise BundleError(
            f"the folder holds something else ({min(others)})",
            source=str(folder),
            remedy=_ELSEWHERE,
        )


_ELSEWHERE = "choose a new folder"


def _replace_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write beside the target, then swap: a bundle is there whole or not at all."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as holder:
            new = Path(holder) / "new"
            new.mkdir()
            for name, data in contents.items():
                (new / name).write_bytes(data)
            if folder.exists():
                folder.rename(Path(holder) / "old")
            new.rename(folder)
            shutil.rmtree(Path(holder) / "old", ignore_errors=True)
    except OSError as error:
        raise BundleError(
            f"cannot be written ({error.strerror})", source=str(folder),
            remedy="choose a folder that you may write to",
        ) from error  # fmt: skip
