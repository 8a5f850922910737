"""Which code makes the features: a digest of our sources and of the packages numbers depend on.

A stored result is used again only by the very code that made it, and a worker on
another machine is refused if it runs other code than this process.
"""

from __future__ import annotations

import platform
import sys
from functools import lru_cache
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import hccsurv_core
from hccsurv_core.cohort.patient_task import Extract

#: Rooms whose code cannot change a patient's features.
_WITHOUT_INFLUENCE = ("batch", "commands", "report", "simulate", "stats")
#: Packages that read images or compute features.
_PACKAGES = (
    "monai", "nibabel", "numba", "numpy", "pydicom", "pylibjpeg", "pyradiomics", "PyWavelets",
    "scikit-image", "scipy", "SimpleITK", "torch", "torchvision",
)  # fmt: skip


def code_version(extract: Extract) -> str:
    """A digest that changes with our code, the function's own file, Python and the packages."""
    return _digest(extract.__module__)


@lru_cache(maxsize=16)
def _digest(module: str) -> str:
    digest = blake2b(digest_size=16)
    for name in ("python", *_PACKAGES):
        digest.update(f"{name}={_version(name)}\n".encode())
    root = Path(hccsurv_core.__file__).parent
    sources = {
        path.relative_to(root).as_posix(): path
        for path in root.rglob("*.py")
        if path.relative_to(root).parts[0] not in _WITHOUT_INFLUENCE
    }
    own = getattr(sys.modules.get(module), "__file__", None)
    if own is not None and not Path(own).is_relative_to(root):
        sources[f"<{module}>"] = Path(own)
    for name in sorted(sources):
        text = sources[name].read_bytes()
        digest.update(f"{name}:{len(text)}\n".encode())
        digest.update(text)
    return digest.hexdigest()


def _version(name: str) -> str:
    if name == "python":
        return platform.python_version()
    try:
        return version(name)
    except PackageNotFoundError:
        return "-"
