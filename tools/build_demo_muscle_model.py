"""Build the demo model of the muscle page: trained on simulated patients, and labelled so.

`python -m tools.build_demo_muscle_model [--folder DIR] [--out assets/models/muscle-demo]`

Draws the simulated muscle cohort of seed 1 and trains on its 345 training patients by the verb
``train``, with fewer networks than usual, so that the bundle stays small. Half an hour on two
cores; with ``--folder`` the cohort and its features are kept, and a second run takes minutes.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from hccsurv_core.__main__ import main as run_verb
from hccsurv_core.cohort.folder_schema import SCHEMA_FILE

SEED, N_PATIENTS = 1, 826
OUT = Path(__file__).resolve().parents[1] / "assets" / "models" / "muscle-demo"
SETTINGS = {"n_members": 10, "n_repeats": 1}


def main() -> int:
    """Run; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="keep the cohort and its features here")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        return build(arguments.folder or Path(temporary), arguments.out)


def build(folder: Path, out: Path) -> int:
    """Draw where nothing is drawn yet, extract, train, write."""
    cohort = folder / "simulated-muscle"
    if not (cohort / SCHEMA_FILE).is_file():
        drawing = ["simulate", "muscle", "--out", str(cohort), "--n", str(N_PATIENTS)]
        status = run_verb([*drawing, "--seed", str(SEED)])
        if status != 0:
            return status
    settings = folder / "settings.json"
    settings.write_text(json.dumps(SETTINGS), encoding="utf-8")
    out.parent.mkdir(parents=True, exist_ok=True)
    training = ["train", "muscle", str(cohort), "--out", str(out), "--settings", str(settings)]
    return run_verb([*training, "--work", str(folder / "features"), "--seed", "0"])


if __name__ == "__main__":
    sys.exit(main())
