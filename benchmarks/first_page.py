"""From the server's start to the home page: `python -m benchmarks.first_page [--repeats N]`.

Times are from the start of the process: until HTTP answers, and, where chromium and playwright are
there, until the home page is drawn in a browser that was already open.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start(port: int, data: str) -> subprocess.Popen:
    """Start the dashboard."""
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    return subprocess.Popen(
        [*command, "--server.headless", "true"],
        cwd=ROOT,
        env=os.environ | {"HCCSURV_DATA": data},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def seconds_to_http(port: int, began: float) -> float:
    """Wait until the first byte of the page comes."""
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1):
                return time.perf_counter() - began
        except (urllib.error.URLError, OSError):
            time.sleep(0.01)


def run_once(browser) -> dict[str, float]:
    """One start."""
    port = free_port()
    with tempfile.TemporaryDirectory() as data:
        began = time.perf_counter()
        process = start(port, data)
        try:
            times = {"HTTP answers": seconds_to_http(port, began)}
            for name in ("home page drawn, first visit", "home page drawn, second visit"):
                if browser is None:
                    break
                page = browser.new_page()
                opened = time.perf_counter()
                page.goto(f"http://127.0.0.1:{port}/")
                page.get_by_text("Open a demo patient").first.wait_for()
                times[name] = time.perf_counter() - (began if "first" in name else opened)
                page.close()
            return times
        finally:
            process.terminate()
            process.wait(10)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    chromium = shutil.which("chromium")
    if chromium is None:
        runs = [run_once(None) for _ in range(repeats)]
    else:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            runs = [run_once(browser) for _ in range(repeats)]
            browser.close()
    print("| step | median s | min | max |\n|---|---|---|---|")
    for name in runs[0]:
        values = [run[name] for run in runs]
        print(
            f"| {name} | {statistics.median(values):.2f} | {min(values):.2f} | {max(values):.2f} |"
        )


if __name__ == "__main__":
    main()
