"""Run all tests: the browser's alone, since they measure time, then the others in two processes.

`python -m tools.run_tests [pytest options]`

Ends with status 0 when everything passed. Each half's output is printed when it has ended, so that
failures stand together.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1] / "tests"
BROWSER = "e2e"
#: Folders that together take about half of the time; everything else is the other half.
FIRST_HALF = ("pages", "commands", "roi")
#: Said by pytest where a folder has no test: nothing is wrong.
_NOTHING_COLLECTED = 5


def main() -> int:
    """Run; returns the exit status."""
    options = sys.argv[1:]
    first = subprocess.run([*_pytest(), str(TESTS / BROWSER), *options], check=False).returncode
    return max(first, _in_two(options))


def _in_two(options: list[str]) -> int:
    first = [str(TESTS / name) for name in FIRST_HALF if (TESTS / name).is_dir()]
    passed = [f"--ignore={path}" for path in (*first, str(TESTS / BROWSER))]
    halves = ([*first, *options], [str(TESTS), *passed, *options])
    # One thread of linear algebra each: two processes on two cores.
    environment = {"OMP_NUM_THREADS": "1", **os.environ}
    worst = 0
    with tempfile.TemporaryDirectory() as folder:
        running = []
        for number, arguments in enumerate(halves):
            log = (Path(folder) / f"half{number}").open("w+", encoding="utf-8")
            process = subprocess.Popen(
                [*_pytest(), *arguments], stdout=log, stderr=subprocess.STDOUT, env=environment
            )
            running.append((process, log))
        for process, log in running:
            status = process.wait()
            log.seek(0)
            print(log.read(), flush=True)
            log.close()
            worst = max(worst, 0 if status == _NOTHING_COLLECTED else abs(status))
    return worst


def _pytest() -> list[str]:
    return [sys.executable, "-m", "pytest"]


if __name__ == "__main__":
    sys.exit(main())
