"""``simulate``: write a virtual cohort whose truth is known."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hccsurv_core.commands.shared import add_common_arguments, write_answer
from hccsurv_core.progress import Progress

SYSTEMS = ("muscle", "treatment", "ceus", "immunotherapy")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("system", metavar="SYSTEM", choices=SYSTEMS, help=", ".join(SYSTEMS))
    parser.add_argument(
        "--out", required=True, metavar="DIR",
        help="a new or empty folder, or one with an older simulated cohort, which is replaced",
    )  # fmt: skip
    parser.add_argument(
        "--n", type=int, metavar="N", help="patients (default: as many as were published)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="fixes everything (default: 0)"
    )
    parser.add_argument(
        "--workers", type=int, metavar="W", help="processes (default: one per processor)"
    )
    parser.add_argument(
        "--tables-only", action="store_true",
        help="draw no images: clinical values, outcomes and the truth, in a moment",
    )  # fmt: skip
    add_common_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Draw and write the cohort, and say how hard it is.

    Raises:
        InputError: n, seed or workers out of range, or the folder holds something else.
    """
    from hccsurv_core.simulate.cohort_writer import cohort_spec, write_simulated_cohort

    start = time.perf_counter()
    folder = Path(arguments.out)
    found = write_simulated_cohort(
        folder,
        cohort_spec(arguments.system),
        arguments.n,
        arguments.seed,
        arguments.workers,
        _progress_by_percent(),
        images=not arguments.tables_only,
    )
    seconds = time.perf_counter() - start
    answer = {
        "system": arguments.system,
        "folder": str(folder),
        "simulated": True,
        "truth": dict(found),
        "timings_s": {"total": round(seconds, 3)},
    }
    write_answer(answer, arguments.json, _table(arguments.system, folder, found))


def _progress_by_percent() -> Progress:
    """Progress on stderr, one line per percent: patients come by the hundred."""
    shown = -1

    def report(fraction: float, message: str) -> None:
        nonlocal shown
        percent = int(100 * fraction)
        if percent > shown:
            shown = percent
            print(f"{percent:3d}%  {message}", file=sys.stderr, flush=True)

    return report


def _table(system: str, folder: Path, found: Mapping[str, Any]) -> str:
    lines = [f"{found['n']} simulated patients of system {system} in {folder}"]
    for score in (*found.get("oracle", ()), *found.get("rivals", ())):
        value = "not known" if score["c_index"] is None else f"{score['c_index']:.3f}"
        lines.append(f"  C-index {value}  {score['name']} ({score['n_events']} of {score['n']})")
    for margin in found.get("margins", ()):
        value = "not known" if margin["value"] is None else f"{margin['value']:.4g}"
        beside = "" if margin["published"] is None else f", published {margin['published']:g}"
        lines.append(f"  {margin['name']}: {value}{beside}")
    lines.append("Simulated: drawn by a computer, not patients.")
    return "\n".join(lines)
