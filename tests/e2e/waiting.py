"""Waiting for the page: what an earlier run drew stays on the screen until the next run has ended."""

from __future__ import annotations

REST_MS = 400


def settle(page, timeout_ms: int = 60_000) -> None:
    """Wait until the server has answered what was done last, and what was there before is gone."""
    page.wait_for_timeout(REST_MS)
    page.locator("[data-test-script-state=notRunning]").wait_for(timeout=timeout_ms)
