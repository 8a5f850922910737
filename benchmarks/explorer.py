"""How long the explorer takes to answer a click at 16 000 rows: `python -m benchmarks.explorer`.

A drawn cohort is imported and the real page is run under Streamlit's AppTest: each time is one
whole rerun of the script on the server, figure and tables included, the browser's drawing not.
The first run of a section imports what it needs and is not counted.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
#: Section → words that its answer holds.
SECTIONS = {
    "Survival": "Log-rank p",
    "Cox regression": "Univariable Cox",
    "Scores": "Net benefit",
    "Competing risks": "Gray",
    "Table 1": "SMD",
    "This patient": "Percentile",
}


def write_table(path: Path, n: int) -> Path:
    """Two outcomes and sixteen variables."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"marker_{i}": rng.normal(50, 10, n).round(2) for i in range(8)})
    for i in range(6):
        frame[f"class_{i}"] = rng.choice(["a", "b", "c"], n)
    frame["bclc"] = rng.choice(["0", "A", "B", "C"], n)
    frame["age"] = rng.normal(60, 10, n).round()
    hazard = np.exp(0.02 * (frame["marker_0"] - 50) + 0.5 * (frame["bclc"] == "C"))
    death = rng.exponential(50 / hazard)
    recurrence = rng.exponential(30 / hazard)
    end = rng.uniform(6, 90, n)
    frame.insert(0, "patient_id", [f"P{i}" for i in range(n)])
    frame["os_months"] = np.minimum(death, end).round(2)
    frame["os_event"] = (death <= end).astype(int)
    frame["rfs_months"] = np.minimum(np.minimum(recurrence, death), end).round(2)
    frame["recurrence"] = (recurrence <= np.minimum(death, end)).astype(int)
    frame.to_csv(path, index=False)
    return path


def measure(n: int = 16_000, repeats: int = 5) -> dict[str, float]:
    """Median seconds of the import, and of a rerun with each section open."""
    from streamlit.testing.v1 import AppTest

    from hccsurv_core.cohort.column_guess import guess_mapping
    from hccsurv_core.cohort.library import CohortLibrary
    from hccsurv_core.io.tables import read_table
    from pages._shared.session import Session

    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HCCSURV_DATA"] = folder
        table = write_table(Path(folder) / "cohort.csv", n)
        began = time.perf_counter()
        raw = read_table(table)
        mapping = guess_mapping(raw)
        entry = CohortLibrary(folder).add(raw, mapping, name="Benchmark")
        found["import"] = time.perf_counter() - began
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
        app.session_state["hccsurv"] = Session(cohort_id=entry.id)
        app.run()
        app.switch_page("pages/explorer.py").run()
        group = app.selectbox(key=f"explorer_{entry.id}_group")
        group.set_value("age").run()
        for section, words in SECTIONS.items():
            app.segmented_control(key="explorer_section").set_value(section).run()
            if section == "This patient":
                app.number_input(key="patient_age").set_value(63.0).run()
            found[section] = _median_click(app, entry.id, repeats)
            shown = " ".join(str(e.value) for kind in ("html", "markdown") for e in app.get(kind))
            if app.exception or words not in shown:
                raise RuntimeError(f"{section} was not answered")
    return found


def _median_click(app, cohort_id: str, repeats: int) -> float:
    """Each click moves the landmark, so that nothing can be remembered."""
    times = []
    for i in range(repeats):
        # Elements belong to one run: they are looked up anew. Competing risks are counted from
        # the start, so there the horizons change instead.
        if app.segmented_control(key="explorer_section").value == "Competing risks":
            horizons = app.multiselect(key=f"explorer_{cohort_id}_horizons")
            horizons.set_value([12, 36 + 12 * (i % 2)])
        else:
            app.number_input(key=f"explorer_{cohort_id}_landmark").set_value(0.1 * (i + 1))
        began = time.perf_counter()
        app.run()
        times.append(time.perf_counter() - began)
    app.number_input(key=f"explorer_{cohort_id}_landmark").set_value(0.0).run()
    return float(np.median(times))


def main() -> None:
    """Print the times as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=16_000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    for name, value in measure(arguments.rows, arguments.repeats).items():
        print(f"{name:>16}: {value:.2f} s")


if __name__ == "__main__":
    main()
