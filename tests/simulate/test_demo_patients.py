"""Each demo patient's story holds on the true masks, with the published cut-offs."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from hccsurv_core.cohort.clinical_values import CLINICAL_VALUES, check_clinical_values
from hccsurv_core.errors import NotFoundError
from hccsurv_core.patient import check_patient_facts
from hccsurv_core.simulate.demo_patients import (
    DEMO_PATIENTS,
    DemoPatient,
    build_demo_patient,
    demo_patient,
)
from hccsurv_core.simulate.muscle.cohort import COLUMNS
from hccsurv_core.simulate.phantom.abdomen import SimulatedScan

#: Published cut-offs, (male, female); the value counts as low below them.
CUTOFFS = {
    "SMI": (50.0, 39.0),  # Carey 2017, cm²/m²
    "PMA": (15.61, 14.64),  # Golse 2017, cm²
    "PMI": (6.36, 3.92),  # Hamaguchi 2016, cm²/m²
    "PD": (38.5, 38.5),  # Yoo 2017, HU
    "MA": (44.4, 39.3),  # Fujiwara 2015, HU
}


def true_measures(scan: SimulatedScan) -> dict[str, float]:
    k = scan.l3_slice_index
    hu = scan.volume.voxels[k].astype(float)
    in_range = (hu >= -29) & (hu <= 150)
    muscle = scan.muscle_mask(k) & in_range
    psoas = (scan.truth.mask("psoas_left")[k] | scan.truth.mask("psoas_right")[k]) & in_range
    area = scan.volume.pixel_area_cm2
    height = scan.anatomy.height_m
    return {
        "SMI": muscle.sum() * area / height**2,
        "PMA": psoas.sum() * area,
        "PMI": psoas.sum() * area / height**2,
        "PD": hu[psoas].mean(),
        "MA": hu[muscle].mean(),
    }


ROWS = 176  # coarser than the shipped image, the same anatomy


@cache
def small_demo(key: str) -> SimulatedScan:
    return build_demo_patient(key, rows=ROWS)


@pytest.fixture(params=DEMO_PATIENTS, ids=lambda p: p.key)
def patient(request: pytest.FixtureRequest) -> DemoPatient:
    return request.param


@pytest.fixture(params=DEMO_PATIENTS, ids=lambda p: p.key)
def built(request: pytest.FixtureRequest) -> tuple[DemoPatient, SimulatedScan]:
    return request.param, small_demo(request.param.key)


def test_story_holds_on_the_true_masks(built: tuple[DemoPatient, SimulatedScan]) -> None:
    patient, scan = built
    measured = true_measures(scan)
    column = 0 if patient.facts.sex == "male" else 1
    for name, expected in patient.expected.items():
        if expected is not None:
            assert (measured[name] < CUTOFFS[name][column]) == expected, (name, measured[name])


def test_clear_verdicts_survive_an_outline_that_is_off_by_six_percent(
    built: tuple[DemoPatient, SimulatedScan],
) -> None:
    patient, scan = built
    measured = true_measures(scan)
    column = 0 if patient.facts.sex == "male" else 1
    for name, expected in patient.expected.items():
        if expected is not None:
            cutoff = CUTOFFS[name][column]
            assert abs(measured[name] - cutoff) > 0.06 * cutoff, (name, measured[name])


def test_borderline_patient_is_close_to_the_muscle_index_cutoff() -> None:
    measured = true_measures(small_demo("borderline"))
    assert measured["SMI"] == pytest.approx(CUTOFFS["SMI"][1], rel=0.03)


def test_facts_are_possible_and_a_missing_height_stays_missing(
    built: tuple[DemoPatient, SimulatedScan],
) -> None:
    patient, scan = built
    assert check_patient_facts(scan.facts) == patient.facts
    assert (scan.facts.height_m is None) == (patient.key == "height_missing")
    for name in ("SMI", "PMI"):  # these need the height
        if patient.expected:
            assert (patient.expected[name] is None) == (scan.facts.height_m is None)


def test_l3_and_its_landmarks_are_in_view(built: tuple[DemoPatient, SimulatedScan]) -> None:
    _, scan = built
    names = [v.name for v in scan.vertebrae]
    assert {"T12", "L1", "L2", "L3", "L4", "L5", "S1"} <= set(names)
    assert scan.truth.mask("rib").any() and scan.truth.mask("hip_bone").any()


def test_small_enough_to_keep(built: tuple[DemoPatient, SimulatedScan]) -> None:
    patient, scan = built
    assert scan.volume.voxels.dtype == np.int16
    at_full_size = scan.volume.voxels.nbytes * (patient.acquisition.rows / ROWS) ** 2
    assert at_full_size < 45e6


def test_the_record_holds_possible_values_that_fit_the_scan(patient: DemoPatient) -> None:
    values = patient.clinical_values()
    assert check_clinical_values(values) == values
    # The form asks for more than the muscle cohort has: what the choice of treatment looks at.
    missing = set(COLUMNS) & {v.name for v in CLINICAL_VALUES} - set(values)
    assert missing == set(patient.not_recorded)
    assert values["ascites"] == "none" and patient.anatomy.ascites_mm == 0
    if patient.anatomy.lesion_mm:
        assert values["tumor_diameter_mm"] == patient.anatomy.lesion_mm
    assert values == patient.clinical_values()  # the same every time


def test_one_record_has_gaps() -> None:
    assert any(p.not_recorded for p in DEMO_PATIENTS)


def test_staging_follows_the_values() -> None:
    """By hand: one tumor of 48 mm without large-vessel invasion is BCLC A; 42 g/L, 27 µmol/L and
    INR 1.07 without ascites are five Child-Pugh points."""
    values = demo_patient("streaky_muscle").clinical_values()
    assert (values["tumor_number"], values["macrovascular_invasion"]) == (1, False)
    assert values["albumin_g_l"] > 35 and values["bilirubin_umol_l"] < 34 and values["inr"] < 1.7
    assert (values["bclc_stage"], values["child_pugh_score"]) == ("A", 5)


def test_keys_are_unique_and_an_unknown_one_is_named() -> None:
    keys = [p.key for p in DEMO_PATIENTS]
    assert len(set(keys)) == len(keys)
    with pytest.raises(NotFoundError, match=r"'nobody'.*choose one of clear_sarcopenia"):
        build_demo_patient("nobody")
