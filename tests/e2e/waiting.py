"""Waiting for the page: what an earlier run drew stays on the screen until the next run has ended."""

from __future__ import annotations

from urllib.parse import urlsplit

REST_MS = 400
LOST_MS = 15_000


def settle(page, timeout_ms: int = 60_000) -> None:
    """Wait until the server has answered what was done last, and what was there before is gone."""
    page.wait_for_timeout(REST_MS)
    page.locator("[data-test-script-state=notRunning]").wait_for(timeout=timeout_ms)


def go_to(page, name: str) -> None:
    """Open a page by its link in the sidebar, as somebody would: who sees nothing happen clicks again.

    Streamlit loses a click on a link now and then where it falls into the moment in which long work
    ends (about one of fifty there, seen on slow machines only).
    """
    link = page.get_by_role("link", name=name)
    path = urlsplit(link.get_attribute("href") or "").path
    settle(page)
    for _ in range(2):
        link.click()
        for _ in range(LOST_MS // 250):
            if urlsplit(page.url).path == path:
                return
            page.wait_for_timeout(250)
    raise AssertionError(f"two clicks on {name} lead to {page.url}, not to {path}")
