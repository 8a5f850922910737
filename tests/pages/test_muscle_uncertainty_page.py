"""How sure the verdicts are, on the muscle page: marks, ranges, edited outlines, missing facts, files."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from page_helpers import level, page_text, small_segmentation, small_volume

from hccsurv_core.patient import PatientFacts
from hccsurv_core.volume import Volume
from pages._shared import measuring, muscle_uncertainty_files, routes, views
from pages._shared.muscle_uncertainty import (
    causes_table,
    flip_mark,
    ranges_table,
)

#: A height at which 99 cm² of muscle is 50.5 cm²/m²: just not low, by a hair.
CLOSE = PatientFacts(sex="male", age_years=61, height_m=1.40)


@pytest.fixture(autouse=True)
def without_a_model(monkeypatch):
    """The survival model is tested elsewhere; here it would only take time."""
    monkeypatch.setattr("pages._shared.muscle_model.model_block", lambda view: None)


def glance(text: str) -> str:
    return re.search(r'uncertainty_glance"><b>(.*?)</b>', text)[1]


def texts(table: str) -> list[list[str]]:
    """Cells of an HTML table, without markup."""
    rows = re.findall(r"<tr>(.*?)</tr>", table, re.S)
    cells = (re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.S) for row in rows)
    return [[" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in row] for row in cells]


def test_verdicts_far_from_their_cutoffs_stand_and_carry_no_mark(open_page, add_study):
    study = add_study(PatientFacts(sex="male", height_m=1.0))
    text = page_text(open_page(routes.MUSCLE, study.id))
    assert "How sure are the verdicts?" in text
    # 5 mm pixels: a psoas of 5 × 3.5 cm loses by 1 mm what its border is wide, all else is far.
    assert "would flip" not in glance(text) and "would_flip_" not in text
    assert glance(text) == "All 5 verdicts stand whatever is moved."


def test_a_verdict_near_its_cutoff_is_marked_in_the_table_with_the_reason(open_page, add_study):
    text = page_text(open_page(routes.MUSCLE, add_study(CLOSE).id))
    assert glance(text) == "4 of 5 verdicts stand whatever is moved; SMI would flip."
    mark = re.search(r'<span class="sub hcc-missing"[^>]*would_flip_SMI">', text)[0]
    assert re.search(
        r'title="This verdict would flip with the muscle outline 0\.\d mm inwards"', mark
    )
    assert text.count('data-testid="would_flip_') == 1


def test_ranges_and_causes_stand_with_units_behind_a_click(open_page, add_study):
    at = open_page(routes.MUSCLE, add_study(CLOSE).id)
    assert [e.label for e in at.expander if e.label.startswith("Ranges")]
    text = page_text(at)
    rows = {row[0]: row[1:] for row in texts(re.search(r"<table[^>]*uncertainty_ranges.*?</table>", text, re.S)[0])}  # fmt: skip
    assert rows["SMI"][0] == "50.5 cm²/m²"
    assert re.fullmatch(r"4\d\.\d to 5\d\.\d cm²/m²", rows["SMI"][1])
    assert rows["SMI"][2] == "+0.5 cm²/m² +1.0 % of 50 cm²/m²"
    assert "would flip: muscle outline" in rows["SMI"][3]
    causes = texts(re.search(r"<table[^>]*uncertainty_causes.*?</table>", text, re.S)[0])
    assert causes[0] == ["Measure", "Wider", "Narrower", "Shifted", "Level"]
    assert [row[0] for row in causes[1:]] == ["SMA", "SMI", "PMA", "PMI", "PD", "MA"]
    for row in causes[1:]:
        assert all(re.search(r"\d (cm²|cm²/m²|HU)$", cell) for cell in row[1:]), row
    assert "10.1186/s12891-022-05032-2" in text and "10.1371/journal.pone.0222042" in text
    assert "our choice" in text and "no confidence interval" in text


def test_a_missing_height_leaves_its_verdicts_out_with_the_reason(open_page, add_study, store):
    study = add_study(PatientFacts(sex="male"))
    at = open_page(routes.MUSCLE, study.id)
    assert glance(page_text(at)).startswith("All 3 known verdicts stand")
    table = re.search(r"<table[^>]*uncertainty_ranges.*?</table>", page_text(at), re.S)[0]
    assert texts(table)[1] == [
        "SMI", "not known", "–", "–", "? Not known because the height is missing"
    ]  # fmt: skip
    at.number_input(key="ask_height").set_value(140.0)
    at.button(key="ask_save").click().run()
    assert "SMI would flip" in glance(page_text(at))


def test_it_follows_an_edited_outline_and_its_undo(open_page, add_study):
    study = add_study(CLOSE)
    before = uncertainty_at(study)
    at = open_page(routes.MUSCLE, study.id)
    assert "SMI would flip" in glance(page_text(at))
    outline = views.load_view(study.id).outline.segmentation
    masks = {name: mask.copy() for name, mask in outline.masks.items()}
    masks["muscle"][2, 38:] = False  # a third of the back muscle on the measured slice
    views.open_store().save_segmentation(
        study.id, replace(outline, masks=masks, method="edited"), state="edited", actor="Dr. Who"
    )
    measuring.refresh_measures(study.id, actor="Dr. Who")
    at.run()
    assert "SMI would flip" not in glance(page_text(at))
    assert "Only the measured slice was corrected" in page_text(at)
    assert uncertainty_at(study).measured.sma_cm2 < before.measured.sma_cm2
    views.open_store().undo_segmentation(study.id, actor="Dr. Who")
    measuring.refresh_measures(study.id, actor="Dr. Who")
    at.run()
    assert "SMI would flip" in glance(page_text(at))


def uncertainty_at(study):
    """Computed outside of a session's page."""
    from hccsurv_core.systems.outline_uncertainty import outline_uncertainty

    view = views.load_view(study.id)
    volume = views.open_store().load_volume(study.id)
    return outline_uncertainty(volume, view.outline.segmentation, view.patient.facts)


