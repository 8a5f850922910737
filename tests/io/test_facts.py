"""Sex, age, height, weight and phase as headers tell them; what is not known stays None."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from hccsurv_core.io.body_part import part_from_text
from hccsurv_core.io.facts import contrast_phase, read_facts, study_date
from hccsurv_core.patient import PatientFacts

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def header(**tags: object) -> Dataset:
    ds = Dataset()
    for keyword, value in tags.items():
        setattr(ds, keyword, value)
    return ds


def test_all_facts() -> None:
    ds = header(PatientSex="F", PatientAge="061Y", PatientSize="1.65", PatientWeight="58.5")
    assert read_facts(ds) == (PatientFacts("female", 61.0, 1.65, 58.5), ())


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"PatientSex": "O", "PatientAge": "000Y", "PatientSize": "0", "PatientWeight": "0.000"},
        {"PatientSex": "", "PatientAge": "", "PatientSize": None, "PatientWeight": None},
    ],
)
def test_missing_or_zero_is_not_known(tags: dict) -> None:
    assert read_facts(header(**tags)) == (PatientFacts(), ())


@pytest.mark.parametrize(
    ("tags", "years"),
    [
        ({"PatientAge": "018M"}, 1.5),
        ({"PatientAge": "026W"}, 0.5),
        ({"PatientAge": "103Y"}, 90.0),
        ({"PatientBirthDate": "19600615", "StudyDate": "20240614"}, 63.0),
        ({"PatientBirthDate": "19600615", "StudyDate": "20240616"}, 64.0),
        ({"PatientBirthDate": "19200101", "StudyDate": "20240616"}, 90.0),
        ({"PatientAge": "055Y", "PatientBirthDate": "19600615", "StudyDate": "20240616"}, 55.0),
        ({"PatientBirthDate": "19600615"}, None),
        ({"PatientBirthDate": "20250615", "StudyDate": "20240616"}, None),
        ({"PatientBirthDate": "19600699", "StudyDate": "20240616"}, None),
    ],
)
def test_age(tags: dict, years: float | None) -> None:
    assert read_facts(header(**tags))[0].age_years == years


@pytest.mark.parametrize(
    ("size", "height_m", "warning"),
    [
        ("1.72", 1.72, None),
        ("172", 1.72, "taken as 1.72 m (centimetres)"),
        ("17.2", None, "not possible: left out"),
        ("1720", None, "not possible: left out"),
    ],
)
def test_height_in_centimetres_is_converted_only_where_unambiguous(
    size: str, height_m: float | None, warning: str | None
) -> None:
    facts, warnings = read_facts(header(PatientSize=size))
    assert facts.height_m == height_m
    assert [warning in w for w in warnings if warning] == ([True] if warning else [])


def test_impossible_weight_is_left_out() -> None:
    facts, warnings = read_facts(header(PatientWeight="79000"))
    assert facts.weight_kg is None
    assert "79000 kg, which is not possible" in warnings[0]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"StudyDate": "20240131"}, "2024-01-31"),
        ({"StudyDate": "", "AcquisitionDate": "20240131"}, "2024-01-31"),
        ({"StudyDate": "2024.01.31"}, "2024-01-31"),
        ({"StudyDate": "20241331"}, None),
        ({}, None),
    ],
)
def test_study_date(tags: dict, expected: str | None) -> None:
    assert study_date(header(**tags)) == expected


@pytest.mark.parametrize(
    ("description", "phase"),
    [
        ("Abdomen portal venous 1.5", "portal_venous"),
        ("PV_LIVER", "portal_venous"),
        ("Abd/Becken portalvenös", "portal_venous"),
        ("ABD ART", "arterial"),
        ("late arterial 2.0", "arterial"),
        ("Delayed 5 min", "delayed"),
        ("late phase", "delayed"),
        ("Non-contrast", "noncontrast"),
        ("W/O CONTRAST", "noncontrast"),
        ("Oberbauch nativ", "noncontrast"),
        ("arterial + portal", None),
        ("CT Body 3.0", None),
        ("part of pelvis, earth", None),
    ],
)
def test_phase_from_description(description: str, phase: str | None) -> None:
    assert contrast_phase(description) == phase


def test_the_first_telling_description_counts() -> None:
    assert contrast_phase("CT 1.25", "delayed") == "delayed"
    assert contrast_phase("arterial", "delayed") == "arterial"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("ABDOMEN", "trunk"),
        ("CHEST^ABD_PELVIS", "trunk"),
        ("L-SPINE", "trunk"),
        ("WHOLEBODY", "trunk"),
        ("Thorax", "chest"),
        ("HEAD", "head"),
        ("Brain^Routine", "head"),
        ("NECK", "neck"),
        ("CSPINE", "neck"),
        ("LOWER EXTREMITY", "limb"),
        ("KNEE", "limb"),
        ("CT 3.0 B30f", None),
        ("", None),
        ("FAHRZEUG", None),
    ],
)
def test_part_from_text(text: str, part: str | None) -> None:
    assert part_from_text(text) == part
