"""Which device heavy work runs on."""

from __future__ import annotations

from hccsurv_core.errors import InputError

DEVICES = ("auto", "cpu", "cuda")


def choose_device(wanted: str = "auto") -> str:
    """``"cuda"`` or ``"cpu"``; "auto" takes the GPU where there is one.

    Raises:
        InputError: the name is unknown, or "cuda" is asked for and there is none.
    """
    if wanted not in DEVICES:
        raise InputError(
            f"no device is called {wanted!r}", source="device", remedy="use auto, cpu or cuda"
        )
    if wanted == "cpu":
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if wanted == "cuda":
        raise InputError(
            "this machine has no GPU that torch can use", source="device", remedy="use auto or cpu"
        )
    return "cpu"
