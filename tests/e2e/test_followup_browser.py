"""A demo patient under immunotherapy in a real browser: opened, a diameter corrected, and taken back."""

from __future__ import annotations

import re

from waiting import go_to, settle

LONG_MS = 480_000


def test_a_demo_patient_opens_is_judged_and_corrected(page):
    page.get_by_role("tab", name="Immunotherapy").click()
    page.locator(".st-key-open_demo_growing_though_stable button").click()
    page.get_by_role("heading", name="Follow-up under immunotherapy").wait_for(timeout=LONG_MS)
    recist = page.get_by_test_id("followup_recist")
    recist.wait_for(timeout=LONG_MS)
    settle(page, LONG_MS)
    assert "Stable disease (SD)" in recist.inner_text()
    assert page.locator("[class*=st-key-film_] img").count() == 12
    page.get_by_role("button", name="Correct diameters").click()
    page.get_by_role("spinbutton", name="Follow-up (mm)", exact=True).first.fill("70")
    page.get_by_role("button", name="Save diameters").click()
    recist.get_by_text("Progressive disease (PD)").wait_for()
    settle(page)
    page.locator(".st-key-followup_undo button").first.click()
    recist.get_by_text("Stable disease (SD)").wait_for()
    settle(page)
    go_to(page, "Worklist")
    page.locator(".hcc-chip", has_text=re.compile(r"Follow-up$")).wait_for()
