"""The virtual immunotherapy cohort: `spec()` for `cohort_writer`.

Published margins: Xia et al., Insights into Imaging 2024, doi 10.1186/s13244-024-01784-8.

**Time.** Survival counts from the baseline scan, as published. Everyone was alive and followed
when the follow-up scan was due, two to four months later: that is what inclusion asks for, so
until then time is immortal, for those without a follow-up scan too (their scan was made
elsewhere; it is missing at random). After it, hazards are proportional. A score that reads the
follow-up images exists only from that day on: judge it from the landmark
(`SurvivalOutcome.landmark`) where that matters; the cohort's own C-indices are not changed by
it, because nobody dies before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hccsurv_core.cohort.folder import IMAGES, ROIS
from hccsurv_core.cohort.folder_schema import CohortInfo
from hccsurv_core.outcome import DAYS_PER_MONTH
from hccsurv_core.patient import PatientFacts
from hccsurv_core.simulate.cohort_writer import SimulatedPatient, patient_rng
from hccsurv_core.simulate.immunotherapy import schema
from hccsurv_core.simulate.immunotherapy.causes import (
    BASELINE_EFFECTS,
    DIFFERENTIATION,
    SYSTEM,
    Causes,
    draw_causes,
)
from hccsurv_core.simulate.immunotherapy.centers import N_PATIENTS
from hccsurv_core.simulate.immunotherapy.lesions import choose_targets, recist_category
from hccsurv_core.simulate.survival_times import draw_event_times, draw_follow_up, observe

if TYPE_CHECKING:
    from pandas import DataFrame

    from hccsurv_core.simulate.immunotherapy.images import Scan

#: Weibull baseline, set once so that a large cohort has the published median and deaths.
WEIBULL_SHAPE, WEIBULL_SCALE_MONTHS = 1.15, 20.9
#: Follow-up ends between these months, or by loss.
SHORTEST_MONTHS, LONGEST_MONTHS, DROPOUT_PER_MONTH = 14.0, 55.0, 0.004
#: Every file is padded to a multiple of this, so that its size says nothing.
EVEN_BYTES = 65536
_READER_RELATIVE, _READER_MM = 0.05, 0.7
_N_TARGETS = schema.N_TARGETS


def spec() -> ImmunotherapyCohort:
    """The simulator of system 4."""
    return ImmunotherapyCohort()


@dataclass(frozen=True)
class ImmunotherapyCohort:
    """Implements `cohort_writer.CohortSpec`."""

    name: str = SYSTEM
    default_n: int = N_PATIENTS

    def describe(self) -> CohortInfo:
        """The schema."""
        return schema.describe()

    def draw_patient(self, seed: int, i: int) -> SimulatedPatient:
        """Patient ``i`` without images."""
        causes = draw_causes(seed, i)
        row = {
            "patient_id": patient_id(i),
            **_survival(causes, patient_rng(SYSTEM, seed, i, 2)),
            **_clinical(causes, patient_rng(SYSTEM, seed, i, 3)),
            **_scans(causes),
            **_reading(causes, patient_rng(SYSTEM, seed, i, 4)),
        }
        return SimulatedPatient(row, _truth(causes))

    def write_images(self, folder: Path, seed: int, i: int) -> Mapping[str, Any]:
        """Draw the series and outlines of patient ``i``; returns what the true masks measure."""
        from hccsurv_core.simulate.immunotherapy.images import (
            ORGANS,
            TIMES,
            build_patient,
            scan_slices,
        )

        patient = build_patient(seed, i)
        measured: dict[str, Any] = {}
        dates = _dates(patient.causes, patient_rng(SYSTEM, seed, i, 5))
        for time, name in enumerate(TIMES):
            for organ in ORGANS:
                role = f"{name}_{organ}"
                areas: dict[str, float | None] = {
                    f"{role}_organ_cm2": None,
                    f"{role}_tumor_cm2": None,
                }
                if has_series(patient.causes, role):
                    scan = scan_slices(patient, time, organ)
                    _write_series(folder, i, role, scan, patient.causes, dates[time])
                    areas = _areas(scan, role)
                measured |= areas
        return measured

    def check(self, table: DataFrame, truth: DataFrame) -> Mapping[str, Any]:
        """Oracle, rivals and margins."""
        from hccsurv_core.simulate.immunotherapy.check import check

        return check(table, truth)


def patient_id(i: int) -> str:
    """Name of patient ``i``."""
    return f"IMM-{i + 1:05d}"


def has_series(causes: Causes, role: str) -> bool:
    """Whether the patient has images of ``role``."""
    if role == "followup_lung":
        return causes.has_followup_chest
    return causes.has_followup or role.startswith("baseline")


def _survival(causes: Causes, rng: np.random.Generator) -> dict[str, Any]:
    """Time and event; nobody dies or is lost before the follow-up scan was due."""
    u = rng.uniform(1e-9, 1 - 1e-9, 3)
    lp, due = causes.linear_predictor(), causes.interval_days / DAYS_PER_MONTH
    alive = np.exp(-((due / WEIBULL_SCALE_MONTHS) ** WEIBULL_SHAPE) * np.exp(lp))
    # T given T > due: the uniform of inversion, scaled by S(due).
    death = draw_event_times(
        lp, WEIBULL_SHAPE, WEIBULL_SCALE_MONTHS, np.clip(u[0] * alive, 1e-300, None)
    )
    end = draw_follow_up(
        u[1], u[2], shortest_months=SHORTEST_MONTHS, longest_months=LONGEST_MONTHS,
        dropout_per_month=DROPOUT_PER_MONTH,
    )  # fmt: skip
    one_day = 1 / DAYS_PER_MONTH
    time, event = observe(np.maximum(death, due + one_day), np.maximum(end, due + one_day))
    days = np.ceil(float(time) * DAYS_PER_MONTH)
    return {"time_months": round(float(days / DAYS_PER_MONTH), 4), "event": int(event)}


def _clinical(causes: Causes, rng: np.random.Generator) -> dict[str, Any]:
    z, u = rng.standard_normal(3), rng.random(3)
    albumin = 38.0 - 2.2 * causes.cirrhosis - 0.8 * causes.burden + 3.2 * z[0]
    bilirubin = np.exp(np.log(15) + 0.3 * causes.cirrhosis + 0.35 * z[1])
    afp = np.exp(5.0 + 1.1 * causes.burden + 0.5 * causes.infiltration + 2.0 * z[2])
    # AFP is measured less often where nobody is worried.
    afp_missing = u[2] < (0.16 if causes.burden < 0 else 0.06)
    return {
        "center": causes.center.name,
        "split": causes.center.split,
        "manufacturer": causes.center.manufacturer,
        "age_years": causes.age_years,
        "sex": causes.sex,
        "differentiation": DIFFERENTIATION[causes.differentiation],
        **{name: int(getattr(causes, name)) for name in schema.CLINICAL_FLAGS},
        "albumin_g_l": None if u[0] < 0.05 else round(float(np.clip(albumin, 18, 54)), 1),
        "bilirubin_umol_l": None if u[1] < 0.05 else round(float(np.clip(bilirubin, 3, 250)), 1),
        "afp_ng_ml": None if afp_missing else round(float(np.clip(afp, 1, 300000)), 1),
    }


def _scans(causes: Causes) -> dict[str, Any]:
    return {
        "scan_interval_days": causes.interval_days if causes.has_followup else None,
        "has_followup": int(causes.has_followup),
        "has_followup_chest": int(causes.has_followup_chest),
    }


def _reading(causes: Causes, rng: np.random.Generator) -> dict[str, Any]:
    """What a reader measures: RECIST target lesions with his error, and new lesions he sees."""
    noise = rng.standard_normal((_N_TARGETS, 4))
    miss = rng.random(len(causes.lesions))
    row: dict[str, Any] = {}
    targets = choose_targets(causes.lesions)
    for k in range(_N_TARGETS):
        lesion = targets[k] if k < len(targets) else None
        seen = lesion is not None and has_series(causes, f"followup_{lesion.organ}")
        before = None if lesion is None else _read(lesion.baseline_mm, noise[k, :2])
        after = _read(lesion.followup_mm, noise[k, 2:]) if lesion is not None and seen else None
        row |= {
            f"target_{k + 1}_organ": None if lesion is None else lesion.organ,
            f"target_{k + 1}_baseline_mm": before,
            f"target_{k + 1}_followup_mm": after,
        }
    new = [
        one.baseline_mm == 0 and one.followup_mm > 0 and luck < 0.85
        and has_series(causes, f"followup_{one.organ}")
        for one, luck in zip(causes.lesions, miss, strict=True)
    ]  # fmt: skip
    return row | {"new_lesion_seen": int(any(new)) if causes.has_followup else None}


def _read(diameter: float, z: np.ndarray) -> float:
    if diameter == 0:
        return 0.0
    return round(max(diameter * float(np.exp(_READER_RELATIVE * z[0])) + _READER_MM * z[1], 3.0), 1)


def _truth(causes: Causes) -> dict[str, Any]:
    targets = choose_targets(causes.lesions)
    gone = all(one.followup_mm == 0 for one in causes.lesions)
    before, after = [t.baseline_mm for t in targets], [t.followup_mm for t in targets]
    found: dict[str, Any] = {
        "linear_predictor": causes.linear_predictor(),
        "baseline_linear_predictor": causes.linear_predictor(BASELINE_EFFECTS),
        "clinical_score": causes.clinical_score,
        **{f"cause_{name}": value for name, value in causes.standardized().items()},
        "response": causes.response,
        "growth_rate_per_month": causes.growth_rate,
        "interval_days": causes.interval_days,
        "target_sum_baseline_mm": sum(before),
        "target_sum_followup_mm": sum(after),
        "recist": recist_category(before, after, causes.has_new_lesion, gone),
    }
    for organ in ("liver", "lung"):
        for time, name in enumerate(("baseline", "followup")):
            there = [one for one in causes.of(organ) if one.diameter(time) > 0]
            found |= {
                f"{name}_{organ}_lesions": len(there),
                f"{name}_{organ}_ml": sum(one.volume_ml(time) for one in there),
                f"{name}_{organ}_viable_ml": sum(
                    one.volume_ml(time) * (1 - one.necrosis(time)) for one in there
                ),
                f"{name}_{organ}_diameters_mm": " ".join(
                    f"{one.number}:{one.diameter(time):.1f}" for one in there
                ),
            }
    return found


def _dates(causes: Causes, rng: np.random.Generator) -> tuple[str, str]:
    """ISO dates of the scans: baseline any day of the published years 2018 to 2021."""
    baseline = date(2018, 1, 1) + timedelta(days=int(rng.integers(4 * 365)))
    return baseline.isoformat(), (baseline + timedelta(days=causes.interval_days)).isoformat()


def _write_series(
    folder: Path, i: int, role: str, scan: Scan, causes: Causes, study_date: str
) -> None:
    from hccsurv_core.io.export import write_nifti_labels
    from hccsurv_core.simulate.dicom_writer import write_dicom_series

    organ = role.split("_")[1]
    tags, description = schema.dicom_tags(organ)
    write_dicom_series(
        scan.volume, folder / IMAGES / patient_id(i) / role,
        facts=PatientFacts(causes.sex, causes.age_years, None, None), patient_id=patient_id(i),
        study_date=study_date, description=description, shuffle_seed=i, tags=tags, compress=True,
        even_bytes=EVEN_BYTES,
    )  # fmt: skip
    rois = folder / ROIS / patient_id(i)
    write_nifti_labels(rois / f"{role}_organ.nii.gz", scan.organ)
    write_nifti_labels(rois / f"{role}_lesions.nii.gz", scan.lesions)


def _areas(scan: Scan, role: str) -> dict[str, float | None]:
    cell = scan.organ.pixel_area_cm2
    return {
        f"{role}_organ_cm2": float((scan.organ.voxels > 0).sum() * cell),
        f"{role}_tumor_cm2": float((scan.lesions.voxels > 0).sum() * cell),
    }
