"""System 4 from a cohort to a model that is judged, in a real browser: draw, train, publish, evaluate."""

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
    page.locator(".st-key-train_system").get_by_text("Immunotherapy", exact=True).click()
    page.get_by_text("No cohort yet").first.wait_for()
    page.get_by_role("button", name="Simulate a cohort").click()
    page.locator(".st-key-train_simulate_go").get_by_role("button").click()
    page.get_by_test_id("will_learn").wait_for(timeout=_LONG_MS)
    settle(page)
    assert "CLN" in page.get_by_test_id("versions").inner_text()
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url(re.compile("run="))
    page.get_by_test_id("headline").wait_for(timeout=_LONG_MS)
    headline = page.get_by_test_id("headline").inner_text()
    assert re.search(r"CLN: C-index 0\.\d+ \(0\.\d+–0\.\d+\)", headline)

    page.get_by_role("textbox", name="Published by").fill("Dr. Adler")
    page.locator(".st-key-publish_go").get_by_role("button").click()
    page.get_by_text("In the library as").wait_for()
    page.get_by_role("button", name="Evaluate this model").click()
    page.get_by_text("Its own cohort", exact=True).wait_for()
    settle(page)
    page.locator(".st-key-evaluate_go").get_by_role("button").click()
    page.get_by_test_id("evaluation").wait_for(timeout=_LONG_MS)
    for name in ("Risk and survival", "RECIST", "What matters, and where", "Truth"):
        page.locator(".st-key-evaluation_section_4").get_by_text(name, exact=True).click()
        settle(page)
        assert page.get_by_text("Traceback").count() == 0
    with page.expect_download(timeout=_LONG_MS) as taken:
        page.get_by_role("button", name="Everything (zip)").click()
    with zipfile.ZipFile(io.BytesIO(Path(taken.value.path()).read_bytes())) as archive:
        files = archive.namelist()
        assert "figures/risk_strips.svg" in files and "tables/recist_against_risk.csv" in files
        assert "Beside RECIST 1.1" in archive.read("model_card.md").decode()
