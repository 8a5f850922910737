"""Build the demo model of a system: trained on simulated patients, and labelled so.

`python -m tools.build_demo_model SYSTEM [--folder DIR] [--out assets/models/SYSTEM-demo]`

Draws the system's simulated cohort and trains on its training patients by the verb ``train``, with
fewer networks and draws than usual, so that the bundle stays small. A quarter to half an hour on two
cores; with ``--folder`` the cohort and what was measured on it are kept, and a second run takes minutes.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hccsurv_core.__main__ import main as run_verb
from hccsurv_core.cohort.folder_schema import SCHEMA_FILE

MODELS = Path(__file__).resolve().parents[1] / "assets" / "models"


@dataclass(frozen=True)
class Demo:
    """How a system's demo model comes about.

    Args:
        seed, n_patients: of the simulated cohort.
        settings: of the training, where they differ from the usual ones.
        checkpoints: whether the training keeps what is finished.
    """

    seed: int
    n_patients: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    checkpoints: bool = False


DEMOS = {
    "muscle": Demo(1, 826, {"n_members": 10, "n_repeats": 1}),
    # A small network, so that there is something to look at and the bundle stays small.
    "treatment": Demo(
        21, 409,
        {
            "arms": {"n_draws": 500},
            "cnn": {"networks": ["shufflenet_v2_x0_5"]},
        },
        checkpoints=True,
    ),
    # A network would be untrained here, and ten times the rest of the bundle.
    "ceus": Demo(
        1, 414,
        {"stills": {"deep": None}, "early": {"n_draws": 500}, "death": {"n_draws": 500}},
    ),
    # Small networks on small pictures, so that there is something to look at.
    "immunotherapy": Demo(
        1, 207,
        {
            "network": {
                "n_members": 2, "pretraining_epochs": 40, "extractor_share": 0.0,
                "learning_rate": 3e-3,
            },
            "cox": {"n_draws": 500},
        },
        checkpoints=True,
    ),
}  # fmt: skip


def main() -> int:
    """Run; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("system", choices=list(DEMOS))
    parser.add_argument("--folder", type=Path, help="keep the cohort and what is measured here")
    parser.add_argument("--out", type=Path, help="default: assets/models/SYSTEM-demo")
    arguments = parser.parse_args()
    out = arguments.out or MODELS / f"{arguments.system}-demo"
    with tempfile.TemporaryDirectory() as temporary:
        return build(arguments.system, arguments.folder or Path(temporary), out)


def build(system: str, folder: Path, out: Path) -> int:
    """Draw where nothing is drawn yet, measure, train, write."""
    demo, cohort = DEMOS[system], folder / f"simulated-{system}"
    if not (cohort / SCHEMA_FILE).is_file():
        drawing = ["simulate", system, "--out", str(cohort), "--n", str(demo.n_patients)]
        status = run_verb([*drawing, "--seed", str(demo.seed)])
        if status != 0:
            return status
    settings = folder / "settings.json"
    settings.write_text(json.dumps(demo.settings), encoding="utf-8")
    out.parent.mkdir(parents=True, exist_ok=True)
    training = ["train", system, str(cohort), "--out", str(out), "--settings", str(settings)]
    kept = ["--work", str(folder / "features")]
    if demo.checkpoints:
        kept += ["--checkpoint", str(folder / "checkpoint")]
    return run_verb([*training, *kept, "--seed", "0"])


if __name__ == "__main__":
    sys.exit(main())
