"""Stands for the verb ``train`` in tests of training runs; ``--behavior`` says how it ends."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from hccsurv_core.models.store import write_bundle


def main() -> int:
    """Train nothing, the way that is asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["train"])
    parser.add_argument("system")
    parser.add_argument("cohort", nargs="?")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--behavior", required=True)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--gate", type=Path)
    parser.add_argument("--note", default="")
    parser.add_argument("--json", required=True)
    parser.add_argument("--settings", type=Path)
    asked = parser.parse_args()
    print("a library talks", file=sys.stderr)
    if asked.behavior == "deaf":
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if asked.behavior == "child":
        # A worker that nobody ends; its id is left for the test.
        child = subprocess.Popen(
            [sys.executable, "-c", "import signal, time; signal.signal(2, 1); time.sleep(3600)"]
        )
        (asked.checkpoint.parent / "child").write_text(str(child.pid))
    asked.checkpoint.mkdir(exist_ok=True)
    for step in range(asked.steps):
        done = asked.checkpoint / f"step-{step}"
        while asked.gate is not None and step >= 1 and not asked.gate.exists():
            print(f"{step / asked.steps:4.0%}  waiting", file=sys.stderr)
            time.sleep(0.02)
        if not done.exists():
            time.sleep(asked.seconds)
            with (asked.checkpoint.parent / "steps").open("a") as log:
                log.write(f"{step} {os.getpid()}\n")
            done.touch()
        print(f"{(step + 1) / asked.steps:4.0%}  step {step + 1}", file=sys.stderr)
    match asked.behavior:
        case "error":
            print("error: cohort.csv: has no events; use another cohort", file=sys.stderr)
            return 2
        case "defect":
            raise ZeroDivisionError("a defect")
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "no memory":
            os.kill(os.getpid(), signal.SIGKILL)
        case "no bundle":
            return 0
    settings = json.loads(asked.settings.read_text()) if asked.settings else {}
    write_bundle(
        asked.out,
        system=asked.system,
        description={"note": asked.note, "cohort": asked.cohort, "settings": settings},
        tensors={"weights": np.arange(3.0)},
        card="A fake.\n",
    )
    print('{"answer": true}')
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
