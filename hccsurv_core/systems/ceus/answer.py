"""What a model of system 3 says of one patient."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hccsurv_core.systems.banded import Banded
from hccsurv_core.systems.ceus.risk_classes import class_of


@dataclass(frozen=True)
class Contribution:
    """How one covariate moves this patient's predictions against the mean training patient.

    Args:
        name, label, unit: of the covariate; group: what it is about.
        value: as a person reads it, in ``unit``; NaN where it is missing (the median counts).
        text: the value with its unit.
        early_log_odds, death_log_hazard: what it adds; above 0 is worse.
        outside: whether no training patient had such a value.
    """

    name: str
    label: str
    unit: str
    group: str
    value: float
    text: str
    early_log_odds: float
    death_log_hazard: float
    outside: bool

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        found = dict(vars(self))
        return found | {"value": None if math.isnan(self.value) else self.value}


@dataclass(frozen=True, eq=False)
class CeusAnswer:
    """Everything.

    Args:
        version: which of the model's versions answered, see
            :data:`~hccsurv_core.systems.ceus.settings.VERSIONS`.
        early: probability of recurrence within a year, with interval.
        horizons_months: (h,); survival_at: (h,) with intervals.
        months: (t,) from 0; survival: (t,); incidence: (t,) of recurrence, NaN beyond follow-up.
        class_number: 1 to 4. chances: (4,) how likely each class is, given how unsure both models are.
        percentiles: "early_recurrence" and "death": share (0–1) of the training patients with a lower
            prediction.
        training_classes: how the training patients of each class fared, plain values.
        contributions: by covariate, the largest first.
        warnings: what to check before believing it; notes: what a reader should know besides.
    """

    version: str
    early: Banded
    horizons_months: tuple[float, ...]
    survival_at: Banded
    months: np.ndarray
    survival: Banded
    incidence: Banded
    class_number: int
    chances: np.ndarray
    percentiles: Mapping[str, float]
    training_classes: tuple[Mapping[str, Any], ...]
    contributions: tuple[Contribution, ...]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def class_words(self) -> str:
        """What the class is."""
        return class_of(self.class_number).words

    def to_json(self) -> dict[str, Any]:
        """Plain values; probabilities are 0–1, times months."""
        return {
            "version": self.version,
            "early_recurrence_probability": self.early.to_json(),
            "survival": [
                {"horizon_months": h, **self.survival_at.of(i).to_json()}
                for i, h in enumerate(self.horizons_months)
            ],
            "curves": {
                "months": self.months.tolist(),
                "survival": self.survival.to_json(),
                "recurrence_incidence": _finite(self.incidence),
            },
            "class": {
                "number": self.class_number,
                "words": self.class_words,
                "published": class_of(self.class_number).published,
                "chances": {str(i + 1): float(c) for i, c in enumerate(self.chances)},
            },
            "percentile": dict(self.percentiles),
            "training_classes": [dict(row) for row in self.training_classes],
            "contributions": [c.to_json() for c in self.contributions],
            "warnings": list(self.warnings),
            "notes": list(self.notes),
        }


def _finite(band: Banded) -> dict[str, list[float | None]]:
    return {
        name: [None if math.isnan(v) else float(v) for v in values]
        for name, values in (
            ("value", band.value),
            ("ci_low", band.low),
            ("ci_high", band.high),
        )
    }
