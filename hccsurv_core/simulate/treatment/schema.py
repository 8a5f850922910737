"""What the columns, images and outlines of the treatment cohort are."""

from __future__ import annotations

from hccsurv_core.cohort.folder_schema import (
    CohortInfo,
    ColumnInfo,
    Endpoint,
    ImageInfo,
    RoiInfo,
)
from hccsurv_core.simulate.treatment.causes import CENTERS, SEGMENTS
from hccsurv_core.simulate.treatment.hazards import TREATMENTS
from hccsurv_core.simulate.treatment.staging import ASCITES, BCLC_STAGES, ENCEPHALOPATHY

HORIZONS_MONTHS = (12.0, 24.0, 36.0)
SPLITS = ("train", "test")


def _number(unit: str | None, meaning: str) -> ColumnInfo:
    return ColumnInfo("number", unit=unit, meaning=meaning)


def _category(levels: tuple[str, ...], meaning: str) -> ColumnInfo:
    return ColumnInfo("category", levels=levels, meaning=meaning)


def _boolean(meaning: str) -> ColumnInfo:
    return ColumnInfo("boolean", meaning=meaning)


COLUMNS: dict[str, ColumnInfo] = {
    "patient_id": ColumnInfo("identifier", meaning="patient"),
    "time_months": _number("months", "from treatment to death or end of follow-up"),
    "event": _boolean("died"),
    "treatment": _category(TREATMENTS, "what was done; not randomized"),
    "center": _category(CENTERS, "hospital; east has no patients in training"),
    "split": _category(SPLITS, "208 + 78 patients to train on, 70 + 53 to test (per 409)"),
    "age_years": _number("years", "age at treatment"),
    "sex": _category(("male", "female"), "sex"),
    "height_m": _number("m", "height"),
    "weight_kg": _number("kg", "weight"),
    "ecog": _number(None, "performance status, 0 to 2"),
    "hepatitis_b": _boolean("hepatitis B surface antigen"),
    "cirrhosis": _boolean("cirrhosis"),
    "albumin_g_l": _number("g/L", "albumin"),
    "bilirubin_umol_l": _number("µmol/L", "total bilirubin"),
    "inr": _number(None, "international normalized ratio"),
    "platelets_10e9_l": _number("10⁹/L", "platelets"),
    "alt_u_l": _number("U/L", "alanine aminotransferase"),
    "afp_ng_ml": _number("ng/mL", "alpha-fetoprotein"),
    "ascites": _category(ASCITES, "ascites"),
    "encephalopathy": _category(ENCEPHALOPATHY, "hepatic encephalopathy"),
    "child_pugh_score": _number("points", "Child-Pugh, as recorded at treatment"),
    "tumor_diameter_mm": _number("mm", "largest tumor, longest diameter, as reported"),
    "lesion_count": _number(None, "tumors in the liver"),
    "tumor_location": _category(("peripheral", "central"), "largest tumor; central is hilar"),
    "liver_segment": _category(SEGMENTS, "Couinaud segment of the largest tumor"),
    "vascular_invasion": _boolean("tumor in a portal branch, as reported"),
    "bclc_stage": _category(BCLC_STAGES, "Barcelona Clinic Liver Cancer stage, as recorded"),
}
IMAGES = {
    "arterial": ImageInfo("CT", "arterial phase, slices about the largest tumor"),
    "portal_venous": ImageInfo("CT", "portal venous phase, same slices, patient may have moved"),
}
_READER = "drawn by a simulated reader"
ROIS = {
    f"{phase}_{structure}": RoiInfo(phase, {"1": structure}, f"{what}, {_READER}")
    for phase in IMAGES
    for structure, what in (
        ("lesion", "largest tumor"),
        ("liver", "liver with tumors and vessels"),
    )
}
INFO = CohortInfo(
    name="Simulated cohort: hepatectomy or TACE",
    system="treatment",
    simulated=True,
    endpoint=Endpoint("overall survival", horizons_months=HORIZONS_MONTHS),
    columns=COLUMNS,
    images=IMAGES,
    rois=ROIS,
    description=(
        "Drawn by a computer after the cohort of Wei et al., Br J Hosp Med 2026 "
        "(doi 10.31083/BJHM50380): 278 hepatectomies and 131 chemoembolizations. Treatment was "
        "assigned by the table's columns alone; there is no unmeasured confounding."
    ),
)
