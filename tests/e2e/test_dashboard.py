"""A newcomer's two journeys in a real browser: a real scan, and a demo patient."""

from __future__ import annotations

import re

import pytest
from waiting import go_to, settle

DEFINITIONS = ("SMI", "PMA", "PMI", "PD", "MA")


def definition_rows(page) -> dict[str, str]:
    """Definition name to the text of its row."""
    table = page.locator("table.hcc-table", has_text="Definition").first
    table.wait_for()
    texts = table.locator("tbody tr").all_inner_texts()
    return {text.split()[0]: text for text in texts}


def first_number(text: str) -> float:
    """The first number of a row: the value."""
    found = re.search(r"\d+(?:\.\d+)?", text)
    assert found, text
    return float(found.group())


def open_scan_page(page) -> None:
    """Go to the scan page and wait for its level row."""
    settle(page)
    go_to(page, "Scan & ROIs")
    page.locator(".st-key-level_row").wait_for()
    settle(page)


def level_slice(page) -> int:
    """The slice number that the level row shows."""
    text = page.locator(".st-key-level_row").inner_text()
    return int(re.search(r"slice (\d+)", text).group(1))


@pytest.mark.shared
def test_a_real_scan_reaches_the_five_definitions(page, shared_data):
    scan = shared_data / "ct_abdomen_pelvis" / "ct.nii.gz"
    page.locator("input[type=file]").first.set_input_files(str(scan))
    page.get_by_role("heading", name="Whose scan").wait_for()
    # The segmented control's option, by its role, whatever role it has.
    page.get_by_text("Male", exact=True).click()
    height = page.get_by_role("spinbutton", name="Height (cm)")
    height.fill("175")
    height.press("Tab")
    page.get_by_role("button", name="Read and measure").click()
    page.locator(".hcc-headline, .st-key-level_row").first.wait_for(timeout=120_000)
    settle(page)
    go_to(page, "Muscle")
    page.locator(".hcc-headline").wait_for()
    rows = definition_rows(page)
    assert tuple(rows) == DEFINITIONS
    for name, text in rows.items():
        assert re.search(r"\b(Low|Not low)\b", text), (name, text)
    # The psoas labels of the shared scan give 14.1 to 15.7 cm² at this level.
    assert 12.0 < first_number(rows["PMA"]) < 18.0
    assert first_number(rows["SMI"]) > 30
    assert "of 5 definitions" in page.locator(".hcc-headline").inner_text()
    page.reload()
    page.locator(".hcc-headline").wait_for()
    assert definition_rows(page) == rows


def test_a_demo_patient_opens_is_confirmed_moved_and_deleted(page):
    page.locator("[class*=st-key-open_demo] button").first.click()
    page.locator(".hcc-headline, .st-key-level_row").first.wait_for(timeout=120_000)
    assert "Simulated patient" in page.locator(".st-key-patient_bar").inner_text()
    open_scan_page(page)
    before = level_slice(page)
    page.get_by_role("button", name="Confirm L3").click()
    page.locator(".st-key-level_row", has_text="confirmed by").wait_for()
    settle(page)
    page.locator(".st-key-level_vertebra_up button").first.click()
    page.locator(".st-key-level_row", has_text="moved by hand").wait_for()
    settle(page)
    assert level_slice(page) > before
    settle(page)
    go_to(page, "Worklist")
    page.locator("[class*=st-key-row_]", has_text="DEMO-1").wait_for()
    page.locator("[class*=st-key-row_] [class*=st-key-delete_] button").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("No patients yet").wait_for()


def test_the_keyboard_reaches_what_matters(page):
    """Tab order reaches the demo patients; arrow keys step slices; 4 is the bone window."""
    page.locator("[data-test-script-state=notRunning]").wait_for()
    button = page.locator("[class*=st-key-open_demo] button").first
    for _ in range(40):
        page.keyboard.press("Tab")
        if button.evaluate("b => b === document.activeElement"):
            break
    else:
        pytest.fail("forty tabs do not reach the demo patients")
    page.keyboard.press("Enter")
    page.locator(".st-key-job_strip").wait_for()
    page.locator(".hcc-headline, .st-key-level_row").first.wait_for(timeout=120_000)
    open_scan_page(page)
    shown = page.locator(".on.slice", has_text=" of ")
    shown.wait_for(timeout=120_000)
    start = int(re.search(r"slice (\d+)", shown.inner_text())[1])
    page.keyboard.press("ArrowUp")
    page.locator(".on.slice", has_text=f"slice {start + 1} of").wait_for()
    page.keyboard.press("4")
    page.get_by_text("W 1800").wait_for()
    unnamed = page.locator("button").evaluate_all(
        "all => all.filter(b => b.offsetParent && !b.innerText.trim() && !b.title"
        " && !b.ariaLabel && !b.querySelector('[aria-label], [title]'))"
        ".map(b => b.outerHTML.slice(0, 300))"
    )
    assert unnamed == []


def test_a_fresh_server_answers_a_deep_link_within_the_frame(browser, server):
    """The very first request may be a bookmark: the frame must be there all the same."""
    context = browser.new_context()
    tab = context.new_page()
    tab.goto(f"{server}/settings")
    tab.get_by_text("Research use. Not a medical device.").first.wait_for()
    tab.get_by_role("link", name="Scan & ROIs").wait_for()
    tab.get_by_role("heading", name="Settings").wait_for()
    context.close()
