"""Pretrained weights from a file on this machine: read safely, adapted, never needed to run.

A ``.pth`` state dict of torchvision or a ``.safetensors`` file. A ``.pth`` is a pickle; it is read
by torch's restricted reader, which makes arrays and plain containers and runs nothing else.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hccsurv_core.errors import InputError, UnreadableFileError
from hccsurv_core.models.cnn.architectures import architecture

if TYPE_CHECKING:
    import torch
    from torch import nn

_MAX_BYTES = 1 << 30
#: torchvision's older DenseNet files write norm.1, conv.2 for norm1, conv2.
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")


@dataclass(frozen=True, eq=False)
class PretrainedWeights:
    """Arrays by name, and where they are from.

    Args:
        arrays: as in the network's own state dict.
        file_name: without its folder.
        sha256: of the file.
    """

    arrays: Mapping[str, torch.Tensor]
    file_name: str
    sha256: str


def read_weights(path: Path) -> PretrainedWeights:
    """Read a weights file.

    Args:
        path: ``.safetensors``, or a state dict as torch saves it.

    Raises:
        InputError: there is no such file, or it is too large.
        UnreadableFileError: it is damaged, or holds more than arrays.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > _MAX_BYTES:
            raise InputError(f"has {size >> 20} MB, too many for a network", source=str(path))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(
            f"cannot be read ({error.strerror})", source=str(path),
            remedy="check the path, or train without pretrained weights",
        ) from error  # fmt: skip
    found = _safetensors(path) if path.suffix == ".safetensors" else _state_dict(path)
    return PretrainedWeights(_plain_names(found, path), path.name, digest)


def load_pretrained(network: nn.Module, name: str, weights: PretrainedWeights) -> None:
    """Put weights into a network; its last layer stays as it is.

    The first convolution is adapted to the network's channels: three channels take those of red,
    green and blue as they are (differences of colors become differences of phases); any other
    number takes their mean in each, scaled so that the sum over the channels stays.

    Args:
        network: of :func:`~hccsurv_core.models.cnn.architectures.build_network`.
        name: its architecture.

    Raises:
        InputError: the file is of another network; the message names the first thing that lacks.
    """
    import torch

    shape = architecture(name)
    own = network.state_dict()
    first, merged = f"{shape.first_convolution}.weight", {}
    for key, value in own.items():
        if key.startswith(f"{shape.head}."):
            merged[key] = value
            continue
        given = weights.arrays.get(key)
        if given is None and key.endswith("num_batches_tracked"):
            merged[key] = value  # only since torch 0.4; says nothing about the weights
            continue
        if given is not None and key == first:
            given = _adapted(given, value.shape[1])
        if given is None or given.shape != value.shape:
            what = "lacks" if given is None else f"has shape {tuple(given.shape)} in"
            raise InputError(
                f"is not of a {shape.words}: {what} {key}", source=weights.file_name,
                remedy=f"give weights of torchvision's {name}, or train without",
            )  # fmt: skip
        merged[key] = given.to(value.dtype)
    with torch.no_grad():
        network.load_state_dict(merged)


def _adapted(kernel: torch.Tensor, n_channels: int) -> torch.Tensor:
    """A first convolution's (out, 3, k, k) for another number of channels."""
    if kernel.ndim != 4 or kernel.shape[1] == n_channels or kernel.shape[1] != 3:
        return kernel
    return (kernel.mean(1, keepdim=True) * (3.0 / n_channels)).repeat(1, n_channels, 1, 1)


def _safetensors(path: Path) -> Mapping[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise UnreadableFileError("is no safetensors file", source=str(path)) from error


def _state_dict(path: Path) -> Any:
    from pickle import UnpicklingError

    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (
        UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, IndexError, TypeError,
        AttributeError, OSError,
    ) as error:  # fmt: skip
        raise UnreadableFileError(
            "is damaged or holds more than arrays; nothing of it was run", source=str(path),
            remedy="give a state dict as torch.save(network.state_dict()) writes it",
        ) from error  # fmt: skip


def _plain_names(found: Any, path: Path) -> dict[str, torch.Tensor]:
    """Arrays by the names torchvision gives them, whatever the file wraps them in."""
    import torch

    for key in ("state_dict", "model"):
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping) or not found:
        raise UnreadableFileError("holds no arrays by name", source=str(path))
    plain = {}
    for key, value in found.items():
        if not isinstance(key, str) or not isinstance(value, torch.Tensor):
            raise UnreadableFileError(f"{str(key)[:40]!r} is no array", source=str(path))
        name = key.removeprefix("module.")
        plain[_OLD_DENSENET.sub(r"\1\2.", name)] = value
    return plain
