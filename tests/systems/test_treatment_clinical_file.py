"""A table without images becomes a cohort: one row a patient, or visits."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from hccsurv_core.errors import InputError, TableError
from hccsurv_core.systems.treatment.clinical_file import read_clinical_file

HEADER = "patient_id,treatment,time_months,event,age_years,tumor_number,cirrhosis,center\n"
VISITS = (
    "ID,Date,Age,Amount.of.Hepatic.Lesions,Largest.Diameter.of.Hepatic.Lesions,New.Lesion,"
    "Vascular.Invasion,Local.Lymph.Node.Metastasis,Distant.Metastasis,Child_pugh_score,AFP,"
    "TargetedTherapy,Embolization,Resection,Status_of_death,OStime_day\n"
)


def write(tmp_path, text, name="ours.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_become_patients_and_others_are_counted(tmp_path):
    rows = "a,tace,12.5,1,60,2,1,north\nb,hepatectomy,30,0,55,,0,south\nc,ablation,3,0,50,1,0,\n"
    cohort = read_clinical_file(write(tmp_path, HEADER + rows))
    assert cohort.patient_ids == ("a", "b")
    assert cohort.treatment == ("tace", "hepatectomy")
    assert cohort.outcome.time_months.tolist() == [12.5, 30.0]
    assert cohort.labels["center"] == ("north", "south")
    assert "tumor_number" not in cohort.profiles[1].record
    assert cohort.left_out == {"neither hepatectomy nor TACE alone": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "there is no column treatment; add treatment"),
        (HEADER + "a,tace,,1,60,2,1,n\n", "time_months in row 2 is not a number"),
        (HEADER + "a,tace,3,-1,60,2,1,n\n", "event in row 2 is not a number"),
        (HEADER + "a,surgery,3,1,60,2,1,n\n", "nobody had hepatectomy or TACE"),
        (HEADER + "a,tace,3,1,600,2,1,n\n", "patient a, age_years"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, message):
    with pytest.raises((TableError, InputError), match=message):
        read_clinical_file(write(tmp_path, text))


def test_the_first_visit_counts_and_a_zero_is_not_known(tmp_path):
    visits = (
        # Dates are not in order; the first visit had embolization only.
        "7.0,2010-05-01,60,3,50,0,0,0,0,5,80,0,0,1,1,100\n"
        "7.0,2010-01-01,60,2,0,0,0,0,0,6,80,0,1,0,1,220\n"
        "8.0,2011-01-01,0,1,30,0,1,0,1,5,8,0,0,1,0,730.5\n"
        "9.0,2011-01-01,50,1,30,0,1,0,1,5,8,0,1,1,0,700\n"
        "10.0,2011-01-01,50,1,30,0,1,0,1,5,8,0,1,0,1,0\n"
    )
    cohort = read_clinical_file(write(tmp_path, VISITS + visits))
    assert cohort.patient_ids == ("7", "8")
    assert cohort.treatment == ("tace", "hepatectomy")
    first, second = (profile.record for profile in cohort.profiles)
    assert first["child_pugh_score"] == 6
    assert "tumor_diameter_mm" not in first
    assert "age_years" not in second
    assert second["extrahepatic_spread"] is True
    # 730.5 days are 24 months of 30.4375 days.
    assert cohort.outcome.time_months[1] == pytest.approx(24.0)
    assert cohort.left_out == {
        "died or left on the day of the first visit": 1,
        "neither hepatectomy nor TACE alone": 1,
    }


@pytest.mark.shared
def test_the_open_cohort_of_visits(shared_data):
    """438 had resection only and 1355 embolization only at the first visit (the folder's README)."""
    cohort = read_clinical_file(shared_data / "cohorts" / "intermediate_hcc_visits_2360.csv")
    counts = Counter(cohort.treatment)
    assert counts["hepatectomy"] == 438
    # Two of the embolized died or left on the very day.
    assert counts["tace"] == 1353
    assert cohort.left_out["neither hepatectomy nor TACE alone"] == 561
    assert np.all(cohort.outcome.time_months > 0)
    assert not cohort.simulated
