"""A server of its own on a free port, an empty data folder, and Debian's chromium."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
START_S = 60


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder drives a browser."""
    for item in items:
        if "e2e" in Path(str(item.fspath)).parts:
            item.add_marker(pytest.mark.e2e)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """What was on the screen stands beside a failure; a slow machine's cannot be looked at later."""
    report = yield
    tab = getattr(item, "funcargs", {}).get("page")
    if call.when == "call" and report.failed and tab is not None:
        report.sections.append(("The page", _on_the_screen(tab)))
    return report


def _on_the_screen(tab: Any) -> str:
    from playwright.sync_api import Error

    try:
        state = tab.locator("[data-test-script-state]").get_attribute("data-test-script-state")
        main = tab.locator("[data-testid=stMain]").first
        html = main.evaluate("e => e.outerHTML")
        return (
            f"{tab.url}, {state}\n{main.inner_text()[:6000]}\n{len(html)} characters: {html[:3000]}"
        )
    except Error as error:
        return f"cannot be read ({error})"


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _wait_until_healthy(process: subprocess.Popen, url: str) -> None:
    for _ in range(START_S * 10):
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"the server did not answer within {START_S} s")


@pytest.fixture
def server(tmp_path) -> Iterator[str]:
    """The dashboard's address; its data lie in a temporary folder."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    log = (tmp_path / "server.log").open("wb")
    options = ["--server.port", str(port), "--server.address", "127.0.0.1"]
    options += ["--server.headless", "true"]
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", *options],
        cwd=ROOT,
        env=os.environ | {"HCCSURV_DATA": str(tmp_path / "data")},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        _wait_until_healthy(process, url)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
        log.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """A headless chromium; the test skips where it or playwright is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no chromium on this machine (apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser, server) -> Iterator[object]:
    """A fresh browser page on the dashboard's home."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(60_000)
    tab = context.new_page()
    tab.goto(server)
    tab.get_by_role("heading", name="Upload a scan").wait_for()
    yield tab
    context.close()
