"""What a model of system 4 says of one patient."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hccsurv_core.features.clinical_scores.cln import ClnScore
from hccsurv_core.systems.banded import Banded
from hccsurv_core.systems.immunotherapy.versions import VERSION_WORDS, clock_words

#: What covariates are about, in the order in which a page shows them.
PARTS: Mapping[str, str] = {
    "clinical": "Clinical score",
    "baseline": "Baseline scan",
    "growth": "Change between the scans",
    "network": "Network",
}


@dataclass(frozen=True)
class Contribution:
    """How one covariate moves this patient's risk against the mean training patient.

    Args:
        name, label, unit: of the covariate; part: of :data:`PARTS`.
        value: as a person reads it, in ``unit``; NaN where it is missing (the median counts).
        text: the value with its unit.
        log_hazard: what it adds; above 0 is worse.
        outside: whether no training patient had such a value.
    """

    name: str
    label: str
    unit: str
    part: str
    value: float
    text: str
    log_hazard: float
    outside: bool

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return vars(self) | {"value": None if math.isnan(self.value) else self.value}


@dataclass(frozen=True, eq=False)
class VersionAnswer:
    """One version's answer.

    Args:
        version: of :data:`~hccsurv_core.systems.immunotherapy.versions.VERSIONS`.
        risk_score: log hazard against the mean training patient, higher is worse.
        cutoff: median of the training patients' scores. percentile: share (0–1) of them with less.
        horizons_months: (h,) from the version's own scan; survival_at: (h,) with intervals.
        months: (t,) from 0; survival: (t,).
        contributions: by covariate, the largest first.
        groups: how training patients of low and high risk fared, plain values.
    """

    version: str
    risk_score: float
    cutoff: float
    percentile: float
    horizons_months: tuple[float, ...]
    survival_at: Banded
    months: np.ndarray
    survival: Banded
    contributions: tuple[Contribution, ...]
    groups: tuple[Mapping[str, Any], ...] = ()

    @property
    def high_risk(self) -> bool:
        """Above the training median."""
        return self.risk_score > self.cutoff

    @property
    def clock(self) -> str:
        """From when survival counts, in words."""
        return clock_words(self.version)

    @property
    def parts(self) -> dict[str, float]:
        """Log hazard by part of :data:`PARTS`; parts that the version does not look at are absent."""
        found: dict[str, float] = {}
        for one in self.contributions:
            found[one.part] = found.get(one.part, 0.0) + one.log_hazard
        return {part: found[part] for part in PARTS if part in found}

    def to_json(self) -> dict[str, Any]:
        """Plain values; probabilities are 0–1, times months."""
        return {
            "version": self.version,
            "words": VERSION_WORDS[self.version],
            "clock": self.clock,
            "risk_score": self.risk_score,
            "cutoff": self.cutoff,
            "high_risk": self.high_risk,
            "percentile": self.percentile,
            "survival": [
                {"horizon_months": h, **self.survival_at.of(i).to_json()}
                for i, h in enumerate(self.horizons_months)
            ],
            "curve": {"months": self.months.tolist(), "survival": self.survival.to_json()},
            "parts": self.parts,
            "contributions": [c.to_json() for c in self.contributions],
            "groups": [dict(group) for group in self.groups],
        }


@dataclass(frozen=True, eq=False)
class ImmunotherapyAnswer:
    """Everything.

    Args:
        version: the one that answers: it uses all that is known.
        versions: every version that could answer, the answering one among them.
        clinical: the published score with its terms.
        warnings: what to check before believing it; notes: what a reader should know besides.
    """

    version: str
    versions: Mapping[str, VersionAnswer]
    clinical: ClnScore
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def main(self) -> VersionAnswer:
        """The answering version's."""
        return self.versions[self.version]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "version": self.version,
            "clinical_score": self.clinical.to_json(),
            "versions": {name: found.to_json() for name, found in self.versions.items()},
            "warnings": list(self.warnings),
            "notes": list(self.notes),
        }
