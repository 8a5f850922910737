"""Which device heavy work runs on."""

from __future__ import annotations

import sys
from pathlib import Path

from hccsurv_core.errors import InputError

DEVICES = ("auto", "cpu", "cuda")
#: Where Linux shows a GPU that torch could use: NVIDIA's, a Jetson's, one behind WSL, AMD's.
GPU_FILES = ("/dev/nvidiactl", "/dev/nvhost-gpu", "/dev/nvgpu", "/dev/dxg", "/dev/kfd")


def choose_device(wanted: str = "auto") -> str:
    """``"cuda"`` or ``"cpu"``; "auto" takes the GPU where there is one.

    Raises:
        InputError: the name is unknown, or "cuda" is asked for and there is none.
    """
    if wanted not in DEVICES:
        raise InputError(
            f"no device is called {wanted!r}", source="device", remedy="use auto, cpu or cuda"
        )
    if wanted == "cpu" or (wanted == "auto" and not _may_have_gpu()):
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if wanted == "cuda":
        raise InputError(
            "this machine has no GPU that torch can use", source="device", remedy="use auto or cpu"
        )
    return "cpu"


def _may_have_gpu() -> bool:
    """False where there surely is none, so that nobody waits for torch's import to be told so."""
    if "torch" in sys.modules or not sys.platform.startswith("linux"):
        return True
    return any(Path(file).exists() for file in GPU_FILES)
