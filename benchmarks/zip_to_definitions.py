"""From a zip of 120 CT slices of 512×512 to the five definitions, as a user meets it.

`python -m benchmarks.zip_to_definitions [--repeats N]` makes a simulated abdomen, zips it as
DICOM, runs the command line on it as a whole process, and prints where the time goes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from hccsurv_core.simulate.dicom_writer import write_dicom_series
from hccsurv_core.simulate.phantom.abdomen import simulate_abdomen
from hccsurv_core.simulate.phantom.acquisition import Acquisition
from hccsurv_core.simulate.phantom.anatomy import draw_anatomy

SLICES = 120


def make_zip(folder: Path) -> Path:
    """A zip of 120 uncompressed DICOM slices of 512×512 at 0.7 × 2.5 mm or so."""
    scan = simulate_abdomen(
        draw_anatomy(5, n_lumbar=5), Acquisition(rows=512, slice_mm=2.5, noise_hu=14.0), seed=5
    )
    series = folder / "series"
    write_dicom_series(
        scan.volume,
        series,
        facts=scan.facts,
        patient_id="BENCH",
        study_date="2024-01-01",
        description="benchmark",
        slices=range(SLICES),
    )
    target = folder / "scan.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in sorted(series.iterdir()):
            archive.write(path, path.name)
    return target


def run_once(scan: Path) -> tuple[float, float, dict]:
    """Wall seconds of the whole process, seconds to its first progress line, and its answer."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "hccsurv_core", "sarcopenia", str(scan), "--json", "-"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if process.stderr is None:
        raise RuntimeError("no stderr")
    process.stderr.readline()
    first = time.perf_counter() - start
    out, err = process.communicate()
    total = time.perf_counter() - start
    if process.returncode:
        raise SystemExit(err)
    return total, first, json.loads(out)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as folder:
        scan = make_zip(Path(folder))
        size_mb = scan.stat().st_size / 1e6
        runs = [run_once(scan) for _ in range(repeats)]
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, zip of {size_mb:.0f} MB")
    rows = {"whole process": [r[0] for r in runs], "first progress": [r[1] for r in runs]}
    for step in ("read", "level", "segmentation", "total"):
        rows[step] = [r[2]["timings_s"][step] for r in runs]
    print("| step | median s | min | max |\n|---|---|---|---|")
    for name, values in rows.items():
        print(
            f"| {name} | {statistics.median(values):.2f} | {min(values):.2f} | {max(values):.2f} |"
        )


if __name__ == "__main__":
    main()
