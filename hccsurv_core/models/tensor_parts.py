"""Arrays of a part within the arrays of a whole: ``encoder.weight`` is ``weight`` of ``encoder``."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def tensors_of(tensors: Mapping[str, np.ndarray], part: str) -> dict[str, np.ndarray]:
    """Arrays whose names begin with ``part.``, without it."""
    start = f"{part}."
    return {name[len(start) :]: v for name, v in tensors.items() if name.startswith(start)}
