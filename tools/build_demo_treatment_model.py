"""Build the demo model of the treatment page: trained on simulated patients, and labelled so.

`python -m tools.build_demo_treatment_model [--folder DIR] [--out assets/models/treatment-demo]`

Draws the simulated treatment cohort of seed 2 and trains on its 208 + 78 training patients by the verb
``train``: lesion signs, and one small network (ResNet18, few epochs, half precision as stored) so that
there is something to look at. Half an hour on two cores; with ``--folder`` the cohort, its signs and
what is finished of the network are kept.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from hccsurv_core.__main__ import main as run_verb
from hccsurv_core.cohort.folder_schema import SCHEMA_FILE

SEED, N_PATIENTS = 2, 409
OUT = Path(__file__).resolve().parents[1] / "assets" / "models" / "treatment-demo"
SETTINGS = {
    "arms": {"n_draws": 500},
    "cnn": {"networks": ["resnet18"], "max_epochs": 12, "n_folds": 3},
}


def main() -> int:
    """Run; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="keep the cohort and its signs here")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        return build(arguments.folder or Path(temporary), arguments.out)


def build(folder: Path, out: Path) -> int:
    """Draw where nothing is drawn yet, measure, train, write."""
    cohort = folder / "simulated-treatment"
    if not (cohort / SCHEMA_FILE).is_file():
        drawing = ["simulate", "treatment", "--out", str(cohort), "--n", str(N_PATIENTS)]
        status = run_verb([*drawing, "--seed", str(SEED)])
        if status != 0:
            return status
    settings = folder / "settings.json"
    settings.write_text(json.dumps(SETTINGS), encoding="utf-8")
    out.parent.mkdir(parents=True, exist_ok=True)
    training = ["train", "treatment", str(cohort), "--out", str(out), "--settings", str(settings)]
    kept = ["--work", str(folder / "features"), "--checkpoint", str(folder / "checkpoint")]
    return run_verb([*training, *kept, "--seed", "0"])


if __name__ == "__main__":
    sys.exit(main())
