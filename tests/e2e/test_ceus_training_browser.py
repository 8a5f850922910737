"""System 3 from a cohort to a model that is judged, in a real browser: draw, train, publish, evaluate."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

from waiting import go_to, settle

#: A training in a browser test takes a while on a loaded machine.
_LONG_MS = 300_000


def test_a_drawn_cohort_becomes_a_model_that_is_published_and_judged(page):
    settle(page)
    go_to(page, "Train")
    page.get_by_text("1 · Patients").first.wait_for()
    page.locator(".st-key-train_system").get_by_text("CEUS", exact=True).click()
    page.get_by_text("No cohort yet").first.wait_for()
    page.get_by_role("button", name="Simulate a cohort").click()
    page.locator(".st-key-train_simulate_go").get_by_role("button").click()
    page.get_by_test_id("will_learn").wait_for(timeout=_LONG_MS)
    settle(page)
    endpoints = page.get_by_test_id("endpoints").inner_text()
    assert "Recurrence within 12 months" in endpoints and "compete" in endpoints
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url(re.compile("run="))
    page.get_by_test_id("headline").wait_for(timeout=_LONG_MS)
    headline = page.get_by_test_id("headline").inner_text()
    assert re.search(r"Early recurrence AUC 0\.\d+ \(0\.\d+–0\.\d+\) · death C 0\.\d+", headline)
    assert "predicted probability" in page.get_by_test_id("class_rule").inner_text()

    page.get_by_role("textbox", name="Published by").fill("Dr. Adler")
    page.locator(".st-key-publish_go").get_by_role("button").click()
    page.get_by_text("In the library as").wait_for()
    page.get_by_role("button", name="Evaluate this model").click()
    page.get_by_text("Its own cohort", exact=True).wait_for()
    settle(page)
    page.locator(".st-key-evaluate_go").get_by_role("button").click()
    page.get_by_test_id("evaluation").wait_for(timeout=_LONG_MS)
    for name in ("Survival", "Recurrence", "Four classes", "Training against test", "Truth"):
        page.locator(".st-key-evaluation_section_3").get_by_text(name, exact=True).click()
        settle(page)
        assert page.get_by_text("Traceback").count() == 0
    page.locator(".st-key-evaluation_section_3").get_by_text("Readers", exact=True).click()
    page.get_by_test_id("agreement").wait_for()
    with page.expect_download(timeout=_LONG_MS) as taken:
        page.get_by_role("button", name="Everything (zip)").click()
    with zipfile.ZipFile(io.BytesIO(Path(taken.value.path()).read_bytes())) as archive:
        files = archive.namelist()
        assert "figures/early_roc.svg" in files and "tables/readers.csv" in files
        assert "not randomized" in archive.read("model_card.md").decode()
