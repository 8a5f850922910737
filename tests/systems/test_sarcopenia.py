"""From a scan to the five definitions, as the command line and the pages call it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from hccsurv_core.errors import CancelledError, InputError, LevelNotFoundError
from hccsurv_core.patient import PatientFacts
from hccsurv_core.simulate.demo_patients import build_demo_patient, demo_patient
from hccsurv_core.systems.sarcopenia import SarcopeniaResult, analyze_scan, remeasure
from hccsurv_core.volume import Volume

STORIES = ("clear_sarcopenia", "definitions_disagree")


@pytest.fixture(scope="module", params=STORIES)
def told(request):
    scan = build_demo_patient(request.param, rows=256)
    steps: list[tuple[float, str]] = []
    result = analyze_scan(scan.volume, scan.facts, progress=lambda f, m: steps.append((f, m)))
    return demo_patient(request.param), scan, result, steps


def test_each_demo_patient_tells_its_story_through_the_whole_pipeline(told):
    patient, scan, result, _ = told
    assert abs(result.location.slice_index - scan.l3_slice_index) <= 1
    verdicts = {d.name: d.positive for d in result.definitions}
    assert verdicts == patient.expected


def test_measures_are_those_of_the_masks_on_the_measured_slice(told):
    _, scan, result, _ = told
    image = scan.volume.voxels[result.location.slice_index]
    muscle = result.segmentation.mask_at("muscle")
    assert result.measures.sma_cm2 == pytest.approx(muscle.sum() * scan.volume.pixel_area_cm2)
    assert result.measures.ma_hu == pytest.approx(image[muscle].mean())
    both = result.areas_cm2["psoas_left"] + result.areas_cm2["psoas_right"]
    assert result.measures.pma_cm2 == pytest.approx(both)
    assert result.segmentation.slice_index == result.location.slice_index


def test_the_answer_is_json_with_plain_numbers(told):
    result = told[2]
    answer = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert answer["l3"]["slice_index"] == result.location.slice_index
    assert {"level", "segmentation", "measures"} == set(answer["timings_s"])


def test_progress_starts_at_once_never_goes_back_and_ends(told):
    fractions = [fraction for fraction, _ in told[3]]
    assert fractions[0] == 0.0 and fractions[-1] == 1.0
    assert fractions == sorted(fractions)
    assert all(message for _, message in told[3])


def test_sex_and_height_given_later_change_the_verdicts_not_the_measures(told):
    _, scan, result, _ = told
    unknown = remeasure(scan.volume, result.location, result.segmentation, PatientFacts())
    assert unknown.measures.sma_cm2 == result.measures.sma_cm2
    assert [d.positive is None for d in unknown.definitions] == [True, True, True, False, True]
    again = remeasure(scan.volume, result.location, result.segmentation, scan.facts)
    assert [d.positive for d in again.definitions] == [d.positive for d in result.definitions]


def test_an_edited_mask_moves_every_number_that_hangs_on_it(told):
    _, scan, result, _ = told
    masks = {name: mask.copy() for name, mask in result.segmentation.masks.items()}
    k = result.segmentation.slice_index - result.segmentation.first_slice
    lost = masks["psoas_left"][k].copy()
    masks["psoas_left"][k] = False
    masks["muscle"][k] &= ~lost
    edited = replace(result.segmentation, masks=masks, method="edited")
    after: SarcopeniaResult = remeasure(scan.volume, result.location, edited, scan.facts)
    assert after.measures.sma_cm2 == pytest.approx(
        result.measures.sma_cm2 - lost.sum() * scan.volume.pixel_area_cm2
    )
    # One psoas is not a psoas area.
    assert after.measures.pma_cm2 is None
    reasons = {d.name: d.reason for d in after.definitions}
    assert reasons["PMA"] == "not known, because the psoas muscle area is not measured"


def test_the_given_slice_is_the_measured_slice(told):
    _, scan, _, _ = told
    chosen = scan.l3_slice_index + 2
    result = analyze_scan(scan.volume, scan.facts, slice_index=chosen)
    assert result.location.method == "manual"
    assert result.location.slice_index == chosen == result.segmentation.slice_index
    assert result.location.confidence == 1.0


def test_cancelling_stops_the_work():
    scan = build_demo_patient("clear_sarcopenia", rows=160)

    def cancel(fraction: float, message: str) -> None:
        if fraction > 0.2:
            raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        analyze_scan(scan.volume, scan.facts, progress=cancel)


def test_impossible_facts_are_refused_before_any_work():
    air = Volume(np.full((3, 32, 32), -1000, np.int16), np.eye(4))
    with pytest.raises(InputError, match=r"height: 172 m is not between 0\.5 and 2\.6 m"):
        analyze_scan(air, PatientFacts(height_m=172.0))


def test_a_scan_of_air_has_no_level():
    air = Volume(np.full((40, 64, 64), -1000, np.int16), np.diag([4.0, 4.0, 4.0, 1.0]))
    with pytest.raises(LevelNotFoundError, match="no body"):
        analyze_scan(air, PatientFacts())
