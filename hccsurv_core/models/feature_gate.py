"""A first step of a selection chain that no outcome decides: which features may take part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hccsurv_core.errors import InputError


@dataclass(frozen=True)
class FeatureGate:
    """Features that may take part, decided before anybody's outcome is looked at.

    Args:
        name: of the step ("repeatability").
        rule: in words, with its threshold.
        kept: the features that may; what is not named here may not.
    """

    name: str
    rule: str
    kept: frozenset[str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "kept", frozenset(self.kept))

    def mask(self, names: tuple[str, ...]) -> np.ndarray:
        """(p,) which of these features may take part.

        Raises:
            InputError: none may.
        """
        allowed = np.array([name in self.kept for name in names], dtype=bool)
        if not allowed.any():
            raise InputError(
                f"none of {len(names)} features passes ({self.rule})", source=self.name,
                remedy="lower the threshold, or leave the step out",
            )  # fmt: skip
        return allowed

    def to_json(self) -> dict[str, Any]:
        """Plain values; the features are in the chain's own record."""
        return {"name": self.name, "rule": self.rule, "n_kept": len(self.kept)}


def gate_mask(gate: FeatureGate | None, names: tuple[str, ...]) -> np.ndarray:
    """(p,) as :meth:`FeatureGate.mask`; everything where there is no gate."""
    return np.ones(len(names), dtype=bool) if gate is None else gate.mask(names)