def test_it_is_computed_once_for_an_outline_and_the_facts(open_page, add_study, monkeypatch):
    from hccsurv_core.systems import outline_uncertainty as module

    calls, original = [], module.outline_uncertainty

    def counting(*args, **options):
        calls.append(args)
        return original(*args, **options)

    monkeypatch.setattr(module, "outline_uncertainty", counting)
    at = open_page(routes.MUSCLE, add_study(CLOSE).id)
    at.run()
    at.run()
    assert len(calls) == 1


def test_a_study_of_one_slice_says_that_the_level_was_not_moved(open_page, store):
    patient = store.add_patient("ONE", CLOSE)
    voxels = small_volume().voxels[6:7]
    study = store.add_study(patient.id, Volume(voxels, small_volume().affine), modality="CT")
    whole = small_segmentation()
    masks = {name: mask[2:3] for name, mask in whole.masks.items()}
    store.save_level(study.id, replace(level(), slice_index=0), state="moved")
    store.save_segmentation(
        study.id, replace(whole, masks=masks, first_slice=0, slice_index=0), state="automatic"
    )
    measuring.refresh_measures(study.id, actor="local")
    text = page_text(open_page(routes.MUSCLE, study.id))
    assert "The level was not moved" in text
    assert "not moved</td>" in text  # nor has the table of causes a number for it


def test_files_hold_ranges_every_move_and_where_they_come_from(add_study):
    study = add_study(CLOSE, simulated=True)
    view, found = views.load_view(study.id), uncertainty_at(study)
    ranges = list(csv.DictReader(io.StringIO(muscle_uncertainty_files.ranges_csv(view, found))))
    assert ranges[0]["definition"] == "SMI" and ranges[0]["stands"] == "no"
    assert ranges[0]["smallest_flip"].startswith("muscle outline")
    assert float(ranges[0]["low"]) < 50 < float(ranges[0]["value"]) <= float(ranges[0]["high"])
    table = muscle_uncertainty_files.values_csv(view, found)
    values = [row for row in csv.DictReader(io.StringIO(table)) if row["sma_cm2"]]
    assert len(values) == 1 + len(found.perturbed)
    assert values[0]["what"] == "as measured" and float(values[0]["sma_cm2"]) == 99.0
    for text in (table, muscle_uncertainty_files.ranges_csv(view, found)):
        assert "simulated patient; automatic outline (revision 1)" in text
        assert "Research use" in text
    told = json.loads(muscle_uncertainty_files.uncertainty_json(view, found))
    assert told["simulated"] is True and len(told["perturbations"]) == len(found.perturbed)
    svg = muscle_uncertainty_files.uncertainty_figure(view, found, "svg").decode()
    assert "Simulated patient" in svg and "SMI" in svg and "would flip" in svg


def test_marks_and_tables_of_a_result_without_flips(add_study):
    found = uncertainty_at(add_study(PatientFacts(sex="male", height_m=1.0)))
    assert all(flip_mark(found, d.name) == "" for d in found.definitions)
    assert flip_mark(None, "SMI") == ""
    assert ranges_table(found).count("stands whatever is moved") == 5
    assert "not moved" not in causes_table(found)
    assert np.isfinite([r.low for r in found.ranges.values()]).all()


def test_without_an_outline_there_is_nothing_to_ask(open_page, add_study):
    at = open_page(routes.MUSCLE, add_study(measured=False).id)
    assert "not measured yet" in page_text(at) and "How sure" not in page_text(at)
