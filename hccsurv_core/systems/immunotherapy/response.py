"""Response of a stored patient: RECIST 1.1 and mRECIST of lesions as measured or typed, and growth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hccsurv_core.cohort.followup_readings import FollowupReading
from hccsurv_core.features.recist import mrecist, recist
from hccsurv_core.features.recist_lesions import LesionSizes
from hccsurv_core.features.recist_response import Response
from hccsurv_core.features.tumor_growth import (
    GrowthRate,
    TumorGrowth,
    growth_of_diameter,
    tumor_growth,
)
from hccsurv_core.systems.immunotherapy.stored_patient import FollowedPatient


@dataclass(frozen=True, eq=False)
class PatientResponse:
    """What became of the lesions.

    Args:
        lesions: with typed diameters in place of measured ones.
        recist, mrecist: categories with their reasons.
        sum_growth: of the sum of RECIST targets; None where it is not known at both times.
        growth: volumes by lesion's number and in all; None where the follow-up is not known.
    """

    lesions: tuple[LesionSizes, ...]
    recist: Response
    mrecist: Response
    sum_growth: GrowthRate | None
    growth: TumorGrowth | None

    def target_of(self, name: str) -> str:
        """Whether a lesion is a target of RECIST 1.1, and why not, in words."""
        if any(one.name == name for one in self.recist.targets):
            return "target"
        for one in self.recist.non_targets:
            if one.lesion.name == name:
                return one.reason
        return "new" if name in self.recist.new_lesions else ""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "lesions": [lesion.to_json() for lesion in self.lesions],
            "recist": self.recist.to_json(),
            "mrecist": self.mrecist.to_json(),
            "growth_of_target_sum": None if self.sum_growth is None else self.sum_growth.to_json(),
            "growth_of_volumes": None if self.growth is None else self.growth.to_json(),
        }


def judge_patient(
    patient: FollowedPatient, reading: FollowupReading | None = None
) -> PatientResponse | None:
    """The response, or None where there is nothing to judge: no lesion, or no follow-up that was read.

    Args:
        reading: typed diameters, and whether a new lesion was seen.

    Raises:
        InputError: a typed diameter is not possible.
    """
    said = reading or FollowupReading()
    lesions = typed_lesions(patient.sizes, said.diameters)
    if not lesions or not patient.read:
        return None
    by_recist = recist(lesions, new_lesion=said.new_lesion)
    days = patient.examinations.interval_days
    before, after = by_recist.baseline_sum_mm, by_recist.followup_sum_mm
    growth_of_sum = None
    if before is not None and after is not None:
        growth_of_sum = growth_of_diameter(before, after, days)
    return PatientResponse(
        lesions, by_recist, mrecist(lesions, new_lesion=said.new_lesion), growth_of_sum,
        _growth(patient, days),
    )  # fmt: skip


def typed_lesions(
    measured: tuple[LesionSizes, ...], typed: Mapping[str, Mapping[str, float]]
) -> tuple[LesionSizes, ...]:
    """Lesions with what a person typed; what was typed of a lesion that is not there is left alone.

    Raises:
        InputError: a diameter is not possible.
    """
    return tuple(one.typed(**typed[one.name]) if typed.get(one.name) else one for one in measured)


def _growth(patient: FollowedPatient, days: float | None) -> TumorGrowth | None:
    """Of lesions whose organ was scanned at both times."""
    seen = {one.label for one in patient.sizes if one.followup_mm is not None}
    before, after = (
        {n: ml for n, ml in patient.volumes_ml[time].items() if n in seen}
        for time in ("baseline", "followup")
    )
    return tumor_growth(before, after, days) if before or after else None
