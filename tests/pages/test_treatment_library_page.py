"""System 2 on the page Model library under AppTest: cards, decisions, refused bundles."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from page_helpers import page_text
from small_treatment_model import train_small

from hccsurv_core.cohort.model_library import ModelLibrary
from hccsurv_core.models.store import read_bundle
from pages._shared import routes


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("b") / "bundle"
    return train_small(folder, n=250).folder


@pytest.fixture
def library(tmp_path):
    return ModelLibrary(tmp_path / "data")


@pytest.fixture
def entry(library, trained):
    return library.publish(trained, by="Dr. Berg", name="Our choice", note="first")


def press(at, key):
    next(b for b in at.button if b.key == key).click().run()
    assert not at.exception, at.exception
    return at


def test_a_card_says_what_it_is_on_whom_and_how_good_each_arm_is(open_page, entry, trained):
    text = page_text(open_page(routes.MODEL_LIBRARY))
    d = read_bundle(trained).description
    assert "System 2 · hepatectomy or TACE" in text
    assert "whether patients like that were treated both ways" in text
    for arm, word in (("hepatectomy", "hepatectomy"), ("tace", "TACE")):
        one = d["training"]["arms"][arm]
        assert f"{one['n']} patients given {word} ({one['n_events']} died)" in text
        row = next(r for r in d["cross_validation"]["results"] if r["arm"] == arm)
        assert f"C-index, {row['name']} {row['c_index']['value']:.3f}" in text
    assert text.count(d["cross_validation"]["method"]) == 1  # once for both arms
    assert "Trained on simulated patients" in text
    assert "Any real patient" in text


def test_a_simulated_model_answers_only_when_somebody_says_so(open_page, entry, library):
    text = page_text(open_page(routes.MODEL_LIBRARY))
    assert "answers <b>Demonstration model, treatment</b>" in text
    assert "answers <b>Our choice</b>" not in text
    library.activate(entry.id, "Dr. Adler")
    text = page_text(open_page(routes.MODEL_LIBRARY))
    assert (
        "answers <b>Our choice</b> (trained on simulated patients) about hepatectomy or TACE"
        in text
    )


def test_it_is_retired_and_activated_by_somebody(open_page, entry, library):
    at = press(open_page(routes.MODEL_LIBRARY), f"retire_{entry.id}")
    at.text_input(key=f"decide_by_Retire_{entry.id}").set_value("Dr. Adler")
    press(at, f"decide_go_Retire_{entry.id}")
    assert library.model(entry.id).state == "retired"
    press(at, f"activate_{entry.id}")
    assert "numbers on real patients mean nothing" in page_text(at)
    at.text_input(key=f"decide_by_Activate_{entry.id}").set_value("Dr. Adler")
    press(at, f"decide_go_Activate_{entry.id}")
    assert library.active("treatment").id == entry.id


def test_the_way_to_its_evaluation(open_page, entry):
    at = press(open_page(routes.MODEL_LIBRARY), f"evaluate_{entry.id}")
    assert "Model evaluation" in [h.value for h in at.header]
    ways = next(c for c in at.segmented_control if c.label == "Patients").options
    assert ways == ["Another cohort", "Clinical table"]


def test_one_that_was_changed_is_refused_and_the_page_says_where_it_is_missed(
    open_page, library, trained, tmp_path
):
    copied = shutil.copytree(trained, tmp_path / "copy")
    entry = library.publish(copied, by="Dr. Berg", name="Our choice")
    library.activate(entry.id, "Dr. Adler")
    card = library.model(entry.id).folder / "card.md"
    card.write_text(card.read_text() + "better than it was\n")
    text = page_text(open_page(routes.MODEL_LIBRARY))
    assert "Refused: not what was published" in text
    assert "show no prediction about hepatectomy or TACE" in text
