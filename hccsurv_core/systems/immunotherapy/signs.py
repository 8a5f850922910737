"""What two scans of a patient are measured to, as covariates: load, spread, edge, liver, and change.

Every sign is written so that more is expected to be worse, except necrosis that grew. What the slices do
not show is NaN. Where the follow-up chest is missing, the lungs are carried forward: they say nothing of
change, and the answer says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hccsurv_core.features.tumor_slices import LesionMeasure, OrganMeasure
from hccsurv_core.systems.study_cohort import ImageValues

SIGN = "sign."
#: A tumor smaller than this is not seen on 5 mm slices: one that vanished counts as so large, mm.
VANISHED_MM: Mapping[str, float] = {"liver": 5.0, "lung": 3.5}
#: Faster than this a diameter changes by measuring, or because the tumor is another one: 3 % a day of
#: its volume either way.
_FASTEST_PER_MONTH = 0.35


@dataclass(frozen=True)
class Sign:
    """One covariate.

    Args:
        name: without the prefix. label: at the beginning of a sentence. unit: of the value.
        group: what it is a view of. followed: whether it needs the follow-up scan.
    """

    name: str
    label: str
    unit: str
    group: str
    followed: bool = False


SIGNS: tuple[Sign, ...] = (
    Sign("liver_diameter", "Largest liver tumor", "log2 mm", "load"),
    Sign("liver_area", "Liver tumor on the largest slice", "log2 cm²", "load"),
    Sign("liver_number", "Liver tumors on the slices", "log2", "load"),
    Sign("lung_load", "Lung metastases", "log mL", "lung"),
    Sign("edge_mm", "Passage from tumor to liver", "mm", "infiltration"),
    Sign("mottle_hu", "Unevenness of living tumor", "HU", "infiltration"),
    Sign("roughness_hu", "Roughness of the liver", "HU", "liver"),
    Sign("growth", "Growth of diameters", "log per month", "growth", followed=True),
    Sign("area_growth", "Growth of tumor area, as a diameter", "log per month", "growth", followed=True),
    Sign("necrosis", "Rise of the dead share of tumor", "log odds", "necrosis", followed=True),
    Sign("new_lesion", "A new tumor", "0 or 1", "new", followed=True),
)  # fmt: skip
SIGN_NAMES = tuple(SIGN + sign.name for sign in SIGNS)
BASELINE_NAMES = tuple(SIGN + sign.name for sign in SIGNS if not sign.followed)
BY_NAME: Mapping[str, Sign] = {SIGN + sign.name: sign for sign in SIGNS}


def measure_signs(
    measures: Mapping[str, OrganMeasure],
    interval_months: float | None = None,
    new_lesion_seen: bool | None = None,
) -> dict[str, float]:
    """The signs of one patient by covariate.

    Args:
        measures: by role ("baseline_liver", …); those that are not there were not scanned.
        interval_months: between the scans; None without a follow-up.
        new_lesion_seen: whether a reader of the whole follow-up scan saw a new tumor, which may lie
            beside the slices; None where nobody said.
    """
    found = dict.fromkeys(SIGN_NAMES, math.nan)
    liver, lung = measures.get("baseline_liver"), measures.get("baseline_lung")
    if liver is not None:
        found |= _prefixed(_liver_signs(liver))
    if lung is not None:
        found[f"{SIGN}lung_load"] = math.log1p(4 * lung.volume_ml)
    if interval_months and interval_months > 0:
        found |= _prefixed(_change_signs(measures, interval_months, new_lesion_seen))
    return found


def sign_values(by_patient: Mapping[str, Mapping[str, float]]) -> ImageValues:
    """As covariates of a cohort."""
    return ImageValues(
        SIGN_NAMES,
        {p: np.array([found[name] for name in SIGN_NAMES]) for p, found in by_patient.items()},
        {name: sign.label for name, sign in BY_NAME.items()},
        {name: sign.unit for name, sign in BY_NAME.items()},
    )


def _prefixed(found: Mapping[str, float]) -> dict[str, float]:
    return {SIGN + name: value for name, value in found.items()}


def _liver_signs(liver: OrganMeasure) -> dict[str, float]:
    return {
        "liver_diameter": math.log2(max(liver.largest_mm, VANISHED_MM["liver"])),
        "liver_area": math.log2(max(liver.tumor_cm2, 0.2)),
        "liver_number": math.log2(1 + len(liver.lesions)),
        "edge_mm": liver.edge_mm,
        "mottle_hu": liver.mottle_hu,
        "roughness_hu": liver.roughness_hu,
    }


def _change_signs(
    measures: Mapping[str, OrganMeasure], months: float, new_seen: bool | None
) -> dict[str, float]:
    """What changed in the organs that were scanned twice."""
    pairs = {
        organ: (measures[f"baseline_{organ}"], measures[f"followup_{organ}"])
        for organ in VANISHED_MM
        if f"baseline_{organ}" in measures and f"followup_{organ}" in measures
    }
    if not pairs:
        return {} if new_seen is None else {"new_lesion": float(new_seen)}
    return {
        "growth": _growth(pairs, months),
        "area_growth": _area_growth(pairs, months),
        "necrosis": _necrosis_change(pairs),
        "new_lesion": float(bool(new_seen) or any(_new(*pair) for pair in pairs.values())),
    }


def _growth(pairs: Mapping[str, tuple[OrganMeasure, OrganMeasure]], months: float) -> float:
    """Mean monthly change of the logarithm of diameters; large tumors, which are read best, count more."""
    change, weight = [], []
    for organ, (before, after) in pairs.items():
        for number, lesion in before.lesions.items():
            then = after.lesions.get(number)
            size = VANISHED_MM[organ] if then is None else then.diameter_mm
            if then is None and not _gone(before.lesions[number], after):
                continue
            change.append(math.log(max(size, VANISHED_MM[organ]) / lesion.diameter_mm))
            weight.append(lesion.diameter_mm)
    return _bounded(float(np.average(change, weights=weight)) / months) if change else math.nan


def _bounded(per_month: float) -> float:
    return min(max(per_month, -_FASTEST_PER_MONTH), _FASTEST_PER_MONTH)


def _gone(lesion: LesionMeasure, after: OrganMeasure) -> bool:
    """Whether a tumor that is not on the later slices vanished, rather than lies beside them."""
    return not after.lesions


def _area_growth(pairs: Mapping[str, tuple[OrganMeasure, OrganMeasure]], months: float) -> float:
    """From the largest total area on a slice: half the change of its logarithm is a diameter's."""
    before, after = pairs.get("liver", next(iter(pairs.values())))
    if before.tumor_cm2 <= 0:
        return math.nan
    return _bounded(0.5 * math.log(max(after.tumor_cm2, 0.2) / max(before.tumor_cm2, 0.2)) / months)


def _necrosis_change(pairs: Mapping[str, tuple[OrganMeasure, OrganMeasure]]) -> float:
    if "liver" not in pairs:
        return math.nan
    before, after = (_log_odds(one.necrosis) for one in pairs["liver"])
    return after - before


def _log_odds(share: float) -> float:
    kept = min(max(share, 0.02), 0.98)
    return math.log(kept / (1 - kept)) if share == share else math.nan


def _new(before: OrganMeasure, after: OrganMeasure) -> int:
    return len(set(after.lesions) - set(before.lesions))
