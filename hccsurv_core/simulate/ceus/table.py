"""The clinical table of the simulated CEUS patients: what the hospital wrote down.

Frequencies follow Table 1 of Huang et al., World J Gastrointest Oncol 2022;14(12):2380-2392
(doi 10.4251/wjgo.v14.i12.2380); albumin, bilirubin and Child-Pugh class, which it lacks, and
how values go missing are ours. All patients had a resection, as there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.cohort.folder_schema import PATIENT_ID, ColumnInfo
from hccsurv_core.simulate.ceus.causes import CENTERS, Causes, Draws
from hccsurv_core.simulate.ceus.machines import MACHINE_NAMES, MACHINES
from hccsurv_core.simulate.ceus.outcomes import Futures
from hccsurv_core.simulate.ceus.perfusion import LATE_S, PORTAL_S, kinetics_of
from hccsurv_core.simulate.ceus.readers import READERS, column_names, reader_calls, sign_noise

Floats = NDArray[np.float64]

SPLITS = ("train", "test")
_ECHO = ("hypoechoic", "isoechoic", "hyperechoic")
_ENHANCEMENT = ("hypoenhancement", "isoenhancement", "hyperenhancement")
_CHILD_PUGH = ("A5", "A6", "B7", "B8", "B9")
#: A reader calls a difference that is larger than this, dB.
_SEEN_DB = 2.3
#: Standard deviation of the recurrence predictor in the population.
RECURRENCE_SPREAD = 0.61

#: For the clinical rivals: what is known without looking at the pictures, and with them.
CLINICAL_COLUMNS = (
    "age_years", "sex", "bmi_kg_m2", "hbsag", "cirrhosis", "afp_ng_ml", "alt_u_l",
    "ast_u_l", "wbc_10e9_l", "albumin_g_l", "bilirubin_umol_l", "tumor_diameter_mm",
    "microvascular_invasion",
)  # fmt: skip
SIGN_COLUMNS = (
    "tumor_number", "echogenicity", "arterial_phase", "portal_phase", "late_phase",
    "enhancing_capsule", "unsmooth_margin",
)  # fmt: skip


def patient_name(i: int) -> str:
    """Identifier of patient ``i``: its number and nothing else."""
    return f"CEUS-{i + 1:05d}"


def rows_of(draws: Draws, causes: Causes, futures: Futures) -> list[dict[str, Any]]:
    """The rows of ``cohort.csv``; None is missing."""
    seen = {**_outcomes(futures), **_laboratory(draws, causes), **_signs(draws, causes)}
    seen |= reader_calls(futures.recurrence_predictor, RECURRENCE_SPREAD, draws.readers)
    _lose(seen, draws, causes)
    names, rows = list(columns()), []
    for k, i in enumerate(draws.index):
        machine = MACHINES[causes.machine[k]]
        row: dict[str, Any] = {
            PATIENT_ID: patient_name(int(i)),
            "center": CENTERS[causes.center[k]],
            "split": SPLITS[int(causes.in_test[k])],
            "machine": machine.name,
            "contrast_dynamic_range_db": machine.contrast_range_db,
        }
        row |= {name: _plain(values[k]) for name, values in seen.items()}
        rows.append({name: row[name] for name in names})
    return rows


def _plain(value: Any) -> Any:
    if isinstance(value, (str, np.str_)):
        return str(value)
    return None if np.isnan(value) else float(value)


def _outcomes(f: Futures) -> dict[str, NDArray]:
    return {
        "time_months": np.maximum(np.round(f.time, 2), 0.03),
        "event": f.event.astype(float),
        "recurrence_time_months": np.maximum(np.round(f.recurrence_time, 2), 0.03),
        "recurrence_event": (f.recurrence_cause == 1).astype(float),
        "recurrence_cause": f.recurrence_cause.astype(float),
        "early_recurrence": f.early_recurrence,
        "retreated": f.retreated,
    }


def _laboratory(draws: Draws, causes: Causes) -> dict[str, NDArray]:
    z, u = draws.normal, draws.uniform
    albumin = np.clip(np.round(41.0 + 4.2 * causes.albumin, 1), 25.0, 54.0)
    bilirubin = np.round(14.0 * np.exp(0.38 * causes.bilirubin), 1)
    points = 5 + (albumin <= 35) + (albumin < 28) + (bilirubin > 34) + (bilirubin > 51)
    return {
        "age_years": np.clip(np.round(52.4 + 11.9 * z["age"]), 20, 84),
        "sex": np.where(u["sex"] < 0.906, "male", "female"),
        "bmi_kg_m2": np.clip(np.round(24.3 + 3.5 * z["bmi"], 1), 15.5, 39.0),
        "hbsag": (u["hbsag"] < 0.906).astype(float),
        "cirrhosis": (causes.fibrosis > -0.967).astype(float),
        "child_pugh": np.array(_CHILD_PUGH)[np.clip(points - 5, 0, 4)],
        # Published: 70.5 % above 7 ng/mL.
        "afp_ng_ml": np.round(np.clip(np.exp(3.24 + 2.4 * causes.afp), 0.6, 121000.0), 1),
        # Published: ALT 49 (36), AST 51 (35) U/L.
        "alt_u_l": np.round(np.exp(3.676 + 0.657 * z["alt"])),
        "ast_u_l": np.round(np.exp(3.739 + 0.621 * (0.7 * z["alt"] + 0.714 * z["ast"]))),
        "wbc_10e9_l": np.clip(np.round(6.26 + 1.98 * z["wbc"], 2), 1.6, 16.0),
        "albumin_g_l": albumin,
        "bilirubin_umol_l": bilirubin,
        # Published: 75.4 %.
        "microvascular_invasion": (causes.invasion > -0.69).astype(float),
    }


def _signs(draws: Draws, causes: Causes) -> dict[str, NDArray]:
    """What the reader of the pictures wrote into the report."""
    error = sign_noise(draws.readers)
    kinetics = kinetics_of(causes)
    judged_at = {
        "arterial": kinetics.peak_s,
        "portal": np.array(PORTAL_S),
        "late": np.array(LATE_S),
    }
    degree = {
        f"{phase}_phase": _three(kinetics.difference_db(t) + 0.7 * error[:, k], _ENHANCEMENT)
        for k, (phase, t) in enumerate(judged_at.items())
    }
    longest = causes.diameter_mm * np.exp(0.05 * error[:, 3])
    shortest = np.minimum(causes.diameter_mm * causes.aspect * np.exp(0.05 * error[:, 4]), longest)
    found = np.round(causes.satellites * (error[:, 5] > -0.4))
    # Published: enhancing capsule 10.9 %, unsmooth margin 23.4 %.
    capsule = np.where(causes.capsule, error[:, 6] > -0.25, error[:, 6] > 1.62)
    return {
        "tumor_diameter_mm": np.round(longest),
        "tumor_width_mm": np.round(shortest),
        "tumor_number": 1.0 + found,
        "echogenicity": _three(causes.echo_db + 0.4 * error[:, 7], _ECHO, 0.25),
        **degree,
        "enhancing_capsule": capsule.astype(float),
        "unsmooth_margin": (causes.irregularity + 1.6 * error[:, 8] > 1.37).astype(float),
    }


def _three(difference_db: Floats, levels: tuple[str, str, str], seen_db: float = _SEEN_DB):
    return np.array(levels)[np.searchsorted([-seen_db, seen_db], difference_db)]


def _lose(seen: dict[str, NDArray], draws: Draws, causes: Causes) -> None:
    """Values go missing: some by chance, some because of what they are."""
    u = draws.uniform
    rates: dict[str, tuple[str, Any]] = {
        "afp_ng_ml": ("lost_afp", 0.03),
        "wbc_10e9_l": ("lost_wbc", 0.02),
        # Not at random: albumin is left out where the patient looks well, pathology of small
        # tumors does not report invasion, bilirubin was not kept at one center.
        "albumin_g_l": ("lost_albumin", np.where(causes.albumin > 0, 0.09, 0.03)),
        "microvascular_invasion": ("lost_mvi", np.where(causes.diameter_mm < 20, 0.09, 0.02)),
        "bilirubin_umol_l": ("lost_bilirubin", np.where(causes.center == 2, 0.12, 0.01)),
    }
    for name, (draw, rate) in rates.items():
        seen[name] = np.where(u[draw] < rate, np.nan, seen[name])


def columns() -> dict[str, ColumnInfo]:
    """The schema of the table."""

    def number(unit: str | None, meaning: str) -> ColumnInfo:
        return ColumnInfo("number", unit, None, meaning)

    def yes(meaning: str) -> ColumnInfo:
        return ColumnInfo("boolean", None, None, meaning)

    def levels(names: tuple[str, ...], meaning: str) -> ColumnInfo:
        return ColumnInfo("category", None, names, meaning)

    read = "as read from the pictures"
    described = {
        PATIENT_ID: ColumnInfo("identifier", meaning="running number"),
        "time_months": number("months", "from resection to death or the end of follow-up"),
        "event": yes("died"),
        "recurrence_time_months": number(
            "months", "to recurrence, death without it, or the end of follow-up"
        ),
        "recurrence_event": yes("recurred"),
        "recurrence_cause": number(None, "0 followed to the end, 1 recurrence, 2 death without it"),
        "early_recurrence": yes(
            "recurred within 12 months; death without recurrence counts as no; empty where "
            "follow-up ended before 12 months"
        ),
        "retreated": yes("recurrence treated by microwave ablation; empty without a recurrence"),
        "center": levels(CENTERS, "hospital"),
        "split": levels(SPLITS, "part of the study; one center is only in the test part"),
        "machine": levels(MACHINE_NAMES, "ultrasound machine"),
        "contrast_dynamic_range_db": number(
            "dB", "between the lowest and the highest gray level of the contrast picture"
        ),
        "age_years": number("years", "at resection"),
        "sex": levels(("male", "female"), "sex"),
        "bmi_kg_m2": number("kg/m2", "body mass index"),
        "hbsag": yes("hepatitis B surface antigen"),
        "cirrhosis": yes("liver cirrhosis"),
        "child_pugh": levels(_CHILD_PUGH, "Child-Pugh class and points"),
        "afp_ng_ml": number("ng/mL", "alpha-fetoprotein"),
        "alt_u_l": number("U/L", "alanine aminotransferase"),
        "ast_u_l": number("U/L", "aspartate aminotransferase"),
        "wbc_10e9_l": number("10^9/L", "white blood cells"),
        "albumin_g_l": number("g/L", "serum albumin"),
        "bilirubin_umol_l": number("umol/L", "total bilirubin"),
        "microvascular_invasion": yes("by pathology, so known only after resection"),
        "tumor_diameter_mm": number("mm", f"longest diameter of the largest tumor, {read}"),
        "tumor_width_mm": number("mm", f"shortest diameter, {read}"),
        "tumor_number": number(None, f"tumors and satellites, {read}"),
        "echogenicity": levels(_ECHO, f"against the liver, {read}"),
        "arterial_phase": levels(_ENHANCEMENT, f"at the tumor's peak, {read}"),
        "portal_phase": levels(_ENHANCEMENT, f"at about {PORTAL_S:.0f} s, {read}"),
        "late_phase": levels(_ENHANCEMENT, f"at about {LATE_S:.0f} s, {read}"),
        "enhancing_capsule": yes(f"enhancing rim, {read}"),
        "unsmooth_margin": yes(f"lobulated or ill-defined margin, {read}"),
    }
    for name, reader in zip(column_names()[::2], READERS, strict=True):
        who = reader.name.replace("_", " reader ")
        described[name] = yes(f"{who}: recurs within a year, called from the pictures alone")
        after = name.replace("_before", "_after")
        described[after] = yes(f"{who}: the same call after seeing a model's score")
    return described
