"""A slow browser still asks in the name of the page before: what the next page has drawn must stay."""

from __future__ import annotations

from waiting import settle

WAIT_MS = 180_000
#: How many times slower than this machine the browser is: ticks of its timer come late.
SLOWER = 15


def test_a_page_that_a_job_has_opened_stays_on_the_screen(page):
    page.get_by_role("tab", name="Hepatectomy or TACE").click()
    open_demo = page.locator(".st-key-open_demo_tace_better button").first
    open_demo.wait_for()
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    open_demo.click()
    page.wait_for_url("**/treatment*", timeout=WAIT_MS)
    bar = page.locator(".st-key-patient_bar")
    bar.wait_for(timeout=WAIT_MS)
    for _ in range(4):
        settle(page, WAIT_MS)
        page.wait_for_timeout(500)
        assert bar.count() == 1
