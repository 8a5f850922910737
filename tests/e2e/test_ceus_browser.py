"""A demo patient's contrast clip in a real browser: played, measured, corrected and taken back."""

from __future__ import annotations

import re

from waiting import settle

LONG_MS = 240_000


def test_a_demo_clip_opens_plays_is_measured_and_corrected(page):
    page.get_by_role("tab", name="Contrast ultrasound").click()
    page.locator(".st-key-open_demo_typical button").click()
    page.get_by_role("heading", name="Contrast-enhanced ultrasound").wait_for(timeout=LONG_MS)
    leading = page.get_by_test_id("ceus_leading")
    leading.wait_for(timeout=LONG_MS)
    settle(page)
    assert "Hyperenhancement" in leading.inner_text()
    shown = page.locator(".on.slice")
    start = re.search(r"frame (\d+) \(0–82\)", shown.inner_text())
    assert start, shown.inner_text()
    assert re.search(r"· -?\d+\.\d s", shown.inner_text())
    page.get_by_role("button", name="Play").click()
    page.locator(".on.slice", has_text=re.compile(rf"frame (?!{start[1]} )")).wait_for()
    page.get_by_role("button", name="Pause").click()
    peak = page.locator(".hcc-chip", has_text="Peak frame")
    chosen = peak.inner_text()
    page.locator(".st-key-clip_settings button").first.click()
    page.get_by_role("spinbutton", name="Peak frame").fill("20")
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator(".hcc-chip", has_text="Peak frame 20").wait_for(timeout=LONG_MS)
    settle(page)
    undo = page.get_by_role("button", name="Undo the last change")
    # Whether the settings stay open after they were saved is the browser's affair.
    if not undo.is_visible():
        page.locator(".st-key-clip_settings button").first.click()
    undo.click()
    page.locator(".hcc-chip", has_text=chosen.strip("● ")).wait_for(timeout=LONG_MS)
