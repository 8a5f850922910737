"""How an evaluation is made: horizons, resamples, corrections. All of it is told in the report."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from hccsurv_core.errors import InputError

#: How a definition is used as a score: its measure as it is (less is worse), its verdict, and the
#: measure divided by the cut-off of the patient's sex.
DefinitionForm = Literal["measure", "verdict", "relative"]
FORM_WORDS = {
    "measure": "measure",
    "verdict": "low or not",
    "relative": "measure / cut-off",
}


@dataclass(frozen=True)
class EvaluationSettings:
    """What is asked.

    Args:
        horizons_months: of time-dependent AUC.
        calibration_months: of calibration and decision curves.
        definition_forms: see :data:`DefinitionForm`.
        n_resamples: bootstrap resamples of concordances and their differences.
        decision_resamples: of decision curves; 0 gives no bands.
        level: of all intervals.
        correction: of p-values for their number; see
            :func:`~hccsurv_core.stats.multiple_testing.adjust_p_values`.
        min_events: a horizon needs as many patients with the event by then, and as many known to
            be free of it.
        seed: of all resampling.
        device: where concordances are resampled; the answer is the same.
    """

    horizons_months: tuple[float, ...] = (12.0, 24.0, 36.0, 60.0)
    calibration_months: tuple[float, ...] = (12.0, 36.0, 60.0)
    definition_forms: tuple[DefinitionForm, ...] = ("measure", "verdict")
    n_resamples: int = 2000
    decision_resamples: int = 200
    level: float = 0.95
    correction: str = "holm"
    min_events: int = 5
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        for name in ("horizons_months", "calibration_months"):
            months = getattr(self, name)
            if not months or min(months) <= 0 or sorted(set(months)) != list(months):
                raise InputError("must be rising positive months", source=name)
        unknown = [f for f in self.definition_forms if f not in FORM_WORDS]
        if unknown:
            raise InputError(
                f"no form of a definition is called {unknown[0]!r}", source="definition_forms",
                remedy=f"use {', '.join(FORM_WORDS)}",
            )  # fmt: skip
        if self.n_resamples < 20 or self.decision_resamples < 0:
            raise InputError("at least 20 resamples are needed", source="n_resamples")

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return asdict(self)
