"""The muscle page's model in a real browser: a demo patient's risk, a value that moves it, undo, files."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from waiting import go_to, settle

MODELS = Path(__file__).resolve().parents[2] / "assets" / "models"
pytestmark = pytest.mark.skipif(
    not list(MODELS.glob("muscle*/model.json")), reason="no demonstration model is in assets/models"
)
WAIT_MS = 180_000


def open_demo(page, key: str) -> None:
    """Open a demo patient on the muscle page and wait for the prediction."""
    page.locator(f".st-key-open_demo_{key} button").first.click()
    page.locator(".hcc-headline, .st-key-level_row").first.wait_for(timeout=WAIT_MS)
    settle(page)
    go_to(page, "Muscle")
    page.get_by_test_id("model_risk").first.wait_for(timeout=WAIT_MS)
    settle(page, WAIT_MS)


def percentile(page) -> int:
    """The risk's percentile that the block shows."""
    settle(page, WAIT_MS)
    return int(re.search(r"Percentile (\d+)", page.get_by_test_id("model_risk").inner_text())[1])


def save_value(page, label: str, text: str) -> None:
    """Type a clinical value into the form and save it."""
    page.get_by_role("button", name="Edit values").click()
    page.get_by_role("textbox", name=label).fill(text)
    page.get_by_role("button", name="Save values").click()


def test_a_value_moves_the_prediction_and_undo_brings_it_back(page):
    open_demo(page, "streaky_muscle")
    block = page.locator(".st-key-model_block")
    text = block.inner_text()
    assert re.search(r"(Higher|Lower) risk of death", text)
    assert "Trained on simulated patients" in text and "trained on simulated patients" in text
    for horizon in ("1 year", "3 years", "5 years"):
        assert re.search(rf"{horizon}\s+\d+ %\s+\d+–\d+ %", text), horizon
    page.get_by_test_id("model_glance").wait_for()
    assert page.get_by_test_id("model_contributions").locator(".row").count() >= 4
    before = percentile(page)

    save_value(page, "Albumin (g/L)", "2.4 g/dL")
    change = page.locator(".hcc-change")
    change.filter(has_text="→ 24 g/L").wait_for(timeout=WAIT_MS)
    worse = percentile(page)
    assert worse > before
    assert f"percentile {before} → {worse}" in change.inner_text()

    page.get_by_role("button", name="Undo").click()
    change.filter(has_text="24 g/L →").wait_for(timeout=WAIT_MS)
    assert percentile(page) == before
    page.get_by_role("button", name="History").click()
    page.get_by_text("Taken back: Albumin 24 g/L").wait_for()


def test_an_impossible_value_is_refused_and_the_prediction_stays(page):
    open_demo(page, "not_sarcopenic")
    before = percentile(page)
    save_value(page, "Albumin (g/L)", "3.1")
    page.get_by_text("Nothing was saved yet").wait_for()
    assert page.get_by_text("write “3.1 g/dL”").is_visible()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Edit values").wait_for()
    assert percentile(page) == before


def test_the_prediction_can_be_taken_away_with_its_origin(page):
    open_demo(page, "streaky_muscle")
    before = percentile(page)
    page.locator(".st-key-model_downloads").get_by_role("button", name="Download").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Everything (JSON)").last.click()
    told = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert told["trained_on_simulated_patients"] is True
    assert round(told["prediction"]["percentile"]) == pytest.approx(before, abs=1)
    with page.expect_download() as download:
        page.get_by_role("button", name="Survival curve (SVG)").click()
    picture = Path(download.value.path()).read_text(encoding="utf-8")
    assert "Trained on simulated patients" in picture and "Research use" in picture
