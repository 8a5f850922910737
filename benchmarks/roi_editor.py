"""The ROI editor in a real browser: loading 300 slices, drawing a frame, and from a stroke to numbers.

`python -m benchmarks.roi_editor [--slices 300]`. A simulated abdomen is repeated to 300 slices of
512×512 and outlined at L3; Debian's chromium, headless and without a GPU, opens it on a server of
its own. Goals: ready in under 8 s, a frame under 16 ms, a stroke to updated numbers under 1 s.
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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from hccsurv_core.cohort.store import PatientStore
from hccsurv_core.patient import PatientFacts
from hccsurv_core.roi.results import BodySegmentation
from hccsurv_core.roi.spine import manual_location
from hccsurv_core.simulate.phantom.abdomen import simulate_abdomen
from hccsurv_core.simulate.phantom.acquisition import Acquisition
from hccsurv_core.simulate.phantom.anatomy import draw_anatomy
from hccsurv_core.simulate.phantom.labels import LABELS
from hccsurv_core.systems.roi_edits import measure_again
from hccsurv_core.volume import Volume

ROOT = Path(__file__).resolve().parents[1]
SEED = 3
SLAB = 9
STROKES = 12
MUSCLES = ("erector_spinae", "quadratus", "rectus", "lateral_wall")


def make_study(store: PatientStore, slices: int) -> str:
    """A measured study of ``slices`` × 512 × 512 voxels."""
    scan = simulate_abdomen(draw_anatomy(SEED), Acquisition(), SEED)
    # There and back again through the abdomen, its middle in the middle.
    last = len(scan.volume.voxels) - 1
    places = np.abs((np.arange(slices) - slices // 2 + last // 2 + last) % (2 * last) - last)
    voxels = scan.volume.voxels[places]
    volume = Volume(np.ascontiguousarray(voxels), scan.volume.affine)
    level = slices // 2
    first = level - SLAB // 2
    truth = scan.truth.voxels[places[first : first + SLAB]]
    masks = {
        "psoas_left": truth == LABELS["psoas_left"],
        "psoas_right": truth == LABELS["psoas_right"],
    }
    names = [n for n in LABELS if any(part in n for part in MUSCLES)]
    muscle = np.isin(truth, [LABELS[n] for n in names]) | masks["psoas_left"] | masks["psoas_right"]
    hu = volume.voxels[first : first + SLAB]
    inside = (hu >= -29) & (hu <= 150)
    masks = {"muscle": muscle & inside, **{n: m & inside for n, m in masks.items()}}
    patient = store.add_patient("BENCH", PatientFacts("male", 60, 1.75, 80), simulated=True)
    study = store.add_study(patient.id, volume, modality="CT", simulated=True)
    store.save_level(study.id, manual_location(volume, level), state="confirmed")
    store.save_segmentation(
        study.id, BodySegmentation(first, level, masks, "classical"), state="automatic"
    )
    measure_again(store, study.id, actor="benchmark")
    return study.id


@contextmanager
def server(data: Path) -> Iterator[str]:
    """The dashboard on a free port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    command += ["--server.address", "127.0.0.1", "--server.headless", "true"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | {"HCCSURV_DATA": str(data)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=1).close()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def frames(canvas: Any) -> tuple[float, float]:
    """Median and 95th percentile of the frames since the last call, ms."""
    found = canvas.evaluate("c => c.editor.frames.splice(0)")
    return statistics.median(found), float(np.percentile(found, 95))


def measure(url: str, study: str) -> None:
    """Open, scroll, draw, and print."""
    from playwright.sync_api import sync_playwright

    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=browser_path, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(180_000)
        page.goto(url)
        page.get_by_role("heading", name="Upload a scan").wait_for()
        began = time.perf_counter()
        page.goto(f"{url}/scan?study={study}")
        canvas = page.locator("canvas.main")
        canvas.wait_for()
        page.locator(".status", has_text="Saved").wait_for()
        print(
            f"first picture and outlines after   {time.perf_counter() - began:6.2f} s (whole page)"
        )
        while canvas.evaluate("c => c.editor.loadMs") is None:
            time.sleep(0.05)
        print(
            f"all slices after                   {time.perf_counter() - began:6.2f} s (whole page)"
        )
        print(
            f"  of which the editor              {canvas.evaluate('c => c.editor.loadMs') / 1000:6.2f} s"
        )
        time.sleep(2)
        frames(canvas)
        for _ in range(40):
            page.keyboard.press("ArrowUp")
            time.sleep(0.06)
        print(
            "scrolling, ms a frame              {:6.1f} median, {:.1f} p95".format(*frames(canvas))
        )
        page.keyboard.press("Home")
        page.locator("[data-tool=erase]").click()
        time.sleep(1)
        waits = [stroke(page, canvas, k) for k in range(STROKES)]
        print(
            "drawing, ms a frame                {:6.1f} median, {:.1f} p95".format(*frames(canvas))
        )
        print(
            f"stroke to stored, measured numbers {statistics.median(waits):6.2f} s median, "
            f"{max(waits):.2f} s at most ({STROKES} strokes)"
        )
        browser.close()


def stroke(page: Any, canvas: Any, k: int) -> float:
    """One stroke over the muscles of the back; seconds until its numbers are there."""
    x, y = canvas.evaluate(
        "(c, part) => { const e = c.editor, m = e.masks.at('muscle', e.places.axial), at = [];"
        " m.forEach((p, i) => { if (p) at.push(i) }); const i = at[Math.floor(part * at.length)];"
        " return e.toScreen(i % e.geometry.nx, Math.floor(i / e.geometry.nx)) }",
        (k + 0.5) / STROKES,
    )
    revision = canvas.evaluate("c => c.editor.history.body.revision")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y + 30, steps=15)
    page.mouse.up()
    began = time.perf_counter()
    while canvas.evaluate("c => c.editor.history.body.revision") == revision:
        if time.perf_counter() - began > 20:
            raise SystemExit("the stroke changed nothing")
        time.sleep(0.01)
    return time.perf_counter() - began


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=300)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        data = Path(name)
        with PatientStore(data) as store:
            study = make_study(store, arguments.slices)
        print(f"{arguments.slices} slices of 512×512, {os.cpu_count()} cores")
        with server(data) as url:
            measure(url, study)


if __name__ == "__main__":
    main()
