"""What the columns, images and outlines of the immunotherapy cohort mean."""

from __future__ import annotations

from typing import Any

from hccsurv_core.cohort.folder_schema import CohortInfo, ColumnInfo, Endpoint, ImageInfo, RoiInfo
from hccsurv_core.simulate.immunotherapy.causes import DIFFERENTIATION
from hccsurv_core.simulate.immunotherapy.centers import MANUFACTURERS, SPLITS

#: The yes-or-no variables of the clinical score CLN; the seventh is the differentiation.
CLINICAL_FLAGS = ("nash", "surgery", "pvtt", "ebrt", "tace", "rfa")
#: Two organs, two targets each.
N_TARGETS = 4
ORGAN_NAMES = ("liver", "lung")
HORIZONS_MONTHS = (12.0, 24.0)
#: Highest number a tumor may have.
MOST_LESIONS = 31


def describe() -> CohortInfo:
    """The schema; seed and versions are the writer's."""
    return CohortInfo(
        name="Immunotherapy, simulated",
        system="immunotherapy",
        simulated=True,
        endpoint=Endpoint(
            "overall survival from the baseline scan", horizons_months=HORIZONS_MONTHS
        ),
        columns=_columns(),
        images=_images(),
        rois=_rois(),
        description=(
            "Simulated patients with advanced HCC under immunotherapy: three liver and three lung "
            "slices at baseline and follow-up, modeled on Xia et al., Insights into Imaging 2024 "
            "(doi 10.1186/s13244-024-01784-8). Time counts from the baseline scan. Everyone was "
            "alive when the follow-up scan was due: scores that read it exist from then on."
        ),
    )


def _columns() -> dict[str, ColumnInfo]:
    flags = {
        "nash": "non-alcoholic fatty liver disease or steatohepatitis",
        "surgery": "liver surgery before",
        "pvtt": "tumor thrombus in the portal vein",
        "ebrt": "external beam radiotherapy before",
        "tace": "transarterial embolization or chemoembolization before",
        "rfa": "radiofrequency or microwave ablation before",
    }
    return {
        "patient_id": ColumnInfo("identifier"),
        "time_months": ColumnInfo("number", "months", meaning="from the baseline scan"),
        "event": ColumnInfo("boolean", meaning="death"),
        "center": ColumnInfo("identifier", meaning="hospital"),
        "split": ColumnInfo("category", levels=SPLITS, meaning="by center"),
        "manufacturer": ColumnInfo("category", levels=MANUFACTURERS, meaning="of the scanner"),
        "age_years": ColumnInfo("number", "years"),
        "sex": ColumnInfo("category", levels=("male", "female")),
        "differentiation": ColumnInfo("category", levels=DIFFERENTIATION, meaning="of the tumor"),
        **{name: ColumnInfo("boolean", meaning=flags[name]) for name in CLINICAL_FLAGS},
        "albumin_g_l": ColumnInfo("number", "g/L"),
        "bilirubin_umol_l": ColumnInfo("number", "µmol/L", meaning="total"),
        "afp_ng_ml": ColumnInfo("number", "ng/mL", meaning="alpha-fetoprotein"),
        "scan_interval_days": ColumnInfo(
            "number", "days", meaning="baseline to follow-up scan; empty without one"
        ),
        "has_followup": ColumnInfo("boolean", meaning="there is a follow-up scan"),
        "has_followup_chest": ColumnInfo("boolean", meaning="it includes the chest"),
        **_target_columns(),
        "new_lesion_seen": ColumnInfo("boolean", meaning="the reader sees one at follow-up"),
    }


def _target_columns() -> dict[str, ColumnInfo]:
    found: dict[str, ColumnInfo] = {}
    for k in range(1, N_TARGETS + 1):
        found |= {
            f"target_{k}_organ": ColumnInfo(
                "category", levels=ORGAN_NAMES, meaning="RECIST 1.1 target lesion; empty is none"
            ),
            f"target_{k}_baseline_mm": ColumnInfo("number", "mm", meaning="longest diameter, read"),
            f"target_{k}_followup_mm": ColumnInfo(
                "number", "mm", meaning="0 is gone; empty is not scanned"
            ),
        }
    return found


def _images() -> dict[str, ImageInfo]:
    when = {"baseline": "before treatment", "followup": "two to four months later"}
    what = {
        "liver": "three portal venous slices about the most tumor, 5 mm",
        "lung": "three lung-kernel slices about the most tumor, else the most lung, 5 mm",
    }
    return {
        f"{time}_{organ}": ImageInfo("CT", f"{what[organ]}, {when[time]}")
        for time in when
        for organ in what
    }


def _rois() -> dict[str, RoiInfo]:
    found = {}
    for role in _images():
        organ = role.split("_")[1]
        found[f"{role}_organ"] = RoiInfo(role, {"1": organ}, f"{organ} with tumors and vessels")
        found[f"{role}_lesions"] = RoiInfo(
            role,
            {str(k): f"lesion_{k}" for k in range(1, MOST_LESIONS + 1)},
            "one label a tumor, the same number at both times",
        )
    return found


def dicom_tags(organ: str) -> tuple[dict[str, Any], str]:
    """Attributes of a series beside the usual, and its description.

    Both series belong to one study of chest and abdomen.
    """
    study = {"StudyDescription": "CT chest abdomen"}
    if organ == "liver":
        return study | {"ConvolutionKernel": "SOFT"}, "Liver portal venous simulated"
    chest = {"BodyPartExamined": "CHEST", "SeriesNumber": 3, "ConvolutionKernel": "LUNG",
             "WindowCenter": "-600", "WindowWidth": "1200"}  # fmt: skip
    return study | chest, "Chest lung kernel simulated"
