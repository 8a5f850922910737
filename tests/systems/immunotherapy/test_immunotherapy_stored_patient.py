"""A stored patient becomes slices, sizes and a response: by the rule, or as a person says."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pytest
from followup_scans import LIVER, MM, small_scan

from hccsurv_core.cohort.drawn_regions import StoredRegions
from hccsurv_core.cohort.followup_readings import FollowupReading
from hccsurv_core.cohort.records import StudyRecord
from hccsurv_core.errors import InputError
from hccsurv_core.roi.regions import region_of
from hccsurv_core.systems.immunotherapy.examinations import find_examinations
from hccsurv_core.systems.immunotherapy.response import judge_patient
from hccsurv_core.systems.immunotherapy.stored_outlines import (
    is_lesion,
    number_lesions,
    organ_named,
    read_outlines,
)
from hccsurv_core.systems.immunotherapy.stored_patient import OTHER, build_patient

BEFORE = {"Lesion 1": 56.0, "Lesion 2": 24.0, "Lesion 3": 28.0}
AFTER = {"Lesion 1": 40.0, "Lesion 3": 28.0}


def build(before=BEFORE, after=AFTER, reading=None, *, thin=1, words="Chest and abdomen", **more):
    """A patient with two scans, or with one (``after`` None)."""
    studies, volumes, outlines = [], {}, {}
    scans = {"2024-01-01": before} | ({} if after is None else {"2024-03-01": after})
    for day, lesions in scans.items():
        volume, regions = small_scan(lesions, thin=thin, seed=len(studies), **more)
        studies.append(
            StudyRecord(day, "p", day, False, "CT", words, "portal_venous", volume.shape,
                        volume.spacing_mm, (), False, 0, datetime.now(UTC))
        )  # fmt: skip
        volumes[day] = volume
        outlines[day] = read_outlines(day, StoredRegions(regions, 1))
    return build_patient(find_examinations(studies), outlines, volumes.__getitem__, reading)


def test_slices_are_those_with_the_most_tumor_else_the_most_organ():
    patient = build({"Lesion 1": 56.0}, {"Lesion 1": 40.0})
    assert patient.slices["baseline_liver"].slice_index == (6, 7, 8)
    # No tumor in the lungs: all slices show the same area, the lowest go first.
    assert patient.slices["baseline_lung"].slice_index == (16, 17, 18)
    assert patient.position_mm("baseline_liver", 7) == pytest.approx(7 * MM[0])


def test_lesions_are_matched_by_name_and_measured_on_the_scan_itself():
    patient = build()
    one, two, three = patient.sizes
    assert (one.name, one.organ, three.organ) == ("Lesion 1", "liver", "lung")
    # Pixels of 4 mm: a ball's diameter to about one and a half of them.
    assert one.baseline_mm == pytest.approx(56, abs=7) and one.followup_mm == pytest.approx(
        40, abs=7
    )
    assert two.followup_mm == 0  # not outlined where others are: gone
    ball = math.pi / 6 * 56**3 / 1000
    assert patient.volumes_ml["baseline"][1] == pytest.approx(ball, rel=0.08)
    assert patient.followed and patient.has_lesions


def test_the_models_see_growth_and_a_vanished_lesion():
    scanned = build().scanned()
    assert scanned.interval_months == pytest.approx(60 / 30.4375)
    assert set(scanned.slices) == {
        "baseline_liver", "baseline_lung", "followup_liver", "followup_lung",
    }  # fmt: skip
    assert scanned.signs()["sign.growth"] < 0


def test_thin_slices_become_slices_of_5_mm_and_diameters_stay():
    thick, thin = build(), build(thin=4)
    assert thin.scan_of("baseline_liver").volume.spacing_mm[0] == pytest.approx(5.0)
    assert thin.slices["baseline_liver"].slice_index == thick.slices["baseline_liver"].slice_index
    np.testing.assert_array_equal(
        thin.slices["baseline_liver"].lesions, thick.slices["baseline_liver"].lesions
    )
    assert thin.sizes[0].baseline_mm == pytest.approx(thick.sizes[0].baseline_mm)
    assert thin.volumes_ml["baseline"][1] == pytest.approx(thick.volumes_ml["baseline"][1])


def test_slices_chosen_by_hand_are_taken_and_said():
    reading = FollowupReading(slices={"baseline_liver": (4, 2, 9)})
    patient = build(reading=reading)
    assert patient.slices["baseline_liver"].slice_index == (2, 4, 9)
    assert patient.by_hand == ("baseline_liver",)
    wrong = FollowupReading(slices={"followup_lung": (0, 1, 99)})
    with pytest.raises(InputError, match="follow-up lung: slice 99 is not there"):
        build(reading=wrong)


def test_a_missing_chest_is_carried_forward_and_said():
    volume, regions = small_scan(AFTER)
    abdomen = tuple(r for r in regions if r.name not in ("Lungs", "Lesion 3"))
    studies, volumes, outlines = [], {}, {}
    for day, drawn in (("2024-01-01", small_scan(BEFORE)), ("2024-03-01", (volume, abdomen))):
        words = "Chest and abdomen" if day == "2024-01-01" else "Abdomen"
        studies.append(
            StudyRecord(day, "p", day, False, "CT", words, "portal_venous", drawn[0].shape,
                        drawn[0].spacing_mm, (), False, 0, datetime.now(UTC))
        )  # fmt: skip
        volumes[day] = drawn[0]
        outlines[day] = read_outlines(day, StoredRegions(drawn[1], 1))
    patient = build_patient(find_examinations(studies), outlines, volumes.__getitem__)
    assert "followup_lung" not in patient.slices
    assert any("lungs are carried forward" in note for note in patient.notes)
    (lung,) = [one for one in patient.sizes if one.organ == "lung"]
    assert lung.followup_mm is None
    _, known = patient.scanned().pictures(16)
    assert known.tolist() == [[True, True], [True, False]]


def test_a_follow_up_without_outlines_is_not_judged_until_somebody_says_all_is_gone():
    unread = build(after={})
    assert not unread.followed and judge_patient(unread) is None
    assert any("No lesion is outlined at follow-up" in note for note in unread.notes)
    assert not any(role.startswith("followup") for role in unread.scanned().slices)
    reading = FollowupReading(all_gone=True)
    gone = build(after={}, reading=reading)
    assert gone.followed and judge_patient(gone, reading).recist.category == "CR"


def test_one_scan_is_a_baseline_alone():
    patient = build(after=None)
    assert not patient.followed and judge_patient(patient) is None
    assert patient.scanned().interval_months is None


def test_without_lesions_there_is_nothing_for_the_models():
    patient = build({}, {})
    assert not patient.has_lesions
    with pytest.raises(InputError, match="no lesion is outlined at baseline"):
        patient.scanned()


def test_organs_that_nobody_outlined_are_absent_and_said():
    patient = build(organs=False)
    assert patient.slices == {}
    assert any("baseline liver is not outlined" in note for note in patient.notes)


def test_what_lies_elsewhere_has_no_slices_but_counts_in_the_response():
    patient = build({"Lesion 1": 40.0, "Node": 30.0}, {"Lesion 1": 40.0, "Node": 48.0})
    assert patient.organs[patient.numbers["Node"]] == OTHER
    assert any("Neither in the liver nor in the lungs: Node" in note for note in patient.notes)
    assert {one.name for one in judge_patient(patient).recist.targets} == {"Lesion 1", "Node"}


def test_a_typed_diameter_changes_the_category_and_a_new_lesion_is_progression():
    stable = build({"Lesion 1": 40.0}, {"Lesion 1": 40.0})
    assert judge_patient(stable).recist.category == "SD"
    reading = FollowupReading().with_diameter("Lesion 1", "followup_mm", 62.0)
    worse = judge_patient(stable, reading)
    assert worse.recist.category == "PD" and worse.recist.by_hand == ("Lesion 1: followup_mm",)
    assert worse.growth.total.change_percent == pytest.approx(0)  # outlines stay as they are
    assert judge_patient(stable, FollowupReading(new_lesion=True)).recist.category == "PD"
    with pytest.raises(InputError, match="Lesion 1"):
        FollowupReading().with_diameter("Lesion 1", "followup_mm", 900.0)


def test_mrecist_needs_what_enhances_typed_or_outlined():
    stable = build({"Lesion 1": 40.0}, {"Lesion 1": 40.0})
    assert judge_patient(stable).mrecist.category is None
    reading = FollowupReading()
    for size, mm in (("viable_baseline_mm", 40.0), ("viable_followup_mm", 12.0)):
        reading = reading.with_diameter("Lesion 1", size, mm)
    assert judge_patient(stable, reading).mrecist.category == "PR"
    _, regions = small_scan({"Lesion 1": 40.0})
    lesion = regions[0]
    half = lesion.mask.copy()
    half[:, : half.shape[1] // 2] = False
    part = region_of("v", "viable lesion 1", half, lesion.offset)
    found = read_outlines("x", StoredRegions((*regions, part), 1))
    assert set(found.lesions) == {"Lesion 1"} and found.viable["lesion 1"] is part


def test_names_say_what_a_region_is():
    assert organ_named("Lung_left") == "lung" and organ_named(" LIVER ") == "liver"
    assert organ_named("Lung metastasis 2") is None and is_lesion("Lung metastasis 2")
    assert not is_lesion("Reference liver") and not is_lesion("Viable lesion 1")


def test_numbers_follow_names_where_they_can():
    assert number_lesions(["lesion 4", "lesion 2", "Lesion 2"]) == {"lesion 2": 2, "lesion 4": 4}
    assert number_lesions(["hilum", "dome", "dome 2"]) == {"dome": 1, "dome 2": 2, "hilum": 3}
    assert number_lesions(["a 1", "b 1"]) == {"a 1": 1, "b 1": 2}


def test_the_small_scan_is_what_it_says():
    """The tests above rest on it."""
    volume, regions = small_scan({"Lesion 1": 40.0})
    liver = next(r for r in regions if r.name == "Liver")
    assert liver.slices == range(LIVER.start, LIVER.stop)
    assert volume.spacing_mm == MM and volume.is_canonical
