"""Which device heavy work runs on, and that nobody waits for torch to learn that there is no GPU."""

from __future__ import annotations

import subprocess
import sys

ASK = """
import sys
from hccsurv_core import device
device.GPU_FILES = {files}
print(device.choose_device({wanted!r}), "torch" in sys.modules)
"""


def ask(wanted: str, files: tuple[str, ...]) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", ASK.format(wanted=wanted, files=files)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_auto_without_a_driver_is_the_cpu_at_once() -> None:
    if not sys.platform.startswith("linux"):
        assert ask("auto", ())[1] == "True"
        return
    assert ask("auto", ("/dev/there-is-no-such-gpu",)) == ["cpu", "False"]


def test_auto_with_a_driver_asks_torch() -> None:
    import torch

    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert ask("auto", ("/dev/null",)) == [expected, "True"]
