"""A demo patient's contrast clip in a real browser: played, measured, corrected and taken back."""

from __future__ import annotations

import re

import numpy as np
from waiting import settle

from hccsurv_core.simulate.ceus.clip import write_clip

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


def test_panels_of_an_uploaded_clip_are_marked_by_hand(page, tmp_path):
    write_clip(tmp_path / "clip", 5, 3, times_s=np.array([0.0, 8.0, 20.0, 60.0]))
    file = next((tmp_path / "clip").glob("images/*/clip/*.dcm"))
    page.locator("input[type=file]").first.set_input_files(str(file))
    page.get_by_role("heading", name="2 · Check the picture").wait_for(timeout=LONG_MS)
    page.get_by_text("Mark the panels by hand").click()
    page.get_by_text("Panels as you say").wait_for()
    page.get_by_role("radio", name="Contrast alone").click()
    page.get_by_text("Contrast: columns (px)").wait_for()
    page.get_by_role("slider", name="Frame to look at").press("ArrowRight")
    page.get_by_text("Frame 1 of 4, from 0").wait_for()
    settle(page)
    page.get_by_role("button", name="Read and store").click()
    page.get_by_role("heading", name="Contrast-enhanced ultrasound").wait_for(timeout=LONG_MS)
    page.locator(".hcc-chip", has_text=re.compile(r"Panels: contrast$")).wait_for(timeout=LONG_MS)
