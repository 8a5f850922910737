"""Weights of the reference code (github EstelleXIA/ProgHCC): read safely, checked name by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hccsurv_core.errors import InputError
from hccsurv_core.models.cnn.weights_file import PretrainedWeights, read_weights
from hccsurv_core.models.crnn.crnn import Crnn, for_use
from hccsurv_core.models.crnn.settings import paper_settings

#: What papers call the network → which scans it reads.
KINDS = {"Rad-D": "both", "Rad-S": "baseline"}


def load_reference_checkpoint(path: Path, kind: str = "Rad-D") -> Crnn:
    """A network of the paper with weights from a file.

    Args:
        path: ``.pth`` as ``torch.save(model.state_dict(), path)`` writes it, or ``.safetensors``.
        kind: "Rad-D" (two times) or "Rad-S" (baseline).

    Raises:
        InputError: an unknown kind, no such file, or weights of another network; the message names
            the first array that is missing, left over or of another shape.
        UnreadableFileError: the file is damaged, or holds more than arrays.
    """
    _check_kind(kind)
    return reference_network(read_weights(Path(path)), kind)


def reference_network(weights: PretrainedWeights, kind: str = "Rad-D") -> Crnn:
    """The same from weights that were read.

    Its log hazards are as the reference code gives them: not centered, for the file does not say
    where its training patients lay.

    Raises:
        InputError: as for :func:`load_reference_checkpoint`.
    """
    from hccsurv_core.models.crnn.networks import build_crnn

    _check_kind(kind)
    settings = paper_settings(KINDS[kind])
    network = build_crnn(settings)
    own = network.state_dict()
    _check_names(weights, {k: tuple(v.shape) for k, v in own.items()}, kind)
    network.load_state_dict({k: weights.arrays[k].to(v.dtype) for k, v in own.items()})
    return Crnn(settings, (for_use(network),), np.zeros(1))


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise InputError(
            f"no network is called {kind!r}", source="kind", remedy=f"use {' or '.join(KINDS)}"
        )


def _check_names(weights: PretrainedWeights, wanted: dict[str, tuple[int, ...]], kind: str) -> None:
    given = {name: tuple(array.shape) for name, array in weights.arrays.items()}
    problem = ""
    for name, shape in wanted.items():
        if name not in given:
            problem = f"lacks {name}"
        elif given[name] != shape:
            problem = f"has shape {given[name]} in {name}, not {shape}"
        if problem:
            break
    left = [name for name in given if name not in wanted]
    if not problem and left:
        problem = f"has {left[0]}, which is not part of it"
    if problem:
        other = next(k for k in KINDS if k != kind)
        raise InputError(
            f"is not of a {kind} network: {problem}", source=weights.file_name,
            remedy=f"give the state dict of the reference code's model, or try {other}",
        )  # fmt: skip
