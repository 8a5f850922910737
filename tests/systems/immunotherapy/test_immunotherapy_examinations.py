"""Which stored scans are baseline and follow-up: by date, phase and body part, or by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hccsurv_core.cohort.records import StudyRecord
from hccsurv_core.errors import InputError
from hccsurv_core.systems.immunotherapy.examinations import find_examinations, organs_in


def ct(
    key: str,
    day: str | None,
    description: str = "CT chest abdomen",
    phase: str | None = "portal_venous",
    *,
    slices: int = 80,
    modality: str = "CT",
) -> StudyRecord:
    return StudyRecord(
        key, "p", day, False, modality, description, phase, (slices, 512, 512), (5.0, 0.8, 0.8), (),
        False, 0, datetime(2024, 1, 1, tzinfo=UTC),
    )  # fmt: skip


def test_two_whole_scans_fill_all_roles_with_their_interval():
    found = find_examinations([ct("b", "2024-03-01"), ct("a", "2024-01-05")])
    assert found.study_ids == {
        "baseline_liver": "a", "baseline_lung": "a", "followup_liver": "b", "followup_lung": "b",
    }  # fmt: skip
    assert found.interval_days == 56 and found.notes == ()
    assert [s.id for s in found.scans()] == ["a", "b"]


def test_chest_and_abdomen_of_one_week_are_one_examination():
    found = find_examinations(
        [
            ct("liver0", "2024-01-05", "Abdomen portal venous"),
            ct("chest0", "2024-01-09", "Thorax lung kernel", None),
            ct("liver1", "2024-03-01", "Abdomen portal venous"),
        ]
    )
    assert found.study_ids == {
        "baseline_liver": "liver0", "baseline_lung": "chest0", "followup_liver": "liver1",
    }  # fmt: skip
    assert any("baseline lungs are carried forward" in note for note in found.notes)


def test_the_portal_venous_phase_is_taken_at_both_times():
    found = find_examinations(
        [
            ct("art0", "2024-01-05", "Liver", "arterial"), ct("pv0", "2024-01-05", "Liver"),
            ct("art1", "2024-03-05", "Liver", "arterial"), ct("pv1", "2024-03-05", "Liver"),
        ]
    )  # fmt: skip
    assert found.study_ids == {"baseline_liver": "pv0", "followup_liver": "pv1"}


def test_the_same_phase_is_preferred_to_two_that_differ():
    scans = [
        ct("art0", "2024-01-05", "Liver", "arterial"), ct("pv0", "2024-01-05", "Liver"),
        ct("art1", "2024-03-05", "Liver", "arterial"),
    ]  # fmt: skip
    found = find_examinations(scans)
    assert found.study_ids == {"baseline_liver": "art0", "followup_liver": "art1"}
    assert any("arterial phase, not the portal venous" in note for note in found.notes)
    differ = find_examinations(scans, chosen={"baseline_liver": "pv0"})
    assert any("phases of the liver differ: portal venous and arterial" in n for n in differ.notes)


def test_the_follow_up_is_the_first_scan_at_a_usual_interval():
    scans = [ct("a", "2024-01-01"), ct("early", "2024-01-15"), ct("usual", "2024-03-01"),
             ct("late", "2024-12-01")]  # fmt: skip
    found = find_examinations(scans)
    assert found.study_ids["followup_liver"] == "usual"
    only_late = find_examinations([scans[0], scans[3]])
    assert only_late.interval_days == 335
    assert any("48 weeks apart, outside of 4 to 26" in note for note in only_late.notes)


def test_one_date_is_a_baseline_alone():
    found = find_examinations([ct("a", "2024-01-01"), ct("a2", "2024-01-03", phase="arterial")])
    assert not found.has_followup and found.interval_days is None
    assert any("one examination only" in note for note in found.notes)


def test_without_dates_there_is_one_examination_unless_a_person_says_otherwise():
    scans = [ct("a", None), ct("b", None)]
    assert not find_examinations(scans).has_followup
    found = find_examinations(scans, chosen={"baseline_liver": "a", "followup_liver": "b"})
    assert found.has_followup and found.interval_days is None
    assert any("interval is not known" in note for note in found.notes)


def test_a_role_can_be_left_out_by_hand():
    scans = [ct("a", "2024-01-01"), ct("b", "2024-03-01")]
    found = find_examinations(scans, chosen={"followup_lung": None})
    assert "followup_lung" not in found.studies and "followup_liver" in found.studies


@pytest.mark.parametrize(
    ("study", "drawn", "shows"),
    [
        (ct("a", None, "Abdomen"), (), {"liver"}),
        (ct("a", None, "Thorax nativ"), (), {"lung"}),
        (ct("a", None, "CT CAP pv"), (), {"liver", "lung"}),
        (ct("a", None, ""), (), {"liver"}),
        (ct("a", None, "", slices=120), (), {"liver", "lung"}),
        (ct("a", None, "Thorax"), ("Liver",), {"liver", "lung"}),
        (ct("a", None, ""), ("Lung left",), {"lung"}),
    ],
)
def test_body_parts_are_read_off_words_length_and_outlines(study, drawn, shows):
    assert organs_in(study, drawn) == shows


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(InputError, match="there is no CT"):
        find_examinations([ct("a", "2024-01-01", modality="US")])
    with pytest.raises(InputError, match="no CT shows the liver at baseline"):
        find_examinations([ct("a", "2024-01-01", "Thorax")])
    scans = [ct("a", "2024-01-01"), ct("b", "2024-03-01")]
    with pytest.raises(InputError, match=r"2024-01-01\) is not after the baseline \(2024-03-01"):
        find_examinations(scans, chosen={"baseline_liver": "b", "followup_liver": "a"})
    with pytest.raises(InputError, match="scan chosen for follow-up lung is not there"):
        find_examinations(scans, chosen={"followup_lung": "gone"})
    with pytest.raises(InputError, match="no role 'spleen'"):
        find_examinations(scans, chosen={"spleen": "a"})
