"""What a selection chain did with every feature: the record that all chains share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hccsurv_core.models.feature_gate import FeatureGate
from hccsurv_core.models.selection_chain_report import SelectionStep


class Plain(Protocol):
    """Anything that can be told in plain values."""

    def to_json(self) -> dict[str, Any]: ...


class Selected(Protocol):
    """A weighted sum of the features that were selected; there may be none."""

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def is_empty(self) -> bool: ...


@dataclass(frozen=True, eq=False, kw_only=True)
class ChainResult:
    """What a chain did with every feature; each chain says which settings, signature and fates.

    Args:
        settings: it ran with.
        signature: what came out.
        steps: in order, with how many features went in and out.
        features: the fate of every feature, in the table's order.
        lasso: the path; None where no feature came so far.
        n, n_events: patients it was fitted on.
        gate: which features could take part; None where all could.
    """

    settings: Plain
    signature: Selected
    steps: tuple[SelectionStep, ...]
    features: Sequence[Plain]
    lasso: Plain | None
    n: int
    n_events: int
    gate: FeatureGate | None = None

    @property
    def words(self) -> str:
        """How it came out, in a sentence."""
        if self.signature.is_empty:
            return f"The signature is empty: {self.steps[-1].words}."
        return (
            f"{len(self.signature.names)} of {len(self.features)} features, from {self.n} patients "
            f"with {self.n_events} events."
        )

    def table(self) -> list[dict[str, Any]]:
        """A row for every feature: what a reviewer reads."""
        return [fate.to_json() for fate in self.features]

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a bundle or a page."""
        return {
            "settings": self.settings.to_json(),
            "gate": None if self.gate is None else self.gate.to_json(),
            "n": self.n,
            "n_events": self.n_events,
            "words": self.words,
            "steps": [step.to_json() for step in self.steps],
            "selected": list(self.signature.names),
            "features": self.table(),
            "lasso": None if self.lasso is None else self.lasso.to_json(),
        }
