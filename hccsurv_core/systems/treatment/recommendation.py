"""Hepatectomy, TACE, or no recommendation, with every reason in plain words.

Pure and deterministic: the same models and the same patient give the same answer, in milliseconds, so
that a value can be changed and the answer watched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from hccsurv_core.systems.treatment.arm_table import NONE
from hccsurv_core.systems.treatment.findings import Findings, find_all
from hccsurv_core.systems.treatment.recommendation_words import (
    Reason,
    cautions,
    difference,
    stops,
    support,
)
from hccsurv_core.systems.treatment.recommender import Recommender

Choice = Literal["hepatectomy", "tace", "none"]
CAVEAT = (
    "Learned from patients who were not randomized: what was not measured can stand behind a "
    "difference. A suggestion to a tumor board, not a decision."
)


@dataclass(frozen=True, eq=False)
class Recommendation:
    """The answer for one patient.

    Args:
        recommendation: "hepatectomy", "tace" or "none".
        reasons: why; with "none" the first ones are what stands in the way, the last is what the
            models expect all the same.
        cautions: what else must be known before acting.
        findings: all that it rests on.
        caveat: what goes with every answer.
    """

    recommendation: Choice
    reasons: tuple[Reason, ...]
    cautions: tuple[Reason, ...]
    findings: Findings
    caveat: str = CAVEAT

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        found = self.findings
        return {
            "recommendation": self.recommendation,
            "reasons": [reason.to_json() for reason in self.reasons],
            "cautions": [reason.to_json() for reason in self.cautions],
            "caveat": self.caveat,
            "favored": found.favored,
            "probability": found.probability,
            **found.contrast.to_json(),
            "overlap": found.overlap.to_json(),
            "rules_hit": [rule.to_json() for rule in found.rules.hit],
            "rules_not_checked": [rule.name for rule in found.rules.unknown],
            "guidelines": [s.to_json() for s in found.guidelines.statements],
            "guideline_conflict": found.guidelines.conflict or None,
            "missing": list(found.missing),
            "decisive_missing": list(found.decisive),
        }


def recommend(models: Recommender, patient: Mapping[str, Any]) -> Recommendation:
    """What these models recommend for one patient.

    Args:
        models: fitted.
        patient: values by name: the models' covariates as numbers, and clinical values that rules
            and guidelines look at (child_pugh_score or child_pugh_class, bclc_stage, cnlc_stage,
            ecog, extrahepatic_spread, portal_invasion, bilirubin_umol_l). Absent, None and NaN
            are not known.

    Raises:
        InputError: a covariate is no number, or infinite.
    """
    found = find_all(models, patient)
    in_the_way = stops(models, found)
    if in_the_way:
        answer, reasons = cast(Choice, NONE), (*in_the_way, difference(found))
    else:
        answer, reasons = cast(Choice, found.favored), (difference(found), *support(found))
    return Recommendation(answer, reasons, cautions(models, found, in_the_way), found)
