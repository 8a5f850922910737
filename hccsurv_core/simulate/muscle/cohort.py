"""The muscle cohort: 826 virtual patients with an L3 slab each, after Liu et al. 2024.

Published (doi:10.1631/jzus.B2300363): 345 + 147 hepatectomies of one centre, 161 of another, 173
transplantations; 85 % men, age 55.9 ± 11.1, BMI 22.9 ± 2.9, five prevalences of low muscle in the
492; plain CT at L3, outlined by hand. We read the sizes and the plain CT in its abstract; margins
and prevalences are the project's specification's, which took them from the paper. Everything else
(survival, follow-up, laboratory values, scanners, coefficients) is ours: plausible, fixed, and
written down in the modules beside this one.

Columns of ``cohort.csv`` are described in :data:`COLUMNS`; the images are ``l3_slab`` (five
slices) with the outline ``l3_slab_muscle`` (1 muscle without psoas, 2 psoas).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hccsurv_core.cohort.folder_schema import (
    CohortInfo,
    ColumnInfo,
    Endpoint,
    ImageInfo,
    RoiInfo,
)
from hccsurv_core.patient import PatientFacts
from hccsurv_core.progress import Progress, silent
from hccsurv_core.simulate.cohort_writer import SimulatedPatient
from hccsurv_core.simulate.muscle import scan as scans
from hccsurv_core.simulate.muscle.causes import (
    N_PUBLISHED,
    SPLIT_SIZES,
    SYSTEM,
    draw_causes,
)
from hccsurv_core.simulate.muscle.check import check_cohort
from hccsurv_core.simulate.muscle.clinical import as_recorded, draw_clinical
from hccsurv_core.simulate.muscle.measures import expected_measures
from hccsurv_core.simulate.muscle.outcomes import draw_outcome
from hccsurv_core.simulate.phantom.abdomen import SimulatedScan

if TYPE_CHECKING:
    from pandas import DataFrame


def _number(unit: str | None, meaning: str) -> ColumnInfo:
    return ColumnInfo("number", unit, None, meaning)


def _yes_no(meaning: str) -> ColumnInfo:
    return ColumnInfo("boolean", None, None, meaning)


def _one_of(levels: tuple[str, ...], meaning: str) -> ColumnInfo:
    return ColumnInfo("category", None, levels, meaning)


#: Every column of ``cohort.csv``, in its order.
COLUMNS: dict[str, ColumnInfo] = {
    "patient_id": ColumnInfo("identifier", meaning="name of the patient's folders"),
    "split": _one_of(tuple(SPLIT_SIZES), "part of the study the patient belongs to"),
    "center": _one_of(("center_a", "center_b"), "hospital"),
    "treatment": _one_of(("hepatectomy", "transplantation"), "operation"),
    "time_months": _number("months", "operation to death or last follow-up"),
    "event": _yes_no("died"),
    "recurrence_time_months": _number("months", "operation to recurrence, death or last follow-up"),
    "recurrence_event": _yes_no("tumour recurred"),
    "age_years": _number("years", "age at operation"),
    "sex": _one_of(("male", "female"), "sex"),
    "height_m": _number("m", "standing height"),
    "weight_kg": _number("kg", "body weight"),
    "tumor_diameter_mm": _number("mm", "largest tumour's diameter"),
    "tumor_number": _number(None, "tumours, counted to 4"),
    "macrovascular_invasion": _yes_no("tumour in a large vessel on imaging"),
    "microvascular_invasion": _yes_no("tumour in small vessels in the specimen"),
    "afp_ng_ml": _number("ng/ml", "alpha-fetoprotein"),
    "albumin_g_l": _number("g/l", "serum albumin"),
    "bilirubin_umol_l": _number("µmol/l", "total bilirubin"),
    "inr": _number(None, "international normalized ratio"),
    "platelets_10e9_l": _number("10⁹/l", "platelet count"),
    "cirrhosis": _yes_no("cirrhosis in the specimen"),
    "hbsag": _yes_no("hepatitis B surface antigen"),
    "ascites": _one_of(("none", "mild", "moderate"), "ascites before the operation"),
    "child_pugh_score": _number("points", "Child-Pugh score, 5 to 15"),
    "bclc_stage": _one_of(("0", "A", "B", "C", "D"), "Barcelona stage"),
}


@dataclass(frozen=True)
class MuscleCohort:
    """The muscle cohort's simulator; see `hccsurv_core.simulate.cohort_writer.CohortSpec`."""

    name: str = SYSTEM
    default_n: int = N_PUBLISHED

    def describe(self) -> CohortInfo:
        """The schema."""
        return CohortInfo(
            name="Simulated muscle cohort",
            description="Virtual patients with hepatocellular carcinoma before hepatectomy or "
            "transplantation, drawn from known causes. Not patients.",
            system=SYSTEM,
            simulated=True,
            endpoint=Endpoint("overall survival"),
            other_endpoints=(Endpoint("recurrence", "recurrence_time_months", "recurrence_event"),),
            columns=COLUMNS,
            images={scans.ROLE: ImageInfo("CT", "five slices about the middle of L3")},
            rois={
                scans.OUTLINE: RoiInfo(
                    scans.ROLE,
                    {"1": "muscle_without_psoas", "2": "psoas"},
                    "a reader's outline within −29 to 150 HU",
                )
            },
        )

    def draw_patient(self, seed: int, i: int) -> SimulatedPatient:
        """Patient ``i``'s row and truth, without images."""
        causes = draw_causes(seed, i)
        clinical = draw_clinical(causes, seed, i)
        outcome, truth = draw_outcome(causes, clinical, seed, i)
        anatomy, scanner, image_seed = scans.draw_patient_anatomy(causes, clinical, seed, i)
        acquisition = scans.draw_acquisition_at(scanner, image_seed)
        expected = expected_measures(anatomy, acquisition)
        row = {
            "patient_id": patient_id(i),
            "split": causes.split,
            "center": causes.center,
            "treatment": causes.treatment,
            **outcome,
            **as_recorded(clinical, causes, seed, i),
        }
        hidden = asdict(causes)
        return SimulatedPatient(
            row=row,
            truth={
                **truth,
                **{k: hidden[k] for k in _LATENT},
                "true_height_m": clinical["height_m"],
                "true_bmi": causes.bmi,
                "scanner": scanner.name,
                "phase": anatomy.phase,
                **{f"expected_{k}": round(v, 4) for k, v in expected.items()},
            },
        )

    def draw_slab(self, seed: int, i: int) -> scans.Slab:
        """Patient ``i``'s L3 slab with truth and outline (about half a second)."""
        causes = draw_causes(seed, i)
        return scans.draw_slab(causes, draw_clinical(causes, seed, i), seed, i)

    def full_scan(
        self, seed: int, i: int, rows: int | None = None, progress: Progress = silent
    ) -> SimulatedScan:
        """Patient ``i`` from diaphragm to pelvis (seconds), of the same causes as the slab."""
        causes = draw_causes(seed, i)
        clinical = draw_clinical(causes, seed, i)
        return scans.draw_whole_abdomen(causes, clinical, seed, i, rows, progress)

    def write_images(self, folder: Path, seed: int, i: int) -> Mapping[str, Any]:
        """Write patient ``i``'s slab and outline; returns what the true masks measure."""
        slab = self.draw_slab(seed, i)
        row = self.draw_patient(seed, i).row
        facts = PatientFacts(row["sex"], row["age_years"], row["height_m"], row["weight_kg"])
        scans.write_slab(folder, patient_id(i), slab, facts, seed)
        measured = scans.measure_truth(slab.scan)
        return {**{f"measured_{k}": v for k, v in measured.items()}, "reader": slab.reader}

    def check(self, table: DataFrame, truth: DataFrame) -> Mapping[str, Any]:
        """Oracle, rivals and margins."""
        return check_cohort(table, truth)


#: Causes that ``truth.csv`` names as such (sex, age and height stand in the table or beside it).
_LATENT = (
    "tumor_burden", "liver_damage", "log_muscle", "log_psoas", "lean_hu", "fat_streaks",
    "streak_scale_mm", "asymmetry",
)  # fmt: skip


def patient_id(i: int) -> str:
    """Name of patient ``i``: a number that says nothing else."""
    return f"MUS{i + 1:05d}"


def spec() -> MuscleCohort:
    """The simulator of the muscle cohort."""
    return MuscleCohort()
