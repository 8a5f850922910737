"""The page Treatment in a real browser: a demo patient, the answer, values that are moved, files."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from small_treatment_model import train_small
from waiting import settle

from hccsurv_core.cohort.model_library import ModelLibrary

WAIT_MS = 180_000


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    """A small model, truly trained on simulated rows."""
    return train_small(tmp_path_factory.mktemp("model") / "bundle")


@pytest.fixture
def model(tmp_path, bundle):
    """The server's active model of system 2."""
    library = ModelLibrary(tmp_path / "data")
    entry = library.publish(bundle.folder, by="test", name="Small model", simulated=True)
    return library.activate(entry.id, by="test")


@pytest.fixture
def opened(page, model):
    """The page with a demo patient, opened from the worklist."""
    page.get_by_role("tab", name="Hepatectomy or TACE").click()
    page.locator(".st-key-open_demo_tace_better button").first.click()
    page.get_by_test_id("treatment_answer").wait_for(timeout=WAIT_MS)
    settle(page, WAIT_MS)
    return page


def words(page, test_id: str) -> str:
    """What a block says, in one line."""
    settle(page, WAIT_MS)
    return re.sub(r"\s+", " ", page.get_by_test_id(test_id).inner_text())


def slide(page, label: str, key: str, times: int) -> None:
    """Move a slider with the keyboard."""
    slider = page.get_by_role("slider", name=label)
    slider.focus()
    for _ in range(times):
        page.keyboard.press(key)


def nomogram_points(page, number: int) -> list[str]:
    """Everything written on one nomogram."""
    chart = page.locator(f".st-key-nomogram_{number} .js-plotly-plot")
    chart.locator(".annotation-text").first.wait_for()
    return chart.locator(".annotation-text").all_text_contents()


def test_the_answer_stands_with_curves_numbers_and_provenance(opened):
    answer = words(opened, "treatment_answer")
    assert re.search(r"(Hepatectomy|TACE|No recommendation)", answer)
    assert "trained on simulated patients" in answer and "not randomized" in answer
    numbers = words(opened, "treatment_numbers")
    for months in (12, 24, 36):
        assert re.search(rf"Alive at {months} months % \d+ \(", numbers), numbers
    legend = opened.locator(".st-key-wide_layout_treatment .legendtext").all_text_contents()
    assert any("Hepatectomy (from" in t and "died" in t for t in legend)
    assert any("TACE (from" in t for t in legend)


def test_a_moved_value_moves_answer_curves_and_both_nomograms_and_reset_brings_it_back(opened):
    answer = words(opened, "treatment_answer")
    own, numbers = words(opened, "treatment_tried"), words(opened, "treatment_tried_numbers")
    before = [nomogram_points(opened, n) for n in (0, 1)]
    # 24 to 60 µmol/L: above 51 a rule bars TACE.
    slide(opened, "Bilirubin", "ArrowRight", 36)
    opened.get_by_test_id("treatment_changes").filter(has_text="→ 60 µmol/L").wait_for()
    tried = words(opened, "treatment_tried")
    assert "With the values tried".lower() in tried.lower() and "No recommendation" in tried
    assert words(opened, "treatment_tried_numbers") != numbers
    after = [nomogram_points(opened, n) for n in (0, 1)]
    assert after[0] != before[0] and after[1] != before[1]
    # What stands above is the patient's own answer still.
    assert words(opened, "treatment_answer") == answer
    opened.get_by_role("button", name="Reset", exact=True).click()
    opened.get_by_text("Move a value: answer").wait_for()
    assert words(opened, "treatment_tried") == own
    assert [nomogram_points(opened, n) for n in (0, 1)] == before


def test_a_slider_stays_beside_the_nomogram_on_a_wide_screen(opened):
    opened.locator(".st-key-nomogram_0").evaluate("e => e.scrollIntoView({block: 'center'})")
    opened.wait_for_timeout(500)
    box = opened.locator(".st-key-try_controls").bounding_box()
    assert box is not None and box["y"] >= 0 and box["y"] + box["height"] <= 800


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (820, 1180)])
def test_nothing_is_wider_than_the_screen(opened, width, height):
    opened.set_viewport_size({"width": width, "height": height})
    opened.wait_for_timeout(800)
    too_wide = opened.evaluate(
        """() => [...document.querySelectorAll('[data-testid=stMain] [data-testid=stColumn] > *')]
        .filter(e => e.getBoundingClientRect().right > window.innerWidth + 1)
        .map(e => e.className)"""
    )
    assert too_wide == []
    table = opened.get_by_test_id("treatment_numbers")
    assert table.evaluate("e => e.scrollWidth <= e.parentElement.clientWidth + 1")


def test_the_answer_and_the_nomograms_can_be_taken_away(opened, tmp_path):
    with opened.expect_download() as download:
        opened.get_by_role("button", name="Everything (JSON)").click()
    told = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert told["trained_on_simulated_patients"] is True
    assert told["answer"]["recommendation"] in ("hepatectomy", "tace", "none")
    opened.locator(".st-key-downloads_nomogram button").first.click()
    with opened.expect_download() as download:
        opened.get_by_role("button", name="Both nomograms (SVG)").click()
    picture = Path(download.value.path()).read_text(encoding="utf-8")
    assert "Survival after hepatectomy" in picture and "DEMO-T1" in picture
    shot = tmp_path / "treatment.png"
    opened.screenshot(path=str(shot))
    assert shot.stat().st_size > 20_000
